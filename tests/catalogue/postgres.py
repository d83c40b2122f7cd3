"""A real PostgreSQL server for tests, started for them alone and gone after them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

_USER = "postgres"


class Postgres:
    """A running server that is reached through a Unix socket in its own folder."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder

    def empty_database(self) -> str:
        """Empty the server's one database, which nobody may use meanwhile; return its URL."""
        url = f"postgresql://{_USER}@/{_USER}?host={self._folder}"
        with psycopg.connect(url) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return url

    def start(self) -> None:
        """Start, and wait until it answers; durability is not what the tests are about."""
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        self._control("start", "-o", options, "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """Stop at once, as a crash would."""
        self._control("stop", "-m", "immediate")

    def runs(self) -> bool:
        """Whether it is started."""
        return (self._folder / "data" / "postmaster.pid").exists()

    def initialise(self) -> None:
        """Make the server's files."""
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-A", "trust", "-U", _USER, "-E", "UTF8", "--no-sync")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-s", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to be root's. Python itself would fork to become somebody else, and the
        # fork of a process in which gRPC has threads may crash before it is another program.
        as_user = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups"]
        subprocess.run(
            [*(as_user if os.getuid() == 0 else []), self._binaries / program, *arguments],
            check=True,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server; skips the test where PostgreSQL is not installed."""
    binaries = _binaries()
    with tempfile.TemporaryDirectory(prefix="rollcall-pg-") as name:  # short: it holds a socket
        folder = Path(name)
        if os.getuid() == 0:
            shutil.chown(folder, _USER)
        server = Postgres(binaries, folder)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _binaries() -> Path:
    initdb = shutil.which("initdb")
    if initdb is not None:
        return Path(initdb).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    if not installed:
        pytest.skip("needs PostgreSQL's server programs (Debian: apt-get install postgresql)")
    return installed[-1]
