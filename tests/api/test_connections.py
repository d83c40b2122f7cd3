"""Connections that owe a request: they end in time, and never keep others from being answered."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from fastapi import FastAPI

from retrieval.api.connections import Connection
from retrieval.settings import Settings
from tests.api.conftest import painted_app, served

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
UNFINISHED = (
    b"POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x"
)


def app_of(home: Path, **limits: float) -> FastAPI:
    settings = Settings(home=home, **limits)  # type: ignore[arg-type]
    return painted_app(settings)


@contextmanager
def port_of(home: Path, **limits: float) -> Iterator[int]:
    with served(app_of(home, **limits)) as port:
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=120)


def ask(port: int, request: bytes = HEALTH) -> bytes:
    """The answer of a client that asks on a connection of its own."""
    with connected(port) as other:
        other.sendall(request)
        return other.recv(10_000)


def drip(slow: socket.socket, data: bytes, pause_s: float = 0.05) -> bytes:
    """Send byte after byte until the service ends the connection; return what it said."""
    said = b""
    slow.settimeout(pause_s)
    for byte in data:
        try:
            slow.sendall(bytes([byte]))
            received = slow.recv(10_000)
        except TimeoutError:
            continue
        except ConnectionError:  # it ended before this byte; what it said may still be here
            with suppress(OSError):
                said += slow.recv(10_000)
            break
        if not received:
            break
        said += received
    else:
        pytest.fail("the service took every byte")
    return said


def test_the_body_of_an_answer_does_not_wait_until_its_head_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Connection.connection_made
    at_once: list[int] = []

    def spied(connection: Connection, transport: asyncio.Transport) -> None:
        made(connection, transport)
        accepted = transport.get_extra_info("socket")
        at_once.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(Connection, "connection_made", spied)
    with port_of(tmp_path) as port:
        ask(port)
    assert at_once == [1]


def test_a_head_that_comes_byte_by_byte_is_refused_and_others_are_answered_meanwhile(
    tmp_path: Path,
) -> None:
    with port_of(tmp_path, head_timeout_s=0.5) as port, connected(port) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        assert b" 200 OK" in ask(port)
        said = drip(slow, b"z" * 200)
    assert b" 408 " in said
    assert b"application/problem+json" in said
    assert b"head-too-slow" in said


def test_a_second_head_on_a_kept_connection_has_no_more_time(tmp_path: Path) -> None:
    with port_of(tmp_path, head_timeout_s=0.5) as port, connected(port) as slow:
        slow.sendall(HEALTH)
        assert b" 200 OK" in slow.recv(10_000)
        assert b" 408 " in drip(slow, b"GET /" + b"z" * 200)


def test_a_connection_on_which_nothing_is_sent_is_closed_without_a_word(tmp_path: Path) -> None:
    with port_of(tmp_path, head_timeout_s=0.3) as port, connected(port) as silent:
        assert silent.recv(10_000) == b""


def test_what_is_left_of_a_refused_body_is_not_awaited_for_long(tmp_path: Path) -> None:
    large = UNFINISHED.replace(b": 1000", b": 9000000000")
    with port_of(tmp_path, head_timeout_s=0.5) as port, connected(port) as slow:
        slow.sendall(large)
        assert b" 413 " in slow.recv(10_000)
        drip(slow, b"z" * 200)


def test_many_silent_connections_keep_nobody_out(tmp_path: Path) -> None:
    with port_of(tmp_path, max_connections=20) as port, ExitStack() as opened:
        silent = [opened.enter_context(connected(port)) for _ in range(200)]
        for number in range(0, 200, 7):
            with suppress(OSError):
                silent[number].sendall(b"GET /")
        for _ in range(5):
            assert b" 200 OK" in ask(port)
        assert silent[1].recv(10) == b""  # the oldest are gone
        silent[-1].setblocking(False)
        with pytest.raises(BlockingIOError):  # the newest are not
            silent[-1].recv(10)


def test_one_connection_more_than_can_be_answered_gets_503_with_retry_after(
    tmp_path: Path,
) -> None:
    limits = {"max_connections": 1, "max_streams": 1}
    with port_of(tmp_path, **limits) as port, ExitStack() as opened:
        busy = [opened.enter_context(connected(port)) for _ in range(2)]
        for each in busy:
            each.sendall(
                UNFINISHED.replace(b"/v1/identify", b"/v1/people").replace(
                    b"\r\n\r\n--x", b"\r\nExpect: 100-continue\r\n\r\n"
                )
            )
            assert b" 100 " in each.recv(10_000)
        said = ask(port)
        assert b" 503 " in said
        assert b"retry-after" in said
        assert b"application/problem+json" in said
        opened.close()
        until = time.monotonic() + 120
        while b" 200 OK" not in ask(port):  # the service hears of it in its own time
            assert time.monotonic() < until


def flood(stalled: socket.socket, request: bytes) -> None:
    """Ask, and take no answer, until the connection ends."""
    while True:
        stalled.sendall(request * 100)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="needs Linux")
def test_a_client_that_takes_no_answer_is_let_go(tmp_path: Path) -> None:
    document = b"GET /v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with port_of(tmp_path, request_timeout_s=0.5) as port, socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.settimeout(120)
        stalled.connect(("127.0.0.1", port))
        with pytest.raises(ConnectionError):  # a TimeoutError if the service only takes no more
            flood(stalled, document)
        assert b" 200 OK" in ask(port)
