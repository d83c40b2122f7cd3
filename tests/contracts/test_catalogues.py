"""What every catalogue does, whatever database is under it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.changes import lock_collection, log_changes, renew_epoch
from retrieval.catalogue.database import Database
from retrieval.catalogue.records import Counts, EnrolmentOutcome, Owner
from retrieval.errors import (
    AlreadyExists,
    CatalogueIncompatible,
    CatalogueUnavailable,
    InputError,
    NameInvalid,
    NotFound,
    SnapshotInvalid,
    UndoImpossible,
    VectorInvalid,
)
from retrieval.protocols import Watermark
from tests.catalogue.made import (
    DIMENSION,
    make_collection,
    new_face,
    new_faces,
    sha256,
    state,
    vector,
)


@pytest.fixture
def catalogue(url):
    with Catalogue.open(url) as opened:
        yield opened


@pytest.fixture
def gallery(catalogue):
    return make_collection(catalogue).id


def test_a_collection_comes_back_as_it_was_created(catalogue):
    made = make_collection(catalogue, "Büro Süd")
    assert catalogue.collection("Büro Süd") == made
    assert catalogue.collection("Bu\u0308ro Su\u0308d") == made, "another Unicode form of the name"
    assert (made.detector, made.mirror, made.dimension) == ("yunet", True, DIMENSION)
    assert catalogue.collections() == [made]


def test_a_collection_name_is_given_once(catalogue):
    make_collection(catalogue)
    with pytest.raises(AlreadyExists, match="'default'"):
        make_collection(catalogue)


def test_a_collection_that_is_not_there_names_those_that_are(catalogue):
    make_collection(catalogue, "north")
    with pytest.raises(NotFound, match="there are: north"):
        catalogue.collection("south")


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\x00b", "\udcff.jpg", "x" * 201, "a\u2028b"])
def test_a_name_that_cannot_be_shown_is_refused_and_nothing_is_stored(catalogue, gallery, name):
    with pytest.raises(NameInvalid):
        catalogue.enrol(gallery, [new_face("good", 1), new_face(name, 2)])
    assert catalogue.counts(gallery) == Counts(0, 0, 0)


def test_enrolled_faces_come_back_as_they_went_in(catalogue, gallery):
    (answer,) = catalogue.enrol(gallery, [new_face("  Zoë ", 1, "E-7")])
    assert answer.outcome is EnrolmentOutcome.ENROLLED
    person = catalogue.person(gallery, "Zoë")
    assert (person.id, person.external_id, person.faces) == (answer.person_id, "E-7", 1)
    (face,) = catalogue.faces_of(person.id)
    assert (face.id, face.person, face.sha256) == (answer.face_id, "Zoë", sha256(1))
    assert face.box == (10.5, 20.25, 100.0, 120.0)
    assert (face.width, face.height, face.score, face.sharpness) == (640, 480, 0.75, 12.5)
    assert catalogue.faces([face.id, 999]) == {face.id: face}
    assert catalogue.names([person.id, 999]) == {person.id: "Zoë"}
    ids, people, vectors = catalogue.vectors(gallery)
    assert (ids.tolist(), people.tolist()) == ([face.id], [person.id])
    np.testing.assert_array_equal(vectors, [vector(1)])


def test_the_same_photo_again_is_a_duplicate_and_under_another_name_is_not_taken(
    catalogue, gallery
):
    (first,) = catalogue.enrol(gallery, [new_face("Ann", 1)])
    again, other = catalogue.enrol(gallery, [new_face("Ann", 1), new_face("Bob", 1)])
    assert again == type(again)(EnrolmentOutcome.DUPLICATE, first.person_id, first.face_id)
    assert (other.outcome, other.person_id) == (EnrolmentOutcome.OTHER_PERSON, first.person_id)
    assert "Ann" in other.reason
    assert catalogue.counts(gallery) == Counts(people=1, photos=1, faces=1)


def test_the_same_photo_twice_in_one_batch_is_taken_once(catalogue, gallery):
    batch = [new_face("Ann", 1), new_face("Ann", 1), new_face("Bob", 1)]
    outcomes = [answer.outcome for answer in catalogue.enrol(gallery, batch)]
    assert outcomes == ["enrolled", "duplicate", "other-person"]
    assert catalogue.counts(gallery) == Counts(people=1, photos=1, faces=1)


def test_an_external_id_is_set_once_and_conflicts_are_reported_one_by_one(catalogue, gallery):
    catalogue.enrol(gallery, [new_face("Ann", 1)])
    outcomes = catalogue.enrol(
        gallery,
        [
            new_face("Ann", 1, "7"),  # a duplicate, but it brings the id
            new_face("Bob", 2, "7"),
            new_face("Ann", 3, "8"),  # a namesake
            new_face("Bob", 4, " "),
            new_face("Ann", 5, "7"),
        ],
    )
    assert [answer.outcome for answer in outcomes] == [
        "duplicate",
        "conflict",
        "enrolled",
        "enrolled",
        "enrolled",
    ]
    assert "7 belongs to Ann" in outcomes[1].reason
    assert [(each.name, each.faces) for each in catalogue.people(gallery, search="ann")] == [
        ("Ann", 2),
        ("Ann", 1),
    ]
    assert catalogue.person(gallery, "7").name == "Ann"
    assert catalogue.person(gallery, "Bob").external_id is None


def test_owners_tells_known_photos_from_unknown_ones_in_any_number(catalogue, gallery):
    catalogue.enrol(gallery, new_faces("Ann", range(5)))
    owners = catalogue.owners(gallery, [sha256(number) for number in range(3_000)])
    assert owners == {sha256(number): (Owner("Ann"),) for number in range(5)}


def test_a_face_of_a_photo_is_one_persons_as_a_part_and_as_a_whole(catalogue, gallery):
    """Whoever comes first, and whatever box the others drew around it."""
    face = new_face("Ann", 1)
    right = replace(face, box=face.box + np.float32([200, 0, 0, 0]))
    drawn = replace(face, box=face.box + np.float32([-30, -30, 60, 60]))
    first, same, whole, within, other = catalogue.enrol(
        gallery,
        [
            replace(face, part=True),
            replace(drawn, part=True),
            replace(drawn, person="Bob"),
            replace(drawn, person="Bob", part=True),
            replace(right, person="Bob", part=True),
        ],
    )
    assert [each.outcome.value for each in (first, same, whole, within, other)] == [
        "enrolled", "duplicate", "other-person", "other-person", "enrolled",
    ]  # fmt: skip
    assert same.face_id == first.face_id
    assert within.reason == "this face of the photo is enrolled under Ann"
    assert catalogue.owners(gallery, [sha256(1)]) == {sha256(1): (Owner("Ann"), Owner("Bob"))}
    found = catalogue.photos(gallery)
    assert {(face.person, face.photo_sha256) for face in found} == {
        ("Ann", sha256(1)),
        ("Bob", sha256(1)),
    }
    assert catalogue.wanted(gallery, [sha256(1)]) == frozenset(), "copies are kept of whole photos"
    (again,) = catalogue.enrol(gallery, [replace(right, person="Cid")])
    assert (again.outcome, again.person_id) == (EnrolmentOutcome.OTHER_PERSON, other.person_id)


def test_vectors_that_do_not_fit_are_refused(catalogue, gallery):
    with pytest.raises(VectorInvalid):
        catalogue.enrol(gallery, [new_face("Ann", 1, dimension=DIMENSION + 1)])
    bad = new_face("Ann", 1)
    bad.vector[0] = np.nan
    with pytest.raises(VectorInvalid):
        catalogue.enrol(gallery, [bad])
    assert catalogue.counts(gallery) == Counts(0, 0, 0)


def test_people_are_listed_by_name_and_searched_in_any_case(catalogue, gallery):
    names = ["Émile", "Zoë", "annika", "Anna", "ÉLISE", "Max_1", "Max%1"]
    catalogue.enrol(gallery, [new_face(name, n) for n, name in enumerate(names)])
    everybody = [person.name for person in catalogue.people(gallery)]
    assert everybody == sorted(names)

    def found(text):
        return [person.name for person in catalogue.people(gallery, search=text)]

    assert found("ANN") == ["Anna", "annika"]
    assert found("éli") == ["ÉLISE"]
    assert found("%") == ["Max%1"]
    assert found("_") == ["Max_1"]


def test_a_mistyped_name_is_answered_with_names_that_are_alike(catalogue, gallery):
    catalogue.enrol(gallery, [new_face("Katharina Berg", 1), new_face("Tom", 2)])
    with pytest.raises(NotFound, match="Did you mean Katharina Berg"):
        catalogue.person(gallery, "katarina Berg")
    with pytest.raises(NotFound, match="rollcall people list"):
        catalogue.person(gallery, "Xaver")


def test_photos_are_listed_in_pages_and_by_person(catalogue, gallery):
    catalogue.enrol(gallery, [*new_faces("Ann", [1, 2, 3]), new_face("Bob", 4)])
    assert [face.sha256 for face in catalogue.photos(gallery, person="Ann")] == [
        sha256(1),
        sha256(2),
        sha256(3),
    ]
    first = catalogue.photos(gallery, limit=3)
    assert [face.person for face in first] == ["Ann", "Ann", "Ann"]


def test_collections_know_nothing_of_each_other(catalogue):
    north, south = (make_collection(catalogue, name).id for name in ("north", "south"))
    catalogue.enrol(north, [new_face("Ann", 1)])
    (answer,) = catalogue.enrol(south, [new_face("Bob", 1)])
    assert answer.outcome is EnrolmentOutcome.ENROLLED
    assert catalogue.owners(north, [sha256(1)]) == {sha256(1): (Owner("Ann"),)}
    assert len(catalogue.vectors(north)[0]) == 1
    assert catalogue.delete_collection("south") == Counts(1, 1, 1)
    assert [each.name for each in catalogue.collections()] == ["north"]
    assert catalogue.faces([answer.face_id]) == {}
    assert catalogue.counts(north) == Counts(1, 1, 1)


def test_deleting_a_person_leaves_nothing_of_theirs(catalogue, gallery):
    catalogue.enrol(gallery, [*new_faces("Ann", [1, 2]), new_face("Bob", 3)])
    ann = catalogue.person(gallery, "Ann")
    faces = tuple(face.id for face in catalogue.faces_of(ann.id))
    erased = catalogue.delete_person(gallery, ann.id)
    assert (erased.people, erased.faces) == ((ann.id,), faces)
    assert set(erased.photos) == {sha256(1), sha256(2)}
    np.testing.assert_array_equal(erased.vectors, [vector(1), vector(2)])
    assert catalogue.counts(gallery) == Counts(1, 1, 1)
    with pytest.raises(NotFound):
        catalogue.delete_person(gallery, ann.id)


def test_a_photo_is_removed_by_path_or_by_its_hash(catalogue, gallery):
    catalogue.enrol(gallery, new_faces("Ann", [1, 2]))
    assert catalogue.remove_photo(gallery, "photos/Ann/1.jpg").photos == (sha256(1),)
    assert catalogue.remove_photo(gallery, sha256(2)[:12]).photos == (sha256(2),)
    assert catalogue.person(gallery, "Ann").faces == 0
    with pytest.raises(NotFound, match="no photo"):
        catalogue.remove_photo(gallery, "photos/Ann/1.jpg")


def test_a_path_with_several_photos_is_not_guessed_at(catalogue, gallery):
    first, second = new_face("Ann", 1), new_face("Ann", 2)
    catalogue.enrol(gallery, [first, type(second)(**_fields(second) | {"photo": first.photo})])
    with pytest.raises(InputError, match=sha256(2)[:12]):
        catalogue.remove_photo(gallery, first.photo)
    assert catalogue.counts(gallery).photos == 2


def _fields(record):
    return {name: getattr(record, name) for name in record.__slots__}


def test_a_path_that_is_no_unicode_is_kept_readable(catalogue, gallery):
    odd = new_face("Ann", 1)
    catalogue.enrol(gallery, [type(odd)(**_fields(odd) | {"photo": "f\udcff.jpg"})])
    (face,) = catalogue.photos(gallery)
    assert face.photo == "f\\udcff.jpg"
    assert catalogue.remove_photo(gallery, "f\udcff.jpg").photos == (sha256(1),)


def test_ids_are_never_used_twice(catalogue, gallery):
    (first,) = catalogue.enrol(gallery, [new_face("Ann", 1)])
    catalogue.delete_person(gallery, first.person_id)
    (second,) = catalogue.enrol(gallery, [new_face("Ann", 1)])
    assert second.face_id > first.face_id
    assert second.person_id > first.person_id
    catalogue.delete_collection("default")
    assert make_collection(catalogue).id > gallery


def test_a_calibration_document_is_kept_with_its_collection(catalogue, gallery):
    assert catalogue.calibration(gallery) is None
    catalogue.set_calibration(gallery, {"threshold": 0.95, "curve": [[0.1, 1]]})
    assert catalogue.calibration(gallery) == {"threshold": 0.95, "curve": [[0.1, 1]]}
    catalogue.set_calibration(gallery, None)
    assert catalogue.calibration(gallery) is None


def test_a_collection_that_is_gone_is_not_found(catalogue, gallery):
    feed = catalogue.feed(gallery)
    catalogue.delete_collection("default")
    for call in (
        lambda: catalogue.enrol(gallery, [new_face("Ann", 1)]),
        lambda: catalogue.vectors(gallery),
        lambda: catalogue.feed(gallery),
        feed.head,
        lambda: feed.changes(Watermark("", 0)),
        lambda: list(feed.everything()),
    ):
        with pytest.raises(NotFound, match="no collection"):
            call()


def test_the_feed_of_an_empty_collection_is_one_empty_complete_chunk(catalogue, gallery):
    feed = catalogue.feed(gallery)
    (chunk,) = feed.everything()
    assert (len(chunk.added), chunk.complete, chunk.watermark) == (0, True, feed.head())
    assert chunk.vectors.shape == (0, feed.dimension)
    after = feed.changes(chunk.watermark)
    assert (len(after.added), len(after.removed), after.complete) == (0, 0, True)


def test_everything_comes_in_ascending_chunks_with_one_watermark(catalogue, gallery):
    catalogue.enrol(gallery, new_faces("Ann", range(10)))
    feed = catalogue.feed(gallery)
    chunks = list(feed.everything(chunk=4))
    assert [len(chunk.added) for chunk in chunks] == [4, 4, 2]
    assert [chunk.complete for chunk in chunks] == [False, False, True]
    assert {chunk.watermark for chunk in chunks} == {feed.head()}
    ids = np.concatenate([chunk.added for chunk in chunks])
    assert (np.diff(ids) > 0).all()
    np.testing.assert_array_equal(chunks[0].vectors[1], vector(1))


def test_a_change_while_everything_is_read_is_not_seen_before_the_next_reading(catalogue, gallery):
    catalogue.enrol(gallery, new_faces("Ann", range(4)))
    feed = catalogue.feed(gallery)
    reading = feed.everything(chunk=3)
    first = next(reading)
    catalogue.enrol(gallery, [new_face("Ann", 9)])
    catalogue.remove_photo(gallery, sha256(3))
    (second,) = reading
    assert second.added.tolist() == [first.added[-1] + 1]
    after = feed.changes(second.watermark)
    np.testing.assert_array_equal(after.vectors, [vector(9)])
    assert after.removed.tolist() == second.added.tolist()


def test_changes_fold_to_what_holds_now(catalogue, gallery):
    feed = catalogue.feed(gallery)
    start = feed.head()
    kept, removed, owned = catalogue.enrol(
        gallery, [new_face("Ann", 1), new_face("Ann", 2), new_face("Bob", 3)]
    )
    middle = feed.head()
    catalogue.remove_photo(gallery, sha256(2))
    catalogue.delete_person(gallery, owned.person_id)
    folded = feed.changes(start)
    assert folded.added.tolist() == [kept.face_id]
    assert folded.people.tolist() == [kept.person_id]
    assert folded.removed.tolist() == [removed.face_id, owned.face_id]
    assert folded.complete
    later = feed.changes(middle)
    assert len(later.added) == 0
    assert later.removed.tolist() == [removed.face_id, owned.face_id]


def test_changes_in_small_steps_end_where_one_large_step_does(catalogue, gallery):
    feed = catalogue.feed(gallery)
    start = feed.head()
    catalogue.enrol(gallery, new_faces("Ann", range(7)))
    steps = [feed.changes(start, limit=3)]
    while not steps[-1].complete:
        steps.append(feed.changes(steps[-1].watermark, limit=3))
    assert [len(step.added) for step in steps] == [3, 3, 1]
    assert steps[-1].watermark == feed.changes(start).watermark == feed.head()


def test_a_new_epoch_makes_old_watermarks_void(catalogue, gallery):
    feed = catalogue.feed(gallery)
    before = feed.head()
    with catalogue._database.writing() as connection:
        epoch = renew_epoch(connection)
    assert feed.head() == Watermark(epoch, before.seq)
    with pytest.raises(SnapshotInvalid, match="rebuilt"):
        feed.changes(before)
    with pytest.raises(SnapshotInvalid, match="rebuilt"):
        feed.changes(Watermark(epoch, before.seq + 1))


def test_edits_and_their_undoing_leave_the_first_state(catalogue, gallery):
    catalogue.enrol(
        gallery, [new_face("Ann", 1, "E-1"), *new_faces("Bob", [2, 3]), new_face("Cid", 4)]
    )
    ann, bob, cid = (person.id for person in catalogue.people(gallery))
    feed = catalogue.feed(gallery)
    before, start = state(catalogue, gallery), feed.head()
    face_of_bob = catalogue.faces_of(bob)[0].id
    catalogue.split_person(gallery, bob, [face_of_bob], "Dora")
    catalogue.move_faces(gallery, [face_of_bob], cid)
    catalogue.rename_person(gallery, cid, "Sid")
    catalogue.merge_people(gallery, ann, cid)
    assert [person.name for person in catalogue.people(gallery)] == ["Bob", "Dora", "Sid"]
    after = feed.changes(start)
    assert set(after.people.tolist()) == {cid}
    assert [catalogue.undo(gallery).kind for _ in range(4)] == ["merge", "rename", "move", "split"]
    assert state(catalogue, gallery) == before
    folded = feed.changes(start)
    assert dict(zip(folded.added.tolist(), folded.people.tolist(), strict=True)) == {
        catalogue.faces_of(ann)[0].id: ann,
        face_of_bob: bob,
    }
    with pytest.raises(UndoImpossible, match="was undone"):
        catalogue.undo(gallery, catalogue.journal(gallery)[0].id)


def test_a_reader_never_skips_a_change_that_is_committed_late(url, catalogue, gallery):
    feed = catalogue.feed(gallery)
    start = feed.head()
    with Catalogue.open(url) as other, ThreadPoolExecutor(1) as thread:
        with catalogue._database.writing() as early:
            lock_collection(early, gallery)
            log_changes(early, gallery, [999])  # has drawn its seq, and is not committed
            later = thread.submit(other.enrol, gallery, [new_face("Ann", 1)])
            seen = feed.head()
            assert seen == start
            with pytest.raises(TimeoutError):
                later.result(timeout=0.3)
        assert later.result()[0].outcome is EnrolmentOutcome.ENROLLED
    folded = feed.changes(seen)
    assert (folded.removed.tolist(), len(folded.added)) == ([999], 1)


def test_a_reader_that_follows_concurrent_writers_ends_with_the_catalogue(url, catalogue, gallery):
    def write(writer):
        with Catalogue.open(url) as own:
            for start in range(writer * 1_000, writer * 1_000 + 60, 6):
                own.enrol(gallery, new_faces(f"person {writer}", range(start, start + 6)))
                own.remove_photo(gallery, sha256(start))

    feed = catalogue.feed(gallery)
    watermark, followed = feed.head(), {}
    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, writer) for writer in range(4)]
        finished = False
        while not finished:
            finished = all(writer.done() for writer in writers)
            step = feed.changes(watermark, limit=7)
            watermark, finished = step.watermark, finished and step.complete
            for face in step.removed.tolist():
                followed.pop(face, None)
            followed |= dict(zip(step.added.tolist(), step.people.tolist(), strict=True))
        for writer in writers:
            writer.result()
    ids, people, _ = catalogue.vectors(gallery)
    assert len(ids) == 4 * 50
    assert followed == dict(zip(ids.tolist(), people.tolist(), strict=True))


def test_a_new_person_is_made_once_by_concurrent_writers(url, catalogue, gallery):
    def write(number):
        with Catalogue.open(url) as own:
            make_collection(own, f"collection {number}")
            return own.enrol(gallery, [new_face("Ann", number)])[0].person_id

    with ThreadPoolExecutor(4) as threads:
        people = set(threads.map(write, range(8)))
    assert people == {catalogue.person(gallery, "Ann").id}
    assert len(catalogue.collections()) == 9


def test_a_server_that_was_restarted_is_used_again(postgres):
    with Catalogue.open(postgres.empty_database()) as catalogue:
        gallery = make_collection(catalogue).id
        postgres.stop()
        try:
            with pytest.raises(CatalogueUnavailable, match="does not answer"):
                catalogue.enrol(gallery, [new_face("Ann", 1)])
        finally:
            postgres.start()
        assert catalogue.enrol(gallery, [new_face("Ann", 1)])[0].outcome == "enrolled"


def test_a_database_with_other_tables_is_refused(url):
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE meta (name TEXT)"))
    database.close()
    with pytest.raises(CatalogueIncompatible, match="not a Rollcall catalogue"):
        Catalogue.open(url)
