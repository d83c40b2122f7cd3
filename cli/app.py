"""The command `rollcall`: its commands by name, each imported when it is called."""

import atexit
import gc
import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

# Module, and what `rollcall --help` says, so that it need import none of them; a test holds these
# lines to the commands' own.
COMMANDS = {
    "demo": ("demo", "Enrol sample people, identify a sample photo, write the annotated picture."),
    "enroll": (
        "enroll",
        "Enrol photos: one folder per person, loose photos of one person, or a list.",
    ),
    "watch": (
        "watch",
        "Take new files of a folder when they are complete, once each, until Ctrl-C.",
    ),
    "camera": (
        "camera",
        "Say who comes and goes before a camera: one line per sighting, until Ctrl-C.",
    ),
    "identify": (
        "identify",
        "Say who is in each photo, and who is in each video from when to when.",
    ),
    "search": (
        "search",
        "Find the enrolled photos that show the people of a photo, best first.",
    ),
    "verify": (
        "identify",
        "Say whether a photo shows the same person as another photo, or as somebody enrolled.",
    ),
    "roll": (
        "roll",
        "Say who was there, from all photos of an occasion: makes an event and writes its roll.",
    ),
    "presence": (
        "roll",
        "Say who was at which events: a row per person, a column per event.",
    ),
    "events": ("events", "Photos of an occasion: who was there."),
    "thumbnails": (
        "roll",
        "Make pictures of enrolled faces that have none, from kept copies or where photos lie.",
    ),
    "people": ("people", "Who is enrolled."),
    "photos": ("people", "The photos that are enrolled."),
    "collections": ("people", "Collections of people, each with a model of its own."),
    "calibrate": (
        "calibrate",
        "Choose threshold and margin from the collection's own photos, and say what they are"
        " worth.",
    ),
    "health": (
        "health",
        "Find photos under the wrong name, people under two names, copies and thin enrolments.",
    ),
    "unknowns": ("unknowns", "Strangers who come again in queries."),
    "clusters": ("clusters", "Print the inverted index: the photos of each cluster of vectors."),
    "index": ("index", "What searches the faces, derived from the catalogue."),
    "serve": ("serve", "Serve the HTTP API and the web app until it is interrupted."),
    "service": ("service", "Rollcall as a service of this machine."),
    "keys": ("keys", "Keys of the HTTP service."),
    "users": ("users", "People who may log in to the HTTP service."),
    "audit": (
        "audit",
        "List what was asked and changed, over HTTP and on the command line, newest first.",
    ),
    "jobs": ("jobs", "Bulk work in the queue."),
    "worker": (
        "worker",
        "Do queued work with warm processes, one thread each, until SIGTERM or Ctrl-C.",
    ),
    "models": ("models", "Detectors and embedders, and their files."),
    "doctor": (
        "doctor",
        "Check models, catalogue, index, queue, files and versions, and say how to mend them.",
    ),
    "backup": (
        "backup",
        "Write everything that is truth into one file, while the service goes on.",
    ),
    "restore": ("backup", "Make a backup the truth again, while the service goes on."),
    "catalogue": ("catalogue", "The database that holds everything."),
    "bench": ("bench", "Measure Rollcall on this machine."),
}


class _Imported(MutableMapping[str, Any]):
    """The commands by name; one that is asked for is imported."""

    def __init__(self) -> None:
        self._imported: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._imported:
            app = typer.Typer(context_settings=_HELP)
            app.callback()(lambda: None)  # a group also where the module has one command
            import_module(f"cli.{COMMANDS[name][0]}").register(app)
            self._imported |= get_group(app).commands
        return self._imported[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._imported[name] = command

    def __delitem__(self, name: str) -> None:
        del self._imported[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(TyperGroup):
    """A group whose commands are imported when they are called, and listed without."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Imported()
        self._listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order in which a newcomer meets them."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; while help is printed, its name and one line."""
        if self._listing:
            return TyperCommand(cmd_name, callback=None, help=COMMANDS[cmd_name][1])
        return super().get_command(ctx, cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, importing no command."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="rollcall",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"rollcall {metadata.version('rollcall')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Who of our people is in this photo?"""


class _Later(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, attribute: str) -> Any:
        with _LOADING:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            module = import_module(self.__name__)
        return getattr(module, attribute)


_LOADING = threading.RLock()


def main() -> None:
    """Run the command line."""
    if "numpy" not in sys.modules:
        sys.modules["numpy"] = _Later("numpy")  # most commands of people need none: 0.1 s
    # Pydantic would read what every installed package declares, in search of plugins: 0.05 s.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # What ends gives back its memory without a search for garbage among all of it: 0.15 s.
    atexit.register(gc.freeze)
    gc.set_threshold(20_000)  # at 700, imports are searched for garbage that they do not make
    app()
