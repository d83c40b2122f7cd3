"""What stands for people and photos, and which files still hold some of it once they are erased.

What also stands for somebody else, as a copy of the same photo does, is no trace.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from retrieval.catalogue.erasing.searching import Look, traces
from retrieval.errors import StoreError
from retrieval.service import Service
from retrieval.values import Ints

logger = logging.getLogger(__name__)

_KEPT = re.compile(r"[0-9a-f]{64}")  # the name of a kept copy: its photo's SHA-256


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """What stands for some faces, to be looked for once they are erased.

    Attributes:
        faces, people: ids.
        vectors: as they are, and as the catalogue holds them if it is encrypted.
        sha256s: of photos.
        plain: byte strings as they lie in the index's files.
        packed: PQ's codes, which do not lie in a file as they are.
    """

    faces: Ints
    people: Ints
    vectors: frozenset[bytes]
    sha256s: frozenset[str]
    plain: frozenset[bytes]
    packed: frozenset[bytes]

    def __len__(self) -> int:
        return len(self.vectors | self.plain) + len(self.packed) + len(self.sha256s)

    def without(self, strings: frozenset[bytes]) -> "Sought":
        """Less to look for."""
        return replace(self, vectors=self.vectors - strings, plain=self.plain - strings)


@dataclass(frozen=True, slots=True)
class Traces:
    """A search for traces.

    Attributes:
        files: that were looked through.
        traces: those of them in which something was found.
    """

    files: tuple[Path, ...]
    traces: tuple[Path, ...]


def sought_of(service: Service, faces: Iterable[int], people: Iterable[int]) -> Sought:
    """What stands for faces that are enrolled, and for people's templates."""
    ids, owners = np.array(list(faces), np.int64), np.array(list(people), np.int64)
    known = service.catalogue.faces(ids.tolist())
    vectors = service.catalogue.vectors(service.collection.id, ids)[2]
    stored = service.catalogue.stored_vectors(ids.tolist())
    stored += service.catalogue.stored_in_events(owners.tolist())
    others = service.catalogue.other_models.vectors(service.collection.id, ids.tolist())[2]
    held = service.gallery.encodings(ids, owners)
    return Sought(
        faces=ids,
        people=owners,
        vectors=frozenset([row.tobytes() for row in (*vectors, *others)] + stored),
        sha256s=frozenset(face.sha256 for face in known.values()),
        plain=held.plain,
        packed=held.packed,
    )


def search(service: Service, home: Path, sought: Sought) -> Traces:
    """Look through the catalogue's files and everything under the home folder but models.

    What only this collection's index makes of vectors is not looked for in other indexes, which may
    make the same of the same photo.
    """
    files = sorted({*_files(home), *filter(Path.is_file, service.catalogue.files())})
    indexes = {path for path in files if path.is_relative_to(home / "index")}
    own = home / "index" / str(service.collection.id)
    others = {path for path in indexes if not path.is_relative_to(own)}
    sha256s = sought.sha256s - service.catalogue.photos_elsewhere(
        service.collection.id, sought.sha256s
    )
    kept = {path for path in files if _KEPT.fullmatch(path.name)}  # called by their photo's hash
    catalogue = {*service.catalogue.files()}
    pictures = [
        path
        for path in files
        if path not in kept and path not in catalogue and path.suffix != ".snapshot"
    ]
    freed = sought.sha256s - service.catalogue.hashes_in_rows(sought.sha256s)
    values = sought.vectors | sought.plain
    looks = (  # each file read once
        Look(catalogue, values | {sha256.encode() for sha256 in freed}),
        Look(set(files) - others - catalogue, values),
        Look(others, sought.vectors),
        Look(pictures, sha256s=sha256s),
    )
    found = {*traces(*looks), *(path for path in kept if path.name in sha256s)}
    found |= {*service.gallery.left_packed(sought.faces, sought.people, sought.packed)}
    return Traces(tuple(files), tuple(sorted(found)))


def proven(service: Service, home: Path, sought: Sought, wait_s: float) -> tuple[Traces, Sought]:
    """Search; where something is found, see whether it is somebody else's or can be driven out.

    The centre of a cluster of one is that one's vector, and stays in the lists until they are
    trained anew. SQLite overwrites what is freed, but may leave bytes of a row that it moves: where
    a vector or a photo's hash stands in its file, the file is written anew.

    Args:
        service, home, sought: see `search`.
        wait_s: how long to wait for readers of the catalogue to end.
    """
    found = search(service, home, sought)
    if found.traces:
        others = service.catalogue.still_enrolled(sought.vectors)
        sought = sought.without(others | service.gallery.shared(sought.plain))
        found = search(service, home, sought)
    if any(path.is_relative_to(home / "index") for path in found.traces):
        service.gallery.rebuild()
        found = search(service, home, sought)
    if not {*found.traces}.isdisjoint(service.catalogue.files()):
        try:
            service.catalogue.compact()
            service.catalogue.empty_wal(wait_s)
        except StoreError as error:  # no space, or others write all the time: the trace is told
            logger.warning("The catalogue's file was not written anew: %s", error)
        found = search(service, home, sought)
    return found, sought


def _files(home: Path) -> Iterable[Path]:
    """All files below the home folder but the models', which hold nobody's vectors."""
    for path in home.rglob("*"):
        if path.relative_to(home).parts[0] != "models" and path.is_file():
            yield path
