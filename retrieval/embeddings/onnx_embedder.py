"""Face chips to unit vectors through ONNX Runtime: any network that the manifest describes."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from retrieval.embeddings.preprocessing import prepare
from retrieval.errors import InferenceFailed, ModelCorrupt, ModelMismatch
from retrieval.inference.manifest import EmbedderEntry, Precision
from retrieval.inference.session import PROCESSOR, Session
from retrieval.values import Alignment, Floats, Pixels, Vectors, check_rows

logger = logging.getLogger(__name__)

# Files of our own exporters: they take raw pixels, and name what they were made from in this
# metadata key.
RAW_PIXELS = "tensor(uint8)"
ORIGIN_KEY = "rollcall.origin"


class OnnxEmbedder:
    """Embeds aligned face chips; passes the contract of `Embedder`."""

    def __init__(
        self,
        name: str,
        entry: EmbedderEntry,
        path: Path,
        *,
        precision: Precision = "fp32",
        mirror: bool = True,
        batch_size: int = 32,
        threads: int = 0,
        provider: str = PROCESSOR,
    ) -> None:
        """Load an embedder.

        Args:
            name: its name in the manifest.
            entry: what the manifest says of it.
            path: its ONNX file, as `ModelStore.file` gives it.
            precision: the variant that `path` holds.
            mirror: average the vectors of each chip and of its mirror image.
            batch_size: forward passes per run of the network, at most.
            threads: of ONNX Runtime; 0 for all cores.
            provider: what ONNX Runtime computes on.

        Raises:
            ModelMismatch: the file's input or output is not what the entry says.
        """
        self._entry = entry
        self._session, free = _free(path, threads, provider, entry)
        self._mirror = mirror
        self._batch = batch_size
        self._at_once = batch_size if free else 1  # images per run of the network
        self._input, self._raw = _input(self._session, entry, path)
        origin = self._session.metadata.get(ORIGIN_KEY) or _sha256(path)
        self._fingerprint = _fingerprint(name, entry, precision, mirror, origin)
        _check_output(self._session, entry, path)
        self._alignments = (entry.alignment,)

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return self._entry.dimension

    @property
    def alignments(self) -> tuple[Alignment, ...]:
        """How faces are cut out."""
        return self._alignments

    @property
    def fingerprint(self) -> str:
        """Names weights, preprocessing, precision, alignment: dlib-resnet:fp32:mirror:0a1b2c3d."""
        return self._fingerprint

    def embed(self, chips: Pixels) -> Vectors:
        """Embed (n, s, s, 3) RGB uint8 chips to (n, d) float32 rows of unit length.

        Raises:
            InferenceFailed: ONNX Runtime failed, or a vector is not finite or all zeros.
        """
        side = self._entry.chip_px
        check_rows("chips", chips, (None, side, side, 3))
        vectors = np.empty((len(chips), self.dimension), np.float32)
        step = max(1, self._batch // 2) if self._mirror else self._batch
        for start in range(0, len(chips), step):
            vectors[start : start + step] = self._embed(chips[start : start + step])
        return vectors

    def _embed(self, chips: Pixels) -> Vectors:
        """One run of the network."""
        if not self._mirror:
            return _unit(self._forward(chips))
        vectors = self._forward(_with_mirror_images(chips))
        return _unit(vectors[: len(chips)] + vectors[len(chips) :])

    def _forward(self, chips: Pixels) -> Floats:
        pixels = np.ascontiguousarray(chips) if self._raw else prepare(chips, self._entry)
        return _run(self._session, self._input, pixels, self._at_once)


def _run(session: Session, name: str, images: npt.NDArray[Any], at_once: int) -> Floats:
    """The network's answer to (n, ...) images, of which it takes so many at a time."""
    starts = range(0, max(len(images), 1), at_once)
    parts = [session.run({name: images[start : start + at_once]})[0] for start in starts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _free(path: Path, threads: int, provider: str, entry: EmbedderEntry) -> tuple[Session, bool]:
    """Load a network so that it takes any number of images; say whether that can be.

    A file that was saved for one image is rewritten in memory, and tried: two images together must
    give what each gives alone. Where they do not, the file is used as it is, an image at a time.
    """
    session = Session(path, threads, provider=provider)
    first = next(iter(session.inputs.values()), ("", ()))[1][:1]
    if first != (1,):
        return session, True
    logger.info("%s was saved for one image at a time; freeing its batch", path.name)
    try:
        from retrieval.inference.free_batch import with_free_batch  # only now: onnx takes 0.2 s

        freed = Session(path, threads, provider=provider, rewrite=with_free_batch)
        name, raw = _input(session, entry, path)
        noise = np.random.default_rng(0).integers(0, 256, (2, *[entry.chip_px] * 2, 3), np.uint8)
        images = noise if raw else prepare(noise, entry)
        alone, together = _run(session, name, images, 1), _run(freed, name, images, 2)
        if np.allclose(_unit(alone), _unit(together), atol=1e-4):
            return freed, True
    except (ModelCorrupt, InferenceFailed, ValueError) as error:
        logger.warning("%s: its batch cannot be freed (%s)", path.name, error)
    return session, False


def _with_mirror_images(chips: Pixels) -> Pixels:
    """The chips, then the same chips with left and right exchanged: (2n, s, s, 3)."""
    count, side = len(chips), chips.shape[1]
    both = np.empty((2 * count, side, side, 3), np.uint8)
    both[:count] = chips
    # All chips as one tall image: OpenCV flips it in a tenth of the time that NumPy takes.
    cv2.flip(both[:count].reshape(-1, side, 3), 1, both[count:].reshape(-1, side, 3))
    return both


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise InferenceFailed("The embedder answered a vector that is zero or not finite.")
    return np.asarray(vectors / lengths, np.float32)


def _input(session: Session, entry: EmbedderEntry, path: Path) -> tuple[str, bool]:
    """The name of the network's only input, and whether it takes raw pixels."""
    if len(session.inputs) != 1:
        raise ModelMismatch(f"{path} has inputs {list(session.inputs)}; an embedder has one.")
    [(name, (kind, shape))] = session.inputs.items()
    side = entry.chip_px
    raw = kind == RAW_PIXELS
    wanted = (3, side, side) if entry.layout == "NCHW" and not raw else (side, side, 3)
    fits = len(shape) == 4 and all(
        found == length or not isinstance(found, int)
        for found, length in zip(shape[1:], wanted, strict=True)
    )
    if not fits:
        raise ModelMismatch(
            f"{path} takes inputs of shape {shape}, but its manifest entry says {('n', *wanted)}. "
            "Mend chip_px or layout of the entry."
        )
    return name, raw


def _check_output(session: Session, entry: EmbedderEntry, path: Path) -> None:
    name, shape = next(iter(session.outputs.items()))
    if len(shape) != 2 or shape[1] != entry.dimension:
        raise ModelMismatch(
            f"{path} answers {name} of shape {shape}, but its manifest entry says "
            f"{('n', entry.dimension)}. Mend dimension of the entry."
        )


def _fingerprint(
    name: str, entry: EmbedderEntry, precision: Precision, mirror: bool, origin: str
) -> str:
    """What a vector depends on, in one readable word and a hash."""
    depends = {
        "origin": origin,
        "template": entry.template,
        "chip_px": entry.chip_px,
        **({} if entry.aspect == 1 else {"aspect": entry.aspect}),
        "preprocessing": [entry.colour, entry.scaling.model_dump(exclude={"source"})],
    }
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
    return ":".join([name, precision, "mirror" if mirror else "plain", digest[:8]])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
