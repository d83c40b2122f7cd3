"""What pages say of errors: our words, no library's, no command line, no name of a setting."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import retrieval
from retrieval import errors
from retrieval.api.problems import without_commands
from tests.api.painted import RED, paint

ROOT = Path(retrieval.__file__).parent
# Rooms whose errors reach whoever looks at a page: of photos, lists, archives, edits and events.
ROOMS = ("api", "collection", "events", "faces", "files/sheets.py", "people", "photos")
OWN = {name for name, each in vars(errors).items() if inspect.isclass(each)}
# What whoever starts the service reads, and what is of a page's own making.
ELSEWHERE = {
    "api/asked_photos.py",  # what a program sent as JSON
    "collection/tracks/live.py",  # a camera, on the command line
    "events/exports.py",  # files that the command line writes
    "photos/people_list.py",
    "photos/urls.py",  # what lies at a URL that an admin named
    "photos/shelves.py",
}


def quoted(path: Path) -> Iterator[str]:
    """Where a module says in its own error what another one's said."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        kinds = {n.id for n in ast.walk(handler.type or tree) if isinstance(n, ast.Name)}
        if handler.name is None or kinds <= OWN:
            continue
        for node in ast.walk(handler):
            values = node.values if isinstance(node, ast.JoinedStr) else []
            names = {n.id for value in values for n in ast.walk(value) if isinstance(n, ast.Name)}
            if handler.name in names:
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_no_error_that_reaches_a_page_quotes_a_library() -> None:
    found = [
        place
        for room in ROOMS
        for path in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in ELSEWHERE
        for place in quoted(path)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Nobody is called X. See rollcall people list.", "Nobody is called X."),
        (
            "a.jpg: 9 x 9 pixels are more than the limit of 1. Shrink the photo. The setting"
            " max_pixels moves the limit.",
            "a.jpg: 9 x 9 pixels are more than the limit of 1. Shrink the photo.",
        ),
        ("The setting of the camera is wrong.", "The setting of the camera is wrong."),
    ],
)
def test_commands_and_settings_names_are_left_out(message: str, shown: str) -> None:
    assert without_commands(message) == shown


def test_a_photo_that_is_damaged_is_said_to_be_in_plain_words(client: TestClient) -> None:
    whole = paint(RED)
    event = client.post("/v1/events", json={"name": "Party"}).json()["id"]
    files = [
        ("photos", ("half.png", whole[: len(whole) // 2])),
        ("photos", ("text.png", b"no photo at all")),
    ]
    answer = client.post(f"/v1/events/{event}/photos", files=files).json()
    half, text = (photo["message"] for photo in answer["photos"])
    assert half == (
        "half.png: the photo is damaged or incomplete. Copy the photo anew from where it came from."
    )
    assert text.startswith("text.png: this is no photo in a known format. Save it as JPEG, PNG,")
