"""Edits of people: what an edit would do, before it is done; each can be undone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from retrieval.catalogue.records import EnrolledFace, JournalEntry, Person
from retrieval.errors import InputError, NotFound
from retrieval.people.documents import PreviewDocument
from retrieval.scoring.rule import fuse, templates
from retrieval.service import Service
from retrieval.values import Ints, Vectors, counted


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

    def document(self) -> PreviewDocument:
        """As JSON."""
        return {
            "to": self.to,
            "faces": [face.id for face in self.faces],
            "photos": [face.photo for face in self.faces],
            "unlike": [face.id for face in self.unlike],
            "summary": self.sentence(),
        }

    def sentence(self) -> str:
        """In words."""
        moves = f"moves {counted(len(self.faces), 'face')} to {self.to}"
        if not self.unlike:
            return moves
        verb = "looks" if len(self.unlike) == 1 else "look"
        return f"{moves}; {len(self.unlike)} of them {verb} unlike the rest"


@dataclass(frozen=True, slots=True)
class Planned:
    """An edit that was looked at: what it would do, and how to do exactly that.

    Names were looked up once, for both; `apply` fails where one is somebody else's by then.

    Attributes:
        preview: what it would move.
        apply: does it.
    """

    preview: Preview
    apply: Callable[[], JournalEntry]


def plan_merge(service: Service, who: str | Person, into: str | Person) -> Planned:
    """Give all faces of a person to another one, who keeps the name.

    Raises:
        NotFound: one of them is not there.
        InputError: both are the same person.
    """
    person, target = service.person(who), service.person(into)
    if person.id == target.id:
        raise InputError(
            f"{person.name} and {target.name} are the same person: there is nothing to merge."
        )
    faces = service.catalogue.faces_of(person.id)
    merge = partial(service.catalogue.merge_people, service.collection.id, person, target)
    return Planned(_preview(service, faces, target), merge)


def plan_move(
    service: Service, who: str | Person, photos: Sequence[str], to: str | Person
) -> Planned:
    """Give some of a person's photos to another person.

    Raises:
        NotFound: a person or a photo is not there.
    """
    person, target = service.person(who), service.person(to)
    chosen = _chosen(service, person, photos)
    ids = [face.id for face in chosen]
    move = partial(service.catalogue.move_faces, service.collection.id, ids, target, person)
    return Planned(_preview(service, chosen, target), move)


def plan_split(
    service: Service, who: str | Person, photos: Sequence[str], new_name: str
) -> Planned:
    """Make a new person of some of a person's photos.

    Raises:
        NotFound: a person or a photo is not there.
    """
    person = service.person(who)
    chosen = _chosen(service, person, photos)
    ids = [face.id for face in chosen]
    split = partial(service.catalogue.split_person, service.collection.id, person, ids, new_name)
    return Planned(Preview(new_name, tuple(chosen), _unlike(service, chosen, None)), split)


def _chosen(service: Service, person: Person, photos: Sequence[str]) -> list[EnrolledFace]:
    """The person's faces in these photos, named by path, first digits of the SHA-256, or face id.

    Raises:
        NotFound: one of them is none of the person's.
    """
    own = service.catalogue.faces_of(person.id)
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
                f"{person.name} has no photo {photo!r}. `rollcall people show` lists what there is."
            )
        chosen.update({face.id: face for face in found})
    return list(chosen.values())


def _preview(service: Service, faces: Sequence[EnrolledFace], target: Person) -> Preview:
    return Preview(target.name, tuple(faces), _unlike(service, faces, target))


def _unlike(
    service: Service, faces: Sequence[EnrolledFace], target: Person | None
) -> tuple[EnrolledFace, ...]:
    """Those that are not shown to be the target's person, or else one person with one another."""
    collection = service.collection.id
    ids, _, moving = service.catalogue.vectors(collection, [face.id for face in faces])
    own = [] if target is None else service.catalogue.faces_of(target.id)
    # A comparison with one person, whom somebody chose, and no search among all: see `verify`.
    if own:
        there = service.catalogue.vectors(collection, [face.id for face in own])[2]
        scores, needed = _scores_against(moving, there), service.gate.of_person
    else:
        scores, needed = _scores_within(moving), service.gate.of_photos
    low: Ints = ids[scores < needed]
    return tuple(face for face in faces if face.id in low)


def _scores_against(moving: Vectors, there: Vectors) -> np.ndarray[Any, np.dtype[np.float32]]:
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
