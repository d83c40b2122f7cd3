"""What workers do: a job names photos of a run by id; the catalogue says which they are.

Done twice, a task leaves what it leaves done once: photos that are done are passed over, and a
photo that is enrolled already is known by its hash.
"""

import logging
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from retrieval.building import build_service, open_catalogue
from retrieval.catalogue.runs.run_records import PhotoOutcome, Run, RunPhoto, Taken
from retrieval.collection.answers import PhotoAnswer, hits_of
from retrieval.collection.bulk import content_of, end, end_if_done, run_document
from retrieval.collection.enrolments import EnrolItem, EnrolResult
from retrieval.collection.tracks.answers import VideoAnswer, as_photo
from retrieval.collection.webhooks import send
from retrieval.errors import InputError, NotFound, RollcallError
from retrieval.events.intake import PhotoTaken
from retrieval.photos.kinds import has_video_ending
from retrieval.protocols import JobQueue
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.upkeep.model_swap import embed_faces
from retrieval.upkeep.swap_status import Missed
from retrieval.values import Source
from worker import benchmarks_job

logger = logging.getLogger(__name__)

Payload = dict[str, Any]
GetsOn = Callable[[], None]  # see `worker.process.Tasks`
ServiceMaker = Callable[[Settings], Service]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A service, and the id of the collection that it was opened on.

    It follows the collection's model and calibration by itself, but not a collection that was
    deleted and made again.
    """

    service: Service
    collection: int


class RunTasks:
    """The tasks of runs, with models kept between jobs.

    Args:
        settings: the worker's.
        queue: for the job that ends a run.
        make_service: opens the service of a collection.
    """

    def __init__(
        self, settings: Settings, queue: JobQueue, make_service: ServiceMaker = build_service
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._make_service = make_service
        self._catalogue = open_catalogue(settings)
        self._runs = self._catalogue.runs
        self._services: dict[tuple[str, str], _Opened] = {}
        self._tasks: dict[str, Callable[[Run, Payload, GetsOn], None]] = {
            "enrol": self._enrol,
            "identify": self._identify,
            "search": self._search,
            "embed": self._embed,
            "event": self._event,
            "reject": self._reject,
            "webhook": self._webhook,
        }

    def warm_up(self) -> None:
        """Load the models of the settings' collection, if it exists."""
        try:
            self._catalogue.collection(self._settings.collection)
        except NotFound:
            return
        service = self._service(self._settings.collection, self._settings.detail)
        service.pipeline  # noqa: B018  # loading it is what is wanted

    def run(self, kind: str, payload: Payload, gets_on: GetsOn = lambda: None) -> None:
        """Do one job, see `worker.process.Tasks`."""
        if kind == benchmarks_job.KIND:
            benchmarks_job.perform(self._settings, cast(benchmarks_job.Part, payload))
            return
        if kind not in self._tasks:
            raise InputError(f"No worker of this Rollcall knows the job {kind!r}.")
        try:
            run = self._runs.run(str(payload.get("run")))
        except NotFound:
            logger.warning("dropped a job of run %s, which is gone", payload.get("run"))
            return
        begun = time.perf_counter()
        self._tasks[kind](run, payload, gets_on)
        logger.info(
            "run %s: %s %s photos in %.0f ms",
            run.id[:8],
            kind,
            len(payload.get("photos", ())),
            (time.perf_counter() - begun) * 1000,
        )

    def give_up(self, payload: Payload, error: Exception) -> None:
        """Record the batch's photos as failed."""
        if "bench" in payload:
            benchmarks_job.give_up(self._settings, cast(benchmarks_job.Part, payload), error)
            return
        logger.error("run %s: gave up: %s", payload.get("run"), error)
        if "photos" not in payload or "run" not in payload:
            return
        code = error.code if isinstance(error, RollcallError) else "defect"
        message = str(error) or type(error).__name__
        self._record(
            payload["run"],
            [PhotoOutcome(i, Taken.FAILED, code, message) for i in payload["photos"]],
        )

    def close(self) -> None:
        """Let go of models and catalogue."""
        for opened in self._services.values():
            opened.service.close()
        self._catalogue.close()

    # The tasks

    def _enrol(self, run: Run, payload: Payload, _: GetsOn) -> None:
        photos = self._runs.to_do(run.id, payload["photos"])
        if photos:
            items = [_item(run, photo) for photo in photos]
            results = self._service(run.collection, self._settings.detail).enrol(
                items, since=run.started_at
            )
            self._record(run.id, [_enrolled(*pair) for pair in zip(photos, results, strict=True)])

    def _identify(self, run: Run, payload: Payload, gets_on: GetsOn) -> None:
        photos = self._runs.to_do(run.id, payload["photos"])
        if photos:
            service = self._service(run.collection, run.options.get("detail") or "normal")
            threshold = run.options.get("threshold")
            still = [photo for photo in photos if not has_video_ending(photo.path)]
            sources = [Source(photo.path, content_of(run, photo.path)) for photo in still]
            answers = service.identify(sources, threshold) if sources else []
            self._record(run.id, [_answered(*pair) for pair in zip(still, answers, strict=True)])
            for photo in photos:
                if has_video_ending(photo.path):
                    source = Source(photo.path, content_of(run, photo.path))
                    watched = service.identify_video(
                        source, threshold, advance=lambda *_: gets_on()
                    )
                    self._record(run.id, [_watched(photo, watched)])

    def _search(self, run: Run, payload: Payload, _: GetsOn) -> None:
        photos = self._runs.to_do(run.id, payload["photos"])
        if photos:
            service = self._service(run.collection, self._settings.detail)
            limit, like = run.options.get("limit", 10), bool(run.options.get("like"))
            ask = partial(service.search, limit=limit, like=like)
            for photo in photos:
                source = Source(photo.path, content_of(run, photo.path))
                answer = hits_of(ask, source)
                taken = Taken.REJECTED if "error" in answer else Taken.ANSWERED
                code, error = answer.get("error_code"), answer.get("error")
                self._record(run.id, [PhotoOutcome(photo.id, taken, code, error, answer)])

    def _embed(self, run: Run, payload: Payload, _: GetsOn) -> None:
        photos = self._runs.to_do(run.id, payload["photos"])
        if photos:
            service = self._service(run.collection, self._settings.detail)
            faces = [photo.face_id or 0 for photo in photos]
            base = Path(run.options.get("base", os.curdir))
            missed = embed_faces(service, run.options["model"], faces, base)
            why = {found.face_id: found for found in missed}
            held = service.catalogue.faces(faces).keys()  # some were erased meanwhile
            self._record(run.id, [_embedded(photo, why, held) for photo in photos])

    def _event(self, run: Run, payload: Payload, gets_on: GetsOn) -> None:
        photos = self._runs.to_do(run.id, payload["photos"])
        service = self._service(run.collection, self._settings.detail)
        event = service.events.find(int(run.options["event"]))
        if photos:
            sources = [Source(photo.path, content_of(run, photo.path)) for photo in photos]
            taken = service.events.take(event, sources, advance=lambda *_: gets_on())
            seen = [_seen(*pair) for pair in zip(photos, taken, strict=True)]
            self._runs.record(run.id, seen)
        if self._runs.is_done(run.id):  # else a later job, or whoever reads the roll, decides it
            service.events.settle(event)
        end_if_done(self._runs, self._queue, run)

    def _reject(self, run: Run, payload: Payload, _: GetsOn) -> None:
        reason = payload["reason"]
        rejected = [
            PhotoOutcome(i, Taken.REJECTED, "worker-failed", reason) for i in payload["photos"]
        ]
        self._record(run.id, rejected)

    def _webhook(self, run: Run, payload: Payload, _: GetsOn) -> None:
        """Tell an address that a run has ended, and write down how that went."""
        end(self._runs, run)
        secret, url = self._settings.webhook_secret, payload["to"]
        problem = None
        try:
            send(
                url,
                run_document(self._runs, self._runs.run(run.id)),
                secret.get_secret_value() if secret else None,
            )
        except RollcallError as error:
            problem = str(error)
            raise
        finally:
            self._catalogue.webhooks.tried(run.collection, url, problem)

    def _record(self, run_id: str, outcomes: Sequence[PhotoOutcome]) -> None:
        self._runs.record(run_id, outcomes)
        end_if_done(self._runs, self._queue, self._runs.run(run_id))

    def _service(self, collection: str, detail: str) -> Service:
        """The service of a collection, as long as it is the same one."""
        opened = self._services.get((collection, detail))
        if opened is not None and opened.collection == self._id_of(collection):
            return opened.service
        if opened is not None:
            opened.service.close()
        settings = self._settings.model_copy(update={"collection": collection, "detail": detail})
        service = self._make_service(settings)
        made = service.ensure_collection()
        self._services[collection, detail] = _Opened(service, made.id)
        return service

    def _id_of(self, name: str) -> int | None:
        try:
            return self._catalogue.collection(name).id
        except NotFound:
            return None


def build_tasks(settings: Settings, queue: JobQueue) -> RunTasks:
    """The tasks of a worker process, warm."""
    tasks = RunTasks(settings, queue)
    tasks.warm_up()
    return tasks


def _item(run: Run, photo: RunPhoto) -> EnrolItem:
    return EnrolItem(
        photo.person,
        photo.path,
        content_of(run, photo.path),
        external_id=photo.external_id,
        face=photo.face or run.options.get("face"),
        same_person=bool(run.options.get("same_person")),
    )


def _enrolled(photo: RunPhoto, result: EnrolResult) -> PhotoOutcome:
    taken = {"enrolled": Taken.ENROLLED, "known": Taken.DUPLICATE}.get(
        result.outcome, Taken.REJECTED
    )
    return PhotoOutcome(photo.id, taken, result.code, result.message, sha256=result.sha256)


def _embedded(photo: RunPhoto, why: Mapping[int, Missed], held: Collection[int]) -> PhotoOutcome:
    missed = why.get(photo.face_id or 0)
    if photo.face_id not in held:
        return PhotoOutcome(photo.id, Taken.REJECTED, NotFound.code, "The face was erased.")
    if missed is None:
        return PhotoOutcome(photo.id, Taken.EMBEDDED)
    return PhotoOutcome(photo.id, Taken.REJECTED, missed.code, missed.message)


def _seen(photo: RunPhoto, taken: PhotoTaken) -> PhotoOutcome:
    outcome = {"added": Taken.ANSWERED, "known": Taken.DUPLICATE}.get(taken.outcome, Taken.REJECTED)
    return PhotoOutcome(photo.id, outcome, taken.code, taken.message)


def _watched(photo: RunPhoto, answer: VideoAnswer) -> PhotoOutcome:
    taken = Taken.ANSWERED if answer.error is None else Taken.REJECTED
    return PhotoOutcome(photo.id, taken, answer.error_code, answer.error, as_photo(answer))


def _answered(photo: RunPhoto, answer: PhotoAnswer) -> PhotoOutcome:
    taken = Taken.ANSWERED if answer.error is None else Taken.REJECTED
    return PhotoOutcome(photo.id, taken, answer.error_code, answer.error, {**answer.document()})
