"""The health of a collection: photos and people that answers cannot rely on."""

from dataclasses import dataclass

import numpy as np

from retrieval.catalogue.records import EnrolledFace
from retrieval.identities.health import Findings, examine
from retrieval.service import Service
from retrieval.upkeep.findings import Finding, findings_of

POOR_PX = 40.0  # of a face's box: below a third of a chip, an embedder mostly sees interpolation


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two people of whom `share` of the first's photos are hardly told from the second's."""

    person: str
    other: str
    share: float


@dataclass(frozen=True, slots=True)
class FewPhotos:
    """Somebody with fewer photos than answers need to be sure."""

    person: str
    photos: int


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with a collection.

    Attributes:
        people, faces: that were examined.
        findings: what somebody should decide, without what was dismissed; the worst first.
        look_alikes: people about whom answers may be ambiguous.
        few_photos: people with fewer than three photos.
        poor_photos: people all of whose faces are smaller than 40 pixels.
        not_compared: what was not looked at, in sentences.
        sound: whether nothing was found; `not_compared` says in what nothing could be found.
    """

    people: int
    faces: int
    findings: tuple[Finding, ...]
    look_alikes: tuple[LookAlikes, ...]
    few_photos: tuple[FewPhotos, ...]
    poor_photos: tuple[str, ...]
    not_compared: tuple[str, ...]
    sound: bool


def examine_collection(service: Service) -> Health:
    """Look for photos under the wrong name, look-alikes, copies and thin enrolments."""
    ids, people, vectors = service.catalogue.vectors(service.collection.id)
    known = service.catalogue.faces(ids.tolist())
    whose = zip(ids.tolist(), people.tolist(), strict=True)
    there = [face in known and known[face].person_id == person for face, person in whose]
    ids, people, vectors = ids[there], people[there], vectors[there]  # the rest went meanwhile
    faces = [known[face] for face in ids.tolist()]
    calibrated = service.calibrated
    calibrated.gallery.catch_up()
    found = examine(vectors, people, gate=calibrated.gate())
    dismissed = service.catalogue.dismissed_findings(service.collection.id)
    findings = tuple(each for each in findings_of(found, faces) if each.id not in dismissed)
    names = {face.person_id: face.person for face in faces}
    owners, counts = np.unique(people, return_counts=True)
    sizes = dict(zip(owners.tolist(), counts.tolist(), strict=True))
    alike = tuple(
        LookAlikes(names[pair.person], names[pair.other], round(pair.share, 3))
        for pair in found.alike
    )
    few = tuple(FewPhotos(names[person], sizes[person]) for person in found.few)
    poor = _poor(faces)
    return Health(
        people=len(owners),
        faces=len(ids),
        findings=findings,
        look_alikes=alike,
        few_photos=few,
        poor_photos=poor,
        not_compared=_not_compared(found, len(owners)),
        sound=not any((findings, alike, few, poor)),
    )


def _poor(faces: list[EnrolledFace]) -> tuple[str, ...]:
    usable = {face.person for face in faces if face.size_px >= POOR_PX}
    return tuple(sorted({face.person for face in faces} - usable))


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
