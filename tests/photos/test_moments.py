"""When a photo was taken, as its camera wrote it."""

import io
from datetime import UTC, datetime

import pytest
from PIL import ExifTags, Image

from retrieval.photos.moments import taken_at


def photo(original=None, changed=None):
    exif = Image.Exif()
    if changed is not None:
        exif[ExifTags.Base.DateTime] = changed
    if original is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = original
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "JPEG", exif=exif)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (photo("2026:07:04 12:30:05"), datetime(2026, 7, 4, 12, 30, 5, tzinfo=UTC)),
        (photo(None, "2026:07:05 01:00:00"), datetime(2026, 7, 5, 1, tzinfo=UTC)),
        (photo("2026:07:04 12:30:05", "2027:01:01 00:00:00"),
         datetime(2026, 7, 4, 12, 30, 5, tzinfo=UTC)),
        (photo("0000:00:00 00:00:00"), None),
        (photo(), None),
        (b"no photo", None),
    ],
)  # fmt: skip
def test_the_moment_is_the_camera_s_or_none(data, expected):
    assert taken_at(data) == expected
