"""`bench fashion-mnist`: the assignment's network, and what beats it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.bench_report import Out, Queued, Seed, measure
from cli.options import Run, command

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
def histogram(run: Run, data: Data = None, out: Out = None, queue: Queued = False) -> None:
    """Count the pictures of each class."""
    _measure(run, "histogram", data, out, queue)


@command(fashion)
def split(
    run: Run, data: Data = None, seed: Seed = 0, out: Out = None, queue: Queued = False
) -> None:
    """Split the training pictures 70/30, each class by itself."""
    _measure(run, "split", data, out, queue, seed=seed)


@command(fashion)
def train(
    run: Run,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Pictures per step.")] = 64,
    epochs: Epochs = 20,
    learning_rate: LearningRate = 0.001,
    patience: Annotated[
        int, typer.Option("--patience", min=1, help="Stop after so many epochs without progress.")
    ] = 5,
    data: Data = None,
    seed: Seed = 0,
    out: Out = None,
    queue: Queued = False,
) -> None:
    """Train the network of 784-128-10 and export it to ONNX, for `predict`."""
    _measure(
        run,
        "train",
        data,
        out,
        queue,
        batch_size=batch_size,
        epochs=epochs,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
    )
    run.remark("The network is exported. Try: rollcall bench fashion-mnist predict IMAGE")


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
    queue: Queued = False,
) -> None:
    """Compare batch sizes; a sweep that was stopped goes on with what is missing.

    With --queue each batch size is a job of its own.
    """
    from retrieval.benchmarks.fashion_mnist.sweep import BATCH_SIZES

    _measure(
        run,
        "sweep",
        data,
        out,
        queue,
        batch_sizes=sorted(set(batch_size or BATCH_SIZES)),
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        again=again,
    )


@command(fashion)
def retrieve(
    run: Run,
    probes: Annotated[
        int, typer.Option("--probes", min=1, help="Test pictures that are timed.")
    ] = 1000,
    data: Data = None,
    seed: Seed = 0,
    out: Out = None,
    queue: Queued = False,
) -> None:
    """Search the training pictures with the test pictures: speed against recall, and accuracy."""
    _measure(run, "retrieve", data, out, queue, probes=probes, seed=seed)


@command(fashion)
def best(
    run: Run, data: Data = None, seed: Seed = 0, out: Out = None, queue: Queued = False
) -> None:
    """Train the best classifier of ten minutes: chosen on the validation set, tested once."""
    _measure(run, "best", data, out, queue, seed=seed)


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


def _measure(
    run: Run, name: str, data: Path | None, out: Path | None, queue: bool, **options: Any
) -> None:
    options["data"] = None if data is None else str(data.absolute())
    measure(run, f"fashion-mnist {name}", options, out=out, queue=queue)
