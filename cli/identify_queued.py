"""`identify --queue`, `search --queue`: many photos by the workers, their answers in one file."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.options import Run
from cli.queued import all_not_taken, options, queued, report, watch
from cli.results import FACES, HITS, write_results
from retrieval.errors import SettingInvalid
from retrieval.files.tables import check_table
from retrieval.values import Location, counted

if TYPE_CHECKING:
    from retrieval.catalogue.runs.runs import Runs

_KINDS = {"identify": ("identifying", FACES), "search": ("searching", HITS)}


def check_files(out: Path | None, rejects: Path | None, *, queue: bool) -> None:
    """Check the files that a question about many photos would write, before it is asked.

    Raises:
        SettingInvalid: the queue has nowhere to write to; or see `check_table`.
    """
    if queue and out is None:
        raise SettingInvalid("--queue needs --out FILE: where the answers are written.")
    for file in filter(None, (out, rejects)):
        check_table(file)


def ask_queued(
    run: Run,
    kind: str,
    named: Sequence[Location],
    photos: Iterable[Location],
    out: Path,
    rejects: Path | None,
    **chosen: Any,
) -> None:
    """Ask about photos by the workers, and write what is answered, in the order of the photos.

    The answers stay in the catalogue until the file is written, so the same command, run again
    after it was stopped, goes on where it was.

    Args:
        run: of the command.
        kind: identify or search.
        named: what the user named.
        photos: in it.
        out, rejects: what is written.
        chosen: the command's own options.
    """
    from retrieval.catalogue.runs.run_records import ListedPhoto, RunState
    from retrieval.files.output import holding

    doing, form = _KINDS[kind]
    source = ", ".join(map(str, named))
    with holding(out), queued(run) as opened:
        told = options(out=str(out.absolute()), **chosen)
        bulk_run = opened.bulk.begin(kind, run.settings.collection, source, told)
        run.remark(f"run {bulk_run.id[:8]}")
        if bulk_run.state is RunState.WORKING:
            listed = (ListedPhoto(str(photo)) for photo in photos)
            steps = chain(opened.bulk.fill(bulk_run, listed), opened.bulk.follow(bulk_run.id))
            watch(run, opened, bulk_run, doing, steps)
        if opened.runs.run(bulk_run.id).state is RunState.FINISHED:
            counts = opened.runs.counts(bulk_run.id)
            failed = (photo.path for photo in all_not_taken(opened.runs, bulk_run.id))
            lines = write_results(
                out,
                _answers(opened.runs, bulk_run.id),
                answered=counts.answered,
                missing=failed,
                form=form,
            )
            opened.runs.forget_taken(bulk_run.id)
            run.remark(f"{out}: {counted(lines, 'row')}")
        report(run, opened, bulk_run, rejects, extra={"out": str(out)})


def _answers(runs: "Runs", run_id: str) -> Iterator[dict[str, Any]]:
    after = 0
    while page := runs.answers(run_id, after):
        yield from (answer for _, answer in page)
        after = page[-1][0]
