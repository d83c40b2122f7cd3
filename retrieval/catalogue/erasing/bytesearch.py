"""Which files hold one of some byte strings, or have one of some hashes: for `searching.traces`.

SQLite's locks on its files belong to the process, and closing any descriptor of such a file drops
them all; so nobody who has a catalogue open may open its files once more. A child process may.

Reads [{"files": [path, ...], "patterns": [hex, ...], "sha256s": [hex, ...]}, ...] from standard
input, and writes the list of those files that hold a pattern or have such a hash. It is a program
of its own, and imports nothing of Rollcall's.

Each file is read once, however many patterns there are: every eight bytes of it are hashed to 16
bits, as Rabin and Karp do (1987), and only where a pattern begins with the same hash are bytes
compared. For one pattern `bytes.find` is faster, for the hundreds of a person's photos this is.
"""

import hashlib
import json
import mmap
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

_WORD = 8
_BLOCK = 1 << 20  # bytes that are hashed at a time: they stay in the cache
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hashing
_SHIFT = np.uint64(48)  # leaves 16 bits


class Patterns:
    """Byte strings, made ready to be looked for together."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        self._short = [pattern for pattern in patterns if 0 < len(pattern) < _WORD]
        self._by_start: dict[bytes, list[bytes]] = {}
        for pattern in patterns:
            if len(pattern) >= _WORD:
                self._by_start.setdefault(pattern[:_WORD], []).append(pattern)
        self._begins = np.zeros(1 << 16, np.bool_)
        self._begins[_hashes(np.frombuffer(b"".join(self._by_start), "<u8"))] = True

    def are_in(self, held: "mmap.mmap | bytes") -> bool:
        """Whether one of them occurs."""
        if any(held.find(pattern) >= 0 for pattern in self._short):
            return True
        if not self._by_start:
            return False
        return any(self._begin_in(held, start) for start in range(0, len(held), _BLOCK))

    def _begin_in(self, held: "mmap.mmap | bytes", start: int) -> bool:
        """Whether one of them begins in a block, wherever it ends."""
        block = held[start : start + _BLOCK + _WORD - 1]
        for offset in range(min(_WORD, max(len(block) - _WORD + 1, 0))):
            words = np.frombuffer(block, "<u8", (len(block) - offset) // _WORD, offset)
            for row in np.flatnonzero(self._begins[_hashes(words)]):
                at = offset + int(row) * _WORD
                for pattern in self._by_start.get(block[at : at + _WORD], ()):
                    if held[start + at : start + at + len(pattern)] == pattern:
                        return True
        return False


def _hashes(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return (words * _FACTOR) >> _SHIFT


def main() -> None:
    """Answer the questions on standard input."""
    json.dump([path for asked in json.load(sys.stdin) for path in _found(asked)], sys.stdout)


def _found(asked: dict[str, list[str]]) -> list[str]:
    patterns = Patterns([bytes.fromhex(pattern) for pattern in asked["patterns"]])
    hashes = set(asked["sha256s"])
    return [
        path
        for path in asked["files"]
        if _holds_any(path, patterns) or (hashes and _sha256(path) in hashes)
    ]


def _holds_any(path: str, patterns: Patterns) -> bool:
    try:
        with (
            Path(path).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held,
        ):
            return patterns.are_in(held)
    except (FileNotFoundError, ValueError):  # ValueError: an empty file cannot be mapped
        return False


def _sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main()
