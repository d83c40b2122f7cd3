"""Errors in the viewer's language: every sentence that pages may show, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from fastapi.testclient import TestClient

import retrieval
from retrieval import errors
from retrieval.api.problems import without_commands
from retrieval.api.web.languages import LANGUAGES, catalogue_path
from retrieval.api.web.languages.told import told

ROOT = Path(retrieval.__file__).parent
# What pages may show; the rest of the package speaks to whoever runs the service.
SHOWN = (
    "api/*.py", "api/routes/*.py", "api/web/view.py", "catalogue/events/*.py",
    "catalogue/http/*.py", "catalogue/journal.py", "catalogue/undoing.py",
    "catalogue/face_lookups.py", "catalogue/lookups.py", "catalogue/names.py",
    "catalogue/people_pages.py", "catalogue/strangers.py", "collection/enrolling.py",
    "collection/webhooks.py", "events/album.py", "events/verdicts.py", "faces/given.py",
    "faces/quality.py", "people/*.py", "photos/decode.py", "photos/memory.py",
    "photos/videos.py", "files/sheets.py", "photos/people_list.py",
    "upkeep/findings.py", "upkeep/calibration.py",
)  # fmt: skip
ELSEWHERE = {"ValueError", "HTTPException"}
OWN = {name for name, each in vars(errors).items() if isinstance(each, type)}
MESSAGES = ("message", "_MESSAGES")  # what holds why a photo is not taken
SIGN_ON = ("api/single_sign_on.py", "api/asked_photos.py", "api/routing.py")  # of programs, issuers


def template(node: ast.expr) -> str | None:
    """A text with `{}` where values stand."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w+(![rs])?\}", "{}", node.value)
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)


def sentences(text: str) -> Iterator[str]:
    for part in re.split(r"(?<=[.!?;])\s+", re.sub(r"^\{\} (?=[A-Z])", "", text)):
        if without_commands(part) and re.search("[A-Za-z]{3}", part.replace("{}", "")):
            yield part.strip()


def raised(path: Path) -> set[str]:
    """The sentences of the errors that a module raises, and of why it takes no photo."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    said = [n.exc for n in nodes if isinstance(n, ast.Raise)]
    made = [n.value for n in nodes if isinstance(n, ast.Return)]
    calls = [each for each in said if isinstance(each, ast.Call) and each.args]
    calls += [c for c in made if isinstance(c, ast.Call) and c.args and ast.unparse(c.func) in OWN]
    texts = [template(c.args[0]) for c in calls if ast.unparse(c.func) not in ELSEWHERE]
    for node in nodes:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in MESSAGES:
            value = node.value
            texts += map(template, value.values if isinstance(value, ast.Dict) else [value])
    return {sentence for text in texts if text for sentence in sentences(text)}


def known(language: str) -> set[str]:
    with catalogue_path(language, "service").open("rb") as file:
        found = [(str(message.id), str(message.string)) for message in read_po(file)]
    assert all(translation for sentence, translation in found if sentence)
    return {re.sub(r"\{\d+\}", "{}", sentence) for sentence, _ in found if sentence}


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_error_that_pages_may_show_is_translated(language: str) -> None:
    modules = {path for pattern in SHOWN for path in ROOT.glob(pattern)}
    modules -= {ROOT / name for name in SIGN_ON}
    wanted = set().union(*map(raised, modules))
    missing = wanted - known(language)
    assert not missing, f"add these to {catalogue_path(language, 'service').name}: {missing}"


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_no_translation_is_of_a_sentence_that_nobody_says(language: str) -> None:
    texts = {
        text
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.expr) and (text := template(node))
    }
    said = "\n".join(texts)
    longest = {max(each.split("{}"), key=len).strip(" :,;") for each in known(language)}
    assert not {each for each in longest if each not in said}


@pytest.mark.parametrize(
    ("message", "german"),
    [
        ("merged Ada Bell into Grace", "Ada Bell mit Grace zusammengeführt"),
        ("named 1 unknown face Grace Hall", "1 unbekanntes Gesicht ist jetzt Grace Hall"),
        ("named 6 unknown faces Grace Hall", "6 unbekannte Gesichter sind jetzt Grace Hall"),
        ("moved 2 faces of Ada to Grace", "2 Gesichter von Ada zu Grace verschoben"),
        (
            "the file is damaged (its end is missing); seen until 00:05",
            "Die Datei ist beschädigt (das Ende fehlt); gesehen bis 00:05",
        ),
        (
            "There is no person with id 7 in this collection any more.",
            "Die Person mit der Nummer 7 gibt es in dieser Sammlung nicht mehr.",
        ),
        (
            "ann.jpg: the face cannot be used: too small: 12 px, at least 24 are needed."
            " Take another photo.",
            "ann.jpg: Das Gesicht ist nicht brauchbar: zu klein: 12 px, mindestens 24 sind nötig."
            " Nehmen Sie ein anderes Foto.",
        ),
        (
            "Person 3 is called otherwise now: 'A', not 'B'. Nothing was changed; look again who is"
            " meant.",
            "Die Person 3 heißt inzwischen anders: 'A', nicht 'B'. Nichts wurde geändert; sehen Sie"
            " noch einmal nach, wer gemeint ist.",
        ),
        (
            "There is no picture: {2}. There is no (such) thing.",
            "Es gibt kein Bild: {2}. There is no (such) thing.",
        ),
        (
            "the photo: 2 faces were found and the largest has only 1.1 times the area of the next,"
            " 2 times are needed.",
            "Das Foto: 2 Gesichter wurden gefunden, und das größte hat nur die 1,1-fache Fläche des"
            " nächsten, nötig ist die 2-fache.",
        ),
        (
            "calibrated for FPIR 0.01 on 82 people; stale: now there are 200: calibrate again",
            "kalibriert auf FPIR 0,01 an 82 Personen; veraltet: Inzwischen sind es 200, kalibrieren"
            " Sie neu",
        ),
        (
            "1 person has one photo, which was compared with no other of theirs",
            "1 Person hat nur ein Foto, das mit keinem eigenen verglichen wurde",
        ),
        ("What nobody foresaw.", "What nobody foresaw."),
    ],
)
def test_a_message_is_told_sentence_by_sentence(message: str, german: str) -> None:
    assert told(message, "de") == german
    assert told(message, "en") == message


def test_a_page_of_an_error_speaks_the_viewers_language_and_the_api_english(
    client: TestClient, people: dict[str, int]
) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "de"}
    page = client.get("/people/99", headers=headers).text
    assert "Die Person mit der Nummer 99 gibt es in dieser Sammlung nicht mehr." in page
    problem = client.get("/v1/people/99", headers={"Accept-Language": "de"}).json()
    assert problem["detail"] == "There is no person with id 99 in this collection any more."
