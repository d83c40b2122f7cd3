"""How right an index is: rulers, and the exact answers that it is held to."""

import numpy as np

from retrieval.index.exact import nearest
from retrieval.index.roster import Roster
from retrieval.protocols import PeopleHits, SearchResult
from retrieval.scoring.rule import fuse
from retrieval.values import Ints, Vectors

_BOUND_AT = 64  # nearest faces and templates that usually suffice to prove who is best
_TIE = 1e-5  # cosines of float32 vectors that differ by less count as equal


def agreement(found: Ints, exact: Ints) -> float:
    """Identity agreement: the share of probes whose best person is the exact search's.

    Args:
        found, exact: (q,) ids of people.
    """
    return float(np.mean(found == exact)) if len(exact) else 1.0


def recall(found: SearchResult, exact: SearchResult) -> float:
    """Recall@k by distance: the share of hits that are as near as the exact k-th neighbour.

    Counted so, equally near faces are equally good answers, whatever their ids.

    Source: Aumüller et al., "ANN-Benchmarks", 2017, section 3.1.
    """
    if not exact.scores.size:
        return 1.0
    worst = np.min(exact.scores, axis=1, keepdims=True)
    return float(np.mean(found.scores >= worst - _TIE))


def exact_people(roster: Roster, probes: Vectors, k: int = 1) -> PeopleHits:
    """The k best people of each probe by the fused rule, proven best, faster than scoring all.

    Who is neither among the nearest faces' people nor among the nearest templates' scores at most
    the fused score of the farthest of both; probes for which that proves nothing are scored
    against all.

    Source: Fagin's threshold algorithm (Fagin, Lotem, Naor, 2001).
    """
    rows = np.arange(len(roster))
    positions = np.arange(len(roster.person_ids))
    faces = nearest(probes, roster.vectors, rows, min(_BOUND_AT, len(rows)))
    templates = nearest(probes, roster.templates, positions, min(_BOUND_AT, len(positions)))
    hits = roster.score_found(probes, faces.ids, templates.ids, k)
    everybody = templates.ids.shape[1] == len(positions)
    bound = fuse(faces.scores[:, -1], templates.scores[:, -1])
    open_ = np.flatnonzero(hits.scores[:, -1] < bound) if not everybody else np.zeros(0, np.intp)
    if len(open_):
        rest = roster.search(probes[open_], k)
        for name in ("people", "scores", "faces", "nearest", "templates"):
            getattr(hits, name)[open_] = getattr(rest, name)
    return hits
