"""What makes the parts of a service, when they are first needed."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.building.locations import home_of, milvus_server, photos_root
from retrieval.building.models import (
    DETECTORS,
    best_embedder,
    build_embedder,
    build_liveness,
    build_models,
    build_pipeline,
    chosen_detector,
    chosen_precision,
    default_gate,
    embedder_remark,
    threads_of,
    video_rules,
)
from retrieval.errors import StoreError
from retrieval.protocols import ChangeFeed
from retrieval.settings import Settings, parse_bytes
from retrieval.values import Gate

if TYPE_CHECKING:
    from retrieval.catalogue.catalogue import Catalogue
    from retrieval.catalogue.index_registry import IndexLog
    from retrieval.catalogue.records import Collection
    from retrieval.catalogue.runs.run_records import Run
    from retrieval.collection.active_model import ActiveModel, Keeping
    from retrieval.collection.pipeline import Pipeline
    from retrieval.events.events import Events
    from retrieval.events.host import Host
    from retrieval.faces.liveness import Liveness
    from retrieval.index.milvus.server import MilvusServer
    from retrieval.index.people_index import PeopleIndex
    from retrieval.inference.store import ModelStore
    from retrieval.photos.store import PhotoStore
    from retrieval.photos.video_rules import VideoRules

logger = logging.getLogger(__name__)
Remark = Callable[[str], None]


class Workshop:
    """Makes the parts of a service from settings."""

    def __init__(
        self, settings: Settings, catalogue: "Catalogue", remark: Remark, lasting: bool = False
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._remark = remark
        self._lasting = lasting

    @cached_property
    def _models(self) -> "ModelStore":
        return build_models(self._settings)

    def active_model(
        self,
        catalogue: "Catalogue",
        collection: "Collection",
        calibration: Mapping[str, Any] | None,
        feed: ChangeFeed,
        load: "Callable[[Collection], Pipeline]",
    ) -> "ActiveModel":
        """What answers for a collection."""
        from retrieval.collection.active_model import ActiveModel

        return ActiveModel(catalogue, self, collection, calibration, feed, load)

    def events(self, host: "Host") -> "Events":
        """The events of a service's collection."""
        from retrieval.events.events import Events

        return Events(host)

    def new_collection(self, catalogue: "Catalogue", name: str) -> "Collection":
        """Create a collection with the models that the settings ask for."""
        settings = self._settings
        detector = chosen_detector(settings)
        if settings.detector == "auto":
            better = "" if detector == DETECTORS[0] else "; `rollcall models pull` brings yunet"
            self._remark(f"detector {detector} (auto{better})")
        embedder_name = settings.embedder
        if embedder_name == "auto":
            embedder_name = best_embedder(self._models)
            self._remark(embedder_remark(self._models, embedder_name))
        precision = chosen_precision(self._models.manifest, embedder_name, settings.precision)
        embedder = build_embedder(settings, embedder_name, precision)
        return catalogue.create_collection(
            name,
            detector=detector,
            embedder=embedder_name,
            precision=precision,
            mirror=settings.mirror,
            fingerprint=embedder.fingerprint,
            dimension=embedder.dimension,
        )

    def pipeline(self, collection: "Collection") -> "Pipeline":
        """Load the collection's models."""
        settings = self._settings
        embedder = build_embedder(
            settings, collection.embedder, collection.precision, collection.mirror
        )
        return build_pipeline(settings, collection.detector, embedder)

    def gallery(self, collection: "Collection", feed: ChangeFeed) -> "PeopleIndex":
        """Open what searches the collection's faces: of this process, or on a server."""
        from retrieval.index.gallery import Gallery
        from retrieval.index.training import Goal

        goal = Goal(parse_bytes(self._settings.index_memory), self._settings.index_agreement)
        if self._settings.index_url is not None:
            server = self._milvus  # says so where pymilvus is missing
            from retrieval.index.milvus.gallery import MilvusGallery

            self._drop_orphans()
            return MilvusGallery(
                feed,
                self._registry(collection),
                server,
                fingerprint=collection.series,
                goal=goal,
                background=self._lasting,
            )
        return Gallery(
            feed,
            self._index_folder(collection),
            collection=str(collection.id),
            fingerprint=collection.series,
            threads=threads_of(self._settings),
            goal=goal,
            background=self._lasting,
            encryptor=self._catalogue.encryptor,
        )

    @cached_property
    def _milvus(self) -> "MilvusServer":
        """The index server, which all collections of the process share."""
        return milvus_server(self._settings)

    def _registry(self, collection: "Collection") -> "IndexLog":
        return self._catalogue.index_registry(collection.id)

    def photos(self, collection: "Collection") -> "PhotoStore":
        """Where copies of the collection's photos are kept, if they are."""
        from retrieval.photos.store import PhotoStore

        folder = photos_root(self._settings) / str(collection.id)
        return PhotoStore(
            folder, keeps=self._settings.keep_photos, encryptor=self._catalogue.encryptor
        )

    def drop_files(self, collection: "Collection", runs: "Sequence[Run]") -> None:
        """Delete the index's files and the kept photos of a collection, and what its runs left."""
        from retrieval.collection.run_files import discard_lists, discard_runs
        from retrieval.errors import try_each

        try_each(
            partial(shutil.rmtree, self._folder("index", collection), ignore_errors=True),
            partial(discard_runs, self._settings.home, runs),
            partial(discard_lists, self._settings.home, collection.name),
            lambda: self.photos(collection).clear(),
            partial(self._drop_from_server, self._registry(collection)),
        )

    def _drop_from_server(self, registry: "IndexLog") -> None:
        if self._settings.index_url is not None:
            from retrieval.index.milvus.pair import drop_indexes

            drop_indexes(self._milvus, registry, 0)  # to drop, no dimension is needed

    def _drop_orphans(self) -> None:
        """Drop the indexes of collections that were deleted while the server was away."""
        for registry in self._catalogue.orphaned_indexes():
            try:
                self._drop_from_server(registry)
            except StoreError as error:
                logger.warning("The index of a deleted collection stays for now: %s", error)

    def drop_other_indexes(self, collection: "Collection") -> None:
        """Delete the index of every model of a collection but this one."""
        from retrieval.index import snapshot

        folder = self._folder("index", collection)
        for found in (folder, *folder.glob("*/")):
            if found != self._index_folder(collection) and found.is_dir():
                with snapshot.writing(found):  # whoever is writing ends first
                    snapshot.retire(found, keep=None)
        if self._settings.index_url is not None:
            from retrieval.index.milvus.pair import drop_indexes

            keep = collection.series
            drop_indexes(self._milvus, self._registry(collection), collection.dimension, keep)

    def _index_folder(self, collection: "Collection") -> Path:
        """Of its first model's index; below it a folder for each later one."""
        return self._folder("index", collection) / collection.generation

    def _folder(self, kind: str, collection: "Collection") -> Path:
        return home_of(self._settings) / kind / str(collection.id)

    @property
    def keeping(self) -> "Keeping":
        """What is kept of what comes in, and for how long."""
        from retrieval.collection.active_model import Keeping

        settings = self._settings
        return Keeping(settings.unknown_days, settings.event_days, settings.thumbnails)

    def liveness(self) -> "Liveness":
        """What tells live faces from pictures of faces."""
        return build_liveness(self._settings)

    @property
    def videos(self) -> "VideoRules":
        """How videos are looked at."""
        return video_rules(self._settings)

    def gate(self, collection: "Collection") -> Gate:
        """Threshold and margin of a collection that is not calibrated: the manifest's."""
        return default_gate(self._models.manifest, collection.embedder)
