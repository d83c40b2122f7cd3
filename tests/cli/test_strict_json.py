"""What `--json` prints is JSON as RFC 8259 has it: no NaN, no Infinity."""

import json
from pathlib import Path

import pytest

from cli.options import Run
from retrieval.settings import Settings
from tests.cli.running import document, rollcall, strict_json


def test_a_number_that_is_none_is_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(Settings(home=tmp_path), json=True, quiet=True)
    told = {"rate": float("nan"), "scores": [float("-inf"), 0.5], "deep": {"x": (float("inf"),)}}
    run.emit(told, lambda: None)
    found = strict_json(capsys.readouterr().out)
    assert found == {"rate": None, "scores": [None, 0.5], "deep": {"x": [None]}}


def test_verify_against_a_person_without_photos_says_so(home: Path, samples: Path) -> None:
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    for photo in document(rollcall(home, "photos", "list", "--json"))["photos"]:
        rollcall(home, "photos", "remove", photo["sha256"], "--yes")
    photo = next((samples / "employees" / "Grace Hopper").glob("*.jpg"))
    result = rollcall(home, "verify", photo, "Grace Hopper", "--json")
    assert result.exit_code == 2
    assert "no photo to compare with" in document(result)["error"]["message"]


def test_the_tests_own_reader_refuses_what_is_no_json() -> None:
    with pytest.raises(AssertionError, match="Infinity is no JSON"):
        strict_json(json.dumps({"score": float("-inf")}))
