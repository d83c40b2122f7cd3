"""No page of a service without people, events or runs is a barrier: light, dark and on a phone."""

from typing import TYPE_CHECKING

from retrieval.api.auth import COOKIE
from tests.api.browser.conftest import watched
from tests.api.browser.every_page import CALM, every_page, look

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser


def test_nothing_on_an_empty_page_is_a_barrier(browser: "Browser", tmp_path: "Path") -> None:
    found: list[str] = []
    with every_page(tmp_path, filled=False) as service:
        session = service.log_in()
        pages = service.pages(session)
        assert len(pages) >= 14
        with watched(browser, service.address, **CALM) as page:
            page.context.add_cookies([{"name": COOKIE, "value": session, "url": service.address}])
            for path in pages:
                look(page, path, found)
    assert not found, "\n".join(found)
