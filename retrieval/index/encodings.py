"""How an index holds given faces and people, byte by byte: what a search for traces looks for.

A file holds float32 rows, centred rows and scalar codes as they are, so that their bytes can be
searched for. PQ's codes are packed, 32 rows a block, so they are read list by list instead; whose
code it is, its row says: an equal code of somebody else's is no trace.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from retrieval.index.faiss_ivf import Coding, FaissIvf
from retrieval.index.view import View
from retrieval.values import Ints, Vectors


@dataclass(frozen=True, slots=True)
class Encodings:
    """Byte strings that stand for faces and templates.

    Attributes:
        plain: as they lie in a file.
        packed: PQ's codes, which a file holds spread over a block.
    """

    plain: frozenset[bytes] = frozenset()
    packed: frozenset[bytes] = frozenset()

    @classmethod
    def joined(cls, parts: Iterable["Encodings"]) -> Self:
        """All of them."""
        every = list(parts)
        return cls(
            frozenset().union(*(part.plain for part in every)),
            frozenset().union(*(part.packed for part in every)),
        )


def encodings(view: View, faces: Ints, people: Ints) -> Encodings:
    """How a view holds faces, and the templates of people; those who are not there are ignored."""
    parts = []
    for roster in (view.sealed, view.tail):
        rows, positions = roster.rows(faces), roster.positions(people)
        floats = [roster.vectors[rows], roster.templates[positions]]
        parts.append(_plain(floats))
        if roster is view.sealed and view.lists is not None:
            parts.append(_held(view.lists.faces, faces, floats[0]))
            parts.append(_held(view.lists.templates, people, floats[1]))
    return Encodings.joined(parts)


def left_in(view: View, faces: Ints, people: Ints, packed: frozenset[bytes]) -> frozenset[bytes]:
    """Which of PQ's codes stand in the lists of a view for these faces and people, or for nobody.

    Args:
        view: of a snapshot.
        faces, people: whose codes they were.
        packed: the codes.
    """
    if view.lists is None:
        return frozenset()
    found: set[bytes] = set()
    for index, own in ((view.lists.faces, faces), (view.lists.templates, people)):
        if index.recipe.coding is not Coding.PQ:
            continue
        for codes, ids in index.slots():
            unowned = (ids < 0) & codes.any(axis=1)  # a block's free places are zeros
            found.update(map(bytes, codes[unowned | np.isin(ids, own)]))
    return packed & found


def _held(index: FaissIvf, ids: Ints, vectors: Vectors) -> Encodings:
    """Codes; and centred rows, since a cluster of one has its row for a centre."""
    centred = _plain([vectors - index.mean])
    codes = [codes[np.isin(owners, ids)] for codes, owners in index.slots()]
    held = frozenset(bytes(code) for some in codes for code in some)
    if index.recipe.coding is Coding.PQ:
        return Encodings(centred.plain, held)
    return Encodings(centred.plain | held)


def _plain(arrays: Iterable[Vectors]) -> Encodings:
    return Encodings(frozenset(row.tobytes() for array in arrays for row in array))
