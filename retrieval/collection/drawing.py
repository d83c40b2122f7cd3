"""Annotated copies of photos: boxes in the colour of the decision, with numbers and names."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from retrieval.collection.answers import FaceAnswer, PhotoAnswer
from retrieval.values import Outcome, Pixels

# Told apart by colour-blind readers too, and by the words on the label.
COLOURS = {
    Outcome.MATCH: (22, 131, 74),
    Outcome.AMBIGUOUS: (180, 106, 0),
    Outcome.UNKNOWN: (47, 93, 170),
    Outcome.UNUSABLE: (110, 110, 110),
}
_READABLE_PX = 400  # longer side from which on names are readable beside faces
_Area = tuple[float, float, float, float]  # left, top, right, bottom
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"


def annotate(
    pixels: Pixels, answer: PhotoAnswer, numbers: Sequence[int] | None = None
) -> Image.Image:
    """Draw an answer's boxes and names over its photo.

    Args:
        pixels: (h, w, 3) RGB uint8, the upright photo, at any reduced size.
        answer: what was found in it.
        numbers: of its faces; counted from 1 if None.

    Returns:
        a new picture of the size of `pixels`; a small one is enlarged until its labels can be read.
    """
    picture = _readable(Image.fromarray(pixels))
    draw = ImageDraw.Draw(picture)
    scale = picture.width / answer.width
    line = max(round(max(picture.size) / 400), 2)
    boxes = [tuple(side * scale for side in face.box) for face in answer.faces]
    for face, (left, top, width, height) in zip(answer.faces, boxes, strict=True):
        corners = (left, top, left + width, top + height)
        draw.rectangle(corners, outline=COLOURS[face.decision], width=line)
    placed: list[_Area] = []
    numbers = range(1, len(boxes) + 1) if numbers is None else numbers
    for number, face, box in zip(numbers, answer.faces, boxes, strict=True):
        size = max(min(round(box[2] / 6), line * 8), round(max(picture.size) / 90), 11)
        font = ImageFont.truetype(str(FONT), size)
        text = f"{number} {label(face)}"
        others = [(b[0], b[1], b[0] + b[2], b[1] + b[3]) for b in boxes if b is not box]
        wide = draw.textlength(text, font=font)
        area = _free_place(box, wide, size, line, picture, placed, others)
        placed.append(area)
        draw.rectangle(area, fill=COLOURS[face.decision])
        draw.text((area[0] + line, area[1] + line / 2), text, font=font, fill="white")
    return picture


def fitting(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, wide_px: float
) -> str:
    """A text that is no wider than so many pixels: its end is left out where it is."""
    while draw.textlength(text, font=font) > wide_px and len(text) > 2:
        text = text[:-2] + "…"
    return text


def _free_place(
    box: tuple[float, ...],
    text_width: float,
    text_height: float,
    pad: int,
    picture: Image.Image,
    taken: list[_Area],
    others: list[_Area],
) -> _Area:
    """Where a label goes: over its box, else under or beside it, on no other face if that can be.

    Other labels are never covered where any place is free of them.
    """
    left, top, box_width, box_height = box
    width, height = text_width + 2 * pad, text_height + 2 * pad
    x = min(max(left, 0), max(picture.width - width, 0))
    rows = [top - height, top + box_height]
    rows += [top - height * (1 + step) for step in range(1, 6)]
    areas = [(x, y, x + width, y + height) for y in rows if 0 <= y <= picture.height - height]
    low = min(max(top, 0), max(picture.height - height, 0))
    areas += [
        (beside, low, beside + width, low + height)
        for beside in (left + box_width, left - width)
        if 0 <= beside <= picture.width - width
    ]
    areas.append((x, low, x + width, low + height))  # on its own face
    free = [area for area in areas if not any(_meet(area, other) for other in taken)]
    alone = (area for area in free if not any(_meet(area, other) for other in others))
    return next(alone, free[-1] if free else areas[0])


def _readable(picture: Image.Image) -> Image.Image:
    """The picture, enlarged by a whole number where letters of 11 pixels would cover it."""
    factor = -(-_READABLE_PX // max(picture.size))
    return picture if factor <= 1 else picture.resize([s * factor for s in picture.size])


def _meet(first: _Area, second: _Area) -> bool:
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def label(face: FaceAnswer) -> str:
    """What stands on a face's box: the name and score of a match, else the decision."""
    if face.person is not None and face.score is not None:
        return f"{face.person} {face.score:.3f}"
    if face.decision is Outcome.AMBIGUOUS and face.candidates:
        return f"{face.candidates[0].person}?"
    return face.decision.value
