"""Photos that are not what they should be, made of good ones: what a decoder may stumble over."""

import io
import random
from collections.abc import Callable, Iterator, Sequence

from PIL import Image

from retrieval.benchmarks.serving import form_start

SMALL_PX = 320  # of the good ones: damage is in the format, and small photos are answered sooner


def shrunken(photo: bytes, format_: str) -> bytes:
    """A small copy of a photo in a format of Pillow's."""
    with Image.open(io.BytesIO(photo)) as image:
        image.thumbnail((SMALL_PX, SMALL_PX))
        written = io.BytesIO()
        image.convert("RGB").save(written, format_)
    return written.getvalue()


def malformed(good: Sequence[bytes], count: int) -> Iterator[bytes]:
    """So many damaged photos, every kind of damage in turn.

    Args:
        good: photos to begin from.
        count: how many.
    """
    draw = random.Random(0)
    for number in range(count):
        damage = _DAMAGES[number % len(_DAMAGES)]
        yield damage(bytearray(draw.choice(good)), draw)


def _cut(photo: bytearray, draw: random.Random) -> bytes:
    return bytes(photo[: draw.randrange(len(photo))])


def _flipped(photo: bytearray, draw: random.Random) -> bytes:
    for _ in range(draw.choice((1, 10, 100))):
        photo[draw.randrange(len(photo))] ^= 1 << draw.randrange(8)
    return bytes(photo)


def _flipped_head(photo: bytearray, draw: random.Random) -> bytes:
    """The sizes, tables and offsets stand there."""
    for _ in range(8):
        photo[draw.randrange(min(200, len(photo)))] = draw.randrange(256)
    return bytes(photo)


def _with_a_hole(photo: bytearray, draw: random.Random) -> bytes:
    start = draw.randrange(len(photo))
    return bytes(photo[:start] + photo[start + draw.randrange(1, 5_000) :])


def _with_noise_inside(photo: bytearray, draw: random.Random) -> bytes:
    start = draw.randrange(len(photo))
    return bytes(photo[:start] + draw.randbytes(draw.randrange(1, 5_000)) + photo[start:])


def _only_begun(photo: bytearray, draw: random.Random) -> bytes:
    return bytes(photo[:16]) + draw.randbytes(2_000)


def _noise(photo: bytearray, draw: random.Random) -> bytes:
    return draw.randbytes(draw.randrange(3_000))


def _zeros(photo: bytearray, draw: random.Random) -> bytes:
    return bytes(draw.randrange(3_000))


def _another_upload(photo: bytearray, draw: random.Random) -> bytes:
    return form_start("photos", "inner.jpg") + bytes(photo)


_DAMAGES: tuple[Callable[[bytearray, random.Random], bytes], ...] = (
    _cut,
    _flipped,
    _flipped_head,
    _with_a_hole,
    _with_noise_inside,
    _only_begun,
    _noise,
    _zeros,
    _another_upload,
)
