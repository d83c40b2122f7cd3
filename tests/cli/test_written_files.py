"""Whatever a command is to write is tried before it does anything: refused in one line."""

from pathlib import Path

import pytest

from retrieval.catalogue.catalogue import Catalogue
from tests.cli.running import document, rollcall

COMMANDS = [
    ["people", "delete", "Ann", "--yes", "--receipt", "{}"],
    ["enroll", "{photos}", "--queue", "--rejects", "{}"],
    ["people", "sync", "{list}", "--yes", "--receipt", "{}"],
    ["identify", "{photos}", "--draw", "{}"],
    ["identify", "{photos}", "--queue", "--out", "{}.csv"],
    ["jobs", "show", "a", "--rejects", "{}"],
    ["jobs", "retry", "a", "--rejects", "{}"],
    ["health", "--out", "{}"],
    ["calibrate", "--out", "{}"],
    ["backup", "{}"],
    ["catalogue", "new-key", "{}"],
    ["events", "export", "party", "--out", "{}.xlsx"],
    ["roll", "{photos}", "--out", "{}.xlsx"],
    ["presence", "--out", "{}.xlsx"],
    ["bench", "faces", "{photos}", "--out", "{}"],
    ["bench", "few-shot", "{photos}", "--out", "{}"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_what_cannot_be_written_is_refused_before_anything_is_done(
    used: Path, tmp_path: Path, words: list[str]
) -> None:
    photos, listed = tmp_path / "photos", tmp_path / "list.csv"
    (photos / "Cid").mkdir(parents=True)
    listed.write_text("person,photo\nBob,b.jpg\n")
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "out"  # nobody, not even root, can make anything there
    before = sorted(path.name for path in tmp_path.iterdir())
    asked = [
        word.replace("{photos}", str(photos)).replace("{list}", str(listed)).replace("{}", str(out))
        for word in words
    ]
    result = rollcall(used, *asked, "--quiet")
    assert result.exit_code == 2, result.output
    errors = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(errors) == 1, result.stderr
    assert "error:" in errors[0]
    assert str(tmp_path / "file") in errors[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    with Catalogue.open(used / "catalogue.db") as catalogue:
        assert [p.name for p in catalogue.people(catalogue.collection("default").id)] == [
            "Ann",
            "Bob",
        ]


def test_a_folder_that_is_not_there_yet_may_be_written(used: Path, tmp_path: Path) -> None:
    result = rollcall(used, "health", "--out", tmp_path / "new" / "folder", "--json")
    assert result.exit_code == 0, result.output
    assert document(result)["files"]
