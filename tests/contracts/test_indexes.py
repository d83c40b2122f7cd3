"""What every `VectorIndex` must do, whatever it stands on."""

from collections.abc import Callable, Iterator

import faiss
import numpy as np
import pytest

from retrieval.errors import DimensionMismatch, SettingInvalid, VectorInvalid
from retrieval.index.exact import Exact
from retrieval.index.faiss_ivf import Coding, FaissIvf, Recipe
from retrieval.index.milvus.server import MilvusServer
from retrieval.index.milvus.vectors import MilvusVectors
from retrieval.protocols import VectorIndex
from retrieval.values import Ints, Vectors
from tests.milvus_server import RunningMilvus

D, N, LISTS = 32, 1_500, 20
TIE = 1e-5  # cosines of float32 vectors that differ by less count as equal

Make = Callable[[], VectorIndex]
MILVUS = ["milvus_lite", "milvus_server"]


def unit(n: int, seed: int) -> Vectors:
    """Vectors that are not centred, as those of faces."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, D)).astype(np.float32) + np.float32(0.7)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


VECTORS, PROBES = unit(N, 1), unit(40, 2)
IDS = np.random.default_rng(3).permutation(10 * N)[:N].astype(np.int64)


def exact() -> VectorIndex:
    return Exact(D)


def ivf_flat() -> VectorIndex:
    return FaissIvf.trained(VECTORS, Recipe(Coding.FLAT, LISTS, LISTS))


def ivf_sq8() -> VectorIndex:
    return FaissIvf.trained(VECTORS, Recipe(Coding.SQ8, LISTS, LISTS))


def ivf_pq() -> VectorIndex:
    return FaissIvf.trained(VECTORS, Recipe(Coding.PQ, LISTS, LISTS))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """So little work is done sooner by one thread."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


@pytest.fixture(scope="module")
def milvus_lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    pytest.importorskip("milvus_lite", reason="needs the package milvus-lite")
    server = MilvusServer(str(tmp_path_factory.mktemp("milvus") / "lite.db"))
    yield in_milvus(server)
    server.close()


@pytest.fixture(scope="module")
def milvus_server(milvus: RunningMilvus) -> Iterator[Make]:
    server = MilvusServer(milvus.url)
    yield in_milvus(server)
    server.close()


def in_milvus(server: MilvusServer) -> Make:
    """One collection, emptied again and again: to make one takes seconds."""
    vectors = MilvusVectors(server, "contract", D)
    vectors.create()

    def make() -> VectorIndex:
        vectors.discard(np.arange(10 * N + 3))
        return vectors

    return make


@pytest.fixture(params=[exact, ivf_flat, ivf_sq8, ivf_pq, *MILVUS])
def make(request: pytest.FixtureRequest) -> Make:
    found: Make | str = request.param
    return request.getfixturevalue(found) if isinstance(found, str) else found


@pytest.fixture
def index(make: Make) -> VectorIndex:
    """All vectors, added in two parts."""
    index = make()
    index.add(IDS[:1000], VECTORS[:1000])
    index.add(IDS[1000:], VECTORS[1000:])
    return index


def assert_agrees(
    index: VectorIndex, ids: Ints, vectors: Vectors, k: int, allowed: Ints | None = None
) -> None:
    """The best hit's cosine is the oracle's; every score is the cosine of the id beside it."""
    found = index.search(PROBES, k, allowed)
    oracle = Exact(D)
    oracle.add(ids, vectors)
    wanted = oracle.search(PROBES, k, allowed)
    assert found.ids.shape == found.scores.shape == (len(PROBES), k)
    np.testing.assert_allclose(found.scores[:, 0], wanted.scores[:, 0], atol=TIE)
    place = {face: row for row, face in enumerate(ids.tolist())}
    rows = np.array([[place[face] for face in row] for row in found.ids.tolist()])
    cosines = np.einsum("qd,qkd->qk", PROBES, vectors[rows])
    np.testing.assert_allclose(found.scores, cosines, atol=TIE)
    assert (np.diff(found.scores, axis=1) <= 0).all()


def test_the_best_are_found_with_their_cosines(index: VectorIndex) -> None:
    assert len(index) == N
    assert_agrees(index, IDS, VECTORS, 10)


def test_every_vector_finds_itself(index: VectorIndex) -> None:
    found = index.search(VECTORS, 1)
    assert found.ids[:, 0].tolist() == IDS.tolist()
    np.testing.assert_allclose(found.scores, 1, atol=TIE)


def test_flat_lists_that_are_all_visited_answer_as_the_oracle() -> None:
    index, oracle = ivf_flat(), exact()
    for each in (index, oracle):
        each.add(IDS, VECTORS)
    found, wanted = index.search(PROBES, 20), oracle.search(PROBES, 20)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=TIE)
    differ = found.ids != wanted.ids
    assert (np.abs(found.scores - wanted.scores)[differ] <= TIE).all()
    assert differ.mean() < 0.01


def test_removed_entries_are_never_found(index: VectorIndex) -> None:
    gone = IDS[::3]
    assert index.remove(np.append(gone, 10 * N + 5)) == len(gone)
    assert index.remove(gone) == 0
    assert len(index) == N - len(gone)
    rest = np.isin(IDS, gone, invert=True)
    assert not np.isin(index.search(VECTORS, 5).ids, gone).any()
    assert_agrees(index, IDS[rest], VECTORS[rest], 10)


def test_a_few_removed_entries_are_never_found(index: VectorIndex) -> None:
    assert index.remove(IDS[:3]) == 3
    assert not np.isin(index.search(VECTORS[:3], 50).ids, IDS[:3]).any()
    assert len(index) == N - 3


def test_an_id_that_is_added_again_is_replaced(index: VectorIndex) -> None:
    index.add(IDS[:2], -VECTORS[:2])
    assert len(index) == N
    found = index.search(-VECTORS[:2], 1)
    assert found.ids[:, 0].tolist() == IDS[:2].tolist()
    assert not np.isin(index.search(VECTORS[:2], 20).ids, IDS[:2]).any()


def test_an_id_that_is_added_twice_at_once_has_its_last_vector(index: VectorIndex) -> None:
    new, again = 10 * N + 1, 10 * N + 2
    ids = np.array([new, again, new, IDS[0]], np.int64)
    index.add(ids, np.stack([VECTORS[0], VECTORS[1], -VECTORS[2], -VECTORS[3]]))
    assert len(index) == N + 2
    found = index.search(-VECTORS[2:4], 1)
    assert found.ids[:, 0].tolist() == [new, IDS[0]]
    assert new not in index.search(VECTORS[:1], 20).ids
    assert index.remove(np.array([new], np.int64)) == 1
    assert new not in index.search(-VECTORS[2:3], 20).ids


def test_only_allowed_entries_are_found(index: VectorIndex) -> None:
    allowed = IDS[::10]
    assert_agrees(index, IDS, VECTORS, 10, allowed)
    assert np.isin(index.search(PROBES, 10, allowed).ids, allowed).all()


def test_removed_entries_are_not_found_even_if_allowed(index: VectorIndex) -> None:
    index.remove(IDS[:5])
    assert set(index.search(VECTORS[:5], 4, allowed=IDS[:7]).ids.ravel().tolist()) == {
        *IDS[5:7].tolist(),
        -1,
    }


def test_fewer_entries_than_asked_for_are_padded(make: Make) -> None:
    index = make()
    index.add(IDS[:3], VECTORS[:3])
    found = index.search(PROBES, 5)
    assert (np.sort(found.ids[:, :3], axis=1) == np.sort(IDS[:3])).all()
    assert (found.ids[:, 3:] == -1).all()
    assert np.isneginf(found.scores[:, 3:]).all()


def test_an_empty_index_finds_nothing(make: Make) -> None:
    index = make()
    assert len(index) == 0
    assert (index.search(PROBES, 3).ids == -1).all()
    assert index.remove(IDS) == 0
    index.add(IDS[:2], VECTORS[:2])
    index.remove(IDS[:2])
    assert (index.search(PROBES, 3).ids == -1).all()


def test_no_probes_get_no_answers(index: VectorIndex) -> None:
    assert index.search(np.zeros((0, D), np.float32), 3).ids.shape == (0, 3)


def test_equal_vectors_are_all_found(make: Make) -> None:
    index = make()
    index.add(IDS[:6], np.repeat(VECTORS[:1], 6, axis=0))
    index.add(IDS[6:], VECTORS[6:])
    found = index.search(VECTORS[:1], 6)
    assert set(found.ids[0].tolist()) == set(IDS[:6].tolist())
    np.testing.assert_allclose(found.scores, 1, atol=TIE)


@pytest.mark.parametrize(
    ("vectors", "error"),
    [
        (np.zeros((2, D - 1), np.float32), DimensionMismatch),
        (np.full((2, D), np.nan, np.float32), VectorInvalid),
        (np.full((2, D), np.inf, np.float32), VectorInvalid),
        (np.zeros(D, np.float32), VectorInvalid),
    ],
)
def test_wrong_vectors_are_refused_and_change_nothing(
    index: VectorIndex, vectors: Vectors, error: type[Exception]
) -> None:
    with pytest.raises(error):
        index.search(vectors, 1)
    with pytest.raises(error):
        index.add(np.array([10 * N, 10 * N + 1]), vectors)
    assert len(index) == N


def test_a_search_for_no_neighbours_is_refused(index: VectorIndex) -> None:
    with pytest.raises(SettingInvalid):
        index.search(PROBES, 0)
