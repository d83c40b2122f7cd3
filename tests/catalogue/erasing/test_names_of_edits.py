"""Random edits, undos and deletions: names of whoever is deleted go, and others keep theirs."""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.erasing.mentions import GONE
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.records import NewFace
from retrieval.catalogue.schema import journal
from retrieval.catalogue.strangers import UnknownFace
from retrieval.errors import AlreadyExists, InputError, NotFound, UndoImpossible
from tests.catalogue.made import make_collection, new_face

NAMES = ["Ann", "Ann Lee", "Bo", "Cid", "Dora"]
STEPS = 25
PLAYS = int(os.environ.get("ROLLCALL_NAME_PLAYS", "4"))
Documents = dict[int, tuple[bool, dict[str, Any] | None]]  # whether an edit stands, and what it did


class Play:
    """People of few names, so that namesakes follow one another."""

    def __init__(self, catalogue: Catalogue, seed: int) -> None:
        self.catalogue, self.random = catalogue, random.Random(seed)
        self.collection = make_collection(catalogue, f"play {seed}").id
        self.photos = seed * 1_000
        self.had: dict[int, set[str]] = {}  # every name that each person has had

    def name(self) -> str:
        return self.random.choice(NAMES)

    def somebody(self) -> int:
        return self.random.choice(self.catalogue.people(self.collection)).id

    def face(self, number: str | None = None) -> NewFace:
        self.photos += 1
        made = new_face(self.name(), self.photos, number)
        return replace(made, photo=f"{self.photos}.jpg")

    def enrol(self) -> None:
        number = self.random.choice([None, None, str(self.photos)])
        self.catalogue.enrol(self.collection, [self.face(number)])

    def name_stranger(self) -> None:
        face = self.face()
        shared = [name for name in UnknownFace.__slots__ if hasattr(face, name)]
        stranger = UnknownFace(face=1, **{name: getattr(face, name) for name in shared})
        strangers = self.catalogue.strangers
        strangers.keep(self.collection, [face.sha256], [stranger], 30)
        kept = strangers.newest(self.collection, 1, None)
        strangers.enrol(self.collection, kept, [face], "fingerprint")

    def rename(self) -> None:
        self.catalogue.rename_person(self.collection, self.somebody(), self.name())

    def number(self) -> None:
        self.catalogue.number_person(
            self.collection, self.somebody(), str(self.random.randrange(5))
        )

    def merge(self) -> None:
        self.catalogue.merge_people(self.collection, self.somebody(), self.somebody())

    def split(self) -> None:
        person = self.somebody()
        faces = [face.id for face in self.catalogue.faces_of(person)][:1]
        self.catalogue.split_person(self.collection, person, faces, self.name())

    def move(self) -> None:
        face = self.random.choice(self.catalogue.photos(self.collection)).id
        self.catalogue.move_faces(self.collection, [face], self.somebody())

    def dismiss(self) -> None:
        self.catalogue.dismiss_finding(self.collection, "a finding", [self.somebody()])

    def undo(self) -> None:
        edits = [e.id for e in self.catalogue.journal(self.collection) if e.undone_at is None]
        self.catalogue.undo(self.collection, self.random.choice(edits[:4]))

    def remove_photo(self) -> None:
        photo = self.random.choice(self.catalogue.photos(self.collection))
        self.catalogue.remove_photo(self.collection, photo)

    def delete(self) -> None:
        meant = list({self.somebody() for _ in range(self.random.choice([1, 1, 2]))})
        before, every = self.documents(), set[int]().union(*map(self.with_merged, meant))
        had = set().union(*(self.had[each] for each in every))
        erased = self.catalogue.delete_people(self.collection, meant)
        mentions = self.catalogue.mentions_of(erased.names)
        assert self.catalogue.rows_naming(self.collection, mentions) == []
        people = self.catalogue.people(self.collection)
        names_now = {each.name for each in people}
        assert had - names_now <= erased.names
        assert GONE not in erased.names
        for names in self.had.values():  # of others, too, they are taken out where nobody has them
            names -= erased.names
        there = {each.id for each in people}
        for each in list(there):
            there |= self.with_merged(each)
        for entry, (stands, document) in self.documents().items():
            own = {name for each, name in _called(document) if each in there} if stands else set()
            left = {name for _, name in _called(document)} & (had - names_now - own)
            assert not left, f"edit {entry} still names {left}"
            concerned = {each for each, _ in _called(document)}
            if stands and document is not None and concerned <= there:
                assert document == before[entry][1], f"edit {entry} is others'"

    def with_merged(self, person: int) -> set[int]:
        """A person and all who would come back out of them."""
        every = {person}
        for stands, document in reversed(self.documents().values()):
            if stands and document is not None and document["removed"] is not None:
                gone = document["removed"]["id"]
                into = {int(each) for each in document["names"]} - {gone}
                every |= {gone} if into & every else set()
        return every

    def documents(self) -> Documents:
        query = select(journal).where(journal.c.collection_id == self.collection)
        with self.catalogue._database.reading() as connection:
            rows = connection.execute(query.order_by(journal.c.id)).all()
        return {row.id: (row.undone_at is None, row.document) for row in rows}

    def step(self) -> None:
        steps: dict[Callable[[], None], float] = {
            self.enrol: 3, self.name_stranger: 3, self.rename: 3, self.number: 1, self.merge: 2,
            self.split: 3, self.move: 1, self.dismiss: 1, self.undo: 6, self.remove_photo: 0.5,
            self.delete: 2,
        }  # fmt: skip
        (step,) = self.random.choices(list(steps), list(steps.values()))
        # Nobody there, or refused: a name that is taken, somebody who is merged with themselves.
        with suppress(AlreadyExists, InputError, NotFound, UndoImpossible, IndexError):
            step()
        for person in self.catalogue.people(self.collection):
            self.had.setdefault(person.id, set()).add(person.name)


def _called(document: dict[str, Any] | None) -> list[tuple[int, str]]:
    if document is None:
        return []
    called = [(int(each), name) for each, name in document["names"].items()]
    if document["renamed"] is not None:
        called += [(document["renamed"][0], name) for name in document["renamed"][1:]]
    if document["removed"] is not None:
        called.append((document["removed"]["id"], document["removed"]["name"]))
    return called


def test_a_deletion_leaves_no_name_in_edits_and_takes_none_of_others(url: str) -> None:
    with Catalogue.open(url) as catalogue:
        for seed in range(PLAYS):
            play = Play(catalogue, seed)
            for _ in range(STEPS):
                play.step()
            catalogue.delete_collection(catalogue.collection(f"play {seed}"))


def test_a_stranger_who_was_named_and_unnamed_leaves_no_name_where_a_namesake_is_deleted(
    url: str,
) -> None:
    """Neither does somebody who was split off; whoever was called so before keeps the edit."""
    with Catalogue.open(url) as catalogue:
        play = Play(catalogue, 0)
        play.name = lambda: "Ann"  # type: ignore[method-assign]
        play.name_stranger()
        catalogue.undo(play.collection)
        faces = [play.face(), play.face()]
        catalogue.enrol(play.collection, [replace(each, person="Bo") for each in faces])
        bo = catalogue.person(play.collection, "Bo").id
        catalogue.split_person(play.collection, bo, [catalogue.faces_of(bo)[0].id], "Ann")
        catalogue.undo(play.collection)
        catalogue.rename_person(play.collection, bo, "Ann")
        renamed = catalogue.rename_person(play.collection, bo, "Bob")
        play.enrol()
        erased = catalogue.delete_person(
            play.collection, catalogue.person(play.collection, "Ann").id
        )
        assert erased.names == {"Ann"}
        assert catalogue.rows_naming(play.collection, catalogue.mentions_of(erased.names)) == []
        told = [entry.summary for entry in catalogue.journal(play.collection)]
        assert told == [
            "renamed Ann to Bob",
            "renamed Bo to Ann",
            "split 1 face of Bo to (deleted)",
            "named 1 unknown face (deleted)",
        ]
        catalogue.undo(play.collection)
        assert catalogue.person(play.collection, "Ann").id == renamed.id


def test_what_a_namesakes_deletion_left_of_an_edit_is_no_name(url: str) -> None:
    with Catalogue.open(url) as catalogue:
        collection = make_collection(catalogue)
        catalogue.enrol(collection.id, [new_face("Bo", 1)])
        bo = catalogue.person(collection.id, "Bo").id
        catalogue.rename_person(collection.id, bo, "Dora")
        catalogue.undo(collection.id)
        catalogue.enrol(collection.id, [new_face("Dora", 2)])
        told = {"people": ["Dora"]}
        entry = AuditEntry("user", "identify", collection=collection.name, answer=told)
        catalogue.audit.record([entry])
        for name in ("Dora", "Bo"):
            person = catalogue.person(collection.id, name)
            erased = catalogue.delete_person(collection.id, person)
            assert erased.names == {name}
            assert catalogue.rows_naming(collection.id, catalogue.mentions_of(erased.names)) == []
