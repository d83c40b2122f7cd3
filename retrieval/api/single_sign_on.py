"""Single sign-on: OpenID Connect by the authorization code flow, where an issuer is configured.

Nothing is kept on the server between the two halves of a login: state, nonce and the code verifier
are all derived from one random text in a cookie of the browser that began it.

Source: OpenID Connect Core 1.0, section 3.1; PKCE, RFC 7636.
"""

import hashlib
import logging
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retrieval.errors import KeyRefused, SettingInvalid, StoreError
from retrieval.settings import Settings

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import OAuth2Client

logger = logging.getLogger(__name__)

COOKIE = "rollcall_sign_on"
_TIMEOUT_S = 10.0
_ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]


class IssuerUnavailable(StoreError):
    """The issuer of single sign-on does not answer, or not as OpenID Connect says."""

    code = "issuer-unavailable"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom an issuer vouches for.

    Attributes:
        issuer, subject: who it is; together they never mean somebody else.
        login: a verified e-mail address or, of an issuer that gives none, the preferred name.
    """

    issuer: str
    subject: str
    login: str | None


class SingleSignOn:
    """Logging in by an issuer. Safe to share between threads.

    Args:
        settings: `sso_issuer`, `sso_client_id`, `sso_client_secret`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._found: Mapping[str, Any] | None = None

    @property
    def is_configured(self) -> bool:
        """Whether there is an issuer."""
        return bool(self._settings.sso_issuer and self._settings.sso_client_id)

    def begin(self, back_to: str) -> tuple[str, str]:
        """Where to send a browser, and the text that it must bring back in a cookie.

        Args:
            back_to: the address that the issuer sends the browser back to.

        Raises:
            SettingInvalid: no issuer is configured, or authlib is not installed.
            IssuerUnavailable: it does not answer.
        """
        flow = secrets.token_urlsafe(32)
        with self._client(back_to) as client:
            address, _ = client.create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=_derived(flow, "state"),
                nonce=_derived(flow, "nonce"),
                code_verifier=_derived(flow, "verifier"),
            )
        return str(address), flow

    def finish(self, flow: str, code: str, state: str, back_to: str) -> Identity:
        """Who came back from the issuer.

        Raises:
            KeyRefused: the browser did not begin this login, or the issuer vouches for nobody.
            SettingInvalid, IssuerUnavailable: see `begin`.
        """
        from authlib.common.errors import AuthlibBaseError
        from httpx import HTTPError
        from joserfc.errors import JoseError

        # Without a cookie all that is derived could be guessed, and a foreign login be brought in.
        begun = secrets.compare_digest(state.encode(), _derived(flow, "state").encode())
        if not flow or not begun:
            raise KeyRefused("This login was not begun in this browser. Begin again.")
        try:
            with self._client(back_to) as client:
                token = client.fetch_token(
                    self._endpoint("token_endpoint"),
                    code=code,
                    code_verifier=_derived(flow, "verifier"),
                )
            keys = _fetched(self._endpoint("jwks_uri"))
            claims = self._claims(token["id_token"], keys, _derived(flow, "nonce"))
        except HTTPError as exc:
            logger.warning("Single sign-on does not answer: %s", exc)
            raise IssuerUnavailable(
                "Single sign-on does not answer. Try again in a moment."
            ) from exc
        except (AuthlibBaseError, JoseError, KeyError, ValueError) as exc:
            logger.warning("Single sign-on does not vouch for somebody: %s", exc)
            raise KeyRefused("Single sign-on does not vouch for you. Log in there again.") from exc
        return Identity(claims["iss"], claims["sub"], _login(claims))

    def _claims(self, id_token: str, keys: Any, nonce: str) -> dict[str, Any]:
        """What the issuer says, if it is the issuer who says it, to this client, in this login."""
        from joserfc.jwk import KeySet
        from joserfc.jwt import JWTClaimsRegistry, decode

        claims: dict[str, Any] = decode(
            id_token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS
        ).claims
        JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": self._settings.sso_issuer or ""},
            aud={"essential": True, "value": self._settings.sso_client_id or ""},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
        return claims

    def _endpoint(self, name: str) -> str:
        with self._lock:
            if self._found is None:
                issuer = (self._settings.sso_issuer or "").rstrip("/")
                self._found = _fetched(f"{issuer}/.well-known/openid-configuration")
            found = self._found.get(name)
        if not isinstance(found, str):
            raise IssuerUnavailable(f"The issuer of single sign-on names no {name}.")
        return found

    def _client(self, back_to: str) -> "OAuth2Client":
        try:
            from authlib.integrations.httpx_client import OAuth2Client
        except ImportError as exc:
            raise SettingInvalid(
                "Single sign-on needs the package authlib, which this service was installed without"
                " (the extra `sso` brings it)."
            ) from exc
        if not self.is_configured:
            raise SettingInvalid("Single sign-on is not configured here.")
        secret = self._settings.sso_client_secret
        return OAuth2Client(
            self._settings.sso_client_id,
            secret.get_secret_value() if secret else None,
            scope="openid email profile",
            redirect_uri=back_to,
            code_challenge_method="S256",
            timeout=_TIMEOUT_S,
        )


def _fetched(address: str) -> dict[str, Any]:
    """A JSON document of the issuer.

    Raises:
        IssuerUnavailable: there is none.
    """
    from httpx import HTTPError, get

    try:
        found = get(address, timeout=_TIMEOUT_S).raise_for_status().json()
    except (HTTPError, ValueError) as exc:
        logger.warning("Single sign-on does not answer: %s", exc)
        raise IssuerUnavailable("Single sign-on does not answer. Try again in a moment.") from exc
    if not isinstance(found, dict):
        raise IssuerUnavailable(f"Single sign-on answers {address} with no JSON object.")
    return found


def _login(claims: Mapping[str, Any]) -> str | None:
    email = claims.get("email")
    if isinstance(email, str):
        return email if claims.get("email_verified") is True else None
    name = claims.get("preferred_username")
    return name if isinstance(name, str) else None


def _derived(flow: str, what: str) -> str:
    digest = hashlib.sha256(f"{what}.{flow}".encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
