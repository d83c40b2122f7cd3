import json
from pathlib import Path

import faiss
import numpy as np
import pytest

from retrieval.benchmarks import search, search_report
from retrieval.benchmarks.search_rivals import exact, installed, rival
from retrieval.benchmarks.synthetic import Population
from retrieval.errors import SettingInvalid


@pytest.fixture(scope="module")
def result() -> search.Result:
    """A small run, as `rollcall bench search` does it."""
    threads = faiss.omp_get_max_threads()
    found = search.run(
        [2_000, 3_000], rivals=False, probes=60, dimension=32, threads=1, large=4_000
    )
    faiss.omp_set_num_threads(threads)
    return found


def test_a_run_measures_each_size(result: search.Result) -> None:
    assert [row["faces"] for row in result["galleries"]] == [2_000, 3_000]
    for row in result["galleries"]:
        assert row["agreement"] == 1
        assert row["one_face_ms"]["p50"] <= row["one_face_ms"]["p99"]
        assert row["start_over_read"] > 0
        assert set(row["identify_ms"]) == {"search", "decide"}


def test_ours_and_faiss_alone_find_the_same_by_code(result: search.Result) -> None:
    by_effort: dict[tuple[str, int], dict[str, float]] = {}
    for row in result["contest"]:
        found = by_effort.setdefault((row["what"], row["effort"]), {})
        found[row["contestant"]] = row["agreement"]
    for found in by_effort.values():
        for coding in ("PQ", "SQ8"):
            alone = found.get(f"FAISS alone, {coding}, same lists")
            assert alone == found.get(f"Rollcall {coding}, not rescored")
        assert found.get("FAISS alone, both lists") == found.get("Rollcall, not rescored")


def test_the_fused_rule_finds_whom_its_exact_self_finds(result: search.Result) -> None:
    rows = [row for row in result["contest"] if row["contestant"] == "Rollcall"]
    assert {row["what"] for row in rows} == {"fused"}
    assert max(row["agreement"] for row in rows) == 1


def test_contestants_are_compared_at_the_wanted_agreement(result: search.Result) -> None:
    for row in result["at_level"]:
        assert row["reached"] == (row["agreement"] >= row["level"])
    assert {"exact", "Rollcall PQ"} <= {row["contestant"] for row in result["at_level"]}


def test_a_large_index_is_measured_beside(result: search.Result) -> None:
    assert max(row["agreement"] for row in result["large"]) == 1
    assert all(row["bytes_an_entry"] < 4 * 32 for row in result["large"])


def test_what_does_not_fit_into_memory_is_refused_at_once() -> None:
    with pytest.raises(SettingInvalid, match="GB are free"):
        search.run([2_000], large=10**12)


def test_the_report_shows_it_all(result: search.Result, tmp_path: Path) -> None:
    written = search_report.report(result).write_folder(tmp_path, "search", result)
    assert {path.name for path in written} == {
        "search.html",
        "search.json",
        "search-agreement.png",
    }
    again = json.loads((tmp_path / "search.json").read_text())
    assert again["galleries"][0]["faces"] == 2_000


@pytest.mark.parametrize("name", ["hnswlib", "usearch"])
def test_a_rival_finds_what_exact_search_finds(name: str) -> None:
    if name not in installed():
        pytest.skip(f"{name} is not installed: pip install 'rollcall[bench]'")
    people = np.arange(1, 301)
    population = Population(300, dimension=32)
    vectors, probes = population.photos(people), population.photos(people[:50])
    wanted = exact(vectors).search(probes, 0)
    assert np.mean(rival(name, vectors, 1).search(probes, 512) == wanted) > 0.95
