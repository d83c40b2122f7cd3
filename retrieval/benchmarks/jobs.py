"""Benchmarks by name, so that a terminal and a worker run the same: options in, JSON out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from retrieval.benchmarks.progress import Advance
from retrieval.benchmarks.report import Report
from retrieval.settings import Settings

Options = Mapping[str, Any]  # JSON-able: they travel to a worker
Result = Mapping[str, Any]  # JSON-able: it travels back

# Modules whose BENCHMARKS are found by name; loaded when one of them is asked for.
_MODULES = {
    "fashion-mnist": "retrieval.benchmarks.fashion_mnist.jobs",
    "few-shot": "retrieval.benchmarks.face_jobs",
    "clusters": "retrieval.benchmarks.face_jobs",
    "visual-words": "retrieval.benchmarks.face_jobs",
}


def _whole(options: Options) -> Sequence[Options]:
    return [options]


def _only(results: Sequence[Any]) -> Any:
    return results[0]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What can be run here or by workers.

    Attributes:
        run: with the settings of whoever runs it; told how far it is.
        report: of its result, as it comes back from JSON.
        steps: how many `run` counts.
        parts: options of jobs that can run side by side.
        joined: their results as one.
    """

    run: Callable[[Settings, Options, Advance], Any]
    report: Callable[[Any], Report]
    steps: Callable[[Options], int]
    parts: Callable[[Options], Sequence[Options]] = _whole
    joined: Callable[[Sequence[Any]], Any] = _only


def find(name: str) -> Benchmark:
    """Find a benchmark: "few-shot", "fashion-mnist sweep".

    Raises:
        KeyError: there is none of that name.
    """
    benchmarks: Mapping[str, Benchmark] = resolve_name(f"{_MODULES[name.split()[0]]}:BENCHMARKS")
    return benchmarks[name]
