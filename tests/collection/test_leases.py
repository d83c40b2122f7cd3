"""What is replaced is closed once the last of those who used it has gone, and no sooner."""

import threading
from contextlib import ExitStack
from functools import partial

import pytest

from retrieval.collection.leases import Leases
from retrieval.errors import StoreError


def test_what_nobody_uses_is_closed_at_once() -> None:
    closed: list[str] = []
    Leases().retire(lambda: closed.append("model"))
    assert closed == ["model"]


def test_it_is_closed_when_the_last_of_its_users_has_gone_whoever_came_later() -> None:
    leases, closed, first, second, later = Leases(), [], ExitStack(), ExitStack(), ExitStack()
    first.enter_context(leases.use())
    second.enter_context(leases.use())
    leases.retire(lambda: closed.append("model"))
    later.enter_context(leases.use())
    first.close()
    assert closed == []
    assert leases.users == 2
    second.close()
    assert closed == ["model"]
    later.close()
    assert (closed, leases.users) == (["model"], 0)


def test_a_use_that_fails_is_over_as_well() -> None:
    leases, closed = Leases(), []

    def fail() -> None:
        with leases.use():
            leases.retire(lambda: closed.append("model"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert closed == ["model"]


def test_closing_closes_all_that_waits_though_one_fails() -> None:
    leases, closed = Leases(), []

    def broken() -> None:
        raise StoreError("the index cannot be closed")

    with leases.use():
        leases.retire(broken)
        leases.retire(lambda: closed.append("model"))
        with pytest.raises(StoreError):
            leases.close()
        assert closed == ["model"]
    assert closed == ["model"]


def test_many_threads_close_each_thing_once() -> None:
    leases, closed, start = Leases(), [], threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for turn in range(200):
            with leases.use():
                leases.retire(partial(closed.append, (number, turn)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(closed) == len(set(closed)) == 8 * 200
