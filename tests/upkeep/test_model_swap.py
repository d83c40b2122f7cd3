"""A collection changes its model while it answers: nothing fails, is mixed or is lost."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.building import build_service, other_model
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.models.other_model_rows import OtherModel
from retrieval.catalogue.models.other_models import OtherModels
from retrieval.collection.active_model import ActiveModel
from retrieval.collection.answers import GalleryState, PhotoAnswer
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import NotFound, SettingInvalid, SwapIncomplete
from retrieval.index.gallery import Gallery
from retrieval.people.deletions import forget_with_receipt
from retrieval.people.strangers import list_groups
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.upkeep.calibration import calibrate_collection
from retrieval.upkeep.model_comparison import recent_queries
from retrieval.upkeep.model_swap import (
    begin,
    drop,
    follow_up,
    make_index,
    prepare,
    status,
    survey,
    switch,
)
from retrieval.values import Source
from tests.two_models import DIMENSION, SMALL, write_small_embedder

PEOPLE, ENROLLED, ASKED = 12, 4, 1

# A process that asks about photos until a file says stop; whatever goes wrong ends it.
ASKER = """
import json, sys
from pathlib import Path
from retrieval.building import build_service
from retrieval.settings import Settings
from retrieval.values import Source

home, *names = sys.argv[1:]
settings = Settings(home=Path(home), min_face_px=8, detector="mtcnn", threads=1)
with build_service(settings) as service:
    while not Path(home, "stop").exists():
        for name in names:
            (answer,), state = service.ask([Source(name, Path(name))])
            print(json.dumps([name, answer.document(), state.document()]), flush=True)
"""


@pytest.fixture
def settings(home: Path) -> Settings:
    # ORL's faces are small here.
    write_small_embedder(home)
    return Settings(home=home, min_face_px=8, detector="mtcnn", threads=1)


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    with build_service(settings) as opened:
        opened.ensure_collection()
        yield opened


@pytest.fixture
def keeping(settings: Settings) -> Iterator[Service]:
    """A service that keeps unknown faces."""
    with build_service(settings.model_copy(update={"unknown_days": 30})) as opened:
        opened.ensure_collection()
        yield opened


@pytest.fixture(scope="session")
def faces(orl_dir: Path) -> list[EnrolItem]:
    """Photos of people, in the order of the people."""
    return [
        EnrolItem(f"s{person}", str(photo), photo)
        for person in range(1, PEOPLE + 1)
        for photo in [orl_dir / f"s{person}" / f"{n}.pgm" for n in range(1, ENROLLED + 1)]
    ]


@pytest.fixture(scope="session")
def queries(orl_dir: Path) -> list[Source]:
    """Other photos of them, and of strangers."""
    people = range(1, PEOPLE + 5)
    photos = [orl_dir / f"s{p}" / f"{n}.pgm" for n in range(8, 8 + ASKED) for p in people]
    return [Source(str(photo), photo) for photo in photos]


def enrol(service: Service, items: list[EnrolItem]) -> None:
    assert {result.outcome for result in service.enrol(items)} == {"enrolled"}


def embed(service: Service, name: str = SMALL) -> str:
    """Embed a collection anew; return the other model's fingerprint."""
    settings: Settings = service._parts._settings  # type: ignore[attr-defined]
    other = begin(service, other_model(settings, service.active_model.collection, name))
    assert follow_up(service, other.fingerprint) == []
    return other.fingerprint


def vectors(service: Service) -> tuple[list[int], np.ndarray]:
    ids, _, found = service.catalogue.vectors(service.collection.id)
    return ids.tolist(), found


def test_embedding_anew_gives_the_vectors_that_enrolling_gives_and_back_the_first_ones(
    service: Service, settings: Settings, people_dir: Path, samples: Path, tmp_path: Path
) -> None:
    """On photos that are decoded at a reduced size, too."""
    photos = sorted((people_dir / "employees").glob("*/*.jpg"))
    photos += sorted((samples / "employees").glob("*/*.jpg"))
    items = [EnrolItem(photo.parent.name, str(photo), photo) for photo in photos]
    settings = settings.model_copy(update={"working_px": 160})
    with build_service(settings) as service:
        results = list(service.enrol(items))
        enrolled = [i for i, r in zip(items, results, strict=True) if r.outcome == "enrolled"]
        assert len(enrolled) > 10
        ids, before = vectors(service)
        other = embed(service)
        switch(service)
        assert service.active_model.collection.fingerprint == other
        after_ids, after = vectors(service)
        assert after.shape == (len(ids), DIMENSION)
        again = settings.model_copy(
            update={
                "catalogue_url": f"sqlite:///{tmp_path / 'direct.db'}",
                "embedder": SMALL,
            }
        )
        with build_service(again) as direct:
            enrol(direct, enrolled)
            np.testing.assert_allclose(after, vectors(direct)[1], atol=2e-4)
        switch(service, back=True)
        back_ids, back = vectors(service)
    assert ids == after_ids == back_ids
    np.testing.assert_array_equal(back, before)


@dataclass
class Asker(threading.Thread):
    """Asks one photo after another, and writes down what it was told."""

    service: Service
    queries: list[Source]
    told: list[tuple[str, PhotoAnswer, GalleryState]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._enough = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self._enough.is_set():
            for query in self.queries:
                try:
                    (answer,), state = self.service.ask([query])
                except Exception as error:  # noqa: BLE001  whatever it is, it is a failed answer
                    self.failures.append(error)
                    return
                self.told.append((query.name, answer, state))

    def stop(self) -> None:
        self._enough.set()
        self.join()


def answers(service: Service, queries: list[Source]) -> dict[str, tuple[PhotoAnswer, GalleryState]]:
    asked = {query.name: service.ask([query]) for query in queries}
    return {name: (answer, state) for name, ((answer,), state) in asked.items()}


@contextmanager
def asking_process(home: Path, queries: list[Source], told: Path) -> Iterator[None]:
    """Another process that asks all the time, and writes down what it was told."""
    stop = home / "stop"
    command = [sys.executable, "-c", ASKER, str(home), *(query.name for query in queries)]
    with told.open("w") as file, subprocess.Popen(command, stdout=file) as process:
        while told.stat().st_size == 0 and process.poll() is None:
            time.sleep(0.05)
        yield
        stop.touch()
        assert process.wait(timeout=300) == 0


def test_under_load_every_answer_is_wholly_of_one_model_and_none_fails(
    service: Service,
    settings: Settings,
    faces: list[EnrolItem],
    queries: list[Source],
    tmp_path: Path,
) -> None:
    """Two threads of one service and another process; ROLLCALL_SWAP_ROUNDS for a longer run."""
    rounds = int(os.environ.get("ROLLCALL_SWAP_ROUNDS", "1"))
    enrol(service, faces)
    before = answers(service, queries)
    askers = [Asker(service, queries), Asker(service, queries[::-1])]
    with asking_process(settings.home, queries, tmp_path / "told"):
        for asker in askers:
            asker.start()
        embed(service)
        assert prepare(service).own_photos.agreement is not None
        for _ in range(rounds):
            switch(service)
            after = answers(service, queries)
            switch(service, back=True)
            assert answers(service, queries) == before, "back restores the first answers exactly"
        for asker in askers:
            asker.stop()
    assert all(after[name] != before[name] for name in before)
    there_and_back = ["before", *["after", "before"] * rounds]
    for asker in askers:
        assert asker.failures == []
        told = [(name, (answer, state)) for name, answer, state in asker.told]
        assert models(told, before, after) == there_and_back
    lines = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    documents = [
        {name: documented(*answer) for name, answer in known.items()} for known in (before, after)
    ]
    assert models([(name, said) for name, *said in lines], *documents) == there_and_back


def documented(answer: PhotoAnswer, state: GalleryState) -> list[Any]:
    """An answer as it comes out of JSON."""
    found: list[Any] = json.loads(json.dumps([answer.document(), state.document()]))
    return found


def models(told: list[tuple[str, Any]], before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Of which model the answers were, in their order, each change of it once."""
    for name, answer in told:
        assert answer in (before[name], after[name])
    of = ["before" if answer == before[name] else "after" for name, answer in told]
    return [model for model, _ in groupby(of)]


def test_the_comparison_says_what_each_model_is_worth_and_where_they_differ(
    keeping: Service, faces: list[EnrolItem], queries: list[Source]
) -> None:
    service = keeping
    enrol(service, faces)
    service.identify(queries)  # strangers are kept as unknown: these photos are at hand
    embed(service)
    found = prepare(service, fpir=0.05)
    own = found.own_photos
    assert own.before is not None
    assert own.after is not None
    assert own.agreement is not None
    assert (own.before.fpir, own.after.fpir) == (0.05, 0.05)
    assert own.before == calibrate_collection(service, 0.05, keep=False).calibration
    assert own.agreement.asked == len(faces)
    assert own.agreement.named[0] > own.agreement.named[1], "dlib's network is the better one"
    assert own.before.fnir < own.after.fnir
    assert len(own.agreement.changes) >= own.agreement.named[0] - own.agreement.named[1]
    assert found.queries is not None
    assert 0 < found.queries.asked <= len(queries)
    document = found.document()
    assert document["own_photos"]["agreement"] == round(own.agreement.share, 4)
    switch(service)
    assert service.gate.threshold == pytest.approx(own.after.threshold, abs=0.05)
    assert "calibrated for FPIR 0.05" in service.gate.source


def test_a_request_that_meets_a_change_is_done_again_with_the_new_model(
    service: Service, faces: list[EnrolItem], queries: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between embedding and search, and between embedding and writing."""
    enrol(service, faces[:-1])
    embed(service)
    prepare(service)
    embedder = service.pipeline.embedder
    plain, switched = type(embedder).embed, []

    def embed_and_switch(self, chips):  # type: ignore[no-untyped-def]
        found = plain(self, chips)
        if self is embedder and not switched:
            switched.append(True)
            switch(service)
        return found

    monkeypatch.setattr(type(embedder), "embed", embed_and_switch)
    (answer,), state = service.ask([queries[0]])
    assert switched
    assert state.model == SMALL
    assert ((answer,), state) == (tuple(service.identify([queries[0]])), service.state())
    embedder = service.pipeline.embedder
    switch(service, back=True)
    embedder = service.pipeline.embedder
    switched.clear()
    (result,) = service.enrol([faces[-1]])
    assert switched
    ids, found = vectors(service)
    assert found.shape == (len(faces), DIMENSION)
    service.remove_photo(faces[-1].photo)
    (again,) = service.enrol([faces[-1]])
    assert (result.outcome, again.outcome) == ("enrolled", "enrolled")
    np.testing.assert_array_equal(vectors(service)[1][-1], found[ids.index(result.face_id or 0)])


def test_a_face_without_a_photo_is_told_of_left_out_only_when_asked_to_and_comes_back(
    service: Service, orl_dir: Path, faces: list[EnrolItem], tmp_path: Path
) -> None:
    copies = []
    for item in faces[:8]:
        copy = tmp_path / "photos" / item.person / Path(item.photo).name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(item.photo, copy)
        copies.append(EnrolItem(item.person, str(copy), copy))
    enrol(service, copies)
    _, before = vectors(service)
    Path(copies[2].photo).unlink()
    Path(copies[5].photo).write_bytes(Path(copies[6].photo).read_bytes())
    settings: Settings = service._parts._settings  # type: ignore[attr-defined]
    target = other_model(settings, service.active_model.collection, SMALL)
    missed = survey(service, target)
    assert [found.photo for found in missed] == [copies[2].photo, copies[5].photo]
    assert "other bytes" in missed[1].message
    begin(service, target)
    assert follow_up(service, target.fingerprint) == missed
    with pytest.raises(SwapIncomplete, match="2 faces cannot be embedded"):
        switch(service)
    assert service.active_model.collection.fingerprint != target.fingerprint
    assert switch(service, without_missing=True) == missed
    assert service.state().faces == 6
    assert status(service).lacking == 2
    shutil.copy(faces[2].photo, copies[2].photo)  # somebody finds one of the photos
    assert follow_up(service, target.fingerprint) == missed[1:]
    assert service.state().faces == 7
    with pytest.raises(SwapIncomplete):
        drop(service)
    switch(service, back=True)
    np.testing.assert_array_equal(vectors(service)[1], before)
    with pytest.raises(SettingInvalid, match="swap switch"):
        switch(service, back=True)


def test_a_batch_that_meets_the_switch_is_embedded_by_the_model_that_was_asked_for(
    service: Service, faces: list[EnrolItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(service, faces[:4])
    settings: Settings = service._parts._settings  # type: ignore[attr-defined]
    other = begin(service, other_model(settings, service.active_model.collection, SMALL))
    other_models, collection = service.catalogue.other_models, service.collection.id
    pipeline = type(service.pipeline)
    read = pipeline.read

    def read_and_switch(self, sources):  # type: ignore[no-untyped-def]
        if service.active_model.collection.fingerprint != other.fingerprint:
            other_models.exchange(collection, other.fingerprint, may_lack=4)
        return read(self, sources)

    monkeypatch.setattr(pipeline, "read", read_and_switch)
    assert follow_up(service, other.fingerprint) == []
    monkeypatch.undo()
    assert vectors(service)[1].shape == (4, DIMENSION)
    assert service.state().faces == 4


def test_a_switch_without_a_comparison_calibrates_first(
    service: Service, faces: list[EnrolItem]
) -> None:
    enrol(service, faces)
    embed(service)
    switch(service)
    assert "calibrated for FPIR 0.01" in service.gate.source


def test_kept_copies_are_embedded_where_the_photos_are_gone(
    settings: Settings, faces: list[EnrolItem]
) -> None:
    settings = settings.model_copy(update={"keep_photos": True})
    with build_service(settings) as service:
        data = [Path(item.photo).read_bytes() for item in faces[:4]]
        enrol(service, [EnrolItem("Ann", f"{n}.pgm", content) for n, content in enumerate(data)])
        embed(service)
        switch(service)
        assert vectors(service)[1].shape == (4, DIMENSION)


def test_a_photo_whose_name_is_no_place_stops_nobody(
    settings: Settings, faces: list[EnrolItem]
) -> None:
    kept, gone = (Path(item.photo).read_bytes() for item in faces[:2])
    settings = settings.model_copy(update={"keep_photos": True, "unknown_days": 1})
    with build_service(settings) as service:
        enrol(service, [EnrolItem("Ann", "s3://a::b.jpg", kept)])
        enrol(service, [EnrolItem("Ann", "ftp://me:hush7@host/x.jpg", gone)])
        service.identify([Source("s3://a::c.jpg", Path(faces[20].photo).read_bytes())])
        (lost,) = service.catalogue.owners(service.collection.id, service.photos.kept()).keys() - {
            hashlib.sha256(kept).hexdigest()
        }
        service.photos.discard([lost])
        target = other_model(settings, service.active_model.collection, SMALL)
        (missed,) = survey(service, target)
        assert "hush7" not in missed.message
        assert recent_queries(service) == []


def test_queries_on_a_server_that_is_away_are_passed_over(
    settings: Settings, faces: list[EnrolItem]
) -> None:
    settings = settings.model_copy(update={"unknown_days": 1})
    with build_service(settings) as service:
        enrol(service, faces[:1])
        here, there = Path(faces[20].photo), Path(faces[30].photo)
        away = Source("http://127.0.0.1:9/x.jpg", there.read_bytes())
        service.identify([Source(str(here), here), away])
        assert [source.name for source in recent_queries(service)] == [str(here)]


def test_unknown_faces_are_shown_by_the_model_that_saw_them(
    keeping: Service, faces: list[EnrolItem], queries: list[Source]
) -> None:
    service = keeping
    enrol(service, faces[:4])
    service.identify(queries[4:6])
    seen = {face.photo for group in list_groups(service) for face in group.faces}
    assert seen
    embed(service)
    switch(service)
    assert list_groups(service) == []
    service.identify(queries[6:8])
    assert all(face.vector.shape == (DIMENSION,) for g in list_groups(service) for face in g.faces)
    switch(service, back=True)
    assert {face.photo for group in list_groups(service) for face in group.faces} == seen


def test_a_deleted_person_leaves_no_bytes_in_either_model(
    service: Service, settings: Settings, faces: list[EnrolItem]
) -> None:
    enrol(service, faces)
    embed(service)
    prepare(service)
    _, _, others = service.catalogue.other_models.vectors(service.collection.id)
    (index,) = (settings.home / "index" / str(service.collection.id)).glob("*/*.snapshot")
    assert service.catalogue.traces([others[0].tobytes()])
    receipt = forget_with_receipt(service, "s1", settings.home)
    assert receipt.clean, receipt.summary
    assert receipt.searched_patterns > 2 * ENROLLED
    assert not index.exists()
    assert status(service).document()["other"]["index"] == "not made yet"
    service.catalogue.empty_wal()
    assert service.catalogue.traces([row.tobytes() for row in others[:ENROLLED]]) == []
    switch(service)
    assert service.state().people == PEOPLE - 1
    assert service.gallery.check().sound


class Switching:
    """The parts of a service whose model somebody else changes just when its index is made."""

    def __init__(self, parts: Any, by: Service) -> None:
        self._parts, self._by, self._waits = parts, by, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parts, name)

    def active_model(self, catalogue: Catalogue, *given: Any) -> ActiveModel:
        return ActiveModel(catalogue, self, *given)  # type: ignore[arg-type]

    def gallery(self, *given: Any) -> Gallery:
        found: Gallery = self._parts.gallery(*given)
        if self._waits:
            self._waits = False
            switch(self._by)
        return found


def test_the_index_keeps_up_while_the_model_changes(
    service: Service, settings: Settings, faces: list[EnrolItem]
) -> None:
    enrol(service, faces)
    embed(service)
    parts = Switching(service._parts, service)
    with Service(Catalogue.open(settings.home / "catalogue.db"), parts, "default") as another:
        another.keep_up()
        assert another.gallery.status().people == PEOPLE


def test_a_person_is_deleted_while_the_model_changes(
    service: Service, settings: Settings, faces: list[EnrolItem]
) -> None:
    enrol(service, faces)
    other = embed(service)
    parts = Switching(service._parts, service)
    with Service(
        Catalogue.open(settings.home / "catalogue.db"), parts, service.collection_name
    ) as another:
        receipt = forget_with_receipt(another, "s1", settings.home)
    assert receipt.clean, receipt.summary
    assert service.state().people == PEOPLE - 1
    assert service.active_model.collection.fingerprint == other


@pytest.mark.parametrize("mended_by", ["deletion", "drop"])
def test_the_index_that_a_killed_drop_left_is_deleted_later(
    service: Service, settings: Settings, faces: list[EnrolItem], mended_by: str
) -> None:
    enrol(service, faces[:8])
    embed(service)
    make_index(service)
    (index,) = (settings.home / "index" / str(service.collection.id)).glob("*/*.snapshot")
    service.catalogue.other_models.drop(service.collection.id)  # then it is killed
    if mended_by == "deletion":
        service.forget("s1")
    else:
        with pytest.raises(NotFound):
            drop(service)
    assert not index.exists()


def test_an_index_made_while_somebody_is_erased_is_made_again(
    service: Service, settings: Settings, faces: list[EnrolItem]
) -> None:
    enrol(service, faces[:8])
    embed(service)
    names = ["s1"]

    def erase(step: str) -> None:
        if names:
            service.forget(names.pop())

    make_index(service, erase)
    folder = settings.home / "index" / str(service.collection.id)
    generation = status(service).other_model.generation
    assert [path.parent.name for path in folder.glob("*/*.snapshot")] == [generation]


def test_an_index_that_was_made_of_fewer_faces_does_not_stay(
    service: Service, settings: Settings, faces: list[EnrolItem]
) -> None:
    folder = settings.home / "index"
    for start in (0, 4, 8):
        enrol(service, faces[start : start + 4])
        embed(service)
        make_index(service)
        assert len(list(folder.glob(f"{service.collection.id}/*/*.snapshot"))) == 1


def test_a_switch_while_an_index_is_made_lets_no_model_take_the_place_of_the_other(
    service: Service, faces: list[EnrolItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(service, faces[:8])
    embed(service)
    prepare(service)
    seen = OtherModels.get

    def switched_after(self: OtherModels, collection_id: int) -> OtherModel:
        other_model = seen(self, collection_id)
        monkeypatch.undo()
        self.exchange(collection_id, other_model.fingerprint)
        return other_model

    other_model = status(service).other_model
    assert other_model is not None
    monkeypatch.setattr(OtherModels, "get", switched_after)
    with pytest.raises(NotFound, match="went on meanwhile"):
        service.other_active_model(service.catalogue.other_models.get(service.collection.id))
    assert service.gallery.check().sound


def test_the_index_made_beside_is_the_one_that_answers_after_the_switch(
    service: Service, settings: Settings, faces: list[EnrolItem]
) -> None:
    enrol(service, faces[:8])
    service.gallery.snapshot()
    embed(service)
    prepare(service)
    folder = settings.home / "index" / str(service.collection.id)
    before, beside = set(folder.glob("*.snapshot")), set(folder.glob("*/*.snapshot"))
    assert len(before) == len(beside) == 1
    enrol(service, faces[8:10])
    switch(service)
    assert service.gallery.status().problem is None
    assert service.gallery.check().sound
    assert service.state().faces == 10
    drop(service)
    assert set(folder.glob("*.snapshot")) == set()
    assert len(set(folder.glob("*/*.snapshot"))) == 1
    assert status(service).other_model is None
