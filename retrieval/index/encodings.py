"""How an index holds given faces and people, byte by byte: what a search for traces looks for.

A file holds float32 rows, centred rows and scalar codes as they are, so that their bytes can be
searched for. PQ's codes are packed, 32 rows per block, so they are read list by list instead; whose
code it is, its row says: an equal code of somebody else's is no trace.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retrieval.index.faiss_ivf import Coding, FaissIvf
from retrieval.index.view import View
from retrieval.values import Ints, Vectors

Keys = npt.NDArray[np.uint64]

_KEY_BYTES = 8  # of a row that are compared first, all rows at once


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
    for roster in (view.frozen, view.recent):
        rows, positions = roster.rows(faces), roster.positions(people)
        vectors, templates = roster.vectors[rows], roster.templates[positions]
        parts.append(Encodings(_strings(vectors) | _strings(templates)))
        if roster is view.frozen and view.lists is not None:
            parts.append(_held(view.lists.faces, faces, vectors))
            parts.append(_held(view.lists.templates, people, templates))
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
    """Codes; and the centred rows that are centres: of clusters of one."""
    centres = _strings(vectors - index.mean) & _strings(index.centroids())
    codes = [_strings(codes[np.isin(owners, ids)]) for codes, owners in index.slots()]
    held = frozenset().union(*codes)
    if index.recipe.coding is Coding.PQ:
        return Encodings(centres, held)
    return Encodings(centres | held)


def _strings(rows: npt.NDArray[Any]) -> frozenset[bytes]:
    """Each row's bytes; zeros say nothing."""
    return frozenset(row.tobytes() for row in rows if row.any())


def shared(view: View, plain: frozenset[bytes]) -> frozenset[bytes]:
    """Those of the byte strings that stand for somebody in the view.

    Copies of one photo have the same vector, and photos that are nearly the same the same code.
    """
    keys = _keys_by_length(plain)
    faces, people = [], []
    for roster in (view.frozen, view.recent):
        faces.append(roster.face_ids[_alike(roster.vectors, keys)])
        people.append(roster.person_ids[_alike(roster.templates, keys)])
    if view.lists is not None:
        for index, ids in ((view.lists.faces, faces), (view.lists.templates, people)):
            if index.recipe.coding is not Coding.PQ:
                ids.extend(own[_alike(codes, keys)] for codes, own in index.slots())
    found = np.concatenate(faces)
    present = np.concatenate([view.frozen.person_ids[view.alive], view.recent.person_ids])
    here = np.intersect1d(np.concatenate(people), present)
    return plain & encodings(view, found[view.people_of(found) >= 0], here).plain


def _keys_by_length(strings: Iterable[bytes]) -> dict[int, Keys]:
    """The first bytes of strings as numbers, which are compared fast."""
    starts: dict[int, list[bytes]] = {}
    for string in strings:
        starts.setdefault(len(string), []).append(string[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0"))
    return {length: np.frombuffer(b"".join(some), np.uint64) for length, some in starts.items()}


def _alike(rows: npt.NDArray[Any], keys: Mapping[int, Keys]) -> npt.NDArray[np.bool_]:
    """Which rows begin as one of the strings of their length."""
    if not len(rows) or rows[0].nbytes not in keys:
        return np.zeros(len(rows), np.bool_)
    own = rows.view(np.uint8).reshape(len(rows), -1)[:, :_KEY_BYTES]
    padded = np.zeros((len(rows), _KEY_BYTES), np.uint8)
    padded[:, : own.shape[1]] = own
    return np.isin(padded.view(np.uint64)[:, 0], keys[rows[0].nbytes])
