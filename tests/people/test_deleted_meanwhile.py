"""Somebody is deleted while a video, or a photo, that shows them is looked at by somebody else."""

import pytest

from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.runs.run_records import ListedPhoto, PhotoOutcome, Taken
from retrieval.collection.enrolments import EnrolItem
from retrieval.settings import Settings
from retrieval.values import Source
from tests.api.painted import GREEN, RED, paint, painted_service
from tests.made_videos import squares, write_video

WHO = "Rosa Luxemburg"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def service(settings):
    with painted_service(settings, "default") as opened:
        items = [
            EnrolItem(name, f"{number}-{n}.png", paint(colour, seed=n))
            for number, (name, colour) in enumerate(((WHO, RED), ("Gustav", GREEN)))
            for n in range(2)
        ]
        assert {result.outcome for result in opened.enrol(items)} == {"enrolled"}
        yield opened


@pytest.fixture
def video(tmp_path):
    frames = [squares((RED, 20 + n, 20), (GREEN, 300 + n, 20)) for n in range(60)]
    return write_video(tmp_path / "party.mp4", frames, fps=10)


def deleting(service):
    """Another actor, who deletes when a video is told for the second time to get on."""
    told = []

    def gets_on(second, length):
        told.append(second)
        if len(told) == 2:
            service.forget(WHO)

    return gets_on


def test_a_deleted_person_does_not_come_back_with_the_event_of_a_video(service, video):
    event = service.events.create("Party")
    source = Source("party.mp4", video)
    taken = list(service.events.take(event, [source], advance=deleting(service)))
    service.events.settle(service.events.find(event.id))
    assert [each.outcome for each in taken] == ["added"]
    faces = service.events.appearances(service.events.find(event.id))
    assert sorted(each.person or "" for each in faces) == ["", "Gustav"]
    assert service.catalogue.traces([WHO.encode()]) == []


def test_an_answer_that_was_made_before_a_deletion_is_stored_without_the_name(service, video):
    runs = service.catalogue.runs
    answer = service.identify_video(Source("party.mp4", video))
    document = answer.document()
    assert {stay.person for stay in answer.people()} == {WHO, "Gustav"}
    run = runs.create("identify", "default", str(video.parent), {})
    (photo,) = runs.add(run.id, [ListedPhoto(str(video))])
    service.forget(WHO)
    runs.record(run.id, [PhotoOutcome(photo, Taken.ANSWERED, answer=document)])
    service.catalogue.audit.record([AuditEntry("me", "identify", "default", answer=document)])
    (stored,) = [each for _, each in runs.answers(run.id)]
    assert {stay["person"] for stay in stored["people"]} == {"(deleted)", "Gustav"}
    (entry,) = service.catalogue.audit.entries(action="identify")
    assert {stay["person"] for stay in entry.entry.answer["people"]} == {"(deleted)", "Gustav"}
    assert service.catalogue.traces([WHO.encode()]) == []


def test_the_name_of_somebody_who_was_merged_meanwhile_stays(service, video):
    document = service.identify_video(Source("party.mp4", video)).document()
    catalogue, mine = service.catalogue, service.collection.id
    people = {person.name: person.id for person in catalogue.people(mine)}
    catalogue.merge_people(mine, people[WHO], people["Gustav"])
    service.catalogue.audit.record([AuditEntry("me", "identify", "default", answer=document)])
    (entry,) = service.catalogue.audit.entries(action="identify")
    assert entry.entry.answer == document
