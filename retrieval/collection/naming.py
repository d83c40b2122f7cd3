"""From decisions about ids to answers with names."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from retrieval.catalogue.records import EnrolledFace
from retrieval.catalogue.strangers import UnknownFace
from retrieval.collection.answers import FaceAnswer, NamedCandidate, PhotoAnswer
from retrieval.collection.photo_faces import PhotoFaces
from retrieval.faces.quality import TOO_SMALL
from retrieval.values import Decision, Outcome


def photo_answer(
    photo: PhotoFaces,
    decisions: Sequence[Decision],
    names: dict[int, str],
    faces: dict[int, EnrolledFace],
    false_matches: Sequence[float | None],
    numbers: Mapping[int, str] = MappingProxyType({}),
) -> PhotoAnswer:
    """Put names to the decisions about a photo's faces.

    Args:
        photo: the faces.
        decisions: one per face.
        names: of all people among the candidates.
        faces: enrolled faces that decided; a candidate whose face is gone is left out.
        false_matches: to be expected among 1,000 strangers' faces, a decision each.
        numbers: external ids of people among the candidates who have one.
    """
    boxes = photo.faces.detections.boxes.tolist()
    scores = photo.faces.detections.scores.tolist()
    return PhotoAnswer(
        photo.source.name,
        photo.sha256,
        photo.width,
        photo.height,
        tuple(
            face_answer(tuple(box), score, decision, names, faces, expected, numbers)
            for box, score, decision, expected in zip(
                boxes, scores, decisions, false_matches, strict=True
            )
        ),
        turned=photo.turned,
        too_small=sum((why or "").startswith(TOO_SMALL) for why in photo.faces.quality.reasons),
    )


def face_answer(
    box: tuple[float, float, float, float],
    detection_score: float,
    decision: Decision,
    names: dict[int, str],
    faces: dict[int, EnrolledFace],
    false_matches: float | None,
    numbers: Mapping[int, str] = MappingProxyType({}),
) -> FaceAnswer:
    """Put names to the decision about one face; see `photo_answer`."""
    person_id = decision.person_id if decision.outcome is Outcome.MATCH else None
    return FaceAnswer(
        box=box,
        detection_score=detection_score,
        decision=decision.outcome,
        reason=decision.reason,
        person=None if person_id is None else names[person_id],
        person_id=person_id,
        external_id=None if person_id is None else numbers.get(person_id),
        score=decision.score,
        threshold=decision.threshold,
        margin=decision.margin,
        candidates=tuple(
            NamedCandidate(
                names[c.person_id],
                c.person_id,
                c.score,
                faces[c.face_id].photo,
                c.face_id,
                numbers.get(c.person_id),
            )
            for c in decision.candidates
            if c.face_id in faces
        ),
        false_matches=false_matches,
    )


def unknown_faces(photo: PhotoFaces, decisions: Sequence[Decision]) -> list[UnknownFace]:
    """The faces of a photo that are nobody's, with the numbers that answers give them."""
    found, quality = photo.faces.detections, photo.faces.quality
    return [
        UnknownFace(
            photo=photo.source.name,
            sha256=photo.sha256,
            width=photo.width,
            height=photo.height,
            face=row + 1,
            box=found.boxes[row],
            landmarks=found.landmarks[row],
            score=float(found.scores[row]),
            size_px=float(quality.size_px[row]),
            sharpness=float(quality.sharpness[row]),
            yaw_deg=float(quality.yaw_deg[row]),
            cut_off=float(quality.cut_off[row]),
            vector=photo.faces.vectors[row],
            picture=photo.pictures[row] if photo.pictures else b"",
        )
        for row, decision in enumerate(decisions)
        if decision.outcome is Outcome.UNKNOWN
    ]
