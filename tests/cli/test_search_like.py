from pathlib import Path

from tests.cli.running import document, rollcall


def test_search_like_finds_photos_of_everybody_in_a_group_photo_and_none_of_strangers(
    people_dir: Path, tmp_path: Path
) -> None:
    assert rollcall(tmp_path, "enroll", people_dir / "employees", "--quiet").exit_code == 0
    family = people_dir / "queries" / "family1-at-the-beach.jpg"
    hits = document(rollcall(tmp_path, "search", family, "--like", "--json"))["hits"]
    assert {hit["person"].split("-")[0] for hit in hits} == {"family1"}
    assert len({hit["person"] for hit in hits}) > 1
    assert len({hit["photo"] for hit in hits}) == len(hits)
    stranger = people_dir / "queries" / "stranger-1.jpg"
    assert document(rollcall(tmp_path, "search", stranger, "--like", "--json"))["hits"] == []
