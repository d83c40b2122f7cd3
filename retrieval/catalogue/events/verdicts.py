"""What humans said of appearances: rows that are added, and never changed but to be undone.

Every method is one transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from retrieval.catalogue.changes import lock_collection
from retrieval.catalogue.database import Database
from retrieval.catalogue.enrolment import People
from retrieval.catalogue.events.records import Found, Verdict, VerdictKind
from retrieval.catalogue.events.tables import appearances, verdicts
from retrieval.catalogue.lookups import person_by_id
from retrieval.catalogue.names import clean_external_id, clean_name
from retrieval.catalogue.records import Person
from retrieval.catalogue.schema import chunks, now
from retrieval.errors import AlreadyExists, NotFound, UndoImpossible

_VERDICT = select(
    verdicts.c.id,
    verdicts.c.act,
    verdicts.c.appearance_id,
    verdicts.c.kind,
    verdicts.c.person_id,
    verdicts.c.judge,
    verdicts.c.said_at,
    verdicts.c.undone_at,
    verdicts.c.undone_by,
)
Said = tuple[int, VerdictKind, int | None]  # appearance, kind, person


class Verdicts:
    """The verdicts of a catalogue's events. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def say(
        self, collection_id: int, event_id: int, said: Sequence[Said], judge: str
    ) -> list[Verdict]:
        """Add what was said together: an act.

        Raises:
            NotFound: an appearance or a person is not there (any more). Nothing is said.
        """
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            _check(connection, collection_id, event_id, said)
            common = {"collection_id": collection_id, "event_id": event_id, "judge": judge}
            rows = [
                common
                | {"appearance_id": appearance, "kind": kind.value, "person_id": person}
                | {"said_at": now(), "act": 0}
                for appearance, kind, person in said
            ]
            if not rows:
                return []
            with_ids = insert(verdicts).returning(verdicts.c.id, sort_by_parameter_order=True)
            ids = connection.execute(with_ids, rows).scalars().all()
            for some in chunks(ids):
                act = update(verdicts).where(verdicts.c.id.in_(some)).values(act=min(ids))
                connection.execute(act)
            return self._database.edited(connection, _acts(connection, event_id, min(ids)))

    def of_event(self, event_id: int) -> list[Verdict]:
        """All that was said in an event, oldest first, undone or not."""
        query = _VERDICT.where(verdicts.c.event_id == event_id).order_by(verdicts.c.id)
        with self._database.reading() as connection:
            return [_verdict(row) for row in connection.execute(query)]

    def about(self, appearance_ids: Iterable[int]) -> list[Verdict]:
        """All that was said of some faces, oldest first, undone or not."""
        found: list[Verdict] = []
        with self._database.reading() as connection:
            for some in chunks(appearance_ids):
                rows = connection.execute(_VERDICT.where(verdicts.c.appearance_id.in_(some)))
                found += [_verdict(row) for row in rows]
        return sorted(found, key=lambda verdict: verdict.id)

    def of_person(self, collection_id: int, person_id: int) -> dict[int, list[Verdict]]:
        """What stands of a person, by event."""
        query = _VERDICT.add_columns(verdicts.c.event_id).where(
            verdicts.c.collection_id == collection_id,
            verdicts.c.person_id == person_id,
            verdicts.c.undone_at.is_(None),
        )
        found: dict[int, list[Verdict]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query.order_by(verdicts.c.id)):
                found.setdefault(row[-1], []).append(_verdict(row[:-1]))
        return found

    def undo(self, collection_id: int, event_id: int, act: int | None, judge: str) -> list[Verdict]:
        """Take an act back, the newest that stands if None; what else was said stays.

        Raises:
            NotFound: no such act in this event, or none at all.
            UndoImpossible: it was undone already.
        """
        mine = verdicts.c.event_id == event_id
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            if act is None:
                standing = select(verdicts.c.act).where(mine, verdicts.c.undone_at.is_(None))
                act = connection.scalar(standing.order_by(verdicts.c.act.desc()).limit(1))
            found = [] if act is None else _acts(connection, event_id, act)
            if not found:
                raise NotFound("There is no verdict that could be undone.")
            if found[0].undone_at is not None:
                raise UndoImpossible(
                    f"Verdict {act} was undone by {found[0].undone_by} at"
                    f" {found[0].undone_at:%Y-%m-%d %H:%M} UTC."
                )
            undone = {"undone_at": now(), "undone_by": judge}
            connection.execute(update(verdicts).where(mine, verdicts.c.act == act).values(undone))
            return self._database.edited(connection, _acts(connection, event_id, found[0].act))

    def person(
        self,
        collection_id: int,
        event_id: int,
        faces: Sequence[int],
        name: str,
        external_id: str | None,
    ) -> tuple[Person, bool]:
        """The person of this name, made without a face where there is none; and whether made.

        Nobody is made for faces that are gone: whoever said the name may have meant somebody who
        was deleted just now, and the name would come back.

        Raises:
            NotFound: one of the faces is not there (any more).
            NameInvalid: see `clean_name`.
            AlreadyExists: the number is another person's, or several people have the name.
        """
        name, external_id = clean_name(name), clean_external_id(external_id)
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            everybody = People(connection, collection_id)
            everybody.load([(name, external_id)])
            meant = everybody.meant(name, external_id)
            if isinstance(meant, str):
                raise AlreadyExists(f"{meant[0].upper()}{meant[1:]}.")
            if meant is None:
                _check(
                    connection,
                    collection_id,
                    event_id,
                    [(face, VerdictKind.IS, None) for face in faces],
                )
            owner = everybody.taken(name, external_id, meant)
            person = person_by_id(connection, collection_id, owner.person_id)
            return (person if meant else self._database.edited(connection, person)), meant is None


def _check(connection: Connection, collection_id: int, event_id: int, said: Sequence[Said]) -> None:
    wanted = {appearance for appearance, _, _ in said}
    query = select(appearances.c.id).where(
        appearances.c.event_id == event_id, appearances.c.outcome != Found.ERASED.value
    )
    there = {
        found
        for some in chunks(wanted)
        for found in connection.scalars(query.where(appearances.c.id.in_(some)))
    }
    if wanted - there:
        gone = ", ".join(map(str, sorted(wanted - there)[:5]))
        raise NotFound(f"There is no face {gone} in this event any more. Load the page again.")
    for person in {person for _, _, person in said if person is not None}:
        person_by_id(connection, collection_id, person)


def _acts(connection: Connection, event_id: int, act: int) -> list[Verdict]:
    query = _VERDICT.where(verdicts.c.event_id == event_id, verdicts.c.act == act)
    return [_verdict(row) for row in connection.execute(query.order_by(verdicts.c.id))]


def _verdict(row: Any) -> Verdict:
    number, act, appearance, kind, *rest = row
    return Verdict(number, act, appearance, VerdictKind(kind), *rest)


def people_of(said: Iterable[Verdict]) -> set[int]:
    """Ids of the people that verdicts concern."""
    return {verdict.person for verdict in said if verdict.person is not None}
