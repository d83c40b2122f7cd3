"""`serve`: the HTTP API and the web app."""

import ipaddress
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cli.options import Run, command
from retrieval.errors import AddressInUse, QueueUnavailable, SettingInvalid

if TYPE_CHECKING:
    from fastapi import FastAPI

    from retrieval.protocols import JobQueue


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(serve)


def serve(
    run: Run,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="0.0.0.0 for all; needs a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8000,
    workers: Annotated[
        int,
        typer.Option("--workers", min=0, max=256, help="Workers of bulk work to start beside it."),
    ] = 0,
) -> None:
    """Serve the HTTP API and the web app until it is interrupted."""
    import uvicorn

    from retrieval.api.connections import connection_of
    from retrieval.building import open_catalogue

    loopback = is_loopback(host)
    with open_catalogue(run.settings) as catalogue:
        keyed = catalogue.api_keys.any_made()
    if not keyed and not loopback:
        raise SettingInvalid(
            f"No key was made yet, so that everybody who reaches {host} could do everything. Make"
            " one with `rollcall keys create NAME --role admin`, or serve on 127.0.0.1."
        )
    who = "asks for a key" if keyed else "no keys: anybody on this machine may do everything"
    if not run.quiet:
        logging.getLogger("retrieval.api").setLevel(logging.INFO)
    with _listening(host, port) as listener, queue_of(run) as queue, _workers(run, workers):
        config = uvicorn.Config(
            make_app(run, loopback=loopback, queue=queue),
            http=connection_of(run.settings),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        address = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        run.remark(f"Rollcall on {address} ({who}); Ctrl-C ends it")
        signal.signal(signal.SIGTERM, _leave)
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the address before anybody is told of it.

    Raises:
        AddressInUse: another program has it, or it is none of this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise AddressInUse(
            f"The service cannot listen on {host}, port {port}: {error.strerror or error}. End the"
            " program that has it, or choose another --port."
        ) from error
    with listener:
        yield listener


@contextmanager
def _workers(run: Run, count: int) -> Iterator[None]:
    """Workers of bulk work for as long as the service lasts.

    Raises:
        QueueUnavailable: no Redis answers, or none can be started.
    """
    if not count:
        yield
        return
    from cli.worker import plan_of
    from worker.redis_server import redis_of
    from worker.supervisor import workers

    with redis_of(run.settings) as place, workers(plan_of(run, place), count, revive=place.revive):
        yield


def _leave(signum: int, frame: object) -> NoReturn:
    """End as after any command: uvicorn, once it is shut down, has SIGTERM do what it did before.

    To die of the signal would leave the queue's embedded server without a user.
    """
    raise SystemExit(0)


@contextmanager
def queue_of(run: Run) -> "Iterator[JobQueue | None]":
    """The queue for runs; None, and a remark, where no Redis can be had."""
    from worker.jobs import RqJobQueue
    from worker.redis_server import connect, redis_of

    with ExitStack() as opened:
        try:
            place = opened.enter_context(redis_of(run.settings))
            connection = opened.enter_context(connect(place.url))
        except QueueUnavailable as error:
            run.remark(f"no runs: {error}")
            yield None
            return
        yield RqJobQueue(connection, run.settings.queue)


def make_app(run: Run, *, loopback: bool, queue: "JobQueue | None") -> "FastAPI":
    """The application over this run's settings."""
    from retrieval.api.app import create_app
    from retrieval.building import build_service, open_catalogue

    settings = run.settings
    return create_app(
        settings,
        open_catalogue(settings),
        lambda name: build_service(
            settings.model_copy(update={"collection": name}), remark=run.remark, lasting=True
        ),
        loopback=loopback,
        queue=queue,
    )


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
