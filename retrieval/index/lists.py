"""Inverted lists over a roster: candidates by code, people scored exactly."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retrieval.index.faiss_ivf import Coding, FaissIvf, Recipe
from retrieval.index.roster import Roster
from retrieval.index.status import Trained
from retrieval.protocols import PeopleHits, SearchResult
from retrieval.values import Ints, Vectors

Mask = npt.NDArray[np.bool_]

_PARTS = ("lists", "mean")


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Lists over a roster's faces (ids: face ids) and over its templates (ids: person ids).

    Attributes:
        faces: its nprobe is for searching faces.
        templates: one list of all where people are few.
        visited: face lists that a search for people visits; templates find most of them.
        fetch: candidates from faces, and from templates, that a search for people scores.
        trained: how, and how right they were.
    """

    faces: FaissIvf
    templates: FaissIvf
    visited: int
    fetch: int
    trained: Trained

    @property
    def memory_bytes(self) -> int:
        """Bytes that a search reads before rescoring."""
        return self.faces.memory_bytes + self.templates.memory_bytes

    def over(self, roster: Roster) -> Self:
        """The same clusters and codes over another roster."""
        faces, templates = self.faces.emptied(), self.templates.emptied()
        faces.add(roster.face_ids, roster.vectors)
        templates.add(roster.person_ids, roster.templates)
        return replace(self, faces=faces, templates=templates)

    def people(
        self, roster: Roster, probes: Vectors, k: int, alive: Mask | None, chosen: Mask | None
    ) -> PeopleHits:
        """Score the people of the nearest faces and of the nearest templates exactly.

        The nearest templates belong to different people, so that there are always enough.

        Args:
            roster: what the lists are over.
            probes: (q, d) float32, checked.
            k: people per probe.
            alive: (p,) bool, nearly all True; None for all.
            chosen: (p,) bool, who may be found; None for all.
        """
        rows = _candidates(
            self.faces,
            probes,
            self.fetch,
            None if alive is None else alive[roster.person_of],
            None if chosen is None else chosen[roster.person_of],
            self.visited,
        )
        positions = _candidates(self.templates, probes, max(self.fetch, k), alive, chosen)
        return roster.score_found(probes, rows, positions, k)

    def nearest_faces(self, probes: Vectors, k: int, keep: Mask | None) -> SearchResult:
        """The k nearest faces of each probe, among the rows of `keep` if given."""
        return self.faces.search_rows(probes, k, keep)

    def packed(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Arrays and notes for a snapshot."""
        both = {"faces": self.faces, "templates": self.templates}
        arrays = {
            f"{name}.{part}": array
            for name, index in both.items()
            for part, array in index.arrays().items()
        }
        notes = {name: asdict(index.recipe) for name, index in both.items()}
        rest = {"visited": self.visited, "fetch": self.fetch, "trained": asdict(self.trained)}
        return arrays, notes | rest

    @classmethod
    def unpacked(
        cls, arrays: Mapping[str, npt.NDArray[Any]], notes: Mapping[str, Any], roster: Roster
    ) -> Self:
        """The lists that were packed, searched where the arrays lie."""

        def restored(name: str, ids: Ints, vectors: Vectors) -> FaissIvf:
            recipe = Recipe(**{**notes[name], "coding": Coding(notes[name]["coding"])})
            own = {part: arrays[f"{name}.{part}"] for part in _PARTS}
            return FaissIvf.restored(recipe, own, ids, vectors)

        return cls(
            faces=restored("faces", roster.face_ids, roster.vectors),
            templates=restored("templates", roster.person_ids, roster.templates),
            visited=notes["visited"],
            fetch=notes["fetch"],
            trained=Trained(**notes["trained"]),
        )


def _candidates(
    index: FaissIvf,
    probes: Vectors,
    k: int,
    alive: Mask | None,
    chosen: Mask | None,
    nprobe: int | None = None,
) -> Ints:
    """Rows of the nearest entries, passing over the dead.

    A selector doubles the time of a scan, so the few dead are struck out afterwards; a probe for
    which they fill half of the candidates is asked again with a selector.
    """
    if chosen is not None:
        keep = chosen if alive is None else chosen & alive
        return index.candidates(probes, k, keep, nprobe)
    rows = index.candidates(probes, k, None, nprobe)
    if alive is None:
        return rows
    dead = (rows >= 0) & ~alive[rows]
    rows[dead] = -1
    crowded = np.flatnonzero(dead.sum(axis=1) > k // 2)
    if len(crowded):
        rows[crowded] = index.candidates(probes[crowded], k, alive, nprobe)
    return rows
