"""Whether a server holds exactly what the catalogue says, face by face and person by person."""

import numpy as np

from retrieval.index.milvus.pair import Pair, roster_of
from retrieval.index.milvus.vectors import MilvusVectors
from retrieval.index.status import Check
from retrieval.protocols import ChangeFeed
from retrieval.values import Ints, Vectors

_LAST = 2**63 - 1  # no id is above
_ROUNDING = 1e-6  # templates are sums, in whatever order
_CHUNK = 10_000


def compared(pair: Pair, feed: ChangeFeed) -> Check:
    """Compare an index with the catalogue.

    Args:
        pair: the index, fed to the log's end.
        feed: the catalogue's faces.
    """
    faces, last = 0, 0
    found: dict[str, list[Ints]] = {"missing": [], "extra": [], "misplaced": [], "altered": []}
    people = np.zeros(0, np.int64)
    for part in feed.everything(_CHUNK):
        upto = _LAST if part.complete else int(part.added[-1])
        ids, owners, vectors = _held(pair.faces, last + 1, upto, feed.dimension)
        _, here, there = np.intersect1d(part.added, ids, return_indices=True)
        both = part.added[here]
        found["missing"].append(np.setdiff1d(part.added, ids))
        found["extra"].append(np.setdiff1d(ids, part.added))
        found["misplaced"].append(both[part.people[here] != owners[there]])
        found["altered"].append(both[_apart(part.vectors[here], vectors[there])])
        faces, last = faces + len(part.added), upto
        people = np.union1d(people, part.people)
    counts = {kind: np.concatenate(parts) for kind, parts in found.items()}
    return Check(faces=faces, templates=_wrong_people(pair, feed, people), **counts)


def _wrong_people(pair: Pair, feed: ChangeFeed, people: Ints) -> Ints:
    """People whose template is missing, not that of their faces, or left over."""
    wrong, last = [np.zeros(0, np.int64)], 0
    for start in range(0, max(len(people), 1), _CHUNK):
        some = people[start : start + _CHUNK]
        upto = _LAST if start + _CHUNK >= len(people) else int(some[-1])
        roster = roster_of(feed.of_people(some))
        ids, _, vectors = _held(pair.people, last + 1, upto, feed.dimension)
        _, here, there = np.intersect1d(roster.person_ids, ids, return_indices=True)
        wrong.append(np.setxor1d(roster.person_ids, ids))
        wrong.append(ids[there][_apart(roster.templates[here], vectors[there])])
        last = upto
    return np.unique(np.concatenate(wrong))


def _held(
    vectors: MilvusVectors, first: int, last: int, dimension: int
) -> tuple[Ints, Ints, Vectors]:
    none = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, dimension), np.float32)
    pages = [none, *vectors.pages(first, last)]
    ids, owners, rows = (np.concatenate(column) for column in zip(*pages, strict=True))
    return ids, owners, rows


def _apart(some: Vectors, others: Vectors) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.asarray((np.abs(some - others) > _ROUNDING).any(axis=1))
