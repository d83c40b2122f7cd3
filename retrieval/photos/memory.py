"""Memory for decoding: what a photo will take, and a budget in which photos wait for their share.

A small file can hold many pixels, and a decoder takes up to 24 bytes for each of them. How many
shows its header; so a photo that would take more than the whole budget is refused before it is
decoded, and others wait until there is room.
"""

import ctypes
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from PIL import Image

from retrieval.errors import PhotoTooLarge
from retrieval.values import Pixels

MEMORY_BYTES = 512 << 20  # with the networks, a service stays below 1 GB

# Bytes per pixel, measured as the highest resident size while photos of 9 and 30 megapixels were
# decoded (Pillow 11.3, libheif 1.20, OpenJPEG 2.5), rounded up. First those of Pillow's own image.
_MODES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_OTHER_MODES = 4
# Those of a decoder beside it; coefficients and samples of JPEG and JPEG 2000 are for each band.
_DECODERS = {"HEIF": 4.0, "AVIF": 7.0, "WEBP": 12.0}
_PROGRESSIVE = 2.1
_JPEG2000 = 5.2
# Those of the way to RGB at the size that is wanted, with the image: copies of it, and the array.
_TO_RGB = 14.0
_DEEP_TO_RGB = 21.0  # several floats
# Those of what is converted at full size, since Pillow cannot shrink it as it is.
_WEIGHTED = 8.0  # colours by their transparency, and back; 16 bits as floats
_CONVERTED = 4.0


def give_back() -> bool:
    """Give memory that was freed back to the system; whether that was possible.

    glibc keeps what threads have freed, in an arena for each few of them: after a change of model a
    service of two collections held 30 MB that nobody used.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    return bool(trim and trim(0))


def decoding_bytes(image: Image.Image, reduction: int, file_bytes: int) -> int:
    """About how many bytes it takes to decode a photo to upright RGB.

    Args:
        image: as it was opened, its header read and not more.
        reduction: by which its sides will be divided.
        file_bytes: of the file, which is held meanwhile.
    """
    own = float(_MODES.get(image.mode, _OTHER_MODES))
    decoder = _decoder(image)
    to_rgb = (_DEEP_TO_RGB if image.mode[0] in "IF" else _TO_RGB) / reduction**2
    if image.format == "JPEG":  # decodes at the size that is wanted
        own, converting = own / reduction**2, to_rgb
    elif reduction == 1:
        converting = to_rgb
    else:
        converting = own + _before_reducing(image) + to_rgb
    if image.format == "HEIF":  # keeps its own copy until the photo is let go of
        converting += decoder
    per_pixel = max(own + decoder, converting)
    return round(image.width * image.height * per_pixel) + file_bytes


def _decoder(image: Image.Image) -> float:
    if image.format == "JPEG":
        return _PROGRESSIVE * _samples(image) if image.info.get("progressive") else 0.0
    if image.format == "JPEG2000":
        return _JPEG2000 * len(image.getbands())
    if image.format == "TIFF":
        return _OTHER_MODES * _share_of_strip(image)
    return _DECODERS.get(image.format or "", 1.0)


def _samples(image: Image.Image) -> float:
    """Samples per pixel of a JPEG, whose colours are often kept at half the size."""
    factors = [(h, v) for _, h, v, *_ in getattr(image, "layer", [])]
    if not factors:
        return float(len(image.getbands()))
    most = max(h for h, _ in factors) * max(v for _, v in factors)
    return float(sum(h * v for h, v in factors) / max(most, 1))


def _share_of_strip(image: Image.Image) -> float:
    """The part of a TIFF that is decompressed at once: a strip, which may be the whole photo."""
    rows: object = getattr(image, "tag_v2", {}).get(278)  # RowsPerStrip, TIFF 6.0
    if isinstance(rows, int) and 0 < rows < image.height:
        return rows / image.height
    return 1.0


def _before_reducing(image: Image.Image) -> float:
    if image.has_transparency_data or image.mode.startswith("I;16"):
        return _WEIGHTED
    return _CONVERTED if image.mode in ("1", "P") else 0.0


class MemoryBudget:
    """Bytes that the decoders of this process may take together. Safe to share between threads.

    An eighth is for photos that need no more than that, so that nobody with an ordinary photo waits
    for those with huge ones; while none of these waits, the others may have all that is free. Huge
    ones take turns. The pixels that are left of a photo count until they are let go of, but hold up
    nobody who comes when nothing is being decoded: whoever holds pixels may be the one who waits.

    Args:
        most: bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._reserve = most // 8
        self._turn = threading.Condition()
        self._huge: deque[object] = deque()  # that wait
        self._decoding = 0
        self._small = 0  # bytes of small ones that are being decoded
        self._taken = 0

    @property
    def taken(self) -> int:
        """Bytes that photos have now."""
        return self._taken

    @contextmanager
    def share(self, needed: int, name: str) -> Iterator["Share"]:
        """Wait for so many bytes, and have them while the block decodes.

        Raises:
            PhotoTooLarge: they are more than any photo may have.
        """
        if needed > self._most - self._reserve:
            raise PhotoTooLarge(
                f"{name}: to decode it takes about {needed / 1e6:,.0f} MB of memory, more than the"
                f" {(self._most - self._reserve) / 1e6:,.0f} MB that one photo may have. Shrink it,"
                " or save it as JPEG. The setting memory_budget moves the limit."
            )
        small = needed if needed <= self._reserve else 0
        self._enter(needed, small)
        share = Share(self)
        try:
            yield share
        finally:
            with self._turn:
                self._decoding -= 1
                self._small -= small
                self._taken += share.kept - needed
                self._turn.notify_all()

    def _enter(self, needed: int, small: int) -> None:
        ticket = object()
        with self._turn:
            if not small:
                self._huge.append(ticket)
            try:
                self._turn.wait_for(lambda: self._fits(needed, small, ticket))
                self._decoding += 1
                self._small += small
                self._taken += needed
            finally:
                if not small:
                    self._huge.remove(ticket)
                self._turn.notify_all()

    def _fits(self, needed: int, small: int, ticket: object) -> bool:
        free = not self._decoding or self._taken + needed <= self._most
        if small:
            return self._small + small <= self._reserve or (free and not self._huge)
        return free and self._huge[0] is ticket

    def _give_back(self, held: int) -> None:
        # The collector may call this in a thread that is in here already: Condition's lock is
        # re-entrant, and its `notify_all` bears that.
        with self._turn:
            self._taken -= held
            self._turn.notify_all()


class Share:
    """A photo's part of the budget."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.kept = 0

    def keep(self, pixels: Pixels) -> None:
        """Go on to count these pixels, until nobody holds them any more."""
        self.kept = pixels.nbytes
        weakref.finalize(pixels, self._budget._give_back, pixels.nbytes).atexit = False


@cache
def budget_of(most: int) -> MemoryBudget:
    """The budget of this size, which all who read photos in this process share."""
    return MemoryBudget(most)
