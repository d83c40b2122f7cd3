"""Folders of pictures that commands write: the folder, names in it, and the photos in full."""

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import SettingInvalid
from retrieval.values import Location, Photo

if TYPE_CHECKING:
    from retrieval.settings import Settings


def make_picture_folder(folder: Path, option: str) -> None:
    """Make the folder that an option names, where it is not there.

    Raises:
        SettingInvalid: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingInvalid(f"{option} {folder}: cannot be made: {error.strerror}.") from error


def short_name(text: str, most: int = 200) -> str:
    """A part of a file's name, cut where file systems would refuse it with what goes around it.

    Args:
        text: any.
        most: bytes; a name has at most 255, and what is written beside it needs a few.
    """
    data = text.encode("utf-8", "surrogateescape")
    return text if len(data) <= most else data[:most].decode("utf-8", "ignore")


def free_name(stem: str, taken: set[str]) -> str:
    """A name that this run has not used yet, which it uses now: folders may hold photos alike."""
    stem = short_name(stem)
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name)
    return name


def decoded(settings: "Settings", path: Location, working_px: int | None = None) -> Photo:
    """A photo of the command's, within the limits of the settings.

    Args:
        settings: of the command.
        path: of the photo.
        working_px: see `decode`.

    Raises:
        PhotoError: see `decode`.
    """
    from retrieval.photos.decode import decode

    return decode(
        path,
        working_px=working_px,
        max_pixels=settings.max_pixels,
        max_bytes=settings.max_photo_bytes,
        memory_bytes=settings.memory_bytes,
    )
