"""Files that are taken from a watched folder when they are complete, once each.

A file is complete when neither its size nor its time of change has changed for a while, and it is
no longer called as a program calls what it still writes. Changes are told by the system (watchdog);
the folder is also listed now and then, since network drives tell nothing and a queue of changes may
overflow. What was taken is written down by path, size and time, so that a restart takes nothing
twice.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.files.private import make_folder, open_text

SETTLED_S = 2.0  # without a change: programs that write pause for less
_LISTED_EVERY_S = 10.0
_TICK_S = 0.2
# What browsers, synchronisers and copying programs call a file that is not whole yet.
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".filepart", "~")

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
            for line in path.read_text(encoding="utf-8").splitlines():
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
        self._file.write(json.dumps([str(path), *mark], ensure_ascii=False) + "\n")
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
        DataInvalid: there is no such folder.
        SettingInvalid: watchdog is not installed.
    """
    if not folder.is_dir():
        raise DataInvalid(f"There is no folder {folder} to watch.")
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
                if wanted(path.name) and not _unfinished(path) and path not in seen:
                    seen[path] = ((-1, -1), now)
            yield from _settled(seen, taken, settled_s)
            if once and not seen:
                return
            stopped.wait(_TICK_S)


def _settled(
    seen: dict[Path, tuple[Mark, float]], taken: Taken, settled_s: float
) -> Iterator[tuple[Path, Mark]]:
    for path, (before, since) in sorted(seen.items()):
        mark, now = _mark(path), time.monotonic()
        if mark is None or taken.has(path, mark):
            del seen[path]
        elif mark != before:
            seen[path] = (mark, now)
        elif now - since >= settled_s and mark[0] > 0:
            del seen[path]
            yield path, mark
        elif now - since >= max(30 * settled_s, 60):  # empty, and nobody writes it
            del seen[path]


def _mark(path: Path) -> Mark | None:
    """What a file is now; None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if path.is_file() and not path.is_symlink() else None


def _unfinished(path: Path) -> bool:
    return path.name.startswith((".", "~")) or path.name.lower().endswith(_UNFINISHED)


def _below(folder: Path) -> set[Path]:
    return {
        Path(root) / name
        for root, folders, names in os.walk(folder)
        for name in names
        if not Path(root).name.startswith(".")
    }


class _Changes:
    """Paths that the system says were changed."""

    def __init__(self) -> None:
        self._paths: set[Path] | None = set()
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
                changes.note(event.is_directory, str(event.src_path), str(event.dest_path or ""))

        observer = Observer()
        observer.schedule(Handler(), str(folder), recursive=True)
        return _Observing(observer)

    def note(self, is_folder: bool, *paths: str) -> None:
        """A file was changed; of a folder it is not known which files came with it."""
        with self._lock:
            if is_folder:
                self._paths = None
            elif self._paths is not None:
                self._paths.update(Path(path) for path in paths if path)


class _Observing:
    """An observer's thread, for the time of a block."""

    def __init__(self, observer: Any) -> None:
        self._observer = observer

    def __enter__(self) -> None:
        self._observer.start()

    def __exit__(self, *_: object) -> None:
        self._observer.stop()
        self._observer.join(5)
