"""Files are searched for what was erased, by one process beside this one."""

import json
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import StoreError

_PIECE_BYTES = 256  # SQLite may lay a long value over several pages


@dataclass(frozen=True, slots=True)
class Look:
    """Files, and what is looked for in them.

    Attributes:
        files: one that is not there holds nothing.
        values: for example erased vectors as they were stored: a file holds one whole or in a piece
            of 256 bytes. Empty ones are ignored.
        sha256s: that the content of a whole file may have, whatever it is called.
    """

    files: Collection[Path]
    values: Collection[bytes] = ()
    sha256s: Collection[str] = ()

    def question(self) -> dict[str, list[str]]:
        """As `bytesearch` reads it."""
        pieces = {
            value[start : start + _PIECE_BYTES].hex()
            for value in self.values
            for start in range(0, len(value), _PIECE_BYTES)
        }
        return {
            "files": [str(path) for path in self.files],
            "patterns": sorted(pieces),
            "sha256s": sorted(self.sha256s),
        }


def traces(*looks: Look) -> list[Path]:
    """The files in which something of what is looked for occurs.

    All is looked for by one process beside this one, see `bytesearch`.

    Raises:
        StoreError: a file cannot be read.
    """
    asked = [look.question() for look in looks if look.files and (look.values or look.sha256s)]
    if not asked:
        return []
    command = [sys.executable, str(Path(__file__).with_name("bytesearch.py"))]
    try:
        found = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise StoreError(f"The search for traces of what was erased failed: {error}.") from error
    return [Path(path) for path in json.loads(found.stdout)]
