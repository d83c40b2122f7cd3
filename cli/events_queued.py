"""`events add --queue`: large albums through the workers."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from cli.options import Run
from cli.queued import options, queued, report, watch

if TYPE_CHECKING:
    from retrieval.catalogue.events.records import Event
    from retrieval.values import Source


def add_queued(run: Run, event: "Event", photos: Sequence[str], found: "Iterable[Source]") -> None:
    """List photos, leave them to the workers and follow; the same command goes on after a stop.

    Args:
        run: the command.
        event: whose photos they are.
        photos: as the user names them; the run is told from others by them.
        found: the photos below those; listed as they are found.

    Raises:
        DataInvalid: a ZIP file, which workers on other machines cannot read, or no photos.
    """
    from retrieval.catalogue.runs.run_records import ListedPhoto
    from retrieval.errors import DataInvalid

    if any(photo.lower().endswith(".zip") for photo in photos):
        raise DataInvalid("Workers read photos where they lie: unpack the ZIP file first.")
    chosen = options(event=event.id)
    with queued(run) as opened:
        source = f"{event.name}: {', '.join(photos)}"
        bulk_run = opened.bulk.begin("event", run.settings.collection, source, chosen)
        run.remark(f"run {bulk_run.id[:8]}")
        listed = (ListedPhoto(each.name) for each in found)
        steps = chain(opened.bulk.fill(bulk_run, listed), opened.bulk.follow(bulk_run.id))
        watch(run, opened, bulk_run, "looking for faces", steps)
        report(run, opened, bulk_run, extra={"event": event.id})
