"""Files that runs leave under the home folder: unpacked archives, and lists of rejected photos."""

import csv
import hashlib
import io
import json
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from unicodedata import normalize

from retrieval.catalogue.runs.run_records import Run
from retrieval.collection.bulk import path_of
from retrieval.errors import try_each
from retrieval.files.cells import CsvWriter, as_written
from retrieval.files.output import holding, lock_of, replacing
from retrieval.files.private import open_text

WAIT_S = 20.0  # for another process to have written a list of rejects
_DAY_S = 24 * 3600
_LIST = ".rollcall-list.json"  # whose staff list lies in a folder of uploads
_TAKEN = ".rollcall-list-taken.json"  # the same, from the moment that the list is applied


def uploads_below(home: Path) -> Path:
    """Where archives are unpacked, one folder per archive."""
    return home.absolute() / "uploads"


def rejects_of(home: Path, run_id: str) -> Path:
    """Where the list of a run's rejected photos is written, unless the user names another file."""
    return home / "rejects" / f"{run_id[:8]}.csv"


def note_list(folder: Path, collection: str, file: str) -> None:
    """Note that a folder of uploads holds a staff list for a collection, nobody applied as yet."""
    with open_text(folder / _LIST) as about:
        json.dump({"collection": collection, "file": file}, about)


def noted_list(folder: Path, collection: str) -> Path | None:
    """The staff list for a collection in a folder of uploads, None where none is left to apply."""
    try:
        about = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return folder / about["file"] if about["collection"] == collection else None


@contextmanager
def taking_list(folder: Path) -> Iterator[None]:
    """Let nobody else apply the staff list of a folder, nor delete its photos meanwhile.

    Where that fails it can be applied again.

    Raises:
        FileNotFoundError: somebody else took it.
    """
    (folder / _LIST).rename(folder / _TAKEN)
    try:
        yield
    except BaseException:
        (folder / _TAKEN).rename(folder / _LIST)
        raise


def discard_lists(home: Path, collection: str) -> None:
    """Delete staff lists for a collection, and their photos, that were sent and never applied."""
    for about in uploads_below(home).glob(f"*/{_LIST}"):
        if noted_list(about.parent, collection) is not None:
            _delete(about.parent)


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


def discard_person(
    home: Path, runs: Iterable[Run], names: Collection[str], sha256s: Collection[str] = ()
) -> None:
    """Delete a person's photos in the archives of these runs, and lines in their lists of rejects.

    Args:
        home: the home folder.
        runs: of the person's collection; another one's person of the name is somebody else.
        names: that the person has had: what lies in a folder of that name goes, and the folder.
        sha256s: of the person's photos, wherever in an archive they lie.

    Raises:
        StoreError: a list cannot be written anew; it is as it was, and the others are done.
    """
    runs = list(runs)
    for upload in filter(None, (_upload_of(home, run) for run in runs)):
        for path in sorted(upload.rglob("*"), reverse=True):  # folders after what is in them
            parts = path.relative_to(upload).parts
            theirs = any(normalize("NFC", part).strip() in names for part in parts)
            if path.is_dir():
                with suppress(OSError):  # there is something left in it
                    path.rmdir()
            elif theirs or (sha256s and _sha256(path) in sha256s):
                path.unlink(missing_ok=True)
    lists = (rejects_of(home, run.id) for run in runs)
    there = [path for path in lists if path.exists() or lock_of(path).exists()]
    try_each(*(partial(_strike, path, names) for path in there))


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


def _strike(path: Path, names: Collection[str]) -> None:
    """Write a list of rejects anew without the lines of these names."""
    with holding(path, WAIT_S):  # who writes it now read the catalogue when the person was in it
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        rows = list(csv.reader(io.StringIO(text, newline="")))
        kept = [row for row in rows if not row or as_written(row[0]) not in names]
        if len(kept) < len(rows):
            with replacing(path) as part, open_text(part) as file:
                CsvWriter(file).rows(map(as_written, row) for row in kept)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
