"""What needs no model asks for none, and nobody waits for another collection's."""

import gc
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from retrieval.api.app import create_app
from retrieval.api.services import MOST_IDLE, Services
from retrieval.catalogue.records import Collection
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.pipeline import Pipeline
from retrieval.errors import ModelMissing, NotFound
from retrieval.faces.finder import Finder
from retrieval.index.gallery import Gallery
from retrieval.protocols import ChangeFeed
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Source
from tests.api.painted import (
    RED,
    ColourEmbedder,
    PaintedParts,
    SquareDetector,
    catalogue_of,
    paint,
    painted_service,
)
from tests.catalogue.made import new_face

NAMES = ("default", "other")
CALIBRATION = {
    **dict.fromkeys(("fpir", "fnir", "margin", "growth"), 0.01),
    **dict.fromkeys(("threshold", "photo_threshold", "person_threshold"), 0.9),
    **{key: [0.0, 1.0] for key in ("threshold_interval", "fpir_interval", "fnir_interval")},
    **{"people": 10, "faces": 20, "curve": [[0.0, 1.0], [1.0, 0.0]]},
}


class SlowParts(PaintedParts):
    """Parts whose models wait to be loaded, or are not there."""

    def __init__(self, settings: Settings, load: Callable[[str], None]) -> None:
        super().__init__(settings)
        self._load = load

    def pipeline(self, collection: Collection) -> Pipeline:
        self._load(collection.name)
        return super().pipeline(collection)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    for name in NAMES:
        with painted_service(settings, name) as service:
            service.ensure_collection()
    return settings


def client_of(settings: Settings, load: Callable[[str], None]) -> TestClient:
    app = create_app(
        settings,
        catalogue_of(settings),
        lambda name: Service(catalogue_of(settings), SlowParts(settings, load), name),
        loopback=True,
    )
    return TestClient(app, base_url="http://127.0.0.1")


def ask(client: TestClient, collection: str) -> int:
    photo = {"photos": ("p.png", paint(RED))}
    return client.post(f"/v1/identify?collection={collection}", files=photo).status_code


def test_a_collection_that_is_loaded_stops_no_question_to_another(settings: Settings) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def load(name: str) -> None:
        if name == "other":
            begun.set()
            assert may_go_on.wait(180)

    statuses: dict[str, int] = {}
    with client_of(settings, load) as client:
        threads = [
            threading.Thread(target=lambda n=n: statuses.update({n: ask(client, "other")}))
            for n in range(6)
        ]
        for thread in threads:
            thread.start()
        assert begun.wait(180)
        assert [ask(client, "default") for _ in range(3)] == [200, 200, 200]
        assert client.get("/v1/people?collection=other").status_code == 200
        assert statuses == {}
        may_go_on.set()
        for thread in threads:
            thread.join(180)
    assert set(statuses.values()) == {200}


def test_without_weights_people_are_listed_edited_and_deleted_and_pages_say_what_is_missing(
    settings: Settings,
) -> None:
    with painted_service(settings, "default") as service:
        service.catalogue.enrol(service.collection.id, [new_face("Ann", 1, dimension=3)])

    def load(name: str) -> None:
        raise ModelMissing("The weights of colours are not on this machine. Bring them.")

    with client_of(settings, load) as client:
        (person,) = client.get("/v1/people").json()["people"]
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ask(client, "default") == 500
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, ModelMissing.code)
        assert "The weights of colours are not on this machine" in ready.json()["detail"]
        assert client.head("/healthz").status_code == 200
        page = client.get("/people", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "cannot be compared just now" in page.text
        assert "Ann" in page.text
        path = f"/v1/people/{person['id']}"
        renamed = client.patch(path, json={"person": "Anna"})
        assert renamed.status_code == 200, renamed.text
        assert client.delete(path).status_code < 300
        assert client.get("/v1/people").json()["people"] == []


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    found = Services(lambda name: painted_service(settings, name), idle_s=0)
    yield found
    found.close()


def test_a_service_that_nobody_uses_is_let_go_and_one_in_use_is_not(services: Services) -> None:
    with services.lease("default") as held:
        held.load()
        with services.lease("other") as other:
            other.load()
        with services.lease("other") as again:
            assert again is not other  # it was idle for longer than it may
            assert held.is_loaded()
        with services.lease("default") as same:
            assert same is held


def test_a_collection_that_is_not_there_leaves_no_service(services: Services) -> None:
    for number in range(3 * MOST_IDLE):
        with pytest.raises(NotFound), services.lease(f"nobody {number}"):
            pass
    assert services._services == {}


def test_a_collection_that_was_made_anew_is_opened_anew(settings: Settings) -> None:
    services = Services(lambda name: painted_service(settings, name))
    with services.lease("default") as first:
        first.load()
        with catalogue_of(settings) as catalogue:
            catalogue.delete_collection("default")
        with painted_service(settings, "default") as made:
            made.ensure_collection()
        with services.lease("default") as second:
            assert second is not first
        assert first.users == 1  # whoever holds the old one goes on with it
    services.close()


class ClosableGallery(Gallery):
    """A gallery that remembers whether it was closed."""

    closed = False

    def close(self) -> None:
        super().close()
        self.closed = True


class CountingParts(PaintedParts):
    """Parts that remember the galleries that they opened."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.opened: list[ClosableGallery] = []

    def gallery(self, collection: Collection, feed: ChangeFeed) -> Gallery:
        folder = self._settings.home / "index"
        self.opened.append(ClosableGallery(feed, folder, fingerprint="colours"))
        return self.opened[-1]


def test_two_hundred_calibrations_leave_one_gallery_open_and_as_many_threads(
    settings: Settings,
) -> None:
    parts = CountingParts(settings)
    service = Service(catalogue_of(settings), parts, "default")
    before = threading.active_count()
    for number in range(200):
        gate = {"stamp": str(number), "measured_at": "2026-01-01", "calibration": CALIBRATION}
        service.catalogue.set_calibration(service.collection.id, gate)
        with service.using():
            service.gallery.catch_up()
    still_open = [gallery for gallery in parts.opened if not gallery.closed]
    assert len(parts.opened) == 200
    assert still_open == [service.gallery]
    assert threading.active_count() == before
    service.close()
    assert [gallery for gallery in parts.opened if not gallery.closed] == []


class OtherColours(ColourEmbedder):
    """The same vectors, by another model's name."""

    fingerprint = "other colours"


class SwitchedParts(CountingParts):
    """Parts of a collection that goes over from one model to another and back."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pipelines: weakref.WeakSet[Pipeline] = weakref.WeakSet()
        self.galleries: weakref.WeakSet[Gallery] = weakref.WeakSet()

    def pipeline(self, collection: Collection) -> Pipeline:
        other = collection.fingerprint == OtherColours.fingerprint
        embedder = OtherColours() if other else ColourEmbedder()
        made = Pipeline(
            Finder(SquareDetector(), working_px=self._settings.working_px, any_light=False),
            embedder,
            threads=2,
            max_pixels=self._settings.max_pixels,
            max_bytes=self._settings.max_photo_bytes,
            min_face_px=self._settings.min_face_px,
        )
        self.pipelines.add(made)
        return made

    def gallery(self, collection: Collection, feed: ChangeFeed) -> Gallery:
        folder = self._settings.home / "index" / collection.fingerprint
        made = Gallery(feed, folder, fingerprint=collection.fingerprint)
        self.galleries.add(made)
        return made


def test_fifty_changes_of_model_leave_one_model_open_and_hold_no_more_memory(
    settings: Settings,
) -> None:
    parts = SwitchedParts(settings)
    service = Service(catalogue_of(settings), parts, "default")
    taken = service.enrol(EnrolItem("Ann", f"{n}.png", paint(RED, seed=n)) for n in range(4))
    assert [each.outcome for each in taken] == ["enrolled"] * 4
    collection, others = service.collection.id, service.catalogue.other_models
    other = {"embedder": "other", "precision": "fp32", "mirror": False, "dimension": 3}
    others.begin(collection, fingerprint=OtherColours.fingerprint, **other)
    ids, _, vectors = service.catalogue.vectors(collection)
    others.put(collection, OtherColours.fingerprint, ids.tolist(), vectors)
    question = [Source("q.png", paint(RED, seed=9))]
    held: list[int] = []
    tracemalloc.start()
    try:
        for turn in range(50):
            name = (OtherColours if turn % 2 == 0 else ColourEmbedder).fingerprint
            others.exchange(collection, name)
            answers, state = service.ask(question)
            assert (answers[0].faces[0].person, state.fingerprint) == ("Ann", name)
            if turn in (9, 49):
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
                assert (len(parts.pipelines), len(parts.galleries)) == (1, 1)
                threads = threading.active_count()
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 200_000, "what forty changes more hold"
    assert threading.active_count() == threads
    service.close()
