"""A stranger's photo among a person's: is it reported, and are photos reported that are right?

Source: `retrieval.identities.outliers`, what enrolment says of a photo that looks unlike the rest.
"""

from typing import NamedTuple

import numpy as np

from retrieval.benchmarks.face_vectors import PhotoVectors
from retrieval.identities.outliers import unlike_the_rest
from retrieval.values import Ints

PHOTOS = (3, 4, 5)  # of a person
_CASES = 100  # people per draw, once with a stranger's photo among theirs and once without


class Planted(NamedTuple):
    """What is reported, over the draws.

    Attributes:
        photos: of each person.
        people: that have as many.
        found: share of the planted photos that are reported.
        least_found: in the worst draw.
        false: share of the people as they are of whom some photo is reported.
        most_false: in the worst draw.
    """

    photos: int
    people: int
    found: float
    least_found: float
    false: float
    most_false: float


def planted(faces: PhotoVectors, unlike: float, draws: int, seed: int = 0) -> list[Planted]:
    """Plant photos, a hundred per draw and number of photos.

    Args:
        faces: of a folder.
        unlike: the threshold, see `unlike_the_rest`.
        draws: of people and photos.
        seed: of the draws.
    """
    usable = np.flatnonzero(faces.found)
    sizes = np.bincount(faces.people[usable], minlength=len(faces.names))
    measured = []
    for photos in PHOTOS:
        known = np.flatnonzero(sizes >= photos)
        if len(known) < 2:
            continue
        rates = np.array(
            [
                _draw(faces, unlike, known, photos, np.random.default_rng([seed, photos, n]))
                for n in range(draws)
            ]
        )
        (found, false), least, most = rates.mean(axis=0), rates[:, 0].min(), rates[:, 1].max()
        measured.append(Planted(photos, len(known), *map(float, (found, least, false, most))))
    return measured


def _draw(
    faces: PhotoVectors, unlike: float, known: Ints, photos: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Share found and share falsely reported, of so many people, some twice where there are few."""
    whose = rng.choice(known, _CASES, replace=len(known) < _CASES)
    own = [np.flatnonzero((faces.people == person) & faces.found) for person in whose]
    rows = np.array([rng.permutation(each)[:photos] for each in own])
    people = np.repeat(np.arange(_CASES), photos)
    false = unlike_the_rest(faces.vectors[rows.ravel()], people, unlike) // photos
    strangers = np.flatnonzero(faces.found)
    places = rng.integers(photos, size=_CASES)
    for case, person in enumerate(whose):
        others = strangers[faces.people[strangers] != person]
        rows[case, places[case]] = rng.choice(others)
    reported = unlike_the_rest(faces.vectors[rows.ravel()], people, unlike)
    found = np.isin(np.arange(_CASES) * photos + places, reported)
    return float(found.mean()), len(np.unique(false)) / _CASES
