"""Embedding a collection anew through the queue."""

from pathlib import Path

import numpy as np
import pytest

from retrieval.building import build_service, other_model
from retrieval.catalogue.runs.run_records import ListedPhoto, RunState
from retrieval.collection.bulk import Bulk
from retrieval.collection.enrolments import EnrolItem
from retrieval.settings import Settings
from retrieval.upkeep.model_swap import begin, drop, follow_up, listed, switch
from tests.cli.running import document, rollcall
from tests.two_models import SMALL, write_small_embedder
from tests.worker.waiting import follow, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan
from worker.redis_server import EmbeddedRedis
from worker.tasks import RunTasks


@pytest.fixture
def settings(home: Path) -> Settings:
    write_small_embedder(home)
    return Settings(home=home, min_face_px=8, detector="mtcnn", threads=1)


def test_workers_give_the_vectors_that_one_process_gives_and_say_what_they_could_not_embed(
    settings: Settings,
    redis_server: EmbeddedRedis,
    queue: RqJobQueue,
    orl_dir: Path,
    tmp_path: Path,
) -> None:
    photos = [orl_dir / f"s{person}" / f"{n}.pgm" for person in range(1, 9) for n in range(1, 6)]
    gone = tmp_path / "gone.pgm"
    gone.write_bytes(photos.pop().read_bytes())
    with build_service(settings) as service:
        items = [EnrolItem(photo.parent.name, str(photo), photo) for photo in [*photos, gone]]
        assert {result.outcome for result in service.enrol(items)} == {"enrolled"}
        gone.unlink()
        collection = service.active_model.collection
        target = other_model(settings, collection, SMALL)
        begin(service, target)
        bulk = Bulk(service.catalogue.runs, queue)
        run = bulk.begin("embed", collection.name, "small", {"model": target.fingerprint})
        for _ in bulk.fill(run, listed(service, target.fingerprint)):
            pass
        with workers(WorkerPlan(settings, redis_server.url, "rollcall"), 2):
            counts = follow(bulk, run)
        assert (counts.embedded, dict(counts.rejected)) == (len(photos), {"unreadable": 1})
        (missed,) = bulk.runs.not_taken(run.id)
        assert missed.path == str(gone)
        other_models = service.catalogue.other_models
        _, _, theirs = other_models.vectors(collection.id)
        drop(service)
        begin(service, target)
        assert [found.photo for found in follow_up(service, target.fingerprint)] == [str(gone)]
        np.testing.assert_allclose(other_models.vectors(collection.id)[2], theirs, atol=1e-5)


def test_a_worker_follows_the_model_and_photos_of_one_name_are_told_apart(
    settings: Settings, queue: RqJobQueue, orl_dir: Path
) -> None:
    """Two photos of one person, both called 1.pgm as uploads are, from kept copies."""
    settings = settings.model_copy(update={"keep_photos": True})
    data = [(orl_dir / "s1" / f"{n}.pgm").read_bytes() for n in (1, 2)]
    tasks = RunTasks(settings, queue)
    with build_service(settings) as service:
        list(service.enrol([EnrolItem("Ann", "1.pgm", content) for content in data]))
        collection = service.active_model.collection
        target = other_model(settings, collection, SMALL)
        begin(service, target)
        photos = list(listed(service, target.fingerprint))
        assert [photo.path for photo in photos] == ["1.pgm", "1.pgm (face 2)"]
        runs = service.catalogue.runs
        run = runs.create("embed", collection.name, "small", {"model": target.fingerprint})
        ids = runs.add(run.id, photos)
        runs.all_listed(run.id)
        tasks.run("embed", {"run": run.id, "photos": ids})
        assert runs.counts(run.id).embedded == 2
        assert runs.run(run.id).state is RunState.FINISHED
        switch(service)
        query = runs.create("identify", collection.name, "queries", {})
        asked = runs.add(query.id, [ListedPhoto(str(orl_dir / "s1" / "3.pgm"))])
        tasks.run("identify", {"run": query.id, "photos": asked})
        (answer,) = [found for _, found in runs.answers(query.id)]
        threshold = answer["faces"][0]["threshold"]
        assert threshold == pytest.approx(0.9), "of the model that answers now"
    tasks.close()


def test_a_face_that_was_erased_meanwhile_is_not_recorded_as_embedded(
    settings: Settings, queue: RqJobQueue, orl_dir: Path
) -> None:
    tasks = RunTasks(settings, queue)
    with build_service(settings) as service:
        photos = [orl_dir / "s1" / f"{n}.pgm" for n in (1, 2)]
        list(service.enrol([EnrolItem("Ann", str(photo), photo) for photo in photos]))
        collection = service.active_model.collection
        target = other_model(settings, collection, SMALL)
        begin(service, target)
        runs = service.catalogue.runs
        run = runs.create("embed", collection.name, "small", {"model": target.fingerprint})
        ids = runs.add(run.id, list(listed(service, target.fingerprint)))
        service.remove_photo(service.catalogue.photos(collection.id)[0])
        tasks.run("embed", {"run": run.id, "photos": ids})
        counts = runs.counts(run.id)
        assert (counts.embedded, dict(counts.rejected)) == (1, {"not-found": 1})
    tasks.close()


def test_the_command_leaves_embedding_to_workers_and_compares_when_they_are_done(
    home: Path, samples: Path
) -> None:
    write_small_embedder(home)
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    photos = len(list((samples / "employees").glob("*/*.jpg")))
    with EmbeddedRedis(home) as server:
        plan = WorkerPlan(Settings(home=home, threads=1), server.url, "rollcall")
        with workers(plan, 1, beat_s=0.3):
            begun = document(rollcall(home, "models", "swap", "begin", SMALL, "--queue", "--json"))
            assert begun["kind"] == "embed"
            shown = document(rollcall(home, "jobs", "show", begun["run"], "--wait", "--json"))
            assert (shown["state"], shown["counts"]["embedded"]) == ("finished", photos)
            words = ("models", "swap", "begin", SMALL, "--queue", "--wait", "--json")
            found = document(rollcall(home, *words))
    assert found["other"]["embedded"] == photos
    assert "needs 10 people" in found["comparison"]["not_calibrated"]
