from retrieval.benchmarks.fashion_mnist.counts import (
    histogram,
    histogram_report,
    split_counts,
    split_report,
)
from retrieval.benchmarks.fashion_mnist.data import CLASSES, FashionMnist


def test_the_real_data_has_6000_pictures_of_each_named_class(fashion_mnist: FashionMnist) -> None:
    result = histogram(fashion_mnist)
    assert result["training"] == dict.fromkeys(CLASSES, 6000)
    assert result["test"] == dict.fromkeys(CLASSES, 1000)


def test_the_real_split_has_4200_and_1800_of_each_named_class(fashion_mnist: FashionMnist) -> None:
    result = split_counts(fashion_mnist)
    assert result["training"] == dict.fromkeys(CLASSES, 4200)
    assert result["validation"] == dict.fromkeys(CLASSES, 1800)


def test_the_digest_tells_splits_apart(small: FashionMnist) -> None:
    first, again, other = (split_counts(small, seed)["rows_sha256"] for seed in (0, 0, 1))
    assert first == again != other


def test_the_reports_name_every_class(small: FashionMnist) -> None:
    for report in (histogram_report(histogram(small)), split_report(split_counts(small))):
        rows = report.tables[0].cells()
        assert [row[0] for row in rows] == [*CLASSES, "all"]
        ticks = report.figures["classes"].axes[0].get_xticklabels()
        assert [tick.get_text() for tick in ticks] == list(CLASSES)
