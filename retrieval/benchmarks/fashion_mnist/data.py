"""The data: found, downloaded, read from idx.gz files and split."""

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval.benchmarks.progress import Advance, silent
from retrieval.errors import DataInvalid, DownloadFailed
from retrieval.inference.download import download, writing_beside
from retrieval.values import Floats, Ints, check_rows

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SIDE_PX = 28
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"

# The publisher's own bucket, named in the README of zalandoresearch/fashion-mnist.
BUCKET = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
# SHA-256 of the unpacked files: the publisher's and Debian's are packed differently.
SHA256: Mapping[str, str] = {
    TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_TRAIN_SHARE = 0.7
_PACKAGE = "Install Debian's package (apt-get install dataset-fashion-mnist)"
_HOW = f"{_PACKAGE}, run `rollcall bench fashion-mnist download`, or give --data DIR."
_INSTEAD = f"Try again. {_PACKAGE}, or give --data DIR."


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Labelled pictures.

    Attributes:
        pixels: (n, 28, 28) uint8, white on black.
        labels: (n,) int64, indices into CLASSES.
    """

    pixels: npt.NDArray[np.uint8]
    labels: Ints

    def __post_init__(self) -> None:
        check_rows("pixels", self.pixels, (len(self.labels), SIDE_PX, SIDE_PX))
        check_rows("labels", self.labels, (None,))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def rows(self) -> Floats:
        """(n, 784) float32 in [0, 1]: what a network reads."""
        return self.pixels.reshape(len(self), -1).astype(np.float32) / np.float32(255)

    def take(self, rows: Ints) -> "Pictures":
        """Only the given rows, in their order."""
        return Pictures(self.pixels[rows], self.labels[rows])


@dataclass(frozen=True, slots=True, eq=False)
class FashionMnist:
    """The whole data set: 60,000 pictures to train on, 10,000 to test with."""

    train: Pictures
    test: Pictures


def find_folder(given: Path | None, home: Path) -> Path:
    """Choose the folder that holds the four files.

    Args:
        given: the user's own, taken as it is.
        home: Rollcall's, where `fetch` puts a download.
    """
    if given is not None:
        return given
    downloaded = download_folder(home)
    complete = all((downloaded / name).is_file() for name in SHA256)
    return downloaded if complete else DEBIAN_FOLDER


def download_folder(home: Path) -> Path:
    """Where a download lies."""
    return home / "benchmarks" / "fashion-mnist" / "data"


def load(folder: Path) -> FashionMnist:
    """Read the four idx.gz files of a folder.

    Raises:
        DataInvalid: a file is missing, damaged or another one than its name says.
    """
    return FashionMnist(
        _pictures(folder / TRAIN_IMAGES, folder / TRAIN_LABELS),
        _pictures(folder / TEST_IMAGES, folder / TEST_LABELS),
    )


def fetch(
    folder: Path,
    bucket: str = BUCKET,
    sha256: Mapping[str, str] = SHA256,
    advance: Advance = silent,
) -> list[Path]:
    """Download the files that are not there yet, and check them.

    Args:
        folder: where to; made if missing.
        bucket: URL of the folder they lie in.
        sha256: of each unpacked file, by name.
        advance: told of each file.

    Returns:
        The files, all of them checked.

    Raises:
        DownloadFailed: no network, the server said no, or it sent something else.
        StoreFull: no space left.
    """
    files = []
    for name, wanted in sha256.items():
        path = folder / name
        if not path.is_file() or _sha256_unpacked(path) != wanted:
            _fetch_one(f"{bucket}/{name}", path, wanted)
        advance(1, file=name)
        files.append(path)
    return files


def read_idx(path: Path, axes: int) -> npt.NDArray[np.uint8]:
    """Read an idx.gz file of bytes.

    The format: two zero bytes, 8 for unsigned bytes, the number of axes; then each axis' length
    as four bytes, big-endian; then the bytes, last axis fastest.

    Args:
        path: the file.
        axes: how many it must have.

    Raises:
        DataInvalid: missing, no gzip, truncated, too long, or of another type or shape.
    """
    content = _unpack(path)
    magic = bytes((0, 0, 8, axes))
    header_bytes = 4 + 4 * axes
    if content[:4] != magic or len(content) < header_bytes:
        raise DataInvalid(
            f"{path} is not an idx file of bytes with {axes} axes: it begins with"
            f" {content[:4].hex(' ') or 'nothing'}, expected {magic.hex(' ')}. {_HOW}"
        )
    lengths = tuple(int(n) for n in np.frombuffer(content[4:header_bytes], ">u4"))
    wanted, found = int(np.prod(lengths, dtype=object)), len(content) - header_bytes
    if found != wanted:
        problem = "truncated" if found < wanted else "too long"
        raise DataInvalid(
            f"{path} is {problem}: its header promises {wanted} bytes for {lengths}, it holds"
            f" {found}. {_HOW}"
        )
    return np.frombuffer(content, np.uint8, offset=header_bytes).reshape(lengths)


def split(labels: Ints, seed: int = 0) -> tuple[Ints, Ints]:
    """Split 70/30, stratified: each class is shuffled and split by itself.

    Of Fashion-MNIST's 6,000 a class, 4,200 train and 1,800 validate.

    Args:
        labels: (n,) classes.
        seed: of the shuffle.

    Returns:
        Rows to train on and rows to validate with, each ascending.
    """
    generator = np.random.default_rng(seed)
    train, validation = [], []
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        cut = round(_TRAIN_SHARE * len(rows))
        train.append(rows[:cut])
        validation.append(rows[cut:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(validation))


def _pictures(images: Path, labels: Path) -> Pictures:
    pixels, classes = read_idx(images, 3), read_idx(labels, 1)
    if pixels.shape[1:] != (SIDE_PX, SIDE_PX):
        raise DataInvalid(
            f"{images} holds pictures of {pixels.shape[2]}x{pixels.shape[1]} pixels, expected"
            f" {SIDE_PX}x{SIDE_PX}. {_HOW}"
        )
    if len(pixels) != len(classes):
        raise DataInvalid(
            f"{images} holds {len(pixels)} pictures, but {labels} {len(classes)} labels. {_HOW}"
        )
    if len(classes) == 0 or classes.max() >= len(CLASSES):
        found = f"up to {classes.max()}" if len(classes) else "none"
        raise DataInvalid(f"{labels} must hold labels from 0 to 9; found {found}. {_HOW}")
    return Pictures(pixels, classes.astype(np.int64))


def _unpack(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise DataInvalid(f"There is no file {path}. {_HOW}") from None
    except EOFError as error:
        raise DataInvalid(f"{path} is truncated: its gzip stream has no end. {_HOW}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataInvalid(f"{path} is no gzip file, or is damaged: {error}. {_HOW}") from error
    except OSError as error:
        raise DataInvalid(f"{path} cannot be read: {error.strerror}. {_HOW}") from error


def _fetch_one(url: str, path: Path, wanted: str) -> None:
    with writing_beside(path) as beside:
        download(url, beside, instead=_INSTEAD)
        found = _sha256_unpacked(beside)
        if found != wanted:
            raise DownloadFailed(
                f"{url} sent something else: SHA-256 of the unpacked file is {found or 'none'},"
                f" expected {wanted}. {_INSTEAD}"
            )


def _sha256_unpacked(path: Path) -> str:
    """Hexadecimal digest of what is packed; empty if it cannot be unpacked."""
    try:
        return hashlib.sha256(_unpack(path)).hexdigest()
    except DataInvalid:
        return ""
