"""A camera's sightings in an event: what they are called, and which of them were at once.

Each is a row of its own, like a photo with one face. People whom one camera saw at the same moment
are as little one person as two faces of one photo, so sightings that overlap are one footage.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from retrieval.catalogue.events.tables import event_photos


class Stay(NamedTuple):
    """A row of an event that lasts: a video, or a sighting.

    Attributes:
        id, photo, taken_at, seconds: see `EventPhoto`.
        event_id: whose.
    """

    id: int
    photo: str
    taken_at: datetime | None
    seconds: float
    event_id: int


def sighting_name(camera: str, began: datetime) -> str:
    """What a sighting is called in its event; no video's name ends so."""
    return f"{camera}{_ending(began)}"


def stays(connection: Connection, event_ids: Sequence[int]) -> list[Stay]:
    """The videos and sightings of events."""
    columns = (event_photos.c[name] for name in Stay._fields)
    mine = select(*columns).where(
        event_photos.c.event_id.in_(event_ids), event_photos.c.seconds.is_not(None)
    )
    return [Stay(*row) for row in connection.execute(mine)]


def footage(lasting: Iterable[Stay]) -> dict[int, tuple[int, float]]:
    """Sightings of an event's camera that overlap, one after the other, are one footage.

    Args:
        lasting: what events have.

    Returns:
        of each sighting by id: the id of its footage's first one, and at which of the footage's
        seconds it begins itself.
    """
    by_camera: dict[tuple[int, str], list[tuple[datetime, Stay]]] = {}
    for stay in lasting:
        began = stay.taken_at
        if began is not None and stay.photo.endswith(_ending(began)):
            camera = stay.photo.removesuffix(_ending(began))
            by_camera.setdefault((stay.event_id, camera), []).append((began, stay))
    found: dict[int, tuple[int, float]] = {}
    for own in by_camera.values():
        own.sort(key=lambda each: (each[0], each[1].id))
        begun, first = own[0]
        until = -1.0
        for began, stay in own:
            since = (began - begun).total_seconds()
            if since > until:
                begun, first, since, until = began, stay, 0.0, 0.0
            until = max(until, since + stay.seconds)
            found[stay.id] = (first.id, since)
    return found


def _ending(began: datetime) -> str:
    return f" {began:%Y-%m-%d %H:%M:%S}"
