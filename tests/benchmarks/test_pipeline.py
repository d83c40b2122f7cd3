"""The benchmarks of the pipeline measure what they say."""

from pathlib import Path

import pytest

from retrieval.benchmarks import rivals
from retrieval.benchmarks.pipeline import STAGES, run
from retrieval.building import build_models, build_service
from retrieval.errors import DataInvalid
from retrieval.settings import Settings
from tests.two_models import write_small_embedder


def test_every_stage_is_measured_and_the_ratios_follow_from_the_times(
    home: Path, samples: Path
) -> None:
    settings = Settings(home=home, detector="mtcnn", embedder="dlib-resnet", precision="fp32")
    model = build_models(settings).file("dlib-resnet", "fp32")
    with build_service(settings) as service:
        service.ensure_collection()
        group = samples / "queries" / "group.jpg"
        times = run(service, model, [group], threads=1, rounds=2)
    found = times.document()
    assert (found["photos"], found["faces"]) == (1, 2)
    assert set(found["stage_ms"]) == set(STAGES)
    assert all(ms > 0 for ms in found["stage_ms"].values())
    assert found["identify_over_stages"] > 0
    assert found["embed_over_raw"] == pytest.approx(
        2 * times.embed_faces_per_s / times.raw_passes_per_s, rel=0.5
    )


def test_photos_that_cannot_be_read_are_no_measurement(home: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    settings = Settings(home=home, detector="mtcnn", embedder="dlib-resnet")
    with build_service(settings) as service:
        service.ensure_collection()
        with pytest.raises(DataInvalid, match="nothing to measure"):
            run(service, bad, [bad], threads=1)


def test_the_comparison_counts_faces_and_says_who_is_not_there(home: Path, samples: Path) -> None:
    photos = sorted((samples / "employees").rglob("*.jpg"))[:2]
    settings = Settings(home=home, embedder="dlib-resnet")
    found = rivals.run(settings, photos, ["mtcnn"], rounds=1)
    ours, rival = found.contenders
    assert (found.photos, ours.faces) == (2, 2)
    assert ours.seconds is not None
    assert ours.cpu_seconds is not None
    assert ours.seconds > 0
    assert ours.cpu_seconds > 0
    if rival.seconds is None:
        assert found.times_as_fast(ours) is None
    else:
        assert found.times_as_fast(ours) == pytest.approx(rival.seconds / ours.seconds)
    assert not (home / "catalogue.db").exists(), "the user's gallery is left alone"


def test_embedders_are_enrolled_with_in_turn(home: Path, samples: Path) -> None:
    photos = sorted((samples / "employees").rglob("*.jpg"))[:1]
    write_small_embedder(home)
    settings = Settings(home=home, embedder="dlib-resnet")
    found = rivals.run(settings, photos, ["mtcnn"], ["dlib-resnet", "small"], rounds=1)
    names = [each.name for each in found.contenders]
    assert names == ["rollcall, mtcnn, dlib-resnet", "rollcall, mtcnn, small", rivals.RIVAL]
