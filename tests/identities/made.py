"""Vectors of people who do not exist, alike in the ways in which real ones are."""

from dataclasses import dataclass

import numpy as np

from retrieval.values import Ints, Vectors

DIMENSION = 48


@dataclass(frozen=True, slots=True)
class Crowd:
    """Photos of people: some directions differ between people, a few between photos."""

    vectors: Vectors
    people: Ints

    def of(self, people: Ints) -> "Crowd":
        """Only these people."""
        rows = np.isin(self.people, people)
        return Crowd(self.vectors[rows], self.people[rows])


def crowd(people: int, photos: int, seed: int, noise: float = 0.5) -> Crowd:
    """Draw people from a population whose vectors share a mean, as those of networks do."""
    rng = np.random.default_rng(seed)
    mean = 4.0 * np.eye(DIMENSION)[0]
    pose = np.where(np.arange(DIMENSION) < 12, 1.2, 0.5)
    labels = np.repeat(np.arange(people, dtype=np.int64), photos)
    persons = mean + rng.normal(size=(people, DIMENSION)) * np.linspace(1.0, 0.2, DIMENSION)
    vectors = persons[labels] + noise * rng.normal(size=(len(labels), DIMENSION)) * pose
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Crowd(vectors.astype(np.float32), labels)
