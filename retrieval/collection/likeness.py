"""Photos that are alike by whom they show: a photo's words are the clusters of its faces."""

import math
from collections.abc import Mapping

import numpy as np

from retrieval.catalogue.records import EnrolledFace
from retrieval.collection.answers import PhotoHit, photo_hit
from retrieval.index.clusters import Clusters
from retrieval.index.people_index import PeopleIndex
from retrieval.values import Floats, Ints, Vectors

_RANKED = 1000  # nearest faces of each word that give equally alike photos their order


def words_of(gallery: PeopleIndex, clusters: Clusters, probes: Vectors, threshold: float) -> Ints:
    """The clusters of a question's faces: each has that of its nearest enrolled face.

    Args:
        gallery: caught up.
        clusters: the gallery's.
        probes: (q, d) float32, rows of unit length.
        threshold: smallest cosine to the nearest face; a face that is further from all has none.

    Returns:
        the words, ascending, each once.
    """
    nearest = gallery.search_faces(probes, 1)
    near = nearest.ids[nearest.scores >= threshold]
    return np.unique(clusters.labels[np.isin(clusters.faces, near)])


def alike(
    gallery: PeopleIndex,
    clusters: Clusters,
    words: Ints,
    faces: Mapping[int, EnrolledFace],
    probes: Vectors,
) -> list[PhotoHit]:
    """Rank the photos that share words with a question.

    Photos come by presence of the question's words (which found the same people better than TF-IDF
    did, see `rollcall bench visual-words`), those with the nearer face first among equals.

    Args:
        gallery: caught up.
        clusters: the gallery's.
        words: the question's, from `words_of`.
        faces: the enrolled faces that have one of them, by id.
        probes: (q, d) float32, the question's faces.

    Returns:
        a hit per photo, best first; its score is the share of words, its person the nearest's.
    """
    if not faces:
        return []
    labels = dict(zip(clusters.faces.tolist(), clusters.labels.tolist(), strict=True))
    photos: dict[int, list[EnrolledFace]] = {}
    for face in faces.values():
        photos.setdefault(face.photo_id, []).append(face)
    asked = frozenset(words.tolist())
    cosines = _cosines(gallery, np.array(sorted(faces), np.int64), probes)
    hits = []
    for own in photos.values():
        shown = {labels[face.id] for face in own}
        score = len(asked & shown) / math.sqrt(len(asked) * len(shown))  # the sets' cosine
        best = max(own, key=lambda face: cosines.get(face.id, -1.0))
        hits.append((score, cosines.get(best.id, -1.0), best))
    hits.sort(key=lambda hit: (-hit[0], -hit[1]))
    return [photo_hit(best, score, same_person=True) for score, _, best in hits]


def _cosines(gallery: PeopleIndex, ids: Ints, probes: Vectors) -> dict[int, float]:
    """The best cosine of each face to any of the probes, for the nearest of them."""
    found = gallery.search_faces(probes, min(len(ids), _RANKED), ids)
    scores: Floats = found.scores
    best: dict[int, float] = {}
    for face, score in zip(found.ids.ravel().tolist(), scores.ravel().tolist(), strict=True):
        if face >= 0:
            best[face] = max(score, best.get(face, -1.0))
    return best
