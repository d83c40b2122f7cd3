"""A company on several hosts: two services and three workers, each with a home of its own.

They share one PostgreSQL, one Redis and one Milvus. Where Milvus cannot run, the test says so, and
each home has an index of its own. Photos come from a shared folder and from a server.
"""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.catalogue.postgres import Postgres
from tests.cli.running import document
from tests.cli.running import rollcall as command
from tests.milvus_server import RunningMilvus
from tests.processes import free_port, rollcall, wait_until_ready
from tests.storage_servers import PASSWORD, ftp_server
from worker.redis_server import EmbeddedRedis

fsspec = pytest.importorskip("fsspec", reason="needs the extra storage")
pytest.importorskip("pyftpdlib", reason="needs pyftpdlib, an FTP server")
WORKERS = 3


@dataclass(frozen=True)
class Company:
    """Two services' addresses, the environment that all hosts share, and a host for commands."""

    addresses: tuple[str, str]
    environment: dict[str, str]
    home: Path


@pytest.fixture
def index_url(request: pytest.FixtureRequest) -> str | None:
    """A Milvus server's, or None where there can be none."""
    if os.environ.get("ROLLCALL_TEST_LOCAL_INDEXES"):
        return None
    try:
        server: RunningMilvus = request.getfixturevalue("milvus")
    except pytest.skip.Exception as reason:
        print(f"no Milvus: {reason}; each home has an index of its own")  # noqa: T201
        return None
    return server.url


@pytest.fixture
def company(
    index_url: str | None,
    postgres: Postgres,
    redis_server: EmbeddedRedis,
    models_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Company]:
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"password": PASSWORD})
    shared = {
        "ROLLCALL_CATALOGUE_URL": postgres.empty_database(),
        "ROLLCALL_REDIS_URL": redis_server.url,
        "ROLLCALL_THREADS": "1",
        "FSSPEC_FTP_PASSWORD": PASSWORD,
    }
    if index_url is not None:
        shared["ROLLCALL_INDEX_URL"] = index_url

    def home_of(host: str) -> Path:
        home = tmp_path / host
        home.mkdir()
        (home / "models").symlink_to(models_home / "models", target_is_directory=True)
        return home

    with ExitStack() as running:
        services = []
        for number in range(2):
            home, port = home_of(f"service {number}"), free_port()
            words = ("serve", "--port", str(port), "--home", str(home))
            log = tmp_path / f"service {number}.log"
            process = running.enter_context(rollcall(*words, log=log, **shared))
            services.append((f"http://127.0.0.1:{port}", process, log))
        for number in range(WORKERS):
            words = ("worker", "--processes", "1", "--home", str(home_of(f"worker {number}")))
            log = tmp_path / f"worker {number}.log"
            running.enter_context(rollcall(*words, log=log, **shared))
        for service in services:
            wait_until_ready(*service)
        addresses = services[0][0], services[1][0]
        yield Company(addresses, shared, home_of("commands"))


def people_of(client: httpx.Client) -> dict[str, tuple[int, int]]:
    """Ids and photos by name."""
    found = client.get("/v1/people", params={"limit": 100}).json()["people"]
    return {person["person"]: (person["id"], person["photos"]) for person in found}


def identify(client: httpx.Client, photo: Path) -> list[dict[str, Any]]:
    answer = client.post("/v1/identify", files=[("photos", (photo.name, photo.read_bytes()))])
    assert answer.status_code == 200, answer.text
    faces: list[dict[str, Any]] = answer.json()["photos"][0]["faces"]
    return faces


def test_one_company_on_five_hosts(company: Company, people_dir: Path, tmp_path: Path) -> None:
    employees, queries = people_dir / "employees", sorted((people_dir / "queries").iterdir())
    folders = sorted(path for path in employees.iterdir() if path.is_dir())
    shared, remote = tmp_path / "shared", tmp_path / "remote"
    for number, folder in enumerate(folders):  # half of them lie on the server
        shutil.copytree(folder, (shared if number % 2 else remote) / folder.name)

    with ftp_server(remote) as url:
        for source in (str(shared), url):
            enrolled = command(
                company.home, "enroll", source, "--queue", "--wait", "--json", **company.environment
            )
            assert enrolled.exit_code == 0, enrolled.output
            counts = document(enrolled)["counts"]
            assert counts["enrolled"] == counts["found"] > 0

    first, second = (httpx.Client(base_url=a, timeout=180) for a in company.addresses)
    with first, second:
        listed = {f.name: len([p for p in f.iterdir() if p.suffix == ".jpg"]) for f in folders}
        everybody = people_of(first)
        assert {name: photos for name, (_, photos) in everybody.items()} == listed
        assert people_of(second) == everybody

        answers = {photo: identify(first, photo) for photo in queries}
        for photo, faces in answers.items():
            assert_equal(identify(second, photo), faces)
        photo, name = next(
            (photo, face["person"])
            for photo, faces in answers.items()
            for face in faces
            if face["person"]
        )
        before, after, deleted = asked_while_deleted(first, second, photo, everybody[name][0])
        assert any(name in named for named in before), "nobody asked before the deletion"
        assert len(after) > 3
        assert all(name not in named for named in after), f"{name} was named after {deleted}"
        assert name not in {face["person"] for face in identify(first, photo)}
        assert people_of(second).keys() == people_of(first).keys() == everybody.keys() - {name}
        for photo in queries:
            assert_equal(identify(second, photo), identify(first, photo))


def assert_equal(faces: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    """The same decisions; scores within rounding, as lists and exact search may round apart."""
    assert len(faces) == len(others)
    for face, other in zip(faces, others, strict=True):
        assert (face["person"], face["decision"]) == (other["person"], other["decision"])
        assert face["box"] == other["box"]
        assert face["score"] == pytest.approx(other["score"], abs=1e-4)


def asked_while_deleted(
    deleting: httpx.Client, asking: httpx.Client, photo: Path, person: int
) -> tuple[list[set[str]], list[set[str]], float]:
    """Ask one service all the time while the other deletes a person.

    Returns:
        Whom it named in questions that were answered before the deletion was asked for, and in
        those that were asked after it was confirmed; when that was.
    """
    answers: list[tuple[float, float, set[str]]] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            begun = time.monotonic()
            named = {face["person"] for face in identify(asking, photo) if face["person"]}
            answers.append((begun, time.monotonic(), named))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        while len(answers) < 2:
            time.sleep(0.01)
        begun = time.monotonic()
        receipt = deleting.delete(f"/v1/people/{person}")
        confirmed = time.monotonic()
        assert receipt.status_code == 202, receipt.text
        asked = len(answers)
        while len(answers) < asked + 6 and thread.is_alive():
            time.sleep(0.01)
    finally:
        enough.set()
        thread.join(180)
    before = [named for _, end, named in answers if end < begun]
    after = [named for start, _, named in answers if start > confirmed]
    return before, after, confirmed
