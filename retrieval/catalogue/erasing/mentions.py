"""Where a person's name stands in documents: taken out of them when the person is deleted.

A name counts where it is a whole text, a part of a path (photos lie in a folder a person), or in
quotes, as messages give it.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, cast, false, or_

GONE = "(deleted)"
_OWN_WORDS = frozenset({"decision", "reason", "outcome", "code"})  # of ours, never of a user's


class Mentions:
    """Mentions of one person, under all names that the person has had."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        longest_first = sorted(map(re.escape, self._names), key=len, reverse=True)
        quote = r"""[/\\'"]"""
        self._pattern = re.compile(
            rf"(?:(?<=^)|(?<={quote}))(?:{'|'.join(longest_first)})(?=$|{quote})"
        )

    def possible(self, column: Column[Any]) -> ColumnElement[bool]:
        """Rows whose document or text may mention the person; a look at it decides."""
        text = cast(column, Text)
        return or_(false(), *(text.contains(form, autoescape=True) for form in self._forms()))

    def taken_out_of_json(self, text: bytes) -> bytes | None:
        """The same JSON text without the names, None where it is no JSON or has none of them."""
        if not any(form.encode() in text for form in self._forms()):
            return None
        try:
            document = json.loads(text)
        except ValueError:
            return None
        left = self.taken_out(document)
        return None if left == document else json.dumps(left, ensure_ascii=False).encode()

    def taken_out(self, document: Any) -> Any:
        """The same document (JSON values) without the names."""
        if isinstance(document, str):
            return self._pattern.sub(GONE, document)
        if isinstance(document, list):
            return [self.taken_out(each) for each in document]
        if isinstance(document, dict):
            return {
                key: value if key in _OWN_WORDS else self.taken_out(value)
                for key, value in document.items()
            }
        return document

    def _forms(self) -> list[str]:
        """The names as texts and documents spell them."""
        dumped = {
            json.dumps(name, ensure_ascii=escaped)[1:-1]
            for name in self._names
            for escaped in (True, False)
        }
        return sorted(self._names | dumped)
