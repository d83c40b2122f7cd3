"""Who each face of an event is by now: decisions under what humans said (pure)."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from retrieval.catalogue.events.records import (
    FOUND,
    Appearance,
    Appearances,
    Found,
)
from retrieval.events.said import NOBODY, Said
from retrieval.events.shown import Certainty, Named
from retrieval.identities.at_once import Times
from retrieval.identities.link import one_per_photo, standing
from retrieval.values import Floats

_NUMBER = {found: number for number, found in enumerate(FOUND)}


class Truth:
    """Who each face of an event is by now: decisions under what humans said."""

    def __init__(self, found: Appearances, said: Said, lone: float) -> None:
        self.found = found
        self.people = found.people.copy()
        self.nobodys = np.zeros(len(found), bool)
        self.firm = np.zeros(len(found), bool)
        row_of = {appearance: row for row, appearance in enumerate(found.ids.tolist())}
        erased = np.isin(found.found, [_NUMBER[Found.ERASED]])
        for face, persons in said.refused.items():
            row = row_of.get(face)
            if row is not None and int(self.people[row]) in persons:
                self.people[row] = -1
        for face, person in said.given.items():
            row = row_of.get(face)
            if row is not None and not erased[row]:
                self.people[row] = person
                self.firm[row], self.nobodys[row] = person != NOBODY, person == NOBODY
        one_per_photo(found.footage, self.people, self.firm, Times(*found.stays))
        own = found.likeness - found.needed
        self.excess: Floats = np.where(found.by_event, np.nan, own).astype(np.float32)
        self.lone = lone
        self.present = standing(self.people, self.excess, self.firm, lone)

    def unknown(self) -> npt.NDArray[np.bool_]:
        """Which faces are nobody's, and could be somebody's."""
        gone = [_NUMBER[each] for each in (Found.ERASED, Found.FORGOTTEN, Found.UNUSABLE)]
        return (self.people < 0) & ~np.isin(self.found.found, gone)

    def certainty(self, row: int) -> Certainty | None:
        """How sure the name of a face is."""
        if self.people[row] < 0:
            return None
        if self.firm[row]:
            return Certainty.CONFIRMED
        if not self.excess[row] >= 0:  # NaN of faces that the event gave
            return Certainty.LIKELY
        return Certainty.SURE if self.excess[row] >= self.lone else Certainty.LIKELY


def named(
    each: Appearance,
    truth: Truth,
    row: int,
    said: Said,
    names: Mapping[int, str],
    numbers: Mapping[int, str],
) -> Named:
    """An appearance with who it is by now.

    Args:
        each: as it was decided.
        truth, row: its row of the truth.
        said: what stands of all verdicts.
        names, numbers: people's, by id; who is gone has no name, who has no number has none.
    """
    person = int(truth.people[row])
    refused = said.refused.get(each.id, set())
    certainty = truth.certainty(row)
    if certainty is not None and person not in truth.present:
        certainty = Certainty.UNSURE
    return Named(
        appearance=each,
        person_id=person if person in names else None,
        person=names.get(person),
        external_id=numbers.get(person),
        certainty=certainty if person in names else None,
        judged_by=said.judges.get(each.id),
        nobodys=bool(truth.nobodys[row]),
        candidates=tuple(
            (other, names[other], numbers.get(other), score, enrolled)
            for other, score, enrolled in each.candidates
            if other in names and other not in refused
        ),
    )
