"""A run through the queue with encryption on leaves nothing in the clear, in Redis's files too."""

from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.building import open_catalogue
from retrieval.collection.bulk import Bulk
from retrieval.errors import CatalogueEncrypted
from retrieval.settings import Settings
from tests.upkeep.test_encryption import KEY, OTHER, holding, secrets, strangers
from tests.worker.small_models import begin, small_service, write_photos
from tests.worker.waiting import follow, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan

pytest.importorskip("cryptography", reason="needs the extra encryption")


@pytest.fixture
def plan(plan: WorkerPlan) -> WorkerPlan:
    own = Settings(home=plan.settings.home, data_key=KEY, keep_photos=True, unknown_days=3)
    return replace(plan, settings=own, tasks="tests.worker.small_models:build_tasks")


def test_a_run_leaves_no_vector_and_no_photo_in_the_clear(
    plan: WorkerPlan, queue: RqJobQueue, tmp_path: Path
) -> None:
    home, photos = plan.settings.home, tmp_path / "photos"
    count = write_photos(photos, people=8, photos=4)
    with open_catalogue(plan.settings) as catalogue, workers(plan, 2):
        bulk = Bulk(catalogue.runs, queue)
        assert follow(bulk, begin(bulk, photos)).enrolled == count
        with small_service(plan.settings) as service:
            service.identify(strangers())
            service.gallery.snapshot()
            pieces = secrets(service, photos)
        assert {"catalogue.db", "index", "photos"} <= {path.name for path in home.iterdir()}
        assert holding(home, pieces) == []
    assert holding(home, pieces) == []


def test_a_worker_with_another_key_does_not_begin(plan: WorkerPlan) -> None:
    open_catalogue(plan.settings).close()
    wrong = replace(plan, settings=Settings(home=plan.settings.home, data_key=OTHER))
    with pytest.raises(CatalogueEncrypted, match="yours is"), workers(wrong, 1):
        pass
