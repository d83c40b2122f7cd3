"""What stands of all that humans said of an event's faces (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from retrieval.catalogue.events.records import Verdict, VerdictKind

NOBODY = -1  # in place of a person: nobody of ours


@dataclass(frozen=True, slots=True)
class Said:
    """The verdicts that stand, by appearance.

    Attributes:
        given: who it is, or NOBODY.
        refused: who it is not.
        judges: who said who it is.
    """

    given: dict[int, int] = field(default_factory=dict)
    refused: dict[int, set[int]] = field(default_factory=dict)
    judges: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Self:
        """Read verdicts, oldest first: the last word counts, and what was undone does not.

        A person who was deleted since is nobody's verdict any more.
        """
        said = cls()
        for verdict in verdicts:
            if verdict.undone_at is None:
                said._hear(verdict)
        return said

    def _hear(self, verdict: Verdict) -> None:
        face, person = verdict.appearance, verdict.person
        if verdict.kind is VerdictKind.NOBODY:
            self.given[face], self.judges[face] = NOBODY, verdict.judge
        elif person is None:
            return
        elif verdict.kind is VerdictKind.NOT:
            self.refused.setdefault(face, set()).add(person)
            if self.given.get(face) == person:
                del self.given[face], self.judges[face]
        else:
            self.given[face], self.judges[face] = person, verdict.judge
            self.refused.get(face, set()).discard(person)
