"""No page of a service at work is a barrier, to an admin: light, dark and on a phone."""

from typing import TYPE_CHECKING

from retrieval.api.auth import COOKIE
from tests.api.browser.conftest import watched
from tests.api.browser.every_page import CALM, check, every_page, look, open_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser


def test_nothing_on_any_page_is_a_barrier(browser: "Browser", tmp_path: "Path") -> None:
    found: list[str] = []
    with every_page(tmp_path, filled=True) as service:
        with watched(browser, service.address, **CALM) as page:
            open_page(page, "/access", found)
            check(page, "/access of nobody", found, looks=True)
        session = service.log_in()
        pages = service.pages(session)
        assert len(pages) >= 18
        with watched(browser, service.address, **CALM) as page:
            page.context.add_cookies([{"name": COOKIE, "value": session, "url": service.address}])
            for path in pages:
                look(page, path, found)
    assert not found, "\n".join(found)
