import gzip
import hashlib
import struct
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import numpy.typing as npt
import pytest

from retrieval.benchmarks.fashion_mnist.data import (
    DEBIAN_FOLDER,
    SHA256,
    TEST_IMAGES,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    FashionMnist,
    Pictures,
    download_folder,
    fetch,
    find_folder,
    load,
    read_idx,
    split,
)
from retrieval.errors import DataInvalid, DownloadFailed

HOW = "dataset-fashion-mnist.*bench fashion-mnist download.*--data DIR"
INSTEAD = "Try again.*dataset-fashion-mnist.*--data DIR"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def bucket(small_folder: Path) -> Iterator[str]:
    """The small data set, served on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(small_folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        for path in sorted(folder.iterdir())
    }


def test_the_real_files_have_the_digests_that_a_download_must_have(
    fashion_mnist: FashionMnist,
) -> None:
    assert digests(DEBIAN_FOLDER) == dict(SHA256)


def test_the_split_has_4200_and_1800_of_each_class(fashion_mnist: FashionMnist) -> None:
    labels = fashion_mnist.train.labels
    train, validation = split(labels, seed=3)
    assert np.bincount(labels[train]).tolist() == [4200] * 10
    assert np.bincount(labels[validation]).tolist() == [1800] * 10
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(60_000))


def test_the_split_repeats_with_its_seed_and_differs_with_another() -> None:
    labels = np.arange(1000) % 10
    assert np.array_equal(split(labels, 1)[0], split(labels, 1)[0])
    assert not np.array_equal(split(labels, 1)[0], split(labels, 2)[0])


def test_idx_files_are_read_in_the_order_of_their_axes(small: FashionMnist) -> None:
    assert small.train.pixels.shape == (200, 28, 28)
    assert small.train.labels.tolist() == [n % 10 for n in range(200)]
    bright = small.train.pixels.mean(axis=2)[3]
    assert set(np.argsort(bright)[-4:]) == {8, 9, 10, 11}


def test_rows_are_pixels_between_nought_and_one() -> None:
    pixels = np.zeros((1, 28, 28), np.uint8)
    pixels[0, 0, 1] = 255
    rows = Pictures(pixels, np.zeros(1, np.int64)).rows
    assert rows.shape == (1, 784)
    assert rows[0].nonzero()[0].tolist() == [1]
    assert rows.max() == 1.0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not an idx file"),  # an empty file is an empty gzip stream
        (b"hello", "no gzip file"),
        (gzip.compress(b"", mtime=0), "begins with nothing"),
        (gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 0), mtime=0), "begins with 00 00 08 01"),
        (
            gzip.compress(struct.pack(">BBBB3I", 0, 0, 13, 3, 1, 28, 28), mtime=0),
            "begins with 00 00 0d 03",
        ),
        (gzip.compress(bytes((0, 0, 8, 3, 0)), mtime=0), "begins with 00 00 08 03"),
        (gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 9, 28, 28), mtime=0), "truncated"),
        (gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 0, 28, 28) + b"x", mtime=0), "too long"),
        (gzip.compress(bytes(100), mtime=0)[:-3], "truncated"),
        (
            gzip.compress(bytes(range(256)) * 9, mtime=0)[:20] + bytes(60),
            "is no gzip file, or is damaged",
        ),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_named_with_the_way_to_get_it(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / TRAIN_IMAGES
    path.write_bytes(content)
    with pytest.raises(DataInvalid, match=f"(?s){TRAIN_IMAGES}.*{problem}.*{HOW}"):
        read_idx(path, 3)


def test_a_missing_file_is_named_with_the_way_to_get_it(small_folder: Path) -> None:
    (small_folder / TEST_IMAGES).unlink()
    with pytest.raises(DataInvalid, match=f"no file {small_folder / TEST_IMAGES}.*{HOW}"):
        load(small_folder)


def test_a_folder_in_a_files_place_is_named(small_folder: Path) -> None:
    (small_folder / TEST_IMAGES).unlink()
    (small_folder / TEST_IMAGES).mkdir()
    with pytest.raises(DataInvalid, match="cannot be read: Is a directory"):
        load(small_folder)


@pytest.mark.parametrize(
    ("name", "array", "problem"),
    [
        (TRAIN_LABELS, np.zeros(7, np.uint8), "holds 200 pictures, but .* 7 labels"),
        (TRAIN_LABELS, np.full(200, 10, np.uint8), "labels from 0 to 9; found up to 10"),
        (TRAIN_IMAGES, np.zeros((200, 32, 30), np.uint8), "30x32 pixels, expected 28x28"),
    ],
)
def test_files_that_do_not_fit_each_other_are_named(
    small_folder: Path,
    name: str,
    array: npt.NDArray[np.uint8],
    problem: str,
    write_idx_file: Callable[[Path, npt.NDArray[np.uint8]], None],
) -> None:
    write_idx_file(small_folder / name, array)
    with pytest.raises(DataInvalid, match=f"{problem}.*{HOW}"):
        load(small_folder)


def test_a_given_folder_goes_before_a_download_and_that_before_debians(
    tmp_path: Path, small_folder: Path
) -> None:
    download_folder(tmp_path).mkdir(parents=True)
    for path in sorted(small_folder.iterdir()):
        assert find_folder(None, tmp_path) == DEBIAN_FOLDER  # the download is not complete
        path.rename(download_folder(tmp_path) / path.name)
    assert find_folder(None, tmp_path) == download_folder(tmp_path)
    assert find_folder(Path("mine"), tmp_path) == Path("mine")


def test_a_download_brings_the_files_and_checks_them(
    bucket: str, small_folder: Path, tmp_path: Path
) -> None:
    told: list[object] = []
    files = fetch(
        tmp_path / "got",
        bucket,
        digests(small_folder),
        lambda n=1, **fields: told.append(fields["file"]),
    )
    assert [path.name for path in files] == told == sorted(digests(small_folder))
    assert len(load(tmp_path / "got").train) == 200


def test_a_download_takes_only_what_is_not_there(
    bucket: str, small_folder: Path, tmp_path: Path
) -> None:
    wanted = digests(small_folder)
    files = fetch(tmp_path / "got", bucket, wanted)
    files[1].write_bytes(b"damaged")
    (small_folder / files[0].name).unlink()
    fetch(tmp_path / "got", bucket, wanted)
    assert digests(tmp_path / "got") == wanted


def test_a_download_of_something_else_is_refused_and_leaves_nothing(
    bucket: str, tmp_path: Path
) -> None:
    with pytest.raises(
        DownloadFailed, match=f"sent something else: SHA-256 .*{'0' * 64}.*{INSTEAD}"
    ):
        fetch(tmp_path / "got", bucket, {TRAIN_IMAGES: "0" * 64})
    assert not list((tmp_path / "got").iterdir())


def test_a_file_that_the_server_does_not_have_is_named_with_another_way(
    bucket: str, tmp_path: Path
) -> None:
    with pytest.raises(DownloadFailed, match=f"{bucket}/none.gz .*404.*{INSTEAD}"):
        fetch(tmp_path / "got", bucket, {"none.gz": "0" * 64})
