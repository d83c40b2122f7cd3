import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import DimensionMismatch, SettingInvalid, VectorInvalid
from retrieval.index.gallery import Gallery
from retrieval.protocols import Changes, PeopleHits, Watermark
from retrieval.values import Ints, Vectors
from tests.fakes import MemoryFeed

D = 16


def unit(rng: np.random.Generator, n: int, d: int = D) -> Vectors:
    vectors = rng.standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def fused(feed: MemoryFeed, probes: Vectors, k: int) -> tuple[Ints, np.ndarray]:
    """The rule, written down plainly: one person, one probe at a time."""
    grouped: dict[int, list[Vectors]] = {}
    for face, person in feed.people.items():
        grouped.setdefault(person, []).append(feed.vectors[face])
    people = np.full((len(probes), k), -1, np.int64)
    scores = np.full((len(probes), k), -np.inf)
    for row, probe in enumerate(probes.astype(np.float64)):
        table = []
        for person, vectors in grouped.items():
            faces = np.array(vectors, np.float64)
            template = faces.mean(axis=0) / np.linalg.norm(faces.mean(axis=0))
            table.append((0.25 * max(faces @ probe) + 0.75 * (template @ probe), person))
        for column, (score, person) in enumerate(sorted(table, reverse=True)[:k]):
            people[row, column], scores[row, column] = person, score
    return people, scores


def assert_right(gallery: Gallery, feed: MemoryFeed, probes: Vectors, k: int = 4) -> PeopleHits:
    gallery.catch_up()
    hits = gallery.search(probes, k)
    people, scores = fused(feed, probes, k)
    assert hits.people.tolist() == people.tolist()
    np.testing.assert_allclose(hits.scores, scores, atol=1e-5)
    return hits


def test_people_are_ranked_by_the_fused_score_of_nearest_face_and_template() -> None:
    rng = np.random.default_rng(1)
    feed = MemoryFeed(D)
    ids = feed.enrol(rng.integers(1, 30, 150), unit(rng, 150))
    hits = assert_right(Gallery(feed, None), feed, unit(rng, 20))
    own = {face: feed.people[face] for face in ids.tolist()}
    assert [own[face] for face in hits.faces.ravel().tolist()] == hits.people.ravel().tolist()
    np.testing.assert_allclose(hits.scores, 0.25 * hits.nearest + 0.75 * hits.templates, atol=1e-6)


def test_the_face_named_is_the_one_nearest_to_the_probe() -> None:
    rng = np.random.default_rng(2)
    feed = MemoryFeed(D)
    vectors = unit(rng, 60)
    people = rng.integers(1, 10, 60)
    ids = feed.enrol(people, vectors)
    hits = Gallery(feed, None).search(vectors, 9)
    own = hits.people == people[:, np.newaxis]
    assert hits.faces[own].tolist() == ids.tolist()
    np.testing.assert_allclose(hits.nearest[own], 1, atol=1e-6)


def test_answers_follow_every_change() -> None:
    rng = np.random.default_rng(3)
    feed = MemoryFeed(D)
    gallery = Gallery(feed, None)
    probes = unit(rng, 10)
    assert_right(gallery, feed, probes)
    for _ in range(40):
        feed.enrol(rng.integers(1, 20, 6), unit(rng, 6))
        there = np.array(sorted(feed.people), np.int64)
        feed.remove(rng.choice(there, 2, replace=False))
        there = np.array(sorted(feed.people), np.int64)
        feed.move(rng.choice(there, 2, replace=False), int(rng.integers(1, 20)))
        assert_right(gallery, feed, probes)
    assert feed.asked["everything"] == 1


def test_folding_the_tail_changes_no_answer() -> None:
    rng = np.random.default_rng(4)
    feed = MemoryFeed(D)
    feed.enrol(rng.integers(1, 400, 3000), unit(rng, 3000))
    gallery = Gallery(feed, None)
    gallery.catch_up()
    ids = feed.enrol(rng.integers(1, 900, 3000), unit(rng, 3000))
    probes = unit(rng, 8)
    assert gallery.status().recent > 3000
    assert_right(gallery, feed, probes)
    assert gallery.status().recent == 0
    feed.remove(ids[::2])
    assert_right(gallery, feed, probes)


def test_nothing_is_read_again_where_nothing_has_changed() -> None:
    rng = np.random.default_rng(5)
    feed = MemoryFeed(D)
    feed.enrol(rng.integers(1, 5, 20), unit(rng, 20))
    gallery = Gallery(feed, None)
    first = gallery.catch_up()
    asked = dict(feed.asked)
    assert gallery.catch_up() == first
    assert feed.asked == asked


def test_an_empty_gallery_names_nobody() -> None:
    gallery = Gallery(MemoryFeed(D), None)
    hits = gallery.search(unit(np.random.default_rng(6), 3), 5)
    assert (hits.people == -1).all()
    assert np.isneginf(hits.scores).all()
    assert gallery.search_faces(unit(np.random.default_rng(6), 3), 2).ids.tolist() == [[-1, -1]] * 3
    assert gallery.search(np.zeros((0, D), np.float32), 5).people.shape == (0, 5)


def test_a_photo_without_faces_asks_nothing_and_is_answered_so() -> None:
    rng = np.random.default_rng(30)
    feed = MemoryFeed(D)
    gallery = Gallery(feed, None)
    none = np.zeros((0, D), np.float32)
    for _ in range(2):  # in the tail, then among those that were sealed
        feed.enrol(rng.integers(1, 40, 50), unit(rng, 50))
        gallery.catch_up()
        assert gallery.search(none, 5).people.shape == (0, 5)
        assert gallery.search(none, 5, np.array([1, 2])).people.shape == (0, 5)
        assert gallery.search_faces(none, 2).ids.shape == (0, 2)
        gallery.rebuild()


def test_fewer_people_than_asked_for_are_padded() -> None:
    rng = np.random.default_rng(7)
    feed = MemoryFeed(D)
    feed.enrol(np.array([1, 1, 2]), unit(rng, 3))
    hits = Gallery(feed, None).search(unit(rng, 2), 4)
    assert (hits.people[:, 2:] == -1).all()
    assert (np.sort(hits.people[:, :2], axis=1) == [1, 2]).all()


def test_a_search_among_chosen_people_finds_nobody_else() -> None:
    rng = np.random.default_rng(8)
    feed = MemoryFeed(D)
    feed.enrol(rng.integers(1, 40, 200), unit(rng, 200))
    gallery = Gallery(feed, None)
    gallery.catch_up()
    feed.enrol(np.array([3, 50]), unit(rng, 2))
    gallery.catch_up()
    hits = gallery.search(unit(rng, 12), 5, people=np.array([3, 7, 50, 999]))
    assert set(hits.people.ravel().tolist()) == {3, 7, 50, -1}


def test_faces_are_found_and_belong_to_their_people() -> None:
    rng = np.random.default_rng(9)
    feed = MemoryFeed(D)
    people = rng.integers(1, 40, 200)
    vectors = unit(rng, 200)
    ids = feed.enrol(people, vectors)
    gallery = Gallery(feed, None)
    gallery.catch_up()
    feed.move(ids[:5], 77)
    gallery.catch_up()
    found = gallery.search_faces(vectors, 3)
    assert found.ids[:, 0].tolist() == ids.tolist()
    moved = gallery.search(vectors[:5], 1, people=np.array([77], np.int64))
    assert moved.faces.ravel().tolist() == ids[:5].tolist()
    among = gallery.search_faces(vectors[:1], 3, allowed=ids[[2, 100]])
    assert set(among.ids[0].tolist()) == {ids[2], ids[100], -1}


@pytest.mark.parametrize(
    ("probes", "k", "error"),
    [
        (np.zeros((1, D + 1), np.float32), 1, DimensionMismatch),
        (np.full((1, D), np.nan, np.float32), 1, VectorInvalid),
        (np.zeros(D, np.float32), 1, VectorInvalid),
        (np.zeros((1, D), np.float32), 0, SettingInvalid),
    ],
)
def test_wrong_probes_are_refused(probes: Vectors, k: int, error: type[Exception]) -> None:
    gallery = Gallery(MemoryFeed(D), None)
    with pytest.raises(error):
        gallery.search(probes, k)
    with pytest.raises(error):
        gallery.search_faces(probes, k)


def test_a_snapshot_is_opened_instead_of_the_catalogue(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    feed = MemoryFeed(D)
    feed.enrol(rng.integers(1, 40, 200), unit(rng, 200))
    Gallery(feed, tmp_path).snapshot()
    feed.enrol(rng.integers(1, 60, 30), unit(rng, 30))
    asked = feed.asked["everything"]
    assert_right(Gallery(feed, tmp_path), feed, unit(rng, 10))
    assert feed.asked["everything"] == asked


def test_a_snapshot_of_before_a_deletion_names_nobody_wrongly(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    feed = MemoryFeed(D)
    ids = feed.enrol(rng.integers(1, 40, 200), unit(rng, 200))
    Gallery(feed, tmp_path).snapshot()
    feed.remove(ids[[n for n, face in enumerate(ids.tolist()) if feed.people[face] == 3]])
    feed.enrol(np.array([90, 90, 91]), unit(rng, 3))
    hits = assert_right(Gallery(feed, tmp_path), feed, unit(rng, 30))
    assert 3 not in hits.people


def test_after_a_deletion_no_file_holds_the_deleted_vectors(tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    feed = MemoryFeed(D)
    vectors = unit(rng, 200)
    ids = feed.enrol(rng.integers(1, 40, 200), vectors)
    gallery, other = Gallery(feed, tmp_path), Gallery(feed, tmp_path)
    gallery.snapshot()
    other.catch_up()

    def found() -> bool:
        return any(vectors[17].tobytes() in path.read_bytes() for path in tmp_path.iterdir())

    assert found()
    feed.remove(ids[17:18])
    gallery.snapshot()
    assert not found()
    assert_right(other, feed, unit(rng, 5))
    other.snapshot()
    assert not found()
    assert len(list(tmp_path.glob("*.snapshot"))) == 1


def test_a_view_lets_go_of_a_snapshot_that_another_process_has_deleted(tmp_path: Path) -> None:
    rng = np.random.default_rng(18)
    feed = MemoryFeed(D)
    ids = feed.enrol(rng.integers(1, 40, 200), unit(rng, 200))
    gallery, other = Gallery(feed, tmp_path), Gallery(feed, tmp_path)
    gallery.snapshot()
    other.catch_up()
    feed.remove(ids[:1])
    gallery.snapshot()
    other.catch_up()
    gc.collect()
    maps = Path("/proc/self/maps").read_text()
    assert str(tmp_path) in maps
    assert not [line for line in maps.splitlines() if str(tmp_path) in line and "deleted" in line]


def test_another_process_snapshot_of_the_same_state_is_taken_as_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(13)
    feed = MemoryFeed(D)
    feed.enrol(rng.integers(1, 40, 200), unit(rng, 200))
    first = Gallery(feed, tmp_path).snapshot()
    assert Gallery(feed, tmp_path).snapshot() == first


class FollowedFeed(MemoryFeed):
    """Another process enrols and writes a snapshot just after a head of the log was read."""

    folder: Path | None = None

    def head(self) -> Watermark:
        head = super().head()
        if self.folder is not None:
            folder, self.folder = self.folder, None
            self.enrol(np.array([7]), unit(np.random.default_rng(1), 1))
            Gallery(self, folder).snapshot()
        return head


def test_a_snapshot_that_was_written_meanwhile_is_no_snapshot_from_the_future(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(18)
    feed = FollowedFeed(D)
    feed.enrol(rng.integers(1, 40, 200), unit(rng, 200))
    gallery = Gallery(feed, tmp_path)
    feed.folder = tmp_path
    assert_right(gallery, feed, unit(rng, 5))
    assert gallery.status().problem is None


class BusyFeed(MemoryFeed):
    """Somebody enrols, moves and removes faces just before the catalogue is read."""

    busy = False

    def everything(self, chunk: int = 50_000) -> Iterator[Changes]:
        if self.busy:
            self.busy = False
            self.enrol(np.array([7]), unit(np.random.default_rng(1), 1))
            self.move(np.array([2]), 9)
            self.remove(np.array([1]))
        return super().everything(chunk)


def test_a_check_compares_at_one_watermark_while_others_enrol_move_and_remove() -> None:
    rng = np.random.default_rng(14)
    feed = BusyFeed(D)
    feed.enrol(rng.integers(1, 6, 50), unit(rng, 50))
    gallery = Gallery(feed, None)
    gallery.catch_up()
    feed.busy = True
    assert gallery.check().sound
    gallery.catch_up()
    feed.people[3] += 1  # a change that the log does not tell: that index is not sound
    assert gallery.check().misplaced.tolist() == [3]


@pytest.mark.parametrize("what", ["collection", "fingerprint", "epoch", "ahead", "dimension"])
def test_a_snapshot_that_does_not_fit_is_reported_and_rebuilt(tmp_path: Path, what: str) -> None:
    rng = np.random.default_rng(14)
    feed = MemoryFeed(D)
    feed.enrol(rng.integers(1, 40, 50), unit(rng, 50))
    Gallery(feed, tmp_path, collection="1", fingerprint="a").snapshot()
    stamp = {"collection": "1", "fingerprint": "a"} | {what: "other"}
    d = 8 if what == "dimension" else D
    now = MemoryFeed(d, epoch="restored" if what == "epoch" else "first")
    now.enrol(
        rng.integers(1, 40, 20 if what == "ahead" else 60),
        unit(rng, 20 if what == "ahead" else 60, d),
    )
    gallery = Gallery(
        now, tmp_path, collection=stamp["collection"], fingerprint=stamp["fingerprint"]
    )
    assert_right(gallery, now, unit(rng, 5, d))
    assert now.asked["everything"] == 1
    expected = what == "fingerprint"  # a calibration or another model: nothing is amiss
    assert bool(gallery.status().problem) is not expected
    gallery.rebuild()
    assert gallery.status().problem is None
    assert len(list(tmp_path.glob("*.snapshot"))) == 1


def test_a_restored_catalogue_is_read_anew() -> None:
    rng = np.random.default_rng(15)
    feed = MemoryFeed(D)
    feed.enrol(rng.integers(1, 40, 50), unit(rng, 50))
    gallery = Gallery(feed, None)
    gallery.catch_up()
    feed.epoch = "second"
    feed.enrol(np.array([88]), unit(rng, 1))
    assert_right(gallery, feed, unit(rng, 5))
    assert gallery.catch_up().epoch == "second"


def test_searches_in_other_threads_go_on_during_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(16)
    feed = MemoryFeed(D)
    feed.enrol(np.repeat(np.arange(1, 101), 5), unit(rng, 500))
    gallery = Gallery(feed, tmp_path)
    probes = unit(rng, 4)

    def ask(_: int) -> bool:
        gallery.catch_up()
        return bool((gallery.search(probes, 50).people > 0).all())

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(ask, range(100))
        for _ in range(20):
            feed.enrol(rng.integers(1, 200, 5), unit(rng, 5))
            gallery.snapshot()
        assert all(answers)


def test_a_writer_that_was_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    rng = np.random.default_rng(17)
    feed = MemoryFeed(D)
    feed.enrol(rng.integers(1, 40, 50), unit(rng, 50))
    (tmp_path / f"{1:016d}-{1:016x}.{os.getpid()}.part").write_bytes(b"half")
    Gallery(feed, tmp_path).snapshot()
    assert not list(tmp_path.glob("*.part"))


def test_a_folder_that_cannot_be_written_keeps_nobody_from_an_answer(tmp_path: Path) -> None:
    rng = np.random.default_rng(19)
    (tmp_path / "in-the-way").write_text("no folder")
    feed = MemoryFeed(D)
    gallery = Gallery(feed, tmp_path / "in-the-way" / "index")
    gallery.catch_up()
    feed.enrol(np.repeat(np.arange(1, 1501), 4), unit(rng, 6000))
    assert_right(gallery, feed, unit(rng, 3))
    assert gallery.status().recent == 0
