"""Settings that are more than a word."""

import pytest

from retrieval.errors import SettingInvalid
from retrieval.settings import Settings, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("2G", 2 << 30), ("512M", 512 << 20), ("1.5 GiB", 3 << 29), ("800", 800), ("1kb", 1024)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "2 hours", "0", "1.2.3M"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SettingInvalid, match="2G"):
        parse_bytes(text)


def test_the_budget_for_photos_is_a_size() -> None:
    assert Settings(memory_budget="1.5G").memory_bytes == 3 << 29
    with pytest.raises(SettingInvalid, match="512M"):
        _ = Settings(memory_budget="much").memory_bytes
