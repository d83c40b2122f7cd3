"""Receipts in the catalogue, whatever database is under it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.copying.restoring import replace_catalogue
from retrieval.catalogue.erasing.receipt_log import new_id, receipts
from retrieval.catalogue.records import Deleted
from retrieval.catalogue.schema import now
from retrieval.errors import NotFound
from tests.catalogue.made import make_collection, new_faces


@pytest.fixture
def catalogue(url):
    with Catalogue.open(url) as opened:
        yield opened


def deleted(catalogue, person_id, told=lambda erased: {"erased_faces": list(erased.faces)}):
    receipt = new_id()
    where = {"collection_id": 1, "collection": "default"}
    with catalogue.receipts.begun(receipt, Deleted.PERSON, person_id, told, **where):
        catalogue.delete_person(1, person_id)
    return receipt


def test_a_receipt_begins_with_the_erasure_or_not_at_all(catalogue):
    gallery = make_collection(catalogue).id
    catalogue.enrol(gallery, new_faces("Ann", [1, 2]))
    (ann,) = catalogue.people(gallery)
    with pytest.raises(ZeroDivisionError):
        deleted(catalogue, ann.id, lambda erased: 1 // 0)
    assert catalogue.people(gallery) == [ann]
    assert catalogue.receipts.newest("default") == []
    kept = catalogue.receipts.get(deleted(catalogue, ann.id), "default")
    assert (kept.kind, kept.deleted_id, kept.finished_at) == (Deleted.PERSON, ann.id, None)
    assert len(kept.document["erased_faces"]) == 2
    with pytest.raises(NotFound):
        catalogue.receipts.get(kept.id, "another")


def test_a_receipt_that_was_left_is_taken_over_once(catalogue, url):
    gallery = make_collection(catalogue).id
    catalogue.enrol(gallery, new_faces("Ann", [1]))
    receipt = deleted(catalogue, catalogue.people(gallery)[0].id)
    assert catalogue.receipts.take_over() == [], "its process lives"
    with catalogue._database.writing() as connection:
        connection.execute(update(receipts).values(claimed_until=now() - timedelta(seconds=1)))
    with Catalogue.open(url) as another, ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda each: each.receipts.take_over(), [catalogue, another]))
    assert [kept.id for each in found for kept in each] == [receipt]
    catalogue.receipts.finish({receipt: {"clean": True}})
    assert catalogue.receipts.get(receipt, "default").finished_at is not None
    assert catalogue.receipts.take_over() == []


def test_names_go_out_of_kept_receipts_when_others_are_deleted(catalogue):
    gallery = make_collection(catalogue).id
    catalogue.enrol(gallery, [*new_faces("Ann", [1]), *new_faces("Bob", [5])])
    ann, bob = catalogue.people(gallery)
    receipt = deleted(catalogue, ann.id)
    catalogue.receipts.finish({receipt: {"traces": ["rejects/Bob/list.csv"]}})
    catalogue.delete_person(gallery, bob.id)
    kept = catalogue.receipts.get(receipt, "default")
    assert kept.document == {"traces": ["rejects/(deleted)/list.csv"]}


def test_a_restore_keeps_receipts_and_adds_those_of_the_backup(catalogue, tmp_path):
    gallery = make_collection(catalogue).id
    catalogue.enrol(gallery, new_faces("Ann", [1]))
    early = deleted(catalogue, catalogue.people(gallery)[0].id)
    catalogue.receipts.finish({early: {"clean": True}})
    moment = now()
    with Catalogue.open(tmp_path / "copy.db") as backup:
        replace_catalogue(catalogue, backup, moment)
        catalogue.enrol(gallery, new_faces("Bob", [5]))
        late = deleted(catalogue, catalogue.people(gallery)[0].id)
        replace_catalogue(backup, catalogue, moment)
        assert {kept.id for kept in catalogue.receipts.newest("default")} == {early, late}
        assert [kept.id for kept in backup.receipts.newest("default")] == [early]
