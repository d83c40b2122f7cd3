from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import SnapshotInvalid, StoreError
from retrieval.files.keys import DataKey
from retrieval.index import snapshot
from retrieval.index.gallery import Gallery
from retrieval.index.snapshot import Stamp
from retrieval.values import Vectors
from tests.fakes import Keys, MemoryFeed

STAMP = Stamp("1", "model", 4, "epoch", 7)
ARRAYS = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b": np.array([5], np.int64),
    "none": np.zeros((0, 4), np.float32),
}


def test_arrays_and_notes_come_back(tmp_path: Path) -> None:
    path = snapshot.write(tmp_path, STAMP, ARRAYS, {"kind": "exact"})
    found = snapshot.load(path, STAMP)
    assert found.stamp == STAMP
    assert found.notes == {"kind": "exact"}
    assert {name: array.tolist() for name, array in found.arrays.items()} == {
        name: array.tolist() for name, array in ARRAYS.items()
    }
    assert all(not array.flags.writeable for array in found.arrays.values())


def test_every_flipped_byte_and_every_truncation_is_noticed(tmp_path: Path) -> None:
    path = snapshot.write(tmp_path, STAMP, ARRAYS, {})
    sound = path.read_bytes()
    damaged = tmp_path / "damaged.snapshot"
    for place in range(len(sound)):
        damaged.write_bytes(sound[:place])
        with pytest.raises(SnapshotInvalid):
            snapshot.load(damaged, STAMP)
        flipped = bytearray(sound)
        flipped[place] ^= 1 << place % 8
        damaged.write_bytes(flipped)
        with pytest.raises(SnapshotInvalid):
            snapshot.load(damaged, STAMP)
    damaged.write_bytes(sound)
    assert snapshot.load(damaged, STAMP).stamp == STAMP


def test_a_body_of_several_checksums_is_verified_throughout(tmp_path: Path) -> None:
    big = np.random.default_rng(0).integers(0, 255, (1 << 24) + 100, np.uint8)
    path = snapshot.write(tmp_path, STAMP, {"big": big, **ARRAYS}, {})
    assert np.array_equal(snapshot.load(path, STAMP).arrays["big"], big)
    with path.open("r+b") as file:
        file.seek(big.size - 50)
        file.write(bytes([big[-50] ^ 4]))
    with pytest.raises(SnapshotInvalid, match="checksum"):
        snapshot.load(path, STAMP)


def _gallery(feed: MemoryFeed, folder: Path) -> Gallery:
    return Gallery(feed, folder, collection="1", fingerprint="a")


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryFeed, Path, bytes, Vectors]:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    feed = MemoryFeed(8)
    feed.enrol(np.repeat(np.arange(1, 21), 3), vectors)
    folder = tmp_path_factory.mktemp("index")
    path = _gallery(feed, folder).snapshot()
    assert path is not None
    return feed, path, path.read_bytes(), vectors


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_snapshot_gives_right_answers_and_a_report(
    enrolled: tuple[MemoryFeed, Path, bytes, Vectors], data: st.DataObject
) -> None:
    feed, path, sound, vectors = enrolled
    place = data.draw(st.integers(0, len(sound) - 1), label="place")
    mask = data.draw(st.integers(0, 255), label="flip, 0 to truncate")
    damaged = sound[:place] + bytes([sound[place] ^ mask]) + sound[place + 1 :]
    path.write_bytes(damaged if mask else sound[:place])
    gallery = _gallery(feed, path.parent)
    hits = gallery.search(vectors, 20)
    own = hits.people == np.repeat(np.arange(1, 21), 3)[:, np.newaxis]
    np.testing.assert_allclose(hits.nearest[own], 1, atol=1e-6)
    assert gallery.status().problem


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        _gallery(MemoryFeed(8), tmp_path / "file" / "index").snapshot()


def test_an_encrypted_snapshot_comes_back_whole_and_holds_nothing_in_the_clear(
    tmp_path: Path,
) -> None:
    keys = Keys(DataKey.new())
    path = snapshot.write(tmp_path, STAMP, ARRAYS, {"kind": "exact"}, keys)
    found = snapshot.load(path, STAMP, keys)
    assert found.notes == {"kind": "exact"}
    assert set(found.arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert np.array_equal(found.arrays[name], array)
        assert array.nbytes < 16 or array.tobytes()[:16] not in path.read_bytes()
        assert not found.arrays[name].flags.writeable


def test_any_changed_or_missing_byte_of_an_encrypted_snapshot_is_refused(tmp_path: Path) -> None:
    keys = Keys(DataKey.new())
    path = snapshot.write(tmp_path, STAMP, ARRAYS, {}, keys)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(SnapshotInvalid):
            snapshot.load(path, STAMP, keys)
        path.write_bytes(whole[:place])
        with pytest.raises(SnapshotInvalid):
            snapshot.load(path, STAMP, keys)


def test_a_snapshot_in_the_clear_is_refused_where_it_should_be_encrypted_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    clear = snapshot.write(tmp_path, STAMP, ARRAYS, {})
    frozen = snapshot.write(tmp_path, STAMP, ARRAYS, {}, Keys(DataKey.new()))
    for path, keys in (
        (clear, Keys(DataKey.new())),
        (frozen, Keys(DataKey.new())),
        (frozen, Keys(None)),
        (frozen, None),
    ):
        with pytest.raises(SnapshotInvalid):
            snapshot.load(path, STAMP, keys)


def test_snapshots_follow_the_active_key(tmp_path: Path) -> None:
    keys = Keys(None)
    path = snapshot.write(tmp_path, STAMP, ARRAYS, {}, keys)
    (tmp_path / f"{'9' * 16}-0.snapshot").write_bytes(b"Rollcall sealed 1\n and cut")
    (tmp_path / "left.1.part").write_bytes(b"by a killed writer")
    for key in (DataKey.new(), DataKey.new(), None):
        keys.keys.append(key)
        assert snapshot.write_anew(tmp_path, keys) == (2 if len(keys.keys) == 2 else 1)
        assert snapshot.key_of(path) == (key.id if key else None)
        assert np.array_equal(snapshot.load(path, STAMP, keys).arrays["a"], ARRAYS["a"])
        assert snapshot.newest_first(tmp_path) == [path]
        assert not list(tmp_path.glob("*.part"))
