"""The clients of the mixed load, against painted people; and what it says of what it saw."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.api.app import create_app
from retrieval.benchmarks.mixed import Soak, per_minute
from retrieval.benchmarks.mixed_client import Client, Seen
from retrieval.settings import Settings
from tests.api.conftest import served
from tests.api.painted import BLUE, GREEN, RED, YELLOW, catalogue_of, paint, painted_service

PEOPLE = [[(f"{n}.png", paint(colour))] for n, colour in enumerate((RED, GREEN, BLUE, YELLOW))]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    settings = Settings(home=tmp_path / "home")
    app = create_app(
        settings,
        catalogue_of(settings),
        lambda name: painted_service(settings, name),
        loopback=True,
    )
    with served(app) as port:
        yield port


def test_a_client_knows_at_every_moment_whom_the_service_should_name(port: int) -> None:
    client = Client(port, "default", 0, PEOPLE)
    client.enrol_all()
    assert client.seen.named == len(PEOPLE)
    client._rename(client._people[0])
    client._merge_and_undo(client._people[1])
    client._delete(client._people[2])
    client.warm_up()
    client.work(time.monotonic() + 0.5)
    assert (client.seen.wrong, client.seen.errors) == ([], 0)
    done = {"enrol", "identify", "rename", "merge", "undo", "delete"}
    assert client.seen.statuses.get("receipt", {200: 0}).keys() == {200}
    assert done <= client.seen.statuses.keys()
    assert all(sum(client.seen.statuses[kind].values()) for kind in done)


def test_a_client_tells_a_wrong_name_and_that_of_somebody_deleted(port: int) -> None:
    client = Client(port, "default", 0, PEOPLE)
    client.enrol_all()
    first, second = client._people[:2]
    client.deleted.add(str(second.name))
    client._identify(second)
    first.name = "somebody else"
    client._identify(first)
    deleted, wrong = client.seen.wrong
    assert deleted == "1.png was named as client 0 person 2, who is deleted"
    assert wrong == "0.png is somebody else, but was named as client 0 person 1"


@pytest.mark.parametrize(
    ("statuses", "wrong", "swapped", "last_mb", "holds"),
    [
        ({200: 5, 404: 1}, [], "switched", 109.0, [True, True, True, True]),
        ({200: 5, 503: 1}, [], "switched", 109.0, [False, True, True, True]),
        ({200: 5, 0: 1}, [], "switched", 109.0, [False, True, True, True]),
        ({200: 5}, ["a is b"], "switched", 109.0, [True, False, True, True]),
        ({200: 5}, [], "begin ended with 3", 109.0, [True, True, False, True]),
        ({200: 5}, [], "switched", 111.0, [True, True, True, False]),
    ],
)
def test_the_verdicts_say_what_is_not_as_it_should_be(
    statuses: dict[int, int], wrong: list[str], swapped: str, last_mb: float, holds: list[bool]
) -> None:
    seen = Seen({"identify": Counter(statuses)}, named=5, wrong=wrong)
    soak = Soak(300.0, seen, swapped, 100.0, last_mb)
    assert [verdict["holds"] for verdict in soak.document()["verdicts"]] == holds


@pytest.mark.parametrize(
    ("samples", "seconds", "medians"),
    [
        ([], 30.0, ()),
        ([1.0, 3.0, 2.0], 30.0, (2.0,)),  # no whole minute
        ([1.0] * 60 + [2.0] * 60 + [9.0] * 5, 125.0, (1.0, 2.0, 9.0)),
        ([1.0, 1.0, 4.0, 4.0], 120.0, (1.0, 4.0)),  # a machine that is slow to look
    ],
)
def test_memory_is_told_per_minute(
    samples: list[float], seconds: float, medians: tuple[float, ...]
) -> None:
    assert per_minute(samples, seconds) == medians
