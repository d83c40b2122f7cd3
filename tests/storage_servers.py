"""Servers that hold photos by URL, on loopback, for the test that starts them."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ftplib import FTP, error_perm
from pathlib import Path

from tests.processes import free_port

USER, PASSWORD = "anna", "pass-8471"


@contextmanager
def ftp_server(folder: Path, port: int = 0) -> Iterator[str]:
    """An FTP server over a folder, for one user with a password; yields its URL without it."""
    port = port or free_port()
    words = ["-i", "127.0.0.1", "-p", str(port), "-d", str(folder), "-u", USER, "-P", PASSWORD]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "pyftpdlib", "-w", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(port)
        yield f"ftp://{USER}@127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(180)


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with FTP() as client:
                client.connect("127.0.0.1", port, timeout=5)
                client.login(USER, PASSWORD)
            return
        except (OSError, EOFError, error_perm):
            assert time.monotonic() < deadline, "the FTP server does not start"
            time.sleep(0.05)


@contextmanager
def s3_server() -> Iterator[str]:
    """An S3 server that keeps everything in memory; yields its endpoint."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while not _listens(port):
            assert time.monotonic() < deadline, "the S3 server does not start"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(180)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
