"""Through the queue and in-process, real models make the same catalogue and the same answers."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from retrieval.building import build_service, open_catalogue
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.bulk import Bulk
from retrieval.collection.enrolments import EnrolItem
from retrieval.photos.folders import people_below, photos_below
from retrieval.settings import Settings
from retrieval.values import Floats, Source
from tests.worker.small_models import begin
from tests.worker.waiting import follow, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan
from worker.redis_server import EmbeddedRedis


@dataclass(frozen=True)
class Enrolled:
    """A face of a catalogue, in words that do not depend on the order of enrolment."""

    person: str
    sha256: str
    width: int
    height: int
    box: tuple[float, ...]


def contents(catalogue: Catalogue) -> tuple[dict[str, Enrolled], dict[str, Floats]]:
    """Faces and vectors by photo."""
    collection = catalogue.collection("default")
    faces = catalogue.photos(collection.id)
    ids, _, vectors = catalogue.vectors(collection.id)
    rows = {face: row for row, face in enumerate(ids.tolist())}
    return (
        {f.photo: Enrolled(f.person, f.sha256, f.width, f.height, f.box) for f in faces},
        {f.photo: vectors[rows[f.id]] for f in faces},
    )


@pytest.fixture
def plan(home: Path, redis_server: EmbeddedRedis) -> WorkerPlan:
    # ORL's faces are small, and what matters here is that many photos are enrolled.
    settings = Settings(home=home, threads=1, min_face_px=8)
    return WorkerPlan(settings, redis_server.url, "rollcall")


@pytest.fixture
def queued(plan: WorkerPlan) -> Iterator[Catalogue]:
    with open_catalogue(plan.settings) as catalogue:
        yield catalogue


@pytest.mark.parametrize("data", ["orl_dir", "people_dir"])
def test_the_queue_and_one_process_make_the_same_catalogue(
    data: str,
    request: pytest.FixtureRequest,
    plan: WorkerPlan,
    queue: RqJobQueue,
    queued: Catalogue,
    tmp_path: Path,
) -> None:
    folder: Path = request.getfixturevalue(data)
    folder = folder / "employees" if data == "people_dir" else folder
    with workers(plan, 2):
        bulk = Bulk(queued.runs, queue)
        counts = follow(bulk, begin(bulk, folder))
    url = f"sqlite:///{tmp_path / 'in-process.db'}"
    with build_service(plan.settings.model_copy(update={"catalogue_url": url})) as service:
        listed = people_below(folder)
        results = list(service.enrol(EnrolItem(name, str(path), path) for name, path in listed))
        theirs, their_vectors = contents(service.catalogue)
    ours, our_vectors = contents(queued)
    assert counts.found == len(results)
    assert counts.enrolled == len(ours) == sum(r.outcome == "enrolled" for r in results) > 0
    assert ours == theirs
    for photo, vector in our_vectors.items():
        np.testing.assert_allclose(vector, their_vectors[photo], atol=1e-5)


def test_bulk_answers_are_those_of_one_by_one_in_the_order_of_the_input(
    plan: WorkerPlan, queue: RqJobQueue, queued: Catalogue, people_dir: Path
) -> None:
    photos = [*photos_below(people_dir / "queries"), people_dir / "queries.csv"]
    photos += photos_below(people_dir / "employees", recursive=True)
    random.Random(3).shuffle(photos)
    bulk = Bulk(queued.runs, queue)
    with workers(plan, 2):
        follow(bulk, begin(bulk, people_dir / "employees"))
        run = bulk.begin("identify", "default", "queries", {})
        for _ in bulk.fill(run, (ListedPhoto(str(photo)) for photo in photos)):
            pass
        counts = follow(bulk, run)
    assert (counts.answered, dict(counts.rejected)) == (len(photos) - 1, {"unreadable": 1})
    answers = [answer for _, answer in bulk.runs.answers(run.id)]
    with build_service(plan.settings) as service:
        alone = [service.identify([Source(str(p), p)])[0].document() for p in photos]
    assert json.loads(json.dumps(answers)) == json.loads(json.dumps(alone))
