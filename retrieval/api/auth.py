"""Who asks: a key in the Authorization header, a session of the web app, or anybody on loopback."""

import hashlib
import hmac
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from retrieval.api.problems import Forged
from retrieval.catalogue.http.api_keys import Key, Keys, Role
from retrieval.errors import KeyRefused, NotAllowed, StoreError, TooManyRequests
from retrieval.private_files import make_folder
from retrieval.settings import Settings

COOKIE = "rollcall_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: for the audit log.
        role: what they may do.
        collection: the one that they may use, None for all.
        handle: of their key, None on a loopback service without keys.
        requests_per_minute: their limit, None for none.
        session: the cookie's value where they came with one.
    """

    name: str
    role: Role
    collection: str | None = None
    handle: str | None = None
    requests_per_minute: int | None = None
    session: str | None = None

    def check_collection(self, name: str) -> None:
        """Raise NotAllowed where their key is another collection's."""
        if self.collection not in (None, name):
            raise NotAllowed(
                f"This key opens the collection {self.collection!r} only; asked for {name!r}."
            )


LOCAL = Caller("local", Role.ADMIN)


class Access:
    """Decides who is let in.

    Args:
        keys: of the catalogue.
        settings: limits and the life of sessions.
        secret: signs sessions.
        loopback: whether the service is bound to loopback only: then, and only until the first
            key is made, it asks for none.
    """

    def __init__(self, keys: Keys, settings: Settings, secret: bytes, *, loopback: bool) -> None:
        self._keys = keys
        self._settings = settings
        self._secret = secret
        self._loopback = loopback
        self._buckets = Buckets()

    async def admit(self, request: Request, role: Role) -> Caller:
        """Let a request in.

        Raises:
            KeyRefused, NotAllowed, TooManyRequests, Forged: see there.
        """
        caller = await run_in_threadpool(self._caller, request)
        if not caller.role.covers(role):
            raise NotAllowed(
                f"This needs the role {role}; the key {caller.name!r} is {caller.role}."
            )
        if caller.handle is not None and caller.requests_per_minute is not None:
            self._buckets.take(caller.handle, caller.requests_per_minute)
        return caller

    def _caller(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._from(self.check(token.strip()))
        check_origin(request)
        cookie = request.cookies.get(COOKIE)
        if cookie is not None and (key := self._session(cookie)) is not None:
            self._check_csrf(request, cookie)
            return self._from(key, cookie)
        if self.open:
            check_loopback_name(request)
            return LOCAL
        raise KeyRefused("A key is needed: send `Authorization: Bearer KEY`, or log in.")

    @property
    def open(self) -> bool:
        """Whether anybody on this machine is let in: bound to loopback, and no key ever made."""
        return self._loopback and not self._keys.any_made()

    def check(self, token: str) -> Key:
        """The key of this text, or KeyRefused."""
        key = self._keys.check(token)
        if key is None:
            raise KeyRefused("The key is unknown or revoked. Ask an admin for another one.")
        return key

    def _from(self, key: Key, session: str | None = None) -> Caller:
        limit = key.requests_per_minute or self._settings.requests_per_minute
        return Caller(key.name, key.role, key.collection, key.handle, limit, session)

    # Sessions: the key's handle and a last moment, signed; the key is looked up at each request,
    # so that revoking it ends its sessions.

    def open_session(self, key: Key) -> str:
        """A cookie's value for somebody who showed this key."""
        text = f"{key.handle}.{int(time.time() + self._settings.session_hours * 3600)}"
        return f"{text}.{self._sign(text)}"

    def csrf_token(self, session: str) -> str:
        """What a page of this session must send with each change."""
        return self._sign(f"csrf.{session}")

    def _session(self, cookie: str) -> Key | None:
        text, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            return None
        handle, _, until = text.partition(".")
        return None if int(until) < time.time() else self._keys.in_use(handle)

    def _check_csrf(self, request: Request, session: str) -> None:
        sent = request.headers.get(CSRF_HEADER, "")
        known = self.csrf_token(session)
        if request.method not in _SAFE and not hmac.compare_digest(sent.encode(), known.encode()):
            raise Forged(f"The {CSRF_HEADER} header is missing or old. Load the page again.")

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def check_origin(request: Request) -> None:
    """Refuse a change that a browser sends on behalf of another site."""
    if request.method in _SAFE:
        return
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        raise Forged(f"The request comes from a page of {origin}, not from this service's own.")
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise Forged("The request comes from another site's page.")


def check_loopback_name(request: Request) -> None:
    """Refuse a name that a foreign page may have pointed at this machine (DNS rebinding)."""
    if (request.url.hostname or "") not in _LOOPBACK_NAMES:
        raise KeyRefused(
            "Without keys the service answers to localhost, 127.0.0.1 and ::1 only; the request"
            f" names {request.url.hostname!r}. Make a key with `rollcall keys create`."
        )


class Buckets:
    """Token buckets: a key may spend its minute's requests at once, and gets them back steadily."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # handle -> requests left, as of when

    def take(self, handle: str, a_minute: int) -> None:
        """Take one request, or raise TooManyRequests."""
        now = time.monotonic()
        with self._lock:
            left, since = self._buckets.get(handle, (float(a_minute), now))
            left = min(left + (now - since) * a_minute / 60, a_minute)
            if left < 1:
                wait = (1 - left) * 60 / a_minute
                raise TooManyRequests(f"The key has {a_minute} requests a minute.", wait)
            self._buckets[handle] = (left - 1, now)


def session_secret(settings: Settings) -> bytes:
    """The settings' secret, else the home folder's own, made when it is first needed.

    Raises:
        StoreError: the home folder cannot be written to.
    """
    if settings.session_secret is not None:
        return settings.session_secret.get_secret_value().encode()
    path = settings.home / "session.secret"
    try:
        if not path.exists():
            _write_once(path, secrets.token_bytes(32))
        return path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be used: {error.strerror}. Check the folder, or set"
            " ROLLCALL_SESSION_SECRET."
        ) from error


def _write_once(path: Path, data: bytes) -> None:
    """Write whole or not at all, readable by its owner alone; the first of two writers wins."""
    make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(data)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
