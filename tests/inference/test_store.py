"""Model files are pulled whole or not at all, and nothing that changed is used."""

import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retrieval.errors import (
    DownloadFailed,
    ExportFailed,
    ModelCorrupt,
    ModelMissing,
    NotFound,
    StoreError,
)
from retrieval.inference.manifest import FileSource, Manifest
from retrieval.inference.store import ModelStore
from tests.inference.conftest import WEIGHTS, CountingExporter, FileServer, embedder, manifest


def files_under(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def change(path: Path) -> None:
    """Change one byte, as a bad disk would, and the time, as writing does."""
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, (1, 1))


def test_pull_brings_the_file_and_tells_how_far_it_is(store: ModelStore) -> None:
    seen: list[tuple[int, int | None]] = []
    [path] = store.pull("pulled-detector", progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == WEIGHTS
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert seen == sorted(seen)
    assert store.detector_files("pulled-detector") == {"network": path}


def test_a_second_pull_downloads_nothing(store: ModelStore, server: FileServer) -> None:
    store.pull("pulled-detector")
    store.pull("pulled-detector")
    assert server.requests == ["/weights.h5"]


def test_pull_from_a_path_needs_no_server(
    store: ModelStore, server: FileServer, tmp_path: Path
) -> None:
    there = tmp_path / "carried-by-hand.h5"
    there.write_bytes(WEIGHTS)
    [path] = store.pull("pulled-detector", source=there)
    assert path.read_bytes() == WEIGHTS
    assert server.requests == []


def test_pull_from_a_path_that_is_not_there_says_so(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no-such\.h5"):
        store.pull("pulled-detector", source=tmp_path / "no-such.h5")
    assert files_under(store.folder) == set()


def test_a_file_with_another_hash_is_refused_and_replaces_nothing(
    store: ModelStore, tmp_path: Path
) -> None:
    store.pull("pulled-detector")
    other = tmp_path / "other.h5"
    other.write_bytes(b"something else")
    with pytest.raises(ModelCorrupt, match=hashlib.sha256(WEIGHTS).hexdigest()):
        store.pull("pulled-detector", source=other)
    assert store.detector_files("pulled-detector")["network"].read_bytes() == WEIGHTS


def test_a_connection_that_breaks_leaves_nothing_and_the_next_pull_succeeds(
    store: ModelStore, server: FileServer
) -> None:
    server.cut_after = 1000
    with pytest.raises(DownloadFailed, match=r"--from PATH"):
        store.pull("pulled-detector")
    assert files_under(store.folder) == set()
    server.cut_after = None
    store.pull("pulled-detector")
    assert store.available("pulled-detector")


def test_a_download_goes_on_where_its_connection_broke(
    store: ModelStore, server: FileServer
) -> None:
    server.cut_after, server.ranges = 400_000, True
    seen: list[tuple[int, int | None]] = []
    (path,) = store.pull("pulled-detector", progress=lambda *far: seen.append(far))
    assert path.read_bytes() == WEIGHTS
    assert len(server.requests) == 3
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {len(WEIGHTS)}


def test_a_file_that_is_another_by_now_is_taken_whole(
    store: ModelStore, server: FileServer
) -> None:
    server.files["/weights.h5"] = b"an older version " * 40_000
    server.cut_after, server.ranges, server.next_version = 600_000, True, WEIGHTS
    (path,) = store.pull("pulled-detector")
    assert path.read_bytes() == WEIGHTS


def test_a_server_that_says_no_is_quoted(store: ModelStore, server: FileServer) -> None:
    server.files.clear()
    with pytest.raises(DownloadFailed, match="404"):
        store.pull("pulled-detector")


def test_no_network_names_the_next_step(tmp_path: Path, exporter: CountingExporter) -> None:
    nowhere = manifest("http://127.0.0.1:1", sha256=None)
    store = ModelStore(tmp_path, nowhere, exporter)
    with pytest.raises(DownloadFailed, match="rollcall models pull pulled-detector --from PATH"):
        store.pull("pulled-detector")


def test_an_unknown_hash_is_recorded_aloud_and_later_files_are_held_to_it(
    trusting: ModelStore, server: FileServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        [path] = trusting.pull("pulled-detector")
    assert hashlib.sha256(WEIGHTS).hexdigest() in caplog.text
    path.unlink()
    server.files["/weights.h5"] = b"exchanged on the server"
    with pytest.raises(ModelCorrupt, match="Nothing was replaced"):
        trusting.pull("pulled-detector")
    assert not path.exists()


def test_a_file_that_changed_on_disk_is_not_used_but_pulled_again(
    trusting: ModelStore, server: FileServer
) -> None:
    [path] = trusting.pull("pulled-detector")
    change(path)
    with pytest.raises(ModelCorrupt, match="damaged or was exchanged"):
        trusting.detector_files("pulled-detector")
    trusting.pull("pulled-detector")
    assert trusting.detector_files("pulled-detector")["network"].read_bytes() == WEIGHTS
    assert len(server.requests) == 2


def test_a_file_that_was_only_touched_is_still_good(store: ModelStore) -> None:
    [path] = store.pull("pulled-detector")
    os.utime(path, (1, 1))
    assert store.detector_files("pulled-detector")["network"] == path


def test_verify_finds_a_change_that_kept_size_and_time(store: ModelStore) -> None:
    [path] = store.pull("pulled-detector")
    times = path.stat()
    change(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(ModelCorrupt):
        store.verify("pulled-detector")


def test_verify_gives_the_hash_of_every_file(store: ModelStore) -> None:
    [weights] = store.pull("exported")
    network = store.file("exported")
    assert store.verify("exported") == {
        weights: hashlib.sha256(WEIGHTS).hexdigest(),
        network: hashlib.sha256(network.read_bytes()).hexdigest(),
    }


def test_what_is_not_pulled_names_the_command(store: ModelStore) -> None:
    assert not store.available("exported")
    with pytest.raises(ModelMissing, match="rollcall models pull exported"):
        store.file("exported")
    with pytest.raises(ModelMissing, match="rollcall models pull pulled-detector"):
        store.detector_files("pulled-detector")


def test_a_file_of_a_package_needs_no_pull(store: ModelStore, server: FileServer) -> None:
    assert store.available("packaged")
    assert store.pull("packaged") == []
    assert store.detector_files("packaged")["pnet"].name == "pnet.onnx"
    assert server.requests == []


def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, exporter: CountingExporter
) -> None:
    source = FileSource(package="no_such_package", path=Path("a.onnx"))
    one = Manifest(embedders={"mine": embedder(source, None)})
    with pytest.raises(ModelMissing, match="no_such_package"):
        ModelStore(tmp_path, one, exporter).file("mine")


def test_the_export_is_made_on_first_use_only(
    store: ModelStore, exporter: CountingExporter
) -> None:
    store.pull("exported")
    first = store.file("exported")
    assert store.file("exported") == first
    assert exporter.exports == 1
    assert store.file("exported", "int8") != first
    assert exporter.exports == 2


def test_several_at_once_may_need_an_export_first(store: ModelStore) -> None:
    store.pull("exported")
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: store.file("exported"), range(32)))
    assert paths == {store.export_path("exported", "fp32")}
    assert len(store.verify("exported")) == 2
    assert files_under(store.folder) == {
        name for path in store.verify("exported") for name in (path.name, f"{path.name}.stamp")
    }


def test_an_export_of_an_older_exporter_is_made_anew(
    store: ModelStore, server: FileServer, exporter: CountingExporter
) -> None:
    store.pull("exported")
    store.file("exported")
    known = hashlib.sha256(WEIGHTS).hexdigest()
    newer = ModelStore(store.folder, manifest(server.url, sha256=known, revision=2), exporter)
    newer.file("exported")
    assert exporter.exports == 2


def test_the_weights_may_go_once_the_export_is_there(trusting: ModelStore) -> None:
    [weights] = trusting.pull("exported")
    network = trusting.file("exported")
    weights.unlink()
    assert trusting.available("exported")
    assert trusting.file("exported") == network
    assert trusting.verify("exported").keys() == {network}


def test_an_export_that_changed_on_disk_is_refused(store: ModelStore) -> None:
    store.pull("exported")
    change(store.file("exported"))
    with pytest.raises(ModelCorrupt, match="damaged or was exchanged"):
        store.file("exported")


def test_an_export_without_a_stamp_is_made_anew(
    store: ModelStore, exporter: CountingExporter
) -> None:
    store.pull("exported")
    network = store.file("exported")
    network.with_name(f"{network.name}.stamp").write_text("{", encoding="utf-8")
    store.file("exported")
    assert exporter.exports == 2


def test_weights_of_unknown_hash_that_cannot_be_exported_make_way_for_the_right_ones(
    trusting: ModelStore, server: FileServer
) -> None:
    server.files["/weights.h5"] = b"<html>Sign in</html>"
    [weights] = trusting.pull("exported")
    with pytest.raises(ExportFailed):
        trusting.file("exported")
    assert not weights.exists()
    server.files["/weights.h5"] = WEIGHTS
    trusting.pull("exported")
    assert trusting.file("exported").exists()


def test_a_users_own_onnx_file_is_taken_as_it_is(
    tmp_path: Path, exporter: CountingExporter
) -> None:
    own = tmp_path / "mine.onnx"
    own.write_bytes(b"network")
    one = Manifest(embedders={"mine": embedder(FileSource(path=own), None)})
    store = ModelStore(tmp_path / "models", one, exporter)
    assert store.available("mine")
    assert store.file("mine") == own
    assert exporter.exports == 0


def test_a_variant_that_does_not_exist_is_refused(
    store: ModelStore, exporter: CountingExporter
) -> None:
    entry = store.manifest.embedder("exported").model_copy(update={"precisions": ("fp32",)})
    one = Manifest(embedders={"exported": entry})
    with pytest.raises(ModelMissing, match="no variant int8; it has fp32"):
        ModelStore(store.folder, one, exporter).file("exported", "int8")


def test_an_unknown_name_is_refused(store: ModelStore) -> None:
    with pytest.raises(NotFound, match="nobody"):
        store.available("nobody")


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, server: FileServer, exporter: CountingExporter
) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    store = ModelStore(tmp_path / "models", manifest(server.url, sha256=None), exporter)
    with pytest.raises(StoreError, match="cannot be written"):
        store.pull("pulled-detector")
