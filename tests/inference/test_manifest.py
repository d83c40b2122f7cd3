"""The manifest: what stands in it, and what is said of one that does not fit."""

import re
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import ModelManifestInvalid, NotFound
from retrieval.inference.manifest import Manifest, load_manifest

OWN = """
[embedders.mine]
title = "My network"
licence = "mine"
dimension = 64
chip_px = 112
colour = "BGR"
layout = "NHWC"
template = [[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]]
weights = { path = "networks/mine.onnx" }
scaling = { kind = "fixed", mean = [127.5, 127.5, 127.5], divisor = [128.0, 128.0, 128.0] }
decision = { threshold = 0.4, margin = 0.01, measured = false, source = "its paper" }
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_the_models_of_the_design_are_all_there() -> None:
    manifest = load_manifest()
    assert set(manifest.detectors) == {"yunet", "mtcnn", "haar"}
    assert set(manifest.embedders) == {
        "dlib-resnet",
        "mobilefacenet",
        "sface",
        "auraface",
        "ghostfacenet",
        "facenet-casia",
        "facenet512",
        "facenet128",
    }


def test_every_known_file_of_a_package_or_url_has_a_hash_unless_the_card_says_why() -> None:
    manifest = load_manifest()
    sources = [
        (name, source)
        for name, detector in manifest.detectors.items()
        for source in detector.files.values()
    ]
    sources += [(name, embedder.weights) for name, embedder in manifest.embedders.items()]
    unknown = {(name, source.file_name) for name, source in sources if source.sha256 is None}
    assert unknown == {
        ("haar", "haarcascade_frontalface_default.xml"),
        ("facenet512", "facenet512_weights.h5"),
        ("facenet128", "facenet_weights.h5"),
    }


@pytest.mark.parametrize("name", list(load_manifest().embedders))
def test_a_template_is_an_upright_face(name: str) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = load_manifest().embedder(name).landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]


def test_a_threshold_that_nobody_measured_says_so() -> None:
    embedders = load_manifest().embedders
    assert embedders["dlib-resnet"].decision.measured
    for name in ("facenet512", "facenet128", "sface", "auraface", "ghostfacenet"):
        assert not embedders[name].decision.measured
        assert "not measured" in embedders[name].decision.source


def test_every_int8_variant_has_the_ranges_of_its_activations() -> None:
    for name, entry in load_manifest().embedders.items():
        assert bool(entry.ranges) == ("int8" in entry.precisions), name
        assert all(low < high for low, high in entry.ranges.values()), name


def test_parts_of_joined_embedders_exist_and_are_measured() -> None:
    manifest = load_manifest()
    for name, entry in manifest.joined.items():
        assert len(manifest.parts(name)) == len(entry.parts) >= 2
        assert entry.lfw is not None
        assert all(entry.lfw.fnir < _fnir(manifest, part) for part in manifest.parts(name)), name


def _fnir(manifest: Manifest, name: str) -> float:
    figures = manifest.any_embedder(name).lfw
    assert figures is not None
    return figures.fnir


def test_a_joined_embedder_of_unknown_parts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(
        '[joined.both]\ntitle = "a"\nlicence = "b"\nparts = [{ name = "dlib-resnet", weight = 1 },'
        ' { name = "arcface", weight = 1 }]\ndecision = { threshold = 0.5, margin = 0,'
        ' measured = false, source = "nowhere" }\n',
        encoding="utf-8",
    )
    with pytest.raises(ModelManifestInvalid, match="joined of 'arcface', which is no embedder"):
        load_manifest(tmp_path / "models.toml")


def test_the_users_entries_come_on_top_with_paths_beside_their_file(own: Path) -> None:
    manifest = load_manifest(own)
    assert {"mine", "dlib-resnet"} <= set(manifest.embedders)
    mine = manifest.embedder("mine")
    assert mine.weights.path == own.parent / "networks" / "mine.onnx"
    assert mine.precisions == ("fp32",)
    np.testing.assert_allclose(mine.landmarks[2], [56.0, 71.7], rtol=1e-6)


def test_the_example_in_the_model_cards_is_a_valid_entry(tmp_path: Path) -> None:
    cards = Path(__file__).parents[2] / "models" / "README.md"
    [example] = re.findall(r"```toml\n(.*?)```", cards.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "models.toml").write_text(example, encoding="utf-8")
    mine = load_manifest(tmp_path / "models.toml").embedder("mine")
    assert mine.weights.path == tmp_path / "mine.onnx"


def test_a_file_of_the_user_that_does_not_exist_adds_nothing(tmp_path: Path) -> None:
    assert load_manifest(tmp_path / "models.toml") == load_manifest()


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        NotFound, match=r"arcface.*auraface, dlib-resnet, facenet-casia, facenet-dlib, facenet128"
    ):
        load_manifest().embedder("arcface")
    with pytest.raises(NotFound, match="haar, mtcnn, yunet"):
        load_manifest().detector("retina")


def test_a_name_belongs_to_one_model_only(own: Path) -> None:
    own.write_text(OWN.replace("embedders.mine", "embedders.mtcnn"), encoding="utf-8")
    with pytest.raises(ModelManifestInvalid, match="mtcnn"):
        load_manifest(own)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("dimension = 64", "dimension = 0", "embedders.mine.dimension"),
        ("dimension = 64", "", "embedders.mine.dimension"),
        ('colour = "BGR"', 'colour = "GRB"', "embedders.mine.colour"),
        ("[70.7, 92.2]", "[170.7, 92.2]", "out of the chip of 112 px"),
        (", [70.7, 92.2]", "", "embedders.mine.template"),
        ("128.0, 128.0, 128.0", "128.0, 0.0, 128.0", "divisor"),
        ("threshold = 0.4", "threshold = 40.0", "decision.threshold"),
        ('layout = "NHWC"', 'layuot = "NHWC"', "layuot"),
        ('{ path = "networks/mine.onnx" }', "{}", "give either url, or path"),
        ('{ path = "networks/mine.onnx" }', '{ url = "file:///etc/passwd" }', "weights.url"),
        ("[embedders.mine]", "[embedders.'../mine']", "embedders"),
        ('title = "My network"', "title = ", "cannot be read as TOML"),
    ],
)
def test_an_entry_that_does_not_fit_is_named_with_what_was_found(
    own: Path, old: str, new: str, said: str
) -> None:
    assert old in OWN
    own.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(ModelManifestInvalid, match=said) as caught:
        load_manifest(own)
    assert "models.toml" in str(caught.value)
