"""What the audit log holds of a question who is in photos and videos, however it is asked."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.catalogue.http.audit import AuditEntry
from retrieval.collection.answers import GalleryState, PhotoAnswer

if TYPE_CHECKING:
    from retrieval.collection.tracks.answers import VideoAnswer


def identified(
    asked: AuditEntry,
    answers: "Iterable[PhotoAnswer | VideoAnswer]",
    state: GalleryState,
    threshold: float | None,
) -> Iterator[AuditEntry]:
    """An entry per photo or video.

    Args:
        asked: who asks, and what that is called.
        answers: to the question.
        state: of the gallery that answered.
        threshold: that was given, or None.
    """
    for answer in answers:
        faces = [
            {"decision": face.decision, "person": face.person, "score": face.score}
            for face in answer.faces
        ]
        yield replace(
            asked,
            collection=state.collection,
            photo=answer.sha256 or None,
            answer={"faces": faces} if answer.error is None else {"error": answer.error_code},
            threshold=state.threshold if threshold is None else threshold,
            model=state.fingerprint,
        )
