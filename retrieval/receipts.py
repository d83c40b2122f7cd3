"""Deleting a person, and the proof that nothing of the person is left under the home folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retrieval.catalogue.erasure import traces
from retrieval.errors import SettingInvalid
from retrieval.service import Service


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a deletion erased, and what the search for traces found.

    Attributes:
        collection: where the person was.
        faces: ids of the faces that are gone.
        photos: SHA-256 of the photos that were enrolled.
        erased_at: in UTC.
        searched: files that were looked through, below the home folder.
        patterns: byte strings that were looked for: vectors as float32 and as the index's codes.
        traces: files in which one of them was found; none when all is gone.
    """

    collection: str
    faces: tuple[int, ...]
    photos: tuple[str, ...]
    erased_at: datetime
    searched: tuple[str, ...]
    patterns: int
    traces: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.traces

    def sentence(self) -> str:
        """In words."""
        gone = f"{len(self.faces)} faces are gone"
        if self.clean:
            return f"{gone}; none of their {self.patterns} byte patterns is in any of" + (
                f" {len(self.searched)} files"
            )
        return (
            f"{gone}, but bytes of them are still in {', '.join(self.traces)}: another process"
            " reads there; end it, and run `rollcall index rebuild`"
        )

    def document(self) -> dict[str, Any]:
        """As JSON: no name, no vectors."""
        return {
            "collection": self.collection,
            "erased_at": self.erased_at.isoformat(timespec="seconds"),
            "erased_faces": list(self.faces),
            "erased_photos": list(self.photos),
            "searched_files": list(self.searched),
            "searched_patterns": self.patterns,
            "traces": list(self.traces),
        }

    def write(self, path: Path) -> None:
        """Write it as a JSON file.

        Raises:
            SettingInvalid: the file cannot be written.
        """
        try:
            path.write_text(json.dumps(self.document(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise SettingInvalid(
                f"The person is deleted, but the receipt {path} cannot be written:"
                f" {error.strerror}."
            ) from error


def forget_with_receipt(service: Service, name: str, home: Path) -> Receipt:
    """Delete a person for good, then look for what could be left of the vectors.

    Args:
        service: of the person's collection.
        name: of the person.
        home: the folder whose files are searched.

    Raises:
        NotFound: nobody of that name is enrolled.
    """
    person = service.catalogue.person(service.collection.id, name)
    faces = [face.id for face in service.catalogue.faces_of(person.id)]
    vectors = service.catalogue.vectors(service.collection.id, faces)[2]
    service.gallery.catch_up()
    patterns = [row.tobytes() for row in vectors] + service.gallery.encodings(vectors)
    erased = service.forget(name)
    searched = sorted(_files(home))
    return Receipt(
        collection=service.collection.name,
        faces=erased.faces,
        photos=erased.photos,
        erased_at=datetime.now(UTC),
        searched=tuple(str(path.relative_to(home)) for path in searched),
        patterns=len(patterns),
        traces=tuple(str(path.relative_to(home)) for path in traces(searched, patterns)),
    )


def _files(home: Path) -> Iterator[Path]:
    """All files below the home folder but the models', which hold nobody's vectors."""
    for path in home.rglob("*"):
        if path.is_file() and path.relative_to(home).parts[0] != "models":
            yield path
