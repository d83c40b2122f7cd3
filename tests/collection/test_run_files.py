"""What runs leave under the home folder goes in time, and with the collection."""

import csv
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli.queued import write_rejects
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.runs.run_records import Run, RunPhoto, Taken
from retrieval.catalogue.runs.runs import Runs
from retrieval.collection.run_files import discard_person, forget_old, rejects_of, uploads_below
from retrieval.errors import StoreError
from retrieval.files.output import holding
from retrieval.settings import Settings
from tests.worker.small_models import small_service


def left_by_a_run(home: Path, runs: Runs, collection: str) -> tuple[Path, Path]:
    """An unpacked archive, and a list of rejects."""
    upload = uploads_below(home) / collection
    (upload / "Ann").mkdir(parents=True)
    (upload / "Ann" / "1.jpg").write_bytes(b"a photo")
    run = runs.create("enrol", collection, "people.zip", {"base": str(upload)})
    rejects = rejects_of(home, run.id)
    rejects.parent.mkdir(exist_ok=True)
    rejects.write_text("person,external_id,photo\nAnn,,1.jpg\n")
    return upload, rejects


def test_what_is_old_is_deleted_and_what_is_new_stays(tmp_path: Path) -> None:
    with small_service(Settings(home=tmp_path)) as service:
        runs = service.catalogue.runs
        old, new = (left_by_a_run(tmp_path, runs, name) for name in ("old", "new"))
    week_ago = time.time() - 8 * 24 * 3600
    for path in old:
        os.utime(path, (week_ago, week_ago))
    forget_old(tmp_path, days=7)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in new)
    forget_old(tmp_path / "nothing", days=7)


def test_a_deleted_collection_takes_its_files_and_what_its_audit_entries_tell(
    tmp_path: Path,
) -> None:
    with small_service(Settings(home=tmp_path)) as service:
        runs, audit = service.catalogue.runs, service.catalogue.audit
        for name in ("default", "another"):
            service.create_collection(name)
        gone, kept = (left_by_a_run(tmp_path, runs, name) for name in ("default", "another"))
        told = {"person": "Ann"}
        audit.record(
            [
                AuditEntry("door", "identify", name, "f" * 64, told, 0.9, "sums")
                for name in ("default", "another")
            ]
        )
        audit.record([AuditEntry("admin", "create-key", "default", answer={"key": "door"})])
        service.delete_collection("default")
        key, other, asked = (each.entry for each in audit.entries())
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)
    assert asked == AuditEntry("door", "identify", "default", None, None, 0.9, "sums")
    assert (other.photo, other.answer) == ("f" * 64, told)
    assert key.answer == {"key": "door"}


def rejects(path: Path, home: Path, base: Path, photo: str, person: str) -> list[dict[str, str]]:
    """The rows of a list with one photo of a run that began in a folder."""
    with small_service(Settings(home=home)) as service:
        run = service.catalogue.runs.create("enrol", "default", "x", {"base": str(base)})
    told = RunPhoto(1, photo, person, None, Taken.REJECTED, "no-face", "=No face.")
    write_rejects(path, home, run, [told])
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_list_of_rejects_names_a_photo_by_its_path_in_the_archive_that_it_came_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    (row,) = rejects(tmp_path / "a.csv", home, uploads_below(home) / "f00", "Ann/1.jpg", "Ann")
    assert row["photo"] == "Ann/1.jpg"


def test_a_list_of_rejects_names_a_photo_where_the_run_began_and_not_where_the_list_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (row,) = rejects(tmp_path / "a.csv", tmp_path / "home", Path("/staff"), "Ann/1.jpg", "Ann")
    assert row["photo"] == "/staff/Ann/1.jpg"


def test_a_deleted_person_leaves_a_list_that_had_to_make_text_of_the_name(tmp_path: Path) -> None:
    with small_service(Settings(home=tmp_path)) as service:
        run = service.catalogue.runs.create("enrol", "default", "x", {})
    path = rejects_of(tmp_path, run.id)
    told = RunPhoto(1, "1.jpg", "=Ann", None, Taken.REJECTED, "no-face", "=No face.")
    write_rejects(path, tmp_path, run, [told])
    assert "'=Ann" in path.read_text()
    discard_person(tmp_path, [run], ["=Ann"])
    assert "Ann" not in path.read_text()


def began(home: Path) -> tuple[Run, Path]:
    """A run, and where its list of rejects is."""
    with small_service(Settings(home=home)) as service:
        run = service.catalogue.runs.create("enrol", "default", "x", {})
    return run, rejects_of(home, run.id)


def test_another_collections_person_of_the_name_stays_in_its_lists(tmp_path: Path) -> None:
    (run, path), (_, other) = began(tmp_path), began(tmp_path)
    for each in (path, other):
        rejects(each, tmp_path, Path("/staff"), "1.jpg", "Ann")
    before = other.read_bytes()
    discard_person(tmp_path, [run], ["Ann"])
    assert "Ann" not in path.read_text()
    assert other.read_bytes() == before


def test_a_list_that_cannot_be_written_anew_is_as_it_was_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, which the old code met with half of the list gone."""
    (first, path), (second, other) = began(tmp_path), began(tmp_path)
    for each in (path, other):
        rejects(each, tmp_path, Path("/staff"), "1.jpg", "Ann")
    before = path.read_bytes()
    (tmp_path / "rejects" / f".{path.name}.{os.getpid()}.part").mkdir()
    with pytest.raises(StoreError, match=r"\.csv cannot be written"):
        discard_person(tmp_path, [first, second], ["Ann"])
    assert path.read_bytes() == before
    assert "Ann" not in other.read_text()


def test_a_name_is_struck_after_who_writes_the_list_has_written_it(tmp_path: Path) -> None:
    run, path = began(tmp_path)
    path.parent.mkdir()
    with ThreadPoolExecutor(1) as threads:
        with holding(path):
            striking = threads.submit(discard_person, tmp_path, [run], ["Ann"])
            rejects(path.with_name("draft"), tmp_path, Path("/staff"), "1.jpg", "Ann")
            path.with_name("draft").rename(path)
            assert not striking.done()
        striking.result(180)
    assert "Ann" not in path.read_text()
