"""Which rows and files still name somebody who is deleted: for the receipt, which tells of them."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    or_,
    select,
    true,
)

from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.erasing.searching import Look, traces
from retrieval.catalogue.former_names import edits_naming
from retrieval.catalogue.http.replies import replies
from retrieval.catalogue.runs.run_rows import run_photos, runs
from retrieval.catalogue.schema import collections, journal, metadata
from retrieval.values import counted

# Where names of others stand: of people who are still enrolled, of keys, of models.
_NOT_THEIRS = {
    ("people", "name"),
    ("people", "folded"),
    ("collections", "*"),
    ("meta", "*"),
    ("keys", "*"),
    ("users", "*"),
    ("sessions", "*"),
    ("audit", "who"),
    ("replies", "who"),
    ("photos", "photo_sha256"),  # of a part, which is another person
}
_TEXT_IN_BYTES = (run_photos.c.path, replies.c.body)
_MOST_BYTES = 1 << 28  # of a file that may be read as text


def rows_naming(connection: Connection, collection_id: int, mentions: Mentions) -> list[str]:
    """Where rows of a collection name a person: `events.name (2 rows)`.

    Every column with text is looked at, whichever table has it; tables that belong to no collection
    are looked at as a whole.
    """
    found = []
    for table in metadata.sorted_tables:
        columns = [column for column in table.columns if _has_text(column)]
        if table is journal:
            found += _told(
                {"journal.document": len(edits_naming(connection, collection_id, mentions))}
            )
        elif columns:
            any_of = or_(*(_possible(connection, mentions, column) for column in columns))
            query = select(*columns).where(any_of, _of_collection(table, collection_id))
            counts = {f"{table.name}.{column.name}": 0 for column in columns}
            for row in connection.execute(query.execution_options(yield_per=500)):
                for name, value in zip(counts, row, strict=True):
                    counts[name] += value is not None and mentions.stand_in(_text(value))
            found += _told(counts)
    return found


def _told(counts: Mapping[str, int]) -> list[str]:
    return [f"{name} ({counted(count, 'row')})" for name, count in counts.items() if count]


def files_naming(files: Iterable[Path], home: Path, mentions: Mentions) -> list[Path]:
    """Files below a home folder whose path or whose text names a person.

    Args:
        files: none that a database has open.
        home: what lies above it may be called as it likes.
        mentions: of the person.
    """
    every = list(files)
    named = {path for path in every if mentions.stand_in(str(path.relative_to(home)))}
    forms = [form.encode("utf-8", "surrogateescape") for form in mentions.forms()]
    texts = [path for path in every if path not in named and _is_text(path, home)]
    for path in traces(Look(texts, forms)):
        if path.stat().st_size <= _MOST_BYTES:
            text = path.read_bytes().decode("utf-8", "replace")
            if mentions.stand_in(text) or mentions.stand_in(_unescaped(text)):
                named.add(path)
    return sorted(named)


def folders_naming(home: Path, mentions: Mentions) -> Iterator[Path]:
    """Folders below a home folder that are called as a person is."""
    for path in home.rglob("*"):
        if path.is_dir() and not path.is_symlink() and mentions.stand_in(path.name):
            yield path


def _is_text(path: Path, home: Path) -> bool:
    """Whether it may hold words: photos do not, in which three letters stand by chance."""
    if path.is_relative_to(home / "redis"):
        return True
    with suppress(OSError), path.open("rb") as file:
        return b"\0" not in file.read(4096)
    return False


def _has_text(column: Column[Any]) -> bool:
    table = column.table.name
    if {(table, column.name), (table, "*")} & _NOT_THEIRS:
        return False
    return isinstance(column.type, Text | JSON) or column in set(_TEXT_IN_BYTES)


def _possible(
    connection: Connection, mentions: Mentions, column: Column[Any]
) -> ColumnElement[bool]:
    if isinstance(column.type, LargeBinary):
        return mentions.possible_in_bytes(column, connection.dialect.name)
    return mentions.possible(column)


def _of_collection(table: Table, collection_id: int) -> ColumnElement[bool]:
    """Rows of a collection, by whatever column says so; else all."""
    named = select(collections.c.name).where(collections.c.id == collection_id).scalar_subquery()
    if "collection_id" in table.c:
        return table.c.collection_id == collection_id
    if "collection" in table.c:
        return table.c.collection == named
    if "run_id" in table.c:
        return table.c.run_id.in_(select(runs.c.id).where(runs.c.collection == named))
    return true()


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        text = os.fsdecode(value)
        return f"{text}\0{_unescaped(text)}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unescaped(text: str) -> str:
    """A JSON document's text as it is meant; other text as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text
