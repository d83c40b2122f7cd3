"""An album becomes the roll; verdicts correct it, and it stays right."""

from datetime import date
from types import SimpleNamespace

import pytest
from sqlalchemy.event import listen

from retrieval.catalogue.changes import renew_epoch
from retrieval.catalogue.events.records import Expects, Found, VerdictKind
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import InputError, NotFound, SettingInvalid
from retrieval.events.answers import Standing
from retrieval.events.intake import take
from retrieval.events.shown import Certainty, Expected
from retrieval.events.verdicts import Judgement
from retrieval.people.deletions import forget_with_receipt
from retrieval.values import Source
from tests.api.painted import BLUE, GREEN, PINK, RED, paint
from tests.events.conftest import album


def names(roll, standing=Standing.PRESENT):
    return [line.person for line in roll.of(standing)]


def face_of(service, event, person):
    """A face that is somebody's, or nobody's."""
    found = service.events.appearances(event)
    return next(each.appearance.id for each in found if each.person == person)


def decisions(service, event, faces):
    """What stands of faces."""
    found = service.events.appearances(event)
    return {each.decision for each in found if each.appearance.id in set(faces)}


def test_the_roll_says_who_was_there_and_how_often(service, party):
    roll = service.events.roll(party)
    (red,) = roll.present
    assert (red.person, red.external_id, red.photos) == ("Red", "E-1", 2)
    assert red.certainty is Certainty.SURE
    assert red.expected is None
    (stranger,) = roll.unknown
    assert (len(stranger.faces), stranger.photos) == (2, 2), "two photos, one stranger"
    assert (roll.photos, roll.appearances, roll.absent) == (3, 4, ())


def test_photos_are_taken_once_and_what_cannot_be_taken_says_why(service, party):
    again = [*album(), Source("empty.png", b""), Source("4.png", paint(GREEN, seed=14))]
    taken = [(each.outcome, each.code) for each in service.events.add(party, again)]
    assert taken[:3] == [("known", None)] * 3
    assert taken[3:] == [("rejected", "unreadable"), ("added", None)]
    (reject,) = service.events.photos(party, rejected=True)
    assert reject.photo == "empty.png"
    assert names(service.events.roll(party), Standing.PRESENT) == ["Green", "Red"]


def test_a_photo_that_another_added_meanwhile_is_counted_as_known(service, party):
    """Looked up before the other one's photos were there, and stored after them."""
    albums = service.catalogue.albums
    before = SimpleNamespace(known=lambda event, hashes: frozenset(), add=albums.add)
    host = SimpleNamespace(
        catalogue=SimpleNamespace(albums=before),
        keeping=service.keeping,
        photos=service.photos,
        steadily=service.steadily,
    )
    taken = list(take(host, party, iter([*album(), Source("4.png", paint(RED, seed=14))])))
    assert [each.outcome for each in taken] == ["known", "known", "known", "added"]
    assert sum(each.faces for each in taken) == 1


def test_who_was_expected_and_not_seen_is_absent(service, party):
    listed = service.events.expect(["  GREEN ", "e-1", "Nobody  Known"])
    assert (len(listed.people), listed.unknown) == (2, ("Nobody  Known",))
    listed = service.events.expect(["green", "E-1", "Nobody Known", ""])
    assert listed.unknown == ("Nobody Known",)
    changed = service.events.change(party, expected=listed)
    roll = service.events.roll(changed)
    assert names(roll) == ["Red"]
    assert [(line.person, line.expected) for line in roll.absent] == [("Green", True)]
    everybody = service.events.change(party, expected=Expected(Expects.EVERYBODY))
    assert names(service.events.roll(everybody), Standing.ABSENT) == ["Green"]


def test_not_this_person_holds_for_the_group_and_the_future(service, party):
    red = face_of(service, party, "Red")
    judged = service.events.judge(party, Judgement(VerdictKind.NOT, (red,)), "eve")
    assert len(judged.faces) == 2, "both faces of the group"
    assert judged.person == "Red"
    assert names(service.events.roll(party)) == []
    assert decisions(service, party, judged.faces) == {Found.UNKNOWN}, (
        "what was refused is no match"
    )
    list(service.events.add(party, [Source("9.png", paint(RED, seed=19))]))
    assert names(service.events.roll(party)) == [], "a new photo of the same face"
    assert service.events.undo(party, judged.act, "adam")
    service.events.update(party)
    assert names(service.events.roll(party)) == ["Red"]


def test_a_group_becomes_somebody_new_with_a_number(service, party):
    roll = service.events.roll(party)
    (stranger,) = roll.unknown
    told = Judgement(
        VerdictKind.IS, stranger.faces[:1], person="Blue", external_id="E-9", group=True, teach=True
    )
    judged = service.events.judge(party, told, "eve")
    assert (judged.new, judged.taught, set(judged.faces)) == (True, 2, set(stranger.faces))
    after = service.events.roll(party)
    (blue, _) = after.present
    assert (blue.person, blue.external_id, blue.confirmed_by) == ("Blue", "E-9", "eve")
    assert blue.certainty is Certainty.CONFIRMED
    assert decisions(service, party, judged.faces) == {Found.MATCH}
    assert after.outdated is not None
    answer = service.identify([Source("q.png", paint(BLUE, seed=99))])[0]
    assert answer.faces[0].person == "Blue", "it was taught"


def test_a_face_of_one_of_two_namesakes_is_taught_to_the_right_one(service, party):
    store, gallery = service.catalogue, service.collection.id
    list(service.enrol([EnrolItem("Green", "2.png", paint(GREEN, seed=2), "E-2")]))
    store.rename_person(gallery, store.person(gallery, "Green"), "Red")
    meant = store.person(gallery, "E-2")
    (stranger,) = service.events.roll(party).unknown
    told = Judgement(VerdictKind.IS, stranger.faces[:1], person_id=meant.id, teach=True)
    judged = service.events.judge(party, told, "eve")
    assert (judged.taught, judged.not_taught, judged.person_id) == (1, (), meant.id)
    faces = {each.external_id: each.faces for each in store.people(gallery)}
    assert faces == {"E-1": 2, "E-2": meant.faces + 1}


def test_one_persons_faces_are_those_of_the_whole_event(service, party):
    red, blue = face_of(service, party, "Red"), face_of(service, party, None)
    service.events.judge(party, Judgement(VerdictKind.NOT, (red,)), "eve")
    service.events.undo(party, None, "eve")
    for kind, face, person in (
        (VerdictKind.IS, blue, "Green"),
        (VerdictKind.IS, red, "Green"),
        (VerdictKind.NOBODY, red, None),
        (VerdictKind.IS, blue, "Red"),  # the other face of the photo gives way
    ):
        service.events.judge(party, Judgement(kind, (face,), person=person), "eve")
        shown = service.events.appearances(party)
        for each in service.catalogue.people(service.collection.id):
            own = tuple(one.appearance.id for one in shown if one.person_id == each.id)
            assert service.events.faces_of(party, each.id) == own, (kind, each.name)


def test_nobody_of_ours_is_kept_apart_and_undone(service, party):
    (stranger,) = service.events.roll(party).unknown
    told = Judgement(VerdictKind.NOBODY, stranger.faces[:1], group=True)
    judged = service.events.judge(party, told, "eve")
    (after,) = service.events.roll(party).unknown
    assert (after.nobodys, len(after.faces)) == (True, 2)
    service.events.undo(party, None, "eve")
    assert not service.events.roll(party).unknown[0].nobodys
    first, second = service.events.history(party)
    assert (first.act, second.undone_by) == (judged.act, "eve")


def test_the_last_word_counts_and_a_name_is_given_once_in_a_photo(service, party):
    blue = service.events.roll(party).unknown[0].faces[0]  # of the photo that shows Red
    service.events.judge(party, Judgement(VerdictKind.IS, (blue,), person="Red"), "eve")
    roll = service.events.roll(party)
    assert (roll.present[0].photos, roll.present[0].confirmed_by) == (2, "eve")
    shown = {each.appearance.id: each.person for each in service.events.appearances(party)}
    assert list(shown.values()).count("Red") == 2, "the other face of the photo gave way"
    service.events.judge(party, Judgement(VerdictKind.IS, (blue,), person="Green"), "adam")
    assert names(service.events.roll(party)) == ["Green", "Red"]


def test_what_has_no_meaning_is_refused(service, party):
    stranger = service.events.roll(party).unknown[0].faces[0]
    with pytest.raises(InputError, match="nobody's"):
        service.events.judge(party, Judgement(VerdictKind.RIGHT, (stranger,)), "eve")
    with pytest.raises(InputError, match="name"):
        service.events.judge(party, Judgement(VerdictKind.IS, (stranger,)), "eve")
    with pytest.raises(NotFound):
        service.events.judge(party, Judgement(VerdictKind.NOBODY, (999,)), "eve")
    with pytest.raises(InputError):
        service.events.judge(party, Judgement(VerdictKind.NOBODY, ()), "eve")


def test_the_roll_says_what_would_change_and_update_does_it(service, party):
    assert service.events.roll(party).outdated is None
    list(service.enrol([EnrolItem("Blue", f"b{n}.png", paint(BLUE, seed=50 + n)) for n in (0, 1)]))
    roll = service.events.roll(party)
    assert names(roll) == ["Red"]
    assert "people" in roll.outdated
    expected = {(None, "Blue")}
    dry = service.events.would_change(party)
    assert {(each.before, each.after) for each in dry.changes} == expected
    assert names(service.events.roll(party)) == ["Red"], "nothing is written"
    done = service.events.update(party)
    assert {(each.before, each.after) for each in done.changes} == expected
    roll = service.events.roll(party)
    assert (names(roll), roll.outdated) == (["Blue", "Red"], None)
    with service.catalogue._database.writing() as connection:
        renew_epoch(connection)  # as a restore or a move does
    restored = service.events.roll(party).outdated
    assert restored is not None
    assert restored.startswith("the catalogue was restored or moved")
    assert service.events.update(party).changes == ()
    assert service.events.roll(party).outdated is None


def test_a_rename_shows_at_once_and_a_deletion_leaves_nothing(service, party):
    service.rename(service.person("Red"), "Rose")
    assert names(service.events.roll(party)) == ["Rose"]
    service.forget(service.person("Rose"))
    roll = service.events.roll(party)
    assert (roll.lines, roll.gone) == ((), 2)
    service.events.update(party)
    assert service.events.roll(party).gone == 2, "erased faces stay erased"


def test_people_are_found_over_events_and_together(service, party):
    other = service.events.create("Winter", day=date(2026, 12, 1))
    list(service.events.add(other, [Source("w.png", paint(RED, GREEN, seed=31))]))
    seen = service.events.sightings("Red")
    assert {each.event.name: each.photos for each in seen} == {
        "Summer party": ("1.png", "2.png"),
        "Winter": ("w.png",),
    }
    (both,) = service.events.together(["Red", "Green"])
    assert (both.event.name, both.photos) == ("Winter", ("w.png",))
    table = service.events.presence(date(2026, 1, 1), None)
    assert [event.name for event in table.events] == ["Winter"]
    assert [event.name for event in table.undated] == ["Summer party"]
    with pytest.raises(SettingInvalid, match="before"):
        service.events.presence(date(2026, 2, 1), date(2026, 1, 1))
    whole = service.events.presence()
    assert ({event.name for event in whole.events}, whole.undated) == (
        {"Winter", "Summer party"},
        (),
    )
    counts = {line.person: line.present for line in whole.lines}
    assert counts == {"Red": 2, "Green": 1}
    with pytest.raises(NotFound):
        service.events.sightings("Nobody")


def test_where_somebody_was_seen_is_read_once_for_all_events(service):
    asked: list[str] = []
    listen(
        service.catalogue._database._engine,
        "before_cursor_execute",
        lambda *told: asked.append(told[2]),
    )
    counts = []
    for number in range(6):
        event = service.events.create(f"Door {number}")
        list(service.events.add(event, [Source("d.png", paint(RED, BLUE, seed=50 + number))]))
        service.events.settle(event)
        asked.clear()
        seen = service.events.sightings("Red")
        assert {each.event.id: each.photos for each in seen}[event.id] == ("d.png",)
        assert all(len(each.faces) == 1 for each in seen)
        assert len(seen) == number + 1
        counts.append(len(asked))
    assert len(set(counts)) == 1


def test_pictures_are_kept_of_every_face_unless_that_is_switched_off(service, party):
    faces = [each.appearance.id for each in service.events.appearances(party)]
    pictures = service.events.roll(party).pictures(faces)
    assert set(pictures) == set(faces)
    assert all(picture.startswith(b"\xff\xd8") for picture in pictures.values())


def test_copies_of_photos_are_kept_where_asked_and_go_with_the_event(service):
    kept = service.events.create("Kept", keep_photos=True)
    list(service.events.add(kept, album()))
    assert len(service.photos.kept()) == 3
    list(service.enrol([EnrolItem("Green", "g.png", paint(GREEN, seed=70))]))
    service.forget(service.person("Red"))
    assert len(service.photos.kept()) == 1, "photos that show a deleted person go"
    service.events.delete(service.events.find(kept.id))
    assert service.photos.kept() == []


def test_an_event_without_photos_has_an_empty_roll(service):
    empty = service.events.create("Empty")
    roll = service.events.roll(empty)
    assert (roll.lines, roll.unknown, roll.photos) == ((), (), 0)


def test_a_group_of_faces_of_one_stranger_is_one_however_many_photos(service):
    made = service.events.create("Pink")
    photos = [Source(f"{n}.png", paint(PINK, seed=200 + n)) for n in range(5)]
    list(service.events.add(made, photos))
    (group,) = service.events.roll(made).unknown
    assert len(group.faces) == 5
    assert names(service.events.roll(made)) == []


def test_no_painted_person_is_somebody_else(service):
    made = service.events.create("All")
    list(service.events.add(made, [Source("all.png", paint(RED, GREEN, BLUE, PINK, seed=300))]))
    assert names(service.events.roll(made)) == ["Green", "Red"]


def test_the_receipt_of_a_deletion_names_the_events_and_finds_no_trace(service, party, settings):
    assert len(service.events.roll(party).present[0].faces) == 2
    receipt = forget_with_receipt(service, "Red", settings.home)
    assert (receipt.events, len(receipt.erased_event_faces)) == ([party.id], 2)
    assert receipt.traces == [], "vectors and pictures of the event are gone as well"
    assert "2 faces of 1 event as well" in receipt.summary
    assert "downloaded" in " ".join(receipt.not_searched)


def test_a_number_that_is_one_events_name_and_another_ones_id_is_asked_about(service, party):
    other = service.events.create(str(party.id))
    with pytest.raises(InputError, match=f"#{other.id} or #{party.id}"):
        service.events.find(str(party.id))
    assert service.events.find(f"#{party.id}") == service.events.find(party.id)
    assert service.events.find(f"#{other.id}").name == str(party.id)
    service.events.delete(party)
    assert service.events.find(str(party.id)) == other, "nothing else is meant any more"
