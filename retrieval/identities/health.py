"""What is wrong with a gallery: photos under the wrong name, look-alikes, copies (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retrieval.identities.trials import ask_gallery
from retrieval.values import Ints, Vectors

# A photo is called mislabelled when it is nearer to another person by so many times what photos
# are usually nearer to their own person. On ORL, 40 people of 5 photos each, all of 100 planted
# photos are found so, with no false alarm in 100 clean galleries; "nearer to another" alone gives
# more than one false alarm a gallery.
MISLABELLED = 0.6
# People are look-alikes when half of the photos of one are told from the other by less than this.
ALIKE = 0.35
# Photos that are copies of each other but for size, compression or light; different photos of one
# person reach 0.997 on ORL.
COPY_COSINE = 0.998
FEW_PHOTOS = 3  # FNIR at FPIR 1 % on ORL: 10 % with 2 photos a person, 5 % with 3, 2 % with 5
_LEAST_PEOPLE = 4
_BLOCK_NUMBERS = 16_000_000


class Mislabelled(NamedTuple):
    """A photo that looks like another person: its row, the person it is filed under, the other.

    `lead` is the score of the own person minus the other's, so it is negative.
    """

    row: int
    person: int
    looks_like: int
    lead: float


class Alike(NamedTuple):
    """Two people who are hard to tell apart.

    `share` of the photos of `person` lead over `other` by little or not at all.
    """

    person: int
    other: int
    share: float


class Copies(NamedTuple):
    """Two rows whose photos are nearly the same, of one person or, worse, of two."""

    row: int
    other_row: int
    cosine: float
    one_person: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, worst first.

    Attributes:
        mislabelled, alike, copies: see there.
        few: people with fewer than three photos, ascending.
    """

    mislabelled: tuple[Mislabelled, ...]
    alike: tuple[Alike, ...]
    copies: tuple[Copies, ...]
    few: tuple[int, ...]


def examine(vectors: Vectors, people: Ints, *, fitted: bool) -> Findings:
    """Examine a gallery.

    Args:
        vectors: (n, d) float32, rows of unit length, as the embedder gave them.
        people: (n,) int64, whose each is.
        fitted: whether the gallery uses a fitted space.

    Returns:
        Rows count from 0, in the order of `vectors`. Fewer than four people are not compared.
    """
    owners, sizes = np.unique(people, return_counts=True)
    few = tuple(owners[sizes < FEW_PHOTOS].tolist())
    copies = _copies(vectors, people)
    if len(owners) < _LEAST_PEOPLE or not (sizes > 1).any():
        return Findings((), (), copies, few)
    asked = ask_gallery(vectors, people, fitted=fitted, most_probes=len(people))
    tried = np.isfinite(asked.leads)
    rows, own, other = asked.rows[tried], asked.people[tried], asked.rivals[tried]
    leads = asked.leads[tried]
    usual = float(np.median(leads))
    wrong = leads < -MISLABELLED * usual
    worst = np.flatnonzero(wrong)[np.argsort(leads[wrong])]
    mislabelled = _rows(rows[worst], own[worst], other[worst], leads[worst])
    near = (leads < ALIKE * usual) & ~wrong
    return Findings(tuple(starmap(Mislabelled, mislabelled)), _alike(own, other, near), copies, few)


def _alike(own: Ints, other: Ints, near: npt.NDArray[np.bool_]) -> tuple[Alike, ...]:
    """Pairs of which one person's photos are mostly near to the other."""
    both = np.stack([own[near], other[near]], axis=1)
    pairs, counts = np.unique(both, axis=0, return_counts=True)
    owners, sizes = np.unique(own, return_counts=True)
    shares = counts / sizes[np.searchsorted(owners, pairs[:, 0])]
    enough = (shares >= 0.5) & (counts > 1)
    most = np.flatnonzero(enough)[np.argsort(-shares[enough], kind="stable")]
    return tuple(starmap(Alike, _rows(pairs[most, 0], pairs[most, 1], shares[most])))


def _copies(vectors: Vectors, people: Ints) -> tuple[Copies, ...]:
    """Each pair of copies once."""
    size = max(_BLOCK_NUMBERS // max(len(vectors), 1), 1)
    found: list[Copies] = []
    for start in range(0, len(vectors), size):
        cosines = vectors[start : start + size] @ vectors.T
        first, second = np.nonzero(cosines >= COPY_COSINE)
        later = second > first + start
        first, second = first[later], second[later]
        same = people[first + start] == people[second]
        found += starmap(Copies, _rows(first + start, second, cosines[first, second], same))
    return tuple(sorted(found, key=lambda copies: (copies.one_person, -copies.cosine)))


def _rows(*columns: npt.NDArray[Any]) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
