"""People as lists: found whatever their accents, filtered, in an order, exported, known again."""

import base64
import csv
import io
import json
from datetime import date
from itertools import product

import openpyxl
import pytest
from fastapi.testclient import TestClient

from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role
from tests.api.conftest import enrol, receipt_of
from tests.api.painted import BLUE, GREEN, PINK, RED, WHITE, YELLOW, Colour, paint

COLOURS = (RED, GREEN, BLUE, YELLOW, PINK, WHITE)


def numbered(client: TestClient, name: str, number: str | None, colour: Colour, seed: int) -> int:
    files = [("photos", (f"{seed}.png", paint(colour, seed=seed)))]
    data = {"person": name} | ({"external_id": number} if number else {})
    answer = client.post("/v1/people", data=data, files=files)
    assert answer.status_code == 201, answer.text
    person: int = answer.json()["id"]
    return person


@pytest.fixture
def staff(client: TestClient) -> dict[str, int]:
    """People whose names have accents, two of whom are namesakes."""
    told = (
        ("Zoë Müller", "10"), ("Ægir Ångström", "9"), ("Łukasz Gross", None),
        ("Jürgen Groß", "E-3"), ("Ann Lee", "1001"), ("Ann Lee", "1002"),
    )  # fmt: skip
    return {
        f"{name} {number}": numbered(client, name, number, COLOURS[row], row)
        for row, (name, number) in enumerate(told)
    }


def names(client: TestClient, **parameters: object) -> list[str]:
    found = client.get("/v1/people", params=parameters)  # type: ignore[arg-type]
    assert found.status_code == 200, found.text
    return [person["person"] for person in found.json()["people"]]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("muller", ["Zoë Müller"]),
        ("MÜLLER", ["Zoë Müller"]),
        ("zoe", ["Zoë Müller"]),
        ("aegir angstrom", ["Ægir Ångström"]),
        ("lukasz", ["Łukasz Gross"]),
        ("gross", ["Jürgen Groß", "Łukasz Gross"]),  # ß is ss
        ("e-3", ["Jürgen Groß"]),  # a number
        ("100", ["Ann Lee", "Ann Lee"]),
        ("%", []),
    ],
)
def test_search_is_blind_to_accents_and_case_and_finds_numbers(
    client: TestClient, staff: dict[str, int], search: str, found: list[str]
) -> None:
    assert names(client, search=search) == found
    assert client.get("/v1/people", params={"search": search}).json()["total"] == len(found)


def test_search_follows_a_rename_and_its_undo(client: TestClient, staff: dict[str, int]) -> None:
    person = staff["Zoë Müller 10"]
    assert client.patch(f"/v1/people/{person}", json={"person": "Zoë Šťastná"}).status_code == 200
    assert names(client, search="stastna") == ["Zoë Šťastná"]
    assert names(client, search="muller") == []
    client.post("/v1/undo", json={})
    assert names(client, search="muller") == ["Zoë Müller"]


def test_each_order_is_paged_through_without_losing_or_repeating_anybody(
    client: TestClient, staff: dict[str, int]
) -> None:
    orders = {
        "name": ["Ægir Ångström", "Ann Lee", "Ann Lee", "Jürgen Groß", "Łukasz Gross"],
        "number": ["Ægir Ångström", "Zoë Müller", "Jürgen Groß", "Ann Lee", "Ann Lee"],
        "newest": ["Ann Lee", "Ann Lee", "Jürgen Groß", "Łukasz Gross", "Ægir Ångström"],
        "photos": ["Ægir Ångström", "Ann Lee", "Ann Lee", "Jürgen Groß", "Łukasz Gross"],
        "seen": ["Ægir Ångström", "Ann Lee", "Ann Lee", "Jürgen Groß", "Łukasz Gross"],
    }
    for order, expected in orders.items():
        paged, cursor = [], None
        while True:
            parameters = {"sort": order, "limit": 1, **({"cursor": cursor} if cursor else {})}
            page = client.get("/v1/people", params=parameters).json()
            paged += page["people"]
            cursor = page["next"]
            if cursor is None:
                break
        assert [person["person"] for person in paged][:5] == expected, order
        assert sorted(person["id"] for person in paged) == sorted(staff.values()), order


def test_a_cursor_of_another_order_or_of_nobody_is_refused(
    client: TestClient, staff: dict[str, int]
) -> None:
    page = client.get("/v1/people", params={"limit": 1}).json()
    for cursor in (page["next"], "e30=", "%%%", "WyIxIl0=", "W251bGwse31d"):
        answer = client.get("/v1/people", params={"sort": "newest", "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "setting"), cursor


def test_people_are_filtered_by_what_their_photos_leave_to_wish_for(
    client: TestClient, staff: dict[str, int], context: Context
) -> None:
    for seed in (20, 21):
        enrol(client, "Łukasz Gross", paint(BLUE, seed=seed))
    assert "Łukasz Gross" not in names(client, photos="few")
    assert len(names(client, photos="few")) == 5
    assert names(client, photos="poor") == []
    photo = client.get(f"/v1/people/{staff['Zoë Müller 10']}").json()["photos"][0]
    moved = {"face_ids": [photo["face_id"]], "to_id": staff["Ann Lee 1001"]}
    assert client.post("/v1/people/move", json=moved).status_code == 200
    assert names(client, photos="none") == ["Zoë Müller"]


def test_who_was_seen_last_comes_first_and_a_verdict_counts(
    client: TestClient, staff: dict[str, int]
) -> None:
    made = client.post("/v1/events", json={"name": "Party", "day": "2026-07-04"}).json()
    files = {"photos": ("party.png", paint(RED, GREEN, seed=77))}
    client.post(f"/v1/events/{made['id']}/photos", files=files)
    seen = {p["person"]: p["seen"] for p in client.get("/v1/people?sort=seen").json()["people"]}
    assert list(seen)[:2] == ["Ægir Ångström", "Zoë Müller"]
    assert seen["Zoë Müller"] == date(2026, 7, 4).isoformat()
    assert seen["Jürgen Groß"] is None
    faces = client.get(f"/v1/events/{made['id']}/appearances").json()["faces"]
    (zoe,) = [each for each in faces if each["person"] == "Zoë Müller"]
    said = {"verdict": "is", "faces": [zoe["id"]], "person_id": staff["Jürgen Groß E-3"]}
    assert client.post(f"/v1/events/{made['id']}/verdicts", json=said).status_code == 200
    seen = {p["person"]: p["seen"] for p in client.get("/v1/people?sort=seen").json()["people"]}
    assert (seen["Zoë Müller"], seen["Jürgen Groß"]) == (None, "2026-07-04")
    client.post(f"/v1/events/{made['id']}/verdicts/undo", json={})
    seen = {p["person"]: p["seen"] for p in client.get("/v1/people?sort=seen").json()["people"]}
    assert (seen["Zoë Müller"], seen["Jürgen Groß"]) == ("2026-07-04", None)


def test_the_list_and_chosen_people_are_exported(client: TestClient, staff: dict[str, int]) -> None:
    numbered(client, "=1+1", "@x", COLOURS[0], 99)
    text = client.get("/v1/people/export?format=csv&sort=number").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["person"] for row in rows][:2] == ["Ægir Ångström", "Zoë Müller"]
    assert not any(row["person"].startswith("=") for row in rows), "no cell is a formula"
    ids = [staff["Ann Lee 1001"], staff["Zoë Müller 10"]]
    book = openpyxl.load_workbook(
        io.BytesIO(client.get("/v1/people/export", params={"person": ids}).content)
    )
    cells = list(book.worksheets[0].iter_rows(values_only=True))
    assert [row[:3] for row in cells[1:]] == [("Ann Lee", "1001", 1), ("Zoë Müller", "10", 1)]


def test_a_chosen_face_stands_for_a_person_until_it_is_somebody_elses(
    client: TestClient, people: dict[str, int]
) -> None:
    rosa = client.get(f"/v1/people/{people['Rosa']}").json()["photos"]
    first, second = (photo["face_id"] for photo in rosa)

    def shown() -> int:
        found: int = client.get("/v1/people?search=rosa").json()["people"][0]["face_id"]
        return found

    assert shown() == first
    where = f"/v1/people/{people['Rosa']}"
    assert client.patch(where, json={"cover": second}).status_code == 200
    assert shown() == second
    gustavs = client.get(f"/v1/people/{people['Gustav']}").json()["photos"][0]["face_id"]
    assert client.patch(where, json={"cover": gustavs}).status_code == 404
    assert client.patch(f"{where}?called=Rose", json={"cover": first}).status_code == 404
    move = {"face_ids": [second], "to_id": people["Gustav"]}
    assert client.post("/v1/people/move", json=move).status_code == 200
    assert shown() == first


def test_who_has_a_name_or_had_it_before_being_deleted_is_told(
    client: TestClient, staff: dict[str, int], context: Context
) -> None:
    def known(person: str, number: str = "") -> tuple[list[str], int]:
        asked = {"person": person, "external_id": number}
        told = client.get("/v1/people/known", params=asked).json()
        return [str(each["external_id"]) for each in told["people"]], len(told["deleted"])

    assert known("ann  LEE") == (["1001", "1002"], 0)
    assert known("Ann") == ([], 0), "another name"
    assert known("Gross") == ([], 0), "a part of the name of somebody without a number"
    assert known("Somebody", "E-3") == (["E-3"], 0)
    deleted = client.delete(f"/v1/people/{staff['Ann Lee 1001']}")
    receipt_of(client, deleted)
    assert known("Ann Lee") == (["1002"], 1)
    assert known("Another", "1001") == ([], 1), "by the number"
    assert known("Another", "1003") == ([], 0)
    kept = context.catalogue.receipts.newest("default")[0]
    assert "Ann Lee" not in str(kept.document)
    assert "marks" not in client.get(f"/v1/receipts/{kept.id}").json()
    assert client.get("/v1/people/known?person=Ann&collection=empty").json()["people"] == []


def test_people_are_added_to_the_expected_of_an_event_all_or_nobody(
    client: TestClient, staff: dict[str, int]
) -> None:
    event = client.post("/v1/events", json={"name": "Training"}).json()["id"]
    ann, zoe = staff["Ann Lee 1001"], staff["Zoë Müller 10"]
    where = f"/v1/events/{event}/expected"
    meant = [{"id": ann, "called": "Ann Lee"}, {"id": zoe, "called": "Zoe M"}]
    refused = client.post(where, json={"people": meant})
    assert (refused.status_code, refused.json()["code"]) == (404, "not-found")
    assert client.get(f"/v1/events/{event}").json()["expected"] == 0
    for people in ([{"id": ann, "called": "Ann Lee"}], [{"id": ann}, {"id": zoe}]):
        shown = client.post(where, json={"people": people}).json()
    assert (shown["expects"], shown["expected"]) == ("listed", 2)


def test_who_resembles_somebody_is_told_others_and_strangers(
    client: TestClient, people: dict[str, int]
) -> None:
    double = enrol(client, "Double", paint(RED, seed=31))
    alike = client.get(f"/v1/people/{people['Rosa']}/alike").json()
    assert [(each["id"], each["sure"]) for each in alike["people"]] == [(double, True)]
    assert alike["strangers"] == []


def test_a_viewer_may_export_but_not_ask_who_was_deleted(
    client: TestClient, people: dict[str, int], keys: dict[Role, dict[str, str]]
) -> None:
    viewer = keys[Role.VIEWER]
    assert client.get("/v1/people/export", headers=viewer).status_code == 200
    assert client.get("/v1/people/known?person=Rosa", headers=viewer).status_code == 403


@pytest.mark.parametrize("sort", ["name", "number", "newest", "photos", "seen"])
def test_a_cursor_that_somebody_made_up_is_refused(
    client: TestClient, staff: dict[str, int], sort: str
) -> None:
    ours = client.get("/v1/people", params={"sort": sort, "limit": 1}).json()["next"]
    key = json.loads(base64.urlsafe_b64decode(ours))
    values = ("\ud800", "a\udfff", "\0", None, True, 1.5, 10**30, [], {})
    for place, value in product(range(len(key)), values):
        made = json.dumps([*key[:place], value, *key[place + 1 :]]).encode()
        cursor = base64.urlsafe_b64encode(made).decode()
        for path in ("/v1/people", "/people"):
            answer = client.get(path, params={"sort": sort, "cursor": cursor})
            assert answer.status_code == 422, (path, place, value)
