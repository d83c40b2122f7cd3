"""Rollcall as a library: enrol, identify, search, verify, people, forget, for one collection.

The command line, the HTTP API and the workers call this and nothing below it. Models and index are
opened when they are first needed, so that listing people loads no network.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Protocol

import numpy as np

from retrieval.answers import (
    EnrolItem,
    EnrolResult,
    GalleryState,
    PhotoAnswer,
    PhotoHit,
    Verification,
)
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import Collection, Counts, EnrolledFace, Erased, Person
from retrieval.catalogue.run_records import Run
from retrieval.catalogue.runs import Runs
from retrieval.catalogue.unknowns import UnknownFace, Unknowns
from retrieval.enrolling import Enroller, enrollable
from retrieval.errors import AlreadyExists, ModelMismatch, NotFound
from retrieval.identities.decide import decide
from retrieval.index.gallery import Gallery
from retrieval.lens import Lens, newest_stamp, stored_calibration
from retrieval.likeness import alike, words_of
from retrieval.naming import photo_answer, unknown_faces
from retrieval.photos.store import PhotoStore
from retrieval.pipeline import Choice, PhotoFaces, PhotoFailure, Pipeline
from retrieval.protocols import ChangeFeed
from retrieval.space import Space
from retrieval.values import Gate, Source, found_ids

BATCH_PHOTOS = 32  # photos a transaction when enrolling; bounds the memory of a batch as well
CANDIDATES = 5  # people that an answer names


class Parts(Protocol):
    """What a service is made of; `retrieval.build` makes them."""

    def new_collection(self, catalogue: Catalogue, name: str) -> Collection:
        """Create a collection with the models that the settings ask for."""

    def pipeline(self, collection: Collection) -> Pipeline:
        """Load the collection's models."""

    def gallery(self, collection: Collection, feed: ChangeFeed, space: Space) -> Gallery:
        """Open this process's view of the collection's faces, in a space."""

    def drop_files(self, collection: Collection, runs: Sequence[Run]) -> None:
        """Delete the index's files and the kept photos of a collection, and what its runs left."""

    def photos(self, collection: Collection) -> PhotoStore:
        """Where copies of the collection's photos are kept, if they are."""

    def gate(self, collection: Collection) -> Gate:
        """Threshold and margin of a collection that is not calibrated."""

    @property
    def unknown_days(self) -> int:
        """Days for which unknown faces of queries are kept; 0 keeps none."""


class Service:
    """One collection's people and photos, and the questions about them."""

    def __init__(self, catalogue: Catalogue, parts: Parts, collection: str) -> None:
        self.catalogue = catalogue
        self.collection_name = collection
        self._parts = parts
        self._lens: Lens | None = None
        self._looking = threading.Lock()

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of models, index and catalogue."""
        opened = vars(self)
        if "pipeline" in opened:
            self.pipeline.close()
        if self._lens is not None:
            self._lens.gallery.close()
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

    @property
    def lens(self) -> Lens:
        """Index, space and thresholds, of the newest calibration of any process.

        What belongs together is asked of one lens: the next may be another calibration's.
        """
        stamp = newest_stamp(self.catalogue, self.collection)
        with self._looking:
            if self._lens is None or self._lens.stamp != stamp:
                self._lens = self._opened()
            return self._lens

    def _opened(self) -> Lens:
        feed = self.catalogue.feed(self.collection.id)
        stored, space = stored_calibration(self.catalogue, self.collection)
        gallery = self._parts.gallery(self.collection, feed, space)
        return Lens(gallery, stored, self._parts.gate(self.collection))

    @property
    def gallery(self) -> Gallery:
        """This process's view of the collection's faces."""
        return self.lens.gallery

    @cached_property
    def photos(self) -> PhotoStore:
        """Kept copies of the collection's photos."""
        return self._parts.photos(self.collection)

    @property
    def gate(self) -> Gate:
        """The threshold and margin that decisions use."""
        return self.lens.gate()

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
        lens = self.lens
        index, gate = lens.gallery.status(), lens.gate()
        return GalleryState(
            collection=self.collection.name,
            model=self.collection.embedder,
            people=index.people,
            faces=index.faces,
            index=index.kind,
            threshold=gate.threshold,
            threshold_source=gate.source,
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
        collection = self.ensure_collection()
        enroller = Enroller(self.catalogue, collection, self.pipeline, self.photos)
        remaining = iter(items)
        while batch := list(islice(remaining, BATCH_PHOTOS)):
            yield from enroller.take(batch)

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
        answers = iter(self._answers(read, threshold))
        return [
            PhotoAnswer(entry.source.name, "", 0, 0, (), str(entry.error), entry.error.code)
            if isinstance(entry, PhotoFailure)
            else next(answers)
            for entry in found
        ]

    def _answers(self, photos: Sequence[PhotoFaces], threshold: float | None) -> list[PhotoAnswer]:
        if not photos:
            return []
        lens = self.lens
        lens.gallery.catch_up()
        gate = lens.gate()
        if threshold is not None:
            source = "given with the question"
            gate = replace(gate, threshold=threshold, person_threshold=None, source=source)
        hits = lens.gallery.search(np.concatenate([p.faces.vectors for p in photos]), CANDIDATES)
        names = self.catalogue.names(found_ids(hits.people))
        hits = hits.among(names)
        faces = self.catalogue.faces(found_ids(hits.faces))
        answers, start = [], 0
        unknown: list[UnknownFace] = []
        for photo in photos:
            own = hits.rows(slice(start, start := start + len(photo.faces)))
            decisions = decide(own, photo.faces.quality.reasons, gate)
            expected = lens.false_matches(decisions, gate)
            answers.append(photo_answer(photo, decisions, names, faces, expected))
            unknown += unknown_faces(photo, decisions)
        if self._parts.unknown_days:
            store = Unknowns(self.catalogue.database)
            asked = {photo.sha256 for photo in photos}
            store.keep(self.collection.id, asked, unknown, self._parts.unknown_days)
        return answers

    def search(self, source: Source, limit: int = 10) -> list[PhotoHit]:
        """Find the gallery's photos that show the people of a photo, best first.

        Raises:
            PhotoError: the photo cannot be read or shows no face.
        """
        photo = self._one(source, None)
        lens = self.lens
        lens.gallery.catch_up()
        found = lens.gallery.search_faces(photo.faces.vectors, limit)
        best: dict[int, float] = {}
        for face, score in zip(found.ids.ravel().tolist(), found.scores.ravel(), strict=True):
            if face >= 0:
                best[face] = max(float(score), best.get(face, -1.0))
        faces = self.catalogue.faces(list(best))
        ranked = sorted(faces.values(), key=lambda face: -best[face.id])[:limit]
        threshold = _photo_threshold(lens.gate())
        return [
            PhotoHit(face.photo, face.person, best[face.id], best[face.id] >= threshold)
            for face in ranked
        ]

    def like(self, source: Source, limit: int = 10) -> list[PhotoHit]:
        """Find the gallery's photos that are most like a photo, by whom they show.

        Faces that look like nobody enrolled say nothing.

        Raises:
            PhotoError: the photo cannot be read or shows no face.
        """
        probes = self._one(source, None).faces.vectors
        lens = self.lens
        lens.gallery.catch_up()
        clusters = lens.gallery.clusters()
        words = words_of(lens.gallery, clusters, probes, _photo_threshold(lens.gate()))
        sharing = clusters.faces[np.isin(clusters.labels, words)]
        faces = self.catalogue.faces(sharing.tolist())
        return alike(lens.gallery, clusters, words, faces, probes)[:limit]

    def verify(self, source: Source, other: Source | str) -> Verification:
        """Say whether a photo shows the same person as another photo, or as an enrolled person.

        Args:
            source: a photo with one dominant face.
            other: such a photo, or a person's name.

        Raises:
            PhotoError: a photo cannot be read, or shows no face or several.
            NotFound: nobody of that name is enrolled.
        """
        lens = self.lens
        gate = lens.gate()
        probe = self._one(source, enrollable).faces.vectors
        if isinstance(other, str):
            person = self.catalogue.person(self.collection.id, other)
            lens.gallery.catch_up()
            hits = lens.gallery.search(probe, 1, people=np.array([person.id], np.int64))
            score, against = float(hits.scores[0, 0]), f"person {person.name}"
            threshold = gate.person_threshold
        else:
            pair = np.concatenate([probe, self._one(other, enrollable).faces.vectors])
            first, second = lens.gallery.space.of(pair)
            score, against = float(first @ second), f"photo {other.name}"
            threshold = gate.photo_threshold
        if threshold is None:
            threshold = gate.threshold
        return Verification(score >= threshold, score, threshold, gate.source, against)

    def _one(self, source: Source, choose: Choice | None) -> PhotoFaces:
        (entry,) = self.pipeline.process([source], choose)
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
        """Delete a collection with all its people for good, and its files.

        Raises:
            NotFound: there is none of that name.
        """
        collection = self.catalogue.collection(name)
        runs = Runs(self.catalogue.database).of_collection(name)
        counts = self.catalogue.delete_collection(name)
        self._parts.drop_files(collection, runs)
        self.catalogue.empty_wal()
        return counts

    def clusters(self, k: int | None = None) -> list[list[EnrolledFace]]:
        """Cluster the enrolled faces: the inverted index, cluster -> photos, largest first.

        Args:
            k: how many clusters; None for the trained index's own, else for as many as people.

        Raises:
            SettingInvalid: k is below 1 or above the number of faces.
        """
        gallery = self.gallery
        gallery.catch_up()
        found = gallery.clusters(k)
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


def _photo_threshold(gate: Gate) -> float:
    """Smallest cosine of two photos of one person."""
    return gate.threshold if gate.photo_threshold is None else gate.photo_threshold
