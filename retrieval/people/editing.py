"""Edits of people: what an edit would do, before it is done; each can be undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.catalogue.records import EnrolledFace, JournalEntry, Person
from retrieval.errors import InputError, NotFound
from retrieval.scoring.rule import fuse, templates
from retrieval.service import Service
from retrieval.values import Ints, Vectors


@dataclass(frozen=True, slots=True)
class Preview:
    """What an edit would move.

    Attributes:
        to: who would have the faces.
        faces: that would move.
        unlike: those of them that would not be matched with the faces they come to.
    """

    to: str
    faces: tuple[EnrolledFace, ...]
    unlike: tuple[EnrolledFace, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "to": self.to,
            "faces": [face.id for face in self.faces],
            "photos": [face.photo for face in self.faces],
            "unlike": [face.photo for face in self.unlike],
        }

    def sentence(self) -> str:
        """In words."""
        count = len(self.faces)
        moves = f"moves {count} face{'' if count == 1 else 's'} to {self.to}"
        if not self.unlike:
            return moves
        verb = "looks" if len(self.unlike) == 1 else "look"
        return f"{moves}; {len(self.unlike)} of them {verb} unlike the rest"


def preview_merge(service: Service, name: str, into: str) -> Preview:
    """What merging a person into another would move.

    Raises:
        NotFound: one of them is not there.
        InputError: both are the same person.
    """
    person, target = _person(service, name), _person(service, into)
    if person.id == target.id:
        raise InputError(f"{name} and {into} are the same person: there is nothing to merge.")
    return _preview(service, service.catalogue.faces_of(person.id), target)


def merge(service: Service, name: str, into: str) -> JournalEntry:
    """Give all faces of a person to another one, who keeps the name."""
    person, target = _person(service, name), _person(service, into)
    return service.catalogue.merge_people(service.collection.id, person.id, target.id)


def preview_move(service: Service, name: str, photos: Sequence[str], to: str) -> Preview:
    """What moving some of a person's photos to another person would move.

    Raises:
        NotFound: a person or a photo is not there.
    """
    return _preview(service, _chosen(service, name, photos), _person(service, to))


def move(service: Service, name: str, photos: Sequence[str], to: str) -> JournalEntry:
    """Give some of a person's photos to another person."""
    faces = [face.id for face in _chosen(service, name, photos)]
    target = _person(service, to)
    return service.catalogue.move_faces(service.collection.id, faces, target.id)


def preview_split(service: Service, name: str, photos: Sequence[str], new_name: str) -> Preview:
    """What making a new person of some of a person's photos would move.

    Raises:
        NotFound: a person or a photo is not there.
    """
    chosen = _chosen(service, name, photos)
    return Preview(new_name, tuple(chosen), _unlike(service, chosen, None))


def split(service: Service, name: str, photos: Sequence[str], new_name: str) -> JournalEntry:
    """Make a new person of some of a person's photos."""
    person = _person(service, name)
    faces = [face.id for face in _chosen(service, name, photos)]
    return service.catalogue.split_person(service.collection.id, person.id, faces, new_name)


def _person(service: Service, name: str) -> Person:
    return service.catalogue.person(service.collection.id, name)


def _chosen(service: Service, name: str, photos: Sequence[str]) -> list[EnrolledFace]:
    """The person's faces in these photos, named by path, first digits of the SHA-256, or face id.

    Raises:
        NotFound: one of them is none of the person's.
    """
    own = service.catalogue.faces_of(_person(service, name).id)
    chosen: dict[int, EnrolledFace] = {}
    for photo in photos:
        found = [
            face
            for face in own
            if photo in (face.photo, str(face.id))
            or (len(photo) >= 6 and face.sha256.startswith(photo))
        ]
        if not found:
            raise NotFound(
                f"{name} has no photo {photo!r}. `rollcall people show` lists what there is."
            )
        chosen.update({face.id: face for face in found})
    return list(chosen.values())


def _preview(service: Service, faces: Sequence[EnrolledFace], target: Person) -> Preview:
    return Preview(target.name, tuple(faces), _unlike(service, faces, target))


def _unlike(
    service: Service, faces: Sequence[EnrolledFace], target: Person | None
) -> tuple[EnrolledFace, ...]:
    """Those that would not be matched with the target's faces, or else with one another."""
    collection = service.collection.id
    ids, _, moving = service.catalogue.vectors(collection, [face.id for face in faces])
    if target is None:
        scores = _scores_within(moving)
    else:
        there = service.catalogue.vectors(
            collection, [face.id for face in service.catalogue.faces_of(target.id)]
        )[2]
        scores = _scores_against(moving, there)
    low: Ints = ids[scores < service.gate.threshold]
    return tuple(face for face in faces if face.id in low)


def _scores_against(moving: Vectors, there: Vectors) -> np.ndarray[Any, np.dtype[np.float32]]:
    if not len(there):
        return _scores_within(moving)
    _, template = templates(there, np.zeros(len(there), np.int64))
    return fuse((moving @ there.T).max(axis=1), moving @ template[0])


def _scores_within(moving: Vectors) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Each against all the others together, left out of their template itself."""
    if len(moving) < 2:
        return np.ones(len(moving), np.float32)
    similar = moving @ moving.T
    np.fill_diagonal(similar, -1)
    rest = moving.sum(axis=0) - moving
    rest /= np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return fuse(similar.max(axis=1), np.einsum("nd,nd->n", moving, rest))
