"""Run a Milvus server in a network of its own, reached through one Unix socket.

Milvus listens on all interfaces, and nothing tells it not to. `tests/milvus_server.py` starts this
under `unshare --net`: there is no interface but the loopback that is brought up here, every port is
free, and whoever may use the socket's folder is all who can connect. The server dies with this
process, so that killing this kills both.
"""

import asyncio
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

from milvus import MilvusServerConfig

_PORT, _HEALTH = 19530, "http://127.0.0.1:9091/healthz"
_SIOCSIFFLAGS, _IFF_UP, _PR_SET_PDEATHSIG = 0x8914, 0x1, 1


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inside = await asyncio.open_connection("127.0.0.1", _PORT)
    except ConnectionError:
        writer.close()
        return
    await asyncio.gather(_copy(reader, inside[1]), _copy(inside[0], writer))


def _healthy() -> bool:
    try:
        with urllib.request.urlopen(_HEALTH, timeout=5) as answer:
            return b"OK" in answer.read()
    except OSError:
        return False


async def _serve(server: subprocess.Popen[bytes], path: Path) -> int:
    while server.poll() is None and not await asyncio.to_thread(_healthy):
        await asyncio.sleep(0.1)
    path.unlink(missing_ok=True)
    async with await asyncio.start_unix_server(_relay, path):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        return await asyncio.to_thread(server.wait)


def _configure(folder: Path, *, password: bool) -> None:
    """Write its configuration, with ports that are free in this network."""
    config = MilvusServerConfig(data_dir=str(folder), authorization_enabled=password)
    config.set("authorization_enabled", password)
    config.resolve()


def main(folder: Path, *, password: bool) -> int:
    """Serve the server whose files are in the folder at folder/socket."""
    _bring_loopback_up()
    _configure(folder, password=password)
    program = folder / "bin" / "milvus"
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [program, "run", "standalone"],
            cwd=folder,
            env={
                **os.environ,
                "DEPLOY_MODE": "STANDALONE",
                "MILVUS_RUN_DIR": str(folder / "run"),
                "LD_LIBRARY_PATH": str(program.parent),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_parent,
        )
        return asyncio.run(_serve(server, folder / "socket"))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), password="--password" in sys.argv))
