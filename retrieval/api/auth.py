"""Who asks: a key in the Authorization header, a session of the web app, or any on loopback."""

import hashlib
import hmac
import math
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from retrieval.api.problems import Forged
from retrieval.api.single_sign_on import Identity
from retrieval.catalogue.http.api_keys import Key, Keys, Role
from retrieval.catalogue.http.passwords import fits
from retrieval.catalogue.http.sessions import Sessions
from retrieval.catalogue.http.users import User, Users
from retrieval.errors import KeyRefused, NotAllowed, TooManyRequests
from retrieval.settings import Settings

COOKIE = "rollcall_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_NOTED_PER_MINUTE = 60  # refusals in the audit log of one key or address; ten times of all
_PASSWORDS_PER_MINUTE = 10  # that may be tried for a name
_LONGEST_NAME = 200
_MOST_BUCKETS = 10_000  # some 2 MB; full ones are forgotten
_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: for the audit log.
        role: what they may do.
        collection: the one that they may use, None for all.
        handle: of their key, or of the user they are; None on a loopback service without keys.
        requests_per_minute: their limit, None for none.
        session: its name where they came with one.
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


@dataclass(frozen=True, slots=True)
class Rate:
    """How often somebody may ask: so many per minute, so many are left, all again after so long."""

    limit: int
    left: int
    reset_s: int


class Access:
    """Decides who is let in.

    Args:
        keys, users, sessions: of the catalogue.
        settings: limits and the life of sessions.
        loopback: whether the service is bound to loopback only: then, and only until the first
            key or user is made, it asks for none.
    """

    def __init__(
        self, keys: Keys, users: Users, sessions: Sessions, settings: Settings, *, loopback: bool
    ) -> None:
        self._keys = keys
        self._users = users
        self._sessions = sessions
        self._settings = settings
        self._loopback = loopback
        self._buckets = Buckets()

    async def admit(self, request: Request, role: Role) -> Caller:
        """Let a request in; `request.state.caller` is who asks, also where they are refused then.

        What is refused counts as well: for the key if there is one, else for the address.

        Raises:
            KeyRefused: there is no key or session, or none that is known.
            NotAllowed: the role or the collection of the key does not cover this.
            TooManyRequests: more than the key, or the address, may ask in a minute.
            Forged: the request comes from another site.
        """
        try:
            caller = await run_in_threadpool(self._caller, request)
        except KeyRefused:
            self.count_refusal(request)
            raise
        request.state.caller = caller
        if caller.handle is not None and caller.requests_per_minute is not None:
            limit = caller.requests_per_minute
            refusal = f"You have {limit} requests per minute."
            request.state.rate = self._buckets.take(caller.handle, limit, refusal)
        if not caller.role.covers(role):
            raise NotAllowed(f"This needs the role {role}; {caller.name!r} is {caller.role}.")
        return caller

    def count_refusal(self, request: Request) -> None:
        """Count a request without a good key for its address, or raise TooManyRequests."""
        limit = self._settings.refusals_per_minute
        address = address_of(request)
        self._buckets.take(
            f"from {address}",
            limit,
            f"{address} has sent more than {limit} requests per minute without a good key.",
        )

    def may_be_noted(self, caller: Caller | None, address: str) -> bool:
        """Whether one more refusal of a key, or of an address, is written down."""
        whose = f"from {address}" if caller is None or caller.handle is None else caller.handle
        mine = self._buckets.has(f"noted {whose}", _NOTED_PER_MINUTE)
        return mine and self._buckets.has("noted", 10 * _NOTED_PER_MINUTE)

    def is_still(self, caller: Caller) -> bool:
        """Whether who was let in would be let in now, to the same: key, session and role."""
        if caller.handle is None:
            return self.open
        if caller.session is not None and self._sessions.handle(caller.session) != caller.handle:
            return False
        known = self._in_use(caller.handle)
        if known is None:
            return False
        return (known.role, known.collection) == (caller.role, caller.collection)

    def _caller(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.caller_of(self.check(token.strip()))
        check_origin(request)
        cookie = request.cookies.get(COOKIE)
        if cookie is not None and (known := self._session(cookie)) is not None:
            _check_csrf(request, cookie)
            return self.caller_of(known, cookie)
        if self.open:
            check_loopback_name(request)
            return LOCAL
        raise KeyRefused("A key is needed: send `Authorization: Bearer KEY`, or log in.")

    @property
    def open(self) -> bool:
        """Whether anybody on this machine is let in: on loopback, and no key or user ever made."""
        return self._loopback and not self._keys.any_made()

    def check(self, token: str) -> Key:
        """The key of this text, or KeyRefused."""
        key = self._keys.check(token)
        if key is None:
            raise KeyRefused("The key is unknown or revoked. Ask an admin for another one.")
        return key

    def check_password(self, name: str, password: str) -> User:
        """The user of this name and password.

        Raises:
            KeyRefused: nobody is; it does not say which of both is wrong.
            TooManyRequests: as many were tried for this name as are allowed per minute.
        """
        whose = f"password of {name.casefold()[:_LONGEST_NAME]}"
        self._buckets.take(whose, _PASSWORDS_PER_MINUTE, "Too many passwords were tried. Wait.")
        user, kept = self._users.password_of(name)
        if not fits(password, kept) or user is None:
            raise KeyRefused("Name or password is wrong. Try again, or ask an admin for a link.")
        return user

    def check_link(self, token: str) -> User:
        """The user whose one-time link this is; from now on it is no good."""
        user = self._users.redeem(token)
        if user is None:
            raise KeyRefused("The link was used, or its time is over. Ask an admin for another.")
        return user

    def check_identity(self, identity: Identity) -> User:
        """The user whom an issuer vouches for; made now where the settings give such a role.

        Raises:
            KeyRefused: nobody has made them a user, or they were ended.
        """
        users, login = self._users, identity.login
        user = users.signed_on(identity.issuer, identity.subject, login)
        role = self._settings.sso_role
        if user is None and role is not None and login is not None and not users.was_used(login):
            users.create(login, Role(role))
            user = users.signed_on(identity.issuer, identity.subject, login)
        if user is None:
            raise KeyRefused(
                f"Nobody has let {login or 'you'} in here. Ask an admin to make you a user."
            )
        return user

    def caller_of(self, known: Key | User, session: str | None = None) -> Caller:
        """Who comes with this key, or with a session of a key or a user."""
        limit = known.requests_per_minute if isinstance(known, Key) else None
        limit = limit or self._settings.requests_per_minute
        return Caller(known.name, known.role, known.collection, known.handle, limit, session)

    # Sessions are the catalogue's; key or user is looked up at each request, so that ending them
    # ends their sessions.

    def open_session(self, known: Key | User) -> str:
        """A cookie's value for somebody who showed a key, or who logged in."""
        return self._sessions.open(known.handle, self._settings.session_hours)

    def end_session(self, caller: Caller) -> None:
        """End the session that somebody came with, for everybody who has its cookie."""
        if caller.session is not None:
            self._sessions.end(caller.session)

    def _session(self, cookie: str) -> Key | User | None:
        handle = self._sessions.handle(cookie)
        return None if handle is None else self._in_use(handle)

    def _in_use(self, handle: str) -> Key | User | None:
        return self._keys.in_use(handle) or self._users.in_use(handle)


def csrf_token(session: str) -> str:
    """What a page of this session must send with each change; the session cannot be told by it."""
    return hashlib.sha256(f"csrf.{session}".encode()).hexdigest()


def _check_csrf(request: Request, session: str) -> None:
    sent = request.headers.get(CSRF_HEADER, "")
    known = csrf_token(session)
    if request.method not in _SAFE and not hmac.compare_digest(sent.encode(), known.encode()):
        raise Forged(f"The {CSRF_HEADER} header is missing or old. Load the page again.")


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client is not None else "nowhere"


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
            f" names {request.url.hostname!r}. With a key it answers to any."
        )


class Buckets:
    """Token buckets: whoever has one may spend a minute's share at once, and gets it back steadily.

    Safe to share.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # whose -> what is left, as of when, and how much a minute
        self._buckets: dict[str, tuple[float, float, int]] = {}

    def take(self, whose: str, a_minute: int, refusal: str) -> Rate:
        """Take one, and say how many are left; or raise TooManyRequests, which says the refusal."""
        wait_s = self._wait_s(whose, a_minute)
        if wait_s > 0:
            raise TooManyRequests(refusal, wait_s)
        left, _, _ = self._buckets[whose]
        return Rate(a_minute, int(left), math.ceil((a_minute - left) * 60 / a_minute))

    def has(self, whose: str, a_minute: int) -> bool:
        """Take one if there is one; whether there was."""
        return self._wait_s(whose, a_minute) == 0

    def _wait_s(self, whose: str, a_minute: int) -> float:
        now = time.monotonic()
        with self._lock:
            if len(self._buckets) >= _MOST_BUCKETS:
                self._forget_full(now)
            left, since, _ = self._buckets.get(whose, (float(a_minute), now, a_minute))
            left = min(left + (now - since) * a_minute / 60, a_minute)
            if left < 1:
                return (1 - left) * 60 / a_minute
            self._buckets[whose] = (left - 1, now, a_minute)
            return 0.0

    def _forget_full(self, now: float) -> None:
        """Forget the buckets that have filled up again; all, where a crowd leaves no other way."""
        self._buckets = {
            whose: (left, since, a_minute)
            for whose, (left, since, a_minute) in self._buckets.items()
            if left + (now - since) * a_minute / 60 < a_minute
        }
        if len(self._buckets) >= _MOST_BUCKETS:
            self._buckets.clear()
