"""A folder as companies have it: whoever can be enrolled is, and everything else is in one report.

Departments, a ZIP that wraps its folder, folders of NAS programs, twenty kinds of endings, turned
scans, burst series, and a list with ten kinds of bad rows; people and their photos are LFW's.
"""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrieval.files.tables import read_rows
from tests.cli.running import document, rollcall

# What people have beside JPEG, as Pillow writes it; the second half are files that are no photos.
TAKEN = (".jpeg", ".JPG", ".jpe", ".jfif", ".jif", ".png", ".webp", ".tif", ".bmp", ".gif", ".HIF",
         ".heic", "")  # fmt: skip
PASSED = (".cr2", ".pdf", ".docx", ".mov", ".txt", ".xmp", ".ini", ".psd")
TURNED = (180, 90, 270, 180, 90)  # degrees, how scans lie


@pytest.fixture(scope="module")
def faces(lfw_dir: Path) -> dict[str, list[Path]]:
    """People of three photos and more, in the order of their names."""
    found = {each.name: sorted(each.glob("*.jpg")) for each in sorted(lfw_dir.iterdir())}
    return {name: photos for name, photos in found.items() if len(photos) >= 3}


class Company:
    """The folder, and who of it can be enrolled under which name."""

    def __init__(self, root: Path, faces: dict[str, list[Path]]) -> None:
        self.root, self.faces = root, list(faces.items())
        self.share = root / "share"
        self.shows: dict[str, str] = {}  # of a made photo: whom it shows
        self.listed = ""
        self.wanted: set[str] = set()
        self.scans: set[str] = set()

    def next(self) -> tuple[str, list[Path]]:
        return self.faces.pop(0)

    def put(self, person: str, place: Path, photo: Path, **save: Any) -> Path:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ""):
            shutil.copy(photo, place)
        else:
            kind = {".hif": "HEIF", ".heic": "HEIF"}.get(place.suffix.lower())
            with Image.open(photo) as opened:
                opened.convert("RGB").save(place, kind, **save)
        self.shows[str(place)] = person
        return place

    def departments(self) -> None:
        """A person per ending, in departments, beside files that are none and programs' folders."""
        for number, ending in enumerate(TAKEN):
            person, photos = self.next()
            department = self.share / f"Department {'ABC'[number % 3]}"
            self.put(person, department / person / f"portrait{ending}", photos[0])
            self.wanted.add(person)
            if number < len(PASSED):
                (department / person / f"file{PASSED[number]}").write_bytes(b"no photo")
        for name in (
            "@eaDir",
            "#recycle",
            "#snapshot",
            "$RECYCLE.BIN",
            ".stversions",
            "lost+found",
        ):
            person, photos = self.next()  # left long ago
            self.put("", self.share / name / person / "1.jpg", photos[0])
            self.put("", self.share / "Department A" / name / person / "1.jpg", photos[0])
        self.put("", self.share / "loose.jpg", self.next()[1][0])
        (self.share / "Department B" / "Nobody Yet").mkdir()

    def turned_scans(self) -> None:
        for degrees in TURNED:
            person, photos = self.next()
            place = self.share / "Department C" / person / "scan.png"
            place.parent.mkdir(parents=True)
            with Image.open(photos[0]) as opened:
                opened.rotate(degrees, expand=True).save(place)
            self.shows[str(place)] = person
            self.scans.add(person)

    def bursts(self) -> None:
        """Ten frames of one moment, of two people: brighter by a little each."""
        for _ in range(2):
            person, photos = self.next()
            with Image.open(photos[0]) as opened:
                pixels = np.asarray(opened.convert("RGB")).astype(np.int16)
            for frame in range(10):
                place = self.share / "Department C" / person / f"burst{frame}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.clip(pixels + frame, 0, 255).astype(np.uint8)).save(place)
                self.shows[str(place)] = person
            self.wanted.add(person)

    def wrapped(self) -> Path:
        """A ZIP that holds the folder itself, packed by a program for Windows."""
        path = self.root / "new.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for _ in range(3):
                person, photos = self.next()
                archive.write(photos[0], f"staff\\{person}\\1.jpg")
                self.shows[f"{path}/staff/{person}/1.jpg"] = person
                self.wanted.add(person)
            archive.writestr("__MACOSX/staff/._1.jpg", b"")
            archive.writestr("staff\\Cid\\cv.pdf", b"")
        return path

    def bad_list(self) -> Path:
        """Two good rows and ten kinds of bad ones."""
        rows = ["sep=;", "Name;External ID;Photo"]
        (first, photos), (second, others) = self.next(), self.next()
        for person, photo, name in ((first, photos[0], "a.jpg"), (second, others[0], "b.jpg")):
            self.put(person, self.root / name, photo)
            self.wanted.add(person)
        shutil.copy(self.root / "b.jpg", self.root / "c.jpg")
        (self.root / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
        (self.root / "empty.jpg").write_bytes(b"")
        (self.root / "folder.jpg").mkdir()
        Image.new("RGB", (200, 200)).save(self.root / "black.jpg")
        rows += [
            f"{first};1001;a.jpg",
            f"{second};1011;b.jpg",
            "No Photo;1002;",  # an empty cell
            ";1003;a.jpg",  # nobody
            "Gone;1004;gone.jpg",  # no such file
            "Broken;1005;broken.jpg",  # cannot be read
            "Empty;1006;empty.jpg",
            "Folder;1007;folder.jpg",
            "Black;1008;black.jpg",  # no face
            "Bad\x07Name;1009;a.jpg",  # a control character
            "Somebody Else;1010;c.jpg",  # the photo of another one
            '"Unclosed;1012;c.jpg',
        ]
        path = self.root / "list.csv"
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path


def test_whoever_can_be_enrolled_is_and_everything_else_is_in_one_report(
    home: Path, tmp_path: Path, faces: dict[str, list[Path]]
) -> None:
    company = Company(tmp_path, faces)
    company.departments()
    company.turned_scans()
    company.bursts()
    archive, listing, report = company.wrapped(), company.bad_list(), tmp_path / "report.csv"

    asked = rollcall(home, "enroll", company.share, archive, "--manifest", listing, "--quiet")
    assert asked.exit_code == 2, asked.output  # the first command: it asks, and takes nobody
    assert "Say --nested" in asked.stderr
    words = (company.share, archive, "--manifest", listing, "--nested", "--rejects", report)
    result = rollcall(home, "enroll", *words, "--json")  # the second
    assert result.exit_code == 1, result.output

    rows = list(read_rows(report))
    enrolled: dict[str, set[str]] = {}
    people = document(rollcall(home, "people", "list", "--json"))["people"]
    for person in people:
        shown = document(rollcall(home, "people", "show", str(person["person"]), "--json"))
        enrolled[person["person"]] = {photo["photo"] for photo in shown["photos"]}
    several = {row["person"] for row in rows if row["reason"] == "several-faces"}
    assert company.wanted - enrolled.keys() == several  # a photo shows somebody else as well
    assert len(several) <= 1
    assert enrolled.keys() <= company.wanted | company.scans
    for name, photos in enrolled.items():  # nobody is under a wrong name
        assert {company.shows[photo] for photo in photos} == {name}

    reasons = {Path(row["photo"]).name: row["reason"] for row in rows}
    assert all(row["what_to_do"] for row in rows)
    left = company.scans - enrolled.keys()  # scans that could not be turned are told of
    assert left == {row["person"] for row in rows if row["reason"] == "turned"}
    assert reasons["loose.jpg"] == "no-person"
    assert {"Nobody Yet", "Cid"} <= {row["person"] for row in rows if row["reason"] == "no-photos"}
    passed = {row["photo"] for row in rows if row["outcome"] == "passed over"}
    assert {"1 x RAW (.cr2)", "2 x .pdf", "2 x @eaDir", "2 x #recycle"} <= passed
    bad = [row for row in rows if row["photo"].startswith(f"{listing}:")]
    assert [int(row["photo"].rpartition(":")[2]) for row in bad] == [5, 6, 14]
    assert reasons["gone.jpg"] == reasons["broken.jpg"] == reasons["empty.jpg"] == "unreadable"
    assert reasons["folder.jpg"] == "unreadable"
    assert reasons["black.jpg"] == "no-face"
    assert {"name", "other-person"} <= {row["reason"] for row in rows}
