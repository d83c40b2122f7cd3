"""No page in German, which has longer words, is a barrier: dark, wide and on a phone.

It is looked at by whoever needs not log in, since the service has no users yet.
"""

from typing import TYPE_CHECKING

from tests.api.browser.conftest import watched
from tests.api.browser.every_page import CALM, every_page, look_in_german

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser


def test_nothing_on_a_german_page_is_a_barrier(browser: "Browser", tmp_path: "Path") -> None:
    found: list[str] = []
    with every_page(tmp_path, filled=True) as service:
        pages = service.pages(None)
        assert len(pages) >= 17
        german = {"locale": "de", "color_scheme": "dark", **CALM}
        with watched(browser, service.address, **german) as page:
            for path in pages:
                look_in_german(page, path, found)
    assert not found, "\n".join(found)
