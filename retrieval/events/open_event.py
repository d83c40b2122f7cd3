"""One event in hand, as Python users have it."""

from collections.abc import Iterable

from retrieval.catalogue.events.records import (
    Event,
    Verdict,
)
from retrieval.events.answers import Roll
from retrieval.events.events import Events
from retrieval.events.intake import PhotoTaken
from retrieval.events.verdicts import Judged, Judgement
from retrieval.values import Source


class OpenEvent:
    """One event in hand: add photos to it, and read its roll.

    staff.event("Summer party", "party/*.jpg").roll().to_xlsx("party.xlsx")
    """

    def __init__(self, events: Events, event: Event) -> None:
        self._events = events
        self.id = event.id

    @property
    def event(self) -> Event:
        """The event as it is now."""
        return self._events.find(self.id)

    def add(self, sources: Iterable[Source]) -> list[PhotoTaken]:
        """Add photos to the end; what became of each."""
        return list(self._events.add(self.event, sources))

    def roll(self) -> Roll:
        """Who was there."""
        return self._events.roll(self.event)

    def judge(self, told: Judgement, who: str = "library") -> Judged:
        """Say what a face is."""
        return self._events.judge(self.event, told, who)

    def undo(self, act: int | None = None, who: str = "library") -> list[Verdict]:
        """Take back what was said."""
        return self._events.undo(self.event, act, who)
