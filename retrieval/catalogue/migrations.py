"""Schema versions: how a new catalogue is made and an older one brought up to date.

A new catalogue is made from today's tables at once. An older one passes through the statements of
`versions.py`, in order, inside one transaction.

To change the schema: (1) change or add the table in `schema.py`, or in a module of its own on
`schema.metadata`, and name a new one in `TABLES`; (2) append the statements that make the same
change to an existing catalogue to `versions.MIGRATIONS`; (3) write
`tests/catalogue/versions/version_N.sql` by `python -m tests.catalogue.versions.dump`.
Tests hold a catalogue of each released version, migrated, to the tables of a new one.
"""

from collections import defaultdict
from uuid import uuid4

from sqlalchemy import Connection, insert, inspect, select, text, update

from retrieval.catalogue import schema
from retrieval.catalogue.copying.backup_log import backups
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.data_keys import Keyring, data_keys
from retrieval.catalogue.encrypted.encoding import from_bytes
from retrieval.catalogue.erasing.erasure_log import erasures
from retrieval.catalogue.erasing.receipt_log import copy_mark_key, receipts
from retrieval.catalogue.events import tables as events
from retrieval.catalogue.http.api_keys import is_keyed, keys, mark_keyed
from retrieval.catalogue.http.audit import audit
from retrieval.catalogue.http.replies import replies
from retrieval.catalogue.http.sessions import sessions
from retrieval.catalogue.http.users import users
from retrieval.catalogue.http.webhooks import webhooks
from retrieval.catalogue.index_registry import index_leases, indexes
from retrieval.catalogue.models.other_model_rows import spare_models
from retrieval.catalogue.models.vectors import model_vectors
from retrieval.catalogue.names import sought
from retrieval.catalogue.records import part_sha256
from retrieval.catalogue.runs.run_rows import run_photos, runs
from retrieval.catalogue.schema import meta, metadata, now
from retrieval.catalogue.strangers import unknowns
from retrieval.catalogue.versions import MIGRATIONS, migrate
from retrieval.errors import AlreadyExists, CatalogueIncompatible, StoreFull

# Every table; importing it here is what makes `schema.metadata` complete.
TABLES = (
    *(schema.meta, schema.collections, schema.people, schema.photos, schema.faces),
    *(schema.changes, schema.journal, schema.journal_people),
    *(runs, run_photos, keys, users, sessions, audit, replies, erasures, backups),
    *(unknowns, receipts, webhooks),
    *(spare_models, model_vectors, data_keys, indexes, index_leases),
    *(events.events, events.event_people, events.event_photos, events.appearances),
    *(events.verdicts, events.thumbnails),
)
VERSION = 1 + len(MIGRATIONS)
COPYING = "copying-"  # in place of the version, while rows of another catalogue come in

_SOUGHT_SINCE = 24  # the version that spells names for search, which no statement of SQL can
_PARTS_SINCE = 27  # the version that knows of which photo a part is, where it can be told
_LOCK = 0x526F6C6C63616C6C  # "Rollcall": PostgreSQL's advisory lock for making and migrating


def prepare(database: Database) -> None:
    """Make the catalogue if it is empty, migrate it if it is older.

    Raises:
        CatalogueIncompatible: written by a newer Rollcall, or by something else.
    """
    try:
        version = _version_of(database)
    except StoreFull:
        if not database.read_as_it_lies():
            raise
        version = _version_of(database)
    database.use_wal()
    if version == VERSION:
        return
    with database.rebuilding() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        version = _version(connection, database.label)  # another process may have been faster
        if version is None:
            _make(connection, str(VERSION), database.keyring)
        else:
            _migrate(connection, version)


def begin_copy(connection: Connection, label: str) -> None:
    """Make an empty database the target of a copy, or go on with the copy that it holds a part of.

    Until `finish_copy` nobody can open it as a catalogue.

    Raises:
        AlreadyExists: it is a whole catalogue, or another program's database.
        CatalogueIncompatible: the part was copied by another version of Rollcall.
    """
    if not inspect(connection).get_table_names():
        _make(connection, f"{COPYING}{VERSION}", Keyring())
        return
    found = None
    if inspect(connection).has_table(meta.name):
        found = connection.scalar(select(meta.c.value).where(meta.c.key == "schema"))
    if found is None or not found.startswith(COPYING):
        raise AlreadyExists(
            f"{label} is in use: it holds {'a catalogue' if found else 'tables'} already. "
            "Copy into an empty database, or to a file that is not there yet."
        )
    if found != f"{COPYING}{VERSION}":
        raise CatalogueIncompatible(
            f"{label} holds a part of a catalogue that another version of Rollcall copied. "
            "Empty it and begin again."
        )


def finish_copy(connection: Connection, epoch: str, source: Connection) -> None:
    """Let the target be opened as a catalogue, which begins with this epoch.

    That keys were made once is true of the copy as of its source, and deleted people are known
    again by the same marks.
    """
    if is_keyed(source):
        mark_keyed(connection)
    copy_mark_key(source, connection)
    for key, value in (("schema", str(VERSION)), ("epoch", epoch)):
        connection.execute(update(meta).where(meta.c.key == key).values(value=value))


def _version_of(database: Database) -> int | None:
    with database.reading() as connection:
        return _version(connection, database.label)


def _version(connection: Connection, label: str) -> int | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    found = None
    if {"meta", "collections", "faces", "changes"} <= set(tables):
        found = connection.scalar(select(meta.c.value).where(meta.c.key == "schema"))
    if found is not None and found.startswith(COPYING):
        raise CatalogueIncompatible(
            f"{label} holds a part of another catalogue. Finish the copy by running the same "
            "rollcall catalogue migrate again, or empty the database."
        )
    if found is None or not found.isdecimal():
        raise CatalogueIncompatible(
            f"{label} is a database, but not a Rollcall catalogue. "
            "Set ROLLCALL_CATALOGUE_URL or the home folder to another place."
        )
    if int(found) > VERSION:
        raise CatalogueIncompatible(
            f"{label} has schema version {found}; this Rollcall knows versions up to {VERSION}. "
            "Install the newer Rollcall that wrote it."
        )
    return int(found)


def _make(connection: Connection, version: str, keyring: Keyring) -> None:
    metadata.create_all(connection, tables=TABLES)
    keyring.begin(connection)
    rows = [{"key": "schema", "value": version}, {"key": "epoch", "value": str(uuid4())}]
    connection.execute(insert(meta), rows)


def _spell(connection: Connection) -> None:
    """Write down how names are sought that are not sought as they are folded."""
    rows = connection.execute(text("SELECT id, name, folded FROM people")).all()
    changed = [
        {"id": row.id, "sought": form} for row in rows if (form := sought(row.name)) != row.folded
    ]
    if changed:
        connection.execute(text("UPDATE people SET sought = :sought WHERE id = :id"), changed)


def _find_parts(connection: Connection) -> None:
    """Write down of which photos parts are: of one that lies at the same path, as far as is known.

    A part's hash is made of its photo's and its box, so a photo is known by trying.
    """
    held: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for table in ("photos", "event_photos", "unknowns"):
        rows = connection.execute(text(f"SELECT collection_id, photo, sha256 FROM {table}"))
        for collection_id, path, sha256 in rows:
            held[collection_id, path].add(sha256)
    query = "SELECT photos.id, photos.collection_id, photo, sha256, box FROM photos"
    faces = connection.execute(text(f"{query} JOIN faces ON faces.photo_id = photos.id"))
    found = [
        {"id": row.id, "photo": photo}
        for row in faces
        for photo in held[row.collection_id, row.photo] - {row.sha256, None}
        if part_sha256(photo, from_bytes(row.box)) == row.sha256
    ]
    if found:
        connection.execute(text("UPDATE photos SET photo_sha256 = :photo WHERE id = :id"), found)


def _migrate(connection: Connection, version: int) -> None:
    for migration in MIGRATIONS[version - 1 :]:
        migrate(connection, migration, now())
    if version < _SOUGHT_SINCE:
        _spell(connection)
    if version < _PARTS_SINCE:
        _find_parts(connection)
    connection.execute(update(meta).where(meta.c.key == "schema").values(value=str(VERSION)))
