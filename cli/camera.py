"""`camera`: who comes and goes before a camera, as it happens."""

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Run, command
from retrieval.errors import NotFound

if TYPE_CHECKING:
    from retrieval.collection.tracks.live import Camera
    from retrieval.collection.tracks.sightings import Sighting
    from retrieval.collection.tracks.watching import Pulse

_WAITING = 100  # messages to a webhook that does not answer; further ones are dropped, and told


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(camera)


def camera(
    run: Run,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A device (0, /dev/video0), a URL (rtsp://, http://), or a file as if live.",
        ),
    ],
    event: Annotated[
        str | None, typer.Option("--event", metavar="EVENT", help="Put sightings into this event.")
    ] = None,
    gap: Annotated[
        float,
        typer.Option("--gap", min=0.5, help="Seconds unseen after which a sighting ends."),
    ] = 10.0,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="URL", help="Post each sighting there, signed."),
    ] = None,
    stall: Annotated[
        float,
        typer.Option("--stall", min=0.5, help="Seconds without a picture: it is opened anew."),
    ] = 5.0,
    every: Annotated[
        float, typer.Option("--every", min=1, help="Seconds between two lines on speed.")
    ] = 30.0,
) -> None:
    """Say who comes and goes before a camera: one line per sighting, until Ctrl-C."""
    from retrieval.collection.tracks.live import Camera
    from retrieval.collection.tracks.watching import Pulse

    told = _Webhook(run, webhook) if webhook is not None else None
    with run.service() as service:
        made = None if event is None else service.events.find(event)
        try:
            with Camera(source, run.remark, stall_s=stall) as opened, ending(run, opened):
                for each in service.watch_camera(opened, gap_s=gap, pulse_s=every, tell=run.remark):
                    if isinstance(each, Pulse):
                        _show_pulse(run, each)
                        continue
                    _show(run, each)
                    if told is not None:
                        told.post({"camera": opened.name, **each.document()})
                    if made is not None and each.ended:
                        service.events.add_sighting(made, opened.name, each)
        except NotFound as error:
            raise NotFound(f"Watching ends: {event!r} was deleted meanwhile.") from error
        finally:
            if made is not None:
                with suppress(NotFound):  # it was deleted
                    service.events.settle(made)
            if told is not None:
                told.close()


@contextmanager
def ending(run: Run, camera: "Camera") -> "Iterator[None]":
    """Ctrl-C and SIGTERM end the sightings that go on, so that none is lost; a second one stops."""

    def end(number: int, _frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        run.remark("ending; once more stops at once")
        camera.stop()

    heard = (signal.SIGINT, signal.SIGTERM)
    ignored = signal.SIG_IGN  # Ctrl-C, by what a script starts in the background
    before = {n: signal.signal(n, end) for n in heard if signal.getsignal(n) is not ignored}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(run: Run, sighting: "Sighting") -> None:
    document = sighting.document()
    if run.json:  # a line per sighting's beginning and end: nobody waits for the last one
        sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()
        return
    if sighting.ended:
        return
    at = datetime.fromisoformat(document["began_at"]).astimezone()
    score = "" if document["score"] is None else f", likeness {document['score']:.2f}"
    who = sighting.person or "somebody unknown"
    late = f", {document['latency_ms']} ms after the picture"
    run.print(f"{at:%H:%M:%S}  {who}{score}{late}", markup=False)


def _show_pulse(run: Run, pulse: "Pulse") -> None:
    run.remark(
        f"{pulse.looked_per_s:.1f} pictures per second looked at of {pulse.received_per_s:.1f};"
        f" {pulse.latency_ms:.0f} ms each; {pulse.dropped} dropped so far"
    )


class _Webhook:
    """Posts sightings in a thread: a receiver that is slow or away holds no camera up."""

    def __init__(self, run: Run, url: str) -> None:
        from retrieval.collection.webhooks import check_webhook

        secret = run.settings.webhook_secret
        self._secret = None if secret is None else secret.get_secret_value()
        check_webhook(url, self._secret)
        self._run, self._url = run, url
        self._waiting: Queue[dict[str, Any] | None] = Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def post(self, document: dict[str, Any]) -> None:
        """Queue a message; dropped where too many wait."""
        try:
            self._waiting.put_nowait(document)
        except Full:
            self._run.remark(f"the webhook does not keep up: a message to {self._url} was dropped")

    def close(self) -> None:
        """Send what waits, for a few seconds."""
        with suppress(Full):
            self._waiting.put_nowait(None)
            self._thread.join(10)

    def _work(self) -> None:
        from retrieval.collection.webhooks import send
        from retrieval.errors import RollcallError

        while True:
            try:
                document = self._waiting.get(timeout=60)
            except Empty:
                continue
            if document is None:
                return
            try:
                send(self._url, document, self._secret)
            except RollcallError as error:
                self._run.remark(str(error))
