"""What `enroll` is to take, as the user named it: folders, photos of one person, or a list."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.options import Run
from retrieval.errors import FoldersUnclear
from retrieval.photos.folders import PassedOver
from retrieval.photos.urls import absolute, location_of
from retrieval.values import Location

if TYPE_CHECKING:
    from retrieval.catalogue.runs.run_records import ListedPhoto
    from retrieval.photos.people_list import PeopleList


def people_list(run: Run, manifest: str, columns: str | None) -> "PeopleList":
    """Open the list, and say what was understood of it before anything is done."""
    from retrieval.photos.list_columns import parse_columns
    from retrieval.photos.people_list import PeopleList

    found = PeopleList(absolute(location_of(manifest)), parse_columns(columns) if columns else None)
    run.remark(f"{manifest}: {found.columns}")
    return found


def say_which(error: FoldersUnclear) -> FoldersUnclear:
    """The error with what to type."""
    return FoldersUnclear(
        f"{error} Say --nested if it is the inner ones, --no-nested if it is the outer ones."
    )


@dataclass(slots=True)
class Source:
    """What is to be enrolled, as the user named it.

    Attributes:
        paths: folders of people, or photos of one person.
        person, number: whom all of them show, or None.
        manifest: a list in place of paths, or None.
        nested: whether people's folders lie below others; None where nobody said.
        replacing: whether a changed file replaces the photo that came from it; None as well.
        same_person: see `EnrolItem`.
        passed: what is passed over, counted while the photos are listed.
        unpacked: where archives among the paths were unpacked to.
    """

    paths: Sequence[Location]
    person: str | None
    number: str | None
    manifest: "PeopleList | None"
    nested: bool | None
    replacing: bool | None = None
    same_person: bool = False
    passed: PassedOver = field(default_factory=PassedOver)
    unpacked: dict[Location, Path] = field(default_factory=dict)

    def named(self, photo: str) -> str:
        """What a photo is called: one of an archive lies in it, not where it was unpacked."""
        for archive, folder in self.unpacked.items():
            if photo.startswith(f"{folder}/"):
                return f"{archive}/{photo[len(str(folder)) + 1 :]}"
        return photo

    def __str__(self) -> str:
        return str(self.manifest.path if self.manifest else ", ".join(map(str, self.paths)))

    def photos(self, run: Run) -> "Iterator[ListedPhoto]":
        """List the photos; what cannot be taken at once comes with its reason."""
        from retrieval.people.intake import listed_list

        if self.manifest is not None:
            yield from listed_list(self.manifest)
        for path in self.paths:
            yield from self._photos_at(run, path)

    def _photos_at(self, run: Run, path: Location) -> "Iterator[ListedPhoto]":
        from retrieval.people.intake import listed_place

        listed = partial(
            listed_place,
            self.unpacked.get(path, path),
            person=self.person,
            external_id=self.number,
            passed=self.passed,
            how="--person NAME",
        )
        try:
            yield from listed(nested=self.nested)
        except FoldersUnclear as error:
            if not sys.stdin.isatty() or run.json:
                raise say_which(error) from error
            run.remark(str(error))
            self.nested = typer.confirm("Are the inner ones the people?", err=True)
            yield from listed(nested=self.nested)
