"""How far a long video is, where it is one of several photos."""

from pathlib import Path
from types import SimpleNamespace

from cli.videos import Within
from retrieval.values import Source
from tests.cli.running import rollcall


def test_a_long_video_among_photos_says_each_tenth_of_it_by_its_name():
    told = []
    within = Within(SimpleNamespace(remark=told.append), lambda *_, **__: None)
    for source in within.passing(iter([Source(f"/day/{n}.mp4", Path(f"{n}.mp4")) for n in "ab"])):
        for second in range(0, 1000, 7):
            within(float(second), 1000.0 if source.name == "/day/a.mp4" else None)
    assert told[:2] == ["a.mp4: seen until 01:45 of 16:40", "a.mp4: seen until 03:23 of 16:40"]
    assert len([line for line in told if line.startswith("a.mp4")]) == 9
    assert told[9] == "b.mp4: seen until 01:03"  # whose length nobody knows: each minute


def test_a_video_that_is_longer_than_its_file_says_is_not_seen_beyond_its_end():
    told = []
    within = Within(SimpleNamespace(remark=told.append), None)
    for second in (4.0, 7.0):
        within(second, 5.0)
    assert told == [": seen until 00:04 of 00:05", ": seen until 00:07"]


def test_where_liveness_is_asked_for_and_not_looked_at_is_said(tmp_path):
    video = tmp_path / "door.mp4"
    video.write_bytes(b"no video")
    asked = rollcall(tmp_path / "home", "identify", video, "--liveness")
    assert "videos are looked at without it" in asked.stderr
    queued = ("identify", video, "--liveness", "--queue", "--out", tmp_path / "faces.csv")
    refused = rollcall(tmp_path / "home", *queued)
    assert refused.exit_code == 2
    assert "--liveness do not go with --queue" in refused.stderr
