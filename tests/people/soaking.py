"""A process that enrols people, asks, edits, fills events and deletes, until a line arrives.

Run as: python -m tests.people.soaking HOME URL SEED LOG. It handles people of its own, whose names
and photos nobody else has. Before a deletion it writes down what stands for the person, and after
it what the receipt says; the log lies outside of the home folder.
"""

import io
import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.records import Person
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import CatalogueUnavailable
from retrieval.people.deletions import forget_with_receipt
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Source
from tests.worker.small_models import SIDE_PX, small_service


def settings_of(home: Path, url: str) -> Settings:
    """What all of them work by."""
    return Settings(home=home, catalogue_url=url, keep_photos=True, unknown_days=30)


class Actor:
    """Does one thing after the other, chosen by chance."""

    def __init__(self, service: Service, home: Path, seed: int, log: Path) -> None:
        self.service, self.home, self.seed = service, home, seed
        self.chance = random.Random(seed)
        self.pixels = np.random.default_rng(seed)
        self.log = log
        self.number = 0
        self.kinds: dict[Callable[[], None], int] = {
            self.enrol: 5,
            self.rename: 2,
            self.merge: 1,
            self.split: 1,
            self.attend: 2,
            self.list_run: 1,
            self.delete: 3,
        }

    def step(self) -> str:
        (kind,) = self.chance.choices(list(self.kinds), list(self.kinds.values()))
        kind()
        return kind.__name__

    def enrol(self) -> None:
        """Ask about photos first, as the service does, then enrol them, and write both down."""
        name, photos = self.new_name(), [self.photo() for _ in range(2)]
        self.service.identify(
            [Source(f"{name} {row}.png", data) for row, data in enumerate(photos)]
        )
        items = [EnrolItem(name, f"{name}/{row}.png", data) for row, data in enumerate(photos)]
        results = list(self.service.enrol(items))
        self.tell("enrol", {"person": name, "outcome": results[0].outcome})
        self.tell("verify", {"same": True, "against": f"person {name}"})

    def rename(self) -> None:
        for person in self.some(1):
            name = self.new_name()
            self.service.rename(person, name)
            self.tell("rename", {"person": person.name, "now": name})

    def merge(self) -> None:
        if len(pair := self.some(2)) == 2:
            entry = self.service.catalogue.merge_people(self.service.collection.id, *pair)
            self.tell("merge", {"edit": entry.id, "summary": entry.summary})

    def split(self) -> None:
        for person in self.some(1):
            faces = self.service.catalogue.faces_of(person.id)
            if len(faces) > 1:
                self.service.catalogue.split_person(
                    self.service.collection.id, person, [faces[0].id], self.new_name()
                )

    def attend(self) -> None:
        """Be in a photo of an event: the one that was enrolled."""
        for person in self.some(1):
            face = self.service.catalogue.faces_of(person.id)[0]
            data = self.service.photos.read(face.sha256)
            event = self.service.events.create(f"event {self.seed} {self.number}")
            self.number += 1
            if data is not None:
                for _ in self.service.events.add(event, [Source(f"{person.name}.png", data)]):
                    pass

    def list_run(self) -> None:
        for person in self.some(1):
            runs = self.service.catalogue.runs
            run = runs.create("enrol", "default", f"/ingest/{person.name}", {})
            runs.add(run.id, [ListedPhoto(f"/ingest/{person.name}/1.png", person.name)])
            runs.cancel(run.id)

    def delete(self) -> None:
        for person in self.some(1):
            faces = self.service.catalogue.faces_of(person.id)
            collection = self.service.collection.id
            vectors = self.service.catalogue.vectors(collection, [face.id for face in faces])[2]
            told = {
                "person": person.id,
                "names": [person.name],
                "sha256s": [face.sha256 for face in faces],
                "vectors": [row.tobytes().hex() for row in vectors],
            }
            self.write_down(told)
            receipt = forget_with_receipt(self.service, person, self.home)
            clean = not (receipt.mentions or receipt.traces)
            self.write_down(
                {"person": person.id, "clean": clean, "told": [*receipt.mentions, *receipt.traces]}
            )

    def some(self, count: int) -> list[Person]:
        """People of this actor's own, with photos."""
        found = [
            person
            for person in self.service.catalogue.people(self.service.collection.id)
            if person.name.startswith(f"Actor{self.seed}x") and person.faces
        ]
        return self.chance.sample(found, count) if len(found) >= count else []

    def tell(self, action: str, answer: dict[str, Any]) -> None:
        """As the HTTP service does: an audit entry, and a reply that is kept."""
        catalogue = self.service.catalogue
        catalogue.audit.record([AuditEntry("key", action, "default", answer=answer)])
        token = f"{self.seed} {self.number}"
        self.number += 1
        catalogue.replies.claim("key", token, "print")
        catalogue.replies.keep("key", token, 200, "application/json", json.dumps(answer).encode())

    def new_name(self) -> str:
        self.number += 1
        return f"Actor{self.seed}x{self.number}z"  # no name begins another one

    def photo(self) -> bytes:
        data = io.BytesIO()
        noise = self.pixels.integers(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8)
        Image.fromarray(noise).save(data, "PNG", compress_level=0)
        return data.getvalue()

    def write_down(self, line: dict[str, Any]) -> None:
        with self.log.open("a") as log:
            log.write(json.dumps(line) + "\n")
            log.flush()
            os.fsync(log.fileno())


def main(home: Path, url: str, seed: int, log: Path) -> None:
    over = threading.Event()

    def wait() -> None:
        sys.stdin.readline()
        over.set()

    done: Counter[str] = Counter()
    with small_service(settings_of(home, url)) as service:
        actor = Actor(service, home, seed, log)
        actor.enrol()
        print("begins", flush=True)  # noqa: T201
        threading.Thread(target=wait, daemon=True).start()
        while not over.is_set() or not done["delete"]:  # a slow machine does little until then
            with suppress(CatalogueUnavailable):  # on a machine where much else goes on
                done[actor.step()] += 1
    print(json.dumps(done))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
