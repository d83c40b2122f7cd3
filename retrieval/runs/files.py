"""Files that runs leave under the home folder: unpacked archives, and lists of rejected photos."""

import csv
import io
import shutil
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from unicodedata import normalize

from retrieval.catalogue.runs.run_records import Run
from retrieval.cells import CsvWriter, as_written
from retrieval.photos.folders import people_below
from retrieval.private_files import open_text
from retrieval.runs.bulk import path_of

_DAY_S = 24 * 3600


def uploads_below(home: Path) -> Path:
    """Where archives are unpacked, a folder each."""
    return home.absolute() / "uploads"


def rejects_of(home: Path, run_id: str) -> Path:
    """Where the list of a run's rejected photos is written, unless the user names another file."""
    return home / "rejects" / f"{run_id[:8]}.csv"


def forget_old(home: Path, days: float) -> None:
    """Delete unpacked archives, and lists of rejects, that are older than so many days."""
    oldest = time.time() - days * _DAY_S
    for path in (*uploads_below(home).glob("*"), *home.glob("rejects/*.csv")):
        with suppress(FileNotFoundError):  # another process was quicker
            if path.stat().st_mtime < oldest:
                _delete(path)


def discard_runs(home: Path, runs: Iterable[Run]) -> None:
    """Delete what runs left, as when their collection is deleted."""
    for run in runs:
        upload = _upload_of(home, run)
        if upload is not None:
            _delete(upload)
        _delete(rejects_of(home, run.id))


def discard_person(home: Path, runs: Iterable[Run], names: Collection[str]) -> None:
    """Delete a person's photos in archives of these runs, and lines in all lists of rejects.

    Args:
        home: the home folder.
        runs: of the person's collection.
        names: that the person has had.
    """
    for upload in filter(None, (_upload_of(home, run) for run in runs)):
        for name, photo in people_below(upload):
            if normalize("NFC", name).strip() in names:
                photo.unlink(missing_ok=True)
    for path in home.glob("rejects/*.csv"):
        _without_lines_of(path, names)


def from_archive(home: Path, run: Run) -> bool:
    """Whether the run's photos came in an archive, which was unpacked below the home folder."""
    return Path(run.options.get("base", "")).is_relative_to(uploads_below(home))


def name_of(home: Path, run: Run, path: str) -> str:
    """What a list of rejects calls a photo of a run.

    Returns:
        Its path in the archive that it came in, where whoever sent that finds it; else its URL or
        absolute path, which is the same whoever reads the list, and where.
    """
    if from_archive(home, run):
        return path
    place = path_of(run, path)
    return str(place.absolute() if isinstance(place, Path) else place)


def _upload_of(home: Path, run: Run) -> Path | None:
    """The folder that the run's archive was unpacked to, if there was one and it is still there."""
    base = Path(run.options.get("base", ""))
    return base if from_archive(home, run) and base.is_dir() else None


def _without_lines_of(path: Path, names: Collection[str]) -> None:
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    kept = [row for row in rows if not row or as_written(row[0]) not in names]
    if len(kept) < len(rows):
        with open_text(path) as file:
            CsvWriter(file).rows(map(as_written, row) for row in kept)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
