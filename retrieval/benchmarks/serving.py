"""`rollcall serve` in a process of its own, and requests to it over plain sockets."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import ServiceBusy

HOST = "127.0.0.1"
_START_S = 60.0
_BOUNDARY = "rollcall-bench"


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers.

    Attributes:
        port: on loopback.
        pid: of its process.
    """

    port: int
    pid: int

    def memory_mb(self) -> float | None:
        """What it holds in memory; None where the system does not say."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except OSError:
            return None
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)

    def peak_mb(self) -> float | None:
        """The most that it held since `forget_peak`; None where the system does not say."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return None
        found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
        return round(int(found[1]) / 1e6 * 1024, 1) if found else None

    def forget_peak(self) -> None:
        """Begin to watch its memory anew."""
        with suppress(OSError):  # not Linux
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection."""
        return await asyncio.open_connection(HOST, self.port)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: 0 where the connection ended without an answer.
        headers: by lower-case name.
        body: as it came.
    """

    status: int
    headers: dict[str, str]
    body: bytes


BROKEN = Answer(0, {}, b"")


@contextmanager
def served(home: Path, collection: str, **settings: str) -> Iterator[Running]:
    """Serve a home folder until the block ends.

    Args:
        home: where nobody has made keys.
        collection: that is asked when none is named.
        settings: environment variables.

    Raises:
        ServiceBusy: it did not start.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    options = ["--home", str(home), "--collection", collection, "--quiet"]
    command = [sys.executable, "-m", "cli", "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, env={**os.environ, **settings})
    try:
        _wait(port, process)
        yield Running(port, process.pid)
    finally:
        process.terminate()
        process.wait(_START_S)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ServiceBusy("`rollcall serve` did not start. Start it by hand to see why.")


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer of a connection; `BROKEN` where it ended before."""
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (OSError, EOFError):
        return BROKEN
    return Answer(int(lines[0].split()[1]), headers, body)


def upload(path: str, field: str, name: str, content: bytes) -> bytes:
    """A whole POST of a form with one file; the connection is kept."""
    return upload_head(path, len(_form(field, name, content))) + _form(field, name, content)


def upload_head(path: str, length: int | None) -> bytes:
    """The head of a form's POST; without a length, the body comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n{size}\r\n\r\n"
    ).encode()


def _form(field: str, name: str, content: bytes) -> bytes:
    return form_start(field, name) + content + f"\r\n--{_BOUNDARY}--\r\n".encode()


def form_start(field: str, name: str) -> bytes:
    """What goes before the bytes of a form's file."""
    return (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
