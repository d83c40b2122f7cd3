"""Strangers who come again: their faces in groups, and a name for a group."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from retrieval.catalogue.names import clean_external_id, clean_name
from retrieval.catalogue.records import Enrolment, JournalEntry, NewFace
from retrieval.catalogue.strangers import Strangers, UnknownFace
from retrieval.collection.active_model import CANDIDATES
from retrieval.errors import NotFound
from retrieval.identities.decide import decide
from retrieval.identities.groups import group, learn_distance, nearest_group
from retrieval.people.documents import NamingDocument, SeenFace, StrangersDocument
from retrieval.service import Service
from retrieval.values import Ints, Outcome, Vectors

MOST_FACES = 5_000  # the newest; grouping holds a distance for each pair of them
_REGROUP_SHARE = 0.1  # of faces that joined groups one by one, before all are grouped anew


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Faces that seem to be one stranger's, newest last.

    Attributes:
        id: of its first face.
        faces: at least one.
    """

    id: int
    faces: tuple[UnknownFace, ...]

    @property
    def photos(self) -> tuple[str, ...]:
        """In which photos, each once."""
        return tuple(dict.fromkeys(face.photo for face in self.faces))

    @property
    def seen(self) -> tuple[datetime, datetime]:
        """First and last time."""
        moments = [face.seen_at for face in self.faces if face.seen_at is not None]
        return min(moments), max(moments)

    def document(self) -> StrangersDocument:
        """As JSON."""
        first, last = self.seen
        return {
            "group": self.id,
            "faces": len(self.faces),
            "face_ids": [face.id for face in self.faces],
            "photos": list(self.photos),
            "first_seen": first.isoformat(timespec="seconds"),
            "last_seen": last.isoformat(timespec="seconds"),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Naming:
    """What became of naming a group.

    Attributes:
        person: the name.
        enrolled: faces of the group that are enrolled now.
        known: other faces, unknown until now, that are named as this person from now on.
        entry: of the journal; its undo makes all of them unknown again.
    """

    person: str
    enrolled: tuple[UnknownFace, ...]
    known: tuple[UnknownFace, ...]
    entry: JournalEntry

    def document(self) -> NamingDocument:
        """As JSON."""
        return {
            "person": self.person,
            "enrolled": [_told(face) for face in self.enrolled],
            "now_known": [_told(face) for face in (*self.enrolled, *self.known)],
            "edit": {"entry": self.entry.id, "summary": self.entry.summary},
        }


def list_groups(service: Service, days: int | None = None, *, least: int = 1) -> list[Group]:
    """Group the unknown faces that were kept, largest group first.

    Args:
        service: of the collection.
        days: only faces seen in these last days; None for all that are kept.
        least: only groups with so many faces or more.
    """
    store = service.catalogue.strangers
    faces = store.newest(service.collection.id, MOST_FACES, days)
    if not faces:
        return []
    ids = np.array([face.id for face in faces], np.int64)
    vectors = np.stack([face.vector for face in faces])
    before = np.array([-1 if face.group is None else face.group for face in faces], np.int64)
    photos = np.unique([face.sha256 for face in faces], return_inverse=True)[1]
    groups = _grouped(ids, vectors, photos, before, lambda: _distance(service, len(faces)))
    changed = groups != before
    store.group(ids[changed], groups[changed])
    found = [
        Group(number, tuple(faces[row] for row in np.flatnonzero(groups == number)))
        for number in np.unique(groups).tolist()
    ]
    return sorted(
        (group for group in found if len(group.faces) >= least),
        key=lambda group: (-len(group.faces), group.id),
    )


def name_group(
    service: Service,
    group_id: int,
    name: str,
    face_ids: Collection[int] | None = None,
    external_id: str | None = None,
) -> Naming:
    """Enrol a group's faces under a name, as an edit that can be undone.

    Args:
        service: of the collection.
        group_id: from `list_groups`.
        name: of a new person, or of one who is enrolled.
        face_ids: those that whoever names them has seen; None for all that are in the group.
        external_id: the number, which tells people of one name apart.

    Raises:
        NotFound: there is no such group (any more), or one of these faces is not in it.
        NameInvalid: an empty or unprintable name.
        AlreadyExists: the number is somebody else's, or several people have the name.
    """
    name, number = clean_name(name), clean_external_id(external_id)
    store = service.catalogue.strangers
    model = (
        service.active_model.collection.fingerprint
    )  # read before the faces: both are of one model
    kept = store.newest(service.collection.id, MOST_FACES, None)
    faces = [face for face in kept if face.group == group_id]
    if face_ids is not None:
        faces = [face for face in faces if face.id in face_ids]
        if len(faces) < len(set(face_ids)):
            raise NotFound(
                f"The group {group_id} of unknown faces has changed meanwhile. Nothing was"
                " enrolled; look at it again."
            )
    if not faces:
        raise NotFound(
            f"There is no group {group_id} of unknown faces. `rollcall unknowns list` shows them."
        )
    enrolments, entry = _enrol(service, store, faces, (name, number), model)
    taken = {face.id for face in faces}
    others = [face for face in kept if face.id not in taken]
    known = _named(service, others, enrolments, model)
    store.know((face.id for face in known), entry.id)
    return Naming(name, tuple(faces), tuple(known), entry)


def _distance(service: Service, faces: int) -> float:
    """How far apart faces of one group may be: learned from the enrolled, or the model's own."""
    _, people, vectors = service.catalogue.vectors(service.collection.id)
    learned = learn_distance(vectors, people, faces)
    if learned is not None:
        return learned
    gate = service.calibrated.default
    return 1 - gate.of_photos


def _grouped(
    ids: Ints, vectors: Vectors, photos: Ints, before: Ints, learn: Callable[[], float]
) -> Ints:
    """The group of each face, named by its first face: new ones join, or all are grouped anew.

    So are groups that hold two faces of one photo, as a former version made them. The distance is
    learned where a face is to be grouped, and not to look at groups.
    """
    new = np.flatnonzero(before < 0)
    pairs = np.stack([photos, before])[:, before >= 0]
    if len(new) > _REGROUP_SHARE * len(ids) or np.unique(pairs, axis=1).shape != pairs.shape:
        labels = group(vectors, photos, learn())
        first = np.unique(labels, return_index=True)[1]
        return ids[first][labels]
    groups = before.copy()
    distance = learn() if len(new) else 0.0
    for row in new:
        there = groups >= 0
        taken = groups[there & (photos == photos[row])]
        found = nearest_group(vectors[row], vectors[there], groups[there], distance, taken)
        groups[row] = ids[row] if found < 0 else found
    return groups


def _enrol(
    service: Service,
    store: Strangers,
    faces: Sequence[UnknownFace],
    who: tuple[str, str | None],
    model: str,
) -> tuple[list[Enrolment], JournalEntry]:
    """Enrol faces; a photo that shows somebody enrolled as well is known by its part."""
    new = [_new_face(face, *who) for face in faces]
    return store.enrol(service.collection.id, faces, new, model)


def _new_face(face: UnknownFace, name: str, number: str | None) -> NewFace:
    return NewFace(
        person=name,
        external_id=number,
        sha256=face.sha256,
        photo=face.photo,
        width=face.width,
        height=face.height,
        box=face.box,
        landmarks=face.landmarks,
        score=face.score,
        size_px=face.size_px,
        sharpness=face.sharpness,
        yaw_deg=face.yaw_deg,
        cut_off=face.cut_off,
        vector=face.vector,
    )


def _named(
    service: Service, faces: Sequence[UnknownFace], enrolments: Sequence[Enrolment], model: str
) -> list[UnknownFace]:
    """Of faces that were unknown, those that are the person's now under whom others were taken."""
    active_model = service.active_model
    person_ids = {each.person_id for each in enrolments}
    if not faces or active_model.collection.fingerprint != model:
        return []
    calibrated = active_model.calibrated
    calibrated.gallery.catch_up()
    hits = calibrated.gallery.search(np.stack([face.vector for face in faces]), CANDIDATES)
    gate = calibrated.gate()
    decisions = [
        decide(hits.rows(slice(row, row + 1)), [None], gate)[0] for row in range(len(faces))
    ]
    return [
        face
        for face, decision in zip(faces, decisions, strict=True)
        if decision.outcome is Outcome.MATCH and decision.person_id in person_ids
    ]


def _told(face: UnknownFace) -> SeenFace:
    seen = None if face.seen_at is None else face.seen_at.isoformat(timespec="seconds")
    return {"photo": face.photo, "face": face.face, "seen_at": seen}
