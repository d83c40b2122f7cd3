"""What an enrolment would take: photos listed from folders or a list, looked at in advance."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.names import clean_external_id, clean_name, folded
from retrieval.catalogue.records import Owner, Person
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.enrolments import EnrolItem, EnrolReport, EnrolResult, FaceBox
from retrieval.errors import (
    DataInvalid,
    FoldersUnclear,
    InputError,
    NameInvalid,
    NotFound,
    SettingInvalid,
)
from retrieval.people.changed_photos import sha256_of
from retrieval.photos.folders import (
    PassedOver,
    Problem,
    everything_below,
    exists,
    is_folder,
    layout,
    photos_at,
)
from retrieval.photos.people_list import ListRow, PeopleList
from retrieval.photos.urls import location_of
from retrieval.values import Location

_LOOKED_UP_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would become of a photo, as far as its bytes and its name tell.

    Attributes:
        photo: as it was listed.
        outcome: new, known, or rejected.
        code, message: why it would be rejected.
        sha256: of its bytes, None where they were not, or cannot be, read.
    """

    photo: ListedPhoto
    outcome: str
    code: str | None = None
    message: str | None = None
    sha256: str | None = None


def listed_person(name: str, photo: Location, external_id: str | None = None) -> ListedPhoto:
    """A photo of a person, to be listed; one with an impossible name is rejected at once."""
    try:
        clean = clean_name(name, "person's name")
        return ListedPhoto(str(photo), clean, clean_external_id(external_id))
    except NameInvalid as error:
        return ListedPhoto(str(photo), name, reason=(error.code, str(error)))


def listed_place(
    place: Location,
    *,
    person: str | None = None,
    external_id: str | None = None,
    nested: bool | None = None,
    passed: PassedOver | None = None,
    how: str,
) -> Iterator[ListedPhoto]:
    """The photos of a folder of people, or of one person, to be listed.

    Args:
        place: a folder of people's folders; with `person`, one photo or a folder of photos.
        person, external_id: whom all of them show, or None.
        nested, passed: see `listed_folder`.
        how: how whoever asks names a person, for the message.

    Raises:
        InputError: there is nothing in this place, or a photo without a name.
        FoldersUnclear, DataInvalid, StorageUnavailable: see `listed_folder`.
    """
    if not exists(place):
        raise InputError(f"{place} does not exist. Give a folder with one folder per person.")
    if person is not None:
        for photo in photos_at(place, passed=passed):
            yield listed_person(person, photo, external_id)
    elif is_folder(place):
        yield from listed_folder(place, nested=nested, passed=passed)
    else:
        raise SettingInvalid(f"{place} is a photo: say whom it shows with {how}.")


def listed_folder(
    folder: Location, *, nested: bool | None = None, passed: PassedOver | None = None
) -> Iterator[ListedPhoto]:
    """Everything that a folder of people holds, to be listed.

    Loose photos, people's folders without a photo, and a second folder of one name are rejected at
    once, with their reason.

    Args:
        folder: holds one folder per person.
        nested: whether people's folders lie below others (departments); None where nobody said.
        passed: counts what is passed over.

    Raises:
        FoldersUnclear: nobody said, and the folders do not tell.
        DataInvalid: the folder cannot be read.
        StorageUnavailable: a URL's server does not answer.
    """
    if nested is None:
        nested = _is_nested(folder)
    for found in everything_below(folder, nested=nested, passed=passed):
        if found.problem is None:
            yield listed_person(found.person, found.place)
        else:
            other = _below(folder, found.other)
            message = _MESSAGES[found.problem].format(person=found.person, other=other)
            reason = (found.problem.value, message)
            yield ListedPhoto(str(found.place), found.person, reason=reason)


def _is_nested(folder: Location) -> bool:
    found = layout(folder)
    if not found.sure:
        raise FoldersUnclear(
            f"Folders with photos lie in {_named(found.outer)}: {_named(found.inner)}."
            " Which are the people?"
        )
    return found.nested


def _below(folder: Location, other: Location | None) -> str:
    """Where another folder lies in the one that was given: its own place may not be told."""
    return str(other).removeprefix(str(folder)).strip("/\\")


def _named(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


_MESSAGES = {
    Problem.LOOSE: "This photo lies in no person's folder. Move it into one.",
    Problem.EMPTY: "The folder of {person!r} has no photo. Put some in, or remove it.",
    Problem.SAME_NAME: "{other!r} has the same name. Are they one person? Then put the photos into"
    " one folder. Are they two? Give a list with their employee numbers.",
}


def items_of(
    listed: Iterable[ListedPhoto],
    report: EnrolReport,
    *,
    face: int | None = None,
    box: FaceBox | None = None,
    same_person: bool = False,
) -> list[EnrolItem]:
    """What is listed as it is enrolled; what cannot be taken at once goes into the report.

    Args:
        listed: photos of people.
        report: of the enrolment.
        face, box: which face is meant where the list does not say.
        same_person: see `EnrolItem`.
    """
    items = []
    for photo in listed:
        if photo.reason is not None:
            report.add(EnrolResult(photo.person, photo.path, "rejected", *photo.reason))
            continue
        place = location_of(photo.path)
        number, which = photo.external_id, photo.face or face
        item = EnrolItem(photo.person, photo.path, place, number, which, box)
        items.append(replace(item, same_person=same_person))
    return items


def listed_list(people: PeopleList, rows: Iterable[ListRow] | None = None) -> Iterator[ListedPhoto]:
    """The photos of a list, to be listed; a row that cannot be used is rejected, with its line.

    Args:
        people: the list.
        rows: those that are meant, where they were read before; else all.

    Raises:
        DataInvalid: see `PeopleList`.
    """
    for row in people.rows() if rows is None else rows:
        problem = row.problem
        if problem is None and not row.person:
            problem = "It names nobody."
        if problem is None and not row.photos:
            problem = f"It names no photo of {row.person!r}."
        if problem is not None:
            reason = ("list-row", f"Line {row.line} of {people.path}: {problem} Mend the row.")
            path = f"{people.path}:{row.line}"
            yield ListedPhoto(path, row.person, row.external_id, reason=reason)
            continue
        for photo in row.photos:
            yield replace(listed_person(row.person, photo, row.external_id), face=row.face)


def prospects(
    catalogue: Catalogue, collection: str, photos: Iterable[ListedPhoto], max_bytes: int
) -> Iterator[Prospect]:
    """Say for each photo what would become of it, without decoding any or storing anything.

    Args:
        catalogue: where it would be enrolled.
        collection: by name.
        photos: listed.
        max_bytes: of a photo by URL, which is fetched.

    Raises:
        StorageUnavailable: a URL's server does not answer.
    """
    # Also of the photos before it, which would be enrolled by then.
    owners: dict[str, tuple[Owner, ...]] = {}
    remaining = iter(photos)
    while chunk := list(islice(remaining, _LOOKED_UP_AT_ONCE)):
        hashes = [None if photo.reason else sha256_of(photo.path, max_bytes) for photo in chunk]
        try:
            collection_id = catalogue.collection(collection).id
            owners |= catalogue.owners(collection_id, [sha for sha in hashes if sha])
        except NotFound:
            pass  # it would be made
        for photo, sha in zip(chunk, hashes, strict=True):
            yield replace(_prospect(photo, sha, owners), sha256=sha)


def absent(everybody: Iterable[Person], path: Location, rows: Sequence[ListRow]) -> list[Person]:
    """The people of a collection who are not in a list: neither employee number nor name.

    Names are compared without case and with inner spaces collapsed, and every row counts that
    names somebody, whether or not its photo can be taken: nobody leaves by a spelling. A namesake
    whose row has another number is another person, and keeps nobody.

    Args:
        everybody: in the collection.
        path, rows: of the list.

    Raises:
        DataInvalid: the list names nobody, which must be a mistake, a row cannot be read at all,
            which might be anybody's, a number stands under two names, or is written with other
            zeros before it than the same person's here.
    """
    unread = [row.line for row in rows if row.problem and not row.person and not row.external_id]
    if unread:
        lines = ", ".join(map(str, unread[:10]))
        raise DataInvalid(
            f"{path}: nobody is deleted, since line {lines} cannot be read and might be"
            " anybody's. Mend it."
        )
    names: dict[str, set[str | None]] = {}
    numbered: dict[str, str] = {}
    for row in rows:
        if row.person:
            names.setdefault(folded(row.person), set()).add(row.external_id)
        if row.person and row.external_id:
            first = numbered.setdefault(row.external_id, row.person)
            if folded(first) != folded(row.person):
                raise DataInvalid(
                    f"{path}: nobody is deleted, since line {row.line} gives"
                    f" {row.person!r} the number {row.external_id} of {first!r}. Mend it."
                )
    external_ids = {row.external_id for row in rows if row.external_id}
    if not names and not external_ids:
        raise DataInvalid(f"{path} names nobody: nobody is deleted. Check the file.")

    def stays(person: Person) -> bool:
        if person.external_id is None:
            return folded(person.name) in names
        unnumbered = None in names.get(folded(person.name), ())
        return unnumbered or person.external_id in external_ids

    leaving = [person for person in everybody if not stays(person)]
    spelled = {(folded(row.person), _digits(row.external_id)): row for row in rows if row.person}
    for person in leaving:
        same = spelled.get((folded(person.name), _digits(person.external_id)))
        if same is not None:  # a spreadsheet took the zeros off, or another program put them on
            raise DataInvalid(
                f"{path}: nobody is deleted, since line {same.line} gives {same.person!r} the"
                f" number {same.external_id}, and {person.external_id} is enrolled. Write it alike."
            )
    return leaving


def _digits(number: str | None) -> str | None:
    return None if number is None else number.lstrip("0")


def _prospect(
    photo: ListedPhoto, sha256: str | None, owners: dict[str, tuple[Owner, ...]]
) -> Prospect:
    if photo.reason is not None:
        return Prospect(photo, "rejected", *photo.reason)
    if sha256 is None:
        return Prospect(photo, "rejected", "unreadable", f"{photo.path} cannot be read.")
    there = owners.get(sha256, ())
    if any(owner.may_be(photo.person, photo.external_id) for owner in there):
        return Prospect(photo, "known")
    if not there or photo.face is not None:  # which face it is, only the photo's faces tell
        owners[sha256] = (*there, Owner(photo.person, photo.external_id))
        return Prospect(photo, "new")
    whose = " and ".join(repr(owner.called) for owner in there)
    message = f"The same photo is enrolled, or listed before, under {whose}."
    return Prospect(photo, "rejected", "other-person", message)
