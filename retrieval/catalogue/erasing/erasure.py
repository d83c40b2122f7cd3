"""Deletion is final: rows go, the change log tells every index, freed bytes are overwritten."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from retrieval.catalogue import strangers
from retrieval.catalogue.changes import lock_collection, log_changes
from retrieval.catalogue.erasing import receipt_log
from retrieval.catalogue.erasing.erasure_log import Erasure, ErasureKind, log_erasure
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.events import erasing as events
from retrieval.catalogue.events.records import ErasedAppearances
from retrieval.catalogue.events.tables import appearances, thumbnails
from retrieval.catalogue.events.tables import events as event_table
from retrieval.catalogue.face_lookups import find_photo, same_face, vectors
from retrieval.catalogue.former_names import (
    edits_naming,
    entries_of,
    names_of,
    same_people,
)
from retrieval.catalogue.http import audit, replies
from retrieval.catalogue.lookups import counts, person_by_id, same_person
from retrieval.catalogue.models.vectors import model_vectors
from retrieval.catalogue.records import Counts, EnrolledFace, Erased, Person
from retrieval.catalogue.runs import erasing as runs
from retrieval.catalogue.runs import run_rows
from retrieval.catalogue.schema import (
    chunks,
    collections,
    faces,
    journal,
    meta,
    people,
    photos,
)
from retrieval.errors import NotFound, StoreError, VectorDamaged

_PIECE_BYTES = 256  # SQLite may lay a long value over several pages


def begin(connection: Connection, collection_id: int) -> bool:
    """Note that kept photos may be nobody's; whether that was noted already."""
    lock_collection(connection, collection_id)
    mine = meta.c.key == _note(collection_id)
    if connection.execute(select(meta.c.key).where(mine)).one_or_none() is not None:
        return True
    connection.execute(insert(meta), {"key": _note(collection_id), "value": ""})
    return False


def end(connection: Connection, collection_id: int) -> None:
    """Strike the note out."""
    connection.execute(delete(meta).where(meta.c.key == _note(collection_id)))


def _note(collection_id: int) -> str:
    return f"erasing:{collection_id}"


def delete_collection(connection: Connection, collection_id: int) -> Counts:
    """Erase a collection with all that refers to it; its indexes find it gone."""
    lock_collection(connection, collection_id)
    held = counts(connection, collection_id)
    created = select(collections.c.created_at).where(collections.c.id == collection_id)
    rows = [(collection_id, connection.execute(created).scalar_one())]
    log_erasure(connection, ErasureKind.COLLECTION, collection_id, rows)
    _delete_collection(connection, collection_id)
    end(connection, collection_id)
    return held


def delete_if_empty(connection: Connection, collection_id: int) -> bool:
    """Delete a collection that holds nothing and that no run fills; nobody is erased by that."""
    try:
        lock_collection(connection, collection_id)
    except NotFound:
        return False
    named = select(collections.c.name).where(collections.c.id == collection_id)
    holding = [
        select(people.c.id).where(people.c.collection_id == collection_id),
        select(photos.c.id).where(photos.c.collection_id == collection_id),
        select(event_table.c.id).where(event_table.c.collection_id == collection_id),
        select(run_rows.runs.c.id).where(run_rows.runs.c.collection == named.scalar_subquery()),
    ]
    if any(connection.execute(query.limit(1)).first() for query in holding):
        return False
    connection.execute(delete(collections).where(collections.c.id == collection_id))
    return True


def _delete_collection(connection: Connection, collection_id: int) -> None:
    runs.erase_collection(connection, collection_id)
    audit.erase_collection(connection, collection_id)
    connection.execute(delete(collections).where(collections.c.id == collection_id))


def delete_people(
    connection: Connection, collection_id: int, meant: Sequence[int | Person]
) -> Erased:
    """Erase people with faces and photos, and their names wherever they stand; all or none.

    Call `Catalogue.empty_wal` afterwards to be rid of the bytes.

    Raises:
        NotFound: one of them is gone, or called otherwise.
    """
    lock_collection(connection, collection_id)
    found = [same_person(connection, collection_id, each) for each in meant]
    erased = _delete_people(connection, collection_id, found)
    rows = [(person.id, person.created_at) for person in found]
    logged = log_erasure(
        connection, ErasureKind.PERSON, collection_id, rows, erased.faces, erased.photos
    )
    return replace(erased, erasure=logged)


def _joined(parts: Sequence[ErasedAppearances]) -> ErasedAppearances:
    return ErasedAppearances(
        appearances=tuple(each for part in parts for each in part.appearances),
        events=tuple(sorted({each for part in parts for each in part.events})),
        photos=tuple(dict.fromkeys(each for part in parts for each in part.photos)),
    )


def _delete_people(connection: Connection, collection_id: int, found: Sequence[Person]) -> Erased:
    """Erase people together: what may name them is looked through once, not once per person."""
    ids = [person.id for person in found]
    names = names_of(connection, collection_id, ids)
    mentions = mentions_of(connection, names)
    # Before the faces: with their vectors go appearances, which are nobody's afterwards.
    seen = _joined([events.erase_person(connection, person_id) for person_id in ids])
    events.take_names_out(connection, collection_id, mentions)
    owned: list[int] = []
    for some in chunks(ids):
        owned += connection.scalars(select(faces.c.id).where(faces.c.person_id.in_(some)))
    erased = _delete_faces(connection, collection_id, owned)
    runs.erase_person(connection, collection_id, mentions)
    audit.erase_person(connection, collection_id, mentions, erased.photos)
    replies.erase_person(connection, mentions)
    receipt_log.erase_person(connection, collection_id, mentions)
    strangers.take_names_out(connection, collection_id, mentions)
    entries = entries_of(connection, same_people(connection, ids))
    strangers.erase_named(connection, collection_id, entries)
    for some in chunks(entries):
        connection.execute(update(journal).where(journal.c.id.in_(some)).values(document=None))
    for some in chunks(ids):
        connection.execute(delete(people).where(people.c.id.in_(some)))
    for entry, left in edits_naming(connection, collection_id, mentions).items():
        connection.execute(update(journal).where(journal.c.id == entry).values(document=left))
    return replace(erased, people=tuple(ids), names=frozenset(names), seen=seen)


def mentions_of(connection: Connection, names: Iterable[str]) -> Mentions:
    """Mentions of people by these names, which are not those of others whose names hold them."""
    gone = frozenset(names)
    others = connection.scalars(select(people.c.name).where(Mentions(gone).possible(people.c.name)))
    return Mentions(gone, frozenset(others) - gone)


def photos_naming(connection: Connection, collection_id: int, mentions: Mentions) -> dict[int, str]:
    """Enrolled photos whose path names somebody, as after a split: the id and SHA-256 of each."""
    query = select(photos.c.id, photos.c.sha256, photos.c.photo).where(
        photos.c.collection_id == collection_id, mentions.possible(photos.c.photo)
    )
    return {row.id: row.sha256 for row in connection.execute(query) if mentions.stand_in(row.photo)}


def take_names_out(
    connection: Connection, collection_id: int, photo_ids: Iterable[int], mentions: Mentions
) -> None:
    """Take names out of paths of enrolled photos, which cannot be read there any more then."""
    mine = photos.c.collection_id == collection_id
    for some in chunks(photo_ids):
        mentions.take_out_of(connection, photos, "photo", mine & photos.c.id.in_(some))


def remove_photo(connection: Connection, collection_id: int, photo: str | EnrolledFace) -> Erased:
    """Erase one photo for good.

    Args:
        connection: of a transaction that writes.
        collection_id: whose.
        photo: as `find_photo` takes it; or a face of it as it was read, which must still be the
            same person's.

    Raises:
        NotFound: none is meant, or it is somebody else's by now.
        InputError: several are meant; the message names them.
    """
    lock_collection(connection, collection_id)
    if isinstance(photo, EnrolledFace):
        found = same_face(connection, collection_id, photo)
    else:
        found = find_photo(connection, collection_id, photo)
    shown = select(faces.c.id).where(faces.c.photo_id == found.photo_id)
    erased = _delete_faces(connection, collection_id, connection.scalars(shown).all())
    logged = log_erasure(
        connection, ErasureKind.PHOTO, collection_id, (), erased.faces, erased.photos
    )
    return replace(erased, erasure=logged)


def erase_again(connection: Connection, erasure: Erasure, sha256s: Iterable[str]) -> int:
    """Apply an erasure, with these photos, to a catalogue from before it.

    A person goes who is the very row that was erased, or whose last photo an erasure of a person
    takes: before a merge that person may have had another name.

    Returns:
        How many faces it took.
    """
    query = select(collections.c.id, collections.c.created_at)
    found = connection.execute(query.where(collections.c.name == erasure.collection)).one_or_none()
    if found is None:
        return 0
    collection_id = found.id
    lock_collection(connection, collection_id)
    before = counts(connection, collection_id).faces
    if erasure.kind is ErasureKind.COLLECTION:
        if (found.id, found.created_at) not in erasure.rows:
            return 0
        _delete_collection(connection, collection_id)
        return before
    _erase_rows(connection, collection_id, erasure)
    _erase_photos(connection, collection_id, erasure.kind, sha256s)
    return before - counts(connection, collection_id).faces


def _erase_rows(connection: Connection, collection_id: int, erasure: Erasure) -> None:
    for person_id, created_at in erasure.rows:
        same = (people.c.id == person_id) & (people.c.created_at == created_at)
        own = select(people.c.id).where(same, people.c.collection_id == collection_id)
        if connection.scalar(own):
            person = person_by_id(connection, collection_id, person_id)
            _delete_people(connection, collection_id, [person])


def _erase_photos(
    connection: Connection, collection_id: int, kind: ErasureKind, sha256s: Iterable[str]
) -> None:
    for some in chunks(sha256s):
        query = (
            select(faces.c.id, faces.c.person_id)
            .join(photos, photos.c.id == faces.c.photo_id)
            .where(photos.c.collection_id == collection_id, photos.c.sha256.in_(some))
        )
        shown = connection.execute(query).all()
        _delete_faces(connection, collection_id, [row.id for row in shown])
        if kind is ErasureKind.PERSON:
            for person_id in sorted({row.person_id for row in shown}):
                person = person_by_id(connection, collection_id, person_id)
                if not person.faces:
                    _delete_people(connection, collection_id, [person])


def _delete_faces(connection: Connection, collection_id: int, face_ids: Sequence[int]) -> Erased:
    """Delete faces, and the photos that have none left."""
    gone = np.zeros((0, 0), np.float32)
    with suppress(VectorDamaged):  # what is damaged goes as well
        gone = vectors(connection, collection_id, face_ids)[2]
    hashes: list[str] = []
    log_changes(connection, collection_id, face_ids)
    for some in chunks(face_ids):
        query = select(faces.c.photo_id).where(faces.c.id.in_(some))
        photo_ids = connection.scalars(query).all()
        connection.execute(delete(faces).where(faces.c.id.in_(some)))
        empty = photos.c.id.in_(photo_ids) & ~_has_faces(photos.c.id)
        hashes += connection.scalars(select(photos.c.sha256).where(empty))
        connection.execute(delete(photos).where(empty))
    strangers.erase_strangers(connection, collection_id, hashes, gone)
    events.erase_vectors(connection, collection_id, gone)
    events.mark_photos(connection, collection_id, hashes)
    return Erased((), tuple(sorted(face_ids)), tuple(hashes), gone)


def _has_faces(photo_id: ColumnElement[int]) -> ColumnElement[bool]:
    return select(faces.c.id).where(faces.c.photo_id == photo_id).exists()


def enrolled_still(connection: Connection, vectors: Iterable[bytes]) -> frozenset[bytes]:
    """Those of the vectors that are somebody's, in any collection.

    It reads all faces: no index leads from a vector to its face.
    """
    found: set[bytes] = set()
    picture = thumbnails.c.picture
    tail = func.substr(picture, func.length(picture) - events.PICTURE_TAIL + 1, type_=picture.type)
    held = (appearances.c.vector, tail)  # a picture is looked for by its tail
    for some in chunks(vectors):
        for column in (faces.c.vector, model_vectors.c.vector, *held):
            found.update(connection.scalars(select(column).where(column.in_(some))))
    return frozenset(found)


def photos_elsewhere(
    connection: Connection, collection_id: int, sha256s: Iterable[str]
) -> frozenset[str]:
    """Those of the photos that are somebody's in another collection."""
    other = photos.c.collection_id != collection_id
    return frozenset(
        sha256
        for some in chunks(sha256s)
        for sha256 in connection.scalars(
            select(photos.c.sha256).where(other, photos.c.sha256.in_(some))
        )
    )


@dataclass(frozen=True, slots=True)
class Look:
    """Files, and what is looked for in them.

    Attributes:
        files: one that is not there holds nothing.
        values: for example erased vectors as they were stored: a file holds one whole or in a piece
            of 256 bytes. Empty ones are ignored.
        sha256s: that the content of a whole file may have, whatever it is called.
    """

    files: Collection[Path]
    values: Collection[bytes] = ()
    sha256s: Collection[str] = ()

    def question(self) -> dict[str, list[str]]:
        """As `bytesearch` reads it."""
        pieces = {
            value[start : start + _PIECE_BYTES].hex()
            for value in self.values
            for start in range(0, len(value), _PIECE_BYTES)
        }
        return {
            "files": [str(path) for path in self.files],
            "patterns": sorted(pieces),
            "sha256s": sorted(self.sha256s),
        }


def traces(*looks: Look) -> list[Path]:
    """The files in which something of what is looked for occurs.

    All is looked for by one process beside this one, see `bytesearch`.

    Raises:
        StoreError: a file cannot be read.
    """
    asked = [look.question() for look in looks if look.files and (look.values or look.sha256s)]
    if not asked:
        return []
    command = [sys.executable, str(Path(__file__).with_name("bytesearch.py"))]
    try:
        found = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise StoreError(f"The search for traces of what was erased failed: {error}.") from error
    return [Path(path) for path in json.loads(found.stdout)]
