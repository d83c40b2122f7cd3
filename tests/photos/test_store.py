import errno
import fcntl
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retrieval.errors import CatalogueEncrypted, NotFound, StoreError, StoreFull
from retrieval.files.encrypted import encrypted_by
from retrieval.files.keys import DataKey
from retrieval.photos.shelves import store_error
from retrieval.photos.store import PhotoStore
from tests.fakes import Keys

DATA = b"the bytes of a photo"
SHA256 = hashlib.sha256(DATA).hexdigest()


def test_a_kept_photo_comes_back_byte_by_byte(tmp_path: Path) -> None:
    PhotoStore(tmp_path / "kept", keeps=True).keep(SHA256, DATA)
    assert PhotoStore(tmp_path / "kept", keeps=False).read(SHA256) == DATA


def test_a_kept_photo_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    PhotoStore(tmp_path, keeps=True).keep(SHA256, DATA)
    (copy,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert copy.stat().st_mode & 0o077 == 0


def test_a_discarded_photo_is_gone_and_may_be_discarded_twice(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path, keeps=True)
    store.keep(SHA256, DATA)
    store.discard([SHA256])
    store.discard([SHA256])
    assert store.read(SHA256) is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["", "abc", "../../../etc/passwd", "A" * 64, "g" * 64])
def test_only_a_sha256_names_a_photo(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound, match="SHA-256"):
        PhotoStore(tmp_path, keeps=True).keep(name, DATA)


def test_threads_that_keep_the_same_photo_leave_one_whole_copy(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path, keeps=True)
    data = DATA * 100_000
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.keep(SHA256, data), range(32)))
    assert store.read(SHA256) == data
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / SHA256[:2]).write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="permissions"):
        PhotoStore(tmp_path, keeps=True).keep(SHA256, DATA)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_so_and_what_to_do(number: int) -> None:
    error = store_error(Path("kept/ab"), OSError(number, "no space"))
    assert isinstance(error, StoreFull)
    assert "Free some" in str(error)


def test_with_a_key_a_copy_is_encrypted_and_comes_back(tmp_path: Path) -> None:
    keys = Keys(DataKey.new())
    store = PhotoStore(tmp_path, keeps=True, encryptor=keys)
    store.keep(SHA256, DATA)
    lying = PhotoStore(tmp_path, keeps=False).read(SHA256)
    assert lying is not None
    assert DATA not in lying
    assert encrypted_by(lying) == keys.keys[-1].id
    assert store.read(SHA256) == DATA


def test_copies_follow_the_active_key_and_older_ones_can_be_read_until_then(tmp_path: Path) -> None:
    keys = Keys(None)
    store = PhotoStore(tmp_path, keeps=True, encryptor=keys)
    store.keep(SHA256, DATA)
    for key in (DataKey.new(), DataKey.new(), None):
        keys.keys.append(key)
        assert store.read(SHA256) == DATA
        assert store.write_anew(SHA256)
        assert not store.write_anew(SHA256), "nothing is left to do"
        assert store.key_of(SHA256) == (key.id if key else None)
        assert store.read(SHA256) == DATA
    assert store.kept() == [SHA256]
    store.discard([SHA256])
    assert not store.write_anew(SHA256)


class _Spanned(Keys):
    """Keys that change while a copy is written: each call finds the next one active."""

    def active(self) -> DataKey | None:
        self.turn = min(getattr(self, "turn", -1) + 1, len(self.keys) - 1)
        return self.keys[self.turn]


def test_a_copy_whose_writing_spans_a_change_of_keys_is_written_anew(tmp_path: Path) -> None:
    for number, changes in enumerate([(None, DataKey.new()), (None, DataKey.new(), DataKey.new())]):
        store = PhotoStore(tmp_path / str(number), keeps=True, encryptor=_Spanned(*changes))
        store.keep(SHA256, DATA)
        assert changes[-1] is not None
        assert store.key_of(SHA256) == changes[-1].id
        assert store.read(SHA256) == DATA


class _Locked(Keys):
    """A catalogue that is encrypted while a process without the key writes a copy."""

    asked = False

    def active(self) -> DataKey | None:
        if self.asked:
            raise CatalogueEncrypted("no key")
        self.asked = True
        return None


def test_a_process_without_the_key_leaves_no_copy_in_the_clear(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path, keeps=True, encryptor=_Locked())
    with pytest.raises(CatalogueEncrypted):
        store.keep(SHA256, DATA)
    assert store.kept() == []


def test_a_damaged_encrypted_copy_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    keys = Keys(DataKey.new())
    store = PhotoStore(tmp_path, keeps=True, encryptor=keys)
    store.keep(SHA256, DATA)
    path = tmp_path / SHA256[:2] / SHA256
    damaged = path.read_bytes()[:-1] + b"?"
    path.write_bytes(damaged)
    keys.keys.append(None)
    for call in (store.read, store.write_anew):
        with pytest.raises(StoreError, match="damaged or was changed"):
            call(SHA256)
    assert path.read_bytes() == damaged


def test_an_encrypted_copy_under_another_photos_name_is_an_error(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path, keeps=True, encryptor=Keys(DataKey.new()))
    store.keep(SHA256, DATA)
    other = "0" * 64
    (tmp_path / "00").mkdir()
    (tmp_path / SHA256[:2] / SHA256).rename(tmp_path / "00" / other)
    with pytest.raises(StoreError, match="damaged or was changed"):
        store.read(other)


KILLED_WHILE_IT_WRITES = """
import os, sys
from pathlib import Path
from retrieval.photos import shelves

def killed(descriptor):
    os.kill(os.getpid(), 9)

shelves.os.fsync = killed
shelves.FolderShelf(Path(sys.argv[1])).write("ab" * 32, b"the photo")
"""


def test_what_a_killed_process_wrote_of_a_copy_is_dropped_at_once(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED_WHILE_IT_WRITES, str(tmp_path)], check=False)
    (draft,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert draft.stat().st_mode & 0o077 == 0
    store = PhotoStore(tmp_path, keeps=True)
    assert store.kept() == []
    store.drop_drafts()
    assert not draft.exists()


def test_a_draft_that_is_being_written_stays(tmp_path: Path) -> None:
    store = PhotoStore(tmp_path, keeps=True)
    store.keep(SHA256, DATA)
    with (tmp_path / ".drafts" / "draft").open("wb") as draft:
        fcntl.flock(draft, fcntl.LOCK_EX)
        store.drop_drafts()
        assert Path(draft.name).exists()
    store.drop_drafts()
    assert not Path(draft.name).exists()
    assert store.read(SHA256) == DATA


def test_drafts_of_an_older_version_are_dropped_when_they_are_old(tmp_path: Path) -> None:
    (tmp_path / SHA256[:2]).mkdir()
    old, young = (tmp_path / SHA256[:2] / name for name in (".old", ".young"))
    old.write_bytes(DATA)
    young.write_bytes(DATA)
    os.utime(old, (0, 0))
    PhotoStore(tmp_path, keeps=True).drop_drafts()
    assert (old.exists(), young.exists()) == (False, True)
