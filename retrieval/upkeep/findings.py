"""Findings about a gallery, each with an id: to be accepted, dismissed for good, and taken back.

A finding's id follows from what was found, so it stays the same while that does. Accepting one is
an edit of people, dismissing one an entry of the same journal: `undo` takes back either.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from retrieval.catalogue.names import folded
from retrieval.catalogue.records import EnrolledFace, JournalEntry, Move
from retrieval.errors import InputError, NotFound
from retrieval.service import Service
from retrieval.upkeep.documents import FindingDocument, FindingDone
from retrieval.upkeep.trust import (
    CopyGroup,
    Health,
    Misplaced,
    OnePerson,
    Parts,
    Stranger,
    examine_collection,
    filed,
)

T = TypeVar("T")


class Kind(StrEnum):
    """What may be wrong."""

    MISPLACED = "looks-like-another"
    STRANGER = "resembles-nobody"
    PARTS = "several-people"
    TWICE = "under-two-names"
    COPIES = "copies"
    SHARED = "copies-of-several-people"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that may be wrong, with the faces to be looked at side by side.

    Attributes:
        id: eight hexadecimal digits.
        kind: what may be wrong.
        sides: faces to be compared: of one and of the other, or of each group.
        what: in a sentence.
        accepting: what accepting it does; None where somebody must decide by hand.
        final: accepting it cannot be undone.
        doubtful: it may as well be no fault (a poor photo, two employee numbers), so it is never
            accepted among all.
    """

    id: str
    kind: Kind
    sides: tuple[tuple[EnrolledFace, ...], ...]
    what: str
    accepting: str | None
    final: bool = False
    doubtful: bool = False

    @property
    def people(self) -> tuple[int, ...]:
        """Ids of the people concerned."""
        return tuple(dict.fromkeys(face.person_id for side in self.sides for face in side))

    def document(self) -> FindingDocument:
        """As JSON."""
        return {
            "finding": self.id,
            "kind": self.kind.value,
            "what": self.what,
            "accepting": self.accepting,
            "final": self.final,
            "doubtful": self.doubtful,
            "sides": [
                [{**filed(face), "external_id": face.external_id} for face in side]
                for side in self.sides
            ],
        }


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting a finding did: edits that can be undone, or photos that are gone."""

    finding: Finding
    entries: tuple[JournalEntry, ...] = ()
    removed: tuple[str, ...] = ()

    def document(self) -> FindingDone:
        """As JSON."""
        return {
            "finding": self.finding.id,
            "entries": [{"entry": each.id, "summary": each.summary} for each in self.entries],
            "removed": list(self.removed),
        }


def open_findings(service: Service) -> list[Finding]:
    """What was found and not dismissed, the worst first."""
    return examine_open(service)[1]


def examine_open(service: Service) -> tuple[Health, list[Finding]]:
    """Examine a collection; the report and its findings, without what was dismissed."""
    health = examine_collection(service)
    dismissed = service.catalogue.dismissed_findings(service.collection.id)

    def kept(items: Iterable[T], worded: Callable[[T], Finding]) -> tuple[T, ...]:
        return tuple(item for item in items if worded(item).id not in dismissed)

    health = replace(
        health,
        misplaced=kept(health.misplaced, _misplaced),
        twice=kept(health.twice, _twice),
        parts=kept(health.parts, _parts),
        strangers=kept(health.strangers, _stranger),
        copies=kept(health.copies, _copies),
    )
    return health, list(findings_of(health))


def findings_of(health: Health) -> Iterator[Finding]:
    """Each part of a report as a finding."""
    yield from map(_misplaced, health.misplaced)
    yield from map(_twice, health.twice)
    yield from map(_parts, health.parts)
    yield from map(_stranger, health.strangers)
    yield from map(_copies, health.copies)


def _misplaced(wrong: Misplaced) -> Finding:
    sides = ((wrong.face,), *(((wrong.other,),) if wrong.other else ()))
    to = wrong.other.called if wrong.other else wrong.looks_like
    what = f"A photo of {wrong.face.called} looks like {to}"
    return _finding(Kind.MISPLACED, sides, what, f"move it to {to}", wrong.looks_like_id)


def _twice(pair: OnePerson) -> Finding:
    ours, theirs = (side[0] for side in pair.faces)
    keeps, leaves = _kept(pair.faces)
    both = ours.external_id is not None and theirs.external_id is not None
    what = f"{ours.called} and {theirs.called} look like one person"
    done = f"give the photos of {leaves[0].called} to {keeps[0].called}"
    return _finding(Kind.TWICE, (keeps, leaves), what, done, doubtful=both)


def _parts(parts: Parts) -> Finding:
    sizes = " and ".join(str(len(group)) for group in parts.groups)
    what = f"The photos of {parts.groups[0][0].called} fall into groups of {sizes}"
    done = "make the smaller groups people of their own"
    return _finding(Kind.PARTS, parts.groups, what, done, doubtful=True)


def _stranger(strange: Stranger) -> Finding:
    what = f"A photo of {strange.face.called} resembles nobody here"
    done = "make it a person of its own"
    return _finding(Kind.STRANGER, ((strange.face,),), what, done, doubtful=True)


def _copies(copies: CopyGroup) -> Finding:
    what = f"{len(copies.faces)} photos of {copies.whose} are copies"
    first, *rest = copies.faces
    sides = ((first,), tuple(rest))
    if not copies.one_person:
        return _finding(Kind.SHARED, sides, what, None)
    done = "keep the largest and remove the others for good"
    return _finding(Kind.COPIES, sides, what, done, final=True)


def chosen(findings: Sequence[Finding], ids: Iterable[str]) -> list[Finding]:
    """The findings that ids mean, or the beginnings of ids, each once.

    Raises:
        NotFound: there is no such finding (any more), or several begin so.
    """
    meant: dict[str, Finding] = {}
    for wanted in ids:
        found = [
            each for each in findings if len(wanted) >= 4 and each.id.startswith(wanted.lower())
        ]
        if len(found) != 1:
            known = ", ".join(each.id for each in findings[:10]) or "none"
            raise NotFound(f"There is no finding {wanted!r} (any more). There are: {known}.")
        meant[found[0].id] = found[0]
    return list(meant.values())


def accept(service: Service, findings: Sequence[Finding]) -> list[Accepted]:
    """Do what findings propose, one after the other.

    What is not as it was found (a face that another finding moved, a person who was merged) is left
    alone: the next examination tells of it, if it is still to be told.

    Args:
        service: of the collection.
        findings: of one examination.

    Returns:
        what was done, for each finding about which something was done.

    Raises:
        InputError: one of them must be decided by hand; nothing is done.
    """
    for found in findings:
        if found.accepting is None:
            raise InputError(
                f"{found.what}, of several people: which of them it shows must be decided by hand."
                " Remove the photo where it is wrong."
            )
    return [_ACCEPT[each.kind](service, each) for each in findings if _stands(service, each)]


def _stands(service: Service, found: Finding) -> bool:
    """Whether all faces of a finding are still whose they were."""
    then = {face.id: face.person_id for side in found.sides for face in side}
    there = service.catalogue.faces(then)
    return then == {face.id: face.person_id for face in there.values()}


def dismiss(service: Service, findings: Iterable[Finding]) -> list[JournalEntry]:
    """Never propose findings again, until that is undone."""
    collection = service.collection.id
    return [
        service.catalogue.dismiss_finding(collection, found.id, found.people) for found in findings
    ]


def _finding(
    kind: Kind,
    sides: tuple[tuple[EnrolledFace, ...], ...],
    what: str,
    accepting: str | None,
    *more: int,
    final: bool = False,
    doubtful: bool = False,
) -> Finding:
    if kind is Kind.TWICE:  # about the people, whatever photos they get
        parts = sorted({face.person_id for side in sides for face in side})
    elif kind is Kind.MISPLACED:
        parts = [sides[0][0].id, sides[0][0].person_id, *more]
    else:
        parts = sorted(face.id for side in sides for face in side)
    digest = hashlib.sha256(f"{kind.value} {parts}".encode()).hexdigest()[:8]
    return Finding(digest, kind, sides, what, accepting, final, doubtful)


def _kept(
    sides: tuple[tuple[EnrolledFace, ...], tuple[EnrolledFace, ...]],
) -> tuple[tuple[EnrolledFace, ...], tuple[EnrolledFace, ...]]:
    """Who keeps the name: who has a number, else who has more photos, else who came first."""
    order = sorted(sides, key=lambda s: (s[0].external_id is None, -len(s), s[0].person_id))
    return order[0], order[1]


def _move(service: Service, found: Finding) -> Accepted:
    face, other = found.sides[0][0], found.sides[1][0]
    move = Move(
        (face.id,),
        service.person_by_id(other.person_id, other.person),
        service.person_by_id(face.person_id, face.person),
    )
    return Accepted(found, (service.catalogue.move_all(service.collection.id, [move]),))


def _merge(service: Service, found: Finding) -> Accepted:
    keeps, leaves = (
        service.person_by_id(side[0].person_id, side[0].person) for side in found.sides
    )
    return Accepted(found, (service.catalogue.merge_people(service.collection.id, leaves, keeps),))


def _split(service: Service, found: Finding) -> Accepted:
    """Make people of their own of all groups but the largest, or of a single face."""
    groups = found.sides[1:] or found.sides
    catalogue, collection = service.catalogue, service.collection.id
    entries = []
    for group in groups:
        person = service.person_by_id(group[0].person_id, group[0].person)
        name = _free_name(service, group[0])
        ids = [face.id for face in group]
        entries.append(catalogue.split_person(collection, person, ids, name))
    return Accepted(found, tuple(entries))


def _free_name(service: Service, face: EnrolledFace) -> str:
    """A name for somebody of whom it is only known whose photos they were among."""
    there = service.catalogue.people(service.collection.id, search=face.person)
    taken = {folded(person.name) for person in there}
    number = 2
    while folded(name := f"{face.person}, other {number}") in taken:
        number += 1
    return name


def _remove(service: Service, found: Finding) -> Accepted:
    for face in found.sides[1]:
        service.remove_photo(face)
    return Accepted(found, removed=tuple(face.photo for face in found.sides[1]))


_ACCEPT = {
    Kind.MISPLACED: _move,
    Kind.TWICE: _merge,
    Kind.PARTS: _split,
    Kind.STRANGER: _split,
    Kind.COPIES: _remove,
}
