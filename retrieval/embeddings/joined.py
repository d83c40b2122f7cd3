"""Several embedders as one: their unit vectors, weighted, side by side.

Networks that were trained on other photos in another way err on other faces, so that together they
miss fewer people than the best of them (docs/accuracy.md).
"""

import hashlib
import json
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from retrieval.protocols import Embedder
from retrieval.values import Alignment, Pixels, Vectors, check_rows


class JoinedEmbedder:
    """Embeds a face with each of its parts; passes the contract of `Embedder`."""

    def __init__(self, name: str, parts: Sequence[tuple[Embedder, float]]) -> None:
        """Join embedders.

        Args:
            name: in the manifest.
            parts: each with how much it counts, above 0; two or more.
        """
        self._parts = tuple(parts)
        self._alignments = tuple(way for part, _ in parts for way in part.alignments)
        ends = list(accumulate(3 * way.chip_px**2 for way in self._alignments))
        self._pieces = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        made = json.dumps([[part.fingerprint, weight] for part, weight in parts])
        kinds = "+".join(dict.fromkeys(p.fingerprint.split(":")[1] for p, _ in parts))
        ways = [part.fingerprint.split(":")[2] for part, _ in parts]
        mirror = "mirror" if "mirror" in ways else "plain"
        digest = hashlib.sha256(made.encode()).hexdigest()[:8]
        self._fingerprint = ":".join([name, kinds, mirror, digest])

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return sum(part.dimension for part, _ in self._parts)

    @property
    def alignments(self) -> tuple[Alignment, ...]:
        """How faces are cut out: once for each part."""
        return self._alignments

    @property
    def fingerprint(self) -> str:
        """Names all parts and weights: mobilefacenet-dlib:int8:mirror:0a1b2c3d."""
        return self._fingerprint

    def embed(self, chips: Pixels) -> Vectors:
        """Embed (n, numbers) uint8, each part's chip flat and side by side.

        Returns:
            (n, d) float32 rows of unit length; the cosine of two is the mean of the parts' cosines,
            weighted by the squares of the weights.

        Raises:
            InferenceFailed: a part failed.
        """
        check_rows("chips", chips, (None, self._pieces[-1].stop))
        vectors = []
        for (part, weight), way, piece in zip(
            self._parts, self._alignments, self._pieces, strict=True
        ):
            own = chips[:, piece].reshape(len(chips), way.chip_px, way.chip_px, 3)
            vectors.append(part.embed(np.ascontiguousarray(own)) * np.float32(weight))
        length = np.sqrt(np.float32(sum(weight**2 for _, weight in self._parts)))
        return np.asarray(np.concatenate(vectors, axis=1) / length, np.float32)
