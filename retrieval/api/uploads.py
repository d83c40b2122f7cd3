"""Uploaded photos as the library takes them."""

from collections.abc import Sequence, Sized
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import File, UploadFile

from retrieval.api.problems import BodyTooLarge
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


async def photo_source(photo: UploadFile) -> Source:
    """The bytes of an upload under its file's name; a client's folders are none of ours."""
    name = PurePosixPath((photo.filename or "").replace("\\", "/")).name or "photo"
    return Source(name, await photo.read())


async def photo_sources(photos: Sequence[UploadFile]) -> tuple[Source, ...]:
    """The uploads in order."""
    return tuple([await photo_source(photo) for photo in photos])
