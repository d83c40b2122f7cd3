"""One collection, opened: its models, index and thresholds as they are now, loaded when needed.

Other processes change model and calibration; who asks next has the new ones, and what is replaced
is closed when the last who uses it has gone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.models.other_model_rows import OtherModel
from retrieval.catalogue.records import Collection
from retrieval.collection.leases import Leases
from retrieval.errors import AlreadyExists, ModelMismatch, ModelSwitched, NotFound, try_each
from retrieval.photos.store import PhotoStore
from retrieval.values import Gate

if TYPE_CHECKING:  # what loads FAISS, ONNX Runtime or SciPy: listing people needs none of them
    from retrieval.collection.active_model import ActiveModel, Keeping, Parts
    from retrieval.collection.calibrated_gallery import CalibratedGallery
    from retrieval.collection.pipeline import Pipeline
    from retrieval.index.people_index import PeopleIndex

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MOST_SWITCHES = 5  # changes of model that one request may meet; each takes a second and more


class OpenCollection:
    """A collection's catalogue, active model and kept photos. Safe to share between threads.

    Args:
        catalogue: closed with it.
        parts: makes what it is made of.
        collection: its name; it is made with the first photo that is enrolled.
    """

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

    def __enter__(self) -> Self:
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

    def keep_up(self, progress: Callable[[str], None] = logger.info) -> None:
        """Let the index keep up with bulk work, whichever model it is of; see `Gallery.keep_up`."""
        self.steadily(lambda model: model.calibrated.gallery.keep_up(progress))

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

    @property
    def keeping(self) -> Keeping:
        """What is kept of what comes in, and for how long."""
        return self._parts.keeping

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
