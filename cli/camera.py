"""`camera`: who comes and goes before a camera, as it happens."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Run, command
from cli.outlet import Outlet
from retrieval.errors import NotFound

if TYPE_CHECKING:
    from retrieval.catalogue.events.records import Event
    from retrieval.collection.tracks.live import Camera
    from retrieval.collection.tracks.sightings import Sighting
    from retrieval.collection.tracks.watching import Pulse
    from retrieval.service import Service

# Messages to a webhook, and sightings for an event, that wait at most; a sighting is some 10 kB.
_MESSAGES, _SIGHTINGS = 100, 10_000
# For what still waits at the end: a receiver's answer; a catalogue that another process writes.
_LAST_MESSAGES_S, _LAST_SIGHTINGS_S = 10.0, 60.0


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

    post = None if webhook is None else _poster(run, webhook)
    with run.service() as service:
        made = None if event is None else service.events.find(event)
        with Camera(source, run.remark, stall_s=stall) as opened, ending(run, opened):
            told = None if post is None else Outlet("the webhook", post, run.remark, _MESSAGES)
            noted = None
            if made is not None:
                note = partial(service.events.add_sighting, made, opened.name)
                noted = Outlet(f"event {made.name!r}", note, run.remark, _SIGHTINGS)
            for each in service.watch_camera(opened, gap_s=gap, pulse_s=every, tell=run.remark):
                if noted is not None and noted.gone is not None:
                    break
                if isinstance(each, Pulse):
                    _show_pulse(run, each)
                    continue
                _show(run, each)
                if told is not None:
                    told.put({"camera": opened.name, **each.document()})
                if noted is not None and each.ended:
                    noted.put(each)
        if told is not None:
            told.close(_LAST_MESSAGES_S)
        if made is not None and noted is not None:
            _settle(service, made, noted)


def _settle(service: "Service", event: "Event", noted: "Outlet[Sighting]") -> None:
    """Decide an event when all sightings are in it."""
    noted.close(_LAST_SIGHTINGS_S)
    try:
        if noted.gone is not None:
            raise noted.gone
        service.events.settle(event)
    except NotFound as error:
        raise NotFound(f"Watching ends: {event.name!r} was deleted meanwhile.") from error


def _poster(run: Run, url: str) -> Callable[[dict[str, Any]], None]:
    """What posts a message there, signed."""
    from retrieval.collection.webhooks import check_webhook, send

    secret = run.settings.webhook_secret
    plain = None if secret is None else secret.get_secret_value()
    check_webhook(url, plain)
    return lambda document: send(url, document, plain)


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
