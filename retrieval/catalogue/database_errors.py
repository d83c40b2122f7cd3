"""What errors of SQLite, PostgreSQL and the pool of connections mean to a user."""

import logging
import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from retrieval.errors import (
    CatalogueIncompatible,
    CatalogueUnavailable,
    DataInvalid,
    RollcallError,
    StoreError,
    StoreFull,
)

logger = logging.getLogger(__name__)


def primary(error: sqlite3.Error) -> int:
    """SQLite's result code without its extension; 0 where the module itself complained."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def translated(error: Exception, label: str) -> RollcallError:
    """What an error of the driver, or of the pool of connections, means to a user."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _translated_sqlite(cause, label)
    if "NUL (0x00)" in str(cause):  # psycopg has no class of its own for it
        return DataInvalid("A text holds the character NUL, which no name has. Remove it.")
    state = getattr(cause, "sqlstate", None) or ""
    lost = isinstance(error, OperationalError) and not state
    if lost or isinstance(error, PoolTimeout) or state[:2] in _UNAVAILABLE_CLASSES:
        return CatalogueUnavailable(
            f"The catalogue {label} does not answer: {_line(cause)}. "
            "Check that the server runs and can be reached, then try again."
        )
    if state == _DISK_FULL:
        return _full(label)
    return StoreError(f"The catalogue {label} failed: {_line(cause)}. Run rollcall doctor.")


# PostgreSQL, appendix A, classes of errors: connection, authorisation, unknown database,
# transaction rolled back, object in use, operator intervention.
_UNAVAILABLE_CLASSES = {"08", "28", "3D", "40", "55", "57"}


_DISK_FULL = "53100"


def _line(cause: BaseException | None) -> str:
    text = str(cause).strip()
    return text.splitlines()[0].rstrip(".") if text else type(cause).__name__


def _full(label: str) -> StoreFull:
    return StoreFull(
        f"No space is left for the catalogue {label}. "
        "Nothing of this batch was stored; free some space and run it again."
    )


def damaged(label: str, found: str) -> StoreError:
    return StoreError(
        f"The catalogue {label} is damaged: {found}. Copy the file aside, then restore a backup."
    )


def _translated_sqlite(cause: sqlite3.Error, label: str) -> StoreError:
    code = primary(cause)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CatalogueUnavailable(
            f"The catalogue {label} stayed locked by another process. "
            "Wait for it or end it, then try again."
        )
    if code == sqlite3.SQLITE_FULL or getattr(cause, "sqlite_errorname", "") in _FULL_NAMES:
        return _full(label)
    if code == sqlite3.SQLITE_NOTADB:
        return CatalogueIncompatible(
            f"{label} is not an SQLite database. "
            "Set ROLLCALL_CATALOGUE_URL or the home folder to another place."
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return damaged(label, str(cause))
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return CatalogueUnavailable(
            f"The catalogue {label} cannot be opened for writing: {cause}. "
            "Check the folder and its permissions."
        )
    return StoreError(
        f"The catalogue {label} failed: {cause}. Check the disk; run rollcall doctor."
    )


# Growing the WAL's index on a full disk is reported as an I/O error.
_FULL_NAMES = {"SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMMAP"}
