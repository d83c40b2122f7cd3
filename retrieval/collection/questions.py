"""What the audit log holds of a question who is in photos: of command line and HTTP alike."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from retrieval.catalogue.http.audit import AuditEntry
from retrieval.collection.answers import GalleryState, PhotoAnswer


def identified(
    asked: AuditEntry,
    answers: Iterable[PhotoAnswer],
    state: GalleryState,
    threshold: float | None,
) -> Iterator[AuditEntry]:
    """An entry per photo.

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
