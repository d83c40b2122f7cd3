"""A made-up company of people drawn from LFW: photos on a share, and what HR exports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile, rmtree

import numpy as np
from openpyxl import Workbook

PEOPLE = 64  # 60 at first, and 4 who join
JOINERS = 4
LEAVERS = 5
NAMESAKES = ((3, 4), (10, 11), (20, 21))  # the second of each has the name of the first
RENAMED = {30: "Maria Brandt", 31: "Noor Haddad"}
MIXED_UP = ((40, 41), (42, 43))  # a photo of the second lies with the first
TWICE, ALIAS = 50, "Consultant Eleven"  # has a second row in the list, without a number
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

    def number(self, person: int) -> str:
        """The employee number."""
        return str(FIRST + person)

    def put(self, folder: str, photos: Iterable[Path]) -> None:
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
        sheet.append([None, *ALIAS.split(), "Outside", False])
        book.save(path)
        return path

    def begin(self) -> Sequence[int]:
        """The first 60, as the share has them; who is employed."""
        people = range(PEOPLE - JOINERS)
        wrong = {second: self.photos[second][-1] for _, second in MIXED_UP}
        for person in people:
            photos = [photo for photo in self.photos[person] if photo != wrong.get(person)]
            half = 2 if person == TWICE else len(photos)
            self.put(self.folder(person), photos[:half])
        self.put(ALIAS, self.photos[TWICE][2:])
        for first, second in MIXED_UP:
            self.put(self.folder(first), [wrong[second]])
        return people

    def go_on(self) -> Sequence[int]:
        """A month later: some joined, some left, some have other names; who is employed."""
        for person, name in RENAMED.items():
            before = self.share / "Photos" / self.folder(person)
            self.names[person] = name
            before.rename(self.share / "Photos" / self.folder(person))
        for person in range(PEOPLE - JOINERS, PEOPLE):
            self.put(self.folder(person), self.photos[person])
        gone = range(PEOPLE - JOINERS - LEAVERS, PEOPLE - JOINERS)
        for person in gone:
            rmtree(self.share / "Photos" / self.folder(person))
        return [person for person in range(PEOPLE) if person not in gone]


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
