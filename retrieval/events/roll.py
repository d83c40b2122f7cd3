"""The lines of an event's roll, derived from its faces and from what humans said (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

import numpy as np

from retrieval.catalogue.events.records import Appearance, Appearances, Event, EventPhoto, Expects
from retrieval.catalogue.records import Person
from retrieval.events.answers import InVideo, RollLine, Standing, UnknownGroup
from retrieval.events.said import Said
from retrieval.events.shown import Certainty
from retrieval.events.truth import Truth
from retrieval.photos.kinds import has_video_ending
from retrieval.values import Ints


class Stays:
    """When an event's faces were seen by the cameras' clocks, in a video to the second."""

    def __init__(self, found: Appearances, album: Mapping[int, EventPhoto]) -> None:
        """Of faces, one row each, on photos of this album, by id."""
        photos = found.photos.tolist()
        taken = {photo.id: photo.taken_at for photo in album.values()}
        # A camera's sightings are told by their moments alone.
        videos = {p.id: PurePath(p.photo).name for p in album.values() if has_video_ending(p.photo)}
        self._found = found
        self._first = [
            _moment(taken.get(photo), second)
            for photo, second in zip(photos, found.first.tolist(), strict=True)
        ]
        self._last = [
            _moment(taken.get(photo), second)
            for photo, second in zip(photos, found.last.tolist(), strict=True)
        ]
        self._videos = {row: videos[photo] for row, photo in enumerate(photos) if photo in videos}

    def moments(self, rows: Ints) -> tuple[datetime | None, datetime | None]:
        """When the first and the last of some faces were seen, None where no camera says it."""
        first = (moment for row in rows.tolist() if (moment := self._first[row]) is not None)
        last = (moment for row in rows.tolist() if (moment := self._last[row]) is not None)
        return min(first, default=None), max(last, default=None)

    def in_videos(self, rows: Ints) -> tuple[InVideo, ...]:
        """In which videos some faces were seen, and from when to when."""
        found = [
            InVideo(video, float(self._found.first[row]), float(self._found.last[row]))
            for row in (rows.tolist() if self._videos else ())
            if (video := self._videos.get(row)) is not None
        ]
        return tuple(sorted(found, key=lambda each: (each.video, each.first)))


def _moment(taken_at: datetime | None, second: float) -> datetime | None:
    return taken_at if taken_at is None or not second else taken_at + timedelta(seconds=second)


def people_of(
    truth: Truth,
    said: Said,
    names: Mapping[int, Person],
    expected: Iterable[int] | None,
    stays: Stays,
) -> list[RollLine]:
    """The lines of who was seen.

    Args:
        truth: of the event.
        said: of the event.
        names: of everybody who is on it; others are left out.
        expected: ids of who was, None where nobody in particular was.
        stays: of the event's faces.
    """
    wanted = None if expected is None else set(expected)
    present = set(truth.present.tolist())
    lines = []
    for person, rows in _by_person(truth.people):
        if person not in names:
            continue
        rank = np.where(truth.firm[rows], np.inf, np.nan_to_num(truth.excess[rows], nan=-1.0))
        rows = rows[np.lexsort((-truth.found.sizes[rows], -rank))]
        best = int(rows[0])
        seen = person in present
        moments = stays.moments(rows)
        judges = [said.judges.get(int(truth.found.ids[row])) for row in rows if truth.firm[row]]
        lines.append(
            RollLine(
                person_id=person,
                person=names[person].name,
                external_id=names[person].external_id,
                standing=Standing.PRESENT if seen else Standing.CHECK,
                certainty=truth.certainty(best) if seen else Certainty.UNSURE,
                why=None if seen else _why(truth, rows),
                expected=None if wanted is None else person in wanted,
                faces=tuple(truth.found.ids[rows].tolist()),
                photos=len(np.unique(truth.found.photos[rows])),
                best=int(truth.found.ids[best]),
                likeness=_number(truth.found.likeness[best]),
                needed=_number(truth.found.needed[best]),
                first=moments[0],
                last=moments[1],
                confirmed_by=judges[0] if judges else None,
                videos=stays.in_videos(rows),
            )
        )
    return lines


def absent_of(
    expected: Iterable[int], seen: Iterable[RollLine], names: Mapping[int, Person]
) -> list[RollLine]:
    """The lines of who was expected and not seen."""
    there = {line.person_id for line in seen}
    return [
        RollLine(
            person, names[person].name, names[person].external_id, Standing.ABSENT, None, None, True
        )
        for person in expected
        if person not in there and person in names
    ]


def between(
    truth: Truth,
    doubtful: Sequence[Appearance],
    seen: Iterable[RollLine],
    names: Mapping[int, Person],
    expected: Iterable[int] | None,
    album: Mapping[int, EventPhoto],
) -> list[RollLine]:
    """Lines to check of who is nowhere but in faces between two people, or two faces of a photo."""
    there = {line.person_id for line in seen}
    wanted = None if expected is None else set(expected)
    faces: dict[int, list[Appearance]] = {}
    for each in doubtful:
        if each.candidates and each.candidates[0][0] not in there:
            faces.setdefault(each.candidates[0][0], []).append(each)
    lines = []
    for person, own in faces.items():
        if person not in names:
            continue
        own.sort(key=lambda each: -(each.likeness or 0))
        taken = [each.photo.taken_at for each in own if each.photo.taken_at is not None]
        lines.append(
            RollLine(
                person_id=person,
                person=names[person].name,
                external_id=names[person].external_id,
                standing=Standing.CHECK,
                certainty=Certainty.UNSURE,
                why=own[0].reason,
                expected=None if wanted is None else person in wanted,
                faces=tuple(each.id for each in own),
                photos=len({each.photo.id for each in own}),
                best=own[0].id,
                likeness=own[0].likeness,
                needed=own[0].needed,
                first=min(taken, default=None),
                last=max(taken, default=None),
            )
        )
    return lines


def groups_of(truth: Truth, stays: Stays) -> list[UnknownGroup]:
    """The faces that are nobody's, in groups, the largest first; what was judged comes last."""
    rows = np.flatnonzero(truth.unknown())
    labels = np.where(
        truth.found.groups[rows] >= 0, truth.found.groups[rows], truth.found.ids[rows]
    )
    # A group of which a face was judged falls into the judged faces and the others.
    keys = labels * 2 + truth.nobodys[rows]
    groups = []
    order = np.argsort(keys, kind="stable")
    for some in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        if not len(some):
            continue
        own = rows[some]
        ids = truth.found.ids[own]
        first, last = stays.moments(own)
        groups.append(
            UnknownGroup(
                group=int(ids[0]),
                faces=tuple(ids.tolist()),
                photos=len(np.unique(truth.found.photos[own])),
                best=int(ids[truth.found.sizes[own].argmax()]),
                first=first,
                last=last,
                nobodys=bool(truth.nobodys[own[0]]),
            )
        )
    return sorted(groups, key=lambda group: (group.nobodys, -len(group.faces), group.group))


def expects(event: Event, listed: Sequence[int], everybody: Iterable[int]) -> list[int] | None:
    """Ids of who was expected, None where nobody in particular was."""
    if event.expects is Expects.NOBODY:
        return None
    return list(listed) if event.expects is Expects.LISTED else list(everybody)


def sorted_lines(lines: Iterable[RollLine]) -> tuple[RollLine, ...]:
    """Present first, then to check, then absent; by name."""
    order = list(Standing)
    return tuple(
        sorted(lines, key=lambda line: (order.index(line.standing), line.person.casefold()))
    )


def _by_person(people: Ints) -> list[tuple[int, Ints]]:
    rows = np.flatnonzero(people >= 0)
    if not len(rows):
        return []
    order = rows[np.argsort(people[rows], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(people[order])) + 1)
    return [(int(people[part[0]]), part) for part in parts]


def _why(truth: Truth, rows: Ints) -> str:
    if len(rows) == 1:
        above = float(truth.excess[rows[0]])
        return f"one face only, {above:.3f} above the threshold; alone {truth.lone:.3f} are needed"
    return "no face of its own is above the threshold"


def _number(value: np.floating[Any]) -> float | None:
    return None if np.isnan(value) else float(value)
