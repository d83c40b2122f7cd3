"""Connections that cost nothing: a client that owes a request has only so long, and only so much.

uvicorn limits the pause between two requests, but neither how long a request's head may take nor
how many connections may wait; a client that sends a byte per second would hold one for ever.
"""

import asyncio
import socket
from dataclasses import dataclass, field

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from retrieval.api.problems import HeadTooSlow, of_error
from retrieval.errors import ServiceBusy
from retrieval.settings import Settings

# When many connect at once, an honest client's request may be on its way still: so long its
# connection is spared, unless there are twice as many as there should be.
_SPARED_S = 1.0


@dataclass(slots=True)
class Waiting:
    """What the connections of one service share.

    Attributes:
        head_timeout_s: from a request's first byte, or a connection's beginning, to its head's end.
        stall_timeout_s: for which a client may take nothing of an answer.
        most: connections; when there are more, those that have waited longest are closed.
        idle: those whose client owes a request, the longest first; an ordered set.
    """

    head_timeout_s: float
    stall_timeout_s: float
    most: int
    idle: dict["Connection", None] = field(default_factory=dict)


def connection_of(settings: Settings) -> type[H11Protocol]:
    """The protocol class of one service, for `uvicorn.run(http=...)`."""
    most = settings.max_connections + settings.max_streams  # so streams keep nobody else out
    shared = Waiting(settings.head_timeout_s, settings.request_timeout_s, most)

    class Own(Connection):
        waiting = shared

    return Own


class Connection(H11Protocol):
    """uvicorn's connection, with a time limit on heads and a bound on how many there are."""

    waiting: Waiting
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request; make room if there are too many."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        _set_options(transport, self.waiting.stall_timeout_s)
        most = self.waiting.most
        if len(self.connections) > most:
            if not self.waiting.idle:
                self.app = _refuse
            self.loop.call_later(_SPARED_S, self._make_room, most)
            self._make_room(2 * most)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        super().connection_lost(exc)
        self._settle()

    def data_received(self, data: bytes) -> None:
        """Take bytes, which prolong nothing until the head is whole."""
        super().data_received(data)
        if self._owes_a_request():
            self._wait()
        else:
            self._settle()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._settle()
        if self._owes_a_request():
            self._wait()

    def _make_room(self, most: int) -> None:
        """Close connections that wait, the longest first, until there are not too many."""
        while self.waiting.idle and len(self.connections) > most:
            longest = next(iter(self.waiting.idle))
            self.connections.discard(longest)
            longest._settle()
            longest.transport.abort()

    def _owes_a_request(self) -> bool:
        """The client does: none is being answered. What is left of an answered one counts too."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self.transport.is_closing()

    def _wait(self) -> None:
        if self._limit is None:
            self._limit = self.loop.call_later(self.waiting.head_timeout_s, self._give_up)
            self.waiting.idle[self] = None

    def _settle(self) -> None:
        self.waiting.idle.pop(self, None)
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _give_up(self) -> None:
        self._settle()
        if self.transport.is_closing():
            return
        head_begun = bool(self.conn.trailing_data[0])
        if head_begun and self.conn.our_state is h11.IDLE:
            self._say_that_it_took_too_long()
        self.transport.close()

    def _say_that_it_took_too_long(self) -> None:
        limit_s = self.waiting.head_timeout_s
        answer = of_error(
            HeadTooSlow(f"The head of the request did not arrive within {limit_s:g} s.")
        )
        headers = [*answer.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a connection that there is no room for."""
    answer = of_error(ServiceBusy("Too many connections are being answered. Try again soon."))
    answer.headers["connection"] = "close"
    await answer(scope, receive, send)


def _set_options(transport: asyncio.Transport, stall_timeout_s: float) -> None:
    """Let the kernel send at once, and end a connection whose other end takes no bytes (tcp(7)).

    An answer's head and body are written one after the other: held back until the head is
    acknowledged, which clients put off, the body of a kept connection would come 40 ms late.
    asyncio sees to it, but only for sockets that were made with the protocol's number.
    """
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, int(stall_timeout_s * 1000))
