"""Authenticator apps: time-based one-time passwords (RFC 6238), SHA-1, 6 digits, 30 seconds.

A step is accepted once: only a step strictly greater than the last accepted one (RFC 6238 §5.2).
"""

import base64
import binascii
import hmac
import secrets
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from django_otp.oath import hotp

from authenticators import otp
from authenticators.method import Judged, VerificationFailed
from authenticators.models import Authenticator, Challenge
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.vocabulary import Channel, VerificationMethod

STEP_SECONDS = 30
# One step of network delay and clock drift either way (RFC 6238 §6).
WINDOW = (-1, 0, 1)
SECRET_BYTES = 20


class Totp:
    code: ClassVar = VerificationMethod.AUTHENTICATOR_APP
    channel: ClassVar[Channel | None] = None
    many: ClassVar = False
    guessable: ClassVar = True

    def judge(self, *, challenge: Challenge, answer: Any, now: datetime) -> Judged:
        if not otp.is_code(answer):
            raise VerificationFailed("not six digits", is_guess=False)
        compared = [(app, matching_step(app.secret, answer, now)) for app in _apps(challenge)]
        right = [(app, step) for app, step in compared if step is not None]
        if not right:
            raise VerificationFailed("wrong code")
        authenticator, step = right[0]
        if authenticator.last_step is not None and step <= authenticator.last_step:
            raise VerificationFailed("this code was already used", is_guess=False)
        authenticator.last_step = step
        authenticator.save(update_fields=["last_step"])
        return Judged(authenticator)


def _apps(challenge: Challenge) -> list[Authenticator]:
    """Whose code will do: that of what is being enrolled, else of any app of the user. Raises VerificationFailed."""
    if challenge.purpose == Challenge.Purpose.ENROL and challenge.authenticator:
        return [challenge.authenticator]
    rows = Authenticator.objects.filter(user=challenge.user_id, method=VerificationMethod.AUTHENTICATOR_APP)
    apps = list(rows.exclude(verified_at=None).select_related("tenant", "user"))
    if not apps or challenge.authenticator is None:
        raise VerificationFailed("no authenticator app", is_guess=False)
    return apps


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, or None. All steps are compared, whatever the first gives."""
    key = decode_secret(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    found = None
    for offset in WINDOW:
        if hmac.compare_digest(f"{hotp(key, current + offset):06d}", code):
            found = current + offset
    return found


def new_secret() -> str:
    """160 random bits in base32 (RFC 4226 §4 R6)."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def decode_secret(text: str) -> bytes:
    compact = text.replace(" ", "").rstrip("=").upper()
    return base64.b32decode(compact + "=" * (-len(compact) % 8))


def key_uri(*, secret: str, issuer: str, account: str) -> str:
    """`otpauth://totp/Issuer:account?secret=…&issuer=…`, as authenticator apps read it."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    return f"otpauth://totp/{label}?" + urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)


def secret_of_uri(uri: str) -> str:
    """The secret in an otpauth:// URI of the kind that we verify. Raises InvalidRequest."""
    try:
        parts = urlsplit(uri)
        query = {name.lower(): values[0] for name, values in parse_qs(parts.query).items()}
        secret = query["secret"]
        key = decode_secret(secret)
    except (ValueError, KeyError, binascii.Error) as error:
        raise InvalidRequest("otpUri must be an otpauth://totp/… URI with a base32 secret.") from error
    if parts.scheme != "otpauth" or parts.netloc != "totp" or len(key) < 10:
        raise InvalidRequest("otpUri must be an otpauth://totp/… URI with a secret of at least 80 bits.")
    unusual = query.get("algorithm", "SHA1").upper() != "SHA1" or query.get("digits", "6") != "6"
    if unusual or query.get("period", "30") != "30":
        raise InvalidRequest("otpUri: only SHA1, 6 digits and a period of 30 seconds are supported.")
    return base64.b32encode(key).decode()
