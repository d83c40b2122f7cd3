"""A collection's error rates by groups of its people, from its own photos."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.errors import DataInvalid
from retrieval.identities.calibrate import missing
from retrieval.identities.fairness import GroupRate, rates_by_group
from retrieval.identities.trials import ask_gallery
from retrieval.photos.group_list import GroupList
from retrieval.service import Service
from retrieval.values import Floats, Ints


@dataclass(frozen=True, slots=True)
class Fairness:
    """Rates by group, at the threshold that the collection uses.

    Attributes:
        column: of the list, which says what the groups are.
        fnir: photos of the group's people, each asked about without itself, that are not named
            rightly.
        fpir: the same photos, their person taken out, that are given somebody's name.
        ungrouped: people of the collection who are in no group.
        threshold, source: what photos were judged by.
    """

    column: str
    fnir: tuple[GroupRate, ...]
    fpir: tuple[GroupRate, ...]
    ungrouped: int
    threshold: float
    source: str


def fairness_of(service: Service, groups: GroupList) -> Fairness:
    """Ask a collection about its own photos, and count by group.

    Raises:
        DataInvalid: there are too few people with two photos or more, or nobody is in two groups.
    """
    collection = service.active_model.collection
    gate = service.gate
    _, owners, vectors = service.catalogue.vectors(collection.id)
    people = service.catalogue.people(collection.id)
    row_of = {person.id: row for row, person in enumerate(people)}
    there = np.isin(owners, np.array([*row_of], np.int64))  # the rest was deleted meanwhile
    owners, vectors = owners[there], vectors[there]
    if (lacking := missing(owners)) is not None:
        raise DataInvalid(f"Groups cannot be compared: {lacking}. Enrol more photos and repeat.")
    group_of = [groups.of(person.name, person.external_id) for person in people]
    if len(set(group_of) - {None}) < 2:
        raise DataInvalid(
            "The list puts the collection's people into fewer than two groups. Name them as the"
            " collection does, or by their employee numbers."
        )
    asked = ask_gallery(vectors, owners, most_probes=len(owners))
    rows = np.array([row_of[person] for person in asked.people.tolist()], np.int64)
    known = np.isfinite(asked.own_scores)
    right = (asked.leads >= gate.margin) & (asked.leads > 0) & (asked.genuine >= gate.threshold)
    named = asked.strangers >= gate.threshold
    return Fairness(
        groups.column,
        rates_by_group(group_of, *_counts(rows[known], ~right[known], len(people))),
        rates_by_group(group_of, *_counts(rows, named, len(people))),
        group_of.count(None),
        gate.threshold,
        gate.source,
    )


def _counts(rows: Ints, wrong: np.ndarray[Any, Any], people: int) -> tuple[Floats, Floats]:
    """Photos of each person that were asked about, and that came out wrong."""
    asked = np.bincount(rows, minlength=people)
    missed = np.bincount(rows, weights=wrong.astype(np.float64), minlength=people)
    return asked.astype(np.float32), missed.astype(np.float32)
