"""The beach and the strangers as one event: four present, two absent, no one wrong."""

from pathlib import Path

import pytest

import rollcall
from retrieval.settings import Settings


@pytest.mark.parametrize("embedder", ["dlib-resnet", "facenet-dlib"])
def test_real_people_at_the_beach(people_dir: Path, home: Path, tmp_path: Path, embedder: str):
    settings = Settings(home=home, detector="mtcnn", embedder=embedder)
    with rollcall.open(settings=settings) as staff:
        assert staff.enrol(people_dir / "employees").enrolled == 12
        pattern = str(people_dir / "queries" / "*.jpg")
        roll = staff.event("Beach", pattern, expected="everybody").roll()
        roll.to_xlsx(tmp_path / "beach.xlsx")
        again = staff.event("Beach", people_dir / "queries").roll()
        answers = staff.identify(sorted((people_dir / "queries").glob("*.jpg")))
        seen = [one.appearance for one in staff.events.appearances(staff.events.find("Beach"))]
    assert [line.person for line in roll.present] == [
        "family1-dad",
        "family1-daughter",
        "family1-mom",
        "family1-son",
    ]
    counted = [
        (Path(photo.photo).name, number, pytest.approx(face.box, abs=0.1))
        for photo in answers
        for number, face in enumerate(photo.faces, 1)
    ]
    assert [(Path(one.photo.photo).name, one.face, one.box) for one in seen] == counted, (
        "one order everywhere"
    )
    assert [line.person for line in roll.absent] == ["family2-lady", "family2-man"]
    assert roll.to_check == ()
    assert sum(len(group.faces) for group in roll.unknown) == 5
    assert (again.photos, again.lines) == (roll.photos, roll.lines)
    assert roll.event.day is not None, "as the photo's EXIF says"
    assert (tmp_path / "beach.xlsx").stat().st_size > 10_000
