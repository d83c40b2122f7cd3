"""How a camera moved is told by what most of the picture did, not by who moves before it."""

import cv2
import numpy as np
import pytest

from retrieval.photos.camera_motion import STANDS, CameraMotion

WIDTH, HEIGHT = 640, 360


def noise(seed, side_px=12):
    """A world (720, 1280, 3) of blotches."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (720 // side_px, 1280 // side_px), np.uint8)
    fine = cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC)
    return np.repeat(fine[..., None], 3, axis=2)


def seen(world, motion):
    """What a camera sees of a world that `motion` (2, 3) moves."""
    onto = np.float32([[1, 0, -320], [0, 1, -180]])
    onto[:, 2] = motion[:, :2] @ onto[:, 2] + motion[:, 2]
    onto[:, :2] = motion[:, :2]
    return cv2.warpAffine(world, onto, (WIDTH, HEIGHT))


def similarity(x, y, zoom=1.0, roll_deg=0.0):
    motion = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), roll_deg, zoom)
    motion[:, 2] += x, y
    return motion


@pytest.mark.parametrize(
    "motion",
    [
        similarity(40, 0),
        similarity(-200, 30),  # a third of the width
        similarity(10, -90),
        similarity(0, 0, zoom=1.1),
        similarity(-30, 20, zoom=0.95, roll_deg=3),
    ],
)
def test_a_camera_that_pans_zooms_and_turns(motion):
    camera = CameraMotion()
    assert camera.moved(seen(noise(1), similarity(0, 0))) is STANDS
    found = camera.moved(seen(noise(1), motion))
    corners = np.float32([[0, 0, 1], [WIDTH, 0, 1], [0, HEIGHT, 1], [WIDTH, HEIGHT, 1]])
    assert np.abs(corners @ found.T - corners @ motion.T).max() < 6


def test_people_who_walk_before_a_wall_are_no_motion_of_the_camera():
    shade = np.linspace(100, 150, WIDTH).astype(np.uint8)[None, :, None]
    wall = np.repeat(np.repeat(shade, HEIGHT, axis=0), 3, axis=2)
    camera, people = CameraMotion(), noise(2, side_px=6)
    for step in range(4):
        picture = wall.copy()
        for row, speed in ((20, 25), (140, 25), (260, -40)):
            left = 300 + step * speed
            picture[row : row + 80, left : left + 80] = people[row : row + 80, :80]
        assert camera.moved(picture) is STANDS


def test_another_scene_says_nothing_and_a_fast_pan_is_no_cut():
    camera = CameraMotion()
    camera.moved(seen(noise(1), similarity(0, 0)))
    assert camera.moved(seen(noise(3), similarity(0, 0))) is None
    assert camera.moved(seen(noise(3), similarity(0, 0)), cut=True) is None
    assert camera.moved(seen(noise(3), similarity(-90, 0)), cut=True) is not None
