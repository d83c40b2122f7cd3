"""Where the log goes: to standard error as a person or a program reads it, and into a file.

Ids, counts and times; never pixels, vectors or people's names.
"""

import json
import logging
import sys
from contextlib import suppress
from datetime import datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Literal

from retrieval.errors import SettingInvalid
from retrieval.files.private import open_text

Form = Literal["text", "json"]
_COMMANDS = logging.getLogger("rollcall.command")  # how commands ended: into the file alone


class Lines(logging.Formatter):
    """A line of text per record: time with its zone, level, logger, message."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """The record's moment in ISO 8601, by this machine's clock."""
        return _moment(record)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")


class Json(logging.Formatter):
    """A JSON object per record and line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        told = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created).astimezone()
    return moment.isoformat(timespec="milliseconds")


def log_to(
    file: Path | None,
    form: Form = "text",
    shown: logging.Handler | None = None,
    *,
    quiet: bool = False,
) -> None:
    """Send the process's log to standard error and into a file, in place of wherever it went.

    Args:
        file: or None.
        form: of both.
        shown: prints texts for people; lines with a time if None.
        quiet: errors only.

    Raises:
        SettingInvalid: the file cannot be written.
    """
    lines = Json() if form == "json" else Lines()
    if form == "json" or shown is None:
        shown = logging.StreamHandler()
        shown.setFormatter(lines)
    handlers = [shown]
    _COMMANDS.handlers.clear()
    _COMMANDS.propagate = False
    if file is not None:
        kept = _file_handler(file, lines)
        handlers.append(kept)
        _COMMANDS.addHandler(kept)
    level = logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(level=level, handlers=handlers, format="%(message)s", force=True)


def note_end(command: str, why: str, code: int) -> None:
    """Note in the log file that a command ended otherwise than it should."""
    if _COMMANDS.handlers:
        _COMMANDS.error("%s ended with %s, exit code %d", command, why, code)


class _LogFile(WatchedFileHandler):
    """A log file that stops nobody where it cannot be written any more: that is told once."""

    _told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record; opening the file anew may fail as well."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        """Close the file; what it cannot take any more is lost."""
        with suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say why a record is not in the file; it is on standard error all the same."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            why = error.strerror or error
            sys.stderr.write(f"The log file {self.baseFilename} cannot be written: {why}.\n")


def _file_handler(path: "Path", form: logging.Formatter) -> logging.Handler:
    """Appends to a file; one that a program renames to keep it is made anew (logrotate)."""
    try:
        if not path.exists():
            open_text(path).close()  # for its owner alone
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise SettingInvalid(
            f"The log file {path} cannot be written: {error.strerror or error}. Mend"
            " ROLLCALL_LOG_FILE."
        ) from error
    handler.setFormatter(form)
    return handler
