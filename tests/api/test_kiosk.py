"""The kiosk at a door: who comes is noted once a day, and may say that it is not them."""

import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from retrieval.api.routes.kiosk import days_of
from retrieval.api.web.view import PLACES
from retrieval.catalogue.http.api_keys import Role
from tests.api.painted import BLUE, GREEN, PINK, RED, paint


def come(client, *colours, seed=50, headers=None, **form):
    photo = {"photo": ("kiosk.png", paint(*colours, seed=seed))}
    return client.post("/v1/kiosk/frames", files=photo, data=form, headers=headers)


def test_who_comes_is_noted_once_a_day(client, people):
    first, second = come(client, RED).json(), come(client, RED, seed=51).json()
    assert (first["state"], first["person"], first["again"]) == ("seen", "Rosa", False)
    assert (second["sighting"], second["again"]) == (first["sighting"], True)
    assert come(client, GREEN).json()["person"] == "Gustav"
    (event,) = client.get("/v1/events").json()["events"]
    assert event["name"].startswith("Kiosk 20")
    roll = client.get(f"/v1/events/{event['id']}/roll").json()
    assert sorted(line["person"] for line in roll["people"]) == ["Gustav", "Rosa"]


def roll_of(client):
    (event,) = client.get("/v1/events").json()["events"]
    return client.get(f"/v1/events/{event['id']}/roll").json()


def test_whoever_comes_before_several_tablets_at_once_is_noted_once(client, people):
    with ThreadPoolExecutor(6) as threads:
        seeds = range(60, 72)
        found = list(threads.map(lambda seed: come(client, RED, seed=seed).json(), seeds))
    assert {each["person"] for each in found} == {"Rosa"}, found
    assert len({each["sighting"] for each in found}) == 1
    (event,) = client.get("/v1/events").json()["events"]
    assert (event["photos"], event["faces"]) == (1, 1)


def test_whoever_stands_behind_is_not_noted(client, people):
    picture = np.full((400, 500, 3), 128, np.int16)
    picture[80:280, 60:260] = RED
    picture[100:180, 280:360] = GREEN
    picture[80:280, 60:360] += np.random.default_rng(1).integers(-20, 21, (200, 300, 1))
    data = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(data, "PNG")
    answer = client.post("/v1/kiosk/frames", files={"photo": ("kiosk.png", data.getvalue())})
    assert answer.json()["person"] == "Rosa"
    assert [line["person"] for line in roll_of(client)["people"]] == ["Rosa"]
    assert come(client, GREEN).json()["again"] is False


def test_people_of_one_name_are_noted_each(client, people):
    for name, number in (("Rosa", "1"), ("Gustav", "2")):
        (found,) = client.get("/v1/people", params={"search": name}).json()["people"]
        changed = client.patch(f"/v1/people/{found['id']}", json={"external_id": number})
        assert changed.status_code == 200
    changed = client.patch(f"/v1/people/{found['id']}", json={"person": "Rosa"})
    assert changed.status_code == 200, changed.text
    first, second = come(client, RED).json(), come(client, GREEN).json()
    assert (first["person"], second["person"]) == ("Rosa", "Rosa")
    assert (second["again"], second["sighting"] == first["sighting"]) == (False, False)


def test_not_me_takes_the_sighting_back_and_can_itself_be_taken_back(client, people):
    sighting = come(client, RED).json()["sighting"]
    refused = client.post(f"/v1/kiosk/sightings/{sighting}/refuse").json()
    assert (refused["state"], refused["person"]) == ("refused", None)
    assert come(client, RED, seed=52).json()["state"] == "refused", "nobody is asked twice at once"
    undone = client.post(f"/v1/kiosk/sightings/{sighting}/undo").json()
    assert (undone["state"], undone["person"]) == ("seen", "Rosa")
    assert client.post(f"/v1/kiosk/sightings/{sighting}/confirm").json()["state"] == "seen"
    assert client.post("/v1/kiosk/sightings/999/refuse").status_code == 404


def test_not_me_takes_nothing_back_of_whoever_was_noted_earlier(client, people):
    """Somebody who looks like Rosa comes hours after her: she was there all the same."""
    earlier = datetime.now(UTC) - timedelta(minutes=3)
    sighting = come(client, RED, moment=earlier.isoformat()).json()["sighting"]
    refused = client.post(f"/v1/kiosk/sightings/{sighting}/refuse")
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    assert refused.json()["sighting"] is None, "nothing was said that could be taken back"
    assert client.post(f"/v1/kiosk/sightings/{sighting}/undo").status_code == 404
    thanked = client.post(f"/v1/kiosk/sightings/{sighting}/confirm").json()
    assert (thanked["state"], thanked["person"]) == ("seen", "Rosa")
    (event,) = client.get("/v1/events").json()["events"]
    assert client.get(f"/v1/events/{event['id']}/verdicts").json()["verdicts"] == []


def test_a_kiosk_takes_back_what_it_was_told_and_nothing_that_others_said(client, people, keys):
    mine = keys[Role.KIOSK]
    sighting = come(client, RED, headers=mine).json()["sighting"]
    (event,) = client.get("/v1/events", headers=keys[Role.HR]).json()["events"]
    told = {"verdict": "not", "faces": [sighting]}
    path = f"/v1/events/{event['id']}/verdicts"
    assert client.post(path, json=told, headers=keys[Role.HR]).status_code == 200
    undo = client.post(f"/v1/kiosk/sightings/{sighting}/undo", headers=mine)
    assert undo.status_code == 404


def test_who_was_noted_just_before_midnight_can_say_so_after_it():
    midnight = datetime(2026, 7, 5).astimezone()
    before, after = midnight - timedelta(days=1), midnight
    assert days_of(midnight + timedelta(seconds=30)) == [after.date(), before.date()]
    assert days_of(midnight + timedelta(minutes=5)) == [after.date()]


def test_strangers_crowds_and_empty_rooms_are_told_apart(client, people):
    assert come(client, BLUE).json()["state"] == "unknown"
    assert come(client, RED, GREEN).json()["state"] == "several"
    assert come(client).json()["state"] == "nobody"
    assert client.get("/v1/events").json()["events"] == []


def test_what_looks_like_a_picture_is_not_noted(client, people):
    answer = come(client, (250, 90, 90)).json()
    assert answer["state"] == "picture"
    assert answer["liveness"] == pytest.approx(0.1)
    assert client.get("/v1/events").json()["events"] == []


def test_a_picture_that_was_kept_without_a_network_is_noted_at_its_own_time(client, people):
    earlier = datetime.now(UTC) - timedelta(hours=30)
    answer = come(client, RED, moment=earlier.isoformat()).json()
    assert answer["time"] == f"{earlier.astimezone():%H:%M}"
    day = earlier.astimezone().date().isoformat()
    assert client.get("/v1/events").json()["events"][0]["name"] == f"Kiosk {day}"
    assert come(client, RED, moment="yesterday").status_code == 422
    long_ago = datetime.now(UTC) - timedelta(days=8)
    assert come(client, GREEN, moment=long_ago.isoformat()).status_code == 422, "nor today"


def test_a_kiosks_key_can_do_nothing_else(client, people, keys):
    mine = keys[Role.KIOSK]
    assert come(client, RED, headers=mine).status_code == 200
    for path in ("/v1/people", "/v1/events", "/v1/keys"):
        assert client.get(path, headers=mine).status_code == 403
    asked = client.post("/v1/identify", files={"photos": ("a.png", paint(PINK))}, headers=mine)
    assert asked.status_code == 403
    assert come(client, RED, headers=keys[Role.VIEWER]).status_code == 403
    assert client.get("/kiosk").status_code == 200  # the page asks for the key itself


def test_a_kiosks_key_may_ask_for_nothing_but_the_kiosks_own_operations(app, client, people, keys):
    mine, told = keys[Role.KIOSK], {}
    for path, found in app.openapi()["paths"].items():
        place = re.sub(r"{[^}]*}", "1", path)
        for method, operation in found.items():
            if operation.get("x-role") not in (None, "kiosk"):
                told[f"{method} {path}"] = client.request(method, place, headers=mine).status_code
    assert len(told) > 80
    assert {place: status for place, status in told.items() if status != 403} == {}


def test_a_kiosks_key_opens_no_page_but_the_kiosk(client, people, keys):
    """Neither as a key, nor by a session that somebody opens with it."""
    key = keys[Role.KIOSK]["Authorization"].removeprefix("Bearer ")
    pages = {place.path for each in PLACES for place in (each, *each.parts)}
    pages |= {"/people/1", "/events/1"}
    for headers in (keys[Role.KIOSK], {}):
        for path in sorted(pages):
            answer = client.get(path, headers=headers, follow_redirects=False)
            assert answer.status_code in (303, 307, 401, 403), (path, answer.status_code)
            assert "Rosa" not in answer.text
        client.post("/login", data={"key": key}, headers={"Origin": str(client.base_url)})
    assert client.get("/kiosk").status_code == 200
