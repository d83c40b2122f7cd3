"""`bench fashion-mnist`: the assignment's network, and what beats it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench_report import Out, Seed, finish
from cli.options import Run, command

if TYPE_CHECKING:
    from retrieval.benchmarks.fashion_mnist.data import FashionMnist

fashion = typer.Typer(
    help="Fashion-MNIST: a small network, retrieval, and the best of both.", no_args_is_help=True
)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Folder of the four idx.gz files; Debian's if unset."
    ),
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Visits of every picture.")]
LearningRate = Annotated[float, typer.Option("--learning-rate", help="Adam's step.")]


@command(fashion)
def download(run: Run) -> None:
    """Download the four files from their publisher, and check their SHA-256."""
    from retrieval.benchmarks.fashion_mnist.data import SHA256, download_folder, fetch

    folder = download_folder(run.settings.home)
    with run.progress("downloading", len(SHA256)) as advance:
        files = fetch(folder, advance=advance)
    document = {"folder": str(folder), "files": [path.name for path in files]}
    run.emit(document, lambda: run.print(f"{len(files)} files in {folder}", markup=False))


@command(fashion)
def histogram(run: Run, data: Data = None, out: Out = None) -> None:
    """Count the pictures of each class."""
    from retrieval.benchmarks.fashion_mnist import counts

    result = counts.histogram(_load(run, data))
    finish(run, "histogram", result, counts.histogram_report(result), out)


@command(fashion)
def split(run: Run, data: Data = None, seed: Seed = 0, out: Out = None) -> None:
    """Split the training pictures 70/30, each class by itself."""
    from retrieval.benchmarks.fashion_mnist import counts

    result = counts.split_counts(_load(run, data), seed)
    finish(run, "split", result, counts.split_report(result), out)


@command(fashion)
def train(
    run: Run,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Pictures a step.")] = 64,
    epochs: Epochs = 20,
    learning_rate: LearningRate = 0.001,
    patience: Annotated[
        int | None,
        typer.Option("--patience", min=1, help="Stop after so many epochs without progress."),
    ] = 5,
    data: Data = None,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Train the network of 784-128-10 and export it to ONNX, for `predict`."""
    from retrieval.benchmarks.fashion_mnist import network, predict

    recipe = network.Recipe(batch_size, epochs, learning_rate, patience, seed)
    pictures = _load(run, data)
    with run.progress("training", epochs) as advance:
        trained, result = network.train(pictures, recipe, advance)
    notes = {name: str(value) for name, value in result["recipe"].items()}
    path = predict.export(trained, predict.network_path(run.settings.home), notes)
    finish(run, "training", result, network.training_report(result), out)
    run.remark(f"The network is in {path}. Try: rollcall bench fashion-mnist predict IMAGE")


@command(fashion)
def sweep(
    run: Run,
    batch_size: Annotated[
        list[int] | None,
        typer.Option("--batch-size", min=1, help="One of them; 8, 16, 32 and 64 if unset."),
    ] = None,
    epochs: Epochs = 20,
    learning_rate: LearningRate = 0.001,
    data: Data = None,
    seed: Seed = 0,
    again: Annotated[
        bool, typer.Option("--again", help="Repeat batch sizes that are done.")
    ] = False,
    out: Out = None,
) -> None:
    """Compare batch sizes; a sweep that was stopped goes on with what is missing."""
    from retrieval.benchmarks.fashion_mnist import sweep as module
    from retrieval.benchmarks.fashion_mnist.network import Recipe

    sizes = sorted(set(batch_size or module.BATCH_SIZES))
    recipe = Recipe(epochs=epochs, learning_rate=learning_rate, seed=seed)
    recipes = [replace(recipe, batch_size=size) for size in sizes]
    pictures = _load(run, data)
    folder = module.sweep_folder(run.settings.home, recipe, pictures)
    if again:
        module.forget(folder, sizes)
    with run.progress("training", epochs * len(module.missing(folder, sizes))) as advance:
        result = module.run(pictures, recipes, folder, advance)
    finish(run, "sweep", result, module.sweep_report(result), out)


@command(fashion)
def retrieve(
    run: Run,
    probes: Annotated[
        int, typer.Option("--probes", min=1, help="Test pictures that are timed.")
    ] = 1000,
    data: Data = None,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Search the training pictures with the test pictures: speed against recall, and accuracy."""
    from retrieval.benchmarks.fashion_mnist import retrieve as module

    pictures = _load(run, data)
    with run.progress("measuring", module.STEPS) as advance:
        result = module.run(pictures, probes, seed, advance)
    finish(run, "retrieval", result, module.retrieval_report(result), out)


@command(fashion)
def best(run: Run, data: Data = None, seed: Seed = 0, out: Out = None) -> None:
    """Train the best classifier of ten minutes: chosen on the validation set, tested once."""
    from retrieval.benchmarks.fashion_mnist import best as module
    from retrieval.build import threads_of

    pictures = _load(run, data)
    with run.progress("training", module.STEPS) as advance:
        result = module.run(pictures, seed, threads_of(run.settings), advance)
    finish(run, "best", result, module.best_report(result), out)


@command(fashion)
def predict(
    run: Run,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture of clothes.")],
) -> None:
    """Say what a picture shows, by the network that `train` exported."""
    from retrieval.benchmarks.fashion_mnist.predict import Network, network_path
    from retrieval.photos.decode import decode

    network = Network(network_path(run.settings.home))
    photo = decode(
        image,
        working_px=None,
        max_pixels=run.settings.max_pixels,
        max_bytes=run.settings.max_photo_bytes,
    )
    answer = network.predict(photo.pixels)
    ranked = sorted(answer["probabilities"].items(), key=lambda pair: -pair[1])
    rows = [(name, f"{probability:.4f}") for name, probability in ranked]
    run.emit(
        {"image": str(image), **answer},
        lambda: run.table(("class", "probability"), rows, title=str(image)),
    )


def _load(run: Run, folder: Path | None) -> "FashionMnist":
    from retrieval.benchmarks.fashion_mnist.data import find_folder, load

    return load(find_folder(folder, run.settings.home))
