"""Issuers of ID tokens, as they describe themselves: OpenID Connect Discovery 1.0 §4 and a JWK set (RFC 7517).

What an issuer says is fresh for ten minutes. Of one that cannot be reached, what it said last is believed for six
hours; then nothing is. A key id that is not known makes us ask again, at most once a minute for each issuer and
process: a forged token must not be a way to make this server send requests.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings

from authsignal_portal import origins, outbound

FRESH_SECONDS: Final = 10 * 60
STALE_SECONDS: Final = 6 * 3600
SECONDS_BETWEEN_LOOKS: Final = 60
# One that does not answer is left alone for so long, or each request would wait for it.
SECONDS_AFTER_FAILURE: Final = 15
MOST_ISSUERS: Final = 256
MOST_KEYS: Final = 64
MOST_KEY_ID: Final = 256
FEWEST_RSA_BITS: Final = 2048
WELL_KNOWN: Final = "/.well-known/openid-configuration"


class IssuerUnavailable(Exception):
    """`reason`: our words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and the one algorithm that it is used with: its own kind decides that, never a token."""

    algorithm: str
    public: RSAPublicKey | EllipticCurvePublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issuer:
    """What an issuer says of itself. `keys` by key id."""

    name: str
    authorization_endpoint: str
    token_endpoint: str
    # Whether a client secret goes into the body; else into the header (client_secret_basic).
    secret_in_body: bool
    # Whether each of its answers to a browser carries its name as `iss` (RFC 9207 §3).
    names_itself: bool
    keys: Mapping[str, Key] = field(repr=False)
    # Whether it takes `prompt=login`, and may tell `auth_time`. One that does not list what it knows might do either.
    prompts_login: bool = True
    tells_when: bool = True


@dataclass(slots=True)
class _Known:
    issuer: Issuer | None
    fetched_at: float
    # When it was asked last and that was over, whatever came of it.
    asked_at: float
    failure: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Directory:
    """The issuers that this process has asked. One thread asks an issuer; others wait only if nothing is known yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, name: str, *, key_id: str = "") -> Issuer:
        """The issuer; asked again where it is not fresh, or has no key of that id. Raises IssuerUnavailable."""
        known = self._entry(name)
        if known.lock.acquire(blocking=known.issuer is None):
            try:
                if _is_due(known, self.clock(), key_id):
                    self._ask(name, known)
            finally:
                known.lock.release()
        if known.issuer is None or self.clock() - known.fetched_at >= STALE_SECONDS:
            raise IssuerUnavailable(known.failure)
        return known.issuer

    def forget(self) -> None:
        with self._lock:
            self._known.clear()

    def _entry(self, name: str) -> _Known:
        with self._lock:
            known = self._known.setdefault(name, _Known(None, 0.0, float("-inf")))
            self._known.move_to_end(name)
            while len(self._known) > MOST_ISSUERS:
                self._known.popitem(last=False)
            return known

    def _ask(self, name: str, known: _Known) -> None:
        try:
            issuer = fetch(name)
        except IssuerUnavailable as error:
            known.failure = error.reason
        else:
            known.issuer, known.fetched_at, known.failure = issuer, self.clock(), ""
        finally:
            # After it: who waited for a slow one would find it due again.
            known.asked_at = self.clock()


def _is_due(known: _Known, now: float, key_id: str) -> bool:
    since = now - known.asked_at
    if known.issuer is None or known.failure or now - known.fetched_at >= FRESH_SECONDS:
        return since >= SECONDS_AFTER_FAILURE
    return bool(key_id) and key_id not in known.issuer.keys and since >= SECONDS_BETWEEN_LOOKS


DIRECTORY = Directory()


def fetch(name: str) -> Issuer:
    """Ask an issuer for its description and keys. Raises IssuerUnavailable."""
    described = _json(name.rstrip("/") + WELL_KNOWN)
    if described.get("issuer") != name:
        raise IssuerUnavailable("the issuer calls itself something else")
    authorization, token, jwks = (
        _address(described, kind) for kind in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    )
    methods = described.get("token_endpoint_auth_methods_supported")
    in_body = isinstance(methods, list) and "client_secret_basic" not in methods
    names_itself = described.get("authorization_response_iss_parameter_supported") is True
    return Issuer(
        name,
        authorization,
        token,
        in_body,
        names_itself,
        read_keys(_json(jwks)),
        prompts_login=_may_know(described, "prompt_values_supported", "login"),
        tells_when=_may_know(described, "claims_supported", "auth_time"),
    )


def _may_know(described: Mapping[str, Any], listed_as: str, wanted: str) -> bool:
    listed = described.get(listed_as)
    return not isinstance(listed, list) or wanted in listed


def read_keys(jwks: Mapping[str, Any]) -> dict[str, Key]:
    """The keys of a JWK set that can verify an ID token, by their ids; of two with one id the first.

    Only RSA keys of at least 2048 bits, for RS256, and keys on P-256, for ES256: no secret is ever a key, so that an
    issuer's public key cannot be taken for one.
    """
    listed = jwks.get("keys")
    if not isinstance(listed, list):
        raise IssuerUnavailable("the issuer's keys are no JWK set")
    found: dict[str, Key] = {}
    for jwk in listed[:MOST_KEYS]:
        key_id = jwk.get("kid") if isinstance(jwk, dict) else None
        if isinstance(key_id, str) and 0 < len(key_id) <= MOST_KEY_ID and key_id not in found:
            key = _key(jwk)
            if key:
                found[key_id] = key
    return found


def _key(jwk: Mapping[str, Any]) -> Key | None:
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(jwk.get("kty")))
    if algorithm is None or jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
        return None
    public = {name: value for name, value in jwk.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        key = jwt.PyJWK.from_dict(public, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    is_strong = isinstance(key, RSAPublicKey) and key.key_size >= FEWEST_RSA_BITS
    is_p256 = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    return Key(algorithm, key) if is_strong or is_p256 else None


def _address(described: Mapping[str, Any], kind: str) -> str:
    """An endpoint that may be reached; where browsers are sent, one with https."""
    url = described.get(kind)
    try:
        outbound.check_url(url if isinstance(url, str) else "")
        if kind == "authorization_endpoint":
            origins.check_redirect(str(url), allowed=[], development=not settings.PRODUCTION)
    except (outbound.Refused, ValueError) as error:
        raise IssuerUnavailable(f"{kind} is no address that can be used") from error
    return str(url)


def _json(url: str) -> dict[str, Any]:
    try:
        answer = outbound.get(url, {"Accept": "application/json", "User-Agent": "authsignal-portal"})
    except outbound.OutboundError as error:
        raise IssuerUnavailable(error.reason) from error
    if answer.status != 200:
        raise IssuerUnavailable(f"the issuer answered {answer.status}")
    return object_of(answer.body)


def object_of(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises IssuerUnavailable."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IssuerUnavailable("the issuer's answer is no JSON") from error
    if not isinstance(given, dict):
        raise IssuerUnavailable("the issuer's answer is no JSON object")
    return given
