"""Pages of lists that are longer than a page: nothing of them is out of reach."""

import re

from fastapi.testclient import TestClient

from retrieval.api.context import Context
from retrieval.catalogue.runs.run_records import ListedPhoto

HTML = {"Accept": "text/html"}


def pages(client: TestClient, path: str, pattern: str) -> list[list[str]]:
    """What a page and those that it leads to show, page by page."""
    found = []
    following: str | None = path
    while following is not None:
        page = client.get(following.replace("&amp;", "&"), headers=HTML).text
        found.append(re.findall(pattern, page))
        link = re.search(r'class="page-more"[^>]*><a class="button" href="([^"]+)"', page)
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
