"""Deletion is final: no bytes of a deleted person are left in the catalogue's files."""

import random

import pytest
from sqlalchemy import event

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.http.audit import AuditEntry
from tests.catalogue.made import make_collection, new_face, new_faces


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/catalogue.db"


def test_many_enrolments_and_deletions_leave_no_bytes_of_those_who_are_gone(tmp_path):
    """Rows that a database moves between its pages must not leave copies behind."""
    numbers = random.Random(0)
    photos = iter(range(100_000))
    erased, names = [], []
    with Catalogue.open(tmp_path / "catalogue.db") as catalogue:
        gallery = make_collection(catalogue, dimension=128).id
        for _ in range(15):
            strangers = [f"{numbers.getrandbits(64):x}" for _ in range(numbers.randint(1, 12))]
            batch = [
                new_face(name, next(photos), dimension=128)
                for name in strangers
                for _ in range(numbers.randint(1, 4))
            ]
            catalogue.enrol(gallery, batch)
            everybody = catalogue.people(gallery)
            for person in numbers.sample(everybody, len(everybody) // numbers.randint(2, 6)):
                catalogue.rename_person(gallery, person.id, f"renamed {person.name}")
                gone = catalogue.delete_person(gallery, person.id)
                erased += [vector.tobytes() for vector in gone.vectors]
                names.append(person.name.encode())
        assert catalogue.empty_wal()
        _, _, kept = catalogue.vectors(gallery)
        assert len(erased) > len(kept) > 0
        assert catalogue.traces([kept[0].tobytes()]) == [tmp_path / "catalogue.db"]
        assert catalogue.traces(erased) == []
        assert catalogue.traces(names) == []


def test_a_reader_keeps_the_log_open_and_is_told_of(url):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue).id
        catalogue.enrol(gallery, new_faces("Ann", range(10)))
        reading = catalogue.feed(gallery).everything(chunk=1)
        next(reading)
        person = catalogue.person(gallery, "Ann")
        erased = catalogue.delete_person(gallery, person.id)
        values = [vector.tobytes() for vector in erased.vectors]
        assert not catalogue.empty_wal(timeout_s=0.1)
        assert catalogue.traces(values), "the reader's state still holds them"
        reading.close()
        assert catalogue.empty_wal()
        assert catalogue.traces(values) == []


def test_traces_are_found_before_a_deletion_and_not_after_it(url, tmp_path):
    with Catalogue.open(url) as catalogue:
        gallery = make_collection(catalogue, dimension=1_500).id  # longer than a page holds
        catalogue.enrol(gallery, new_faces("Ann", range(20), dimension=1_500))
        _, _, vectors = catalogue.vectors(gallery)
        catalogue.empty_wal()
        for vector in vectors[::7]:
            assert catalogue.traces([vector.tobytes()]) == [catalogue.files()[0]]
        kept = catalogue.remove_photo(gallery, "photos/Ann/3.jpg").vectors
        assert catalogue.empty_wal()
        assert catalogue.traces([kept.tobytes()]) == []
        assert catalogue.traces([vectors[4].tobytes()]) == [catalogue.files()[0]]
        assert catalogue.traces([b""]) == []


def test_leavers_are_looked_for_together_and_no_name_that_two_of_them_share_is_left(url):
    asked: list[str] = []
    with Catalogue.open(url) as catalogue:
        engine = catalogue._database._engine
        event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
        gallery = make_collection(catalogue)
        made = [new_face("Ann", n, str(n)) for n in range(2)]
        made += [new_face(name, n) for n, name in enumerate(("Bo", "Cid", "Eve", "Fay"), 2)]
        catalogue.enrol(gallery.id, made)
        everybody = catalogue.people(gallery.id)
        catalogue.rename_person(gallery.id, everybody[-1], "Bo Lee")
        told = {"people": [person.name for person in everybody]}
        catalogue.audit.record([AuditEntry("u", "identify", collection=gallery.name, answer=told)])
        for leavers in (["Eve"], ["Ann", "Bo Lee"]):
            asked.clear()
            people = [each for each in catalogue.people(gallery.id) if each.name in leavers]
            erased = catalogue.delete_people(gallery.id, people)
            assert erased.people == tuple(person.id for person in people)
            assert sum("FROM audit" in sql for sql in asked) == 1
        assert len(erased.people) == 3
        assert erased.names == {"Ann", "Fay", "Bo Lee"}
        (entry,) = catalogue.audit.entries(limit=1)
        gone = "(deleted)"
        assert sorted(entry.entry.answer["people"]) == [gone, gone, gone, gone, "Bo", "Cid"]
        assert [edit.summary for edit in catalogue.journal(gallery.id, 9)] == [
            "concerned a deleted person"
        ]
