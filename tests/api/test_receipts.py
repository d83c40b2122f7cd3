"""Receipts of deletions over HTTP: kept, fetched again, and finished by another process."""

import shutil
import threading
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, text, update

from retrieval.api.context import Context
from retrieval.api.deletions import Deletions
from retrieval.catalogue.erasing.erasure_log import mark_of
from retrieval.catalogue.erasing.receipt_log import receipts
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.schema import now
from retrieval.settings import Settings
from tests.api.conftest import enrol, receipt_of
from tests.api.painted import BLUE, RED, paint

WAIT_S = 120


class Held:
    """Keeps the second part of deletions from beginning until it is let go."""

    def __init__(self, context: Context) -> None:
        self.go_on = threading.Event()
        context.deletions._threads.submit(self.go_on.wait, WAIT_S)


@pytest.fixture
def held(client: TestClient, context: Context) -> Any:
    found = Held(context)
    yield found
    found.go_on.set()


def test_a_deletion_answers_before_files_are_searched_and_the_receipt_is_fetched_later(
    client: TestClient, people: dict[str, int], held: Held
) -> None:
    photos = client.get(f"/v1/people/{people['Rosa']}").json()["photos"]
    deleted = client.delete(f"/v1/people/{people['Rosa']}")
    assert deleted.status_code == 202
    begun = deleted.json()
    assert (begun["state"], begun["clean"], begun["searched"]) == ("working", None, {})
    assert begun["erased_faces"] == [photo["face_id"] for photo in photos]
    assert client.get(f"/v1/people/{people['Rosa']}").status_code == 404, "gone at once"
    assert client.get(deleted.headers["location"]).json() == begun
    held.go_on.set()
    receipt = receipt_of(client, deleted)
    assert (receipt["state"], receipt["clean"], receipt["id"]) == ("done", True, begun["id"])
    assert receipt["searched"]["catalogue.db"] == 1
    assert receipt["erased_photo_marks"] == [mark_of(photo["sha256"]) for photo in photos]


def test_a_kept_receipt_holds_no_name_hash_or_name_of_a_kept_photo(
    client: TestClient, people: dict[str, int], context: Context, settings: Settings
) -> None:
    settings.keep_photos = True
    context.services.close()
    gustav = client.get(f"/v1/people/{people['Gustav']}").json()["photos"]
    kept = enrol(client, "Petra", paint(BLUE, seed=4))
    petra = client.get(f"/v1/people/{kept}").json()["photos"]
    receipt_of(client, client.delete(f"/v1/people/{kept}"))
    with context.catalogue._database.reading() as connection:
        (row,) = connection.execute(select(receipts)).all()
    for told in ("Petra", *(photo["sha256"] for photo in (*petra, *gustav))):
        assert told not in str(row)


@pytest.mark.parametrize("what", ["photo", "event", "collection"])
def test_photos_events_and_collections_are_deleted_with_a_receipt_as_well(
    client: TestClient, people: dict[str, int], what: str
) -> None:
    rosa = people["Rosa"]
    face = client.get(f"/v1/people/{rosa}").json()["photos"][0]["face_id"]
    event = client.post("/v1/events", json={"name": "Party"}).json()["id"]
    place, number = {
        "photo": (f"/v1/people/{rosa}/photos/{face}", face),
        "event": (f"/v1/events/{event}", event),
        "collection": ("/v1/collections/1?called=default", 1),
    }[what]
    deleted = client.delete(place)
    assert deleted.status_code == 202, deleted.text
    receipt = receipt_of(client, deleted)
    assert (receipt["kind"], receipt["deleted_id"]) == (what, number)
    assert (receipt["state"], receipt["open"], receipt["clean"]) == ("done", [], None)
    assert receipt["summary"].startswith(f"gone: the {what}")
    assert client.delete(place).status_code == 404


def test_receipts_are_listed_newest_first_a_page_at_a_time(client: TestClient) -> None:
    ids = [enrol(client, name, paint(RED, seed=row)) for row, name in enumerate("abcde")]
    made = [receipt_of(client, client.delete(f"/v1/people/{each}"))["id"] for each in ids]
    found, before = [], None
    for _ in range(3):
        page = client.get(
            "/v1/receipts", params={"limit": 2} | ({"before": before} if before else {})
        )
        found += [receipt["id"] for receipt in page.json()["receipts"]]
        before = page.json()["next"]
    assert (sorted(found), before) == (sorted(made), None)
    (one,) = client.get(f"/v1/receipts?kind=person&deleted_id={ids[2]}").json()["receipts"]
    assert one["id"] == made[2]
    assert client.get(f"/v1/receipts?kind=event&deleted_id={ids[2]}").json()["receipts"] == []


def test_a_receipt_is_shown_to_its_own_collection_only(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    place = client.delete(f"/v1/people/{people['Rosa']}").headers["location"]
    _, foreign = context.catalogue.api_keys.create("berlin", Role.ADMIN, "berlin")
    headers = {"Authorization": f"Bearer {foreign}"}
    assert client.get(place, headers=headers).status_code == 403
    assert client.get(place.partition("?")[0], headers=headers).status_code == 404
    assert client.get("/v1/receipts", headers=headers).json()["receipts"] == []


def test_a_deletion_whose_receipt_cannot_be_begun_is_not_made(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    with context.catalogue._database.writing() as connection:
        connection.execute(text("ALTER TABLE receipts RENAME TO gone"))
    assert client.delete(f"/v1/people/{people['Rosa']}").status_code == 503
    assert client.get(f"/v1/people/{people['Rosa']}").status_code == 200


@pytest.mark.parametrize("gone", [False, True])
def test_a_receipt_of_a_service_that_was_killed_is_finished_by_the_next(
    client: TestClient,
    people: dict[str, int],
    context: Context,
    held: Held,
    settings: Settings,
    gone: bool,
) -> None:
    deleted = client.delete(f"/v1/people/{people['Rosa']}")
    left = settings.home / "photos" / "1" / "ab" / ("ab" * 32)
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a kept photo of nobody")
    if gone:
        client.delete("/v1/collections/1?called=default")
    with context.catalogue._database.writing() as connection:  # as if its process were gone
        connection.execute(update(receipts).values(claimed_until=now() - timedelta(seconds=1)))
    another = Deletions(context.catalogue, settings.home)
    for _ in range(2):  # claimed by the first: nothing is done twice
        another.take_over(context.services)
    receipt = receipt_of(client, deleted)
    assert receipt["clean"] is False
    assert ("before files were searched" in str(receipt["open"])) is not gone
    assert receipt["erased_faces"] == deleted.json()["erased_faces"]
    assert not left.exists()
    another.close()


def test_receipts_go_when_their_time_is_over(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    receipt = receipt_of(client, client.delete(f"/v1/people/{people['Rosa']}"))
    assert context.catalogue.receipts.purge(1) == 0
    with context.catalogue._database.writing() as connection:
        connection.execute(update(receipts).values(finished_at=now() - timedelta(days=2)))
    assert context.catalogue.receipts.purge(1) == 1
    assert client.get(receipt["url"]).status_code == 404


def test_a_store_that_fails_after_rows_are_gone_is_told_by_the_receipt(
    client: TestClient, app: FastAPI, people: dict[str, int], held: Held, settings: Settings
) -> None:
    deleted = client.delete(f"/v1/people/{people['Rosa']}")
    index = settings.home / "index"
    shutil.rmtree(index, ignore_errors=True)
    index.write_text("a file in the place of the folder")
    held.go_on.set()
    receipt = receipt_of(client, deleted)
    assert (receipt["state"], receipt["clean"]) == ("done", False)
    assert receipt["open"]


def test_the_receipt_of_somebody_whose_collection_went_meanwhile_is_done_all_the_same(
    client: TestClient, people: dict[str, int], held: Held
) -> None:
    deleted = client.delete(f"/v1/people/{people['Rosa']}")
    assert client.delete("/v1/collections/1?called=default").status_code == 202
    held.go_on.set()
    receipt = receipt_of(client, deleted)
    assert (receipt["state"], receipt["clean"], receipt["counts"]["faces"]) == ("done", False, 2)
    assert "no collection with id 1 any more" in str(receipt["open"])


def test_a_receipt_of_an_earlier_version_tells_what_it_told(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    told = receipt_of(client, client.delete(f"/v1/people/{people['Rosa']}"))
    names = {
        "erased_faces": "faces",
        "erased_photo_marks": "photo_marks",
        "erased_event_faces": "event_faces",
        "searched_patterns": "patterns",
    }
    with context.catalogue._database.writing() as connection:
        document = connection.scalar(select(receipts.c.document))
        before = {names.get(name, name): value for name, value in document.items()}
        assert before != document
        connection.execute(update(receipts).values(document=before))
    assert client.get(told["url"]).json() == told
