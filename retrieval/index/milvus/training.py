"""How many lists a search on the server visits: by measuring, on faces that are held out.

The faces are left out while the new index is filled, and asked about; the measure is what the same
index answers when it visits every list. Nothing but the held-out faces is kept in memory.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from retrieval.index.milvus.candidates import search_people
from retrieval.index.milvus.pair import Pair, Recipe
from retrieval.index.milvus.vectors import Lists
from retrieval.index.recall import agreement, recall
from retrieval.index.status import Trained
from retrieval.index.training import (
    FLAT_TEMPLATES,
    Goal,
    Progress,
    above,
    held_out,
    nlist_for,
    visits,
)
from retrieval.protocols import ChangeFeed, Changes, SharedIndex
from retrieval.values import Ints

_SEALED_FROM = 5_000  # faces; what Milvus still collects it searches several times as slowly


class Making:
    """How an index is made anew: with what lists, and what is done before it is asked.

    Attributes:
        recipe: of its lists; None for none.
    """

    recipe: Recipe | None = None

    def keep(self, faces: Changes) -> Changes:
        """What of some faces is written now."""
        return faces

    @property
    def held(self) -> Ints:
        """Ids of faces that are not written yet."""
        return np.zeros(0, np.int64)

    def finish(self, index: SharedIndex, pair: Pair, alive: Callable[[], None]) -> SharedIndex:
        """Write the rest, and say how the index is to be searched.

        Args:
            index: which, and how far it is.
            pair: that holds everything that was to be kept.
            alive: is called now and then while it takes long.
        """
        if len(pair.faces) >= _SEALED_FROM:
            pair.encrypt(alive)
        return index


class Exam(Making):
    """Makes lists, and chooses how many of them a search visits.

    Args:
        index: the present one, for its size.
        feed: the catalogue's vectors.
        goal: the agreement to reach.
        progress: is told each step in words.
    """

    def __init__(
        self,
        index: SharedIndex,
        feed: ChangeFeed,
        goal: Goal,
        progress: Progress,
        *,
        seed: int = 0,
    ) -> None:
        faces = nlist_for(index.faces)
        people = nlist_for(index.people)
        templates = Lists(people, people) if index.people > FLAT_TEMPLATES else None
        untold = Trained(
            index.faces,
            imbalance=0.0,
            probes=0,
            agreement=0.0,
            faces_agreement=0.0,
            recall_at_10=0.0,
            when="",
        )
        self.recipe = Recipe(Lists(faces, faces), templates, faces, untold)
        self._feed = feed
        self._goal = goal
        self._progress = progress
        self._share = held_out(index.faces) / max(index.faces, 1)
        self._random = np.random.default_rng(seed)
        self._held: list[Changes] = []
        progress(f"making {faces:,} lists a segment")

    def keep(self, faces: Changes) -> Changes:
        """All but a few faces, which are asked about later."""
        held = self._random.random(len(faces.added)) < self._share
        self._held.append(_rows(faces, held))
        return _rows(faces, ~held)

    @property
    def held(self) -> Ints:
        """Ids of the faces that are asked about."""
        return np.concatenate([part.added for part in self._held])

    def finish(self, index: SharedIndex, pair: Pair, alive: Callable[[], None]) -> SharedIndex:
        """Measure, then write the faces that were held out."""
        self._progress("waiting until the server has made them")
        pair.encrypt(alive)
        recipe = self._measured(pair, alive)
        for part in self._held:
            alive()
            pair.faces.add(part.added, part.vectors, part.people)
        pair.write_people(np.unique(np.concatenate([p.people for p in self._held])), self._feed)
        return replace(index, recipe=recipe.document())

    def _measured(self, pair: Pair, alive: Callable[[], None]) -> Recipe:
        """The fewest visits that reach the goal."""
        recipe = self.recipe
        assert recipe is not None
        probes = np.concatenate([part.vectors for part in self._held])
        lists, of_people = recipe.faces.nlist, recipe.templates

        def also(visited: int) -> int:  # the same share of the lists over templates
            return 0 if of_people is None else math.ceil(visited * of_people.nlist / lists)

        def nearest(visited: int) -> Ints:
            alive()
            return pair.faces.hits(probes, 1, nprobe=visited).owners[:, 0]

        def best(visited: int) -> Ints:
            alive()
            both = (visited, also(visited))
            found = search_people(pair, self._feed, probes, 1, visits=both, without=self.held)
            return found.people[:, 0]

        nprobe, of_faces = _fewest(lists, nearest, self._goal.agreement)
        visited, of_all = _fewest(lists, best, above(self._goal.agreement))
        self._progress(f"agreement {of_all:.2%} (faces alone {of_faces:.2%})")
        ten = [pair.faces.hits(probes, 10, owners=False, nprobe=n).found for n in (nprobe, lists)]
        return replace(
            recipe,
            faces=replace(recipe.faces, nprobe=nprobe),
            templates=of_people and replace(of_people, nprobe=also(visited)),
            visited=visited,
            trained=replace(
                recipe.trained,
                probes=len(probes),
                agreement=of_all,
                faces_agreement=of_faces,
                recall_at_10=recall(*ten),
                when=datetime.now(UTC).isoformat(timespec="seconds"),
            ),
        )


def _fewest(lists: int, ask: Callable[[int], Ints], wanted: float) -> tuple[int, float]:
    """The fewest lists whose answers agree with those of all, and how far they do."""
    everything = ask(lists)
    for visited in visits(lists):
        found = agreement(ask(visited), everything)
        if found >= wanted:
            return visited, found
    return lists, 1.0


def _rows(faces: Changes, rows: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Changes:
    return replace(
        faces, added=faces.added[rows], people=faces.people[rows], vectors=faces.vectors[rows]
    )
