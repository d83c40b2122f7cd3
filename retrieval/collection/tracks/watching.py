"""Watching a camera: sightings as they begin and end, and now and then how well it goes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from retrieval.catalogue.catalogue import Catalogue
from retrieval.collection.active_model import ActiveModel
from retrieval.collection.tracks.live import Camera, Shot, Told
from retrieval.collection.tracks.sightings import Sighting, Watcher
from retrieval.errors import InferenceFailed, StoreError

_WAIT_S = 0.25  # for a picture, before it is looked whether a sighting has ended

Steadily = Callable[[Callable[[ActiveModel], Any]], Any]


@dataclass(frozen=True, slots=True)
class Pulse:
    """How watching goes, over the last seconds.

    Attributes:
        looked_per_s: pictures per second that faces were looked for in.
        received_per_s: that came; what could not be looked at was dropped.
        latency_ms: from a picture's arrival to its answer, on average.
        dropped: pictures since the beginning.
    """

    looked_per_s: float
    received_per_s: float
    latency_ms: float
    dropped: int


class _Meter:
    """Counts what a pulse says."""

    def __init__(self, camera: Camera, every_s: float) -> None:
        self._camera, self._every_s = camera, every_s
        self._begin()

    def _begin(self) -> None:
        self._since, self._looked, self._late = time.monotonic(), 0, 0.0
        self._received = self._camera.received

    def looked(self, shot: Shot) -> None:
        self._looked += 1
        self._late += time.monotonic() - shot.arrived

    def pulse(self) -> Pulse | None:
        """What the last seconds were, when they are over."""
        took = time.monotonic() - self._since
        if took < self._every_s:
            return None
        found = Pulse(
            self._looked / took,
            (self._camera.received - self._received) / took,
            1000 * self._late / max(self._looked, 1),
            self._camera.dropped,
        )
        self._begin()
        return found


def _seen(watcher: Watcher, shot: Shot, active_model: ActiveModel) -> list[Sighting]:
    return list(watcher.see(active_model, shot))


def watch(
    steadily: Steadily,
    catalogue: Catalogue,
    camera: Camera,
    *,
    gap_s: float,
    pulse_s: float,
    tell: Told,
    most_per_s: float = 10.0,
) -> Iterator[Sighting | Pulse]:
    """Watch an open camera until it ends, or whoever asks stops asking.

    Args:
        steadily: does what one model must do from beginning to end.
        catalogue: for names.
        camera: what is watched; its pictures are dropped while one is looked at.
        gap_s: a sighting ends when its person was not seen for so long.
        pulse_s: how often it is said how watching goes.
        tell: is told of a picture on which a network failed, and of a catalogue that cannot be
            asked; the next one is looked at.
        most_per_s: pictures that are looked at.

    Raises:
        PhotoUnreadable: the camera is a file, and no video.
    """
    steadily(lambda model: model.calibrated.gate())  # loaded before the first picture
    watcher, meter = Watcher(catalogue, gap_s), _Meter(camera, pulse_s)
    looked_at, last_told = 0.0, ""
    while not camera.ended:
        rest = looked_at + 1 / most_per_s - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        shot = camera.newest(_WAIT_S)
        found: list[Sighting] = []
        if shot is None:
            found = list(watcher.ended(camera.second))
        else:
            looked_at = time.monotonic()
            try:
                found, told = steadily(partial(_seen, watcher, shot)), ""
            except (InferenceFailed, StoreError) as error:
                told = str(error)
                if told != last_told:  # once, not for each picture
                    tell(told)
            last_told = told
            meter.looked(shot)
        for sighting in found:
            if shot is not None and not sighting.ended:
                sighting.latency_s = time.monotonic() - shot.arrived
            yield sighting
        pulse = meter.pulse()
        if pulse is not None:
            yield pulse
    if camera.unreadable is not None:
        raise camera.unreadable
    yield from watcher.ended(float("inf"))
