"""Who each face of an event is by now: decisions under what humans said (pure)."""

import numpy as np
import numpy.typing as npt

from retrieval.catalogue.events.records import FOUND, Appearances, Found
from retrieval.events.documents import Certainty
from retrieval.events.said import NOBODY, Said
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
        one_per_photo(found.photos, self.people, self.firm)
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
