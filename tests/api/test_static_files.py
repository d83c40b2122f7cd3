"""Static files: kept for good under their own address, compressed, and nothing beside them."""

import re

import pytest
from fastapi.testclient import TestClient

from retrieval.api.web.static_files import FOLDER, static_files


def test_a_page_names_its_files_by_their_content_and_browsers_keep_them(client: TestClient) -> None:
    page = client.get("/", headers={"Accept": "text/html"}).text
    addresses = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    assert len(addresses) >= 5
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_scripts_that_import_each_other_find_each_other_in_one_folder(client: TestClient) -> None:
    known = {path.name for path in FOLDER.glob("*.js")}
    for path in FOLDER.glob("*.js"):
        imported = set(re.findall(r'from "\./([^"]+)"', path.read_text()))
        assert imported <= known, path.name


def test_text_is_compressed_for_whoever_takes_that(client: TestClient) -> None:
    address = static_files().url("app.css")
    small = client.get(address, headers={"Accept-Encoding": "gzip"})
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert small.content == plain.content
    assert int(small.headers["content-length"]) < len(plain.content) / 2


def test_an_older_page_finds_the_files_of_today_but_does_not_keep_them(client: TestClient) -> None:
    for address in ("/static/app.css", "/static/000000000000/app.css"):
        answer = client.get(address)
        assert answer.headers["cache-control"] == "no-cache"
        again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["", "nothing.js", "../view.py", "..%2fview.py", "a/b/c"])
def test_nothing_else_is_given_out(client: TestClient, name: str) -> None:
    for folder in ("", f"{static_files().version}/"):
        assert client.get(f"/static/{folder}{name}").status_code == 404


def test_the_app_can_be_installed(client: TestClient) -> None:
    manifest = client.get(static_files().url("rollcall.webmanifest"))
    assert manifest.headers["content-type"] == "application/manifest+json"
    for icon in manifest.json()["icons"]:
        assert client.get(static_files().url(icon["src"])).status_code == 200
