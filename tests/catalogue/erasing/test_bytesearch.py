"""Many byte strings looked for in one pass, against `bytes.find` of each."""

import numpy as np
import pytest

from retrieval.catalogue.erasing import bytesearch
from retrieval.catalogue.erasing.bytesearch import Patterns


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 15, 16, 100, 255])
def test_one_pass_finds_what_a_search_for_each_finds(length, monkeypatch):
    monkeypatch.setattr(bytesearch, "_BLOCK", 64)  # so that patterns lie across blocks
    random = np.random.default_rng(length)
    held = random.integers(0, 4, length, np.uint8).tobytes()
    for size in (1, 3, 7, 8, 9, 12, 40):
        there = [held[at : at + size] for at in range(length - size + 1)]
        other = random.integers(0, 4, (20, size), np.uint8)
        for pattern in [*there, *(row.tobytes() for row in other)]:
            assert Patterns([b"never there", pattern]).are_in(held) == (pattern in held)


def test_what_begins_like_a_pattern_and_goes_on_otherwise_is_not_it():
    assert not Patterns([b"12345678 and so on"]).are_in(b"12345678 and so forth")
    assert Patterns([b"12345678 and so on", b"12345678 and so"]).are_in(b".12345678 and so forth")


def test_empty_patterns_and_none_are_nowhere():
    assert not Patterns([]).are_in(b"12345678")
    assert not Patterns([b""]).are_in(b"12345678")
