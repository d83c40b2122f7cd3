"""Histograms of oriented gradients (Dalal and Triggs 2005), by OpenCV."""

import cv2
import numpy as np
import numpy.typing as npt

from retrieval.benchmarks.fashion_mnist.data import SIDE_PX
from retrieval.values import Floats

_BINS = 9  # as in the paper: unsigned gradients in steps of 20 degrees


def hog(pixels: npt.NDArray[np.uint8], cell_px: int) -> Floats:
    """Describe pictures by the directions of their edges.

    Args:
        pixels: (n, 28, 28) uint8.
        cell_px: side of a cell, a divisor of 28; blocks are 2x2 cells, in steps of one cell.

    Returns:
        (n, d) float32; d is 324 for cells of 7 px, 1296 for cells of 4 px.
    """
    cell = (cell_px, cell_px)
    block = (2 * cell_px, 2 * cell_px)
    descriptor = cv2.HOGDescriptor((SIDE_PX, SIDE_PX), block, cell, cell, _BINS)
    rows = np.empty((len(pixels), descriptor.getDescriptorSize()), np.float32)
    for row, picture in zip(rows, pixels, strict=True):
        row[:] = np.ravel(descriptor.compute(picture))
    return rows
