"""Names that photo programs wrote into photos, with the region of each face: XMP, or a sidecar.

Two schemas are in use: the Metadata Working Group's (Lightroom, digiKam, Picasa, Apple Photos) and
Microsoft's (Windows Photo Gallery, digiKam as well).

Source: Metadata Working Group, "Guidelines for Handling Image Metadata" 2.0, section 5.9;
Microsoft, "People Tagging Overview" (MP, MPRI and MPReg schemas).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import pillow_heif
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image

pillow_heif.register_heif_opener()

Box = tuple[float, float, float, float]  # xywh, as shares of the upright photo's sides

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
_DIM = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
_REG = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
_ORIENTATION = 0x0112
_MOST_BYTES = 4 << 20  # of a sidecar
# Where the point (u, v) of the stored picture lies when it stands upright, by EXIF orientation.
_UPRIGHT = {
    2: lambda u, v: (1 - u, v),
    3: lambda u, v: (1 - u, 1 - v),
    4: lambda u, v: (u, 1 - v),
    5: lambda u, v: (v, u),
    6: lambda u, v: (1 - v, u),
    7: lambda u, v: (1 - v, 1 - u),
    8: lambda u, v: (v, 1 - u),
}


@dataclass(frozen=True, slots=True)
class Region:
    """A face that somebody tagged.

    Attributes:
        name: whose it is.
        boxes: where it may be, the likeliest first: programs disagree whether a region is of the
            picture as it is stored or as it is shown.
    """

    name: str
    boxes: tuple[Box, ...]


def regions_of(photo: Path) -> list[Region]:
    """The named faces of a photo, from the photo itself or from a sidecar beside it.

    Returns:
        one of each name, in the order of the file; none where nothing is tagged, or unreadable.
    """

    try:
        with Image.open(photo) as opened:
            size, orientation = opened.size, int(opened.getexif().get(_ORIENTATION, 1))
            inside = opened.info.get("xmp", b"")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return []
    found: dict[str, Region] = {}
    for document in filter(None, (inside, *_sidecars(photo))):
        for region in _regions(document, size, orientation):
            found.setdefault(region.name, region)
    return list(found.values())


def _sidecars(photo: Path) -> Iterator[bytes]:
    """`1.jpg.xmp` (digiKam, darktable) and `1.xmp` (Adobe)."""
    for name in (f"{photo.name}.xmp", f"{photo.stem}.xmp"):
        sidecar = photo.with_name(name)
        if sidecar.is_file():  # a pipe of that name would be waited for without end
            with suppress(OSError), sidecar.open("rb") as file:
                yield file.read(_MOST_BYTES)


def _regions(document: bytes | str, size: tuple[int, int], orientation: int) -> Iterator[Region]:
    try:
        text = document.decode("utf-8", "replace") if isinstance(document, bytes) else document
        root = fromstring(text.strip("\0 \r\n\ufeff").encode(), forbid_dtd=True)
    except (ParseError, ValueError, DefusedXmlException):
        return
    shown = _is_of_shown(root, size, orientation)
    for item in root.iter(f"{_RDF}li"):
        name, box = _mwg(item, size) or _microsoft(item) or ("", None)
        if not name or box is None or min(box[2:]) <= 0:
            continue
        boxes = (_turned(box, orientation), box)
        yield Region(name, tuple(dict.fromkeys(boxes[::-1] if shown else boxes)))


def _is_of_shown(root: Element, size: tuple[int, int], orientation: int) -> bool:
    """Whether the regions' own dimensions say that they are of the picture as it is shown."""
    for item in root.iter(f"{_MWG}AppliedToDimensions"):
        with suppress(ValueError):
            wide, high = float(_value(item, _DIM, "w")), float(_value(item, _DIM, "h"))
            swapped = (wide > high) != (size[0] > size[1]) and wide != high and size[0] != size[1]
            return swapped and orientation >= 5
    return False


def _mwg(item: Element, size: tuple[int, int]) -> tuple[str, Box] | None:
    """Name and box of a Metadata Working Group's region, whose x and y are its middle."""
    kind = _value(item, _MWG, "Type")
    area = next(item.iter(f"{_MWG}Area"), None)
    if area is None or kind not in ("Face", ""):
        return None
    try:
        x, y, wide, high = (float(_value(area, _AREA, side)) for side in "xywh")
    except ValueError:
        return None
    if _value(area, _AREA, "unit") == "pixel":
        x, wide, y, high = x / size[0], wide / size[0], y / size[1], high / size[1]
    return _value(item, _MWG, "Name").strip(), (x - wide / 2, y - high / 2, wide, high)


def _microsoft(item: Element) -> tuple[str, Box] | None:
    try:
        x, y, wide, high = map(float, _value(item, _REG, "Rectangle").split(","))
    except ValueError:
        return None
    return _value(item, _REG, "PersonDisplayName").strip(), (x, y, wide, high)


def _value(item: Element, namespace: str, name: str) -> str:
    """A property of an RDF node, written as an attribute or as an element, here or in its node."""
    for node in (item, *item.findall(f"{_RDF}Description")):
        text = node.get(f"{namespace}{name}") or node.findtext(f"{namespace}{name}")
        if text:
            return text
    return ""


def _turned(box: Box, orientation: int) -> Box:
    turn = _UPRIGHT.get(orientation)
    if turn is None:
        return box
    x, y, wide, high = box
    (left, top), (right, bottom) = turn(x, y), turn(x + wide, y + high)
    return min(left, right), min(top, bottom), abs(right - left), abs(bottom - top)
