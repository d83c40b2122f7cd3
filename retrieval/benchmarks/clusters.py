"""The original assignment's retrieval beside Rollcall's own.

The assignment clusters the vectors of all saved photos by k-means into six, keeps an inverted
index of cluster to photos, and answers an input with the photos of the cluster whose centre has the
largest normalised dot product, if that is at least 0.8, else with nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from retrieval.benchmarks.draws import Draw, drawn, highest_refused, usable_people
from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.benchmarks.plots import QUIET, canvas, label
from retrieval.benchmarks.progress import Advance, silent
from retrieval.benchmarks.report import Cell, Report, Table
from retrieval.index.faiss_ivf import Coding, FaissIvf, Recipe
from retrieval.scoring.rule import evidence, fuse, templates
from retrieval.values import Floats, Ints, Vectors

ASSIGNMENT_K = 6
ASSIGNMENT_THRESHOLD = 0.8
NPROBES = (1, 2, 4)
PHOTOS = 5
_NEIGHBOURS = 10  # faces that our index is asked for
_COLUMNS = ("purity", "rank1", "found", "answered", "rejected", "comparisons")


class Method(TypedDict):
    """What one method gives, as means over draws.

    Attributes:
        purity: share of saved photos whose person is the commonest of their cluster.
        rank1: share of known people's inputs whose person is the one that the answer names: the
            commonest of the cluster, or ours; whatever the threshold says.
        found: share of known people's inputs that are answered with a photo of that person.
        answered: photos an answered input.
        rejected: share of strangers' inputs that are answered with nothing.
        comparisons: vectors that an input is compared with.
    """

    method: str
    threshold: float | None
    purity: float
    rank1: float
    rank1_sd: float
    found: float
    found_sd: float
    answered: float
    rejected: float
    rejected_sd: float
    comparisons: float


class Clusters(TypedDict):
    """What each method gives; the answers are those of the first draw."""

    data: dict[str, object]
    known: int
    photos: int
    draws: int
    seed: int
    methods: list[Method]
    assignment_answers: dict[str, list[str]]
    rollcall_answers: dict[str, list[str]]


class _Answer(NamedTuple):
    """What a method says of inputs.

    Attributes:
        people: (q,) who is named.
        scores: (q,) compared with the threshold.
        photos: (q, gallery) bool, the saved photos that are shown.
        comparisons: a mean over the inputs.
    """

    people: Ints
    scores: Floats
    photos: npt.NDArray[np.bool_]
    comparisons: float


class _KMeansIndex:
    """The assignment's inverted index."""

    def __init__(self, draw: Draw, k: int, seed: int) -> None:
        k = min(k, len(draw.gallery))
        means = KMeans(k, n_init=10, random_state=seed).fit(draw.gallery)
        self.members = means.labels_[None, :] == np.arange(k)[:, None]
        centres = means.cluster_centers_
        self._centres = centres / np.linalg.norm(centres, axis=1, keepdims=True)
        self._people = np.array([np.bincount(draw.owners[own]).argmax() for own in self.members])

    def answer(self, inputs: Vectors) -> _Answer:
        """Match each input to the centre of the largest normalised dot product."""
        products = inputs @ self._centres.T
        best = products.argmax(axis=1)
        scores = products.max(axis=1).astype(np.float32)
        return _Answer(self._people[best], scores, self.members[best], len(self._centres))


class _OurIndex:
    """Inverted lists as Rollcall's index keeps them, and its own rule on what they give."""

    def __init__(self, draw: Draw, nlist: int, seed: int) -> None:
        self._owners = draw.owners
        self._templates = templates(draw.gallery, draw.owners)[1]
        recipe = Recipe(Coding.FLAT, nlist, 1, fetch=_NEIGHBOURS, seed=seed)
        self._index = FaissIvf.trained(draw.gallery, recipe)
        self._index.add(np.arange(len(draw.gallery)), draw.gallery)
        self._mean = draw.gallery.mean(axis=0)
        lists = self._index.clusters(draw.gallery)
        self.members = lists[None, :] == np.arange(nlist)[:, None]

    def answer(self, inputs: Vectors, nprobe: int) -> _Answer:
        """Name the best person among the nearest faces of the visited lists."""
        self._index.recipe = replace(self._index.recipe, nprobe=nprobe)
        hits = self._index.search(inputs, _NEIGHBOURS)
        rows, columns = np.nonzero(hits.ids >= 0)
        nearest = np.full((len(inputs), len(self._templates)), -np.inf, np.float32)
        people = self._owners[hits.ids[rows, columns]]
        np.maximum.at(nearest, (rows, people), hits.scores[rows, columns])
        fused = fuse(nearest, inputs @ self._templates.T)
        order = np.argsort(-fused, axis=1)[:, :3]
        scores = evidence(np.take_along_axis(fused, order, axis=1))[:, 0]
        of_best = self._owners[None, :] == order[:, :1]
        named = np.isfinite(nearest).sum(axis=1).mean()
        return _Answer(order[:, 0], scores, of_best, self._compared(inputs, nprobe) + named)

    def _compared(self, inputs: Vectors, nprobe: int) -> float:
        """Centres and the vectors of the visited lists, a mean over the inputs."""
        centres = self._index.centres()
        apart = np.linalg.norm(inputs[:, None] - centres, axis=2)
        visited = np.argsort(apart, axis=1)[:, :nprobe]
        return float(len(centres) + self._index.list_sizes[visited].sum(axis=1).mean())


def run(faces: FaceFolder, draws: int = 20, seed: int = 0, advance: Advance = silent) -> Clusters:
    """Compare the assignment's rule with ours.

    Three quarters of the people are known by five saved photos each. One half of the strangers
    calibrates the thresholds (1 % of their inputs may be answered), the other half is asked about.

    Args:
        faces: a folder's.
        draws: of people and photos.
        seed: of draws and clusters.
        advance: told of every draw.

    Raises:
        DataInvalid: too few people have more than five photos.
    """
    usable, known = usable_people(faces, PHOTOS)
    measured: dict[tuple[str, bool], list[tuple[float, ...]]] = {}
    answers: list[dict[str, list[str]]] = []
    for number in range(draws):
        draw = drawn(faces, usable, known, PHOTOS, np.random.default_rng([seed, number]))
        calibrating = draw.stranger_owners % 2 == 0
        for name, members, of_known, of_strangers in _answers(draw, known, seed):
            calibrated = highest_refused(of_strangers.scores[calibrating])
            fixed = not name.startswith("Rollcall")
            for threshold in ([ASSIGNMENT_THRESHOLD] if fixed else []) + [calibrated]:
                row = _rates(draw, members, of_known, of_strangers, ~calibrating, threshold)
                cell = measured.setdefault((name, threshold == calibrated), [])
                cell.append((threshold, *row))
            if number == 0 and name in (_kmeans_name(known), "Rollcall, all lists"):
                answers.append(_shown(faces, draw, of_known, of_strangers, calibrated))
        advance(1)
    return Clusters(
        data=faces.facts(),
        known=known,
        photos=PHOTOS,
        draws=draws,
        seed=seed,
        methods=list(_methods(measured)),
        assignment_answers=answers[0],
        rollcall_answers=answers[1],
    )


def purity(members: npt.NDArray[np.bool_], owners: Ints) -> float:
    """Share of photos whose person is the commonest of their cluster.

    Args:
        members: (clusters, n) bool.
        owners: (n,) people.
    """
    commonest = sum(np.bincount(owners[own]).max(initial=0) for own in members)
    return float(commonest / len(owners))


def report(result: Clusters) -> Report:
    """One table, the trade of comparisons for right answers, and an excerpt of the answers."""
    figure, (ax,) = canvas(8.4, 4.0)
    calibrated = [method for method in result["methods"] if method["threshold"] is None]
    for name in ("k-means", "Rollcall"):
        methods = [method for method in calibrated if method["method"].startswith(name)]
        ax.errorbar(
            [method["comparisons"] for method in methods],
            [100 * method["found"] for method in methods],
            [100 * method["found_sd"] for method in methods],
            marker="o",
            capsize=3,
            linewidth=1.2,
            label="the assignment's rule" if name == "k-means" else name,
        )
        for method in methods:
            ax.annotate(
                method["method"].split(", ")[1],
                (method["comparisons"], 100 * method["found"]),
                xytext=(-28, 8) if method["method"].startswith("k-means") else (6, -14),
                textcoords="offset points",
                fontsize=8,
                color=QUIET,
            )
    label(
        ax,
        title="Known people found, % (calibrated thresholds)",
        x="comparisons per input",
        legend=True,
    )
    theirs, ours = result["methods"][0], calibrated[-1]
    return (
        Report(
            "The assignment's retrieval beside ours",
            "k-means clusters and their centres, as the project began, and inverted lists whose"
            " photos are compared one by one.",
        )
        .tiles(
            {
                "rank-1, Rollcall": f"{ours['rank1']:.1%}",
                "rank-1, the assignment's rule": f"{theirs['rank1']:.1%}",
                "strangers rejected, Rollcall": f"{ours['rejected']:.1%}",
                "strangers rejected, the assignment's": f"{theirs['rejected']:.1%}",
            }
        )
        .table(_table(result))
        .figure("found", figure, "Bars are the standard deviation over draws.")
        .heading("What the assignment's rule answers")
        .text("As in the assignment: each input with the saved photos of its cluster.")
        .code(_excerpt(result["assignment_answers"]))
        .heading("What Rollcall answers to the same inputs")
        .code(_excerpt(result["rollcall_answers"]))
    )


def _answers(
    draw: Draw, known: int, seed: int
) -> Iterator[tuple[str, npt.NDArray[np.bool_], _Answer, _Answer]]:
    """Each method's name, clusters, and answers about known people and about strangers."""
    for k in (ASSIGNMENT_K, known):
        theirs = _KMeansIndex(draw, k, seed)
        yield (
            _kmeans_name(k),
            theirs.members,
            theirs.answer(draw.queries),
            theirs.answer(draw.strangers),
        )
    ours = _OurIndex(draw, ASSIGNMENT_K, seed)
    for nprobe in (*NPROBES, ASSIGNMENT_K):
        name = "all lists" if nprobe == ASSIGNMENT_K else f"nprobe {nprobe}"
        yield (
            f"Rollcall, {name}",
            ours.members,
            ours.answer(draw.queries, nprobe),
            ours.answer(draw.strangers, nprobe),
        )


def _kmeans_name(k: int) -> str:
    return f"k-means, k = {k}"


def _rates(
    draw: Draw,
    members: npt.NDArray[np.bool_],
    of_known: _Answer,
    of_strangers: _Answer,
    asked: npt.NDArray[np.bool_],
    threshold: float,
) -> tuple[float, ...]:
    """Values in the order of _COLUMNS."""
    passed = of_known.scores > threshold
    own = draw.owners[None, :] == draw.asked[:, None]
    shown = (of_known.photos & own).any(axis=1)
    photos = of_known.photos[passed].sum(axis=1)
    return (
        purity(members, draw.owners),
        float((of_known.people == draw.asked).mean()),
        float((shown & passed).mean()),
        float(photos.mean()) if len(photos) else 0.0,
        float((of_strangers.scores[asked] <= threshold).mean()),
        of_known.comparisons,
    )


def _methods(measured: dict[tuple[str, bool], list[tuple[float, ...]]]) -> Iterator[Method]:
    for (name, calibrated), cells in measured.items():
        means, spread = np.mean(cells, axis=0), np.std(cells, axis=0)
        mean = dict(zip(_COLUMNS, means[1:].tolist(), strict=True))
        sd = dict(zip(_COLUMNS, spread[1:].tolist(), strict=True))
        yield Method(
            method=name,
            threshold=None if calibrated else ASSIGNMENT_THRESHOLD,
            purity=mean["purity"],
            rank1=mean["rank1"],
            rank1_sd=sd["rank1"],
            found=mean["found"],
            found_sd=sd["found"],
            answered=mean["answered"],
            rejected=mean["rejected"],
            rejected_sd=sd["rejected"],
            comparisons=mean["comparisons"],
        )


def _shown(
    faces: FaceFolder, draw: Draw, of_known: _Answer, of_strangers: _Answer, threshold: float
) -> dict[str, list[str]]:
    """The assignment's output: each input with the saved photos that answer it."""
    shown: dict[str, list[str]] = {}
    for rows, answer in ((draw.query_rows, of_known), (draw.stranger_rows, of_strangers)):
        for row, score, photos in zip(rows, answer.scores, answer.photos, strict=True):
            found = draw.gallery_rows[photos] if score > threshold else ()
            shown[faces.photos[row]] = [faces.photos[saved] for saved in found]
    return shown


def _table(result: Clusters) -> Table:
    columns = (
        "method",
        "threshold",
        "purity",
        "rank-1",
        "known people found",
        "± SD",
        "photos an answer",
        "strangers rejected",
        "± SD ",
        "comparisons",
    )
    rows: list[list[Cell]] = [
        [
            method["method"],
            "calibrated" if method["threshold"] is None else f"{method['threshold']}",
            method["purity"],
            method["rank1"],
            method["found"],
            method["found_sd"],
            method["answered"],
            method["rejected"],
            method["rejected_sd"],
            method["comparisons"],
        ]
        for method in result["methods"]
    ]
    formats = dict.fromkeys(columns[2:], ".1%") | {
        "photos an answer": ".1f",
        "comparisons": ".0f",
    }
    return Table(
        columns,
        rows,
        f"Means over {result['draws']} draws: {result['known']} known people with"
        f" {result['photos']} saved photos each. Found: answered, with a photo of the right person."
        " Strangers rejected: answered with nothing; a calibrated threshold aims at 99 %.",
        formats,
        len(rows) - 1,
    )


def _excerpt(answers: dict[str, list[str]]) -> str:
    """A few inputs of known people and of strangers, as in the JSON."""
    inputs = list(answers)
    lines = [f"{name}: [{', '.join(answers[name])}]" for name in inputs[:4] + inputs[-2:]]
    return "\n".join(lines)
