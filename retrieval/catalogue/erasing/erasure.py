"""Deletion is final: rows go, the change log tells every index, freed bytes are overwritten."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from retrieval.catalogue import strangers
from retrieval.catalogue.changes import lock_collection, log_changes
from retrieval.catalogue.erasing import receipt_log
from retrieval.catalogue.erasing.erasure_log import Erasure, ErasureKind, log_erasure
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.events import erasing as events
from retrieval.catalogue.events.records import ErasedAppearances
from retrieval.catalogue.events.tables import appearances, event_photos, thumbnails
from retrieval.catalogue.events.tables import events as event_table
from retrieval.catalogue.face_lookups import find_photo, same_face, vectors
from retrieval.catalogue.former_names import (
    edits_naming,
    entries_of,
    names_of,
    same_people,
)
from retrieval.catalogue.http import audit, replies
from retrieval.catalogue.lookups import counts, people_by_id, person_by_id, same_person
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
from retrieval.errors import NotFound, VectorDamaged


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
    connection: Connection,
    collection_id: int,
    meant: Sequence[int | Person],
    *,
    or_gone: bool = False,
) -> Erased:
    """Erase people with faces and photos, and their names wherever they stand; all or none.

    Call `Catalogue.empty_wal` afterwards to be rid of the bytes.

    Args:
        connection: of a transaction that writes.
        collection_id: whose.
        meant: their ids, or the people as they were read.
        or_gone: leave out those who are gone already; the answer is of the others.

    Raises:
        NotFound: one of them is gone, or called otherwise.
    """
    lock_collection(connection, collection_id)
    if or_gone:
        ids = {each: each.id if isinstance(each, Person) else each for each in meant}
        there = {person.id for person in people_by_id(connection, collection_id, ids.values())}
        meant = [each for each in meant if ids[each] in there]
    found = [same_person(connection, collection_id, each) for each in meant]
    erased = _delete_people(connection, collection_id, found)
    if not found:
        return erased
    rows = [(person.id, person.created_at) for person in found]
    logged = log_erasure(
        connection, ErasureKind.PERSON, collection_id, rows, erased.faces, erased.photos
    )
    parts = tuple(replace(part, erasure=logged) for part in erased.parts)
    return replace(erased, erasure=logged, parts=parts)


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
    seen = {person_id: events.erase_person(connection, person_id) for person_id in ids}
    events.take_names_out(connection, collection_id, mentions)
    owned = _owned(connection, ids)
    erased = _delete_faces(connection, collection_id, [row.id for row in owned])
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
    return replace(
        erased,
        people=tuple(ids),
        names=frozenset(names),
        seen=_joined([*seen.values()]),
        parts=_parts(ids, owned, frozenset(erased.photos), seen),
    )


def _owned(connection: Connection, person_ids: Iterable[int]) -> list[Row[int, int, str]]:
    """The id, person and photo's SHA-256 of people's faces."""
    query = select(faces.c.id, faces.c.person_id, photos.c.sha256)
    query = query.join(photos, photos.c.id == faces.c.photo_id).order_by(faces.c.id)
    return [
        row
        for some in chunks(person_ids)
        for row in connection.execute(query.where(faces.c.person_id.in_(some)))
    ]


def _parts(
    person_ids: Iterable[int],
    owned: Iterable[Row[int, int, str]],
    gone: frozenset[str],
    seen: Mapping[int, ErasedAppearances],
) -> tuple[Erased, ...]:
    """What went with each of several people; `gone` are the photos that nobody has any more."""
    own = defaultdict(list)
    for row in owned:
        own[row.person_id].append(row)
    none = np.zeros((0, 0), np.float32)
    return tuple(
        Erased(
            people=(person_id,),
            faces=tuple(row.id for row in own[person_id]),
            photos=tuple(dict.fromkeys(row.sha256 for row in own[person_id] if row.sha256 in gone)),
            vectors=none,
            seen=seen[person_id],
        )
        for person_id in person_ids
    )


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
    there = []
    for person_id, created_at in dict.fromkeys(erasure.rows):
        same = (people.c.id == person_id) & (people.c.created_at == created_at)
        own = select(people.c.id).where(same, people.c.collection_id == collection_id)
        if connection.scalar(own):
            there.append(person_by_id(connection, collection_id, person_id))
    if there:
        _delete_people(connection, collection_id, there)


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


def hashes_in_rows(connection: Connection, sha256s: Iterable[str]) -> frozenset[str]:
    """Those of the photos' hashes that stand in a row of any collection."""
    own = (photos.c.sha256, photos.c.photo_sha256, event_photos.c.sha256)
    columns = (*own, strangers.unknowns.c.sha256)
    return frozenset(
        sha256
        for some in chunks(sha256s)
        for column in columns
        for sha256 in connection.scalars(select(column).where(column.in_(some)))
    )
