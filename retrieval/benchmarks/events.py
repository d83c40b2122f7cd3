"""Albums composed of known people and strangers: the roll against photos decided one by one.

Each event enrols three photos of some people, calibrates on these alone, and lets some of them and
some strangers come in other photos of theirs, a third of which is made worse. Nobody's photo is
used twice. The same faces are decided one by one and as a whole, at the same threshold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from retrieval.benchmarks.face_folder import photos_of_people
from retrieval.benchmarks.progress import Advance, silent
from retrieval.collection.photo_faces import FoundFaces, PhotoFailure
from retrieval.collection.pipeline import Pipeline
from retrieval.errors import DataInvalid
from retrieval.identities.calibrate import calibrate
from retrieval.identities.decide import decide
from retrieval.identities.groups import pairwise_f1
from retrieval.identities.link import Linked, LinkRule, Seen, link, standing
from retrieval.identities.trials import ask_gallery
from retrieval.protocols import PeopleHits
from retrieval.scoring.rule import fuse, grouped, templates
from retrieval.values import Floats, Gate, Ints, Pixels, Source, Vectors

ENROLLED, ATTENDING, STRANGERS, PHOTOS = 300, 60, 20, 100
PHOTOS_EACH = 3  # enrolled a person
LEAST, MOST = 3, 12  # photos in which somebody is
WORSE = 1 / 3
_CANDIDATES = 5
_AT_ONCE = 32
KINDS = ("small", "blurred", "dark", "half turned")


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One face as the pipeline saw it.

    Attributes:
        vector: (d,) of unit length, None where no face was found.
        usable: whether the quality gates let it pass.
    """

    vector: Floats | None
    usable: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over events.

    Attributes:
        rule: what decided.
        missed: share of usable faces of those who attend that are not named rightly.
        tagged: share of strangers' usable faces that are given a name.
        wrongly_listed: people per event who are listed as present and were not there.
        to_check: people per event who are to check and were not there.
        moved: share of those who attend that are to check in place of present.
        lost: people per event who attend and are nowhere on the roll.
        grouped: pairwise F1 of the strangers' groups; None where nothing is grouped.
    """

    rule: str
    missed: float
    tagged: float
    wrongly_listed: float
    to_check: float
    moved: float
    lost: float
    grouped: float | None


def worse(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, str]:
    """A photo made small, blurred, dark or half turned; and which."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    height, width = pixels.shape[:2]
    made: Any
    if kind == "small":
        factor = 1 / rng.uniform(2, 4)
        small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        made = np.full_like(pixels, 110)
        top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
        made[top : top + small.shape[0], left : left + small.shape[1]] = small
    elif kind == "blurred":
        made = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(2, 4))
    elif kind == "dark":
        noisy = pixels * rng.uniform(0.12, 0.35) + rng.normal(0, 4, pixels.shape)
        made = noisy.clip(0, 255).astype(np.uint8)
    else:
        made = _turned(pixels, rng.uniform(0.15, 0.3), bool(rng.integers(2)))
    return made, kind


def _turned(pixels: Pixels, share: float, left: bool) -> Any:
    """Seen from the side: one half is farther away."""
    height, width = pixels.shape[:2]
    near, far = (width, width * share) if left else (0, width * (1 - share))
    high, low = height * share * 0.6, height * (1 - share * 0.6)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    to = [[far, high], [near, 0], [near, height], [far, low]]
    if not left:
        to = [[near, 0], [far, high], [far, low], [near, height]]
    move = cv2.getPerspectiveTransform(corners, np.array(to, np.float32))
    return cv2.warpPerspective(pixels, move, (width, height), borderMode=cv2.BORDER_REPLICATE)


def look(
    pipeline: Pipeline, folder: Path, advance: Advance = silent
) -> dict[str, list[tuple[Look, Look]]]:
    """Each photo of people with three or more, as it is and made worse: by person.

    Raises:
        DataInvalid: too few people have enough photos.
    """
    by_person: dict[str, list[Path]] = {}
    for person, photo in photos_of_people(folder):
        by_person.setdefault(person, []).append(photo)
    wanted = [
        (person, photo)
        for person, photos in by_person.items()
        if len(photos) >= LEAST
        for photo in photos
    ]
    found: dict[str, list[tuple[Look, Look]]] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        sources = [Source(str(photo), photo) for _, photo in some]
        sources += [Source(str(photo), _worse_file(photo)) for _, photo in some]
        looks = [_look(entry) for entry in pipeline.process(sources, _middle)]
        for (person, _), clear, bad in zip(some, looks, looks[len(some) :], strict=False):
            if clear.usable:
                found.setdefault(person, []).append((clear, bad))
        advance(len(some))
    found = {person: looks for person, looks in found.items() if len(looks) >= LEAST}
    several = sum(len(looks) >= PHOTOS_EACH + LEAST for looks in found.values())
    if several < ATTENDING or len(found) < ATTENDING + STRANGERS + 20:
        raise DataInvalid(
            f"{folder} has {several} people with {PHOTOS_EACH + LEAST} usable photos or more, and"
            f" {len(found)} with {LEAST}; {ATTENDING} and {ATTENDING + STRANGERS + 20} are needed."
        )
    return found


def _worse_file(photo: Path) -> bytes:
    pixels: Any = cv2.imread(str(photo))
    rng = np.random.default_rng(int(sha256(photo.name.encode()).hexdigest()[:8], 16))
    return bytes(cv2.imencode(".png", worse(pixels, rng)[0])[1])


def _middle(found: FoundFaces) -> int:
    """The face nearest to the middle; the data's photos show whom they name there."""
    if not len(found.detections):
        raise DataInvalid("No face.")
    boxes = found.detections.boxes
    middle = np.array([found.width / 2, found.height / 2], np.float32)
    return int(((boxes[:, :2] + boxes[:, 2:] / 2 - middle) ** 2).sum(axis=1).argmin())


def _look(entry: Any) -> Look:
    if isinstance(entry, PhotoFailure):
        return Look(None, False)
    return Look(entry.faces.vectors[0], entry.faces.quality.reasons[0] is None)


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """One event: a gallery, and faces of which it is known whose they are.

    Attributes:
        known, owners: (m, d) and (m,): the enrolled faces.
        vectors: (n, d), zeros where no face was found.
        photos, people: (n,) int64; strangers are -1, -2, ...
        usable: (n,) bool.
    """

    known: Vectors
    owners: Ints
    vectors: Vectors
    photos: Ints
    people: Ints
    usable: npt.NDArray[np.bool_]


def compose(looks: Mapping[str, Sequence[tuple[Look, Look]]], seed: int) -> Album:
    """Draw an event."""
    rng = np.random.default_rng(seed)
    names = sorted(looks)
    rng.shuffle(names)
    order = {name: rng.permutation(len(looks[name])) for name in names}
    attending = [n for n in names if len(looks[n]) >= PHOTOS_EACH + LEAST][:ATTENDING]
    others = [name for name in names if name not in set(attending)]
    strangers, absent = others[:STRANGERS], others[STRANGERS : STRANGERS + ENROLLED - ATTENDING]
    known, owners = [], []
    for number, name in enumerate([*attending, *absent]):
        for row in order[name][:PHOTOS_EACH]:
            known.append(looks[name][row][0].vector)
            owners.append(number)
    vectors, photos, people, usable = [], [], [], []
    for number, name in enumerate([*attending, *strangers]):
        stranger = number >= len(attending)
        own = order[name] if stranger else order[name][PHOTOS_EACH:]
        count = min(int(rng.integers(LEAST, MOST + 1)), len(own))
        where = rng.choice(PHOTOS, count, replace=False)
        for row, photo in zip(own[:count], where, strict=True):
            seen = looks[name][row][int(rng.random() < WORSE)]
            vectors.append(np.zeros_like(known[0]) if seen.vector is None else seen.vector)
            photos.append(int(photo))
            people.append(len(attending) - number - 1 if stranger else number)
            usable.append(seen.usable)
    return Album(
        np.array(known, np.float32),
        np.array(owners, np.int64),
        np.array(vectors, np.float32),
        np.array(photos, np.int64),
        np.array(people, np.int64),
        np.array(usable, bool),
    )


def measure(
    looks: Mapping[str, Sequence[tuple[Look, Look]]],
    events: int,
    fpir: float,
    seed: int,
    own: Gate,
    advance: Advance = silent,
) -> dict[str, Any]:
    """The figures of each rule over some events, `own` being the network's own thresholds."""
    tallies: dict[str, list[dict[str, float]]] = {}
    faces, unusable, thresholds = 0, 0, []
    for number in range(events):
        album = compose(looks, seed + number)
        trials = ask_gallery(album.known, album.owners, seed=seed + number)
        gate = calibrate(trials, fpir, own).gate(len(np.unique(album.owners)))
        thresholds.append(gate.threshold)
        for rule, tally in _decided(album, gate).items():
            tallies.setdefault(rule, []).append(tally)
        faces, unusable = faces + len(album.people), unusable + int((~album.usable).sum())
        advance(1)
    figures = [_means(rule, rows) for rule, rows in tallies.items()]
    return {
        "events": events,
        "enrolled": ENROLLED,
        "attending": ATTENDING,
        "strangers": STRANGERS,
        "photos": PHOTOS,
        "faces": faces,
        "unusable": unusable,
        "fpir": fpir,
        "threshold": float(np.mean(thresholds)),
        "rules": [asdict(each) for each in figures],
    }


def _decided(album: Album, gate: Gate) -> dict[str, dict[str, float]]:
    hits = _best_people(album)
    people, excess = _one_by_one(album, hits, gate)
    rule = LinkRule.of(gate)
    nobody_said = np.zeros(len(people), bool)
    present = standing(people, excess, nobody_said, rule.lone)
    rivals = np.where(np.isin(hits.people, present), -1, hits.scores).max(axis=1)
    seen = Seen(
        vectors=album.vectors,
        photos=album.photos,
        usable=album.usable,
        people=people,
        excess=excess,
        rivals=rivals.astype(np.float32),
        fixed=nobody_said,
    )
    linked = link(seen, album.known, album.owners, rule)
    return {
        "one by one": _tally(album, people, excess, -np.inf, None),
        "lone faces to check": _tally(album, people, excess, rule.lone, None),
        "decided as a whole": _tally(
            album, linked.people, np.where(linked.by_event, np.nan, excess), rule.lone, linked
        ),
    }


def _best_people(album: Album) -> PeopleHits:
    """The best people of each face, by the rule of decisions."""
    cosines = album.vectors @ album.known.T
    owners, order, starts = grouped(album.owners)
    nearest = np.maximum.reduceat(cosines[:, order], starts, axis=1)
    means = album.vectors @ templates(album.known, album.owners)[1].T
    scores = fuse(nearest, means)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :_CANDIDATES]

    def of(found: Floats) -> Floats:
        return np.take_along_axis(found, best, axis=1)

    return PeopleHits(owners[best], of(scores), owners[best], of(nearest), of(means))


def _one_by_one(album: Album, hits: PeopleHits, gate: Gate) -> tuple[Ints, Floats]:
    people = np.full(len(album.people), -1, np.int64)
    excess = np.full(len(people), -np.inf, np.float32)
    for photo in np.unique(album.photos):
        rows = np.flatnonzero(album.photos == photo)
        own = PeopleHits(
            hits.people[rows],
            hits.scores[rows],
            hits.faces[rows],
            hits.nearest[rows],
            hits.templates[rows],
        )
        reasons = [None if usable else "unusable" for usable in album.usable[rows]]
        for row, decision in zip(rows, decide(own, reasons, gate), strict=True):
            if decision.person_id is not None and decision.score is not None:
                people[row] = decision.person_id
                excess[row] = decision.score - decision.threshold
    return people, excess


def _tally(
    album: Album, people: Ints, excess: Floats, lone: float, linked: Linked | None
) -> dict[str, float]:
    ours, theirs = album.usable & (album.people >= 0), album.usable & (album.people < 0)
    present = set(standing(people, excess, np.zeros(len(people), bool), lone).tolist())
    listed = set(people[people >= 0].tolist())
    there = set(album.people[ours].tolist())
    tally = {
        "missed": float((people[ours] != album.people[ours]).mean()),
        "tagged": float((people[theirs] >= 0).mean()),
        "wrongly_listed": len(present - there),
        "to_check": len(listed - present - there),
        "moved": len((listed - present) & there) / len(there),
        "lost": len(there - listed),
    }
    if linked is not None:
        rows = theirs & (people < 0)
        tally["grouped"] = pairwise_f1(linked.groups[rows], album.people[rows])
    return tally


def _means(rule: str, rows: Sequence[Mapping[str, float]]) -> Figures:
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return Figures(rule, **{"grouped": None, **means})  # type: ignore[arg-type]
