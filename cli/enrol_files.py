"""Files around an enrolment: archives that are unpacked for it, and tables of what became of it."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cli.options import Run
from retrieval.collection.enrolments import EnrolResult
from retrieval.photos.folders import PassedOver
from retrieval.values import Location, counted

_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_COLUMNS: dict[str, type] = {
    "person": str,
    "photo": str,
    "outcome": str,
    "reason": str,
    "what_to_do": str,
}
_PASSED = (
    "It is no photo, or none that can be read. Export it as JPEG, PNG or HEIC if it shows one."
)


def is_archive(place: Location) -> bool:
    """Whether a place is a ZIP or tar file of this machine's."""
    return isinstance(place, Path) and place.name.lower().endswith(_ARCHIVES) and place.is_file()


@contextmanager
def unpacked(
    run: Run, places: Iterable[Location], passed: PassedOver
) -> Iterator[dict[Location, Path]]:
    """Unpack the archives among places below the home folder; nothing of them stays there.

    Raises:
        DataInvalid: one is damaged, encrypted, too large, or reaches out of its folder.
        StoreFull: no space is left.
    """
    from retrieval.api.archives import unpack
    from retrieval.collection.run_files import uploads_below

    folders: dict[Location, Path] = {}
    settings = run.settings
    try:
        for place in filter(is_archive, places):
            folder = folders[place] = uploads_below(settings.home) / uuid4().hex
            limits = {
                "max_bytes": settings.max_archive_bytes,
                "max_photo_bytes": settings.max_photo_bytes,
            }
            with Path(str(place)).open("rb") as file:
                unpack(file, folder, **limits, passed=passed)
        yield folders
    finally:
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class EnrolFiles:
    """Tables that an enrolment writes.

    Attributes:
        out: a row per photo.
        rejects: what was not taken alone, and what was passed over.
    """

    out: Path | None
    rejects: Path | None

    def write(self, run: Run, results: Sequence[EnrolResult], passed: PassedOver) -> None:
        """Write them, where they are wanted.

        Raises:
            StoreError: one cannot be written; what is enrolled stays.
        """
        if self.out is not None:
            _write(run, self.out, [*map(_row, results), *_passed(passed)])
        if self.rejects is not None:
            rejected = (_row(each) for each in results if each.outcome == "rejected")
            _write(run, self.rejects, [*rejected, *_passed(passed)])


def _write(run: Run, path: Path, rows: Sequence[dict[str, Any]]) -> None:
    from retrieval.files.output import replacing
    from retrieval.files.tables import write_table

    with replacing(path) as part:
        count = write_table(part, _COLUMNS, rows, path.suffix)
    run.remark(f"{path}: {counted(count, 'row')}")


def _row(result: EnrolResult) -> dict[str, Any]:
    return {
        "person": result.person,
        "photo": result.photo,
        "outcome": result.outcome,
        "reason": result.code,
        "what_to_do": result.message or result.remark,
    }


def _passed(passed: PassedOver) -> Iterator[dict[str, Any]]:
    """What is no photo, a row per kind."""
    for kind, count in passed.files.most_common():
        yield {"photo": f"{count} x {kind}", "outcome": "passed over", "what_to_do": _PASSED}
    for name, count in passed.folders.most_common():
        what = "Folders that a program made for itself: nobody is looked for in them."
        yield {"photo": f"{count} x {name}", "outcome": "passed over", "what_to_do": what}
