"""Metadata never cost a photo whose pixels decode whole."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import PhotoUnreadable
from retrieval.photos.decode import StoredPhoto, decode
from retrieval.values import Pixels

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "cases"


def picture(width: int = 400, height: int = 300) -> Pixels:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (height // 20, width // 20, 3), np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def saved(kind: str, **options: object) -> bytes:
    written = io.BytesIO()
    Image.fromarray(picture()).save(written, kind, **options)
    return written.getvalue()


def read(data: bytes, working_px: int | None = None) -> Pixels:
    return decode(data, name="x", working_px=working_px, max_pixels=10**8, max_bytes=10**8).pixels


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    right = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc or right)


def with_chunk(png: bytes, added: bytes, *, last: bool = False) -> bytes:
    """A PNG with a chunk after its header, or behind its pixels."""
    place = png.rindex(b"IEND") - 4 if last else 33
    return png[:place] + added + png[place:]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("working_px", [None, 100])
def test_a_jpeg_without_its_end_marker_is_taken(
    progressive: bool, missing: int, working_px: int | None
) -> None:
    whole = saved("JPEG", progressive=progressive, quality=90)
    np.testing.assert_array_equal(read(whole[:-missing], working_px), read(whole, working_px))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [3, 10, 100, 2000])
def test_a_jpeg_without_some_of_its_pixels_is_refused(progressive: bool, missing: int) -> None:
    whole = saved("JPEG", progressive=progressive, quality=90)
    with pytest.raises(PhotoUnreadable, match="damaged or incomplete"):
        read(whole[:-missing])


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    "added",
    [
        chunk(b"eXIf", b"no EXIF at all"),
        chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff"),
        chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0", crc=1),
        chunk(b"tEXt", b"Comment\0made somewhere", crc=1),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 80_000_000)),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"a" * 80_000_000)),
        chunk(b"iCCP", b"profile\0\0no zlib"),
        chunk(b"tIME", b"", crc=5),
        chunk(b"pHYs", b"too short"),
    ],
    ids=lambda added: added[4:8].decode(),
)
def test_a_png_with_damaged_metadata_is_taken(added: bytes, last: bool) -> None:
    np.testing.assert_array_equal(read(with_chunk(saved("PNG"), added, last=last)), picture())


def test_the_right_side_is_still_up_where_other_metadata_are_damaged() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = with_chunk(saved("PNG", exif=exif), chunk(b"tEXt", b"Comment\0x", crc=1))
    np.testing.assert_array_equal(read(lying), np.rot90(picture(), -1))


def spoilt(data: bytes) -> bytes:
    place = data.index(b"IDAT") + 200
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def cut(data: bytes) -> bytes:
    return data[: len(data) * 3 // 4]


@pytest.mark.parametrize("spoil", [spoilt, cut])
def test_a_png_with_damaged_pixels_is_refused_whatever_its_metadata(
    spoil: Callable[[bytes], bytes],
) -> None:
    for data in (saved("PNG"), with_chunk(saved("PNG"), chunk(b"tEXt", b"a\0b", crc=1))):
        with pytest.raises(PhotoUnreadable):
            read(spoil(data))


@pytest.mark.parametrize("name", ["no-end-marker.jpg", "bad-exif-chunk.png"])
def test_files_as_people_sent_them_are_taken(name: str) -> None:
    path = _SHARED / name
    if not path.exists():
        pytest.skip("needs real data that is not beside this checkout: ../shared/cases")
    assert min(read(path.read_bytes()).shape[:2]) > 100


def test_a_photo_is_decoded_larger_when_more_is_asked_for_and_not_twice() -> None:
    written = io.BytesIO()
    Image.fromarray(picture(3200, 1600)).save(written, "JPEG")
    photo = StoredPhoto(written.getvalue(), "x", max_pixels=10**8)
    small = photo.at_least(640)
    assert small.pixels.shape == (400, 800, 3)
    assert photo.at_least(1) is photo.at_least(800) is small
    assert photo.at_least(801).pixels.shape == (800, 1600, 3)
    full = photo.at_least(None)
    assert full.pixels.shape == (1600, 3200, 3)
    assert photo.at_least(640) is full


def test_a_photo_that_was_decoded_is_not_refused_for_want_of_memory_when_more_is_asked_for() -> (
    None
):
    written = io.BytesIO()
    Image.fromarray(picture(3200, 1600)).save(written, "JPEG")
    photo = StoredPhoto(written.getvalue(), "x", max_pixels=10**8, memory_bytes=40_000_000)
    assert photo.at_least(640).pixels.shape == (400, 800, 3)
    assert photo.at_least(None).pixels.shape == (800, 1600, 3)
