"""Group photos composed of portraits, seeded: who was at which event is known for certain.

An event has a scene and a circle of people; each of its photos shows some of them, each by another
portrait, before a part of the scene in other light.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from retrieval.errors import PhotoError
from retrieval.photos.decode import decode
from retrieval.values import Ints, Pixels

WIDTH_PX, HEIGHT_PX = 880, 420
FACE_PX = 240  # height of a portrait in the picture
_CIRCLE = 6  # people of an event
_SHOWN = (2, 4)  # people in a photo
_SHAPES = 70  # of a scene
_MARGIN_PX = 60  # of a scene beyond what a photo shows of it


@dataclass(frozen=True, slots=True, eq=False)
class GroupPhoto:
    """A composed picture.

    Attributes:
        pixels: (h, w, 3) RGB uint8.
        event: its number.
        people: (n,) int64, who is shown, ascending.
    """

    pixels: Pixels
    event: int
    people: Ints


def compose(
    portraits: Sequence[Sequence[Pixels]],
    *,
    events: int,
    photos: int,
    skew: float,
    seed: int = 0,
) -> list[GroupPhoto]:
    """Compose the photos of events.

    Args:
        portraits: of each person, RGB, one is taken at random for a photo.
        events: how many.
        photos: of each event.
        skew: 0 where everybody is asked to events equally often; with 1, the n-th person is asked
            with a weight of 1 / n, so that a few are nearly everywhere.
        seed: of everything that is drawn.
    """
    generator = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(portraits) + 1) ** skew
    composed = []
    for event in range(events):
        scene = _scene(generator)
        circle = generator.choice(
            len(portraits), min(_CIRCLE, len(portraits)), replace=False, p=weights / weights.sum()
        )
        for _ in range(photos):
            count = int(generator.integers(_SHOWN[0], _SHOWN[1] + 1))
            shown = generator.permutation(circle)[:count]
            faces = [portraits[p][int(generator.integers(len(portraits[p])))] for p in shown]
            pixels = _photo(scene, faces, generator)
            composed.append(GroupPhoto(pixels, event, np.sort(shown).astype(np.int64)))
    return composed


def read_portraits(
    photos: Sequence[tuple[str, Path]], *, max_pixels: int, max_bytes: int
) -> list[list[Pixels]]:
    """Decode people's portraits, small enough to compose with; unreadable ones are left out.

    Args:
        photos: names and photos.
        max_pixels, max_bytes: limits on one photo.

    Returns:
        the portraits of each person who has any.
    """
    portraits: dict[str, list[Pixels]] = {}
    for name, path in photos:
        try:
            photo = decode(path, working_px=2 * FACE_PX, max_pixels=max_pixels, max_bytes=max_bytes)
        except PhotoError:
            continue
        portraits.setdefault(name, []).append(_fitted(photo.pixels))
    return list(portraits.values())


def _fitted(pixels: Pixels) -> Pixels:
    """A portrait at the height that it has in a group photo, and no wider than its place."""
    height, width = pixels.shape[:2]
    scale = min(FACE_PX / height, WIDTH_PX / _SHOWN[1] / width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    interpolation = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)


def _scene(generator: np.random.Generator) -> Pixels:
    """Shapes of random places, sizes and colours: corners and edges to recognise a place by."""
    height, width = HEIGHT_PX + 2 * _MARGIN_PX, WIDTH_PX + 2 * _MARGIN_PX
    scene = np.full((height, width, 3), generator.integers(60, 200, 3), np.uint8)
    for _ in range(_SHAPES):
        colour = tuple(int(value) for value in generator.integers(0, 256, 3))
        x, y = int(generator.integers(width)), int(generator.integers(height))
        size = int(generator.integers(8, 70))
        if generator.random() < 0.5:
            cv2.rectangle(scene, (x, y), (x + size, y + size // 2), colour, -1)
        else:
            angle = float(generator.uniform(0, 180))
            cv2.ellipse(scene, (x, y), (size, size // 2), angle, 0, 360, colour, -1)
    return scene


def _photo(scene: Pixels, faces: Sequence[Pixels], generator: np.random.Generator) -> Pixels:
    """A part of the scene, in other light, with the faces side by side before it."""
    x, y = generator.integers(0, 2 * _MARGIN_PX, 2)
    part = scene[y : y + HEIGHT_PX, x : x + WIDTH_PX]
    lit = part * generator.uniform(0.7, 1.2) + generator.normal(0, 6, part.shape)
    picture = np.clip(lit, 0, 255).astype(np.uint8)
    place = WIDTH_PX // _SHOWN[1]
    for number, face in enumerate(faces):
        height, width = face.shape[:2]
        left = number * place + (place - width) // 2
        top = int(generator.integers(10, HEIGHT_PX - height))
        picture[top : top + height, left : left + width] = face
    return picture
