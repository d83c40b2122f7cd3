"""Files that are taken from a watched folder when they are complete, once each.

A file is complete when neither its size nor its time of change has changed for a while, nobody has
it open for writing as far as the system tells, and it is no longer called as a program calls what
it still writes. Changes are told by the system (watchdog); the folder is also listed now and then,
since network drives tell nothing and a queue of changes may overflow. What was taken is written
down by path, size and time, so that a restart takes nothing twice.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.files.private import make_folder, open_text

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
        """Write down that a file was taken."""
        self._marks[str(path)] = mark
        self._file.write(json.dumps([str(path), *mark]) + "\n")  # also a name that is no UTF-8
        self._file.flush()
        os.fsync(self._file.fileno())

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

    Raises:
        DataInvalid: see `check_folder`; or the system cannot tell of its changes.
        SettingInvalid: watchdog is not installed.
    """
    check_folder(folder)
    changed = _Changes()
    with changed.of(folder):
        seen: dict[Path, tuple[Mark, float]] = {}
        listed = -_LISTED_EVERY_S
        while not stopped.is_set():
            now = time.monotonic()
            names = changed.take()
            if now - listed >= _LISTED_EVERY_S or names is None:
                names, listed = _below(folder), now
            for path in names:
                if wanted(path.name) and not _unfinished(path, folder) and path not in seen:
                    seen[path] = ((-1, -1), now)
            yield from _settled(seen, taken, changed.is_written, settled_s)
            if once and not seen:
                return
            stopped.wait(_TICK_S)


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

    def of(self, folder: Path) -> Any:
        """Watch a folder until the end of the block."""
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

        observer = Observer()
        observer.schedule(Handler(), str(folder), recursive=True)
        return _Observing(observer, folder)

    def is_written(self, path: Path) -> bool:
        """Whether a program has changed a file and not closed it yet, where the system tells."""
        with self._lock:
            return path in self._written

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


class _Observing:
    """An observer's thread, for the time of a block."""

    def __init__(self, observer: Any, folder: Path) -> None:
        self._observer, self._folder = observer, folder

    def __enter__(self) -> None:
        try:
            self._observer.start()
        except OSError as error:  # a folder below it is closed to us, or there are too many
            why = error.strerror or error
            raise DataInvalid(f"The folder {self._folder} cannot be watched: {why}.") from error

    def __exit__(self, *_: object) -> None:
        self._observer.stop()
        self._observer.join(5)
