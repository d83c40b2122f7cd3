"""Deletion is final, and the receipt proves it: in every file, under every coding of an index."""

import csv
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

import numpy as np
import pytest

from retrieval.catalogue.erasing.searching import Look, traces
from retrieval.catalogue.http.audit import Audit, AuditEntry
from retrieval.catalogue.http.replies import Replies
from retrieval.catalogue.records import NewFace
from retrieval.catalogue.runs.run_records import ListedPhoto, PhotoOutcome, Taken
from retrieval.catalogue.runs.runs import Runs
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.run_files import rejects_of
from retrieval.index import snapshot
from retrieval.index.faiss_ivf import Coding, FaissIvf, Recipe
from retrieval.index.gallery import Gallery
from retrieval.index.lists import Lists
from retrieval.index.snapshot import Stamp
from retrieval.index.status import Trained
from retrieval.index.view import View
from retrieval.people.deletions import forget_with_receipt
from retrieval.people.receipts import forget
from retrieval.people.traces import Sought, search, sought_of
from retrieval.photos.folders import people_below
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Vectors
from tests.catalogue.made import new_face
from tests.catalogue.postgres import running_postgres
from tests.worker.small_models import DIMENSION, Sums, small_service, write_photos

PEOPLE, PHOTOS = 40, 5
CODINGS = (None, *Coding)  # None: searched exactly
TRAINED = Trained(PEOPLE * PHOTOS, 1.0, 0, 1.0, 1.0, 1.0, "2026-01-01T00:00:00+00:00")

# A process that says, for a vector a line, who is nearest and what it has mapped that is deleted.
ASKED = """
import json, sys
from pathlib import Path
import numpy as np
from retrieval.settings import Settings
from tests.worker.small_models import small_service

with small_service(Settings(home=Path(sys.argv[1]))) as service:
    for line in sys.stdin:
        probe = np.array([json.loads(line)], np.float32)
        service.gallery.catch_up()
        hits = service.gallery.search(probe, 3)
        names = service.catalogue.names(hits.people[0].tolist())
        maps = Path("/proc/self/maps").read_text().splitlines()
        deleted = [each for each in maps if ".snapshot (deleted)" in each]
        print(json.dumps([sorted(names.values()), len(deleted)]), flush=True)
"""

# A process that reads the catalogue until it is told to stop.
READER = """
import sys
from pathlib import Path
from retrieval.catalogue.catalogue import Catalogue

with Catalogue.open(Path(sys.argv[1])) as catalogue:
    reading = catalogue.feed(1).everything(chunk=1)
    next(reading)
    print("reads", flush=True)
    sys.stdin.readline()
    reading.close()
"""


@contextmanager
def _process(program: str, argument: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", program, str(argument)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        try:
            yield process
        finally:
            if process.stdin is not None:
                process.stdin.close()
            assert process.wait(timeout=180) == 0


def _told(process: "subprocess.Popen[str]", line: str | None = None) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    if line is not None:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    return process.stdout.readline()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with small_service(Settings(home=home, keep_photos=True)) as opened:
        yield opened


def _faces() -> list[NewFace]:
    return [
        new_face(f"person {number // PHOTOS:02}", number, dimension=DIMENSION)
        for number in range(PEOPLE * PHOTOS)
    ]


def _enrol(service: Service, faces: list[NewFace]) -> None:
    service.catalogue.enrol(service.ensure_collection().id, faces)
    for face in faces:
        if face.person in ("person 03", "person 04", "twin"):
            service.photos.keep(face.sha256, f"the photo {face.photo}".encode())


def _written(service: Service, home: Path, coding: Coding | None, nlist: int = 4) -> Lists | None:
    """Write a snapshot with lists of this coding, as a process that trained them would."""
    feed = service.catalogue.feed(service.collection.id)
    view = View.of(Gallery(feed, None).roster(), feed.head())
    if coding is not None:
        roster = view.frozen
        faces = FaissIvf.trained(roster.vectors, Recipe(coding, nlist, nlist))
        templates = FaissIvf.trained(roster.templates, Recipe(coding, 1, 1))
        lists = Lists(faces, templates, visited=nlist, fetch=64, trained=TRAINED)
        view = view.folded(lists)
    stamp = Stamp(
        collection=str(service.collection.id),
        fingerprint=Sums.fingerprint,
        dimension=DIMENSION,
        epoch=view.watermark.epoch,
        seq=view.watermark.seq,
    )
    snapshot.write(home / "index" / str(service.collection.id), stamp, *view.packed())
    return view.lists


def _sought(service: Service, name: str) -> Sought:
    person = service.catalogue.person(service.collection.id, name)
    return sought_of(service, _ids(service, name), [person.id])


def _ids(service: Service, name: str) -> list[int]:
    person = service.catalogue.person(service.collection.id, name)
    return [face.id for face in service.catalogue.faces_of(person.id)]


def _assert_each_is_found(service: Service, home: Path, sought: Sought) -> None:
    """The search is able to find everything that it is asked for."""
    found = search(service, home, sought)
    with TemporaryDirectory() as folder:
        # Not opened here: closing one would drop SQLite's locks on it.
        subprocess.run(["cp", "--backup=numbered", *found.files, folder], check=True)
        contents = [path.read_bytes() for path in Path(folder).iterdir()]
    for pattern in sought.vectors | sought.plain:
        assert any(pattern in content for content in contents), f"{len(pattern)} bytes"
    held = service.gallery.left_packed(sought.faces, sought.people, sought.packed)
    assert frozenset().union(*held.values()) == sought.packed
    assert {path.name for path in found.traces} >= sought.sha256s


@pytest.mark.parametrize("coding", CODINGS)
def test_nothing_of_a_deleted_person_is_in_any_file_and_all_of_it_was(
    service: Service, home: Path, coding: Coding | None
) -> None:
    _enrol(service, _faces())
    _written(service, home, coding)
    assert service.gallery.status().kind == ("exact" if coding is None else f"ivf-{coding}")
    sought = _sought(service, "person 03")
    codes = {None: 0, Coding.FLAT: PHOTOS + 1, Coding.SQ8: PHOTOS + 1, Coding.PQ: 0}
    assert len(sought.plain) == PHOTOS + 1 + codes[coding]
    assert len(sought.packed) == (PHOTOS + 1 if coding is Coding.PQ else 0)
    _assert_each_is_found(service, home, sought)
    receipt = forget_with_receipt(service, "person 03", home)
    assert receipt.clean, receipt.summary
    assert receipt.searched_patterns == len(sought)
    assert len(receipt.erased_faces) == len(receipt.erased_photo_marks) == PHOTOS
    assert search(service, home, sought).traces == ()
    assert service.gallery.status().kind == ("exact" if coding is None else f"ivf-{coding}")
    _assert_each_is_found(service, home, _sought(service, "person 04"))


@pytest.mark.parametrize("coding", CODINGS)
def test_a_copy_of_the_photo_under_another_name_is_no_trace(
    service: Service, home: Path, coding: Coding | None
) -> None:
    faces = _faces()
    twin = new_face("twin", 10_000, dimension=DIMENSION)
    _enrol(service, faces)
    same = [
        replace(twin, sha256=f"{number:064x}", vector=faces[number].vector)
        for number in range(3 * PHOTOS, 4 * PHOTOS)
    ]
    _enrol(service, same)
    _written(service, home, coding)
    receipt = forget_with_receipt(service, "person 03", home)
    assert receipt.clean, receipt.summary
    assert len(_ids(service, "twin")) == PHOTOS
    _assert_each_is_found(service, home, _sought(service, "twin"))


def test_the_same_photos_in_another_collection_are_no_trace(service: Service, home: Path) -> None:
    settings = Settings(home=home, collection="other site", keep_photos=True)
    _enrol(service, _faces())
    service.gallery.snapshot()
    with small_service(settings) as other:
        _enrol(other, _faces())
        other.gallery.snapshot()
        receipt = forget_with_receipt(service, "person 03", home)
        assert receipt.clean, receipt.summary
        _assert_each_is_found(other, home, _sought(other, "person 03"))
        assert forget_with_receipt(other, "person 03", home).clean


@pytest.mark.parametrize("what", ["vector", "hash"])
def test_bytes_that_the_catalogues_file_left_lying_are_driven_out(
    service: Service, home: Path, what: str
) -> None:
    """As SQLite may when it moves rows: here by a connection that overwrites nothing."""
    _enrol(service, _faces())
    face = service.catalogue.faces_of(service.person("person 03").id)[0]
    vector = service.catalogue.vectors(service.collection.id, [face.id])[2][0]
    left = vector.tobytes() if what == "vector" else face.sha256.encode()
    with closing(sqlite3.connect(home / "catalogue.db")) as careless:
        careless.execute("PRAGMA secure_delete = OFF")
        careless.execute("CREATE TABLE moved (vector BLOB)")
        careless.execute("INSERT INTO moved VALUES (?)", [b"before" + left])
        careless.execute("DELETE FROM moved")
        careless.execute("DROP TABLE moved")
        careless.commit()
    service.catalogue.empty_wal()
    receipt = forget_with_receipt(service, "person 03", home)
    assert receipt.clean, receipt.summary
    assert not traces(Look([home / "catalogue.db"], [left]))
    assert len(_ids(service, "person 04")) == PHOTOS


def test_a_trace_in_any_file_under_the_home_folder_is_named(service: Service, home: Path) -> None:
    _enrol(service, _faces())
    vector = service.catalogue.vectors(service.collection.id, _ids(service, "person 03"))[2][0]
    left = home / "notes" / "left.bin"
    left.parent.mkdir()
    left.write_bytes(b"before" + vector.tobytes() + b"after")
    receipt = forget_with_receipt(service, "person 03", home)
    assert receipt.traces == ["notes/left.bin"]
    assert not receipt.clean
    assert "notes/left.bin" in receipt.summary


def test_the_centre_of_a_cluster_of_one_goes_with_that_one(service: Service, home: Path) -> None:
    faces = _faces()
    alone = new_face("alone", 10_000, dimension=DIMENSION)
    crowd = np.mean([face.vector for face in faces], axis=0, dtype=np.float32)
    for face in faces:
        face.vector[:] = _unit(face.vector * 0.01 + _unit(crowd))
    alone.vector[:] = -_unit(crowd)
    _enrol(service, [*faces, alone])
    lists = _written(service, home, Coding.SQ8, nlist=2)
    assert lists is not None
    sought = _sought(service, "alone")
    assert {centre.tobytes() for centre in lists.faces.centroids()} & sought.plain
    receipt = forget_with_receipt(service, "alone", home)
    assert receipt.clean, receipt.summary
    assert search(service, home, sought).traces == ()


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def test_photos_that_a_service_enrolled_and_kept_are_gone(
    service: Service, home: Path, tmp_path: Path
) -> None:
    write_photos(tmp_path / "photos", people=3, photos=2)
    items = [EnrolItem(name, str(path), path) for name, path in people_below(tmp_path / "photos")]
    assert {result.outcome for result in service.enrol(items)} == {"enrolled"}
    service.gallery.snapshot()
    sought = _sought(service, "person 001")
    _assert_each_is_found(service, home, sought)
    assert forget_with_receipt(service, "person 001", home).clean
    kept = {path.name for path in service.photos.folder.rglob("*") if path.is_file()}
    assert len(kept) == 4
    assert not kept & sought.sha256s


@pytest.mark.parametrize("coding", CODINGS)
def test_removing_a_photo_leaves_nothing_of_it(
    service: Service, home: Path, coding: Coding | None
) -> None:
    _enrol(service, _faces())
    _written(service, home, coding)
    face = service.catalogue.faces(_ids(service, "person 03"))[_ids(service, "person 03")[2]]
    sought = sought_of(service, [face.id], [])
    _assert_each_is_found(service, home, sought)
    service.remove_photo(face.sha256)
    assert search(service, home, sought).traces == ()
    assert len(_ids(service, "person 03")) == PHOTOS - 1


def test_a_reader_is_waited_for_and_one_that_stays_is_named(service: Service, home: Path) -> None:
    _enrol(service, _faces())
    database = service.catalogue.files()[0]
    with _process(READER, database) as reader:
        assert _told(reader) == "reads\n"
        ends = Timer(0.5, lambda: reader.stdin and reader.stdin.close())
        ends.start()
        receipt = forget_with_receipt(service, "person 02", home)
        ends.join()
        assert receipt.clean, receipt.summary
    sought = _sought(service, "person 03")
    with _process(READER, database) as reader:
        assert _told(reader) == "reads\n"
        gone = forget(service, [service.person("person 03")], home)
        receipt = gone.receipt(gone.found(wait_s=0.1))
        assert not receipt.clean
        assert "reading the catalogue" in receipt.open[0]
        assert receipt.open[0] in receipt.summary
    service.catalogue.close()
    assert search(service, home, sought).traces == ()


def test_another_process_never_names_who_is_deleted_and_lets_go_of_the_old_file(
    service: Service, home: Path
) -> None:
    _enrol(service, _faces())
    _written(service, home, Coding.PQ)
    vector = service.catalogue.vectors(service.collection.id, _ids(service, "person 03"))[2][0]
    line = json.dumps(vector.tolist())
    with _process(ASKED, home) as other:
        names, _ = json.loads(_told(other, line))
        assert "person 03" in names
        assert forget_with_receipt(service, "person 03", home).clean
        names, mapped = json.loads(_told(other, line))
        assert len(names) == 3
        assert "person 03" not in names
        assert mapped == 0


def test_the_names_of_a_deleted_person_are_taken_out_wherever_they_stand(
    service: Service, home: Path
) -> None:
    names = ("Zoë Quill", "Zoë Old-Name")
    _enrol(service, [*_faces(), new_face(names[1], 9_000, dimension=DIMENSION)])
    service.rename(names[1], names[0])
    database = service.catalogue._database
    audit, replies, runs = Audit(database), Replies(database), Runs(database)
    told = {
        "faces": [
            {"decision": "match", "person": names[0], "score": 0.9},
            {"decision": "match", "person": "person 01", "score": 0.9},
        ],
        "photo": f"employees/{names[1]}/1.jpg",
    }
    audit.record(
        [
            AuditEntry("key", "identify", "default", photo="f" * 64, answer=told),
            AuditEntry("key", "rename", "default", answer={"person": names[1], "now": names[0]}),
            AuditEntry("key", "identify", "another", answer=told),
        ]
    )
    audit.record([AuditEntry("key", "enrol", "default", photo=new_face("", 9_000).sha256)])
    for token, who in (("a", names[0]), ("b", "person 01")):
        replies.claim("key", token, "print")
        body = json.dumps({"person": who, "now": names[0] if token == "a" else who}).encode()
        replies.keep("key", token, 200, "application/json", body)
    run = runs.create("identify", "default", "folder", {})
    ids = runs.add(run.id, [ListedPhoto("1.jpg"), ListedPhoto("2.jpg")])
    message = f"The same photo is enrolled under {names[0]!r}. Remove it there."
    runs.record(
        run.id,
        [
            PhotoOutcome(ids[0], Taken.ANSWERED, answer=told),
            PhotoOutcome(ids[1], Taken.REJECTED, "other-person", message),
        ],
    )
    rejects = rejects_of(home, run.id)
    rejects.parent.mkdir()
    with rejects.open("w", newline="", encoding="utf-8") as file:
        rows = [(name, "", f"/photos/{name}/1.jpg") for name in (names[0], "person 01")]
        csv.writer(file).writerows([("person", "external_id", "photo"), *rows])
    upload = home / "uploads" / "archive"
    for name in (names[0], "person 01"):
        (upload / name).mkdir(parents=True)
        (upload / name / "1.jpg").write_bytes(b"a photo")
    runs.create("enrol", "default", "archive.zip", {"base": str(upload)})

    forms = [form for name in names for form in (name.encode(), json.dumps(name)[1:-1].encode())]
    files = [*service.catalogue.files(), rejects]
    assert {*traces(Look(files, forms))} >= {rejects}
    assert forget_with_receipt(service, names[0], home).clean

    newest = audit.entries(collection="default")
    assert [each.entry.photo for each in newest] == [None, None, "f" * 64]
    asked, other = newest[2].entry.answer, told["faces"][1]
    assert asked is not None
    assert [face["person"] for face in asked["faces"]] == ["(deleted)", "person 01"]
    assert asked["faces"][1] == other
    assert asked["photo"] == "employees/(deleted)/1.jpg"
    again = replies.claim("key", "b", "print")
    assert again is not None
    assert again.body == b'{"person": "person 01", "now": "person 01"}'
    assert [photo.message for photo in runs.not_taken(run.id)] == [
        "The same photo is enrolled under '(deleted)'. Remove it there."
    ]
    assert rejects.read_text().splitlines() == [
        "person,external_id,photo",
        "person 01,,/photos/person 01/1.jpg",
    ]
    assert [path.parent.name for path in upload.rglob("*.jpg")] == ["person 01"]
    # What stands in another collection's entry is about somebody else of that name.
    audit.purge(0)
    assert service.catalogue.empty_wal()
    assert traces(Look([*service.catalogue.files(), rejects], forms)) == []


def test_a_catalogue_that_lies_elsewhere_is_searched_too(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "people.db"
    settings = Settings(home=home, catalogue_url=f"sqlite:///{elsewhere}")
    with small_service(settings) as service:
        _enrol(service, _faces())
        service.gallery.snapshot()
        _assert_each_is_found(service, home, _sought(service, "person 03"))
        receipt = forget_with_receipt(service, "person 03", home)
        assert receipt.clean
        assert receipt.searched["elsewhere"]


def test_the_receipt_says_that_a_servers_files_were_not_searched(home: Path) -> None:
    with running_postgres() as server:
        settings = Settings(home=home, catalogue_url=server.empty_database())
        with small_service(settings) as service:
            _enrol(service, _faces())
            service.gallery.snapshot()
            receipt = forget_with_receipt(service, "person 03", home)
            assert receipt.clean
            assert any("PostgreSQL" in each for each in receipt.not_searched)
            assert not any("catalogue" in each for each in receipt.searched)
