"""Unknown faces that come again: grouping them without knowing how many people they are (pure).

Average linkage: two groups become one while the mean cosine distance of their faces is small
enough. Two faces of one photo are two people, however alike they look. What distance is small
enough is learned from the enrolled people, of whom it is known who is who.
"""

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from retrieval.identities.link import group_faces
from retrieval.scoring.rule import grouped
from retrieval.values import Floats, Ints, Vectors

LEAST_PEOPLE = 10  # with photos of so many, two or more each, a distance can be learned
_TRIES = 20
_DISTANCES = 100


def group(vectors: Vectors, photos: Ints, distance: float) -> Ints:
    """Group faces by average linkage.

    Args:
        vectors: (n, d) float32, rows of unit length.
        photos: (n,) int64, the photo of each: no group holds two faces of one.
        distance: groups whose faces are this far apart on average, or farther, stay apart.

    Returns:
        (n,) int64, the group of each face: 0, 1, ... in order of their first face.
    """
    return _numbered(group_faces(vectors, photos, 1 - distance))


def nearest_group(
    vector: Floats, vectors: Vectors, groups: Ints, distance: float, taken: Ints
) -> int:
    """The group that a new face belongs to, or -1 for a group of its own.

    Args:
        vector: (d,) float32 of unit length.
        vectors: (n, d) faces that are grouped already.
        groups: (n,) their groups, 0 or more.
        distance: as for `group`.
        taken: groups that hold another face of the new one's photo.
    """
    free = ~np.isin(groups, taken)
    vectors, groups = vectors[free], groups[free]
    if not len(groups):
        return -1
    owners, order, starts = grouped(groups)
    means = np.add.reduceat((vectors @ vector)[order], starts)
    means /= np.diff(starts, append=len(order))
    best = int(means.argmax())
    return int(owners[best]) if 1 - means[best] < distance else -1


def learn_distance(vectors: Vectors, people: Ints, faces: int) -> float | None:
    """The distance at which known people's faces are grouped best, as many as are to be grouped.

    The more faces there are, the nearer strangers come to each other; so it is learned on random
    people with about as many faces together.

    Args:
        vectors: (n, d) float32 of enrolled faces.
        people: (n,) int64, whose each is.
        faces: how many are to be grouped.

    Returns:
        The distance with the best mean pairwise F1; None where too few people have two photos.
    """
    owners, sizes = np.unique(people, return_counts=True)
    several = owners[sizes > 1]
    if len(several) < LEAST_PEOPLE:
        return None
    rng = np.random.default_rng(0)
    count = int(np.clip(round(faces / sizes.mean()), 3, len(several)))
    distances = np.linspace(0, 1, _DISTANCES + 1)[1:]
    scores = np.zeros(_DISTANCES)
    trees = []
    for _ in range(_TRIES):
        rows = np.isin(people, rng.choice(several, count, replace=False))
        trees.append((_tree(vectors[rows]), people[rows]))
    distances = distances * max(tree[:, 2].max() for tree, _ in trees)
    for tree, owner in trees:
        scores += [pairwise_f1(fcluster(tree, d, "distance"), owner) for d in distances]
    best = scores >= scores.max() - 1e-9
    return float(distances[best].mean())


def pairwise_f1(groups: Ints, people: Ints) -> float:
    """F1 of "these two faces are of one person" over all pairs; 1.0 where there is none."""
    groups, people = (np.unique(labels, return_inverse=True)[1] for labels in (groups, people))
    both = _pairs(groups * (people.max(initial=0) + 1) + people)
    said, true = _pairs(groups), _pairs(people)
    return 1.0 if said + true == 0 else 2 * both / (said + true)


def _pairs(labels: Ints) -> float:
    """Pairs of equal labels, which are 0 or more."""
    counts = np.bincount(labels)
    return float((counts * (counts - 1) // 2).sum())


def _tree(vectors: Vectors) -> Floats:
    """All distances at which groups would become one, which a list of distances is tried on."""
    tree: Floats = linkage(np.maximum(pdist(vectors, "cosine"), 0), "average")
    return tree


def _numbered(labels: Ints) -> Ints:
    """The same groups, numbered in order of their first member."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
