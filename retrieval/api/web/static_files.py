"""Static files under an address that names their content: held in memory, compressed, for good.

Modules import each other by relative paths, so one digest over all files, as a folder in the
address, lets them find each other without a build step: another release is another folder.
"""

import gzip
import hashlib
import json
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from retrieval.api.web.languages import LANGUAGES, script_messages
from retrieval.api.web.languages.told import service_words

FOLDER = Path(__file__).resolve().parent / "static"
_FOR_GOOD = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript; charset=utf-8", ".webmanifest": "application/manifest+json"}
_COMPRESSED = (".js", ".css", ".svg", ".json", ".webmanifest")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent.

    Attributes:
        content: its bytes.
        small: the same by gzip, or None where that gains nothing.
        media_type: with its charset.
    """

    content: bytes
    small: bytes | None
    media_type: str


class StaticFiles:
    """ASGI application: the files of a folder, and more by name.

    Args:
        folder: with the files.
        made: contents of files that lie nowhere, by name.
    """

    def __init__(self, folder: Path, made: dict[str, bytes]) -> None:
        contents = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self._files = {name: _file(name, data) for name, data in {**contents, **made}.items()}
        digest = hashlib.sha256()
        for name, file in sorted(self._files.items()):
            digest.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """Where a file is, as pages name it; KeyError where there is none."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405)
        path = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        version, _, name = path.partition("/")
        current = version == self.version
        file = self._files.get(name if current or name in self._files else path)
        if file is None:
            raise HTTPException(404)
        await self._answer(file, Headers(scope=scope), current)(scope, receive, send)

    def _answer(self, file: StaticFile, sent: Headers, current: bool) -> Response:
        tag = f'"{self.version}"'
        headers = {
            # A page of an older release asks for its own folder: it gets what there is, unkept.
            "Cache-Control": _FOR_GOOD if current else "no-cache",
            "ETag": tag,
            "Vary": "Accept-Encoding",
        }
        if tag in sent.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if file.small is None or "gzip" not in sent.get("accept-encoding", ""):
            return Response(file.content, media_type=file.media_type, headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(file.small, media_type=file.media_type, headers=headers)


def _file(name: str, content: bytes) -> StaticFile:
    suffix = Path(name).suffix
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    small = gzip.compress(content, 9, mtime=0) if suffix in _COMPRESSED else None
    return StaticFile(content, small, media_type)


@cache
def static_files() -> StaticFiles:
    """The web app's files, with the messages of scripts and of the service in each language."""
    made = {
        f"messages/{language}.json": json.dumps(script_messages(language)).encode()
        for language in LANGUAGES
    }
    made |= {
        f"service/{language}.json": json.dumps(service_words(language)).encode()
        for language in LANGUAGES
    }
    return StaticFiles(FOLDER, made)
