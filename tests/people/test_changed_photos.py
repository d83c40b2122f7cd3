"""Enrolled photos beside their files: moved, replaced or gone, also where a part is enrolled."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from retrieval.catalogue.records import EnrolledFace, part_sha256
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.enrolments import EnrolResult
from retrieval.people.changed_photos import outdated, replaced, vanished

BOX = (10.0, 20.0, 30.0, 40.0)
PICTURE, OTHER = (hashlib.sha256(text).hexdigest() for text in (b"picture", b"other"))


@pytest.fixture(params=["whole", "part"])
def enrolled(request: pytest.FixtureRequest, tmp_path: Path) -> EnrolledFace:
    """Ann, from a photo of a folder, as a whole or as a part of it."""
    whole = request.param == "whole"
    sha256 = PICTURE if whole else part_sha256(PICTURE, np.array(BOX, np.float32))
    path, moment = str(tmp_path / "1.jpg"), datetime.now(UTC)
    return EnrolledFace(1, 1, "Ann", 1, path, sha256, PICTURE, 90, 90, BOX, 0.9, 40, 9, moment)


def test_a_photo_that_was_moved_is_neither_gone_nor_replaced(
    enrolled: EnrolledFace, tmp_path: Path
) -> None:
    moved, at_its_place = str(tmp_path / "moved.jpg"), enrolled.photo
    listed = [ListedPhoto(moved, "Ann")]
    assert vanished([enrolled], tmp_path / "staff.csv", listed, {moved: PICTURE}) == []
    gone = vanished([enrolled], tmp_path / "staff.csv", listed, {moved: OTHER})
    assert gone == [enrolled]
    both = [*listed, ListedPhoto(at_its_place, "Ann")]
    elsewhere = replace(enrolled, id=2, photo=moved, sha256=OTHER, photo_sha256=OTHER)
    swapped = {moved: PICTURE, at_its_place: OTHER}
    assert replaced([enrolled, elsewhere], both, swapped) == []
    assert replaced([enrolled], both, swapped) == [enrolled]


def test_a_picture_that_came_under_another_path_is_not_outdated(enrolled: EnrolledFace) -> None:
    Path(enrolled.photo).write_bytes(b"other")
    new = EnrolResult("Ann", enrolled.photo, "enrolled", sha256=OTHER)
    moved = EnrolResult("Ann", "moved.jpg", "known", sha256=PICTURE)
    assert outdated([enrolled], [new], 10**6) == [enrolled]
    assert outdated([enrolled], [new, moved], 10**6) == []
