"""Sample photos for the demonstration, made from two portraits that arrive with packages."""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from retrieval.errors import DataInvalid

ENROLLED = "Grace Hopper"


def write_samples(folder: Path) -> None:
    """Write employees/<person>/*.jpg and queries/group.jpg below `folder`.

    The enrolled photos are variants of one portrait (other size, light, mirrored); the query shows
    her beside a stranger.

    Sources: Grace Hopper, US Navy, public domain, in matplotlib's sample data; Eileen Collins,
    NASA, public domain, in scikit-image's data.

    Raises:
        DataInvalid: scikit-image is not installed.
    """
    hopper, collins = _hopper(), _collins()
    variants = [
        hopper.resize((hopper.width * 4 // 5, hopper.height * 4 // 5)),
        ImageEnhance.Brightness(hopper).enhance(1.25),
        ImageEnhance.Brightness(hopper).enhance(0.75),
        ImageOps.mirror(hopper),
    ]
    for number, variant in enumerate(variants, 1):
        _save(variant, folder / "employees" / ENROLLED / f"{number}.jpg")
    _save(_side_by_side(hopper, collins), folder / "queries" / "group.jpg")


def _hopper() -> Image.Image:
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return Image.open(path).convert("RGB")


def _collins() -> Image.Image:
    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise DataInvalid(
            "The demonstration's second portrait comes with scikit-image, which is not installed."
            " Run `pip install 'rollcall[demo]'`, or give photos of your own with --photos DIR."
        ) from error
    return Image.fromarray(np.asarray(astronaut()))


def _side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    height = 600
    scaled = [p.resize((p.width * height // p.height, height)) for p in (left, right)]
    picture = Image.new("RGB", (sum(p.width for p in scaled), height))
    picture.paste(scaled[0], (0, 0))
    picture.paste(scaled[1], (scaled[0].width, 0))
    return picture


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=92)
