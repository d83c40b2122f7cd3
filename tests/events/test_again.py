"""What verdicts leave as it was needs no second look, and the answer is that of a second look."""

import numpy as np
import pytest

from retrieval.catalogue.events.records import VerdictKind
from retrieval.events.deciding import decided_now
from retrieval.events.verdicts import Judgement
from retrieval.settings import Settings
from tests.api.browser.crowd import crowd_service, make_crowd

TURNS = 12
EXACT = ("ids", "people", "by_event", "groups")
ABOUT = ("likeness", "needed", "margins")  # sums of products in another order


@pytest.fixture
def party(tmp_path):
    """A service, and its event: faces that are clear, that the event gives, and nobody's."""
    settings = Settings(home=tmp_path)
    number = make_crowd(settings, photos=40, least_alike=0.36)
    with crowd_service(settings, "default") as service:
        yield service, service.events.find(number)


def judgements(service, event, rng):
    """Random things that somebody may say, of faces and of their groups; some are taken back."""
    everybody = [person.id for person in service.catalogue.people(service.collection.id)]
    acts = []
    while True:
        if acts and rng.random() < 0.3:
            yield service.events.undo(event, acts.pop(rng.integers(len(acts))), "somebody")
        shown = service.events.appearances(event)
        kind = VerdictKind(rng.choice([kind.value for kind in VerdictKind]))
        of_somebody = kind in (VerdictKind.RIGHT, VerdictKind.NOT)
        faces = [each.appearance.id for each in shown if each.person_id or not of_somebody]
        some = tuple(rng.choice(faces, rng.integers(1, 4), replace=False).tolist())
        person = int(rng.choice(everybody)) if kind is VerdictKind.IS else None
        group = kind is not VerdictKind.NOT and bool(rng.random() < 0.3)
        told = Judgement(kind, some, person_id=person, group=group)
        said = service.events.judge(event, told, "somebody")
        if said.act is not None:
            acts.append(said.act)
            yield said


def test_a_decision_after_verdicts_is_that_of_the_whole_event(party):
    service, event = party
    host = service.events._host
    rng = np.random.default_rng(7)
    service.events.roll(event)
    said = judgements(service, event, rng)
    changed = 0
    for turn in range(TURNS):
        for _ in range(4):
            next(said)
        event = service.events.find(event.id)

        def both(active_model, number=event.id):
            return [decided_now(host, active_model, number, whole=each) for each in (False, True)]

        (_, quick, stamp), (_, whole, _) = service.steadily(both)
        assert stamp.adds_verdicts_to(event.stamp)
        for name in EXACT:
            assert getattr(quick, name).tolist() == getattr(whole, name).tolist(), name
        for name in ABOUT:
            np.testing.assert_allclose(getattr(quick, name), getattr(whole, name), atol=1e-5)
        assert list(quick.found) == list(whole.found)
        if turn % 2:
            changed += len(service.events.update(event).changes)
    assert whole.by_event.any()
    assert changed


def test_a_few_faces_are_shown_as_all_together_are(party):
    service, event = party
    rng = np.random.default_rng(3)
    said = judgements(service, event, rng)
    for _ in range(30):
        next(said)
    everything = {face.appearance.id: face for face in service.events.appearances(event)}
    assert len({face.certainty for face in everything.values()}) > 3
    for _ in range(20):
        some = rng.choice(list(everything), 3, replace=False).tolist()
        for face in service.events.appearances(event, some):
            assert face == everything[face.appearance.id]


def test_who_was_refused_and_is_not_any_more_is_found_again(party):
    service, event = party
    clear = [each for each in service.events.appearances(event) if each.certainty == "sure"]
    for each in clear[:5]:
        face, person = each.appearance.id, each.person_id
        act = service.events.judge(event, Judgement(VerdictKind.NOT, (face,)), "somebody").act
        service.events.update(event)
        (refused,) = service.events.appearances(event, [face])
        assert refused.person_id != person
        service.events.undo(event, act, "somebody")
        service.events.update(event)
        (again,) = service.events.appearances(event, [face])
        assert again.person_id == person
        assert again.candidates[0][0] == person
