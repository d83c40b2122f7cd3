from pathlib import Path

import pytest

from tests.cli.running import document, rollcall
from tests.two_models import SMALL, write_small_embedder

SMALL_FACES = {"ROLLCALL_MIN_FACE_PX": "8", "ROLLCALL_DETECTOR": "mtcnn"}


@pytest.fixture
def photos(home: Path, orl_dir: Path, tmp_path: Path) -> Path:
    """Enrolled photos of twelve people, two each."""
    write_small_embedder(home)
    folder = tmp_path / "photos"
    for person in range(1, 13):
        (folder / f"s{person}").mkdir(parents=True)
        for n in (1, 2):
            data = (orl_dir / f"s{person}" / f"{n}.pgm").read_bytes()
            (folder / f"s{person}" / f"{n}.pgm").write_bytes(data)
    assert rollcall(home, "enroll", folder, **SMALL_FACES).exit_code == 0
    return folder


def swap(home: Path, *words: object) -> dict:
    result = rollcall(home, "models", "swap", *words, "--json", **SMALL_FACES)
    assert result.exit_code == 0, result.stderr
    return document(result)


def test_a_collection_goes_to_another_model_and_back(home: Path, photos: Path) -> None:
    asked = photos / "s3" / "1.pgm"
    before = document(rollcall(home, "identify", asked, "--json", **SMALL_FACES))
    found = swap(home, "begin", SMALL, "--queries", photos / "s5")
    assert found["other"]["embedded"] == 24
    assert found["other"]["index"] == "ready"
    assert found["comparison"]["own_photos"]["asked"] == 24
    assert found["comparison"]["queries"]["asked"] == 2
    assert swap(home, "status")["other"]["former"] is False
    assert swap(home, "switch")["model"] == SMALL
    after = document(rollcall(home, "identify", asked, "--json", **SMALL_FACES))
    assert (before["model"], after["model"]) == ("dlib-resnet", SMALL)
    assert swap(home, "back")["model"] == "dlib-resnet"
    assert document(rollcall(home, "identify", asked, "--json", **SMALL_FACES)) == before
    assert swap(home, "drop", "--yes")["dropped"].startswith(SMALL)
    assert swap(home, "status")["other"] is None


def test_what_cannot_be_embedded_is_told_first_and_nothing_is_done_unasked(
    home: Path, photos: Path
) -> None:
    (photos / "s2" / "1.pgm").unlink()
    command = ("models", "swap", "begin", SMALL)
    told = rollcall(home, *command, "--dry-run", **SMALL_FACES)
    assert told.exit_code == 1
    assert "s2/1.pgm" in told.stdout
    assert "left out: nobody finds them" in " ".join(told.stdout.split())
    unasked = rollcall(home, *command, **SMALL_FACES)
    assert unasked.exit_code == 2
    assert "add --yes" in unasked.stderr
    assert swap(home, "status")["other"] is None
    assert rollcall(home, *command, "--yes", **SMALL_FACES).exit_code == 1
    refused = rollcall(home, "models", "swap", "switch", **SMALL_FACES)
    assert refused.exit_code == 2
    assert "1 face cannot be embedded" in refused.stderr
    (left,) = swap(home, "switch", "--without-missing")["missing"]
    assert left["person"] == "s2"
    assert swap(home, "back")["lacking"] == 0


def test_the_table_of_both_models_is_shown_and_leads_on(home: Path, photos: Path) -> None:
    result = rollcall(home, "models", "swap", "begin", SMALL, **SMALL_FACES)
    assert result.exit_code == 0, result.stderr
    assert "1.0% of strangers named (FPIR)" in result.stdout
    assert "own photos: answered alike" in result.stdout
    assert "rollcall models swap switch" in result.stdout
    for words, message in (
        (("begin", "dlib-resnet"), "uses dlib-resnet"),
        (("back",), "swap switch"),
        (("begin", SMALL, "--wait"), "--wait belongs to --queue"),
        (("begin", "nobody"), "no embedder 'nobody'"),
    ):
        wrong = rollcall(home, "models", "swap", *words, **SMALL_FACES)
        assert wrong.exit_code == 2, words
        assert message in wrong.stderr
