import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.faces.align import chips, cut, inverted, similarity
from retrieval.values import Alignment, Floats

TEMPLATE = np.array([[50, 60], [100, 60], [75, 85], [55, 110], [95, 110]], np.float32)


def moved(points: Floats, turn: float, scale: float, shift: tuple[float, float]) -> Floats:
    """Points (5, 2) turned (radians), scaled and shifted."""
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = scale * np.array([[cos, -sin], [sin, cos]])
    return (points @ matrix.T + shift).astype(np.float32)


def applied(transforms: Floats, points: Floats) -> Floats:
    return np.einsum("nij,nkj->nki", transforms[:, :, :2], points) + transforms[:, None, :, 2]


def by_singular_values(found: Floats, wanted: Floats) -> Floats:
    """Umeyama's algorithm as published, one face at a time: the oracle."""
    found_centre, wanted_centre = found.mean(axis=0), wanted.mean(axis=0)
    spread, target = found - found_centre, wanted - wanted_centre
    left, singular, right = np.linalg.svd(target.T @ spread / len(found))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    turn = left @ np.diag(signs) @ right
    scale = (singular * signs).sum() / spread.var(axis=0).sum()
    return np.column_stack([scale * turn, wanted_centre - scale * turn @ found_centre])


def test_landmarks_of_a_moved_template_come_back_to_it() -> None:
    places = [
        (0.0, 1.0, (0, 0)),
        (0.7, 0.3, (900, 20)),
        (-2.5, 4.0, (-40, 700)),
        (3.1, 1.0, (5, 5)),
    ]
    landmarks = np.stack([moved(TEMPLATE, *place) for place in places])
    back = applied(similarity(landmarks, TEMPLATE), landmarks)
    np.testing.assert_allclose(back, np.broadcast_to(TEMPLATE, back.shape), atol=1e-2)


@given(st.integers(0, 10**6))
def test_the_transform_is_umeyamas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    landmarks = (TEMPLATE * rng.uniform(0.2, 5) + rng.normal(0, 8, (3, 5, 2))).astype(np.float32)
    wanted = np.stack([by_singular_values(face, TEMPLATE) for face in landmarks])
    np.testing.assert_allclose(similarity(landmarks, TEMPLATE), wanted, rtol=1e-3, atol=1e-2)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    mirrored = (TEMPLATE * [-1, 1] + [150, 0]).astype(np.float32)[None]
    assert np.linalg.det(similarity(mirrored, TEMPLATE)[0, :, :2]) > 0


def test_the_inverse_leads_back() -> None:
    landmarks = np.stack([moved(TEMPLATE, 0.4, 3.0, (10, 20)), moved(TEMPLATE, 0, 1, (0, 0))])
    there = similarity(landmarks, TEMPLATE)
    np.testing.assert_allclose(
        applied(inverted(there), applied(there, landmarks)), landmarks, atol=1e-2
    )


def test_landmarks_in_one_point_give_a_chip_all_the_same() -> None:
    landmarks = np.full((1, 5, 2), 7, np.float32)
    assert chips(np.zeros((20, 20, 3), np.uint8), landmarks, TEMPLATE, 150).shape == (
        1,
        150,
        150,
        3,
    )


def test_no_face_gives_no_chip() -> None:
    none = np.zeros((0, 5, 2), np.float32)
    assert chips(np.zeros((20, 20, 3), np.uint8), none, TEMPLATE, 150).shape == (0, 150, 150, 3)


def test_landmarks_of_another_number_than_the_templates_are_refused() -> None:
    with pytest.raises(ValueError, match="template"):
        similarity(np.zeros((1, 5, 2), np.float32), TEMPLATE[:4])


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0, 9.0])
@pytest.mark.parametrize("turn", [0.0, 0.5, -1.5])
def test_the_landmarks_of_a_picture_lie_in_the_chip_where_the_template_says(
    scale: float, turn: float
) -> None:
    landmarks = moved(TEMPLATE - [75, 85], turn, scale, (1000, 900))
    pixels = np.zeros((1800, 2000, 3), np.uint8)
    for point in landmarks:
        cv2.circle(pixels, tuple(map(round, point.tolist())), round(6 * scale) + 1, (255,) * 3, -1)
    (chip,) = chips(pixels, landmarks[None], TEMPLATE, 150)
    _, labels = cv2.threshold(chip[:, :, 0], 127, 255, cv2.THRESH_BINARY)
    _, _, _, centres = cv2.connectedComponentsWithStats(labels)
    found = centres[1:][np.lexsort((centres[1:, 0], np.round(centres[1:, 1] / 10)))]
    np.testing.assert_allclose(found, TEMPLATE, atol=1.3)


def test_a_chip_of_another_aspect_shows_more_in_height() -> None:
    landmarks = moved(TEMPLATE * [1, 1.3] - [75, 100], 0.5, 2.0, (700, 700))
    pixels = np.zeros((1400, 1400, 3), np.uint8)
    for point in landmarks:
        cv2.circle(pixels, tuple(map(round, point.tolist())), 9, (255,) * 3, -1)
    (chip,) = chips(pixels, landmarks[None], TEMPLATE, 150, aspect=1.3)
    found = [chip[round(y), round(x), 0] for x, y in TEMPLATE.tolist()]
    assert found == [255] * 5
    assert np.mean(chip > 127) < 0.05


def test_chips_of_several_alignments_lie_side_by_side() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    ways = [Alignment(TEMPLATE, 150), Alignment(TEMPLATE / 2, 75, 1.3)]
    both = cut(pixels, TEMPLATE[None], ways)
    first, second = (chips(pixels, TEMPLATE[None], w.template, w.chip_px, w.aspect) for w in ways)
    np.testing.assert_array_equal(both, np.concatenate([first.ravel(), second.ravel()])[None])
    np.testing.assert_array_equal(cut(pixels, TEMPLATE[None], ways[:1]), first)


def test_the_callers_arrays_are_not_changed() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    landmarks, before = TEMPLATE[None].copy(), pixels.copy()
    pixels.setflags(write=False)
    landmarks.setflags(write=False)
    chips(pixels, landmarks, TEMPLATE, 150)
    np.testing.assert_array_equal(pixels, before)
