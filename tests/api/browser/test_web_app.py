"""The web app as people use it: with real photos, in a real browser, without console errors."""

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pillow_heif
import pytest
from PIL import Image, ImageOps

from tests.api.browser.conftest import LONGEST_MS, LOOKS, settled, watched
from tests.api.browser.every_page import wait_until_shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

PAGES = {
    "events": "/",
    "identify": "/identify",
    "people": "/people",
    "runs": "/runs",
    "quality": "/quality",
    "unknowns": "/unknowns",
    "index": "/index",
    "login": "/login",
}
SIZES = {"wide": (1440, 900), "phone": (390, 844)}


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: "Browser", address: str) -> Iterator["Page"]:
    """A page that must write no error to the console and ask no other host for anything."""
    look = getattr(request, "param", "desktop")
    with watched(browser, address, **LOOKS[look]) as page:
        yield page


def follow(page: "Page", link: str) -> None:
    """Click a link, and wait until the page that it leads to has run its scripts."""
    with page.expect_navigation():
        page.get_by_role("link", name=link).click()


def drop(page: "Page", *photos: Path) -> None:
    """Drag files from the desktop onto the page."""
    files = [(p.name, base64.b64encode(p.read_bytes()).decode()) for p in photos]
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, data] of files) {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
            }
            return transfer;
        }""",
        files,
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("body", event, {"dataTransfer": transfer})


def enrol(page: "Page", name: str, *photos: Path) -> None:
    """Drop somebody's photos on the page of people and give the name."""
    page.goto("/people")
    drop(page, *photos)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Add person").click()
    page.wait_for_url("**/people/*")
    page.get_by_role("heading", name=name).wait_for()


@pytest.fixture(scope="module")
def family(browser: "Browser", address: str, people_dir: Path) -> list[str]:
    """Six people, enrolled by drag and drop."""
    names = []
    with watched(browser, address) as page:
        for folder in sorted((people_dir / "employees").iterdir()):
            enrol(page, folder.name, *sorted(folder.glob("*.jpg")))
            assert page.locator("#faces li").count() == 2
            names.append(folder.name)
    return names


def names_in_photo(page: "Page", photo: Path) -> list[str]:
    page.goto("/identify")
    settled(page)
    drop(page, photo)
    page.locator(".box").first.wait_for()
    return page.locator(".box .tag").all_inner_texts()


def expect_faces(page: "Page", count: int) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#faces li")).to_have_count(count)


def test_the_group_photo_shows_four_names(
    page: "Page", family: list[str], people_dir: Path
) -> None:
    names = names_in_photo(page, people_dir / "queries" / "family1-at-the-beach.jpg")
    expected = ["family1-dad", "family1-daughter", "family1-mom", "family1-son"]
    assert sorted(names) == expected
    page.locator(".box").first.click()
    assert page.locator(".candidate").first.is_visible()
    page.locator(".candidate img").first.wait_for()  # the enrolled photo that decided


def test_the_faces_can_be_reached_and_opened_with_the_keyboard(
    page: "Page", family: list[str], people_dir: Path
) -> None:
    names_in_photo(page, people_dir / "queries" / "family1-at-the-beach.jpg")
    first = page.locator(".box").first
    first.focus()
    page.keyboard.press("Enter")
    assert first.get_attribute("aria-pressed") == "true"
    assert "sure" in (first.get_attribute("aria-label") or "")
    page.keyboard.press("j")  # faces have one tab stop
    assert page.evaluate("document.activeElement.classList.contains('box')")
    assert not first.evaluate("(box) => box === document.activeElement")


def test_a_heic_is_shown_and_a_face_of_it_named(
    page: "Page", family: list[str], people_dir: Path, tmp_path: Path
) -> None:
    heic = tmp_path / "stranger.heic"
    photo = Image.open(people_dir / "queries" / "stranger-2.jpg")
    pillow_heif.from_pillow(photo).save(heic)
    assert names_in_photo(page, heic) == ["Unknown"]
    page.wait_for_function("() => document.querySelector('.stage img').naturalWidth > 0")
    page.get_by_label("Who is this?").fill("Heather")
    page.get_by_role("button", name="Enrol").click()
    page.locator(".box.match").wait_for()


def test_a_photo_of_several_asks_which_face_is_meant(
    browser: "Browser", address: str, family: list[str], people_dir: Path
) -> None:
    # The photo alone is refused, which browsers write to the console.
    with watched(browser, address, allowed="422 (Unprocessable") as page:
        page.goto("/people")
        settled(page)
        drop(page, people_dir / "queries" / "family1-at-the-beach.jpg")
        page.get_by_label("Name", exact=True).fill("The Father")
        page.get_by_role("dialog").get_by_role("button", name="Add person").click()
        asked = page.get_by_role("dialog", name="Which face is The Father?")
        asked.locator(".box").nth(3).wait_for()
        # A box round a face, drawn; then rather one that was found.
        area = asked.locator(".stage-boxes").bounding_box()
        assert area is not None
        page.mouse.move(area["x"] + 5, area["y"] + 5)
        page.mouse.down()
        page.mouse.move(area["x"] + 60, area["y"] + 70)
        page.mouse.up()
        asked.locator(".drawn-box").wait_for()
        asked.get_by_role("button", name="Face 2").click()
        asked.locator(".drawn-box").wait_for(state="detached")
        asked.get_by_role("button", name="That face").click()
        page.wait_for_url("**/people/*")
        page.get_by_role("heading", name="The Father").wait_for()
        # The photo is his now; another face of it can be somebody else's all the same.
        page.goto("/people")
        settled(page)
        drop(page, people_dir / "queries" / "family1-at-the-beach.jpg")
        page.get_by_label("Name", exact=True).fill("The Mother")
        page.get_by_role("dialog").get_by_role("button", name="Add person").click()
        asked = page.get_by_role("dialog", name="Which face is The Mother?")
        asked.get_by_role("button", name="Face 1").click()
        asked.get_by_role("button", name="That face").click()
        page.wait_for_url("**/people/*")
        page.get_by_role("heading", name="The Mother").wait_for()


def test_a_pdf_says_what_to_do(page: "Page", tmp_path: Path) -> None:
    (tmp_path / "minutes.pdf").write_bytes(b"%PDF-1.7")
    page.goto("/identify")
    settled(page)
    drop(page, tmp_path / "minutes.pdf")
    page.get_by_text("Save its pages or pictures as JPEG or PNG").wait_for()


def test_an_unknown_is_named_right_there(page: "Page", family: list[str], people_dir: Path) -> None:
    stranger = people_dir / "queries" / "stranger-1.jpg"
    assert names_in_photo(page, stranger) == ["Unknown"]
    page.get_by_label("Who is this?").fill("New Colleague")
    page.get_by_role("button", name="Enrol").click()
    page.locator(".box.match").wait_for()
    assert page.locator(".box .tag").inner_text() == "New Colleague"
    page.goto("/people?search=colleague")
    assert page.locator("#people li").count() == 1


def test_a_name_that_is_being_typed_outlives_the_answer_to_the_one_before(
    page: "Page", family: list[str], people_dir: Path
) -> None:
    names_in_photo(page, people_dir / "queries" / "strangers-3.jpg")
    rows, held = page.locator(".face-row"), list["Route"]()
    rows.nth(0).click()
    page.locator("#name-0").fill("First")
    page.route("**/v1/people?*", lambda route: route.fulfill(status=201, json={}))
    page.route("**/v1/identify?*", lambda route: held.append(route))
    with page.expect_request("**/v1/identify?*"):
        page.locator("#detail-0").get_by_role("button", name="Enrol").click()
    rows.nth(1).click()
    page.locator("#name-1").fill("Sec")
    rows.nth(0).evaluate("(row) => { row.dataset.before = 1; }")
    held[0].continue_()
    page.locator("[data-before]").wait_for(state="detached")
    page.keyboard.type("ond")
    assert page.locator("#name-1").input_value() == "Second"


def test_a_stranger_who_comes_again_is_named_from_the_page_of_unknowns(
    page: "Page", family: list[str], people_dir: Path
) -> None:
    assert set(names_in_photo(page, people_dir / "queries" / "strangers-3.jpg")) == {"Unknown"}
    page.goto("/unknowns")
    before = page.locator("#groups li").count()
    assert before >= 3
    group = page.locator("#groups li").first
    group.get_by_role("button", name="Who is this?").click()
    page.get_by_role("combobox", name="Name or number").fill("Third Colleague")
    page.get_by_role("option", name="New person").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Enrol").click()
    page.locator("#named").get_by_text("Third Colleague is enrolled with").wait_for()
    assert page.locator("#groups li").count() == before - 1


def test_a_merge_is_previewed_done_and_undone(page: "Page", family: list[str]) -> None:
    page.goto("/people")
    follow(page, "family2-man")
    page.get_by_role("button", name="Merge", exact=True).click()
    page.get_by_role("combobox", name="Name or number").fill("family2-lady")
    page.get_by_role("option", name="family2-lady").click()
    preview = page.locator("#merge-preview")
    preview.wait_for()
    assert "2 photos do not look like family2-lady" in preview.inner_text()
    page.get_by_role("dialog").get_by_role("button", name="Merge", exact=True).click()
    page.get_by_role("heading", name="family2-lady").wait_for()
    expect_faces(page, 4)
    page.get_by_role("button", name="Undo", exact=True).click()
    page.locator("#undo-bar").wait_for(state="hidden")
    expect_faces(page, 2)
    page.goto("/people")
    assert page.get_by_role("link", name="family2-man").is_visible()


@pytest.mark.parametrize("page", LOOKS, indirect=True)
def test_enrolled_photos_are_reviewed_by_keys_alone(
    page: "Page", family: list[str], people_dir: Path, tmp_path: Path
) -> None:
    copies = []
    for number in (1, 2):
        photo = Image.open(people_dir / "employees" / "family1-dad" / f"{number}.jpg")
        copies.append(tmp_path / f"{number}.jpg")
        ImageOps.mirror(photo.convert("RGB")).save(copies[-1])
    enrol(page, "His Double", *copies)
    page.goto("/findings")
    about = "family1-dad and His Double look like one person"
    card = page.locator(".finding-card", has_text=about)
    card.wait_for()
    page.locator(".finding-card:focus").wait_for()
    while not page.locator(".finding-card:focus", has_text=about).count():
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    card.wait_for(state="detached")
    page.locator("#undo-bar").wait_for()
    with page.expect_navigation():
        page.keyboard.press("z")
    card.wait_for()
    while not page.locator(".finding-card:focus", has_text=about).count():
        page.keyboard.press("j")
    page.keyboard.press("d")
    card.wait_for(state="detached")
    page.reload()
    page.locator("#keys, #nothing").locator("visible=true").first.wait_for()
    assert not card.count()
    page.goto("/people")
    follow(page, "His Double")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_role("heading", name="His Double is deleted").wait_for()


def test_what_can_be_undone_is_said_in_the_pages_language(browser: "Browser", address: str) -> None:
    with watched(browser, address, locale="de-DE") as page:
        page.goto("/people")
        settled(page)
        told = page.evaluate(
            """async () => {
                const page = document.querySelector('script[src*="page.js"]').src;
                const { inWords } = await import(new URL("told.js", page));
                const answer = {
                    summary: "renamed Ada to Grace",
                    edit: { summary: "named 2 unknown faces Ada" },
                    edits: [{ summary: "merged Ada into Grace" }],
                };
                const { summary, edit, edits } = await inWords(answer);
                return [summary, edit.summary, edits[0].summary];
            }"""
        )
    assert told == [
        "Ada heißt jetzt Grace",
        "2 unbekannte Gesichter sind jetzt Ada",
        "Ada mit Grace zusammengeführt",
    ]


def test_a_photo_is_moved_to_a_new_person_and_back(page: "Page", family: list[str]) -> None:
    page.goto("/people")
    follow(page, "family2-lady")
    page.locator("input[name=face]").first.check()
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("combobox", name="Name or number").fill("Somebody Else")
    page.get_by_role("option", name="New person").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Move", exact=True).click()
    expect_faces(page, 1)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect_faces(page, 2)


def test_a_person_is_renamed_and_it_can_be_undone(page: "Page", family: list[str]) -> None:
    page.goto("/people")
    follow(page, "family1-son")
    page.get_by_role("button", name="Name and number").click()
    page.get_by_role("dialog").get_by_label("Name", exact=True).fill("The Son")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="The Son", exact=True).wait_for()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_role("heading", name="family1-son", exact=True).wait_for()


def test_a_deletion_gives_a_receipt(page: "Page", family: list[str], people_dir: Path) -> None:
    enrol(page, "Leaver", people_dir / "queries" / "stranger-2.jpg")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete for good").click()
    receipt = page.locator("#receipt-dialog")
    receipt.get_by_text("1 face is gone").wait_for()
    assert "none" in receipt.locator("dd").last.inner_text()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the receipt").click()
    assert "erased_faces" in Path(saved.value.path()).read_text()
    page.get_by_role("link", name="To the people").click()
    page.wait_for_url("**/people?*")
    assert page.get_by_role("link", name="Leaver").count() == 0


def test_a_run_is_followed_to_its_end(
    page: "Page", family: list[str], people_dir: Path, tmp_path: Path
) -> None:
    page.goto("/runs")
    if page.locator("#archive-form").count() == 0:
        pytest.skip("needs a Redis server for the queue")
    with zipfile.ZipFile(tmp_path / "people.zip", "w") as archive:
        for photo in (people_dir / "employees").rglob("*.jpg"):
            archive.write(photo, f"{photo.parent.name}/{photo.name}")
        # Other bytes than the photo that another test may have enrolled a stranger from.
        several = (people_dir / "queries" / "strangers-3.jpg").read_bytes() + b"\0"
        archive.writestr("Several/strangers.jpg", several)
    page.set_input_files("#archive", tmp_path / "people.zip")
    page.wait_for_url("**/runs/*")
    page.locator("#run-name").evaluate("(name) => { name.dataset.same = 1; }")
    page.locator("#state.finished").wait_for()
    page.locator(".reject").wait_for()
    assert page.locator("[data-same]").count() == 1, "the page was not loaded anew"
    page.locator("#done", has_text="13 of 13 photos").wait_for()
    assert "3 faces were found" in page.locator(".reject").inner_text()


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", "wide"), ("dark", "wide"), ("light", "phone")]
)
def test_every_page_is_photographed(
    browser: "Browser",
    address: str,
    family: list[str],
    people_dir: Path,
    shots: Path,
    scheme: str,
    size: str,
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    context.set_default_timeout(LONGEST_MS)
    page = context.new_page()

    busy: list[str] = []

    def shoot(name: str) -> None:
        wait_until_shown(page, name, busy)
        page.wait_for_function("() => [...document.images].every((each) => each.complete)")
        target = shots / f"{name}-{scheme}-{size}.png"
        page.screenshot(path=target)
        assert target.stat().st_size > 5_000
        wider = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wider, f"{name} scrolls sideways"

    for name, path in PAGES.items():
        page.goto(path)
        shoot(name)
    page.goto("/identify")
    queries = people_dir / "queries"
    drop(page, queries / "family1-at-the-beach.jpg", queries / "strangers-3.jpg")
    page.locator(".box").first.click()
    shoot("identify-answer")
    page.goto("/people")
    follow(page, "family1-dad")
    page.wait_for_url("**/people/*")
    shoot("person")
    context.close()
    assert busy == []


def test_a_face_is_enrolled_by_a_box_drawn_round_it(
    browser: "Browser", address: str, family: list[str], people_dir: Path, tmp_path: Path
) -> None:
    three = tmp_path / "three.jpg"  # a photo of its own: others here name a face of the original
    three.write_bytes((people_dir / "queries" / "strangers-3.jpg").read_bytes() + b"\0")
    with watched(browser, address, allowed="422 (Unprocessable") as page:
        page.goto("/people")
        settled(page)
        drop(page, three)
        page.get_by_label("Name", exact=True).fill("Drawn Round")
        page.get_by_role("dialog").get_by_role("button", name="Add person").click()
        asked = page.get_by_role("dialog", name="Which face is Drawn Round?")
        asked.locator(".box").nth(2).wait_for()
        last = asked.locator(".box").nth(2).bounding_box()
        assert last is not None
        # From below, where no other box begins: the pointer may go either way.
        page.mouse.move(last["x"] + last["width"] + 2, last["y"] + last["height"] + 2)
        page.mouse.down()
        page.mouse.move(last["x"] - 2, last["y"] - 2)
        page.mouse.up()
        asked.locator(".drawn-box").wait_for()
        asked.get_by_role("button", name="That face").click()
        page.wait_for_url("**/people/*")
        page.get_by_role("heading", name="Drawn Round").wait_for()
        expect_faces(page, 1)
        tags = names_in_photo(page, three)
        assert tags[2].startswith("Drawn Round")
