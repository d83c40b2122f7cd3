"""models/manifest.toml as frozen, checked entries: what a model is, where its files come from."""

import tomllib
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from retrieval.errors import ModelManifestInvalid, NotFound
from retrieval.values import Alignment, Floats

Precision = Literal["fp32", "int8"]

_PACKAGED = Path(__file__).with_name("manifest.toml")
_RANGES = "ranges.toml"  # beside the manifest: many numbers that no reader of it needs
_CHECKOUT = Path(__file__).resolve().parents[2] / "models" / "manifest.toml"
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
_Point = tuple[float, float]
_Channels = tuple[float, float, float]
_Positive = Annotated[float, Field(gt=0)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSource(_Entry):
    """Where a file comes from: a URL, an installed package, or a path on this machine.

    Attributes:
        package: an installed Python package that carries the file.
        path: where in the package; or, for a user's own file, where on this machine.
        extra: of Rollcall, which brings that package; None where the installation does.
        url: where it is downloaded from.
        sha256: of its bytes, where it is known beforehand.
    """

    package: str | None = None
    extra: str | None = None
    path: Path | None = None
    url: str | None = Field(default=None, pattern=r"^https?://.+/[^/]+$")
    sha256: _Sha256 | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.url is None) == (self.path is None) or (self.package and self.path is None):
            raise ValueError("give either url, or path, or package and the path inside it")
        return self

    @property
    def file_name(self) -> str:
        """Its name without folders."""
        return (self.url or str(self.path)).rsplit("/", 1)[-1]


class FixedScaling(_Entry):
    """(pixel - mean) / divisor, in the embedder's colour order."""

    kind: Literal["fixed"]
    mean: _Channels
    divisor: tuple[_Positive, _Positive, _Positive]
    source: str = ""


class PerImageScaling(_Entry):
    """(pixel - mean) / max(standard deviation, 1 / sqrt(numbers)) of each chip."""

    kind: Literal["per-image"]
    source: str = ""


Scaling = Annotated[FixedScaling | PerImageScaling, Field(discriminator="kind")]


class DecisionDefaults(_Entry):
    """Default threshold and margin of a match, for the score that `retrieval.scoring.rule` defines.

    Attributes:
        measured: whether by us; if not, the number is only as good as its source.
        source: what it was measured on, or where it was read.
        photo_threshold, person_threshold: for comparisons of a photo with a photo, or with one
            person, where they are known.
        unlike: cosine below which two photos hardly show one person; None: nothing is said of a
            photo that looks unlike the person's others.
    """

    threshold: float = Field(ge=-1, le=1)
    margin: float = Field(ge=0, le=2)
    measured: bool
    source: str
    photo_threshold: float | None = Field(None, ge=-1, le=1)
    person_threshold: float | None = Field(None, ge=-1, le=1)
    unlike: float | None = Field(None, ge=-1, le=1)


class LfwFigures(_Entry):
    """What an embedder gave on real photos, measured by us as docs/accuracy.md says.

    Attributes:
        fnir: share of known people's faces not named where 1 % of the strangers' are.
        rank1: share of known people's faces whose best person is the right one.
        ms: a face, mirror image included, on one thread of the machine that measured them all.
    """

    fnir: float = Field(ge=0, le=1)
    rank1: float = Field(ge=0, le=1)
    ms: float = Field(gt=0)


class DetectorEntry(_Entry):
    """A detector: its files by their role."""

    title: str
    licence: str
    files: dict[str, FileSource] = Field(min_length=1)


class EmbedderEntry(_Entry):
    """An embedder. Either exported by us from `weights`, or a finished ONNX file.

    Attributes:
        weights: the file that the exporter reads; without an exporter, the ONNX file itself.
        exporter: which exporter makes the ONNX file; None where `weights` is one.
        revision: raised when the exporter's output changes, so that old exports are made anew.
        dimension: numbers per vector.
        chip_px: side of the square chip.
        colour, layout: order of the channels and of the axes that a finished ONNX file expects.
        scaling: what is done to pixels; exported files do it themselves.
        template: (5, 2) where the landmarks lie in a chip, in pixels.
        aspect: how much more of the photo a chip shows in height than in width.
        precisions: variants that exist.
        ranges: smallest and largest value of activations by name, for int8 exports.
        decision: default threshold and margin.
        lfw: what it gave on real photos; None where it was not measured.
    """

    title: str
    licence: str
    weights: FileSource
    exporter: str | None = None
    revision: int = 1
    dimension: int = Field(ge=2, le=4096)
    chip_px: int = Field(ge=16, le=1024)
    colour: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    scaling: Scaling
    template: tuple[_Point, _Point, _Point, _Point, _Point]
    aspect: float = Field(default=1.0, gt=0.5, lt=2)
    precisions: tuple[Precision, ...] = Field(default=("fp32",), min_length=1)
    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict)
    decision: DecisionDefaults
    lfw: LfwFigures | None = None

    @model_validator(mode="after")
    def _template_in_chip(self) -> Self:
        points = self.landmarks
        if (points < 0).any() or (points > self.chip_px).any():
            raise ValueError(f"template reaches out of the chip of {self.chip_px} px")
        return self

    @property
    def landmarks(self) -> Floats:
        """The template as (5, 2) float32."""
        return np.array(self.template, np.float32)

    @property
    def alignment(self) -> Alignment:
        """How faces are cut out for it."""
        template = self.landmarks
        template.flags.writeable = False
        return Alignment(template, self.chip_px, self.aspect)


class Part(_Entry):
    """An embedder of several, and how much its vectors count.

    Attributes:
        mirror: whether it sees mirror images, too, where the others do.
    """

    name: _Name
    weight: _Positive
    mirror: bool = True


class JoinedEntry(_Entry):
    """Several embedders whose unit vectors, weighted, stand side by side.

    Attributes:
        parts: of which embedders; a face is cut out once for each.
        precisions, decision, lfw: see `EmbedderEntry`.
    """

    title: str
    licence: str
    parts: tuple[Part, ...] = Field(min_length=2)
    precisions: tuple[Precision, ...] = Field(default=("fp32",), min_length=1)
    decision: DecisionDefaults
    lfw: LfwFigures | None = None


class Manifest(_Entry):
    """All detectors and embedders by name."""

    detectors: dict[_Name, DetectorEntry] = Field(default_factory=dict)
    embedders: dict[_Name, EmbedderEntry] = Field(default_factory=dict)
    joined: dict[_Name, JoinedEntry] = Field(default_factory=dict)
    liveness: dict[_Name, DetectorEntry] = Field(default_factory=dict)

    @property
    def fetched(self) -> dict[str, DetectorEntry]:
        """What is used as its files are, without an export: detectors, and liveness."""
        return {**self.detectors, **self.liveness}

    @model_validator(mode="after")
    def _parts_exist(self) -> Self:
        for name, entry in self.joined.items():
            for part in entry.parts:
                if self.embedders and part.name not in self.embedders:
                    raise ValueError(f"{name} is joined of {part.name!r}, which is no embedder")
        return self

    @property
    def embedder_names(self) -> tuple[str, ...]:
        """Of single and of joined embedders."""
        return (*self.embedders, *self.joined)

    def parts(self, name: str) -> tuple[str, ...]:
        """The networks that an embedder consists of: itself, or several.

        Raises:
            NotFound: there is no such embedder.
        """
        if name in self.joined:
            return tuple(part.name for part in self.joined[name].parts)
        self.embedder(name)
        return (name,)

    def any_embedder(self, name: str) -> EmbedderEntry | JoinedEntry:
        """The embedder of that name, single or joined.

        Raises:
            NotFound: there is none.
        """
        return self.joined[name] if name in self.joined else self.embedder(name)

    def embedder(self, name: str) -> EmbedderEntry:
        """The embedder of that name.

        Raises:
            NotFound: there is none.
        """
        if name not in self.embedders:
            raise NotFound(_unknown("embedder", name, list(self.embedder_names)))
        return self.embedders[name]

    def detector(self, name: str) -> DetectorEntry:
        """The detector of that name.

        Raises:
            NotFound: there is none.
        """
        if name not in self.detectors:
            raise NotFound(_unknown("detector", name, list(self.detectors)))
        return self.detectors[name]

    def files_of(self, name: str) -> dict[str, FileSource]:
        """The files of a detector or of a liveness network, by role.

        Raises:
            NotFound: there is none of that name.
        """
        if name not in self.fetched:
            raise NotFound(_unknown("model", name, [*self.fetched, *self.embedder_names]))
        return self.fetched[name].files


def load_manifest(extra: Path | None = None) -> Manifest:
    """Load Rollcall's manifest, and the user's own on top of it.

    Args:
        extra: the user's manifest; its entries are added, or replace those of the same name. A
            relative `path` in it is relative to its folder. Ignored where the file does not exist.

    Raises:
        ModelManifestInvalid: one of the two does not fit the schema.
    """
    manifest = _packaged()
    if extra is None or not extra.exists():
        return manifest
    own = _read(extra)
    detectors, embedders = manifest.detectors | own.detectors, manifest.embedders | own.embedders
    joined = manifest.joined | own.joined
    liveness = manifest.liveness | own.liveness
    kinds = detectors.keys(), embedders.keys(), joined.keys(), liveness.keys()
    if twice := {name for a, b in combinations(kinds, 2) for name in a & b}:
        raise ModelManifestInvalid(
            f"{extra} uses {', '.join(sorted(twice))} for two models of different kinds. Rename"
            " one."
        )
    try:
        return Manifest(detectors=detectors, embedders=embedders, joined=joined, liveness=liveness)
    except ValidationError as error:
        raise ModelManifestInvalid(f"{extra} does not fit: {_first(error)}") from error


@cache  # of what no process changes; it takes 20 ms
def _packaged() -> Manifest:
    """Rollcall's own manifest."""
    path = _PACKAGED if _PACKAGED.exists() else _CHECKOUT
    return _with_ranges(_read(path), path.with_name(_RANGES))


def _read(path: Path) -> Manifest:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return _with_absolute_paths(Manifest.model_validate(tables), path.parent.absolute())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelManifestInvalid(f"{path} cannot be read as TOML: {error}") from error
    except ValidationError as error:
        raise ModelManifestInvalid(f"{path} does not fit: {_first(error)}") from error


def _with_ranges(manifest: Manifest, path: Path) -> Manifest:
    """Give embedders the ranges of activations that a file holds by their names."""
    try:
        ranges = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelManifestInvalid(f"{path} cannot be read as TOML: {error}") from error
    embedders = manifest.embedders | {
        name: manifest.embedder(name).model_copy(update={"ranges": _pairs(own)})
        for name, own in ranges.items()
    }
    return manifest.model_copy(update={"embedders": embedders})


def _pairs(ranges: dict[str, list[float]]) -> dict[str, tuple[float, float]]:
    return {name: (low, high) for name, (low, high) in ranges.items()}


def _with_absolute_paths(manifest: Manifest, folder: Path) -> Manifest:
    """Make the paths of files that are in no package absolute."""

    def absolute(source: FileSource) -> FileSource:
        if source.path is None or source.package is not None:
            return source
        return source.model_copy(update={"path": folder / source.path.expanduser()})

    detectors = {
        name: entry.model_copy(
            update={"files": {role: absolute(file) for role, file in entry.files.items()}}
        )
        for name, entry in manifest.detectors.items()
    }
    embedders = {
        name: entry.model_copy(update={"weights": absolute(entry.weights)})
        for name, entry in manifest.embedders.items()
    }
    return manifest.model_copy(update={"detectors": detectors, "embedders": embedders})


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']} (found {first['input']!r}). Mend this entry or remove it."


def _unknown(kind: str, name: str, known: list[str]) -> str:
    return f"There is no {kind} {name!r}; known are {', '.join(sorted(known))}."
