"""Attacks that would exhaust memory, threads or connections by little that is sent.

Archives that unpack to much in a decompressor, photos that decode to much, bodies that are parsed
or held, streams that stay open.
"""

import asyncio
import io
import lzma
import tarfile
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial

from PIL import Image

from retrieval.benchmarks.bystander import Attack, Statuses, ask
from retrieval.benchmarks.serving import HOST, Running, read_answer, upload
from retrieval.service import Service

_STREAMS = 420
_BODIES = 20
_BODY_BYTES = 80_000_000
_JSON_BYTES = 57_000_000
_NAME_BYTES = 3_000_000_000
_ZEROS = 400_000_000
_SIDE_PX = 14_000  # 196 megapixels, which are fewer than the limit
_OPEN_S = 3.0  # for which streams stay open


def begin_run(service: Service) -> None:
    """Make a run that works for ever, so that its events can be followed."""
    service.catalogue.runs.create("enrol", service.collection.name, "attacks", {})


def attacks() -> Iterator[Attack]:
    """All of them; what they send is made when they are launched."""
    refused = frozenset({422})
    archive, identify = ("/v1/runs", "archive"), ("/v1/identify", "photos")
    for name, wanted, launch in (
        ("a zip by LZMA (400 MB in 60 kB)", refused, _sending(*archive, _zip_by_lzma)),
        ("a tar.xz with a name of 3 GB (450 kB)", refused, _sending(*archive, _long_name)),
        ("a tar.gz with 400 MB of zeros beside photos", refused, _sending(*archive, _zeros)),
        ("a JSON body of 57 MB", frozenset({413}), _json_body),
        (f"{_STREAMS} event streams", frozenset({0, 200, 429, 503}), _streams),
        (
            "a float TIFF of 196 megapixels (200 kB)",
            frozenset({413}),
            _sending(*identify, partial(_photo, "F", "TIFF", compression="tiff_adobe_deflate")),
        ),
        (
            "an RGBA PNG of 196 megapixels (800 kB)",
            frozenset({413}),
            _sending(*identify, partial(_photo, "RGBA", "PNG")),
        ),
        (f"{_BODIES} bodies of 80 MB", frozenset({408, 413, 422, 503}), _bodies),
    ):
        yield Attack(name, wanted, launch)


def _sending(
    path: str, field: str, make: Callable[[], bytes]
) -> Callable[[Running], Awaitable[Statuses]]:
    async def launch(running: Running) -> Statuses:
        content = await asyncio.to_thread(make)  # the bystander shares this loop
        return Statuses([await ask(running, upload(path, field, "sent", content))])

    return launch


async def _json_body(running: Running) -> Statuses:
    body = b'{"person": "' + b"a" * _JSON_BYTES + b'"}'
    head = (
        f"POST /v1/people/1/merge HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    pieces = [body[start : start + (1 << 20)] for start in range(0, len(body), 1 << 20)]
    return Statuses([await ask(running, head, *pieces)])


async def _streams(running: Running) -> Statuses:
    """Follow the one run on many connections, and hold them open for a while."""
    reader, writer = await running.connect()
    writer.write(f"GET /v1/runs?limit=1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    answer = await read_answer(reader)
    writer.transport.abort()
    run = answer.body.decode().partition('"run":"')[2].partition('"')[0]
    request = f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()

    async def follow() -> int:
        reader, writer = await running.connect()
        try:
            writer.write(request)
            async with asyncio.timeout(_OPEN_S * 10):
                line = await reader.readline()
            await asyncio.sleep(_OPEN_S)
            return int(line.split()[1]) if line else 0
        except OSError:
            return 0
        finally:
            writer.transport.abort()

    return Statuses(await asyncio.gather(*(follow() for _ in range(_STREAMS))))


async def _bodies(running: Running) -> Statuses:
    """Many large uploads at once, each of which is within the limit."""
    request = upload("/v1/identify", "photos", "large.jpg", bytes(_BODY_BYTES))
    pieces = [request[start : start + (1 << 20)] for start in range(0, len(request), 1 << 20)]
    answers = [asyncio.create_task(ask(running, *pieces)) for _ in range(_BODIES)]
    statuses = Statuses()
    for answer in answers:
        with suppress(OSError, TimeoutError):
            statuses[await answer] += 1
    return statuses


def _zip_by_lzma() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("Ann/1.jpg", bytes(_ZEROS))
    return written.getvalue()


def _long_name() -> bytes:
    """A header that announces a name, and the zeros of which it would be made."""
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, _NAME_BYTES
    packing = lzma.LZMACompressor(preset=0)
    packed = [packing.compress(name.tobuf(tarfile.GNU_FORMAT))]
    packed += [packing.compress(bytes(_ZEROS // 8)) for _ in range(8)]
    return b"".join([*packed, packing.flush()])


def _zeros() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz", compresslevel=1) as archive:
        zeros = tarfile.TarInfo("Ann/notes.txt")
        zeros.size = _ZEROS
        archive.addfile(zeros, io.BytesIO(bytes(_ZEROS)))
    return written.getvalue()


def _photo(mode: str, format_: str, **options: str) -> bytes:
    written = io.BytesIO()
    Image.new(mode, (_SIDE_PX, _SIDE_PX)).save(written, format_, **options)
    return written.getvalue()
