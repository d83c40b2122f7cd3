"""The database under the catalogue: connections, transactions, and what its errors mean.

SQLite runs in WAL mode with `synchronous=FULL`: a commit is on the disk before it is reported, so
neither SIGKILL nor a power cut takes it back. NORMAL would be faster and survive SIGKILL, but after
a power cut an index snapshot could know face ids that the catalogue hands out again. A write begins
with BEGIN IMMEDIATE, so writers follow each other and `seq` is committed in its own order. On
PostgreSQL a writer locks its collection's row first, to the same effect, and a read transaction is
REPEATABLE READ.

Where no write-ahead log can be made, SQLite's file is read as it lies (`as_it_lies`), until
somebody can write again.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from retrieval.catalogue.as_it_lies import AsItLies, can_be_read_alone, is_frozen
from retrieval.catalogue.database_errors import damaged, primary, translated
from retrieval.catalogue.encrypted.data_keys import Keyring
from retrieval.catalogue.encrypted.encoding import CODEC
from retrieval.errors import (
    CatalogueUnavailable,
    DataInvalid,
    SettingInvalid,
)
from retrieval.files.keys import UserKeySource
from retrieval.files.private import make_folder

T = TypeVar("T")
Companion = Callable[[Connection, Any], None]

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 30.0
_SQLITE_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",  # a freed vector is overwritten with zeros
)

_SECRETS = {"password", "sslpassword"}  # of libpq: shown where they stand in a query


class Database:
    """One database and its transactions. Safe to share between threads, not across a fork."""

    def __init__(
        self,
        url: str | Path,
        timeout_s: float = BUSY_TIMEOUT_S,
        user_key: UserKeySource | None = None,
    ) -> None:
        """Prepare to connect; nothing is read yet.

        Args:
            url: the path of an SQLite file, or an SQLAlchemy URL: sqlite:////folder/catalogue.db
                or postgresql://host/name. A path may hold what a URL would have to escape.
            timeout_s: how long another's lock, or a server's answer, is waited for.
            user_key: gives the key of a catalogue that is encrypted; None for one that is not.

        Raises:
            SettingInvalid: no such URL, or its driver is not installed.
            CatalogueUnavailable: the folder of an SQLite file cannot be made.
        """
        parsed = _parse(url)
        self._timeout_s = timeout_s
        self._thread = threading.local()
        self.label = parsed.render_as_string(hide_password=True)
        self.path = Path(parsed.database or "") if _is_sqlite(parsed) else None
        self.keyring = Keyring(user_key)
        self._lying: AsItLies | None = None
        if self.path is not None and is_frozen(self.path):
            self._lying = AsItLies(self.path, self._of_sqlite)
        elif self.path is not None:
            _make_private_file(self.path)
        try:
            engine = create_engine(
                parsed,
                connect_args=_connect_args(parsed, timeout_s),
                pool_pre_ping=self.path is None,  # a server may have been restarted meanwhile
            )
        except (NoSuchModuleError, ModuleNotFoundError) as exc:
            raise SettingInvalid(
                f"No driver for the catalogue {self.label}: {exc}. "
                "For PostgreSQL install rollcall[postgres]."
            ) from exc
        if self.path is not None:
            engine = self._of_sqlite(engine)
            self._reader = engine
            self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        else:
            engine = engine.execution_options(**{CODEC: self.keyring})
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ")
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")
        self._engine = engine

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        self._engine.dispose()

    @property
    def file_bytes(self) -> int:
        """Size of SQLite's file and its log; 0 on a server."""
        if self.path is None:
            return 0
        both = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(each.stat().st_size for each in both if each.exists())

    @property
    def is_read_as_it_lies(self) -> bool:
        """Whether nothing can be written now, since no log can be made."""
        return self._lying is not None

    def read_as_it_lies(self) -> bool:
        """Read SQLite's file without a log from now on, where that shows all; whether it does."""
        if self.path is None or not can_be_read_alone(self.path):
            return False
        self._lying = AsItLies(self.path, self._of_sqlite)
        return True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of the database."""
        if self.path is not None and self._lying and not can_be_read_alone(self.path):
            self._lying = None  # somebody writes again
        transaction = self._lying.reading() if self._lying else self._reader.begin()
        with self._errors_translated(), transaction as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is committed at the end, or leaves nothing."""
        with self._errors_translated(), self._writer.begin() as connection:
            self._lying = None  # it could be begun, so there is a log
            yield connection

    @contextmanager
    def rebuilding(self) -> Iterator[Connection]:
        """One writing transaction in which a table that others refer to can be written anew.

        SQLite would delete the rows that refer to a dropped table; a pragma, which it heeds only
        outside of transactions, keeps it from that.

        Source: sqlite.org/lang_altertable.html, section 7.
        """
        with self._errors_translated(), self._writer.connect() as connection:
            raw = connection.connection.driver_connection
            if self.path is not None and raw is not None:
                raw.execute("PRAGMA foreign_keys = OFF")
            try:
                with connection.begin():
                    yield connection
            finally:
                if self.path is not None and raw is not None:
                    raw.execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def accompanied(self, by: Companion) -> Iterator[None]:
        """Have each edit that this thread makes meanwhile written down in its own transaction.

        Args:
            by: is called with the edit's connection and what the edit returned, before it is
                committed; if it fails, so does the edit. Those who accompany it already do so too.
        """
        before: tuple[Companion, ...] = getattr(self._thread, "companions", ())
        self._thread.companions = (*before, by)
        try:
            yield
        finally:
            self._thread.companions = before

    def edited(self, connection: Connection, edit: T) -> T:
        """Tell whoever accompanies this thread's edits of one; returns the edit."""
        for companion in getattr(self._thread, "companions", ()):
            companion(connection, edit)
        return edit

    def use_wal(self) -> None:
        """Turn SQLite's write-ahead log on, once in the life of a file."""
        if self.path is None or self._lying:
            return
        deadline = time.monotonic() + self._timeout_s
        with self._errors_translated():
            while self._pragma("journal_mode")[0] != "wal":
                try:
                    self._pragma("journal_mode = WAL")
                except sqlite3.OperationalError as exc:
                    # Needs the file for itself; SQLite does not wait for that by its own timeout.
                    if primary(exc) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def empty_wal(self, timeout_s: float) -> bool:
        """Move SQLite's write-ahead log into the database and truncate it to nothing.

        Returns:
            Whether that was possible within the time; a reader's open transaction forbids it.
            PostgreSQL's log is not ours to empty: always True.
        """
        if self.path is None:
            return True
        with self._errors_translated():
            busy = self._pragma("wal_checkpoint(TRUNCATE)", timeout_s)[0]
        return not busy

    def compact(self) -> None:
        """Write SQLite's file anew, without what rows have left behind; others go on meanwhile.

        A server does that itself, see docs/encryption.md.

        Raises:
            StoreFull: it takes the file's size once more, twice for a moment.
            CatalogueUnavailable: another process wrote all the time.
        """
        if self.path is None:
            return
        connection = self._engine.raw_connection()
        try:
            with self._errors_translated():
                connection.cursor().execute("VACUUM")
        finally:
            connection.close()

    def copy_to(self, path: Path) -> None:
        """Copy SQLite's database as it is at one moment, while others write: its online backup.

        Args:
            path: of a file that is not there yet.

        Raises:
            StoreFull: no space is left for the copy.
            StoreError: it cannot be written.
        """
        _make_private_file(path)
        try:
            with self.reading() as connection, closing(sqlite3.connect(path)) as copy:
                source: Any = connection.connection.driver_connection
                source.backup(copy)  # in one step, so from one state
        except sqlite3.Error as exc:
            raise translated(exc, str(path)) from exc

    def check(self) -> None:
        """Let SQLite look through every page; on a server, see that it answers.

        Raises:
            StoreError: the file is damaged, or a row refers to one that is not there.
        """
        with self.reading() as connection:
            if self.path is None:
                connection.execute(text("SELECT 1"))
                return
            found = connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars().all()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if orphans:
            found = [f"{len(orphans)} rows refer to rows that are not there"]
        if found != ["ok"]:
            raise damaged(self.label, "; ".join(found))

    def _of_sqlite(self, engine: Engine) -> Engine:
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine.execution_options(begin="BEGIN", **{CODEC: self.keyring})

    def _pragma(self, pragma: str, timeout_s: float | None = None) -> tuple[Any, ...]:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            if timeout_s is not None:
                cursor.execute(f"PRAGMA busy_timeout = {round(timeout_s * 1000)}")
            row: tuple[Any, ...] = cursor.execute(f"PRAGMA {pragma}").fetchone()
            cursor.execute(f"PRAGMA busy_timeout = {round(self._timeout_s * 1000)}")
            cursor.close()
            return row
        finally:
            connection.close()

    @contextmanager
    def _errors_translated(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout, sqlite3.Error) as exc:
            raise translated(exc, self.label) from exc
        except OverflowError as exc:  # sqlite3's own, of a number beyond 64 bits
            raise DataInvalid("A number is larger than any in the catalogue. Check it.") from exc


def _parse(url: str | Path) -> URL:
    if isinstance(url, Path):
        return URL.create("sqlite", database=str(url))
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise SettingInvalid(
            "The catalogue's URL cannot be read; expected sqlite:////folder/catalogue.db "
            "or postgresql://user@host/name."
        ) from exc
    if _is_sqlite(parsed) and parsed.database in (None, "", ":memory:"):
        raise SettingInvalid(
            f"The catalogue needs a file; found {parsed}. Use sqlite:////folder/catalogue.db."
        )
    if "@" in (parsed.host or "") or _SECRETS & parsed.query.keys():
        raise SettingInvalid(
            "The catalogue's URL holds its password where messages would show it. Write"
            " postgresql://user:password@host/name, with %40 for @ and %2F for / in the password."
        )
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _connect_args(url: URL, timeout_s: float) -> dict[str, Any]:
    if _is_sqlite(url):
        return {"timeout": timeout_s}
    return {"connect_timeout": max(2, round(timeout_s))}  # libpq's smallest


def _make_private_file(path: Path) -> None:
    """Make the file readable by its owner alone; SQLite gives its WAL the same rights.

    An existing file is not opened: closing it would drop the locks that this process's other
    connections hold on it (POSIX), and another process would then remove the WAL under them.
    """
    try:
        make_folder(path.parent)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as exc:
        raise CatalogueUnavailable(
            f"The catalogue {path} cannot be opened: {exc.strerror}. "
            "Check the folder and its permissions."
        ) from exc


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # pysqlite begins no transactions of its own
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options()["begin"])
