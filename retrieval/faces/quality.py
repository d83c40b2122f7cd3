"""Quality: is a face good enough to be compared, and if not, why not; which face is meant."""

import cv2
import numpy as np

from retrieval.boxes import areas, intersections
from retrieval.errors import NoFace, NotFound, SeveralFaces
from retrieval.faces.align import chips
from retrieval.values import Detections, Floats, Pixels, Quality

# Measured with three detectors on data/orl and data/people, all of whose faces stay usable: there
# sharpness is at least 8.3, the head turned by at most 25 degrees, the box cut off by at most 11 %.
# Blurred until their sharpness is about 6 (by 5 % of the face's width), people's vectors are as far
# from their own other photo as from other people.
MIN_SHARPNESS = 6.0
MAX_YAW_DEG = 50.0
MAX_CUT_OFF = 0.35
TOO_SMALL = "too small"  # how the reason begins
COUNTED = "by rows from the top, in a row from the left"
DOMINANT_RATIO = 2.0  # how many times the area of the next face a photo's subject has at least

_CHIP_PX = 64
# Where the landmarks lie in the chip on which sharpness is measured: eyes, nose, mouth corners.
_TEMPLATE = np.array([[20, 22], [44, 22], [32, 36], [23, 48], [41, 48]], np.float32)
# How far the tip of the nose stands out before the line between the eyes, in eye distances: the
# mean of adult heads (nose protrusion with the eyes' depth, about 40 mm, to 63 mm between pupils).
_NOSE_DEPTH = 0.62


def assess(pixels: Pixels, detections: Detections, *, scale: float, min_face_px: int) -> Quality:
    """Measure how usable each face is.

    Args:
        pixels: (h, w, 3) RGB uint8: the decoded photo.
        detections: faces in its pixels.
        scale: pixels of the original photo a decoded pixel.
        min_face_px: smaller faces are unusable, in pixels of the original photo.
    """
    size_px = detections.boxes[:, 2:].min(axis=1) * np.float32(scale)
    sharp = sharpness(pixels, detections.landmarks)
    yaw = yaw_deg(detections.landmarks)
    cut = cut_off(detections.boxes, pixels.shape[1], pixels.shape[0])
    reasons = tuple(
        _reason(*face, min_face_px=min_face_px)
        for face in zip(size_px.tolist(), sharp.tolist(), yaw.tolist(), cut.tolist(), strict=True)
    )
    return Quality(size_px, sharp, yaw, cut, reasons)


def _reason(
    size_px: float, sharp: float, yaw: float, cut: float, *, min_face_px: int
) -> str | None:
    if size_px < min_face_px:
        return f"{TOO_SMALL}: {size_px:.0f} px, at least {min_face_px} are needed"
    if cut > MAX_CUT_OFF:
        return f"cut off: {cut:.0%} of the face lie outside of the photo, at most {MAX_CUT_OFF:.0%}"
    if yaw > MAX_YAW_DEG:
        return f"turned away: about {yaw:.0f} degrees, at most {MAX_YAW_DEG:.0f}"
    if sharp < MIN_SHARPNESS:
        return f"blurred: sharpness {sharp:.0f}, at least {MIN_SHARPNESS:.0f} is needed"
    return None


def sharpness(pixels: Pixels, landmarks: Floats) -> Floats:
    """Sharpness of each face (n,): the Laplacian's variance on an aligned chip of equal contrast.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    faces = chips(pixels, landmarks, _TEMPLATE, _CHIP_PX)
    if not len(faces):
        return np.zeros(0, np.float32)
    strip = cv2.cvtColor(faces.reshape(-1, _CHIP_PX, 3), cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = strip.reshape(-1, _CHIP_PX, _CHIP_PX)
    middle = grey[:, 1:-1, 1:-1]
    laplacian = (
        grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * middle
    )
    contrast = np.maximum(grey.var(axis=(1, 2)), 1.0)
    return np.asarray(1000 * laplacian.var(axis=(1, 2)) / contrast, np.float32)


def yaw_deg(landmarks: Floats) -> Floats:
    """How far each head (n,) is turned to a side, in degrees, 0 to 90: estimated.

    Turning the head moves the nose's tip, which stands out, sideways against the middle of the
    eyes and the mouth, and shrinks the distance of the eyes.
    """
    eyes, mouth = landmarks[:, :2].mean(axis=1), landmarks[:, 3:].mean(axis=1)
    down = mouth - eyes
    height = np.maximum(np.linalg.norm(down, axis=1), 1e-6)
    across = np.stack([down[:, 1], -down[:, 0]], axis=1) / height[:, None]
    offset = np.abs(((landmarks[:, 2] - (eyes + mouth) / 2) * across).sum(axis=1))
    apart = np.abs(((landmarks[:, 1] - landmarks[:, 0]) * across).sum(axis=1))
    turned = np.degrees(np.arctan2(offset, _NOSE_DEPTH * np.maximum(apart, 1e-6)))
    return np.asarray(turned, np.float32)


def cut_off(boxes: Floats, width: int, height: int) -> Floats:
    """Share of each box (n,) that lies outside of a photo of the given size, in [0, 1]."""
    photo = np.array([[0, 0, width, height]], np.float32)
    inside = intersections(boxes, photo)[:, 0] / np.maximum(areas(boxes), 1e-6)
    return np.asarray(np.clip(1 - inside, 0, 1), np.float32)


def dominant(boxes: Floats, *, name: str, chosen: int | None = None) -> int:
    """Row of the face that a photo of one person is meant to show.

    Args:
        boxes: (n, 4) xywh, in the order in which faces are counted.
        name: the photo's, for messages.
        chosen: the number of the face that the user named, from 1.

    Raises:
        NoFace: there is none.
        SeveralFaces: none has at least twice the area of the next.
        NotFound: there is no face of the chosen number.
    """
    if not len(boxes):
        raise NoFace(f"{name}: no face was found. Take a photo that shows the face from the front.")
    if chosen is not None:
        return _chosen(boxes, chosen, name)
    size = areas(boxes)
    order = np.argsort(-size, kind="stable")
    if len(boxes) > 1 and size[order[0]] < DOMINANT_RATIO * size[order[1]]:
        raise SeveralFaces(
            f"{name}: {len(boxes)} faces were found and the largest has only "
            f"{size[order[0]] / size[order[1]]:.1f} times the area of the next, "
            f"{DOMINANT_RATIO:.0f} times are needed. Cut the photo, or say which face is meant: a "
            f"number from 1 to {len(boxes)}, {COUNTED}. On the command line: --face N of enroll"
            " or verify, --other-face N of verify's second photo."
        )
    return int(order[0])


def _chosen(boxes: Floats, chosen: int, name: str) -> int:
    if not 1 <= chosen <= len(boxes):
        raise NotFound(
            f"{name}: there is no face number {chosen}; {len(boxes)} found, counted {COUNTED}."
        )
    return chosen - 1
