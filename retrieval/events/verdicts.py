"""What a human says of an event's faces, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from retrieval.catalogue.events.faces import EventFaces
from retrieval.catalogue.events.records import Event, Verdict, VerdictKind
from retrieval.catalogue.events.verdicts import Said as Row
from retrieval.catalogue.events.verdicts import Verdicts
from retrieval.catalogue.picture_rows import Of
from retrieval.catalogue.records import EnrolmentOutcome
from retrieval.collection.active_model import ActiveModel
from retrieval.errors import InputError, NotFound
from retrieval.events.documents import JudgedDocument
from retrieval.events.host import Host
from retrieval.events.said import Said


@dataclass(frozen=True, slots=True)
class Judgement:
    """What somebody says.

    Attributes:
        kind: see `VerdictKind`.
        faces: ids of appearances.
        person: whose face it is or is not, by name; None of RIGHT and NOBODY, and of NOT for
            whoever it was decided to be.
        person_id: the same by id, in place of a name.
        external_id: the number of somebody new, or of who has none yet.
        group: what is said of a face holds for its whole group.
        teach: enrol the faces under the person, where they are good enough.
    """

    kind: VerdictKind
    faces: tuple[int, ...]
    person: str | None = None
    person_id: int | None = None
    external_id: str | None = None
    group: bool = False
    teach: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a judgement.

    Attributes:
        act: by which it is undone, or None where it changed nothing.
        faces: ids of the appearances of which it was said.
        person_id, person: whom it concerns, or None.
        new: whether that person was made by it.
        taught: how many faces were enrolled.
        not_taught: why others were not, by appearance.
    """

    act: int | None
    faces: tuple[int, ...]
    person_id: int | None
    person: str | None
    new: bool = False
    taught: int = 0
    not_taught: tuple[tuple[int, str], ...] = ()

    def document(self) -> JudgedDocument:
        """As JSON."""
        return {
            "act": self.act,
            "faces": list(self.faces),
            "person_id": self.person_id,
            "person": self.person,
            "new_person": self.new,
            "taught": self.taught,
            "not_taught": [{"face": face, "reason": reason} for face, reason in self.not_taught],
        }


def judge(host: Host, event: Event, told: Judgement, who: str) -> Judged:
    """Write down what was said.

    "Not this person" holds for all faces of the group that were taken for that person.

    Raises:
        NotFound: a face or a person is not there (any more).
        InputError: what was said has no meaning, such as RIGHT of a face that is nobody's.
        NameInvalid, AlreadyExists: somebody new cannot have this name or number.
    """
    store = host.catalogue.verdicts
    collection = host.collection.id
    faces = host.catalogue.event_faces
    if not told.faces:
        raise InputError("No face was given. Name at least one by its id.")
    shown = {each.id: each for each in faces.shown(event.id, told.faces)}
    missing = [face for face in told.faces if face not in shown]
    if missing:
        raise NotFound(f"The event has no face {', '.join(map(str, missing[:5]))}.")
    person, new = _person(host, store, event, told)
    said = Said.of(store.of_event(event.id))
    now = {
        each.id: said.given.get(each.id, -1 if each.person_id is None else each.person_id)
        for each in shown.values()
    }
    whole = _whole_group(faces, event, told, {each.group for each in shown.values()})
    rows: list[Row] = []
    for face in told.faces:
        rows += _said(told.kind, face, person, now[face])
    for face, decided in whole.items():
        same = told.kind is not VerdictKind.NOT or decided in {row[2] for row in rows}
        if face not in now and same:
            rows += _said(told.kind, face, person, decided)
    rows = list(dict.fromkeys(rows))
    written = store.say(collection, event.id, rows, who)
    named = {row[2] for row in rows if row[2] is not None}
    one = named.pop() if len(named) == 1 else None
    name = None if one is None else host.catalogue.names([one]).get(one)
    ids = tuple(dict.fromkeys(verdict.appearance for verdict in written))
    taught = 0
    refused: tuple[tuple[int, str], ...] = ()
    if told.teach and told.kind in (VerdictKind.IS, VerdictKind.RIGHT):
        taught, refused = teach(host, event, written)
    act = written[0].act if written else None
    return Judged(act, ids, one, name, new, taught, refused)


def _person(host: Host, store: Verdicts, event: Event, told: Judgement) -> tuple[int | None, bool]:
    collection = host.collection.id
    if told.kind is VerdictKind.NOBODY:
        return None, False
    if told.person_id is not None:
        return host.catalogue.person_by_id(collection, told.person_id).id, False
    if told.person is not None and told.kind is VerdictKind.IS:
        person, new = store.person(collection, event.id, told.faces, told.person, told.external_id)
        return person.id, new
    if told.person is not None:
        return host.catalogue.person(collection, told.person).id, False
    if told.kind is VerdictKind.IS:
        raise InputError("Say whose face it is: a person's name.")
    return None, False


def _said(kind: VerdictKind, face: int, person: int | None, now: int) -> list[Row]:
    if kind is VerdictKind.NOBODY:
        return [(face, kind, None)]
    if kind is VerdictKind.IS:
        return [(face, VerdictKind.RIGHT if person == now else kind, person)]
    meant = now if person is None else person
    if meant < 0:
        raise InputError(f"The face {face} is nobody's: say whose it is, or is not, by a name.")
    return [(face, kind, meant)]


def _whole_group(
    faces: EventFaces, event: Event, told: Judgement, groups: set[int | None]
) -> dict[int, int]:
    """Whom the faces of the same groups were decided to be, by appearance."""
    if not (told.group or told.kind is VerdictKind.NOT):
        return {}
    found = faces.of_event(event.id)
    wanted = [group for group in groups if group is not None]
    rows = np.flatnonzero(np.isin(found.groups, wanted))
    people = dict(zip(found.ids[rows].tolist(), found.people[rows].tolist(), strict=True))
    if told.group and told.kind is not VerdictKind.NOT:
        return people
    return {face: person for face, person in people.items() if person >= 0}


def teach(
    host: Host, event: Event, written: Sequence[Verdict]
) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Enrol faces under whom they were said to be, as photos of theirs.

    The gates of enrolment hold: a face that cannot be used is not taken.

    Returns:
        how many were enrolled, and why others were not, by appearance.
    """

    def work(active_model: ActiveModel) -> tuple[int, tuple[tuple[int, str], ...]]:
        collection = active_model.collection
        owner = {each.appearance: each.person for each in written if each.person is not None}
        ids = {person for person in owner.values() if person is not None}
        names, numbers = host.catalogue.names(ids), host.catalogue.external_ids(ids)
        faces = host.catalogue.event_faces
        new, refused = faces.enrollable(event.id, list(owner), collection.fingerprint)
        batch = [
            (face, replace(made, person=names[person], external_id=numbers.get(person)))
            for face, made in new.items()
            if (person := owner[face]) in names and person is not None
        ]
        answers = host.catalogue.enrol(
            collection.id, [made for _, made in batch], collection.fingerprint
        )
        pictures = host.catalogue.thumbnails
        held = pictures.find(collection.id, Of.APPEARANCE, list(new))
        enrolled = {
            answer.face_id: held[face]
            for (face, _), answer in zip(batch, answers, strict=True)
            if answer.outcome is EnrolmentOutcome.ENROLLED and face in held
        }
        pictures.put(collection.id, Of.FACE, {key: v for key, v in enrolled.items() if key})
        told = dict(refused)
        for (face, _), answer in zip(batch, answers, strict=True):
            if answer.outcome is not EnrolmentOutcome.ENROLLED:
                told[face] = answer.reason or "it is enrolled already"
        count = sum(answer.outcome is EnrolmentOutcome.ENROLLED for answer in answers)
        return count, tuple(sorted(told.items()))

    return host.steadily(work)
