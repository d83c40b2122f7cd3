"""Milvus Lite: a file that one process at a time has open."""

import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.errors import IndexHeld

pytest.importorskip("milvus_lite", reason="needs milvus-lite")

HOLD = (
    "from pymilvus import MilvusClient; c = MilvusClient({!r}); print('held', flush=True); input()"
)


def test_a_file_that_another_process_has_open_is_said_to_be_held(tmp_path: Path) -> None:
    from retrieval.index.milvus.server import MilvusServer

    path = str(tmp_path / "index.db")
    command = [sys.executable, "-c", HOLD.format(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"held"
        server = MilvusServer(path)
        with pytest.raises(IndexHeld, match="another process has it open") as refused:
            server.ask("list_collections")
        assert refused.value.exit_code == 8
        server.close()
        other.communicate(b"\n", timeout=30)
