"""Bad input gets a clear error, the right exit code, and never stops the rest of a batch."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from typer.testing import Result

from retrieval.building import build_service
from retrieval.catalogue.catalogue import Catalogue
from retrieval.collection.enrolments import EnrolItem
from retrieval.photos.folders import photos_below
from retrieval.settings import Settings
from tests.cli.running import document, rollcall

Make = Callable[[Image.Image, Path], None]


@pytest.fixture
def portrait(samples: Path) -> Image.Image:
    with Image.open(samples / "employees" / "Grace Hopper" / "1.jpg") as photo:
        return photo.convert("RGB")


@pytest.fixture
def good(samples: Path) -> Path:
    return samples / "employees" / "Grace Hopper" / "2.jpg"


def _enrol_beside_a_good_one(
    home: Path, folder: Path, good: Path, name: str, write: Callable[[Path], object], **env: str
) -> Result:
    person = folder / "Grace Hopper"
    person.mkdir(parents=True)
    (person / "good.jpg").write_bytes(good.read_bytes())
    write(person / name)
    return rollcall(home, "enroll", folder, "--json", **env)


def _save_truncated(portrait: Image.Image, path: Path) -> None:
    portrait.save(path, quality=92)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _save_noise(portrait: Image.Image, path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def _save_twice(portrait: Image.Image, path: Path) -> None:
    both = Image.new("RGB", (portrait.width * 2, portrait.height))
    both.paste(portrait, (0, 0))
    both.paste(portrait, (portrait.width, 0))
    both.save(path)


def _save_tiny_face(portrait: Image.Image, path: Path) -> None:
    small = portrait.resize((portrait.width // 16, portrait.height // 16))
    wide = Image.new("RGB", (640, 480), "gray")
    wide.paste(small, (300, 200))
    wide.save(path)


REJECTED: list[tuple[str, str, Make, str, str]] = [
    # what, file name, how it is made, code, a part of the message
    ("not a photo", "a.jpg", lambda _, p: p.write_text("hello"), "unreadable", "format"),
    ("empty", "b.jpg", lambda _, p: p.write_bytes(b""), "unreadable", "empty"),
    ("truncated", "c.jpg", _save_truncated, "unreadable", "damaged or incomplete"),
    ("no face", "d.png", _save_noise, "no-face", "no face was found"),
    ("two faces alike", "e.png", _save_twice, "several-faces", "which face is meant"),
]


@pytest.mark.parametrize(
    ("name", "make", "code", "part"), [row[1:] for row in REJECTED], ids=[r[0] for r in REJECTED]
)
def test_a_bad_photo_is_rejected_with_its_reason_and_the_others_are_taken(
    home: Path, tmp_path: Path, good: Path, portrait: Image.Image,
    name: str, make: Make, code: str, part: str,
) -> None:  # fmt: skip
    result = _enrol_beside_a_good_one(
        home, tmp_path / "people", good, name, lambda path: make(portrait, path)
    )
    found = document(result)
    assert result.exit_code == 1
    assert found["enrolled"] == 1
    (rejected,) = found["rejected"]
    assert rejected["reason"] == code
    assert part in rejected["message"]
    assert rejected["photo"].endswith(name)


def test_an_enormous_photo_is_refused_before_it_is_decoded(
    home: Path, tmp_path: Path, good: Path
) -> None:
    result = _enrol_beside_a_good_one(
        home,
        tmp_path / "people",
        good,
        "bomb.png",
        lambda path: Image.new("1", (30_000, 30_000)).save(path),
    )
    (rejected,) = document(result)["rejected"]
    assert (result.exit_code, rejected["reason"]) == (1, "too-large")
    assert "30000 x 30000" in rejected["message"]
    assert document(result)["enrolled"] == 1


def _save_16_bit(portrait: Image.Image, path: Path) -> None:
    grey = np.asarray(portrait.convert("L"), np.uint16) * 257
    Image.fromarray(grey).save(path)


def _save_animated(portrait: Image.Image, path: Path) -> None:
    portrait.save(path, save_all=True, append_images=[portrait.rotate(180)], duration=100)


def _save_rotated(portrait: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    portrait.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def _save_heic(portrait: Image.Image, path: Path) -> None:
    pillow_heif.from_pillow(portrait).save(str(path))


TAKEN: list[tuple[str, str, Make]] = [
    ("grey", "grey.png", lambda photo, path: photo.convert("L").save(path)),
    ("16 bits", "deep.png", _save_16_bit),
    ("CMYK", "print.jpg", lambda photo, path: photo.convert("CMYK").save(path)),
    ("transparent", "alpha.png", lambda photo, path: photo.convert("RGBA").save(path)),
    ("animated", "moving.gif", _save_animated),
    ("HEIC", "phone.heic", _save_heic),
    ("EXIF rotation", "turned.jpg", _save_rotated),
    ("odd file name", "фото 'é' 照片 😀.jpg", lambda photo, path: photo.save(path)),
]


@pytest.mark.parametrize(
    ("name", "make"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN]
)
def test_every_kind_of_photo_is_taken_and_its_face_is_named(
    home: Path, tmp_path: Path, good: Path, portrait: Image.Image, name: str, make: Make
) -> None:
    result = _enrol_beside_a_good_one(
        home, tmp_path / "people", good, name, lambda path: make(portrait, path)
    )
    assert (result.exit_code, document(result)["enrolled"]) == (0, 2), result.output
    again = rollcall(home, "identify", tmp_path / "people" / "Grace Hopper" / name, "--json")
    (photo,) = document(again)["photos"]
    assert [face["person"] for face in photo["faces"]] == ["Grace Hopper"]


def test_a_face_that_is_too_small_is_rejected_as_unusable(
    home: Path, tmp_path: Path, good: Path, portrait: Image.Image
) -> None:
    folder = tmp_path / "people"
    result = _enrol_beside_a_good_one(
        home, folder, good, "small.png",
        lambda path: _save_tiny_face(portrait, path), ROLLCALL_MIN_FACE_PX="60",
    )  # fmt: skip
    (rejected,) = document(result)["rejected"]
    assert rejected["reason"] in ("unusable-face", "no-face")
    assert document(result)["enrolled"] == 1


def test_the_meant_face_of_several_can_be_named_by_its_number(
    home: Path, tmp_path: Path, portrait: Image.Image
) -> None:
    photo = tmp_path / "both.png"
    _save_twice(portrait, photo)
    words = ("enroll", photo, "--person", "Grace", "--json")
    assert document(rollcall(home, *words))["rejected"][0]["reason"] == "several-faces"
    assert document(rollcall(home, *words, "--face", 2))["enrolled"] == 1
    beyond = tmp_path / "other.png"
    portrait.save(beyond)
    result = rollcall(home, "enroll", beyond, "--person", "Grace", "--face", 7, "--json")
    assert result.exit_code == 1
    assert "7" in document(result)["rejected"][0]["message"]


def test_the_meant_face_of_several_can_be_given_by_its_box(
    home: Path, tmp_path: Path, portrait: Image.Image, good: Path
) -> None:
    photo = tmp_path / "both.png"
    _save_twice(portrait, photo)
    assert rollcall(home, "enroll", good, "--person", "Grace").exit_code == 0
    (asked,) = document(rollcall(home, "identify", photo, "--json"))["photos"]
    box = ",".join(str(round(side)) for side in asked["faces"][1]["box"])
    words = ("enroll", photo, "--person", "Grace", "--json")
    for wrong in (("--box", box, "--face", 1), ("--box", "1,2,3")):
        assert rollcall(home, *words, *wrong).exit_code == 2
    corner = document(rollcall(home, *words, "--box", "0,0,20,20"))
    assert [each["reason"] for each in corner["rejected"]] == ["no-face"]
    assert document(rollcall(home, *words, "--box", box))["enrolled"] == 1
    (person,) = document(rollcall(home, "people", "list", "--json"))["people"]
    assert person["photos"] == 2


@pytest.mark.parametrize("name", ["Zoë O'Brien", "张伟", "ألف", "a;DROP TABLE people", "[bold]x"])
def test_names_with_odd_characters_are_taken_as_they_are(home: Path, good: Path, name: str) -> None:
    assert rollcall(home, "enroll", good, "--person", name).exit_code == 0
    (person,) = document(rollcall(home, "people", "list", "--json"))["people"]
    assert person["person"] == name
    shown = rollcall(home, "people", "list")
    assert name in shown.stdout


def test_a_name_that_cannot_be_shown_is_rejected_and_the_rest_is_taken(
    home: Path, tmp_path: Path, good: Path
) -> None:
    for name in ("Grace", "bad\x07bell"):
        (tmp_path / "people" / name).mkdir(parents=True)
        (tmp_path / "people" / name / "1.jpg").write_bytes(good.read_bytes() + name.encode())
    result = rollcall(home, "enroll", tmp_path / "people", "--json")
    found = document(result)
    assert (result.exit_code, found["enrolled"]) == (1, 1)
    assert found["rejected"][0]["reason"] == "name"


def test_the_same_photo_under_two_people_is_reported_not_taken(
    home: Path, tmp_path: Path, good: Path
) -> None:
    for name in ("Ada", "Grace"):
        (tmp_path / "people" / name).mkdir(parents=True)
        (tmp_path / "people" / name / "1.jpg").write_bytes(good.read_bytes())
    result = rollcall(home, "enroll", tmp_path / "people", "--json")
    found = document(result)
    assert (result.exit_code, found["enrolled"]) == (1, 1)
    assert found["rejected"][0]["reason"] == "other-person"
    assert "Ada" in found["rejected"][0]["message"]


def test_a_face_that_is_enrolled_as_a_part_is_nobody_elses_as_a_whole(
    home: Path, tmp_path: Path, portrait: Image.Image
) -> None:
    photo = tmp_path / "both.png"
    _save_twice(portrait, photo)
    assert rollcall(home, "enroll", photo, "--face", "1=Ann").exit_code == 0
    with Catalogue.open(home / "catalogue.db") as catalogue:
        (face,) = catalogue.photos(1)
    x, y, width, height = face.box
    around = (x - width * 0.3, max(y - height * 0.3, 0), width * 1.6, height * 1.6)
    drawn = ",".join(f"{side:.0f}" for side in around)
    for which in (("--face", 1), ("--box", drawn), ()):
        told = document(rollcall(home, "enroll", photo, "--person", "Bob", *which, "--json"))
        (rejected,) = told["rejected"]
        assert (told["enrolled"], rejected["reason"]) == (0, "other-person"), which
        assert "'Ann'" in rejected["message"]
    known = document(rollcall(home, "enroll", photo, "--person", "Ann", "--json"))
    assert (known["enrolled"], known["known"]) == (0, 1)
    other = document(rollcall(home, "enroll", photo, "--person", "Bob", "--face", 2, "--json"))
    assert other["enrolled"] == 1
    with Catalogue.open(home / "catalogue.db") as catalogue:
        assert sorted(face.person for face in catalogue.photos(1)) == ["Ann", "Bob"]
    assert rollcall(home, "photos", "remove", face.photo_sha256[:12], "--yes").exit_code == 2


USAGE = [
    (("enroll", "{missing}"), 2, "does not exist"),
    (("enroll", "{photo}"), 2, "--person"),
    (("enroll", "{empty}"), 2, "No photos found"),
    (("people", "show", "Nobody"), 2, "Nobody"),
    (("people", "delete", "Grace Hoper", "--yes"), 2, "Grace Hopper"),
    (("people", "delete", "Grace Hopper"), 2, "--yes"),
    (("identify", "{photo}", "--collection", "nowhere"), 2, "nowhere"),
    (("verify", "{photo}", "Nobody"), 2, "Nobody"),
    (("collections", "delete", "nowhere", "--yes"), 2, "nowhere"),
]


@pytest.mark.parametrize(("words", "code", "part"), USAGE, ids=[" ".join(r[0]) for r in USAGE])
def test_wrong_usage_says_what_was_found_and_what_to_do(
    home: Path, tmp_path: Path, good: Path, words: tuple[str, ...], code: int, part: str
) -> None:
    rollcall(home, "enroll", good, "--person", "Grace Hopper")
    (tmp_path / "empty").mkdir()
    places = {"missing": tmp_path / "missing", "photo": good, "empty": tmp_path / "empty"}
    result = rollcall(home, *(word.format(**places) for word in words), "--json")
    assert result.exit_code == code
    assert part in document(result)["error"]["message"]
    assert part in result.stderr


def test_a_setting_without_meaning_is_named(home: Path) -> None:
    result = rollcall(home, "people", "list", ROLLCALL_THREADS="many")
    assert result.exit_code == 2
    assert "ROLLCALL_THREADS" in result.stderr
    assert "many" in result.stderr


def test_a_photo_that_cannot_be_read_is_an_error_in_its_place(
    home: Path, tmp_path: Path, samples: Path
) -> None:
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    result = rollcall(home, "identify", bad, samples / "queries" / "group.jpg", "--json")
    first, second = document(result)["photos"]
    assert result.exit_code == 1
    assert "format" in first["error"]
    assert {face["person"] for face in second["faces"]} == {"Grace Hopper", None}


def test_a_catalogue_that_is_none_is_refused_and_left_alone(home: Path) -> None:
    (home / "catalogue.db").write_text("my diary")
    result = rollcall(home, "people", "list")
    assert result.exit_code == 4
    assert "catalogue" in result.stderr
    assert (home / "catalogue.db").read_text() == "my diary"


def test_a_damaged_model_is_a_model_error(home: Path, good: Path) -> None:
    (home / "models").unlink()
    assert rollcall(home, "enroll", good, "--person", "Grace").exit_code == 0
    (model,) = (home / "models" / "dlib-resnet").glob("*int8*.onnx")
    data = bytearray(model.read_bytes())
    data[random.Random(0).randrange(len(data))] ^= 1
    model.write_bytes(data)
    result = rollcall(home, "doctor")
    assert result.exit_code == 3
    assert "dlib-resnet" in result.stdout


def test_a_full_disk_is_a_store_error_and_the_catalogue_opens_afterwards(
    tmp_path: Path, models_home: Path, samples: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        (disk / "models").symlink_to(models_home / "models")
        (disk / "ballast").write_bytes(b"")
        assert rollcall(disk, "collections", "create", "default").exit_code == 0
        free = os.statvfs(disk)
        (disk / "ballast").write_bytes(b"0" * (free.f_bavail * free.f_frsize))
        result = rollcall(disk, "enroll", samples / "employees")
        assert result.exit_code == 4
        assert "space" in result.stderr
        (disk / "ballast").unlink()
        assert rollcall(disk, "enroll", samples / "employees").exit_code == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_photo_that_vanishes_during_the_run_is_rejected_and_the_others_are_taken(
    home: Path, tmp_path: Path, samples: Path
) -> None:
    folder = shutil.copytree(samples / "employees" / "Grace Hopper", tmp_path / "Grace")

    def while_it_changes() -> Iterator[EnrolItem]:
        for photo in photos_below(folder):
            yield EnrolItem("Grace", str(photo), photo)
            if photo.name == "2.jpg":
                photo.unlink()
                (folder / "new.jpg").write_bytes(b"half a copy")

    with build_service(Settings(home=home)) as service:
        results = {Path(result.photo).name: result for result in service.enrol(while_it_changes())}
    assert {name for name, result in results.items() if result.outcome == "enrolled"} == {
        "1.jpg", "3.jpg", "4.jpg",
    }  # fmt: skip
    assert results["2.jpg"].code == "unreadable"
    assert "no such file" in str(results["2.jpg"].message)


def test_what_is_no_folder_is_not_watched_and_not_said_to_be(home: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    for name, told in (("gone", "There is no folder"), ("photo.jpg", "photo.jpg is no folder")):
        answer = rollcall(home, "watch", tmp_path / name, "--enroll", "--once")
        assert answer.exit_code == 2
        assert told in answer.stderr
        assert "watching" not in answer.stderr
