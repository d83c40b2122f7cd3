"""Test pictures as probes against the training pictures: our indexes by Euclidean distance.

In the manner of ann-benchmarks (fashion-mnist-784-euclidean): one probe at a time, one thread,
recall@10 counted by distance, so that ties are no errors.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypedDict

import numpy as np
from threadpoolctl import threadpool_limits

from retrieval.benchmarks.fashion_mnist.data import CLASSES, FashionMnist
from retrieval.benchmarks.fashion_mnist.hog import hog
from retrieval.benchmarks.plots import QUIET, canvas, label
from retrieval.benchmarks.progress import Advance, silent
from retrieval.benchmarks.report import Cell, Report, Table
from retrieval.index.exact import Exact
from retrieval.index.faiss_ivf import Coding, FaissIvf, Recipe
from retrieval.values import Floats, Ints, Vectors

K = 10
NEIGHBOURS = (1, 3, 5, 10)
NPROBES = (1, 2, 4, 6, 8, 16, 32, 64)
EFS = (10, 20, 40, 80, 160, 320)
NLIST = 512  # twice the root of 60,000
WANTED_RECALL = 0.95
_TIE = 1e-3  # ann-benchmarks' tolerance, in the data's own distance
_HOG_CELL_PX = 4
_CANDIDATES = 64
STEPS = 1 + 2 * len(NPROBES) + len(EFS) + 2 * len(NEIGHBOURS)

Search = Callable[[int], Ints]  # a probe's row -> its neighbours' rows, best first


class Speed(TypedDict):
    """One index with one setting, asked one probe at a time on one thread.

    Queries a second are those of the median time, which other work on the machine moves least.
    """

    method: str
    setting: str
    recall: float
    queries_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    build_s: float


class Accuracy(TypedDict):
    """Share of the test pictures whose nearest neighbours' majority is their class."""

    features: str
    neighbours: int
    accuracy: float


class Retrieval(TypedDict):
    """What retrieval gives on Fashion-MNIST."""

    gallery: int
    probes: int
    seed: int
    speeds: list[Speed]
    accuracies: list[Accuracy]
    times_as_fast_as_exact: dict[str, float]


class _Built(NamedTuple):
    """An index to measure, with a search for each of its settings."""

    method: str
    build_s: float
    searches: Iterator[tuple[str, Search]]


def lifted(gallery: Floats, probes: Floats) -> tuple[Vectors, Vectors]:
    """Make unit vectors whose cosines are in the order of the Euclidean distances.

    |q - x|² is |q|² - 2 (q·x - |x|²/2): a gallery vector gets the coordinate -|x|²/2a and the
    probe a, so that their inner product is the bracket; a last coordinate, 0 in probes, gives all
    gallery vectors one length.

    Args:
        gallery: (n, d) float32.
        probes: (q, d) float32.

    Returns:
        Gallery (n, d + 2) and probes (q, d + 2), float32 rows of unit length.

    Source: Neyshabur and Srebro, "On symmetric and asymmetric LSHs for inner product search",
        2015, applied to the bracket. a is the root of the mean |x|²: clusters of the lifted
        vectors are then as good as those of the vectors themselves (recall@10 at nprobe 8 of 256
        lists: 0.987 against 0.988).
    """
    mean = gallery.mean(axis=0)
    near, asked = gallery - mean, probes - mean
    squares = np.square(near, dtype=np.float64).sum(axis=1)
    scale = np.sqrt(squares.mean())
    heights = -squares / (2 * scale)
    lengths = squares + np.square(heights)
    fill = np.sqrt(lengths.max() - lengths)
    rows = np.column_stack([near, heights, fill]) / np.sqrt(lengths.max())
    ones = np.ones(len(asked))
    queries = np.column_stack([asked, scale * ones, 0 * ones])
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return rows.astype(np.float32), queries.astype(np.float32)


def run(
    data: FashionMnist, probes: int = 1000, seed: int = 0, advance: Advance = silent
) -> Retrieval:
    """Measure speed against recall, and what the neighbours say of the class.

    Args:
        data: the pictures.
        probes: test pictures that are timed, drawn by `seed`; accuracy is over all of them.
        seed: of the draw and of the clusters.
        advance: told of each setting.
    """
    drawn = np.random.default_rng(seed).permutation(len(data.test))[:probes]
    gallery, asked = data.train.rows, data.test.rows[drawn]
    with threadpool_limits(1):
        speeds = _speeds(gallery, asked, seed, advance)
    accuracies: list[Accuracy] = []
    for name, features in (
        ("pixels", (gallery, data.test.rows)),
        ("HOG", tuple(hog(part.pixels, _HOG_CELL_PX) for part in (data.train, data.test))),
    ):
        found = _neighbours(*lifted(*features))
        for k in NEIGHBOURS:
            right = votes(data.train.labels[found[:, :k]]) == data.test.labels
            accuracies.append(Accuracy(features=name, neighbours=k, accuracy=float(right.mean())))
            advance(1, neighbours=k)
    return Retrieval(
        gallery=len(gallery),
        probes=len(asked),
        seed=seed,
        speeds=speeds,
        accuracies=accuracies,
        times_as_fast_as_exact=times_as_fast(speeds),
    )


def recall(found: Ints, gallery: Floats, probes: Floats, true: Ints) -> float:
    """Share of answers that are as near as the true k-th neighbour.

    Args:
        found: (q, k) rows of the gallery, -1 for none.
        gallery: (n, d).
        probes: (q, d).
        true: (q, k) rows by exact search, best first.
    """
    hits = 0
    for probe, rows, furthest in zip(probes, found, true[:, -1], strict=True):
        limit = np.linalg.norm(probe - gallery[furthest]) + _TIE
        distances = np.linalg.norm(probe - gallery[rows[rows >= 0]], axis=1)
        hits += int(np.count_nonzero(distances <= limit))
    return hits / found.size


def votes(labels: Ints) -> Ints:
    """The class that most of (q, k) neighbours have, nearest first; the nearer wins a tie."""
    k = labels.shape[1]
    weights = 1 + np.linspace(0.5 / k, 0, k)  # all of them together weigh less than one vote
    tally = np.zeros((len(labels), len(CLASSES)))
    np.add.at(tally, (np.arange(len(labels))[:, None], labels), weights)
    return np.asarray(tally.argmax(axis=1))


def times_as_fast(speeds: Sequence[Speed]) -> dict[str, float]:
    """How many times as fast as exact search each method is, where its recall suffices."""
    exact = next(speed for speed in speeds if speed["method"] == "exact")
    ratios: dict[str, float] = {}
    for speed in speeds:
        if speed["recall"] >= WANTED_RECALL and speed is not exact:
            ratio = round(speed["queries_per_s"] / exact["queries_per_s"], 1)
            ratios[speed["method"]] = max(ratio, ratios.get(speed["method"], 0.0))
    return ratios


def retrieval_report(result: Retrieval) -> Report:
    """Recall against speed, and the neighbours' accuracy."""
    figure, (ax,) = canvas(8.4, 4.2)
    for method in dict.fromkeys(speed["method"] for speed in result["speeds"]):
        points = [speed for speed in result["speeds"] if speed["method"] == method]
        ax.plot(
            [point["recall"] for point in points],
            [point["queries_per_s"] for point in points],
            marker="o",
            label=method,
        )
    ax.axvline(WANTED_RECALL, linewidth=1, linestyle=":", color=QUIET)
    ax.set_yscale("log")
    label(ax, title="Up and to the right is better", x=f"recall@{K}", y="queries/s", legend=True)
    rows: list[list[Cell]] = [
        [
            speed["method"],
            speed["setting"],
            speed["recall"],
            round(speed["queries_per_s"]),
            speed["p50_ms"],
            speed["p95_ms"],
            speed["p99_ms"],
            speed["build_s"],
        ]
        for speed in result["speeds"]
    ]
    columns = ("index", "setting", "recall@10", "queries/s", "p50 ms", "p95 ms", "p99 ms")
    formats = {"recall@10": ".3f"} | dict.fromkeys([*columns[4:], "built in s"], ".2f")
    return (
        Report(
            "Fashion-MNIST: retrieval",
            f"{result['gallery']:,} training pictures searched by Euclidean distance with"
            f" {result['probes']:,} test pictures, one at a time on one thread.",
        )
        .tiles(
            {
                f"times as fast as exact, {name}, at recall {WANTED_RECALL} or better": f"{n:.0f}"
                for name, n in result["times_as_fast_as_exact"].items()
            }
        )
        .figure("recall", figure, f"The dotted line is a recall of {WANTED_RECALL}.")
        .table(
            Table(
                (*columns, "built in s"), rows, "Queries/s are those of the median time.", formats
            )
        )
        .heading("What the neighbours say of the class")
        .table(_accuracy_table(result["accuracies"]))
    )


def _accuracy_table(accuracies: Sequence[Accuracy]) -> Table:
    rows: list[list[Cell]] = [
        [entry["features"], entry["neighbours"], entry["accuracy"]] for entry in accuracies
    ]
    best = max(range(len(rows)), key=lambda row: accuracies[row]["accuracy"])
    return Table(
        ("features", "neighbours", "test accuracy"),
        rows,
        "The majority among the nearest training pictures, over the whole test set.",
        {"test accuracy": ".4f"},
        best,
    )


def _speeds(gallery: Floats, probes: Floats, seed: int, advance: Advance) -> list[Speed]:
    rows, queries = lifted(gallery, probes)
    true: Ints | None = None
    speeds = []
    for built in _indexes(gallery, probes, rows, queries, seed):
        for setting, search in built.searches:
            times, answers = [], []
            for probe in range(len(probes)):
                started = time.perf_counter()
                answers.append(search(probe))
                times.append(time.perf_counter() - started)
            found = np.stack(answers)
            true = found if true is None else true
            p50, p95, p99 = (1000 * np.percentile(times, [50, 95, 99])).tolist()
            speeds.append(
                Speed(
                    method=built.method,
                    setting=setting,
                    recall=recall(found, gallery, probes, true),
                    queries_per_s=1000 / p50,
                    p50_ms=p50,
                    p95_ms=p95,
                    p99_ms=p99,
                    build_s=built.build_s,
                )
            )
            advance(1, index=built.method)
    return speeds


def _indexes(
    gallery: Floats, probes: Floats, rows: Vectors, queries: Vectors, seed: int
) -> Iterator[_Built]:
    """Each index in turn, exact first; only one of them is in memory at a time."""
    yield _exact(rows, queries)
    # Flat lists find the nearest themselves; coded ones give candidates that are scored again.
    for name, coding, fetch in (("flat", Coding.FLAT, K), ("PQ", Coding.PQ, _CANDIDATES)):
        started = time.perf_counter()
        nlist = min(NLIST, len(rows) // 39)
        ivf = FaissIvf.trained(rows, Recipe(coding, nlist, 1, fetch=fetch, seed=seed))
        ivf.add(np.arange(len(rows)), rows)
        built_s = time.perf_counter() - started
        yield _Built(f"IVF {name}", built_s, _ivf_searches(ivf, queries))
    yield from _hnsw(gallery, probes, seed)


def _exact(rows: Vectors, queries: Vectors) -> _Built:
    started = time.perf_counter()
    exact = Exact(rows.shape[1])
    exact.add(np.arange(len(rows)), rows)
    built_s = time.perf_counter() - started
    return _Built("exact", built_s, iter([("all", lambda p: exact.search(queries[[p]], K).ids[0])]))


def _ivf_searches(ivf: FaissIvf, queries: Vectors) -> Iterator[tuple[str, Search]]:
    for nprobe in (n for n in NPROBES if n <= ivf.recipe.nlist):
        ivf.recipe = replace(ivf.recipe, nprobe=nprobe)
        yield f"nprobe {nprobe}", lambda p: ivf.search(queries[[p]], K).ids[0]


def _hnsw(gallery: Floats, probes: Floats, seed: int) -> Iterator[_Built]:
    """hnswlib, where the extra `bench` is installed."""
    try:
        import hnswlib
    except ImportError:
        return
    started = time.perf_counter()
    graph = hnswlib.Index("l2", gallery.shape[1])
    graph.init_index(len(gallery), ef_construction=200, M=16, random_seed=seed)
    graph.set_num_threads(1)
    graph.add_items(gallery, num_threads=1)
    built_s = time.perf_counter() - started

    def searches() -> Iterator[tuple[str, Search]]:
        for ef in EFS:
            graph.set_ef(ef)
            yield f"ef {ef}", lambda p: graph.knn_query(probes[p], K)[0][0].astype(np.int64)

    yield _Built("hnswlib", built_s, searches())


def _neighbours(rows: Vectors, queries: Vectors) -> Ints:
    """(q, 10) rows of the nearest vectors, by exact search."""
    exact = Exact(rows.shape[1])
    exact.add(np.arange(len(rows)), rows)
    return exact.search(queries, K).ids
