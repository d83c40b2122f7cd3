"""Vectors that are distributed like those of faces, for galleries larger than any at hand.

A vector is a common direction, plus what is the person's own, plus what is the photo's own, scaled
to unit length. Both parts are Gaussian with eigenvalues proportional to exp(-(i / tau) ** beta) in
one common basis, the harder case for an index: what tells people apart is what photos blur. How
strongly a photo deviates varies from photo to photo, log-normally.

Source: fitted to the 400 photos of the ORL database (40 people, ten photos each; AT&T Laboratories
Cambridge, 1994) as dlib's network embeds them, found by MTCNN, mirrored crops averaged in. The
parts' variances are the usual unbiased ones; tau and beta are those for which equally small samples
of the model have the eigenvalues that ORL's have, since 40 people show only 39 directions.
"""

from dataclasses import dataclass

import numpy as np

from retrieval.values import Ints, Vectors

_CHUNK = 100_000  # faces drawn at a time: 50 MB


@dataclass(frozen=True, slots=True)
class Fit:
    """Small numbers that describe an embedder's vectors of faces.

    Attributes:
        common: squared length of the mean vector.
        between, within: total variance of people around it, and of photos around their person.
        between_decay, within_decay: (tau, beta) of the eigenvalues.
        photo_spread: standard deviation of the logarithm of a photo's own variance.
    """

    common: float
    between: float
    within: float
    between_decay: tuple[float, float]
    within_decay: tuple[float, float]
    photo_spread: float


ORL = Fit(
    common=0.880,
    between=0.0817,
    within=0.0405,
    between_decay=(8.12, 0.768),
    within_decay=(13.94, 0.740),
    photo_spread=0.5,
)


class Population:
    """People whose photos can be drawn again and again."""

    def __init__(self, people: int, *, dimension: int = 128, seed: int = 0) -> None:
        """Draw the people.

        Args:
            people: how many; their ids are 1 to `people`.
            dimension: numbers per vector.
            seed: of everything that is drawn.
        """
        self._random = np.random.default_rng(seed)
        rotation = np.linalg.qr(self._random.standard_normal((dimension, dimension)))[0]
        self._basis = rotation.astype(np.float32)
        self._common = self._basis[:, -1] * np.float32(np.sqrt(ORL.common))
        self._own = self._normal(people, ORL.between, ORL.between_decay)

    def photos(self, people: Ints) -> Vectors:
        """Draw a new photo of each of the given people.

        Args:
            people: (n,) ids.

        Returns:
            (n, d) float32 vectors of unit length.
        """
        vectors = np.empty((len(people), len(self._common)), np.float32)
        for start in range(0, len(people), _CHUNK):
            chunk = people[start : start + _CHUNK]
            vectors[start : start + _CHUNK] = self._draw(chunk)
        return vectors

    def _draw(self, people: Ints) -> Vectors:
        fit, n = ORL, len(people)
        spread = self._random.normal(-(fit.photo_spread**2) / 2, fit.photo_spread, (n, 1))
        photo = self._normal(n, fit.within, fit.within_decay)
        photo *= np.exp(spread / 2, dtype=np.float32, casting="same_kind")
        photo += self._own[people - 1]
        vectors = photo @ self._basis.T + self._common
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _normal(self, n: int, variance: float, decay: tuple[float, float]) -> Vectors:
        d = len(self._common)
        eigenvalues = np.exp(-((np.arange(d) / decay[0]) ** decay[1]))
        deviations = np.sqrt(variance * eigenvalues / eigenvalues.sum()).astype(np.float32)
        drawn: Vectors = self._random.standard_normal((n, d), dtype=np.float32) * deviations
        return drawn
