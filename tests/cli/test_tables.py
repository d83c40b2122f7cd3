"""Tables on a terminal of 80 columns: names, ids and times stay whole."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from cli.hints import as_typed
from cli.tables import fitted, show_table
from tests.cli.running import rollcall

PATH = "/mnt/share/Human Resources/photos of employees/2026/Ann Lee/portrait-final-2.jpg"
NAME = "Karl Otto Friedrich Freiherr von Hohenstein-Waldburg"
WHEN = "2026-11-28 16:19"
WHY = "below the threshold: 0.642, 0.791 needed"
TABLES: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("number", "photo", "person", "size", "sha256"), ("1234", PATH, NAME, "6000x4000", "f" * 12)),
    (
        ("photo", "face", "decision", "person", "score", "margin", "why"),
        ("family1-at-the-beach.jpg", "12", "ambiguous", NAME, "0.642", "0.028", WHY),
    ),
    (
        ("run", "kind", "collection", "source", "state", "done", "rejected", "failed"),
        ("0a1b2c3d", "identify", "headquarters", PATH, "finished", "12000/12000", "112", "3"),
    ),
    (
        ("number", "when", "who", "key", "action", "photo", "answer"),
        (
            "12345",
            WHEN,
            "HR program",
            "c513dc814999",
            "delete",
            "f" * 12,
            f"person {NAME}",
        ),
    ),
    (("person", "number", "photos", "id", "since"), (NAME, "1001", "5", "12345", WHEN)),
]
WHOLE = {"run", "number", "when", "id", "decision", "action", "state", "done", "kind"}


def shown(columns: tuple[str, ...], row: tuple[str, ...], width: int) -> str:
    out = io.StringIO()
    show_table(Console(file=out, width=width, force_terminal=False), columns, [row], "")
    return out.getvalue()


@pytest.mark.parametrize(("columns", "row"), TABLES, ids=[columns[0] for columns, _ in TABLES])
def test_at_80_columns_no_name_id_or_time_is_cut(
    columns: tuple[str, ...], row: tuple[str, ...]
) -> None:
    widths = fitted(columns, [row], 80)
    assert widths is not None, "it fits, and is no list of fields"
    assert sum(widths.values()) + 3 * len(widths) + 1 <= 80
    text = shown(columns, row, 80)
    assert max(map(len, text.splitlines())) <= 80
    for name, cell in zip(columns, row, strict=True):
        if name in WHOLE:
            assert cell in text, name
        if name == "person":
            assert all(word in text for word in cell.split()), "a name breaks between words alone"


def test_what_is_left_out_is_said_but_for_what_holds_nothing() -> None:
    columns, row = TABLES[0]
    assert shown(columns, row, 80).endswith("Too narrow for: sha256; --json has them.\n")
    columns, row = ("photo", "person", "number", "why"), (PATH, NAME, "", "")
    assert "Too narrow" not in shown(columns, row, 80)


def test_a_table_that_fits_is_as_it_is() -> None:
    widths = fitted(("person", "photos"), [("Ann Lee", "5")], 80)
    assert widths == {0: 7, 1: 6}


def test_where_nothing_fits_each_field_has_its_line() -> None:
    columns, row = TABLES[2]
    assert fitted(columns, [row], 30) is None
    assert "run: 0a1b2c3d\n" in shown(columns, row, 30)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("`rollcall people undo 3` takes it back", "`rollcall people undo {} 3` takes it back"),
        ("See rollcall people list.", "See rollcall people list {}."),
        ("rollcall models swap begin NAME", "rollcall models swap begin {} NAME"),
        ("Run: rollcall doctor --fix", "Run: rollcall doctor {} --fix"),
        ("`rollcall serve`", "`rollcall serve {}`"),
        ("Make it with rollcall collections create", "Make it with rollcall collections create"),
        ("rollcall is a program", "rollcall is a program"),
    ],
)
def test_hints_keep_the_options_that_say_which_home_is_meant(text: str, typed: str) -> None:
    assert as_typed(text, ["--home", "/a b"]) == typed.format("--home '/a b'")
    assert as_typed(text, []) == text


def test_a_hint_can_be_pasted(used: Path) -> None:
    elsewhere = used.parent / "elsewhere"
    told = rollcall(elsewhere, "people", "show", "Annn", "--home", used, "--collection", "default")
    assert told.exit_code == 2
    missing = rollcall(elsewhere, "people", "show", "7777", "--home", used)
    assert f"See rollcall people list --home {used}." in missing.stderr
    number = ("people", "number", "Ann", "1001", "--home", used)
    assert rollcall(elsewhere, *number).exit_code == 0
    renamed = rollcall(elsewhere, "people", "merge", "Bob", "Ann", "--home", used)
    assert f"rollcall people undo --home {used} 2" in " ".join(renamed.stdout.split())
