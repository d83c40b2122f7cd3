"""Rollcall as a library: enrol, identify, search, verify, people, forget, for one collection.

The command line, the HTTP API and the workers call this and nothing below it. Models and index are
opened when they are first needed, so that listing people loads no network.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from retrieval.answers import (
    EnrolItem,
    EnrolResult,
    FaceAnswer,
    GalleryState,
    NamedCandidate,
    PhotoAnswer,
    PhotoHit,
    Verification,
)
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.names import clean_name
from retrieval.catalogue.records import (
    Collection,
    Counts,
    EnrolledFace,
    Enrolment,
    EnrolmentOutcome,
    Erased,
    NewFace,
    Person,
)
from retrieval.errors import (
    AlreadyExists,
    FaceUnusable,
    InputError,
    ModelMismatch,
    NameInvalid,
    NotFound,
)
from retrieval.faces.quality import dominant
from retrieval.identities.decide import decide
from retrieval.index.gallery import Gallery
from retrieval.photos.store import PhotoStore
from retrieval.pipeline import FoundFaces, PhotoFaces, PhotoFailure, Pipeline
from retrieval.protocols import ChangeFeed
from retrieval.values import Decision, Gate, Ints, Outcome, PeopleHits, Source

BATCH_PHOTOS = 32  # photos a transaction when enrolling; bounds the memory of a batch as well
CANDIDATES = 5  # people that an answer names


class Parts(Protocol):
    """What a service is made of; `retrieval.build` makes them."""

    def new_collection(self, catalogue: Catalogue, name: str) -> Collection:
        """Create a collection with the models that the settings ask for."""

    def pipeline(self, collection: Collection) -> Pipeline:
        """Load the collection's models."""

    def gallery(self, collection: Collection, feed: ChangeFeed) -> Gallery:
        """Open this process's view of the collection's faces."""

    def drop_files(self, collection: Collection) -> None:
        """Delete the index's files and the kept photos of a collection."""

    def photos(self, collection: Collection) -> PhotoStore:
        """Where copies of the collection's photos are kept, if they are."""

    def gate(self, catalogue: Catalogue, collection: Collection) -> Gate:
        """The collection's threshold and margin, calibrated or from the manifest."""


class Service:
    """One collection's people and photos, and the questions about them."""

    def __init__(self, catalogue: Catalogue, parts: Parts, collection: str) -> None:
        self.catalogue = catalogue
        self.collection_name = collection
        self._parts = parts

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of models, index and catalogue."""
        opened = vars(self)
        if "pipeline" in opened:
            self.pipeline.close()
        if "gallery" in opened:
            self.gallery.close()
        self.catalogue.close()

    # What it is made of, opened when first needed

    @cached_property
    def collection(self) -> Collection:
        """The collection.

        Raises:
            NotFound: nobody was enrolled in it yet.
        """
        return self.catalogue.collection(self.collection_name)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The collection's models."""
        pipeline = self._parts.pipeline(self.collection)
        if pipeline.embedder.fingerprint != self.collection.fingerprint:
            raise ModelMismatch(
                f"Collection {self.collection.name!r} was made with"
                f" {self.collection.fingerprint}, but this machine has"
                f" {pipeline.embedder.fingerprint}. Vectors of two models cannot be compared: run"
                " `rollcall models verify`, or enrol into another --collection."
            )
        return pipeline

    @cached_property
    def gallery(self) -> Gallery:
        """This process's view of the collection's faces."""
        return self._parts.gallery(self.collection, self.catalogue.feed(self.collection.id))

    @cached_property
    def photos(self) -> PhotoStore:
        """Kept copies of the collection's photos."""
        return self._parts.photos(self.collection)

    @cached_property
    def gate(self) -> Gate:
        """The threshold and margin that decisions use."""
        return self._parts.gate(self.catalogue, self.collection)

    def ensure_collection(self) -> Collection:
        """Return the collection; create it with the settings' models where it does not exist."""
        try:
            return self.collection
        except NotFound:
            with suppress(AlreadyExists):  # another process was faster
                self._parts.new_collection(self.catalogue, self.collection_name)
            return self.collection

    def state(self) -> GalleryState:
        """Against what questions are asked now."""
        counts = self.catalogue.counts(self.collection.id)
        return GalleryState(
            collection=self.collection.name,
            model=self.collection.embedder,
            people=counts.people,
            faces=counts.faces,
            index=self.gallery.status().kind,
            threshold=self.gate.threshold,
            threshold_source=self.gate.source,
        )

    # Enrolling

    def enrol(self, items: Iterable[EnrolItem]) -> Iterator[EnrolResult]:
        """Enrol photos, one person each.

        A result is given out when its photo is safely in the catalogue, or for good refused; the
        photos of a batch share a transaction. Photos that are known are not decoded again.

        Args:
            items: the photos; read as they are needed.

        Yields:
            a result an item, in order.
        """
        self.ensure_collection()
        remaining = iter(items)
        while batch := list(islice(remaining, BATCH_PHOTOS)):
            yield from self._enrol_batch(batch)

    def _enrol_batch(self, batch: Sequence[EnrolItem]) -> list[EnrolResult]:
        results: dict[int, EnrolResult] = {}
        todo = self._unknown(batch, results)
        choices = [partial(_enrollable, face=batch[row].face) for row in todo]
        found = self.pipeline.process(list(todo.values()), choices)
        new: dict[int, NewFace] = {}
        for row, entry in zip(todo, found, strict=True):
            if isinstance(entry, PhotoFailure):
                results[row] = _rejected(batch[row], entry.error)
            else:
                new[row] = _new_face(batch[row], entry)
        enrolments = self.catalogue.enrol(self.collection.id, list(new.values()))
        for row, enrolment in zip(new, enrolments, strict=True):
            results[row] = _enrolled(batch[row], new[row].sha256, enrolment)
            if self.photos.keeps and enrolment.outcome is EnrolmentOutcome.ENROLLED:
                self._keep(new[row].sha256, todo[row])
        return [results[row] for row in range(len(batch))]

    def _keep(self, sha256: str, source: Source) -> None:
        if isinstance(source.content, bytes):  # `_unknown` has read it
            self.photos.keep(sha256, source.content)

    def _unknown(
        self, batch: Sequence[EnrolItem], results: dict[int, EnrolResult]
    ) -> dict[int, Source]:
        """The photos to decode, by row; the results of those that need not be are filled in."""
        read = self.pipeline.read([Source(item.photo, item.content) for item in batch])
        hashes = [entry[1] for entry in read if isinstance(entry, tuple)]
        owners = self.catalogue.owners(self.collection.id, hashes)
        todo: dict[int, Source] = {}
        for row, (item, entry) in enumerate(zip(batch, read, strict=True)):
            try:
                person = clean_name(item.person)
            except NameInvalid as error:
                results[row] = _rejected(item, error)
                continue
            if isinstance(entry, PhotoFailure):
                results[row] = _rejected(item, entry.error)
            elif (owner := owners.get(entry[1], person)) != person:
                results[row] = _other_person(item, entry[1], owner)
            elif entry[1] in owners:
                results[row] = EnrolResult(item.person, item.photo, "known", sha256=entry[1])
            else:
                todo[row] = entry[0]
        return todo

    # Asking

    def identify(
        self, sources: Sequence[Source], threshold: float | None = None
    ) -> list[PhotoAnswer]:
        """Say who is in each photo.

        Args:
            sources: the photos.
            threshold: in place of the collection's own.

        Returns:
            An answer a photo, in order; a photo that cannot be read has an error in it.
        """
        found = self.pipeline.process(sources)
        read = [entry for entry in found if isinstance(entry, PhotoFaces)]
        answers = iter(self._answers(read, self._gate(threshold)))
        return [
            PhotoAnswer(entry.source.name, "", 0, 0, (), str(entry.error), entry.error.code)
            if isinstance(entry, PhotoFailure)
            else next(answers)
            for entry in found
        ]

    def _gate(self, threshold: float | None) -> Gate:
        if threshold is None:
            return self.gate
        return Gate(threshold, self.gate.margin, "given with the question")

    def _answers(self, photos: Sequence[PhotoFaces], gate: Gate) -> list[PhotoAnswer]:
        if not photos:
            return []
        self.gallery.catch_up()
        hits = self.gallery.search(np.concatenate([p.faces.vectors for p in photos]), CANDIDATES)
        names = self.catalogue.names(_present(hits.people))
        hits = _without(hits, names.keys())
        faces = self.catalogue.faces(_present(hits.faces))
        answers, start = [], 0
        for photo in photos:
            own = _rows(hits, slice(start, start := start + len(photo.faces)))
            decisions = decide(own, photo.faces.quality.reasons, gate)
            answers.append(_answer(photo, decisions, names, faces))
        return answers

    def search(self, source: Source, limit: int = 10) -> list[PhotoHit]:
        """Find the gallery's photos that show the people of a photo, best first.

        Raises:
            PhotoError: the photo cannot be read or shows no face.
        """
        photo = self._one(source, None)
        self.gallery.catch_up()
        found = self.gallery.search_faces(photo.faces.vectors, limit)
        best: dict[int, float] = {}
        for face, score in zip(found.ids.ravel().tolist(), found.scores.ravel(), strict=True):
            if face >= 0:
                best[face] = max(float(score), best.get(face, -1.0))
        faces = self.catalogue.faces(list(best))
        ranked = sorted(faces.values(), key=lambda face: -best[face.id])[:limit]
        threshold = self.gate.threshold
        return [
            PhotoHit(face.photo, face.person, best[face.id], best[face.id] >= threshold)
            for face in ranked
        ]

    def verify(self, source: Source, other: Source | str) -> Verification:
        """Say whether a photo shows the same person as another photo, or as an enrolled person.

        Args:
            source: a photo with one dominant face.
            other: such a photo, or a person's name.

        Raises:
            PhotoError: a photo cannot be read, or shows no face or several.
            NotFound: nobody of that name is enrolled.
        """
        probe = self._one(source, _enrollable).faces.vectors
        if isinstance(other, str):
            person = self.catalogue.person(self.collection.id, other)
            self.gallery.catch_up()
            hits = self.gallery.search(probe, 1, people=np.array([person.id], np.int64))
            score, against = float(hits.scores[0, 0]), f"person {person.name}"
        else:
            vectors = self._one(other, _enrollable).faces.vectors
            score, against = float(probe[0] @ vectors[0]), f"photo {other.name}"
        gate = self.gate
        return Verification(score >= gate.threshold, score, gate.threshold, gate.source, against)

    def _one(self, source: Source, choose: object) -> PhotoFaces:
        choice = _enrollable if choose is _enrollable else None
        (entry,) = self.pipeline.process([source], choice)
        if isinstance(entry, PhotoFailure):
            raise entry.error
        return entry

    # People and photos

    def rename(self, name: str, new_name: str) -> Person:
        """Give a person another name.

        Raises:
            NotFound, AlreadyExists, NameInvalid: see the messages.
        """
        person = self.catalogue.person(self.collection.id, name)
        return self.catalogue.rename_person(self.collection.id, person.id, new_name)

    def forget(self, name: str) -> Erased:
        """Delete a person for good: faces, vectors, kept photos, and the index's entries.

        Raises:
            NotFound: nobody of that name is enrolled.
        """
        person = self.catalogue.person(self.collection.id, name)
        erased = self.catalogue.delete_person(self.collection.id, person.id)
        self._forget_everywhere(erased)
        return erased

    def remove_photo(self, photo: str) -> Erased:
        """Remove one enrolled photo, named by its path or by the beginning of its SHA-256.

        Raises:
            NotFound: no such photo, or several that begin so.
        """
        erased = self.catalogue.remove_photo(self.collection.id, photo)
        self._forget_everywhere(erased)
        return erased

    def create_collection(self, name: str) -> Collection:
        """Create a collection with the models that the settings ask for.

        Raises:
            AlreadyExists, NameInvalid: see the messages.
        """
        return self._parts.new_collection(self.catalogue, name)

    def delete_collection(self, name: str) -> Counts:
        """Delete a collection with all its people for good, and its index's files.

        Raises:
            NotFound: there is none of that name.
        """
        collection = self.catalogue.collection(name)
        counts = self.catalogue.delete_collection(name)
        self._parts.drop_files(collection)
        self.catalogue.empty_wal()
        return counts

    def clusters(self, k: int | None = None) -> list[list[EnrolledFace]]:
        """Cluster the enrolled faces: the inverted index, cluster -> photos, largest first.

        Args:
            k: how many clusters; None for the trained index's own, else for as many as people.

        Raises:
            SettingInvalid: k is below 1 or above the number of faces.
        """
        self.gallery.catch_up()
        found = self.gallery.clusters(k)
        faces = self.catalogue.faces(found.faces.tolist())
        groups: dict[int, list[EnrolledFace]] = {}
        for face_id, label in zip(found.faces.tolist(), found.labels.tolist(), strict=True):
            if face_id in faces:
                groups.setdefault(label, []).append(faces[face_id])
        return sorted(groups.values(), key=len, reverse=True)

    def _forget_everywhere(self, erased: Erased) -> None:
        """Leave nothing of it in kept photos, the index's files or SQLite's log."""
        self.photos.discard(erased.photos)
        self.gallery.snapshot()
        self.catalogue.empty_wal()


def _enrollable(found: FoundFaces, face: int | None = None) -> int:
    """The face that an enrolment photo means.

    Raises:
        NoFace, SeveralFaces, NotFound, FaceUnusable: see the messages.
    """
    row = dominant(found.detections.boxes, chosen=face)
    reason = found.quality.reasons[row]
    if reason is not None:
        raise FaceUnusable(f"The face cannot be used: {reason}. Take another photo.")
    return row


def _new_face(item: EnrolItem, entry: PhotoFaces) -> NewFace:
    detections, quality = entry.faces.detections, entry.faces.quality
    return NewFace(
        person=item.person,
        external_id=item.external_id,
        sha256=entry.sha256,
        photo=item.photo,
        width=entry.width,
        height=entry.height,
        box=detections.boxes[0],
        landmarks=detections.landmarks[0],
        score=float(detections.scores[0]),
        size_px=float(quality.size_px[0]),
        sharpness=float(quality.sharpness[0]),
        yaw_deg=float(quality.yaw_deg[0]),
        cut_off=float(quality.cut_off[0]),
        vector=entry.faces.vectors[0],
    )


def _rejected(item: EnrolItem, error: InputError) -> EnrolResult:
    return EnrolResult(item.person, item.photo, "rejected", error.code, str(error))


def _other_person(item: EnrolItem, sha256: str, owner: str) -> EnrolResult:
    message = (
        f"The same photo is enrolled under {owner!r}. If it shows {item.person!r}, remove it there:"
        f" rollcall photos remove {sha256[:12]}"
    )
    return EnrolResult(item.person, item.photo, "rejected", "other-person", message, sha256=sha256)


def _enrolled(item: EnrolItem, sha256: str, enrolment: Enrolment) -> EnrolResult:
    if enrolment.outcome is EnrolmentOutcome.ENROLLED:
        return EnrolResult(
            item.person, item.photo, "enrolled", face_id=enrolment.face_id, sha256=sha256
        )
    if enrolment.outcome is EnrolmentOutcome.DUPLICATE:
        return EnrolResult(item.person, item.photo, "known", sha256=sha256)
    return EnrolResult(
        item.person,
        item.photo,
        "rejected",
        enrolment.outcome.value,
        f"Not taken: {enrolment.reason}.",
        sha256=sha256,
    )


def _present(ids: Ints) -> list[int]:
    found: list[int] = np.unique(ids[ids >= 0]).tolist()
    return found


def _without(hits: PeopleHits, known: Iterable[int]) -> PeopleHits:
    """Drop people whom another process deleted between the search and the look-up of names."""
    gone = ~np.isin(hits.people, np.fromiter(known, np.int64))
    if not gone.any():
        return hits
    return PeopleHits(
        np.where(gone, -1, hits.people),
        np.where(gone, -np.inf, hits.scores).astype(np.float32),
        np.where(gone, -1, hits.faces),
        np.where(gone, -np.inf, hits.nearest).astype(np.float32),
        np.where(gone, -np.inf, hits.templates).astype(np.float32),
    )


def _rows(hits: PeopleHits, rows: slice) -> PeopleHits:
    return PeopleHits(
        hits.people[rows],
        hits.scores[rows],
        hits.faces[rows],
        hits.nearest[rows],
        hits.templates[rows],
    )


def _answer(
    photo: PhotoFaces,
    decisions: Sequence[Decision],
    names: dict[int, str],
    faces: dict[int, EnrolledFace],
) -> PhotoAnswer:
    boxes = photo.faces.detections.boxes.tolist()
    scores = photo.faces.detections.scores.tolist()
    return PhotoAnswer(
        photo.source.name,
        photo.sha256,
        photo.width,
        photo.height,
        tuple(
            _face_answer(tuple(box), score, decision, names, faces)
            for box, score, decision in zip(boxes, scores, decisions, strict=True)
        ),
    )


def _face_answer(
    box: tuple[float, float, float, float],
    detection_score: float,
    decision: Decision,
    names: dict[int, str],
    faces: dict[int, EnrolledFace],
) -> FaceAnswer:
    matched = decision.outcome is Outcome.MATCH and decision.person_id is not None
    return FaceAnswer(
        box=box,
        detection_score=detection_score,
        decision=decision.outcome,
        reason=decision.reason,
        person=names[decision.person_id] if matched and decision.person_id is not None else None,
        score=decision.score,
        threshold=decision.threshold,
        margin=decision.margin,
        candidates=tuple(
            NamedCandidate(
                names[c.person_id], c.person_id, c.score, faces[c.face_id].photo, c.face_id
            )
            for c in decision.candidates
            if c.face_id in faces
        ),
    )


def source_of(path: Path) -> Source:
    """A photo file, called as its path is written."""
    return Source(str(path), path)
