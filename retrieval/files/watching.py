"""Files that are taken from a watched folder when they are complete, once each.

A file is complete when neither its size nor its time of change has changed for a while, nobody has
it open for writing as far as the system tells, and it is no longer called as a program calls what
it still writes. Changes are told by the system (watchdog); the folder is also listed now and then,
since network drives tell nothing and a queue of changes may overflow. What was taken is written
down by path, size and time, so that a restart takes nothing twice. A folder that goes away
(deleted, renamed, unmounted, closed to us) is waited for, and watched anew when one stands there.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.files.output import cannot_write
from retrieval.files.private import make_folder, open_text
from retrieval.files.writers import has_writer

SETTLED_S = 2.0  # without a change: most programs that write pause for less
# Empty files, and those that a program holds open, are waited for so long (in `settled_s`, but a
# minute at least): the system may have lost the word that one was closed.
_PATIENCE, _LEAST_PATIENCE_S = 30, 60.0
_LISTED_EVERY_S = 10.0
_TICK_S = 0.2
# What browsers, synchronisers and copying programs call a file that is not whole yet.
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".filepart", "~")

_TELLS_OF_CLOSING = sys.platform.startswith("linux")  # inotify: also where a writer was killed

Mark = tuple[int, int]  # size, and time of change in nanoseconds


class Taken:
    """The files that were taken, in a file: a JSON line each, added before the next is taken.

    Args:
        path: of the list; it is made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._path = path
        self._marks: dict[str, Mark] = {}
        with suppress(FileNotFoundError):
            for line in path.read_bytes().split(b"\n"):
                with suppress(ValueError):  # the last line of a process that was killed
                    name, size, changed = json.loads(line)
                    self._marks[name] = (size, changed)
        if not path.exists():
            open_text(path).close()
        self._file = path.open("a", encoding="utf-8")
        self._file.write("\n")  # behind half a line

    def has(self, path: Path, mark: Mark) -> bool:
        """Whether this file, as it is, was taken."""
        return self._marks.get(str(path)) == mark

    def add(self, path: Path, mark: Mark) -> None:
        """Write down that a file was taken.

        Raises:
            StoreError: it cannot be written down.
        """
        try:
            self._file.write(json.dumps([str(path), *mark]) + "\n")  # also a name that is no UTF-8
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._marks[str(path)] = mark

    def close(self) -> None:
        """Close the list."""
        self._file.close()


def complete(
    folder: Path,
    taken: Taken,
    wanted: Callable[[str], bool],
    stopped: threading.Event,
    *,
    settled_s: float = SETTLED_S,
    once: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Iterator[tuple[Path, Mark]]:
    """Give out files below a folder when they are complete, in the order in which they are.

    Whoever asks for the next one has taken the last: `taken` is theirs to add to.

    Args:
        folder: that is watched, with those below it.
        taken: files that are not given out again.
        wanted: whether a file of this name is meant.
        stopped: ends it.
        settled_s: without a change, after which a file is complete.
        once: ends when the folder holds nothing that is not taken.
        tell: is told that the folder is away, that one is there again, and that the system does not
            tell of its changes.

    Raises:
        DataInvalid: see `check_folder`; with `once` also where the folder goes away.
        SettingInvalid: watchdog is not installed.
    """
    check_folder(folder)
    away = False
    while not stopped.is_set():
        which = _identity(folder)
        if once:
            check_folder(folder)
        if which is None:
            if not away:
                tell(f"{folder} is away (deleted, renamed, unmounted or closed); waiting for it")
            away = True
            stopped.wait(_TICK_S)
            continue
        if away:
            tell(f"{folder} is there again")
        away = False
        yield from _while_there(folder, which, taken, wanted, stopped, settled_s, once, tell)
        if once and _identity(folder) == which:
            return


def _while_there(
    folder: Path,
    which: "_Identity",
    taken: Taken,
    wanted: Callable[[str], bool],
    stopped: threading.Event,
    settled_s: float,
    once: bool,
    tell: Callable[[str], None],
) -> Iterator[tuple[Path, Mark]]:
    """As `complete`, as long as this very folder stands there."""
    changed = _Changes()
    seen: dict[Path, tuple[Mark, float]] = {}
    listed = -_LISTED_EVERY_S
    with changed.of(folder, tell) as fails:
        while not stopped.is_set() and _identity(folder) == which:
            now = time.monotonic()
            names = changed.take()
            if now - listed >= _LISTED_EVERY_S or names is None:
                fails()
                names, listed = _below(folder), now
            for path in names:
                if wanted(path.name) and not _unfinished(path, folder) and path not in seen:
                    seen[path] = ((-1, -1), now)
            yield from _settled(seen, taken, changed.is_written, settled_s)
            if once and not seen:
                return
            stopped.wait(_TICK_S)


_Identity = tuple[int, int]  # device and inode


def _identity(folder: Path) -> _Identity | None:
    """Which folder stands there; None where there is none that can be listed."""
    try:
        found = folder.stat()
    except OSError:
        return None
    listable = folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
    return (found.st_dev, found.st_ino) if listable else None


def check_folder(folder: Path) -> None:
    """See that a folder can be watched.

    Raises:
        DataInvalid: it is none, or its files cannot be listed.
    """
    if not folder.exists():
        raise DataInvalid(f"There is no folder {folder} to watch.")
    if not folder.is_dir():
        raise DataInvalid(f"{folder} is no folder. Name the folder that files will come into.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise DataInvalid(f"The folder {folder} cannot be listed: Permission denied.")


def _settled(
    seen: dict[Path, tuple[Mark, float]],
    taken: Taken,
    is_written: Callable[[Path], bool],
    settled_s: float,
) -> Iterator[tuple[Path, Mark]]:
    patience_s = max(_PATIENCE * settled_s, _LEAST_PATIENCE_S)
    for path, (before, since) in sorted(seen.items()):
        asked = time.monotonic()  # before the file is looked at: this process may be held up, too
        mark = _mark(path)
        if mark is None or taken.has(path, mark):
            del seen[path]
        elif mark != before:
            seen[path] = (mark, time.monotonic())
        elif asked - since < settled_s:
            continue
        elif mark[0] > 0 and not is_written(path):
            del seen[path]
            yield path, mark
        elif asked - since >= patience_s:
            del seen[path]
            if mark[0] > 0:
                yield path, mark


def _mark(path: Path) -> Mark | None:
    """What a file is now; None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if path.is_file() and not path.is_symlink() else None


def _unfinished(path: Path, folder: Path) -> bool:
    """Whether a path below the folder is hidden, or called as what is still written is."""
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return hidden or path.name.startswith("~") or path.name.lower().endswith(_UNFINISHED)


def _below(folder: Path) -> set[Path]:
    return {Path(root) / name for root, _, names in os.walk(folder) for name in names}


class _Changes:
    """Paths that the system says were changed, and those that somebody still writes."""

    def __init__(self) -> None:
        self._paths: set[Path] | None = set()
        self._written: set[Path] = set()  # changed, and not closed since
        self._lock = threading.Lock()

    def take(self) -> set[Path] | None:
        """Those since the last time; None where it is not known which."""
        with self._lock:
            found, self._paths = self._paths, set()
        return found

    @contextmanager
    def of(self, folder: Path, tell: Callable[[str], None]) -> Iterator[Callable[[], None]]:
        """Watch a folder until the end of the block; gives what sees whether it still is watched.

        Where the system does not tell of changes, the folder is listed alone, which is told.
        """
        try:
            from watchdog.events import FileSystemEvent, FileSystemEventHandler
            from watchdog.observers import Observer
        except ModuleNotFoundError as error:
            raise SettingInvalid(
                "Folders are watched by watchdog, which is not installed. Run: pip install"
                " 'rollcall[video]'"
            ) from error
        changes = self

        class Handler(FileSystemEventHandler):
            """Notes what was changed."""

            def on_any_event(self, event: FileSystemEvent) -> None:
                paths = [Path(str(each)) for each in (event.src_path, event.dest_path) if each]
                changes.note(event.event_type, event.is_directory, *paths)

        def not_told(why: object) -> None:
            tell(
                f"the system does not tell of changes in {folder} ({why}): it is listed every"
                f" {_LISTED_EVERY_S:g} seconds"
            )

        observing: list[Any] = []

        def look() -> None:
            if any(not each.is_alive() for one in observing for each in one.emitters):
                observing.pop().stop()
                not_told("it watches too many folders")

        try:
            observer = Observer()
            observing.append(observer)
            observer.schedule(Handler(), str(folder), recursive=True)
            observer.start()
        except OSError as error:  # a folder below it is closed to us, or there are too many
            observing.clear()
            not_told(error.strerror or error)
        try:
            yield look
        finally:
            for one in observing:
                one.stop()
                one.join(5)

    def is_written(self, path: Path) -> bool:
        """Whether a program has a file open to write it, where the system tells.

        What it says of changes tells nothing of a file that was begun before they were heard of.
        """
        with self._lock:
            changed = path in self._written
        return changed or has_writer(path)

    def note(self, what: str, is_folder: bool, *paths: Path) -> None:
        """A file was changed; of a folder it is not known which files came with it."""
        with self._lock:
            if is_folder:
                self._paths = None
                return
            if self._paths is not None:
                self._paths.update(paths)
            if what == "modified" and _TELLS_OF_CLOSING:
                self._written.add(paths[0])
            elif what == "moved" and paths[0] in self._written:
                self._written.remove(paths[0])
                self._written.update(paths[1:])
            elif what in ("closed", "deleted"):
                self._written.discard(paths[0])
