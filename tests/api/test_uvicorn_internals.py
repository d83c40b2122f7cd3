"""What `connections.py` takes of uvicorn and h11 without being promised it is there."""

import asyncio
import re
from pathlib import Path

import fsspec
import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

import retrieval


def test_a_connection_has_what_the_limits_look_at() -> None:
    asyncio.run(_look_at_a_connection())


async def _look_at_a_connection() -> None:
    connection = H11Protocol(Config(lambda: None, lifespan="off"), ServerState(), {})
    assert connection.connections == set()
    assert connection.cycle is None
    assert isinstance(connection.conn, h11.Connection)
    assert connection.conn.trailing_data[0] == b""
    assert connection.conn.our_state is h11.IDLE
    for name in ("app", "loop", "transport", "on_response_complete"):
        assert hasattr(connection, name), name


def test_a_cycle_says_whether_its_answer_is_complete() -> None:
    assert "response_complete" in RequestResponseCycle.__init__.__code__.co_names


def test_fsspec_says_what_a_path_is_in_its_file_system() -> None:
    files = fsspec.filesystem("memory")
    assert files._strip_protocol("memory://ann/1.jpg") == "/ann/1.jpg"


def test_each_is_named_in_one_module() -> None:
    folder = Path(retrieval.__file__).parent
    for private, fence in (
        (r"uvicorn\.protocols|trailing_data|our_state", "connections.py"),
        (r"_strip_protocol", "urls.py"),
    ):
        named = {path.name for path in folder.rglob("*.py") if re.search(private, path.read_text())}
        assert named == {fence}
