"""Runs: the list of what is to do, what became of each photo, and how a run ends."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.runs.run_records import ListedPhoto, PhotoOutcome, RunState, Taken
from retrieval.catalogue.runs.runs import Runs
from retrieval.errors import InputError, NotFound
from tests.catalogue.made import make_collection, new_face, sha256


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    with Catalogue.open(url) as opened:
        yield opened


@pytest.fixture
def runs(catalogue: Catalogue) -> Runs:
    return catalogue.runs


def listed(*names: str, person: str = "ann") -> list[ListedPhoto]:
    return [ListedPhoto(f"photos/{person}/{name}.jpg", person) for name in names]


def test_a_run_ends_when_everything_is_listed_and_done(runs: Runs) -> None:
    run = runs.create("enrol", "default", "photos", {})
    ids = runs.add(run.id, listed("1", "2"))
    runs.record(run.id, [PhotoOutcome(ids[0], Taken.ENROLLED)])
    runs.all_listed(run.id)
    assert not runs.finish_if_done(run.id)
    runs.record(run.id, [PhotoOutcome(ids[1], Taken.REJECTED, "no-face", "No face.")])
    assert runs.finish_if_done(run.id)
    assert not runs.finish_if_done(run.id)  # it ends once
    assert runs.run(run.id).state is RunState.FINISHED


def test_a_photo_is_listed_once_a_person_however_often_its_folder_is_read(runs: Runs) -> None:
    run = runs.create("enrol", "default", "photos", {})
    first = runs.add(run.id, listed("1", "2"))
    again = runs.add(run.id, [*listed("2", "3"), *listed("3")])
    assert len(first) == 2
    assert [photo.path for photo in runs.to_do(run.id, again)] == ["photos/ann/3.jpg"]
    other = runs.add(run.id, [ListedPhoto("photos/ann/1.jpg", "ben")])
    assert len(other) == 1  # the same photo under two people is two entries, to be reported


def test_a_path_that_is_no_text_comes_back_as_it_was(runs: Runs) -> None:
    run = runs.create("identify", "default", "photos", {})
    path = "photos/\udcff.jpg"
    assert runs.to_do(run.id, runs.add(run.id, [ListedPhoto(path)]))[0].path == path


def test_the_first_word_about_a_photo_stands(runs: Runs) -> None:
    run = runs.create("enrol", "default", "photos", {})
    (photo,) = runs.add(run.id, listed("1"))
    runs.record(run.id, [PhotoOutcome(photo, Taken.REJECTED, "no-face", "No face.")])
    runs.record(run.id, [PhotoOutcome(photo, Taken.FAILED, "store", "Trouble.")])
    assert runs.counts(run.id).rejected == {"no-face": 1}
    assert runs.counts(run.id).failed == 0


def test_a_photo_that_the_run_itself_enrolled_before_its_worker_died_is_no_duplicate(
    runs: Runs, catalogue: Catalogue
) -> None:
    collection = make_collection(catalogue)
    run = runs.create("enrol", "default", "photos", {})
    first, copy = runs.add(run.id, listed("1", "copy-of-1"))
    catalogue.enrol(collection.id, [new_face("ann", 1)])  # photos/ann/1.jpg
    known = [PhotoOutcome(photo, Taken.DUPLICATE, sha256=sha256(1)) for photo in (first, copy)]
    runs.record(run.id, known)
    counts = runs.counts(run.id)
    assert (counts.enrolled, counts.duplicates) == (1, 1)


def test_a_photo_that_was_enrolled_before_the_run_is_a_duplicate(
    runs: Runs, catalogue: Catalogue
) -> None:
    collection = make_collection(catalogue)
    catalogue.enrol(collection.id, [new_face("ann", 1)])
    with catalogue._database.writing() as connection:
        connection.execute(text("UPDATE photos SET created_at = '2020-01-01T00:00:00.000+00:00'"))
    run = runs.create("enrol", "default", "photos", {})
    (photo,) = runs.add(run.id, listed("1"))
    runs.record(run.id, [PhotoOutcome(photo, Taken.DUPLICATE, sha256=sha256(1))])
    assert runs.counts(run.id).duplicates == 1


def test_counts_survive_that_taken_photos_leave_the_list(runs: Runs) -> None:
    run = runs.create("enrol", "default", "photos", {})
    ids = runs.add(run.id, listed(*map(str, range(10))))
    outcomes = [PhotoOutcome(photo, Taken.ENROLLED) for photo in ids[:7]]
    outcomes += [PhotoOutcome(ids[7], Taken.DUPLICATE), PhotoOutcome(ids[8], Taken.FAILED, "x")]
    outcomes += [PhotoOutcome(ids[9], Taken.REJECTED, "no-face", "No face.")]
    runs.record(run.id, outcomes)
    before = runs.counts(run.id)
    runs.forget_taken(run.id)
    runs.forget_taken(run.id)
    assert runs.counts(run.id) == before
    assert (before.found, before.enrolled, before.duplicates, before.failed) == (10, 7, 1, 1)
    assert [photo.id for photo in runs.not_taken(run.id)] == ids[8:]


def test_workers_find_nothing_to_do_in_a_cancelled_run_until_it_is_reopened(runs: Runs) -> None:
    run = runs.create("enrol", "default", "photos", {})
    ids = runs.add(run.id, listed("1", "2", "3"))
    runs.record(run.id, [PhotoOutcome(ids[0], Taken.ENROLLED)])
    runs.record(run.id, [PhotoOutcome(ids[1], Taken.FAILED, "store", "The disk was full.")])
    assert runs.cancel(run.id)
    assert not runs.cancel(run.id)
    assert runs.to_do(run.id, ids) == []
    runs.reopen(run.id)
    assert [photo.id for photo in runs.to_do(run.id, ids)] == ids[1:]
    assert runs.waiting(run.id) == ids[1:]


def test_the_same_command_finds_its_unfinished_run_again(runs: Runs) -> None:
    run = runs.create("identify", "default", "photos", {"out": "a.jsonl"})
    assert runs.unfinished("identify", "default", "photos", {"out": "a.jsonl"}) == run
    assert runs.unfinished("identify", "default", "photos", {"out": "b.jsonl"}) is None
    runs.all_listed(run.id)
    runs.finish_if_done(run.id)
    assert runs.unfinished("identify", "default", "photos", {"out": "a.jsonl"}) is None


def test_a_run_is_named_by_the_beginning_of_its_id(runs: Runs) -> None:
    run = runs.create("enrol", "default", "photos", {})
    assert runs.run(run.id[:12]) == run
    with pytest.raises(NotFound, match="jobs list"):
        runs.run("nothing")
    runs.create("enrol", "default", "photos", {})
    with pytest.raises(NotFound):
        runs.run("")
    with pytest.raises(NotFound):
        runs.run("%")


def test_two_runs_with_one_beginning_are_told_apart(runs: Runs, catalogue: Catalogue) -> None:
    for _ in range(2):
        runs.create("enrol", "default", "photos", {})
    with catalogue._database.writing() as connection:
        connection.execute(text("UPDATE runs SET id = 'abc' || id"))
    with pytest.raises(InputError, match="Several runs"):
        runs.run("abc")


def test_a_person_who_is_deleted_leaves_the_lists_of_runs(runs: Runs, catalogue: Catalogue) -> None:
    collection = make_collection(catalogue)
    catalogue.enrol(collection.id, [new_face("ann", 1)])
    run = runs.create("enrol", "default", "photos", {})
    runs.add(run.id, [*listed("1"), *listed("2", person="ben")])
    catalogue.delete_person(collection.id, catalogue.person(collection.id, "ann").id)
    assert [photo.person for photo in runs.to_do(run.id, runs.waiting(run.id))] == ["ben"]


def test_a_collection_that_is_deleted_takes_its_runs_along(
    runs: Runs, catalogue: Catalogue
) -> None:
    make_collection(catalogue)
    runs.create("enrol", "default", "photos", {})
    kept = runs.create("enrol", "another", "photos", {})
    catalogue.delete_collection("default")
    assert runs.newest() == [kept]


def test_two_who_begin_the_same_run_at_once_get_one(url: str, catalogue: Catalogue) -> None:
    def begun(number: int) -> tuple[str, bool]:
        with Catalogue.open(url) as own:
            run, new = own.runs.begin("identify", "default", "photos", {"out": "x"})
            return run.id, new

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(begun, range(4)))
    assert len({run for run, _ in found}) == 1
    assert sorted(new for _, new in found) == [False, False, False, True]
