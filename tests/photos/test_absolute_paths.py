"""One file is called alike from wherever it is named."""

from pathlib import Path

import pytest

from retrieval.photos.urls import absolute
from rollcall.collection import _pair


def test_one_file_has_one_path_from_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "share" / "Ann").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "far" / "away").mkdir(parents=True)
    photo = tmp_path / "share" / "Ann" / "1.jpg"
    photo.touch()
    (tmp_path / "linked").symlink_to(tmp_path / "share")
    (tmp_path / "work" / "away").symlink_to(tmp_path / "far" / "away")
    monkeypatch.chdir(tmp_path / "work")
    for named in ("../share/Ann/1.jpg", "../share/./Ann/../Ann/1.jpg", str(photo)):
        assert absolute(Path(named)) == photo
    assert absolute(Path("../linked/Ann")) == tmp_path / "linked" / "Ann"  # links stay links
    assert absolute(Path("../nowhere")) == tmp_path / "nowhere"
    # what stands behind a link to a folder is beside what the link leads to
    assert absolute(Path("away/../../share/Ann")) == tmp_path / "share" / "Ann"
    (tmp_path / "far" / "other").mkdir()
    assert absolute(Path("away/../other")) == tmp_path / "far" / "other"


def test_a_photo_that_a_program_enrols_has_the_same_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for named in ("1.jpg", Path("1.jpg"), str(tmp_path / "1.jpg")):
        assert _pair("Ann", named).photo == str(tmp_path / "1.jpg")
