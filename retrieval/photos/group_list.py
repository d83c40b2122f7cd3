"""Which group each person is in, as a list of the user's says: CSV or XLSX."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import DataInvalid
from retrieval.photos.people_list import PeopleList

_USUAL = ("group", "gruppe", "groupe", "grupo", "gruppo", "groep")


@dataclass(frozen=True, slots=True)
class GroupList:
    """Groups by name and by employee number, both without case.

    Attributes:
        column: of the list that holds the groups.
    """

    column: str
    by_name: dict[str, str]
    by_number: dict[str, str]

    def of(self, name: str, number: str | None = None) -> str | None:
        """A person's group, by the employee number where the list has it; None if not listed."""
        by_number = self.by_number.get(number.casefold()) if number else None
        return by_number or self.by_name.get(name.casefold())


def read_groups(path: Path) -> GroupList:
    """Read a list of people and groups.

    Args:
        path: columns for a person's name or employee number, and one called group, or one other.

    Raises:
        DataInvalid: it cannot be read, has no such columns, or names fewer than two groups.
    """
    people = PeopleList(path)
    column = _group_column(path, people)
    place = people.columns.header.index(column)
    by_name: dict[str, str] = {}
    by_number: dict[str, str] = {}
    for row, cells in people.cells():
        group = cells[place].strip() if place < len(cells) else ""
        for table, key in ((by_name, row.person), (by_number, row.external_id)):
            if key and group and table.setdefault(key.casefold(), group) != group:
                raise DataInvalid(
                    f"{path}, line {row.line}: {key} is in the groups"
                    f" {table[key.casefold()]!r} and {group!r}. Leave one."
                )
    if len({*by_name.values(), *by_number.values()}) < 2:
        raise DataInvalid(f"{path} names fewer than two groups in its column {column!r}.")
    return GroupList(column, by_name, by_number)


def _group_column(path: Path, people: PeopleList) -> str:
    used = _used(people.columns.used.values())
    others = [name for n, name in enumerate(people.columns.header) if name and n not in used]
    named = [name for name in others if name.casefold() in _USUAL]
    found = named or others
    if len(found) != 1:
        raise DataInvalid(
            f"{path} must have one column called group beside the people's;"
            f" found: {', '.join(people.columns.header)}."
        )
    return found[0]


def _used(columns: Iterable[tuple[int, ...]]) -> set[int]:
    return {column for several in columns for column in several}
