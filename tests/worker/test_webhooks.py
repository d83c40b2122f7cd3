"""A run's end is told once it has come: signed, retried, and only over http and https."""

import hashlib
import hmac
import json
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from retrieval.building import open_catalogue
from retrieval.collection.bulk import Bulk
from retrieval.collection.webhooks import check_webhook, send, signature
from retrieval.errors import InputError, QueueError, SettingInvalid
from tests.worker.small_models import listed, write_photos
from tests.worker.waiting import follow, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan

SECRET = "a secret for tests"


@dataclass
class Receiver:
    """A program that is told of runs.

    Attributes:
        url: where it listens.
        answers: the status codes that it gives, one after the other; 200 when they are used up.
        told: (headers, body) of each message.
    """

    url: str = ""
    answers: list[int] = field(default_factory=list)
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    record = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            record.told.append((dict(self.headers), body))
            self.send_response(record.answers.pop(0) if record.answers else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        record.url = f"http://127.0.0.1:{server.server_port}/told"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield record
        server.shutdown()
        thread.join()


def test_the_end_of_a_run_is_told_signed_and_again_after_a_failure(
    plan: WorkerPlan, queue: RqJobQueue, receiver: Receiver, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=2, photos=3)
    receiver.answers = [503]
    settings = plan.settings.model_copy(update={"webhook_secret": SECRET})
    settings = type(settings).model_validate({**settings.model_dump(), "webhook_secret": SECRET})
    plan = replace(plan, settings=settings, tasks="tests.worker.small_models:build_tasks")
    with open_catalogue(settings) as catalogue, workers(plan, 1, beat_s=0.3):
        bulk = Bulk(catalogue.runs, queue)
        run = bulk.begin("enrol", "default", "photos", {"webhook": receiver.url})
        for _ in bulk.fill(run, listed(tmp_path / "photos")):
            pass
        assert follow(bulk, run).enrolled == photos
        while queue.pending(run.id):
            pass
    assert len(receiver.told) == 2
    for headers, body in receiver.told:
        document = json.loads(body)
        assert (document["run"], document["state"]) == (run.id, "finished")
        assert document["counts"]["enrolled"] == photos
        seconds, digest = headers["X-Rollcall-Signature"].removeprefix("t=").split(",v1=")
        signed = f"{seconds}.".encode() + body
        assert digest == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


def test_a_signature_covers_body_and_time() -> None:
    one = signature(b"body", SECRET, 1)
    assert one.startswith("t=1,v1=")
    others = {
        signature(b"another", SECRET, 1),
        signature(b"body", "another", 1),
        signature(b"body", SECRET, 2),
    }
    assert len(others | {one}) == 4


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/", "http://", "host", ""])
def test_only_http_and_https_are_webhooks(url: str) -> None:
    with pytest.raises(SettingInvalid, match="http"):
        check_webhook(url, SECRET)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::ffff:169.254.1.1]", "[ff02::1]", "0.0.0.0"]
)
def test_a_webhook_goes_to_no_link_local_address(host: str) -> None:
    with pytest.raises(SettingInvalid, match="may not go to"):
        check_webhook(f"http://{host}/hook", SECRET)


def test_a_name_that_leads_to_a_link_local_address_is_not_told() -> None:
    check_webhook(
        "http://2852039166/", SECRET
    )  # what resolves it knows that this is 169.254.169.254
    with pytest.raises(SettingInvalid, match=r"2852039166: it is at 169\.254\.169\.254"):
        send("http://2852039166/", {}, SECRET)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[fd00::1]", "hooks.example.org"])
def test_receivers_of_the_inner_network_may_be_told(host: str) -> None:
    check_webhook(f"http://{host}/hook", SECRET)


def test_a_webhook_without_a_secret_is_refused_before_the_run() -> None:
    with pytest.raises(SettingInvalid, match="ROLLCALL_WEBHOOK_SECRET"):
        check_webhook("https://example.org/hook", None)


def test_trouble_of_the_receiver_is_worth_a_retry_and_its_refusal_is_not(
    receiver: Receiver,
) -> None:
    receiver.answers = [500, 429, 403]
    for _ in range(2):
        with pytest.raises(QueueError):
            send(receiver.url, {}, SECRET)
    with pytest.raises(InputError, match="403"):
        send(receiver.url, {}, SECRET)
    with pytest.raises(QueueError, match="cannot be reached"):
        send("http://127.0.0.1:9/", {}, SECRET)


def test_a_message_does_not_follow_redirects(receiver: Receiver) -> None:
    receiver.answers = [302]
    with pytest.raises(InputError, match="302"):
        send(receiver.url, {}, SECRET)
    assert len(receiver.told) == 1


def test_a_receiver_that_never_comes_to_an_end_holds_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retrieval.collection.webhooks._TIMEOUT_S", 0.5)
    stopped, heads = threading.Event(), [b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]

    def drip(listening: socket.socket) -> None:
        for head in heads:
            with listening.accept()[0] as connection, suppress(OSError):
                connection.sendall(head)
                while not stopped.wait(0.05):
                    connection.sendall(b"x")
                    if not _is_open(connection):
                        break

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=[listening])
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        try:
            with pytest.raises(QueueError, match=r"does not answer in 0\.5 s"):
                send(url, {}, SECRET)
            send(url, {}, SECRET)  # its status is all that is read
        finally:
            stopped.set()
            thread.join()


def _is_open(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return not readable or bool(connection.recv(1 << 16))


@pytest.mark.parametrize("host", ["a..b", "a" * 70 + ".example"])
def test_a_host_that_has_no_name_cannot_be_reached(host: str) -> None:
    with pytest.raises(QueueError, match="cannot be reached"):
        send(f"http://{host}/", {}, SECRET)
