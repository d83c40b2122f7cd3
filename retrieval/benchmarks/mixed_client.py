"""A client of the mixed load: asks and edits at random, and counts what it hears."""

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

from retrieval.benchmarks.serving import HOST

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
            if person.name:
                self.deleted.add(person.name)
            person.id = person.name = None
            self._identify(person)  # gone at once, whatever is still being searched
            while receipt is not None and receipt["state"] == "working":
                time.sleep(_RECEIPT_S)
                receipt = self._send("receipt", "GET", f"/v1/receipts/{receipt['id']}")

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
