"""Another model for a collection: embedded beside the active one, compared, and switched to.

    target = other_model(settings, service.collection, "facenet512")   # retrieval.building
    survey(service, target)        # what cannot be embedded anew
    begin(service, target)         # from now on the collection keeps both
    follow_up(service)             # embed what has no vector of the other model yet
    prepare(service)               # calibrate it, make its index, compare both
    switch(service); switch(service, back=True); drop(service)

Answers go on all the time. Faces keep their places (box, landmarks), so nothing is detected again
and every face stays who it is. Faces that are enrolled meanwhile get a vector of the active model;
`follow_up` gives them one of the other, and `switch` follows up itself.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np

from retrieval.catalogue.enrolment import is_of
from retrieval.catalogue.models.other_model_rows import KnownFace, OtherModel
from retrieval.catalogue.records import Collection
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.calibrated_gallery import StoredCalibration
from retrieval.collection.photo_faces import Fault, PhotoFailure
from retrieval.errors import InputError, PhotoUnreadable, SettingInvalid, SwapIncomplete, try_each
from retrieval.photos.urls import location_of
from retrieval.service import Service
from retrieval.upkeep.model_comparison import Comparison, on_own_photos, on_queries, recent_queries
from retrieval.upkeep.swap_status import Missed, Status
from retrieval.values import Source, counted

BATCH_FACES = 32  # a transaction when embedding anew; bounds the memory of a batch as well
LISTED_FACES = 1_000  # a query when a run is listed
_ROUNDS = 20  # of following up while faces are enrolled; each is shorter than the one before
Progress = Callable[[int], None]  # is told how many faces more were looked at


def status(service: Service) -> Status:
    """How a collection's two models stand."""
    other_models, active = service.catalogue.other_models, service.active_model.collection
    other_model = other_models.find(active.id)
    return Status(
        active,
        other_models.lacks(active.id, active.fingerprint),
        other_model,
        0 if other_model is None else other_models.lacks(active.id, other_model.fingerprint),
        service.catalogue.counts(active.id).faces,
    )


def survey(
    service: Service,
    target: Collection,
    base: Path = Path(),
    progress: Progress = lambda n: None,
) -> list[Missed]:
    """Which faces cannot be embedded anew, because their photo is gone or another by now.

    Args:
        service: of the collection.
        target: the collection with the model that it is to have.
        base: where relative paths of photos start.
        progress: is told how many faces more were looked at.
    """
    other_models = service.catalogue.other_models
    other_model = other_models.find(target.id)
    known = target.fingerprint in (
        service.active_model.collection.fingerprint,
        None if other_model is None else other_model.fingerprint,
    )
    missed: list[Missed] = []
    after = 0
    while True:
        faces = (
            other_models.lacking(target.id, target.fingerprint, after, BATCH_FACES)
            if known
            else other_models.faces(target.id, after, BATCH_FACES)
        )
        if not faces:
            return missed
        after = faces[-1].id
        read = _originals(service, faces, base)
        missed += [found for found in read if isinstance(found, Missed)]
        progress(len(faces))


def begin(service: Service, target: Collection) -> OtherModel:
    """Let the collection keep another model beside its own; the same again goes on.

    Raises:
        AlreadyExists: that is its model, or it keeps another one beside it.
    """
    return service.catalogue.other_models.begin(
        service.collection.id,
        embedder=target.embedder,
        precision=target.precision,
        mirror=target.mirror,
        fingerprint=target.fingerprint,
        dimension=target.dimension,
    )


def listed(service: Service, fingerprint: str) -> Iterator[ListedPhoto]:
    """The faces that have no vector of a model, as photos of a run of kind `embed`.

    A run's photo is told from others by its path and its person; several faces of one person that
    were enrolled from photos of one name are told apart by their ids.
    """
    other_models, after = service.catalogue.other_models, 0
    known: set[tuple[str, str]] = set()
    while faces := other_models.lacking(service.collection.id, fingerprint, after, LISTED_FACES):
        after = faces[-1].id
        for face in faces:
            again = (face.photo, face.person) in known
            known.add((face.photo, face.person))
            path = f"{face.photo} (face {face.id})" if again else face.photo
            yield ListedPhoto(path, face.person, face_id=face.id)


def embed_faces(
    service: Service, fingerprint: str, face_ids: Sequence[int], base: Path = Path()
) -> list[Missed]:
    """Embed those of the faces that have no vector of a model; return those that cannot be.

    Args:
        service: of the collection.
        fingerprint: of its active or of its other model.
        face_ids: faces that are gone by now are passed over.
        base: where relative paths of photos start.

    Raises:
        NotFound: the collection has no such model (any more).
    """
    other_models = service.catalogue.other_models
    model = other_models.model(service.collection.id, fingerprint)  # whichever side it is on by now
    faces = other_models.lacking_among(model.id, fingerprint, face_ids)
    if not faces:
        return []
    read = _originals(service, faces, base)
    there = [row for row, found in enumerate(read) if isinstance(found, Source)]
    sources = [found for found in read if isinstance(found, Source)]
    missed = [found for found in read if isinstance(found, Missed)]
    if not there:
        return missed
    landmarks = np.stack([faces[row].landmarks for row in there])
    ids, vectors = [], []
    embedded = service.pipeline_of(model).embed_at(sources, landmarks)
    for row, found in zip(there, embedded, strict=True):
        if isinstance(found, PhotoFailure):
            missed.append(_missed(faces[row], found.error))
        else:
            ids.append(faces[row].id)
            vectors.append(found)
    if ids:
        other_models.put(model.id, fingerprint, ids, np.concatenate(vectors))
    return missed


def follow_up(
    service: Service,
    fingerprint: str,
    base: Path = Path(),
    progress: Progress = lambda n: None,
) -> list[Missed]:
    """Embed every face that has no vector of a model, in this process.

    Returns:
        Those that cannot be embedded.
    """
    other_models, missed, after = service.catalogue.other_models, [], 0
    collection = service.collection.id
    while faces := other_models.lacking(collection, fingerprint, after, BATCH_FACES):
        after = faces[-1].id
        missed += embed_faces(service, fingerprint, [face.id for face in faces], base)
        progress(len(faces))
    return missed


def prepare(
    service: Service,
    fpir: float | None = None,
    queries: Sequence[Source] | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Comparison:
    """Calibrate the other model, make its index, and compare it with the active one.

    A model that was active before keeps the calibration that it had.

    Args:
        service: of the collection.
        fpir: wanted false positive identification rate; None for that of the present calibration.
        queries: photos to compare both on; None for those that were asked about lately.
        progress: is told each step in words.

    Raises:
        NotFound: there is no other model.
    """
    other_models, active = service.catalogue.other_models, service.active_model.collection
    other_model = other_models.get(active.id)
    progress("calibrating")
    both = on_own_photos(service, fpir)
    if both.after is not None and not other_model.former:
        stored = StoredCalibration(uuid4().hex, _now(), both.after)
        fingerprint = other_model.fingerprint
        other_models.set_calibration(active.id, fingerprint, stored.document())
    make_index(service, progress)
    sources = recent_queries(service) if queries is None else queries
    asked = None
    if sources:
        progress("comparing on queries")
        other = service.other_active_model(other_models.get(active.id))
        asked = on_queries(service.active_model, other, sources)
        other.close()
    return Comparison(active.fingerprint, other_model.fingerprint, both, asked)


def make_index(service: Service, progress: Callable[[str], None] = lambda text: None) -> None:
    """Make the other model's index beside the active one, of all vectors that there are."""
    other_models, collection = service.catalogue.other_models, service.collection.id
    for _ in range(_ROUNDS):
        if other_models.get(collection).generation is None:
            service.drop_other_indexes()  # made of fewer vectors
        generation = other_models.begin_generation(collection)
        active_model = service.other_active_model(other_models.get(collection))
        active_model.calibrated.gallery.rebuild(progress)
        active_model.close()
        if other_models.get(collection).generation == generation:
            return
        service.drop_other_indexes()  # somebody may be in it who was erased meanwhile


def switch(
    service: Service,
    *,
    back: bool = False,
    without_missing: bool = False,
    base: Path = Path(),
    progress: Callable[[str], None] = lambda text: None,
) -> list[Missed]:
    """Make the other model the one that answers, in all processes from their next question on.

    What is still to be embedded or calibrated is done first; faces that are left out are tried once
    more afterwards.

    Args:
        service: of the collection.
        back: to the model from before; else to the new one.
        without_missing: leave out faces that cannot be embedded: they keep the vector that they
            have, and are seen again when that model is.
        base: where relative paths of photos start.
        progress: is told each step in words.

    Returns:
        The faces that are left out.

    Raises:
        NotFound: there is no other model.
        SettingInvalid: it is not the one that is meant.
        SwapIncomplete: faces cannot be embedded, and `without_missing` was not said.
    """
    other_models, collection = service.catalogue.other_models, service.collection.id
    other_model = other_models.get(collection)
    _check_meant(other_model, back=back)
    for _ in range(_ROUNDS):
        progress("embedding what is new")
        missed = follow_up(service, other_model.fingerprint, base)
        if missed and not without_missing:
            raise SwapIncomplete(
                f"{counted(len(missed), 'face')} cannot be embedded with"
                f" {other_model.fingerprint}, the first:"
                f" {missed[0].message} Bring their photos back, or leave these faces out with"
                " --without-missing."
            )
        if not back and other_models.calibration(collection, other_model.fingerprint) is None:
            prepare(service, queries=(), progress=progress)
        elif other_models.get(collection).generation is None:
            make_index(service, progress)
        progress("switching")
        try:
            other_models.exchange(collection, other_model.fingerprint, may_lack=len(missed))
        except SwapIncomplete:
            continue  # faces were enrolled in between
        return follow_up(service, other_model.fingerprint, base) if missed else []
    raise SwapIncomplete(
        f"Faces are enrolled faster than they are embedded with {other_model.fingerprint}."
        " Stop enrolling for a moment (rollcall jobs list) and switch again."
    )


def _check_meant(other_model: OtherModel, *, back: bool) -> None:
    """Refuse to switch to the other model where the one from before is meant, or the new one."""
    if other_model.former != back:
        raise SettingInvalid(
            f"The model beside the active one is {other_model.fingerprint}, which was"
            + (
                " active before: `rollcall models swap back` leads to it."
                if other_model.former
                else " not active yet: use `rollcall models swap switch`."
            )
        )


def drop(
    service: Service, fingerprint: str | None = None, *, without_missing: bool = False
) -> OtherModel:
    """Forget the other model for good: its vectors, its calibration and its index.

    Args:
        service: of the collection.
        fingerprint: of the model that is meant; None for whichever is the other one.
        without_missing: go on where faces have a vector of that model only.

    Raises:
        NotFound: there is none, or it is another one by now.
        SwapIncomplete: faces have a vector of that one only, and `without_missing` was not said.
    """
    other_models = service.catalogue.other_models
    try:
        return other_models.drop(
            service.collection.id, fingerprint, without_missing=without_missing
        )
    finally:
        if (
            other_models.find(service.collection.id) is None
        ):  # also where a call was killed just here
            try_each(service.drop_other_indexes, service.catalogue.empty_wal)


def _originals(service: Service, faces: Sequence[KnownFace], base: Path) -> list[Source | Missed]:
    """The photo of each face by its bytes, from the kept copy or from where it was enrolled."""
    found = [_original(service, face, base) for face in faces]
    read = iter(service.pipeline.read([each for each in found if isinstance(each, Source)]))
    return [
        each if isinstance(each, Missed) else _verified(face, next(read))
        for face, each in zip(faces, found, strict=True)
    ]


def _original(service: Service, face: KnownFace, base: Path) -> Source | Missed:
    kept = service.photos.read(face.photo_sha256)
    if kept is not None:
        return Source(face.photo, kept)
    try:
        place = location_of(face.photo)
    except InputError as error:  # enrolled from elsewhere, under a name that is no place
        return _missed(face, error)
    return Source(face.photo, base / place if isinstance(place, Path) else place)


def _verified(face: KnownFace, entry: tuple[Source, str] | PhotoFailure) -> Source | Missed:
    if isinstance(entry, PhotoFailure):
        return _missed(face, entry.error)
    source, sha256 = entry
    if is_of(face, sha256):
        return source
    return _missed(
        face,
        PhotoUnreadable(
            f"{face.photo} has other bytes than when it was enrolled (its SHA-256 begins with"
            f" {sha256[:12]}, not {face.photo_sha256[:12]})."
        ),
    )


def _missed(face: KnownFace, error: Fault) -> Missed:
    return Missed(face.id, face.person, face.photo, error.code, str(error))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
