"""An index on a Milvus server answers as the one in memory, whatever happens to it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.index_log import IndexLog
from retrieval.index.gallery import Gallery
from retrieval.index.milvus.gallery import MilvusGallery
from retrieval.index.milvus.server import MilvusServer
from retrieval.values import Floats, Ints, PeopleHits
from tests.fakes import MemoryFeed
from tests.milvus_server import RunningMilvus

D = 16
SAME = 1e-5


def unit(n: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, D)).astype(np.float32) + np.float32(0.5)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    """Of the places alone: faces come from a fake."""
    with Catalogue.open(tmp_path / "catalogue.db") as catalogue:
        yield catalogue


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    pytest.importorskip("milvus_lite", reason="needs the package milvus-lite")
    server = MilvusServer(str(tmp_path_factory.mktemp("milvus") / "lite.db"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def real(milvus: RunningMilvus) -> Iterator[MilvusServer]:
    server = MilvusServer(milvus.url)
    yield server
    server.close()


@pytest.fixture(params=["lite", "real"])
def server(request: pytest.FixtureRequest) -> MilvusServer:
    found: MilvusServer = request.getfixturevalue(request.param)
    return found


_NEXT = iter(range(1, 1_000))


class World:
    """A collection, its index on a server, and the same in memory."""

    def __init__(self, server: MilvusServer, catalogue: Catalogue) -> None:
        self.number = next(_NEXT)
        self.feed = MemoryFeed(D, epoch=f"{self.number:08x}-epoch")
        self.places = IndexLog(catalogue.database, self.number)
        self.server = server
        self.exact = Gallery(self.feed, None)
        self.index = self.opened()

    def opened(self, **options: float) -> MilvusGallery:
        """Another process's view."""
        return MilvusGallery(self.feed, self.places, self.server, fingerprint="f", **options)

    def enrol(self, people: Ints, seed: int) -> Ints:
        return self.feed.enrol(people, unit(len(people), seed))

    def assert_same(self, index: MilvusGallery | None = None) -> None:
        index = index or self.index
        index.catch_up()
        self.exact.catch_up()
        probes = unit(20, 99)
        assert_equal(index.search(probes, 5), self.exact.search(probes, 5))
        found, wanted = index.search_faces(probes, 7), self.exact.search_faces(probes, 7)
        np.testing.assert_allclose(found.scores, wanted.scores, atol=SAME)
        status = index.status()
        assert (status.faces, status.people) == (
            self.exact.status().faces,
            self.exact.status().people,
        )
        assert index.check().sound


def assert_equal(found: PeopleHits, wanted: PeopleHits) -> None:
    assert found.people.tolist() == wanted.people.tolist()
    for name in ("scores", "nearest", "templates"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), atol=SAME)


@pytest.fixture
def world(server: MilvusServer, catalogue: Catalogue) -> World:
    return World(server, catalogue)


def people(n: int, faces: int = 4) -> Ints:
    return np.repeat(np.arange(1, n + 1), faces)


def test_it_answers_as_the_index_in_memory_through_all_changes(world: World) -> None:
    ids = world.enrol(people(40), 1)
    world.assert_same()
    world.feed.remove(ids[:4])  # all of one person
    world.feed.remove(ids[5:6])
    world.feed.move(ids[8:10], 20)
    world.enrol(people(60, 1), 2)
    world.assert_same()
    world.feed.remove(np.array(sorted(world.feed.people)))
    world.assert_same()
