"""The service as users run it, with a worker, and a real browser: Chromium by Playwright."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from retrieval.errors import QueueUnavailable
from worker.redis_server import redis_server_program

ROOT = Path(__file__).parents[3]
# Headless as root, and no connection to any other host.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def rollcall(*arguments: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `rollcall` process for as long as it is needed."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the service answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's program."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs a browser: apt-get install chromium")
    pytest.importorskip("playwright", reason="needs Playwright: pip install playwright")
    return found


@pytest.fixture(scope="session")
def service_home(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Path:
    """A home folder of its own with models ready."""
    home = tmp_path_factory.mktemp("served")
    (home / "models").symlink_to(models_home / "models", target_is_directory=True)
    return home


@pytest.fixture(scope="session")
def address(service_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where `rollcall serve` listens; a worker runs beside it."""
    logs = tmp_path_factory.mktemp("logs")
    port = free_port()
    home = ("--home", str(service_home))
    with rollcall(
        "serve", "--port", str(port), *home, log=logs / "serve", ROLLCALL_KEEP_PHOTOS="true"
    ) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, logs / "serve")
        try:
            redis_server_program()
        except QueueUnavailable:
            yield f"http://127.0.0.1:{port}"
            return
        with rollcall("worker", "--processes", "1", *home, log=logs / "worker"):
            yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where screenshots are written: build/screenshots, or ROLLCALL_SCREENSHOTS."""
    folder = Path(os.environ.get("ROLLCALL_SCREENSHOTS", ROOT / "build" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
