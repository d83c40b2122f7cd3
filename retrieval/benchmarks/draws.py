"""Draws of known people and strangers, and the rates that they are judged by."""

from typing import NamedTuple

import numpy as np

from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.errors import DataInvalid
from retrieval.values import Floats, Ints, Vectors

KNOWN_SHARE = 0.75
FPIR = 0.01
_LEAST_PEOPLE = 8  # 6 known, 2 strangers


class Answers(NamedTuple):
    """What a method says of each query: the best known person, and how sure it is."""

    people: Ints
    scores: Floats


class Draw(NamedTuple):
    """One draw: vectors, people (0, 1, ...) and rows in the folder, of each of three parts.

    Attributes:
        gallery, owners, gallery_rows: what is enrolled of the known people.
        queries, asked, query_rows: the known people's other photos.
        strangers, stranger_owners, stranger_rows: all photos of the others.
    """

    gallery: Vectors
    owners: Ints
    gallery_rows: Ints
    queries: Vectors
    asked: Ints
    query_rows: Ints
    strangers: Vectors
    stranger_owners: Ints
    stranger_rows: Ints


def usable_people(faces: FaceFolder, enrolled: int) -> tuple[Ints, int]:
    """The people with more photos than are enrolled, and how many of them are to be known.

    Raises:
        DataInvalid: there are too few of them.
    """
    usable = np.flatnonzero(np.bincount(faces.people) > enrolled)
    if len(usable) < _LEAST_PEOPLE:
        raise DataInvalid(
            f"This needs {_LEAST_PEOPLE} people or more with at least {enrolled + 1} photos each;"
            f" found {len(usable)}. Give another folder."
        )
    return usable, round(KNOWN_SHARE * len(usable))


def drawn(
    faces: FaceFolder, usable: Ints, known: int, count: int, generator: np.random.Generator
) -> Draw:
    """Draw the known people, and the photos of each that are enrolled.

    Args:
        faces: the folder's.
        usable: people with enough photos.
        known: how many of them are known; the others are strangers.
        count: photos per person in the gallery.
        generator: of the draw.
    """
    order = generator.permutation(usable)
    rank = np.full(len(faces.names), -1)
    rank[order] = np.arange(len(order))
    owners = rank[faces.people]
    shuffled = generator.permutation(len(faces.people))
    enrolled = np.zeros(len(owners), bool)
    for person in range(known):
        enrolled[shuffled[owners[shuffled] == person][:count]] = True
    of_known = (owners >= 0) & (owners < known)
    gallery, queries, strangers = (
        np.flatnonzero(part) for part in (enrolled, of_known & ~enrolled, owners >= known)
    )
    return Draw(
        gallery=faces.vectors[gallery],
        owners=owners[gallery],
        gallery_rows=gallery,
        queries=faces.vectors[queries],
        asked=owners[queries],
        query_rows=queries,
        strangers=faces.vectors[strangers],
        stranger_owners=owners[strangers],
        stranger_rows=strangers,
    )


def rates(of_known: Answers, asked: Ints, of_strangers: Answers) -> tuple[float, float]:
    """Rank-1 rate, and FNIR at FPIR 1 %.

    FNIR is the share of known people's queries that are not named rightly, at the threshold that
    lets 1 % of the strangers' queries through.

    Source: ISO/IEC 19795-1.
    """
    right = of_known.people == asked
    passed = of_known.scores > highest_refused(of_strangers.scores)
    return float(right.mean()), float(1 - (right & passed).mean())


def highest_refused(scores: Floats) -> float:
    """The score that a match must exceed for 1 % of these strangers' scores to pass."""
    return float(np.sort(scores)[::-1][int(FPIR * len(scores))])
