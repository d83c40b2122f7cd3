"""Chips as a network wants them: colour order, scaling, axis order. Pure."""

import numpy as np

from retrieval.inference.manifest import EmbedderEntry, FixedScaling
from retrieval.values import Floats, Pixels


def prepare(chips: Pixels, entry: EmbedderEntry) -> Floats:
    """Turn (n, s, s, 3) RGB uint8 chips into the float32 input of a finished ONNX network."""
    coloured = chips[..., ::-1] if entry.colour == "BGR" else chips
    scaling = entry.scaling
    scaled = (
        _fixed(coloured, scaling) if isinstance(scaling, FixedScaling) else standardise(coloured)
    )
    axes = (0, 3, 1, 2) if entry.layout == "NCHW" else (0, 1, 2, 3)
    return np.ascontiguousarray(scaled.transpose(axes), np.float32)


def _fixed(chips: Pixels, scaling: FixedScaling) -> Floats:
    mean, divisor = np.array(scaling.mean, np.float32), np.array(scaling.divisor, np.float32)
    return np.asarray((chips - mean) / divisor, np.float32)


def standardise(chips: Pixels) -> Floats:
    """Give each chip mean 0 and standard deviation 1 over all its numbers.

    A deviation below 1 / sqrt(numbers) counts as that, so that a chip of one colour stays finite.

    Source: TensorFlow's `per_image_standardization`, FaceNet's `prewhiten`.
    """
    as_float = chips.astype(np.float32)
    mean = as_float.mean((1, 2, 3), keepdims=True)
    deviation = as_float.std((1, 2, 3), keepdims=True)
    smallest = 1 / np.sqrt(np.float32(as_float[0].size if len(chips) else 1))
    return np.asarray((as_float - mean) / np.maximum(deviation, smallest), np.float32)
