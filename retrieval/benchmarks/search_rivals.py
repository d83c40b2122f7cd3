"""Vector indexes as contestants: ours, FAISS alone with the same lists, hnswlib and usearch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import faiss
import numpy as np

from retrieval.index.faiss_ivf import FaissIvf, Recipe
from retrieval.index.lists import Lists
from retrieval.index.roster import Roster
from retrieval.values import Ints, Vectors

RIVALS = ("hnswlib", "usearch")
EFFORTS = (16, 32, 64, 128, 256, 512)  # ef of a search, hnswlib's and usearch's alike
_LINKS = 16  # the default of both: hnswlib's M, usearch's connectivity
_TRAINED = 4  # of the efforts of a fused search: as much as training chose
_BUILD_EFFORT = {"hnswlib": 200, "usearch": 128}  # their defaults


@dataclass(frozen=True, slots=True, eq=False)
class Contestant:
    """A built index.

    Attributes:
        name: who it is.
        build_s: seconds of training and adding; None where it took another's lists over.
        build_core_s: the same in seconds of all cores.
        bytes: of memory that it needs; mapped exact vectors are not counted.
        efforts: what a search can be told, from quick to thorough.
        search: (probes, effort) -> (q,) the nearest entry's row.
    """

    name: str
    build_s: float | None
    build_core_s: float | None
    bytes: int
    efforts: Sequence[int]
    search: Callable[[Vectors, int], Ints]


class _Clock:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Seconds that have passed, and seconds that all cores have worked."""
        return time.perf_counter() - self._started[0], time.process_time() - self._started[1]


def ours(
    vectors: Vectors, sample: Vectors, at: Callable[[int], Recipe], efforts: Sequence[int]
) -> list[Contestant]:
    """Our lists with and without scoring again, and FAISS alone with the same lists.

    Args:
        vectors: (n, d) what is searched; the nearest row is wanted.
        sample: what the lists learn from.
        at: the recipe of an effort; all of the same lists.
        efforts: to measure.
    """
    clock = _Clock()
    index = FaissIvf.trained(sample, at(efforts[0]))
    index.add(np.arange(len(vectors)), vectors)
    built = clock.read()
    coding = at(efforts[0]).coding.upper()
    alone = _faiss_alone(index)

    def rescored(probes: Vectors, effort: int) -> Ints:
        return index.using(at(effort)).search(probes, 1).ids[:, 0]

    def by_code(probes: Vectors, effort: int) -> Ints:
        recipe = at(effort)
        return index.using(recipe).candidates(probes, recipe.fetch)[:, 0]

    def faiss_alone(probes: Vectors, effort: int) -> Ints:
        recipe = at(effort)
        return alone(probes, recipe.fetch, recipe.nprobe)[:, 0]

    size = index.memory_bytes
    return [
        Contestant(f"Rollcall {coding}", *built, size, efforts, rescored),
        Contestant(f"Rollcall {coding}, not rescored", None, None, size, efforts, by_code),
        Contestant(f"FAISS alone, {coding}, same lists", None, None, size, efforts, faiss_alone),
    ]


def fused(roster: Roster, trained: Lists) -> list[Contestant]:
    """People by the fused rule, our candidates alone, and FAISS alone with the same lists.

    Who is not rescored is named by the nearest template.

    Args:
        roster: everybody.
        trained: lists; efforts are quarters of what their training found to suffice.
    """
    clock = _Clock()
    lists = trained.over(roster)
    built = clock.read()
    of_faces, of_templates = _faiss_alone(lists.faces), _faiss_alone(lists.templates)

    def at(effort: int) -> Lists:
        def scaled(visited: int, nlist: int) -> int:
            return min(max(effort * visited // _TRAINED, 1), nlist)

        recipe = lists.templates.recipe
        nprobe = scaled(recipe.nprobe, recipe.nlist)
        return replace(
            lists,
            visited=scaled(lists.visited, lists.faces.recipe.nlist),
            templates=lists.templates.using(replace(recipe, nprobe=nprobe)),
        )

    def rescored(probes: Vectors, effort: int) -> Ints:
        return roster.positions(at(effort).people(roster, probes, 1, None, None).people[:, 0])

    def by_code(probes: Vectors, effort: int) -> Ints:
        chosen = at(effort)
        chosen.faces.candidates(probes, chosen.fetch, None, chosen.visited)
        return chosen.templates.candidates(probes, chosen.fetch)[:, 0]

    def faiss_alone(probes: Vectors, effort: int) -> Ints:
        chosen = at(effort)
        of_faces(probes, chosen.fetch, chosen.visited)
        return of_templates(probes, chosen.fetch, chosen.templates.recipe.nprobe)[:, 0]

    size, efforts = lists.memory_bytes, (1, 2, 4, 8, 16)
    return [
        Contestant("Rollcall", *built, size, efforts, rescored),
        Contestant("Rollcall, not rescored", None, None, size, efforts, by_code),
        Contestant("FAISS alone, both lists", None, None, size, efforts, faiss_alone),
    ]


def _faiss_alone(index: FaissIvf) -> Callable[[Vectors, int, int], Ints]:
    """FAISS's own search of the same lists: (probes, k, nprobe) -> (q, k) rows."""
    arrays = index.arrays()
    lists, mean = faiss.deserialize_index(arrays["lists"]), arrays["mean"]

    def search(probes: Vectors, k: int, nprobe: int) -> Ints:
        chosen = faiss.SearchParametersIVF(nprobe=nprobe)
        return np.asarray(lists.search(probes - mean, k, params=chosen)[1])

    return search


def exact(vectors: Vectors) -> Contestant:
    """FAISS's exact search."""

    def search(probes: Vectors, _: int) -> Ints:
        return np.asarray(faiss.knn(probes, vectors, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0])

    return Contestant("exact", None, None, vectors.nbytes, (0,), search)


def installed(names: Sequence[str] = RIVALS) -> list[str]:
    """Those of the rivals that are on this machine."""
    return [name for name in names if find_spec(name) is not None]


def rival(name: str, vectors: Vectors, threads: int) -> Contestant:
    """Build hnswlib's or usearch's index over the vectors, by L2."""
    return {"hnswlib": _hnswlib, "usearch": _usearch}[name](vectors, threads)


def _hnswlib(vectors: Vectors, threads: int) -> Contestant:
    import hnswlib

    clock = _Clock()
    index: Any = hnswlib.Index("l2", vectors.shape[1])
    index.init_index(len(vectors), M=_LINKS, ef_construction=_BUILD_EFFORT["hnswlib"])
    index.set_num_threads(threads)
    index.add_items(vectors, np.arange(len(vectors)))
    built = clock.read()

    def search(probes: Vectors, effort: int) -> Ints:
        index.set_ef(effort)
        return np.asarray(index.knn_query(probes, 1)[0][:, 0], np.int64)

    return Contestant("hnswlib", *built, int(index.index_file_size()), EFFORTS, search)


def _usearch(vectors: Vectors, threads: int) -> Contestant:
    from usearch.index import Index

    clock = _Clock()
    index: Any = Index(
        ndim=vectors.shape[1],
        metric="l2sq",
        dtype="f32",
        connectivity=_LINKS,
        expansion_add=_BUILD_EFFORT["usearch"],
    )
    index.add(np.arange(len(vectors)), vectors, threads=threads)
    built = clock.read()

    def search(probes: Vectors, effort: int) -> Ints:
        index.expansion_search = effort
        return np.asarray(index.search(probes, 1, threads=threads).keys, np.int64).reshape(-1)

    return Contestant("usearch", *built, int(index.memory_usage), EFFORTS, search)
