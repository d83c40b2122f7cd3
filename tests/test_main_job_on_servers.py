"""The whole main job on PostgreSQL and Milvus gives the answers of the embedded default."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.building import build_service
from retrieval.collection.answers import PhotoHit, PhotoHits
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import IndexFailed
from retrieval.identities.decide import decide
from retrieval.index.gallery import Gallery
from retrieval.index.milvus.feeding import Feeder
from retrieval.photos.folders import people_below
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Source, Vectors
from tests.catalogue.made import new_face
from tests.catalogue.postgres import Postgres
from tests.milvus_server import RunningMilvus, running_milvus


class Sites:
    """The same collection twice: embedded, and on servers that two hosts share."""

    def __init__(self, home: Path, catalogue_url: str, index_url: str) -> None:
        self._models = home / "models"
        self._folder = home.parent
        self._urls = {"catalogue_url": catalogue_url, "index_url": index_url}
        self._opened = ExitStack()
        self.restart()

    def restart(self) -> None:
        """End all processes, as it were, and begin anew."""
        self._opened.close()
        self.embedded = self._service("embedded", {})
        self.host = self._service("host", self._urls)
        self.other = self._service("other", self._urls)

    def close(self) -> None:
        self._opened.close()

    def _service(self, name: str, urls: dict[str, str]) -> Service:
        home = self._folder / name
        home.mkdir(exist_ok=True)
        if not (home / "models").exists():
            (home / "models").symlink_to(self._models.resolve(), target_is_directory=True)
        settings = Settings(home=home, detector="mtcnn", embedder="dlib-resnet", **urls)
        return self._opened.enter_context(build_service(settings))


@pytest.fixture
def sites(home: Path, postgres: Postgres, milvus: RunningMilvus) -> Iterator[Sites]:
    sites = Sites(home, postgres.empty_database(), milvus.url)
    yield sites
    sites.close()


def said(service: Service, queries: list[Source]) -> list[Any]:
    return [answer.document() for answer in service.identify(queries)]


def test_photos_get_the_same_answers_through_enrolling_deleting_and_restarting(
    sites: Sites, people_dir: Path
) -> None:
    photos = list(people_below(people_dir / "employees"))
    queries = [Source(path.name, path) for path in sorted((people_dir / "queries").iterdir())]
    for service in (sites.embedded, sites.host):
        taken = list(service.enrol(EnrolItem(name, str(photo), photo) for name, photo in photos))
        assert all(result.outcome == "enrolled" for result in taken)
    assert sites.host.state().index == "milvus-flat"
    before = said(sites.embedded, queries)
    assert said(sites.host, queries) == said(sites.other, queries) == before
    gone = photos[0][0]
    assert gone in str(before)
    sites.embedded.forget(gone)
    sites.other.forget(gone)
    after = said(sites.host, queries)  # which did not delete anybody
    assert gone not in str(after)
    assert after == said(sites.embedded, queries)
    sites.restart()
    assert said(sites.host, queries) == after
    assert sites.host.gallery.check().sound
    alike = Source("again", photos[1][1])
    assert hits(sites.host.search(alike)) == hits(sites.embedded.search(alike))
    assert hits(sites.host.search(alike, like=True)) == hits(
        sites.embedded.search(alike, like=True)
    )


def hits(found: PhotoHits) -> list[PhotoHit]:
    """With scores to five places: the server computes them otherwise."""
    return [replace(hit, score=round(hit.score, 5)) for hit in found.hits]


def test_orl_gets_the_same_decisions_through_enrolling_deleting_and_restarting(
    sites: Sites, orl_faces: FaceFolder
) -> None:
    names = [orl_faces.names[person] for person in orl_faces.people.tolist()]
    known = [n for n, person in enumerate(orl_faces.people.tolist()) if person < 30]
    taken = [n for n in known if names[: n + 1].count(names[n]) <= 5]
    asked = orl_faces.vectors[np.setdiff1d(np.arange(len(names)), taken)]
    faces = [replace(new_face(names[n], n), vector=orl_faces.vectors[n]) for n in taken]
    for service in (sites.embedded, sites.host):
        service.catalogue.enrol(service.ensure_collection().id, faces)
    assert decided(sites.host, asked) == decided(sites.other, asked)
    assert decided(sites.host, asked) == decided(sites.embedded, asked)
    for name in orl_faces.names[:2]:
        sites.embedded.forget(name)
        sites.other.forget(name)
    assert decided(sites.host, asked) == decided(sites.embedded, asked)
    sites.restart()
    assert decided(sites.host, asked) == decided(sites.embedded, asked)


def decided(service: Service, probes: Vectors) -> list[Any]:
    """What is said of each face, with scores to five places."""
    service.gallery.catch_up()
    decisions = decide(service.gallery.search(probes, 5), [None] * len(probes), service.gate)
    return [
        (d.outcome, d.person_id, [(c.person_id, round(c.score, 5)) for c in d.candidates])
        for d in decisions
    ]


def test_a_server_killed_while_it_is_fed_loses_and_doubles_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.index.milvus.feeding._ROWS", 200)  # batches to fall between
    monkeypatch.setattr("retrieval.index.milvus.server.PATIENCE_S", 3.0)
    with running_milvus() as milvus:
        settings = Settings(home=home, embedder="dlib-resnet", detector="mtcnn")
        shared = settings.model_copy(update={"index_url": milvus.url})
        with build_service(shared) as service:
            collection = service.ensure_collection().id
            enrol(service, collection, 0, 200)
            service.gallery.catch_up()
            enrol(service, collection, 200, 3_000)
            feeding = threading.Thread(target=fed_until_it_fails, args=(service, failures := []))
            first = batches(monkeypatch)
            feeding.start()
            assert first.wait(180)
            milvus.kill()
            enrol(service, collection, 3_000, 3_200)  # the truth needs no index
            feeding.join()
            assert [type(failure) for failure in failures] == [IndexFailed]
            milvus.start()
            assert caught_up_in_the_end(service)
            assert service.gallery.status().faces == 3_200
            assert service.gallery.check().sound
            exact = Gallery(service.catalogue.feed(collection), None)
            probes = np.stack([new_face("x", n, dimension=128).vector for n in range(9_000, 9_300)])
            found, wanted = service.gallery.search(probes, 1), exact.search(probes, 1)
            assert found.people.tolist() == wanted.people.tolist()


def enrol(service: Service, collection: int, first: int, last: int) -> None:
    numbers = range(first, last)
    faces = [new_face(f"person {n // 4}", n, dimension=128) for n in numbers]
    service.catalogue.enrol(collection, faces)


def fed_until_it_fails(service: Service, failures: list[Exception]) -> None:
    try:
        service.gallery.catch_up()
    except IndexFailed as error:
        failures.append(error)


def caught_up_in_the_end(service: Service) -> bool:
    """Whether somebody who asks again and again gets an answer; the server takes its time."""
    for _ in range(40):
        with suppress(IndexFailed):
            service.gallery.catch_up()
            return True
    return False


def batches(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Is set when the fifth batch from now is written."""
    done, counted, advance = threading.Event(), iter(range(1_000)), Feeder._advanced

    def counting(self: Feeder, *arguments: Any) -> Any:
        if next(counted) == 4:
            done.set()
        return advance(self, *arguments)

    monkeypatch.setattr(Feeder, "_advanced", counting)
    return done
