"""Two models of one collection beside each other: on its own photos, and on what was asked lately.

Its own photos: each is asked about with its person enrolled by the others (leaving one out), under
both models, each at the threshold that its own calibration chose for the same FPIR. The photos are
the same, so the two answers about each can be compared.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from retrieval.collection.active_model import ActiveModel
from retrieval.collection.answers import PhotoAnswer
from retrieval.collection.bulk import path_of
from retrieval.collection.photo_faces import PhotoFaces
from retrieval.errors import InputError, StorageUnavailable
from retrieval.identities.calibrate import Calibration, calibrate, missing
from retrieval.identities.trials import Trials, ask_gallery
from retrieval.photos.urls import location_of
from retrieval.service import Service
from retrieval.values import Ints, Location, Source, Url

FPIR = 0.01  # of a calibration, where the collection has none to take it from
MOST_QUERIES = 200  # newest photos that were asked about
_RUNS = 100  # newest runs in which such photos are looked for
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Change:
    """A photo that one model names otherwise than the other; None where it names nobody."""

    photo: str
    before: str | None
    after: str | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"photo": self.photo, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two models agree on the same faces.

    Attributes:
        asked: faces.
        named: of them, by the active and by the other model.
        changes: faces that they name otherwise.
    """

    asked: int
    named: tuple[int, int]
    changes: tuple[Change, ...]

    @property
    def share(self) -> float:
        """Of faces that both name alike, or neither names."""
        return 1 - len(self.changes) / max(self.asked, 1)

    @property
    def other_people(self) -> tuple[Change, ...]:
        """Faces that both name, as different people."""
        return tuple(c for c in self.changes if c.before is not None and c.after is not None)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "asked": self.asked,
            "named_before": self.named[0],
            "named_after": self.named[1],
            "agreement": round(self.share, 4),
            "other_people": len(self.other_people),
            "changes": [change.document() for change in self.changes],
        }


@dataclass(frozen=True, slots=True, eq=False)
class OwnPhotos:
    """Both models on the gallery's own photos.

    Attributes:
        lacking: why nothing could be calibrated, in words; then all others are None.
        before, after: calibrations for the same FPIR on the same photos.
        agreement: at these calibrations' thresholds.
    """

    lacking: str | None
    before: Calibration | None
    after: Calibration | None
    agreement: Agreement | None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The active model beside the other one.

    Attributes:
        before, after: their fingerprints.
        own_photos: on the collection's own photos, each asked about without itself.
        queries: on photos that were asked about; None where there are none at hand.
    """

    before: str
    after: str
    own_photos: OwnPhotos
    queries: Agreement | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        own = self.own_photos
        document: dict[str, Any] = {
            "before": self.before,
            "after": self.after,
            "not_calibrated": own.lacking,
            "own_photos": None,
            "queries": None if self.queries is None else self.queries.document(),
        }
        if own.before is not None and own.after is not None and own.agreement is not None:
            document["own_photos"] = {
                "fpir": own.before.fpir,
                "fnir_before": round(own.before.fnir, 4),
                "fnir_after": round(own.after.fnir, 4),
                "threshold_before": round(own.before.threshold, 4),
                "threshold_after": round(own.after.threshold, 4),
                **own.agreement.document(),
            }
        return document


def on_own_photos(service: Service, fpir: float | None) -> OwnPhotos:
    """Calibrate both models on the faces that have vectors of both, and compare their answers.

    Args:
        service: of a collection with two models.
        fpir: wanted false positive identification rate; None for the present calibration's.
    """
    active_model = service.active_model
    other_ids, _, other_vectors = service.catalogue.other_models.vectors(active_model.collection.id)
    ids, people, vectors = service.catalogue.vectors(active_model.collection.id)
    both = np.intersect1d(ids, other_ids)
    here, there = np.searchsorted(ids, both), np.searchsorted(other_ids, both)
    lacking = missing(people[here])
    if lacking is not None:
        return OwnPhotos(lacking, None, None, None)
    stored = active_model.calibrated.stored
    if fpir is None:
        fpir = FPIR if stored is None else stored.calibration.fpir
    trials = (
        ask_gallery(vectors[here], people[here]),
        ask_gallery(other_vectors[there], people[here]),
    )
    other_model = service.catalogue.other_models.get(active_model.collection.id)
    gates = map(
        service.own_gate, (active_model.collection, other_model.of(active_model.collection))
    )
    before, after = (calibrate(each, fpir, gate) for each, gate in zip(trials, gates, strict=True))
    asked = both[np.sort(trials[0].rows)]  # the same ones under both: one seed, the same people
    found = _agreement(service, asked, _named(trials[0], before), _named(trials[1], after))
    return OwnPhotos(None, before, after, found)


def on_queries(active: ActiveModel, other: ActiveModel, sources: Sequence[Source]) -> Agreement:
    """Ask both models about photos, each as it would answer; both see the same faces."""
    asked, named, changes = 0, [0, 0], []
    for start in range(0, len(sources), _BATCH):
        some = sources[start : start + _BATCH]
        for before, after in zip(_answers(active, some), _answers(other, some), strict=True):
            for old, new in zip(before.faces, after.faces, strict=True):
                asked += 1
                named[0] += old.person is not None
                named[1] += new.person is not None
                if old.person != new.person:
                    changes.append(Change(before.photo, old.person, new.person))
    return Agreement(asked, (named[0], named[1]), tuple(changes))


def recent_queries(service: Service) -> list[Source]:
    """Photos that were asked about lately and are still where they were, newest first.

    Known are those of unknown faces that are kept, and those of runs whose answers nobody fetched.
    """
    kept = service.catalogue.strangers
    faces = kept.newest(service.collection.id, 10 * MOST_QUERIES, None)
    wanted = {face.photo: face.sha256 for face in reversed(faces)}
    read = _read(service, list(islice(wanted, MOST_QUERIES)), location_of)
    found = {sha256: source for source, sha256 in read if sha256 == wanted[source.name]}
    for source, sha256 in _of_runs(service):
        found.setdefault(sha256, source)
    return list(islice(found.values(), MOST_QUERIES))


def _of_runs(service: Service) -> Iterator[tuple[Source, str]]:
    runs, left = service.catalogue.runs, MOST_QUERIES
    for run in runs.newest(_RUNS, service.collection.name):
        if run.kind == "identify":
            names = [answer["photo"] for _, answer in runs.answers(run.id)][:left]
            yield from _read(service, names, partial(path_of, run))
            left -= len(names)


def _read(
    service: Service, names: Sequence[str], place: Callable[[str], Location]
) -> Iterator[tuple[Source, str]]:
    """Those of the photos that can be read, by their bytes, with their SHA-256."""
    sources = []
    for name in names:
        with suppress(InputError):  # a name that is no place
            sources.append(Source(name, place(name)))
    try:
        entries = service.pipeline.read(sources)
    except StorageUnavailable:  # a server is away: compare on what lies on this machine
        here = [source for source in sources if not isinstance(source.content, Url)]
        entries = service.pipeline.read(here)
    return (entry for entry in entries if isinstance(entry, tuple))


def _answers(active_model: ActiveModel, sources: Sequence[Source]) -> list[PhotoAnswer]:
    found = active_model.pipeline.process(sources)
    return active_model.answers([entry for entry in found if isinstance(entry, PhotoFaces)])[0]


def _named(trials: Trials, calibration: Calibration) -> Ints:
    """Whom each photo is named as, in the order of the gallery's rows; -1 for nobody."""
    right = trials.leads > 0
    best = np.where(right, trials.people, trials.rivals)
    evidence = np.where(right, trials.genuine, trials.mistaken)
    sure = (evidence >= calibration.threshold) & (np.abs(trials.leads) >= calibration.margin)
    return np.asarray(np.where(sure, best, -1)[np.argsort(trials.rows)], np.int64)


def _agreement(service: Service, face_ids: Ints, before: Ints, after: Ints) -> Agreement:
    """Two answers about each face, as people's ids; -1 for nobody."""
    other = before != after
    faces = service.catalogue.faces(face_ids[other].tolist())
    names = service.catalogue.names(np.union1d(before[other], after[other]).tolist())
    changes = [
        Change(faces[face].photo, names.get(old), names.get(new))
        for face, old, new in zip(
            face_ids[other].tolist(), before[other].tolist(), after[other].tolist(), strict=True
        )
        if face in faces
    ]
    named = int((before >= 0).sum()), int((after >= 0).sum())
    return Agreement(len(face_ids), named, tuple(changes))
