"""The photos of a question, however they are sent: as a form, as one raw body, or in JSON."""

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from retrieval.api.problems import BodyUnknown
from retrieval.api.uploads import ClientName, check_count, photo_source
from retrieval.errors import SettingInvalid
from retrieval.settings import Settings
from retrieval.values import Source

RAW = ("application/octet-stream", "image/*")


class Base64Photo(BaseModel):
    """A photo in a JSON document."""

    name: ClientName = Field(
        "photo", max_length=1_000, description="What it is called in the answer."
    )
    base64: str = Field(description="Its bytes.")


class Base64Photos(BaseModel):
    """Photos in a JSON document."""

    photos: list[Base64Photo] = Field(min_length=1)


_BINARY = {"type": "string", "format": "binary"}


def body(*, several: bool, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a route's `openapi_extra` says of the request's body.

    Args:
        several: whether it may have several photos.
        fields: further fields of the form, by name.
    """
    name = "photos" if several else "photo"
    files: dict[str, Any] = {"type": "array", "items": _BINARY} if several else dict(_BINARY)
    form = {"type": "object", "properties": {name: files, **(fields or {})}, "required": [name]}
    photo = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 1_000, "default": "photo"},
            "base64": {"type": "string", "contentEncoding": "base64"},
        },
        "required": ["base64"],
    }
    photos = {"type": "array", "items": photo, "minItems": 1}
    if not several:
        photos["maxItems"] = 1
    example = {"photos": [{"name": "party.jpg", "base64": "/9j/4AAQSkZJRg..."}]}
    content = {
        "multipart/form-data": {"schema": form},
        "application/octet-stream": {"schema": _BINARY},
        "application/json": {
            "schema": {"type": "object", "properties": {"photos": photos}, "required": ["photos"]},
            "example": example,
        },
    }
    return {"requestBody": {"required": True, "content": content}}


async def asked_photos(
    request: Request, settings: Settings, *, several: bool = True
) -> tuple[tuple[Source, ...], dict[str, str]]:
    """The photos of a request, and the other fields of its form.

    Raises:
        BodyUnknown: it is none of the three.
        BodyTooLarge: more photos than are allowed.
        SettingInvalid: there is no photo, or what should be base64 is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    fields: dict[str, str] = {}
    if kind == "multipart/form-data":
        async with request.form() as form:
            given = form.multi_items()
            fields = {name: each for name, each in given if isinstance(each, str)}
            uploads = [each for _, each in given if isinstance(each, UploadFile)]
            check_count(uploads, settings)
            sources = tuple([await photo_source(each) for each in uploads])
    elif kind == "application/json":
        photos = (await _parsed(request)).photos
        check_count(photos, settings)
        sources = tuple(Source(each.name, decoded(each.base64, each.name)) for each in photos)
    elif kind in RAW or kind.startswith("image/"):
        sources = (Source("photo", await request.body()),)
    else:
        raise BodyUnknown(
            f"The body is {kind or 'of no kind'}. Send photos as multipart/form-data, one photo as"
            " it is (image/jpeg or application/octet-stream), or JSON with base64."
        )
    if not sources or (len(sources) > 1 and not several):
        wanted = "at least one" if several else "one"
        raise SettingInvalid(f"Send {wanted} photo; found {len(sources)}.")
    return sources, fields


def decoded(text: str, name: str) -> bytes:
    """The bytes of a base64 text."""
    try:
        return b64decode(text, validate=True)
    except ValueError:  # binascii's own error, and what is not even ASCII
        raise SettingInvalid(f"{name}: that is no base64.") from None


async def _parsed(request: Request) -> Base64Photos:
    try:
        return Base64Photos.model_validate(await request.json())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        told = {"type": "json_invalid", "loc": ("body",), "msg": f"That is no JSON: {error}."}
        raise RequestValidationError([told]) from error
    except ValidationError as error:
        errors: Sequence[Any] = error.errors(include_url=False, include_context=False)
        placed = [{**each, "loc": ("body", *each["loc"])} for each in errors]
        raise RequestValidationError(placed) from error
