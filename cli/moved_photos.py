"""`photos moved`: a share of photos that lies elsewhere now."""

import shlex
from typing import Annotated

import typer

from cli.options import DryRun, Run, Yes
from retrieval.values import counted


def moved(
    run: Run,
    folder: Annotated[str, typer.Argument(metavar="FROM", help="Where the photos lay.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Where they lie now.")],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Give the photos below a folder or URL their new place, after a share was moved or renamed.

    Some are read there first: they must be the photos that were enrolled.
    """
    from retrieval.people.moved_photos import check_moved
    from retrieval.photos.urls import absolute, location_of

    before, after = (str(absolute(location_of(each))) for each in (folder, to))
    with run.service() as service:
        limit = run.settings.max_photo_bytes
        count, compared = check_moved(service, before, after, limit)
        told = f"{counted(count, 'photo')} of {before} to {after}"
        document = {"from": before, "to": after, "photos": count, "compared": compared}
        if dry_run:
            run.emit(document, lambda: run.print(f"Would move {told}.", markup=False))
            return
        if not run.confirm(f"Move the paths of {told}?", yes):
            return
        service.catalogue.move_paths(service.collection.id, before, after)
    back = f"`rollcall photos moved {shlex.join((after, before))}` takes it back"
    run.emit(document, lambda: run.print(f"Moved {told}; {back}.", markup=False))
