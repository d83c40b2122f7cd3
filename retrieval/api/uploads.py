"""Uploaded photos as the library takes them."""

import re
from collections.abc import Sequence, Sized
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import File, Form, UploadFile
from pydantic import AfterValidator
from starlette.datastructures import UploadFile as Upload

from retrieval.api.problems import BodyTooLarge
from retrieval.errors import SettingInvalid
from retrieval.photos.kinds import has_video_ending
from retrieval.settings import Settings
from retrieval.values import Source

Photo = Annotated[UploadFile, File(description="A photo.")]
FaceNumber = Annotated[
    int | None,
    Form(
        ge=1, le=1000, description="Number of the face that is meant, as an identification counts."
    ),
]

# Control characters and halves of surrogate pairs: no line shows them, and PostgreSQL keeps no NUL.
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _shown(name: str) -> str:
    return _UNSHOWN.sub("\ufffd", name)


ClientName = Annotated[str, AfterValidator(_shown)]


def client_name(upload: Upload) -> str:
    """What a client calls a file, as it can be shown and kept; its folders are none of ours."""
    return _shown(PurePosixPath((upload.filename or "").replace("\\", "/")).name)


def check_count(photos: Sized, settings: Settings) -> None:
    """Refuse a request with more photos than are allowed."""
    if len(photos) > settings.max_request_photos:
        raise BodyTooLarge(
            f"A request may have {settings.max_request_photos} photos; found {len(photos)}."
            " Send them in several requests, or start a run."
        )


async def photo_source(photo: Upload) -> Source:
    """The bytes of an upload under its file's name."""
    return Source(client_name(photo) or "photo", await photo.read())


def video_name(video: UploadFile) -> str:
    """The name of an upload's file, which must end as a video's.

    Raises:
        SettingInvalid: it ends otherwise.
    """
    name = client_name(video)
    if not has_video_ending(name):
        raise SettingInvalid(
            f"{name or 'The file'} is no video by its name. Send one that ends in .mp4, .mov, .mkv,"
            " .webm, .avi or the like."
        )
    return name


async def photo_sources(photos: Sequence[UploadFile]) -> tuple[Source, ...]:
    """The uploads in order."""
    return tuple([await photo_source(photo) for photo in photos])
