"""Places, batches and time: what the service does when there is much to do."""

import asyncio
import threading
import time
import weakref
from collections.abc import Sequence

import pytest

from retrieval.api.work import Batcher, Bodies, Desk, Pool
from retrieval.errors import NoFace, RollcallError, ServiceBusy


def test_a_full_desk_refuses_at_once_and_has_places_again_later() -> None:
    desk = Desk(3)
    desk.take(2)
    with pytest.raises(ServiceBusy):
        desk.take(2)
    desk.give_back(2)
    desk.take(9)  # larger than the desk, but nobody else waits
    with pytest.raises(ServiceBusy):
        desk.take(1)


def test_requests_that_arrive_together_are_answered_together() -> None:
    sizes: list[int] = []

    def double(asked: Sequence[int]) -> list[int | RollcallError]:
        sizes.append(len(asked))
        return [2 * each for each in asked]

    async def ask() -> list[int]:
        return list(await asyncio.gather(*(batcher.ask(number, 1) for number in range(12))))

    batcher: Batcher[int, int] = Batcher(double, Desk(99), threads=1, largest=8, timeout_s=120)
    try:
        assert asyncio.run(ask()) == [2 * number for number in range(12)]
    finally:
        batcher.close()
    assert sum(sizes) == 12
    assert max(sizes) <= 8
    assert len(sizes) < 12


def test_each_asker_hears_their_own_error_and_a_crash_reaches_all() -> None:
    def work(asked: Sequence[str]) -> list[str | RollcallError]:
        if "crash" in asked:
            raise ZeroDivisionError
        return [NoFace("none") if each == "bad" else each for each in asked]

    async def ask(*asked: str) -> list[str | BaseException]:
        waiting = (batcher.ask(each, 1) for each in asked)
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    desk = Desk(99)
    batcher: Batcher[str, str] = Batcher(work, desk, threads=1, largest=8, timeout_s=120)
    try:
        good, bad = asyncio.run(ask("good", "bad"))
        assert good == "good"
        assert isinstance(bad, NoFace)
        assert all(isinstance(e, ZeroDivisionError) for e in asyncio.run(ask("crash", "crash")))
        assert asyncio.run(ask("good")) == ["good"]
    finally:
        batcher.close()
    assert desk.taken == 0


def test_work_that_takes_too_long_is_given_up_and_keeps_its_place_until_it_ends() -> None:
    desk, goes_on = Desk(1), threading.Event()
    pool = Pool(desk, 1, timeout_s=0.05)
    with pytest.raises(ServiceBusy, match="no answer"):
        asyncio.run(pool.run(goes_on.wait))
    with pytest.raises(ServiceBusy, match="worked on"):
        asyncio.run(pool.run(goes_on.wait))
    goes_on.set()
    pool.close()
    assert desk.taken == 0


def test_what_may_not_be_given_up_is_waited_for_beyond_the_time_of_a_request() -> None:
    goes_on = threading.Event()
    pool = Pool(Desk(1), 1, timeout_s=0.0)

    async def ask() -> bool:
        answer = asyncio.ensure_future(pool.run_to_the_end(goes_on.wait))
        await asyncio.sleep(0)
        assert not answer.done()
        goes_on.set()
        return await answer

    assert asyncio.run(ask())
    pool.close()


def test_bodies_are_counted_in_all_and_half_of_them_for_one_key() -> None:
    bodies = Bodies(100)
    large = bodies.admitted("a", 500)  # alone it may be larger than all
    with large, pytest.raises(ServiceBusy), bodies.admitted("b", 1):
        pass
    with bodies.admitted("a", 40):
        with pytest.raises(ServiceBusy), bodies.admitted("a", 20):
            pass
        with bodies.admitted("b", 60), pytest.raises(ServiceBusy), bodies.admitted("c", 1):
            pass
    with bodies.admitted("a", 50):
        pass


def test_an_answered_batch_is_held_no_longer() -> None:
    class Ask:
        pass

    async def ask_once() -> weakref.ref[Ask]:
        ask = Ask()
        await batcher.ask(ask, 1)
        return weakref.ref(ask)

    batcher: Batcher[Ask, int] = Batcher(
        lambda asks: [1] * len(asks), Desk(9), threads=1, largest=4, timeout_s=120
    )
    try:
        asked = asyncio.run(ask_once())
        for _ in range(1_000):  # until the thread waits for the next one
            if asked() is None:
                break
            time.sleep(0.01)
        assert asked() is None
    finally:
        batcher.close()
