"""Who resembles whom: somebody and other people, somebody and strangers who were kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.catalogue.records import Person
from retrieval.collection.active_model import CANDIDATES
from retrieval.collection.calibrated_gallery import CalibratedGallery
from retrieval.people.documents import PersonAlike, StrangersAlike
from retrieval.people.strangers import Group, list_groups
from retrieval.service import Service
from retrieval.values import Gate, Vectors

MOST = 6  # of each kind that are told of somebody
_MOST_FACES = 50  # of somebody's that are compared


@dataclass(frozen=True, slots=True)
class Alike:
    """Somebody who is enrolled and resembles somebody else.

    Attributes:
        person: who.
        face: the one of their faces that resembles most.
        likeness: the cosine to it.
        sure: whether it is enough for one and the same person.
    """

    person: Person
    face: int
    likeness: float
    sure: bool

    def document(self) -> PersonAlike:
        """As JSON."""
        return {
            "id": self.person.id,
            "person": self.person.name,
            "external_id": self.person.external_id,
            "face_id": self.face,
            "likeness": self.likeness,
            "sure": self.sure,
        }


@dataclass(frozen=True, slots=True, eq=False)
class StrangerAlike:
    """A group of a stranger's faces that resembles somebody.

    Attributes:
        group: of the faces.
        likeness, sure: as of `Alike`.
    """

    group: Group
    likeness: float
    sure: bool

    def document(self) -> StrangersAlike:
        """As JSON."""
        return {**self.group.document(), "likeness": self.likeness, "sure": self.sure}


def people_like(service: Service, person: Person) -> list[Alike]:
    """Other people who resemble somebody, the most alike first."""
    vectors = _vectors_of(service, person)
    return _enrolled_like(service, [vectors], but=person.id)[0] if len(vectors) else []


def strangers_like(service: Service, person: Person) -> list[StrangerAlike]:
    """Groups of strangers' faces that resemble somebody, the most alike first."""
    groups, own = list_groups(service), _vectors_of(service, person)
    if not groups or not len(own):
        return []
    gate, found = service.calibrated.gate(), []
    for group in groups:
        likeness = float((_stacked(group) @ own.T).max())
        if likeness >= _resembles(gate):
            found.append(StrangerAlike(group, likeness, likeness >= gate.of_photos))
    return sorted(found, key=lambda each: -each.likeness)[:MOST]


def enrolled_like(service: Service, groups: Sequence[Group]) -> dict[int, list[Alike]]:
    """Who of the enrolled resembles each of these groups of strangers' faces, by the group's id."""
    if not groups:
        return {}
    alike = _enrolled_like(service, [_stacked(group) for group in groups])
    return {group.id: found for group, found in zip(groups, alike, strict=True)}


def _enrolled_like(
    service: Service, probes: Sequence[Vectors], but: int | None = None
) -> list[list[Alike]]:
    """For each one's faces the enrolled who resemble them, the most alike first."""
    calibrated = service.calibrated
    calibrated.gallery.catch_up()
    gate = calibrated.gate()
    nearest = [_nearest_people(calibrated, each, _resembles(gate), but) for each in probes]
    known = _people(service, sorted({person for each in nearest for person, _, _ in each}))
    return [
        [
            Alike(known[person], face, likeness, likeness >= gate.of_photos)
            for person, face, likeness in each
            if person in known
        ]
        for each in nearest
    ]


def _nearest_people(
    calibrated: CalibratedGallery, probes: Vectors, least: float, but: int | None
) -> list[tuple[int, int, float]]:
    """Person, face and cosine of those who resemble probes so much, the most alike first."""
    hits = calibrated.gallery.search(
        probes, CANDIDATES + 1
    )  # one of which may be the person asked about
    order = np.argsort(-hits.nearest, axis=None)
    people, faces, nearest = (
        each.ravel()[order] for each in (hits.people, hits.faces, hits.nearest)
    )
    first = np.sort(np.unique(people, return_index=True)[1])  # each person's best, in order
    wanted = [
        row for row in first.tolist() if people[row] not in (-1, but) and nearest[row] >= least
    ][:MOST]
    found = (each[wanted].tolist() for each in (people, faces, nearest))
    return list(zip(*found, strict=True))


def _people(service: Service, ids: Sequence[int]) -> dict[int, Person]:
    """People by id, without those who are gone by now."""
    everybody = service.catalogue.people_by_id(service.collection.id, ids)
    return {person.id: person for person in everybody}


def _resembles(gate: Gate) -> float:
    """The cosine from which two photos may show one person: half the way to where they do."""
    return gate.of_photos if gate.unlike is None else (gate.unlike + gate.of_photos) / 2


def _vectors_of(service: Service, person: Person) -> Vectors:
    ids = [face.id for face in service.catalogue.faces_of(person.id)][:_MOST_FACES]
    if not ids:
        return np.zeros((0, service.collection.dimension), np.float32)
    return service.catalogue.vectors(service.collection.id, ids)[2]


def _stacked(group: Group) -> Vectors:
    return np.stack([face.vector for face in group.faces])
