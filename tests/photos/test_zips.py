"""Photos out of ZIP files: each by its bytes, what is no photo passed over, bombs refused."""

import io
import zipfile

import pytest

from retrieval.errors import DataInvalid
from retrieval.photos.zips import photos_in_zip


def packed(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    data.seek(0)
    return data


def photos(data, max_bytes=1_000, max_photo_bytes=500):
    return list(photos_in_zip(data, max_bytes=max_bytes, max_photo_bytes=max_photo_bytes))


def test_photos_come_by_their_bytes_and_other_files_are_passed_over():
    data = packed(**{"a__1.jpg": b"one", "notes.txt": b"no", ".hidden.jpg": b"no", "2.PNG": b"two"})
    assert [(each.name, each.content) for each in photos(data)] == [
        ("a/1.jpg", b"one"),
        ("2.PNG", b"two"),
    ]


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"big.jpg": b"0" * 501}, "more than is allowed"),
        ({f"{n}.jpg": b"0" * 400 for n in range(3)}, "more than is allowed"),
    ],
)
def test_what_unpacks_to_more_than_is_allowed_is_refused(files, match):
    with pytest.raises(DataInvalid, match=match):
        photos(packed(**files))


def test_what_is_no_zip_file_is_refused():
    with pytest.raises(DataInvalid, match="cannot be read"):
        photos(io.BytesIO(b"no archive at all"))


def test_backslashes_are_separators_as_programs_for_windows_write_them():
    data = packed(
        **{
            "staff\\Ann\\1.jpg": b"one",
            "staff\\@eaDir\\1.jpg": b"no",
            "$RECYCLE.BIN\\1.jpg": b"no",
            "staff\\.hidden\\1.jpg": b"no",
            "staff\\Bob.jpg\\": b"",
        }
    )
    assert [each.name for each in photos(data)] == ["staff/Ann/1.jpg"]


def test_a_photo_without_an_ending_is_known_by_its_content():
    data = packed(**{"IMG_1": b"\xff\xd8\xff\xe0 JPEG", "README": b"Read me"})
    assert [each.name for each in photos(data)] == ["IMG_1"]
