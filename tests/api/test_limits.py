"""Bad input over HTTP: refused with the right status, while others are answered."""

import asyncio
import io
import json
import threading
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from retrieval.api.context import Context
from retrieval.api.limits import Limits
from retrieval.settings import Settings
from tests.api.conftest import served
from tests.api.painted import RED, paint


def refusal(port: int, head: str, body: Iterator[bytes]) -> bytes:
    """Send a request piece by piece until it is answered; return the answer's first line."""

    async def send() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode())
        answer = asyncio.create_task(reader.readline())
        try:
            for piece in body:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
                if answer.done():
                    break
        except ConnectionError:
            pass
        line = await answer
        writer.close()
        return line

    return asyncio.run(send())


def test_a_body_that_announces_too_much_is_refused_unread(app: FastAPI) -> None:
    with served(app) as port:
        head = "POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2000000000\r\n\r\n"
        assert b" 413 " in refusal(port, head, iter(()))


def test_a_body_that_does_not_announce_its_size_is_refused_when_it_is_too_large(
    app: FastAPI,
) -> None:
    head = (
        "POST /v1/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    start = b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n\r\n'
    pieces = (b"%x\r\n%s\r\n" % (len(p), p) for p in [start, *[b"0" * 100_000] * 40])
    with served(app) as port:
        assert b" 413 " in refusal(port, head, pieces)


def test_a_slow_client_is_refused_and_others_are_answered_meanwhile(app: FastAPI) -> None:
    head = (
        "POST /v1/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with served(app) as port:
        slow = threading.Thread(target=lambda: lines.append(refusal(port, head, iter([b"-"]))))
        lines: list[bytes] = []
        slow.start()
        other = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        assert b" 200 " in refusal(port, other, iter(()))
        slow.join()
    assert b" 408 " in lines[0]


def test_a_body_that_arrives_steadily_may_take_longer_than_one_that_stands_still() -> None:
    def taken(first: int) -> int:
        """Send so many bytes, and after twice the limit the last one; the status."""

        async def send() -> int:
            pieces = [bytes(first), b"-"]
            status = []

            async def receive() -> Message:
                if len(pieces) == 1:
                    await asyncio.sleep(0.2)
                return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

            async def answer(message: Message) -> None:
                status.append(message.get("status"))

            async def read(scope: Scope, receive: Receive, send: Send) -> None:
                try:
                    while (await receive())["more_body"]:
                        pass
                    await Response()(scope, receive, send)
                except HTTPException as error:
                    await Response(status_code=error.status_code)(scope, receive, send)

            scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data")]}
            await Limits(read, 10**9, 1, 1, timeout_s=0.1)(scope, receive, answer)
            return int(status[0])

        return asyncio.run(send())

    assert taken(first=1) == 408
    assert taken(first=1_000_000) == 200, "40 s more"


def test_a_photo_bomb_is_refused_before_it_is_decoded(
    client: TestClient, people: dict[str, int], settings: Settings
) -> None:
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")  # 400 million pixels in 50 kB
    assert len(bomb.getvalue()) < 100_000
    answer = client.post("/v1/identify", files={"photos": ("bomb.png", bomb.getvalue())})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_too_many_photos_are_refused(client: TestClient, people: dict[str, int]) -> None:
    files = [("photos", (f"{number}.png", b"x")) for number in range(33)]
    assert client.post("/v1/identify", files=files).status_code == 413


def test_many_malformed_photos_are_refused_one_by_one_and_the_service_goes_on(
    client: TestClient, people: dict[str, int]
) -> None:
    good = paint(RED, seed=9)
    for number in range(40):
        bad = [
            ("photos", (f"{row}.png", good[: 10 + number * 25 + row] + bytes([row]) * 20))
            for row in range(8)
        ]
        answer = client.post("/v1/identify", files=bad)
        assert answer.status_code in (200, 422), answer.text
    answer = client.post("/v1/identify", files={"photos": ("good.png", good)})
    assert answer.json()["photos"][0]["faces"][0]["person"] == "Rosa"


def test_a_full_service_answers_503_with_retry_after_at_once(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    context.pool.desk.take(context.pool.desk.places)
    busy = client.post("/v1/identify", files={"photos": ("a.png", paint(RED))})
    assert (busy.status_code, busy.json()["code"]) == (503, "busy")
    assert int(busy.headers["retry-after"]) >= 1
    assert client.get("/v1/people").status_code == 200
    context.pool.desk.give_back(context.pool.desk.places)
    assert client.post("/v1/identify", files={"photos": ("a.png", paint(RED))}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/identify", 405),
        ("POST", "/v1/identify", 415),
        ("POST", "/v1/verify", 422),
        ("GET", "/v1/people/none", 422),
        ("GET", "/v1/people?limit=0", 422),
        ("GET", "/v1/people/77", 404),
        ("GET", "/v1/runs/77", 404),
        ("POST", "/v1/undo", 422),
    ],
)
def test_every_refusal_is_a_problem_document(
    client: TestClient, people: dict[str, int], method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:rollcall:problem:{problem['code']}"
    assert problem["detail"]


def test_every_answer_forbids_scripts_of_others_and_sniffing(client: TestClient) -> None:
    for path in ("/", "/v1/nothing", "/static/app.css", "/healthz"):
        headers = client.get(path, headers={"Accept": "text/html"}).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_body_that_is_no_form_has_one_megabyte(
    client: TestClient, people: dict[str, int], settings: Settings
) -> None:
    path = f"/v1/people/{people['Rosa']}"
    large = b'{"person": "' + b"x" * settings.max_json_bytes + b'"}'
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        refused = client.patch(path, content=large, headers={"Content-Type": kind})
        assert (refused.status_code, refused.json()["code"]) == (413, "body-too-large")
    pieces = iter([large[:600_000], large[600_000:]])  # does not announce its size
    refused = client.patch(path, content=pieces, headers={"Content-Type": "application/json"})
    assert refused.status_code == 413
    assert client.patch(path, json={"person": "Rosa Luxemburg"}).status_code == 200


@pytest.mark.parametrize(
    "body", [b"[" * 500_000, b'{"person": ' + b"9" * 500_000 + b"}", b'{"person": "\xff"}', b""]
)
def test_odd_json_is_the_callers_mistake(
    client: TestClient, people: dict[str, int], body: bytes
) -> None:
    path = f"/v1/people/{people['Rosa']}"
    answer = client.patch(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


def test_json_is_parsed_off_the_event_loop(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop_threads, parsing = set(), set()
    loads = json.loads

    def seen(*args: object, **more: object) -> object:
        parsing.add(threading.get_ident())
        return loads(*args, **more)  # type: ignore[arg-type]

    async def where() -> None:
        loop_threads.add(threading.get_ident())

    assert client.portal is not None
    client.portal.call(where)
    monkeypatch.setattr("retrieval.api.routing.json.loads", seen)
    assert client.post("/v1/keys", json={"name": "a", "role": "viewer"}).status_code == 201
    assert parsing
    assert not parsing & loop_threads


def test_what_is_uploaded_is_admitted_before_it_is_read(
    app: FastAPI, context: Context, settings: Settings
) -> None:
    """A request that finds no room is answered though nothing of its body was sent."""
    head = (
        "POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1900000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with served(app) as port, context.bodies.admitted("another", settings.max_uploading_bytes):
        assert b" 503 " in refusal(port, head, iter(()))
