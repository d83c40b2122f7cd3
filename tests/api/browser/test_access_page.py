"""The first user is made and logs in, and lets somebody else in and out again."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retrieval.settings import Settings
from tests.api.browser.conftest import settled, watched
from tests.api.conftest import painted_app, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PASSWORD = "correct horse battery staple"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where a service listens that nobody has a user of yet."""
    with served(painted_app(Settings(home=tmp_path))) as port:
        yield f"http://127.0.0.1:{port}"


def add_user(page: "Page", name: str, role: str) -> str:
    """Add a user; return the link that is shown."""
    page.get_by_role("button", name="Add a user").click()
    page.get_by_label("E-mail address").fill(name)
    page.get_by_role("dialog").get_by_label("May do what?").select_option(role)
    page.get_by_role("button", name="Add and show the link").click()
    return shown_link(page)


def shown_link(page: "Page") -> str:
    page.locator("#secret-dialog[open]").wait_for()
    return page.locator("#secret").input_value()


def log_in_by(page: "Page", link: str) -> None:
    page.goto(link)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()


def test_a_user_is_made_let_in_again_and_ended(browser: "Browser", address: str) -> None:
    with watched(browser, address) as page:
        page.goto(f"{address}/access")
        settled(page)
        log_in_by(page, add_user(page, "ada@firm.example", "admin"))
        page.goto(f"{address}/access")
        settled(page)
        first = add_user(page, "ben@firm.example", "viewer")
        with page.expect_navigation():
            page.get_by_role("button", name="Done").click()
        settled(page)
        page.get_by_role("button", name="New link for ben@firm.example").click()
        second = shown_link(page)
        assert second != first
        with watched(browser, address, allowed="Failed to load resource") as other:
            log_in_by(other, first)  # another link takes its place
            other.get_by_role("alert").wait_for()
            log_in_by(other, second)
            other.get_by_role("heading", name="Events").wait_for()
            with page.expect_navigation():
                page.get_by_role("button", name="Done").click()
            settled(page)
            page.get_by_role("button", name="End ben@firm.example").click()
            with page.expect_navigation():
                page.get_by_role("dialog").get_by_role("button", name="End", exact=True).click()
            page.get_by_role("row", name="ben@firm.example").get_by_text("ended").wait_for()
            page.get_by_role("button", name="Make a key").click()
            page.get_by_label("Which program is it for?").fill("Payroll")
            role = page.get_by_role("dialog").get_by_label("May do what?")
            assert role.input_value() == "viewer", "the least that a person needs"
            role.select_option("kiosk")
            page.get_by_role("button", name="Make the key").dblclick()  # as some do everywhere
            shown_link(page)
            page.get_by_text(f"Open {address}/kiosk?collection=default on the tablet").wait_for()
            page.reload()
            assert page.get_by_role("row", name="Payroll").count() == 1
            other.reload()
            other.get_by_role("button", name="Log in").first.wait_for()
