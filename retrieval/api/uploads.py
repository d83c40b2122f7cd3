"""Uploaded photos as the library takes them."""

from collections.abc import Sequence, Sized
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import File, UploadFile
from starlette.datastructures import UploadFile as Upload

from retrieval.api.problems import BodyTooLarge
from retrieval.errors import SettingInvalid
from retrieval.photos.kinds import has_video_ending
from retrieval.settings import Settings
from retrieval.values import Source

Photo = Annotated[UploadFile, File(description="A photo.")]


def check_count(photos: Sized, settings: Settings) -> None:
    """Refuse a request with more photos than are allowed."""
    if len(photos) > settings.max_request_photos:
        raise BodyTooLarge(
            f"A request may have {settings.max_request_photos} photos; found {len(photos)}."
            " Send them in several requests, or start a run."
        )


async def photo_source(photo: Upload) -> Source:
    """The bytes of an upload under its file's name; a client's folders are none of ours."""
    name = PurePosixPath((photo.filename or "").replace("\\", "/")).name or "photo"
    return Source(name, await photo.read())


def video_name(video: UploadFile) -> str:
    """The name of an upload's file, which must end as a video's.

    Raises:
        SettingInvalid: it ends otherwise.
    """
    name = PurePosixPath((video.filename or "").replace("\\", "/")).name
    if not has_video_ending(name):
        raise SettingInvalid(
            f"{name or 'The file'} is no video by its name. Send one that ends in .mp4, .mov, .mkv,"
            " .webm, .avi or the like."
        )
    return name


async def photo_sources(photos: Sequence[UploadFile]) -> tuple[Source, ...]:
    """The uploads in order."""
    return tuple([await photo_source(photo) for photo in photos])
