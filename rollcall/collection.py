"""The library that users import as `rollcall`: a collection with the verbs of the command line."""

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal, overload

from retrieval.building import build_service
from retrieval.catalogue.events.records import Expects
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.answers import GalleryState, PhotoAnswer, PhotoHit, Verification
from retrieval.collection.enrolments import EnrolItem, EnrolReport, EnrolResult
from retrieval.errors import InputError, NotFound, PhotoError
from retrieval.events.events import Events
from retrieval.events.open_event import OpenEvent
from retrieval.events.shown import Expected
from retrieval.people.intake import items_of, listed_list, listed_place
from retrieval.photos.folders import PassedOver, photos_at
from retrieval.photos.people_list import PeopleList, is_list
from retrieval.photos.urls import absolute, location_of
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.settings_files import load_settings
from retrieval.upkeep.calibration import Calibrated, calibrate_collection
from retrieval.upkeep.health import Health, examine_collection
from retrieval.values import Location, Source
from rollcall.people import People, Strangers

PhotoInput = str | Path | bytes
"""A photo: a path, a URL as text, or the bytes of a file."""


def open_collection(
    home: str | Path | None = None,
    collection: str | None = None,
    *,
    settings: Settings | None = None,
    remark: Callable[[str], None] = lambda text: None,
) -> "Collection":
    """Open a collection; nothing is loaded or written until it is needed.

    Args:
        home: folder of catalogue, indexes and models; by default that of the settings.
        collection: its name; by default that of the settings.
        settings: in place of those of the environment and of the home's own file.
        remark: told what is chosen by itself, such as the embedder.

    Raises:
        SettingInvalid: a ROLLCALL_* variable has no meaning.
        StoreError: the catalogue cannot be opened.
    """
    given: dict[str, Any] = {}
    if home is not None:
        given["home"] = Path(home).expanduser()
    if collection is not None:
        given["collection"] = collection
    chosen = load_settings(**given) if settings is None else settings.model_copy(update=given)
    return Collection(build_service(chosen, remark), chosen)


class Collection:
    """One collection's people and photos, and the questions about them. Safe between threads.

    Made by `rollcall.open`; a context manager that closes models, index and catalogue.

    Attributes:
        people: who is enrolled, and edits of them.
        strangers: unknown faces that were kept, in groups.
        settings: that it was opened with.
    """

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self.settings = settings
        self.people = People(service, settings)
        self.strangers = Strangers(service)

    def __enter__(self) -> "Collection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of models, index and catalogue."""
        self._service.close()

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.settings.collection

    def state(self) -> GalleryState:
        """How many people and faces there are, and by which model and threshold they are asked.

        Raises:
            NotFound: nobody was enrolled yet.
        """
        return self._service.state()

    # Enrolling

    def enrol(
        self,
        source: str | Path | Iterable[EnrolItem | tuple[str, PhotoInput]],
        *,
        person: str | None = None,
        nested: bool | None = None,
        same_person: bool = False,
        progress: Callable[[EnrolResult], None] = lambda result: None,
    ) -> EnrolReport:
        """Enrol photos, to the end; what cannot be taken is in the report, with its reason.

        Photos that are enrolled already are left as they are.

        Args:
            source: a folder with one folder per person, a list (.csv or .xlsx) of people and
                photos, or pairs of a name and a photo.
            person: whom all photos of the folder, or the one photo, show.
            nested: whether people's folders lie below others (departments); None where the
                folders are to tell.
            same_person: photos under a name that is enrolled are of that person, also where they
                look otherwise; else such photos are refused.
            progress: told of each photo as it is done.

        Raises:
            FoldersUnclear: the folders do not tell whether they are people or departments.
            InputError: there is no such folder or list.
            ModelError: the models are missing or cannot answer.
            StoreError: the catalogue or the index cannot be written.
        """
        report = EnrolReport()
        if isinstance(source, str | Path):
            listed = self._listed(source, person, nested, report.passed_over)
            items = items_of(listed, report, same_person=same_person)
        else:
            items = [each if isinstance(each, EnrolItem) else _pair(*each) for each in source]
        for result in self._service.enrol(items):
            report.add(result)
            progress(result)
        if report.enrolled:
            self._service.keep_up()
        return report

    def _listed(
        self, source: str | Path, person: str | None, nested: bool | None, passed: PassedOver
    ) -> Iterator[ListedPhoto]:
        place = absolute(_location(source))
        if person is None and is_list(place):
            yield from listed_list(PeopleList(place))
            return
        yield from listed_place(
            place, person=person, nested=nested, passed=passed, how="person='NAME'"
        )

    # Asking

    @overload
    def identify(self, photos: PhotoInput, threshold: float | None = None) -> PhotoAnswer: ...

    @overload
    def identify(
        self, photos: "list[PhotoInput] | tuple[PhotoInput, ...]", threshold: float | None = None
    ) -> list[PhotoAnswer]: ...

    def identify(
        self,
        photos: "PhotoInput | list[PhotoInput] | tuple[PhotoInput, ...]",
        threshold: float | None = None,
    ) -> PhotoAnswer | list[PhotoAnswer]:
        """Say who is in a photo, or in each of several.

        Args:
            photos: one photo, or several: they share the networks' batches.
            threshold: in place of the collection's own.

        Returns:
            The answer about the photo, which iterates over its faces; a list of them for several.
            Of several, one that cannot be read has an error in it.

        Raises:
            PhotoError: the one photo cannot be read.
            NotFound: nobody was enrolled yet.
        """
        if isinstance(photos, str | Path | bytes):
            (answer,) = self._service.identify([_source(photos)], threshold)
            if answer.error is not None:
                raise PhotoError(answer.error)
            return answer
        return self._service.identify([_source(photo) for photo in photos], threshold)

    def search(self, photo: PhotoInput, limit: int = 10, *, like: bool = False) -> list[PhotoHit]:
        """Find the enrolled photos that show the people of a photo, best first.

        Args:
            photo: whose people to look for.
            limit: how many photos.
            like: rank by how many of the photo's people they show.

        Raises:
            PhotoError: the photo cannot be read or shows no face.
        """
        return list(self._service.search(_source(photo), limit, like=like).hits)

    def verify(
        self,
        photo: PhotoInput,
        other: PhotoInput | None = None,
        *,
        person: str | None = None,
        face: int | None = None,
        other_face: int | None = None,
    ) -> Verification:
        """Say whether a photo shows the same person as another photo, or as somebody enrolled.

        Args:
            photo: with one dominant face.
            other: such a photo, or None where a person is named.
            person: the name of somebody enrolled.
            face, other_face: which face of each photo is meant, by number as `identify` counts.

        Raises:
            InputError: neither or both are given.
            PhotoError: a photo cannot be read, or shows no face or several.
            NotFound: nobody of that name is enrolled.
        """
        if (other is None) == (person is None):
            raise InputError("Give another photo, or person='NAME': one of the two.")
        against = _source(other) if other is not None else person or ""
        return self._service.verify(_source(photo), against, face, other_face)

    # Events

    def event(
        self,
        name: str,
        photos: "PhotoInput | Sequence[PhotoInput] | None" = None,
        *,
        day: date | None = None,
        expected: Literal["everybody"] | Sequence[str] | None = None,
        keep_photos: bool = False,
    ) -> OpenEvent:
        """Open an event, make it where there is none, and add photos to it.

        Args:
            name: of the event.
            photos: a photo, a folder, a pattern such as "party/*.jpg", or several of these; those
                that the event has are left alone.
            day: when it was; None to take it from the photos.
            expected: who was, of a new event: everybody, or names and employee numbers.
            keep_photos: of a new event, whether copies of its photos are kept.

        Raises:
            InputError: nothing lies where the photos should.
            PhotoError: not one of the photos could be taken.
        """
        events = self._service.events
        self._service.ensure_collection()
        try:
            found = events.find(name)
        except NotFound:
            given = None
            if expected is not None:
                whole = Expected(Expects.EVERYBODY)
                given = whole if expected == "everybody" else events.expect(expected)
            found = events.create(name, day=day, expected=given, keep_photos=keep_photos)
        opened = OpenEvent(events, found)
        if photos is not None:
            several = [photos] if isinstance(photos, str | Path | bytes) else photos
            taken = opened.add(source for photo in several for source in _sources(photo))
            if taken and all(each.outcome == "rejected" for each in taken):
                raise PhotoError(f"No photo of {name!r} could be taken: {taken[0].message}")
        return opened

    @property
    def events(self) -> Events:
        """All events of the collection, and questions over several of them."""
        return self._service.events

    # Upkeep

    def calibrate(self, fpir: float = 0.01) -> Calibrated:
        """Choose threshold and margin from the collection's own photos.

        Args:
            fpir: share of strangers' faces that may be named at most (false positive
                identification rate).

        Raises:
            DataInvalid: too few people have several photos.
        """
        with self._service.using():
            return calibrate_collection(self._service, fpir)

    def health(self) -> Health:
        """Find photos under the wrong name, look-alikes, copies and thin enrolments."""
        with self._service.using():
            return examine_collection(self._service)


def _location(place: str | Path) -> Location:
    return place.expanduser() if isinstance(place, Path) else location_of(place)


def _source(photo: PhotoInput) -> Source:
    if isinstance(photo, bytes):
        return Source("photo", photo)
    return Source(str(photo), _location(photo))


def _sources(photo: PhotoInput) -> Iterator[Source]:
    """A photo, those below a folder, or those that a pattern names."""
    if isinstance(photo, bytes):
        yield Source("photo", photo)
        return
    place = _location(photo)
    if isinstance(place, Path) and not place.exists() and glob.has_magic(str(place)):
        named = sorted(glob.glob(str(place), recursive=True))  # noqa: PTH207  folders too
        if not named:
            raise InputError(f"Nothing is named {place}. Check the pattern and the folder.")
        for each in named:
            yield Source(each, Path(each))
    else:
        for below in photos_at(place):
            yield Source(str(below), below)


def _pair(person: str, photo: PhotoInput) -> EnrolItem:
    if isinstance(photo, bytes):
        return EnrolItem(person, "photo", photo)
    place = absolute(_location(photo))
    return EnrolItem(person, str(place), place)
