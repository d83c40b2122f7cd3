"""Sightings of a camera in an event: whom it saw at once is never one person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.catalogue.events.cameras import Stay, footage, sighting_name
from retrieval.catalogue.events.records import VerdictKind
from retrieval.collection.tracks.live import Shot
from retrieval.collection.tracks.sightings import Watcher
from retrieval.events.verdicts import Judgement
from tests.api.painted import BLUE, RED, ColourEmbedder
from tests.made_videos import squares

NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)


def watched(service, event, *stays, camera="door", seconds=3, at=0.0):
    """Put into an event what a camera sees: (colour, left, first and last of its shots) each."""
    watcher, ended = Watcher(service.catalogue, 1.0), []
    for n in range(seconds * 5):
        shown = [(colour, left, 20) for colour, left, a, b in stays if a <= n <= b]
        second = at + n / 5
        shot = Shot(squares(*shown), second, 0.0, NOON + timedelta(seconds=second))
        told = service.steadily(lambda model, shot=shot: list(watcher.see(model, shot)))
        ended += [each for each in told if each.ended]
    ended += watcher.ended(np.inf)
    for sighting in ended:
        service.events.add_sighting(event, camera, sighting)
    return ended


def test_strangers_who_are_seen_at_once_are_as_many_and_known_again_when_they_come_back(service):
    event = service.events.create("Door")
    crowd = [(BLUE, left, 0, 14) for left in (20, 220, 420)]
    assert len(watched(service, event, *crowd)) == 3
    watched(service, event, (BLUE, 20, 0, 14), at=60)
    roll = service.events.roll(service.events.find(event.id))
    assert sorted(group.photos for group in roll.unknown) == [1, 1, 2]


def test_what_another_camera_sees_at_the_same_moment_may_be_the_same_person(service):
    event = service.events.create("Door")
    for camera in ("door", "hall"):
        watched(service, event, (BLUE, 20, 0, 14), camera=camera)
    roll = service.events.roll(service.events.find(event.id))
    assert [group.photos for group in roll.unknown] == [2]


def test_two_who_look_like_one_person_before_a_camera_are_not_both_named(service):
    event = service.events.create("Door")
    told = watched(service, event, (RED, 20, 0, 24), (RED, 420, 9, 24), seconds=5)
    assert sorted(each.person or "" for each in told) == ["", "Red"]
    roll = service.events.roll(service.events.find(event.id))
    assert [(line.person, line.photos) for line in roll.present] == [("Red", 1)]


def test_a_verdict_on_a_sighting_keeps_those_who_stood_beside_from_being_that_person(service):
    event = service.events.create("Door")
    watched(service, event, (BLUE, 20, 0, 14), (RED, 420, 5, 14))
    faces = {each.person: each for each in service.events.appearances(event)}
    blue, red = faces[None].appearance.id, faces["Red"].appearance.id
    service.events.judge(event, Judgement(VerdictKind.IS, (blue,), person="Red"), "me")
    by_id = {each.appearance.id: each.person for each in service.events.appearances(event)}
    assert by_id == {blue: "Red", red: None}


def test_sightings_of_a_camera_that_overlap_are_one_footage():
    rows = [("door", 0, 10), ("door", 8, 2), ("door", 10, 5), ("hall", 9, 9), ("door", 16, 3)]
    stays = [
        Stay(number, sighting_name(camera, began), began, length, 1)
        for number, (camera, second, length) in enumerate(rows, 1)
        for began in [NOON + timedelta(seconds=second)]
    ]
    video = Stay(6, "door 2026.mp4", NOON, 60, 1)
    another = stays[0]._replace(id=7, event_id=2)
    found = footage([*reversed(stays), video, another])
    assert found == {1: (1, 0), 2: (1, 8), 3: (1, 10), 4: (4, 0), 5: (5, 0), 7: (7, 0)}


class LongerVectors(ColourEmbedder):
    """The same colours, in vectors of another length."""

    def embed(self, chips):
        return np.pad(super().embed(chips), ((0, 0), (0, 1)))


def model_of_before(service):
    """What answered for the collection before its model was changed."""
    now = service.active_model
    pipeline = service._parts.pipeline(now.collection)
    pipeline.embedder = LongerVectors()
    gallery = SimpleNamespace(
        catch_up=lambda: None,
        search=lambda probes, k: now.calibrated.gallery.search(probes[:, :3].copy(), k),
    )
    calibrated = SimpleNamespace(
        gallery=gallery,
        gate=now.calibrated.gate,
        false_matches=now.calibrated.false_matches,
    )
    collection = replace(now.collection, fingerprint="longer", dimension=4)
    return SimpleNamespace(collection=collection, pipeline=pipeline, calibrated=calibrated)


@pytest.mark.parametrize(
    ("looks", "began", "stays"),
    [
        (12, ["Red", None], 1),  # those who leave are compared by their pictures
        (20, ["Red", None, None], 2),  # those who stay are seen anew: a stranger is another one
    ],
)
def test_a_change_of_model_ends_no_watching_and_leaves_nobody_out(service, looks, began, stays):
    event = service.events.create("Door")
    before, told = model_of_before(service), []
    watcher = Watcher(service.catalogue, 1.0)
    for n in range(looks):
        pixels = squares((RED, 20, 20), (BLUE, 420, 20))
        shot = Shot(pixels, n / 5, 0.0, NOON + timedelta(seconds=n / 5))
        model = before if n < 10 else service.active_model
        told += [(each.ended, each) for each in watcher.see(model, shot)]
    told += [(True, each) for each in watcher.ended(np.inf)]
    assert [each.person for ended, each in told if not ended] == began
    for sighting in [each for ended, each in told if ended]:
        service.events.add_sighting(event, "door", sighting)
    roll = service.events.roll(service.events.find(event.id))
    assert [line.person for line in roll.present] == ["Red"]
    assert [group.photos for group in roll.unknown] == [stays]


def test_a_clock_that_is_set_meanwhile_is_right_from_then_on(service):
    watcher = Watcher(service.catalogue, 1.0)
    late = NOON + timedelta(days=400)
    for n in range(10):
        shot = Shot(squares((RED, 20, 20)), n / 5, 0.0, NOON + timedelta(seconds=n / 5))
        list(watcher.see(service.active_model, shot))
    (ended,) = watcher.ended(60)
    assert ended.began == NOON
    for n in range(300, 310):
        shot = Shot(squares((RED, 20, 20)), n / 5, 0.0, late + timedelta(seconds=n / 5))
        list(watcher.see(service.active_model, shot))
    (ended,) = watcher.ended(np.inf)
    assert ended.began == late + timedelta(seconds=60)
