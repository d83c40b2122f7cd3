"""`--crops`, `--out`, `--rejects` and `--queue` of `identify` and `search`, as an office asks."""

from hashlib import sha256
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
from PIL import Image

from retrieval.files.tables import read_rows
from tests.cli.running import document, rollcall
from tests.made_videos import write_video


@pytest.fixture
def asked(home: Path, samples: Path, tmp_path: Path) -> Path:
    """A home in which the sample people are enrolled, and a folder of three photos to ask about."""
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    below = tmp_path / "asked" / "below"
    below.mkdir(parents=True)
    copy(samples / "queries" / "group.jpg", below / "group.jpg")
    copy(next((samples / "employees").glob("Grace Hopper/*.jpg")), below.parent / "grace.jpg")
    (below / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    return below.parent


def test_identify_cuts_each_face_out_and_lays_them_on_a_sheet(
    home: Path, asked: Path, tmp_path: Path
) -> None:
    crops = tmp_path / "crops"
    result = rollcall(home, "identify", asked, "--crops", crops)
    assert result.exit_code == 1, "one photo is broken"
    names = sorted(path.name for path in crops.iterdir())
    faces = [name for name in names if not name.startswith("contact-sheet")]
    assert "grace-1-Grace_Hopper.jpg" in faces
    assert any(name.startswith("group-") and "unknown" in name for name in faces)
    with Image.open(crops / "grace-1-Grace_Hopper.jpg") as face:
        assert face.size == (320, 320)
    with Image.open(crops / "contact-sheet-1.jpg") as sheet:
        assert sheet.width == 160 * min(len(faces), 8)


def test_identify_of_a_video_cuts_each_track_out_and_is_written_down(
    home: Path, asked: Path, tmp_path: Path
) -> None:
    with Image.open(asked / "grace.jpg") as photo:
        frame = np.asarray(photo.convert("RGB").resize((480, 480)))
    write_video(asked / "below" / "walk.mp4", [np.roll(frame, n, 1) for n in range(0, 20, 4)])
    crops = tmp_path / "crops"
    told = rollcall(home, "identify", asked / "below" / "walk.mp4", "--crops", crops)
    assert told.exit_code == 0, told.output
    assert {path.name for path in crops.iterdir()} == {
        "walk-1-Grace_Hopper.jpg",
        "contact-sheet-1.jpg",
    }
    asked_of = document(rollcall(home, "audit", "--json"))["entries"][0]
    assert asked_of["action"] == "identify"
    assert [face["person"] for face in asked_of["answer"]["faces"]] == ["Grace Hopper"]
    assert asked_of["photo"] == sha256((asked / "below" / "walk.mp4").read_bytes()).hexdigest()


def test_search_takes_folders_and_says_who_with_number_and_id(
    home: Path, asked: Path, tmp_path: Path
) -> None:
    assert rollcall(home, "people", "number", "Grace Hopper", "1906").exit_code == 0
    rejects, out, crops = (tmp_path / name for name in ("bad.csv", "found.xlsx", "crops"))
    words = ("search", asked, "--limit", "3", "--rejects", rejects, "--out", out, "--crops", crops)
    result = rollcall(home, *words, "--json")
    assert result.exit_code == 1, result.output
    answers = {Path(each["photo"]).name: each for each in document(result)["photos"]}
    best = answers["grace.jpg"]["hits"][0]
    assert (best["person"], best["external_id"], best["same_person"]) == (
        "Grace Hopper",
        "1906",
        True,
    )
    assert "broken.jpg" in next(read_rows(rejects))["photo"]
    rows = list(read_rows(out))
    assert {row["number"] for row in rows if row["person"] == "Grace Hopper"} == {"1906"}
    assert [row["rank"] for row in rows if "grace" in row["photo"]] == ["1", "2", "3"]
    assert (crops / "contact-sheet-1.jpg").exists()
    one = document(rollcall(home, "search", asked / "grace.jpg", "--json"))
    assert one["hits"][0]["person_id"] == best["person_id"]
    refused = rollcall(home, "search", asked / "below" / "broken.jpg")
    assert refused.exit_code == 2


def test_long_names_are_cut_and_name_the_person_all_the_same(
    home: Path, asked: Path, tmp_path: Path
) -> None:
    long = tmp_path / "long"
    long.mkdir()
    for stem in ("李" * 80, "a" * 250):
        copy(asked / "grace.jpg", long / f"{stem}.jpg")
    crops, drawn = tmp_path / "crops", tmp_path / "drawn"
    result = rollcall(home, "identify", long, "--crops", crops, "--draw", drawn)
    assert result.exit_code == 0, result.output
    assert sum(path.name.endswith("-1-Grace_Hopper.jpg") for path in crops.iterdir()) == 2
    assert len(list(drawn.iterdir())) == 2


def test_two_options_never_write_one_file(home: Path, asked: Path, tmp_path: Path) -> None:
    out, link = tmp_path / "out.csv", tmp_path / "link.csv"
    out.write_text("before")
    link.symlink_to(out)
    for command in ("identify", "search"):
        for other in ("--rejects", "--crops"):
            told = rollcall(home, command, asked, "--out", out, other, link)
            assert told.exit_code == 2, told.output
    assert (
        "Name one for each"
        in rollcall(home, "search", asked, "--out", out, "--rejects", link).stderr
    )
    new = tmp_path / "new.csv"
    assert rollcall(home, "identify", asked, "--out", new, "--crops", new).exit_code == 2
    assert (out.read_text(), new.exists()) == ("before", False)
    kept = rollcall(home, "identify", asked, "--out", "/dev/null", "--rejects", "/dev/null")
    assert "both name" not in kept.stderr


def test_answers_are_written_before_pictures_which_may_fail(
    home: Path, asked: Path, tmp_path: Path
) -> None:
    crops = tmp_path / "crops"
    (crops / "grace-1-Grace_Hopper.jpg").mkdir(parents=True)  # in the way of a face's picture
    out = tmp_path / "out.csv"
    told = rollcall(home, "identify", asked, "--out", out, "--crops", crops)
    assert told.exit_code == 4, told.output
    assert "Grace Hopper" in out.read_text(encoding="utf-8-sig")


def test_crops_do_not_go_with_the_queue(home: Path, tmp_path: Path) -> None:
    for command in ("identify", "search"):
        words = ("--queue", "--crops", tmp_path / "crops", "--out", tmp_path / "out.csv")
        told = rollcall(home, command, tmp_path, *words)
        assert told.exit_code == 2
        assert "not go with --queue" in told.stderr
