"""Small patches matched to a learnt dictionary, and counted by region.

Source: Coates, Ng, Lee: "An analysis of single-layer networks in unsupervised feature learning",
2011; with the soft threshold of Coates and Ng 2011 in place of the triangle, which needs no square
root for each of 300,000 numbers a picture and is as good (0.928 against 0.929 on a validation set).
"""

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans

from retrieval.benchmarks.fashion_mnist.data import SIDE_PX
from retrieval.values import Floats

WORDS = 400
_PATCH_PX = 5  # 7 px were no better (0.928)
_REGIONS = 4  # regions a side: 4 by 4 gave 0.929, 3 by 3 0.925
_SOFT_THRESHOLD = 0.4  # of a cosine; 0.25 gave 0.927, 0.1 gave 0.923
_SAMPLES_A_WORD = 250  # patches that the dictionary is learnt from
_FLAT = 3.0  # patches with a smaller standard deviation teach nothing
_CONTRAST_FLOOR = 10.0  # as in the paper: variance added before contrast is divided out
_WHITENING_FLOOR = 0.1  # as in the paper
_PICTURES_AT_ONCE = 64  # 50,000 patches: 80 MB of matches


class PatchWords:
    """A dictionary of whitened patches."""

    def __init__(self, mean: Floats, whitening: Floats, words: Floats) -> None:
        """Use a learnt dictionary; see `learn`."""
        self._mean = mean
        self._whitening = whitening
        self._words = words

    @classmethod
    def learn(cls, pixels: npt.NDArray[np.uint8], words: int = WORDS, seed: int = 0) -> Self:
        """Learn a dictionary from patches drawn at random places.

        Args:
            pixels: (n, 28, 28) uint8.
            words: entries of the dictionary.
            seed: of the draw and of k-means.
        """
        drawn = _drawn(pixels, _SAMPLES_A_WORD * words, seed)
        patches = _evened(drawn[drawn.std(axis=1) > _FLAT])
        mean = np.asarray(patches.mean(axis=0), np.float32)
        values, axes = np.linalg.eigh(np.cov(patches.T))
        whitening = np.asarray((axes / np.sqrt(values + _WHITENING_FLOOR)) @ axes.T, np.float32)
        means = MiniBatchKMeans(words, batch_size=4096, n_init=1, random_state=seed)
        means.fit(_unit((patches - mean) @ whitening))
        return cls(mean, whitening, _unit(means.cluster_centers_.astype(np.float32)))

    def encode(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        """Count words by region.

        Args:
            pixels: (n, 28, 28) uint8.

        Returns:
            (n, 16 * words) float32, roots of the sums, as for histograms.
        """
        starts = range(0, len(pixels), _PICTURES_AT_ONCE)
        parts = [self._encode(pixels[start : start + _PICTURES_AT_ONCE]) for start in starts]
        return np.concatenate(parts)

    def _encode(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        patches = _evened(_windows(pixels).reshape(-1, _PATCH_PX**2).astype(np.float32))
        matches = _unit((patches - self._mean) @ self._whitening) @ self._words.T
        matches -= np.float32(_SOFT_THRESHOLD)
        np.maximum(matches, 0, out=matches)
        side = SIDE_PX // _REGIONS
        grid = matches.reshape(len(pixels), _REGIONS, side, _REGIONS, side, -1)
        return np.asarray(np.sqrt(grid.sum(axis=(2, 4)).reshape(len(pixels), -1)))


def _drawn(pixels: npt.NDArray[np.uint8], count: int, seed: int) -> Floats:
    """(count, 25) patches from random places of random pictures."""
    generator = np.random.default_rng(seed)
    picture, row, column = (
        generator.integers(limit, size=count) for limit in (len(pixels), SIDE_PX, SIDE_PX)
    )
    return _windows(pixels)[picture, row, column].reshape(count, -1).astype(np.float32)


def _windows(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(n, 28, 28, 5, 5): the patch around each pixel, black beyond the border."""
    margin = _PATCH_PX // 2
    padded = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin)))
    return np.lib.stride_tricks.sliding_window_view(padded, (_PATCH_PX, _PATCH_PX), axis=(1, 2))


def _evened(patches: Floats) -> Floats:
    """Take brightness and contrast out of each patch."""
    patches = patches - patches.mean(axis=1, keepdims=True)
    contrast = np.sqrt(patches.var(axis=1, keepdims=True) + np.float32(_CONTRAST_FLOOR))
    return np.asarray(patches / contrast, np.float32)


def _unit(rows: npt.NDArray[np.floating]) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / (lengths + np.float32(1e-6)), np.float32)
