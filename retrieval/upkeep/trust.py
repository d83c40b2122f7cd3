"""What makes answers trustworthy: a collection calibrated on its own photos, and checked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import uuid4

import numpy as np

from retrieval.catalogue.records import EnrolledFace
from retrieval.collection.calibrated_gallery import StoredCalibration
from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.identities.calibrate import Calibration, calibrate, missing
from retrieval.identities.health import Findings, examine
from retrieval.identities.trials import Trials, ask_gallery
from retrieval.service import Service
from retrieval.upkeep.documents import CalibrationDocument, FiledPhoto, HealthDocument
from retrieval.values import Gate


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A collection's calibration, and the searches that it was measured by.

    Attributes:
        calibration: threshold, margin and what they are worth.
        trials: the gallery's answers about its own photos.
        before: the gate until now.
    """

    calibration: Calibration
    trials: Trials
    before: Gate

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **self.calibration.document(),
            "before": {"threshold": self.before.threshold, "source": self.before.source},
        }


def calibrate_collection(service: Service, fpir: float, *, keep: bool = True) -> Calibrated:
    """Choose a collection's threshold and margin from its own photos.

    Args:
        service: of the collection.
        fpir: wanted false positive identification rate.
        keep: whether the collection uses the result from now on, in all processes.

    Raises:
        SettingInvalid: the rate is not between 0 and 1.
        DataInvalid: there are too few photos; the collection keeps the threshold that it had.
    """
    if not 0 < fpir < 1:
        raise SettingInvalid(f"A false positive rate lies between 0 and 1; found {fpir}.")
    collection = service.active_model.collection
    before = service.gate
    _, people, vectors = service.catalogue.vectors(collection.id)
    lacking = missing(people)
    if lacking is not None:
        raise DataInvalid(
            f"{lacking[0].upper()}{lacking[1:]}. The collection keeps its threshold"
            f" {before.threshold:.3f} ({before.source}); enrol more photos and repeat."
        )
    trials = ask_gallery(vectors, people)
    result = Calibrated(
        calibrate(trials, fpir, service.active_model.calibrated.default), trials, before
    )
    if keep:
        stamp, moment = uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds")
        stored = StoredCalibration(stamp, moment, result.calibration)
        model = collection.fingerprint
        service.catalogue.set_calibration(collection.id, stored.document(), model)
        service.write_index()
    return result


def forget_calibration(service: Service) -> None:
    """Let a collection use its model's default threshold again, in all processes."""
    service.catalogue.set_calibration(service.collection.id, None)
    service.write_index()


def calibration_shown(service: Service) -> CalibrationDocument:
    """The gate in use, and the calibration behind it."""
    calibrated = service.calibrated
    stored, gate = calibrated.stored, calibrated.gate()
    return {
        "threshold": gate.threshold,
        "margin": gate.margin,
        "source": gate.source,
        "measured_at": None if stored is None else stored.measured_at,
        "calibration": None if stored is None else stored.calibration,
    }


POOR_PX = 40.0  # of a face's box: below a third of a chip, an embedder mostly sees interpolation


def filed(face: EnrolledFace) -> FiledPhoto:
    """Where an enrolled photo is filed, as JSON."""
    return {
        "photo": face.photo,
        "face_id": face.id,
        "person": face.person,
        "person_id": face.person_id,
    }


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A photo that looks like another person than the one under whom it is filed.

    Attributes:
        face: filed under `face.person`.
        looks_like, looks_like_id: the other person.
        lead: how much nearer the photo is to its own person; negative.
        other: a photo of the other person.
    """

    face: EnrolledFace
    looks_like: str
    looks_like_id: int
    lead: float
    other: EnrolledFace | None = None


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two people of whom `share` of the first's photos are hardly told from the second's."""

    person: str
    other: str
    share: float


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Photos that are nearly the same, of one person or of several; the largest face first."""

    faces: tuple[EnrolledFace, ...]
    cosine: float

    @property
    def one_person(self) -> bool:
        """Whether all are filed under one person."""
        return len({face.person_id for face in self.faces}) == 1

    @property
    def whose(self) -> str:
        """The people whose they are, in words."""
        return " and ".join(dict.fromkeys(face.called for face in self.faces))


@dataclass(frozen=True, slots=True)
class OnePerson:
    """Somebody under two names: half of the photos of each would be the other's match.

    Attributes:
        faces: of the one and of the other.
        score: see `identities.health.Twice`.
    """

    faces: tuple[tuple[EnrolledFace, ...], tuple[EnrolledFace, ...]]
    score: float


@dataclass(frozen=True, slots=True)
class Stranger:
    """A photo that resembles nobody here: neither its person's others nor anybody else.

    Attributes:
        face: filed under `face.person`.
        score: with the others of its person; below the threshold, or near somebody's whom it does
            not resemble either.
    """

    face: EnrolledFace
    score: float


@dataclass(frozen=True, slots=True)
class Parts:
    """Somebody whose photos fall into groups that are not alike: perhaps several people."""

    person: str
    person_id: int
    groups: tuple[tuple[EnrolledFace, ...], ...]


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with a collection, worst first.

    Attributes:
        people, faces: that were examined.
        misplaced, strangers, parts, twice, look_alikes, copies: the findings of each kind.
        few: people with fewer than three photos, and how many they have.
        poor: people all of whose faces are smaller than 40 pixels.
        not_compared: what was not looked at, in sentences.
    """

    people: int
    faces: int
    misplaced: tuple[Misplaced, ...]
    strangers: tuple[Stranger, ...]
    parts: tuple[Parts, ...]
    twice: tuple[OnePerson, ...]
    look_alikes: tuple[LookAlikes, ...]
    copies: tuple[CopyGroup, ...]
    few: tuple[tuple[str, int], ...]
    poor: tuple[str, ...]
    not_compared: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was found; `not_compared` says in what nothing could be found."""
        found = (self.misplaced, self.strangers, self.parts, self.twice, self.look_alikes)
        return not any((*found, self.copies, self.few, self.poor))

    def document(self) -> HealthDocument:
        """As JSON."""
        return {
            "people": self.people,
            "faces": self.faces,
            "mislabelled": [
                {
                    **filed(found.face),
                    "looks_like": found.looks_like,
                    "looks_like_id": found.looks_like_id,
                    "lead": round(found.lead, 4),
                }
                for found in self.misplaced
            ],
            "resembling_nobody": [
                {**filed(found.face), "score": round(found.score, 4)} for found in self.strangers
            ],
            "in_groups": [
                {
                    "person": found.person,
                    "person_id": found.person_id,
                    "groups": [[face.photo for face in group] for group in found.groups],
                    "face_ids": [[face.id for face in group] for group in found.groups],
                }
                for found in self.parts
            ],
            "under_two_names": [
                {
                    "people": [face.called for face, *_ in found.faces],
                    "person_ids": [face.person_id for face, *_ in found.faces],
                    "score": round(found.score, 4),
                }
                for found in self.twice
            ],
            "look_alikes": [
                {"person": found.person, "other": found.other, "share": round(found.share, 3)}
                for found in self.look_alikes
            ],
            "copies": [
                {
                    "photos": [face.photo for face in found.faces],
                    "people": [face.person for face in found.faces],
                    "face_ids": [face.id for face in found.faces],
                    "cosine": round(found.cosine, 4),
                }
                for found in self.copies
            ],
            "few_photos": [{"person": name, "photos": count} for name, count in self.few],
            "poor_photos": list(self.poor),
            "not_compared": list(self.not_compared),
            "sound": self.sound,
        }


def examine_collection(service: Service) -> Health:
    """Look for photos under the wrong name, look-alikes, copies and thin enrolments."""
    ids, people, vectors = service.catalogue.vectors(service.collection.id)
    faces = service.catalogue.faces(ids.tolist())
    whose = zip(ids.tolist(), people.tolist(), strict=True)
    there = [face in faces and faces[face].person_id == person for face, person in whose]
    ids, people, vectors = ids[there], people[there], vectors[there]  # the rest went meanwhile
    names = {face.person_id: face.person for face in faces.values()}
    calibrated = service.calibrated
    calibrated.gallery.catch_up()
    found = examine(vectors, people, gate=calibrated.gate())
    owners, counts = np.unique(people, return_counts=True)
    listed = [faces[face_id] for face_id in ids.tolist()]
    usable = {face.person for face in listed if face.size_px >= POOR_PX}
    of_person: dict[int, tuple[EnrolledFace, ...]] = {
        person: tuple(group)
        for person, group in groupby(
            sorted(listed, key=lambda face: face.person_id), key=lambda face: face.person_id
        )
    }
    sizes = dict(zip(owners.tolist(), counts.tolist(), strict=True))

    def face(row: int) -> EnrolledFace:
        return faces[int(ids[row])]

    return Health(
        people=len(owners),
        faces=len(ids),
        misplaced=tuple(
            Misplaced(
                face(m.row),
                names[m.looks_like],
                m.looks_like,
                m.lead,
                of_person.get(m.looks_like, (None,))[0],
            )
            for m in found.mislabelled
        ),
        strangers=tuple(Stranger(face(u.row), u.score) for u in found.unlike),
        parts=tuple(
            Parts(names[p.person], p.person, tuple(tuple(map(face, group)) for group in p.groups))
            for p in found.parted
        ),
        look_alikes=tuple(
            LookAlikes(names[a.person], names[a.other], a.share) for a in found.alike
        ),
        twice=tuple(
            OnePerson((of_person[t.person], of_person[t.other]), t.score) for t in found.twice
        ),
        copies=tuple(
            CopyGroup(tuple(sorted(map(face, c.rows), key=lambda f: -f.size_px)), c.cosine)
            for c in found.copies
        ),
        few=tuple((names[person], sizes[person]) for person in found.few),
        poor=tuple(sorted({face.person for face in listed} - usable)),
        not_compared=_not_compared(found, len(owners)),
    )


def _not_compared(found: Findings, people: int) -> tuple[str, ...]:
    told = []
    if not found.across and people:
        told.append(
            "photos with those of other people: that takes four people, one of them with two photos"
            f" or more; there are {people}"
        )
    if found.alone:
        one = len(found.alone) == 1
        whose = "1 person has" if one else f"{len(found.alone)} people have"
        told.append(f"{whose} one photo, which was compared with no other of theirs")
    return tuple(told)
