"""Schema versions: how a new catalogue is made and an older one brought up to date.

A new catalogue is made from today's tables at once. An older one passes through `MIGRATIONS`, in
order, inside one transaction; version n is made from version n - 1 by the function at n - 2.

To change the schema: (1) change or add the table in `schema.py`, or in a module of its own on
`schema.metadata`; (2) write a function here, or beside those tables, that makes the same change to
an existing catalogue; (3) append it to `MIGRATIONS`, at the end. Functions that were released are
never edited. A test holds a migrated catalogue to the tables of a new one.
"""

from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import Connection, insert, inspect, select, text, update

from retrieval.catalogue.copying.backup_log import make_backup_log
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.data_keys import Keyring, make_data_keys
from retrieval.catalogue.erasing.erasure_log import make_erasure_log
from retrieval.catalogue.events.tables import make_events
from retrieval.catalogue.http.api_keys import is_keyed, make_keys, mark_keyed, scope_names_of_keys
from retrieval.catalogue.http.audit import add_keys_to_audit, make_audit
from retrieval.catalogue.http.replies import add_claims, make_replies
from retrieval.catalogue.http.sessions import make_sessions
from retrieval.catalogue.index_registry import make_index_log
from retrieval.catalogue.models.other_models import make_other_models
from retrieval.catalogue.models.spaces import make_spaces
from retrieval.catalogue.runs.runs import add_reasons_and_faces, add_runs
from retrieval.catalogue.schema import meta, metadata
from retrieval.catalogue.strangers import make_strangers
from retrieval.errors import AlreadyExists, CatalogueIncompatible

MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    add_runs,
    make_keys,
    make_audit,
    make_replies,
    make_spaces,
    make_erasure_log,
    make_backup_log,
    make_strangers,
    make_other_models,
    make_data_keys,
    make_index_log,
    add_reasons_and_faces,
    make_events,
    scope_names_of_keys,
    add_keys_to_audit,
    add_claims,
    make_sessions,
)
VERSION = 1 + len(MIGRATIONS)
COPYING = "copying-"  # in place of the version, while rows of another catalogue come in

_LOCK = 0x526F6C6C63616C6C  # "Rollcall": PostgreSQL's advisory lock for making and migrating


def prepare(database: Database) -> None:
    """Make the catalogue if it is empty, migrate it if it is older.

    Raises:
        CatalogueIncompatible: written by a newer Rollcall, or by something else.
    """
    with database.reading() as connection:
        version = _version(connection, database.label)
    database.use_wal()
    if version == VERSION:
        return
    with database.writing() as connection:
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

    That keys were made once is true of the copy as of its source.
    """
    if is_keyed(source):
        mark_keyed(connection)
    for key, value in (("schema", str(VERSION)), ("epoch", epoch)):
        connection.execute(update(meta).where(meta.c.key == key).values(value=value))


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
    metadata.create_all(connection)
    keyring.begin(connection)
    rows = [{"key": "schema", "value": version}, {"key": "epoch", "value": str(uuid4())}]
    connection.execute(insert(meta), rows)


def _migrate(connection: Connection, version: int) -> None:
    for migration in MIGRATIONS[version - 1 :]:
        migration(connection)
    connection.execute(update(meta).where(meta.c.key == "schema").values(value=str(VERSION)))
