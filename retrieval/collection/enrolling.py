"""Taking photos in: what each photo of a batch becomes, and one transaction for those that stay."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from retrieval.boxes import overlaps, same_face
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.names import clean_name, folded
from retrieval.catalogue.picture_rows import Of
from retrieval.catalogue.records import (
    Collection,
    Enrolment,
    EnrolmentOutcome,
    NewFace,
    Owner,
    Person,
)
from retrieval.collection.common_face import common_face, only
from retrieval.collection.enrolments import EnrolItem, EnrolResult, FaceBox
from retrieval.collection.photo_faces import (
    Choice,
    Fault,
    FoundFaces,
    InBox,
    PhotoFaces,
    PhotoFailure,
)
from retrieval.collection.pipeline import Pipeline
from retrieval.collection.thumbnails import cut
from retrieval.errors import FaceUnusable, NameInvalid, NoFace, SameName
from retrieval.faces.quality import dominant
from retrieval.photos.store import PhotoStore
from retrieval.values import Source, Vectors

# Programs draw regions from the chin to the hair or around the head, detectors around the face.
_TAGGED_IOU = 0.15


class Enroller:
    """Enrols batches of photos into one collection.

    Args:
        catalogue, collection, pipeline: of it.
        photos: where copies go.
        thumbnails: whether a picture of each face is kept.
        enrolled: vectors (n, d) of what a person's enrolled photos show.
        same_from: cosine from which on two faces are one person's; None, as without `enrolled`:
            a photo of several faces is never asked which of them the others show.
        namesake: who would be taken for somebody of a name and a number, by the name alone, with
            the vectors (n, d) of what their enrolled photos show.
        unlike: cosine below which two photos hardly show one person; None: names are believed.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        collection: Collection,
        pipeline: Pipeline,
        photos: PhotoStore,
        *,
        thumbnails: bool = True,
        enrolled: Callable[[str], Vectors] | None = None,
        same_from: float | None = None,
        namesake: Callable[[str, str | None], tuple[Person, Vectors] | None] = lambda *_: None,
        unlike: float | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.collection = collection
        self.pipeline = pipeline
        self.photos = photos
        self._cut = cut if thumbnails else None
        self._enrolled = enrolled
        self._same_from = same_from
        self._namesake = namesake
        self._unlike = unlike

    def take(self, batch: Sequence[EnrolItem]) -> list[EnrolResult]:
        """Enrol a batch in one transaction; a result per item, in order."""
        results: dict[int, EnrolResult] = {}
        todo, owners = self._unknown(batch, results)
        batch = [replace(item, part=True) if n in owners else item for n, item in enumerate(batch)]
        choices = [_choice(batch[row]) for row in todo]
        found = self.pipeline.process(list(todo.values()), choices, self._cut)
        found, remarks = self._commonly(batch, todo, found)
        found = self._without_others(batch, todo, found)
        pictures: dict[int, bytes] = {}
        new: dict[int, NewFace] = {}
        shown: dict[int, tuple[bytes, ...]] = {}
        for row, entry in zip(todo, found, strict=True):
            if isinstance(entry, PhotoFailure):
                results[row] = _rejected(batch[row], entry.error)
            elif row in owners and (owner := _owner_of(owners[row], entry)) is not None:
                results[row] = _same_face(batch[row], entry.sha256, owner.called)
            else:
                new[row], shown[row] = _new_face(batch[row], entry), entry.pictures
        collection = self.collection
        enrolments = self.catalogue.enrol(collection.id, list(new.values()), collection.fingerprint)
        for row, enrolment in zip(new, enrolments, strict=True):
            result = _enrolled(batch[row], new[row].sha256, enrolment)
            results[row] = replace(result, remark=remarks.get(row, result.remark))
            if (
                self.photos.keeps
                and not batch[row].part
                and enrolment.outcome is EnrolmentOutcome.ENROLLED
            ):
                self._keep(new[row].sha256, todo[row])
            face = enrolment.face_id
            if shown[row] and face and enrolment.outcome is EnrolmentOutcome.ENROLLED:
                pictures[face] = shown[row][0]
        self.catalogue.thumbnails.put(collection.id, Of.FACE, pictures)
        return [results[row] for row in range(len(batch))]

    def _commonly(
        self,
        batch: Sequence[EnrolItem],
        todo: Mapping[int, Source],
        found: Sequence[PhotoFaces | PhotoFailure],
    ) -> tuple[list[PhotoFaces | PhotoFailure], dict[int, str]]:
        """Take the face that a person's photos have in common where a photo has several.

        Those of people of whom there is no other photo are not embedded.

        Returns:
            what was found, with those photos in place of their failures; a remark of each, by row.
        """
        told: dict[int, str] = {}
        chosen: dict[int, PhotoFaces] = {}
        taken = dict(zip(todo, found, strict=True))
        unclear = {
            row: each
            for row, each in taken.items()
            if isinstance(each, PhotoFailure) and each.unclear is not None
        }
        if not unclear or self._same_from is None or self._enrolled is None:
            return list(found), told
        people = Counter(batch[row].person for row in taken)
        known = {batch[row].person: self._enrolled(batch[row].person) for row in unclear}
        others_of = [name for name in known if people[name] > 1 or len(known[name])]
        unclear = {row: e for row, e in unclear.items() if batch[row].person in others_of}
        all_faces = self.pipeline.unclear(list(unclear.values()))
        seen = {
            row: f for row, f in zip(unclear, all_faces, strict=True) if isinstance(f, PhotoFaces)
        }
        for row, photo in seen.items():
            person = batch[row].person
            others = [vector[None] for vector in known[person]]
            clear = [each for other, each in taken.items() if batch[other].person == person]
            others += [each.faces.vectors for each in clear if isinstance(each, PhotoFaces)]
            if not others:  # none of the photos has one face alone
                others = [
                    each.faces.vectors
                    for other, each in seen.items()
                    if other != row and batch[other].person == person
                ]
            best = common_face(photo, others, self._same_from)
            if best is not None:
                told[row] = (
                    f"Of {len(photo.faces.detections)} faces number {best + 1} was taken: the other"
                    " photos show it as well."
                )
                chosen[row] = only(photo, best)
        return [chosen.get(row, each) for row, each in taken.items()], told

    def _without_others(
        self,
        batch: Sequence[EnrolItem],
        todo: Mapping[int, Source],
        found: Sequence[PhotoFaces | PhotoFailure],
    ) -> list[PhotoFaces | PhotoFailure]:
        """Refuse photos whose name is taken by somebody whom none of them resembles.

        A person's photos are looked at together: one that shows who is enrolled speaks for all.
        """
        if self._unlike is None:
            return list(found)
        taken = dict(zip(todo, found, strict=True))
        named: dict[tuple[str, str | None], list[int]] = defaultdict(list)
        for row, each in taken.items():
            item = batch[row]
            if isinstance(each, PhotoFaces) and not item.same_person:
                named[folded(item.person), item.external_id].append(row)
        for rows in named.values():
            first = batch[rows[0]]
            known = self._namesake(first.person, first.external_id)
            new = [each.faces.vectors for row in rows if isinstance(each := taken[row], PhotoFaces)]
            if known is None or not len(known[1]):
                continue
            if float((np.concatenate(new) @ known[1].T).max()) < self._unlike:
                for row in rows:
                    taken[row] = PhotoFailure(todo[row], _same_name(known[0]))
        return list(taken.values())

    def _keep(self, sha256: str, source: Source) -> None:
        if isinstance(source.content, bytes):  # `_unknown` has read it
            self.photos.keep(sha256, source.content)

    def _unknown(
        self, batch: Sequence[EnrolItem], results: dict[int, EnrolResult]
    ) -> tuple[dict[int, Source], dict[int, tuple[Owner, ...]]]:
        """The photos to decode, by row; the results of those that need not be are filled in.

        Of those of which a face is enrolled for somebody else, only a face that is chosen is looked
        for: also by whom they are enrolled.
        """
        read = self.pipeline.read([Source(item.photo, item.content) for item in batch])
        hashes = [entry[1] for entry in read if isinstance(entry, tuple)]
        owners = self.catalogue.owners(self.collection.id, hashes)
        todo: dict[int, Source] = {}
        others: dict[int, tuple[Owner, ...]] = {}
        before: set[str] = set()  # hashes of the batch's photos
        for row, (item, entry) in enumerate(zip(batch, read, strict=True)):
            try:
                person = clean_name(item.person)
            except NameInvalid as error:
                results[row] = _rejected(item, error)
                continue
            if isinstance(entry, PhotoFailure):
                results[row] = _rejected(item, entry.error)
            elif not (there := owners.get(entry[1], ())):
                todo[row] = entry[0]
                if entry[1] in before and _is_chosen(item):
                    others[row] = ()
                before.add(entry[1])
            elif any(owner.may_be(person, item.external_id) for owner in there):
                results[row] = EnrolResult(item.person, item.photo, "known", sha256=entry[1])
            elif _is_chosen(item):
                todo[row], others[row] = entry[0], there
            else:
                whose = " and ".join(repr(owner.called) for owner in there)
                results[row] = _other_person(item, entry[1], whose)
        return todo, others


def _is_chosen(item: EnrolItem) -> bool:
    """Whether somebody said which face of the photo is meant."""
    return item.part or item.face is not None or item.box is not None


def _owner_of(owners: Iterable[Owner], entry: PhotoFaces) -> Owner | None:
    """Under whom the face that was chosen is enrolled already, if it is."""
    chosen = entry.faces.detections.boxes[:1]
    for owner in owners:
        if owner.box is not None and same_face(chosen, owner.box[None]).any():
            return owner
    return None


def _same_name(enrolled: Person) -> SameName:
    return SameName(
        f"{enrolled.called} is enrolled, and looks otherwise. If it is the same person, say so; if"
        " it is another one of this name, give both an employee number."
    )


def _choice(item: EnrolItem) -> Choice:
    if item.box is not None:
        return InBox(item.box, enrollable)
    if item.regions:
        return partial(tagged, regions=item.regions)
    return partial(enrollable, face=item.face)


def tagged(found: FoundFaces, regions: Sequence[FaceBox]) -> int:
    """The face that overlaps a tagged region.

    Raises:
        NoFace: none does.
        FaceUnusable: see the message.
    """
    sides = np.array([found.width, found.height] * 2, np.float32)
    shared = overlaps(np.array(regions, np.float32) * sides, found.detections.boxes)
    for row in shared if len(found.detections) else ():
        if row.max() >= _TAGGED_IOU:
            return enrollable(found, int(row.argmax()) + 1)
    raise NoFace("No face was found where the photo is tagged. Tag it anew, or take another photo.")


def enrollable(found: FoundFaces, face: int | None = None) -> int:
    """The face that an enrolment photo means, by its number if there is one; see `dominant`.

    Raises:
        NoFace, SeveralFaces, NotFound, FaceUnusable: see the messages.
    """
    row = dominant(found.detections.boxes, name=found.name, chosen=face)
    reason = found.quality.reasons[row]
    if reason is not None:
        raise FaceUnusable(f"{found.name}: the face cannot be used: {reason}. Take another photo.")
    return row


def _new_face(item: EnrolItem, entry: PhotoFaces) -> NewFace:
    detections, quality = entry.faces.detections, entry.faces.quality
    return NewFace(
        person=item.person,
        external_id=item.external_id,
        sha256=entry.sha256,
        photo=item.photo,
        width=entry.width,
        height=entry.height,
        box=detections.boxes[0],
        landmarks=detections.landmarks[0],
        score=float(detections.scores[0]),
        size_px=float(quality.size_px[0]),
        sharpness=float(quality.sharpness[0]),
        yaw_deg=float(quality.yaw_deg[0]),
        cut_off=float(quality.cut_off[0]),
        vector=entry.faces.vectors[0],
        part=item.part,
    )


def _rejected(item: EnrolItem, error: Fault) -> EnrolResult:
    return EnrolResult(item.person, item.photo, "rejected", error.code, str(error))


def _other_person(item: EnrolItem, sha256: str, owner: str) -> EnrolResult:
    message = (
        f"The same photo is enrolled under {owner}. If it shows {item.person!r} as well, choose"
        f" the face. If it shows {item.person!r} alone, remove it there: rollcall photos remove"
        f" {sha256[:12]}"
    )
    return EnrolResult(item.person, item.photo, "rejected", "other-person", message, sha256=sha256)


def _same_face(item: EnrolItem, sha256: str, owner: str) -> EnrolResult:
    message = f"This face of the photo is enrolled under {owner!r}. Choose another one."
    return EnrolResult(item.person, item.photo, "rejected", "other-person", message, sha256=sha256)


def _enrolled(item: EnrolItem, sha256: str, enrolment: Enrolment) -> EnrolResult:
    if enrolment.outcome is EnrolmentOutcome.ENROLLED:
        return EnrolResult(
            item.person,
            item.photo,
            "enrolled",
            face_id=enrolment.face_id,
            sha256=sha256,
            remark=enrolment.remark,
        )
    if enrolment.outcome is EnrolmentOutcome.DUPLICATE:
        return EnrolResult(item.person, item.photo, "known", sha256=sha256)
    return EnrolResult(
        item.person,
        item.photo,
        "rejected",
        enrolment.outcome.value,
        f"Not taken: {enrolment.reason}.",
        sha256=sha256,
    )
