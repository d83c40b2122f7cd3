"""Shared indexes: one process at a time feeds them, and none moves a place on that has moved."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.protocols import Watermark
from tests.catalogue.made import make_collection, new_faces

KEY = "model-space"


@pytest.fixture
def catalogue(url):
    with Catalogue.open(url) as opened:
        yield opened


@pytest.fixture
def log(catalogue):
    return catalogue.index_registry(make_collection(catalogue).id)


def test_one_holder_has_the_lease_until_it_gives_it_back(log):
    assert log.lease(KEY, "a", 60)
    assert not log.lease(KEY, "b", 60)
    assert log.lease("another", "b", 60)
    assert log.lease(KEY, "a", 60)  # renewed
    log.release(KEY, "b")  # not its own
    assert not log.lease(KEY, "b", 60)
    log.release(KEY, "a")
    assert log.lease(KEY, "b", 60)


def test_a_lease_that_ended_is_taken_by_another_and_its_holder_may_write_no_more(log):
    assert log.lease(KEY, "a", 60)
    made = log.begin(KEY, "a", "epoch")
    assert log.lease(KEY, "a", -1)  # as if a minute had passed
    assert not log.advance(made, replace(made, ready=True), "a")
    assert log.begin(KEY, "a", "epoch") is None
    assert log.lease(KEY, "b", 60)
    assert not log.advance(made, replace(made, ready=True), "a")
    assert log.advance(made, replace(made, ready=True), "b")


def test_of_many_who_ask_at_once_one_gets_the_lease(log):
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda holder: log.lease(KEY, f"holder {holder}", 60), range(8)))
    assert sum(got) == 1


def test_a_place_is_moved_on_from_where_it_is_or_not_at_all(log):
    log.lease(KEY, "a", 60)
    made = log.begin(KEY, "a", "epoch")
    assert log.newest(KEY) is None  # nobody may ask it yet
    recipe = {"nlist": 4}
    mark = Watermark("epoch", 7)
    ready = replace(made, watermark=mark, ready=True, faces=3, people=2, recipe=recipe)
    assert log.advance(made, ready, "a")
    assert log.newest(KEY) == ready
    assert not log.advance(made, ready, "a")  # it was there, and is not any more
    assert log.newest(KEY) == ready


def test_the_newest_index_is_asked_and_dropped_ones_are_forgotten(log):
    log.lease(KEY, "a", 60)
    made = [log.begin(KEY, "a", "epoch") for _ in range(2)]
    for index in made:
        log.advance(index, replace(index, ready=True), "a")
    assert log.newest(KEY).id == made[1].id > made[0].id
    log.forget(made[1])
    assert [index.id for index in log.all()] == [made[0].id]
    assert log.begin(KEY, "a", "epoch").id > made[1].id  # a name is used once


def test_an_index_outlives_its_collection_until_it_is_dropped(catalogue, log):
    log.lease(KEY, "a", 60)
    made = log.begin(KEY, "a", "epoch")
    catalogue.delete_collection("default")
    assert log.all() == [made]


def test_the_faces_of_some_people_are_read_as_they_are_now(catalogue):
    gallery = make_collection(catalogue).id
    other = make_collection(catalogue, "other").id
    catalogue.enrol(gallery, [*new_faces("ann", [1, 2]), *new_faces("ben", [3])])
    catalogue.enrol(other, new_faces("cid", [4]))
    ann, ben = catalogue.people(gallery)
    (cid,) = catalogue.people(other)
    feed = catalogue.feed(gallery)
    found = feed.of_people(np.array([ann.id, cid.id, 999]))
    everything = next(iter(feed.everything()))
    own = everything.people == ann.id
    assert sorted(found.added.tolist()) == everything.added[own].tolist()
    assert found.people.tolist() == [ann.id] * 2
    assert sorted(map(tuple, found.vectors)) == sorted(map(tuple, everything.vectors[own]))
    catalogue.delete_person(gallery, ben.id)
    gone = feed.of_people(np.array([ben.id]))
    assert gone.vectors.shape == (0, feed.dimension)
    assert feed.of_people(np.zeros(0, np.int64)).watermark == feed.head()
