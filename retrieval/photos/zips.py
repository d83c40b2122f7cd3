"""Photos in ZIP files, read one by one where they lie: nothing is written anywhere."""

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from retrieval.errors import DataInvalid
from retrieval.photos.kinds import (
    BEGINNING,
    begins_like_a_photo,
    has_photo_ending,
    is_hidden,
    is_system_folder,
)
from retrieval.values import Source

MOST_ENTRIES = 200_000


def photos_in_zip(
    file: IO[bytes] | str, *, max_bytes: int, max_photo_bytes: int
) -> Iterator[Source]:
    """The photos of a ZIP file by their bytes; what is no photo is passed over.

    Args:
        file: its path, or its bytes, seekable.
        max_bytes: of all photos together, as they are unpacked.
        max_photo_bytes: of one photo.

    Raises:
        DataInvalid: no ZIP file, or one that is damaged, encrypted or too large.
    """
    left = max_bytes
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise DataInvalid(f"The ZIP file has more than {MOST_ENTRIES} entries. Split it.")
            for entry in entries:
                name = PurePosixPath(entry.filename.replace("\\", "/"))  # as Windows wrote it
                if _is_photo(archive, entry, name):
                    with archive.open(entry) as opened:  # what comes out is counted, not believed
                        data = opened.read(min(left, max_photo_bytes) + 1)
                    left -= len(data)
                    if left < 0 or len(data) > max_photo_bytes:
                        raise DataInvalid(
                            f"The ZIP file unpacks to more than is allowed, at {entry.filename!r}."
                            " Split it."
                        )
                    yield Source(str(name), data)
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise DataInvalid("The ZIP file cannot be read. Pack it again.") from error


def _is_photo(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: PurePosixPath) -> bool:
    """By its ending; a file without one by its content."""
    if entry.filename.endswith(("/", "\\")) or is_hidden(name.name):
        return False
    if any(is_hidden(part) or is_system_folder(part) for part in name.parts[:-1]):
        return False
    if name.suffix:
        return has_photo_ending(name.name)
    with archive.open(entry) as opened:
        return begins_like_a_photo(opened.read(BEGINNING))
