"""What is thrown at the HTTP service to break it, and whether others are answered meanwhile.

Each attack has the statuses that it should get. Beside it a bystander asks who is in a good photo,
again and again: for them nothing may fail. The service's memory is watched.
"""

import asyncio
import io
import resource
import tarfile
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

from PIL import Image

from retrieval.benchmarks import exhaustion
from retrieval.benchmarks.bystander import Attack, Outcome, Statuses, ask, beside_a_bystander
from retrieval.benchmarks.malformed import malformed, shrunken
from retrieval.benchmarks.serving import (
    HOST,
    Running,
    form_start,
    read_answer,
    served,
    upload,
    upload_head,
)
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import DataInvalid
from retrieval.photos.folders import people_below
from retrieval.service import Service

Say = Callable[[str], None]

MALFORMED_PHOTOS = 10_000
_TIMEOUT_S = 5  # for heads and bodies: the defaults would only make this take longer
_BODY_BYTES = 2_000_000_000
_ARCHIVE_BYTES = 100_000_000
_SILENT = 1_000
_CLIENTS = 8
SETTINGS = {
    "ROLLCALL_HEAD_TIMEOUT_S": str(_TIMEOUT_S),
    "ROLLCALL_BODY_TIMEOUT_S": str(_TIMEOUT_S),
    "ROLLCALL_MAX_ARCHIVE_BYTES": str(_ARCHIVE_BYTES),
}


def run(
    service: Service,
    home: Path,
    folder: Path,
    *,
    photos: int = MALFORMED_PHOTOS,
    say: Say = lambda text: None,
) -> list[Outcome]:
    """Enrol a folder's people, serve them, and attack the service.

    Args:
        service: over an empty collection in `home`.
        home: its home folder; nobody has made keys there.
        folder: a folder per person.
        photos: malformed ones to send.
        say: is told what is done.

    Raises:
        DataInvalid: the folder has no photos of people.
    """
    found = list(people_below(folder))
    if not found:
        raise DataInvalid(f"{folder} has no photos. Give a folder that holds a folder per person.")
    for _ in service.enrol(EnrolItem(person, str(path), path) for person, path in found):
        pass
    originals = [path.read_bytes() for _, path in found]
    good = [shrunken(photo, format_) for photo in originals for format_ in ("JPEG", "PNG", "WEBP")]
    outcomes = []
    exhaustion.begin_run(service)
    with served(home, service.collection.name, **SETTINGS) as running:
        for attack in attacks(malformed(good, photos), photos):
            say(attack.name)
            outcomes.append(asyncio.run(beside_a_bystander(running, attack, originals[0])))
    return outcomes


def attacks(photos: Iterator[bytes], count: int) -> Iterator[Attack]:
    """All attacks, the malformed photos last."""
    size = f"{_BODY_BYTES / 1e9:.0f} GB"
    for name, status, launch in (
        ("a photo bomb (400 million pixels in 50 kB)", 413, _asking("/v1/identify", _photo_bomb())),
        (f"a body that announces {size}", 413, _announced),
        (f"a body of {size} in chunks", 413, _chunked),
        ("a body of one byte per second", 408, _slow_body),
        ("a head of one byte per second", 408, _slow_head),
        (f"{_SILENT:,} connections on which nothing is sent", 0, _silent),
        ("a zip bomb (400 MB in 400 kB)", 422, _archive(_zip_bomb())),
        ("an archive with paths upwards", 422, _archive(_zip_of("../../../evil.jpg"))),
        ("an archive with absolute paths", 422, _archive(_zip_of("/tmp/evil.jpg"))),
        ("an archive with a link", 422, _archive(_tar_with_a_link())),
    ):
        # What is large may also be too slow, where much else is going on.
        # A service that holds as many bytes of uploads as it may says so first.
        yield Attack(name, frozenset({status, 408, 503} if status == 413 else {status}), launch)
    yield from exhaustion.attacks()
    # Some kinds of damage leave a photo that can be read, and others one with more pixels.
    readable = frozenset({200, 413, 422})
    yield Attack(f"{count:,} malformed photos", readable, lambda running: _all(running, photos))


def _asking(path: str, photo: bytes) -> Callable[[Running], Awaitable[Statuses]]:
    async def launch(running: Running) -> Statuses:
        return Statuses([await ask(running, upload(path, "photos", "photo", photo))])

    return launch


def _archive(content: bytes) -> Callable[[Running], Awaitable[Statuses]]:
    async def launch(running: Running) -> Statuses:
        return Statuses([await ask(running, upload("/v1/runs", "archive", "people", content))])

    return launch


async def _announced(running: Running) -> Statuses:
    return Statuses([await ask(running, upload_head("/v1/identify", _BODY_BYTES))])


async def _chunked(running: Running) -> Statuses:
    reader, writer = await running.connect()
    answer = asyncio.create_task(read_answer(reader))
    piece = bytes(1_000_000)
    with suppress(OSError):
        writer.write(upload_head("/v1/identify", None))
        writer.write(_chunk(form_start("photos", "large.jpg")))
        for _ in range(_BODY_BYTES // len(piece)):
            writer.write(_chunk(piece))
            await writer.drain()
            if answer.done():
                break
    status = (await answer).status
    writer.transport.abort()
    return Statuses([status])


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _slow_body(running: Running) -> Statuses:
    begun = upload_head("/v1/identify", 1_000_000) + form_start("photos", "slow.jpg")
    return await _drip(running, begun)


async def _slow_head(running: Running) -> Statuses:
    return await _drip(running, f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode())


async def _drip(running: Running, begin: bytes) -> Statuses:
    reader, writer = await running.connect()
    answer = asyncio.create_task(read_answer(reader))
    writer.write(begin)
    while not answer.done():
        with suppress(OSError):
            writer.write(b"z")
            await writer.drain()
        await asyncio.wait([answer], timeout=1)
    writer.transport.abort()
    return Statuses([answer.result().status])


async def _silent(running: Running) -> Statuses:
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100
    # One by one: the bystander shares this loop.
    opened = [await running.connect() for _ in range(min(_SILENT, room))]
    answers = await asyncio.gather(*(read_answer(reader) for reader, _ in opened))
    for _, writer in opened:
        writer.transport.abort()
    return Statuses(answer.status for answer in answers)


async def _all(running: Running, photos: Iterator[bytes]) -> Statuses:
    """Ask about photo after photo, a few at a time; who is told to come back does."""
    statuses = Statuses()

    async def client() -> None:
        for photo in photos:
            request = upload("/v1/identify", "photos", "p.jpg", photo)
            while (status := await ask(running, request)) == 503:
                await asyncio.sleep(1)
            statuses[status] += 1

    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    return statuses


def _photo_bomb() -> bytes:
    written = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(written, "PNG")
    return written.getvalue()


def _zip_bomb() -> bytes:
    return _zip_of(*(f"Ann/{number}.jpg" for number in range(4)), content=bytes(_ARCHIVE_BYTES))


def _zip_of(*names: str, content: bytes = b"a photo") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return written.getvalue()


def _tar_with_a_link() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        link = tarfile.TarInfo("Ann/1.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return written.getvalue()
