"""`roll` makes an event that nobody named."""

from typing import Any

from cli.roll import _called_by_moment
from retrieval.errors import AlreadyExists


def test_two_rolls_of_one_second_are_two_events() -> None:
    tried: list[str] = []

    def create(name: str) -> Any:
        tried.append(name)
        if len(tried) < 3:
            raise AlreadyExists("There is one.")
        return name

    made = _called_by_moment(create)
    assert tried == [tried[0], f"{tried[0]} (2)", f"{tried[0]} (3)"]
    assert made == tried[-1]
