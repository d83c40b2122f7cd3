import hashlib
import io
import os
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image

from retrieval.errors import PhotoTooLarge, PhotoUnreadable
from retrieval.photos.decode import decode as decode_with_limits
from retrieval.values import Photo, Pixels

RED, GREEN, BLUE, WHITE = (220, 20, 20), (20, 200, 20), (20, 20, 220), (255, 255, 255)


def decode(source: Path | bytes, **options: Any) -> Photo:
    limits = {"working_px": None, "max_pixels": 10**8, "max_bytes": 10**8}
    return decode_with_limits(source, **(limits | options))


def quarters(width: int = 64, height: int = 48) -> Pixels:
    """Red, green over blue, white: every turn and mirror image of it differs."""
    pixels = np.empty((height, width, 3), np.uint8)
    middle_y, middle_x = height // 2, width // 2
    pixels[:middle_y, :middle_x], pixels[:middle_y, middle_x:] = RED, GREEN
    pixels[middle_y:, :middle_x], pixels[middle_y:, middle_x:] = BLUE, WHITE
    return pixels


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corners(pixels: Pixels) -> list[str]:
    """Names of the colours in the four corners, row by row."""
    height, width = pixels.shape[:2]
    points = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
    found = [pixels[int(y * height), int(x * width)].astype(int) for y, x in points]
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    return [min(names, key=lambda n: np.abs(colour - names[n]).sum()) for colour in found]


UPRIGHT = ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "MPO"]
)
def test_formats_are_read_as_rgb(kind: str) -> None:
    data = saved(Image.fromarray(quarters()), kind)
    photo = decode(data)
    assert (photo.width, photo.height, photo.scale) == (64, 48, 1.0)
    assert photo.pixels.dtype == np.uint8
    assert corners(photo.pixels) == UPRIGHT
    assert photo.sha256 == hashlib.sha256(data).hexdigest()


# What has to be done to an upright picture so that the given orientation puts it right again.
STORED_AS = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),  # the camera was turned: turn back clockwise
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("working_px", [None, 100])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_put_right_also_at_reduced_size(
    orientation: int, kind: str, working_px: int | None
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = np.ascontiguousarray(STORED_AS[orientation](quarters(400, 300)))
    photo = decode(saved(Image.fromarray(stored), kind, exif=exif), working_px=working_px)
    assert corners(photo.pixels) == UPRIGHT
    assert (photo.width, photo.height) == (400, 300)
    assert photo.pixels.shape == ((300, 400, 3) if working_px is None else (75, 100, 3))


def test_heic_orientation_is_put_right() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    stored = np.ascontiguousarray(STORED_AS[6](quarters(400, 300)))
    pillow_heif.from_pillow(Image.fromarray(stored)).save(file, exif=exif.tobytes())
    photo = decode(file.getvalue())
    assert corners(photo.pixels) == UPRIGHT
    assert (photo.width, photo.height) == (400, 300)


@pytest.mark.parametrize(
    ("longer_px", "working_px", "decoded_px"),
    [
        (1000, 1280, 1000),  # never enlarged
        (2559, 1280, 2559),  # half would be too small
        (2560, 1280, 1280),
        (4000, 1280, 2000),
        (5200, 1280, 1300),
        (10300, 1280, 1288),  # an eighth, rounded up
        (10300, None, 10300),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_big_photos_are_reduced_but_not_below_the_working_size(
    kind: str, longer_px: int, working_px: int | None, decoded_px: int
) -> None:
    photo = decode(saved(Image.new("RGB", (longer_px, 90)), kind), working_px=working_px)
    assert (photo.width, photo.height) == (longer_px, 90)
    assert photo.pixels.shape[1] == decoded_px


def test_grey_becomes_three_equal_channels() -> None:
    photo = decode(saved(Image.new("L", (20, 10), 77), "PNG"))
    assert (photo.pixels == 77).all()


def test_black_and_white_and_palettes_are_read() -> None:
    assert (decode(saved(Image.new("1", (20, 10), 1), "PNG")).pixels == 255).all()
    palette = Image.fromarray(quarters()).quantize(4)
    assert corners(decode(saved(palette, "PNG")).pixels) == UPRIGHT


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_shrunk_to_8_over_the_full_range(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(20, axis=0)
    photo = decode(saved(Image.fromarray(ramp), kind))
    np.testing.assert_allclose(photo.pixels[0, :, 0], np.arange(256), atol=1)


def test_16_bit_pgm_is_shrunk_to_8() -> None:
    header, values = b"P5 3 1 65535\n", np.array([0, 32768, 65535], ">u2")
    photo = decode(header + values.tobytes())
    assert photo.pixels[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(("white", "value"), [(1.0, 0.5), (255.0, 127.5), (65535.0, 32767.5)])
def test_floats_are_scaled_by_the_white_that_they_mean(white: float, value: float) -> None:
    values = np.array([[0.0, value, white]], np.float32)
    photo = decode(saved(Image.fromarray(values), "TIFF"))
    np.testing.assert_allclose(photo.pixels[0, :, 0], [0, 128, 255], atol=1)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparent_parts_are_shown_on_white(kind: str) -> None:
    image = Image.fromarray(np.dstack([quarters(), np.full((48, 64), 255, np.uint8)]))
    image.paste((0, 0, 0, 0), (0, 0, 64, 24))
    photo = decode(saved(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert corners(photo.pixels) == ["white", "white", "blue", "white"]


def test_a_transparent_palette_is_shown_on_white() -> None:
    image = Image.new("P", (10, 10), 1)
    image.putpalette([0, 0, 0, 220, 20, 20])
    image.paste(0, (0, 0, 10, 5))
    photo = decode(saved(image, "PNG", transparency=0))
    assert photo.pixels[0, 0].tolist() == list(WHITE)
    assert photo.pixels[9, 0].tolist() == list(RED)


@pytest.mark.parametrize("working_px", [None, 30])
def test_cmyk_is_converted(working_px: int | None) -> None:
    image = Image.fromarray(quarters()).convert("CMYK")
    assert corners(decode(saved(image, "JPEG"), working_px=working_px).pixels) == UPRIGHT


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_is_taken(kind: str) -> None:
    frames = [Image.fromarray(quarters()), Image.new("RGB", (64, 48), BLUE)]
    photo = decode(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert corners(photo.pixels) == UPRIGHT


@pytest.mark.parametrize("name", ["Zoë 李 😀.jpg", "a b'c\"d.jpg", "-x.jpg", "photo"])
def test_paths_with_odd_characters_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(saved(Image.fromarray(quarters()), "JPEG"))
    assert decode(tmp_path / name).name == str(tmp_path / name)


def test_a_path_that_is_no_utf8_is_read_and_named_printably(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    path.write_bytes(saved(Image.fromarray(quarters()), "JPEG"))
    photo = decode(path)
    assert photo.name.encode("utf-8").endswith("/caf\ufffd.jpg".encode())


def test_the_name_that_the_caller_gives_is_used() -> None:
    assert decode(saved(Image.new("RGB", (9, 9)), "PNG"), name="upload.png").name == "upload.png"


def test_one_pixel_is_a_photo() -> None:
    assert decode(saved(Image.new("RGB", (1, 1), RED), "PNG"), working_px=1).pixels.shape == (
        1,
        1,
        3,
    )


@cache
def noise(kind: str) -> bytes:
    """A photo that no coding makes small, so that it can be cut anywhere."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    return saved(Image.fromarray(pixels), kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF", "BMP", "GIF", "PPM"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("working_px", [None, 100])
def test_truncated_photos_are_refused_not_half_decoded(
    kind: str, share: float, working_px: int | None
) -> None:
    data = noise(kind)
    with pytest.raises(PhotoUnreadable, match="x\\.img: "):
        decode(data[: int(share * len(data))], name="x.img", working_px=working_px)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF", "GIF", "JPEG2000"])
def test_damaged_photos_are_read_or_refused_but_raise_nothing_else(kind: str) -> None:
    rng = np.random.default_rng(1)
    whole = np.frombuffer(saved(Image.fromarray(quarters(200, 150)), kind), np.uint8)
    refused = 0
    for _ in range(60):
        damaged = whole.copy()
        places = rng.integers(0, len(damaged), max(len(damaged) // 50, 3))
        damaged[places] = rng.integers(0, 256, len(places), np.uint8)
        try:
            decode(damaged.tobytes(), max_pixels=10**6)
        except (PhotoUnreadable, PhotoTooLarge):
            refused += 1
    assert refused > 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 and so on", "no photo in a known format"),
        (b"\x00" * 5000, "no photo in a known format"),
        (b"GIF89a", "damaged|no photo"),
        (b"\xff\xd8\xff", "damaged|no photo"),
    ],
)
def test_what_is_no_photo_is_refused_with_what_was_found(data: bytes, message: str) -> None:
    with pytest.raises(PhotoUnreadable, match=message):
        decode(data)


def test_programs_that_pillow_would_call_are_not_called() -> None:
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n"
    with pytest.raises(PhotoUnreadable, match="known format"):
        decode(postscript)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoUnreadable, match="no such file"):
        decode(tmp_path / "nowhere.jpg")
    with pytest.raises(PhotoUnreadable, match="folder"):
        decode(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PhotoUnreadable, match="not a file"):
        decode(tmp_path / "pipe")


def test_a_path_with_a_zero_byte_is_refused() -> None:
    with pytest.raises(PhotoUnreadable, match="cannot be read"):
        decode(Path("a\0b.jpg"))


@pytest.fixture
def unreadable(tmp_path: Path) -> Iterator[Path]:
    """A file that may not be read, not even by tests that run as root."""
    path, user = tmp_path / "mine.jpg", os.geteuid()
    path.write_bytes(b"x")
    path.chmod(0)
    if user == 0:
        os.seteuid(65534)
    yield path
    os.seteuid(user)


def test_a_file_without_permission_is_refused(unreadable: Path) -> None:
    with pytest.raises(PhotoUnreadable, match=r"mine\.jpg: there is no permission"):
        decode(unreadable)


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "big.jpg"
    with path.open("wb") as file:
        file.truncate(10**12)  # a file of holes: reading it would fill the memory
    with pytest.raises(PhotoTooLarge, match=r"1,000,000,000,000 bytes .* 1,000"):
        decode(path, max_bytes=1000)
    with pytest.raises(PhotoTooLarge):
        decode(b"x" * 1001, max_bytes=1000)


def test_too_many_pixels_are_refused_from_the_header_alone() -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 20_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    with pytest.raises(PhotoTooLarge, match=r"40000 x 20000 pixels .* 100,000,000"):
        decode(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 10**6) + b"IDAT")


def test_odd_metadata_neither_stops_a_photo_nor_warns() -> None:
    image, exif = Image.fromarray(quarters()), b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"
    assert corners(decode(saved(image, "JPEG", exif=exif)).pixels) == UPRIGHT


def test_jpegs_are_read_with_bytes_after_their_end() -> None:
    data = saved(Image.fromarray(quarters()), "JPEG") + b"a maker's own trailer" * 99
    assert corners(decode(data).pixels) == UPRIGHT
