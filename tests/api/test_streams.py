"""Event streams: bounded per key and in all, apart from other connections, and not for ever."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi import FastAPI

from retrieval.api.context import Context
from retrieval.api.streams import LOOK_S, Streams, arrivals, changes
from retrieval.catalogue.http.api_keys import Key, Role
from retrieval.errors import ServiceBusy, TooManyRequests
from retrieval.settings import Settings
from tests.api.conftest import served

WAIT_S = 120  # bounds a test on a loaded machine; nothing takes that long


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", max_streams=4, max_streams_per_key=3, max_connections=2)


@pytest.fixture
def run(context: Context) -> str:
    return context.catalogue.runs.create("enrol", "default", "/in", {}).id


@pytest.fixture
def viewer(context: Context) -> tuple[Key, str]:
    return context.catalogue.api_keys.create("viewer", Role.VIEWER)


def begin(opened: ExitStack, port: int, path: str, token: str) -> tuple[socket.socket, bytes]:
    """Ask, and return the connection with the answer's first line."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
    opened.enter_context(connection)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    connection.sendall(head.encode())
    said = b""
    while b"\r\n" not in said:
        said += connection.recv(4096)
    return connection, said.partition(b"\r\n")[0]


def rest(connection: socket.socket) -> bytes:
    """What comes until the stream's end."""
    said = b""
    while not said.endswith(b"0\r\n\r\n") and (piece := connection.recv(4096)):
        said += piece
    return said


def test_streams_are_bounded_and_keep_nobody_else_out(
    app: FastAPI, context: Context, run: str, viewer: tuple[Key, str]
) -> None:
    path = f"/v1/runs/{run}/events"
    _, other = context.catalogue.api_keys.create("other", Role.VIEWER)
    with served(app) as port, ExitStack() as opened:
        lines = [begin(opened, port, path, viewer[1])[1] for _ in range(4)]
        assert [line.split()[1] for line in lines] == [b"200", b"200", b"200", b"429"]
        lines = [begin(opened, port, path, other)[1] for _ in range(2)]
        assert [line.split()[1] for line in lines] == [b"200", b"503"]
        assert b" 200 " in begin(opened, port, "/v1/collections", other)[1]
        opened.close()
        for _ in range(100):  # a stream that its client has left gives its place back
            with ExitStack() as again:
                if b" 200 " in begin(again, port, path, viewer[1])[1]:
                    return
        pytest.fail("places were not given back")


def test_a_revoked_key_and_a_session_that_ended_lose_their_streams(
    app: FastAPI, context: Context, run: str, viewer: tuple[Key, str]
) -> None:
    with served(app) as port, ExitStack() as opened:
        connection, line = begin(opened, port, f"/v1/runs/{run}/events", viewer[1])
        assert b" 200 " in line
        context.catalogue.api_keys.revoke(viewer[0])
        assert rest(connection).endswith(b"0\r\n\r\n")


def events(count: int, is_welcome: bool = True, seconds: float = 60) -> list[str]:
    """The events of a document that is done at the last of so many looks."""
    looks = iter(range(1, count + 1))

    async def look() -> dict[str, int]:
        return {"at": next(looks)}

    async def follow() -> list[str]:
        stream = changes(
            look, lambda found: found["at"] == count, lambda: is_welcome, seconds=seconds
        )
        return [event async for event in stream]

    return asyncio.run(follow())


def test_a_stream_ends_with_what_it_follows_or_after_its_time() -> None:
    assert len(events(3)) == 3
    assert len(events(1_000, seconds=LOOK_S)) <= 3
    assert len(events(1_000, is_welcome=False)) == 1, "and nothing new is told"


def test_what_arrives_after_a_key_was_revoked_is_not_told() -> None:
    async def look(after: int) -> list[tuple[int, dict[str, int]]]:
        return [(after + 1, {"at": after + 1})]

    async def follow() -> list[str]:
        return [event async for event in arrivals(look, 0, lambda: False, seconds=60)]

    assert len(asyncio.run(follow())) == 1, "the line that says that it is open"


def test_a_place_is_given_back_once_however_often_that_is_said() -> None:
    streams = Streams(2, 1)
    give_back = streams.open("a")
    with pytest.raises(TooManyRequests):
        streams.open("a")
    streams.open("b")
    with pytest.raises(ServiceBusy):
        streams.open("c")
    give_back()
    give_back()
    streams.open("a")
    with pytest.raises(ServiceBusy):
        streams.open("c")


def test_what_several_follow_is_read_once() -> None:
    reads = []

    async def follow() -> None:
        streams = Streams(9, 9)
        await asyncio.gather(
            *(streams.look("run", lambda: reads.append(1) or {}) for _ in range(20))  # type: ignore[func-returns-value]
        )

    asyncio.run(follow())
    assert len(reads) == 1
