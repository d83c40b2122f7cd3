"""Photos composed of real faces: who is where in them is known."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from retrieval.photos.decode import decode
from retrieval.protocols import Detector
from retrieval.values import Floats, Photo, Pixels


class InMemory:
    """A photo that is decoded already."""

    def __init__(self, pixels: Pixels) -> None:
        self._photo = Photo("photo", "", pixels.shape[1], pixels.shape[0], pixels)

    def at_least(self, longer_px: int | None) -> Photo:
        return self._photo


def pixels_of(path: Path) -> Pixels:
    return decode(path, working_px=None, max_pixels=10**9, max_bytes=10**9).pixels


def portraits(yunet: Detector, folder: Path, count: int) -> list[tuple[Pixels, Floats]]:
    """Heads of people of LFW who look into the camera, each with the box (4,) of the face."""
    found: list[tuple[Pixels, Floats]] = []
    for person in sorted(folder.iterdir()):
        pixels = pixels_of(min(person.iterdir()))
        faces = yunet.detect(pixels)
        if len(faces) != 1 or faces.scores[0] < 0.93:
            continue
        x, y, wide, high = faces.boxes[0]
        left, top = max(int(x - wide / 2), 0), max(int(y - high / 2), 0)
        head = pixels[top : int(y + 1.4 * high), left : int(x + 1.5 * wide)]
        found.append((head, faces.boxes[0] - np.array([left, top, 0, 0], np.float32)))
        if len(found) == count:
            break
    return found


def composed(
    heads: Sequence[tuple[Pixels, Floats]], width: int, height: int, face_px: int, columns: int
) -> tuple[Pixels, Floats]:
    """Heads in rows before a cloth, with the boxes (n, 4) of their faces."""
    rng = np.random.default_rng(0)
    cloth = rng.integers(90, 160, (height // 60, width // 60, 3), dtype=np.uint8)
    photo = np.asarray(cv2.resize(cloth, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    rows, boxes = -(-len(heads) // columns), []
    for place, (head, box) in enumerate(heads):
        scale = face_px / box[2:].min()
        small = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        x = int((place % columns + 0.5) * width / columns - small.shape[1] / 2)
        y = int((place // columns + 0.5) * height / rows - small.shape[0] / 2)
        photo[y : y + small.shape[0], x : x + small.shape[1]] = small
        boxes.append(box * scale + np.array([x, y, 0, 0], np.float32))
    return photo, np.array(boxes, np.float32)
