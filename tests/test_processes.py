"""Several processes over one home: each sees what the others do, and kills lose nothing."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrieval.building import build_service
from retrieval.collection.enrolments import EnrolItem
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Source

# A process that stays open and answers a command a line with a JSON line.
SERVER = """
import json, sys
from pathlib import Path
from retrieval.collection.enrolments import EnrolItem
from retrieval.building import build_service
from retrieval.collection.pipeline import Source
from retrieval.settings import Settings

with build_service(Settings(home=Path(sys.argv[1]))) as service:
    for line in sys.stdin:
        verb, *words = json.loads(line)
        if verb == "identify":
            (answer,) = service.identify([Source(words[0], Path(words[0]))])
            said = [face.person for face in answer.faces]
        elif verb == "enrol":
            item = EnrolItem(words[0], words[1], Path(words[1]))
            said = [result.outcome for result in service.enrol([item])]
        else:
            said = len(service.forget(words[0]).faces)
        print(json.dumps(said), flush=True)
"""

ENROLLER = """
import json, sys
from pathlib import Path
from retrieval.collection.enrolments import EnrolItem
from retrieval.building import build_service
from retrieval.photos.folders import people_below
from retrieval.settings import Settings

with build_service(Settings(home=Path(sys.argv[1]))) as service:
    items = [EnrolItem(name, str(path), path) for name, path in people_below(Path(sys.argv[2]))]
    for result in service.enrol(items):
        print(json.dumps([result.photo, result.outcome]), flush=True)
"""


class Other:
    """A second process with a service of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, *words: str) -> Any:
        """Send a command, wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def _other_process(home: Path) -> Iterator[Other]:
    command = [sys.executable, "-c", SERVER, str(home)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Other(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=180) == 0


@pytest.fixture
def hopper(samples: Path) -> Path:
    return samples / "employees" / "Grace Hopper" / "1.jpg"


@pytest.fixture
def group(samples: Path) -> str:
    return str(samples / "queries" / "group.jpg")


def _named(service: Service, photo: str) -> set[str | None]:
    (answer,) = service.identify([Source(photo, Path(photo))])
    return {face.person for face in answer.faces}


def test_what_one_process_enrols_and_deletes_the_other_sees_at_its_next_query(
    home: Path, hopper: Path, group: str
) -> None:
    with build_service(Settings(home=home)) as service, _other_process(home) as other:
        service.ensure_collection()
        assert other.ask("identify", group) == [None, None]
        list(service.enrol([EnrolItem("Grace", str(hopper), hopper)]))
        assert set(other.ask("identify", group)) == {"Grace", None}
        assert other.ask("forget", "Grace") == 1
        assert _named(service, group) == {None}


def test_a_deleted_person_is_not_named_after_a_restart_from_an_old_snapshot(
    home: Path, hopper: Path, group: str, tmp_path: Path, samples: Path
) -> None:
    with build_service(Settings(home=home)) as service:
        list(service.enrol([EnrolItem("Grace", str(hopper), hopper)]))
        assert _named(service, group) == {"Grace", None}
        service.gallery.snapshot()
        index = next((home / "index").iterdir())
        kept = shutil.copytree(index, tmp_path / "old")
        assert any(kept.iterdir())
        service.forget("Grace")
        # The next enrolment must not be given the deleted face's id.
        mirrored = samples / "employees" / "Grace Hopper" / "4.jpg"
        list(service.enrol([EnrolItem("Somebody else", str(mirrored), mirrored)]))
    shutil.rmtree(index)
    shutil.copytree(kept, index)
    with build_service(Settings(home=home)) as service:
        assert _named(service, group) == {"Somebody else", None}
        (face,) = service.catalogue.faces_of(
            service.catalogue.person(service.collection.id, "Somebody else").id
        )
        assert face.id > 1


def _write_people(folder: Path, portrait: Path, count: int) -> None:
    """Photos of `count` people, all of one face, told apart by a corner of their own."""
    with Image.open(portrait) as photo:
        pixels = np.asarray(photo.convert("RGB")).copy()
    for number in range(count):
        pixels[:4, :4] = number
        (folder / f"person {number:03}").mkdir(parents=True)
        Image.fromarray(pixels).save(folder / f"person {number:03}" / "1.jpg", quality=90)


def test_killing_an_enrolment_loses_nothing_that_it_had_reported(
    home: Path, hopper: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    _write_people(people, hopper, 100)
    command = [sys.executable, "-c", ENROLLER, str(home), str(people)]
    pauses = random.Random(7)
    reported: set[str] = set()
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            time.sleep(pauses.uniform(0, 1.5))
            process.kill()
            lines += process.stdout.readlines()
        # The kill may have cut the last line in two.
        reported |= {json.loads(line)[0] for line in lines if line.endswith("\n")}
        with build_service(Settings(home=home)) as service:
            stored = service.catalogue.photos(service.collection.id)
            assert reported <= {face.photo for face in stored}
            assert len({face.sha256 for face in stored}) == len(stored)
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    outcomes = [json.loads(line) for line in finished.stdout.splitlines()]
    assert {photo for photo, outcome in outcomes if outcome == "known"} >= reported
    with build_service(Settings(home=home)) as service:
        assert service.catalogue.counts(service.collection.id).faces == 100
