"""Seconds by a file's clock that jumps."""

import pytest

from retrieval.photos.video_clock import VideoClock


def seconds(*shown, step=0.1):
    clock = VideoClock(step)
    return [round(clock(each), 3) for each in shown]


def test_a_clock_that_begins_anew_goes_on_behind_what_was_seen():
    first = [5 + n / 10 for n in range(30)]
    again = [n / 10 for n in range(30)]
    found = seconds(*first, *again)
    assert found[29] == 2.9
    assert found == sorted(found)
    assert found[32:] == pytest.approx([n / 10 for n in range(32, 60)])


def test_single_pictures_out_of_their_order_are_held():
    assert seconds(0, 3.5, 0.4, 3.6, 0.6, 0.7, 3.8) == [0, 3.5, 3.5, 3.6, 3.6, 3.6, 3.8]
    assert seconds(0, 1, 0.9, 0.8, 0.7, 0.6, 1.1) == [0, 1, 1, 1, 1, 1, 1.1]


def test_pictures_without_a_time_follow_by_the_step():
    assert seconds(None, None, 9, 9.3, None) == [0, 0.1, 0.2, 0.5, 0.6]
