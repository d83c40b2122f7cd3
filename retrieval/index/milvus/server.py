"""A Milvus server: one connection, bounded waits, and what its errors mean.

A server that restarts answers again after seconds, so a question waits `PATIENCE_S` for it before
it fails. pymilvus keeps a lost connection in a state that never heals, so a connection that failed
is thrown away and the next question opens another.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import grpc
from pymilvus import MilvusClient, MilvusException

from retrieval.errors import IndexFailed, IndexHeld, RollcallError, SettingInvalid

for _library in ("pymilvus", "milvus_lite"):  # their errors are raised as ours
    logging.getLogger(_library).setLevel(logging.CRITICAL)

CALL_S = 15.0  # seconds of one call
PATIENCE_S = 20.0  # seconds for which a server that does not answer is asked again
_CONNECT_S = 5.0
_PAUSE_S = 0.2
# gRPC shares connections, and the pauses after failed ones, between all channels of a process.
_OPTIONS = {"grpc.use_local_subchannel_pool": 1}

# Milvus, pkg/merr: what the numbers mean; 1 is also what pymilvus says of a closed connection.
_NOT_FOUND = 100
_NOT_LOADED = 101
_PASSING = {1, 2, 3, 7, 8, 102, 103, 500, 503, 901, 902}
_REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


class CollectionLost(Exception):
    """The server does not have a collection that should be there; this package makes it anew."""


class MilvusServer:
    """A server, by its URL. Safe to share between threads; opened when first asked.

    Attributes:
        label: where it is: host and port, or a path; nothing secret.
        connections: how often it was opened; behind another one, another state may be.
    """

    def __init__(self, url: str, *, patience_s: float | None = None) -> None:
        """Prepare to connect.

        Args:
            url: http://user:password@host:port/database, https://, unix:/socket, or a path that
                ends in .db for Milvus Lite, in this process.
            patience_s: how long a server that does not answer is asked again; None for the usual.

        Raises:
            SettingInvalid: the URL's parts cannot be told apart.
        """
        self.label = _label(url)
        self.connections = 0
        self._url = url
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._client: MilvusClient | None = None
        self._connecting = threading.Lock()

    def close(self) -> None:
        """Let go of the connection; the next question opens another."""
        with self._connecting:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def version(self) -> str:
        """The server's version."""
        return str(self.ask("get_server_version"))

    def ask(self, method: str, /, *arguments: Any, **named: Any) -> Any:
        """Call a method of MilvusClient, again while the server does not answer.

        Only calls that may be repeated go through here.

        Raises:
            CollectionLost: there is no such collection.
            SettingInvalid: no such URL, or name and password are refused.
            IndexFailed: no answer in time, or the server failed.
        """
        deadline = time.monotonic() + self._patience_s
        named = {"timeout": CALL_S, **named}
        while True:
            try:
                return getattr(self._connected(), method)(*arguments, **named)
            except (MilvusException, grpc.RpcError) as error:
                again = self._recover(error, arguments)
                if not again or time.monotonic() > deadline:
                    raise self._meaning(error) from error
            time.sleep(_PAUSE_S)

    def _connected(self) -> MilvusClient:
        with self._connecting:
            if self._client is None:
                self._client = MilvusClient(
                    uri=self._url, timeout=_CONNECT_S, dedicated=True, grpc_options=_OPTIONS
                )
                self.connections += 1
            return self._client

    def _recover(self, error: Exception, arguments: tuple[Any, ...]) -> bool:
        """Do what may help; whether to ask again."""
        code = getattr(error, "code", None)
        if code == _NOT_LOADED:
            self._load(arguments[0])
            return True
        if code == _NOT_FOUND or _refused(error) or _is_bad_url(error):
            return False
        if isinstance(error, MilvusException) and code not in _PASSING:
            return False
        self.close()
        return True

    def _load(self, name: str) -> None:
        """Have the server hold a collection in memory, as after a restart it does by and by."""
        with suppress(MilvusException, grpc.RpcError):  # what is asked next says whether it does
            self._connected().load_collection(name, timeout=_CONNECT_S)

    def _meaning(self, error: Exception) -> RollcallError | CollectionLost:
        if getattr(error, "code", None) == _NOT_FOUND:
            return CollectionLost(str(error))
        if _is_held(error):
            return IndexHeld(
                f"Milvus Lite cannot open {self.label}: another process has it open, since one at a"
                " time can. End the other one, or set ROLLCALL_INDEX_URL to a Milvus server, which"
                " many share."
            )
        if _is_bad_url(error):
            return SettingInvalid(
                f"ROLLCALL_INDEX_URL {self.label!r} names no Milvus. It looks like"
                " http://user:password@host:19530, or is a path that ends in .db."
            )
        if _refused(error):
            return SettingInvalid(
                f"Milvus at {self.label} refuses the name or the password. Give them in"
                " ROLLCALL_INDEX_URL: http://user:password@host:19530."
            )
        if isinstance(error, MilvusException) and error.code not in _PASSING:
            return IndexFailed(f"Milvus at {self.label} failed: {_words(error)}.")
        return IndexFailed(
            f"Milvus at {self.label} does not answer: {_words(error)}. Check that the server runs"
            " and can be reached, then try again; the catalogue has lost nothing."
        )


def _refused(error: Exception) -> bool:
    cause = error if isinstance(error, grpc.RpcError) else error.__cause__
    code: Callable[[], Any] | None = getattr(cause, "code", None)
    return callable(code) and code() in _REFUSED


def _is_held(error: Exception) -> bool:
    """Milvus Lite could not open its file; pymilvus keeps to itself that another process holds it.

    A path that cannot be a file of Milvus Lite fails before, with other words.
    """
    return "Open local milvus failed" in str(error)


def _is_bad_url(error: Exception) -> bool:
    return type(error).__name__ == "ConnectionConfigException"


def _words(error: Exception) -> str:
    details: Callable[[], Any] | None = getattr(error, "details", None)
    told = details() if callable(details) else getattr(error, "message", "")
    text = str(told or error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__


def _label(url: str) -> str:
    """Where a URL leads: its host and port, or its path, and nothing that may be secret."""
    if "://" not in url and ("@" not in url or url.endswith(".db")):
        return url
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or "@" in parts.path + parts.query + parts.fragment:
        raise SettingInvalid(
            "ROLLCALL_INDEX_URL names no Milvus. It looks like http://user:password@host:19530;"
            " in the name and the password write %2F for /, %3F for ?, %23 for # and %40 for @."
        )
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
