"""Tasks for tests of the queue alone: they write down what they did, or misbehave when told to.

A payload's photos are numbers; a few numbers mean trouble.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retrieval.errors import CatalogueUnavailable, ModelMissing
from retrieval.settings import Settings
from worker.jobs import RqJobQueue

POISON = 666  # kills the process
DEFECT = 777  # raises what nobody foresaw
LOCKED = 888  # raises an error that may pass
NO_MODEL = 999  # raises one that will not
SLOW = 555  # takes a second
STUCK = 444  # never ends
LONG = 333  # takes three seconds, and says that it gets on


class Diary:
    """Appends a line per photo to files under the home folder."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def run(self, kind: str, payload: dict[str, Any], gets_on: Callable[[], None]) -> None:
        if kind == "reject":
            self._write("rejected", payload["photos"])
            return
        if POISON in payload["photos"]:
            os.abort()
        if DEFECT in payload["photos"]:
            raise ZeroDivisionError("a defect")
        if LOCKED in payload["photos"]:
            self._write("tried", payload["photos"])
            raise CatalogueUnavailable("locked")
        if NO_MODEL in payload["photos"]:
            raise ModelMissing("not pulled")
        if STUCK in payload["photos"]:
            time.sleep(1000)
        if LONG in payload["photos"]:
            for _ in range(30):
                gets_on()
                time.sleep(0.1)
        if SLOW in payload["photos"]:
            self._write("begun", payload["photos"])
            time.sleep(1.0)
        self._write("done", payload["photos"])

    def give_up(self, payload: dict[str, Any], error: Exception) -> None:
        self._write("failed", payload["photos"])

    def close(self) -> None:
        self._write("closed", [os.getpid()])

    def _write(self, page: str, photos: list[int]) -> None:
        with (self._home / page).open("a") as file:
            file.write("".join(f"{photo}\n" for photo in photos))


def build_tasks(settings: Settings, queue: RqJobQueue) -> Diary:
    return Diary(settings.home)


def build_no_tasks(settings: Settings, queue: RqJobQueue) -> Diary:
    raise ModelMissing("dlib-resnet is not exported yet. Run `rollcall models export`.")


def build_crash(settings: Settings, queue: RqJobQueue) -> Diary:
    os.abort()


def build_killed_nine_times(settings: Settings, queue: RqJobQueue) -> Diary:
    """One start more than may fail in a row is killed, as by somebody outside."""
    killed = len(page(settings, "killed"))
    if killed < 9:
        Diary(settings.home)._write("killed", [killed])
        os.kill(os.getpid(), signal.SIGKILL)
    return Diary(settings.home)


def build_once(settings: Settings, queue: RqJobQueue) -> Diary:
    """The first worker starts, and no other."""
    if page(settings, "started"):
        os.abort()
    Diary(settings.home)._write("started", [1])
    return Diary(settings.home)


def page(settings: Settings, name: str) -> list[int]:
    """The photos on a page of the diary, sorted."""
    path = settings.home / name
    return sorted(map(int, path.read_text().split())) if path.exists() else []
