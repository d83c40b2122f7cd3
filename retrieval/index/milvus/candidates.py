"""From the nearest faces and templates that a server names to people scored by the catalogue.

What a server answers says who may be meant; who is, and how alike, says the catalogue, whose
vectors of the few candidates are read and scored by the fused rule. So a person who was deleted or
moved a moment ago is never named, even if the server does not know yet.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from retrieval.index.milvus.pair import Pair, roster_of
from retrieval.index.milvus.vectors import Hits
from retrieval.index.roster import Roster, no_hits, stacked
from retrieval.protocols import ChangeFeed, PeopleHits
from retrieval.values import Floats, Ints, Vectors

FETCH = 64  # faces, and templates, that the server names for a probe
_SCORED = (
    16  # people per probe who are scored exactly, and at least three times as many as asked for
)
_PROBES = 256  # whose candidates are read from the catalogue in one question


def search_people(
    pair: Pair,
    feed: ChangeFeed,
    probes: Vectors,
    k: int,
    *,
    visits: tuple[int, int] = (0, 0),
    without: Ints | None = None,
) -> PeopleHits:
    """The best k people of each probe by the fused score.

    Args:
        pair: the index.
        feed: the catalogue's vectors.
        probes: (q, d) float32, checked, in the index's space.
        k: people per probe.
        visits: lists of faces and of templates to visit; 0 for the usual numbers.
        without: ids of faces that do not count.
    """
    parts = [no_hits(0, k)]
    for start in range(0, len(probes), _PROBES):
        some = probes[start : start + _PROBES]
        visited = visits[0] or (0 if pair.recipe is None else pair.recipe.visited)
        with ThreadPoolExecutor(1) as pool:  # the server answers both at once
            asked = pool.submit(pair.people.hits, some, FETCH, owners=False, nprobe=visits[1])
            faces = pair.faces.hits(some, FETCH, nprobe=visited)
            people = asked.result()
        wanted = candidates(faces, people, max(_SCORED, 3 * k))
        roster = roster_of(feed.of_people(np.unique(wanted[wanted >= 0])), without)
        parts.append(scored(roster, some, wanted, k))
    return stacked(parts)


def candidates(faces: Hits, templates: Hits, most: int) -> Ints:
    """The people who may score best, by what the hits allow them to score at most.

    Who is not among the nearest faces has no face nearer than the farthest of them; so for
    templates.

    Args:
        faces: the nearest faces with their owners.
        templates: the nearest templates; their ids are people.
        most: people per probe.

    Returns:
        (q, most) int64, best first, padded with -1.
    """
    q = len(faces.owners)
    result = np.full((q, most), -1, np.int64)
    both = np.concatenate([faces.owners, templates.found.ids], axis=1)
    unknown = np.float32(-np.inf)
    near = np.full(both.shape, unknown, np.float32)
    like = near.copy()
    width = faces.owners.shape[1]
    near[:, :width], like[:, width:] = faces.found.scores, templates.found.scores
    order = np.argsort(both, axis=1, kind="stable")
    people = np.take_along_axis(both, order, 1).ravel()
    rows = np.repeat(np.arange(q), both.shape[1])
    if not len(people):
        return result
    begins = np.flatnonzero(np.diff(people, prepend=-2) | np.diff(rows, prepend=-1))
    near, like = (
        np.maximum.reduceat(np.take_along_axis(scores, order, 1).ravel(), begins)
        for scores in (near, like)
    )
    people, rows = people[begins], rows[begins]
    most_near = np.maximum(near, np.where(near == unknown, faces.found.scores[rows, -1], near))
    most_like = np.maximum(like, np.where(like == unknown, templates.found.scores[rows, -1], like))
    bound: Floats = np.where(people < 0, unknown, most_near + most_like)
    ranking = np.lexsort((-bound, rows))
    rows, people = rows[ranking], people[ranking]
    index = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = index < most
    result[rows[kept], index[kept]] = people[kept]
    return result


def scored(roster: Roster, probes: Vectors, wanted: Ints, k: int) -> PeopleHits:
    """Score each probe's own candidates exactly and return the best k.

    Args:
        roster: at least those of the candidates who are still there.
        probes: (q, d) float32.
        wanted: (q, m) ids of people, each once a row, -1 for none.
        k: people per probe.
    """
    if not len(roster):
        return no_hits(len(probes), k)
    last = len(roster.person_ids) - 1
    positions = np.minimum(np.searchsorted(roster.person_ids, wanted), last)
    return roster.score(probes, positions, k, roster.person_ids[positions] == wanted)
