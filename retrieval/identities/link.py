"""An event decided as a whole: its faces are seen together, not one by one (pure).

Three steps follow on the decisions of single photos, each measured on albums of LFW's people
(docs/events.md holds the figures):

1. Who is supported by one face alone, and that barely, is *to check* rather than present.
2. Faces that are nobody's so far are compared once more with those who are present: with their
   enrolled faces and with their faces of this very event together. The lead counts over the second
   person and over the nearest other face that is nobody's as well: a stranger comes several times,
   and is then more like themselves than like any of ours.
3. What is left is grouped by average linkage.

Photos veto throughout: two faces of one photo are never one person, nor are two of one video that
were seen at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from retrieval.identities.assign import assign
from retrieval.identities.at_once import Times, moments
from retrieval.scoring.rule import LEAD, fuse, grouped, templates
from retrieval.values import Floats, Gate, Ints, Vectors

# How far below the threshold a face that is nobody's may lie to be given to somebody present, and
# how far above it a lone face must lie to make somebody present: both in units of the distance from
# the threshold of a search down to that of a comparison of two photos, which every network has.
# Chosen on albums of LFW's people with four networks, docs/events.md.
LOWERED = 0.4
CHECKED = 0.5
ROUNDS = 2  # of step 2: a face that was given away is nobody's rival in the second
OWN_FACES = 10  # of the event, the best of each person, that step 2 compares with
_BLOCK_NUMBERS = 8_000_000  # scores that are held at a time: 32 MB


@dataclass(frozen=True, slots=True)
class LinkRule:
    """The thresholds of an event.

    Attributes:
        threshold: of a match of one face.
        recalled: evidence from which a face is given to somebody who is present.
        lone: evidence above the threshold that one face alone needs to make somebody present.
        grouped: mean cosine from which two groups of unknown faces are one.
    """

    threshold: float
    recalled: float
    lone: float
    grouped: float

    @classmethod
    def of(cls, gate: Gate) -> "LinkRule":
        """From the gate of single decisions, calibrated or not."""
        pair = gate.of_photos
        span = max(gate.threshold - pair, 0.0)
        return cls(
            gate.threshold,
            gate.threshold - LOWERED * span,
            CHECKED * span,
            pair,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """An event's faces as they were decided one by one, one row per face.

    Attributes:
        vectors: (n, d) float32, rows of unit length, in the space of decisions.
        photos: (n,) int64.
        usable: (n,) bool; other faces take part in nothing.
        people: (n,) int64, who each is so far, -1 for nobody.
        excess: (n,) float32, evidence above the threshold of those who are somebody.
        rivals: (n,) float32, score of the best person who is not present; -1 for none.
        fixed: (n,) bool, what a human said: it is not decided anew.
        refused: pairs of a row and of a person whom it is not.
        times: when each was seen, where there are videos.
        credit: (n,) by what each one's scores are multiplied, where there are videos: see
            `scoring.rule.credit`.
    """

    vectors: Vectors
    photos: Ints
    usable: npt.NDArray[np.bool_]
    people: Ints
    excess: Floats
    rivals: Floats
    fixed: npt.NDArray[np.bool_]
    refused: Sequence[tuple[int, int]] = ()
    times: Times | None = None
    credit: Floats | None = None

    def credited(self, rows: Ints) -> Vectors:
        """Vectors (m, d) whose cosines are scores: shorter where they are means that differ."""
        vectors = self.vectors[rows]
        return vectors if self.credit is None else vectors * self.credit[rows, None]

    def moments(self) -> csr_matrix:
        """(n, m): which faces were seen at once; see `at_once.moments`."""
        return moments(self.photos, self.times or Times.of_photos(len(self.photos)))


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """What the event makes of its faces, one row per face.

    Attributes:
        people: (n,) int64, -1 for nobody.
        scores, needed: (n,) float32 of faces that the event gave to somebody, NaN else.
        by_event: (n,) bool, which these are.
        groups: (n,) int64, the first row of each face's group, -1 for unusable ones.
    """

    people: Ints
    scores: Floats
    needed: Floats
    by_event: npt.NDArray[np.bool_]
    groups: Ints


def one_per_photo(
    photos: Ints, people: Ints, firm: npt.NDArray[np.bool_], times: Times | None = None
) -> None:
    """Take whom a human saw on a photo from its other faces, in place.

    Args:
        photos: (n,) int64, the photo of each face.
        people: (n,) int64, whose each is, -1 for nobody's.
        firm: (n,), whether a human said so.
        times: of the faces, where there are videos: only faces that were seen at once count.
    """
    said: dict[tuple[int, int], list[int]] = {}
    for row in np.flatnonzero(firm).tolist():
        said.setdefault((int(photos[row]), int(people[row])), []).append(row)
    for row in np.flatnonzero(~firm & (people >= 0)).tolist() if said else ():
        others = said.get((int(photos[row]), int(people[row])))
        if others and (times is None or times.overlap(row, np.array(others, np.int64)).any()):
            people[row] = -1


def standing(people: Ints, excess: Floats, firm: npt.NDArray[np.bool_], lone: float) -> Ints:
    """Who is present for sure: by a human's word, by two faces, or by one that is clear.

    Args:
        people: (n,) int64, whom each face is given to, -1 for nobody.
        excess: (n,) float32, evidence above the threshold; NaN of faces that the event gave.
        firm: (n,) bool, faces of which a human said so.
        lone: what one face alone needs.

    Returns:
        the people, ascending; everybody else who has a face is to be checked.
    """
    own = (people >= 0) & (firm | (excess >= 0))
    if not own.any():
        return np.zeros(0, np.int64)
    owners, order, starts = grouped(people[own])
    best = np.maximum.reduceat(np.where(firm, np.inf, excess)[own][order], starts)
    sizes = np.diff(starts, append=len(order))
    return owners[(sizes > 1) | (best >= lone)]


def link(seen: Seen, known: Vectors, owners: Ints, rule: LinkRule) -> Linked:
    """Decide an event as a whole.

    Args:
        seen: its faces.
        known: (m, d) enrolled faces of those who are present, in the same space.
        owners: (m,) int64, whose each is.
        rule: the thresholds.

    Source: average linkage by reciprocal nearest neighbours, Bruynooghe 1977; see Müllner,
        "Modern hierarchical, agglomerative clustering algorithms", 2011, section 2.
    """
    people = seen.people.copy()
    count = len(people)
    scores, needed = (np.full(count, np.nan, np.float32) for _ in range(2))
    by_event = np.zeros(count, bool)
    present = standing(people, seen.excess, seen.fixed, rule.lone)
    present = present[np.isin(present, owners)]
    for _ in range(ROUNDS if len(present) else 0):
        rows = np.flatnonzero(seen.usable & ~seen.fixed & (people < 0))
        if not len(rows):
            break
        found, fused, evidence = _recall(seen, rows, people, present, known, owners)
        times = None if seen.times is None else seen.times.take(rows)
        taken = _given(seen.photos[rows], found, evidence - rule.recalled, times)
        if not taken.any():
            break
        chosen = rows[taken]
        people[chosen] = found[taken]
        scores[chosen] = fused[taken]
        needed[chosen] = fused[taken] - (evidence[taken] - rule.recalled)
        by_event[chosen] = True
    return Linked(people, scores, needed, by_event, _groups(seen, people, rule.grouped))


def _recall(
    seen: Seen, rows: Ints, people: Ints, present: Ints, known: Vectors, owners: Ints
) -> tuple[Ints, Floats, Floats]:
    """The best present person of each row, with score and evidence; -1 where photos veto all."""
    own = _own_faces(people, seen.excess, present, seen.fixed)
    enrolled = np.isin(owners, present)
    pool = np.concatenate([known[enrolled], seen.vectors[own]])
    labels = np.concatenate([owners[enrolled], people[own]])
    whose, order, starts = grouped(labels)
    pool, means = pool[order], templates(pool, labels)[1]
    best, score, evidence = [], [], []
    size = max(_BLOCK_NUMBERS // max(len(pool), len(rows)), 1)
    refused = _vetoes(seen, people, whose)
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        vectors = seen.credited(some)
        nearest = np.maximum.reduceat(vectors @ pool.T, starts, axis=1)
        fused = fuse(nearest, vectors @ means.T)
        at, columns = refused[some].nonzero()
        fused[at, columns] = -np.inf
        first = fused.argmax(axis=1)
        line = np.arange(len(some))
        top = fused[line, first]
        fused[line, first] = -np.inf
        rival = np.maximum(fused.max(axis=1), seen.rivals[some])
        rival = np.maximum(rival, _nearest_other(seen, some, rows))
        best.append(np.where(np.isfinite(top), whose[first], -1))
        score.append(top)
        evidence.append(top + np.float32(LEAD) * (top - np.maximum(rival, -1)))
    return np.concatenate(best), np.concatenate(score), np.concatenate(evidence)


def _own_faces(people: Ints, excess: Floats, present: Ints, fixed: npt.NDArray[np.bool_]) -> Ints:
    """Rows of the event's clearest faces of each person who is present."""
    clear = np.flatnonzero(np.isin(people, present) & (fixed | (excess >= 0)))
    order = clear[np.lexsort((-np.where(fixed, np.inf, excess)[clear], people[clear]))]
    owners, starts = np.unique(people[order], return_index=True)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    kept: Ints = order[rank < OWN_FACES]
    return kept if len(owners) else np.zeros(0, np.int64)


def _vetoes(seen: Seen, people: Ints, whose: Ints) -> csr_matrix:
    """(n, p) true where a person is in the face's photo already, or was refused for it."""
    rows = np.flatnonzero(np.isin(people, whose))
    columns = np.searchsorted(whose, people[rows])
    shape = (len(people), len(whose))
    given = csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape=shape)
    shown = seen.moments()
    vetoes = (shown @ (shown.T @ given)).astype(bool)
    pairs = [(row, person) for row, person in seen.refused if person in set(whose.tolist())]
    if pairs:
        said, persons = np.array(pairs, np.int64).T
        at = (said, np.searchsorted(whose, persons))
        vetoes = vetoes + csr_matrix((np.ones(len(said), bool), at), shape=vetoes.shape)
    return vetoes


def _nearest_other(seen: Seen, some: Ints, rows: Ints) -> Floats:
    """Cosine of each face to the nearest other face that is nobody's, of another photo."""
    cosines = seen.credited(some) @ seen.vectors[rows].T
    shown = seen.moments()
    cosines[(shown[some] @ shown[rows].T).nonzero()] = -1
    nearest: Floats = cosines.max(axis=1)
    return nearest


def _given(
    photos: Ints, people: Ints, excess: Floats, times: Times | None = None
) -> npt.NDArray[np.bool_]:
    """Which faces get their person: nobody twice in a photo, or at once in a video."""
    taken = np.zeros(len(photos), bool)
    rows = np.flatnonzero((people >= 0) & (excess >= 0))
    order = rows[np.argsort(photos[rows], kind="stable")]
    for some in np.split(order, np.flatnonzero(np.diff(photos[order])) + 1):
        if len(some) and times is not None and times.last[some].any():
            _take_in_turn(taken, some, people, excess, times)
        elif len(some):
            taken[some] = assign(people[some][:, None], excess[some][:, None]) >= 0
    return taken


def _take_in_turn(
    taken: npt.NDArray[np.bool_], rows: Ints, people: Ints, excess: Floats, times: Times
) -> None:
    """The surest first; who is there already at that time is not given again, in place."""
    given: dict[int, list[int]] = {}
    for row in rows[np.argsort(-excess[rows], kind="stable")].tolist():
        own = given.setdefault(int(people[row]), [])
        if not times.overlap(row, np.array(own, np.int64)).any():
            own.append(row)
            taken[row] = True


def _groups(seen: Seen, people: Ints, least: float) -> Ints:
    """The first row of each face's group: of one person, or unknown faces that are alike."""
    groups = np.full(len(people), -1, np.int64)
    for rows in _split(np.flatnonzero(people >= 0), people):
        groups[rows] = rows[0]
    rows = np.flatnonzero(seen.usable & (people < 0))
    times = None if seen.times is None else seen.times.take(rows)
    labels = group_faces(seen.credited(rows), seen.photos[rows], least, times)
    for some in _split(np.arange(len(rows)), labels):
        groups[rows[some]] = rows[some[0]]
    return groups


def _split(rows: Ints, labels: Ints) -> list[Ints]:
    """Rows of one label each."""
    if not len(rows):
        return []
    order = rows[np.argsort(labels[rows], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def group_faces(vectors: Vectors, photos: Ints, least: float, times: Times | None = None) -> Ints:
    """Group faces by average linkage; two of one photo never come together.

    In each round all groups that are each other's nearest become one, which gives what joining
    the nearest pair again and again would. A group without a near enough one can get none later.

    Args:
        vectors: (n, d) float32, rows of unit length.
        photos: (n,) int64.
        least: mean cosine of two groups that become one.
        times: of the faces, where there are videos.

    Returns:
        (n,) int64, a label each.
    """
    labels = np.arange(len(vectors))
    active = labels
    sums, sizes = vectors.astype(np.float32), np.ones(len(vectors), np.float32)
    shown = moments(photos, times or Times.of_photos(len(photos)))
    while len(active) > 1:
        nearest = _nearest_groups(sums[active], sizes[active], shown[active], least)
        open_ = nearest >= 0
        line = np.arange(len(active))
        both = open_ & (nearest[np.where(open_, nearest, 0)] == line) & (line < nearest)
        if not both.any():
            break
        first, second = active[both], active[nearest[both]]
        sums[first] += sums[second]
        sizes[first] += sizes[second]
        joining = csr_matrix(
            (np.ones(len(first), np.int32), (first, second)), shape=(len(labels), len(labels))
        )
        shown = shown + joining @ shown
        to = np.arange(len(labels))
        to[second] = first
        labels = to[labels]
        active = np.setdiff1d(active[open_], second)
    return labels


def _nearest_groups(sums: Vectors, sizes: Floats, shown: csr_matrix, least: float) -> Ints:
    """The group nearest to each by mean cosine, -1 where none is near enough."""
    means = sums / sizes[:, None]
    nearest = np.full(len(means), -1, np.int64)
    size = max(_BLOCK_NUMBERS // len(means), 1)
    for start in range(0, len(means), size):
        rows = np.arange(start, min(start + size, len(means)))
        cosines = means[rows] @ means.T
        at, columns = (shown[rows] @ shown.T).nonzero()  # themselves too
        cosines[at, columns] = -np.inf
        best = cosines.argmax(axis=1)
        near = cosines[np.arange(len(rows)), best] >= least
        nearest[rows[near]] = best[near]
    return nearest
