"""Reading an SQLite file beside which no write-ahead log can be made, as it lies.

SQLite's write-ahead log needs a file beside the catalogue even to read. Where none can be made, on
a medium that is mounted for reading or a disk without a free byte, the file is read without one
(`immutable`), as long as no log is there: one that holds anything says that the file alone is not
the truth, or that somebody writes.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine

from retrieval.errors import CatalogueUnavailable


class AsItLies:
    """An SQLite file that is read without a log; each transaction opens it anew."""

    def __init__(self, path: Path, set_up: Callable[[Engine], Engine]) -> None:
        """Prepare to read.

        Args:
            path: of the file.
            set_up: makes an engine one of the catalogue's.
        """
        self._path = path
        located = f"file:{quote(str(path.absolute()))}"
        query = {"mode": "ro", "immutable": "1", "uri": "true"}
        url = URL.create("sqlite", database=located, query=query)
        self._engine = set_up(create_engine(url, poolclass=NullPool))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of the file.

        Raises:
            CatalogueUnavailable: somebody wrote meanwhile.
        """
        before = self._state()
        with self._engine.begin() as connection:
            yield connection
        if self._state() != before or not can_be_read_alone(self._path):
            raise CatalogueUnavailable(
                f"The catalogue {self._path} changed while it was read. Try again."
            )

    def _state(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns


def is_frozen(path: Path) -> bool:
    """Whether nothing can be written beside an SQLite file, and nobody has it open."""
    return path.is_file() and not os.access(path.parent, os.W_OK) and can_be_read_alone(path)


def can_be_read_alone(path: Path) -> bool:
    """Whether an SQLite file is the whole truth: no log with anything in it lies beside it."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size == 0
    except FileNotFoundError:
        return path.is_file()
