"""Questions to the catalogue about collections and people; nothing here writes."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from retrieval.catalogue.names import called, folded, sought
from retrieval.catalogue.records import Collection, Counts, Person
from retrieval.catalogue.schema import chunks, collections, faces, people, photos
from retrieval.errors import Ambiguous, NotFound

ID = re.compile(r"(id:)?([0-9]{1,18})")
_NUMBERED = re.compile(r"(.+?) ?\(([^()]+)\)")
_NAMES_COMPARED = 2_000  # names that are looked through for one that resembles a mistyped one

_COLLECTION = select(*(collections.c[name] for name in Collection.__slots__))
PHOTO_COUNT = select(func.count()).where(faces.c.person_id == people.c.id).scalar_subquery()
PERSON = select(
    people.c.id,
    people.c.name,
    people.c.external_id,
    PHOTO_COUNT,
    people.c.created_at,
)


def all_collections(connection: Connection) -> list[Collection]:
    """Every collection, by name."""
    return [Collection(*row) for row in connection.execute(_COLLECTION.order_by("name"))]


def find_collection(connection: Connection, name: str) -> Collection:
    """One collection by its clean name; NotFound names the others."""
    row = connection.execute(_COLLECTION.where(collections.c.name == name)).one_or_none()
    if row is None:
        others = ", ".join(each.name for each in all_collections(connection)) or "none yet"
        raise NotFound(
            f"There is no collection {name!r}; there are: {others}. "
            "Make it with rollcall collections create, or by enrolling into it."
        )
    return Collection(*row)


def collection_by_id(connection: Connection, collection_id: int) -> Collection:
    """One collection as it is now, by id."""
    row = connection.execute(_COLLECTION.where(collections.c.id == collection_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no collection with id {collection_id} any more.")
    return Collection(*row)


def seen(connection: Connection, collection_id: int) -> tuple[Collection, dict[str, Any] | None]:
    """One collection as it is now and its calibration's document, in one query."""
    query = _COLLECTION.add_columns(collections.c.calibration)
    row = connection.execute(query.where(collections.c.id == collection_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no collection with id {collection_id} any more.")
    return Collection(*row[:-1]), row[-1]


def which_people(
    collection_id: int,
    search: str | None = None,
    external_id: str | None = None,
) -> ColumnElement[bool]:
    """People of a collection whose name or number contains `search`, and who have this number."""
    wanted = people.c.collection_id == collection_id
    if search:
        named = people.c.sought.contains(sought(search), autoescape=True)
        wanted &= named | people.c.external_id.icontains(search.strip(), autoescape=True)
    if external_id is not None:
        wanted &= people.c.external_id == external_id
    return wanted


def list_people(connection: Connection, wanted: ColumnElement[bool]) -> list[Person]:
    """People by name; namesakes by number."""
    query = PERSON.where(wanted).order_by(people.c.name, people.c.external_id, people.c.id)
    return [Person(*row) for row in connection.execute(query)]


def find_person(connection: Connection, collection_id: int, who: str) -> Person:
    """One person by name, employee number or id.

    A name as it is written goes before one that differs by case or spaces, `NAME (NUMBER)` is one
    of several namesakes, and an id is meant where no name and no number is, or by `id:7`.

    Raises:
        NotFound: nobody is meant; the message names those who are called alike.
        Ambiguous: several are; the message lists them with their numbers.
    """
    found = _meant(connection, collection_id, who)
    if len(found) == 1:
        return found[0]
    if found:
        choices = " or ".join(f"{each.called} (id:{each.id})" for each in found)
        raise Ambiguous(f"{who!r} may be {choices}. Give the number, or the id as id:NUMBER.")
    alike = _names_like(connection, collection_id, who)
    hint = f"Did you mean {' or '.join(alike)}?" if alike else "See rollcall people list."
    raise NotFound(f"There is no person {who!r} in this collection. {hint}")


def _meant(connection: Connection, collection_id: int, who: str) -> list[Person]:
    """The people whom a text may mean, by name."""
    everybody = PERSON.where(people.c.collection_id == collection_id).order_by(people.c.id)
    by_id = ID.fullmatch(who)

    def among(chosen: ColumnElement[bool]) -> list[Person]:
        return [Person(*row) for row in connection.execute(everybody.where(chosen))]

    if by_id and by_id[1]:
        return among(people.c.id == int(by_id[2]))
    found = among((people.c.folded == folded(who)) | (people.c.external_id == who))
    exact = [each for each in found if who in (each.name, each.external_id)]
    if found:
        return exact or found
    if numbered := _NUMBERED.fullmatch(who):
        name, number = numbered.groups()
        same = (people.c.folded == folded(name)) & (people.c.external_id == number)
        if found := among(same):
            return found
    return among(people.c.id == int(by_id[2])) if by_id else []


def namesakes(
    connection: Connection, collection_id: int, name: str, but: int | None = None
) -> list[Person]:
    """Everybody of a name, however it is written, without the one with the id `but`."""
    query = PERSON.where(people.c.collection_id == collection_id, people.c.folded == folded(name))
    rows = connection.execute(query.order_by(people.c.id))
    return [person for person in (Person(*row) for row in rows) if person.id != but]


def taken(
    connection: Connection,
    collection_id: int,
    name: str,
    external_id: str | None,
    but: int | None = None,
) -> Person | None:
    """Somebody of this name, however it is written, whom no number would tell from another."""
    for other in namesakes(connection, collection_id, name, but):
        if external_id is None or other.external_id in (None, external_id):
            return other
    return None


def numbered(connection: Connection, collection_id: int, external_id: str) -> Person | None:
    """Whose a number is; None where it is nobody's."""
    query = PERSON.where(which_people(collection_id, external_id=external_id))
    row = connection.execute(query).one_or_none()
    return None if row is None else Person(*row)


def person_by_id(connection: Connection, collection_id: int, person_id: int) -> Person:
    """One person by id."""
    query = PERSON.where(people.c.collection_id == collection_id, people.c.id == person_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no person with id {person_id} in this collection any more.")
    return Person(*row)


def people_by_id(
    connection: Connection, collection_id: int, person_ids: Iterable[int]
) -> list[Person]:
    """People by id; those who are gone are left out."""
    query = PERSON.where(people.c.collection_id == collection_id)
    return [
        Person(*row)
        for some in chunks(set(person_ids))
        for row in connection.execute(query.where(people.c.id.in_(some)))
    ]


def same_person(
    connection: Connection, collection_id: int, meant: int | Person, or_called: str | None = None
) -> Person:
    """The person who is meant, as they are now; a `Person` must be called as when it was read.

    Whoever decides about a name has seen a person; until the transaction the name may have become
    somebody else's. So it is asked by id, and the name is compared; `or_called` will do as well.

    Raises:
        NotFound: there is none with this id, or they are called otherwise now.
    """
    if not isinstance(meant, Person):
        return person_by_id(connection, collection_id, meant)
    person = person_by_id(connection, collection_id, meant.id)
    if person.created_at != meant.created_at:  # another catalogue was restored meanwhile
        raise NotFound(f"There is no person with id {meant.id} in this collection any more.")
    if person.name not in (meant.name, or_called):
        raise called_otherwise(person.id, person.name, meant.name)
    return person


def called_otherwise(person_id: int, name: str, expected: str) -> NotFound:
    """What somebody hears who means a person by a name that is another's, or nobody's, by now."""
    return NotFound(
        f"Person {person_id} is called otherwise now: {name!r}, not {expected!r}. Nothing was"
        " changed; look again who is meant."
    )


def _names_like(connection: Connection, collection_id: int, name: str) -> list[str]:
    wanted = folded(name)
    parts = [part for part in wanted.split() if len(part) > 2]
    starts = people.c.folded.startswith(wanted[:1], autoescape=True)
    contains = (people.c.folded.contains(part, autoescape=True) for part in parts)
    query = select(people.c.folded, people.c.name, people.c.external_id).where(
        people.c.collection_id == collection_id, or_(starts, *contains)
    )
    names: dict[str, list[str]] = {}
    for row in connection.execute(query.order_by(people.c.name).limit(_NAMES_COMPARED)):
        names.setdefault(row[0], []).append(called(row[1], row[2]))
    close = get_close_matches(wanted, list(names), n=3)
    return [each for alike in close for each in names[alike]]


def names_of(connection: Connection, person_ids: Iterable[int]) -> dict[int, str]:
    """Each person's name; ids of people who are gone are left out."""
    query = select(people.c.id, people.c.name)
    return {
        person_id: name
        for some in chunks(set(person_ids))
        for person_id, name in connection.execute(query.where(people.c.id.in_(some)))
    }


def external_ids_of(connection: Connection, person_ids: Iterable[int]) -> dict[int, str]:
    """Each person's external id; people without one are left out."""
    query = select(people.c.id, people.c.external_id).where(people.c.external_id.is_not(None))
    return {
        person_id: external_id
        for some in chunks(set(person_ids))
        for person_id, external_id in connection.execute(query.where(people.c.id.in_(some)))
    }


def counts(connection: Connection, collection_id: int) -> Counts:
    """How many people, photos and faces a collection holds."""

    def count(table: Any) -> int:
        query = select(func.count()).where(table.c.collection_id == collection_id)
        return int(connection.execute(query).scalar_one())

    return Counts(people=count(people), photos=count(photos), faces=count(faces))
