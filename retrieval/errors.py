"""Every error that Rollcall raises on purpose, grouped by what the caller can do about it.

RollcallError
├── InputError                 the caller's input is wrong: mend it, a retry is useless (exit 2)
│   ├── PhotoError             one photo cannot be taken; the rest of a batch goes on
│   │   ├── PhotoUnreadable    missing, empty, truncated or of no known format
│   │   ├── PhotoTooLarge      more pixels or bytes than the limits allow
│   │   ├── NoFace             no face where one was meant
│   │   ├── SeveralFaces       several faces, none of them dominant, where one was meant
│   │   └── FaceUnusable       a face, but too small, blurred, turned away or cut off
│   ├── SameName               a photo under a name that is taken, and of somebody else by its look
│   ├── NameInvalid            an empty or unprintable name of a person or a collection
│   ├── NotFound               no such person, photo, face, collection, run or model
│   ├── Ambiguous              a name that several people have
│   ├── AlreadyExists          the name or the photo is taken
│   ├── UndoImpossible         what an edit left was changed or deleted since
│   ├── DimensionMismatch      vectors of another length than the index's
│   ├── VectorInvalid          vectors with NaN, infinities or a wrong shape or dtype
│   ├── RequestRefused         an HTTP request: too large, too slow, forged, repeated wrongly
│   ├── DataInvalid            a data file (CSV, idx.gz, archive, folder) is not what it should be
│   ├── FoldersUnclear         folders that may be people's or departments'
│   ├── SwapIncomplete         a change of model while faces lack a vector of the new one
│   └── SettingInvalid         a setting or an option has no meaning
├── AccessError                whoever asks may not, or not so often (HTTP; exit 2)
│   ├── KeyRefused             no key, an unknown one or a revoked one
│   ├── NotAllowed             the key's role or its collection does not cover this
│   └── TooManyRequests        more requests per minute than the key has
├── ModelError                 a model cannot answer (exit 3)
│   ├── ModelMissing           not pulled or exported yet
│   ├── ModelCorrupt           the file's SHA-256 is not the manifest's
│   ├── ModelManifestInvalid   models/manifest.toml, or the user's own, does not fit its schema
│   ├── ModelMismatch          the collection was made with another model
│   ├── ModelSwitched          the collection changed its model meanwhile: ask again
│   ├── DownloadFailed         the network or the server said no
│   ├── ExportFailed           the weight file does not hold the layers that it should
│   └── InferenceFailed        ONNX Runtime or OpenCV failed on an input that passed all checks
├── StoreError                 catalogue, index or files (exit 4)
│   ├── CatalogueUnavailable   cannot be opened, reached or locked in time
│   ├── CatalogueIncompatible  written by a newer Rollcall, or by something else
│   ├── CatalogueEncrypted     encrypted, and the key is missing or another
│   ├── VectorDamaged          a vector in the catalogue is not what was written
│   ├── StoreFull              no space left on the device
│   ├── FileHeld               another command writes the same file just now
│   ├── StorageUnavailable     photos by URL: the server, or the package for it, is not there
│   ├── SnapshotInvalid        an index snapshot that does not fit or is damaged: it is rebuilt
│   └── IndexFailed            FAISS or the index server failed
│       └── IndexHeld          another process has the index's file open (exit 8)
├── AddressInUse               the service cannot listen where it should (exit 6)
├── ServiceBusy                the service has as much to do as it may (HTTP); worth a retry
└── QueueError                 the queue cannot be used now (exit 5); worth a retry
    ├── QueueUnavailable       no Redis answers, or none can be started
    │   └── QueueDamaged       the embedded Redis cannot read its file
    └── WorkerFailed           a worker died on a job more often than is allowed
"""

import logging
from collections.abc import Callable
from typing import ClassVar

logger = logging.getLogger(__name__)


class RollcallError(Exception):
    """The root of the tree. ``str(error)`` says what was wrong, what was found and what to do."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1


class InputError(RollcallError):
    """The caller's input is wrong; never retried."""

    code = "input"
    exit_code = 2


class PhotoError(InputError):
    """One photo cannot be taken; the other photos of its batch are."""

    code = "photo"


class PhotoUnreadable(PhotoError):
    """Missing, empty, truncated or of no known format."""

    code = "unreadable"


class PhotoTooLarge(PhotoError):
    """More pixels or bytes than the limits allow."""

    code = "too-large"


class NoFace(PhotoError):
    """No face where one was meant."""

    code = "no-face"


class SeveralFaces(PhotoError):
    """Several faces, none of them dominant, where one was meant."""

    code = "several-faces"


class FaceUnusable(PhotoError):
    """A face, but too small, blurred, turned away or cut off."""

    code = "unusable-face"


class SameName(InputError):
    """A photo under a name that is taken, and of somebody else by its look."""

    code = "same-name"


class NameInvalid(InputError):
    """An empty or unprintable name of a person or a collection."""

    code = "name"


class NotFound(InputError):
    """No such person, photo, face, collection, run or model."""

    code = "not-found"


class Ambiguous(InputError):
    """A name that several people have."""

    code = "ambiguous"


class AlreadyExists(InputError):
    """The name or the photo is taken."""

    code = "already-exists"


class UndoImpossible(InputError):
    """What an edit left was changed or deleted since."""

    code = "undo-impossible"


class DimensionMismatch(InputError):
    """Vectors of another length than the index's."""

    code = "dimension"


class VectorInvalid(InputError):
    """Vectors with NaN, infinities or a wrong shape or dtype."""

    code = "vector"


class RequestRefused(InputError):
    """An HTTP request that is too large, too slow, forged or repeated wrongly."""

    code = "request-refused"


class DataInvalid(InputError):
    """A data file (CSV, idx.gz, archive, image folder) is not what it should be."""

    code = "data"


class FoldersUnclear(InputError):
    """Folders may be people's, or departments' with people's folders in them: somebody must say."""

    code = "folders-unclear"


class SwapIncomplete(InputError):
    """Faces lack a vector of the model that the collection is to change to."""

    code = "swap-incomplete"


class SettingInvalid(InputError):
    """A setting or an option has no meaning."""

    code = "setting"


class AccessError(RollcallError):
    """Whoever asks may not, or not so often."""

    code = "access"
    exit_code = 2


class KeyRefused(AccessError):
    """No key, an unknown one or a revoked one."""

    code = "key-refused"


class NotAllowed(AccessError):
    """The key's role or its collection does not cover this."""

    code = "not-allowed"


class TooManyRequests(AccessError):
    """More requests per minute than the key has."""

    code = "too-many-requests"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelError(RollcallError):
    """A model cannot answer."""

    code = "model"
    exit_code = 3


class ModelMissing(ModelError):
    """Not pulled or exported yet."""

    code = "model-missing"


class ModelCorrupt(ModelError):
    """The file's SHA-256 is not the manifest's."""

    code = "model-corrupt"


class ModelManifestInvalid(ModelError):
    """The manifest does not fit its schema."""

    code = "model-manifest"


class ModelMismatch(ModelError):
    """The collection was made with another model."""

    code = "model-mismatch"


class ModelSwitched(ModelError):
    """The collection changed its model between two steps of one request: asked again, it works."""

    code = "model-switched"


class DownloadFailed(ModelError):
    """The network or the server said no."""

    code = "download"


class ExportFailed(ModelError):
    """The weight file does not hold the layers that it should."""

    code = "export"


class InferenceFailed(ModelError):
    """ONNX Runtime or OpenCV failed on an input that passed all checks, or gave NaN."""

    code = "inference"


class StoreError(RollcallError):
    """The catalogue, the index or a file cannot be read or written."""

    code = "store"
    exit_code = 4


class CatalogueUnavailable(StoreError):
    """Cannot be opened, reached or locked in time."""

    code = "catalogue-unavailable"


class CatalogueIncompatible(StoreError):
    """Written by a newer Rollcall, or by something else."""

    code = "catalogue-incompatible"


class CatalogueEncrypted(StoreError):
    """Encrypted, and the key is missing or another."""

    code = "catalogue-sealed"


class VectorDamaged(StoreError):
    """A vector in the catalogue is not what was written."""

    code = "vector-damaged"


class StoreFull(StoreError):
    """No space left on the device."""

    code = "disk-full"


class FileHeld(StoreError):
    """Another command writes the same file just now."""

    code = "file-held"


class StorageUnavailable(StoreError):
    """What holds photos by URL does not answer, or the package that speaks to it is missing."""

    code = "storage-unavailable"


class SnapshotInvalid(StoreError):
    """An index snapshot that does not fit or is damaged; it is rebuilt."""

    code = "snapshot"


class IndexFailed(StoreError):
    """FAISS or the index server failed."""

    code = "index"


class IndexHeld(IndexFailed):
    """Another process has the index's file open, which only one at a time can."""

    code = "index-held"
    exit_code = 8


class ServiceBusy(RollcallError):
    """The service has as much to do as it may."""

    code = "busy"
    exit_code = 5


class AddressInUse(RollcallError):
    """The service cannot listen where it should."""

    code = "address"
    exit_code = 6


class QueueError(RollcallError):
    """The queue cannot be used now; worth a retry."""

    code = "queue"
    exit_code = 5


class QueueUnavailable(QueueError):
    """No Redis answers, or none can be started."""

    code = "queue-unavailable"


class QueueDamaged(QueueUnavailable):
    """The embedded Redis cannot read its append-only file; `rollcall doctor --fix` mends it."""

    code = "queue-damaged"


class WorkerFailed(QueueError):
    """A worker died on a job more often than is allowed."""

    code = "worker-failed"


def try_each(*steps: Callable[[], object]) -> None:
    """Take every step, whichever of them fails, then raise the first error.

    Raises:
        RollcallError: of the first step that failed; later ones are logged.
    """
    failed: RollcallError | None = None
    for step in steps:
        try:
            step()
        except RollcallError as error:
            if failed is not None:
                logger.warning("%s", error)
            failed = failed or error
    if failed is not None:
        raise failed
