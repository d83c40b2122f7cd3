"""`rollcall index`, over a catalogue of made vectors: searching needs no model."""

from pathlib import Path

import pytest

from retrieval.building import open_catalogue
from retrieval.settings import Settings
from tests.catalogue.made import make_collection, new_faces
from tests.cli.running import document, rollcall


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two people with three faces each are enrolled."""
    with open_catalogue(Settings(home=tmp_path)) as catalogue:
        collection = make_collection(catalogue)
        catalogue.enrol(collection.id, new_faces("ann", range(3)) + new_faces("bob", range(3, 6)))
    return tmp_path


def test_status_describes_the_index(home: Path) -> None:
    found = document(rollcall(home, "index", "status", "--json"))
    assert (found["kind"], found["faces"], found["people"]) == ("exact", 6, 2)
    assert found["watermark"]["seq"] == 6
    assert "exact" in rollcall(home, "index", "status").stdout


def test_check_compares_with_the_catalogue(home: Path) -> None:
    result = rollcall(home, "index", "check", "--json")
    assert result.exit_code == 0
    assert document(result) == {
        "sound": True,
        "faces": 6,
        "missing": 0,
        "extra": 0,
        "misplaced": 0,
        "altered": 0,
        "templates": 0,
    }


def test_rebuild_writes_a_snapshot(home: Path) -> None:
    assert document(rollcall(home, "index", "rebuild", "--json"))["faces"] == 6
    assert len(list(home.glob("index/*/*.snapshot"))) == 1


def test_a_damaged_snapshot_is_reported_and_rebuilt(home: Path) -> None:
    rollcall(home, "index", "rebuild")
    (path,) = home.glob("index/*/*.snapshot")
    path.write_bytes(path.read_bytes()[:-1])
    found = document(rollcall(home, "index", "status", "--json"))
    assert "cut short" in found["problem"]
    assert found["faces"] == 6
    assert document(rollcall(home, "index", "rebuild", "--json"))["problem"] is None


def test_a_small_gallery_needs_no_training(home: Path) -> None:
    result = rollcall(home, "index", "train")
    assert result.exit_code == 0
    assert "nothing to train" in result.stderr


@pytest.mark.parametrize(("option", "value"), [("--memory", "much"), ("--agreement", "2")])
def test_a_goal_without_meaning_is_refused(home: Path, option: str, value: str) -> None:
    result = rollcall(home, "index", "train", option, value)
    assert result.exit_code == 2
    assert value in result.stderr


def test_clusters_are_printed_with_their_photos(home: Path) -> None:
    found = document(rollcall(home, "clusters", "--k", "2", "--json"))["clusters"]
    assert len(found) == 2
    assert sum(map(len, found)) == 6


def test_an_index_on_a_server_is_described_checked_made_anew_and_named_by_doctor(
    home: Path,
) -> None:
    pytest.importorskip("milvus_lite", reason="needs the package milvus-lite")
    url = {"ROLLCALL_INDEX_URL": str(home / "milvus.db")}
    found = document(rollcall(home, "index", "status", "--json", **url))
    assert (found["kind"], found["faces"], found["people"]) == ("milvus-flat", 6, 2)
    assert "milvus-flat" in rollcall(home, "index", "status", **url).stdout
    assert document(rollcall(home, "index", "check", "--json", **url))["sound"]
    assert document(rollcall(home, "index", "rebuild", "--json", **url))["faces"] == 6
    checks = document(rollcall(home, "doctor", "--json", **url))["checks"]
    states = {check["what"]: (check["state"], check["found"]) for check in checks}
    assert states["index server"][0] == "ok"
    assert states["index server"][1].startswith("Milvus ")
    assert states["index"] == ("ok", "6 faces, exactly as in the catalogue")


def test_an_index_server_that_is_away_is_a_store_that_fails(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.index.milvus.server.PATIENCE_S", 0.1)
    url = {"ROLLCALL_INDEX_URL": "http://root:secret@127.0.0.1:1"}
    result = rollcall(home, "index", "status", **url)
    assert result.exit_code == 4
    assert "http://127.0.0.1:1 does not answer" in " ".join(result.stderr.split())
    assert "secret" not in result.stderr
