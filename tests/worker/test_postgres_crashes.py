"""PostgreSQL crashes and starts again in the middle of an ingest: nothing lost, nothing double."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.building import open_catalogue
from retrieval.catalogue.runs.run_records import RunState
from retrieval.collection.bulk import Bulk
from retrieval.errors import CatalogueUnavailable
from tests.catalogue.postgres import Postgres
from tests.worker.small_models import begin, write_photos
from tests.worker.waiting import follow, until, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan

CRASHES = 3
PAUSES_S = (1,) * 60  # PostgreSQL takes its time to recover on a loaded machine


def test_every_photo_is_enrolled_once_though_postgresql_crashes_in_the_middle(
    plan: WorkerPlan, queue: RqJobQueue, postgres: Postgres, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=15, photos=10)
    settings = plan.settings.model_copy(update={"catalogue_url": postgres.empty_database()})
    plan = replace(
        plan,
        settings=settings,
        tasks="tests.worker.small_models:build_tasks",
        pauses_s=PAUSES_S,
    )
    queue = RqJobQueue(queue.connection, pauses_s=PAUSES_S)
    with open_catalogue(settings) as catalogue, workers(plan, 2, beat_s=0.3):
        bulk = Bulk(catalogue.runs, queue)
        run = begin(bulk, tmp_path / "photos")
        for _ in range(CRASHES):
            before = bulk.runs.counts(run.id).done
            until(lambda before=before: bulk.runs.counts(run.id).done > before)
            assert bulk.runs.run(run.id).state is RunState.WORKING, "the crash came too late"
            postgres.stop()
            try:
                with pytest.raises(CatalogueUnavailable):
                    bulk.runs.counts(run.id)
                time.sleep(0.5)
            finally:
                postgres.start()
        counts = follow(bulk, run)
        assert bulk.runs.run(run.id).state is RunState.FINISHED
        enrolled = [photo.photo for photo in catalogue.photos(catalogue.collection("default").id)]
    # A batch whose commit was not reported is known when it is tried again.
    assert (counts.enrolled + counts.duplicates, counts.failed) == (photos, 0)
    assert len(enrolled) == len(set(enrolled)) == photos
