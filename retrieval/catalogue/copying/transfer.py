"""Rows from one database to another, SQLite or PostgreSQL, either way.

`bring_over` makes the target's rows those of the source, table by table: it compares every row,
column by column, takes away what differs and adds what is missing. So it needs no memory of where
it was: after an interruption it finds what is there, and when it changes nothing, every row was
verified. Ids stay as they are, and the highest id that was ever given out comes along, so that the
target uses none twice.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    text,
    tuple_,
)

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.database import Database
from retrieval.catalogue.migrations import begin_copy, finish_copy
from retrieval.catalogue.schema import chunks, meta, metadata
from retrieval.errors import CatalogueUnavailable, NotFound

ROWS = 2_000  # rows a step: a transaction of the target's when a catalogue moves
_ROUNDS = 5  # while the source changes; each brings over only what changed since the one before

Key = tuple[Any, ...]
Values = tuple[Any, ...]  # of a row
Writing = Callable[[], AbstractContextManager[Connection]]
Progress = Callable[[str, int], None]  # a table's name, rows that were looked at
Translate = Callable[[Connection, Table, list[dict[str, Any]]], None]  # changes rows to be added

TABLES: tuple[Table, ...] = tuple(
    table for table in metadata.sorted_tables if table is not meta
)  # referenced ones first


@dataclass(frozen=True, slots=True)
class Tally:
    """What a copy did.

    Attributes:
        rows: of the source.
        added, removed: rows of the target.
    """

    rows: int
    added: int
    removed: int

    @property
    def changed(self) -> bool:
        """Whether the target was not what the source is."""
        return bool(self.added or self.removed)


def migrate(
    source: Catalogue, url: str | Path, progress: Progress = lambda table, n: None
) -> Tally:
    """Copy a catalogue into an empty database, until a whole comparison finds no difference.

    The source may be in use; if it never stands still for a round, its users must stop. The copy
    begins with an epoch of its own, since the source may live on: indexes are rebuilt. Until it is
    whole nobody can open it; when interrupted, the same call goes on with what is there.

    Args:
        source: opened.
        url: as for `Catalogue.open`.
        progress: is told how far it is.

    Raises:
        NotFound: the source holds no collection.
        AlreadyExists: the target is in use.
        CatalogueUnavailable: one of the two does not answer, or the source did not stand still.
    """
    if not source.collections():
        raise NotFound(f"{source.url} holds no collection: nothing to copy. Check the URL.")
    target = Database(url)
    try:
        with target.writing() as connection:
            begin_copy(connection, target.label)
        target.use_wal()
        added = removed = 0
        for _ in range(_ROUNDS):
            with source._database.reading() as rows:
                tally = bring_over(rows, target.writing, TABLES, progress)
                used = last_ids(rows)
                with target.writing() as connection:
                    keep_last_ids(connection, used)
                    if not tally.changed:
                        finish_copy(connection, str(uuid4()), rows)
            if not tally.changed:
                return Tally(tally.rows, added, removed)
            added, removed = added + tally.added, removed + tally.removed
    finally:
        target.close()
    raise CatalogueUnavailable(
        f"{source.url} changed while it was copied, {_ROUNDS} times over. Stop whoever writes to "
        "it (rollcall serve, workers, enrolments) and run the same command again: it goes on."
    )


def copy_catalogue(source: Catalogue, path: Path) -> None:
    """Copy a catalogue, as it is at one moment, into an SQLite file of its own.

    Args:
        source: on SQLite or PostgreSQL; others go on writing.
        path: of a file that is not there yet.

    Raises:
        StoreFull: no space is left for the copy.
    """
    if source._database.path is not None:
        source._database.copy_to(path)
        return
    target = Database(path)
    try:
        with source._database.reading() as rows, target.writing() as connection:
            begin_copy(connection, target.label)
            bring_over(rows, lambda: nullcontext(connection), TABLES)
            keep_last_ids(connection, last_ids(rows))
            epoch = select(meta.c.value).where(meta.c.key == "epoch")
            finish_copy(connection, rows.execute(epoch).scalar_one(), rows)
        target.use_wal()
    finally:
        target.close()


def bring_over(
    source: Connection,
    target: Writing,
    tables: Sequence[Table],
    progress: Progress = lambda table, n: None,
    translate: Translate = lambda connection, table, rows: None,
) -> Tally:
    """Make the target's rows those of the source.

    Args:
        source: a transaction that sees one state.
        target: begins a transaction; one a table or a step, or always the same one.
        tables: referenced ones first.
        progress: is told how far it is.
        translate: changes rows before they are added to the target.
    """
    removed = sum(_remove_what_differs(source, target, table) for table in reversed(tables))
    rows = added = 0
    for table in tables:
        for looked_at, new in _add_what_is_missing(source, target, table, translate):
            rows, added = rows + looked_at, added + new
            progress(table.name, looked_at)
    return Tally(rows, added, removed)


def _remove_what_differs(source: Connection, target: Writing, table: Table) -> int:
    """Take away rows that the source does not have, or has otherwise."""
    with target() as connection:
        doomed = [
            key for rows in _steps(connection, table) for key in _differing(source, table, rows)
        ]
        for some in chunks(doomed):
            connection.execute(delete(table).where(_among(table, some)))
    return len(doomed)


def _differing(source: Connection, table: Table, rows: Sequence[Values]) -> list[Key]:
    key_of = _key_of(table)
    found = {key_of(row): row for row in rows}
    query = select(table).where(_near(table, list(found)))
    right = {key_of(row): row for row in _read(source, table, query)}
    return [key for key, row in found.items() if right.get(key) != row]


def _add_what_is_missing(
    source: Connection, target: Writing, table: Table, translate: Translate
) -> Iterator[tuple[int, int]]:
    """Add rows that the target does not have; yields rows looked at and rows added, a step each."""
    key_of = _key_of(table)
    names = list(table.columns.keys())
    for rows in _steps(source, table):
        with target() as connection:
            keys = [key_of(row) for row in rows]
            query = select(*table.primary_key.columns).where(_near(table, keys))
            there = {*_read(connection, table, query)}
            new = [
                dict(zip(names, row, strict=True))
                for key, row in zip(keys, rows, strict=True)
                if key not in there
            ]
            if new:
                translate(connection, table, new)
                _insert(connection, table, new)
        yield len(rows), len(new)


# Tables of many rows have whole numbers as keys, and columns that every driver gives and takes as
# they are. They are read in the order of their keys and written without SQLAlchemy's types, which
# would take several times as long.


def _is_plain(table: Table) -> bool:
    return table.autoincrement_column is not None and not any(
        isinstance(column.type, JSON | Boolean) for column in table.columns
    )


def _steps(connection: Connection, table: Table) -> Iterator[Sequence[Values]]:
    """A table's rows, `ROWS` at a time, never all in memory."""
    if not _is_plain(table):
        query = select(table).execution_options(yield_per=ROWS)
        for part in connection.execute(query).partitions():
            yield [tuple(row) for row in part]
        return
    key = _only_key(table)
    place = list(table.columns).index(key)
    query = select(table).order_by(key).limit(ROWS)
    rows = _read(connection, table, query)
    while rows:
        yield rows
        last = rows[-1][place]
        rows = _read(connection, table, query.where(key > last)) if len(rows) == ROWS else []


def _near(table: Table, keys: Sequence[Key]) -> ColumnElement[bool]:
    """The rows with these keys, or with others between them."""
    if not _is_plain(table):
        return _among(table, keys)
    numbers = [key[0] for key in keys]
    return _only_key(table).between(min(numbers), max(numbers))


def _read(connection: Connection, table: Table, query: Select[Any]) -> list[Values]:
    result = connection.execute(query)
    if _is_plain(table) and result.cursor is not None:
        return [*map(tuple, result.cursor.fetchall())]
    return [tuple(row) for row in result]


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if not _is_plain(table):
        connection.execute(insert(table), rows)
        return
    names = list(table.columns.keys())
    into = f"INSERT INTO {table.name} ({', '.join(column.name for column in table.columns)})"
    if connection.dialect.name == "sqlite":
        values = ", ".join(f":{name}" for name in names)
        connection.exec_driver_sql(f"{into} VALUES ({values})", rows)
        return
    # One statement with a column an array: a row a statement would wait for the server each time.
    kinds = [
        column.type.compile(connection.dialect).partition(" COLLATE ")[0]
        for column in table.columns
    ]
    arrays = ", ".join(f"%({n})s::{kind}[]" for n, kind in zip(names, kinds, strict=True))
    connection.exec_driver_sql(
        f"{into} SELECT * FROM unnest({arrays})",
        {name: [row[name] for row in rows] for name in names},
    )


def _only_key(table: Table) -> Column[Any]:
    (key,) = table.primary_key.columns
    return key


def _key_of(table: Table) -> Callable[[Values], Key]:
    columns = list(table.columns)
    places = [columns.index(column) for column in table.primary_key.columns]
    if len(places) == 1:
        place = places[0]
        return lambda row: (row[place],)
    return itemgetter(*places)


def _among(table: Table, keys: Sequence[Key]) -> ColumnElement[bool]:
    columns = list(table.primary_key.columns)
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)


# Ids that were given out


def last_ids(connection: Connection) -> dict[str, int]:
    """The highest id that each table ever gave out, of rows that are gone as well."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
        return {row.name: row.seq for row in found}
    return {
        name: int(
            connection.exec_driver_sql(
                f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"
            ).scalar_one()
        )
        for name, sequence in _sequences(connection).items()
    }


def keep_last_ids(connection: Connection, used: dict[str, int]) -> None:
    """Let the tables give out only ids above these, and above their own."""
    own = last_ids(connection)
    higher = {name: last for name, last in used.items() if last > own.get(name, 0)}
    if connection.dialect.name == "sqlite":
        rows = [{"name": name, "seq": last} for name, last in higher.items()]
        if rows:
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), rows)
            connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :seq)"), rows)
        return
    sequences = _sequences(connection)
    setting = text("SELECT setval(CAST(:sequence AS regclass), :last)").bindparams(
        bindparam("sequence", type_=String), bindparam("last", type_=BigInteger)
    )
    for name, last in higher.items():
        connection.execute(setting, {"sequence": sequences[name], "last": last})


def _sequences(connection: Connection) -> dict[str, str]:
    """PostgreSQL's sequence of each table that has one, quoted as SQL wants it."""
    named = text("SELECT pg_get_serial_sequence(:table, :column)")
    return {
        table.name: connection.execute(
            named, {"table": table.name, "column": table.autoincrement_column.name}
        ).scalar_one()
        for table in TABLES
        if table.autoincrement_column is not None
    }
