import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.errors import NoFace, NotFound, SeveralFaces
from retrieval.faces.quality import assess, cut_off, dominant, sharpness, yaw_deg
from retrieval.faces.yunet import YuNet
from retrieval.photos.decode import decode
from retrieval.values import Detections, Floats, Pixels

FRONTAL = np.array([[30, 40], [70, 40], [50, 62], [35, 80], [65, 80]], np.float32)


def one_face(landmarks: Floats = FRONTAL, box: tuple[float, ...] = (0, 0, 100, 120)) -> Detections:
    boxes = np.array([box], np.float32)
    return Detections(boxes, landmarks[None].astype(np.float32), np.ones(1, np.float32))


def head(yaw: float, pitch: float = 0, roll: float = 0) -> Floats:
    """Landmarks of a head of average measures (mm), turned by degrees and seen from far away."""
    points = np.array(
        [[-31.5, -35, 0], [31.5, -35, 0], [0, 0, 39], [-25, 35, 5], [25, 35, 5]], np.float64
    )
    for axis, degrees in ((1, yaw), (0, pitch), (2, roll)):
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        first, second = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[[first, first, second, second], [first, second, first, second]] = cos, sin, -sin, cos
        points = points @ turn.T
    return (points[:, :2] + 100).astype(np.float32)


@pytest.mark.parametrize("yaw", [-70, -40, -15, 0, 10, 30, 60])
@pytest.mark.parametrize("roll", [0, 30, -80])
def test_yaw_is_estimated_from_landmarks_whatever_the_roll(yaw: float, roll: float) -> None:
    assert yaw_deg(head(yaw, roll=roll)[None]).item() == pytest.approx(abs(yaw), abs=6)


@pytest.mark.parametrize("pitch", [-20, 20])
def test_a_nod_is_no_turn(pitch: float) -> None:
    assert yaw_deg(head(0, pitch=pitch)[None]).item() < 1


def test_landmarks_in_one_point_have_a_yaw() -> None:
    assert np.isfinite(yaw_deg(np.zeros((1, 5, 2), np.float32))).all()


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((0, 0, 100, 50), 0.0),
        ((-50, 0, 100, 50), 0.5),
        ((150, 50, 100, 100), 0.75),
        ((300, 0, 10, 10), 1.0),
        ((0, 0, 0, 0), 1.0),
    ],
)
def test_the_share_of_a_box_outside_of_the_photo(box: tuple[float, ...], share: float) -> None:
    boxes = np.array([box], np.float32)
    assert cut_off(boxes, 200, 100).item() == pytest.approx(share)


def noise(sigma: float) -> Pixels:
    """Blurred grain of full contrast."""
    grain = np.random.default_rng(0).uniform(0, 1, (120, 100, 1)).astype(np.float32)
    soft = cv2.normalize(cv2.GaussianBlur(grain, (0, 0), sigma), None, 0, 255, cv2.NORM_MINMAX)
    return np.repeat(soft[:, :, None], 3, axis=2).round().astype(np.uint8)


def test_sharpness_falls_with_blur_and_not_with_contrast() -> None:
    sharp, softer, soft = (sharpness(noise(s), FRONTAL[None]).item() for s in (1, 2, 4))
    assert sharp > 2 * softer > 4 * soft
    pale = (noise(1) // 2 + 60).astype(np.uint8)
    assert sharpness(pale, FRONTAL[None]).item() == pytest.approx(sharp, rel=0.1)


@pytest.mark.parametrize(
    ("pixels", "face", "scale", "reason"),
    [
        (noise(1), one_face(), 1.0, None),
        (noise(1), one_face(box=(0, 0, 18, 25)), 1.0, "too small: 18 px, at least 24 are needed"),
        (noise(1), one_face(box=(0, 0, 18, 25)), 2.0, None),  # of a photo decoded at half size
        (noise(1), one_face(box=(-50, 0, 100, 120)), 1.0, "cut off: 50%"),
        (noise(1), one_face(head(65) - 50), 1.0, "turned away: about 6[0-9] degrees"),
        (noise(9), one_face(), 1.0, "blurred: sharpness [0-5], at least 6 is needed"),
        (np.full((120, 100, 3), 90, np.uint8), one_face(), 1.0, "blurred"),
    ],
)
def test_each_fault_has_its_reason(
    pixels: Pixels, face: Detections, scale: float, reason: str | None
) -> None:
    found = assess(pixels, face, scale=scale, min_face_px=24)
    if reason is None:
        assert found.reasons == (None,)
    else:
        assert found.reasons[0] is not None
        assert re.match(reason, found.reasons[0])


def test_no_face_has_no_quality() -> None:
    assert len(assess(noise(1), Detections.none(), scale=1.0, min_face_px=24)) == 0


def test_every_real_face_is_usable(people_dir: Path, orl_dir: Path, yunet_file: Path) -> None:
    detector = YuNet(yunet_file)
    photos = [*people_dir.rglob("*.jpg"), *orl_dir.glob("s*/1.pgm")]
    assert photos
    for path in photos:
        photo = decode(path, working_px=None, max_pixels=10**8, max_bytes=10**8)
        found = assess(
            photo.pixels, detector.detect(photo.pixels), scale=photo.scale, min_face_px=8
        )
        assert set(found.reasons) == {None}, path


def test_a_blurred_real_face_is_called_blurred(people_dir: Path, yunet_file: Path) -> None:
    path = people_dir / "employees" / "family2-lady" / "1.jpg"
    photo = decode(path, working_px=None, max_pixels=10**8, max_bytes=10**8)
    faces = YuNet(yunet_file).detect(photo.pixels)
    soft = cv2.GaussianBlur(photo.pixels, (0, 0), 0.06 * float(faces.boxes[0, 2]))
    found = assess(np.asarray(soft, np.uint8), faces, scale=1.0, min_face_px=24)
    assert found.reasons[0] is not None
    assert found.reasons[0].startswith("blurred")


def squares(*sides_at: tuple[float, float]) -> Floats:
    """Boxes: (side, left edge) each."""
    return np.array([(x, 0, side, side) for side, x in sides_at], np.float32).reshape(-1, 4)


def test_a_single_face_is_dominant() -> None:
    assert dominant(squares((10, 0)), name="") == 0


def test_the_largest_face_is_dominant_when_it_has_twice_the_area_of_the_next() -> None:
    assert dominant(squares((10, 50), (14.2, 0), (3, 90)), name="") == 1


def test_without_a_dominant_face_the_photo_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        SeveralFaces,
        match=r"ann\.jpg: 3 faces .* 1\.9 times .* 2 times .* number from 1 to 3.*: --face N",
    ):
        dominant(squares((10, 50), (13.8, 0), (3, 90)), name="ann.jpg")


def test_a_photo_without_a_face_is_refused() -> None:
    with pytest.raises(NoFace, match=r"ann\.jpg: no face"):
        dominant(squares(), name="ann.jpg")


def test_the_user_names_a_face_by_its_number() -> None:
    boxes = squares((10, 0), (30, 40), (10, 90))
    assert [dominant(boxes, name="", chosen=number) for number in (1, 2, 3)] == [0, 1, 2]


@pytest.mark.parametrize("chosen", [0, -1, 3])
def test_a_number_that_no_face_has_is_refused(chosen: int) -> None:
    with pytest.raises(NotFound, match=f"number {chosen}; 2 found"):
        dominant(squares((10, 0), (10, 50)), name="", chosen=chosen)
