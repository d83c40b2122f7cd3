"""Nothing is lost and nothing is done twice: kills, a Redis that goes away, a full disk, poison."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import func, select

from retrieval.building import open_catalogue
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.runs.run_records import RunState
from retrieval.catalogue.schema import changes
from retrieval.collection.bulk import Bulk
from retrieval.errors import StoreFull, WorkerFailed
from tests.worker.small_models import begin, listed, looked_at, write_photos, write_poison
from tests.worker.waiting import follow, until, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan
from worker.redis_server import EmbeddedRedis, connect

KILLS = 20


@pytest.fixture
def plan(plan: WorkerPlan) -> WorkerPlan:
    return replace(plan, tasks="tests.worker.small_models:build_tasks")


@pytest.fixture
def catalogue(plan: WorkerPlan) -> Iterator[Catalogue]:
    with open_catalogue(plan.settings) as opened:
        yield opened


@pytest.fixture
def bulk(catalogue: Catalogue, queue: RqJobQueue) -> Bulk:
    return Bulk(catalogue.runs, queue)


def assert_each_photo_is_there_once(catalogue: Catalogue, folder: Path, but: int = 0) -> None:
    collection = catalogue.collection("default")
    photos = catalogue.photos(collection.id)
    enrolled = [photo.photo for photo in photos]
    assert len(enrolled) == len(set(enrolled)) == len(list(listed(folder))) - but
    assert all(Path(photo.photo).parent.name == photo.person for photo in photos)
    with catalogue._database.reading() as connection:
        logged = connection.scalar(select(func.count()).select_from(changes))
    assert logged == len(photos)


def test_every_photo_is_enrolled_once_though_workers_are_killed_at_twenty_random_moments(
    plan: WorkerPlan, bulk: Bulk, catalogue: Catalogue, tmp_path: Path
) -> None:
    moments = random.Random(20)
    photos = write_photos(tmp_path / "photos", people=40, photos=10)
    with workers(plan, 3, beat_s=0.3) as supervisor:
        run = begin(bulk, tmp_path / "photos")
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.0, 0.4))
            until(lambda: supervisor.pids)
            with suppress(ProcessLookupError, IndexError):
                os.kill(moments.choice(supervisor.pids), signal.SIGKILL)
            assert bulk.runs.run(run.id).state is RunState.WORKING, "the kills came too late"
        counts = follow(bulk, run)
    assert (counts.enrolled, counts.found) == (photos, photos), (
        counts,
        bulk.runs.not_taken(run.id),
    )
    assert_each_photo_is_there_once(catalogue, tmp_path / "photos")


def test_every_photo_is_enrolled_once_though_redis_is_stopped_and_started_in_the_middle(
    plan: WorkerPlan,
    bulk: Bulk,
    catalogue: Catalogue,
    redis_server: EmbeddedRedis,
    tmp_path: Path,
) -> None:
    photos = write_photos(tmp_path / "photos", people=10, photos=10)
    with workers(plan, 2, beat_s=0.3):
        run = begin(bulk, tmp_path / "photos")
        until(lambda: bulk.runs.counts(run.id).enrolled)
        assert redis_server.stop()
        time.sleep(1.0)
        redis_server.ensure()
        counts = follow(bulk, run)
    assert counts.enrolled == photos
    assert_each_photo_is_there_once(catalogue, tmp_path / "photos")


def test_jobs_that_redis_forgot_are_queued_again(
    plan: WorkerPlan, bulk: Bulk, catalogue: Catalogue, connection: Redis, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=4, photos=10)
    run = begin(bulk, tmp_path / "photos")
    connection.flushall()
    with workers(plan, 1, beat_s=0.3):
        assert follow(bulk, run).enrolled == photos
    assert_each_photo_is_there_once(catalogue, tmp_path / "photos")


def test_a_photo_that_crashes_the_process_is_rejected_and_the_run_finished(
    plan: WorkerPlan, bulk: Bulk, catalogue: Catalogue, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=2, photos=4)
    poison = tmp_path / "photos" / "person 001" / "poison.png"
    write_poison(poison)
    with workers(plan, 2, beat_s=0.3):
        run = begin(bulk, tmp_path / "photos")
        counts = follow(bulk, run)
    assert bulk.runs.run(run.id).state is RunState.FINISHED
    assert (counts.enrolled, dict(counts.rejected)) == (photos, {"worker-failed": 1})
    (rejected,) = bulk.runs.not_taken(run.id)
    assert rejected.path == str(poison)
    assert_each_photo_is_there_once(catalogue, tmp_path / "photos", but=1)


def test_a_cancelled_run_leaves_whole_photos_and_going_on_takes_only_what_is_missing(
    plan: WorkerPlan, bulk: Bulk, catalogue: Catalogue, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=10, photos=10)
    with workers(plan, 1, beat_s=0.3):
        run = begin(bulk, tmp_path / "photos")
        until(lambda: bulk.runs.counts(run.id).enrolled)
        bulk.cancel(run.id)
        assert bulk.runs.run(run.id).state is RunState.CANCELLED
    first = bulk.runs.counts(run.id)
    assert 0 < first.enrolled < photos
    assert len(catalogue.photos(catalogue.collection("default").id)) == first.enrolled
    assert looked_at(plan.settings.home) == first.enrolled
    bulk.go_on(run.id)
    with workers(plan, 1, beat_s=0.3):
        assert follow(bulk, run).enrolled == photos
    assert looked_at(plan.settings.home) == photos
    assert_each_photo_is_there_once(catalogue, tmp_path / "photos")


def test_a_listing_that_was_interrupted_goes_on_with_the_same_command(
    plan: WorkerPlan, bulk: Bulk, catalogue: Catalogue, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=4, photos=10)
    interrupted = bulk.begin("enrol", "default", str(tmp_path / "photos"), {})
    some = list(listed(tmp_path / "photos"))[:15]
    bulk.runs.add(interrupted.id, some)  # listed, and killed before they were queued
    run = begin(bulk, tmp_path / "photos")
    assert run.id == interrupted.id
    with workers(plan, 1):
        counts = follow(bulk, run)
    assert (counts.found, counts.enrolled) == (photos, photos)


def test_the_same_run_again_enrols_nothing_and_decodes_nothing(
    plan: WorkerPlan, bulk: Bulk, catalogue: Catalogue, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=2, photos=5)
    with workers(plan, 1):
        follow(bulk, begin(bulk, tmp_path / "photos"))
        again = begin(bulk, tmp_path / "photos")
        counts = follow(bulk, again)
    assert (counts.enrolled, counts.duplicates) == (0, photos)
    assert looked_at(plan.settings.home) == photos


def test_the_same_photo_under_two_people_is_reported(
    plan: WorkerPlan, bulk: Bulk, catalogue: Catalogue, tmp_path: Path
) -> None:
    write_photos(tmp_path / "photos", people=2, photos=2)
    one = tmp_path / "photos" / "person 000" / "0.png"
    shutil.copy(one, tmp_path / "photos" / "person 001" / "copy.png")
    with workers(plan, 1):
        counts = follow(bulk, begin(bulk, tmp_path / "photos"))
    assert (counts.enrolled, dict(counts.rejected)) == (4, {"other-person": 1})


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no free byte; return the file that takes them."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def test_a_full_disk_is_a_clear_error_and_the_run_goes_on_when_there_is_space(
    plan: WorkerPlan, queue: RqJobQueue, small_disk: Path, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=5, photos=10)
    url = f"sqlite:///{small_disk / 'catalogue.db'}"
    settings = plan.settings.model_copy(update={"catalogue_url": url})
    plan = replace(plan, settings=settings)
    with open_catalogue(settings) as catalogue:
        bulk = Bulk(catalogue.runs, queue)
        run = begin(bulk, tmp_path / "photos")
        filler = fill(small_disk)
        with (
            workers(plan, 1, beat_s=0.3),
            pytest.raises(WorkerFailed, match=r"No space is left .* jobs retry"),
        ):
            follow(bulk, run)
    with open_catalogue(settings) as catalogue:
        catalogue.check()
        filler.unlink()
        bulk = Bulk(catalogue.runs, queue)
        bulk.go_on(run.id)
        with workers(plan, 1, beat_s=0.3):
            assert follow(bulk, run).enrolled == photos
        assert_each_photo_is_there_once(catalogue, tmp_path / "photos")


def test_a_redis_without_space_takes_no_jobs_and_says_so(small_disk: Path) -> None:
    with EmbeddedRedis(small_disk / "home") as server, connect(server.url) as connection:
        queue = RqJobQueue(connection)
        fill(small_disk)
        payloads = [{"photos": [number]} for number in range(1000)]
        with pytest.raises(StoreFull, match="Free space"):
            queue.enqueue("enrol", payloads, "run")
