"""docs/http-api.md: an example for each operation, and each example works as it stands."""

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.conftest import painted_app, served
from tests.api.painted import (
    BLUE,
    GREEN,
    PINK,
    RED,
    enrol_crowd,
    paint,
    painted_service,
)
from tests.api.test_runs import PatientQueue
from tests.made_videos import squares, write_video
from worker.tasks import RunTasks

PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^### (\w+ /\S+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)


class WorkingQueue(PatientQueue):
    """Does its jobs when it is asked what is pending: a worker that needs no process."""

    tasks: RunTasks

    def enqueue(self, kind: str, payloads: object, run_id: str) -> list[str]:
        ids = super().enqueue(kind, payloads, run_id)  # type: ignore[arg-type]
        for job in self.jobs:
            self.tasks.run(job[0], job[1])
        self.jobs = []
        return ids


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    settings = Settings(
        home=tmp_path / "home",
        keep_photos=True,
        unknown_days=1,
        webhook_secret=SecretStr("a secret for examples"),
    )
    queue = WorkingQueue()
    queue.tasks = RunTasks(settings, queue, lambda own: painted_service(own, own.collection))
    return painted_app(settings, queue)


def test_every_operation_has_an_example(app: FastAPI) -> None:
    documented = {name for name, _ in EXAMPLE.findall(PAGE)}
    offered = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    assert documented == offered
    assert all(BLOCK.search(text) for _, text in EXAMPLE.findall(PAGE))


def test_every_example_works_as_it_stands(app: FastAPI, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in (1, 2, 3):
        (photos / f"ada-{number}.jpg").write_bytes(paint(RED, seed=number))
    (photos / "emmy.jpg").write_bytes(paint(PINK, seed=4))
    (photos / "party.jpg").write_bytes(paint(RED, GREEN, seed=9))
    (photos / "visitor.jpg").write_bytes(paint(BLUE, seed=3))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("Boole/1.jpg", paint(BLUE))
        archive.writestr("Nobody/1.jpg", paint())
    frames = [squares((RED, 20 + n, 20)) for n in range(10)]
    write_video(photos / "door.mp4", frames, fps=10)
    (photos / "people.zip").write_bytes(packed.getvalue())
    _, key = app.state.context.catalogue.api_keys.create("admin", Role.ADMIN)
    environment = {"PATH": "/usr/bin:/bin", "KEY": key}
    before, after = PAGE.split("\n## Quality\n")
    with served(app) as port:
        environment["ROLLCALL"] = f"http://127.0.0.1:{port}"
        told = run_examples(before, photos, environment)
        enrol_crowd(app.state.context.settings, "crowd")
        run_examples(after, photos, environment)
    assert '"person":"Ada King"' in told
    assert '"reason":"no-face"' in told
    assert (photos / "face.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert b'"fnir"' in (photos / "calibrated.json").read_bytes()


def run_examples(page: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a part of the page as one script; return what it printed."""
    blocks = [block for _, text in EXAMPLE.findall(page) for block in BLOCK.findall(text)]
    script = "\n".join(["set -euo pipefail", *blocks])
    done = subprocess.run(
        ["bash", "-c", script.replace("curl -sS", "curl -sS --fail-with-body")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout
