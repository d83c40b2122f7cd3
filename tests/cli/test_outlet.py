"""What a camera saw is given out behind it: what is busy is asked again, and nothing is lost."""

import threading

from cli.outlet import Outlet
from retrieval.errors import CatalogueUnavailable, InputError, NotFound, QueueError


def test_what_cannot_be_delivered_now_waits_and_comes_in_its_order():
    troubles = [QueueError("no answer"), None, CatalogueUnavailable("locked"), None, None]
    got, told = [], []

    def deliver(one):
        trouble = troubles.pop(0)
        if trouble is not None:
            raise trouble
        got.append(one)

    outlet = Outlet("the door", deliver, told.append, 10)
    for one in range(3):
        outlet.put(one)
    outlet.close(60)
    assert got == [0, 1, 2]
    assert [line for line in told if "waits meanwhile" not in line] == [
        "the door: it goes again"
    ] * 2


def test_one_that_is_refused_keeps_none_back_and_what_is_gone_ends_it():
    got, told = [], []

    def deliver(one):
        if one == "bad":
            raise InputError("not this one")
        if one == "last":
            raise NotFound("the event was deleted")
        got.append(one)

    outlet = Outlet("the door", deliver, told.append, 10)
    for one in ("bad", "good", "last", "late"):
        outlet.put(one)
    outlet.close(60)
    assert (got, told, str(outlet.gone)) == (["good"], ["not this one"], "the event was deleted")


def test_what_waits_is_bounded_and_what_is_left_at_the_end_is_said():
    busy, told = threading.Event(), []

    def deliver(one):
        busy.wait(60)
        raise QueueError("no answer")

    outlet = Outlet("the door", deliver, told.append, 2)
    for one in range(3):
        outlet.put(one)
    busy.set()
    outlet.close(0)
    assert "one of 3 was dropped" in told[0]
    assert told[-1] == "not delivered to the door: 2"
