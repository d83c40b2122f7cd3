"""A catalogue moves between SQLite and PostgreSQL, either way, and not a row is lost or altered."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.transfer import TABLES, copy_catalogue, migrate
from retrieval.catalogue.erasing.receipt_log import new_id
from retrieval.catalogue.events.records import Expects, NewPhoto, Reject, VerdictKind
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.records import Deleted
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.catalogue.schema import now
from retrieval.catalogue.strangers import UnknownFace
from retrieval.errors import (
    AlreadyExists,
    CatalogueIncompatible,
    CatalogueUnavailable,
    NotFound,
)
from retrieval.values import Detections, Faces, Quality
from tests.catalogue.made import (
    make_collection,
    new_face,
    new_faces,
    sha256,
    vector,
)

ROOT = Path(__file__).resolve().parents[2]
FACES = 2_100  # more than one step

_KILLED_ON_THE_WAY = """
import os, signal, sys
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.transfer import migrate

def kill(table, rows):
    if table == "faces":
        os.kill(os.getpid(), signal.SIGKILL)

with Catalogue.open(sys.argv[1]) as source:
    migrate(source, sys.argv[2], kill)
"""


@pytest.fixture(params=["to postgresql", "to sqlite"])
def urls(request, tmp_path, postgres):
    """Source and target."""
    pair = [f"sqlite:///{tmp_path}/catalogue.db", postgres.empty_database()]
    return pair if request.param == "to postgresql" else pair[::-1]


@pytest.fixture
def source(urls):
    with Catalogue.open(urls[0]) as catalogue:
        yield catalogue


def fill(catalogue, faces=40):
    """Something in every table that edits, calibration, runs, keys and questions write to."""
    gallery = make_collection(catalogue).id
    catalogue.enrol(gallery, [new_face(f"person {n // 5}", n, f"E-{n // 5}") for n in range(faces)])
    first, second, third = catalogue.people(gallery)[:3]
    catalogue.merge_people(gallery, first.id, second.id)
    catalogue.rename_person(gallery, third.id, "Zoë Ünlü 李")
    catalogue.undo(gallery)
    document = {"threshold": 0.1 + 0.2, "curve": [[1e-300, None]]}
    catalogue.set_calibration(gallery, document)
    runs = catalogue.runs
    run = runs.create("enrol", "default", "/photos", {"pose": True})
    runs.add(run.id, [ListedPhoto("/photos/\udcff.jpg", "Ann"), ListedPhoto("/b", "Bob", "7")])
    catalogue.api_keys.create("front desk", Role.VIEWER)
    catalogue.users.make_link(catalogue.users.create("eve", Role.HR))
    catalogue.sessions.open("handle", 1)
    catalogue.webhooks.add(gallery, "https://hr.example.com/rollcall")
    catalogue.audit.record([AuditEntry("local", "identify", answer={"score": 0.1})])
    catalogue.strangers.keep(gallery, ["ab"], [_unknown()], days=30)
    _embed_anew(catalogue.other_models, gallery)
    places = catalogue.index_registry(gallery)
    places.lease("key", "holder", 60)
    places.begin("key", "holder", "epoch")
    _event(catalogue, gallery)
    last = catalogue.people(gallery)[-1].id
    where = {"collection_id": gallery, "collection": "default"}
    with catalogue.receipts.begun(new_id(), Deleted.PERSON, last, lambda erased: {}, **where):
        catalogue.delete_person(gallery, last)
    return gallery


def _event(catalogue, gallery):
    """An event of one photo with two faces, one of them with a verdict."""
    second = catalogue.people(gallery)[1].id
    event = catalogue.events.create(
        gallery, "Zoë's party", expects=Expects.LISTED, people=[second], days=9
    )
    one = np.ones(2, np.float32)
    quality = Quality(one * 40, one * 9, one, one * 0, (None, "too small"))
    boxes = np.arange(8, dtype=np.float32).reshape(2, 4)
    found = Detections(boxes, np.zeros((2, 5, 2), np.float32), one)
    faces = Faces(found, quality, np.stack([vector(7_000), vector(7_001)]))
    photo = NewPhoto(sha256(70), "p/ö.jpg", None, 8, 6, now(), faces, [b"one", b"two"])
    reject = Reject("p/empty.jpg", "unreadable", "It is empty.")
    ids = catalogue.albums.add(gallery, event.id, [photo], [reject], "fingerprint").appearances
    catalogue.verdicts.say(gallery, event.id, [(ids[0], VerdictKind.IS, second)], "eve")


def _embed_anew(other_models, gallery):
    """Another model beside the collection's, for the first five faces."""
    other_models.begin(
        gallery, embedder="other", precision="int8", mirror=False, fingerprint="o", dimension=5
    )
    first = [face.id for face in other_models.faces(gallery, limit=5)]
    other_models.put(gallery, "o", first, np.stack([vector(face_id, 5) for face_id in first]))
    other_models.set_calibration(gallery, "o", {"stamp": "1"})
    other_models.begin_generation(gallery)


def _unknown():
    box, landmarks = np.arange(4, dtype=np.float32), np.arange(10, dtype=np.float32).reshape(5, 2)
    return UnknownFace("p.jpg", "ab", 8, 6, 1, box, landmarks, 0.9, 30, 50, 1, 0, vector(1))


def rows_of(catalogue):
    """Every row of every table, as the database's own types give them."""
    with catalogue._database.reading() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in TABLES
        }


def test_every_row_of_every_table_arrives_as_it_was(urls, source):
    fill(source)
    before = rows_of(source)
    empty = {name for name, rows in before.items() if not rows}
    assert empty <= {"replies", "backups"}
    tally = migrate(source, urls[1])
    with Catalogue.open(urls[1]) as target:
        assert rows_of(target) == before
        target.check()
    assert tally.rows == tally.added == sum(map(len, before.values()))
    assert rows_of(source) == before


def test_the_copy_goes_on_where_the_ids_of_the_source_ended(urls, source):
    gallery = fill(source)
    gone = source.enrol(gallery, [new_face("gone", 900)])[0]
    source.delete_person(gallery, gone.person_id)
    migrate(source, urls[1])
    with Catalogue.open(urls[1]) as target:
        feed = target.feed(gallery)
        assert feed.head().seq == source.feed(gallery).head().seq
        assert feed.head().epoch != source.feed(gallery).head().epoch
        (new,) = target.enrol(gallery, [new_face("new", 901)])
        assert (new.face_id, new.person_id) == (gone.face_id + 1, gone.person_id + 1)
        assert make_collection(target, "another").id == gallery + 1


def test_a_copy_that_was_killed_goes_on_with_what_is_there(urls, source):
    gallery = fill(source, FACES)
    command = [sys.executable, "-c", _KILLED_ON_THE_WAY, *urls]
    assert subprocess.run(command, cwd=ROOT).returncode == -9
    with pytest.raises(CatalogueIncompatible, match="part of another catalogue"):
        Catalogue.open(urls[1])
    # Meanwhile the source lived on: some of what was copied is no more, or is otherwise.
    source.rename_person(gallery, source.person(gallery, "person 9").id, "renamed")
    source.delete_person(gallery, source.person(gallery, "person 8").id)
    source.enrol(gallery, [new_face("late", 9_000)])
    tally = migrate(source, urls[1])
    assert 0 < tally.added < tally.rows, "not everything was copied once more"
    with Catalogue.open(urls[1]) as target:
        assert rows_of(target) == rows_of(source)


def test_what_is_written_meanwhile_comes_along_once_the_writers_stop(urls, source):
    gallery = fill(source)
    late = iter(range(1_000, 1_003))

    def write(table, rows):
        if table == "faces" and (number := next(late, None)):
            source.enrol(gallery, [new_face("late", number)])

    migrate(source, urls[1], write)
    with Catalogue.open(urls[1]) as target:
        assert rows_of(target) == rows_of(source)
        assert target.person(gallery, "late").faces == 3


def test_a_source_that_never_stands_still_is_refused_and_can_be_copied_later(tmp_path):
    with Catalogue.open(tmp_path / "a.db") as source:
        gallery = fill(source)
        numbers = iter(range(1_000, 9_000))

        def write(table, rows):
            source.enrol(gallery, [new_face("late", next(numbers))])

        with pytest.raises(CatalogueUnavailable, match="Stop whoever writes"):
            migrate(source, tmp_path / "b.db", write)
        migrate(source, tmp_path / "b.db")
        with Catalogue.open(tmp_path / "b.db") as target:
            assert rows_of(target) == rows_of(source)


def test_a_target_in_use_is_refused_and_stays_as_it_is(tmp_path):
    with Catalogue.open(tmp_path / "a.db") as source, Catalogue.open(tmp_path / "b.db") as target:
        fill(source)
        gallery = make_collection(target).id
        target.enrol(gallery, new_faces("Ann", range(3)))
        before = rows_of(target)
        for path in (tmp_path / "b.db", tmp_path / "a.db"):
            with pytest.raises(AlreadyExists, match="in use"):
                migrate(source, path)
        assert rows_of(target) == before


def test_a_mistyped_source_is_not_taken_for_an_empty_catalogue(tmp_path):
    with (
        Catalogue.open(tmp_path / "typo.db") as source,
        pytest.raises(NotFound, match="nothing to copy"),
    ):
        migrate(source, tmp_path / "b.db")


def test_a_copy_for_a_backup_keeps_the_epoch_and_all_rows(urls, source, tmp_path):
    gallery = fill(source)
    copy_catalogue(source, tmp_path / "copy.db")
    with Catalogue.open(tmp_path / "copy.db") as copy:
        copy.check()
        assert rows_of(copy) == rows_of(source)
        assert copy.feed(gallery).head() == source.feed(gallery).head()
