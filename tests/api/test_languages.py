"""The pages' languages: every text is in each catalogue, and the browser says which is shown."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from fastapi.testclient import TestClient

from retrieval.api.web import languages
from retrieval.api.web.languages import LANGUAGES, catalogue, script_messages, spoken_by

WEB = Path(languages.__file__).parents[1]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "t": None, "n": (1, 2)}
HTML = {"Accept": "text/html"}


def texts_of_pages() -> Catalog:
    """What templates and scripts say, as `make messages` finds it."""
    with (WEB / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file, filename="babel.cfg")
    found = Catalog()
    for _, _, message, _, _ in extract_from_dir(WEB, methods, options, keywords=KEYWORDS):
        found.add(message)
    return found


def strings(of: str | tuple[str, ...] | list[str]) -> list[str]:
    return [of] if isinstance(of, str) else list(of)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_text_of_the_pages_is_translated_and_no_other(language: str) -> None:
    wanted = {tuple(strings(message.id)) for message in texts_of_pages() if message.id}
    known = {tuple(strings(message.id)): message for message in catalogue(language) if message.id}
    assert known.keys() == wanted, "run `make messages`, and translate what is new"
    missing = [text for text, message in known.items() if not all(strings(message.string))]
    assert missing == []
    assert [text for text, message in known.items() if message.fuzzy] == []


def test_no_text_of_a_script_is_passed_over() -> None:
    # A text within the parentheses of another is not found: it must have a line of its own.
    found = {text for message in texts_of_pages() for text in strings(message.id)}
    for path in (WEB / "static").glob("*.js"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("//")]
        said = set(re.findall(r'\b[tn]\("([^"]+)"', "\n".join(lines)))
        assert said <= found, path.name


def test_no_page_writes_a_number_as_one_language_does() -> None:
    # `number` and `decimal` do it in the page's; the figures of a drawing are rounded.
    for path in (*(WEB / "static").glob("*.js"), *(WEB / "templates").glob("*.html")):
        assert not re.findall(r"\.toFixed\(|%\.\d+f", path.read_text()), path.name


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_translations_keep_what_is_filled_in_and_the_marks_of_html(language: str) -> None:
    blank = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w+")
    for message in catalogue(language):
        if message.id:
            wanted = {each for text in strings(message.id) for each in blank.findall(text)}
            found = {each for text in strings(message.string) for each in blank.findall(text)}
            assert found == wanted, message.id


@pytest.mark.parametrize(
    ("accepted", "chosen", "spoken"),
    [
        ("", None, "en"),
        ("de", None, "de"),
        ("de-AT,de;q=0.9,en;q=0.8", None, "de"),
        ("fr,en;q=0.5,de;q=0.3", None, "en"),
        ("fr", None, "en"),
        ("de", "en", "en"),
        ("en", "de", "de"),
        ("en", "xx", "en"),
        ("de;q=nonsense,;;,", None, "en"),
    ],
)
def test_a_page_speaks_what_was_chosen_else_what_the_browser_asks_for(
    accepted: str, chosen: str | None, spoken: str
) -> None:
    assert spoken_by(accepted, chosen) == spoken


def test_a_page_and_its_scripts_speak_german(client: TestClient) -> None:
    page = client.get("/", headers={**HTML, "Accept-Language": "de-CH"})
    assert page.headers["content-language"] == "de"
    assert '<html lang="de"' in page.text
    assert "Anlässe" in page.text
    found = re.search(r'data-messages="([^"]+)"', page.text)
    assert found is not None
    assert client.get(found[1]).json() == script_messages("de")
    assert "data-messages" not in client.get("/", headers=HTML).text
