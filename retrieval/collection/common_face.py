"""Which of a photo's faces is meant: the one that the person's other photos show as well."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retrieval.collection.photo_faces import PhotoFaces
from retrieval.scoring.rule import fuse
from retrieval.values import Faces, Floats, Vectors

# How much more like the person's other photos the face must be than any other face of its photo, of
# the way from the threshold to one: two sisters, or one face that a detector found twice, are left
# to whoever knows them.
LEAD = 0.25


def common_face(photo: PhotoFaces, others: Sequence[Vectors], threshold: float) -> int | None:
    """Row of the face that a person's other photos have in common with a photo.

    Args:
        photo: with several faces.
        others: of each other photo of the person, the vectors (n, d) float32 of its faces: one
            where it is known which is meant.
        threshold: cosine from which on two faces are one person's.

    Returns:
        the row; None where no face is like those of the others, or a second one is so as well.
    """
    if not others:
        return None
    alike: Floats = np.stack(
        [(photo.faces.vectors @ other.T).max(axis=1) for other in others], axis=1
    )
    evidence = fuse(alike.max(axis=1), alike.mean(axis=1))  # as a person is scored
    usable = np.array([reason is None for reason in photo.faces.quality.reasons])
    order = np.argsort(-evidence, kind="stable")
    best = int(order[0])
    if evidence[best] < threshold or not usable[best]:
        return None
    rivals = evidence[order[1:]]
    if len(rivals) and evidence[best] - rivals[0] < LEAD * (1 - threshold):
        return None
    return best


def only(photo: PhotoFaces, row: int) -> PhotoFaces:
    """A photo with one of its faces alone."""
    rows = np.array([row], np.intp)
    faces = photo.faces
    kept = Faces(faces.detections.take(rows), faces.quality.take(rows), faces.vectors[rows])
    pictures = photo.pictures[row : row + 1]
    return replace(photo, faces=kept, pictures=pictures)
