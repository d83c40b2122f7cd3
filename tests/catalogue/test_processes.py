"""Several processes on one SQLite file: opening, writing, reading, being killed."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.protocols import Watermark
from tests.catalogue.made import make_collection, new_faces, sha256

ROOT = Path(__file__).resolve().parents[2]
BATCH = 7


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/catalogue.db"


def enrolling(url, first, count, batch=BATCH):
    command = [sys.executable, "-m", "tests.catalogue.enrolling", url]
    numbers = [str(number) for number in (first, count, batch)]
    return subprocess.Popen([*command, *numbers], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def follow(feed, watermark, faces):
    """Apply what is new to `faces` (face -> person), as an index would."""
    complete = False
    while not complete:
        step = feed.changes(watermark, limit=10)
        assert step.watermark >= watermark
        for face in step.removed.tolist():
            faces.pop(face, None)
        faces |= dict(zip(step.added.tolist(), step.people.tolist(), strict=True))
        watermark, complete = step.watermark, step.complete
    return watermark


def test_a_killed_process_loses_nothing_it_reported_and_leaves_no_half_batch(url):
    kill_after = random.Random(0)
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        known = {}
        watermark = Watermark(catalogue.feed(gallery).head().epoch, 0)
        for first in range(0, 6_000_000, 1_000_000):
            process = enrolling(url, first, 999_999)
            lines = [process.stdout.readline() for _ in range(kill_after.randint(1, 12))]
            process.kill()
            lines += process.stdout.read().split()
            process.stdout.close()
            assert process.wait() == -9
            reported = int(lines[-1])
            photos = {face.sha256 for face in catalogue.photos(gallery)}
            assert {sha256(number) for number in range(first, reported)} <= photos
            assert catalogue.counts(gallery).photos % BATCH == 0
            watermark = follow(catalogue.feed(gallery), watermark, known)
            ids, people, _ = catalogue.vectors(gallery)
            assert known == dict(zip(ids.tolist(), people.tolist(), strict=True))
        catalogue.check()


def test_a_reader_that_follows_several_writers_ends_with_the_catalogue(url):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        feed = catalogue.feed(gallery)
        watermark, followed = feed.head(), {}
        writers = [enrolling(url, number * 1_000, 140) for number in range(3)]
        removed = 0
        while any(writer.poll() is None for writer in writers):
            watermark = follow(feed, watermark, followed)
            if followed:  # this process writes, too
                person = min(followed.values())
                removed += len(catalogue.delete_person(gallery, person).faces)
        for writer in writers:
            writer.stdout.close()
            assert writer.returncode == 0
        follow(feed, watermark, followed)
        ids, people, _ = catalogue.vectors(gallery)
        assert followed == dict(zip(ids.tolist(), people.tolist(), strict=True))
        assert len(followed) + removed == 3 * 140


def test_a_change_of_one_process_is_the_next_answer_of_another(url):
    with Catalogue.open(url) as here, Catalogue.open(url) as there:
        gallery = make_collection(here).id
        head = there.feed(gallery).head()
        here.enrol(gallery, new_faces("Ann", [1]))
        assert there.feed(gallery).head() > head
        here.delete_person(gallery, here.person(gallery, "Ann").id)
        assert there.feed(gallery).changes(head).added.tolist() == []


def test_many_processes_may_make_the_same_catalogue_at_once(url):
    script = "import sys; from retrieval.catalogue.catalogue import Catalogue\n"
    script += "sys.stdin.readline(); Catalogue.open(sys.argv[1]).close()"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, b"")
    with Catalogue.open(url) as catalogue:
        assert catalogue.collections() == []
