"""Photos with several faces: the one that the person's other photos show as well is meant."""

import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.building import build_service
from retrieval.catalogue.records import Collection
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.pipeline import Pipeline
from retrieval.faces.finder import Finder
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Detections, Gate, Pixels
from tests.api.painted import (
    BLUE,
    RED,
    ColourEmbedder,
    PaintedParts,
    SquareDetector,
    catalogue_of,
    paint,
)
from tests.cli.running import document, rollcall

PHOTOS = 5


@pytest.fixture
def lfw(lfw_dir: Path) -> dict[str, list[Path]]:
    found = {each.name: sorted(each.glob("*.jpg")) for each in sorted(lfw_dir.iterdir())}
    return {name: photos for name, photos in found.items() if len(photos) >= PHOTOS}


def beside(left: Path, right: Path, to: Path) -> Path:
    with Image.open(left) as one, Image.open(right) as other:
        both = Image.new("RGB", (one.width + other.width, one.height))
        both.paste(one.convert("RGB"), (0, 0))
        both.paste(other.convert("RGB"), (one.width, 0))
    both.save(to)
    return to


def test_the_face_that_a_persons_other_photos_show_is_taken_and_said(
    home: Path, tmp_path: Path, lfw: dict[str, list[Path]]
) -> None:
    (ann, hers), (_, his) = list(lfw.items())[3:5]
    both = beside(his[0], hers[2], tmp_path / "both.png")
    items = [EnrolItem(ann, str(path), path) for path in (hers[0], hers[1], both)]
    with build_service(Settings(home=home, detector="mtcnn")) as service:
        results = list(service.enrol(items))
        assert [each.outcome for each in results] == ["enrolled"] * 3
        assert results[2].remark is not None
        assert "Of 2 faces number 2 was taken" in results[2].remark
        (face,) = service.catalogue.faces([results[2].face_id or 0]).values()
        assert face.box[0] > 250, "the right one"


def test_a_photo_of_two_stays_unclear_where_no_other_photo_says_who_is_meant(
    home: Path, tmp_path: Path, lfw: dict[str, list[Path]]
) -> None:
    (ann, hers), (_, his) = list(lfw.items())[3:5]
    couple = [
        beside(his[number], hers[number], tmp_path / f"both{number}.png") for number in range(3)
    ]
    with build_service(Settings(home=home, detector="mtcnn")) as service:
        results = list(service.enrol(EnrolItem(ann, str(path), path) for path in couple))
    assert [each.code for each in results] == ["several-faces"] * 3


def test_a_photo_of_two_is_looked_at_once_whether_another_photo_says_who_is_meant_or_not(
    tmp_path: Path,
) -> None:
    looks = []

    class Counting(SquareDetector):
        def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
            looks.append(pixels.shape)
            return super().detect(pixels, longest_px=longest_px)

    class Parts(PaintedParts):
        def pipeline(self, collection: Collection) -> Pipeline:
            limits = {"max_pixels": 10**7, "max_bytes": 10**7, "min_face_px": 24}
            finder = Finder(Counting(), any_light=False)
            return Pipeline(finder, ColourEmbedder(), threads=1, **limits)

        def gate(self, collection: Collection) -> Gate:
            return replace(super().gate(collection), unlike=0.5)

    settings = Settings(home=tmp_path)
    with Service(catalogue_of(settings), Parts(settings), "default") as service:
        service.ensure_collection()
        couple = EnrolItem("Ann", "couple", paint(RED, BLUE))
        assert [each.code for each in service.enrol([couple])] == ["several-faces"]
        assert len(looks) == 1
        ann = EnrolItem("Ann", "ann", paint(BLUE, seed=1))
        assert [each.outcome for each in service.enrol([ann, couple])] == ["enrolled"] * 2
        assert len(looks) == 3, "once at each, though Ann's own photo says who is meant"


def test_of_lfw_at_most_one_photo_in_a_hundred_is_rejected_and_no_wrong_face_taken(
    home: Path, lfw: dict[str, list[Path]]
) -> None:
    names = random.Random(1).sample(sorted(lfw), int(os.environ.get("ROLLCALL_LFW_PEOPLE", "20")))
    items = [EnrolItem(name, str(path), path) for name in names for path in lfw[name][:PHOTOS]]
    with build_service(Settings(home=home, detector="mtcnn")) as service:
        results = list(service.enrol(items))
        faces = service.catalogue.faces([each.face_id for each in results if each.face_id])
    boxes = np.array([face.box for face in faces.values()])
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    assert (np.abs(centres - 125) < 60).all(), "LFW's photos are cut around whom they show"
    rejected = [each.photo for each in results if each.code == "several-faces"]
    assert len(rejected) <= max(len(items) / 100, 1), rejected


def test_people_of_a_group_photo_are_enrolled_each_by_their_own_face(
    home: Path, tmp_path: Path, lfw: dict[str, list[Path]]
) -> None:
    (ann, hers), (bob, his) = list(lfw.items())[3:5]
    both = beside(hers[0], his[0], tmp_path / "both.png")
    words = ("enroll", both, "--face", f"1={ann}", "--face", f"2={bob}", "--json")
    assert document(rollcall(home, *words))["enrolled"] == 2
    again = document(rollcall(home, *words))
    assert (again["enrolled"], again["known"]) == (0, 2)
    for photo, whom in ((hers[1], ann), (his[1], bob)):
        told = document(rollcall(home, "verify", photo, whom, "--json"))
        assert told["same"], whom
    told = document(rollcall(home, "verify", both, bob, "--face", "2", "--json"))
    assert told["same"]
    assert not document(rollcall(home, "verify", both, bob, "--face", "1", "--json"))["same"]
    unclear = rollcall(home, "verify", hers[1], both)
    assert unclear.exit_code == 2
    assert f"{both}: 2 faces were found" in " ".join(unclear.stderr.split())
    assert "--other-face N" in unclear.stderr
    for number, same in (("1", True), ("2", False)):
        words = ("verify", hers[1], both, "--other-face", number, "--json")
        assert document(rollcall(home, *words))["same"] is same


def test_of_a_photo_that_is_enrolled_for_one_another_face_is_named_and_the_same_one_is_not(
    home: Path, tmp_path: Path, lfw: dict[str, list[Path]]
) -> None:
    (ann, hers), (bob, his) = list(lfw.items())[3:5]
    both = beside(hers[0], his[1], tmp_path / "both.png")
    told = document(rollcall(home, "enroll", both, "--person", ann, "--face", "1", "--json"))
    assert (told["enrolled"], told["rejected"]) == (1, [])
    named = ("--face", f"1={bob}"), ("--face", f"2={bob}")
    same, other = (document(rollcall(home, "enroll", both, *face, "--json")) for face in named)
    assert same["rejected"][0]["reason"] == "other-person"
    assert f"is enrolled under {ann!r}" in same["rejected"][0]["message"]
    assert (other["enrolled"], other["rejected"]) == (1, [])


@pytest.mark.parametrize(
    "words",
    [["--face", "x=Ann"], ["--face", "1", "--face", "2=Ann"], ["--face", "1=A", "--face", "1=B"]],
)
def test_what_face_means_is_said_where_it_is_mistaken(
    home: Path, tmp_path: Path, words: list[str]
) -> None:
    result = rollcall(home, "enroll", tmp_path / "both.png", *words)
    assert result.exit_code == 2
    assert "--face" in result.stderr
