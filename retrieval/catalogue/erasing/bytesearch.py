"""Which files hold one of some byte strings, or have one of some hashes: for `erasure.traces`.

SQLite's locks on its files belong to the process, and closing any descriptor of such a file drops
them all; so nobody who has a catalogue open may open its files once more. A child process may.

Reads {"files": [path, ...], "patterns": [hex, ...], "sha256s": [hex, ...]} from standard input, and
writes the list of those files that hold a pattern or have such a hash. It is a program of its own,
and imports nothing of Rollcall's.
"""

import hashlib
import json
import mmap
import sys
from pathlib import Path


def main() -> None:
    """Answer the question on standard input."""
    asked = json.load(sys.stdin)
    patterns = [bytes.fromhex(pattern) for pattern in asked["patterns"]]
    hashes = set(asked["sha256s"])
    found = [
        path
        for path in asked["files"]
        if (patterns and _holds_any(path, patterns)) or (hashes and _sha256(path) in hashes)
    ]
    json.dump(found, sys.stdout)


def _holds_any(path: str, patterns: list[bytes]) -> bool:
    try:
        with (
            Path(path).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held,
        ):
            return any(held.find(pattern) >= 0 for pattern in patterns)
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
