"""What the service says of errors and settings, in a page's language, sentence by sentence.

The API speaks English to programs; pages show the same sentences in the viewer's language. Their
catalogue (`LANGUAGE/service.po`) holds sentences with `{1}`, `{2}` where values stand. A message
one of whose sentences is not known stays as it is.
"""

import re
from functools import cache

from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol

from retrieval.api.web.languages import catalogue_path

_PLACE = re.compile(r"\{(\d+)\}")
_BETWEEN = re.compile(r"(?<=[.!?;])\s+")  # sentences, and halves of them

Words = list[tuple[str, str]]  # an expression that a sentence fits, and the sentence's translation


@cache
def service_words(language: str) -> Words:
    """The sentences of a language, those with the most letters of their own first."""
    path = catalogue_path(language, "service")
    if not path.exists():
        return []
    with path.open("rb") as file:
        found = [(str(m.id), str(m.string)) for m in read_po(file) if m.id and m.string]
    found.sort(key=lambda pair: -len(_PLACE.sub("", pair[0])))
    return [(_expression(sentence), translation) for sentence, translation in found]


def told(message: str, language: str) -> str:
    """A message in a language, as far as all of its sentences are known."""
    words, point = service_words(language), get_decimal_symbol(language)
    parts = [_translated(part, words, point) for part in _BETWEEN.split(message)]
    if None not in parts:
        return " ".join(map(str, parts))
    return _translated(message, words, point) or message  # a value may hold sentences


def _translated(sentence: str, words: Words, point: str) -> str | None:
    for expression, translation in words:
        found = _compiled(expression).fullmatch(sentence)
        if found is not None:
            values = [
                _translated(each, words, point) or _figure(each, point) for each in found.groups()
            ]
            parts = _PLACE.split(translation)  # text and numbers of values in turn
            parts[1::2] = [values[int(number) - 1] for number in parts[1::2]]
            return "".join(parts)
    return None


def _figure(value: str, point: str) -> str:
    """A value; what was measured has the language's point."""
    return value.replace(".", point) if re.fullmatch(r"\d+\.\d+", value) else value


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.DOTALL)


def _expression(sentence: str) -> str:
    """An expression of Python's and JavaScript's alike."""
    parts = _PLACE.split(sentence)[::2]
    return "([^]*?)".join(map(_escaped, parts)).replace("[^]", r"[\s\S]")


def _escaped(text: str) -> str:
    return re.sub(r"[.*+?^${}()|[\]\\]", r"\\\g<0>", text)
