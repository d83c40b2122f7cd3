"""Limits on what a client sends: how many bytes, and in how many seconds."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrieval.api.problems import BodyTooLarge, BodyTooSlow, of_error, status_of
from retrieval.errors import RequestRefused

_RAW = (b"image/", b"application/octet-stream")
# What arrives steadily may take longer, as Apache's mod_reqtimeout lets it: 0.2 Mbit/s is half of a
# poor mobile line, since a page sends two requests at once.
LEAST_BYTES_A_S = 25_000


class Limits:
    """ASGI middleware: refuses a body that is too large or arrives too slowly.

    Args:
        app: what it stands before.
        max_bytes: of a form with files; one that announces more is refused unread.
        max_photo_bytes: of a body that is one photo.
        max_json_bytes: of any other body, since it is held in memory and parsed at once.
        timeout_s: from the request's head until its body's last byte, and a second more for each
            `LEAST_BYTES_A_S` bytes that have arrived.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        max_photo_bytes: int,
        max_json_bytes: int,
        timeout_s: float,
    ) -> None:
        self.app = app
        self.max_photo_bytes = max_photo_bytes
        self.max_bytes = max_bytes
        self.max_json_bytes = max_json_bytes
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").lower()
        form = kind.startswith((b"multipart/form-data", *_RAW))
        largest = self.max_json_bytes
        if form:
            largest = self.max_photo_bytes if kind.startswith(_RAW) else self.max_bytes
        most = min(largest, self.max_bytes)
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > most:
            refusal = _too_large(announced.decode("latin-1"), most, form)
            await of_error(refusal)(scope, receive, send)
            return
        await self.app(scope, self._limited(receive, most, form), send)

    def _limited(self, receive: Receive, most: int, form: bool) -> Receive:
        deadline = asyncio.get_running_loop().time() + self.timeout_s
        seen = 0
        complete = False

        async def limited() -> Message:
            nonlocal seen, complete
            if complete:  # what comes now is the client's leaving, for which one may wait long
                return await receive()
            try:
                async with asyncio.timeout_at(deadline + seen / LEAST_BYTES_A_S):
                    message = await receive()
            except TimeoutError:
                raise _refusal(
                    BodyTooSlow(f"The request did not arrive within {self.timeout_s:g} s.")
                ) from None
            seen += len(message.get("body", b""))
            if seen > most:
                raise _refusal(_too_large(f"{seen} and more", most, form))
            complete = not message.get("more_body", False)
            return message

        return limited


def _too_large(found: str, most: int, form: bool) -> BodyTooLarge:
    advice = (
        "Send fewer or smaller photos. The setting max_body_bytes moves the limit."
        if form
        else "Send it in several requests; photos are sent as multipart/form-data."
    )
    return BodyTooLarge(f"The request may have {most} bytes; found {found}. {advice}")


def _refusal(error: RequestRefused) -> HTTPException:
    """Dressed so that the framework lets it pass while it reads a body; see `on_http_exception`."""
    dressed = HTTPException(status_of(error), str(error))
    dressed.__cause__ = error
    return dressed
