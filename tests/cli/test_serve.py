"""`rollcall serve` as a process."""

import socket
from pathlib import Path

import pytest
from redis import Redis

from retrieval.errors import QueueUnavailable
from tests.processes import free_port, rollcall, wait_until_ready
from worker.redis_program import redis_server_program
from worker.redis_server import EmbeddedRedis


def test_sigterm_ends_the_service_and_the_queue_that_only_it_used(tmp_path: Path) -> None:
    try:
        redis_server_program()
    except QueueUnavailable:
        pytest.skip("needs redis-server")
    port, log, home = free_port(), tmp_path / "log", tmp_path / "home"
    with rollcall("serve", "--port", str(port), "--home", str(home), log=log) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        queue = EmbeddedRedis(home).socket
        assert Redis(unix_socket_path=str(queue)).ping()
        process.terminate()
        assert process.wait(180) == 0, log.read_text()
    assert not queue.exists()


def test_a_port_in_use_is_said_before_any_address_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ("serve", "--port", str(port), "--home", str(tmp_path / "home"))
        with rollcall(*words, log=log) as process:
            assert process.wait(180) == 6
    told = log.read_text()
    assert f"cannot listen on 127.0.0.1, port {port}" in told
    assert "Rollcall on http" not in told
    assert "Traceback" not in told
