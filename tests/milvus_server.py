"""A real Milvus server for tests, started for them alone and gone after them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

RELAY = Path(__file__).with_name("milvus_relay.py")
_START_S = 120


class RunningMilvus:
    """A server that is reached through a Unix socket in its own folder."""

    def __init__(self, folder: Path, *, password: bool) -> None:
        self._folder = folder
        self._words = [sys.executable, str(RELAY), str(folder), *(["--password"] * password)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For ROLLCALL_INDEX_URL."""
        return f"unix:{self._folder / 'socket'}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        own_network = ["unshare", "--map-root-user", "--net", "--"]
        self._process = subprocess.Popen(
            [*own_network, *self._words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line == b"ready\n", (self._folder / "log").read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """End it at once, by SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.communicate()
            self._process = None


@contextmanager
def running_milvus(*, password: bool = False) -> Iterator[RunningMilvus]:
    """Start a server; skips the test where that is not possible.

    Args:
        password: ask for the name root and the password Milvus.
    """
    milvus = pytest.importorskip("milvus", reason="needs the package milvus, a server (pip)")
    _check_namespaces()
    with tempfile.TemporaryDirectory(prefix="rollcall-mv-") as name:  # short: it holds a socket
        folder = Path(name)
        milvus._initialize_data_files(name)
        server = RunningMilvus(folder, password=password)
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _check_namespaces() -> None:
    if shutil.which("unshare") is None or os.name != "posix":
        pytest.skip("needs unshare (util-linux), to keep Milvus to itself")
    probe = ["unshare", "--map-root-user", "--net", "--", "true"]
    if subprocess.run(probe, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs network namespaces, to keep Milvus off all networks")
