"""What an enrolment would take: photos listed from folders or a list, looked at in advance."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.names import clean_external_id, clean_name
from retrieval.catalogue.records import Person
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.errors import DataInvalid, FoldersUnclear, NameInvalid, NotFound, PhotoError
from retrieval.photos.decode import read
from retrieval.photos.folders import PassedOver, Problem, everything_below, layout
from retrieval.photos.people_csv import read_people_csv
from retrieval.photos.urls import location_of
from retrieval.values import Location, Url

_LOOKED_UP_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would become of a photo, as far as its bytes and its name tell.

    Attributes:
        photo: see there.
        outcome: new, known, or rejected.
        code, message: why it would be rejected.
    """

    photo: ListedPhoto
    outcome: str
    code: str | None = None
    message: str | None = None


def listed_person(name: str, photo: Location, external_id: str | None = None) -> ListedPhoto:
    """A photo of a person, to be listed; one with an impossible name is rejected at once."""
    try:
        clean = clean_name(name, "person's name")
        return ListedPhoto(str(photo), clean, clean_external_id(external_id))
    except NameInvalid as error:
        return ListedPhoto(str(photo), name, reason=(error.code, str(error)))


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
            reason = (found.problem.value, _MESSAGES[found.problem].format(found))
            yield ListedPhoto(str(found.place), found.person, reason=reason)


def _is_nested(folder: Location) -> bool:
    found = layout(folder)
    if not found.sure:
        raise FoldersUnclear(
            f"{_named(found.outer)} in {folder} hold no photos themselves, but folders that do: "
            f"{_named(found.inner)}. Which are the people?"
        )
    return found.nested


def _named(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


_MESSAGES = {
    Problem.LOOSE: "This photo lies in no person's folder. Move it into one.",
    Problem.EMPTY: "The folder of {0.person!r} has no photo. Put some in, or remove it.",
    Problem.SAME_NAME: "{0.other} has the same name. Are they one person? Then put the photos into"
    " one folder. Are they two? Give a list with their employee numbers.",
}


def listed_csv(path: Location) -> Iterator[ListedPhoto]:
    """The photos of a CSV file, to be listed.

    Raises:
        DataInvalid: see `read_people_csv`.
    """
    for row in read_people_csv(path):
        yield listed_person(row.person, row.photo, row.external_id)


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
    owners: dict[str, str] = {}  # of the photos before it, which would be enrolled by then
    remaining = iter(photos)
    while chunk := list(islice(remaining, _LOOKED_UP_AT_ONCE)):
        hashes = [_sha256(photo, max_bytes) for photo in chunk]
        try:
            collection_id = catalogue.collection(collection).id
            owners |= catalogue.owners(collection_id, [sha for sha in hashes if sha])
        except NotFound:
            pass  # it would be made
        for photo, sha in zip(chunk, hashes, strict=True):
            yield _prospect(photo, sha, owners)


def absent(catalogue: Catalogue, collection: str, path: Location) -> list[Person]:
    """The people of a collection who are not in a CSV file: neither external id nor name.

    Raises:
        DataInvalid: the file names nobody, which must be a mistake; see `read_people_csv` also.
    """
    rows = [photo for photo in listed_csv(path) if photo.reason is None]
    if not rows:
        raise DataInvalid(f"{path} names nobody: nobody is deleted. Check the file.")
    names = {row.person for row in rows}
    external_ids = {row.external_id for row in rows if row.external_id}
    try:
        people = catalogue.people(catalogue.collection(collection).id)
    except NotFound:
        return []
    return [
        person
        for person in people
        if person.name not in names and person.external_id not in external_ids
    ]


def _sha256(photo: ListedPhoto, max_bytes: int) -> str | None:
    place = location_of(photo.path)
    try:
        if isinstance(place, Url):
            return hashlib.sha256(read(place, photo.path, max_bytes)).hexdigest()
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, PhotoError):
        return None


def _prospect(photo: ListedPhoto, sha256: str | None, owners: dict[str, str]) -> Prospect:
    if photo.reason is not None:
        return Prospect(photo, "rejected", *photo.reason)
    if sha256 is None:
        return Prospect(photo, "rejected", "unreadable", f"{photo.path} cannot be read.")
    owner = owners.get(sha256)
    owners.setdefault(sha256, photo.person)
    if owner is None:
        return Prospect(photo, "new")
    if owner == photo.person:
        return Prospect(photo, "known")
    message = f"The same photo is enrolled, or listed before, under {owner!r}."
    return Prospect(photo, "rejected", "other-person", message)
