"""Bulk work: a run is listed, queued in batches, followed, stopped, and goes on where it was.

The list in the catalogue is the truth; a job carries the ids of some of its photos. So a job that
Redis lost is noticed (photos wait, but no job does) and queued again, and a photo that two jobs
hold is done once.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from retrieval.catalogue.runs.run_records import ListedPhoto, Run, RunCounts, RunState
from retrieval.catalogue.runs.runs import Runs
from retrieval.collection.documents import RunDocument
from retrieval.errors import RollcallError, WorkerFailed
from retrieval.photos.urls import location_of
from retrieval.protocols import JobQueue
from retrieval.values import Confined, Location, Url

BATCH_PHOTOS = 16  # photos per job: a second or two of work, and full embedding batches
_LISTED_AT_ONCE = 512
_QUIET_LOOKS = 3  # looks at a run that waits without a job before its jobs are called lost


class Bulk:
    """Runs through a queue.

    Args:
        runs: the catalogue's.
        queue: where the jobs go.
    """

    def __init__(self, runs: Runs, queue: JobQueue) -> None:
        self.runs = runs
        self._queue = queue

    def begin(self, kind: str, collection: str, source: str, options: Mapping[str, Any]) -> Run:
        """Begin a run, or go on with the same one that did not come to its end.

        Args:
            kind: enrol, identify, embed or event.
            collection: by name.
            source: what the user named.
            options: for the workers: base (the folder that relative paths start from), within
                (the folder that no link may lead out of, absolute, above base), face,
                threshold, detail, webhook; and whatever else tells two runs apart.
        """
        run, new = self.runs.begin(kind, collection, source, options)
        if new or run.state is RunState.FINISHED:  # its answers were not fetched yet
            return run
        return self.go_on(run.id)

    def fill(
        self,
        run: Run,
        photos: Iterable[ListedPhoto],
        passed_over: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> Iterator[RunCounts]:
        """List and queue photos, waiting while the queue is full; yields how far the run is.

        Args:
            run: which.
            photos: of its source; what they raise ends the run, with that reason.
            passed_over: asked when all are listed: what the source holds that is no photo.

        Raises:
            InputError, StoreError: the source cannot be read.
            QueueUnavailable: Redis does not answer; the same command later goes on from here.
        """
        remaining = iter(photos)
        while chunk := self._some(run, remaining):
            self._enqueue(run, self.runs.add(run.id, chunk))
            yield self.runs.counts(run.id)
            if self.runs.run(run.id).state is not RunState.WORKING:
                return
        self.runs.all_listed(run.id, passed_over())
        end_if_done(self.runs, self._queue, run)

    def _some(self, run: Run, photos: Iterator[ListedPhoto]) -> list[ListedPhoto]:
        try:
            return list(islice(photos, _LISTED_AT_ONCE))
        except RollcallError as error:
            self.runs.fail(run.id, str(error))
            raise

    def follow(self, run_id: str, *, poll_s: float = 0.5) -> Iterator[RunCounts]:
        """Yield how far the run is, until it is finished or cancelled, or nobody lists its rest.

        Raises:
            WorkerFailed: batches were given up and could not be recorded.
            QueueUnavailable: Redis does not answer.
        """
        quiet = 0
        while True:
            pending = self._queue.pending(run_id)  # before the counts: what is done is recorded
            counts = self.runs.counts(run_id)
            run = self.runs.run(run_id)
            yield counts
            if run.state is not RunState.WORKING:
                return
            quiet = 0 if pending else quiet + 1
            if quiet >= _QUIET_LOOKS:
                if not run.listed and not counts.waiting:
                    return
                self._bring_back(run)
                quiet = 0
            time.sleep(poll_s)

    def go_on(self, run_id: str) -> Run:
        """Let a run that was stopped or has failed photos go on; what is done stays done."""
        run = self.runs.run(run_id)
        self._queue.cancel(run.id)
        self._queue.forget_failed(run.id)
        self.runs.reopen(run.id)
        self._enqueue_waiting(run)
        end_if_done(self.runs, self._queue, run)
        return self.runs.run(run.id)

    def cancel(self, run_id: str) -> Run:
        """Stop a run: batches in hand are finished, all others are left alone."""
        run = self.runs.run(run_id)
        self.runs.cancel(run.id)
        self._queue.cancel(run.id)
        return self.runs.run(run.id)

    def put_back_lost(self) -> int:
        """Queue the open photos of all runs that work, as when the queue has lost jobs.

        Returns:
            How many runs had such photos.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        waiting = [run for run in self.runs.working() if self.runs.waiting(run.id, limit=1)]
        for run in waiting:
            self._queue.cancel(run.id)
            self._enqueue_waiting(run)
        for run in self.runs.working():
            end_if_done(self.runs, self._queue, run)
        return len(waiting)

    def _bring_back(self, run: Run) -> None:
        failed = self._queue.failed(run.id)
        if failed:
            raise WorkerFailed(
                f"{len(failed)} batches of run {run.id[:8]} were given up: {failed[0].error} "
                f"Mend that, then `rollcall jobs retry {run.id[:8]}`."
            )
        self._enqueue_waiting(run)
        end_if_done(self.runs, self._queue, run)

    def _enqueue_waiting(self, run: Run) -> None:
        after = 0
        while ids := self.runs.waiting(run.id, after, _LISTED_AT_ONCE):
            self._enqueue(run, ids)
            after = ids[-1]

    def _enqueue(self, run: Run, ids: Sequence[int]) -> None:
        batches = [ids[start : start + BATCH_PHOTOS] for start in range(0, len(ids), BATCH_PHOTOS)]
        self._queue.enqueue(
            run.kind, [{"run": run.id, "photos": list(batch)} for batch in batches], run.id
        )


def end_if_done(runs: Runs, queue: JobQueue, run: Run) -> None:
    """End a run that is wholly listed and done, and have its webhooks called."""
    if not runs.is_done(run.id):
        return
    if addresses := runs.told(run):
        # Queued before the run ends, so that no crash in between loses them; each ends the run.
        queue.enqueue("webhook", [{"run": run.id, "to": url} for url in addresses], run.id)
    else:
        end(runs, run)


def end(runs: Runs, run: Run) -> None:
    """End a run that is done; answers stay in the catalogue until they are fetched."""
    runs.finish_if_done(run.id)
    if run.kind not in ("identify", "search"):
        runs.forget_taken(run.id)


def run_document(runs: Runs, run: Run) -> RunDocument:
    """A run as JSON: what `jobs show --json` prints and a webhook tells."""
    counts = runs.counts(run.id)
    return {
        "run": run.id,
        "kind": run.kind,
        "collection": run.collection,
        "source": run.source,
        "state": run.state.value,
        "reason": run.reason,
        "passed_over": run.passed_over,
        "started": run.started_at.isoformat(),
        "finished": run.finished_at.isoformat() if run.finished_at else None,
        "counts": {
            "found": counts.found,
            "queued": counts.waiting,
            "enrolled": counts.enrolled,
            "duplicates": counts.duplicates,
            "answered": counts.answered,
            "embedded": counts.embedded,
            "rejected": dict(counts.rejected),
            "failed": counts.failed,
        },
    }


def content_of(run: Run, path: str) -> Location | Confined:
    """What is read as a photo of the run; in a run for others, nothing that links lead out to."""
    place, within = path_of(run, path), run.options.get("within")
    if within is None or isinstance(place, Url):
        return place
    return Confined(Path(within), Path(os.path.relpath(place, within)))  # outside it is refused


def path_of(run: Run, path: str) -> Location:
    """Where a photo of the run lies: relative paths start at the run's base folder."""
    place = location_of(path)
    return place if isinstance(place, Url) else Path(run.options.get("base", os.curdir), path)
