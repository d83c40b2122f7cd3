"""How a collection's two models stand, and which faces cannot be embedded anew."""

from dataclasses import dataclass
from typing import Any

from retrieval.catalogue.models.other_model_rows import OtherModel
from retrieval.catalogue.records import Collection


@dataclass(frozen=True, slots=True)
class Missed:
    """A face that cannot be embedded anew, and why.

    Attributes:
        face_id, person, photo: which.
        code, message: of the error.
    """

    face_id: int
    person: str
    photo: str
    code: str
    message: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "face_id": self.face_id,
            "person": self.person,
            "photo": self.photo,
            "reason": self.code,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """How a collection's two models stand.

    Attributes:
        active: the collection, with the model that answers.
        lacking: faces that have no vector of it, and are not seen.
        other_model: or None.
        other_lacking: faces that have no vector of that one (yet).
        faces: of the collection.
    """

    active: Collection
    lacking: int
    other_model: OtherModel | None
    other_lacking: int
    faces: int

    def document(self) -> dict[str, Any]:
        """As JSON."""
        other = None
        if self.other_model is not None:
            other = {
                "model": self.other_model.embedder,
                "fingerprint": self.other_model.fingerprint,
                "dimension": self.other_model.dimension,
                "embedded": self.faces - self.other_lacking,
                "lacking": self.other_lacking,
                "index": "ready" if self.other_model.generation is not None else "not made yet",
                "former": self.other_model.former,
                "since": self.other_model.created_at.isoformat(timespec="seconds"),
            }
        return {
            "collection": self.active.name,
            "model": self.active.embedder,
            "fingerprint": self.active.fingerprint,
            "faces": self.faces,
            "lacking": self.lacking,
            "other": other,
        }
