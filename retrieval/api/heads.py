"""HEAD of everything that GET answers: its headers, and no body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """ASGI middleware: asks with GET, and sends on what comes before the body.

    A stream is told that its listener has gone, so that it ends at its first event.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        begun = False

        async def receiving() -> Message:
            return {"type": "http.disconnect"} if begun else await receive()

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                begun = True

        await self.app({**scope, "method": "GET"}, receiving, sending)
