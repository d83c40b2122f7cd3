"""What answers for a collection at one moment: its model, index and thresholds.

They belong together: a vector of one model means nothing to the index of another. A collection may
change its model or its calibration at any time, so whoever asks takes one and keeps to it from
the photo to the answer. If the model was changed meanwhile, its index says so before it
answers (ModelSwitched), and the question is asked again with the new one.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import Collection
from retrieval.catalogue.runs.run_records import Run
from retrieval.catalogue.strangers import UnknownFace
from retrieval.collection import pictures
from retrieval.collection.already_enrolled import AlreadyEnrolled
from retrieval.collection.answers import (
    GalleryState,
    PhotoAnswer,
    PhotoHits,
    Verification,
    photo_hit,
)
from retrieval.collection.calibrated_gallery import CalibratedGallery, StoredCalibration, stamp_of
from retrieval.collection.enrolling import Enroller, enrollable
from retrieval.collection.enrolments import EnrolItem, EnrolResult
from retrieval.collection.likeness import alike, words_of
from retrieval.collection.naming import photo_answer, unknown_faces
from retrieval.collection.photo_faces import Choice, PhotoFaces, PhotoFailure
from retrieval.collection.pipeline import Pipeline
from retrieval.collection.thumbnails import cut
from retrieval.errors import NotFound
from retrieval.faces.liveness import Liveness
from retrieval.identities.decide import decide
from retrieval.index.clusters import Clusters
from retrieval.index.people_index import PeopleIndex
from retrieval.photos.store import PhotoStore
from retrieval.photos.video_rules import VideoRules
from retrieval.protocols import ChangeFeed
from retrieval.values import Detail, Gate, Source, found_ids

CANDIDATES = 5  # people that an answer names
STRANGER_DAYS = 30  # for faces of events that are nobody's, unless the settings say otherwise


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of what comes in, and for how long.

    Attributes:
        unknown_days: for unknown faces; 0 keeps none; None keeps none of queries, and those of
            events for `STRANGER_DAYS`.
        event_days: for events without days of their own; None until they are deleted.
        thumbnails: whether a picture of each face is kept.
    """

    unknown_days: int | None = None
    event_days: int | None = None
    thumbnails: bool = True

    @property
    def stranger_days(self) -> int:
        """Days for unknown faces of events."""
        return STRANGER_DAYS if self.unknown_days is None else self.unknown_days


class Parts(Protocol):
    """What a service is made of; `retrieval.building` makes them."""

    def active_model(
        self,
        catalogue: Catalogue,
        collection: Collection,
        calibration: Mapping[str, Any] | None,
        feed: ChangeFeed,
        load: Callable[[Collection], Pipeline],
    ) -> "ActiveModel":
        """What answers for a collection; see `ActiveModel`."""

    def events(self, host: Any) -> Any:
        """The events of a service's collection: an `Events`, which stands above this room."""

    def new_collection(self, catalogue: Catalogue, name: str) -> Collection:
        """Create a collection with the models that the settings ask for."""

    def pipeline(self, collection: Collection) -> Pipeline:
        """Load the collection's models."""

    def gallery(self, collection: Collection, feed: ChangeFeed) -> PeopleIndex:
        """Open this process's view of the collection's faces."""

    def drop_files(self, collection: Collection, runs: Sequence[Run]) -> None:
        """Delete the index's files and the kept photos of a collection, and what its runs left."""

    def drop_other_indexes(self, collection: Collection) -> None:
        """Delete the index of every model of a collection but this one."""

    def photos(self, collection: Collection) -> PhotoStore:
        """Where copies of the collection's photos are kept, if they are."""

    def gate(self, collection: Collection) -> Gate:
        """Threshold and margin of a collection that is not calibrated."""

    @property
    def keeping(self) -> Keeping:
        """What is kept of what comes in, and for how long."""

    def liveness(self) -> Liveness:
        """What tells live faces from pictures of faces."""

    @property
    def videos(self) -> VideoRules:
        """How videos are looked at."""


class ActiveModel:
    """One model of a collection, with all that belongs to it, opened when first needed.

    Args:
        catalogue: for names.
        parts: of the service.
        collection: as it is with this model.
        calibration: the document that the catalogue keeps, or None.
        feed: the change log, with this model's vectors.
        load: gives the collection's pipeline, which outlives a calibration.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        parts: Parts,
        collection: Collection,
        calibration: Mapping[str, Any] | None,
        feed: ChangeFeed,
        load: Callable[[Collection], Pipeline],
    ) -> None:
        self.collection = collection
        self.stamp = stamp_of(calibration)
        self._catalogue = catalogue
        self._parts = parts
        self._stored = None if calibration is None else StoredCalibration.read(calibration)
        self._feed = feed
        self._load = load
        self._opening = threading.Lock()
        self._calibrated: CalibratedGallery | None = None

    def is_of(self, collection: Collection, calibration: Mapping[str, Any] | None) -> bool:
        """Whether it is of this model and this calibration."""
        return (self.collection.series, self.stamp) == (collection.series, stamp_of(calibration))

    @property
    def pipeline(self) -> Pipeline:
        """The models: photo -> faces -> vectors."""
        return self._load(self.collection)

    @property
    def calibrated(self) -> CalibratedGallery:
        """Index and thresholds."""
        with self._opening:
            if self._calibrated is None:
                gallery = self._parts.gallery(self.collection, self._feed)
                self._calibrated = CalibratedGallery(
                    gallery, self._stored, self._parts.gate(self.collection)
                )
            return self._calibrated

    @property
    def is_open(self) -> bool:
        """Whether its index is open."""
        return self._calibrated is not None

    def close(self) -> None:
        """Let go of the index."""
        if self._calibrated is not None:
            self._calibrated.gallery.close()

    def state(self) -> GalleryState:
        """Against what questions are asked now."""
        index, gate = self.calibrated.gallery.status(), self.calibrated.gate()
        return GalleryState(
            collection=self.collection.name,
            model=self.collection.embedder,
            fingerprint=self.collection.fingerprint,
            people=index.people,
            faces=index.faces,
            index=index.kind,
            threshold=gate.threshold,
            threshold_source=gate.source,
        )

    def answers(
        self,
        photos: Sequence[PhotoFaces],
        threshold: float | None = None,
        candidates: int | None = None,
    ) -> tuple[list[PhotoAnswer], list[UnknownFace]]:
        """Say who is in photos that this model's pipeline has read.

        Args:
            photos: with vectors of this model.
            threshold: in place of the collection's own.
            candidates: people that are named for each face at most, `CANDIDATES` if None; decisions
                do not depend on it.

        Returns:
            an answer per photo, in order, and the faces that were nobody's.

        Raises:
            ModelSwitched: the collection has another model now.
        """
        if not photos:
            return [], []
        calibrated = self.calibrated
        calibrated.gallery.catch_up()
        gate = calibrated.gate(threshold)
        vectors = np.concatenate([photo.faces.vectors for photo in photos])
        named = CANDIDATES if candidates is None else candidates
        hits = calibrated.gallery.search(vectors, max(named, CANDIDATES))
        names = self._catalogue.names(found_ids(hits.people))
        hits = hits.among(names)
        numbers = self._catalogue.external_ids(names)
        faces = self._catalogue.faces(found_ids(hits.faces))
        answers, start = [], 0
        unknown: list[UnknownFace] = []
        for photo in photos:
            own = hits.rows(slice(start, start := start + len(photo.faces)))
            decisions = decide(own, photo.faces.quality.reasons, gate)
            expected = calibrated.false_matches(decisions, gate)
            shown = [replace(each, candidates=each.candidates[:named]) for each in decisions]
            answers.append(photo_answer(photo, shown, names, faces, expected, numbers))
            unknown += unknown_faces(photo, decisions)
        return answers, unknown

    # Enrolling

    def take(
        self, batch: Sequence[EnrolItem], kept: PhotoStore, since: datetime
    ) -> list[EnrolResult]:
        """Enrol a batch of photos in one transaction; see `Service.enrol`.

        Args:
            batch: the photos.
            kept: where copies of them go.
            since: when the enrolment began: who was enrolled before may be another of the name.
        """
        gate = self._parts.gate(self.collection)
        known = AlreadyEnrolled(self._catalogue, self.collection.id, self._feed)
        taken = Enroller(
            self._catalogue,
            self.collection,
            self.pipeline,
            kept,
            thumbnails=self._parts.keeping.thumbnails,
            enrolled=known.vectors_of,
            same_from=gate.of_photos if gate.unlike is None else gate.unlike,
            namesake=partial(known.namesake, since),
            unlike=gate.unlike,
        ).take(batch)
        remarks = known.remarks(taken, gate.unlike)
        return [
            replace(
                result,
                fingerprint=self.collection.fingerprint,
                remark=remarks.get(result.face_id or 0, result.remark),
            )
            for result in taken
        ]

    # Asking

    def ask(
        self,
        sources: Sequence[Source],
        threshold: float | None,
        detail: Detail | None = None,
        candidates: int | None = None,
    ) -> tuple[list[PhotoAnswer], GalleryState]:
        """Say who is in each photo, and against what was asked; see `Service.ask`."""
        keeping = self._parts.keeping
        shown = cut if keeping.unknown_days and keeping.thumbnails else None
        found = self.pipeline.process(sources, cut=shown, detail=detail)
        read = [entry for entry in found if isinstance(entry, PhotoFaces)]
        answered, unknown = self.answers(read, threshold, candidates)
        state = self.state()
        if keeping.unknown_days and read:
            store = self._catalogue.strangers
            asked, model = {photo.sha256 for photo in read}, self.collection.fingerprint
            store.keep(self.collection.id, asked, unknown, keeping.unknown_days, model)
        answers = iter(answered)
        return [
            PhotoAnswer(entry.source.name, "", 0, 0, (), str(entry.error), entry.error.code)
            if isinstance(entry, PhotoFailure)
            else next(answers)
            for entry in found
        ], state

    def search(self, source: Source, limit: int) -> PhotoHits:
        """Find the gallery's photos that show the people of a photo; see `Service.search`."""
        photo = self._one(source, None)
        calibrated = self.calibrated
        calibrated.gallery.catch_up()
        found = calibrated.gallery.search_faces(photo.faces.vectors, limit)
        best: dict[int, float] = {}
        for face, score in zip(found.ids.ravel().tolist(), found.scores.ravel(), strict=True):
            if face >= 0:
                best[face] = max(float(score), best.get(face, -1.0))
        faces = self._catalogue.faces(list(best))
        ranked = sorted(faces.values(), key=lambda face: -best[face.id])[:limit]
        threshold = calibrated.gate().of_photos
        hits = tuple(
            photo_hit(face, best[face.id], same_person=best[face.id] >= threshold)
            for face in ranked
        )
        return PhotoHits(hits, threshold, self.collection.fingerprint)

    def like(self, source: Source, limit: int) -> PhotoHits:
        """Find the gallery's photos that are most like a photo; see `Service.search`."""
        probes = self._one(source, None).faces.vectors
        calibrated = self.calibrated
        calibrated.gallery.catch_up()
        clusters = calibrated.gallery.clusters()
        threshold = calibrated.gate().of_photos
        words = words_of(calibrated.gallery, clusters, probes, threshold)
        sharing = clusters.faces[np.isin(clusters.labels, words)]
        faces = self._catalogue.faces(sharing.tolist())
        hits = alike(calibrated.gallery, clusters, words, faces, probes)[:limit]
        return PhotoHits(tuple(hits), threshold, self.collection.fingerprint)

    def verify(
        self,
        source: Source,
        other: Source | str,
        face: int | None = None,
        other_face: int | None = None,
    ) -> Verification:
        """Say whether two photos, or a photo and a person, are of one; see `Service.verify`."""
        calibrated = self.calibrated
        gate = calibrated.gate()
        probe = self._one(source, partial(enrollable, face=face)).faces.vectors
        if isinstance(other, str):
            person = self._catalogue.person(self.collection.id, other)
            calibrated.gallery.catch_up()
            hits = calibrated.gallery.search(probe, 1, people=np.array([person.id], np.int64))
            if hits.people[0, 0] != person.id:
                raise NotFound(
                    f"{person.name} has no photo to compare with. Enrol one of them first."
                )
            score, against = float(hits.scores[0, 0]), f"person {person.called}"
            threshold = gate.of_person
        else:
            meant = partial(enrollable, face=other_face)
            shown = self._one(other, meant).faces.vectors[0]
            score, against = float(probe[0] @ shown), f"photo {other.name}"
            threshold = gate.of_photos
        model = self.collection.fingerprint
        return Verification(score >= threshold, score, threshold, gate.source, against, model)

    def fill_pictures(
        self, kept: PhotoStore, advance: Callable[[int], None], *, max_pixels: int, max_bytes: int
    ) -> tuple[int, int]:
        """Make pictures of enrolled faces that have none; see `Service.fill_pictures`."""
        waiting = self._catalogue.thumbnails.lacking_faces(self.collection.id)
        made = pictures.fill(
            self._catalogue,
            self.collection.id,
            kept,
            waiting,
            advance,
            max_pixels=max_pixels,
            max_bytes=max_bytes,
        )
        return made, len(waiting) - made

    def clusters(self, k: int | None) -> Clusters:
        """Cluster the enrolled faces; see `Service.clusters`."""
        self.calibrated.gallery.catch_up()
        return self.calibrated.gallery.clusters(k)

    def _one(self, source: Source, choose: Choice | None) -> PhotoFaces:
        (entry,) = self.pipeline.process([source], choose)
        if isinstance(entry, PhotoFailure):
            raise entry.error
        return entry
