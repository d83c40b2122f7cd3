"""`doctor` finds what is wrong with a home, and `--fix` mends what it can."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.options import Run
from cli.queued import queued
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.run_files import rejects_of
from retrieval.files.private import open_to_others
from retrieval.settings import Settings
from tests.cli.running import document, rollcall
from worker.redis_server import EmbeddedRedis


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    """A program that lets everybody read and write what it makes."""
    before = os.umask(0)
    yield
    os.umask(before)


def word(home: Path, what: str, *words: str) -> tuple[str, str]:
    """What `doctor` says of one thing."""
    checks = document(rollcall(home, "doctor", "--json", *words))["checks"]
    return next((each["state"], each["found"]) for each in checks if each["what"] == what)


def test_doctor_names_what_others_can_read_and_closes_it(used: Path) -> None:
    rejects = rejects_of(used, "a" * 32)
    rejects.parent.mkdir()
    rejects.write_text("person,external_id,photo\n")
    used.chmod(0o755)
    link = used / "models"
    elsewhere = used.parent / "models"
    elsewhere.mkdir()
    link.symlink_to(elsewhere)
    state, found = word(used, "files")
    assert (state, "can be read by other users" in found) == ("broken", True)
    assert {*open_to_others(used)} == {used, rejects.parent, rejects}
    assert word(used, "files", "--fix")[0] == "mended"
    assert open_to_others(used) == []
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o777  # it may be shared on purpose
    assert word(used, "files")[0] == "ok"


def test_doctor_mends_a_damaged_queue_and_the_catalogue_gives_its_jobs_back(used: Path) -> None:
    run = Run(Settings(home=used), json=True, quiet=True)
    with queued(run) as opened:
        bulk_run = opened.bulk.begin("enrol", "default", "staff", {})
        photos = [ListedPhoto(f"{number}.jpg", "Ann") for number in range(40)]
        for _ in opened.bulk.fill(bulk_run, photos):
            pass
        jobs = opened.queue.pending(bulk_run.id)
    for file in (used / "redis").rglob("appendonly*"):
        if file.is_file():
            file.write_bytes(file.read_bytes().replace(b"hset", b"hxet").replace(b"HSET", b"HXET"))
    assert word(used, "queue")[0] == "broken"
    assert rollcall(used, "doctor").exit_code == 5
    state, found = word(used, "queue", "--fix")
    assert (state, "are queued again: 1" in found) == ("mended", True)
    with queued(run) as opened:
        assert opened.queue.pending(bulk_run.id) == jobs == 3
    assert word(used, "queue")[0] == "ok"
    assert not EmbeddedRedis(used).running


def test_doctor_asks_a_configured_redis_instead_of_believing_in_it(used: Path) -> None:
    own = {"ROLLCALL_REDIS_URL": f"unix://{used}/nothing.sock"}
    assert rollcall(used, "doctor", **own).exit_code == 5
