"""The two collections of an index: its faces, and its people by their templates."""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from retrieval.index.milvus.server import MilvusServer
from retrieval.index.milvus.vectors import Lists, MilvusVectors
from retrieval.index.roster import Roster
from retrieval.index.status import Trained
from retrieval.protocols import ChangeFeed, Changes, IndexRegistry, SharedIndex
from retrieval.values import Ints

_PEOPLE_AT_ONCE = 5_000  # whose faces are read to make their templates


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an index is searched that has lists.

    Attributes:
        faces: lists over faces, and how many of them a search for faces visits.
        templates: lists over templates; None to compare with all.
        visited: lists of faces that a search for people visits; templates find most of them.
        trained: how right they were when they were made.
    """

    faces: Lists
    templates: Lists | None
    visited: int
    trained: Trained

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """From `document`."""
        templates = document["templates"]
        return cls(
            faces=Lists(**document["faces"]),
            templates=None if templates is None else Lists(**templates),
            visited=document["visited"],
            trained=Trained(**document["trained"]),
        )


class Pair:
    """An index on the server, named by its row in the catalogue."""

    def __init__(self, server: MilvusServer, index: SharedIndex, dimension: int) -> None:
        self.recipe = None if index.recipe is None else Recipe.read(index.recipe)
        faces = None if self.recipe is None else self.recipe.faces
        templates = None if self.recipe is None else self.recipe.templates
        name = _name(index)
        self.faces = MilvusVectors(server, f"{name}_faces", dimension, faces, fresh=False)
        self.people = MilvusVectors(server, f"{name}_people", dimension, templates, fresh=False)
        self._dimension = dimension

    def create(self) -> None:
        """Make both collections, empty."""
        with ThreadPoolExecutor(2) as pool:  # each takes the server seconds
            list(pool.map(MilvusVectors.create, (self.faces, self.people)))

    def drop(self) -> None:
        """Delete both collections."""
        self.faces.drop()
        self.people.drop()

    def encrypt(self, alive: Callable[[], None]) -> None:
        """Have the server put what was written in the form that it searches fastest.

        Args:
            alive: is called now and then.
        """
        self.faces.encrypt(alive)
        self.people.encrypt(alive)

    def compact(self) -> None:
        """Ask the server to write both collections' files anew, without what was removed."""
        self.faces.compact()
        self.people.compact()

    def counted(self, index: SharedIndex, *, fresh: bool = True) -> SharedIndex:
        """The index with its numbers of faces and people.

        Args:
            index: which, and how far it is.
            fresh: wait until every search sees what was written before.
        """
        with ThreadPoolExecutor(2) as pool:  # each waits for the server's clock to tick
            faces, people = pool.map(
                lambda vectors: vectors.count(fresh=fresh), (self.faces, self.people)
            )
        return replace(index, faces=faces, people=people)

    def apply(self, changes: Changes, feed: ChangeFeed) -> None:
        """Follow changes; to do so twice, or after a part of it, comes to the same.

        Templates come first: whose faces are touched is asked of the faces as they were.
        """
        touched = np.union1d(changes.removed, changes.added)
        if len(touched):
            owners = np.union1d(self.faces.owners(touched)[1], changes.people)
            self.write_people(owners, feed)
            self.faces.discard(changes.removed)
            self.faces.add(changes.added, changes.vectors, changes.people)

    def write_people(self, people: Ints, feed: ChangeFeed, without: Ints | None = None) -> None:
        """Make the templates of people anew from all of their faces, as they are now.

        Args:
            people: ids; who has no face any more is removed.
            feed: gives the faces.
            without: ids of faces to leave out.
        """
        for start in range(0, len(people), _PEOPLE_AT_ONCE):
            some = people[start : start + _PEOPLE_AT_ONCE]
            roster = roster_of(feed.of_people(some), without)
            self.people.discard(np.setdiff1d(some, roster.person_ids))
            self.people.add(roster.person_ids, roster.templates)


def key_of(fingerprint: str) -> str:
    """Tells the indexes of a collection apart, by the fingerprint of the model."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:8]


def drop_indexes(
    server: MilvusServer, registry: IndexRegistry, dimension: int, keep: str | None = None
) -> None:
    """Drop a collection's indexes.

    Args:
        server: that holds them.
        registry: which there are.
        dimension: numbers per vector.
        keep: the fingerprint of the model whose indexes stay.
    """
    for index in registry.all():
        if keep is None or not index.key.startswith(key_of(keep)):
            Pair(server, index, dimension).drop()
            registry.forget(index)


def roster_of(faces: Changes, without: Ints | None = None) -> Roster:
    """People with their faces, grouped."""
    stay = np.isin(faces.added, [] if without is None else without, invert=True)
    return Roster.build(faces.added[stay], faces.people[stay], faces.vectors[stay])


def _name(index: SharedIndex) -> str:
    """Of an epoch of one catalogue, so that catalogues that share a server share nothing there."""
    model = index.key.partition("~")[0]
    return f"rollcall_{index.watermark.epoch[:8]}_{index.collection_id}_{model}_{index.id}"
