"""When a photo was taken: what the clock on the wall showed, without a zone.

Cameras write that and seldom a zone, so every photo, video and sighting of an event has it, as a
`datetime` that says UTC; as JSON it says no zone.
"""

import io
import warnings
from datetime import UTC, datetime

from PIL import ExifTags, Image

_WRITTEN = "%Y:%m:%d %H:%M:%S"


def taken_at(data: bytes) -> datetime | None:
    """The moment in a photo's EXIF by the camera's own clock, given as if that were UTC.

    Nothing is decoded; None where nothing is written, or nothing that is a moment.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exif = Image.open(io.BytesIO(data)).getexif()
            written = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
            written = written or exif.get(ExifTags.Base.DateTime)
        except Exception:  # noqa: BLE001  Pillow's readers raise whatever a damaged file makes them
            return None
    try:
        return datetime.strptime(str(written).strip("\0 "), _WRITTEN).replace(tzinfo=UTC)
    except ValueError:
        return None


def wall_clock(moment: datetime) -> datetime:
    """What the clock of this machine's zone shows at a moment that is known, as of a photo."""
    return moment.astimezone().replace(tzinfo=UTC)
