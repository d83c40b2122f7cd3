"""Findings about a gallery, each with an id: to be accepted, dismissed for good, and taken back.

A finding's id follows from what was found, so it stays the same while that does. Accepting one is
an edit of people, dismissing one an entry of the same journal: `undo` takes back either.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from retrieval.catalogue.documents import EnrolledPhoto, EntryDocument
from retrieval.catalogue.names import folded
from retrieval.catalogue.records import EnrolledFace, JournalEntry, Move
from retrieval.errors import InputError, NotFound
from retrieval.identities.health import Findings
from retrieval.service import Service


class FindingKind(StrEnum):
    """What may be wrong."""

    MISPLACED = "looks-like-another"  # a photo that would be another person's match
    TWICE = "under-two-names"  # half of the photos of each would be the other's match
    PARTS = "several-people"  # photos under one name in groups that are not alike
    STRANGER = "resembles-nobody"  # neither its person's others nor anybody else
    COPIES = "copies"  # of one person
    SHARED = "copies-of-several-people"


_NAMED = 3  # of copies
_OTHERS = 6  # photos that one which resembles nobody is shown beside
_FEW_WORDS = {
    FindingKind.MISPLACED: "photos under the wrong name",
    FindingKind.TWICE: "people under two names",
    FindingKind.PARTS: "people in groups",
    FindingKind.STRANGER: "photos that resemble nobody",
    FindingKind.COPIES: "groups of copies",
    FindingKind.SHARED: "photos under several names",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that may be wrong, with the faces to be looked at side by side.

    Attributes:
        id: eight hexadecimal digits.
        kind: what may be wrong.
        what: in a sentence.
        accepting: what accepting it does; null where somebody must decide by hand.
        final: accepting it cannot be undone.
        doubtful: it may as well be no fault (a poor photo, two employee numbers), so it is never
            accepted among all.
        score: a cosine: how much nearer a misplaced photo is to its own person (negative), how
            like two names or copies are, how like a photo that resembles nobody is to the others
            of its person; null of groups.
        sides: photos to be compared: of one and of the other, or of each group; of a photo that
            resembles nobody, some others of its person and then the photo.
    """

    id: str
    kind: FindingKind
    what: str
    accepting: str | None
    final: bool
    doubtful: bool
    score: float | None
    sides: tuple[tuple[EnrolledPhoto, ...], ...]

    @property
    def people(self) -> tuple[int, ...]:
        """Ids of the people concerned."""
        return tuple(dict.fromkeys(face.person_id for side in self.sides for face in side))


@dataclass(frozen=True, slots=True)
class FindingDone:
    """What was done about a finding: edits that can be undone, or photos that are gone.

    Attributes:
        finding: its id.
        entries: of the journal.
        removed: photos that were removed for good.
    """

    finding: str
    entries: tuple[EntryDocument, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Finding, *entries: JournalEntry) -> "FindingDone":
        """Of edits."""
        return cls(found.id, tuple({"entry": e.id, "summary": e.summary} for e in entries))


def kinds_counted(findings: Iterable[Finding]) -> dict[str, int]:
    """How many there are of each kind, in words."""
    counts = dict.fromkeys(_FEW_WORDS.values(), 0)
    for each in findings:
        counts[_FEW_WORDS[each.kind]] += 1
    return counts


def findings_of(found: Findings, faces: Sequence[EnrolledFace]) -> Iterator[Finding]:
    """What was found in a gallery as findings, the worst first.

    Args:
        found: rows and people of the gallery.
        faces: the gallery's, one per row.
    """
    of_person: dict[int, list[EnrolledFace]] = {}
    for face in faces:
        of_person.setdefault(face.person_id, []).append(face)
    for wrong in found.mislabelled:
        yield _misplaced(faces[wrong.row], of_person[wrong.looks_like][0], wrong.lead)
    for pair in found.twice:
        yield _twice(of_person[pair.person], of_person[pair.other], pair.score)
    for person in found.parted:
        yield _parts([[faces[row] for row in group] for group in person.groups])
    for strange in found.unlike:
        face = faces[strange.row]
        others = [each for each in of_person[face.person_id] if each.id != face.id]
        yield _stranger(face, others[:_OTHERS], strange.score)
    for copies in found.copies:
        alike = sorted((faces[row] for row in copies.rows), key=lambda face: -face.size_px)
        yield _copies(alike, copies.cosine)


def _misplaced(face: EnrolledFace, other: EnrolledFace, lead: float) -> Finding:
    what = f"{_name(face)} of {face.called} looks like {other.called}"
    key = [face.id, face.person_id, other.person_id]
    done = f"move it to {other.called}"
    return _finding(FindingKind.MISPLACED, key, [[face], [other]], what, done, score=lead)


def _twice(ours: Sequence[EnrolledFace], theirs: Sequence[EnrolledFace], score: float) -> Finding:
    both = ours[0].external_id is not None and theirs[0].external_id is not None
    what = f"{ours[0].called} and {theirs[0].called} look like one person"
    # Who has a number keeps the name, else who has more photos, else who came first.
    keeps, leaves = sorted(
        (ours, theirs), key=lambda s: (s[0].external_id is None, -len(s), s[0].person_id)
    )
    key = sorted((ours[0].person_id, theirs[0].person_id))  # whatever photos they get
    done = f"give the photos of {leaves[0].called} to {keeps[0].called}"
    return _finding(FindingKind.TWICE, key, [keeps, leaves], what, done, doubtful=both, score=score)


def _parts(groups: Sequence[Sequence[EnrolledFace]]) -> Finding:
    sizes = " and ".join(str(len(group)) for group in groups)
    what = f"The photos of {groups[0][0].called} fall into groups of {sizes}"
    done = "make the smaller groups people of their own"
    return _finding(FindingKind.PARTS, _ids(groups), groups, what, done, doubtful=True)


def _stranger(face: EnrolledFace, others: Sequence[EnrolledFace], score: float) -> Finding:
    what = f"{_name(face)} of {face.called} resembles nobody here"
    done = "make it a person of its own"
    sides = [others, [face]] if others else [[face]]
    return _finding(FindingKind.STRANGER, [face.id], sides, what, done, doubtful=True, score=score)


def _copies(faces: Sequence[EnrolledFace], cosine: float) -> Finding:
    whose = dict.fromkeys(face.called for face in faces)
    names = ", ".join(map(_name, faces[:_NAMED])) + ", ..." * (len(faces) > _NAMED)
    what = f"{len(faces)} photos of {' and '.join(whose)} are copies: {names}"
    sides = [faces[:1], faces[1:]]
    if len({face.person_id for face in faces}) > 1:
        return _finding(FindingKind.SHARED, _ids(sides), sides, what, None, score=cosine)
    done = "keep the largest and remove the others for good"
    return _finding(FindingKind.COPIES, _ids(sides), sides, what, done, final=True, score=cosine)


def _name(face: EnrolledFace) -> str:
    """Of the photo's file: its folder mostly says whose it is, as the finding does."""
    return PurePath(face.photo).name


def _ids(sides: Sequence[Sequence[EnrolledFace]]) -> list[int]:
    return sorted(face.id for side in sides for face in side)


def _finding(
    kind: FindingKind,
    key: list[int],
    sides: Sequence[Sequence[EnrolledFace]],
    what: str,
    accepting: str | None,
    *,
    final: bool = False,
    doubtful: bool = False,
    score: float | None = None,
) -> Finding:
    return Finding(
        id=hashlib.sha256(f"{kind.value} {key}".encode()).hexdigest()[:8],
        kind=kind,
        what=what,
        accepting=accepting,
        final=final,
        doubtful=doubtful,
        score=None if score is None else round(score, 4),
        sides=tuple(tuple(map(EnrolledPhoto.of, side)) for side in sides),
    )


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


def accept(service: Service, findings: Sequence[Finding]) -> list[FindingDone]:
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
    then = {face.face_id: face.person_id for side in found.sides for face in side}
    there = service.catalogue.faces(then)
    return then == {face.id: face.person_id for face in there.values()}


def dismiss(service: Service, findings: Iterable[Finding]) -> list[JournalEntry]:
    """Never propose findings again, until that is undone."""
    collection = service.collection.id
    return [
        service.catalogue.dismiss_finding(collection, found.id, found.people) for found in findings
    ]


def _move(service: Service, found: Finding) -> FindingDone:
    face, other = found.sides[0][0], found.sides[1][0]
    move = Move(
        (face.face_id,),
        service.person_by_id(other.person_id, other.person),
        service.person_by_id(face.person_id, face.person),
    )
    return FindingDone.of(found, service.catalogue.move_all(service.collection.id, [move]))


def _merge(service: Service, found: Finding) -> FindingDone:
    keeps, leaves = (
        service.person_by_id(side[0].person_id, side[0].person) for side in found.sides
    )
    entry = service.catalogue.merge_people(service.collection.id, leaves, keeps)
    return FindingDone.of(found, entry)


def _split(service: Service, found: Finding) -> FindingDone:
    """Make people of their own of all groups but the largest, or of a single face."""
    catalogue, collection = service.catalogue, service.collection.id
    entries = []
    for group in found.sides[1:] or found.sides:
        person = service.person_by_id(group[0].person_id, group[0].person)
        name = _free_name(service, person.name)
        ids = [face.face_id for face in group]
        entries.append(catalogue.split_person(collection, person, ids, name))
    return FindingDone.of(found, *entries)


def _free_name(service: Service, beside: str) -> str:
    """A name for somebody of whom it is only known whose photos they were among."""
    there = service.catalogue.people(service.collection.id, search=beside)
    taken = {folded(person.name) for person in there}
    number = 2
    while folded(name := f"{beside}, other {number}") in taken:
        number += 1
    return name


def _remove(service: Service, found: Finding) -> FindingDone:
    copies = found.sides[1]
    faces = service.catalogue.faces(copy.face_id for copy in copies)
    for copy in copies:
        face = faces.get(copy.face_id)
        if face is None or face.person_id != copy.person_id:
            raise NotFound(f"The finding {found.id!r} was dealt with meanwhile.")
        service.remove_photo(face)
    return FindingDone(found.id, removed=tuple(copy.photo for copy in copies))


_ACCEPT = {
    FindingKind.MISPLACED: _move,
    FindingKind.TWICE: _merge,
    FindingKind.PARTS: _split,
    FindingKind.STRANGER: _split,
    FindingKind.COPIES: _remove,
}
