from pathlib import Path

import numpy as np
import pytest

from retrieval.benchmarks.synthetic import Population
from retrieval.errors import SettingInvalid
from retrieval.index.exact import nearest
from retrieval.index.faiss_ivf import Coding
from retrieval.index.gallery import Gallery
from retrieval.index.recall import agreement, exact_people, recall
from retrieval.index.roster import Roster
from retrieval.index.training import Goal, index_bytes, nlist_for, train
from retrieval.protocols import SearchResult
from tests.fakes import MemoryFeed

PEOPLE, PHOTOS, D = 600, 5, 32


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(PEOPLE, dimension=D)


@pytest.fixture(scope="module")
def roster(population: Population) -> Roster:
    people = np.repeat(np.arange(1, PEOPLE + 1), PHOTOS)
    return Roster.build(np.arange(1, len(people) + 1), people, population.photos(people))


@pytest.mark.parametrize("goal", [0.0, 1.5])
def test_an_impossible_agreement_is_refused(goal: float) -> None:
    with pytest.raises(SettingInvalid):
        Goal(agreement=goal)


def test_lists_grow_with_the_root_of_the_faces() -> None:
    assert nlist_for(1_000_000) == 2000
    assert nlist_for(10) == 1


def test_training_reaches_the_goal_on_faces_it_never_saw(
    roster: Roster, population: Population
) -> None:
    lists = train(roster, Goal(agreement=0.99)).over(roster)
    assert lists.trained.agreement >= 0.99
    assert lists.trained.faces_agreement >= 0.99
    probes = population.photos(np.arange(1, PEOPLE + 1))
    found = lists.people(roster, probes, 1, None, None)
    exact = roster.search(probes, 1)
    assert agreement(found.people[:, 0], exact.people[:, 0]) >= 0.98
    assert lists.people(roster, probes[:0], 1, None, None).people.shape == (0, 1)
    assert lists.nearest_faces(probes[:0], 2, None).ids.shape == (0, 2)


def test_more_faces_are_visited_for_a_higher_goal(roster: Roster) -> None:
    low, high = (train(roster, Goal(agreement=goal)) for goal in (0.6, 1.0))
    assert low.faces.recipe.nprobe < high.faces.recipe.nprobe


def test_the_memory_budget_rules_out_codings(roster: Roster) -> None:
    messages: list[str] = []
    budget = index_bytes(roster, Coding.PQ)
    lists = train(roster, Goal(memory=budget, agreement=1.0), progress=messages.append)
    assert lists.faces.recipe.coding is Coding.PQ
    assert not any("sq8" in message for message in messages)
    with pytest.raises(SettingInvalid, match="MiB at least"):
        train(roster, Goal(memory=budget - 1))


def test_new_lists_are_at_least_as_right_as_the_old_ones(roster: Roster) -> None:
    old = train(roster, Goal(agreement=1.0))
    new = train(roster, Goal(agreement=0.5), old=old)
    assert new.trained.agreement >= old.trained.agreement


def test_the_fast_exact_answer_is_the_exact_answer(roster: Roster, population: Population) -> None:
    probes = population.photos(np.arange(1, 201))
    for k in (1, 3):
        fast, slow = exact_people(roster, probes, k), roster.search(probes, k)
        assert fast.people.tolist() == slow.people.tolist()
        np.testing.assert_allclose(fast.scores, slow.scores, atol=1e-6)


def test_the_fast_exact_answer_is_exact_where_faces_and_templates_disagree() -> None:
    """Nobody is both among the 64 nearest faces and templates of the best: all must be scored."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    roster = Roster.build(np.arange(3000), np.repeat(np.arange(600), 5), vectors)
    probes = -vectors[:50]
    fast, slow = exact_people(roster, probes, 2), roster.search(probes, 2)
    assert fast.people.tolist() == slow.people.tolist()


def test_recall_counts_equally_near_faces_as_found() -> None:
    exact = SearchResult(np.array([[1, 2]]), np.array([[0.9, 0.8]], np.float32))
    tied = SearchResult(np.array([[1, 7]]), np.array([[0.9, 0.8]], np.float32))
    worse = SearchResult(np.array([[1, 7]]), np.array([[0.9, 0.7]], np.float32))
    assert recall(tied, exact) == 1
    assert recall(worse, exact) == 0.5


def gallery_of(
    population: Population, folder: Path | None, background: bool = False
) -> tuple[Gallery, MemoryFeed]:
    feed = MemoryFeed(D)
    people = np.repeat(np.arange(1, PEOPLE + 1), PHOTOS)
    feed.enrol(people, population.photos(people))
    return reopened(feed, folder, background), feed


def reopened(feed: MemoryFeed, folder: Path | None, background: bool = False) -> Gallery:
    return Gallery(
        feed, folder, goal=Goal(agreement=0.99), lists_from=1000, background=background, threads=1
    )


def assert_agrees(gallery: Gallery, feed: MemoryFeed, population: Population) -> None:
    gallery.catch_up()
    probes = population.photos(np.arange(1, 401))
    found = gallery.search(probes, 2)
    faces = np.array(sorted(feed.people))
    truth = Roster.build(
        faces,
        np.array([feed.people[face] for face in faces.tolist()]),
        np.stack([feed.vectors[face] for face in faces.tolist()]),
    )
    exact = truth.search(probes, 2)
    assert agreement(found.people[:, 0], exact.people[:, 0]) >= 0.985
    same = found.people[:, 0] == exact.people[:, 0]
    np.testing.assert_allclose(found.scores[same, 0], exact.scores[same, 0], atol=1e-5)
    near = nearest(probes, truth.vectors, truth.face_ids, 1)
    nearest_found = gallery.search_faces(probes, 1).ids[:, 0]
    assert agreement(nearest_found, near.ids[:, 0]) >= 0.97
    assert gallery.check().sound


def test_a_trained_gallery_follows_changes_and_folds_them(
    population: Population, tmp_path: Path
) -> None:
    gallery, feed = gallery_of(population, tmp_path)
    assert gallery.status().due
    status = gallery.train()
    assert status.kind == "ivf-pq"
    assert status.due is None
    assert_agrees(gallery, feed, population)
    ids = np.array(sorted(feed.people))
    feed.remove(np.random.default_rng(0).choice(ids, 900, replace=False))
    new = np.repeat(np.arange(PEOPLE - 50, PEOPLE + 1), 4)
    feed.enrol(new, population.photos(new))
    feed.move(np.array(sorted(feed.people))[:3], 2)
    assert_agrees(gallery, feed, population)
    assert gallery.status().recent > 0
    gallery.snapshot()
    status = gallery.status()
    assert (status.recent, status.dead_share, status.kind) == (0, 0, "ivf-pq")
    assert_agrees(gallery, feed, population)
    assert_agrees(reopened(feed, tmp_path), feed, population)


def test_lists_come_back_from_a_snapshot_without_training(
    population: Population, tmp_path: Path
) -> None:
    gallery, feed = gallery_of(population, tmp_path)
    gallery.train()
    gallery.snapshot()
    again = reopened(feed, tmp_path)
    assert again.status() == gallery.status()
    assert feed.asked["everything"] == 1
    probes = population.photos(np.arange(1, 101))
    assert again.search(probes).people.tolist() == gallery.search(probes).people.tolist()


def test_chosen_people_are_found_among_lists(population: Population) -> None:
    gallery, _ = gallery_of(population, None)
    gallery.train()
    chosen = np.arange(1, 100, 7)
    hits = gallery.search(population.photos(chosen), 1, people=chosen)
    assert agreement(hits.people[:, 0], chosen) > 0.95


def test_a_small_gallery_is_not_trained(population: Population) -> None:
    feed = MemoryFeed(D)
    feed.enrol(np.arange(1, 101), population.photos(np.arange(1, 101)))
    messages: list[str] = []
    assert Gallery(feed, None).train(progress=messages.append).kind == "exact"
    assert "exactly" in messages[0]


def test_lists_are_trained_in_the_background_when_due(
    population: Population, tmp_path: Path
) -> None:
    gallery, feed = gallery_of(population, tmp_path, background=True)
    gallery.catch_up()
    probes = population.photos(np.arange(1, 51))
    assert (gallery.search(probes, 3).people > 0).all()
    gallery.settle()
    assert gallery.status().kind == "ivf-pq"
    grown = np.repeat(np.arange(1, PEOPLE + 1), 2 * PHOTOS)
    feed.enrol(grown, population.photos(grown))
    assert gallery.status().due
    gallery.catch_up()
    gallery.settle()
    status = gallery.status()
    assert status.due is None
    assert status.trained is not None
    assert status.trained.faces > 8_000
    gallery.close()


def test_upkeep_trains_when_that_is_due_and_folds_when_that_is(
    population: Population, tmp_path: Path
) -> None:
    gallery, feed = gallery_of(population, tmp_path)
    gallery.keep_up()
    assert gallery.status().kind == "ivf-pq"
    written = list(tmp_path.glob("*.snapshot"))
    gallery.keep_up()
    assert list(tmp_path.glob("*.snapshot")) == written
    new = np.repeat(np.arange(PEOPLE + 1, PEOPLE + 51), 4)
    feed.enrol(new, population.photos(new - PEOPLE))
    gallery.keep_up()
    assert gallery.status().recent == 200


def test_clusters_hold_every_face_once(population: Population) -> None:
    gallery, feed = gallery_of(population, None)
    by_k = gallery.clusters(20)
    assert sorted(by_k.faces.tolist()) == sorted(feed.people)
    assert by_k.centres.shape == (20, D)
    assert set(by_k.labels.tolist()) <= set(range(20))
    gallery.train()
    lists = gallery.clusters()
    assert len(lists.centres) == gallery.status().nlist
    for k in (0, len(feed.people) + 1):
        with pytest.raises(SettingInvalid, match="--k"):
            gallery.clusters(k)


def test_a_check_finds_what_differs_from_the_catalogue(population: Population) -> None:
    feed = MemoryFeed(D)
    ids = feed.enrol(np.arange(1, 21), population.photos(np.arange(1, 21)))
    gallery = Gallery(feed, None)
    assert gallery.check().sound
    feed.people[int(ids[2])] = 19
    feed.vectors[int(ids[3])] = -feed.vectors[int(ids[3])]
    del feed.people[int(ids[4])]
    found = gallery.check()
    assert not found.sound
    assert (found.misplaced.tolist(), found.altered.tolist()) == ([ids[2]], [ids[3]])
    assert (found.extra.tolist(), found.missing.tolist()) == ([ids[4]], [])
    assert gallery.rebuild().faces == 19
    assert gallery.check().sound
