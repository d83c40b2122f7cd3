"""Two people judge the same event, photos come in, somebody is deleted: all at once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from retrieval.catalogue.events.records import FOUND, Found, VerdictKind
from retrieval.errors import NotFound
from retrieval.events.verdicts import Judgement
from retrieval.values import Source
from tests.api.painted import BLUE, GREEN, RED, paint

ROUNDS = 4


def test_no_verdict_is_lost_and_no_deleted_name_comes_back(service):
    event = service.events.create("Party")
    first = [Source(f"{n}.png", paint(RED, GREEN, BLUE, seed=400 + n)) for n in range(3)]
    list(service.events.add(event, first))
    faces = [each.appearance.id for each in service.events.appearances(event)]

    def judge(who, own):
        """Say something of some faces; what was said and answered, by face."""
        said = {}
        for number in range(ROUNDS):
            face = own[number % len(own)]
            kind = VerdictKind.NOBODY if number % 2 else VerdictKind.IS
            told = Judgement(kind, (face,), person="Green" if kind is VerdictKind.IS else None)
            with suppress(NotFound):  # the face was Red's, and Red is gone
                said[service.events.judge(event, told, who).act] = face
        return said

    def add():
        for number in range(ROUNDS):
            photo = Source(f"late {number}.png", paint(RED, seed=500 + number))
            list(service.events.add(event, [photo]))

    def delete():
        service.forget(service.person("Red"))

    with ThreadPoolExecutor(4) as threads:
        eve = threads.submit(judge, "eve", faces[0::2])
        adam = threads.submit(judge, "adam", faces[1::2])
        others = [threads.submit(add), threads.submit(delete)]
        acts = eve.result(timeout=120) | adam.result(timeout=120)
        for each in others:
            each.result(timeout=120)

    kept = {verdict.act: verdict for verdict in service.events.history(event)}
    assert set(kept) == set(acts)
    assert {verdict.judge for verdict in kept.values()} == {"eve", "adam"}
    service.events.update(service.events.find(event.id))
    roll = service.events.roll(service.events.find(event.id))
    assert "Red" not in {line.person for line in roll.lines}
    found = service.catalogue.event_faces.of_event(event.id)
    gone = found.found == FOUND.index(Found.ERASED)
    assert (found.people[gone] == -1).all()
    names = service.catalogue.names(found.people[found.people >= 0].tolist())
    assert set(names.values()) <= {"Green"}
