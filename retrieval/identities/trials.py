"""A gallery asked about its own photos: what `identify` would answer, known to be right or wrong.

Each photo is asked twice: with its person enrolled by the other photos (a genuine search, leaving
one photo out), and with its person not enrolled at all (a stranger's search, leaving one person
out). The scores are those of `retrieval.scoring.rule`.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from retrieval.scoring.rule import evidence, fuse, grouped, templates
from retrieval.values import Floats, Ints, Vectors

MOST_PROBES = 4000  # of large galleries, the photos of some people are asked, against everybody
_BLOCK_NUMBERS = 16_000_000  # scores that are held at a time: 64 MB
_PAIRS = 8  # other people with whom each photo is compared one to one


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """The answers, a row per photo asked.

    Attributes:
        rows: (n,) int64, which of the gallery's vectors was asked.
        people: (n,) int64, who is on the photo.
        rivals: (n,) int64, the best other person.
        genuine: (n,) evidence of the right person, -inf where the person has no other photo.
        leads: (n,) score of the right person minus the best other's, negative where that one wins.
        mistaken: (n,) evidence of the best other person then.
        strangers: (n,) evidence of the best person when the right one is not enrolled.
        halves: (n,) the same against a random half of the others.
        person_pairs: (n, 8) scores of other people, taken at random.
        own_scores: (n,) score of the right person.
        photo_pairs: (n, 8) cosines to a photo of each of these.
        own_photos: (n,) cosine to another photo of the same person, -inf where there is none.
        gallery_people, gallery_faces: against how many the photos were asked.
    """

    rows: Ints
    people: Ints
    rivals: Ints
    genuine: Floats
    leads: Floats
    mistaken: Floats
    strangers: Floats
    halves: Floats
    person_pairs: Floats
    own_scores: Floats
    photo_pairs: Floats
    own_photos: Floats
    gallery_people: int
    gallery_faces: int


def ask_gallery(
    vectors: Vectors,
    people: Ints,
    *,
    most_probes: int = MOST_PROBES,
    seed: int = 0,
) -> Trials:
    """Ask a gallery about its own photos.

    Args:
        vectors: (n, d) float32, rows of unit length.
        people: (n,) int64, of four people at least.
        most_probes: of a gallery with more photos, only those of some people are asked.
        seed: of the people that are asked, of halves and pairs.
    """
    rng = np.random.default_rng(seed)
    owners, order, _ = grouped(people)
    vectors, labels = vectors[order], np.searchsorted(owners, people[order])
    room = _Room(vectors, labels, len(owners), rng)
    rows = np.flatnonzero(np.isin(labels, _asked(np.bincount(labels), most_probes, rng)))
    size = max(_BLOCK_NUMBERS // len(vectors), 1)
    parts = [room.ask(rows[at : at + size]) for at in range(0, len(rows), size)]
    return _joined(parts, owners, order)


def _asked(sizes: Ints, most_probes: int, rng: np.random.Generator) -> Ints:
    """People drawn at random until their photos are enough."""
    drawn = rng.permutation(len(sizes))
    return drawn[np.cumsum(sizes[drawn]) - sizes[drawn] < most_probes]


class _Room:
    """A gallery, its rows ordered by person (labels 0, 1, 2, ...)."""

    def __init__(
        self, vectors: Vectors, labels: Ints, people: int, rng: np.random.Generator
    ) -> None:
        self._vectors, self._labels, self._people, self._rng = vectors, labels, people, rng
        self._starts = np.searchsorted(labels, np.arange(people))
        self._sums = np.add.reduceat(vectors, self._starts, axis=0)
        self._templates = templates(vectors, labels)[1]

    def ask(self, rows: Ints) -> Trials:
        own, line = self._labels[rows], np.arange(len(rows))
        cosines = self._vectors[rows] @ self._vectors.T
        cosines[line, rows] = -np.inf
        nearest = np.maximum.reduceat(cosines, self._starts, axis=1)
        scores = fuse(nearest, self._vectors[rows] @ self._templates.T)
        mine = fuse(nearest[line, own], self._template_cosine(rows, own))
        scores[line, own] = -np.inf
        others = _best(scores)
        some = self._rng.permutation(self._people) < max(self._people // 2, 3)
        pairs = np.stack([self._others(own) for _ in range(_PAIRS)], axis=1)
        rival = others[:, 0]
        crowd = self._people >= 3
        return Trials(
            rows=rows,
            people=own,
            rivals=scores.argmax(axis=1),
            genuine=evidence(_against(mine, others, crowd))[:, 0],
            leads=mine - rival,
            mistaken=evidence(_against(rival, np.maximum(others[:, 1:], mine[:, None]), crowd))[
                :, 0
            ],
            strangers=evidence(others)[:, 0],
            halves=evidence(_best(np.where(some, scores, -np.inf)))[:, 0],
            person_pairs=np.take_along_axis(scores, pairs, axis=1),
            own_scores=mine,
            photo_pairs=np.take_along_axis(cosines, self._starts[pairs], axis=1),
            own_photos=self._own_photos(cosines, rows, own),
            gallery_people=self._people,
            gallery_faces=len(self._vectors),
        )

    def _template_cosine(self, rows: Ints, own: Ints) -> Floats:
        """Cosine to the own template made without the photo itself; -inf without another photo."""
        rest = self._sums[own] - self._vectors[rows]
        length = np.linalg.norm(rest, axis=1)
        cosine = (rest * self._vectors[rows]).sum(axis=1) / np.maximum(length, 1e-12)
        return np.where(self._sizes(own) > 1, cosine, -np.inf).astype(np.float32)

    def _sizes(self, own: Ints) -> Ints:
        return np.diff(self._starts, append=len(self._labels))[own]

    def _others(self, own: Ints) -> Ints:
        """One other person each, at random."""
        return (own + self._rng.integers(1, self._people, len(own))) % self._people

    def _own_photos(self, cosines: Floats, rows: Ints, own: Ints) -> Floats:
        sizes = self._sizes(own)
        place = rows - self._starts[own]
        other = (place + self._rng.integers(1, np.maximum(sizes, 2))) % sizes
        return cosines[np.arange(len(rows)), self._starts[own] + other]


def _best(scores: Floats) -> Floats:
    """The three highest of each row, best first."""
    columns = min(3, scores.shape[1])
    return -np.sort(np.partition(-scores, columns - 1, axis=1)[:, :columns], axis=1)


def _against(score: Floats, others: Floats, crowd: bool) -> Floats:
    """A row of candidates as `evidence` wants it: one person's score before the best others."""
    return np.concatenate([score[:, None], others[:, : 2 if crowd else 1]], axis=1)


def _joined(parts: list[Trials], owners: Ints, order: Ints) -> Trials:
    def column(name: str) -> npt.NDArray[np.generic]:
        return np.concatenate([getattr(part, name) for part in parts])

    arrays = {
        field.name: column(field.name)
        for field in fields(Trials)
        if not field.name.startswith("gallery_")
    }
    arrays["rows"] = order[arrays["rows"]]
    arrays["people"] = owners[arrays["people"]]
    arrays["rivals"] = owners[arrays["rivals"]]
    return Trials(
        **arrays,  # type: ignore[arg-type]
        gallery_people=parts[0].gallery_people,
        gallery_faces=parts[0].gallery_faces,
    )
