"""Photos whose pixels are whole though their file is not: mended so that a decoder takes them.

Cameras and messengers write JPEG files without the end marker, editors PNG files with damaged text
or EXIF. None of that touches a pixel.
"""

import struct
import zlib

_END_OF_IMAGE = b"\xff\xd9"
_PNG = b"\x89PNG\r\n\x1a\n"
# PNG, third edition, 5.6: what changes how pixels look; and eXIf, which says which side is up.
_NEEDED = (b"tRNS", b"eXIf")
_ANCILLARY = 0x20  # the bit of a chunk's first letter by which decoders may pass it over
# Codes that a decoder would take for pixels: any, as long as they differ from the zeros that it
# takes for what is missing.
_OTHER_CODES = (b"\x5a" * 4096, b"\xa7" * 4096)


def endings(data: bytes) -> list[bytes]:
    """A JPEG file that has no end marker, with three ends.

    All pixels are there if, and only if, the three decode to the same picture: then the decoder
    had finished before it came to what was added.
    """
    whole = data.rstrip(b"\xff")  # the first half of the marker
    return [whole + codes + _END_OF_IMAGE for codes in (b"", *_OTHER_CODES)]


def is_endless(data: bytes) -> bool:
    """Whether these are the bytes of a JPEG file without an end marker."""
    return data.startswith(b"\xff\xd8\xff") and _END_OF_IMAGE not in data[-4096:]


def without_metadata(data: bytes) -> bytes | None:
    """A PNG file with nothing but what its pixels need, and EXIF if that is intact.

    Returns:
        the file anew, or None where nothing could be left out: it is no PNG, or what is damaged are
        its pixels.
    """
    if not data.startswith(_PNG):
        return None
    kept, position = [_PNG], len(_PNG)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 12 + length
        chunk = data[position:end]
        if not kind[0] & _ANCILLARY or (kind in _NEEDED and _is_intact(chunk)):
            kept.append(chunk)
        position = end
        if kind == b"IEND":
            break
    mended = b"".join(kept)
    return mended if len(mended) < len(data) else None


def _is_intact(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
