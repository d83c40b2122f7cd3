"""Where a person's name stands in documents: taken out of them when the person is deleted.

In a path that work depends on, a name counts where it is a whole text, a part of the path (photos
lie in one folder per person), or in quotes, as messages give it. In what is only read, as answers
and messages are, it counts wherever it is a word of its own, unless that is a part of somebody
else's name.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, Text, cast, select, update

from retrieval.catalogue.erasing.texts import Texts

GONE = "(deleted)"
# Of ours, never of a user's.
_OWN_WORDS = frozenset({"decision", "reason", "outcome", "code", "collection"})
_QUOTE = r"""[/\\'"]"""


class Mentions:
    """Mentions of people, under all names that they have had.

    Args:
        names: of those who are meant.
        others: names of other people, in which one of those may stand as a word.
    """

    def __init__(self, names: Iterable[str], others: Iterable[str] = ()) -> None:
        self.names, self._others = frozenset(names), frozenset(others)
        whole = _any_of(self.names)
        self._pattern = re.compile(rf"(?:(?<=^)|(?<={_QUOTE}))(?:{whole})(?=$|{_QUOTE})")
        words = _any_of(self.names | self._others)
        self._words = re.compile(rf"(?<!\w)(?:{words})(?!\w)")
        self._texts = Texts(self.forms())

    def but(self, own: Iterable[str]) -> "Mentions":
        """The same of all names but those, which are others' own."""
        kept = frozenset(own)
        return Mentions(self.names - kept, self._others | kept) if kept else self

    def possible(self, column: Column[Any]) -> ColumnElement[bool]:
        """Rows whose document or text may mention the person; a look at it decides."""
        return self._texts.stand_in(cast(column, Text))

    def possible_in_bytes(self, column: Column[Any], dialect: str) -> ColumnElement[bool]:
        """The same of a column of bytes."""
        return self._texts.stand_in_bytes(column, dialect)

    def stand_in(self, text: str) -> bool:
        """Whether one of the names is a word of the text."""
        return any(found.group() in self.names for found in self._words.finditer(text))

    def taken_out_of_json(self, text: bytes) -> bytes | None:
        """The same JSON text without the names, None where it is no JSON or has none of them."""
        if not any(form.encode() in text for form in self.forms()):
            return None
        try:
            document = json.loads(text)
        except ValueError:
            return None
        left = self.taken_out_of_words(document)
        return None if left == document else json.dumps(left, ensure_ascii=False).encode()

    def taken_out(self, document: Any) -> Any:
        """The same document (JSON values) without the names, where paths must stay paths."""
        return _mapped(document, lambda text: self._pattern.sub(GONE, text))

    def taken_out_of_words(self, document: Any) -> Any:
        """The same document (JSON values) without the names, wherever they are words."""

        def without(text: str) -> str:
            return self._words.sub(
                lambda found: GONE if found.group() in self.names else found.group(), text
            )

        return _mapped(document, without)

    def take_out_of(
        self, connection: Connection, table: Table, column: str, mine: ColumnElement[bool]
    ) -> None:
        """Take the names out of a column of these rows, wherever they are words."""
        told = table.c[column]
        query = select(table.c.id, told).where(mine, self.possible(told))
        for row_id, document in connection.execute(query).all():
            left = {column: self.taken_out_of_words(document)}
            connection.execute(update(table).where(table.c.id == row_id).values(left))

    def forms(self) -> list[str]:
        """The names as texts and documents spell them."""
        dumped = {
            json.dumps(name, ensure_ascii=escaped)[1:-1]
            for name in self.names
            for escaped in (True, False)
        }
        return sorted(self.names | dumped)


def _any_of(names: Collection[str]) -> str:
    """A pattern of these names, the longest first; of nothing at all where there are none."""
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or r"(?!)"


def _mapped(document: Any, change: Callable[[str], str]) -> Any:
    if isinstance(document, str):
        return change(document)
    if isinstance(document, list):
        return [_mapped(each, change) for each in document]
    if isinstance(document, dict):
        return {
            key: value if key in _OWN_WORDS else _mapped(value, change)
            for key, value in document.items()
        }
    return document
