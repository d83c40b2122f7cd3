"""What a backup holds: the names of its members, and the summary that stands first in it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import DataInvalid
from retrieval.files.encrypted import Encryptor
from retrieval.photos.store import PhotoStore
from retrieval.values import Location

SUMMARY = "backup.json"
CATALOGUE = "catalogue.db"
MODELS = "models.toml"
PHOTOS = "photos"  # photos/<collection's id>/<SHA-256>


@dataclass(frozen=True, slots=True)
class Held:
    """How much of a collection a backup holds."""

    collection: str
    people: int
    photos: int
    faces: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The summary of a backup.

    Attributes:
        made_at: in UTC; what was committed before is in it.
        epoch: of the catalogue, then.
        collections: how much each holds.
    """

    made_at: datetime
    epoch: str
    collections: tuple[Held, ...]

    @classmethod
    def of(cls, catalogue: Catalogue, made_at: datetime, epoch: str) -> "Contents":
        """Count what a catalogue holds."""
        held = []
        for each in catalogue.collections():
            counts = catalogue.counts(each.id)
            held.append(Held(each.name, counts.people, counts.photos, counts.faces))
        return cls(made_at, epoch, tuple(held))

    @property
    def faces(self) -> int:
        """Faces of all collections."""
        return sum(held.faces for held in self.collections)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "made_at": self.made_at.isoformat(),
            "epoch": self.epoch,
            "collections": [asdict(held) for held in self.collections],
        }

    def write(self) -> bytes:
        """As the member of a backup."""
        return (json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n").encode()

    @classmethod
    def read(cls, data: bytes) -> "Contents":
        """From the member of a backup.

        Raises:
            DataInvalid: it is not what `write` writes.
        """
        try:
            told = json.loads(data)
            held = tuple(Held(**each) for each in told["collections"])
            return cls(datetime.fromisoformat(told["made_at"]), str(told["epoch"]), held)
        except (ValueError, KeyError, TypeError) as error:
            raise DataInvalid(f"The backup's {SUMMARY} cannot be read: {error!r}.") from error


def kept_photos(
    root: Location, collection_id: int, encryptor: Encryptor | None = None
) -> PhotoStore:
    """Copies of a collection's photos, below the root of all; without an encryptor, as they lie.

    The root is the folder `photos` of a home, unless the settings say otherwise.
    """
    return PhotoStore(root / str(collection_id), keeps=True, encryptor=encryptor)
