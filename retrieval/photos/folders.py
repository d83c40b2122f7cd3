"""Folders of photos, listed as they are read, so that a million photos need no memory.

Hidden files, folders that programs made for themselves and files that are no photos are passed
over, and counted. Whether a listed file really is a photo, and still there, shows when it is
decoded.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

from retrieval.errors import DataInvalid, PhotoError, StoreError
from retrieval.photos import urls
from retrieval.photos.kinds import (
    BEGINNING,
    begins_like_a_photo,
    has_photo_ending,
    has_video_ending,
    is_album,
    is_hidden,
    is_system_folder,
    kind_of,
)
from retrieval.values import Location, Url

P = TypeVar("P", Path, Url, Location)  # below a path lie paths, below a URL URLs

_FOLDERS_LOOKED_AT = 500  # of a folder, to learn whether they are people or departments
_DEEPEST = 8  # folders in folders that people's folders may lie in


@dataclass(slots=True)
class PassedOver:
    """What a listing passed over, counted while it goes on.

    Attributes:
        files: that are no photos, by kind.
        folders: of NAS, desktop and synchronising programs, by name.
    """

    files: Counter[str] = field(default_factory=Counter)
    folders: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.files or self.folders)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"files": dict(self.files), "folders": dict(self.folders)}

    def __str__(self) -> str:
        """One line for people."""
        named = [*self.files.most_common(), *self.folders.most_common()]
        return "passed over: " + ", ".join(f"{count} x {kind}" for kind, count in named)


class Problem(StrEnum):
    """Why a place below a folder of people gives no photo of a person."""

    LOOSE = "no-person"  # a photo that lies in no person's folder
    EMPTY = "no-photos"  # a person's folder without a photo
    SAME_NAME = "same-name"  # another folder of that name lies elsewhere


@dataclass(frozen=True, slots=True)
class Found(Generic[P]):
    """A photo below a folder of people, or a place that gives none.

    Attributes:
        person: whose folder it lies in; empty for a loose photo.
        place: the photo; of an empty folder, the folder.
        problem: why it is no photo of that person, or None.
        other: the folder of the same name, where that is the problem.
    """

    person: str
    place: P
    problem: Problem | None = None
    other: P | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a folder's people lie in it.

    Attributes:
        nested: the people's folders lie below other folders.
        sure: whether that is certain, or somebody must be asked.
        outer, inner: some names of the folders above and below, where it was in doubt.
    """

    nested: bool
    sure: bool = True
    outer: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()


def is_folder(place: Location) -> bool:
    """Whether there is a folder in this place.

    Raises:
        StorageUnavailable: a URL's server does not answer.
    """
    return place.is_dir() if isinstance(place, Path) else urls.is_folder(place)


def exists(place: Location) -> bool:
    """Whether there is anything in this place.

    Raises:
        StorageUnavailable: a URL's server does not answer.
    """
    return place.exists() if isinstance(place, Path) else urls.exists(place)


def photos_below(
    folder: P, *, recursive: bool = False, passed: PassedOver | None = None, videos: bool = False
) -> Iterator[P]:
    """The photos in a folder, by name; with `recursive`, then those of its folders.

    With `videos`, videos as well.

    Raises:
        DataInvalid: the folder cannot be read.
        StorageUnavailable: a URL's server does not answer.
    """
    passed = passed if passed is not None else PassedOver()
    folders = []
    for entry in _entries(folder, passed):
        if entry.is_folder:
            folders += [] if entry.is_link else [entry.name]
        elif _is_photo(folder, entry.name) or (videos and has_video_ending(entry.name)):
            yield folder / entry.name
        else:
            passed.files[kind_of(entry.name)] += 1
    if recursive:
        for below in folders:
            yield from _photos_of(folder / below, passed, videos)


def photos_at(place: P, *, passed: PassedOver | None = None, videos: bool = False) -> Iterator[P]:
    """A photo that is named, or those anywhere below a folder that is; with `videos`, those too.

    Raises:
        DataInvalid: the folder cannot be read.
        StorageUnavailable: a URL's server does not answer.
    """
    if is_folder(place):
        yield from photos_below(place, recursive=True, passed=passed, videos=videos)
    else:
        yield place


def people_below(folder: P) -> Iterator[tuple[str, P]]:
    """Names and photos of a folder that holds one folder per person, both by name.

    Photos in folders below a person's are that person's too.

    Raises:
        DataInvalid: the folder cannot be read.
        StorageUnavailable: a URL's server does not answer.
    """
    for found in everything_below(folder):
        if found.problem is None:
            yield found.person, found.place


def everything_below(
    folder: P, *, nested: bool = False, passed: PassedOver | None = None
) -> Iterator[Found[P]]:
    """Everything that a folder of people holds, by name, loose photos first.

    Args:
        folder: holds one folder per person.
        nested: people's folders may lie below others (departments): a person's folder is then the
            first on the way down that holds a photo itself; where most folders beside it hold
            several such folders, its own photos are loose ones.
        passed: counts what is passed over.

    Raises:
        DataInvalid: the folder cannot be read.
        StorageUnavailable: a URL's server does not answer.
    """
    passed = passed if passed is not None else PassedOver()
    folders = []
    for entry in _entries(folder, passed):
        if entry.is_folder:
            folders.append(entry.name)
        elif _is_photo(folder, entry.name):
            yield Found("", folder / entry.name, Problem.LOOSE)
        else:
            passed.files[kind_of(entry.name)] += 1
    seen: dict[str, P] = {}
    departments = _departments(folder, folders)[1] if nested else ()
    for name in folders:
        if nested:
            yield from _nested(folder / name, passed, seen, name in departments)
        else:
            yield from _persons(name, folder / name, passed)


def layout(folder: Location) -> Layout:
    """Tell whether a folder holds people's folders, or departments that hold them.

    Certain is what the folders' own photos say, a single folder that wraps the others, and names
    that nobody has (2021, old); all else is for somebody to say.

    Raises:
        DataInvalid: the folder cannot be read.
        StorageUnavailable: a URL's server does not answer.
    """
    names = list(islice(_folders_in(folder), _FOLDERS_LOOKED_AT))
    plain, mixed = _departments(folder, names)
    outer = [name for name in names if name in plain or name in mixed]
    inner = [below for name in outer for below in (plain | mixed)[name]]
    if not outer or _are_albums(inner):
        return Layout(nested=False)
    sure = len(names) == 1 and len(inner) > 1 and not mixed
    return Layout(len(outer) == len(names), sure, tuple(outer[:3]), tuple(inner[:3]))


_Departments = dict[str, list[str]]


def _departments(folder: Location, names: Sequence[str]) -> tuple[_Departments, _Departments]:
    """Which of some folders hold people's folders, with their names.

    Returns:
        those without a photo of their own; those with some, which are people with albums where only
        few of the folders are like that.
    """
    plain: _Departments = {}
    mixed: _Departments = {}
    for name in names:
        if not _holds_photos(folder / name):
            if below := _people_names(folder / name):
                plain[name] = below
        elif len(below := _people_names(folder / name, 0)) > 1:
            mixed[name] = below
    few = 2 * len(plain | mixed) < len(names)
    if few or _are_albums([below for found in mixed.values() for below in found]):
        return plain, {}
    return plain, mixed


def _are_albums(names: Sequence[str]) -> bool:
    """Whether folders of several others are called alike, as no two people are."""
    return len(set(names)) <= len(names) // 2


def _people_names(folder: Location, deepest: int = _DEEPEST) -> list[str]:
    """Names of the folders below that hold photos and that may be people's."""
    found = []
    for name in islice(_folders_in(folder), _FOLDERS_LOOKED_AT):
        if _holds_photos(folder / name):
            found += [] if is_album(name) else [name]
        elif deepest > 0:
            found += _people_names(folder / name, deepest - 1)
    return found


def _folders_in(folder: Location) -> Iterator[str]:
    try:
        found = _entries(folder, PassedOver())
    except DataInvalid:
        return
    yield from (entry.name for entry in found if entry.is_folder and not entry.is_link)


def _holds_photos(folder: Location) -> bool:
    """Whether a folder holds a photo itself, or cannot be read (which is then said of it)."""
    try:
        found = _entries(folder, PassedOver())
    except DataInvalid:
        return True
    return any(not entry.is_folder and _is_photo(folder, entry.name) for entry in found)


def _persons(name: str, folder: P, passed: PassedOver) -> Iterator[Found[P]]:
    """A person's photos, or the folder where there is none."""
    empty = True
    for photo in _photos_of(folder, passed):
        empty = False
        yield Found(name, photo)
    if empty and exists(folder):
        yield Found(name, folder, Problem.EMPTY)


def _nested(
    folder: P, passed: PassedOver, seen: dict[str, P], department: bool, deepest: int = _DEEPEST
) -> Iterator[Found[P]]:
    """The people of a department, each in the first folder on the way down that holds a photo."""
    names = list(_folders_in(folder))
    if (_holds_photos(folder) and not department) or not names or deepest == 0:
        name = PurePosixPath(str(folder)).name
        other = seen.setdefault(name.casefold(), folder)
        for found in _persons(name, folder, passed):
            if other == folder:
                yield found
            else:
                yield Found(name, found.place, Problem.SAME_NAME, other)
        return
    for entry in _entries(folder, passed):
        if entry.is_folder:
            continue
        if _is_photo(folder, entry.name):
            yield Found("", folder / entry.name, Problem.LOOSE)
        else:
            passed.files[kind_of(entry.name)] += 1
    departments = _departments(folder, names)[1]
    for name in names:
        yield from _nested(folder / name, passed, seen, name in departments, deepest - 1)


def _photos_of(folder: P, passed: PassedOver, videos: bool = False) -> Iterator[P]:
    """The photos of a folder that another one lists; the folder itself where it cannot be read.

    So one bad folder stops no run: it is rejected, with its reason, when it is decoded. One that
    went away since it was listed has no photos.
    """
    try:
        yield from photos_below(folder, recursive=True, passed=passed, videos=videos)
    except DataInvalid:
        if exists(folder):
            yield folder


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    is_folder: bool  # or a link to one
    is_link: bool


def _entries(folder: Location, passed: PassedOver) -> list[_Entry]:
    """What a folder holds, by name, without what is hidden or what programs made for themselves."""
    found = (
        _local(folder)
        if isinstance(folder, Path)
        else [_Entry(*entry) for entry in urls.entries(folder)]
    )
    kept = []
    for entry in sorted(found, key=lambda entry: entry.name):
        if entry.is_folder and is_system_folder(entry.name):
            passed.folders[entry.name] += 1
        elif not is_hidden(entry.name):
            kept.append(entry)
    return kept


def _is_photo(folder: Location, name: str) -> bool:
    """By its ending; a file without one by its content."""
    if has_photo_ending(name):
        return True
    return not PurePosixPath(name).suffix and begins_like_a_photo(_beginning(folder / name))


def _beginning(place: Location) -> bytes:
    try:
        if not isinstance(place, Path):
            return urls.beginning(place, BEGINNING)
        if not place.is_file():  # a pipe would never end
            return b""
        with place.open("rb") as file:
            return file.read(BEGINNING)
    except (OSError, PhotoError, StoreError):
        return b""


def _local(folder: Path) -> list[_Entry]:
    try:
        with os.scandir(folder) as entries:
            return [_Entry(entry.name, entry.is_dir(), entry.is_symlink()) for entry in entries]
    except OSError as error:
        raise DataInvalid(
            f"The folder {folder} cannot be read. Check its name and permissions."
        ) from error
