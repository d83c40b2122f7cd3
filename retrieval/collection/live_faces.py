"""Answers with how live each face looks."""

from dataclasses import replace

import numpy as np

from retrieval.collection.answers import FaceAnswer, PhotoAnswer
from retrieval.faces.liveness import Liveness, reason
from retrieval.protocols import PhotoSizes
from retrieval.values import Outcome

_WORKING_PX = 1600  # a face of 40 px in a photo of 4,000 has 16 here; smaller ones tell nothing


def checked(liveness: Liveness, photo: PhotoSizes, answer: PhotoAnswer) -> PhotoAnswer:
    """Score each face of an answer; one that looks like a picture of a face is unusable.

    Args:
        liveness: the network.
        photo: that the answer is about.
        answer: with boxes in pixels of the original.
    """
    if answer.error is not None or not answer.faces:
        return answer
    decoded = photo.at_least(_WORKING_PX)
    boxes = np.array([face.box for face in answer.faces], np.float32) / np.float32(decoded.scale)
    scores = liveness.scores(decoded.pixels, boxes).tolist()
    faces = tuple(_face(face, score) for face, score in zip(answer.faces, scores, strict=True))
    return replace(answer, faces=faces)


def _face(face: FaceAnswer, score: float) -> FaceAnswer:
    why = reason(score)
    if why is None or face.decision is Outcome.UNUSABLE:
        return replace(face, liveness=score)
    return replace(
        face,
        liveness=score,
        decision=Outcome.UNUSABLE,
        reason=why,
        person=None,
        person_id=None,
        external_id=None,
    )
