"""Processes that write to one catalogue, and read it through an index, all at the same time.

Run as: python -m tests.catalogue.contending write|read URL FOLDER SEED. Each prints a line when it
begins, works until a line arrives, and then prints what it did as one line of JSON. An error that
is not of the caller's own making, as one of a lock would be, ends it with a traceback.
"""

import json
import random
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import AlreadyExists, InputError, NotFound, UndoImpossible
from retrieval.index.gallery import Gallery
from tests.catalogue.made import new_faces, vector

_LISTS_FROM = 150  # faces: so few that lists are trained during the test
_OUTRUN = (NotFound, AlreadyExists, UndoImpossible)  # another process was there first


class Writer:
    """Does one edit after the other, chosen by chance among people whom all writers see."""

    def __init__(self, catalogue, gallery_id, seed):
        self.catalogue, self.gallery = catalogue, gallery_id
        self.chance = random.Random(seed)
        self.own = seed * 1_000_000
        self.kinds = {
            self.enrol: 6,
            self.enrol_others: 1,
            self.rename: 3,
            self.merge: 1,
            self.split: 1,
            self.move: 3,
            self.undo: 3,
            self.remove: 2,
            self.delete: 1,
        }

    def step(self):
        (kind,) = self.chance.choices(list(self.kinds), list(self.kinds.values()))
        return self.do(kind)

    def do(self, kind):
        """Its name, or what was in the way."""
        try:
            kind()
        except _OUTRUN:
            return "outrun"
        except InputError as error:  # faces that are that person's already, say
            return error.code
        return kind.__name__

    def someone(self, least=1):
        found = [p for p in self.catalogue.people(self.gallery) if p.faces >= least]
        if not found:
            raise NotFound("Nobody is left.")
        return self.chance.choice(found)

    def face_of(self, person):
        faces = self.catalogue.faces_of(person.id)
        if not faces:
            raise NotFound("They have no face any more.")
        return self.chance.choice(faces)

    def enrol(self):
        count = self.chance.randint(5, 25)
        name = f"person {self.chance.randrange(60)}"
        self.catalogue.enrol(self.gallery, new_faces(name, range(self.own, self.own + count)))
        self.own += count

    def enrol_others(self):
        """Photos that somebody may have enrolled, under whatever name."""
        number = self.chance.randrange(1, 9) * 1_000_000 + self.chance.randrange(50)
        self.catalogue.enrol(self.gallery, new_faces(self.someone().name, [number]))

    def rename(self):
        new_name = f"person {self.chance.randrange(120)}"
        self.catalogue.rename_person(self.gallery, self.someone().id, new_name)

    def merge(self):
        self.catalogue.merge_people(self.gallery, self.someone().id, self.someone().id)

    def split(self):
        person = self.someone(least=2)
        name = f"half {self.chance.randrange(1_000_000)}"
        self.catalogue.split_person(self.gallery, person.id, [self.face_of(person).id], name)

    def move(self):
        face = self.face_of(self.someone())
        self.catalogue.move_faces(self.gallery, [face.id], self.someone().id)

    def undo(self):
        entries = self.catalogue.journal(self.gallery, 10)
        self.catalogue.undo(self.gallery, self.chance.choice(entries).id if entries else None)

    def remove(self):
        self.catalogue.remove_photo(self.gallery, self.face_of(self.someone()).sha256)

    def delete(self):
        self.catalogue.delete_person(self.gallery, self.someone().id)
        self.catalogue.empty_wal(0.2)


def write(catalogue, gallery_id, folder, seed, stopped):
    writer = Writer(catalogue, gallery_id, seed)
    done = Counter(map(writer.do, writer.kinds))  # so that every kind comes about
    while not stopped.is_set():
        done[writer.step()] += 1
    return dict(done)


def read(catalogue, gallery_id, folder, seed, stopped):
    """Follow and search; at the end, compare the index with the catalogue."""
    gallery = Gallery(
        catalogue.feed(gallery_id),
        folder,
        collection=str(gallery_id),
        fingerprint="fingerprint",
        threads=1,
        lists_from=_LISTS_FROM,
        background=True,
    )
    chance, searches, last = random.Random(seed), 0, None
    while not stopped.is_set():
        watermark = gallery.catch_up()
        assert last is None or watermark >= last, "the index went back"
        last = watermark
        probes = np.stack([vector(chance.randrange(1, 9) * 1_000_000 + n) for n in range(8)])
        hits = gallery.search(probes)
        found = hits.people >= 0
        assert np.isfinite(hits.scores[found]).all()
        searches += 1
        if searches % 50 == 0:
            gallery.snapshot()
    gallery.settle()
    head = gallery.catch_up()
    check = gallery.check()
    status = gallery.status()
    gallery.close()
    return {
        "searches": searches,
        "seq": head.seq,
        "sound": check.sound,
        "faces": check.faces,
        "kind": status.kind,
        "problem": status.problem,
    }


def told_to_stop():
    """An event that is set once standard input has a line or ends."""
    event = threading.Event()

    def wait():
        sys.stdin.readline()
        event.set()

    threading.Thread(target=wait, daemon=True).start()
    return event


def main(what, url, folder, seed):
    stopped = told_to_stop()
    with Catalogue.open(url) as catalogue:
        gallery_id = catalogue.collection("default").id
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        work = {"write": write, "read": read}[what]
        found = work(catalogue, gallery_id, Path(folder), int(seed), stopped)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
