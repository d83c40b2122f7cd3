"""A benchmark as a job: a part of one, with its progress and its result in files that all can see.

The files lie in the home folder, which the one who asked and the workers share.
"""

import json
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, TypedDict

from retrieval.errors import RollcallError
from retrieval.inference.download import writing_beside
from retrieval.settings import Settings

KIND = "bench"


class Part(TypedDict):
    """A job's payload: one part of a benchmark."""

    run: str
    part: int
    bench: str
    collection: str
    options: dict[str, Any]


class State(TypedDict):
    """How far a part is: its result at the end, or its error's code and message."""

    done: int
    result: dict[str, Any] | None
    error: dict[str, str] | None


def state(settings: Settings, run: str, part: int) -> State:
    """Read how far a part is."""
    try:
        found: State = json.loads(_file(settings, run, part).read_text())
    except FileNotFoundError:
        return State(done=0, result=None, error=None)
    return found


def perform(settings: Settings, payload: Part) -> None:
    """Do a part, unless it is done already.

    Raises:
        RollcallError: as the benchmark says.
    """
    if state(settings, payload["run"], payload["part"])["result"] is not None:
        return
    # Benchmarks load plots and trainers that no other job needs: only a worker that gets one does.
    benchmark = resolve_name("retrieval.benchmarks.jobs:find")(payload["bench"])
    done = 0

    def advance(n: int = 1, **fields: object) -> None:
        nonlocal done
        done += n
        _write(settings, payload, State(done=done, result=None, error=None))

    chosen = settings.model_copy(update={"collection": payload["collection"]})
    result = benchmark.run(chosen, payload["options"], advance)
    _write(settings, payload, State(done=done, result=dict(result), error=None))


def give_up(settings: Settings, payload: Part, error: Exception) -> None:
    """Record why a part failed for good."""
    code = error.code if isinstance(error, RollcallError) else "defect"
    message = str(error) or type(error).__name__
    _write(settings, payload, State(done=0, result=None, error={"code": code, "message": message}))


def _write(settings: Settings, payload: Part, now: State) -> None:
    with writing_beside(_file(settings, payload["run"], payload["part"])) as beside:
        beside.write_text(json.dumps(now))


def _file(settings: Settings, run: str, part: int) -> Path:
    return settings.home / "benchmarks" / "jobs" / run / f"{part}.json"
