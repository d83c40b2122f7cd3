"""YuNet: a small convolutional detector with landmarks, run by ONNX Runtime.

The network answers for each cell of three grids (8, 16 and 32 px wide): is there a face (two
numbers), and where are its box and five landmarks, counted in cells from the cell's corner.

Source: Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", Machine Intelligence
Research 2023; weights of opencv_zoo.
"""

from pathlib import Path

import cv2
import numpy as np

from retrieval.boxes import overlaps, suppress
from retrieval.faces.scaling import Sight, view
from retrieval.inference.session import Session
from retrieval.values import Detections, Floats, Pixels

# Measured on data/orl and data/people: every face is found, FNIR at FPIR 1 % on ORL is 3.8 %. With
# 336 px it is 4.5 %, people's vectors are as close, and a small photo takes half as long again.
SIGHT = Sight(longest_px=640, small_px=224, enlarge_most=4.0)
MIN_SCORE = 0.6
NMS_LIMIT = 0.3  # the value of OpenCV's own sample
_CELLS_PX = (8, 16, 32)
_PARTS = ("cls", "obj", "bbox", "kps")
_BEFORE_NMS = 5000  # as in OpenCV: bounds the table of overlaps

# Of the best faces in photos of LFW, ORL and WIDER FACE's groups, upright ones have 0.894 at least,
# 0.93 in the middle; the same photos upside down have 0.901 at most, on a side 0.88.
_CLEAR_SCORE = 0.9


class YuNet:
    """Detects faces with YuNet. Safe to share between threads: one network serves them all."""

    name = "yunet"
    clear_score = _CLEAR_SCORE

    def __init__(
        self,
        model: Path,
        *,
        threads: int = 1,
        sight: Sight = SIGHT,
        min_score: float = MIN_SCORE,
    ) -> None:
        """Load the network.

        Args:
            model: the ONNX file.
            threads: of ONNX Runtime, 0 for all cores; photos side by side gain more.
            sight: sizes of image that it is shown.
            min_score: weaker detections are dropped.

        Raises:
            ModelError: the file is missing or cannot be read.
        """
        self._session = Session(model, threads)
        self._rows = {name: row for row, name in enumerate(self._session.outputs)}
        self._sight = sight
        self._min_score = min_score

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        """Find the faces of one image (h, w, 3) RGB uint8, best score first.

        Args:
            pixels: the image.
            longest_px: the longer side that it is shrunk to, in place of the detector's own.

        Raises:
            InferenceFailed: ONNX Runtime failed.
        """
        if pixels.size == 0:
            return Detections.none()
        seen = view(pixels, self._sight.reaching(longest_px))
        return seen.back(self._find(seen.pixels))

    def _find(self, pixels: Pixels) -> Detections:
        image = _network_image(pixels)
        outputs = self._session.run({"input": image})
        columns = [image.shape[3] // cell for cell in _CELLS_PX]
        grids = [
            _decoded(
                *(outputs[self._rows[f"{part}_{cell}"]][0] for part in _PARTS),
                columns=wide,
                cell_px=cell,
                min_score=self._min_score,
            )
            for cell, wide in zip(_CELLS_PX, columns, strict=True)
        ]
        boxes, landmarks, scores = (np.concatenate(parts) for parts in zip(*grids, strict=True))
        order = np.argsort(-scores, kind="stable")[:_BEFORE_NMS]
        boxes = boxes[order]
        keep = suppress(overlaps(boxes, boxes), NMS_LIMIT)
        return Detections(boxes[keep], landmarks[order][keep], scores[order][keep])


def _network_image(pixels: Pixels) -> Floats:
    """(1, 3, H, W) BGR float32, black at the right and below up to whole cells."""
    height, width = pixels.shape[:2]
    largest = _CELLS_PX[-1]
    image = np.zeros((1, 3, height + -height % largest, width + -width % largest), np.float32)
    for row, channel in enumerate(cv2.split(pixels)[::-1]):
        image[0, row, :height, :width] = channel
    return image


def _decoded(
    faces: Floats,
    objects: Floats,
    shifts: Floats,
    points: Floats,
    *,
    columns: int,
    cell_px: int,
    min_score: float,
) -> tuple[Floats, Floats, Floats]:
    """One grid's answer as boxes, landmarks and scores.

    Args:
        faces, objects: (c, 1), a row per cell, rows of the grid one after the other.
        shifts: (c, 4): centre in cells from the cell's corner, logarithm of the sides in cells.
        points: (c, 10): five landmarks in cells from the cell's corner.
        columns: of the grid.
        cell_px: side of a cell.
        min_score: weaker cells are left out before anything is computed of them.

    Returns:
        boxes (n, 4) xywh, landmarks (n, 5, 2), scores (n,).

    Source: OpenCV, modules/objdetect/src/face_detect.cpp.
    """
    scores = np.sqrt(faces[:, 0].clip(0, 1) * objects[:, 0].clip(0, 1))
    cells = np.flatnonzero(scores >= min_score)
    corners = np.stack([cells % columns, cells // columns], axis=1).astype(np.float32)
    sides = np.exp(shifts[cells, 2:]) * np.float32(cell_px)
    centres = (corners + shifts[cells, :2]) * np.float32(cell_px)
    boxes = np.concatenate([centres - sides / 2, sides], axis=1)
    landmarks = (corners[:, None] + points[cells].reshape(-1, 5, 2)) * np.float32(cell_px)
    return boxes, landmarks, scores[cells]
