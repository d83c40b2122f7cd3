"""People, Review and Admin as the weekly tool: lists, leavers, strangers, receipts."""

import csv
import io
import json
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from PIL import Image

from tests.api.browser.conftest import settled, watched
from tests.api.browser.every_page import check
from tests.processes import free_port, rollcall, wait_until_ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

STAFF = {
    "family1-dad": ("Müller, Jörg", "1001"),
    "family1-mom": ("Łucja Gross", "1002"),
    "family1-son": ("Ann Lee", "7"),
    "family1-daughter": ("Ann Lee", "12"),
    "family2-man": ("Zoë Ünal", None),
}


@pytest.fixture(scope="module")
def service(
    models_home: Path, people_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a service of its own listens; it has a worker, where there is a Redis."""
    home, folder = tmp_path_factory.mktemp("staff"), tmp_path_factory.mktemp("logs")
    (home / "models").symlink_to(models_home / "models", target_is_directory=True)
    staff = folder / "staff.csv"
    with staff.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("person", "external_id", "photo"))
        for person, (name, number) in STAFF.items():
            for photo in sorted((people_dir / "employees" / person).glob("*.jpg")):
                writer.writerow((name, number or "", photo))
    own = ("--home", str(home))
    listed = ("people", "sync", str(staff), "--yes")
    with rollcall(*listed, *own, log=folder / "sync") as syncing:
        assert syncing.wait(300) == 0, (folder / "sync").read_text()
    port = free_port()
    kept = {
        "ROLLCALL_KEEP_PHOTOS": "true",
        "ROLLCALL_UNKNOWN_DAYS": "1",
        "ROLLCALL_WEBHOOK_SECRET": "a secret for tests",
    }
    serving = ("serve", "--port", str(port), "--workers", "1", *own)
    with rollcall(*serving, log=folder / "serve", **kept) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, folder / "serve")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def page(browser: "Browser", service: str) -> Iterator["Page"]:
    """A page that must write no error to the console and ask no other host for anything."""
    with watched(browser, service) as page:
        yield page


def asked(service: str, path: str, method: str = "GET", body: object = None) -> Any:
    """What the API answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{service}{path}", data=data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def goto(page: "Page", path: str) -> None:
    page.goto(path)
    settled(page)


def shown(page: "Page") -> list[str]:
    return page.locator("#people .tile-text strong").all_inner_texts()


def add(page: "Page", name: str, number: str, *photos: Path) -> None:
    """Add somebody by the dialog."""
    goto(page, "/people")
    page.locator("#add").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.locator("#add-id").fill(number)
    page.set_input_files("#add-files", photos)
    with page.expect_navigation():
        page.get_by_role("dialog").get_by_role("button", name="Add person").click()
    page.get_by_role("heading", name=name).wait_for()


def test_people_are_found_whatever_their_accents_sorted_and_filtered(page: "Page") -> None:
    goto(page, "/people")
    page.get_by_label("Search people").fill("MULLER")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert shown(page) == ["Müller, Jörg"]
    goto(page, "/people?search=ann%20lee")
    numbers = page.locator("#people .tile-text span.clip").all_inner_texts()
    assert numbers == ["7", "12"], "namesakes are told apart"
    goto(page, "/people")
    with page.expect_navigation():
        page.get_by_label("Order").select_option("number")
    settled(page)
    assert shown(page) == ["Ann Lee", "Ann Lee", "Müller, Jörg", "Łucja Gross", "Zoë Ünal"]
    with page.expect_navigation():
        page.get_by_role("link", name="With fewer than 3 photos").click()
    assert len(shown(page)) == len(STAFF)
    with page.expect_navigation():
        page.get_by_role("link", name="Without a photo").click()
    page.get_by_role("heading", name="Everybody has a photo").wait_for()


def test_chosen_people_are_exported_and_expected_at_an_event(
    page: "Page", service: str, tmp_path: Path
) -> None:
    event = asked(service, "/v1/events", "POST", {"name": "Training"})["id"]
    goto(page, "/people?sort=number")
    for box in page.locator("#people input[name=person]").all()[:2]:
        box.check()
    page.get_by_text("2 people chosen").wait_for()
    with page.expect_download() as saved:
        page.locator("#export-xlsx").click()
    saved.value.save_as(tmp_path / "people.xlsx")
    cells = openpyxl.load_workbook(tmp_path / "people.xlsx").worksheets[0].values
    assert [row[1] for row in cells] == ["external_id", "7", "12"]
    with page.expect_download() as saved:
        page.locator("#export-csv").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8-sig")
    assert [row["person"] for row in csv.DictReader(io.StringIO(text))] == ["Ann Lee", "Ann Lee"]
    page.get_by_role("button", name="Expected at an event").click()
    page.get_by_role("dialog").get_by_role("button", name="Add to the expected").click()
    page.locator("#chosen").wait_for(state="hidden")
    assert asked(service, f"/v1/events/{event}")["expected"] == 2


def test_adding_tells_what_is_poor_about_a_photo_and_whose_name_it_is(
    page: "Page", people_dir: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small.jpg"
    photo = Image.open(people_dir / "queries" / "stranger-1.jpg").convert("RGB")
    photo.resize((photo.width // 12, photo.height // 12)).save(small)
    goto(page, "/people")
    page.locator("#add").click()
    several = people_dir / "queries" / "strangers-3.jpg"
    fine = people_dir / "queries" / "stranger-2.jpg"
    page.set_input_files("#add-files", [fine, several, small])
    hints = page.locator("#add-thumbs .hint")
    hints.nth(0).get_by_text("good").wait_for()
    hints.nth(1).get_by_text("3 faces: you may be asked").wait_for()
    page.locator("#add-thumbs .hint.bad").nth(1).wait_for()
    page.get_by_role("button", name="Take small.jpg out").click()
    assert hints.count() == 2
    page.get_by_label("Name", exact=True).fill("ann lee")
    page.get_by_text("these photos go to the same person").wait_for()
    page.locator("#add-id").fill("99")
    page.get_by_text("with the number 7 and 12. This becomes a second person").wait_for()
    page.locator("#add-id").fill("12")
    page.get_by_text("The number 12 is Ann Lee’s").wait_for()


def test_photos_that_look_otherwise_under_a_taken_name_are_asked_about(
    browser: "Browser", service: str, people_dir: Path
) -> None:
    lady = sorted((people_dir / "employees" / "family2-lady").glob("*.jpg"))[:1]
    before = asked(service, "/v1/people?limit=500")["total"]
    with watched(browser, service, allowed="status of 409") as page:
        goto(page, "/people")
        page.locator("#add").click()
        page.get_by_label("Name", exact=True).fill("zoë ünal")
        page.set_input_files("#add-files", lady)
        page.locator("#add-form").get_by_role("button", name="Add person").click()
        question = page.get_by_role("dialog", name="Is this the zoë ünal who is enrolled?")
        question.get_by_role("button", name="Somebody else").click()
        page.get_by_text("Nothing was enrolled. Give this person an employee number").wait_for()
        assert asked(service, "/v1/people?limit=500")["total"] == before
        page.locator("#add-form").get_by_role("button", name="Add person").click()
        question.wait_for()
        with page.expect_navigation():
            question.get_by_role("button", name="The same person").click()
        page.get_by_role("heading", name="Zoë Ünal").wait_for()
        person = f"/v1/people/{page.locator('#person').get_attribute('data-id')}"
    assert asked(service, "/v1/people?limit=500")["total"] == before
    added = max(photo["face_id"] for photo in asked(service, person)["photos"])
    asked(service, f"{person}/photos/{added}", "DELETE")  # others here enrol it as hers


def test_somebody_who_is_added_again_after_being_deleted_is_told(
    page: "Page", people_dir: Path
) -> None:
    add(page, "Leaver One", "501", people_dir / "queries" / "stranger-2.jpg")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_role("heading", name="Leaver One is deleted").wait_for()
    goto(page, "/people")
    page.locator("#add").click()
    page.get_by_label("Name", exact=True).fill("leaver one")
    page.get_by_text("Somebody of this name or number was deleted").wait_for()


def test_a_person_gets_another_picture_and_photos_of_several_ask_for_the_face(
    browser: "Browser", service: str, people_dir: Path
) -> None:
    # The photo alone is refused, which browsers write to the console.
    with watched(browser, service, allowed="422 (Unprocessable") as page:
        goto(page, "/people?search=unal")
        with page.expect_navigation():
            page.get_by_role("link", name="Zoë Ünal").click()
        settled(page)
        boxes = page.locator("input[name=face]")
        chosen = boxes.nth(1).get_attribute("value")
        boxes.nth(1).check()
        with page.expect_navigation():
            page.get_by_role("button", name="Use as their picture").click()
        source = page.locator(".person-head .portrait img").get_attribute("src") or ""
        assert f"/faces/{chosen}/" in source
        settled(page)
        page.set_input_files("#files", people_dir / "queries" / "strangers-3.jpg")
        dialog = page.get_by_role("dialog", name="Which face is Zoë Ünal?")
        dialog.get_by_role("button", name="Face 2").click()
        with page.expect_navigation():
            dialog.get_by_role("button", name="That face").click()
        page.locator("#faces li").nth(2).wait_for()


def test_who_resembles_a_person_is_shown_and_merged_after_both_are_seen(
    page: "Page", people_dir: Path, tmp_path: Path
) -> None:
    double = tmp_path / "double.jpg"
    own = people_dir / "employees" / "family1-dad" / "1.jpg"
    photo = Image.open(own).convert("RGB")
    photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(double, quality=90)
    add(page, "Jorge Mueller", "", double)
    row = page.locator("#alike-list li", has_text="Müller, Jörg")
    row.get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog", name="Merge Jorge Mueller into Müller, Jörg?")
    assert dialog.locator("#merge-faces .portrait").count() == 2
    dialog.get_by_text("All photos look like Müller, Jörg.").wait_for()
    with page.expect_navigation():
        dialog.get_by_role("button", name="Merge", exact=True).click()
    page.get_by_role("heading", name="Müller, Jörg").wait_for()
    page.locator("#faces li").nth(2).wait_for()


def test_several_are_deleted_but_nobody_who_was_renamed_meanwhile(
    browser: "Browser", service: str, people_dir: Path, tmp_path: Path
) -> None:
    with watched(browser, service, allowed="404 (Not Found)") as page:
        people = {}
        for number, name in enumerate(("Gone One", "Gone Two"), 1):
            photo = Image.open(people_dir / "queries" / f"stranger-{number}.jpg").convert("RGB")
            photo.rotate(2).save(tmp_path / f"{number}.jpg")
            add(page, name, "", tmp_path / f"{number}.jpg")
            people[name] = int(page.locator("#person").get_attribute("data-id") or 0)
        goto(page, "/people?search=gone")
        page.locator("#people input[name=person]").first.check()
        page.get_by_role("button", name="Choose all on this page").click()
        asked(service, f"/v1/people/{people['Gone Two']}", "PATCH", {"person": "Two Who Stays"})
        page.get_by_role("button", name="Delete", exact=True).click()
        dialog = page.get_by_role("dialog", name="Delete 2 people for good?")
        dialog.get_by_role("button", name="Delete for good").click()
        page.get_by_role("heading", name="1 person is deleted, 1 is not").wait_for()
        page.get_by_text("is called otherwise now").wait_for()
        assert asked(service, f"/v1/people/{people['Gone Two']}")["person"] == "Two Who Stays"
        with page.expect_navigation():
            page.locator("#bulk-list").get_by_role("link", name="Receipt").click()
        page.get_by_role("heading", name="Receipt of a deletion").wait_for()
        page.get_by_text("nothing", exact=True).wait_for()
        assert page.get_by_role("button", name="Print").is_visible()
        goto(page, "/receipts?kind=person")
        assert page.locator("tbody tr").count() >= 1


def test_a_staff_list_is_shown_then_applied_and_leavers_go_only_if_asked(
    page: "Page", service: str, people_dir: Path, tmp_path: Path
) -> None:
    book = openpyxl.Workbook()
    listed = [(name, number) for name, number in STAFF.values() if name != "Zoë Ünal"]
    rows = [("Name", "Personalnummer", "Abteilung"), *((n, i, "X") for n, i in listed)]
    rows[1] = ("Jörg Meier", "1001", "X")  # who married
    rows.append(("New Joiner", "2001", "Y"))
    for row in rows:
        book.worksheets[0].append(row)
    book.save(tmp_path / "Personal.xlsx")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(people_dir / "employees" / "family2-lady" / "1.jpg", "2001/1.jpg")
    goto(page, "/people/import")
    page.set_input_files("#file", tmp_path / "Personal.xlsx")
    page.set_input_files("#photos", tmp_path / "photos.zip")
    page.get_by_role("button", name="Show what it would change").click()
    preview = page.locator("#preview")
    preview.get_by_text("1 joins").wait_for()
    told = preview.inner_text()
    assert "name: Name; employee number: Personalnummer" in told
    assert "Not used: Abteilung" in told
    assert "Jörg Meier" in told
    assert "New Joiner (2001)" in told
    assert "not in the list" in told
    before = asked(service, "/v1/people")["total"]
    held: list[Route] = []

    def hold(route: "Route") -> None:
        held.append(route)

    page.route("**/v1/staff-lists/*/apply*", hold)
    with page.expect_request("**/v1/staff-lists/*/apply*"):
        page.get_by_role("button", name="Do this").click()
    page.get_by_text("0 of 1 photos").wait_for()
    goto(page, "/people/import")
    page.locator("#left", has_text="Personal.xlsx was being applied").wait_for()
    page.get_by_role("button", name="Close").click()
    page.unroute_all(behavior="ignoreErrors")
    page.set_input_files("#file", tmp_path / "Personal.xlsx")
    page.set_input_files("#photos", tmp_path / "photos.zip")
    page.get_by_role("button", name="Show what it would change").click()
    page.get_by_role("button", name="Do this").click()
    page.get_by_role("heading", name="Done").wait_for()
    if page.locator("#done-run").is_visible():
        with page.expect_navigation():
            page.locator("#done-run").click()
        page.locator("#state.finished").wait_for()
    goto(page, "/people?search=joiner")
    assert shown(page) == ["New Joiner"]
    goto(page, "/people?search=1001")
    assert shown(page) == ["Jörg Meier"]
    assert asked(service, "/v1/people")["total"] == before + 1, "nobody left"


def test_a_stranger_is_named_as_one_of_two_namesakes_or_forgotten(
    page: "Page", service: str, people_dir: Path
) -> None:
    goto(page, "/identify")
    page.set_input_files("#files", people_dir / "queries" / "strangers-3.jpg")
    page.locator(".box").nth(2).wait_for()
    goto(page, "/unknowns")
    tiles = page.locator("#groups > li")
    before = tiles.count()
    tiles.first.get_by_role("button", name="Who is this?").click()
    page.get_by_role("combobox", name="Name or number").fill("ann")
    page.get_by_role("option", name="New person “ann”").wait_for()
    # A click counts, though others are found between press and release.
    page.get_by_role("option", name="Ann Lee 12").hover()
    page.mouse.down()
    with page.expect_response("**/v1/people?*search=1001*"):
        page.get_by_role("combobox", name="Name or number").fill("1001")
    page.evaluate("new Promise(requestAnimationFrame)")
    held: list[Route] = []
    page.route("**/v1/unknowns/*/name?*", lambda route: held.append(route))
    page.mouse.up()
    # So does one that is begun while a card above goes away.
    page.get_by_role("dialog").wait_for(state="hidden")
    tiles.nth(1).get_by_role("button", name="Forget").hover()
    page.mouse.down()
    with page.expect_response("**/v1/unknowns/*/name?*"):
        held[0].continue_()
    page.evaluate("new Promise(requestAnimationFrame)")
    page.mouse.up()
    dialog = page.get_by_role("dialog", name="Forget this stranger?")
    dialog.get_by_role("button", name="Cancel").click()
    page.locator("#named").get_by_text("Ann Lee is enrolled with").wait_for()
    assert tiles.count() == before - 1
    (ann,) = asked(service, "/v1/people?external_id=12")["people"]
    assert ann["photos"] == 3
    tiles.first.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    page.wait_for_function(
        "(n) => document.querySelectorAll('#groups > li').length === n", arg=before - 2
    )
    with page.expect_navigation():
        page.get_by_role("button", name="Undo", exact=True).click()
    settled(page)
    assert tiles.count() == before - 1, "whoever was named is a stranger again"
    (ann,) = asked(service, "/v1/people?external_id=12")["people"]
    assert ann["photos"] == 2


def test_a_photo_that_was_not_taken_is_mended_and_another_left_out_and_back(
    browser: "Browser", service: str, people_dir: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "people.zip", "w") as archive:
        archive.writestr("Broken/1.jpg", b"no photo")
        several = (people_dir / "queries" / "strangers-3.jpg").read_bytes() + b"\0\0"
        archive.writestr("Several/1.jpg", several)
    with watched(browser, service) as page:
        goto(page, "/runs")
        if page.locator("#archive-form").count() == 0:
            pytest.skip("needs a Redis server for the queue")
        page.set_input_files("#archive", tmp_path / "people.zip")
        page.wait_for_url("**/runs/*")
        page.locator("#state.finished").wait_for()
        goto(page, "/rejects")
        broken = page.locator(".reject-card", has_text="Broken")
        broken.get_by_role("button", name="Leave it out").click()
        broken.wait_for(state="detached")
        page.get_by_role("button", name="Undo", exact=True).click()
        broken.wait_for()
        found: list[str] = []
        check(page, "/rejects, two photos", found, looks=True)
        card = page.locator(".reject-card", has_text="Several")
        card.get_by_role("button", name="Choose the face").click()
        dialog = page.get_by_role("dialog", name="Which face is Several?")
        dialog.get_by_role("button", name="Face 3").click()
        check(page, "/rejects, which face", found, looks=True)
        assert found == []
        dialog.get_by_role("button", name="That face").click()
        card.wait_for(state="detached")
        with page.expect_file_chooser() as chooser:
            broken.get_by_text("Another photo").click()
        chooser.value.set_files(people_dir / "employees" / "family2-lady" / "2.jpg")
        broken.wait_for(state="detached")
        goto(page, "/rejects")
        page.get_by_role("heading", name="Nothing waits").wait_for()
        assert {each["person"] for each in asked(service, "/v1/people")["people"]} >= {
            "Broken",
            "Several",
        }


def test_a_webhook_is_added_and_tested(page: "Page") -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        goto(page, "/webhooks")
        page.get_by_label("Address of the receiver").fill(f"http://127.0.0.1:{server.server_port}/")
        with page.expect_navigation():
            page.get_by_role("button", name="Add", exact=True).click()
        settled(page)
        page.get_by_role("button", name="Send a test").click()
        page.locator("[data-last]").get_by_text("taken", exact=True).wait_for()
        found: list[str] = []
        check(page, "/webhooks, tested", found, looks=True)
        assert found == []
        server.shutdown()
        thread.join()
    page.get_by_role("button", name="Send a test").click()
    page.locator("[data-last]").get_by_text("cannot be reached").wait_for()
    page.on("dialog", lambda dialog: dialog.accept())
    with page.expect_navigation():
        page.get_by_role("button", name="Remove").click()
    page.get_by_role("heading", name="Nobody is told yet").wait_for()
