"""Closer looks at a part of a photo, in overlapping tiles, and what they and a coarser look say.

A face that is smaller than the overlap lies whole in at least one tile; a larger one is found by
the coarser look. What a tile's inner edge cuts, or what is too large to lie whole in some tile, is
not taken from tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.boxes import covers, suppress
from retrieval.faces.scaling import resized
from retrieval.protocols import Detector, PhotoSizes
from retrieval.values import Detections, Floats

TILE_PX = 1280  # longest side that a detector is shown: its memory grows with the area
OVERLAP_PX = 140
# A network that sees most of a face at the edge of a tile completes its box only roughly.
_EDGE_SHARE = 0.1
_SAME_FACE = 0.5  # two boxes with more than this share of the smaller one in common are one face
_CLEAR_PX = 40  # a face of so many pixels is seen well: a closer look cannot know it better
_SEEN_PX = 24  # smaller ones are often missed: a closer look confirms or replaces them
# A face that only one of two looks sees needs a better score than a detector asks for. The larger a
# face is shown, the better it scores: in a closer look what is large and scores below these is a
# hand or cloth (WIDER FACE's groups), what is small may well be a face.
_DOUBTFUL_SCORE = 0.7  # of the coarse look alone
_NEW_SCORES = (0.6, 0.75)  # of the closer look alone, where it showed the face ...
_NEW_PX = (20.0, 32.0)  # ... so large


@dataclass(frozen=True, slots=True)
class Area:
    """A part of a photo, in its pixels: x and y from left to right and from top to bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """In pixels of the photo."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """In pixels of the photo."""
        return self.bottom - self.top

    def holds(self, boxes: Floats) -> npt.NDArray[np.bool_]:
        """Which boxes (n, 4) have their centre in it."""
        x, y = (boxes[:, :2] + boxes[:, 2:] / 2).T
        return np.asarray(
            (x >= self.left) & (x < self.right) & (y >= self.top) & (y < self.bottom), np.bool_
        )


def look(
    detector: Detector, photo: PhotoSizes, area: Area, scale: float, overlap_px: int = OVERLAP_PX
) -> Detections:
    """Look at a part of a photo, in as many tiles as it needs.

    Args:
        detector: finds the faces of each tile.
        photo: at any size.
        area: the part, in pixels of the original.
        scale: pixels that the detector is shown per pixel of the original.
        overlap_px: what neighbouring tiles have in common, in pixels that the detector is shown.

    Returns:
        faces in pixels of the original, best score first, without those that an edge cuts.

    Raises:
        InferenceFailed: the detector failed.
    """
    original = photo.at_least(1)
    longer = max(original.width, original.height)
    seen = photo.at_least(int(np.ceil(longer * min(scale, 1.0))))
    tiles = list(_tiles(area, scale, overlap_px))
    alone = len(tiles) == 1 and area == Area(0, 0, original.width, original.height)
    found = []
    for tile in tiles:
        per_px = 1 / seen.scale
        left, top = int(tile.left * per_px), int(tile.top * per_px)
        right, bottom = int(np.ceil(tile.right * per_px)), int(np.ceil(tile.bottom * per_px))
        part = seen.pixels[top:bottom, left:right]
        if part.size == 0:
            continue
        size = [max(round(side * seen.scale * scale), 1) for side in part.shape[1::-1]]
        shown = resized(part, (size[0], size[1]))
        inside = detector.detect(shown, longest_px=max(size))
        factor = np.array([part.shape[1] / size[0], part.shape[0] / size[1]], np.float32)
        corner = np.array([left, top], np.float32)
        boxes = (inside.boxes.reshape(-1, 2, 2) * factor).reshape(-1, 4)
        boxes[:, :2] += corner
        points = inside.landmarks * factor + corner
        to_original = np.float32(seen.scale)
        moved = Detections(
            np.asarray(boxes * to_original, np.float32),
            np.asarray(points * to_original, np.float32),
            inside.scores,
        )
        if not alone:
            whole = _uncut(moved.boxes, tile, original.width, original.height)
            whole &= moved.boxes[:, 2:].min(axis=1) * scale <= overlap_px
            moved = moved.take(whole)
        found.append(moved)
    return without_doubles(joined(found))


def _tiles(area: Area, scale: float, overlap_px: int) -> Iterator[Area]:
    """Tiles of at most `TILE_PX`, evenly spread over an area."""
    side, overlap = TILE_PX / scale, overlap_px / scale
    wide, high = min(side, area.width), min(side, area.height)
    for y in _starts(area.height, side, overlap):
        for x in _starts(area.width, side, overlap):
            left, top = area.left + x, area.top + y
            yield Area(left, top, left + wide, top + high)


def _starts(length: float, tile: float, overlap: float) -> Iterator[float]:
    free = max(length - tile, 0)
    steps = int(np.ceil(free / (tile - overlap)))
    return (free * step / max(steps, 1) for step in range(steps + 1))


def _uncut(boxes: Floats, tile: Area, width: int, height: int) -> npt.NDArray[np.bool_]:
    """Which boxes (n, 4) lie clear of the tile's edges, other than the photo's own."""
    near = boxes[:, 2:].min(axis=1) * _EDGE_SHARE
    uncut = np.ones(len(boxes), np.bool_)
    if tile.left > 0.5:
        uncut &= boxes[:, 0] - near > tile.left
    if tile.top > 0.5:
        uncut &= boxes[:, 1] - near > tile.top
    if tile.right < width - 0.5:
        uncut &= boxes[:, 0] + boxes[:, 2] + near < tile.right
    if tile.bottom < height - 0.5:
        uncut &= boxes[:, 1] + boxes[:, 3] + near < tile.bottom
    return uncut


def agreed(
    coarse: Detections, scale: float, fine: Detections, closer: float, area: Area
) -> tuple[Detections, Detections]:
    """What a coarse look and a closer one at a part of the photo say together.

    A face that the coarse look saw well stays as it was, and what the closer look saw within it is
    a part of it; of a smaller one the closer look knows better. What only one of them saw though
    both should have is kept where its score leaves no doubt.

    Args:
        coarse, fine: faces in pixels of the photo.
        scale, closer: pixels that each look was shown per pixel of the photo.
        area: what the closer look saw.

    Returns:
        the faces, and what only one look saw and scored too low to be one of them.
    """
    sizes = coarse.boxes[:, 2:].min(axis=1) * np.float32(scale)
    clear = sizes >= _CLEAR_PX
    common = covers(coarse.boxes, fine.boxes) > _SAME_FACE
    parts = common[clear].any(axis=0)
    better = fine.take(~parts)
    replaced = ~clear & common[:, ~parts].any(axis=1)
    doubted = ~clear & ~replaced & area.holds(coarse.boxes)
    doubted &= (sizes >= _SEEN_PX) & (coarse.scores < _DOUBTFUL_SCORE)
    shown = better.boxes[:, 2:].min(axis=1) * np.float32(closer)
    new = ~common[:, ~parts].any(axis=0)
    new &= better.scores < np.interp(shown, _NEW_PX, _NEW_SCORES)
    both = without_doubles(joined([coarse.take(~replaced & ~doubted), better.take(~new)]))
    return both, joined([coarse.take(doubted), better.take(new)])


def joined(parts: list[Detections]) -> Detections:
    """All faces of several looks, best score first."""
    if not parts:
        return Detections.none()
    boxes, landmarks, scores = (
        np.concatenate([getattr(part, field) for part in parts])
        for field in ("boxes", "landmarks", "scores")
    )
    return Detections(boxes, landmarks, scores).take(np.argsort(-scores, kind="stable"))


def without_doubles(found: Detections) -> Detections:
    """Faces, best score first, each once."""
    return found.take(suppress(covers(found.boxes, found.boxes), _SAME_FACE))
