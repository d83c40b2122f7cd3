"""Bringing a collection to the state of a staff list: who joins, who leaves, who is renamed."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retrieval.catalogue.enrolment import is_of
from retrieval.catalogue.names import called, clean_external_id, clean_name, folded
from retrieval.catalogue.records import EnrolledFace, JournalEntry, Person
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.enrolments import EnrolReport
from retrieval.errors import NameInvalid, NotFound
from retrieval.people.changed_photos import replaced, vanished
from retrieval.people.documents import EnrolledOfList, PhotoOfList, PlanDocument
from retrieval.people.intake import (
    Prospect,
    absent,
    items_of,
    listed_folder,
    listed_list,
    prospects,
)
from retrieval.photos.folders import PassedOver
from retrieval.photos.people_list import ListRow, PeopleList
from retrieval.service import Service
from retrieval.values import Location

_WORDS = re.compile(r"[\s_,;()\[\]#.-]+")


@dataclass(frozen=True, slots=True)
class Renaming:
    """Somebody whom the list calls otherwise, known by the number.

    Attributes:
        person: as enrolled.
        name: the list's.
    """

    person: Person
    name: str


@dataclass(frozen=True, slots=True)
class Joining:
    """Somebody who is in the list and not enrolled, and how many photos there are."""

    name: str
    external_id: str | None
    photos: int

    @property
    def called(self) -> str:
        """The name, with the number where there is one."""
        return called(self.name, self.external_id)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a list would change; nothing is changed yet.

    Attributes:
        source: the list.
        listed, enrolled: people in the list, and in the collection.
        joiners: in the list, and not enrolled.
        leavers: enrolled, and not in the list.
        renamings: people whom the list calls otherwise.
        numbered: people who get a number, and which.
        photos: that are to be enrolled, as listed.
        new: how many of them are new, of how many people who are enrolled already.
        replaced: photos whose file holds another picture by now.
        vanished: photos that list and folder have no more.
        rejected: rows and photos that cannot be used.
        passed: what the folder holds besides.
    """

    source: str
    listed: int
    enrolled: int
    joiners: tuple[Joining, ...]
    leavers: tuple[Person, ...]
    renamings: tuple[Renaming, ...]
    numbered: tuple[tuple[Person, str], ...]
    photos: tuple[ListedPhoto, ...]
    new: tuple[tuple[str, int], ...]
    replaced: tuple[EnrolledFace, ...]
    vanished: tuple[EnrolledFace, ...]
    rejected: tuple[Prospect, ...]
    passed: PassedOver

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        parts = (self.joiners, self.leavers, self.renamings, self.numbered, self.new)
        return any((*parts, self.replaced))

    def document(self) -> PlanDocument:
        """As JSON."""
        return {
            "source": self.source,
            "listed": self.listed,
            "enrolled_before": self.enrolled,
            "joiners": [
                {"person": each.name, "external_id": each.external_id, "photos": each.photos}
                for each in self.joiners
            ],
            "leavers": [_person(each) for each in self.leavers],
            "renamed": [{**_person(each.person), "now": each.name} for each in self.renamings],
            "numbered": [{**_person(person), "now": now} for person, now in self.numbered],
            "new_photos": [{"person": name, "photos": count} for name, count in self.new],
            "replaced": [_photo(face) for face in self.replaced],
            "vanished": [_photo(face) for face in self.vanished],
            "rejected": [
                {
                    "person": each.photo.person,
                    "external_id": each.photo.external_id,
                    "photo": each.photo.path,
                    "reason": each.code,
                    "message": each.message,
                }
                for each in self.rejected
            ],
            "passed_over": self.passed.document(),
        }


def _person(person: Person) -> EnrolledOfList:
    return {
        "id": person.id,
        "person": person.name,
        "external_id": person.external_id,
        "photos": person.faces,
    }


def _photo(face: EnrolledFace) -> PhotoOfList:
    return {"person": face.person, "external_id": face.external_id, "photo": face.photo}


def plan(
    service: Service,
    people_list: PeopleList,
    *,
    folder: Location | None = None,
    nested: bool | None = None,
    max_bytes: int,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Plan:
    """Compare a staff list, and a folder of photos, with the collection.

    Args:
        service: of the collection.
        people_list: who is employed; photos too, if it has a column for them.
        folder: a folder per person, by name, number or both; for who has no photo in the list.
        nested: see `listed_folder`.
        max_bytes: of a photo.
        advance: told of each photo that was read, as 1, and how many there are.

    Raises:
        DataInvalid: the list names nobody, or a row cannot be read at all.
        FoldersUnclear: nobody said where the people's folders lie.
    """
    catalogue, name = service.catalogue, service.collection_name
    rows = list(people_list.rows())
    collection = next((each.id for each in catalogue.collections() if each.name == name), None)
    everybody = [] if collection is None else catalogue.people(collection)
    leavers = absent(everybody, people_list.path, rows)
    known = _Known(everybody, leavers)
    renamings, numbered, rejected = _renamings(rows, known, people_list)
    passed = PassedOver()
    listed = list(listed_list(people_list, (row for row in rows if not _lacks_photo(row))))
    without = [row for row in rows if _lacks_photo(row)]
    in_folder = [] if folder is None else _from_folder(folder, nested, rows, passed)
    found = []
    for each in prospects(catalogue, name, every := [*listed, *in_folder], max_bytes):
        found.append(each)
        advance(1, len(every))
    rejected += [each for each in found if each.outcome == "rejected"]
    fresh = [each.photo for each in found if each.outcome == "new"]
    joiners, new = _joiners(fresh, known, {each.person.id: each.name for each in renamings})
    rejected += _without_photo(people_list, without, known, fresh)
    usable = tuple(each.photo for each in found if each.photo.reason is None)
    enrolled = catalogue.photos(collection) if collection is not None and usable else []
    changed, gone = _changed_files(enrolled, people_list.path, listed, found)
    return Plan(
        source=str(people_list.path),
        listed=len({(folded(row.person), row.external_id) for row in rows if row.person}),
        enrolled=len(everybody),
        joiners=joiners,
        leavers=tuple(leavers),
        renamings=tuple(renamings),
        numbered=tuple(numbered),
        photos=usable,
        new=new,
        replaced=changed,
        vanished=gone,
        rejected=tuple(rejected),
        passed=passed,
    )


def _without_photo(
    people_list: PeopleList,
    rows: Iterable[ListRow],
    known: "_Known",
    photos: Iterable[ListedPhoto],
) -> list[Prospect]:
    """Rows of people who are not enrolled, and of whom there is no photo to enrol."""
    pictured = {(folded(photo.person), photo.external_id) for photo in photos}
    return [
        _row_rejected(people_list, row, f"There is no photo of {row.person!r}.", "no-photos")
        for row in rows
        if known.of(row) is None and (folded(row.person), row.external_id) not in pictured
    ]


def _changed_files(
    enrolled: Sequence[EnrolledFace],
    path: Location,
    listed: Iterable[ListedPhoto],
    found: Iterable[Prospect],
) -> tuple[tuple[EnrolledFace, ...], tuple[EnrolledFace, ...]]:
    """Enrolled photos whose file holds another picture by now, and those whose file is gone."""
    usable = {each.photo.path: each for each in found if each.photo.reason is None}
    hashes = {place: each.sha256 for place, each in usable.items()}
    changed = replaced(enrolled, (each.photo for each in usable.values()), hashes)
    replacing = {face.id for face in changed}
    in_list = [photo for photo in listed if photo.reason is None]
    gone = vanished(enrolled, path, in_list, hashes)
    return tuple(changed), tuple(face for face in gone if face.id not in replacing)


def rename(service: Service, plan: Plan) -> list[JournalEntry]:
    """Rename and number people as the list has them, all or none; each edit can be undone.

    Raises:
        NotFound, AlreadyExists: somebody was edited meanwhile; nothing is changed.
    """
    names = [(each.person, each.name) for each in plan.renamings]
    return service.catalogue.rename_and_number(service.collection.id, names, plan.numbered)


def enrol(service: Service, plan: Plan) -> Iterator[EnrolReport]:
    """Enrol a plan's photos, and remove those that were replaced by them.

    Yields:
        the report so far, after each photo.
    """
    report = EnrolReport(passed_over=plan.passed)
    old = {face.photo: face for face in plan.replaced}
    for result in service.enrol(items_of(plan.photos, report)):
        report.add(result)
        before = old.get(result.photo)
        taken = result.outcome in ("enrolled", "known")  # known: of a sync that was stopped
        if before is not None and taken and not is_of(before, str(result.sha256)):
            remove(service, before)
        yield report


def remove(service: Service, face: EnrolledFace) -> None:
    """Remove a photo that a plan has no more, unless another sync has removed it already.

    Raises:
        NotFound: it is somebody else's by now.
    """
    try:
        service.remove_photo(face)
    except NotFound:
        if service.catalogue.faces([face.id]):
            raise


class _Known:
    """The people of a collection as rows of a list mean them."""

    def __init__(self, everybody: Sequence[Person], leavers: Sequence[Person]) -> None:
        gone = {person.id for person in leavers}
        self.numbered = {p.external_id: p for p in everybody if p.external_id is not None}
        self.named: dict[str, list[Person]] = defaultdict(list)
        for person in everybody:
            if person.id not in gone:
                self.named[folded(person.name)].append(person)

    def of(self, row: ListRow | ListedPhoto) -> Person | None:
        """Who is meant by a row's number, or else by its name."""
        if row.external_id is not None and row.external_id in self.numbered:
            return self.numbered[row.external_id]
        there = self.named.get(folded(row.person), [])
        if row.external_id is not None:
            there = [person for person in there if person.external_id is None]
        return there[0] if len(there) == 1 else None


def _renamings(
    rows: Sequence[ListRow], known: _Known, people_list: PeopleList
) -> tuple[list[Renaming], list[tuple[Person, str]], list[Prospect]]:
    """Who is called otherwise under a known number, and who has none as yet."""
    renamings: dict[int, Renaming] = {}
    numbered: dict[int, tuple[Person, str]] = {}
    rejected = []
    for row in rows:
        number = clean_external_id(row.external_id)
        person = known.of(row)
        if person is None or number is None or not row.person:
            continue
        try:
            name = clean_name(row.person, "person's name")
        except NameInvalid as error:
            rejected.append(_row_rejected(people_list, row, str(error), error.code))
            continue
        if person.external_id is None:
            numbered.setdefault(person.id, (person, number))
        elif folded(name) != folded(person.name):
            before = renamings.setdefault(person.id, Renaming(person, name))
            if folded(before.name) != folded(name):
                told = f"The number {number} has two names: {before.name!r} and {name!r}."
                rejected.append(_row_rejected(people_list, row, told, "list-row"))
    return list(renamings.values()), list(numbered.values()), rejected


def _row_rejected(people_list: PeopleList, row: ListRow, told: str, code: str) -> Prospect:
    message = f"Line {row.line} of {people_list.path}: {told}"
    listed = ListedPhoto(f"{people_list.path}:{row.line}", row.person, row.external_id)
    return Prospect(listed, "rejected", code, message)


def _lacks_photo(row: ListRow) -> bool:
    """Whether a row can be used, but names no photo."""
    return bool(row.person) and not row.photos and row.problem is None


def _from_folder(
    folder: Location, nested: bool | None, rows: Sequence[ListRow], passed: PassedOver
) -> list[ListedPhoto]:
    """The photos of a folder's people of whom the list names none, by name, number or both."""
    rows = [row for row in rows if row.person and row.problem is None]
    by_number = {row.external_id: row for row in rows if row.external_id}
    by_name: dict[str, dict[str | None, ListRow]] = defaultdict(dict)
    for row in rows:
        by_name[folded(row.person)][row.external_id] = row

    def meant(name: str) -> ListRow | str:
        words = [word for word in _WORDS.split(name) if word]
        numbers = [by_number[word] for word in words if word in by_number]
        if len(numbers) == 1:
            return numbers[0]
        there = by_name.get(folded(name), {})
        if len(there) == 1:
            return next(iter(there.values()))
        if there:
            choices = ", ".join(sorted(str(number) for number in there))
            return (
                f"Several people in the list are called {name!r}: {choices}. Call the folder by"
                " the number."
            )
        return f"Nobody in the list is called {name!r}."

    pictured = {(folded(row.person), row.external_id) for row in rows if row.photos}
    found = []
    told: set[str] = set()
    for photo in listed_folder(folder, nested=nested, passed=passed):
        whose = meant(photo.person) if photo.person else None
        if isinstance(whose, ListRow):
            if (folded(whose.person), whose.external_id) in pictured:
                continue
            person, number = clean_name(whose.person), clean_external_id(whose.external_id)
            found.append(replace(photo, person=person, external_id=number))
        elif whose is None:
            found.append(photo)
        elif photo.person not in told:  # once for each folder
            told.add(photo.person)
            place = str(Path(photo.path).parent)
            found.append(replace(photo, path=place, reason=("list-row", whose)))
    return found


def _joiners(
    fresh: Sequence[ListedPhoto], known: _Known, after: dict[int, str]
) -> tuple[tuple[Joining, ...], tuple[tuple[str, int], ...]]:
    """Who is new and has photos, and new photos of whoever is known."""
    joining: dict[tuple[str, str | None], tuple[str, int]] = {}
    new: Counter[str] = Counter()
    for photo in fresh:
        person = known.of(photo)
        if person is not None:
            new[called(after.get(person.id, person.name), person.external_id)] += 1
            continue
        key = folded(photo.person), photo.external_id
        name, count = joining.get(key, (photo.person, 0))
        joining[key] = name, count + 1
    joiners = tuple(Joining(name, key[1], count) for key, (name, count) in joining.items())
    return joiners, tuple(new.items())
