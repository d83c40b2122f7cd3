"""A staff list over HTTP: shown as it was understood, applied as it was shown, and nothing else."""

import io
import sqlite3
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.conftest import enrol, receipt_of
from tests.api.painted import BLUE, RED, YELLOW, paint


def meanwhile(name: str) -> str:
    """SQL that deletes somebody just before the first deletion of a catalogue begins."""
    gone = f"DELETE FROM people WHERE name = '{name}'"
    when = "AFTER INSERT ON meta WHEN new.key = 'marks'"
    return f"CREATE TRIGGER meanwhile {when} BEGIN {gone}; END"


def packed(**photos: bytes) -> bytes:
    """A ZIP of photos by their paths."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, content in photos.items():
            archive.writestr(path, content)
    return data.getvalue()


def sent(
    client: TestClient, rows: str | bytes, name: str = "staff.csv", photos: bytes | None = None
) -> dict[str, Any]:
    content = rows.encode() if isinstance(rows, str) else rows
    files = {"file": (name, content)} | ({"photos": ("p.zip", photos)} if photos else {})
    answer = client.post("/v1/staff-lists", files=files)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def applied(client: TestClient, seen: dict[str, Any], **more: Any) -> Any:
    json = {"digest": seen["digest"], **more}
    return client.post(f"/v1/staff-lists/{seen['id']}/apply", json=json)


def listed(client: TestClient) -> list[tuple[str, str | None, int]]:
    found = client.get("/v1/people?sort=name").json()["people"]
    return [(each["person"], each["external_id"], each["photos"]) for each in found]


def test_a_list_is_shown_then_joiners_names_numbers_and_photos_are_taken(
    client: TestClient, people: dict[str, int]
) -> None:
    client.patch(f"/v1/people/{people['Rosa']}", json={"external_id": "1"})
    book = openpyxl.Workbook()
    for row in (("Name", "Personalnummer", "Abteilung"), ("Rosa Rot", 1, "A"), ("Gustav", 2, "B"),
                ("Ada", 3, "B"), ("Ada", 4, "C"), ("Nobody", 5, "C")):  # fmt: skip
        book.worksheets[0].append(row)
    data = io.BytesIO()
    book.save(data)
    photos = packed(**{"3/a.png": paint(BLUE, seed=5), "4/a.png": paint(YELLOW, seed=6)})
    before = listed(client)
    seen = sent(client, data.getvalue(), "Personal.xlsx", photos)
    assert seen["understood"]["columns"] == {"person": ["Name"], "external_id": ["Personalnummer"]}
    assert seen["understood"]["ignored"] == ["Abteilung"]
    assert [(each["person"], each["external_id"]) for each in seen["joiners"]] == [
        ("Ada", "3"),
        ("Ada", "4"),
    ]
    assert [(each["person"], each["now"]) for each in seen["renamed"]] == [("Rosa", "Rosa Rot")]
    assert [(each["person"], each["now"]) for each in seen["numbered"]] == [("Gustav", "2")]
    assert [each["reason"] for each in seen["rejected"]] == ["no-photos"]
    assert "/" not in seen["rejected"][0]["message"], "no folder of the server is named"
    assert listed(client) == before, "nothing is changed yet"
    done = applied(client, seen).json()
    assert listed(client) == [
        ("Ada", "3", 1),
        ("Ada", "4", 1),
        ("Gustav", "2", 2),
        ("Rosa Rot", "1", 2),
    ]
    assert (len(done["edits"]), done["report"]["enrolled"], done["receipts"]) == (2, 2, [])
    again = applied(client, seen)
    assert (again.status_code, again.json()["code"]) == (404, "not-found"), "once"
    for _ in done["edits"]:
        assert client.post("/v1/undo", json={}).status_code == 200
    assert ("Rosa", "1", 2) in listed(client)


def test_leavers_stay_unless_asked_and_leave_with_receipts(
    client: TestClient, people: dict[str, int]
) -> None:
    seen = sent(client, "name\nRosa\n")
    assert [each["person"] for each in seen["leavers"]] == ["Gustav"]
    assert applied(client, seen).json()["receipts"] == []
    assert len(listed(client)) == 2
    seen = sent(client, "name\nRosa\n")
    assert applied(client, seen, leavers=2).status_code == 422
    assert len(listed(client)) == 2
    (gone,) = applied(client, seen, leavers=1).json()["receipts"]
    assert gone["person_id"] == people["Gustav"]
    assert [name for name, _, _ in listed(client)] == ["Rosa"]
    assert client.get(f"/v1/receipts/{gone['receipt']}").json()["deleted_id"] == people["Gustav"]


def test_somebody_who_was_changed_meanwhile_is_not_touched(
    client: TestClient, people: dict[str, int]
) -> None:
    seen = sent(client, "name\nRosa\n")
    client.patch(f"/v1/people/{people['Gustav']}", json={"person": "Gustav Grün"})
    refused = applied(client, seen, leavers=1)
    assert (refused.status_code, refused.json()["code"]) == (409, "already-exists")
    assert ("Gustav Grün", None, 2) in listed(client)


@pytest.mark.parametrize(
    "photo",
    ["/etc/passwd", "../../catalogue.db", "http://127.0.0.1:1/x.jpg", "file:///etc/passwd"],
)
def test_a_list_leads_nowhere_but_into_its_own_archive(
    client: TestClient, people: dict[str, int], photo: str
) -> None:
    seen = sent(client, f"name,photo\nEve,{photo}\n")
    assert seen["joiners"] == []
    assert seen["photos"] == 0
    assert seen["rejected"]


def test_a_first_list_makes_the_gallery_and_one_that_only_looks_makes_none(
    client: TestClient,
) -> None:
    seen = sent(client, "name,photo\nAda,ada.png\n", photos=packed(**{"ada.png": paint(RED)}))
    assert seen["rejected"] == []
    assert client.get("/v1/people").status_code == 404
    assert applied(client, seen).json()["report"]["enrolled"] == 1
    assert listed(client) == [("Ada", None, 1)]
    (photo,) = client.get("/v1/people/1").json()["photos"]
    assert photo["photo"] == "ada.png"


def test_joiners_who_were_deleted_before_are_told(
    client: TestClient, people: dict[str, int]
) -> None:
    receipt_of(client, client.delete(f"/v1/people/{people['Rosa']}"))
    photos = packed(**{"Rosa/1.png": paint(RED, seed=9), "Ada/1.png": paint(BLUE, seed=9)})
    seen = sent(client, "name\nrosa\nAda\nGustav\n", photos=photos)
    assert seen["deleted_before"] == ["rosa"]


def test_what_is_no_list_or_not_there_any_more_is_refused(
    client: TestClient, people: dict[str, int], settings: Settings
) -> None:
    for name, content in (
        ("staff.pdf", b"%PDF"),
        ("staff.csv", b"colour\nred\n"),
        ("a.xlsx", b"x"),
    ):
        answer = client.post("/v1/staff-lists", files={"file": (name, content)})
        assert answer.status_code == 422, name
        assert str(settings.home) not in answer.text
    assert not list((settings.home / "uploads").glob("*")), "nothing of them is kept"
    seen = sent(client, "name\nRosa\n")
    gone = client.post(f"/v1/staff-lists/{'0' * 32}/apply", json={"digest": ""})
    assert gone.status_code == 404
    enrol_elsewhere = {"collection": "elsewhere"}
    other = client.post(
        f"/v1/staff-lists/{seen['id']}/apply",
        json={"digest": seen["digest"]},
        params=enrol_elsewhere,
    )
    assert other.status_code == 404


def test_an_operator_applies_a_list_but_deletes_nobody(
    client: TestClient, app: FastAPI, people: dict[str, int], context: Context
) -> None:
    keys = {role: context.catalogue.api_keys.create(role.value, role)[1] for role in Role}
    client.headers["Authorization"] = f"Bearer {keys[Role.OPERATOR]}"
    seen = sent(client, "name;number\nRosa;7\n")
    refused = applied(client, seen, leavers=1)
    assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")
    assert ("Rosa", None, 2) in listed(client), "nothing is half done"
    assert applied(client, seen).status_code == 200
    client.headers["Authorization"] = f"Bearer {keys[Role.HR]}"
    seen = sent(client, "name;number\nRosa;7\n")
    assert applied(client, seen, leavers=1).status_code == 200
    assert listed(client) == [("Rosa", "7", 2)]


def test_the_audit_log_tells_of_a_list(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    enrol(client, "Rosa", paint(RED, seed=3))
    applied(client, sent(client, "name;number\nRosa;7\nGustav;8\n"))
    (newest,) = context.catalogue.audit.entries(limit=1)
    assert newest.entry.action == "apply-list"
    assert newest.entry.answer == {"edits": [1, 2]}, "no names"


@pytest.mark.parametrize(
    ("name", "photos"),
    [("a" * 300 + ".csv", {}), ("staff.csv", {"staff.csv/a.png": paint(RED)})],
)
def test_a_list_whose_name_is_no_place_for_it_is_refused_and_its_photos_go(
    client: TestClient, settings: Settings, name: str, photos: dict[str, bytes]
) -> None:
    more = packed(**{"Rosa/1.png": paint(RED), **photos})
    files = {"file": (name, b"name\nRosa\n"), "photos": ("p.zip", more)}
    answer = client.post("/v1/staff-lists", files=files)
    assert answer.status_code == 422
    assert not list((settings.home / "uploads").glob("*"))


def test_a_photo_that_cannot_be_read_names_no_folder_of_the_server(
    client: TestClient, settings: Settings
) -> None:
    seen = sent(client, f"name,photo\nEve,{'a' * 5000}.png\n")
    done = applied(client, seen)
    assert done.json()["report"]["rejected"][0]["person"] == "Eve"
    assert str(settings.home) not in done.text


def test_a_list_that_waits_keeps_nothing_of_who_is_deleted_and_an_applied_one_nothing_at_all(
    client: TestClient, people: dict[str, int], settings: Settings
) -> None:
    photos = packed(**{"Rosa/1.png": paint(RED, seed=9), "Ada/1.png": paint(BLUE, seed=9)})
    seen = sent(client, "name\nRosa\nAda\nGustav\n", photos=photos)
    elsewhere = client.post(
        "/v1/staff-lists",
        params={"collection": "elsewhere"},
        files={"file": ("a.csv", b"name\nRosa\n")},
    ).json()
    receipt = receipt_of(client, client.delete(f"/v1/people/{people['Rosa']}"))
    assert receipt["open"] == []
    left = [each.name for each in (settings.home / "uploads").glob("*")]
    assert left == [elsewhere["id"]], "another collection's stays"
    gone = applied(client, seen)
    assert (gone.status_code, "Send it again" in gone.text) == (404, True)
    seen = sent(client, "name\nAda\nGustav\n", photos=packed(**{"Ada/1.png": paint(BLUE, seed=9)}))
    assert applied(client, seen).json()["report"]["enrolled"] == 1
    assert [each.name for each in (settings.home / "uploads").glob("*")] == left


def test_of_two_who_apply_a_list_at_once_one_does(
    client: TestClient, people: dict[str, int]
) -> None:
    seen = sent(client, "name\nAda\n", photos=packed(**{"Ada/1.png": paint(BLUE, seed=9)}))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: applied(client, seen, leavers=2), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
    assert listed(client) == [("Ada", None, 1)]


def test_who_left_and_was_deleted_by_somebody_else_meanwhile_is_left_out(
    client: TestClient, people: dict[str, int], settings: Settings
) -> None:
    seen = sent(
        client, "name,photo\nAda,a.png\n", photos=packed(**{"a.png": paint(YELLOW, seed=6)})
    )
    with closing(sqlite3.connect(settings.home / "catalogue.db")) as catalogue:
        catalogue.execute(meanwhile("Rosa"))
    told = applied(client, seen, leavers=2)
    assert told.status_code == 200
    (gone,) = told.json()["receipts"]
    assert gone["person_id"] == people["Gustav"]
    assert listed(client) == [("Ada", None, 1)]
    (entry,) = client.get("/v1/audit?action=delete").json()["entries"]
    assert entry["answer"]["person_id"] == people["Gustav"]
