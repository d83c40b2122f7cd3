"""Runs: bulk work on many photos, and what became of each photo.

A run's photos are listed here before workers take them, so a job needs to carry nothing but their
ids, and whatever is lost elsewhere, this list says what is still to do. Photos that were taken
leave the list when the run is finished; rejected and failed ones stay, with the reason.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from retrieval.catalogue.database import Database
from retrieval.catalogue.erasing.late_names import without_late_names
from retrieval.catalogue.http.webhooks import webhooks_of
from retrieval.catalogue.names import storable_path
from retrieval.catalogue.runs.run_records import (
    ListedPhoto,
    PhotoOutcome,
    Run,
    RunCounts,
    RunPhoto,
    RunState,
    Taken,
)
from retrieval.catalogue.runs.run_rows import (
    NEWEST_FIRST,
    PHOTO,
    RUN,
    as_photo,
    as_run,
    created,
    is_done,
    is_own,
    known_paths,
    newest_unfinished,
    of_runs,
    older_than,
    row_of,
    run_meant,
    run_photos,
    runs,
)
from retrieval.catalogue.schema import chunks, days_ago, meta, now
from retrieval.catalogue.transactions import question
from retrieval.errors import NotFound


class Runs:
    """The runs of a catalogue. Every method is one transaction, and may raise a StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, kind: str, collection: str, source: str, options: Mapping[str, Any]) -> Run:
        """Begin a run that has no photos yet."""
        with self._database.writing() as connection:
            run = created(connection, kind, collection, source, options)
            return self._database.edited(connection, run)

    run = question(run_meant)

    def newest(
        self,
        limit: int = 50,
        collection: str | None = None,
        kind: str | None = None,
        event: int | None = None,
        before: str | None = None,
    ) -> list[Run]:
        """The newest runs, newest first.

        Args:
            limit: how many at most.
            collection: only runs of this one, by name; None for all.
            kind: only runs of this one; None for all.
            event: only runs that add to the event of this id; None for all.
            before: only runs older than the one with this id: the last of the page before.
        """
        query = RUN.where(*of_runs(collection, kind, event)).order_by(*NEWEST_FIRST).limit(limit)
        if before is not None:
            query = query.where(older_than(before))
        with self._database.reading() as connection:
            return [as_run(row) for row in connection.execute(query)]

    def working(self) -> list[Run]:
        """All runs that work, oldest first."""
        query = RUN.where(runs.c.state == RunState.WORKING).order_by(runs.c.started_at, runs.c.id)
        with self._database.reading() as connection:
            return [as_run(row) for row in connection.execute(query)]

    def of_collection(self, name: str) -> list[Run]:
        """All runs of a collection."""
        with self._database.reading() as connection:
            rows = connection.execute(RUN.where(runs.c.collection == name))
            return [as_run(row) for row in rows]

    def begin(
        self, kind: str, collection: str, source: str, options: Mapping[str, Any]
    ) -> tuple[Run, bool]:
        """The newest run of the same kind, source and options that did not come to its end.

        A finished run whose answers are still there counts as well: nobody has fetched them. If
        there is none, one begins; so of two who ask at once one begins it.

        Returns:
            The run, and whether it is new.
        """
        with self._database.writing() as connection:
            connection.execute(select(meta.c.key).with_for_update())  # one at a time
            found = newest_unfinished(connection, kind, collection, source, options)
            if found is not None:
                return found, False
            run = created(connection, kind, collection, source, options)
            return self._database.edited(connection, run), True

    unfinished = question(newest_unfinished)

    # Listing

    def add(self, run_id: str, photos: Sequence[ListedPhoto]) -> list[int]:
        """List photos, leaving out those that are listed already; return the ids of those to do."""
        with self._database.writing() as connection:
            known = known_paths(connection, run_id, photos)
            rows = {
                (os.fsencode(photo.path), photo.person): row_of(run_id, photo) for photo in photos
            }
            new = [row for key, row in rows.items() if key not in known]
            if not new:
                return []
            inserting = insert(run_photos).returning(
                run_photos.c.id, run_photos.c.outcome, sort_by_parameter_order=True
            )
            inserted = connection.execute(inserting, new).all()
            return [row.id for row in inserted if row.outcome is None]

    def all_listed(self, run_id: str, passed_over: Mapping[str, Any] | None = None) -> None:
        """Say that the source holds no more photos; the run ends when all are done.

        Args:
            run_id: which.
            passed_over: what the source holds that is no photo.
        """
        told = None if passed_over is None else dict(passed_over)
        with self._database.writing() as connection:
            connection.execute(
                update(runs).where(runs.c.id == run_id).values(listed=True, passed_over=told)
            )

    def fail(self, run_id: str, reason: str) -> None:
        """End a run whose source cannot be read; what is listed already is left alone."""
        with self._database.writing() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.state == RunState.WORKING)
                .values(state=RunState.FAILED, reason=storable_path(reason), finished_at=now())
            )

    # Doing

    def to_do(self, run_id: str, ids: Sequence[int]) -> list[RunPhoto]:
        """Those of the photos that are still to be done, in order; none of a cancelled run."""
        query = PHOTO.join(runs, runs.c.id == run_photos.c.run_id).where(
            runs.c.id == run_id,
            runs.c.state == RunState.WORKING,
            run_photos.c.outcome.is_(None),
        )
        with self._database.reading() as connection:
            return [
                as_photo(row)
                for some in chunks(ids)
                for row in connection.execute(
                    query.where(run_photos.c.id.in_(some)).order_by(run_photos.c.id)
                )
            ]

    def waiting(self, run_id: str, after: int = 0, limit: int = 1000) -> list[int]:
        """Ids of photos that are to be done, ascending, behind the one with id `after`."""
        query = (
            select(run_photos.c.id)
            .where(
                run_photos.c.run_id == run_id,
                run_photos.c.outcome.is_(None),
                run_photos.c.id > after,
            )
            .order_by(run_photos.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def record(self, run_id: str, outcomes: Iterable[PhotoOutcome]) -> None:
        """Write down what became of photos, the first word about each, without late names."""
        mine = select(runs.c.collection).where(runs.c.id == run_id)
        with self._database.writing() as connection:
            for outcome in outcomes:
                own = outcome.outcome is Taken.DUPLICATE and is_own(connection, run_id, outcome)
                values = {
                    "outcome": Taken.ENROLLED if own else outcome.outcome,
                    "code": outcome.code,
                    "message": outcome.message,
                    "answer": without_late_names(connection, mine, outcome.answer),
                }
                connection.execute(
                    update(run_photos)
                    .where(run_photos.c.id == outcome.id, run_photos.c.outcome.is_(None))
                    .values(**values)
                )

    def is_done(self, run_id: str) -> bool:
        """Whether the run works, is wholly listed, and nothing is left to do."""
        with self._database.reading() as connection:
            return connection.execute(select(runs.c.id).where(is_done(run_id))).first() is not None

    def told(self, run: Run) -> list[str]:
        """The addresses that are told of a run's end: its own, and those of its collection."""
        own = run.options.get("webhook")
        with self._database.reading() as connection:
            every = [hook.url for hook in webhooks_of(connection, run.collection)]
        return list(dict.fromkeys([own, *every] if own else every))

    def finish_if_done(self, run_id: str) -> bool:
        """End the run if nothing is left to do; return whether it was this call that ended it."""
        ending = update(runs).where(is_done(run_id))
        with self._database.writing() as connection:
            ended = connection.execute(ending.values(state=RunState.FINISHED, finished_at=now()))
            return ended.rowcount == 1

    def forget_taken(self, run_id: str) -> None:
        """Take photos that were enrolled, known, answered or embedded off the list; counts stay."""
        for taken in (Taken.ENROLLED, Taken.DUPLICATE, Taken.ANSWERED, Taken.EMBEDDED):
            while self._forget_some(run_id, taken):
                pass
        with self._database.writing() as connection:
            answered = (run_photos.c.run_id == run_id) & run_photos.c.answer.is_not(None)
            connection.execute(update(run_photos).where(answered).values(answer=None))

    def forget_answers(self, days: int) -> int:
        """Forget what runs found that ended longer ago than so many days; return how many runs."""
        told = select(run_photos.c.id).where(
            run_photos.c.run_id == runs.c.id, run_photos.c.answer.is_not(None)
        )
        old = select(runs.c.id).where(runs.c.finished_at < days_ago(days))
        with self._database.reading() as connection:
            due = connection.scalars(old.where(told.exists())).all()
        for run_id in due:
            self.forget_taken(run_id)
        return len(due)

    def _forget_some(self, run_id: str, taken: Taken, limit: int = 10_000) -> bool:
        some = (
            select(run_photos.c.id)
            .where(run_photos.c.run_id == run_id, run_photos.c.outcome == taken)
            .limit(limit)
        )
        with self._database.writing() as connection:
            gone = connection.execute(delete(run_photos).where(run_photos.c.id.in_(some))).rowcount
            left = select(runs.c.counts).where(runs.c.id == run_id)
            counts = Counter(connection.execute(left).scalar_one())
            counts[taken.value] += gone
            connection.execute(update(runs).where(runs.c.id == run_id).values(counts=dict(counts)))
        return gone == limit

    # Looking, stopping, going on

    def counts(self, run_id: str) -> RunCounts:
        """How far the run is."""
        query = (
            select(run_photos.c.outcome, run_photos.c.code, func.count())
            .where(run_photos.c.run_id == run_id)
            .group_by(run_photos.c.outcome, run_photos.c.code)
        )
        with self._database.reading() as connection:
            left = connection.execute(select(runs.c.counts).where(runs.c.id == run_id))
            taken = Counter(left.scalar_one_or_none() or {})
            rejected: Counter[str] = Counter()
            for outcome, code, count in connection.execute(query):
                if outcome in (Taken.REJECTED, Taken.DISMISSED):
                    rejected[code] += count
                else:
                    taken[outcome or "waiting"] += count
        return RunCounts(
            found=taken.total() + rejected.total(),
            waiting=taken["waiting"],
            enrolled=taken[Taken.ENROLLED],
            duplicates=taken[Taken.DUPLICATE],
            answered=taken[Taken.ANSWERED],
            embedded=taken[Taken.EMBEDDED],
            failed=taken[Taken.FAILED],
            rejected=dict(rejected.most_common()),
        )

    def not_taken(self, run_id: str, after: int = 0, limit: int = 1000) -> list[RunPhoto]:
        """Photos that were rejected or failed, in the order of the source, a page at a time."""
        query = (
            PHOTO.where(
                run_photos.c.run_id == run_id,
                run_photos.c.outcome.in_([Taken.REJECTED, Taken.DISMISSED, Taken.FAILED]),
                run_photos.c.id > after,
            )
            .order_by(run_photos.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [as_photo(row) for row in connection.execute(query)]

    def rejected(
        self, collection: str, limit: int, before: int = 2**62
    ) -> list[tuple[Run, RunPhoto]]:
        """Photos that enrolments did not take and nobody settled, newest first, behind `before`."""
        query = (
            select(run_photos.c.run_id, *(run_photos.c[name] for name in RunPhoto.__slots__))
            .join(runs, runs.c.id == run_photos.c.run_id)
            .where(
                runs.c.collection == collection,
                runs.c.kind == "enrol",
                run_photos.c.outcome == Taken.REJECTED,
                run_photos.c.id < before,
            )
            .order_by(run_photos.c.id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            found = {
                row.id: as_run(row)
                for some in chunks({row.run_id for row in rows})
                for row in connection.execute(RUN.where(runs.c.id.in_(some)))
            }
        return [(found[row.run_id], as_photo(row)) for row in rows]

    def reject(self, run_id: str, photo_id: int) -> RunPhoto:
        """A photo that a run did not take, NotFound where there is none with this id."""
        found = self.not_taken(run_id, photo_id - 1, 1)
        if not found or found[0].id != photo_id:
            raise NotFound(f"The run has no rejected photo {photo_id} any more.")
        return found[0]

    def settle(self, run_id: str, photo_id: int, outcome: Taken) -> None:
        """Say what became of a rejected photo: enrolled after all, dismissed, or rejected again.

        Raises:
            NotFound: it is not among those that were rejected or dismissed.
        """
        open_ones = run_photos.c.outcome.in_([Taken.REJECTED, Taken.DISMISSED])
        mine = (run_photos.c.run_id == run_id) & (run_photos.c.id == photo_id) & open_ones
        with self._database.writing() as connection:
            settled = connection.execute(update(run_photos).where(mine).values(outcome=outcome))
            if not settled.rowcount:
                raise NotFound(f"The run has no rejected photo {photo_id} any more.")
            self._database.edited(connection, outcome)

    def answers(
        self, run_id: str, after: int = 0, limit: int = 500
    ) -> list[tuple[int, dict[str, Any]]]:
        """Answers with their photos' ids, in the order of the source, a page at a time."""
        query = (
            select(run_photos.c.id, run_photos.c.answer)
            .where(
                run_photos.c.run_id == run_id,
                run_photos.c.answer.is_not(None),
                run_photos.c.id > after,
            )
            .order_by(run_photos.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [(row.id, row.answer) for row in connection.execute(query)]

    def cancel(self, run_id: str) -> bool:
        """Stop the run: workers leave its photos alone; return whether it was working."""
        with self._database.writing() as connection:
            stopped = connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.state == RunState.WORKING)
                .values(state=RunState.CANCELLED, finished_at=now())
            )
            return self._database.edited(connection, stopped.rowcount == 1)

    def reopen(self, run_id: str) -> None:
        """Let a run go on: photos that failed are to be done again."""
        with self._database.writing() as connection:
            connection.execute(
                update(run_photos)
                .where(run_photos.c.run_id == run_id, run_photos.c.outcome == Taken.FAILED)
                .values(outcome=None, code=None, message=None)
            )
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(state=RunState.WORKING, reason=None, finished_at=None)
            )
            self._database.edited(connection, run_meant(connection, run_id))
