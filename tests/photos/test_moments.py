"""When a photo was taken, as its camera wrote it."""

import io
import time
from datetime import UTC, datetime

import pytest
from PIL import ExifTags, Image

from retrieval.events.shown import moment_of
from retrieval.photos.moments import taken_at, wall_clock


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


def test_what_is_known_in_utc_is_told_as_a_camera_of_this_zone_writes_it(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        seen = wall_clock(datetime(2026, 12, 31, 20, 15, tzinfo=UTC))
        assert seen == taken_at(photo("2027:01:01 05:15:00"))
        assert moment_of(seen) == "2027-01-01T05:15:00"
    finally:
        monkeypatch.undo()
        time.tzset()
