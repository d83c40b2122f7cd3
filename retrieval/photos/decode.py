"""Decoding: the bytes of a photo to upright RGB, whatever a camera or a program made of them.

Pillow decodes every format: it is strict about truncated files, reads formats that OpenCV does
not, and its JPEG decoder is the same library at the same speed (4,000 px at half size: 27 ms in
both; OpenCV answers a truncated file with None or with a half-grey photo, by version).
"""

import errno
import hashlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError

from retrieval.errors import PhotoTooLarge, PhotoUnreadable
from retrieval.photos.memory import MEMORY_BYTES, budget_of, decoding_bytes
from retrieval.photos.mending import endings, is_endless, without_metadata
from retrieval.photos.urls import fetch
from retrieval.values import Confined, Location, Photo, Pixels

_READABLE = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP, GIF, PNM or JPEG 2000"
_BACKGROUND = (255, 255, 255)  # transparent photos are shown on white, as on a page
_REDUCTIONS = (8, 4, 2)  # the sizes at which libjpeg decodes for less than the full price
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF orientation: Exif 2.32, tag 0x0112

Image.preinit()  # readers of BMP, GIF, JPEG, PNM and PNG; thirty more would be imported by `init`
for _module in ("WebP", "Tiff", "Avif", "Jpeg2K"):
    with suppress(ModuleNotFoundError):  # Pillow 11.0 has no AVIF
        import_module(f"PIL.{_module}ImagePlugin")
pillow_heif.register_heif_opener()
_WANTED = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
FORMATS = [format_ for format_ in _WANTED if format_ in Image.OPEN]
Image.MAX_IMAGE_PIXELS = None  # max_pixels is checked here, from the header, for every photo

_warnings_lock = threading.Lock()


def decode(
    source: Location | Confined | bytes,
    *,
    name: str | None = None,
    working_px: int | None,
    max_pixels: int,
    max_bytes: int,
    memory_bytes: int = MEMORY_BYTES,
) -> Photo:
    """Decode a photo; the first frame of an animated one.

    Args:
        source: where it lies, or its bytes.
        name: what to call the photo; by default the path.
        working_px: the longer side may be reduced by 2, 4 or 8 as long as it stays at least this;
            None for the full size.
        max_pixels: photos with more are refused before they are decoded.
        max_bytes: files with more are refused before they are read.
        memory_bytes: that all photos which are decoded at a time in this process may take; this one
            waits for its share.

    Raises:
        PhotoUnreadable: missing, empty, truncated or of no known format.
        PhotoTooLarge: above one of the limits.
        StorageUnavailable: a URL's server does not answer.
    """
    name = name or ("photo" if isinstance(source, bytes) else _printable(source))
    data = read(source, name, max_bytes)
    photo = StoredPhoto(data, name, max_pixels=max_pixels, memory_bytes=memory_bytes)
    return photo.at_least(working_px)


@dataclass(frozen=True, slots=True)
class OneSize:
    """A picture that is there at one size, as a video's frame is: `protocols.PhotoSizes`."""

    photo: Photo

    def at_least(self, longer_px: int | None) -> Photo:
        """The picture."""
        return self.photo


class StoredPhoto:
    """A photo's bytes, decoded as large as is asked for: `retrieval.protocols.PhotoSizes`.

    JPEG is decoded at a half, a quarter or an eighth of its size for less than the full price. The
    largest that was decoded is kept. For one thread.
    """

    def __init__(
        self, data: bytes, name: str, *, max_pixels: int, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        """Read the header.

        Args:
            data: the file's bytes.
            name: what to call the photo.
            max_pixels, memory_bytes: see `decode`.

        Raises:
            PhotoUnreadable: of no known format, or its header is damaged.
            PhotoTooLarge: above the limit of pixels.
        """
        self.name = name
        self.sha256 = hashlib.sha256(data).hexdigest()
        self._data = data
        self._memory_bytes = memory_bytes
        self._largest: Photo | None = None
        self._reduced_by = _REDUCTIONS[0] + 1
        self._image: Image.Image | None = self._opened()
        width, height = self._image.size
        self._longer_px = max(width, height)
        if width * height > max_pixels:
            raise PhotoTooLarge(
                f"{name}: {width} x {height} pixels are more than the limit of {max_pixels:,}. "
                "Shrink the photo. The setting max_pixels moves the limit."
            )

    def at_least(self, longer_px: int | None) -> Photo:
        """The upright photo with at least so many pixels on its longer side, if it has them.

        A photo that was decoded once is not refused later: where there is no memory for the size
        that is asked for, it comes as large as there is.

        Raises:
            PhotoUnreadable: the data are damaged or incomplete.
            PhotoTooLarge: there is not the memory to decode it.
        """
        reduction = _reduction(self._longer_px, longer_px)
        while self._largest is None or reduction < self._reduced_by:
            try:
                self._largest, self._reduced_by = self._decode(reduction), reduction
            except PhotoTooLarge:
                if self._largest is None:
                    raise
                reduction *= 2
        return self._largest

    def _opened(self) -> Image.Image:
        try:
            return _open(self._data, self.name)
        except PhotoUnreadable:
            mended = without_metadata(self._data)
            if mended is None:
                raise
            self._data = mended
            return _open(mended, self.name)

    def _decode(self, reduction: int) -> Photo:
        image, self._image = self._image or self._opened(), None
        needed = decoding_bytes(image, reduction, len(self._data))
        with budget_of(self._memory_bytes).share(needed, self.name) as share:
            try:
                pixels, size = self._pixels(image, reduction)
            except Exception as error:  # decoders raise what they like on damaged data
                raise PhotoUnreadable(
                    f"{self.name}: the photo is damaged or incomplete. Copy the photo anew from"
                    " where it came from."
                ) from error
            share.keep(pixels)
        return Photo(self.name, self.sha256, *size, pixels)

    def _pixels(self, image: Image.Image, reduction: int) -> tuple[Pixels, tuple[int, int]]:
        """Decode, at the second try without what is damaged beside the pixels."""
        try:
            return _decoded(image, reduction)
        except Exception:
            if is_endless(self._data):
                first, *others = endings(self._data)
                found = _decoded(_open(first, self.name), reduction)
                again = (_decoded(_open(other, self.name), reduction)[0] for other in others)
                if all(np.array_equal(found[0], other) for other in again):
                    self._data = first
                    return found
            elif (mended := without_metadata(self._data)) is not None:
                found = _decoded(_open(mended, self.name), reduction)
                self._data = mended
                return found
            raise


def _decoded(image: Image.Image, reduction: int) -> tuple[Pixels, tuple[int, int]]:
    """Upright RGB, and (width, height) of the upright original."""
    width, height = image.size
    image, orientation = _load(image, reduction)
    pixels = _upright_rgb(image, orientation, reduction, (width, height))
    return pixels, (height, width) if orientation >= 5 else (width, height)


def _printable(place: Location | Confined) -> str:
    """A place as text that every terminal and database takes, also if its bytes are no UTF-8."""
    return os.fsencode(str(place)).decode("utf-8", "replace")


def read(source: Location | Confined | bytes, name: str, max_bytes: int) -> bytes:
    """Read a photo's bytes without decoding them.

    Raises:
        PhotoUnreadable: missing, empty, a folder, or not to be read.
        PhotoTooLarge: more than `max_bytes`.
        StorageUnavailable: a URL's server does not answer.
    """
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, Path | Confined):
        data = _read_file(source, name, max_bytes)
    else:
        data, found = fetch(source, max_bytes)
        if found > max_bytes:
            raise _too_many_bytes(name, found, max_bytes)
    if not data:
        raise PhotoUnreadable(f"{name}: the file is empty. Copy it anew from where it came from.")
    if len(data) > max_bytes:
        raise _too_many_bytes(name, len(data), max_bytes)
    return data


def _read_file(path: Path | Confined, name: str, max_bytes: int) -> bytes:
    try:
        if isinstance(path, Confined):
            return _read_below(path, name, max_bytes)
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise PhotoUnreadable(
                f"{name}: this is a folder. Name the photos in it, and check that it can be read."
            )
        if not stat.S_ISREG(found.st_mode):
            raise PhotoUnreadable(f"{name}: this is not a file. Name a photo.")
        if found.st_size > max_bytes:
            raise _too_many_bytes(name, found.st_size, max_bytes)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoUnreadable(f"{name}: there is no such file. Check the path.") from error
    except PermissionError as error:
        raise PhotoUnreadable(
            f"{name}: there is no permission to read it. Give it to whoever runs Rollcall."
        ) from error
    except (OSError, ValueError) as error:  # without the path, which is not everybody's to know
        raise PhotoUnreadable(f"{name}: it cannot be read. Check the path.") from error


def _read_below(place: Confined, name: str, max_bytes: int) -> bytes:
    """Read a file, opening each folder on the way from the one above, so that none can be changed.

    A path that was looked at first could be another one's when it is opened (openat(2)).
    """
    folder = os.open(place.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *between, last = place.inside.parts or ("",)
        for part in between:
            below = _open_at(folder, part, os.O_DIRECTORY, name)
            os.close(folder)
            folder = below
        with os.fdopen(_open_at(folder, last, os.O_NONBLOCK, name), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise PhotoUnreadable(f"{name}: this is not a file. Name a photo.")
            if found.st_size > max_bytes:
                raise _too_many_bytes(name, found.st_size, max_bytes)
            return file.read(max_bytes + 1)
    finally:
        os.close(folder)


def _open_at(folder: int, part: str, flags: int, name: str) -> int:
    if part == "..":
        raise PhotoUnreadable(
            f"{name}: it lies outside of the folder that is read for others. Put the file itself"
            " there."
        )
    try:
        return os.open(part, os.O_RDONLY | os.O_NOFOLLOW | flags, dir_fd=folder)
    except OSError as error:
        is_link = error.errno == errno.ELOOP or (
            error.errno == errno.ENOTDIR and stat.S_ISLNK(os.lstat(part, dir_fd=folder).st_mode)
        )
        if not is_link:
            raise
    raise PhotoUnreadable(
        f"{name}: a link leads there, which is not followed in folders that are read for others."
        " Put the file itself there."
    )


def _too_many_bytes(name: str, found: int, limit: int) -> PhotoTooLarge:
    return PhotoTooLarge(
        f"{name}: {found:,} bytes are more than the limit of {limit:,}. "
        "Shrink the photo. The setting max_photo_bytes moves the limit."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Pillow's remarks on odd metadata; one thread at a time, since filters are global."""
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(data: bytes, name: str) -> Image.Image:
    """Read the header only."""
    try:
        with _quiet():
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PhotoUnreadable(
            f"{name}: this is no photo in a known format. Save it as {_READABLE}."
        ) from error
    except Exception as error:  # a header that is damaged in a way of its own
        raise PhotoUnreadable(
            f"{name}: the photo's beginning is damaged. Copy the photo anew from where it came"
            " from."
        ) from error


def _reduction(longer_px: int, working_px: int | None) -> int:
    if working_px is None:
        return 1
    return next((by for by in _REDUCTIONS if longer_px >= by * working_px), 1)


def _load(image: Image.Image, reduction: int) -> tuple[Image.Image, int]:
    """Decode; return the image and its EXIF orientation (some readers turn it upright, then 1)."""
    if reduction > 1:
        size = max(image.width // reduction, 1), max(image.height // reduction, 1)
        image.draft(image.mode, size)  # JPEG only: nothing happens to other formats
    image.load()
    try:
        with _quiet():
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - metadata that cannot be read cost the orientation, not the photo
        orientation = 1
    return image, orientation if orientation in _UPRIGHT else 1


def _upright_rgb(
    image: Image.Image, orientation: int, reduction: int, full_size: tuple[int, int]
) -> Pixels:
    if reduction > 1 and image.size == full_size:
        image = _reducible(image).reduce(reduction)  # first, so that copies are small
    image = _rgb(image)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    return np.asarray(image)


def _reducible(image: Image.Image) -> Image.Image:
    """The image in a mode that Pillow can shrink: with bytes or numbers of 32 bits."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.asarray(image).astype(np.float32) / 65535)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in ("1", "P") else image


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow's to RGB: 16 bits shrunk to 8, transparency put on the background."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode[0] in "IF":
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        shown = Image.new("RGB", image.size, _BACKGROUND)
        shown.paste(image, mask=image.getchannel("A"))
        return shown
    return image.convert("RGB")


def _eight_bits(deep: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Pixels:
    """Grey values of 16 bits, 32 bits or floats to 0 .. 255.

    The white of a 16-bit file is 65,535; of the other kinds the first of 1 (floats), 255 and
    65,535 that is not below the brightest pixel.
    """
    values = np.nan_to_num(deep.astype(np.float32), nan=0.0)
    whites = [65535.0] if deep.dtype.itemsize == 2 else [255.0, 65535.0]
    if deep.dtype.kind == "f":
        whites.insert(0, 1.0)
    brightest = float(values.max(initial=0.0))
    white = next((white for white in whites if brightest <= white), brightest)
    return np.asarray((values * (255 / white)).clip(0, 255).round(), np.uint8)
