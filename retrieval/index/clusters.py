"""The inverted index, cluster -> faces, and its clusters by k-means."""

from dataclasses import dataclass

import faiss
import numpy as np

from retrieval.errors import SettingInvalid
from retrieval.index.roster import Roster
from retrieval.values import Ints, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """An inverted index: cluster -> faces.

    Attributes:
        faces: (n,) int64 ids.
        people: (n,) int64, the person of each face.
        labels: (n,) int64, the cluster of each face.
        centres: (k, d) float32.
    """

    faces: Ints
    people: Ints
    labels: Ints
    centres: Vectors


def clustered(roster: Roster, k: int) -> Clusters:
    """Cluster faces by k-means.

    Raises:
        SettingInvalid: k is below 1 or above the number of faces.
    """
    return by_centres(roster, _means(roster.vectors, k))


def _means(vectors: Vectors, k: int) -> Vectors:
    """Centres of k clusters, by k-means."""
    if not 1 <= k <= max(len(vectors), 1):
        raise SettingInvalid(
            f"{len(vectors)} faces make 1 to {len(vectors)} clusters; found --k {k}."
        )
    if not len(vectors):
        return vectors
    means = faiss.Kmeans(
        vectors.shape[1],
        k,
        niter=25,
        seed=0,
        min_points_per_centroid=1,
        max_points_per_centroid=256,
    )
    means.train(vectors)
    return np.asarray(means.centroids, np.float32)


def by_centres(roster: Roster, centres: Vectors) -> Clusters:
    """Give each face to the nearest of these centres."""
    labels = np.zeros((0, 1), np.int64)
    if len(roster):
        _, labels = faiss.knn(roster.vectors, centres, 1)
    return Clusters(
        faces=roster.face_ids,
        people=roster.people,
        labels=labels[:, 0],
        centres=centres,
    )
