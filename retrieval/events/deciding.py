"""An event's faces are decided together: one by one in their photos, then as a whole."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.events.records import (
    Decided,
    Event,
    Found,
    Verdict,
)
from retrieval.collection.active_model import CANDIDATES, ActiveModel
from retrieval.errors import CatalogueUnavailable
from retrieval.events.host import Host
from retrieval.events.one_by_one import Own, packed
from retrieval.events.said import NOBODY, Said
from retrieval.identities.link import Linked, LinkRule, Seen, link, one_per_photo, standing
from retrieval.protocols import PeopleHits
from retrieval.values import Decision, Floats, Ints, Vectors, found_ids

_TRIES = 20  # while photos are added between reading and writing
_OUTCOMES = {outcome.value: outcome for outcome in Found}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an event was decided with: another one means that the roll may change.

    Attributes:
        model: the vectors' series.
        calibration: which, or None.
        epoch, seq: the newest change of the enrolled faces.
        lone: evidence above the threshold that makes one face enough.
        threshold: of a match of one face.
        source: where the threshold comes from, in words.
        said: counts what humans said and took back.
    """

    model: str
    calibration: str | None
    epoch: str
    seq: int
    lone: float
    threshold: float
    source: str
    said: int

    def text(self) -> str:
        """As the catalogue keeps it."""
        return json.dumps([getattr(self, name) for name in self.__slots__])

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """From `text`; None of an event that was not decided yet."""
        return None if text is None else cls(*json.loads(text))

    def outdated(self, now: Self) -> str | None:
        """Why an event that was decided with this may be decided otherwise now, or None."""
        if self.model != now.model:
            return "the collection has another model now"
        if self.calibration != now.calibration:
            return "the thresholds were measured anew"
        if self.epoch != now.epoch:  # whose changes cannot be compared with this one's
            return "the catalogue was restored or moved, and people may have changed since"
        if self.seq != now.seq:
            return "people or their photos were added, changed or removed"
        if self.said != now.said:
            return "there are new verdicts, which may tell more faces"
        return None

    def adds_verdicts_to(self, before: str | None) -> bool:
        """Whether there are new verdicts since a decision, and nothing else is otherwise."""
        then = self.read(before)
        return then is not None and then != self and then == replace(self, said=then.said)


def stamp_now(
    catalogue: Catalogue, active_model: ActiveModel, verdicts: Sequence[Verdict]
) -> Stamp:
    """What an event would be decided with now; no index is opened."""
    head = catalogue.feed_of(active_model.collection).head()
    series = active_model.collection.series
    return Stamp(series, active_model.stamp, head.epoch, head.seq, 0.0, 0.0, "", _count(verdicts))


def _count(verdicts: Sequence[Verdict]) -> int:
    return sum(1 + (verdict.undone_at is not None) for verdict in verdicts)


def decide_event(host: Host, event: Event) -> Decided:
    """Decide an event's faces, write that down, and return it.

    Raises:
        CatalogueUnavailable: photos were added all the time.
    """

    def work(active_model: ActiveModel) -> Decided:
        faces = host.catalogue.event_faces
        for _ in range(_TRIES):
            revision, decided, stamp = decided_now(host, active_model, event.id)
            collection = active_model.collection.id
            if faces.decide(collection, event.id, revision, decided, stamp.text()):
                return decided
        raise CatalogueUnavailable(
            f"Photos were added to {event.name!r} all the time. Ask again when they are in."
        )

    return host.steadily(work)


def decided_now(
    host: Host, active_model: ActiveModel, event_id: int, *, whole: bool = False
) -> tuple[int, Decided, Stamp]:
    """What an event's faces are now: the revision that was read, the decisions, and with what.

    Faces whose vectors are of another model, or gone, are left as they are. Where verdicts alone
    have come since it was decided, what no verdict touches is taken from that decision.

    Args:
        host, active_model, event_id: whose.
        whole: whether to take nothing from it.
    """
    verdicts = host.catalogue.verdicts.of_event(event_id)
    said = Said.of(verdicts)
    given = host.catalogue.event_faces.to_decide(event_id, active_model.collection.fingerprint)
    calibrated = active_model.calibrated
    head = calibrated.gallery.catch_up()
    gate = calibrated.gate()
    rule = LinkRule.of(gate)
    stamp = Stamp(
        active_model.collection.series,
        active_model.stamp,
        head.epoch,
        head.seq,
        rule.lone,
        gate.threshold,
        gate.source,
        _count(verdicts),
    )
    if not len(given.rows):
        return given.revision, _nothing(), stamp

    def search(vectors: Vectors) -> PeopleHits:
        hits = calibrated.gallery.search(vectors, CANDIDATES)
        return hits.among(host.catalogue.names(found_ids(hits.people)))

    again = not whole and given.decided == given.revision and stamp.adds_verdicts_to(given.stamp)
    own = Own(given, verdicts, said)
    hits = own.hits(search, again=again)
    decisions = own.decisions(hits, gate, again=again)
    linked = _linked(host, active_model, own, given.vectors, hits, decisions, said, rule)
    fixed = np.isin(own.ids, list(said.given))
    return given.revision, _written(own, hits, decisions, linked, fixed), stamp


def _linked(
    host: Host,
    active_model: ActiveModel,
    own: Own,
    vectors: Vectors,
    hits: PeopleHits,
    decisions: Sequence[Decision],
    said: Said,
    rule: LinkRule,
) -> Linked:
    people = np.array([-1 if d.person_id is None else d.person_id for d in decisions], np.int64)
    # In the precision in which they are kept: a decision that is read again must not differ.
    scores = np.array([np.nan if d.score is None else d.score for d in decisions], np.float32)
    excess = scores - np.array([decision.threshold for decision in decisions], np.float32)
    excess = np.where(people >= 0, excess, np.float32(-np.inf))
    fixed = np.zeros(len(people), bool)
    for row, appearance in enumerate(own.ids.tolist()):
        person = said.given.get(appearance)
        if person is not None:
            people[row], fixed[row] = (-1 if person == NOBODY else person), True
    excess = excess.astype(np.float32)
    one_per_photo(own.footage, people, fixed & (people >= 0), own.times)
    _like_refused(vectors, people, fixed, hits, own.refused, rule)
    present = standing(people, excess, fixed & (people >= 0), rule.lone)
    known, owners = _enrolled(host, active_model, present)
    rivals = np.where(np.isin(hits.people, present) | (hits.people < 0), -1, hits.scores)
    seen = Seen(
        vectors=vectors,
        photos=own.footage,
        usable=own.usable,
        people=people,
        excess=excess,
        rivals=rivals.max(axis=1).astype(np.float32),
        fixed=fixed,
        refused=own.refused,
        times=own.times,
        credit=own.credit,
    )
    return link(seen, known, owners, rule)


def _like_refused(
    vectors: Vectors,
    people: Ints,
    fixed: npt.NDArray[np.bool_],
    hits: PeopleHits,
    refused: Sequence[tuple[int, int]],
    rule: LinkRule,
) -> None:
    """A face is not a person from whom a human kept a face away that it is more like."""
    for person in {person for _, person in refused}:
        away = [row for row, other in refused if other == person]
        rows = np.flatnonzero(~fixed & (people == person))
        if not len(rows):
            continue
        nearest = (vectors[rows] @ vectors[away].T).max(axis=1)
        own = np.where(hits.people[rows] == person, hits.nearest[rows], -np.inf).max(axis=1)
        people[rows[(nearest >= rule.grouped) & (nearest > own)]] = -1


def _enrolled(host: Host, active_model: ActiveModel, people: Ints) -> tuple[Vectors, Ints]:
    """Vectors of people's enrolled faces and whose each is."""
    collection = active_model.collection
    if not len(people):
        return np.zeros((0, collection.dimension), np.float32), np.zeros(0, np.int64)
    found = host.catalogue.feed_of(collection).of_people(people)
    return found.vectors, found.people


def _written(
    own: Own,
    hits: PeopleHits,
    decisions: Sequence[Decision],
    linked: Linked,
    fixed: npt.NDArray[np.bool_],
) -> Decided:
    """As rows; what a human said of a face stands beside what was decided, not in its place."""
    outcomes, reasons = [], []
    own_people = [-1 if each.person_id is None else each.person_id for each in decisions]
    people: Ints = np.where(fixed, np.array(own_people, np.int64), linked.people)
    likeness, needed, margins = (np.full(len(own.ids), np.nan, np.float32) for _ in range(3))
    for row, decision in enumerate(decisions):
        found = _OUTCOMES[decision.outcome.value]
        if people[row] >= 0:
            found = Found.MATCH
        elif found is Found.MATCH:  # another face of the photo is that person, a human said
            found = Found.UNKNOWN
        outcomes.append(found)
        reasons.append(None if found is Found.MATCH else decision.reason)
        if decision.score is not None:
            likeness[row], needed[row] = decision.score, decision.threshold
        if decision.margin is not None and np.isfinite(decision.margin):
            margins[row] = decision.margin
    given = linked.by_event
    likeness[given], needed[given], margins[given] = (
        linked.scores[given],
        linked.needed[given],
        np.nan,
    )
    groups: Ints = np.where(linked.groups >= 0, own.ids[linked.groups], -1)
    return Decided(
        ids=own.ids,
        found=outcomes,
        people=people,
        likeness=likeness,
        needed=needed,
        margins=margins,
        by_event=given,
        reasons=reasons,
        candidates=packed(hits),
        groups=groups,
    )


def _nothing() -> Decided:
    none: Ints = np.zeros(0, np.int64)
    number: Floats = np.zeros(0, np.float32)
    return Decided(none, (), none, number, number, number, number.astype(bool), (), (), none)
