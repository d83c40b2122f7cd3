"""Unknown faces that queries met, kept for a time: strangers who come again can be named."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from sqlalchemy import (
    Column,
    Connection,
    Double,
    Index,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from retrieval.catalogue import enrolment
from retrieval.catalogue.changes import dimension_of, lock_collection
from retrieval.catalogue.database import Database
from retrieval.catalogue.edits import Edit
from retrieval.catalogue.encrypted.encoding import (
    decode_vectors,
    encode_vectors,
    from_bytes,
    to_bytes,
)
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.erasing.same_vectors import rows_with
from retrieval.catalogue.journal import write
from retrieval.catalogue.names import clean_external_id, clean_name, folded
from retrieval.catalogue.picture_rows import Of, insert_pictures
from retrieval.catalogue.records import Enrolment, EnrolmentOutcome, JournalEntry, NewFace
from retrieval.catalogue.schema import (
    Id,
    Moment,
    chunks,
    collection_column,
    collections,
    days_ago,
    metadata,
    now,
    people,
)
from retrieval.errors import AlreadyExists, NotFound
from retrieval.values import Floats, Ints, Vectors

unknowns = Table(
    "unknowns",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("sha256", Text, nullable=False),  # of the photo
    Column("face", Integer, nullable=False),  # its number, as answers count
    Column("photo", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("score", Double, nullable=False),
    Column("size_px", Double, nullable=False),
    Column("sharpness", Double, nullable=False),
    Column("yaw_deg", Double, nullable=False),
    Column("cut_off", Double, nullable=False),
    Column("box", LargeBinary, nullable=False),  # as in faces
    Column("landmarks", LargeBinary, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("group_id", Id),  # its group's first face; null until it is grouped
    Column("seen_at", Moment, nullable=False),
    Column("fingerprint", Text, nullable=False, server_default=""),  # of the model that saw it
    Column("known_since", Id),  # the edit of the journal that named it; null for a stranger
    UniqueConstraint("collection_id", "sha256", "face"),
    Index("unknowns_by_moment", "collection_id", "seen_at"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True, eq=False)
class UnknownFace:
    """A face that was nobody's when it was asked about.

    Attributes:
        photo, sha256, width, height: of the photo.
        face: its number in the photo, as answers count.
        box: (4,) float32, xywh in pixels of the photo.
        landmarks: (5, 2) float32.
        score, size_px, sharpness, yaw_deg, cut_off: see `NewFace`.
        vector: (d,) float32 of unit length.
        picture: JPEG, kept beside the face; empty for none, and where faces are read.
        id, group, seen_at: given by the catalogue; `group` is None until the face is grouped.
    """

    photo: str
    sha256: str
    width: int
    height: int
    face: int
    box: Floats
    landmarks: Floats
    score: float
    size_px: float
    sharpness: float
    yaw_deg: float
    cut_off: float
    vector: Floats
    picture: bytes = b""
    id: int = 0
    group: int | None = None
    seen_at: datetime | None = None


_NOBODY = unknowns.c.known_since.is_(None)
_KEPT = ("photo", "sha256", "width", "height", "face", "score", "size_px", "sharpness", "yaw_deg",
         "cut_off")  # fmt: skip


class Strangers:
    """The unknown faces of a catalogue. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self,
        collection_id: int,
        photos: Iterable[str],
        faces: Sequence[UnknownFace],
        days: int,
        fingerprint: str | None = None,
    ) -> None:
        """Keep the unknown faces of photos, and forget those seen more than `days` ago.

        Args:
            collection_id: which collection was asked.
            photos: SHA-256 of the photos that were asked about: what they left before goes.
            faces: that were nobody's in these.
            days: to live.
            fingerprint: of the model that made their vectors; None for the collection's present.
        """
        moment = now()
        rows = [
            {
                "collection_id": collection_id,
                **{name: getattr(face, name) for name in _KEPT},
                **{name: to_bytes(getattr(face, name)) for name in ("box", "landmarks")},
                "seen_at": moment,
            }
            for face in faces
        ]
        mine = unknowns.c.collection_id == collection_id
        with self._database.writing() as connection:
            model = fingerprint or connection.scalar(_model(collection_id))
            rows = [row | {"fingerprint": model} for row in rows]
            if faces:
                owner = select(collections.c.id).where(collections.c.id == collection_id)
                connection.execute(owner.with_for_update(read=True, key_share=True))
                found = encode_vectors(connection, np.stack([face.vector for face in faces]))
                rows = [row | {"vector": value} for row, value in zip(rows, found, strict=True)]
            old = unknowns.c.seen_at < days_ago(days, moment)
            connection.execute(delete(unknowns).where(mine, old))
            for hashes in chunks(photos):
                connection.execute(delete(unknowns).where(mine, unknowns.c.sha256.in_(hashes)))
            if rows:
                with_ids = insert(unknowns).returning(unknowns.c.id, sort_by_parameter_order=True)
                ids = connection.execute(with_ids, rows).scalars().all()
                _keep_pictures(connection, collection_id, ids, faces)

    def newest(self, collection_id: int, limit: int, days: int | None) -> list[UnknownFace]:
        """The newest faces that the collection's present model saw, oldest first.

        Args:
            collection_id: whose.
            limit: how many at most.
            days: none that was seen earlier; None for all.
        """
        query = select(unknowns).where(
            unknowns.c.collection_id == collection_id,
            unknowns.c.fingerprint == _model(collection_id).scalar_subquery(),
            _NOBODY,
        )
        if days is not None:
            query = query.where(unknowns.c.seen_at >= days_ago(days))
        query = query.order_by(unknowns.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            dimension = dimension_of(connection, collection_id) if rows else 0
            vectors = decode_vectors(connection, [row.vector for row in rows], dimension)
        return [
            UnknownFace(
                **{name: row._mapping[name] for name in _KEPT},
                box=from_bytes(row.box),
                landmarks=from_bytes(row.landmarks).reshape(5, 2),
                vector=vector,
                id=row.id,
                group=row.group_id,
                seen_at=row.seen_at,
            )
            for row, vector in zip(reversed(rows), reversed(vectors), strict=True)
        ]

    def group(self, ids: Ints, groups: Ints) -> None:
        """Say of which group each face is."""
        with self._database.writing() as connection:
            for number in np.unique(groups).tolist():
                for some in chunks(ids[groups == number].tolist()):
                    chosen = update(unknowns).where(unknowns.c.id.in_(some), _NOBODY)
                    connection.execute(chosen.values(group_id=number))

    def enrol(
        self,
        collection_id: int,
        strangers: Sequence[UnknownFace],
        faces: Sequence[NewFace],
        fingerprint: str,
    ) -> tuple[list[Enrolment], JournalEntry]:
        """Make strangers' faces a person's: enrolled and strangers no more, or nothing at all.

        Until unknown faces as old go, their rows wait for an undo of the edit, which nobody sees.

        Args:
            collection_id: whose.
            strangers: of one group, as they were read.
            faces: the same ones, as they are to be enrolled; of a photo that is enrolled for
                somebody else, as parts of it.
            fingerprint: of the model that saw them.

        Returns:
            what became of each face, and the edit, to be undone.

        Raises:
            AlreadyExists: the name or the number is somebody else's, or several people's.
            NotFound: one of them is gone, or of another group: somebody else was faster.
            ModelSwitched: the collection has another model now.
        """
        ids = [face.id for face in strangers]
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            query = select(unknowns.c.id, unknowns.c.group_id).where(_NOBODY).with_for_update()
            groups: dict[int, int | None] = {}
            for some in chunks(ids):
                rows = connection.execute(query.where(unknowns.c.id.in_(some)))
                groups.update((row.id, row.group_id) for row in rows)
            if groups != {face.id: face.group for face in strangers}:
                raise NotFound(
                    "These unknown faces were named, forgotten or grouped anew meanwhile. Nothing"
                    " was changed; list them again."
                )
            before = _numbers(connection, collection_id, faces)
            enrolled = enrolment.enrol(connection, collection_id, faces, fingerprint)
            shared = [
                row
                for row, each in enumerate(enrolled)
                if each.outcome is EnrolmentOutcome.OTHER_PERSON
            ]
            parts = [replace(faces[row], part=True) for row in shared]
            again = enrolment.enrol(connection, collection_id, parts, fingerprint)
            for row, each in zip(shared, again, strict=True):
                enrolled[row] = each
            edit = _edit(faces, enrolled, before)
            entry = write(connection, collection_id, "name", edit)
            _hide(connection, ids, entry.id)
            self._database.edited(connection, enrolled)
        return enrolled, entry

    def know(self, ids: Iterable[int], entry: int) -> None:
        """Say that faces are known since an edit: strangers no more, until it is undone."""
        with self._database.writing() as connection:
            _hide(connection, ids, entry)

    def forget_group(self, collection_id: int, group_id: int, seen: Iterable[int]) -> int:
        """Delete the faces of a group for good, as somebody saw it; return how many there were.

        Raises:
            NotFound: the group has other faces by now. Nothing deleted.
        """
        mine = (unknowns.c.collection_id == collection_id) & (unknowns.c.group_id == group_id)
        mine &= _NOBODY
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            if set(connection.scalars(select(unknowns.c.id).where(mine))) != set(seen):
                raise NotFound(
                    f"The group {group_id} of unknown faces has changed meanwhile. Nothing was"
                    " deleted; look at it again."
                )
            gone = connection.execute(delete(unknowns).where(mine)).rowcount
            return self._database.edited(connection, gone)

    def forget_all(self, collection_id: int) -> int:
        """Delete all unknown faces of a collection for good; return how many strangers' there were.

        Those that are known by now go too: an undo brings no stranger back.
        """
        with self._database.writing() as connection:
            mine = delete(unknowns).where(unknowns.c.collection_id == collection_id)
            connection.execute(mine.where(unknowns.c.known_since.is_not(None)))
            return self._database.edited(connection, connection.execute(mine).rowcount)


def _numbers(
    connection: Connection, collection_id: int, new: Sequence[NewFace]
) -> dict[int, str | None]:
    """The numbers of those who have the name of faces already, by person."""
    names = {folded(clean_name(face.person)) for face in new}
    query = select(people.c.id, people.c.external_id).where(
        people.c.collection_id == collection_id, people.c.folded.in_(names)
    )
    return {row.id: row.external_id for row in connection.execute(query)}


def _edit(
    new: Sequence[NewFace], enrolled: Sequence[Enrolment], before: Mapping[int, str | None]
) -> Edit:
    """What enrolling strangers did.

    Raises:
        AlreadyExists: one of them could not be enrolled.
    """
    taken = (EnrolmentOutcome.ENROLLED, EnrolmentOutcome.DUPLICATE)
    for each in enrolled:
        if each.outcome not in taken or each.person_id is None:
            raise AlreadyExists(f"Not taken: {each.reason}.")
    person = int(enrolled[0].person_id or 0)
    edit = Edit({person: clean_name(new[0].person)}, named=[])
    edit.named = [
        int(each.face_id or 0) for each in enrolled if each.outcome is EnrolmentOutcome.ENROLLED
    ]
    number = clean_external_id(new[0].external_id)
    if person not in before:
        edit.made = person
    elif number is not None and before[person] is None:
        edit.numbered = person, None, number
    return edit


def _hide(connection: Connection, ids: Iterable[int], entry: int) -> None:
    for some in chunks(ids):
        chosen = update(unknowns).where(unknowns.c.id.in_(some))
        connection.execute(chosen.values(group_id=None, known_since=entry))


def unname(connection: Connection, collection_id: int, entry: int, enrolled: Iterable[int]) -> None:
    """Undo a naming: the faces that it enrolled go, and whoever was named is a stranger again."""
    enrolment.take_back(connection, collection_id, sorted(enrolled))
    mine = (unknowns.c.collection_id == collection_id) & (unknowns.c.known_since == entry)
    connection.execute(update(unknowns).where(mine).values(known_since=None))


def erase_named(connection: Connection, collection_id: int, entries: Iterable[int]) -> None:
    """Delete those who are known since edits that cannot be undone any more."""
    mine = unknowns.c.collection_id == collection_id
    for some in chunks(entries):
        connection.execute(delete(unknowns).where(mine, unknowns.c.known_since.in_(some)))


def _keep_pictures(
    connection: Connection, collection_id: int, ids: Sequence[int], faces: Sequence[UnknownFace]
) -> None:
    shown = {face: each.picture for face, each in zip(ids, faces, strict=True) if each.picture}
    insert_pictures(connection, collection_id, Of.STRANGER, shown)


def erase_strangers(
    connection: Connection, collection_id: int, sha256s: Iterable[str], vectors: Vectors
) -> None:
    """Delete strangers of photos that are erased, and those with the very vector of an erased face.

    Whoever was asked about before being enrolled was a stranger then: the same photo, or another
    file with the same pixels.

    Args:
        connection: of the transaction.
        collection_id: whose.
        sha256s: of the photos.
        vectors: (n, d) float32 of the faces.
    """
    mine = unknowns.c.collection_id == collection_id
    for some in chunks(sha256s):
        connection.execute(delete(unknowns).where(mine, unknowns.c.sha256.in_(some)))
    same = (unknowns.c.fingerprint == _model(collection_id).scalar_subquery()) & mine
    for ids in chunks(rows_with(connection, unknowns, same, vectors)):
        connection.execute(delete(unknowns).where(unknowns.c.id.in_(ids)))


def take_names_out(connection: Connection, collection_id: int, mentions: Mentions) -> None:
    """Take names out of what the photos of others' unknown faces are called."""
    mine = unknowns.c.collection_id == collection_id
    mentions.take_out_of(connection, unknowns, "photo", mine)


def _model(collection_id: int) -> Select[tuple[str]]:
    return select(collections.c.fingerprint).where(collections.c.id == collection_id)
