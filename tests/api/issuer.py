"""A small issuer of OpenID Connect on loopback: it vouches for whomever a test names."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "rollcall", "the client's secret"


class Issuer:
    """What it says of whoever logs in.

    Attributes:
        claims: about the person; a test changes them.
        forged: whether its tokens are signed with another key than it shows.
        codes: that it gave out, with the nonce and the challenge of each.
        address: where it listens.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.forged = False
        self.codes: dict[str, tuple[str, str]] = {}
        self.address = ""
        self._key, self._other = (
            RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
            for _ in range(2)
        )

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
        }

    def keys(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where it sends the browser, with a code."""
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked["nonce"], asked["code_challenge"]
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """A token for a code; None where the code or the verifier is wrong."""
        nonce, challenge = self.codes.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        verified = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        client = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if not verified or client != f"{CLIENT}:{SECRET}":
            return None
        claims = {"iss": self.address, "aud": CLIENT, "exp": int(time.time()) + 60, "nonce": nonce}
        key = self._other if self.forged else self._key
        id_token = jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, **self.claims}, key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": id_token}


@contextmanager
def listening() -> Iterator[Issuer]:
    """An issuer that listens."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(url.query).items()}
                self.send_response(302)
                self.send_header("Location", issuer.authorize(asked))
                self.end_headers()
                return
            self._answer(issuer.keys() if url.path == "/keys" else issuer.discovery())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            found = issuer.token(form, self.headers.get("Authorization", ""))
            if found is None:
                self._answer({"error": "invalid_grant"}, 400)
            else:
                self._answer(found)

        def _answer(self, document: Any, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
