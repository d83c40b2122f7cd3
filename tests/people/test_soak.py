"""Four actors enrol, ask, edit and delete at once, two are killed: nothing of the deleted is left.

ROLLCALL_ERASURE_S sets for how long, five minutes for a soak test; what was done is printed
(pytest -s).
"""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.erasing.searching import Look, traces
from retrieval.catalogue.schema import metadata
from retrieval.people.deletions import forget_with_receipt
from tests.people.soaking import Actor, settings_of
from tests.worker.small_models import small_service
from worker.redis_server import EmbeddedRedis, connect

ROOT = Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("ROLLCALL_ERASURE_S", "3"))
ACTORS = 4

Forms = dict[str, bytes]  # what stands for somebody, by what it is


def in_files(home: Path, url: str, forms: Forms) -> set[str]:
    """Which of them stand in a file below the home folder."""
    files = [path for path in home.rglob("*") if path.is_file()]
    held = {path: path.read_bytes() for path in traces(Look(files, forms.values()))}
    return {
        f"{what} in {path.relative_to(home)}"
        for what, form in forms.items()
        for path, data in held.items()
        if form in data
    }


def as_files(home: Path, url: str, forms: Forms) -> set[str]:
    """Which photos lie there, whatever the file is called; and which files are called so."""
    files = [path for path in home.rglob("*") if path.is_file()]
    hashes = {what: form.decode() for what, form in forms.items() if what.startswith("photo")}
    found = "".join(map(str, traces(Look(files, sha256s=hashes.values())))) + "".join(
        map(str, home.rglob("*"))
    )
    left = bool(traces(Look(files, sha256s=hashes.values())))
    return {what for what, name in hashes.items() if name in found or left}


def in_tables(home: Path, url: str, forms: Forms) -> set[str]:
    """Which stand in a row of the catalogue: what a dump would hold, in the clear and as hex."""
    with Catalogue.open(url) as catalogue, catalogue._database.reading() as connection:
        cells = [
            value if isinstance(value, bytes) else str(value).encode()
            for table in metadata.sorted_tables
            for row in connection.execute(table.select())
            for value in row
        ]
    dump = b"\n".join(cells)
    return {what for what, form in forms.items() if form in dump}


def in_redis(home: Path, url: str, forms: Forms) -> set[str]:
    """Which stand in a value of the queue's Redis."""
    with EmbeddedRedis(home) as server, connect(server.url) as client:
        dump = b"".join(key + (client.dump(key) or b"") for key in client.scan_iter())
    return {what for what, form in forms.items() if form in dump}


# What is searched afterwards: whatever else comes to hold people's data is added here.
SEARCHED: tuple[Callable[[Path, str, Forms], set[str]], ...] = (
    in_files,
    as_files,
    in_tables,
    in_redis,
)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """Where a home has its catalogue."""
    return tmp_path / "home" / "catalogue.db"


def start(home: Path, url: str, seed: int, log: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.people.soaking", str(home), url, str(seed), str(log)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def end(process: "subprocess.Popen[str]") -> dict[str, int]:
    output, errors = process.communicate("\n", timeout=300)
    assert process.returncode == 0, errors
    done: dict[str, int] = json.loads(output.splitlines()[-1])
    return done


def deleted(catalogue: Catalogue, collection: int, log: Path) -> tuple[Forms, Counter[str]]:
    """What stands for those who are gone and whose receipts are clean; and how many there are.

    A receipt that is not clean tells what is left; a deletion that was cut short has none.
    """
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    present = {person.id for person in catalogue.people(collection)}
    kept = {face.sha256 for face in catalogue.photos(collection)}
    rows = {row.tobytes().hex() for row in catalogue.vectors(collection)[2]}
    clean = {line["person"]: line["clean"] for line in lines if "clean" in line}
    forms: Forms = {}
    count: Counter[str] = Counter()
    for line in lines:
        if "names" not in line or line["person"] in present:
            continue
        count[{True: "clean", False: "told", None: "cut short"}[clean.get(line["person"])]] += 1
        # No receipt explains away a vector.
        forms |= {f"vector {row}": bytes.fromhex(row) for row in line["vectors"] if row not in rows}
        if clean.get(line["person"]):
            forms |= {f"name {name}": name.encode() for name in line["names"]}
            forms |= {f"photo {sha}": sha.encode() for sha in line["sha256s"] if sha not in kept}
    return forms, count


def rests(log: Path) -> Counter[str]:
    """What receipts that are not clean name, and how many do."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return Counter(
        re.sub(r"\d+", "N", what) for line in lines if "clean" in line for what in line["told"]
    )


def watch(processes: list["subprocess.Popen[str]"]) -> Iterable["subprocess.Popen[str]"]:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline(), process.communicate()[1]
        yield process


def test_nothing_of_the_deleted_is_left_after_four_actors_and_two_kills(
    url: str, tmp_path: Path
) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    home.mkdir()
    with small_service(settings_of(home, url)) as service:
        service.ensure_collection()
    working = list(watch([start(home, url, seed, log) for seed in range(1, ACTORS + 1)]))
    for seed in (11, 12):
        time.sleep(SECONDS / 3)
        working[0].kill()
        working.pop(0).communicate()
        working += watch([start(home, url, seed, log)])
    time.sleep(SECONDS / 3)
    done = sum((Counter(end(process)) for process in working), Counter[str]())
    with small_service(settings_of(home, url)) as service:
        last = Actor(service, home, 99, log)  # one more deletion ends those that were cut short
        last.enrol()
        forget_with_receipt(service, last.some(1)[0], home)
        forms, count = deleted(service.catalogue, service.collection.id, log)
    left = {look.__name__: look(home, url, forms) for look in SEARCHED}
    print(f"\n{dict(done)}; deleted: {dict(count)}; {len(forms)} forms; rests: {dict(rests(log))}")  # noqa: T201
    assert not any(left.values()), left
    assert count["clean"] + count["told"] > 0
