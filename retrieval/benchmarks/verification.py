"""Verification: are two photos of one person? Ten folds, as LFW's `pairs.txt` asks it.

Source: Huang et al., "Labeled Faces in the Wild", 2007: accuracy is the mean over ten folds, each
at the threshold that is best on the other nine.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retrieval.benchmarks.face_vectors import PhotoVectors
from retrieval.errors import DataInvalid
from retrieval.values import Floats, Ints

_FOLDS = 10
_MOST_PAIRS = 3000  # of each kind, as LFW has them
_STRANGERS = 100_000  # pairs of two people that the rates are read from, where pairs are drawn
FARS = (0.01, 0.001)


class Verification(NamedTuple):
    """Rates of one to one comparisons.

    Attributes:
        pairs: of each kind.
        accuracy, accuracy_sd: over ten folds; a pair without two usable faces counts as wrong.
        tar: by false accept rate, the share of one person's pairs that are accepted.
        given: whether the pairs came from a pairs.txt.
    """

    pairs: int
    accuracy: float
    accuracy_sd: float
    tar: dict[str, float]
    given: bool


def verify(faces: PhotoVectors, folder: Path, files: list[str], seed: int = 0) -> Verification:
    """Compare the pairs of a folder's pairs.txt, or drawn ones where it has none.

    Args:
        faces: of the folder.
        folder: where pairs.txt may be.
        files: the photos' file names, a row per photo.
        seed: of what is drawn.
    """
    listed = folder / "pairs.txt"
    given = listed.is_file()
    rng = np.random.default_rng(seed)
    same, different = _listed(faces, files, listed) if given else _drawn(faces, rng)
    more = different if given else _strangers(faces, rng)
    one, two, other = (_cosines(faces, pairs) for pairs in (same, different, more))
    other = other[np.isfinite(other)]
    accuracies = _accuracies(one, two)
    limits = {f"{far:g}": float(np.sort(other)[::-1][int(far * len(other))]) for far in FARS}
    tar = {far: float((one > limit).mean()) for far, limit in limits.items()}
    return Verification(len(same), float(accuracies.mean()), float(accuracies.std()), tar, given)


def _cosines(faces: PhotoVectors, pairs: Ints) -> Floats:
    """Of each pair; NaN where a photo has no usable face, which every comparison gets wrong."""
    first, second = pairs.T
    cosines = np.einsum("nd,nd->n", faces.vectors[first], faces.vectors[second])
    return np.where(faces.found[first] & faces.found[second], cosines, np.nan).astype(np.float32)


def _accuracies(same: Floats, different: Floats) -> npt.NDArray[np.float64]:
    """Of each fold, at the threshold that is best on the others."""
    count = min(len(same), len(different))
    folds = np.arange(count) * _FOLDS // count
    cosines = np.concatenate([same[:count], different[:count]])
    truth = np.repeat([True, False], count)
    fold_of = np.concatenate([folds, folds])
    limits = np.unique(cosines[np.isfinite(cosines)])
    limits = limits[:: max(len(limits) // 1000, 1)]
    right = np.where(truth, cosines >= limits[:, None], cosines < limits[:, None])
    by_fold = np.stack([right[:, fold_of == fold].mean(axis=1) for fold in range(_FOLDS)])
    others = by_fold.sum(axis=0) - by_fold
    return np.asarray(by_fold[np.arange(_FOLDS), others.argmax(axis=1)], np.float64)


def _drawn(faces: PhotoVectors, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """As many pairs of one person as of two, in the order of the people, so that folds differ."""
    order = np.lexsort((rng.random(len(faces.people)), faces.people))
    ordered = faces.people[order]
    pairs = np.stack([order[:-1], order[1:]], axis=1)[ordered[:-1] == ordered[1:]]
    kept = np.sort(rng.permutation(len(pairs))[:_MOST_PAIRS])
    same = pairs[kept]
    if len(same) < _FOLDS:
        raise DataInvalid(
            f"Verification needs {_FOLDS} pairs of photos of one person; found {len(same)}."
        )
    return same, _strangers(faces, rng)[: len(same)]


def _strangers(faces: PhotoVectors, rng: np.random.Generator) -> Ints:
    """Pairs of two people."""
    pairs: Ints = rng.integers(0, len(faces.people), (_STRANGERS, 2))
    two: Ints = pairs[faces.people[pairs[:, 0]] != faces.people[pairs[:, 1]]]
    return two


def _listed(faces: PhotoVectors, files: list[str], path: Path) -> tuple[Ints, Ints]:
    """Pairs of a file in LFW's form: name, n, m; or name, n, name, m. Numbers are photos'."""
    row_of = {Path(file).stem: row for row, file in enumerate(files)}
    same: list[list[int]] = []
    different: list[list[int]] = []
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        fields = line.split()
        if len(fields) == 3:
            name, first, second = fields
            pair, into = ((name, first), (name, second)), same
        elif len(fields) == 4:
            pair, into = ((fields[0], fields[1]), (fields[2], fields[3])), different
        else:
            continue
        rows = [row_of.get(f"{name}_{int(number):04}", -1) for name, number in pair]
        if min(rows) >= 0:
            into.append(rows)
    if min(len(same), len(different)) < _FOLDS:
        raise DataInvalid(
            f"{path} names only {len(same)} pairs of one person and {len(different)} of two whose"
            f" photos are in the folder; {_FOLDS} are needed."
        )
    return np.array(same, np.int64), np.array(different, np.int64)
