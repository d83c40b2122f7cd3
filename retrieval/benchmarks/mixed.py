"""The HTTP service under everything at once: clients ask and edit, models change, nobody may err.

Each client has people of its own and does one thing after another, so that it knows at every moment
who is enrolled and under which name: what the service answers is right or wrong by construction.
"""

import itertools
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

from retrieval.benchmarks.serving import HOST, Running, served
from retrieval.errors import DataInvalid
from retrieval.photos.folders import people_below
from retrieval.settings import Settings

Say = Callable[[str], None]

CLIENTS = 8
COLLECTIONS = ("first", "second")
PHOTOS = 3  # a person
FLAT = 0.1  # memory may grow by this share from the first minute to the last
_MINUTE_S = 60.0
_TIMEOUT_S = 120.0
_BOUNDARY = "rollcall-bench-mixed"
_RECEIPT_S = 0.2  # between two looks at a receipt
# What a client does next: mostly it asks.
_WEIGHTS = {"identify": 12, "enrol": 3, "rename": 2, "merge": 1, "delete": 2, "calibrate": 0.2}


@dataclass(slots=True)
class Seen:
    """What all clients saw.

    Attributes:
        statuses: by kind of request, how often each HTTP status; 0 where the connection broke.
        named: own photos of enrolled people that were named rightly.
        missed: that were not named.
        wrong: sentences about answers that name somebody else, or somebody who was deleted.
        strangers: photos of people who are not enrolled that were named as somebody: the model's.
        faults: bodies of 5xx answers.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    named: int = 0
    missed: int = 0
    wrong: list[str] = field(default_factory=list)
    strangers: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Seen") -> None:
        """Count what another client saw as well."""
        for kind, counted in other.statuses.items():
            self.statuses.setdefault(kind, Counter()).update(counted)
        self.named += other.named
        self.missed += other.missed
        self.strangers += other.strangers
        self.wrong += other.wrong
        self.faults += other.faults

    @property
    def errors(self) -> int:
        """Answers of 500 and above, and connections that broke."""
        return sum(
            count
            for counted in self.statuses.values()
            for status, count in counted.items()
            if status >= 500 or status == 0
        )


@dataclass(frozen=True, slots=True)
class Soak:
    """What a run saw.

    Attributes:
        seconds: that clients worked.
        seen: by all clients.
        swapped: how the change of model ended, in words.
        first_mb, last_mb: medians of the service's memory in the first and the last minute, or
            quarter; None where the system does not say.
    """

    seconds: float
    seen: Seen
    swapped: str
    first_mb: float | None
    last_mb: float | None

    def verdicts(self) -> Iterator[tuple[bool, str]]:
        """Sentences about what was seen, each with whether it is as it should be."""
        seen = self.seen
        yield seen.errors == 0, f"{seen.errors} answers of 5xx or broken connections"
        yield not seen.wrong, f"{len(seen.wrong)} wrong people among {seen.named} rightly named"
        yield self.swapped == "switched", f"change of model: {self.swapped}"
        if self.first_mb is not None and self.last_mb is not None:
            grown = self.last_mb / self.first_mb - 1
            yield (
                grown <= FLAT,
                f"memory went from {self.first_mb:.0f} to {self.last_mb:.0f} MB,"
                f" {100 * grown:+.1f} %; up to {100 * FLAT:.0f} % is called flat",
            )

    def document(self) -> dict[str, Any]:
        """As JSON."""
        seen = self.seen
        return {
            "seconds": round(self.seconds, 1),
            "clients": CLIENTS,
            "answers": {kind: dict(found) for kind, found in sorted(seen.statuses.items())},
            "errors": seen.errors,
            "faults": seen.faults[:20],
            "named": seen.named,
            "missed": seen.missed,
            "wrong": seen.wrong,
            "strangers_named": seen.strangers,
            "model": self.swapped,
            "memory_mb": {"first": self.first_mb, "last": self.last_mb},
            "verdicts": [{"holds": holds, "text": text} for holds, text in self.verdicts()],
        }


@dataclass(slots=True)
class _Known:
    """A person of one client: `name` and `id` are None while nobody is enrolled."""

    photos: list[tuple[str, bytes]]
    name: str | None = None
    id: int | None = None


class Client:
    """One client with people of its own.

    Args:
        port: of the service on loopback.
        collection: that it asks.
        number: tells clients apart.
        people: their photos, as (name, content).
    """

    def __init__(
        self,
        port: int,
        collection: str,
        number: int,
        people: Sequence[Sequence[tuple[str, bytes]]],
    ) -> None:
        self.seen = Seen()
        self.deleted: set[str] = set()
        self._port = port
        self._collection = collection
        self._number = number
        self._people = [_Known(list(photos)) for photos in people]
        self._names = (f"client {number} person {count}" for count in itertools.count(1))
        self._random = random.Random(number)

    def enrol_all(self) -> None:
        """Enrol everybody, and let go of photos that show no face."""
        for person in list(self._people):
            self._enrol(person)
            if person.id is None:
                self._people.remove(person)

    def work(self, until: float) -> None:
        """Do one thing after another until a moment of `time.monotonic`."""
        kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
        while time.monotonic() < until and self._people:
            (kind,) = self._random.choices(kinds, weights)
            self._do(kind, self._random.choice(self._people))

    def warm_up(self) -> None:
        """Do each thing once: what is loaded when it is first needed is no growth."""
        for kind in _WEIGHTS:
            self._do(kind, self._random.choice(self._people))

    def _do(self, kind: str, person: _Known) -> None:
        if kind == "identify":
            self._identify(person)
        elif kind == "calibrate":
            self._send("calibrate", "POST", "/v1/calibration", {"fpir": 0.01})
        elif person.id is None:
            self._enrol(person)
        elif kind == "rename":
            self._rename(person)
        elif kind == "merge":
            self._merge_and_undo(person)
        elif kind == "delete":
            self._delete(person)

    # Asking

    def _identify(self, person: _Known, expected: str | None = None) -> None:
        photo = self._random.choice(person.photos)
        answer = self._send("identify", "POST", "/v1/identify", form=[("photos", *photo)])
        if answer is None:
            return
        meant = expected or person.name
        named = [face["person"] for face in answer["photos"][0]["faces"] if face["person"]]
        for name in named:
            if name in self.deleted:
                self.seen.wrong.append(f"{photo[0]} was named as {name}, who is deleted")
            elif meant is not None and name != meant and len(named) == 1:
                self.seen.wrong.append(f"{photo[0]} is {meant}, but was named as {name}")
        if meant is None:
            self.seen.strangers += bool(named)
        elif meant in named:
            self.seen.named += 1
        else:
            self.seen.missed += 1

    # Editing

    def _enrol(self, person: _Known) -> None:
        name = next(self._names)
        parts: list[tuple[str, str | None, bytes]] = [("person", None, name.encode())]
        parts += [("photos", *photo) for photo in person.photos]
        answer = self._send("enrol", "POST", "/v1/people", form=parts)
        if answer is None:
            return
        rejected = {each["photo"] for each in answer["rejected"]}
        person.photos = [photo for photo in person.photos if photo[0] not in rejected]
        person.id, person.name = answer["id"], name
        self._identify(person)

    def _rename(self, person: _Known) -> None:
        name = next(self._names)
        if self._send("rename", "PATCH", f"/v1/people/{person.id}", {"person": name}) is not None:
            if person.name:
                self.deleted.add(person.name)  # nobody is called so any more
            person.name = name
            self._identify(person)

    def _merge_and_undo(self, person: _Known) -> None:
        others = [each for each in self._people if each.id is not None and each is not person]
        if not others:
            return
        into = self._random.choice(others)
        ids = {"person_id": person.id, "into_id": into.id}
        edit = self._send("merge", "POST", "/v1/people/merge", ids)
        if edit is not None:
            self._identify(person, into.name)
            if self._send("undo", "POST", "/v1/undo", {"edit": edit["id"]}) is None:
                person.id = person.name = None  # they stay one
                self._people.remove(person)
            else:
                self._identify(person)

    def _delete(self, person: _Known) -> None:
        receipt = self._send("delete", "DELETE", f"/v1/people/{person.id}")
        if receipt is not None:
            self._identify(person)  # gone at once, whatever is still being searched
            while receipt is not None and receipt["state"] == "working":
                time.sleep(_RECEIPT_S)
                receipt = self._send("receipt", "GET", receipt["url"])
            if person.name:
                self.deleted.add(person.name)
            person.id = person.name = None
            self._identify(person)

    # HTTP

    def _send(
        self,
        kind: str,
        method: str,
        path: str,
        document: Mapping[str, Any] | None = None,
        form: Sequence[tuple[str, str | None, bytes]] = (),
    ) -> dict[str, Any] | None:
        """The answer, None where it was none; counted either way."""
        if form:
            body, kind_of = _form(form), f"multipart/form-data; boundary={_BOUNDARY}"
        else:
            body = b"" if document is None else json.dumps(document).encode()
            kind_of = "application/json"
        status, content = self._answer(method, path, body, {"Content-Type": kind_of})
        self.seen.statuses.setdefault(kind, Counter())[status] += 1
        if status >= 500 or status == 0:
            self.seen.faults.append(f"{kind}: {status} {content[:400].decode(errors='replace')}")
        if not 200 <= status < 300:
            return None
        found: dict[str, Any] = json.loads(content)
        return found

    def _answer(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        where = f"{path}?collection={quote(self._collection)}"
        # One connection per request: an idle one may be closed at any time, which is no fault.
        connection = HTTPConnection(HOST, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, where, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException) as error:
            return 0, repr(error).encode()
        finally:
            connection.close()


def _form(parts: Sequence[tuple[str, str | None, bytes]]) -> bytes:
    made = bytearray()
    for name, file, content in parts:
        called = "" if file is None else f'; filename="{file}"'
        kind = "" if file is None else "Content-Type: application/octet-stream\r\n"
        made += (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{called}\r\n'.encode()
        )
        made += f"{kind}\r\n".encode() + content + b"\r\n"
    return bytes(made) + f"--{_BOUNDARY}--\r\n".encode()


def run(
    settings: Settings,
    folder: Path,
    *,
    other: str,
    seconds: float = 300.0,
    say: Say = lambda text: None,
) -> Soak:
    """Serve two collections, and let clients ask and edit while one of them changes its model.

    Args:
        settings: of an empty home folder where nobody has made keys.
        folder: a folder per person; at least two people for each client are wanted.
        other: the embedder that the first collection goes over to.
        seconds: that clients work.
        say: is told what happens.

    Raises:
        DataInvalid: the folder has too few people.
    """
    people = _people(folder)
    with served(settings.home, COLLECTIONS[0], ROLLCALL_KEEP_PHOTOS="true") as running:
        clients = [
            Client(running.port, COLLECTIONS[each % len(COLLECTIONS)], each, people[each::CLIENTS])
            for each in range(CLIENTS)
        ]
        say(f"enrolling {len(people)} people in {len(COLLECTIONS)} collections over HTTP")
        for client in clients:
            client.enrol_all()
        for client in clients:
            client.warm_up()
        say(f"{CLIENTS} clients for {seconds:.0f} s")
        return _soak(running, clients, settings.home, other, seconds)


def _soak(
    running: Running,
    clients: Sequence[Client],
    home: Path,
    other: str,
    seconds: float,
) -> Soak:
    begun = time.monotonic()
    threads = [threading.Thread(target=client.work, args=(begun + seconds,)) for client in clients]
    for thread in threads:
        thread.start()
    memory: list[float] = []
    enough = threading.Event()
    watcher = threading.Thread(target=_watch, args=(running, memory, enough))
    watcher.start()
    try:
        enough.wait(seconds / 3)
        swapped = _swapped(home, other)
    finally:
        for thread in threads:
            thread.join()
        enough.set()
        watcher.join()
    seen = Seen()
    for client in clients:
        seen.add(client.seen)
    window = max(1, round(len(memory) * min(0.25, _MINUTE_S / seconds)))
    first = statistics.median(memory[:window]) if memory else None
    last = statistics.median(memory[-window:]) if memory else None
    return Soak(time.monotonic() - begun, seen, swapped, first, last)


def _watch(running: Running, memory: list[float], enough: threading.Event) -> None:
    while not enough.wait(1.0):
        held = running.memory_mb()
        if held is not None:
            memory.append(held)


def _swapped(home: Path, name: str) -> str:
    """Change the first collection's model from another process; how that ended."""
    rollcall = [sys.executable, "-m", "cli", "models", "swap"]
    where = ["--home", str(home), "--collection", COLLECTIONS[0]]
    for step in (
        ["begin", name, "--yes"],
        ["switch", "--without-missing"],
    ):
        done = subprocess.run([*rollcall, *step, *where], capture_output=True, text=True)
        if done.returncode not in (0, 1):  # 1: some photos could not be embedded
            return f"{step[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}"
    return "switched"


def _people(folder: Path) -> list[list[tuple[str, bytes]]]:
    """Each person's first photos, as (name, content)."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    for person, path in people_below(folder):
        photos = found.setdefault(person, [])
        if isinstance(path, Path) and len(photos) < PHOTOS:
            photos.append((f"{len(found)}-{path.name}", path.read_bytes()))
    if len(found) < 2 * CLIENTS:
        raise DataInvalid(
            f"{folder} has photos of {len(found)} people; {CLIENTS} clients need two each."
        )
    return list(found.values())
