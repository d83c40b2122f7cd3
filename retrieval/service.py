"""Rollcall as a library: enrol, identify, search, verify, people, forget, for one collection.

The command line, the HTTP API and the workers call this and nothing below it. Models and index are
opened when they are first needed, so that listing people loads no network.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.lookups import called_otherwise
from retrieval.catalogue.models.other_model_rows import OtherModel
from retrieval.catalogue.records import Collection, Counts, EnrolledFace, Erased, Person
from retrieval.catalogue.schema import now
from retrieval.collection.leases import Leases
from retrieval.errors import (
    AlreadyExists,
    ModelMismatch,
    ModelSwitched,
    NotFound,
    StoreError,
    try_each,
)
from retrieval.photos.store import PhotoStore
from retrieval.values import Detail, Gate, Source

if TYPE_CHECKING:  # what loads FAISS, ONNX Runtime or SciPy: listing people needs none of them
    from retrieval.catalogue.runs.run_records import Run
    from retrieval.collection.active_model import ActiveModel, Keeping, Parts
    from retrieval.collection.answers import (
        GalleryState,
        PhotoAnswer,
        PhotoHit,
        PhotoHits,
        Verification,
    )
    from retrieval.collection.calibrated_gallery import CalibratedGallery
    from retrieval.collection.enrolments import EnrolItem, EnrolResult
    from retrieval.collection.photo_faces import FoundFaces, PhotoFaces, PhotoFailure
    from retrieval.collection.pipeline import Pipeline
    from retrieval.collection.tracks.answers import VideoAnswer
    from retrieval.collection.tracks.live import Camera
    from retrieval.collection.tracks.sightings import Sighting
    from retrieval.collection.tracks.watching import Pulse
    from retrieval.events.events import Events
    from retrieval.faces.liveness import Liveness
    from retrieval.index.people_index import PeopleIndex
    from retrieval.photos.video_rules import VideoRules

T = TypeVar("T")

BATCH_PHOTOS = 32  # photos per transaction when enrolling; bounds the memory of a batch as well
_MOST_SWITCHES = 5  # changes of model that one request may meet; each takes a second and more


class Service:
    """One collection's people and photos, and the questions about them."""

    def __init__(self, catalogue: Catalogue, parts: Parts, collection: str) -> None:
        self.catalogue = catalogue
        self.collection_name = collection
        self._parts = parts
        self._found: Collection | None = None
        self._active_model: ActiveModel | None = None
        self._pipelines: dict[str, Pipeline] = {}
        self._looking = threading.Lock()
        self._loading = threading.Lock()
        self._leases = Leases()
        self._opened = ExitStack()

    def __enter__(self) -> Service:
        self._opened.enter_context(self.using())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def using(self) -> AbstractContextManager[None]:
        """Use the service until the end of the block: what is replaced meanwhile stays open."""
        return self._leases.use()

    @property
    def users(self) -> int:
        """How many use it just now."""
        return self._leases.users

    def retire(self) -> None:
        """Close it when the last who uses it now has gone; nobody may begin to use it any more."""
        self._leases.retire(self.close)

    def close(self) -> None:
        """Let go of models, index and catalogue, whoever uses them."""
        active_model, self._active_model = self._active_model, None
        pipelines, self._pipelines = self._pipelines, {}
        try_each(
            self._opened.close,
            self._leases.close,
            *(pipeline.close for pipeline in pipelines.values()),
            *([] if active_model is None else [active_model.close]),
            self.catalogue.close,
        )

    def load(self) -> None:
        """Load the models and open the index, so that the first question need not.

        Raises:
            NotFound: nobody was enrolled yet.
            ModelError: the models are not on this machine, or are others.
            StoreError: the index cannot be opened.
        """
        active_model = self.active_model
        _ = active_model.pipeline, active_model.calibrated

    def is_loaded(self) -> bool:
        """Whether models and index of the active model are loaded.

        Raises:
            NotFound: nobody was enrolled yet.
        """
        active_model = self.active_model
        return active_model.is_open and active_model.collection.fingerprint in self._pipelines

    # What it is made of, opened when first needed

    @property
    def collection(self) -> Collection:
        """The collection, with the model that it had when it was last asked.

        Raises:
            NotFound: nobody was enrolled in it yet.
        """
        if self._active_model is not None:
            return self._active_model.collection
        if self._found is None:
            self._found = self.catalogue.collection(self.collection_name)
        return self._found

    @property
    def active_model(self) -> ActiveModel:
        """Model, index and thresholds as they are now, whichever process changed them.

        What belongs together is asked of one: the next may be of another model.
        """
        collection, calibration = self.catalogue.seen(self.collection.id)
        active_model = self._active_model
        if active_model is not None and active_model.is_of(collection, calibration):
            return active_model
        with self._looking:
            collection, calibration = self.catalogue.seen(collection.id)
            active_model = self._active_model
            if active_model is None or not active_model.is_of(collection, calibration):
                feed = self.catalogue.feed_of(collection)
                active_model = self._parts.active_model(
                    self.catalogue,
                    collection,
                    calibration,
                    feed,
                    self.pipeline_of,
                )
                replaced, self._active_model = self._active_model, active_model
                if replaced is not None:
                    self._leases.retire(replaced.close)
            return active_model

    def other_active_model(self, other_model: OtherModel) -> ActiveModel:
        """The collection's other model, to prepare it; it is asked by nobody else.

        Raises:
            NotFound: it is not the other model (any more).
        """
        other_models, active = self.catalogue.other_models, self.active_model.collection
        calibration = other_models.calibration(active.id, other_model.fingerprint)
        feed = other_models.feed(active, other_model.fingerprint)
        return self._parts.active_model(
            self.catalogue,
            other_model.of(active),
            calibration,
            feed,
            self.pipeline_of,
        )

    def own_gate(self, collection: Collection) -> Gate:
        """What decisions of a collection's network ask for where nothing is calibrated."""
        return self._parts.gate(collection)

    def steadily(self, work: Callable[[ActiveModel], T]) -> T:
        """Do what one model must do from beginning to end; anew where it was changed meanwhile."""
        with self.using():
            for _ in range(_MOST_SWITCHES):
                with suppress(ModelSwitched):
                    return work(self.active_model)
            return work(self.active_model)

    def pipeline_of(self, collection: Collection) -> Pipeline:
        """The models that a collection has, or had: loaded once.

        Raises:
            ModelMismatch: this machine has other weights.
        """
        with self._loading:
            pipeline = self._pipelines.get(collection.fingerprint)
            if pipeline is None:
                pipeline = self._loaded(collection)
                kept = {self.collection.fingerprint, collection.fingerprint}
                for name in self._pipelines.keys() - kept:
                    self._leases.retire(self._pipelines.pop(name).close)
                self._pipelines[collection.fingerprint] = pipeline
            return pipeline

    def _loaded(self, collection: Collection) -> Pipeline:
        pipeline = self._parts.pipeline(collection)
        if pipeline.embedder.fingerprint != collection.fingerprint:
            raise ModelMismatch(
                f"Collection {collection.name!r} was made with"
                f" {collection.fingerprint}, but this machine has"
                f" {pipeline.embedder.fingerprint}. Vectors of two models cannot be compared: run"
                " `rollcall models verify`, or enrol into another --collection."
            )
        return pipeline

    @property
    def pipeline(self) -> Pipeline:
        """The collection's models, as it has them now."""
        return self.active_model.pipeline

    @property
    def calibrated(self) -> CalibratedGallery:
        """Index and thresholds, of the newest model and calibration of any process."""
        return self.active_model.calibrated

    @property
    def gallery(self) -> PeopleIndex:
        """This process's view of the collection's faces."""
        return self.calibrated.gallery

    @cached_property
    def photos(self) -> PhotoStore:
        """Kept copies of the collection's photos, without what killed processes left unfinished."""
        photos = self._parts.photos(self.collection)
        if isinstance(photos.folder, Path):  # elsewhere it takes long: when something is erased
            photos.drop_drafts()
        return photos

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

    @property
    def keeping(self) -> Keeping:
        """What is kept of what comes in, and for how long."""
        return self._parts.keeping

    @cached_property
    def events(self) -> Events:
        """The collection's events: photos of an occasion, and who was there."""
        found: Events = self._parts.events(self)
        return found

    @property
    def gate(self) -> Gate:
        """The threshold and margin that decisions use."""
        return self.calibrated.gate()

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
        begun = now()
        self.ensure_collection()
        for batch in _batches(items):
            yield from self.steadily(partial(_take, batch, self.photos, since or begun))

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

    def find_faces(
        self, sources: Sequence[Source], detail: Detail | None = None
    ) -> list[FoundFaces | PhotoFailure]:
        """Find the faces of photos, and say whether they are good enough; embeds none."""
        return self.pipeline.find(sources, detail)

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

    def search(self, source: Source, limit: int = 10) -> list[PhotoHit]:
        """Find the enrolled photos that show the people of a photo, best first.

        Raises:
            PhotoError: the photo cannot be read or shows no face.
        """
        return list(self.look_up(source, limit).hits)

    def look_up(self, source: Source, limit: int = 10) -> PhotoHits:
        """Find photos as `search`, and say by which model and threshold: of one moment."""
        return self.steadily(lambda model: model.search(source, limit))

    def like(self, source: Source, limit: int = 10) -> list[PhotoHit]:
        """Find the gallery's photos that are most like a photo, by whom they show.

        Faces that look like nobody enrolled say nothing.

        Raises:
            PhotoError: the photo cannot be read or shows no face.
        """
        return self.steadily(lambda model: model.like(source, limit))

    def verify(self, source: Source, other: Source | str, face: int | None = None) -> Verification:
        """Say whether a photo shows the same person as another photo, or as an enrolled person.

        Args:
            source: a photo with one dominant face.
            other: such a photo, or a person's name.
            face: number of the face of `source` that is meant, as `identify` counts.

        Raises:
            PhotoError: a photo cannot be read, or shows no face or several.
            NotFound: nobody of that name is enrolled, or they have no photo.
        """
        return self.steadily(lambda model: model.verify(source, other, face))

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

    def finish_erasure(self, photos: set[str], unfinished: bool) -> None:
        """Leave nothing of erased rows in the index's files, SQLite's log or kept photos.

        Args:
            photos, unfinished: see `discard`.
        """
        try_each(
            self.write_index,
            self.drop_other_indexes,
            self.catalogue.empty_wal,
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


def _batches(items: Iterable[EnrolItem]) -> Iterator[list[EnrolItem]]:
    """Items in batches that part no person's photos, which tell together whom they show."""
    batch: list[EnrolItem] = []
    for item in items:
        full = len(batch) >= BATCH_PHOTOS and item.person != batch[-1].person
        if full or len(batch) >= 2 * BATCH_PHOTOS:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _take(
    batch: Sequence[EnrolItem], photos: PhotoStore, since: datetime, model: ActiveModel
) -> list[EnrolResult]:
    return model.take(batch, photos, since)
