"""An index on a Milvus server answers as the one in memory, whatever happens to it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from retrieval.building import milvus_server
from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import DimensionMismatch, IndexFailed, RollcallError, SettingInvalid
from retrieval.index.gallery import Gallery
from retrieval.index.milvus.gallery import MilvusGallery
from retrieval.index.milvus.pair import Pair, drop_indexes
from retrieval.index.milvus.server import MilvusServer
from retrieval.index.milvus.training import Making
from retrieval.protocols import PeopleHits, SharedIndex
from retrieval.settings import Settings
from retrieval.values import Floats, Ints
from tests.fakes import MemoryFeed
from tests.milvus_server import RunningMilvus, running_milvus

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
        self.registry = catalogue.index_registry(self.number)
        self.server = server
        self.exact = Gallery(self.feed, None)
        self.index = self.opened()

    def opened(self, **options: float) -> MilvusGallery:
        """Another process's view."""
        return MilvusGallery(self.feed, self.registry, self.server, fingerprint="f", **options)

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


def test_lists_are_made_beside_what_answers_and_reach_the_agreement(
    real: MilvusServer, catalogue: Catalogue
) -> None:
    world = World(real, catalogue)
    world.enrol(people(200, 10), 1)
    index = world.opened(lists_from=2_000)
    index.catch_up()
    assert "lists" in (index.status().due or "")
    steps: list[str] = []
    status = index.train(progress=steps.append)
    assert status.kind == "milvus-ivf-flat"
    assert status.trained is not None
    assert min(status.trained.agreement, status.trained.faces_agreement) >= 0.995
    assert status.due is None
    assert any("agreement" in step for step in steps)
    assert index.check().sound  # those that were held out are there as well
    assert [index.ready for index in world.registry.all()] == [True]
    world.feed.remove(np.arange(1, 11))
    world.enrol(np.full(3, 77), 2)
    for view in (index, world.index):  # another process finds it too
        view.catch_up()
        assert (view.status().faces, view.status().kind) == (1993, "milvus-ivf-flat")
        assert view.check().sound
    world.exact.catch_up()
    probes = unit(200, 5)
    agreeing = index.search(probes, 1).people == world.exact.search(probes, 1).people
    assert agreeing.mean() >= 0.98


@pytest.fixture
def small(lite: MilvusServer, catalogue: Catalogue) -> World:
    """A few people, in Milvus Lite: what the server does not decide."""
    world = World(lite, catalogue)
    world.enrol(people(12), 1)
    return world


def test_who_was_deleted_or_moved_is_not_named_before_the_server_knows(small: World) -> None:
    small.index.catch_up()
    probes = np.stack([small.feed.vectors[face] for face in (1, 5)])
    assert small.index.search(probes, 1).people.tolist() == [[1], [2]]
    small.feed.remove(np.arange(1, 5))
    small.feed.move(np.arange(5, 9), 9)
    found = small.index.search(probes, 3).people  # nobody caught up
    assert not np.isin(found, [1, 2]).any()


def test_chosen_people_are_searched_alone(small: World) -> None:
    small.index.catch_up()
    small.exact.catch_up()
    probes, chosen = unit(3, 5), np.array([3, 4, 4, 99])
    assert_equal(small.index.search(probes, 3, chosen), small.exact.search(probes, 3, chosen))
    allowed = np.array([2, 9, 1_000])
    found = small.index.search_faces(probes, 5, allowed).ids
    assert found.tolist() == small.exact.search_faces(probes, 5, allowed).ids.tolist()


def test_clusters_are_those_of_the_index_in_memory(small: World) -> None:
    for k in (None, 3):
        found, wanted = small.index.clusters(k), small.exact.clusters(k)
        assert found.labels.tolist() == wanted.labels.tolist()


def test_another_that_feeds_is_waited_for_and_then_its_being_busy_is_told(small: World) -> None:
    small.index.catch_up()
    key = small.registry.all()[0].key
    assert small.registry.lease(key, "another", 60)
    small.enrol(people(1, 1), 2)
    late = small.opened(wait_s=0.2)
    with pytest.raises(IndexFailed, match="another process has been feeding"):
        late.catch_up()
    small.registry.release(key, "another")
    assert late.catch_up() == small.feed.head()


def test_an_exchange_excludes_the_questions_and_rebuilds_of_its_own_process_as_well(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.index.catch_up()
    key = small.registry.all()[0].key
    index = small.opened(wait_s=0.2)
    advance, exchanges = small.registry.advance, []

    def asked_meanwhile(before: SharedIndex, after: SharedIndex, holder: str) -> bool:
        if after.ready and not before.ready:
            exchanges.append(after)
            small.enrol(people(1, 1), 2)
            with pytest.raises(IndexFailed, match="another process has been feeding"):
                index.catch_up()
            with pytest.raises(IndexFailed, match="making this index anew"):
                index._feeder.remake(Making())
            assert not small.registry.lease(key, "another", 60)
        return advance(before, after, holder)

    monkeypatch.setattr(small.registry, "advance", asked_meanwhile)
    index._feeder.remake(Making())
    assert len(exchanges) == 1
    small.assert_same(index)


def test_a_feeder_that_died_is_succeeded_when_its_lease_ends(small: World) -> None:
    small.index.catch_up()
    key = small.registry.all()[0].key
    small.registry.lease(key, "dead", 0.3)
    small.enrol(people(2, 1), 2)
    small.assert_same()


def test_a_batch_that_was_written_but_not_noted_is_written_again(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.index.catch_up()
    small.feed.move(np.array([1, 2]), 12)
    small.feed.remove(np.arange(5, 9))
    small.enrol(np.array([7, 99]), 3)
    with monkeypatch.context() as patch:  # as if killed between Milvus and the catalogue
        patch.setattr(small.registry, "advance", _killed)
        with pytest.raises(KeyboardInterrupt):
            small.index.catch_up()
    small.feed.move(np.array([3]), 11)
    small.assert_same(small.opened())


def _killed(*_: object) -> bool:
    raise KeyboardInterrupt


def test_one_that_slept_through_its_lease_moves_nothing_on(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.index.catch_up()
    small.enrol(people(2, 1), 2)
    advance = small.registry.advance
    key = small.registry.all()[0].key

    def slow(before: SharedIndex, after: SharedIndex, holder: str) -> bool:
        monkeypatch.undo()
        small.registry.lease(key, holder, -1)
        assert small.registry.lease(key, "quicker", 0.2)
        return advance(before, after, holder)

    monkeypatch.setattr(small.registry, "advance", slow)
    small.assert_same()


def test_what_a_late_writer_left_is_found_and_mended(small: World) -> None:
    small.index.catch_up()
    small.feed.remove(np.array([1]))
    small.index.catch_up()
    pair = Pair(small.server, small.registry.all()[0], D)
    pair.faces.add(np.array([1]), unit(1, 1), np.array([1]))  # a stopped process goes on
    pair.people.remove(np.array([2]))
    found = small.index.check()
    assert (found.extra.tolist(), found.templates.tolist()) == ([1], [2])
    assert not found.sound
    small.index.rebuild()
    small.assert_same()


def test_an_index_that_the_server_lost_is_made_anew(small: World) -> None:
    small.index.catch_up()
    lost = small.registry.all()[0]
    Pair(small.server, lost, D).faces.drop()
    small.assert_same(small.opened())
    lost = small.registry.all()[0]
    Pair(small.server, lost, D).faces.drop()
    assert small.index.search(unit(1, 5), 1).people.shape == (1, 1)
    assert small.registry.all()[0].id > lost.id
    small.assert_same()
    Pair(small.server, small.registry.all()[0], D).drop()
    small.enrol(people(1, 1), 2)  # noticed by whoever feeds
    small.assert_same()


def test_writes_that_the_server_lost_are_noticed_by_the_next_process(small: World) -> None:
    small.index.catch_up()
    Pair(small.server, small.registry.all()[0], D).faces.remove(np.array([1, 2]))
    small.assert_same(small.opened())


def test_after_a_restore_the_index_is_made_anew_and_the_former_goes_at_a_rebuild(
    small: World,
) -> None:
    small.index.catch_up()
    former = small.registry.all()[0]
    small.feed.epoch = f"{small.number:08x}-restored"
    small.feed.remove(np.arange(1, 5))
    small.assert_same()
    assert Pair(small.server, former, D).faces.exists()  # it may be another catalogue's
    small.index.rebuild()
    assert not Pair(small.server, former, D).faces.exists()
    small.assert_same()
    assert len(small.registry.all()) == 1


def test_deleting_does_not_fail_with_a_server_that_is_away(
    small: World, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = MilvusServer("http://127.0.0.1:1", patience_s=0.1)
    MilvusGallery(small.feed, small.registry, nowhere, fingerprint="f").snapshot()
    assert "until it is fed" in caplog.text


def test_all_indexes_of_a_collection_can_be_dropped(small: World) -> None:
    small.index.catch_up()
    index = small.registry.all()[0]
    drop_indexes(small.server, small.registry, D, keep="f")
    assert small.registry.all() == [index]
    drop_indexes(small.server, small.registry, D)
    assert small.registry.all() == []
    assert not Pair(small.server, index, D).people.exists()


def test_a_process_that_lives_long_makes_lists_by_itself_and_pauses_when_another_does(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = small.opened(lists_from=10, background=True)
    begun: list[int] = []

    def busy() -> None:
        begun.append(1)
        raise IndexFailed("Another process is making this index anew.")

    monkeypatch.setattr(index, "keep_up", busy)
    for _ in range(3):
        index.catch_up()
        index.settle()
    assert begun == [1]


def test_vectors_of_another_model_are_refused(small: World) -> None:
    small.index.catch_up()
    with pytest.raises(DimensionMismatch):
        small.index.search(np.ones((1, D + 1), np.float32))
    with pytest.raises(SettingInvalid):
        small.index.search_faces(unit(1, 1), 0)


@pytest.mark.parametrize("url", ["nonsense", "redis://localhost:1"])
def test_a_url_of_no_milvus_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match="names no Milvus"):
        MilvusServer(url).version()


def test_a_server_that_is_not_there_is_told_soon_and_without_its_password() -> None:
    server = MilvusServer("http://root:secret@127.0.0.1:1", patience_s=0.5)
    with pytest.raises(IndexFailed, match="does not answer") as caught:
        server.version()
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/?token=secret",
        "http://secret@127.0.0.1:1",
        "http://root:sec/secret@127.0.0.1:1",
        "http://root:1/secret@127.0.0.1:1",
        "root:secret@127.0.0.1:1",
        "redis://root:secret@127.0.0.1:1",
    ],
)
def test_no_error_shows_what_may_be_secret_in_a_url(url: str) -> None:
    with pytest.raises(RollcallError) as caught:
        MilvusServer(url, patience_s=0.1).version()
    assert "secret" not in str(caught.value)


def test_a_server_that_wants_a_password_says_where_to_give_it() -> None:
    refused = pytest.raises(SettingInvalid, match="refuses the name or the password")
    with running_milvus(password=True) as locked, refused:
        MilvusServer(locked.url).version()


def test_without_pymilvus_the_setting_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, index_url="http://localhost:19530")
    monkeypatch.delitem(sys.modules, "retrieval.index.milvus.server", raising=False)
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(SettingInvalid, match=r"rollcall\[milvus\]"):
        milvus_server(settings)


def test_encrypted_vectors_do_not_go_to_a_server(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, index_url="http://localhost", data_key=SecretStr("x" * 43))
    with pytest.raises(SettingInvalid, match="in the clear"):
        milvus_server(settings)
