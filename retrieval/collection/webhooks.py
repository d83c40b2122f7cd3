"""Telling another program that a run has ended, or that this is a test: a signed POST of JSON.

The receiver checks `X-Rollcall-Signature: t=<seconds>,v1=<hex>`: HMAC-SHA256, under the shared
secret, of the seconds, a full stop and the body. Old seconds mean a replay. A receiver may be told
twice; the run's id tells it so.

Receivers mostly stand in the same house, so addresses of the inner network and of this machine are
allowed. Refused are link-local ones, where clouds hand a machine its credentials, and multicast.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from retrieval.errors import InputError, QueueError, SettingInvalid

logger = logging.getLogger(__name__)

_TIMEOUT_S = 10.0  # for all of it, however slowly a receiver answers
_TRANSIENT = {408, 425, 429}


def check_webhook(url: str, secret: str | None) -> None:
    """Check what a run would need to call a webhook, before it begins.

    Raises:
        SettingInvalid: not http or https, no host, a link-local address, a password, or no secret
            to sign with.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # no port, or half an IPv6 address
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise SettingInvalid(f"A webhook needs an http:// or https:// URL; found {url!a}.")
    if "@" in parts.netloc:
        raise SettingInvalid(
            "The webhook's URL holds a user or a password, which would be shown and stored. Leave"
            " them out: the receiver knows the message by its signature."
        )
    with suppress(ValueError):  # a name; where that leads is seen when it is called
        _check_address(str(parts.hostname), str(parts.hostname))
    if not secret:
        raise SettingInvalid(
            "A webhook is signed: set ROLLCALL_WEBHOOK_SECRET for the workers and for whoever asks"
            " for it, and give it to the receiver."
        )


def _check_address(host: str, address: str) -> None:
    found = ip_address(address.partition("%")[0])  # a zone
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    if found.is_link_local or found.is_multicast or found.is_unspecified:
        raise SettingInvalid(
            f"A webhook may not go to {host}: it is at {found}, where no receiver of messages is."
            " Give its address in your network."
        )


def signature(body: bytes, secret: str, seconds: int) -> str:
    """The header that proves who sent the body, and when."""
    digest = hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def send(url: str, document: Mapping[str, Any], secret: str | None) -> None:
    """Post a document.

    Raises:
        QueueError: the receiver cannot be reached or is in trouble; worth a retry.
        InputError: it does not want the message.
        SettingInvalid: see `check_webhook`.
    """
    from httpx import InvalidURL, RequestError  # 0.1 s, of those alone who tell somebody

    check_webhook(url, secret)
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "rollcall",
        "X-Rollcall-Signature": signature(body, secret or "", int(time.time())),
    }
    host = urlsplit(url).hostname
    try:
        code = asyncio.run(_posted(url, body, headers))
    except TimeoutError as exc:
        raise QueueError(f"The webhook at {host} does not answer in {_TIMEOUT_S:g} s.") from exc
    except (RequestError, InvalidURL, UnicodeError) as exc:  # UnicodeError: no name of a host
        logger.warning("The webhook at %s cannot be reached: %s", host, exc)
        raise QueueError(
            f"The webhook at {host} cannot be reached. Check its address; the log says more."
        ) from exc
    if code >= 500 or code in _TRANSIENT:
        raise QueueError(f"The webhook at {host} answers {code}.")
    if code >= 300:
        raise InputError(
            f"The webhook at {host} refuses the message with {code}. Check its URL and secret."
        )


async def _posted(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status that a receiver answers; what else it says is not read.

    No redirects, and no proxy of the environment: the message goes where it was sent.
    """
    import httpx

    parts = urlsplit(url)
    async with asyncio.timeout(_TIMEOUT_S):
        try:
            asked = asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port)
            found = [str(address[0]) for *_, address in await asked]
        except OSError as exc:
            raise httpx.ConnectError(str(exc)) from exc
    for address in found:
        _check_address(str(parts.hostname), address)
    async with (
        asyncio.timeout(_TIMEOUT_S),
        httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        return answer.status_code
