"""No page of a service is a barrier, at work or with nobody in it: light, dark and on a phone."""

from typing import TYPE_CHECKING

import pytest

from tests.api.browser.conftest import watched
from tests.api.browser.every_page import CALM, check, every_page, look_at_all, open_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """States that were looked at: some are the same in both services."""
    return set()


def test_nothing_on_any_page_is_a_barrier(
    browser: "Browser", tmp_path: "Path", seen: set[str]
) -> None:
    found: list[str] = []
    with every_page(tmp_path, filled=True) as service:
        with watched(browser, service.address, **CALM) as page:
            open_page(page, "/access", found)
            check(page, "/access of nobody", found, looks=True)
        look_at_all(browser, service, found, seen, at_least=18)
    assert not found, "\n".join(found)


def test_nothing_on_an_empty_page_is_a_barrier(
    browser: "Browser", tmp_path: "Path", seen: set[str]
) -> None:
    found: list[str] = []
    with every_page(tmp_path, filled=False) as service:
        look_at_all(browser, service, found, seen, at_least=14)
    assert not found, "\n".join(found)
