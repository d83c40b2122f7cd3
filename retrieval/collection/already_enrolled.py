"""Who is enrolled already, as far as new photos are compared with them."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.names import clean_name
from retrieval.catalogue.records import Person
from retrieval.collection.enrolments import EnrolResult
from retrieval.errors import NameInvalid, NotFound
from retrieval.identities.outliers import unlike_the_rest
from retrieval.protocols import ChangeFeed
from retrieval.values import Vectors

UNLIKE = "looks unlike the other photos of this person: does it show somebody else?"


class AlreadyEnrolled:
    """The people of a collection.

    Args:
        catalogue: of all collections.
        collection_id: whose.
        feed: the change log, with vectors of the model that enrols.
    """

    def __init__(self, catalogue: Catalogue, collection_id: int, feed: ChangeFeed) -> None:
        self._catalogue = catalogue
        self._collection_id = collection_id
        self._feed = feed

    def vectors_of(self, person: str) -> Vectors:
        """What the enrolled photos of a person show."""
        try:
            known = self._catalogue.person(self._collection_id, clean_name(person)).id
        except (NotFound, NameInvalid):
            return np.zeros((0, self._feed.dimension), np.float32)
        return self._feed.of_people(np.array([known], np.int64)).vectors

    def namesake(
        self, since: datetime, name: str, number: str | None
    ) -> tuple[Person, Vectors] | None:
        """Who was enrolled before, and would be taken for somebody by the name alone."""
        there = self._catalogue.namesakes(self._collection_id, clean_name(name))
        if number is not None and any(each.external_id == number for each in there):
            return None  # the number says who it is
        there = [each for each in there if number is None or each.external_id is None]
        meant = [each for each in there if each.name == clean_name(name)] or there
        if len(meant) != 1 or meant[0].created_at >= since:
            return None
        return meant[0], self._feed.of_people(np.array([meant[0].id], np.int64)).vectors

    def remarks(self, taken: Sequence[EnrolResult], threshold: float | None) -> dict[int, str]:
        """What is odd about faces that were enrolled now, by face.

        Args:
            taken: what became of photos.
            threshold: of likeness to the person's other photos; None where the model has none.
        """
        new = {result.face_id for result in taken if result.outcome == "enrolled"}
        if threshold is None or not new:
            return {}
        found = self._catalogue.faces([face for face in new if face is not None])
        people = np.unique([face.person_id for face in found.values()])
        enrolled = self._feed.of_people(people.astype(np.int64))
        odd = unlike_the_rest(enrolled.vectors, enrolled.people, threshold)
        return {face: UNLIKE for face in enrolled.added[odd].tolist() if face in new}
