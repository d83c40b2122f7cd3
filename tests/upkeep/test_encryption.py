"""With encryption on, no file holds bytes of vectors or kept photos, and answers are the same."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrieval.building import open_catalogue
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import CatalogueEncrypted, SettingInvalid, StoreError
from retrieval.files.keys import read_user_key, write_key_file
from retrieval.people.deletions import forget_with_receipt
from retrieval.photos.folders import people_below
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.upkeep.backup.making import back_up
from retrieval.upkeep.calibration import calibrate_collection
from retrieval.upkeep.encryption import decrypt, encrypt, lying_otherwise, rotate
from retrieval.values import Source
from tests.worker.small_models import SIDE_PX, small_service, write_photos

pytest.importorskip("cryptography", reason="needs the extra encryption")

KEY, OTHER = "01" * 32, "02" * 32
WINDOW = 16  # bytes in a row that would give a vector or a photo away


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    write_photos(folder, people=12, photos=3)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def settings(home: Path, **values: Any) -> Settings:
    return Settings(home=home, keep_photos=True, unknown_days=3, **values)


def strangers() -> list[Source]:
    """Photos that nobody is enrolled with."""
    random = np.random.default_rng(99)
    sources = []
    for number in range(3):
        path = Path(f"stranger {number}.png")
        noise = random.integers(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8)
        sources.append(Source(path.name, _png(noise)))
    return sources


def _png(pixels: np.ndarray) -> bytes:
    import io

    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", compress_level=0)
    return data.getvalue()


def use(service: Service, photos: Path) -> list[Any]:
    """All that makes something of vectors; returns what was answered."""
    items = [EnrolItem(name, str(path), path) for name, path in people_below(photos)]
    answers: list[Any] = [asdict(result) for result in service.enrol(items)]
    calibrated = calibrate_collection(service, 0.1)
    answers.append(calibrated.calibration.document())
    probes = [*strangers(), *(Source(item.photo, Path(item.photo)) for item in items[:4])]
    answers += [asdict(answer) for answer in service.identify(probes)]
    answers += [asdict(hit) for hit in service.search(probes[-1]).hits]
    service.rename(items[0].person, "renamed")
    service.gallery.snapshot()
    answers.append(service.gallery.check().sound)
    return answers


def windows(values: Iterable[bytes], step: int = 1) -> set[bytes]:
    return {
        value[start : start + WINDOW]
        for value in values
        for start in range(0, len(value) - WINDOW + 1, step)
    }


def secrets(service: Service, photos: Path) -> set[bytes]:
    """Pieces of vectors, of what is made of them, and of photos."""
    collection = service.collection.id
    roster = service.gallery.roster()
    unknown = service.catalogue.strangers.newest(collection, 10, None)
    assert unknown
    vectors = [
        *service.catalogue.vectors(collection)[2],
        *roster.vectors,
        *roster.templates,
        *(face.vector for face in unknown),
    ]
    pictures = [path.read_bytes()[64:] for path in photos.rglob("*.png")]
    return windows(vector.tobytes() for vector in vectors) | windows(pictures, WINDOW)


def holding(home: Path, pieces: set[bytes]) -> list[str]:
    """The files below the home folder that hold one of these pieces."""
    found = []
    for path in (path for path in home.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if any(data[start : start + WINDOW] in pieces for start in range(len(data))):
            found.append(str(path.relative_to(home)))
    return sorted(found)


def kinds(paths: Iterable[str]) -> set[str]:
    return {path.split("/")[0] for path in paths}


def test_no_file_holds_a_vector_or_a_photo_and_answers_are_those_in_the_clear(
    home: Path, photos: Path, tmp_path: Path
) -> None:
    clear_home = tmp_path / "clear"
    with small_service(settings(clear_home)) as clear:
        expected = use(clear, photos)
        back_up(clear.catalogue, clear_home, clear_home / "a.backup")
        pieces = secrets(clear, photos)
        clear.catalogue.empty_wal()
        assert kinds(holding(clear_home, pieces)) == {"a.backup", "catalogue.db", "index", "photos"}
    with small_service(settings(home, data_key=KEY)) as service:
        assert use(service, photos) == expected
        assert secrets(service, photos) == pieces
        assert holding(home, pieces) == [], "while the write-ahead log is full"
        back_up(service.catalogue, home, home / "a.backup")
        assert holding(home, pieces) == []
    assert holding(home, pieces) == []
    with small_service(settings(home, data_key=KEY)) as service:
        assert service.gallery.check().sound
        kept = service.photos.read(
            hashlib.sha256(next(photos.rglob("*.png")).read_bytes()).hexdigest()
        )
        assert kept in [path.read_bytes() for path in photos.rglob("*.png")]


@pytest.mark.parametrize("key", [None, OTHER])
def test_without_the_right_key_a_service_does_not_open_and_nothing_changes(
    home: Path, photos: Path, key: str | None
) -> None:
    with small_service(settings(home, data_key=KEY)) as service:
        use(service, photos)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(CatalogueEncrypted):
        small_service(settings(home, data_key=key))
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert {path for path in before if path.suffix != ".db-shm"} <= set(after)
    assert all(before[path] == after[path] for path in before if "catalogue.db-" not in path.name)


def test_an_existing_home_is_encrypted_changed_and_decrypted(home: Path, photos: Path) -> None:
    with small_service(settings(home)) as service:
        expected = use(service, photos)
        pieces = secrets(service, photos)
        unknown = service.catalogue.strangers.newest(service.collection.id, 10, None)
    vectors = 2 * (36 + len(unknown))  # with their thumbnails
    own = settings(home, data_key=KEY)
    with open_catalogue(own, check_key=False) as catalogue:
        done = encrypt(catalogue, home)
        assert (done.photos, done.snapshots, done.unreadable, done.emptied) == (36, 1, 0, True)
        assert done.vectors == vectors
    assert holding(home, pieces) == []
    with small_service(own) as service:
        assert service.gallery.status().problem is None, "the snapshot was taken over"
        state = lying_otherwise(service.catalogue, home)
        assert (state.photos, state.snapshots) == (0, 0)
    files = [path for kind in ("photos", "index") for path in (home / kind).rglob("*")]
    old = {path: path.read_bytes() for path in files if path.is_file() and path.name != "lock"}
    with open_catalogue(own) as catalogue:
        before = catalogue.stored_vectors(range(1, 37))
        done = rotate(catalogue, home, read_user_key(OTHER, "test"))
        assert (done.vectors, done.photos, done.snapshots) == (vectors, 36, 1)
    assert holding(home, windows(before)) == [], "not even as they were encrypted before"
    assert holding(home, pieces) == []
    assert len(old) == 37
    assert [path for path, data in old.items() if path.read_bytes() == data] == []
    with open_catalogue(settings(home, data_key=OTHER)) as catalogue:
        done = decrypt(catalogue, home)
        assert (done.key, done.photos, done.snapshots) == (None, 36, 1)
    assert kinds(holding(home, pieces)) == {"catalogue.db", "index", "photos"}
    with small_service(settings(home)) as service:
        items = [EnrolItem(name, str(path), path) for name, path in people_below(photos)]
        probes = [*strangers(), *(Source(item.photo, Path(item.photo)) for item in items[:4])]
        answers = [asdict(answer) for answer in service.identify(probes)]
        told = repr(expected[37:44]).replace(repr(items[0].person), repr("renamed"))
        assert (len(answers), repr(answers)) == (7, told)


def test_a_photo_that_cannot_be_read_is_told_and_left(home: Path, photos: Path) -> None:
    own = settings(home, data_key=KEY)
    with small_service(own) as service:
        use(service, photos)
        (damaged, *_) = sorted(service.photos.folder.glob("??/*"))
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
        with pytest.raises(StoreError, match="damaged or was changed"):
            service.photos.read(damaged.name)
        left = damaged.read_bytes()
        done = rotate(service.catalogue, home, None)
        assert (done.photos, done.unreadable) == (35, 1)
        assert damaged.read_bytes() == left
        assert lying_otherwise(service.catalogue, home).photos == 1


def test_a_photo_that_is_nobodys_any_more_does_not_come_back(home: Path, photos: Path) -> None:
    with small_service(settings(home)) as service:
        use(service, photos)
        kept = service.photos
        sha256 = kept.kept()[0]
        data = kept.read(sha256)
        service.remove_photo(sha256)
        assert data is not None
        kept.keep(sha256, data)  # as one that is written anew while it is erased
    with open_catalogue(settings(home, data_key=KEY), check_key=False) as catalogue:
        encrypt(catalogue, home)
    assert sha256 not in kept.kept()


def test_a_receipt_looks_for_what_lay_encrypted_as_well(home: Path, photos: Path) -> None:
    with small_service(settings(home, data_key=KEY)) as service:
        use(service, photos)
        name = "person 003"
        faces = [face.id for face in service.catalogue.faces_of(
            service.catalogue.person(service.collection.id, name).id)]  # fmt: skip
        (stored, *_) = service.catalogue.stored_vectors(faces)
        left = home / "a copy of a row"
        left.write_bytes(b"before" + stored + b"after")
        receipt = forget_with_receipt(service, name, home)
        assert receipt.traces == [left.name]
        left.unlink()
        assert forget_with_receipt(service, "person 004", home).clean


def test_two_keys_or_a_wrong_one_are_refused_before_anything_is_made(home: Path) -> None:
    for values in (
        {"data_key": KEY, "data_key_file": home / "key"},
        {"data_key": "secret"},
        {"data_key_file": home / "missing"},
    ):
        with pytest.raises(SettingInvalid):
            open_catalogue(settings(home, **values))
        assert not (home / "catalogue.db").exists()


def test_a_key_in_a_file_does_as_one_in_the_environment(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_key_file(file)
    with open_catalogue(settings(home, data_key_file=file)) as catalogue:
        assert catalogue.encryptor.active() is not None
    text = file.read_text()
    file.unlink()
    with open_catalogue(settings(home, data_key=text)) as catalogue:
        assert catalogue.encryptor.active() is not None


WITHOUT_CRYPTOGRAPHY = """
import sys
sys.modules["cryptography"] = None
from pathlib import Path
from retrieval.building import open_catalogue
from retrieval.errors import SettingInvalid
from retrieval.settings import Settings

open_catalogue(Settings(home=Path(sys.argv[1]))).close()
try:
    open_catalogue(Settings(home=Path(sys.argv[1]), data_key="01" * 32))
except SettingInvalid as error:
    print(error)
"""


def test_without_cryptography_only_encryption_is_missing(home: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_CRYPTOGRAPHY, str(home)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
        env={key: value for key, value in os.environ.items() if "ROLLCALL" not in key},
    )
    assert "install rollcall[encryption]" in found.stdout
