"""What the commands share that work through the queue: opening it, and following a run."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.options import Run, StoppedWaiting
from retrieval.files.private import make_folder
from retrieval.files.tables import write_table
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.catalogue.runs.run_records import Run as BulkRun
    from retrieval.catalogue.runs.run_records import RunCounts, RunPhoto
    from retrieval.catalogue.runs.runs import Runs
    from retrieval.collection.bulk import Bulk
    from worker.jobs import RqJobQueue

_REJECT_COLUMNS: dict[str, type] = {
    "person": str,
    "external_id": str,
    "photo": str,
    "face": int,
    "reason": str,
    "what_to_do": str,
}
REASONS_SHOWN = 20  # photos that were not taken, in the terminal; the CSV has all


@dataclass(frozen=True, slots=True)
class Opened:
    """The catalogue's runs, and the queue."""

    bulk: "Bulk"
    queue: "RqJobQueue"

    @property
    def runs(self) -> "Runs":
        """The catalogue's runs."""
        return self.bulk.runs


@contextmanager
def queued(run: Run) -> Iterator[Opened]:
    """Open the catalogue and the queue.

    Raises:
        QueueUnavailable: no Redis answers, or none can be started.
    """
    from retrieval.collection.bulk import Bulk
    from worker.jobs import RqJobQueue
    from worker.redis_server import connect, redis_of

    with (
        run.catalogue() as catalogue,
        redis_of(run.settings) as place,
        connect(place.url) as connection,
    ):
        queue = RqJobQueue(connection, run.settings.queue)
        yield Opened(Bulk(catalogue.runs, queue), queue)


def watch(
    run: Run, opened: Opened, bulk_run: "BulkRun", what: str, steps: "Iterable[RunCounts]"
) -> None:
    """Show how far a run is, with its rate and what was not taken, until the steps end.

    Raises:
        StoppedWaiting: Ctrl-C; the run goes on.
    """
    try:
        _watch(run, opened, what, steps)
    except KeyboardInterrupt:
        raise StoppedWaiting(_goes_on(opened, bulk_run.id)) from None


def _goes_on(opened: Opened, run_id: str) -> str:
    """What becomes of a run that nobody waits for any more."""
    found, short = opened.runs.run(run_id), run_id[:8]
    rest = "" if found.listed else " Not all of its photos are listed: the same command goes on."
    return (
        f"Stopped waiting; run {short} goes on in the workers.{rest} `rollcall jobs show {short}"
        f" --wait` follows it, `rollcall jobs cancel {short}` stops it.\n"
    )


def _watch(run: Run, opened: Opened, what: str, steps: "Iterable[RunCounts]") -> None:
    if opened.queue.workers() == 0:
        run.remark("no worker is running: start some with `rollcall worker`")
    done, begun, at_begin = 0, time.monotonic(), -1
    with run.progress(what, None) as advance:
        for counts in steps:
            at_begin = counts.done if at_begin < 0 else at_begin
            rate = (counts.done - at_begin) / max(time.monotonic() - begun, 0.1)
            not_taken = sum(counts.rejected.values()) + counts.failed
            advance(
                counts.done - done, total=counts.found, rate=f"{rate:.1f}/s", rejected=not_taken
            )
            done = counts.done


def report(
    run: Run,
    opened: Opened,
    bulk_run: "BulkRun",
    rejects: Path | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Print what became of a run, and write the photos that were not taken to a CSV file.

    Args:
        run: of the command.
        opened: see `queued`.
        bulk_run: which.
        rejects: the CSV file; under the home folder if None.
        extra: further words for the JSON document.
    """
    from retrieval.collection.bulk import run_document
    from retrieval.collection.run_files import forget_old, from_archive, rejects_of

    bulk_run = opened.runs.run(bulk_run.id)
    counts = opened.runs.counts(bulk_run.id)
    not_taken = sum(counts.rejected.values()) + counts.failed
    document = {**run_document(opened.runs, bulk_run), **(extra or {})}
    run.rejected = run.rejected or bool(not_taken)
    if not_taken and bulk_run.kind != "embed":  # nothing to enrol again
        forget_old(run.settings.home, run.settings.upload_days)
        target = rejects or rejects_of(run.settings.home, bulk_run.id)
        write_rejects(target, run.settings.home, bulk_run, all_not_taken(opened.runs, bulk_run.id))
        document["rejects"] = str(target)
        again = (
            f"as they are called in the archive {bulk_run.source}"
            if from_archive(run.settings.home, bulk_run)
            else "mend it, then enroll --manifest it"
            if bulk_run.kind == "enrol"
            else "mend these photos, then run the same command again"
        )
        run.remark(f"photos that were not taken: {target} ({again})")
    run.emit(document, lambda: _show(run, opened, bulk_run, counts))


def _show(run: Run, opened: Opened, bulk_run: "BulkRun", counts: "RunCounts") -> None:
    not_taken = opened.runs.not_taken(bulk_run.id, limit=REASONS_SHOWN)
    if not_taken:
        rows = [(p.path, p.person, p.code, p.message) for p in not_taken]
        run.table(("photo", "person", "reason", "what to do"), rows, title="Not taken")
    parts = [f"{counted(counts.found, 'photo')} found", f"{counts.waiting} waiting"]
    if bulk_run.kind == "enrol":
        parts += [f"{counts.enrolled} enrolled", f"{counts.duplicates} known before"]
    elif bulk_run.kind == "event":
        parts += [f"{counts.answered} added", f"{counts.duplicates} known before"]
    elif bulk_run.kind == "embed":
        parts += [f"{counts.embedded} embedded"]
    else:
        parts += [f"{counts.answered} answered"]
    parts += [f"{count} rejected: {code}" for code, count in counts.rejected.items()]
    parts += [f"{counts.failed} failed"] if counts.failed else []
    run.print(f"Run {bulk_run.id[:8]} ({bulk_run.state.value}): {', '.join(parts)}.")


def all_not_taken(runs: "Runs", run_id: str) -> "Iterator[RunPhoto]":
    """All photos of a run that were rejected or failed, page by page."""
    after = 0
    while page := runs.not_taken(run_id, after):
        yield from page
        after = page[-1].id


def write_rejects(
    path: Path, home: Path, bulk_run: "BulkRun", photos: "Iterable[RunPhoto]"
) -> None:
    """Write photos and reasons in the form that `enroll --manifest` reads.

    Args:
        path: of the file, which is written anew.
        home: the home folder.
        bulk_run: whose photos they are.
        photos: that were not taken; read while the file is held.

    Raises:
        StoreError: the file cannot be written; an older one is as it was.
    """
    from retrieval.collection.run_files import WAIT_S, name_of
    from retrieval.errors import StoreError
    from retrieval.files.output import holding, replacing

    try:
        make_folder(path.parent)
    except OSError as exc:
        raise StoreError(f"{path} cannot be written: {exc.strerror}.") from exc
    suffix = path.suffix if path.suffix in (".xlsx", ".jsonl", ".parquet") else ".csv"
    # Held before the catalogue is asked: who deletes a person strikes the name afterwards.
    with holding(path, WAIT_S), replacing(path) as part:
        rows = (
            {
                "person": photo.person,
                "external_id": photo.external_id or "",
                "photo": name_of(home, bulk_run, photo.path),
                "face": photo.face,
                "reason": photo.code,
                "what_to_do": photo.message,
            }
            for photo in photos
        )
        write_table(part, _REJECT_COLUMNS, rows, suffix)


def check_webhook(run: Run, url: str) -> None:
    """Check a run's webhook before the run begins.

    Raises:
        SettingInvalid: no http or https URL, or no secret to sign with.
    """
    from retrieval.collection import webhooks

    secret = run.settings.webhook_secret
    webhooks.check_webhook(url, secret.get_secret_value() if secret else None)


def options(**given: Any) -> dict[str, Any]:
    """A run's options as JSON: what is None is left out; relative paths start here."""
    chosen = {key: value for key, value in given.items() if value is not None}
    return {"base": str(Path.cwd()), **chosen}
