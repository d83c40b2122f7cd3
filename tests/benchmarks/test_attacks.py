"""What is thrown at the service, and what counts as holding."""

import asyncio
from collections import Counter
from pathlib import Path

from retrieval.benchmarks.attacks import attacks
from retrieval.benchmarks.bystander import Attack, Outcome, beside_a_bystander
from retrieval.benchmarks.malformed import malformed, shrunken
from retrieval.benchmarks.serving import Running
from tests.api.painted import RED, paint
from tests.benchmarks.painted_server import painted_server

QUICK = {
    "a photo bomb",
    "a body that announces",
    "a head of",
    "an archive with a link",
    "a JSON body",
    "420 event streams",
    "20 mal",
}


def test_the_service_holds_and_answers_a_bystander(tmp_path: Path) -> None:
    good = [shrunken(paint(RED), format_) for format_ in ("JPEG", "PNG", "WEBP")]
    launched = [a for a in attacks(malformed(good, 20), 20) if a.name.startswith(tuple(QUICK))]
    with painted_server(tmp_path / "home") as running:
        outcomes = [asyncio.run(beside_a_bystander(running, a, good[0])) for a in launched]
    assert len(outcomes) == len(QUICK)
    told = {outcome.attack.name: outcome.held for outcome in outcomes}
    link = told.pop("an archive with a link")
    assert all(told.values()), [outcome.document() for outcome in outcomes]
    assert not link  # without a queue an archive is not even looked at: 503
    assert outcomes[-1].statuses.total() == 20
    assert all(outcome.modest for outcome in outcomes), [each.peak_mb for each in outcomes]


def test_an_attack_holds_only_with_the_right_answers_and_an_unharmed_bystander() -> None:
    async def launch(running: Running) -> Counter[int]:
        raise AssertionError

    attack = Attack("a name", frozenset({413}), launch)

    def held(statuses: dict[int, int], bystander: dict[int, int]) -> bool:
        return Outcome(attack, Counter(statuses), Counter(bystander), 1.0, None).held

    assert held({413: 2}, {200: 3})
    assert not held({413: 2, 500: 1}, {200: 3})
    assert not held({}, {200: 3})
    assert not held({413: 2}, {200: 3, 0: 1})
    assert not held({413: 2}, {})
    large = Outcome(attack, Counter({413: 1}), Counter({200: 1}), 2001.0, 999.0, 1000.0)
    assert (large.held, large.modest, large.prompt) == (True, False, False)


def test_malformed_photos_are_the_same_every_time_and_all_different() -> None:
    good = [shrunken(paint(RED), "JPEG")]
    first, again = (list(malformed(good, 90)) for _ in range(2))
    assert first == again
    assert len(set(first)) > 80
    assert good[0] not in first
