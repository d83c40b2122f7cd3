"""Settings -> Service: the one place that names concrete detectors, embedders and catalogues.

It imports inside functions, so that `--help` and enqueuing load no OpenCV, ONNX Runtime or FAISS.
"""

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import InputError, SettingInvalid, StoreError
from retrieval.files.private import make_folder
from retrieval.protocols import ChangeFeed, Detector, Embedder
from retrieval.settings import Settings, parse_bytes
from retrieval.values import Gate, Location

if TYPE_CHECKING:
    from retrieval.catalogue.catalogue import Catalogue
    from retrieval.catalogue.index_registry import IndexLog
    from retrieval.catalogue.records import Collection
    from retrieval.catalogue.runs.run_records import Run
    from retrieval.collection.active_model import ActiveModel, Keeping
    from retrieval.collection.pipeline import Pipeline
    from retrieval.events.events import Events
    from retrieval.events.host import Host
    from retrieval.faces.finder import Finder
    from retrieval.faces.given import GivenFace
    from retrieval.files.keys import UserKeySource
    from retrieval.index.milvus.server import MilvusServer
    from retrieval.index.people_index import PeopleIndex
    from retrieval.inference.manifest import EmbedderEntry, Manifest, Precision
    from retrieval.inference.store import ModelStore
    from retrieval.photos.store import PhotoStore
    from retrieval.scoring.space import Space
    from retrieval.service import Service
    from retrieval.values import Floats

logger = logging.getLogger(__name__)
Remark = Callable[[str], None]

# What `auto` takes: the first that is there without a download, see docs/tuning.md.
_DETECTORS = ("yunet", "mtcnn")
# What `rollcall models pull` brings without a name: with what is installed, the best models.
RECOMMENDED = ("yunet", "mobilefacenet")
# A face, of the embedder that `auto` takes at most: FaceNet with dlib's network misses half as many
# people as that alone, but takes ten times as long, more than all the rest of a photo together.
_MOST_MS = 10.0


def build_service(
    settings: Settings, remark: Remark = lambda text: None, *, lasting: bool = False
) -> "Service":
    """Open the service over these settings.

    Args:
        settings: from an entry point.
        remark: is told in a line which models were chosen, and why.
        lasting: this process lives long and answers: its index is kept up in the background.

    Raises:
        StoreError: the catalogue cannot be opened.
    """
    from retrieval.service import Service

    catalogue = open_catalogue(settings)
    workshop = Workshop(settings, catalogue, remark, lasting)
    return Service(catalogue, workshop, settings.collection)


def open_catalogue(
    settings: Settings, *, check_key: bool = True, lost: bool = False
) -> "Catalogue":
    """Open the catalogue: by its URL, or SQLite under the home folder.

    Args:
        settings: from an entry point.
        check_key: refuse a key that is not the right one, missing or needless.
        lost: make a new one also where kept photos show that there was one: to restore a backup.

    Raises:
        StoreError: it cannot be opened.
        CatalogueIncompatible: there is none, or an empty file, beside kept photos.
        SettingInvalid: there is a key, but it is not encrypted.
    """
    from retrieval.catalogue.catalogue import Catalogue

    url = settings.catalogue_url or _home(settings) / "catalogue.db"
    if isinstance(url, Path) and not lost:
        _check_not_lost(settings, url)
    return Catalogue.open(url, user_key_of(settings), check_key=check_key)


def _check_not_lost(settings: Settings, path: Path) -> None:
    """Refuse to begin anew where kept photos show that there was a catalogue.

    A new one would hold nobody, and the next deletion would take the photos for nobody's.
    """
    from retrieval.errors import CatalogueIncompatible

    if path.is_file() and path.stat().st_size:
        return
    kept = settings.home / "photos"
    if any(each.is_file() for each in kept.glob("*/??/*")):
        found = "has 0 bytes" if path.is_file() else "is not there"
        raise CatalogueIncompatible(
            f"The catalogue {path} {found}, but photos of people are kept in {kept}: it was lost."
            " Put the file back or restore a backup (`rollcall restore FILE`). To begin anew, move"
            f" {kept} away first."
        )


def user_key_of(settings: Settings) -> "UserKeySource | None":
    """What gives the user's key of vectors at rest; None where the settings have none.

    Raises:
        SettingInvalid: they have two, or that is no key.
    """
    from retrieval.files.keys import read_key_file, read_user_key

    secret, file = settings.data_key, settings.data_key_file
    if secret is None and file is None:
        return None
    if secret is not None and file is not None:
        raise SettingInvalid("Set ROLLCALL_DATA_KEY or ROLLCALL_DATA_KEY_FILE, not both.")
    if file is not None:
        read_key_file(file)
        return partial(read_key_file, file)
    key = read_user_key(secret.get_secret_value() if secret else "", "ROLLCALL_DATA_KEY")
    return lambda: key


def build_models(settings: Settings) -> "ModelStore":
    """The manifest, with the user's own entries, and the files that exist of it."""
    from retrieval.inference.manifest import load_manifest
    from retrieval.inference.store import ModelStore

    return ModelStore(
        settings.home / "models", load_manifest(settings.home / "models.toml"), _export
    )


def _export(
    entry: "EmbedderEntry", precision: "Precision", weights: Path, origin: str, target: Path
) -> None:
    """Export an embedder; only now are the exporters loaded, which takes 0.2 s."""
    from retrieval.embeddings.export.exporters import export

    export(entry, precision, weights, origin, target)


def build_detector(settings: Settings, name: str, threads: int) -> Detector:
    """Load a detector.

    Raises:
        NotFound: the manifest has none of that name.
        ModelError: its files are not there or damaged.
    """
    files = build_models(settings).detector_files(name)
    detector: Detector
    if name == "yunet":
        from retrieval.faces.yunet import YuNet

        detector = YuNet(files["network"], threads=threads)
    elif name == "mtcnn":
        from retrieval.faces.mtcnn import Mtcnn

        detector = Mtcnn(files["pnet"], files["rnet"], files["onet"], threads=threads)
    else:
        from retrieval.faces.haar import Haar

        detector = Haar(files["cascade"], files["onet"], threads=threads)
    return detector


def build_finder(settings: Settings, name: str) -> "Finder":
    """Load a detector, and what decides where it looks; raises as `build_detector` does."""
    from retrieval.faces.finder import Finder

    return Finder(
        build_detector(settings, name, 1), settings.detail, working_px=settings.working_px
    )


def build_given_face(settings: Settings) -> "GivenFace":
    """Load what finds the landmarks of a face whose box is given.

    Raises:
        ModelError: its file is not there or damaged.
    """
    from retrieval.faces.given import GivenFace

    return GivenFace(build_models(settings).detector_files("mtcnn")["onet"])


def build_embedder(
    settings: Settings, name: str, precision: str | None = None, mirror: bool | None = None
) -> Embedder:
    """Load an embedder, exporting it first where that needs no download.

    Raises:
        NotFound: the manifest has none of that name.
        ModelError: its files are not there or damaged.
    """
    from retrieval.embeddings.joined import JoinedEmbedder

    models = build_models(settings)
    variant = chosen_precision(models.manifest, name, precision or settings.precision)
    mirrored = settings.mirror if mirror is None else mirror
    if name not in models.manifest.joined:
        return _network(settings, models, name, variant, mirrored)
    parts = models.manifest.joined[name].parts
    networks = [
        _network(settings, models, part.name, models.variant(part.name, variant), mirrored)
        for part in parts
    ]
    return JoinedEmbedder(
        name, [(own, part.weight) for own, part in zip(networks, parts, strict=True)]
    )


def _network(
    settings: Settings, models: "ModelStore", name: str, precision: "Precision", mirror: bool
) -> Embedder:
    from retrieval.embeddings.onnx_embedder import OnnxEmbedder

    return OnnxEmbedder(
        name,
        models.manifest.embedder(name),
        models.file(name, precision),
        precision=precision,
        mirror=mirror,
        batch_size=settings.batch_size,
        threads=threads_of(settings),
        provider=settings.provider,
    )


def chosen_detector(settings: Settings) -> str:
    """The detector that a new collection takes."""
    models = build_models(settings)
    if settings.detector != "auto":
        return settings.detector
    return next(name for name in _DETECTORS if models.available(name))


def best_embedder(models: "ModelStore") -> str:
    """The embedder that a new collection takes: of those that are there and fast, the best."""
    return next(name for name in _by_measure(models) if models.available(name))


def embedder_remark(models: "ModelStore", name: str) -> str:
    """In a line: what that embedder misses, and what a better one would."""
    best = _by_measure(models)[0]
    said = f"embedder {name} (auto): misses {_missed(models, name)} of 100 people on LFW"
    if name == best:
        return said
    return f"{said}; `rollcall models pull` brings one that misses {_missed(models, best)}"


def _by_measure(models: "ModelStore") -> list[str]:
    """Embedders by what they miss on LFW, best first; only those that take little time."""
    manifest = models.manifest
    measured = {name: manifest.any_embedder(name).lfw for name in manifest.embedder_names}
    rates = {name: found.fnir for name, found in measured.items() if found and found.ms <= _MOST_MS}
    return sorted(rates, key=lambda name: rates[name])


def _missed(models: "ModelStore", name: str) -> str:
    figures = models.manifest.any_embedder(name).lfw
    return "?" if figures is None else f"{100 * figures.fnir:.0f}"


def build_pipeline(settings: Settings, detector: str, embedder: Embedder) -> "Pipeline":
    """What goes from photos to vectors: a detector a thread, and the embedder."""
    import cv2

    from retrieval.collection.pipeline import Pipeline

    cv2.setNumThreads(1)  # photos are prepared side by side, a thread each
    return Pipeline(
        build_finder(settings, detector),
        embedder,
        threads=threads_of(settings),
        load_given_face=partial(build_given_face, settings),
        max_pixels=settings.max_pixels,
        max_bytes=settings.max_photo_bytes,
        memory_bytes=settings.memory_bytes,
        min_face_px=settings.min_face_px,
    )


def other_model(
    settings: Settings, collection: "Collection", name: str, precision: str | None = None
) -> "Collection":
    """A collection as it would be with another embedder, which is loaded to know it.

    Raises:
        NotFound: the manifest has none of that name.
        SettingInvalid: the embedder has no such variant.
        ModelError: its files are not there or damaged.
    """
    variant = chosen_precision(
        build_models(settings).manifest, name, precision or settings.precision
    )
    embedder = build_embedder(settings, name, variant, collection.mirror)
    return replace(
        collection,
        embedder=name,
        precision=variant,
        fingerprint=embedder.fingerprint,
        dimension=embedder.dimension,
        term="",
    )


def milvus_server(settings: Settings) -> "MilvusServer":
    """The index server that the settings name; nothing is asked yet.

    Raises:
        SettingInvalid: pymilvus is not installed, or vectors are encrypted, which they would not be
            on the server.
    """
    if settings.data_key is not None or settings.data_key_file is not None:
        raise SettingInvalid(
            "Vectors are encrypted (ROLLCALL_DATA_KEY), but Milvus would hold them in the clear."
            " Unset ROLLCALL_INDEX_URL: the index is then kept in memory and encrypted files."
        )
    try:
        from retrieval.index.milvus.server import MilvusServer
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            f"ROLLCALL_INDEX_URL is set, but {error.name} is not installed. Run: pip install"
            " 'rollcall[milvus]'"
        ) from error
    return MilvusServer(settings.index_url or "")


def threads_of(settings: Settings) -> int:
    """The number of threads: the setting, or the cores that this process may use."""
    return settings.threads or len(os.sched_getaffinity(0))


def photos_root(settings: Settings) -> Location:
    """Where kept photos lie, a folder per collection.

    Raises:
        SettingInvalid: ROLLCALL_PHOTOS_URL is no URL that can be stored.
    """
    from retrieval.photos.urls import location_of
    from retrieval.values import Url

    if settings.photos_url is None:
        return _home(settings) / "photos"
    try:
        place = location_of(settings.photos_url)
    except InputError as error:
        raise SettingInvalid(f"ROLLCALL_PHOTOS_URL: {error}") from error
    if not isinstance(place, Url):
        raise SettingInvalid(
            f"ROLLCALL_PHOTOS_URL is no URL: {settings.photos_url!r}. Expected s3://bucket/folder,"
            " ftp://user@host/folder or the like."
        )
    return place


def _home(settings: Settings) -> Path:
    try:
        make_folder(settings.home)
    except OSError as error:
        raise SettingInvalid(
            f"The home folder {settings.home} cannot be made: {error.strerror}. Choose another"
            " with --home DIR or ROLLCALL_HOME."
        ) from error
    return settings.home


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
        matrix: "Floats | None",
        feed: ChangeFeed,
        load: "Callable[[Collection], Pipeline]",
    ) -> "ActiveModel":
        """What answers for a collection."""
        from retrieval.collection.active_model import ActiveModel

        return ActiveModel(catalogue, self, collection, calibration, matrix, feed, load)

    def events(self, host: "Host") -> "Events":
        """The events of a service's collection."""
        from retrieval.events.events import Events

        return Events(host)

    def new_collection(self, catalogue: "Catalogue", name: str) -> "Collection":
        """Create a collection with the models that the settings ask for."""
        settings = self._settings
        detector = chosen_detector(settings)
        if settings.detector == "auto":
            better = "" if detector == _DETECTORS[0] else "; `rollcall models pull` brings yunet"
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

    def gallery(self, collection: "Collection", feed: ChangeFeed, space: "Space") -> "PeopleIndex":
        """Open what searches the collection's faces in a space: of this process, or on a server."""
        from retrieval.index.gallery import Gallery
        from retrieval.index.training import Goal

        goal = Goal(parse_bytes(self._settings.index_memory), self._settings.index_agreement)
        if self._settings.index_url is not None:
            server = self._milvus  # says so where pymilvus is missing
            from retrieval.index.milvus.gallery import MilvusGallery

            self._drop_orphans()
            return MilvusGallery(
                feed,
                self._places(collection),
                server,
                fingerprint=collection.series,
                space=space,
                goal=goal,
                background=self._lasting,
            )
        return Gallery(
            feed,
            self._index_folder(collection),
            collection=str(collection.id),
            fingerprint=collection.series,
            space=space,
            threads=threads_of(self._settings),
            goal=goal,
            background=self._lasting,
            encryptor=self._catalogue.encryptor,
        )

    @cached_property
    def _milvus(self) -> "MilvusServer":
        """The index server, which all collections of the process share."""
        return milvus_server(self._settings)

    def _places(self, collection: "Collection") -> "IndexLog":
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
        from retrieval.collection.run_files import discard_runs
        from retrieval.errors import try_each

        try_each(
            partial(shutil.rmtree, self._folder("index", collection), ignore_errors=True),
            partial(discard_runs, self._settings.home, runs),
            lambda: self.photos(collection).clear(),
            partial(self._drop_from_server, self._places(collection)),
        )

    def _drop_from_server(self, places: "IndexLog") -> None:
        if self._settings.index_url is not None:
            from retrieval.index.milvus.pair import drop_indexes

            drop_indexes(self._milvus, places, 0)  # to drop, no dimension is needed

    def _drop_orphans(self) -> None:
        """Drop the indexes of collections that were deleted while the server was away."""
        for places in self._catalogue.orphaned_indexes():
            try:
                self._drop_from_server(places)
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
            drop_indexes(self._milvus, self._places(collection), collection.dimension, keep)

    def _index_folder(self, collection: "Collection") -> Path:
        """Of its first model's index; below it a folder for each later one."""
        return self._folder("index", collection) / collection.term

    def _folder(self, kind: str, collection: "Collection") -> Path:
        return _home(self._settings) / kind / str(collection.id)

    @property
    def keeping(self) -> "Keeping":
        """What is kept of what comes in, and for how long."""
        from retrieval.collection.active_model import Keeping

        settings = self._settings
        return Keeping(settings.unknown_days, settings.event_days, settings.thumbnails)

    def gate(self, collection: "Collection") -> Gate:
        """Threshold and margin of a collection that is not calibrated: the manifest's."""
        return default_gate(self._models.manifest, collection.embedder)


def default_gate(manifest: "Manifest", name: str) -> Gate:
    """Threshold and margin of an embedder where nothing is calibrated.

    Raises:
        NotFound: no such embedder.
    """
    decision = manifest.any_embedder(name).decision
    origin = "measured" if decision.measured else "not measured by us"
    return Gate(
        decision.threshold,
        decision.margin,
        f"default of {name}, {origin}",
        decision.photo_threshold,
        decision.person_threshold,
        decision.unlike,
    )


def chosen_precision(manifest: "Manifest", name: str, wanted: str) -> "Precision":
    """The variant of an embedder's weights that a new collection takes.

    Raises:
        NotFound: no such embedder.
        SettingInvalid: the embedder has no such variant.
    """
    precisions = manifest.any_embedder(name).precisions
    for precision in precisions:  # best first
        if wanted in ("auto", precision):
            return precision
    raise SettingInvalid(
        f"{name} has no {wanted} variant, only {', '.join(precisions)}: set ROLLCALL_PRECISION."
    )
