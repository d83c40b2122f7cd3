"""The languages of the pages: English is the texts' own, others are catalogues of gettext.

`make messages` collects the texts of templates and scripts into the catalogues. They are read as
they are edited (`LANGUAGE/messages.po`): nothing is compiled before the service starts.
"""

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("en", "de")
COOKIE = "rollcall_language"
_FOLDER = Path(__file__).resolve().parent

ScriptMessages = dict[str, str | list[str]]


def catalogue_path(language: str, name: str) -> Path:
    """Where a catalogue of a language lies, if there is one."""
    return _FOLDER / language / f"{name}.po"


@cache
def catalogue(language: str) -> Catalog:
    """The catalogue of a language; an empty one of English."""
    path = catalogue_path(language, "messages")
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


@cache
def translations(language: str) -> NullTranslations:
    """What templates are translated with."""
    if language == LANGUAGES[0]:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def script_messages(language: str) -> ScriptMessages:
    """What scripts are translated with: text, or forms by number, by the English text."""
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            message.string if isinstance(message.string, str) else list(message.string)
        )
        for message in catalogue(language)
        if message.id and message.string
    }


def spoken_by(accepted: str, chosen: str | None) -> str:
    """The language for somebody.

    Args:
        accepted: the `Accept-Language` header.
        chosen: what they chose on a page, if anything.
    """
    if chosen in LANGUAGES:
        return chosen
    weighted = []
    for number, entry in enumerate(accepted.split(",")[:20]):
        name, _, weight = entry.partition(";q=")
        try:
            weighted.append((-float(weight or 1), number, name.strip()))
        except ValueError:
            continue
    wanted = [name for _, _, name in sorted(weighted)]
    return negotiate_locale(wanted, LANGUAGES, sep="-") or LANGUAGES[0]


def name_of(language: str) -> str:
    """What a language is called by those who speak it."""
    return (Locale.parse(language).get_display_name(language) or language).capitalize()
