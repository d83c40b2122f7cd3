"""The JSON of strangers and of edits that were looked at: of command line and HTTP alike."""

from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12


class StrangersDocument(TypedDict):
    """Faces that seem to be one stranger's."""

    group: int
    faces: int
    face_ids: list[int]
    photos: list[str]
    first_seen: str
    last_seen: str


class SeenFace(TypedDict):
    """A face of an earlier question."""

    photo: str
    face: int
    seen_at: str | None


class NamingDocument(TypedDict):
    """What became of naming a group; `now_known` are earlier answers that were unknown."""

    person: str
    enrolled: list[SeenFace]
    now_known: list[SeenFace]


class PreviewDocument(TypedDict):
    """What an edit would move; `unlike` are the faces that do not look like those they come to."""

    to: str
    faces: list[int]
    photos: list[str]
    unlike: list[int]
    summary: str
