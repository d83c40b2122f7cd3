"""The tables of events and thumbnails.

No row here holds a person's name: a name is looked up by id, so a rename reaches every event and a
deletion leaves none. Names of photos are the user's and may mention somebody.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from retrieval.catalogue.schema import Id, Moment, Name, collection_column, metadata


def _reference(target: str, on_delete: str = "CASCADE") -> ForeignKey:
    return ForeignKey(target, ondelete=on_delete)


events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("name", Name, nullable=False),
    Column("day", Text),  # ISO 8601; null until a photo tells it
    Column("expects", Text, nullable=False),  # nobody, everybody or listed
    Column("keep_photos", Boolean, nullable=False),
    Column("days", Integer),  # that it is kept; null for the setting
    Column("created_at", Moment, nullable=False),
    Column("revision", Integer, nullable=False),  # counts changes of its appearances
    Column("decided", Integer, nullable=False),  # the revision that the decisions hold for
    Column("stamp", Text),  # of the gallery, model and calibration that they were made with
    UniqueConstraint("collection_id", "name"),
    sqlite_autoincrement=True,
)

event_people = Table(  # who was expected, of an event that expects a list
    "event_people",
    metadata,
    Column("event_id", Id, _reference("events.id"), primary_key=True),
    Column("person_id", Id, _reference("people.id"), primary_key=True),
)

event_photos = Table(
    "event_photos",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("event_id", Id, _reference("events.id"), nullable=False),
    Column("sha256", Text),  # null of a photo that could not be read
    Column("photo", Text, nullable=False),  # its path or an upload's file name
    Column("location", Text),  # where it can be read again, if anywhere
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("taken_at", Moment),  # by its EXIF
    Column("seconds", Double),  # of a video; null of a photo
    Column("added_at", Moment, nullable=False),
    Column("code", Text),  # why it was not taken, as an error's code; null of one that was
    Column("message", Text),
    UniqueConstraint("event_id", "sha256"),
    Index("event_photos_by_event", "event_id", "id"),
    sqlite_autoincrement=True,
)

appearances = Table(
    "appearances",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("event_id", Id, _reference("events.id"), nullable=False),
    Column("photo_id", Id, _reference("event_photos.id"), nullable=False),
    Column("face", Integer, nullable=False),  # its number, as answers count
    Column("score", Double, nullable=False),  # the detector's
    Column("size_px", Double, nullable=False),
    Column("sharpness", Double, nullable=False),
    Column("yaw_deg", Double, nullable=False),
    Column("cut_off", Double, nullable=False),
    Column("unusable", Text),  # why the face is not compared; null of one that is
    Column("box", LargeBinary, nullable=False),  # as in faces
    Column("landmarks", LargeBinary, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # of `fingerprint`; NO_VECTOR once forgotten
    Column("fingerprint", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # see `records.Found`
    Column("person_id", Id, _reference("people.id", "SET NULL")),  # of a match only
    Column("likeness", Double),  # to the best candidate: a cosine
    Column("needed", Double),  # the likeness that a match needed
    Column("margin", Double),  # over the second person
    Column("basis", Text, nullable=False),  # what decided: itself, event or nothing
    Column("reason", Text),
    Column("candidates", LargeBinary, nullable=False),  # ids: see `records.CANDIDATE`
    Column("group_id", Id),  # the id of its group's first appearance
    # Of a video: from and to which second the face was seen, and when its picture was; else null.
    Column("first_s", Double),
    Column("last_s", Double),
    Column("best_s", Double),
    Column("agreement", Double),  # of the vectors whose mean it has; null of one vector
    Index("appearances_by_event", "event_id", "id"),
    Index("appearances_by_photo", "photo_id"),
    Index("appearances_by_person", "person_id", "event_id"),
    sqlite_autoincrement=True,
)

verdicts = Table(  # rows are added and never changed, but for `undone_at` and erased people
    "verdicts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("event_id", Id, _reference("events.id"), nullable=False),
    Column("appearance_id", Id, _reference("appearances.id"), nullable=False),
    Column("act", Id, nullable=False),  # the id of the first row that was said together
    Column("kind", Text, nullable=False),  # see `records.Kind`
    Column("person_id", Id),  # no reference: a merged person is gone and may come back
    Column("judge", Text, nullable=False),
    Column("said_at", Moment, nullable=False),
    Column("undone_at", Moment),
    Column("undone_by", Text),
    Index("verdicts_by_event", "event_id", "id"),
    Index("verdicts_by_appearance", "appearance_id"),
    Index("verdicts_by_person", "person_id"),
    sqlite_autoincrement=True,
)

thumbnails = Table(  # each of one enrolled face, or one appearance, or one stranger
    "thumbnails",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("face_id", Id, _reference("faces.id"), unique=True),
    Column("appearance_id", Id, _reference("appearances.id"), unique=True),
    Column("stranger_id", Id, _reference("unknowns.id"), unique=True),
    Column("picture", LargeBinary, nullable=False),  # JPEG, encrypted where vectors are
    sqlite_autoincrement=True,
)
