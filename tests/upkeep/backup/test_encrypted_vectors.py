"""Backups of encrypted catalogues: sealed as they lie, and restored as the catalogue wants them."""

import hashlib

import numpy as np
import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.transfer import migrate
from retrieval.errors import CatalogueEncrypted
from retrieval.files.encrypted import is_encrypted
from retrieval.upkeep.backup.archive import BackupReader
from retrieval.upkeep.backup.contents import kept_photos
from retrieval.upkeep.backup.making import back_up
from retrieval.upkeep.backup.restoring import check_backup
from retrieval.upkeep.encryption import encrypt, rotate
from tests.catalogue.copying.test_transfer import fill
from tests.catalogue.encrypted.test_data_keys import content
from tests.catalogue.encrypted.test_recoding import active, heads
from tests.catalogue.made import make_collection, new_face, state
from tests.catalogue.user_keys import user_key
from tests.upkeep.backup.restored import restore

pytest.importorskip("cryptography", reason="needs the extra encryption")

OLD, NEW = user_key(1), user_key(2)
PHOTOS = [f"the bytes of photo {number}".encode() for number in range(3)]
HASHES = [hashlib.sha256(photo).hexdigest() for photo in PHOTOS]


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.backup"


@pytest.fixture
def sqlite_file(home):
    return home / "catalogue.db"


def make(catalogue, home):
    """Ann, with photos that are kept."""
    gallery = make_collection(catalogue).id
    faces = [new_face("Ann", number) for number in range(3)]
    for face, sha256 in zip(faces, HASHES, strict=True):
        object.__setattr__(face, "sha256", sha256)
    catalogue.enrol(gallery, faces)
    store = kept_photos(home / "photos", gallery, catalogue.encryptor)
    for sha256, photo in zip(HASHES, PHOTOS, strict=True):
        store.keep(sha256, photo)
    return gallery


def photos(catalogue, home, gallery):
    """Each kept photo, and whether it lies encrypted."""
    store = kept_photos(home / "photos", gallery, catalogue.encryptor)
    lying = kept_photos(home / "photos", gallery)
    return [store.read(sha256) for sha256 in HASHES], {is_encrypted(lying.read(h)) for h in HASHES}


def test_a_backup_holds_vectors_and_photos_as_they_lie_and_comes_back(url, home, file):
    with Catalogue.open(url, OLD) as catalogue:
        gallery = make(catalogue, home)
        before = state(catalogue, gallery)
        vectors = catalogue.vectors(gallery)[2]
        back_up(catalogue, home, file)
        with BackupReader(file, None) as backup:
            held = b"".join(member.read() for _, member in backup.members())
        assert not [v for v in vectors if v.tobytes()[:16] in held]
        assert not [photo for photo in PHOTOS if photo in held]
        catalogue.delete_person(
            gallery, catalogue.enrol(gallery, [new_face("Bob", 9)])[0].person_id
        )
        kept_photos(home / "photos", gallery).discard(HASHES[1:])
        check_backup(home, file)
        assert restore(catalogue, home, file, user_key=OLD).kept_photos == 3
        assert state(catalogue, gallery) == before
        assert photos(catalogue, home, gallery) == (PHOTOS, {True})
        assert heads(catalogue) == {active(catalogue)}


@pytest.mark.parametrize("key", [None, NEW])
def test_without_the_key_of_the_backup_nothing_is_restored(url, home, file, tmp_path, key):
    with Catalogue.open(url, OLD) as catalogue:
        make(catalogue, home)
        back_up(catalogue, home, file)
    other = tmp_path / "other"
    with Catalogue.open(other / "catalogue.db", key) as empty:
        with pytest.raises(CatalogueEncrypted):
            restore(empty, other, file, user_key=key)
        assert empty.collections() == []
    assert not list(other.glob("photos/*"))


def test_a_backup_from_before_the_key_was_changed_is_restored_with_both(url, home, file):
    with Catalogue.open(url, OLD) as catalogue:
        gallery = make(catalogue, home)
        before = state(catalogue, gallery)
        back_up(catalogue, home, file)
        rotate(catalogue, home, NEW())
    with Catalogue.open(url, NEW) as catalogue:
        catalogue.delete_person(
            gallery, catalogue.enrol(gallery, [new_face("Bob", 9)])[0].person_id
        )
        kept_photos(home / "photos", gallery).discard(HASHES[1:])
        with pytest.raises(CatalogueEncrypted, match="yours is"):
            restore(catalogue, home, file, user_key=NEW)
        restore(catalogue, home, file, user_key=OLD)
        assert state(catalogue, gallery) == before
        assert photos(catalogue, home, gallery) == (PHOTOS, {True})
        assert heads(catalogue) == {active(catalogue)}, "by the catalogue's own data key"
    Catalogue.open(url, NEW).close()


def test_a_backup_in_the_clear_becomes_encrypted_where_the_catalogue_is(url, home, file):
    with Catalogue.open(url) as catalogue:
        gallery = make(catalogue, home)
        before = state(catalogue, gallery)
        back_up(catalogue, home, file)
    with Catalogue.open(url, OLD, check_key=False) as catalogue:
        encrypt(catalogue, home)
        kept_photos(home / "photos", gallery).discard(HASHES[1:])
        restore(catalogue, home, file, user_key=OLD)
        assert state(catalogue, gallery) == before
        assert photos(catalogue, home, gallery) == (PHOTOS, {True})
        assert heads(catalogue) == {active(catalogue)}


def test_an_encrypted_backup_becomes_clear_where_the_catalogue_is(home, file, tmp_path):
    with Catalogue.open(home / "catalogue.db", OLD) as catalogue:
        gallery = make(catalogue, home)
        before = state(catalogue, gallery)
        back_up(catalogue, home, file)
    other = tmp_path / "other"
    with Catalogue.open(other / "catalogue.db") as clear:
        restore(clear, other, file, user_key=OLD)
        assert state(clear, gallery) == before
        assert photos(clear, other, gallery) == (PHOTOS, {False})


def test_what_a_catalogue_is_moved_to_is_encrypted_under_the_same_key(url, tmp_path):
    with Catalogue.open(url, OLD) as source:
        gallery = fill(source)
        before = content(source, gallery)
        migrate(source, tmp_path / "moved.db")
    with pytest.raises(CatalogueEncrypted):
        Catalogue.open(tmp_path / "moved.db")
    with Catalogue.open(tmp_path / "moved.db", OLD) as target:
        for found, expected in zip(content(target, gallery), before, strict=True):
            np.testing.assert_array_equal(found, expected)
