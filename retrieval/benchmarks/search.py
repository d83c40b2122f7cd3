"""How fast and how right the index is, on face-like vectors, beside its rivals, in one run."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import faiss
import numpy as np

from retrieval.benchmarks.made_feed import Feed
from retrieval.benchmarks.report import environment
from retrieval.benchmarks.search_rivals import Contestant, exact, fused, installed, ours, rival
from retrieval.benchmarks.synthetic import ORL, Population
from retrieval.errors import SettingInvalid
from retrieval.identities.decide import decide
from retrieval.index.exact import nearest
from retrieval.index.faiss_ivf import Coding, Recipe
from retrieval.index.gallery import Gallery
from retrieval.index.recall import agreement, exact_people, recall
from retrieval.index.roster import Roster
from retrieval.index.training import Goal, nlist_for, train
from retrieval.protocols import PeopleHits, SearchResult
from retrieval.values import Gate, Ints, Vectors

Progress = Callable[[str], None]
Result = dict[str, Any]
_T = TypeVar("_T")

SIZES = (10_000, 100_000, 1_000_000)
PHOTOS = 10  # a person
# Agreement at which contestants are compared; nobody else searches by the fused rule.
LEVELS = {"templates": 0.999, "faces": 0.995, "fused": 0.995}
GROUP = 10  # faces of a group photo
_QUESTIONS = 300  # that are asked one after the other
CAUGHT_UP = 10_000  # faces that join for the catch-up
_VISITS = (16, 32, 64, 96, 128, 192, 256, 384)


class Town:
    """A gallery of made people, its probes and their exact answers."""

    def __init__(self, faces: int, *, probes: int, dimension: int, seed: int) -> None:
        self.population = Population(faces // PHOTOS, dimension=dimension, seed=seed)
        people = np.repeat(np.arange(1, faces // PHOTOS + 1), PHOTOS)
        self.roster = Roster.build(np.arange(1, faces + 1), people, self.population.photos(people))
        asked = np.random.default_rng(seed + 1).integers(1, faces // PHOTOS + 1, probes)
        self.probes = self.population.photos(asked)
        self.people = exact_people(self.roster, self.probes).people[:, 0]
        rows, positions = np.arange(faces), np.arange(faces // PHOTOS)
        self.faces = nearest(self.probes, self.roster.vectors, rows, 10)
        self.templates = nearest(self.probes, self.roster.templates, positions, 1)


def run(
    sizes: Sequence[int] = SIZES,
    *,
    rivals: bool = True,
    probes: int = 2_000,
    dimension: int = 128,
    threads: int = 2,
    seed: int = 0,
    photo: Mapping[str, float] | None = None,
    large: int = 0,
    progress: Progress = lambda step: None,
) -> Result:
    """Measure galleries of several sizes, and all contestants on the largest.

    Args:
        sizes: faces, ten a person; ascending.
        rivals: whether to build hnswlib's and usearch's indexes, which takes most of the time.
        probes: new photos of enrolled people that are asked about.
        dimension: numbers per vector.
        threads: of everybody.
        seed: of the vectors.
        photo: milliseconds of a group photo's stages before the search, and its `faces`.
        large: faces of one more index, SQ8 and nothing else, since little else fits into memory.
        progress: is told each step in words.

    Returns:
        A JSON document: `galleries` (a row a size), `contest` (a row a contestant and effort),
        `at_level` (each contestant at the wanted agreement), `churn`, `large` (a row an effort).

    Raises:
        SettingInvalid: the memory does not allow `large`.
    """
    if large:
        _check_memory(large, dimension)
    faiss.omp_set_num_threads(threads)
    result: Result = {
        "environment": environment(),
        "vectors": {"fit": asdict(ORL), "dimension": dimension, "photos_a_person": PHOTOS},
        "probes": probes,
        "threads": threads,
        "seed": seed,
        "photo_faces": GROUP if photo is None else int(photo["faces"]),
        "galleries": [],
        "large_faces": large,
        "large": [],
    }
    for faces in sizes:
        progress(f"drawing {faces:,} faces and asking exactly")
        town = Town(faces, probes=probes, dimension=dimension, seed=seed)
        row = measure_gallery(town, progress)
        result["galleries"].append({**row, "identify_ms": _identify_ms(row, photo or {})})
    result["contest"] = contest(town, installed() if rivals else [], threads, progress)
    result["at_level"] = at_level(result["contest"])
    progress("removing 30 %, adding 10 %")
    result["churn"] = churn(town, seed)
    del town
    if large:
        result["large"] = measure_large(large, probes, dimension, threads, seed, progress)
    return result


def _identify_ms(row: Result, photo: Mapping[str, float]) -> dict[str, float]:
    """A group photo's stages, with those that this gallery adds."""
    before = {stage: ms for stage, ms in photo.items() if stage != "faces"}
    return {**before, "search": row["group_ms"]["p50"], "decide": row["decide_ms"]}


def measure_gallery(town: Town, progress: Progress) -> Result:
    """What users of a gallery of this size see: speed, size, start, catching up."""
    roster = town.roster
    feed = Feed(roster.face_ids, roster.people, roster.vectors)
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(feed, Path(folder))
        gallery.catch_up()
        progress(f"training for {len(roster):,} faces")
        trained_s, status = _timed(lambda: gallery.train())
        path = gallery.snapshot()
        if path is None:
            raise ValueError("a gallery with a folder writes snapshots")
        read_s = min(_timed(path.read_bytes)[0] for _ in range(3))
        start_s = min(_timed(lambda: _started(feed, Path(folder)))[0] for _ in range(3))
        progress(f"asking {len(roster):,} faces")
        hits = gallery.search(town.probes, 5)
        found = gallery.search_faces(town.probes, 10)
        row = {
            "faces": len(roster),
            "people": len(roster.person_ids),
            "kind": status.kind,
            "nlist": status.nlist,
            "nprobe": status.nprobe,
            "visited": status.visited,
            "train_s": trained_s,
            "bytes_a_face": status.bytes_a_face,
            "mapped_bytes_a_face": status.mapped_bytes_a_face,
            "agreement": agreement(hits.people[:, 0], town.people),
            "recall_at_10": recall(found, _named(town.faces, roster.face_ids)),
            **_rates([lambda: gallery.search(town.probes, 5)], len(town.probes))[0],
            "one_face_ms": _latencies(gallery, town.probes, 1),
            "group_ms": _latencies(gallery, town.probes, GROUP),
            "decide_ms": _deciding(gallery.search(town.probes[:GROUP], 5)),
            "snapshot_bytes": path.stat().st_size,
            "read_s": read_s,
            "start_s": start_s,
            "start_over_read": start_s / read_s,
            "catch_up_s": _caught_up(gallery, feed, town),
        }
        gallery.close()
    return row


def contest(town: Town, rivals: Sequence[str], threads: int, progress: Progress) -> list[Result]:
    """Search templates, faces, and people by the fused rule, with every contestant and effort."""
    faiss.omp_set_num_threads(threads)  # a gallery asks about few faces with one
    roster = town.roster
    person_of = roster.person_of.astype(np.int64)
    people = np.arange(len(roster.person_ids))
    nlist = nlist_for(len(roster))

    def templates(nprobe: int) -> Recipe:
        nlist = nlist_for(len(people))
        return Recipe(Coding.PQ, nlist, min(nprobe, nlist), 32)

    def faces(coding: Coding, nprobe: int) -> Recipe:
        return Recipe(coding, nlist, min(nprobe, nlist), 32)

    progress("building ours over templates")
    sample = roster.templates[:: max(len(people) // 50_000, 1)]
    built = [exact(roster.templates), *ours(roster.templates, sample, templates, _VISITS)]
    built += [_rival(name, roster.templates, threads, progress) for name in rivals]
    rows = _asked("templates", built, people, town.templates.ids[:, 0], town.probes, len(people))
    sample = roster.vectors[:: max(len(roster) // (50 * nlist), 1)]
    built = [exact(roster.vectors)]
    for coding in (Coding.PQ, Coding.SQ8):
        progress(f"building ours over faces, coding {coding}")
        built += ours(roster.vectors, sample, partial(faces, coding), _VISITS)
    built += [_rival(name, roster.vectors, threads, progress) for name in rivals]
    progress("asking all")
    truth = person_of[town.faces.ids[:, 0]]
    rows += _asked("faces", built, person_of, truth, town.probes, len(roster))
    built = fused(roster, train(roster, Goal(), progress=progress))
    return rows + _asked("fused", built, roster.person_ids, town.people, town.probes, len(roster))


def _rival(name: str, vectors: Vectors, threads: int, progress: Progress) -> Contestant:
    progress(f"building {name} over {len(vectors):,} vectors")
    return rival(name, vectors, threads)


def at_level(rows: Sequence[Result]) -> list[Result]:
    """Each contestant at its fastest effort that reaches the level, beside the rivals.

    A contestant that never reaches it stands with its best agreement.
    """
    found = []
    for what, level in LEVELS.items():
        for name in dict.fromkeys(row["contestant"] for row in rows):
            own = [r for r in rows if r["what"] == what and r["contestant"] == name]
            reaching = [row for row in own if row["agreement"] >= level]
            if reaching:
                best = max(reaching, key=lambda row: row["probes_per_s"])
            elif own:
                best = max(own, key=lambda row: row["agreement"])
            else:
                continue
            found.append({**best, "level": level, "reached": bool(reaching)})
    return found


def churn(town: Town, seed: int) -> Result:
    """Remove 30 % of the faces and add 10 %: the same clusters against newly trained ones."""
    roster, random = town.roster, np.random.default_rng(seed + 2)
    n = len(roster)
    feed = Feed(roster.face_ids, roster.people, roster.vectors)
    gallery = Gallery(feed, None)
    gallery.train()
    gone = np.sort(random.permutation(roster.face_ids)[: 3 * n // 10])
    joining = np.repeat(np.arange(1, n // 10 // PHOTOS + 1) + n // PHOTOS, PHOTOS)
    ids = np.arange(1, len(joining) + 1) + n
    newcomers = Population(len(joining) // PHOTOS, dimension=feed.dimension, seed=seed)
    feed.push(gone, ids, joining, newcomers.photos(joining - n // PHOTOS))
    caught_up_s, _ = _timed(gallery.catch_up)
    folded_s, _ = _timed(gallery.fold)
    after = gallery.roster()
    truth = exact_people(after, town.probes).people[:, 0]
    folded = agreement(gallery.search(town.probes, 1).people[:, 0], truth)
    fresh_gallery = Gallery(Feed(after.face_ids, after.people, after.vectors), None)
    fresh_gallery.train()
    fresh = agreement(fresh_gallery.search(town.probes, 1).people[:, 0], truth)
    return {
        "faces": len(after),
        "caught_up_s": caught_up_s,
        "folded_s": folded_s,
        "agreement": folded,
        "fresh_agreement": fresh,
        "dead_share": gallery.status().dead_share,
    }


def measure_large(
    faces: int, probes: int, dimension: int, threads: int, seed: int, progress: Progress
) -> list[Result]:
    """Search faces alone with SQ8 lists, in a gallery too large for a roster beside them."""
    faiss.omp_set_num_threads(threads)
    progress(f"drawing {faces:,} faces and asking exactly")
    population = Population(faces // PHOTOS, dimension=dimension, seed=seed)
    owner = np.repeat(np.arange(1, faces // PHOTOS + 1), PHOTOS)
    vectors = population.photos(owner)
    asked = population.photos(np.random.default_rng(seed + 1).choice(owner, probes))
    truth = owner[nearest(asked, vectors, np.arange(faces), 1).ids[:, 0]]
    progress(f"building ours over {faces:,} faces, coding {Coding.SQ8}")
    nlist = nlist_for(faces)

    def recipe(nprobe: int) -> Recipe:
        return Recipe(Coding.SQ8, nlist, min(nprobe, nlist), 32)

    sample = vectors[:: max(faces // (50 * nlist), 1)]
    (rescored, *_) = ours(vectors, sample, recipe, _VISITS)
    progress(f"asking {faces:,} faces")
    return _asked("faces", [rescored], owner, truth, asked, faces)


def _check_memory(faces: int, dimension: int) -> None:
    """A large index needs its vectors, and thrice codes of a quarter of that."""
    needed = 2.0 * faces * dimension * 4
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if free < needed:
        raise SettingInvalid(
            f"{faces:,} faces take {needed / 1e9:.0f} GB of memory; {free / 1e9:.0f} GB are free."
            " Measure fewer with --large."
        )


def _asked(
    what: str,
    contestants: Sequence[Contestant],
    owner: Ints,
    truth: Ints,
    probes: Vectors,
    entries: int,
) -> list[Result]:
    asking = [
        (contestant, effort, partial(contestant.search, probes, effort))
        for contestant in contestants
        for effort in contestant.efforts
    ]
    right = [agreement(owner[ask()], truth) for *_, ask in asking]
    rates = _rates([ask for *_, ask in asking], len(probes))
    return [
        {
            "what": what,
            "contestant": contestant.name,
            "effort": effort,
            "agreement": agreed,
            **rate,
            "build_s": contestant.build_s,
            "build_core_s": contestant.build_core_s,
            "bytes_an_entry": contestant.bytes / entries,
        }
        for (contestant, effort, _), agreed, rate in zip(asking, right, rates, strict=True)
    ]


def _timed(call: Callable[[], _T]) -> tuple[float, _T]:
    started = time.perf_counter()
    answer = call()
    return time.perf_counter() - started, answer


def _rates(calls: Sequence[Callable[[], object]], n: int) -> list[dict[str, float]]:
    """Probes per second, and microseconds of all cores per probe, of each call: the best of three.

    Other processes can only slow a run, and come and go: so all are asked once before any is asked
    again. The time of the cores is nearly free of them.
    """
    runs = np.array([[_spent(call) for call in calls] for _ in range(3)])
    wall, cores = np.moveaxis(runs.min(axis=0), 1, 0)
    return [
        {"probes_per_s": n / seconds, "cpu_us": 1e6 * core / n}
        for seconds, core in zip(wall.tolist(), cores.tolist(), strict=True)
    ]


def _spent(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds that a call takes, and seconds of all cores."""
    cores = time.process_time()
    wall, _ = _timed(call)
    return wall, time.process_time() - cores


def _latencies(gallery: Gallery, probes: Vectors, faces: int) -> dict[str, float]:
    """Milliseconds of a question about one photo with so many faces, catching up included."""
    questions = [
        probes[start : start + faces] for start in range(0, len(probes) - faces + 1, faces)
    ][:_QUESTIONS]

    def ask(question: Vectors) -> None:
        gallery.catch_up()
        gallery.search(question, 5)

    times = [1000 * _timed(partial(ask, question))[0] for question in questions]
    return {f"p{p}": float(np.percentile(times, p)) for p in (50, 95, 99)}


def _deciding(hits: PeopleHits) -> float:
    gate = Gate(0.95, 0.01, "benchmark")
    reasons = [None] * len(hits.people)
    return 1000 * min(_timed(partial(decide, hits, reasons, gate))[0] for _ in range(20))


def _started(feed: Feed, folder: Path) -> None:
    gallery = Gallery(feed, folder)
    gallery.catch_up()
    gallery.close()


def _caught_up(gallery: Gallery, feed: Feed, town: Town) -> float:
    """Seconds to see faces of people who join."""
    people = np.arange(1, CAUGHT_UP + 1) // 5 + 1
    joining = people + len(town.roster.person_ids)
    ids = np.arange(1, CAUGHT_UP + 1) + len(town.roster)
    vectors = Population(int(people[-1]), dimension=feed.dimension).photos(people)
    feed.push(np.zeros(0, np.int64), ids, joining, vectors)
    return _timed(gallery.catch_up)[0]


def _named(found: SearchResult, ids: Ints) -> SearchResult:
    return SearchResult(ids[found.ids], found.scores)
