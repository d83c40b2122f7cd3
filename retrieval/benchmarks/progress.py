"""How a benchmark says how far it is."""

from typing import Protocol


class Advance(Protocol):
    """Is told of every step that is done."""

    def __call__(self, n: int = 1, **fields: object) -> None:
        """Count n more steps as done; fields are shown beside the count."""


def silent(n: int = 1, **fields: object) -> None:
    """Tell nobody."""
