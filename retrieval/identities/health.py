"""What is wrong with a gallery: photos under the wrong name, look-alikes, copies (pure)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from retrieval.identities.trials import Trials, ask_gallery
from retrieval.scoring.rule import fuse, grouped, templates
from retrieval.values import Floats, Gate, Ints, Vectors

# A photo is called mislabelled when it is nearer to another person by so many times what photos
# are usually nearer to their own person. On ORL, 40 people of 5 photos each, all of 100 planted
# photos are found so, with no false alarm in 100 clean galleries; "nearer to another" alone gives
# more than one false alarm a gallery.
MISLABELLED = 0.6
# A photo below the threshold to its person's others resembles nobody when it also leads over other
# people by less than so much of the usual: of 282 clean photos of LFW (60 people) none is so, of 60
# planted photos of strangers all are; by the threshold alone 53 of the 282 would be.
STRANGE = 0.2
# People are look-alikes when half of the photos of one are told from the other by less than this.
ALIKE = 0.35
# Photos that are copies of each other but for size, compression or light; different photos of one
# person reach 0.997 on ORL.
COPY_COSINE = 0.998
FEW_PHOTOS = 3  # FNIR at FPIR 1 % on ORL: 10 % with 2 photos per person, 5 % with 3, 2 % with 5
_LEAST_PEOPLE = 4
# Somebody of whose pairs of photos fewer resemble each other is several people: of 120 people of
# LFW with five photos or more, none has less than a half.
_ONE_PERSON = 1 / 3
_NEARLY = 0.1  # below the threshold: templates that differ by more are of different people
_BLOCK_NUMBERS = 16_000_000


class Mislabelled(NamedTuple):
    """A photo that looks like another person: its row, the person it is filed under, the other.

    `lead` is the score of the own person minus the other's, so it is negative. Asked about, the
    photo would be the other person's match.
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
    """Rows whose photos are nearly the same, of one person or, worse, of several.

    `cosine` is the least of those that join them.
    """

    rows: tuple[int, ...]
    cosine: float
    one_person: bool


class Twice(NamedTuple):
    """Two people who are one by the threshold: half of the photos of each are the other's.

    `score` is the smaller of the two medians.
    """

    person: int
    other: int
    score: float


class Unlike(NamedTuple):
    """A photo that is not its person's by the threshold: its row, the person, the score with them.

    It resembles nobody else either: somebody's who is not enrolled, or not to be known by.
    """

    row: int
    person: int
    score: float


class Parted(NamedTuple):
    """Somebody whose photos fall into groups, no photo of one like any of another.

    `groups` are rows, largest group first, of two photos each at least.
    """

    person: int
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, worst first.

    Attributes:
        mislabelled, unlike, parted, twice, alike, copies: the findings of each kind.
        few: people with fewer than three photos, ascending.
        across: whether photos were compared with those of other people.
        alone: people of one photo, which was compared with no other of theirs, ascending.
    """

    mislabelled: tuple[Mislabelled, ...]
    unlike: tuple[Unlike, ...]
    parted: tuple[Parted, ...]
    twice: tuple[Twice, ...]
    alike: tuple[Alike, ...]
    copies: tuple[Copies, ...]
    few: tuple[int, ...]
    across: bool
    alone: tuple[int, ...]


def examine(vectors: Vectors, people: Ints, *, gate: Gate) -> Findings:
    """Examine a gallery.

    Args:
        vectors: (n, d) float32, rows of unit length.
        people: (n,) int64, whose each is.
        gate: whom a photo resembles, and who is one person.

    Returns:
        Rows count from 0, in the order of `vectors`. Fewer than four people, or people of one photo
        each, are not compared with one another.
    """
    owners, sizes = np.unique(people, return_counts=True)
    few = tuple(owners[sizes < FEW_PHOTOS].tolist())
    alone = tuple(owners[sizes == 1].tolist())
    across = len(owners) >= _LEAST_PEOPLE and bool((sizes > 1).any())
    copies, others = _pairs(vectors, people)
    scores, parted = _within(vectors, people, gate, others if across else None)
    bar = gate.of_person
    strange = np.isfinite(scores) & (scores < bar)
    mislabelled: tuple[Mislabelled, ...] = ()
    alike: tuple[Alike, ...] = ()
    usual = None
    if across:
        asked = ask_gallery(vectors, people, most_probes=len(people))
        mislabelled, nobody, outstanding, alike = _among_others(asked, gate)
        strange[outstanding] = False
        strange[nobody] = True
        strange[[found.row for found in mislabelled]] = False
        tried = asked.leads[np.isfinite(asked.leads)]
        usual = float(np.median(tried)) if len(tried) else None
    twice = _twice(vectors, people, gate, scores, usual)
    one = {(found.person, found.other) for found in twice}
    one |= {(other, person) for person, other in one}
    mislabelled = tuple(each for each in mislabelled if (each.person, each.looks_like) not in one)
    alike = tuple(each for each in alike if (each.person, each.other) not in one)
    rows = np.flatnonzero(strange)
    rows = rows[np.argsort(scores[rows], kind="stable")]
    return Findings(
        mislabelled,
        tuple(starmap(Unlike, _rows(rows, people[rows], scores[rows]))),
        parted,
        twice,
        alike,
        copies,
        few,
        across,
        alone,
    )


def _among_others(
    asked: Trials, gate: Gate
) -> tuple[tuple[Mislabelled, ...], Ints, Ints, tuple[Alike, ...]]:
    """Where each photo stands among all people.

    Returns:
        photos that are somebody else's; rows that are nearer to somebody whom they do not resemble;
        rows that lead over all others; look-alikes.
    """
    tried = np.isfinite(asked.leads)
    rows, own, other = asked.rows[tried], asked.people[tried], asked.rivals[tried]
    leads = asked.leads[tried]
    usual = float(np.median(leads))
    wrong = leads < -MISLABELLED * usual
    theirs = wrong & (asked.mistaken[tried] >= gate.threshold)
    worst = np.flatnonzero(theirs)[np.argsort(leads[theirs])]
    mislabelled = _rows(rows[worst], own[worst], other[worst], leads[worst])
    near = (leads < ALIKE * usual) & ~wrong
    nobody, outstanding = rows[wrong & ~theirs], rows[leads >= STRANGE * usual]
    alike = _alike(own, other, near)
    return tuple(starmap(Mislabelled, mislabelled)), nobody, outstanding, alike


def _within(
    vectors: Vectors, people: Ints, gate: Gate, others: Floats | None
) -> tuple[Floats, tuple[Parted, ...]]:
    """Each photo's score with its person's others, -inf without one; people of several groups.

    Two photos of one person go together where they resemble each other by the threshold, or more
    than one of them resembles anybody else's photo; the latter says little where somebody's photos
    are of many people, who then are the most of whom they could resemble. On LFW (60 people) no
    clean person falls into groups so, and 59 of 60 pairs of people with two photos each under one
    name do; of 16 people beside 8 others, all of 20 draws, 12 of them by both rules alone.

    Args:
        vectors, people: of the gallery.
        gate: for the threshold of two photos.
        others: (n,) cosine to the nearest photo of anybody else; None where that says nothing.
    """
    bar = gate.of_photos
    scores = np.full(len(people), -np.inf, np.float32)
    owners, order, starts = grouped(people)
    parted = []
    for person, rows in zip(owners.tolist(), np.split(order, starts)[1:], strict=True):
        if len(rows) < 2:
            continue
        own = vectors[rows]
        cosines = own @ own.T
        linked = cosines >= bar
        nearest = None if others is None else np.minimum.outer(others[rows], others[rows])
        large = _groups(rows, linked if nearest is None else linked | (cosines > nearest))
        share = (linked.sum() - len(rows)) / (len(rows) * (len(rows) - 1))
        if share < _ONE_PERSON:
            large = max(large, _groups(rows, linked), key=len)
        np.fill_diagonal(cosines, -np.inf)
        rest = own.sum(axis=0) - own
        length = np.maximum(np.linalg.norm(rest, axis=1), np.finfo(np.float32).tiny)
        scores[rows] = fuse(cosines.max(axis=1), (rest * own).sum(axis=1) / length)
        if len(large) > 1:
            parted.append(Parted(person, tuple(large)))
    return scores, tuple(sorted(parted, key=lambda found: -len(found.groups[1])))


def _groups(rows: Ints, linked: npt.NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """Groups of two rows and more that hang together, largest first."""
    count, labels = connected_components(linked, directed=False)
    groups = [tuple(np.sort(rows[labels == each]).tolist()) for each in range(count)]
    return sorted((group for group in groups if len(group) > 1), key=len, reverse=True)


def _alike(own: Ints, other: Ints, near: npt.NDArray[np.bool_]) -> tuple[Alike, ...]:
    """Pairs of which one person's photos are mostly near to the other."""
    both = np.stack([own[near], other[near]], axis=1)
    pairs, counts = np.unique(both, axis=0, return_counts=True)
    owners, sizes = np.unique(own, return_counts=True)
    shares = counts / sizes[np.searchsorted(owners, pairs[:, 0])]
    enough = (shares >= 0.5) & (counts > 1)
    most = np.flatnonzero(enough)[np.argsort(-shares[enough], kind="stable")]
    return tuple(starmap(Alike, _rows(pairs[most, 0], pairs[most, 1], shares[most])))


def _twice(
    vectors: Vectors, people: Ints, gate: Gate, scores: Floats, usual: float | None
) -> tuple[Twice, ...]:
    """People who are one by the threshold, and hardly apart; the surest first.

    People are compared whose templates alone would nearly do; of each such pair every photo is
    scored with the other person as a probe would be. With one photo on either side the threshold
    of two photos counts.

    Args:
        vectors, people: of the gallery.
        gate: who is one person.
        scores: (n,) of each photo with its person's others, -inf without one.
        usual: lead of photos over everybody else; None where nobody else is there.
    """
    owners, means = templates(vectors, people)
    bar = min(gate.of_person, gate.of_photos)
    size = max(_BLOCK_NUMBERS // max(len(owners), 1), 1)
    _, order, starts = grouped(people)
    rows = np.split(order, starts)[1:]
    found = []
    for start in range(0, len(owners), size):
        near = means[start : start + size] @ means.T >= bar - _NEARLY
        first, second = np.nonzero(near)
        later = second > first + start
        for one, other in zip((first[later] + start).tolist(), second[later].tolist(), strict=True):
            own, theirs = vectors[rows[one]], vectors[rows[other]]
            cosines = own @ theirs.T
            across = (
                fuse(cosines.max(axis=1), own @ means[other]),
                fuse(cosines.max(axis=0), theirs @ means[one]),
            )
            within = (scores[rows[one]], scores[rows[other]])
            leads = [float(np.median(w - a)) for w, a in zip(within, across, strict=True)]
            if usual is not None and max(leads) > ALIKE * usual:
                continue
            needed = gate.of_person if min(cosines.shape) > 1 else gate.of_photos
            score = min(float(np.median(side)) for side in across)
            if score >= needed:
                found.append(Twice(int(owners[one]), int(owners[other]), score))
    return tuple(sorted(found, key=lambda each: -each.score))


def _pairs(vectors: Vectors, people: Ints) -> tuple[tuple[Copies, ...], Floats]:
    """Groups of copies, and each photo's cosine to the nearest of anybody else's.

    Args:
        vectors: of unit length.
        people: whose each is.
    """
    size = max(_BLOCK_NUMBERS // max(len(vectors), 1), 1)
    found: list[tuple[int, int, float]] = []
    nearest = np.full(len(vectors), -np.inf, np.float32)
    for start in range(0, len(vectors), size):
        block = slice(start, start + size)
        cosines = vectors[block] @ vectors.T
        strangers = people[block, None] != people[None]
        nearest[block] = np.where(strangers, cosines, -np.inf).max(axis=1)
        first, second = np.nonzero(cosines >= COPY_COSINE)
        later = second > first + start
        first, second = first[later], second[later]
        found += _rows(first + start, second, cosines[first, second])
    return _copies(found, people), nearest


def _copies(pairs: Sequence[tuple[int, int, float]], people: Ints) -> tuple[Copies, ...]:
    """Copies that belong together, those of several people first."""
    if not pairs:
        return ()
    first, second, cosines = (np.array(column) for column in zip(*pairs, strict=True))
    joined = csr_matrix((np.ones(len(first)), (first, second)), (len(people), len(people)))
    labels = connected_components(joined, directed=False)[1]
    groups = []
    for label in np.unique(labels[first]).tolist():
        rows = np.flatnonzero(labels == label)
        one = len(np.unique(people[rows])) == 1
        groups.append(
            Copies(tuple(rows.tolist()), float(cosines[labels[first] == label].min()), one)
        )
    return tuple(
        sorted(groups, key=lambda group: (group.one_person, -len(group.rows), -group.cosine))
    )


def _rows(*columns: npt.NDArray[Any]) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
