"""People a page at a time: filtered by their photos, in any of several orders."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    case,
    exists,
    false,
    func,
    or_,
    select,
    true,
)

from retrieval.catalogue.events.records import VerdictKind
from retrieval.catalogue.events.tables import appearances, events, verdicts
from retrieval.catalogue.lookups import PERSON, PHOTO_COUNT, which_people
from retrieval.catalogue.names import sought
from retrieval.catalogue.records import Person
from retrieval.catalogue.schema import chunks, faces, people
from retrieval.errors import SettingInvalid


class Photos(StrEnum):
    """Whose photos leave something to wish for."""

    FEW = "few"
    POOR = "poor"  # all of them
    NONE = "none"


class Order(StrEnum):
    """By what people stand in order."""

    NAME = "name"
    NUMBER = "number"  # those without one last
    NEWEST = "newest"
    PHOTOS = "photos"  # fewest first
    SEEN = "seen"  # the latest first, those who were never seen last


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which people are meant.

    Attributes:
        search: part of a name or a number, whatever its case and accents.
        external_id: exactly this number.
        photos: only those whose photos are few, poor, or none.
        few: so many photos are enough.
        poor_px: faces below this are poor.
        ids: only these; None for all.
    """

    search: str | None = None
    external_id: str | None = None
    photos: Photos | None = None
    few: int = 0
    poor_px: float = 0.0
    ids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class ListedPerson(Person):
    """A person of a list.

    Attributes:
        seen: the day of the latest event at which they were seen, None where there is none.
    """

    seen: date | None


Key = list[Any]  # of a person in an order: what the next page begins behind

_BEST = select(func.max(faces.c.size_px)).where(faces.c.person_id == people.c.id).scalar_subquery()


def _seen() -> ColumnElement[Any]:
    """The day of the latest event that shows somebody, by decision or by what was said.

    What was said last of an appearance counts, as in `events.said`.
    """
    said, later = verdicts.alias(), verdicts.alias()
    naming = (VerdictKind.RIGHT.value, VerdictKind.IS.value)
    mine = and_(said.c.person_id == people.c.id, said.c.kind.in_(naming))
    other = or_(
        later.c.kind == VerdictKind.NOBODY.value,
        and_(later.c.kind.in_(naming), later.c.person_id != people.c.id),
        and_(later.c.kind == VerdictKind.NOT.value, later.c.person_id == people.c.id),
    )
    stands = later.c.undone_at.is_(None)
    overruled = exists().where(
        later.c.appearance_id == said.c.appearance_id, later.c.id > said.c.id, stands, other
    )
    by_word = (
        select(events.c.day)
        .join(said, said.c.event_id == events.c.id)
        .where(mine, said.c.undone_at.is_(None), ~overruled)
    )
    refused = exists().where(later.c.appearance_id == appearances.c.id, stands, other)
    by_decision = (
        select(events.c.day)
        .join(appearances, appearances.c.event_id == events.c.id)
        .where(appearances.c.person_id == people.c.id, ~refused)
    )
    newest = [
        query.with_only_columns(func.max(events.c.day)).scalar_subquery()
        for query in (by_word, by_decision)
    ]
    first, second = (func.coalesce(day, "") for day in newest)
    return case((first > second, first), else_=second)


_SEEN = _seen()
_PERSON = PERSON.add_columns(_SEEN.label("seen"))
_MOST = 1 << 62  # what a key may be that is a number
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # what no database takes as text
_NUMBER = (  # 9 before 10: numbers of one length compare as text
    case((people.c.external_id.is_(None), 1), else_=0),
    func.length(func.coalesce(people.c.external_id, "")),
    func.coalesce(people.c.external_id, ""),
)
_NAME = (people.c.sought, people.c.name)
# By each order: expressions, and whether they descend. The id comes last.
_KEYS: dict[Order, list[tuple[ColumnElement[Any], bool]]] = {
    Order.NAME: [(each, False) for each in (*_NAME, *_NUMBER)],
    Order.NUMBER: [(each, False) for each in (*_NUMBER, *_NAME)],
    Order.NEWEST: [],
    Order.PHOTOS: [(each, False) for each in (PHOTO_COUNT, *_NAME)],
    Order.SEEN: [(_SEEN, True), *((each, False) for each in _NAME)],
}


def page_of_people(
    connection: Connection,
    collection_id: int,
    wanted: Wanted,
    order: Order = Order.NAME,
    after: Key | None = None,
    limit: int | None = None,
) -> tuple[list[ListedPerson], Key | None]:
    """People in an order, from the one behind `after`.

    Returns:
        the people, and what the next page begins behind; None where this is the last.

    Raises:
        SettingInvalid: `after` is not of this order.
    """
    keys = [*_KEYS[order], (people.c.id, order is Order.NEWEST)]
    query = _PERSON.where(_which(collection_id, wanted))
    query = query.order_by(*(each.desc() if descends else each for each, descends in keys))
    if after is not None:
        query = query.where(_behind(keys, after))
    query = query.add_columns(*(each.label(f"key_{n}") for n, (each, _) in enumerate(keys)))
    rows = connection.execute(query.limit(None if limit is None else limit + 1)).all()
    page = rows if limit is None else rows[:limit]
    found = [
        ListedPerson(*(*row[:5], date.fromisoformat(row.seen) if row.seen else None))
        for row in page
    ]
    more = len(rows) > len(page)
    return found, list(page[-1][6:]) if more else None


def behind_name(name: str) -> Key:
    """What begins behind everybody of a name, in the order of names."""
    last_of_all = 2  # greater than what `_NUMBER` tells those with and without a number by
    return [sought(name), name, last_of_all, 0, "", 0]


def count_people(connection: Connection, collection_id: int, wanted: Wanted) -> int:
    """How many people are meant."""
    query = select(func.count()).select_from(people).where(_which(collection_id, wanted))
    return connection.scalar(query) or 0


def initials(connection: Connection, collection_id: int, wanted: Wanted) -> list[tuple[str, str]]:
    """The first letters of all who are meant, without accents, each with the name that it begins.

    They are in the order of names: with the first name of a letter a page can begin there.
    """
    letter = func.substr(people.c.sought, 1, 1)
    query = select(letter, func.min(people.c.sought)).where(_which(collection_id, wanted))
    rows = connection.execute(query.group_by(letter).order_by(letter)).all()
    return [(row[0], row[1]) for row in rows if row[0]]


def _which(collection_id: int, wanted: Wanted) -> ColumnElement[bool]:
    meant = which_people(collection_id, wanted.search, wanted.external_id)
    if wanted.photos is Photos.FEW:
        meant &= wanted.few > PHOTO_COUNT
    elif wanted.photos is Photos.POOR:
        meant &= wanted.poor_px > _BEST
    elif wanted.photos is Photos.NONE:
        meant &= ~exists().where(faces.c.person_id == people.c.id)
    if wanted.ids is not None:
        meant &= or_(false(), *(people.c.id.in_(some) for some in chunks(wanted.ids)))
    return meant


def _fits(key: tuple[ColumnElement[Any], bool], value: Any) -> bool:
    """Whether a value may stand where a key does, in any database."""
    if isinstance(key[0].type, Text):
        return isinstance(value, str) and _UNSTORABLE.search(value) is None
    return type(value) is int and abs(value) < _MOST


def _behind(keys: Sequence[tuple[ColumnElement[Any], bool]], after: Key) -> ColumnElement[bool]:
    """Behind a row in an order some of whose keys descend."""
    if len(after) != len(keys) or not all(map(_fits, keys, after)):
        raise SettingInvalid("The cursor is of another order: take `next` of a page.")
    behind: ColumnElement[bool] = false()
    same: ColumnElement[bool] = true()
    for (expression, descends), value in zip(keys, after, strict=True):
        farther = expression < value if descends else expression > value
        behind = or_(behind, and_(same, farther))
        same = and_(same, expression == value)
    return behind
