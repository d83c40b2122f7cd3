"""Several embedders as one: their vectors side by side, their cosines weighted."""

import numpy as np
import pytest

from retrieval.embeddings.joined import JoinedEmbedder
from retrieval.embeddings.onnx_embedder import OnnxEmbedder
from retrieval.faces.align import cut
from retrieval.inference.store import ModelStore
from retrieval.values import Floats, Pixels

NAME = "dlib-resnet"


@pytest.fixture(scope="module")
def parts(store: ModelStore) -> list[OnnxEmbedder]:
    """One network that sees a face in two ways."""
    entry = store.manifest.embedder(NAME)
    wide = entry.model_copy(update={"aspect": 1.2})
    return [OnnxEmbedder(NAME, one, store.file(NAME)) for one in (entry, wide)]


@pytest.fixture(scope="module")
def landmarks(parts: list[OnnxEmbedder]) -> Floats:
    return np.stack([parts[0].alignments[0].template + shift for shift in (0, 20, 40)])


def photo() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (220, 220, 3), np.uint8)


def test_a_cosine_is_the_mean_of_the_parts_weighted_by_the_squares(
    parts: list[OnnxEmbedder], landmarks: Floats
) -> None:
    joined = JoinedEmbedder("both", [(parts[0], 1.0), (parts[1], 0.5)])
    found = joined.embed(cut(photo(), landmarks, joined.alignments))
    assert found.shape == (3, joined.dimension) == (3, 256)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    alone = [part.embed(cut(photo(), landmarks, part.alignments)) for part in parts]
    expected = (alone[0] @ alone[0].T + 0.25 * alone[1] @ alone[1].T) / 1.25
    np.testing.assert_allclose(found @ found.T, expected, atol=1e-5)


def test_no_faces_give_no_vectors(parts: list[OnnxEmbedder], landmarks: Floats) -> None:
    joined = JoinedEmbedder("both", [(part, 1.0) for part in parts])
    assert joined.embed(cut(photo(), landmarks[:0], joined.alignments)).shape == (0, 256)


def test_the_fingerprint_tells_parts_and_weights_apart(parts: list[OnnxEmbedder]) -> None:
    made = {
        JoinedEmbedder("both", [(parts[0], 1.0), (parts[1], weight)]).fingerprint
        for weight in (0.5, 0.6)
    } | {JoinedEmbedder("both", [(parts[1], 1.0), (parts[0], 0.5)]).fingerprint}
    assert len(made) == 3
    assert all(name.startswith("both:fp32:mirror:") for name in made)


def test_a_part_may_see_no_mirror_images_while_others_do(
    parts: list[OnnxEmbedder], landmarks: Floats, store: ModelStore
) -> None:
    plain = OnnxEmbedder(NAME, store.manifest.embedder(NAME), store.file(NAME), mirror=False)
    joined = JoinedEmbedder("both", [(parts[0], 1.0), (plain, 1.0)])
    assert joined.fingerprint.startswith("both:fp32:mirror:")
    chips = cut(photo(), landmarks, joined.alignments)
    found = joined.embed(chips) * np.sqrt(2)
    np.testing.assert_allclose(
        found[:, :128], parts[0].embed(cut(photo(), landmarks, parts[0].alignments)), atol=1e-5
    )
    np.testing.assert_allclose(
        found[:, 128:], plain.embed(cut(photo(), landmarks, plain.alignments)), atol=1e-5
    )
    assert JoinedEmbedder("both", [(plain, 1.0), (plain, 1.0)]).fingerprint.startswith(
        "both:fp32:plain:"
    )
