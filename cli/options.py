"""What every command shares: its options, its output, and the edge where errors become exit codes.

A command is a function whose first parameter is `run: Run`; `command` replaces it by the options
`--home`, `--collection`, `--json` and `--quiet`, so that they stand once, here.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.exceptions import TyperException

from cli.hints import as_typed
from cli.progress import Advance, bar, lines
from cli.reporting import Warnings, as_json, harmless, report, report_fault, was_stopped
from retrieval.errors import RollcallError, SettingInvalid, StoreError, StoreFull
from retrieval.files.logs import log_to, note_end
from retrieval.files.private import UMASK

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from retrieval.catalogue.catalogue import Catalogue
    from retrieval.catalogue.http.audit import AuditEntry
    from retrieval.photos.folders import PassedOver
    from retrieval.service import Service
    from retrieval.settings import Settings

_OWN_FAULT = 7  # exit code


class StoppedWaiting(KeyboardInterrupt):
    """Ctrl-C while others do the work: it goes on. ``str(error)`` says what and how to stop it."""


@dataclass(slots=True)
class Run:
    """One run of a command: its settings, and where its output goes.

    Attributes:
        settings: from the environment and the command's options.
        json: one JSON document goes to standard output, everything else to standard error.
        quiet: no progress and no remarks; results and errors only.
        console: what people read.
        beside: remarks, warnings and progress, which know of each other.
        given: options that say which home and collection, as they were typed: hints keep them.
        action: the command as it was typed, without its arguments: people rename.
        rejected: set by a command that did its work but had to reject some inputs: exit code 1.
    """

    settings: "Settings"
    json: bool
    quiet: bool
    given: Sequence[str] = ()
    action: str = "command"
    console: Console = field(init=False)
    beside: Console = field(init=False)
    rejected: bool = False

    def __post_init__(self) -> None:
        self.console = Console(stderr=self.json, highlight=False, soft_wrap=not _wide(self.json))
        self.beside = Console(stderr=True, highlight=False)
        kept = self.settings.log_file, self.settings.log_format
        log_to(*kept, Warnings(self.beside), quiet=self.quiet)

    def change(self, **changes: Any) -> None:
        """Let a command's own options go before the settings; None leaves a setting as it is.

        Raises:
            SettingInvalid: a value has no meaning.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        if given:
            from retrieval.settings_files import checked_settings

            self.settings = checked_settings(**{**self.settings.model_dump(), **given})

    @contextmanager
    def service(self) -> Iterator["Service"]:
        """Open the service over this run's settings, and close it."""
        from retrieval.building import build_service

        with (
            build_service(self.settings, remark=self.remark) as service,
            self._audited(service.catalogue),
        ):
            yield service

    @contextmanager
    def catalogue(self) -> Iterator["Catalogue"]:
        """Open the catalogue alone over this run's settings, and close it."""
        from retrieval.building import open_catalogue

        with open_catalogue(self.settings) as catalogue, self._audited(catalogue):
            yield catalogue

    def _audited(self, catalogue: "Catalogue") -> AbstractContextManager[None]:
        from cli.auditing import audited

        return audited(catalogue, self.action, self.settings)

    def entry(self, **answer: Any) -> "AuditEntry":
        """What this command did, for the audit log."""
        from cli.auditing import entry_of

        return entry_of(self.action, self.settings.collection, **answer)

    def emit(
        self, document: "Mapping[str, Any] | DataclassInstance", show: Callable[[], None]
    ) -> None:
        """Print the result: the document as JSON with `--json`, otherwise what `show` prints."""
        if self.json:
            sys.stdout.write(as_json(document) + "\n")
        else:
            show()

    def print(self, *parts: Any, **style: Any) -> None:
        """Print a part of the result for people."""
        shown = (self._told(part) if isinstance(part, str) else part for part in parts)
        self.console.print(*shown, **style)

    def remark(self, text: str) -> None:
        """Say something beside the result; silent with `--quiet`."""
        if not self.quiet:
            self.beside.print(self._told(text), style="dim", markup=False, soft_wrap=True)

    def _told(self, text: str) -> str:
        return as_typed(harmless(text), self.given)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
        """Print rows as a table on a terminal, as tab-separated lines below its title otherwise."""
        cells = [[self._told(_shown(cell)) for cell in row] for row in rows]
        if not self.console.is_terminal:
            if title:
                self.console.file.write(f"{title}:\n")
            for line in [list(columns), *cells]:
                self.console.file.write("\t".join(line) + "\n")  # rich would expand the tabs
            return
        from cli.tables import show_table

        show_table(self.console, columns, cells, title)

    def confirm(self, question: str, yes: bool) -> bool:
        """Ask before something that is final; `--yes` answers for a script.

        Raises:
            SettingInvalid: nobody can answer, since standard input is no terminal.
        """
        if yes:
            return True
        if not sys.stdin.isatty():
            raise SettingInvalid(f"{question} Nobody can answer here: add --yes to do it.")
        answer = typer.confirm(question, err=True)
        if not answer:
            self.beside.print("Nothing was done.", style="dim")  # the answer: with --quiet too
        return answer

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Advance]:
        """Show how far a long step is: a bar on a terminal, a line for each tenth otherwise."""
        if self.quiet:
            yield lambda n=1, total=None, **fields: None
        elif sys.stderr.isatty():
            with bar(self.beside, what, total) as advance:
                yield advance
        else:
            yield lines(what, total)


def when(moment: datetime) -> str:
    """A moment as people read it: to the minute, by this machine's clock."""
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return f"{known.astimezone():%Y-%m-%d %H:%M}"


def _shown(cell: Any) -> str:
    """A cell as people read it."""
    if isinstance(cell, datetime):
        return when(cell)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "" if cell is None else str(cell)


def _wide(to_stderr: bool) -> bool:
    return (sys.stderr if to_stderr else sys.stdout).isatty()


class Writes(Enum):
    """Marks an option that names what the command writes: checked before anything is done."""

    FILE = "file"
    FOLDER = "folder"


Home = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", envvar="ROLLCALL_HOME", help="Folder of catalogue and indexes."
    ),
]
CollectionName = Annotated[
    str | None,
    typer.Option("--collection", metavar="NAME", help="The collection to use."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no remarks.")]

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings, TOML or lines ROLLCALL_NAME=value; before the home's own rollcall.toml.",
    ),
]

ListColumns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="FIELD=COLUMN,...",
        help="Columns of the list that have other names: person=Name,photo=Bild.",
    ),
]

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]
Queue = Annotated[
    bool, typer.Option("--queue", help="Leave the work to `rollcall worker` processes.")
]

COMMON = {
    "home": Home, "collection": CollectionName, "config": Config, "json": Json, "quiet": Quiet
}  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    "home": None, "collection": None, "config": None, "json": False, "quiet": False
}  # fmt: skip


def command(app: typer.Typer, name: str | None = None, **options: Any) -> Callable[..., Any]:
    """Register a function `f(run: Run, ...)` as a command of `app`, with the common options."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        written = {
            parameter.name: kind
            for parameter in own
            for kind in getattr(parameter.annotation, "__metadata__", ())
            if isinstance(kind, Writes)
        }
        common = [
            inspect.Parameter(
                key,
                inspect.Parameter.KEYWORD_ONLY,
                default=_DEFAULTS[key],
                annotation=COMMON[key],
            )
            for key in COMMON
        ]

        @functools.wraps(function)
        def call(context: typer.Context, **values: Any) -> None:
            shared = {key: values.pop(key) for key in COMMON}
            typed = " ".join(context.command_path.split()[1:])
            _run(function, typed, shared, values, written)

        first = inspect.Parameter(
            "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )
        keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        parameters = [first, *keyword_only, *common]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        del call.__wrapped__
        app.command(name, **options)(call)
        return function

    return register


def _run(
    function: Callable[..., None],
    typed: str,
    shared: dict[str, Any],
    values: dict[str, Any],
    written: Mapping[str, Writes],
) -> None:
    """The edge: settings in, exit code out."""
    log_to(None, shown=Warnings(Console(stderr=True)), quiet=shared["quiet"])
    os.umask(UMASK)  # for what libraries and other programs write
    given = _given(shared)
    try:
        settings = make_settings(shared["home"], shared["collection"], shared["config"])
        run = Run(settings, shared["json"], shared["quiet"], given, typed)
        for name, kind in written.items():
            if values[name] is not None:
                _check_written(values[name], kind)
        _check_apart(values, written)
        function(run, **values)
    except RollcallError as error:
        report(error, shared["json"], given)
        note_end(typed, error.code, error.exit_code)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt as error:
        told = str(error) or "Stopped. What was reported as done stays done.\n"
        sys.stderr.write(as_typed(told, given))
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise typer.Exit(0) from None
    except OSError as error:  # of a file that no module of ours answers for
        known = _as_store_error(error)
        report(known, shared["json"], given)
        raise typer.Exit(known.exit_code) from None
    except (typer.Exit, typer.Abort, TyperException):
        raise
    except Exception as error:  # noqa: BLE001  # a script must tell a fault from rejected photos
        if was_stopped(error):
            sys.stderr.write("Stopped.\n")
            raise typer.Exit(130) from None
        report_fault(error, shared["json"])
        note_end(typed, f"{type(error).__name__}, a fault", _OWN_FAULT)
        raise typer.Exit(_OWN_FAULT) from None
    if run.rejected:
        raise typer.Exit(1)


def _check_written(path: Path, kind: Writes) -> None:
    from retrieval.files.output import check_writable, check_writable_folder

    check = check_writable if kind is Writes.FILE else check_writable_folder
    check(path)


def _check_apart(values: Mapping[str, Any], written: Mapping[str, Writes]) -> None:
    """Refuse a file that two options name: what one writes would take the other's place."""
    named: dict[Path, str] = {}
    for name in sorted(written, key=lambda each: written[each] is Writes.FILE):  # folders first
        path = values[name]
        if path is None or (path.exists() and not (path.is_file() or path.is_dir())):
            continue  # /dev/null takes everything
        before = named.setdefault(path.resolve(), name)
        if before != name and written[name] is Writes.FILE:
            raise SettingInvalid(f"--{before} and --{name} both name {path}. Name one for each.")


def _as_store_error(error: OSError) -> StoreError:
    from retrieval.files.output import is_disk_full

    kind = StoreFull if is_disk_full(error) else StoreError
    return kind(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")


def tell_passed(run: Run, passed: "PassedOver") -> None:
    """Say what a listing passed over, in one line."""
    if passed:
        run.remark(str(passed))


def tell_undo(run: Run, entry: int, summary: str) -> None:
    """Say what an edit of people did, and how it is taken back."""
    said = f"{summary[0].upper()}{summary[1:]}"
    run.print(f"{said}; `rollcall people undo {entry}` takes it back.", markup=False)


def make_settings(
    home: Path | None, collection: str | None, config: Path | None = None
) -> "Settings":
    """Build the settings: the command's options go before the environment and files.

    Raises:
        SettingInvalid: a setting has no meaning, or there is none of its name.
    """
    from retrieval.settings_files import load_settings

    return load_settings(config, home=home, collection=collection)


def _given(shared: Mapping[str, Any]) -> list[str]:
    """The options that say which home and collection is meant, as they were typed.

    What stands in the environment is there when a hint is pasted as well.
    """
    words = []
    for name in ("home", "collection", "config"):
        value = shared[name]
        if value is not None and (name != "home" or str(value) != os.environ.get("ROLLCALL_HOME")):
            words += [f"--{name}", str(value)]
    return words
