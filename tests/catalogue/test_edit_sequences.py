"""Random sequences of edits: catalogue, change log, index and a plain model stay in agreement."""

import copy
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import AlreadyExists, InputError, UndoImpossible
from retrieval.index.gallery import Gallery
from tests.catalogue.made import make_collection, new_face, sha256, state, vector

NAMES = ["Ann", "Bob", "Cid", "Dora", "Eve"]
DRAW = st.integers(0, 9)
DRAWS = st.sets(DRAW, min_size=1, max_size=4)


@dataclass
class Edit:
    """What the model remembers of one edit."""

    moves: dict[int, tuple[int, int]] = field(default_factory=dict)  # face -> (from, to)
    renamed: tuple[int, str, str] | None = None
    removed: tuple[int, str] | None = None
    made: tuple[int, str] | None = None
    concerned: set[int] = field(default_factory=set)
    undone: bool = False
    erased: bool = False


class Model:
    """People, faces and the journal as plain dictionaries."""

    def __init__(self):
        self.people = {}  # person id -> name
        self.owner = {}  # face id -> person id
        self.photo = {}  # face id -> photo number
        self.edits = {}  # entry id -> Edit

    def faces_of(self, person_id):
        return sorted(face for face, owner in self.owner.items() if owner == person_id)

    def move(self, faces, to):
        moves = {face: (self.owner[face], to) for face in faces if self.owner[face] != to}
        self.owner.update(dict.fromkeys(moves, to))
        return moves

    def delete_person(self, person_id):
        for face in self.faces_of(person_id):
            del self.owner[face]
        del self.people[person_id]
        for edit in self.edits.values():
            edit.erased |= person_id in edit.concerned

    def can_undo(self, edit):
        if edit.undone or edit.erased:
            return False
        back = dict(self.people) | ({edit.removed[0]: edit.removed[1]} if edit.removed else {})
        if edit.renamed:
            if self.people.get(edit.renamed[0]) != edit.renamed[2]:
                return False
            back[edit.renamed[0]] = edit.renamed[1]
        if len(set(back.values())) < len(back):
            return False
        for face, (source, to) in edit.moves.items():
            if source not in back or to not in back or self.owner.get(face, to) != to:
                return False
        if edit.made:
            others = set(self.faces_of(edit.made[0])) - edit.moves.keys()
            return not others and self.people.get(edit.made[0]) == edit.made[1]
        return True

    def undo(self, edit):
        if edit.removed:
            self.people[edit.removed[0]] = edit.removed[1]
        for face, (source, _) in edit.moves.items():
            if face in self.owner:
                self.owner[face] = source
        if edit.made:
            del self.people[edit.made[0]]
        if edit.renamed:
            self.people[edit.renamed[0]] = edit.renamed[1]
        edit.undone = True


class Edits(RuleBasedStateMachine):
    """Drives the catalogue and the model by the same calls."""

    def __init__(self):
        super().__init__()
        # In memory where there is such a folder: durability is not what this is about.
        memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        url = f"sqlite:///{Path(self.folder.name) / 'catalogue.db'}"
        self.catalogue = Catalogue.open(url)
        self.gallery = make_collection(self.catalogue).id
        self.model = Model()
        self.feed = self.catalogue.feed(self.gallery)
        self.follower = {}  # face id -> (person id, vector's bytes): an index in small
        self.watermark = self.feed.head()
        self.index = Gallery(self.catalogue.feed(self.gallery), Path(self.folder.name) / "index")
        self.photos = 0

    def teardown(self):
        self.index.close()
        self.catalogue.close()
        self.folder.cleanup()

    def person(self, draw):
        """One of the present people's ids."""
        return sorted(self.model.people)[draw % len(self.model.people)]

    def some_faces(self, among, draws):
        return {among[draw % len(among)] for draw in draws} if among else set()

    def name(self, draw):
        """A free name where there is one, now and then a name that is taken."""
        free = [name for name in NAMES if self.free(name)]
        return free[draw % len(free)] if free and draw < 9 else NAMES[draw % len(NAMES)]

    def free(self, name):
        return name not in self.model.people.values()

    @initialize()
    def begin(self):
        for name in NAMES[:3]:
            self.enrol(name, 2)

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 3))
    def enrol(self, name, count):
        numbers = range(self.photos, self.photos + count)
        self.photos += count
        answers = self.catalogue.enrol(self.gallery, [new_face(name, n) for n in numbers])
        for answer, number in zip(answers, numbers, strict=True):
            assert answer.face_id not in self.model.photo, "an id was used twice"
            self.model.people[answer.person_id] = name
            self.model.owner[answer.face_id] = answer.person_id
            self.model.photo[answer.face_id] = number

    @precondition(lambda self: self.model.people)
    @rule(draw=DRAW, name_draw=DRAW)
    def rename(self, draw, name_draw):
        person_id, name = self.person(draw), self.name(name_draw)
        before = self.model.people[person_id]
        if name == before:
            return
        if not self.free(name):
            self.refused(AlreadyExists, self.catalogue.rename_person, person_id, name)
            return
        self.catalogue.rename_person(self.gallery, person_id, name)
        self.model.people[person_id] = name
        self.remember(Edit(renamed=(person_id, before, name), concerned={person_id}))

    @precondition(lambda self: self.model.people)
    @rule(draw=DRAW, into=DRAW)
    def merge(self, draw, into):
        person_id, into_id = self.person(draw), self.person(draw + into)
        if person_id == into_id:
            self.refused(InputError, self.catalogue.merge_people, person_id, into_id)
            return
        self.catalogue.merge_people(self.gallery, person_id, into_id)
        moves = self.model.move(self.model.faces_of(person_id), into_id)
        removed = (person_id, self.model.people.pop(person_id))
        self.remember(Edit(moves, removed=removed, concerned={person_id, into_id}))

    @precondition(lambda self: self.model.people)
    @rule(draw=DRAW, draws=DRAWS, name_draw=DRAW)
    def split(self, draw, draws, name_draw):
        person_id, name = self.person(draw), self.name(name_draw)
        chosen = self.some_faces(self.model.faces_of(person_id), draws)
        call = self.catalogue.split_person
        if not self.free(name) or not chosen:
            self.refused(InputError, call, person_id, chosen, name)
            return
        call(self.gallery, person_id, chosen, name)
        made = self.catalogue.person(self.gallery, name).id
        self.model.people[made] = name
        moves = self.model.move(chosen, made)
        self.remember(Edit(moves, made=(made, name), concerned={person_id, made}))

    @precondition(lambda self: self.model.people)
    @rule(to=DRAW, draws=DRAWS)
    def move(self, to, draws):
        to_id = self.person(to)
        chosen = self.some_faces(sorted(self.model.owner), draws)
        if all(self.model.owner[face] == to_id for face in chosen):
            self.refused(InputError, self.catalogue.move_faces, chosen, to_id)
            return
        self.catalogue.move_faces(self.gallery, chosen, to_id)
        moves = self.model.move(chosen, to_id)
        concerned = {to_id} | {source for source, _ in moves.values()}
        self.remember(Edit(moves, concerned=concerned))

    @precondition(lambda self: len(self.model.people) > 2)
    @rule(draw=DRAW)
    def delete_person(self, draw):
        person_id = self.person(draw)
        erased = self.catalogue.delete_person(self.gallery, person_id)
        assert list(erased.faces) == self.model.faces_of(person_id)
        self.model.delete_person(person_id)

    @precondition(lambda self: self.model.owner)
    @rule(draw=DRAW)
    def remove_photo(self, draw):
        (face,) = self.some_faces(sorted(self.model.owner), [draw])
        erased = self.catalogue.remove_photo(self.gallery, sha256(self.model.photo[face]))
        assert erased.faces == (face,)
        del self.model.owner[face]

    @precondition(lambda self: self.model.edits)
    @rule(draws=st.lists(DRAW, min_size=1, max_size=4))
    def undo(self, draws):
        for draw in draws:
            edits = self.model.edits
            standing = [entry for entry, edit in sorted(edits.items()) if not edit.undone]
            among = standing if standing and draw < 9 else sorted(edits)
            entry = among[-1 - draw % len(among)]
            edit = edits[entry]
            if self.model.can_undo(edit):
                self.catalogue.undo(self.gallery, entry)
                self.model.undo(edit)
            else:
                self.refused(UndoImpossible, self.catalogue.undo, entry)

    @precondition(lambda self: self.model.people)
    @rule(kind=st.sampled_from(["rename", "merge", "split", "move"]), data=st.data())
    def an_edit_and_its_undo_leave_no_difference(self, kind, data):
        before, edits = state(self.catalogue, self.gallery), dict(self.model.edits)
        model = copy.deepcopy((self.model.people, self.model.owner))
        draw, other, draws = (data.draw(among) for among in (DRAW, DRAW, DRAWS))
        if kind == "rename":
            self.rename(draw, other)
        elif kind == "merge":
            self.merge(draw, other)
        elif kind == "split":
            self.split(draw, draws, other)
        else:
            self.move(draw, draws)
        if len(self.model.edits) > len(edits):
            self.catalogue.undo(self.gallery)
            self.model.edits[max(self.model.edits)].undone = True
            self.model.people, self.model.owner = model
        assert state(self.catalogue, self.gallery) == before

    @rule(limit=st.sampled_from([1, 2, 5, 100]))
    def follow(self, limit):
        """Catch up as an index does, in steps of any size."""
        complete = False
        while not complete:
            step = self.feed.changes(self.watermark, limit)
            for face in step.removed.tolist():
                self.follower.pop(face, None)
            rows = zip(step.added.tolist(), step.people.tolist(), step.vectors, strict=True)
            for face, person_id, found in rows:
                self.follower[face] = (person_id, found.tobytes())
            self.watermark, complete = step.watermark, step.complete
        assert self.watermark == self.feed.head()
        assert self.follower == {
            face: (person_id, vector(self.model.photo[face]).tobytes())
            for face, person_id in self.model.owner.items()
        }

    @rule(fold=st.booleans())
    def the_index_answers_as_the_model(self, fold):
        """Faces, whose they are, and everybody's template, after whatever has happened."""
        self.index.catch_up()
        if fold:
            self.index.snapshot()
        seen = self.index.roster()
        owners = seen.person_ids[seen.person_of]
        assert dict(zip(seen.face_ids.tolist(), owners.tolist(), strict=True)) == self.model.owner
        for person_id, template in zip(seen.person_ids.tolist(), seen.templates, strict=True):
            own = [vector(self.model.photo[face]) for face in self.model.faces_of(person_id)]
            mean = np.mean(own, axis=0)
            np.testing.assert_allclose(template, mean / np.linalg.norm(mean), atol=1e-5)

    @invariant()
    def the_catalogue_is_as_the_model(self):
        people, faces = state(self.catalogue, self.gallery)
        assert {person.id: person.name for person in people} == self.model.people
        assert {face.id: face.person_id for face in faces} == self.model.owner
        ids, owners, vectors = self.catalogue.vectors(self.gallery)
        assert dict(zip(ids.tolist(), owners.tolist(), strict=True)) == self.model.owner
        expected = [vector(self.model.photo[face]) for face in ids.tolist()]
        np.testing.assert_array_equal(vectors, np.reshape(expected, vectors.shape))

    def remember(self, edit):
        entry = self.catalogue.journal(self.gallery, limit=1)[0]
        assert set(entry.people) == edit.concerned
        assert set(entry.faces) == edit.moves.keys()
        self.model.edits[entry.id] = edit

    def refused(self, error, call, *arguments):
        before = state(self.catalogue, self.gallery)
        try:
            call(self.gallery, *arguments)
        except error:
            assert state(self.catalogue, self.gallery) == before
        else:
            raise AssertionError(f"{call.__name__}{arguments} was not refused")


TestEdits = Edits.TestCase
TestEdits.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_history_of_edits_stays_in_agreement_with_the_model(seed):
    """Hypothesis prefers short histories; obstacles to an undo pile up in long ones."""
    numbers = random.Random(seed)

    def draw():
        return numbers.randrange(10)

    def draws():
        return {draw() for _ in range(numbers.randint(1, 3))}

    machine = Edits()
    steps = {
        "enrol": (1, lambda: machine.enrol(NAMES[draw() // 2], 1)),
        "rename": (6, lambda: machine.rename(draw(), draw())),
        "merge": (3, lambda: machine.merge(draw(), draw())),
        "split": (5, lambda: machine.split(draw(), draws(), draw())),
        "move": (4, lambda: machine.move(draw(), draws())),
        "remove_photo": (0.3, lambda: machine.remove_photo(draw())),
        "delete_person": (0.2, lambda: machine.delete_person(draw())),
        "undo": (8, lambda: machine.undo(draws())),
        "follow": (1, lambda: machine.follow(numbers.choice([1, 3, 100]))),
    }
    weights = [weight for weight, _ in steps.values()]
    machine.begin()
    for name in numbers.choices(list(steps), weights, k=150):
        able = machine.model.edits if name == "undo" else machine.model.owner
        if able:
            steps[name][1]()
            machine.the_catalogue_is_as_the_model()
    machine.follow(100)
    machine.teardown()
