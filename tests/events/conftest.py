"""Painted people at a party."""

import pytest

from retrieval.collection.enrolments import EnrolItem
from retrieval.settings import Settings
from retrieval.values import Source
from tests.api.painted import BLUE, GREEN, RED, paint, painted_service


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def service(settings):
    """Red and Green are enrolled, and Blue is not."""
    with painted_service(settings, "default") as opened:
        items = [
            EnrolItem(name, f"{name}{n}.png", paint(colour, seed=n), external_id)
            for name, colour, external_id in (("Red", RED, "E-1"), ("Green", GREEN, None))
            for n in range(2)
        ]
        assert {result.outcome for result in opened.enrol(items)} == {"enrolled"}
        yield opened


def album():
    """Three photos: Red and a stranger, Red, and the stranger again."""
    return [
        Source("1.png", paint(RED, BLUE, seed=11)),
        Source("2.png", paint(RED, seed=12)),
        Source("3.png", paint(BLUE, seed=13)),
    ]


@pytest.fixture
def party(service):
    """An event with the album."""
    made = service.events.create("Summer party")
    list(service.events.add(made, album()))
    return service.events.find(made.id)
