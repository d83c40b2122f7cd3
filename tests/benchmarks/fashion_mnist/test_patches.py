import numpy as np

from retrieval.benchmarks.fashion_mnist.data import FashionMnist
from retrieval.benchmarks.fashion_mnist.patches import PatchWords


def test_a_picture_becomes_counts_of_words_in_sixteen_regions(small: FashionMnist) -> None:
    words = PatchWords.learn(small.train.pixels, words=20)
    rows = words.encode(small.test.pixels[:5])
    assert rows.shape == (5, 16 * 20)
    assert rows.min() == 0
    assert np.isfinite(rows).all()


def test_a_dictionary_repeats_with_its_seed(small: FashionMnist) -> None:
    first, again, other = (
        PatchWords.learn(small.train.pixels, words=20, seed=seed).encode(small.test.pixels[:2])
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_words_are_counted_where_they_are(small: FashionMnist) -> None:
    words = PatchWords.learn(small.train.pixels, words=20)
    pixels = np.zeros((1, 28, 28), np.uint8)
    pixels[0, 1:5, 3] = 255  # a stroke in the first region, out of reach of the others
    regions = words.encode(pixels).reshape(16, 20)
    blank = words.encode(np.zeros((1, 28, 28), np.uint8)).reshape(16, 20)
    changed = np.flatnonzero(np.abs(regions - blank).max(axis=1) > 1e-6)
    assert changed.tolist() == [0]


def test_many_pictures_are_encoded_as_one_is(small: FashionMnist) -> None:
    words = PatchWords.learn(small.train.pixels, words=20)
    rows = words.encode(small.train.pixels[:70])  # more than are encoded at a time
    assert np.allclose(rows[65], words.encode(small.train.pixels[65:66])[0], atol=1e-5)
