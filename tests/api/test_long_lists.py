"""Pages of lists that are longer than a page: nothing of them is out of reach."""

import re

import numpy as np
import pytest
from fastapi.testclient import TestClient

from retrieval.api.context import Context
from retrieval.api.routes.pages import review
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.people.strangers import list_groups
from tests.trusted import unknown_face

HTML = {"Accept": "text/html"}


def pages(client: TestClient, path: str, pattern: str) -> list[list[str]]:
    """What a page and those that it leads to show, page by page."""
    found = []
    following: str | None = path
    while following is not None:
        page = client.get(following.replace("&amp;", "&"), headers=HTML).text
        found.append(re.findall(pattern, page))
        link = re.search(r'<a class="button" href="([^"]+)">(?:Next page|Older ones)</a>', page)
        following = None if link is None else link[1]
    return found


def test_runs_and_what_a_run_did_not_take_are_shown_page_by_page(
    client: TestClient, context: Context, people: dict[str, int]
) -> None:
    runs = context.catalogue.runs
    made = [runs.create("enrol", "default", f"folder-{number}", {}) for number in range(101)]
    listed = [
        ListedPhoto(f"{number}.png", "Rosa", reason=("no-face", "No face."))
        for number in range(201)
    ]
    runs.add(made[0].id, listed)

    first, second = pages(client, "/runs", r"<strong>(folder-\d+)</strong>")
    assert (len(first), len(second)) == (100, 1)
    assert {*first, *second} == {run.source for run in made}
    first, second = pages(client, f"/runs/{made[0].id}", r'title="(\d+\.png)"')
    assert [*first, *second] == [photo.path for photo in listed]
    assert len(second) == 1


def test_photos_not_taken_and_strangers_of_every_page_can_be_reached(
    client: TestClient, context: Context, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = context.catalogue.runs.create("enrol", "default", "folder", {})
    listed = [
        ListedPhoto(f"{number}.png", "Rosa", reason=("no-face", "No face."))
        for number in range(101)
    ]
    context.catalogue.runs.add(run.id, listed)
    first, second = pages(client, "/rejects", r'data-photo="(\d+\.png)"')
    assert [*first, *second] == [photo.path for photo in reversed(listed)]
    assert len(second) == 1

    monkeypatch.setattr(review, "PAGE_GROUPS", 2)
    axes = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
    met = [unknown_face(f"{number}.jpg", axes[number % 6]) for number in range(9)]
    with context.services.lease("default") as service:
        hashes = {face.sha256 for face in met}
        service.catalogue.strangers.keep(service.collection.id, hashes, met, days=1)
        known = [group.id for group in list_groups(service)]
    found = pages(client, "/unknowns", r'data-group="(\d+)"')
    assert [int(group) for page in found for group in page] == known
    assert [len(page) for page in found] == [2, 2, 2]


def test_of_many_users_and_keys_some_are_found_by_name(
    client: TestClient, context: Context
) -> None:
    assert 'id="search"' not in client.get("/access", headers=HTML).text
    for number in range(8):
        context.catalogue.users.create(f"jörg.{number}@example.org", Role.HR)
    keys = [context.catalogue.api_keys.create(f"Tür {number}", Role.KIOSK) for number in range(8)]
    admin = {"Authorization": f"Bearer {context.catalogue.api_keys.create('a', Role.ADMIN)[1]}"}

    def shown(**asked: str) -> list[str]:
        page = client.get("/access", params=asked, headers={**HTML, **admin}).text
        assert 'id="search"' in page
        return re.findall(r"<td>((?:jörg|Tür)[^<]*)</td>", page)

    assert len(shown()) == 16
    assert shown(search="JORG.3") == ["jörg.3@example.org"]
    assert shown(search="tur 5") == ["Tür 5"]
    assert shown(search=keys[2][0].handle) == ["Tür 2"]
    assert not shown(search="Anna")
