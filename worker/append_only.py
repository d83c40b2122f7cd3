"""The append-only file of the embedded Redis: whether a server gave up on it, and mending it."""

import re
import shutil
import subprocess
from pathlib import Path

# What Redis 6 and 7 log before they end; "append-only file" with a hyphen is about permissions.
_GAVE_UP = re.compile(r"reading the append only file|bad file format|aof manifest", re.IGNORECASE)


def blames_file(words: str) -> bool:
    """Whether a server's last words say that its append-only file is damaged."""
    return _GAVE_UP.search(words) is not None


def files_in(folder: Path) -> list[Path]:
    """What holds the commands: one file in Redis 6, a manifest and several files in Redis 7."""
    return sorted(path for path in folder.rglob("appendonly*") if path.is_file())


def cut_off_damage(folder: Path, program: Path) -> None:
    """Cut the file off where its form is broken, as `redis-check-aof --fix` does.

    What has the right form but no meaning stays: only a server that starts proves a file.

    Args:
        folder: of the server.
        program: redis-server, which is redis-check-aof when it is called so.
    """
    files = files_in(folder)
    manifests = [path for path in files if path.suffix == ".manifest"]
    for path in manifests or files:
        subprocess.run(
            ["redis-check-aof", "--fix", str(path)],
            executable=program,
            input=b"y\n",
            capture_output=True,
            check=False,
        )


def drop(folder: Path) -> None:
    """Delete what holds the commands, so that the server starts with nothing."""
    for path in files_in(folder):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "appendonlydir", ignore_errors=True)
