"""Annotated copies of photos: boxes in the colour of the decision, with names."""

from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from retrieval.answers import FaceAnswer, PhotoAnswer
from retrieval.values import Outcome, Pixels

# Told apart by colour-blind readers too, and by the words on the label.
COLOURS = {
    Outcome.MATCH: (22, 131, 74),
    Outcome.AMBIGUOUS: (180, 106, 0),
    Outcome.UNKNOWN: (47, 93, 170),
    Outcome.UNUSABLE: (110, 110, 110),
}
_FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"


def annotate(pixels: Pixels, answer: PhotoAnswer) -> Image.Image:
    """Draw an answer's boxes and names over its photo.

    Args:
        pixels: (h, w, 3) RGB uint8, the upright photo, at any reduced size.
        answer: what was found in it.

    Returns:
        a new picture of the size of `pixels`.
    """
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    scale = picture.width / answer.width
    line = max(round(max(picture.size) / 400), 2)
    for face in answer.faces:
        _draw_face(draw, face, scale, line, picture.width)
    return picture


def _draw_face(
    draw: ImageDraw.ImageDraw, face: FaceAnswer, scale: float, line: int, width: int
) -> None:
    left, top, box_width, box_height = (side * scale for side in face.box)
    colour = COLOURS[face.decision]
    draw.rectangle((left, top, left + box_width, top + box_height), outline=colour, width=line)
    font = ImageFont.truetype(str(_FONT), max(min(round(box_width / 6), line * 9), 11))
    text = label(face)
    pad = line
    text_width = draw.textlength(text, font=font)
    text_height = font.size + 2 * pad
    x = min(max(left, 0), max(width - text_width - 2 * pad, 0))
    y = top - text_height if top >= text_height else top + box_height
    draw.rectangle((x, y, x + text_width + 2 * pad, y + text_height), fill=colour)
    draw.text((x + pad, y + pad / 2), text, font=font, fill="white")


def label(face: FaceAnswer) -> str:
    """What stands on a face's box: the name and score of a match, else the decision."""
    if face.person is not None and face.score is not None:
        return f"{face.person} {face.score:.3f}"
    if face.decision is Outcome.AMBIGUOUS and face.candidates:
        return f"{face.candidates[0].person}?"
    return face.decision.value
