"""Two people judge an event over HTTP, a worker adds photos, people are deleted: all at once.

Each step of the machine is a storm: requests that are sent at the same moment, each by a client of
its own. Whatever order they were served in, no verdict that was answered may be lost, none that was
undone may stand, and no deleted person's name may come back anywhere.
"""

import io
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from retrieval.api.app import create_app
from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.conftest import served
from tests.api.painted import BLUE, GREEN, PINK, RED, YELLOW, catalogue_of, paint, painted_service
from tests.api.test_docs import WorkingQueue
from worker.tasks import RunTasks

EXAMPLES = int(os.environ.get("ROLLCALL_EVENT_STORMS", "3"))
PEOPLE = {"Rosalind": RED, "Gunther": GREEN, "Blanche": BLUE, "Yorick": YELLOW}
COLOURS = (*PEOPLE.values(), PINK)  # pink is a stranger's
JUDGES = ("eve", "adam")
_WAIT_S = 60

numbers = st.integers(0, 30)
VERDICT = st.tuples(
    st.just("judge"), st.sampled_from(JUDGES), st.sampled_from(["right", "not", "is", "nobody"]),
    numbers, numbers,
)  # fmt: skip
UNDO = st.tuples(st.just("undo"), st.sampled_from(JUDGES))
ADD = st.tuples(st.just("add"), st.lists(st.sampled_from(COLOURS), min_size=1, max_size=2))
DELETE = st.tuples(st.just("delete"), st.integers(0, len(PEOPLE) - 1))
UPDATE = st.tuples(st.sampled_from(["update", "roll"]))
# At least one of each that is at odds with the others, and what chance adds.
STORM = st.tuples(VERDICT, VERDICT, ADD, st.one_of(DELETE, UNDO, UPDATE), st.one_of(VERDICT, ADD))


def built(home: Path) -> FastAPI:
    """The application with a worker that takes its jobs in the thread that queues them."""
    own = Settings(home=home, requests_per_minute=100_000)
    queue = WorkingQueue()
    queue.tasks = RunTasks(own, queue, lambda each: painted_service(each, each.collection))
    return create_app(
        own, catalogue_of(own), lambda name: painted_service(own, name), loopback=True, queue=queue
    )


class Storms(RuleBasedStateMachine):
    """An event at which everybody acts at once."""

    def __init__(self) -> None:
        super().__init__()
        self._held = ExitStack()
        self._said: dict[int, tuple[str, str]] = {}  # act -> judge, verdict
        self._undone: set[int] = set()
        self._deleted: set[str] = set()
        self._photos = 0

    @initialize()
    def begin(self) -> None:
        home = Path(self._held.enter_context(tempfile.TemporaryDirectory()))
        app = built(home)
        made = app.state.context.catalogue.api_keys.create
        keys = {name: made(name, Role.ADMIN)[1] for name in (*JUDGES, "hr", "worker")}
        port = self._held.enter_context(served(app))
        self._clients = {
            name: self._held.enter_context(
                httpx.Client(
                    base_url=f"http://127.0.0.1:{port}/v1",
                    headers={"Authorization": f"Bearer {key}"},
                    timeout=_WAIT_S,
                )
            )
            for name, key in keys.items()
        }
        hr = self._clients["hr"]
        self._ids = {}
        for name, colour in PEOPLE.items():
            photos = [("photos", (f"{n}.png", paint(colour, seed=n))) for n in range(2)]
            answer = hr.post("/people", data={"person": name}, files=photos)
            self._ids[name] = answer.json()["id"]
        event = hr.post("/events", json={"name": "Party", "expects": "everybody"}).json()["id"]
        self._event = f"/events/{event}"
        self._add([RED, GREEN])
        self._add([BLUE, PINK])

    # What somebody does

    def _judge(self, who: str, kind: str, face: int, person: int) -> None:
        faces = self._clients[who].get(f"{self._event}/appearances").json()["faces"]
        verdict: dict[str, Any] = {"verdict": kind, "faces": [faces[face % len(faces)]["id"]]}
        if kind in ("is", "not"):
            verdict["person_id"] = list(self._ids.values())[person % len(self._ids)]
        answer = self._clients[who].post(f"{self._event}/verdicts", json=verdict)
        # 404: face or person were deleted; 422: "right" of a face that is nobody's.
        assert answer.status_code in (200, 404, 422), answer.text
        if answer.status_code == 200 and answer.json()["act"] is not None:
            self._said[answer.json()["act"]] = who, kind

    def _undo(self, who: str) -> None:
        answer = self._clients[who].post(f"{self._event}/verdicts/undo", json={})
        assert answer.status_code in (200, 404, 409), answer.text
        if answer.status_code == 200:
            self._undone.add(answer.json()["undone"])

    def _add(self, colours: list[tuple[int, int, int]]) -> None:
        self._photos += 1
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("photo.png", paint(*colours, seed=100 + self._photos))
        worker = self._clients["worker"]
        files = {"archive": ("photos.zip", packed.getvalue())}
        answer = worker.post(f"{self._event}/archive", files=files)
        assert answer.status_code == 202, answer.text
        deadline = time.monotonic() + _WAIT_S
        run = answer.json()
        while run["state"] == "working" and time.monotonic() < deadline:
            run = worker.get(f"/runs/{run['run']}").json()
        assert (run["state"], run["counts"]["failed"]) == ("finished", 0), run

    def _delete(self, number: int) -> None:
        name = list(PEOPLE)[number]
        answer = self._clients["hr"].delete(f"/people/{self._ids[name]}")
        assert answer.status_code in (200, 202, 404), answer.text
        self._deleted.add(name)

    def _update(self) -> None:
        assert self._clients["hr"].post(f"{self._event}/update").status_code == 200

    def _roll(self) -> None:
        assert self._clients["hr"].get(f"{self._event}/roll").status_code == 200

    @rule(storm=STORM)
    def everybody_acts_at_once(self, storm: tuple[tuple[Any, ...], ...]) -> None:
        gate = Barrier(len(storm))

        def act(what: str, *how: Any) -> None:
            gate.wait(_WAIT_S)
            getattr(self, f"_{what}")(*how)

        with ThreadPoolExecutor(len(storm)) as threads:
            for done in [threads.submit(act, *each) for each in storm]:
                done.result(_WAIT_S)

    # What holds whatever they did

    @invariant()
    def no_verdict_is_lost_and_none_stands_that_was_undone(self) -> None:
        history = self._clients["hr"].get(f"{self._event}/verdicts").json()["verdicts"]
        kept = {each["act"]: each for each in history}
        assert kept.keys() == self._said.keys()
        for act, (judge, kind) in self._said.items():
            assert kept[act]["judge"] == judge
            assert kept[act]["verdict"] in (kind, "right"), "is, of whom it was taken for: right"
            assert (kept[act]["undone_at"] is not None) is (act in self._undone)

    @invariant()
    def no_deleted_name_comes_back(self) -> None:
        for text in self._everything_said():
            assert not any(name in text for name in self._deleted), text

    def _everything_said(self) -> Iterator[str]:
        hr = self._clients["hr"]
        for place in ("roll", "roll?format=csv", "roll?format=html", "appearances", "verdicts",
                      "changes", "photos"):  # fmt: skip
            answer = hr.get(f"{self._event}/{place}")
            assert answer.status_code == 200, (place, answer.text)
            yield answer.text
        for place in ("/people", "/presence"):
            yield hr.get(place).text

    def teardown(self) -> None:
        self._held.close()


TestStorms = Storms.TestCase
TestStorms.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=4,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # what depends on who was faster cannot be shrunk
    suppress_health_check=list(HealthCheck),
)
