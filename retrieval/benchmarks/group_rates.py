"""Tables of error rates by group of people."""

from collections.abc import Mapping, Sequence
from typing import Any

from retrieval.benchmarks.report import Cell, Table

ABOUT_GROUPS = (
    "Each group against all others together. Too small to tell: it may be twice as high as the"
    " others', or there are fewer than ten people. One in twenty lists of groups that are alike"
    " shows a difference by chance. Nothing of this is inferred from a face."
)
_RATES = {"fnir": "known people's photos not named", "fpir": "strangers' photos named"}


def groups_table(rates: Mapping[str, Sequence[Mapping[str, Any]]], before: str = "") -> Table:
    """FNIR and FPIR of each group, one row for each."""
    rows: list[list[Cell]] = [
        [
            each["group"],
            name.upper(),
            each["people"],
            each["photos"],
            each["rate"],
            each["low"],
            each["high"],
            each["verdict"],
        ]
        for name in _RATES
        for each in rates[name]
    ]
    columns = ("group", "rate of", "people", "photos", "rate", "from", "to", "against the others")
    said = "; ".join(f"{name.upper()}: {what}" for name, what in _RATES.items())
    formats = dict.fromkeys(columns[4:7], ".2%")
    return Table(columns, rows, f"{before}{said}; 95 % confidence over people.", formats)
