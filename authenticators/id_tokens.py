"""ID tokens that somebody else's sign-in signed (OpenID Connect Core 1.0 §3.1.3.7).

A token proves an account to one challenge: by its `nonce`, which the challenge keeps as a hash and which goes with it.
Keys are fetched before anything is locked; what is judged needs no network.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import jwt
from django.conf import settings
from jwt.types import Options

from authenticators import available, subjects
from authenticators.issuers import DIRECTORY, Issuer, IssuerUnavailable
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Authenticator, Challenge, IdentityProvider
from authsignal_portal import clock
from authsignal_portal.errors import InvalidConfiguration, InvalidRequest, Unavailable
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ID_TOKENS, VerificationMethod

# Of the issuer's clock and ours.
LEEWAY_SECONDS: Final = 60
CALLBACK: Final = "/challenge/callback"
MAX_TOKEN: Final = 16 * 1024
MAX_SUBJECT: Final = 255
REQUIRED: Final = ["iss", "sub", "aud", "exp", "iat"]
APPLE: Final = "https://appleid.apple.com"
GOOGLE: Final = "https://accounts.google.com"
# Issuers that are the method.
ISSUER_OF: Final = {VerificationMethod.APPLE_ID_TOKEN: APPLE, VerificationMethod.GOOGLE_ID_TOKEN: GOOGLE}
# The times are judged by the database's clock, the audience more strictly.
OPTIONS: Final[Options] = {
    "require": REQUIRED,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}


class InvalidIdToken(Exception):
    """`reason`: our words, for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Presented:
    """An answer to a challenge: a token, and what its issuer said of itself when it was presented."""

    token: str = field(repr=False)
    issuer: Issuer


# -- nonces --------------------------------------------------------------------------------------


def new_nonce() -> tuple[str, bytes]:
    """What a token must carry, and what the challenge keeps of it."""
    nonce = secrets.token_urlsafe(32)
    return nonce, kept(nonce)


def kept(nonce: str) -> bytes:
    return hashlib.sha256(nonce.encode()).digest()


# -- providers -----------------------------------------------------------------------------------


def provider_of(tenant: Tenant, method: str) -> IdentityProvider:
    """Raises InvalidConfiguration."""
    row = IdentityProvider.objects.select_related("tenant").filter(tenant=tenant, method=method).first()
    if row is None or not row.issuer or not row.client_ids:
        raise InvalidConfiguration(f"{method} has no identity provider. Set one up in the portal.")
    return row


def present(provider: IdentityProvider, token: str) -> Presented:
    """A token with the keys to judge it by; the network is asked here. Raises Unavailable."""
    try:
        return Presented(token, DIRECTORY.of(provider.issuer, key_id=_key_id(token)))
    except IssuerUnavailable as error:
        raise Unavailable(f"The identity provider cannot be asked right now: {error.reason}.") from error


def redirect_uri(provider: IdentityProvider) -> str:
    """Where sign-ins of the hosted pages come back; to be registered with the provider, letter by letter.

    One for each tenant and method: whoever comes back says by the address which provider sent them, and the code of one
    is never taken for another's, nor sent to it (mix-up, RFC 9700 §4.4.2.2).
    """
    return callback_address(provider.tenant_id.hex, provider.method.lower())


def callback_address(tenant: str, method: str) -> str:
    return f"{settings.PUBLIC_URL}{CALLBACK}/{tenant}/{method}"


def issuer_named(token: str) -> str:
    """Whose a token says it is. Proves nothing. Raises InvalidIdToken."""
    try:
        issuer = jwt.decode(_checked(token), options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidIdToken("no JSON web token") from error
    return issuer if isinstance(issuer, str) and issuer.isprintable() else ""


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a token says, and whose account it is here, if anybody's."""

    claims: dict[str, Any] = field(repr=False)
    owners: list[Authenticator]


def look_up(tenant: Tenant, token: str) -> Vouched:
    """Read a token for the customer's backend; it need not be for any challenge, and proves nothing here.

    Raises InvalidRequest, Unavailable.
    """
    try:
        provider = _provider_named(tenant, issuer_named(token))
        claims = read(present(provider, token), provider, clock.now())
    except InvalidIdToken as error:
        raise InvalidRequest(f"token is no ID token that counts: {error.reason}.") from error
    return Vouched(claims, subjects.owners(tenant, provider.method, subject(provider, claims)))


def _provider_named(tenant: Tenant, issuer: str) -> IdentityProvider:
    names = {issuer, f"https://{issuer}"}
    rows = IdentityProvider.objects.select_related("tenant").filter(tenant=tenant, method__in=ID_TOKENS)
    found = rows.filter(issuer__in=names, method__in=available.active_methods(tenant)).exclude(client_ids=[]).first()
    if found is None:
        raise InvalidIdToken("no identity provider in use is its issuer")
    return found


# -- judging -------------------------------------------------------------------------------------


def judge(challenge: Challenge, answer: Any, now: datetime) -> Judged:
    """Raises VerificationFailed."""
    if not isinstance(answer, Presented):
        raise VerificationFailed("no ID token", is_guess=False)
    try:
        provider = provider_of(challenge.tenant, challenge.method)
        claims = read(answer, provider, now)
    except InvalidConfiguration as error:
        raise VerificationFailed("no identity provider", is_guess=False) from error
    except InvalidIdToken as error:
        raise VerificationFailed(error.reason) from error
    if not _is_nonce_of(challenge, claims.get("nonce")):
        raise VerificationFailed("another nonce")
    if claims["iat"] < challenge.created_at.timestamp() - LEEWAY_SECONDS:
        raise VerificationFailed("made before the challenge")
    if asks_anew(provider) and not _signed_in_for(challenge, claims.get("auth_time")):
        raise VerificationFailed("no new sign-in")
    return Judged(subjects.vouched(challenge, subject(provider, claims)))


def _is_nonce_of(challenge: Challenge, given: Any) -> bool:
    if not isinstance(given, str) or not given.isascii():
        return False
    return hmac.compare_digest(kept(given), bytes(challenge.nonce or b""))


def asks_anew(provider: IdentityProvider) -> bool:
    """Whether a session that stands at the provider proves nothing. Apple and Google cannot be asked for more."""
    return provider.asks_anew and provider.method not in ISSUER_OF


def _signed_in_for(challenge: Challenge, at: Any) -> bool:
    """`auth_time` (OpenID Connect Core §2): required where max_age was asked for, and not from before the challenge."""
    return _is_moment(at) and bool(at >= challenge.created_at.timestamp() - LEEWAY_SECONDS)


def read(answer: Presented, provider: IdentityProvider, now: datetime) -> dict[str, Any]:
    """The claims of a token that the provider's issuer made for one of its clients and that holds now.

    Raises InvalidIdToken. The nonce is the caller's to compare.
    """
    if answer.issuer.name != provider.issuer:
        raise InvalidIdToken("another issuer's keys")
    key = answer.issuer.keys.get(_key_id(answer.token))
    if key is None:
        raise InvalidIdToken("unknown key")
    try:
        claims = jwt.decode(answer.token, key.public, algorithms=[key.algorithm], options=OPTIONS)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise InvalidIdToken("wrong signature or claims missing") from error
    _check_issuer(claims, provider)
    _check_audience(claims, provider)
    _check_times(claims, now)
    sub = claims["sub"]
    # OpenID Connect Core §2: at most 255 ASCII characters.
    if not isinstance(sub, str) or not 0 < len(sub) <= MAX_SUBJECT or not (sub.isascii() and sub.isprintable()):
        raise InvalidIdToken("no subject")
    return dict(claims)


def subject(provider: IdentityProvider, claims: Mapping[str, Any]) -> str:
    """An account: its issuer and its id there, which no space or line break can blur."""
    return f"{len(provider.issuer)}:{provider.issuer}:{claims['sub']}"


def _check_issuer(claims: Mapping[str, Any], provider: IdentityProvider) -> None:
    # No set: what stands there may be anything, also what no set can look for.
    names = [provider.issuer]
    if provider.method == VerificationMethod.GOOGLE_ID_TOKEN:
        # Google signs both (https://developers.google.com/identity/gsi/web/guides/verify-google-id-token).
        names.append(provider.issuer.removeprefix("https://"))
    if claims["iss"] not in names:
        raise InvalidIdToken("another issuer")


def _check_audience(claims: Mapping[str, Any], provider: IdentityProvider) -> None:
    """For our clients and nobody besides; where it says who asked for it, one of them did."""
    given, clients = claims["aud"], set(provider.client_ids)
    audience = given if isinstance(given, list) else [given]
    if not audience or not all(isinstance(one, str) and one in clients for one in audience):
        raise InvalidIdToken("another audience")
    party = claims.get("azp", audience[0] if len(audience) == 1 else None)
    if not isinstance(party, str) or party not in clients:
        raise InvalidIdToken("another authorized party")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    moment = now.timestamp()
    expires, issued, begins = claims["exp"], claims["iat"], claims.get("nbf", 0)
    if not all(_is_moment(one) for one in (expires, issued, begins)):
        raise InvalidIdToken("no times")
    if expires + LEEWAY_SECONDS <= moment:
        raise InvalidIdToken("expired")
    if max(issued, begins) > moment + LEEWAY_SECONDS:
        raise InvalidIdToken("not valid yet")


def _is_moment(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _key_id(token: str) -> str:
    """What the header says; nothing where it says nothing."""
    try:
        key_id = jwt.get_unverified_header(_checked(token)).get("kid")
    except (jwt.PyJWTError, InvalidIdToken, ValueError, RecursionError):
        return ""
    return key_id if isinstance(key_id, str) else ""


def _checked(token: str) -> str:
    if not token or len(token) > MAX_TOKEN or not token.isascii():
        raise InvalidIdToken("no JSON web token")
    return token
