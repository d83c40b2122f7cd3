"""The benchmarks on Fashion-MNIST by name."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from retrieval.benchmarks.fashion_mnist import best, counts, network, predict, retrieve, sweep
from retrieval.benchmarks.fashion_mnist.data import FashionMnist, find_folder, load
from retrieval.benchmarks.jobs import Benchmark, Options
from retrieval.benchmarks.progress import Advance
from retrieval.building import threads_of
from retrieval.settings import Settings


def _data(settings: Settings, options: Options) -> FashionMnist:
    given = options.get("data")
    return load(find_folder(Path(given) if given else None, settings.home))


def _histogram(settings: Settings, options: Options, advance: Advance) -> counts.Histogram:
    result = counts.histogram(_data(settings, options))
    advance(1)
    return result


def _split(settings: Settings, options: Options, advance: Advance) -> counts.Split:
    result = counts.split_counts(_data(settings, options), options["seed"])
    advance(1)
    return result


def _recipe(options: Options) -> network.Recipe:
    names = ("batch_size", "epochs", "learning_rate", "patience", "seed")
    return network.Recipe(**{name: options[name] for name in names if name in options})


def _train(settings: Settings, options: Options, advance: Advance) -> network.Training:
    """Train, and keep the network for `predict`."""
    data = _data(settings, options)
    trained, result = network.train(data, _recipe(options), advance)
    notes = {name: str(value) for name, value in result["recipe"].items()}
    predict.export(trained, predict.network_path(settings.home), notes)
    return result


def _sweep(settings: Settings, options: Options, advance: Advance) -> sweep.Sweep:
    """Train with the batch sizes that are missing."""
    data, recipe, sizes = _data(settings, options), _recipe(options), options["batch_sizes"]
    folder = sweep.sweep_folder(settings.home, recipe, data)
    if options["again"]:
        sweep.forget(folder, sizes)
    recipes = [replace(recipe, batch_size=size) for size in sizes]
    return sweep.run(data, recipes, folder, advance)


def _sweep_parts(options: Options) -> Sequence[Options]:
    return [{**options, "batch_sizes": [size]} for size in options["batch_sizes"]]


def _sweep_joined(results: Sequence[Any]) -> sweep.Sweep:
    return sweep.Sweep(trainings=[one for result in results for one in result["trainings"]])


def _retrieve(settings: Settings, options: Options, advance: Advance) -> retrieve.Retrieval:
    return retrieve.run(_data(settings, options), options["probes"], options["seed"], advance)


def _best(settings: Settings, options: Options, advance: Advance) -> best.Best:
    return best.run(_data(settings, options), options["seed"], threads_of(settings), advance)


BENCHMARKS = {
    "fashion-mnist histogram": Benchmark(_histogram, counts.histogram_report, lambda options: 1),
    "fashion-mnist split": Benchmark(_split, counts.split_report, lambda options: 1),
    "fashion-mnist train": Benchmark(
        _train, network.training_report, lambda options: int(options["epochs"])
    ),
    "fashion-mnist sweep": Benchmark(
        _sweep,
        sweep.sweep_report,
        lambda options: options["epochs"] * len(options["batch_sizes"]),
        _sweep_parts,
        _sweep_joined,
    ),
    "fashion-mnist retrieve": Benchmark(
        _retrieve, retrieve.retrieval_report, lambda options: retrieve.STEPS
    ),
    "fashion-mnist best": Benchmark(_best, best.best_report, lambda options: best.STEPS),
}
