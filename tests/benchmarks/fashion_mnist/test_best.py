import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval.benchmarks.fashion_mnist.best import CANDIDATES, STEPS, Best, best_report, run
from retrieval.benchmarks.fashion_mnist.data import CLASSES, FashionMnist


@pytest.fixture(scope="module")
def result(small: FashionMnist) -> Best:
    return run(small, words=8)


def test_the_validation_set_chooses_and_the_test_set_judges(result: Best) -> None:
    accuracies = {c["features"]: c["validation_accuracy"] for c in result["candidates"]}
    assert list(accuracies) == list(CANDIDATES)
    assert accuracies[result["chosen"]] == max(accuracies.values())
    assert result["test_accuracy"] > 0.9


def test_the_confusion_counts_every_test_picture_once(result: Best, small: FashionMnist) -> None:
    confusion = np.array(result["confusion"])
    assert confusion.sum(axis=1).tolist() == np.bincount(small.test.labels).tolist()
    assert confusion.trace() / confusion.sum() == pytest.approx(result["test_accuracy"])
    assert list(result["accuracy_by_class"]) == list(CLASSES)


def test_the_labels_of_the_test_set_change_nothing_but_the_judgement(
    result: Best, small: FashionMnist
) -> None:
    blind = replace(small, test=replace(small.test, labels=(small.test.labels + 1) % 10))
    unseen = run(blind, words=8)
    assert [c["validation_accuracy"] for c in result["candidates"]] == [
        c["validation_accuracy"] for c in unseen["candidates"]
    ]
    assert (
        np.sum(result["confusion"], axis=0).tolist() == np.sum(unseen["confusion"], axis=0).tolist()
    )


def test_progress_is_told_of_every_step(small: FashionMnist) -> None:
    steps: list[object] = []
    run(small, words=8, advance=lambda n=1, **fields: steps.append(fields["step"]))
    assert len(steps) == STEPS


def test_the_report_stresses_what_was_chosen(result: Best) -> None:
    report = best_report(json.loads(json.dumps(result)))
    table = report.tables[0]
    assert table.best is not None
    assert table.cells()[table.best][0] == result["chosen"]
