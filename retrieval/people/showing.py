"""One person as people read it: photos, and where they were seen."""

from dataclasses import dataclass

from retrieval.catalogue.documents import EnrolledPhoto
from retrieval.catalogue.records import Person
from retrieval.events.documents import SightingDocument
from retrieval.service import Service


@dataclass(frozen=True, slots=True)
class PersonShown:
    """A person with all photos.

    Attributes:
        id, person, external_id: as in a list of people.
        photos: oldest first.
        seen: at which events, the latest first.
    """

    id: int
    person: str
    external_id: str | None
    photos: list[EnrolledPhoto]
    seen: list[SightingDocument]


def shown(service: Service, person: Person) -> PersonShown:
    """A person with photos and events; decides events anew to which photos came meanwhile."""
    return PersonShown(
        person.id,
        person.name,
        person.external_id,
        [EnrolledPhoto.of(face) for face in service.catalogue.faces_of(person.id)],
        [each.document() for each in service.events.sightings(person.id)],
    )
