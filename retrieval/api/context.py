"""What the routes share: one object an application, made in `app.py`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.api.auth import Access, Caller
from retrieval.api.deletions import Deletions
from retrieval.api.metrics import Metrics
from retrieval.api.pictures import Pictures
from retrieval.api.services import Services
from retrieval.api.single_sign_on import SingleSignOn
from retrieval.api.streams import Streams
from retrieval.api.work import Batcher, Bodies, Pool
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.http.audit import Audit, AuditEntry
from retrieval.collection.answers import GalleryState, PhotoAnswer
from retrieval.collection.questions import identified
from retrieval.errors import (
    InferenceFailed,
    InputError,
    PhotoTooLarge,
    PhotoUnreadable,
    RollcallError,
)
from retrieval.protocols import JobQueue
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Detail, Source


@dataclass(frozen=True, slots=True)
class Question:
    """One identify request.

    Attributes:
        service: of the collection.
        who: asks, for the audit log.
        sources: the photos.
        threshold, detail, candidates: see `Service.ask`.
    """

    service: Service
    who: Caller
    sources: tuple[Source, ...]
    threshold: float | None = None
    detail: Detail | None = None
    candidates: int | None = None

    @property
    def together(self) -> tuple[int, float | None, Detail | None, int | None]:
        """Questions of which this is the same can share a batch."""
        return id(self.service), self.threshold, self.detail, self.candidates


@dataclass(frozen=True, slots=True)
class Identified:
    """The answer to a question, and against what it was asked."""

    answers: tuple[PhotoAnswer, ...]
    state: GalleryState


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the running application.

    Attributes:
        settings: from the entry point.
        catalogue: for what belongs to no collection.
        access: who is let in.
        sign_on: logging in by an issuer.
        services: the collections.
        pool, batcher: where work is done.
        bodies: what is read of requests.
        streams: of events.
        unpackers: where archives are unpacked, so that nobody's question waits for one.
        previewers: where photos are made small, so that a page full of them holds nobody up.
        metrics: what Prometheus reads.
        pictures: of enrolled faces.
        deletions: what is left of them is done in the background.
        queue: for runs; None where the service was started without one.
    """

    settings: Settings
    catalogue: Catalogue
    access: Access
    sign_on: SingleSignOn
    services: Services
    pool: Pool
    unpackers: Pool
    previewers: Pool
    batcher: Batcher[Question, Identified]
    bodies: Bodies
    streams: Streams
    metrics: Metrics
    pictures: Pictures
    deletions: Deletions
    queue: JobQueue | None

    def close(self) -> None:
        """Finish what was begun and let go of everything."""
        self.batcher.close()
        self.pool.close()
        self.unpackers.close()
        self.deletions.close()
        self.previewers.close()
        self.services.close()
        self.catalogue.close()


def identify(
    questions: Sequence[Question], audit: Audit, metrics: Metrics
) -> list[Identified | RollcallError]:
    """Answer questions together: those of one collection and options share embedding batches."""
    answers: dict[int, Identified | RollcallError] = {}
    groups: dict[object, list[int]] = {}
    for row, question in enumerate(questions):
        groups.setdefault(question.together, []).append(row)
    for rows in groups.values():
        answers.update(zip(rows, _answered([questions[row] for row in rows]), strict=True))
    told = [answers[row] for row in range(len(questions))]
    audit.record(
        [
            entry
            for question, answer in zip(questions, told, strict=True)
            if isinstance(answer, Identified)
            for entry in _entries(question, answer)
        ]
    )
    metrics.answered(told)
    return told


def _answered(questions: Sequence[Question]) -> Sequence[Identified | RollcallError]:
    """Ask as one; if that fails, each alone, so that nobody suffers for another's photo."""
    first = questions[0]
    service = first.service
    try:
        with service.using():  # its requests may have gone away meanwhile
            found, state = service.ask(
                [source for question in questions for source in question.sources],
                first.threshold,
                detail=first.detail,
                candidates=first.candidates,
            )
        every = iter(found)
    except RollcallError as error:
        if len(questions) == 1:
            return [error]
        return [answer for question in questions for answer in _answered([question])]
    return [Identified(tuple(next(every) for _ in q.sources), state) for q in questions]


def _entries(question: Question, found: Identified) -> Iterator[AuditEntry]:
    asked = AuditEntry(question.who.name, "identify", key=question.who.handle)
    return identified(asked, found.answers, found.state, question.threshold)


_UNREADABLE: dict[str, type[RollcallError]] = {
    kind.code: kind for kind in (PhotoTooLarge, PhotoUnreadable, InferenceFailed)
}


def refuse_if_none_was_read(answers: Sequence[PhotoAnswer]) -> None:
    """Raise the first photo's error where there is not one photo that could be read."""
    if all(answer.error is not None for answer in answers):
        first = answers[0]
        raise _UNREADABLE.get(first.error_code or "", InputError)(first.error)
