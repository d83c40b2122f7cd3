"""The log file where it can be written no more: whoever logs goes on."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.files.logs import log_to

_LOGGER = logging.getLogger("tests.logs")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("rollcall.command").handlers.clear()


def test_a_log_file_whose_folder_is_gone_stops_nobody_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    log_to(folder / "rollcall.log")
    (folder / "rollcall.log").unlink()
    folder.rmdir()
    for number in range(3):
        _LOGGER.warning("warning %d", number)
    told = capsys.readouterr().err
    assert told.count("cannot be written") == 1
    assert "warning 2" in told
    assert "Traceback" not in told
    folder.mkdir()
    _LOGGER.warning("again")
    assert (folder / "rollcall.log").read_text().endswith("again\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_to(Path("/dev/full"))
    _LOGGER.warning("one")
    _LOGGER.warning("two")
    told = capsys.readouterr().err
    assert told.count("The log file /dev/full cannot be written: No space left on device.") == 1
    assert "Traceback" not in told


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_name_that_is_no_utf_8_is_logged(tmp_path: Path, form: str) -> None:
    log_to(tmp_path / "log", form)  # type: ignore[arg-type]
    _LOGGER.warning("of %s", "caf\udce9.jpg")
    assert "caf\\udce9.jpg" in (tmp_path / "log").read_text()
