"""Rollcall as a library: enrol, identify, search, verify, people, forget, for one collection.

The command line, the HTTP API and the workers call this and nothing below it. Models and index are
opened when they are first needed, so that listing people loads no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from retrieval.catalogue.lookups import called_otherwise
from retrieval.catalogue.records import Collection, Counts, EnrolledFace, Erased, Person
from retrieval.catalogue.schema import now
from retrieval.collection.open_collection import OpenCollection
from retrieval.errors import StoreError, try_each
from retrieval.values import Detail, Source

if TYPE_CHECKING:  # what loads FAISS, ONNX Runtime or SciPy: listing people needs none of them
    from retrieval.catalogue.runs.run_records import Run
    from retrieval.collection.answers import GalleryState, PhotoAnswer, PhotoHits, Verification
    from retrieval.collection.enrolments import EnrolItem, EnrolResult
    from retrieval.collection.photo_faces import PhotoFaces, PhotoFailure
    from retrieval.collection.tracks.answers import VideoAnswer
    from retrieval.collection.tracks.live import Camera
    from retrieval.collection.tracks.sightings import Sighting
    from retrieval.collection.tracks.watching import Pulse
    from retrieval.events.events import Events
    from retrieval.faces.liveness import Liveness
    from retrieval.photos.video_rules import VideoRules


class Service(OpenCollection):
    """What is done with a collection's people and photos, and the questions about them."""

    @cached_property
    def events(self) -> Events:
        """The collection's events: photos of an occasion, and who was there."""
        found: Events = self._parts.events(self)
        return found

    def fill_pictures(
        self, advance: Callable[[int], None], *, max_pixels: int, max_bytes: int
    ) -> tuple[int, int]:
        """Make pictures of enrolled faces that have none, where their photos can still be read.

        Returns:
            how many were made, and how many faces still have none.
        """
        return self.active_model.fill_pictures(
            self.photos, advance, max_pixels=max_pixels, max_bytes=max_bytes
        )

    def state(self) -> GalleryState:
        """Against what questions are asked now."""
        return self.steadily(lambda model: model.state())

    # Enrolling

    def enrol(
        self, items: Iterable[EnrolItem], since: datetime | None = None
    ) -> Iterator[EnrolResult]:
        """Enrol photos, one person each.

        A result is given out when its photo is safely in the catalogue, or for good refused; the
        photos of a batch share a transaction. Photos that are known are not decoded again.

        Photos without an employee number whose name is somebody's already, and none of which looks
        like that person, are refused: see `EnrolItem.same_person`.

        Args:
            items: the photos; read as they are needed.
            since: when the enrolment began of which this is a part; now if None.

        Yields:
            a result per item, in order.
        """
        from retrieval.collection.enrolments import batches

        begun = now()
        self.ensure_collection()
        for batch in batches(items):
            yield from self._taken(batch, since or begun)

    def _taken(self, batch: Sequence[EnrolItem], since: datetime) -> list[EnrolResult]:
        return self.steadily(lambda model: model.take(batch, self.photos, since))

    # Asking

    def identify(
        self, sources: Sequence[Source], threshold: float | None = None
    ) -> list[PhotoAnswer]:
        """Say who is in each photo.

        Args:
            sources: the photos.
            threshold: in place of the collection's own.

        Returns:
            An answer per photo, in order; a photo that cannot be read has an error in it.
        """
        return self.ask(sources, threshold)[0]

    def ask(
        self,
        sources: Sequence[Source],
        threshold: float | None = None,
        *,
        detail: Detail | None = None,
        candidates: int | None = None,
    ) -> tuple[list[PhotoAnswer], GalleryState]:
        """Say who is in each photo, as `identify`, and against what was asked: of one model.

        Args:
            sources: the photos.
            threshold: in place of the collection's own.
            detail: how closely photos are looked at, in place of the settings' own.
            candidates: people that are named for each face at most; five if None.
        """
        return self.steadily(lambda model: model.ask(sources, threshold, detail, candidates))

    def embed_faces(
        self, sources: Sequence[Source], detail: Detail | None = None
    ) -> tuple[list[PhotoFaces | PhotoFailure], Collection]:
        """Find and embed the faces of photos, and say whose model's vectors they are."""
        return self.steadily(
            lambda model: (model.pipeline.process(sources, detail=detail), model.collection)
        )

    @cached_property
    def liveness(self) -> Liveness:
        """What tells live faces from pictures of faces.

        Raises:
            ModelError: its file is not there or damaged.
        """
        return self._parts.liveness()

    def with_liveness(self, source: Source, answer: PhotoAnswer) -> PhotoAnswer:
        """An answer with how live each face looks; what looks like a picture is unusable.

        Args:
            source: the photo once more.
            answer: about it.
        """
        from retrieval.collection.live_faces import checked

        return checked(self.liveness, self.pipeline.open(source), answer)

    @property
    def video_rules(self) -> VideoRules:
        """How videos are looked at."""
        return self._parts.videos

    def identify_video(
        self,
        source: Source,
        threshold: float | None = None,
        *,
        paths: bool = False,
        advance: Callable[[float, float | None], None] | None = None,
    ) -> VideoAnswer:
        """Say who is in a video, from when to when.

        Args:
            source: the video.
            threshold: in place of the collection's own.
            paths: whether the answer holds the box of each frame, to draw it.
            advance: is told which second is reached, and how long the video is, if it says.

        Returns:
            the answer; it has an error in it where the video cannot be read.
        """
        from retrieval.collection.tracks.identifying import identify

        return self.steadily(
            lambda model: identify(
                model,
                self.catalogue,
                source,
                self.video_rules,
                threshold,
                paths=paths,
                advance=advance,
            )
        )

    def watch_camera(
        self, camera: Camera, *, gap_s: float, pulse_s: float, tell: Callable[[str], None]
    ) -> Iterator[Sighting | Pulse]:
        """Watch an open camera; see `retrieval.collection.tracks.watching.watch`."""
        from retrieval.collection.tracks.watching import watch

        return watch(self.steadily, self.catalogue, camera, gap_s=gap_s, pulse_s=pulse_s, tell=tell)

    def search(self, source: Source, limit: int = 10, *, like: bool = False) -> PhotoHits:
        """Find the enrolled photos that show the people of a photo, best first.

        Args:
            source: the photo.
            limit: how many are found at most.
            like: rank by how many of the photo's people they show; faces that look like nobody
                enrolled say nothing.

        Raises:
            PhotoError: the photo cannot be read or shows no face.
        """
        return self.steadily(
            lambda model: model.like(source, limit) if like else model.search(source, limit)
        )

    def verify(
        self,
        source: Source,
        other: Source | str,
        face: int | None = None,
        other_face: int | None = None,
    ) -> Verification:
        """Say whether a photo shows the same person as another photo, or as an enrolled person.

        Args:
            source: a photo with one dominant face.
            other: such a photo, or a person's name.
            face, other_face: numbers of the faces that are meant; None for the dominant one.

        Raises:
            PhotoError: a photo cannot be read, or shows no face or several.
            NotFound: nobody of that name is enrolled, or they have no photo.
        """
        return self.steadily(lambda model: model.verify(source, other, face, other_face))

    # People and photos

    def person(self, who: str | Person) -> Person:
        """The person of a name, number or id; who was read before stays who it is.

        A name is looked up once, when somebody says it, and what was found is handed on: until it
        comes to the catalogue the name may be somebody else's.

        Raises:
            NotFound: nobody of that name is enrolled.
            Ambiguous: several people are meant; the message lists their numbers.
        """
        return who if isinstance(who, Person) else self.catalogue.person(self.collection.id, who)

    def person_by_id(self, person_id: int, called: str | None = None) -> Person:
        """The person of an id.

        Args:
            person_id: the catalogue's.
            called: the name by which whoever asks knows them; None for any.

        Raises:
            NotFound: there is none, or they are called otherwise now.
        """
        person = self.catalogue.person_by_id(self.collection.id, person_id)
        if called is not None and called != person.name:
            raise called_otherwise(person.id, person.name, called)
        return person

    def rename(self, who: str | Person, new_name: str) -> Person:
        """Give a person another name.

        Raises:
            NotFound, AlreadyExists, NameInvalid: see the messages.
        """
        return self.catalogue.rename_person(self.collection.id, self.person(who), new_name)

    def forget(self, *people: str | Person) -> Erased:
        """Delete people for good, all or none: faces, vectors, kept photos, the index's entries.

        Raises:
            NotFound: nobody of a name is enrolled, or somebody is called otherwise by now.
            StoreError: the person is gone from the catalogue, but a file could not be written anew
                or deleted; the next deletion does that.
        """
        found = [self.person(who) for who in people]
        return self._erase(partial(self.catalogue.delete_people, meant=found))

    def remove_photo(self, photo: str | EnrolledFace) -> Erased:
        """Remove one enrolled photo.

        Args:
            photo: by its path or the beginning of its SHA-256; or a face of it that was read
                before, which must still be the same person's.

        Raises:
            NotFound: no such photo, or several that begin so.
            StoreError: see `forget`.
        """
        return self._erase(partial(self.catalogue.remove_photo, photo=photo))

    def create_collection(self, name: str) -> Collection:
        """Create a collection with the models that the settings ask for.

        Raises:
            AlreadyExists, NameInvalid: see the messages.
        """
        return self._parts.new_collection(self.catalogue, name)

    def drop_if_empty(self) -> bool:
        """Delete the collection if there is nothing in it and nothing is under way to it.

        Returns:
            Whether it is gone.
        """
        collection = self.collection
        if not self.catalogue.delete_if_empty(collection):
            return False
        self._parts.drop_files(collection, [])
        return True

    def delete_collection(self, meant: str | Collection) -> Counts:
        """Delete a collection with all its people for good, and its files.

        Args:
            meant: a name, or the very collection that was read before.

        Raises:
            NotFound: there is none.
        """
        collection = self.catalogue.collection(meant) if isinstance(meant, str) else meant
        runs = self.catalogue.runs.of_collection(collection.name)
        counts = self.catalogue.delete_collection(collection)
        self.drop_files(collection, runs)
        return counts

    def drop_files(self, collection: Collection, runs: Sequence[Run]) -> None:
        """Delete the files of a collection whose rows are gone, and of the runs that it had."""
        try_each(self.catalogue.empty_wal, partial(self._parts.drop_files, collection, runs))

    def clusters(self, k: int | None = None) -> list[list[EnrolledFace]]:
        """Cluster the enrolled faces: the inverted index, cluster -> photos, largest first.

        Args:
            k: how many clusters; None for the trained index's own, else for as many as people.

        Raises:
            SettingInvalid: k is below 1 or above the number of faces.
        """
        found = self.steadily(lambda model: model.clusters(k))
        faces = self.catalogue.faces(found.faces.tolist())
        groups: dict[int, list[EnrolledFace]] = {}
        for face_id, label in zip(found.faces.tolist(), found.labels.tolist(), strict=True):
            if face_id in faces:
                groups.setdefault(label, []).append(faces[face_id])
        return sorted(groups.values(), key=len, reverse=True)

    def _erase(self, erase: Callable[[int], Erased]) -> Erased:
        unfinished = self.catalogue.begin_erasure(self.collection.id)
        erased = erase(self.collection.id)
        self.finish_erasure({*erased.photos, *erased.seen.photos}, unfinished)
        return erased

    def finish_erasure(self, photos: set[str], unfinished: bool, wait_s: float = 5.0) -> None:
        """Leave nothing of erased rows in the index's files, SQLite's log or kept photos.

        Args:
            photos, unfinished: see `discard`.
            wait_s: how long to wait for readers of the log to end.
        """
        try_each(
            self.write_index,
            self.drop_other_indexes,
            partial(self.catalogue.empty_wal, wait_s),
            partial(self.discard, photos, unfinished),  # may be far away: the last
        )

    def discard(self, photos: set[str], unfinished: bool) -> None:
        """Delete kept photos that nobody wants any more, and end the erasure that they were of.

        Args:
            photos: SHA-256 of what may go.
            unfinished: whether an erasure before was not finished: what it left goes as well.
        """
        try:
            self.photos.drop_drafts()
            if unfinished:
                kept = self.photos.kept()
                photos |= set(kept)
            photos -= self.catalogue.wanted(self.collection.id, photos)
            self.photos.discard(photos)
        except StoreError as error:
            raise type(error)(
                f"{error} Everything else is erased; the kept copies that are left are deleted with"
                " the next person or photo that is deleted from this collection."
            ) from error
        self.catalogue.end_erasure(self.collection.id)

    def write_index(self) -> None:
        """Write the index as it is, in place of what was written before."""
        self.steadily(lambda model: model.calibrated.gallery.snapshot())

    def drop_other_indexes(self) -> None:
        """Delete the index of every model but the active one; it can be made again."""
        collection = self.active_model.collection
        self.catalogue.other_models.forget_index(collection.id)
        self._parts.drop_other_indexes(collection)
