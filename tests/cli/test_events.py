"""Events from the command line: real people, from a ZIP file and by URL to files and back."""

import zipfile
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import text

from retrieval.building import open_catalogue
from retrieval.settings import Settings
from tests.cli.running import document, rollcall
from tests.made_videos import squares, write_video

FAMILY = ["family1-dad", "family1-daughter", "family1-mom", "family1-son"]


@pytest.fixture(scope="module")
def beach(tmp_path_factory: pytest.TempPathFactory, people_dir: Path, models_home: Path) -> Path:
    """A home with an event of one photo, that a ZIP file brought."""
    home = tmp_path_factory.mktemp("beach")
    (home / "models").symlink_to(models_home / "models", target_is_directory=True)
    enrolled = rollcall(home, "enroll", people_dir / "employees")
    assert enrolled.exit_code == 0, enrolled.output
    album = home / "album.zip"
    with zipfile.ZipFile(album, "w") as packed:
        for photo in sorted((people_dir / "queries").glob("*.jpg")):
            packed.write(photo, f"day one/{photo.name}")
        packed.writestr("notes.txt", "no photo")
    words = ("events", "create", "Beach", album, "--date", "2026-07-04", "--expect", "all")
    made = rollcall(home, *words)
    assert made.exit_code == 0, made.output
    assert "kept for 30 days, then forgotten" in made.stderr, "said where photos are added"
    return home


def test_the_roll_of_a_zip_file_and_its_workbook(beach: Path, tmp_path: Path) -> None:
    out = tmp_path / "beach.xlsx"
    assert rollcall(beach, "events", "export", "Beach", "--out", out).exit_code == 0
    rows = [[cell.value for cell in row] for row in openpyxl.load_workbook(out)["roll"]]
    present = [value for row in rows for value in row if value in FAMILY]
    assert sorted(present) == FAMILY


def test_photos_come_by_url_and_each_once(beach: Path, people_dir: Path) -> None:
    photos = sorted((people_dir / "queries").glob("*.jpg"))[:1]
    pytest.importorskip("fsspec", reason="needs fsspec")
    url = f"file://{photos[0]}"
    added = rollcall(beach, "events", "add", "Beach", url, "--json")
    assert added.exit_code == 0, added.output
    assert (document(added)["added"], document(added)["known"]) == (0, 1), "it came in the ZIP file"


def test_where_somebody_was_seen_and_together_with_whom(beach: Path) -> None:
    shown = rollcall(beach, "people", "show", "family1-dad")
    assert "Beach" in shown.stdout
    both = document(
        rollcall(
            beach, "events", "find", "--person", "family1-dad", "--person", "family1-mom", "--json"
        )
    )
    assert [event["event"] for event in both["events"]] == ["Beach"]
    never = rollcall(
        beach, "events", "find", "--person", "family1-dad", "--person", "family2-man", "--json"
    )
    assert document(never)["events"] == []


def test_presence_is_written_for_the_days_that_were_asked_for(beach: Path, tmp_path: Path) -> None:
    out = tmp_path / "presence.csv"
    words = ("presence", "--from", "2026-07-01", "--to", "2026-07-31", "--out", out)
    assert rollcall(beach, *words).exit_code == 0
    text = out.read_text(encoding="utf-8-sig")
    assert "Beach" in text
    assert all(name in text for name in FAMILY)
    other = tmp_path / "august.csv"
    rollcall(beach, "events", "create", "Of no day")
    told = rollcall(beach, "presence", "--from", "2026-08-01", "--out", other)
    assert "0 people at 0 events" in " ".join(told.stderr.split())
    assert "without 1 event of no day: `rollcall events update" in " ".join(told.stderr.split())
    assert "Beach" not in other.read_text(encoding="utf-8-sig")


def test_thumbnails_are_made_for_who_was_enrolled_without(
    people_dir: Path, home: Path, tmp_path: Path
) -> None:
    person = people_dir / "employees" / "family1-dad"
    words = ("enroll", person, "--person", "Dad")
    enrolled = rollcall(home, *words, ROLLCALL_THUMBNAILS="false")
    assert enrolled.exit_code == 0, enrolled.output
    made = document(rollcall(home, "thumbnails", "--json"))
    assert made["made"] == len(list(person.glob("*.jpg")))
    assert document(rollcall(home, "thumbnails", "--json"))["made"] == 0


def test_an_event_goes_when_its_days_are_over(home: Path, people_dir: Path) -> None:
    photo = next((people_dir / "queries").glob("*.jpg"))
    assert rollcall(home, "events", "create", "Old", photo).exit_code == 0

    with open_catalogue(Settings(home=home)) as catalogue, catalogue._database.writing() as sql:
        sql.execute(text("UPDATE events SET created_at = '2020-01-01T00:00:00.000+00:00'"))
    kept = document(rollcall(home, "events", "list", "--json"))
    assert [event["name"] for event in kept["events"]] == ["Old"], "kept while nothing else is said"
    gone = document(rollcall(home, "events", "list", "--json", ROLLCALL_EVENT_DAYS="30"))
    assert gone["events"] == []


def test_no_event_is_made_of_a_folder_without_photos_or_of_nothing(
    beach: Path, tmp_path: Path
) -> None:
    before = document(rollcall(beach, "events", "list", "--json"))
    (tmp_path / "empty").mkdir()
    for place, said in (("empty", "No photos found"), ("gone", "There is nothing at")):
        for words in (("roll",), ("events", "create", "Typed wrong")):
            told = rollcall(beach, *words, tmp_path / place)
            assert (told.exit_code, said in told.stderr) == (2, True), told.output
    assert document(rollcall(beach, "events", "list", "--json")) == before


def test_where_there_is_no_such_event_it_is_said_how_to_make_one(home: Path) -> None:
    refused = rollcall(home, "watch", home, "--event", "Open day")
    assert refused.exit_code == 2
    assert "There is no such event: 'Open day'; there are: none yet." in refused.stderr
    assert "`rollcall events create" in refused.stderr


def test_of_a_video_that_breaks_off_it_is_said_until_when_it_was_seen(
    home: Path, tmp_path: Path
) -> None:
    frames = [squares(((250, 6, 6), 20 + 5 * n, 40)) for n in range(60)]
    whole = write_video(tmp_path / "whole.mkv", frames).read_bytes()
    folder = tmp_path / "day"
    folder.mkdir()
    (folder / "half.mkv").write_bytes(whole[: len(whole) * 3 // 4])
    said = "the file is damaged (its end is missing); seen until 00:0"
    made = rollcall(home, "events", "create", "Day", folder)
    assert f"half.mkv: {said}" in made.stderr
    assert f"half.mkv: {said}" in rollcall(home, "roll", folder).stderr
    assert rollcall(home, "events", "create", "Watched").exit_code == 0
    watched = rollcall(home, "watch", folder, "--event", "Watched", "--once", "--settled", "0.2")
    assert f"half.mkv: added (0 faces; {said}" in watched.stdout
    shown = document(rollcall(home, "events", "show", "Watched", "--json"))
    assert [said in each["message"] for each in shown["remarked"]] == [True]
    assert shown["rejects"] == []
