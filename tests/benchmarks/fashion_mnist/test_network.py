import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval.benchmarks.fashion_mnist.data import FashionMnist, split
from retrieval.benchmarks.fashion_mnist.network import COLUMNS, Recipe, train, training_report
from retrieval.errors import SettingInvalid


def without_sense(data: FashionMnist) -> FashionMnist:
    """The labels shuffled: what is learnt of them makes the validation loss grow."""
    labels = np.random.default_rng(0).permutation(data.train.labels)
    return replace(data, train=replace(data.train, labels=labels))


def test_training_lowers_the_loss_and_learns_the_classes(small: FashionMnist) -> None:
    _, result = train(small, Recipe(batch_size=16, epochs=12))
    losses = [epoch["validation_loss"] for epoch in result["epochs"]]
    assert losses[-1] < losses[0] / 2
    assert result["test_accuracy"] > 0.9
    assert result["pictures"] == {"training": 140, "validation": 60, "test": 60}


def test_a_training_repeats_with_its_seed_and_differs_with_another(small: FashionMnist) -> None:
    first, again, other = (
        train(small, Recipe(batch_size=16, epochs=2, seed=seed))[1]["epochs"] for seed in (5, 5, 6)
    )
    assert first == again != other


def test_the_network_keeps_the_weights_of_the_smallest_validation_loss(
    small: FashionMnist,
) -> None:
    data = without_sense(small)
    network, result = train(data, Recipe(batch_size=8, epochs=8, seed=1))
    losses = [epoch["validation_loss"] for epoch in result["epochs"]]
    best = int(np.argmin(losses))
    assert result["best_epoch"] == best + 1 < len(losses)
    validation = data.train.take(split(data.train.labels, seed=1)[1])
    chances = network.predict_proba(validation.rows)[np.arange(60), validation.labels]
    assert -np.log(chances).mean() == pytest.approx(losses[best], rel=1e-4)


def test_training_stops_when_the_validation_loss_stays(small: FashionMnist) -> None:
    _, result = train(without_sense(small), Recipe(batch_size=8, epochs=60, patience=2))
    assert len(result["epochs"]) == result["best_epoch"] + 2 < 60


@pytest.mark.parametrize("option", ["batch_size", "epochs", "learning_rate", "patience"])
def test_an_option_without_meaning_is_refused(option: str) -> None:
    with pytest.raises(SettingInvalid, match=f"{option} must be above 0; found 0"):
        Recipe(**{option: 0})


def test_progress_is_told_of_every_epoch(small: FashionMnist) -> None:
    losses: list[object] = []
    train(small, Recipe(epochs=3), lambda n=1, **fields: losses.append(fields["loss"]))
    assert len(losses) == 3


def test_the_report_has_the_assignments_row_beside_ours(small: FashionMnist) -> None:
    _, result = train(small, Recipe(epochs=2))
    report = training_report(json.loads(json.dumps(result)))
    ours, assignment = report.tables[0].cells()
    assert ours[COLUMNS.index("batch size")] == "64"
    assert assignment == [
        "assignment",
        "16",
        "–",
        "15",
        "0.1996",
        "0.9247",
        "0.3374",
        "0.8872",
        "–",
    ]
    assert set(report.figures) == {"curves"}
