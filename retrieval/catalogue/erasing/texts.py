"""Any number of texts in one SQL statement: whether a column holds one of them.

They are handed over as one JSON document, so that a statement has one shape however many they are.
With one LIKE for each, every number of them makes a statement of its own: a service kept them all
compiled (20 MB after 74 deletions in two collections), and SQLite refuses more than 1,000.
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Texts:
    """Texts that a column may hold.

    Args:
        texts: none of them empty.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        rows = _Elements(literal(json.dumps(list(texts)))).table_valued("value")
        self._text = select(rows.c.value.label("text")).cte("texts").c.text  # read once a statement

    def stand_in(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether one of them is a part of a text, letter by letter."""
        return self._any(_Position(column, self._text))

    def stand_in_bytes(self, column: ColumnElement[bytes], dialect: str) -> ColumnElement[bool]:
        """Whether the UTF-8 form of one of them is a part of bytes."""
        if dialect == "postgresql":  # a cast to bytes would take backslashes for escapes
            return self._any(_Position(column, func.convert_to(self._text, "UTF8")))
        return self._any(_Position(column, cast(self._text, LargeBinary)))

    def _any(self, position: ColumnElement[int]) -> ColumnElement[bool]:
        return select(self._text).where(position > 0).exists()


class _Elements(FunctionElement[Any]):
    """The texts of a JSON list, a row each, in a column `value`."""

    name = "elements"
    inherit_cache = True


class _Position(FunctionElement[int]):
    """Where the second begins in the first, both text or both bytes: from 1; 0 for nowhere."""

    name = "position"
    type = Integer()
    inherit_cache = True


@compiles(_Elements)
def _elements(element: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Elements, "postgresql")
def _elements_of_postgresql(element: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSON))"


@compiles(_Position)
def _position(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Position, "postgresql")
def _position_of_postgresql(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    whole, part = (compiler.process(each, **options) for each in element.clauses)
    return f"position({part} IN {whole})"
