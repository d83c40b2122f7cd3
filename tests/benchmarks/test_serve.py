"""The load generator, against painted people; and what it says of what it saw."""

import os
from pathlib import Path

import pytest

from retrieval.api.app import create_app
from retrieval.benchmarks.serve import Load, Memory, ServeTimes, measure_load
from retrieval.benchmarks.serving import Running
from retrieval.settings import Settings
from retrieval.values import Source
from tests.api.conftest import served
from tests.api.painted import RED, catalogue_of, paint, painted_service


def test_a_load_counts_what_was_answered_and_what_was_not(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    app = create_app(
        settings,
        catalogue_of(settings),
        lambda name: painted_service(settings, name),
        loopback=True,
    )
    with painted_service(settings, "default") as service:
        service.ensure_collection()
    photos = [Source("red.png", paint(RED)), Source("none.png", b"no photo")]
    with served(app) as port:
        load = measure_load(Running(port, os.getpid()), photos, clients=3, seconds=0.5)
    assert load.answered > 0
    assert load.failed.keys() == {422}
    assert load.refused == 0
    assert 0 < load.p50_ms <= load.p95_ms <= load.p99_ms
    assert load.memory is not None
    assert load.memory.warm > 1


@pytest.mark.parametrize(
    ("rate", "failed", "end_mb", "holds"),
    [
        (8.0, {}, 101.0, [True, True, True]),
        (7.9, {}, 101.0, [False, True, True]),
        (8.0, {0: 1}, 101.0, [True, False, True]),
        (8.0, {}, 103.0, [True, True, False]),
    ],
)
def test_the_verdicts_say_what_is_not_as_it_should_be(
    rate: float, failed: dict[int, int], end_mb: float, holds: list[bool]
) -> None:
    load = Load(8, 240, 3, failed, rate, 1.0, 2.0, 3.0, Memory(90.0, 100.0, end_mb))
    times = ServeTimes(4, 2, 10.0, (load,))
    assert [verdict["holds"] for verdict in times.document()["verdicts"]] == holds
    assert "3 times 503" in times.document()["verdicts"][1]["text"]
