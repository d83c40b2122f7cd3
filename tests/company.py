"""A made-up company of people drawn from LFW: photos on a share, and what HR exports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile

import numpy as np
from openpyxl import Workbook

PEOPLE = 64  # 60 at first, and 4 who join
JOINERS = 4
LEAVERS = 5
NAMESAKES = ((3, 4), (10, 11), (20, 21))  # the second of each has the name of the first
RENAMED = (30, 31)
MIXED_UP = ((40, 41), (41, 40))  # a photo of the second lies with the first
TWICE = 50  # enrolled under two names
FIRST = 1001  # the first employee number


@dataclass(slots=True)
class Company:
    """People, their photos, and the company's share.

    Attributes:
        photos: of each person, in LFW.
        names: of each person; some are the same.
    """

    photos: list[list[Path]]
    names: list[str]
    share: Path
    present: list[int] = field(default_factory=list)

    def number(self, person: int) -> str:
        """The employee number."""
        return str(FIRST + person)

    def put(self, person: int, folder: str, photos: Iterable[Path]) -> None:
        """Copy photos into a person's folder."""
        below = self.share / "Photos" / folder
        below.mkdir(parents=True, exist_ok=True)
        for photo in photos:
            copyfile(photo, below / photo.name)

    def folder(self, person: int) -> str:
        """What a person's folder is called: the number where the name is not enough."""
        several = self.names.count(self.names[person]) > 1
        return f"{self.names[person]} {self.number(person)}" if several else self.names[person]

    def export(self, path: Path, people: Sequence[int]) -> Path:
        """What HR's program writes: an XLSX with its own columns."""
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(["PersNr", "Vorname", "Nachname", "Abteilung", "Aktiv"])
        for person in people:
            first, _, last = self.names[person].partition(" ")
            sheet.append([FIRST + person, first, last, "Sales", True])
        book.save(path)
        return path


def drawn(lfw: Path, share: Path, seed: int = 7) -> Company:
    """Draw people of four photos and more, first come first numbered."""
    folders = sorted(each for each in lfw.iterdir() if len(list(each.glob("*.jpg"))) >= 4)
    order = np.random.default_rng(seed).permutation(len(folders))[:PEOPLE]
    chosen = [folders[row] for row in order]
    names = [folder.name.replace("_", " ") for folder in chosen]
    for first, second in NAMESAKES:
        names[second] = names[first]
    photos = [sorted(folder.glob("*.jpg"))[:4] for folder in chosen]
    return Company(photos, names, share)
