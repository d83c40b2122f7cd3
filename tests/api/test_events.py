"""Events over HTTP: photos in, the roll out, verdicts in between, each role its own part."""

import base64
import io
import json
import zipfile

import openpyxl
import pytest

from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.conftest import receipt_of
from tests.api.painted import BLUE, GREEN, RED, paint


def files(*pictures):
    return [("photos", (f"{n}.png", data, "image/png")) for n, data in enumerate(pictures)]


@pytest.fixture
def party(client, people):
    """Red and Green are enrolled; Red came in two photos, a stranger in two."""
    made = client.post("/v1/events", json={"name": "Summer party", "expects": "everybody"})
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    album = files(paint(RED, BLUE, seed=1), paint(RED, seed=2), paint(BLUE, seed=3))
    added = client.post(f"/v1/events/{number}/photos", files=album)
    assert added.status_code == 200, added.text
    assert (added.json()["added"], added.json()["strangers_kept_days"]) == (3, 30)
    return number


def roll(client, number):
    answer = client.get(f"/v1/events/{number}/roll")
    assert answer.status_code == 200, answer.text
    return answer.json()


def standing(document, which="present"):
    return [line["person"] for line in document["people"] if line["standing"] == which]


def test_an_album_becomes_the_roll(client, party):
    found = roll(client, party)
    red, green = standing(found), standing(found, "absent")
    assert (len(red), len(green)) == (1, 1)
    assert found["counts"]["unknown_groups"] == 1
    (event,) = client.get("/v1/events").json()["events"]
    assert (event["photos"], event["faces"], event["outdated"]) == (3, 4, None)


def test_photos_are_taken_once_and_rejects_are_listed(client, party):
    again = files(paint(RED, seed=2), b"no photo")
    answer = client.post(f"/v1/events/{party}/photos", files=again).json()
    assert [each["outcome"] for each in answer["photos"]] == ["known", "rejected"]
    rejects = client.get(f"/v1/events/{party}/photos?rejected=true").json()["photos"]
    assert [each["reason"] for each in rejects] == ["unreadable"]
    assert len(client.get(f"/v1/events/{party}/photos").json()["photos"]) == 3


def test_photos_come_in_json_and_urls_only_where_that_is_allowed(client, party):
    place = f"/v1/events/{party}/photos/inline"
    data = base64.b64encode(paint(GREEN, seed=9)).decode()
    good = client.post(place, json={"photos": [{"name": "g.png", "base64": data}]})
    assert good.json()["added"] == 1
    for photo, status in (
        ({"name": "x", "base64": "???"}, 422),
        ({"name": "x"}, 422),
        ({"name": "x", "url": "s3://bucket/party/1.png"}, 403),
        ({"name": "x", "url": "/etc/passwd"}, 403),
    ):
        assert client.post(place, json={"photos": [photo]}).status_code == status, photo


def test_a_url_beside_an_allowed_place_is_not_below_it():
    from retrieval.api.routes.event_photos import _allowed
    from retrieval.values import Url

    own = Settings(ingest_urls=("s3://bucket/party",))
    assert _allowed(Url("s3://bucket/party/1.png"), own)
    for text in ("s3://bucket/party2/1.png", "s3://bucket/party/../1.png", "s3://bucket/party"):
        assert not _allowed(Url(text), own), text


def test_an_archive_needs_the_queue(client, party):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/1.png", paint(RED, seed=5))
    sent = {"archive": ("a.zip", packed.getvalue(), "application/zip")}
    answer = client.post(f"/v1/events/{party}/archive", files=sent)
    assert (answer.status_code, answer.json()["code"]) == (503, "queue-unavailable")


def test_a_face_has_an_id_to_look_at_and_to_correct(client, party):
    page = client.get(f"/v1/events/{party}/appearances?limit=3").json()
    assert (len(page["faces"]), page["next"]) == (3, page["faces"][-1]["id"])
    rest = client.get(f"/v1/events/{party}/appearances?after={page['next']}").json()
    assert (len(rest["faces"]), rest["next"]) == (1, None)
    face = next(each for each in page["faces"] if each["person"] is None)
    picture = client.get(f"/v1/events/{party}/appearances/{face['id']}/picture")
    assert picture.content.startswith(b"\xff\xd8")
    assert client.get(f"/v1/events/{party}/appearances/999/picture").status_code == 404
    told = {"verdict": "is", "faces": [face["id"]], "person": "Blue", "external_id": "E-9"}
    judged = client.post(f"/v1/events/{party}/verdicts", json={**told, "group": True}).json()
    assert (judged["new_person"], len(judged["faces"])) == (True, 2)
    assert "Blue" in standing(roll(client, party))
    undone = client.post(f"/v1/events/{party}/verdicts/undo", json={"act": judged["act"]})
    assert undone.json()["undone"] == judged["act"]
    assert "Blue" not in standing(roll(client, party))
    again = client.post(f"/v1/events/{party}/verdicts/undo", json={"act": judged["act"]})
    assert again.status_code == 409
    said = client.get(f"/v1/events/{party}/verdicts").json()["verdicts"]
    assert {each["undone_by"] for each in said} == {"local"}


def test_the_roll_comes_in_the_form_that_is_asked_for(client, party):
    place = f"/v1/events/{party}/roll"
    book = client.get(place, params={"format": "xlsx"})
    assert "roll" in openpyxl.load_workbook(io.BytesIO(book.content)).sheetnames
    assert "attachment" in book.headers["content-disposition"]
    assert client.get(place, headers={"Accept": "text/csv"}).text.startswith("\ufeffstanding,")
    page = client.get(place, headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert client.get(place, headers={"Accept": "*/*"}).json()["people"]
    assert client.get(place, params={"format": "pdf"}).status_code == 422


def test_what_would_change_is_said_and_done(client, party):
    blue = [("photos", (f"b{n}.png", paint(BLUE, seed=50 + n), "image/png")) for n in (0, 1)]
    sent = client.post("/v1/people", data={"person": "Blue"}, files=blue)
    assert sent.status_code in (200, 201), sent.text
    assert "people" in roll(client, party)["outdated"]
    dry = client.get(f"/v1/events/{party}/changes").json()["changes"]
    done = client.post(f"/v1/events/{party}/update").json()["changes"]
    assert dry == done
    assert {each["after"] for each in dry} == {"Blue"}
    assert roll(client, party)["outdated"] is None
    assert "Blue" in standing(roll(client, party))


def test_several_events_are_asked_together(client, party, people):
    name = next(iter(people))
    seen = client.get("/v1/sightings", params={"person": name}).json()["events"]
    assert [each["event"] for each in seen] == ["Summer party"]
    both = client.get("/v1/sightings", params={"person": list(people)}).json()["events"]
    assert both == []
    table = client.get("/v1/presence").json()
    assert [event["name"] for event in table["events"]] == ["Summer party"]
    assert client.get("/v1/presence?format=csv").text.startswith("\ufeffnumber,name,present")
    assert client.get("/v1/presence?from=2027-01-01").json()["events"] == []


def test_progress_is_told_until_nothing_works(client, party):
    with client.stream("GET", f"/v1/events/{party}/progress") as stream:
        lines = [line for line in stream.iter_lines() if line.startswith("data:")]
    (told,) = [json.loads(line.removeprefix("data:")) for line in lines]
    assert (told["photos"], told["working"]) == (3, 0)


def test_an_event_is_changed_and_deleted(client, party, people):
    changed = client.patch(
        f"/v1/events/{party}",
        json={"name": "Winter", "expects": "listed", "expected": [*people, "Nobody Known"]},
    ).json()
    assert (changed["name"], changed["expected"]) == ("Winter", len(people))
    assert changed["not_enrolled"] == ["Nobody Known"]
    taken = client.post("/v1/events", json={"name": "Winter"})
    assert taken.status_code == 409
    gone = client.delete(f"/v1/events/{party}")
    assert (gone.status_code, gone.json()["counts"]["photos"]) == (202, 3)
    assert receipt_of(client, gone)["open"] == []
    assert client.get(f"/v1/events/{party}").status_code == 404


def test_viewers_read_operators_judge_and_admins_delete(client, party, keys):
    places = (
        ("GET", f"/v1/events/{party}/roll", None, Role.VIEWER),
        (
            "POST",
            f"/v1/events/{party}/verdicts",
            {"verdict": "nobody", "faces": [1]},
            Role.OPERATOR,
        ),
        ("POST", "/v1/events", {"name": "Another"}, Role.OPERATOR),
        ("DELETE", f"/v1/events/{party}", None, Role.ADMIN),
    )
    for method, place, body, needed in places:
        for role in (Role.VIEWER, Role.OPERATOR):
            answer = client.request(method, place, json=body, headers=keys[role])
            refused = not role.covers(needed)
            assert (answer.status_code == 403) == refused, (method, place, role, answer.text)


def test_what_is_done_stands_in_the_audit_log(client, party, context):
    client.post(f"/v1/events/{party}/verdicts", json={"verdict": "nobody", "faces": [1]})
    actions = {record.entry.action for record in context.catalogue.audit.entries()}
    assert {"create-event", "add-photos", "judge"} <= actions


def test_identify_stays_stateless(client, party):
    photo = [("photos", ("q.png", paint(BLUE, seed=77), "image/png"))]
    assert client.post("/v1/identify", files=photo).status_code == 200
    assert client.get(f"/v1/events/{party}").json()["faces"] == 4
