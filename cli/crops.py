"""`--crops DIR`: a picture of each face, and contact sheets of all of them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import Run
from cli.pictures import decoded, free_name, make_picture_folder, short_name
from retrieval.files.output import replacing
from retrieval.values import Location, counted

if TYPE_CHECKING:
    from PIL import Image

    from retrieval.collection.tracks.answers import VideoAnswer

_SIDE_PX = 160  # of a face on a contact sheet
_ACROSS, _DOWN = 8, 6
_LABEL_PX = 34  # below a face: who it is, and of which photo
_MOST = 100  # bytes of a photo's and of a person's name in a file's
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Crop:
    """A face cut out.

    Attributes:
        photo: what it is of.
        number: of the face in it, or of the hit.
        told: who it is.
        jpeg: the picture.
    """

    photo: str
    number: int
    told: str
    jpeg: bytes

    @property
    def file(self) -> str:
        """A name for the file that every system takes."""
        stem, told = (_UNSAFE.sub("_", text) for text in (Path(self.photo).stem, self.told))
        return f"{short_name(stem, _MOST)}-{self.number}-{short_name(told, _MOST)}"


def crops_of(
    run: Run,
    path: Location,
    size: tuple[int, int],
    boxes: Sequence[tuple[float, float, float, float]],
    told: Sequence[str],
) -> Iterator[Crop]:
    """Cut a photo's faces out.

    Args:
        run: of the command.
        path: of the photo.
        size: width and height in which the boxes are.
        boxes: xywh of each face.
        told: who each is.
    """
    import numpy as np

    from retrieval.collection.thumbnails import cut

    photo = decoded(run.settings, path)
    scale = photo.pixels.shape[1] / size[0]
    pictures = cut(photo.pixels, np.array(boxes, np.float32) * scale, side_px=2 * _SIDE_PX)
    for number, (picture, who) in enumerate(zip(pictures, told, strict=True), 1):
        yield Crop(str(path), number, who, picture)


def crops_of_tracks(answers: "Iterable[VideoAnswer]") -> Iterator[Crop]:
    """The best face of each track of videos."""
    for answer in answers:
        for number, track in enumerate(answer.tracks, 1):
            told = track.face.person or track.face.decision.value
            yield Crop(answer.video, number, told, track.picture)


def write_crops(run: Run, crops: Iterable[Crop], folder: Path) -> None:
    """Write a file per face, and contact sheets of up to 48 faces each."""
    make_picture_folder(folder, "--crops")
    taken: set[str] = set()
    page: list[Crop] = []
    count = sheets = 0
    for crop in crops:
        with replacing(folder / f"{free_name(crop.file, taken)}.jpg") as part:
            part.write_bytes(crop.jpeg)
        page.append(crop)
        count += 1
        if len(page) == _ACROSS * _DOWN:
            sheets += 1
            _write_sheet(page, folder, sheets)
            page = []
    if page:
        sheets += 1
        _write_sheet(page, folder, sheets)
    told = f"{folder}: {counted(count, 'face')}"
    run.remark(f"{told} on {counted(sheets, 'contact sheet')}" if sheets else told)


def _write_sheet(page: Sequence[Crop], folder: Path, number: int) -> None:
    with replacing(folder / f"contact-sheet-{number}.jpg") as part:
        _sheet(page).save(part, "JPEG", quality=90)


def _sheet(page: Sequence[Crop]) -> "Image.Image":
    """Faces in rows, each with who it is and its photo below."""
    from PIL import Image, ImageDraw, ImageFont

    from retrieval.collection.drawing import FONT, fitting

    across = min(len(page), _ACROSS)
    down = -(-len(page) // across)
    sheet = Image.new("RGB", (across * _SIDE_PX, down * (_SIDE_PX + _LABEL_PX)), "white")
    draw = ImageDraw.Draw(sheet)
    font, small = (ImageFont.truetype(str(FONT), size) for size in (13, 10))
    for place, crop in enumerate(page):
        left, top = place % across * _SIDE_PX, place // across * (_SIDE_PX + _LABEL_PX)
        with Image.open(BytesIO(crop.jpeg)) as face:
            sheet.paste(face.convert("RGB").resize((_SIDE_PX - 4, _SIDE_PX - 4)), (left + 2, top))
        lines = (crop.told, font), (f"{Path(crop.photo).name} {crop.number}", small)
        for row, (text, used) in enumerate(lines):
            said = fitting(draw, text, used, _SIDE_PX - 6)
            draw.text((left + 3, top + _SIDE_PX + row * 16), said, font=used, fill="black")
    return sheet
