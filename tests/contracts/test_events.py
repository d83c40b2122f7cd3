"""Events in the catalogue: photos once, verdicts for good, nothing left of who is gone."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select, update

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.transfer import migrate
from retrieval.catalogue.encrypted import recoding
from retrieval.catalogue.events.records import (
    CANDIDATE,
    FOUND,
    Decided,
    Expects,
    Found,
    NewPhoto,
    Reject,
    VerdictKind,
)
from retrieval.catalogue.events.tables import appearances, event_photos, thumbnails
from retrieval.catalogue.picture_rows import Of
from retrieval.catalogue.schema import NO_VECTOR
from retrieval.errors import AlreadyExists, ModelSwitched, NotFound, UndoImpossible
from retrieval.values import Detections, Faces, Quality
from tests.catalogue.made import make_collection, new_faces, sha256, vector

PICTURE = b"\xff\xd8\xff\xe0 a face of a person at an event \xff\xd9"


@pytest.fixture
def catalogue(url):
    with Catalogue.open(url) as opened:
        yield opened


@pytest.fixture
def gallery(catalogue):
    """Ann with faces 0 to 3, Bob with faces 4 and 5."""
    collection = make_collection(catalogue).id
    catalogue.enrol(collection, [*new_faces("Ann", range(4)), *new_faces("Bob", range(4, 6))])
    return collection


@pytest.fixture
def store(catalogue):
    return catalogue.events


@pytest.fixture
def party(store, gallery):
    return store.create(gallery, "Summer party")


def some_faces(numbers, reasons=None):
    count = len(numbers)
    boxes = np.array([[10 * (count - n), 5, 40, 50] for n in range(count)], np.float32)
    landmarks = np.zeros((count, 5, 2), np.float32)
    ones = np.ones(count, np.float32)
    quality = Quality(ones * 40, ones * 9, ones, ones * 0, tuple(reasons or [None] * count))
    vectors = np.stack([vector(number) for number in numbers])
    return Faces(Detections(boxes, landmarks, ones), quality, vectors)


def photo(number, faces=(100, 101), taken_at=None, name=None, reasons=None):
    pictures = [PICTURE + bytes([face]) for face in faces]
    name = name or f"party/{number}.jpg"
    found = some_faces(faces, reasons)
    return NewPhoto(sha256(number), name, f"/{name}", 640, 480, taken_at, found, pictures)


def add(catalogue, gallery, event, *photos, rejects=()):
    albums = catalogue.albums
    return albums.add(gallery, event.id, photos, rejects, "fingerprint").appearances


def decide(catalogue, gallery, event, people):
    """Say of each appearance who it is; None for nobody."""
    faces = catalogue.event_faces
    given = faces.to_decide(event.id, "fingerprint")
    revision, found = given.revision, given.found
    owners = np.array([-1 if person is None else person for person in people], np.int64)
    numbers = np.full(len(found), 0.5, np.float32)
    decided = Decided(
        ids=found.ids,
        found=[Found.UNKNOWN if person is None else Found.MATCH for person in people],
        people=owners,
        likeness=numbers,
        needed=numbers - 0.1,
        margins=np.full(len(found), np.nan, np.float32),
        by_event=owners < 0,
        reasons=["why"] * len(found),
        candidates=[np.array([(1, 0.5, 2)], CANDIDATE).tobytes()] * len(found),
        groups=found.ids,
    )
    return faces.decide(gallery, event.id, revision, decided, "stamp")


def test_an_event_comes_back_as_it_was_made(store, gallery, catalogue):
    ann = catalogue.person(gallery, "Ann").id
    made = store.create(
        gallery, "Büro Süd", day=date(2026, 7, 4), expects=Expects.LISTED, people=[ann], days=9
    )
    assert store.find(gallery, "Bu\u0308ro Su\u0308d") == store.get(gallery, made.id) == made
    assert (made.day, made.days, store.expected(made.id)) == (date(2026, 7, 4), 9, (ann,))
    assert store.all(gallery) == [made]
    with pytest.raises(AlreadyExists, match="Büro Süd"):
        store.create(gallery, "BÜRO  süd")
    assert store.find(gallery, "büro süd") == made
    renamed = store.change(gallery, made.id, name="Büro SÜD", day=made.day, days=made.days)
    assert renamed.name == "Büro SÜD"
    with pytest.raises(NotFound, match="Büro SÜD"):
        store.find(gallery, "winter")


def test_what_is_changed_is_changed_alone(store, gallery, party):
    changed = store.change(gallery, party.id, name="Winter", day=date(2026, 12, 1))
    assert (changed.name, changed.day, changed.expects) == ("Winter", date(2026, 12, 1), "nobody")
    everybody = store.change(gallery, party.id, expects=Expects.EVERYBODY, days=3)
    assert (everybody.name, everybody.expects, everybody.days) == ("Winter", "everybody", 3)


def test_a_photo_is_taken_once_and_its_faces_are_numbered_as_they_come(
    catalogue, gallery, party, store
):
    moment = datetime(2026, 7, 4, 12, tzinfo=UTC)
    ids = add(catalogue, gallery, party, photo(1, taken_at=moment), photo(1), photo(2, [102]))
    assert len(ids) == 3
    assert add(catalogue, gallery, party, photo(1)) == ()
    found = catalogue.event_faces.of_event(party.id)
    assert found.ids.tolist() == list(ids)
    assert [each.face for each in catalogue.event_faces.shown(party.id)] == [1, 2, 1]
    assert [FOUND[each] for each in found.found] == [Found.UNKNOWN] * 3
    assert store.get(gallery, party.id).day == date(2026, 7, 4), "as the first photo tells"
    assert store.sizes([party.id])[party.id].appearances == 3
    pictures = catalogue.thumbnails.find(gallery, Of.APPEARANCE, list(ids))
    assert pictures[ids[0]] == PICTURE + bytes([100])


def test_a_reject_is_listed_once_and_goes_when_the_photo_is_taken(catalogue, gallery, party, store):
    albums = catalogue.albums
    reject = Reject("party/9.jpg", "unreadable", "It is empty. Copy it again.")
    for _ in range(2):
        add(catalogue, gallery, party, rejects=[reject])
    (listed,) = albums.photos(party.id, rejected=True)
    assert (listed.photo, listed.code, listed.sha256) == ("party/9.jpg", "unreadable", None)
    add(catalogue, gallery, party, photo(9))
    assert albums.photos(party.id, rejected=True) == []
    assert albums.known(party.id, [sha256(9), sha256(8)]) == {sha256(9)}


def test_vectors_of_another_model_are_refused(catalogue, gallery, party):
    with pytest.raises(ModelSwitched):
        catalogue.albums.add(gallery, party.id, [photo(1)], [], "another")


def test_decisions_come_back_and_hold_for_the_faces_that_they_were_made_of(
    catalogue, gallery, party, store
):
    ann = catalogue.person(gallery, "Ann").id
    ids = add(catalogue, gallery, party, photo(1))
    assert decide(catalogue, gallery, party, [ann, None])
    faces = catalogue.event_faces
    found = faces.of_event(party.id)
    assert found.people.tolist() == [ann, -1]
    assert found.by_event.tolist() == [False, True]
    np.testing.assert_allclose(found.likeness - found.needed, [0.1, 0.1], atol=1e-6)
    first, second = faces.shown(party.id)
    assert first.candidates == ((1, 0.5, 2),)
    assert (second.found, second.reason, second.group) == (Found.UNKNOWN, "why", ids[1])
    assert faces.events_of(gallery, ann) == {party.id}
    assert faces.of_person([party.id], ann).ids.tolist() == [ids[0]]
    assert set(catalogue.albums.named(found.photos.tolist()).values()) == {
        (party.id, first.photo.photo)
    }
    revision = faces.to_decide(party.id, "fingerprint").revision
    assert store.get(gallery, party.id).decided == revision == 1
    add(catalogue, gallery, party, photo(2, [103]))
    late = Decided(*[[]] * 10)
    assert not faces.decide(gallery, party.id, revision, late, "stamp"), "a photo came meanwhile"


def test_nothing_is_left_of_a_person_who_is_deleted(catalogue, gallery, party):
    ann = catalogue.person(gallery, "Ann").id
    ids = add(catalogue, gallery, party, photo(1, name="of/Ann/1.jpg"), photo(2, [102, 103]))
    decide(catalogue, gallery, party, [ann, None, None, None])
    verdicts = catalogue.verdicts
    verdicts.say(gallery, party.id, [(ids[2], VerdictKind.IS, ann)], "eve")
    erased = catalogue.delete_person(gallery, ann)
    assert erased.seen.appearances == (ids[0], ids[2])
    assert erased.seen.events == (party.id,)
    assert set(erased.seen.photos) == {sha256(1), sha256(2)}
    faces = catalogue.event_faces
    found = faces.of_event(party.id)
    assert [FOUND[each] for each in found.found] == ["erased", "unknown", "erased", "unknown"]
    with catalogue._database.reading() as connection:
        rows = connection.execute(select(appearances).order_by(appearances.c.id)).all()
        assert [row.vector == NO_VECTOR for row in rows] == [True, False, True, False]
        names = connection.scalars(select(event_photos.c.photo)).all()
        assert "Ann" not in " ".join(names)
    assert set(catalogue.thumbnails.find(gallery, Of.APPEARANCE, list(ids))) == {
        ids[1],
        ids[3],
    }
    assert [verdict.person for verdict in verdicts.of_event(party.id)] == [None]
    with pytest.raises(NotFound):
        verdicts.say(gallery, party.id, [(ids[0], VerdictKind.NOBODY, None)], "eve")


def test_a_deletion_leaves_names_of_others_that_hold_the_name(catalogue, gallery, party):
    catalogue.enrol(gallery, new_faces("Ann Lee", [9]))
    add(catalogue, gallery, party, photo(7, name="party/Ann Lee.jpg"), photo(8, name="Ann 2.jpg"))
    catalogue.delete_person(gallery, catalogue.person(gallery, "Ann").id)
    names = [each.photo for each in catalogue.albums.photos(party.id)]
    assert "party/Ann Lee.jpg" in names
    assert "Ann 2.jpg" not in names


def test_a_deletion_names_events_that_saw_the_very_photo(catalogue, gallery, party):
    ann = catalogue.person(gallery, "Ann").id
    add(catalogue, gallery, party, photo(20, faces=(0, 101)))  # face 0 is enrolled as Ann's
    decide(catalogue, gallery, party, [ann, None])
    erased = catalogue.delete_person(gallery, ann)
    assert erased.seen.events == (party.id,)
    assert erased.seen.photos == (sha256(20),)


def test_a_decision_that_comes_late_names_nobody_who_was_deleted(catalogue, gallery, party):
    ann, bob = (catalogue.person(gallery, name).id for name in ("Ann", "Bob"))
    add(catalogue, gallery, party, photo(1), photo(2, [102]))
    decide(catalogue, gallery, party, [ann, None, None])
    catalogue.delete_person(gallery, ann)
    assert decide(catalogue, gallery, party, [ann, ann, bob])
    assert catalogue.event_faces.of_event(party.id).people.tolist() == [-1, -1, bob]


def test_a_merge_takes_appearances_and_verdicts_along_and_an_undo_brings_them_back(
    catalogue, gallery, party
):
    ann, bob = (catalogue.person(gallery, name).id for name in ("Ann", "Bob"))
    ids = add(catalogue, gallery, party, photo(1), photo(2, [102]))
    decide(catalogue, gallery, party, [ann, bob, None])
    verdicts, faces = catalogue.verdicts, catalogue.event_faces
    verdicts.say(gallery, party.id, [(ids[0], VerdictKind.RIGHT, ann)], "eve")
    catalogue.merge_people(gallery, ann, bob)
    assert faces.of_event(party.id).people.tolist() == [bob, bob, -1]
    assert [verdict.person for verdict in verdicts.of_event(party.id)] == [bob]
    catalogue.undo(gallery)
    assert faces.of_event(party.id).people.tolist() == [ann, bob, -1]
    assert [verdict.person for verdict in verdicts.of_event(party.id)] == [ann]


def test_whoever_was_expected_is_so_after_a_merge_and_an_undo(catalogue, gallery, store):
    ann, bob = (catalogue.person(gallery, name) for name in ("Ann", "Bob"))
    alone = store.create(gallery, "alone", expects=Expects.LISTED, people=[ann.id])
    both = store.create(gallery, "both", expects=Expects.LISTED, people=[ann.id, bob.id])
    entry = catalogue.merge_people(gallery, ann, bob)
    assert (store.expected(alone.id), store.expected(both.id)) == ((bob.id,), (bob.id,))
    catalogue.undo(gallery, entry.id)
    assert store.expected(alone.id) == (ann.id,)
    assert sorted(store.expected(both.id)) == [ann.id, bob.id]


def test_verdicts_are_kept_and_an_act_is_undone_as_one(catalogue, gallery, party):
    ann = catalogue.person(gallery, "Ann").id
    ids = add(catalogue, gallery, party, photo(1))
    verdicts = catalogue.verdicts
    first = verdicts.say(gallery, party.id, [(row, VerdictKind.IS, ann) for row in ids], "eve")
    verdicts.say(gallery, party.id, [(ids[0], VerdictKind.NOBODY, None)], "adam")
    assert {verdict.act for verdict in first} == {first[0].id}
    undone = verdicts.undo(gallery, party.id, first[0].act, "adam")
    assert [verdict.undone_by for verdict in undone] == ["adam", "adam"]
    with pytest.raises(UndoImpossible, match="adam"):
        verdicts.undo(gallery, party.id, first[0].act, "eve")
    (newest,) = verdicts.undo(gallery, party.id, None, "eve")
    assert newest.kind is VerdictKind.NOBODY
    with pytest.raises(NotFound):
        verdicts.undo(gallery, party.id, None, "eve")
    assert len(verdicts.of_event(party.id)) == 3


def test_somebody_new_gets_a_number_and_one_that_is_taken_tells_namesakes_apart(
    catalogue, gallery, party
):
    ids = add(catalogue, gallery, party, photo(1))

    def person(name, number):
        return catalogue.verdicts.person(gallery, party.id, ids, name, number)

    cid, made = person("Cid", "E-3")
    assert (made, cid.external_id, cid.faces) == (True, "E-3", 0)
    assert person("Cid", "E-3") == (cid, False)
    assert person("Ann", "E-1")[0].external_id == "E-1"
    with pytest.raises(AlreadyExists):
        person("Dan", "E-3")
    namesake, made = person("Cid", "E-4")
    assert made
    assert namesake.id != cid.id


def test_a_name_that_was_deleted_just_now_does_not_come_back_by_a_verdict(
    catalogue, gallery, party
):
    ann = catalogue.person(gallery, "Ann")
    ids = add(catalogue, gallery, party, photo(1))
    decide(catalogue, gallery, party, [ann.id, ann.id])
    catalogue.delete_people(gallery, [ann])
    with pytest.raises(NotFound, match="no face"):
        catalogue.verdicts.person(gallery, party.id, ids, "Ann", None)
    assert [person.name for person in catalogue.people(gallery)] == ["Bob"]


def test_events_and_strangers_go_when_their_time_is_over(catalogue, gallery, party, store):
    ann = catalogue.person(gallery, "Ann").id
    ids = add(catalogue, gallery, party, photo(1))
    decide(catalogue, gallery, party, [ann, None])
    kept = store.create(gallery, "kept", days=1_000)
    assert store.purge(gallery, None, 30) == ((), (), 0)
    old = datetime.now(UTC) - timedelta(days=40)
    with catalogue._database.writing() as connection:
        connection.execute(update(event_photos).values(added_at=old))
    assert store.purge(gallery, None, 30) == ((), (), 1)
    found = catalogue.event_faces.of_event(party.id)
    assert [FOUND[each] for each in found.found] == ["match", "forgotten"]
    assert list(catalogue.thumbnails.find(gallery, Of.APPEARANCE, list(ids))) == [ids[0]]
    with catalogue._database.writing() as connection:
        from retrieval.catalogue.events.tables import events

        connection.execute(update(events).values(created_at=old))
    assert store.purge(gallery, 30, 30) == ((party.id,), (sha256(1),), 0)
    assert store.all(gallery) == [store.get(gallery, kept.id)]


def test_pictures_of_faces_go_with_them(catalogue, gallery):
    pictures = catalogue.thumbnails
    faces = [face.id for face in catalogue.faces_of(catalogue.person(gallery, "Ann").id)]
    assert pictures.lacking_faces(gallery)[:4] == faces
    assert pictures.put(gallery, Of.FACE, dict.fromkeys([*faces, 999], PICTURE)) == 4
    assert pictures.put(gallery, Of.FACE, {faces[0]: b"another"}) == 0
    assert pictures.find(gallery, Of.FACE, faces) == dict.fromkeys(faces, PICTURE)
    catalogue.delete_person(gallery, catalogue.person(gallery, "Ann").id)
    with catalogue._database.reading() as connection:
        assert connection.scalars(select(thumbnails.c.id)).all() == []


def test_a_deleted_event_leaves_nothing_and_a_deleted_collection_neither(
    catalogue, gallery, party, store
):
    add(catalogue, gallery, party, photo(1))
    assert store.delete(gallery, party.id) == (sha256(1),)
    again = store.create(gallery, "Summer party")
    add(catalogue, gallery, again, photo(1))
    catalogue.delete_collection("default")
    with catalogue._database.reading() as connection:
        for table in (appearances, event_photos, thumbnails):
            assert connection.execute(select(table)).all() == []


def test_encrypting_and_rotating_reach_vectors_and_pictures_of_events(
    url, catalogue, gallery, party
):
    pytest.importorskip("cryptography", reason="needs the extra encryption")
    from tests.catalogue.user_keys import user_key

    ids = add(catalogue, gallery, party, photo(1))
    before = catalogue.event_faces.to_decide(party.id, "fingerprint").vectors
    with Catalogue.open(url, user_key(1), check_key=False) as keyed:
        recoding.begin_encrypting(keyed)
        assert sum(recoding.recode(keyed)) >= 6 + 2 + 2
        recoding.finish(keyed, None)
        with keyed._database.reading() as connection:
            stored = connection.scalars(select(thumbnails.c.picture)).all()
            held = connection.scalars(select(appearances.c.vector)).all()
        assert not any(PICTURE in value for value in stored)
        assert not any(vector(100).tobytes() in value for value in held)
        recoding.begin_rotating(keyed, None)
        list(recoding.recode(keyed))
        recoding.finish(keyed, user_key(1)())
        after = keyed.event_faces.to_decide(party.id, "fingerprint").vectors
        np.testing.assert_array_equal(before, after)
        found = keyed.thumbnails.find(gallery, Of.APPEARANCE, list(ids))
        assert found[ids[1]] == PICTURE + bytes([101])


def test_an_event_moves_to_another_database_whole(catalogue, gallery, party, tmp_path):
    ann = catalogue.person(gallery, "Ann").id
    ids = add(catalogue, gallery, party, photo(1))
    decide(catalogue, gallery, party, [ann, None])
    catalogue.verdicts.say(gallery, party.id, [(ids[1], VerdictKind.NOBODY, None)], "eve")
    migrate(catalogue, tmp_path / "moved.db")
    with Catalogue.open(tmp_path / "moved.db") as moved:
        for read in (
            lambda c: c.events.all(gallery),
            lambda c: c.event_faces.shown(party.id),
            lambda c: c.verdicts.of_event(party.id),
            lambda c: c.thumbnails.find(gallery, Of.APPEARANCE, list(ids)),
        ):
            assert read(moved) == read(catalogue)
