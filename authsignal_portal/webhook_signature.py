"""The signature of what we post to a customer: `X-Signature-V2: t=<seconds>,v2=<signature>[,v2=…]`.

HMAC-SHA-256 of `<t>.<body>`, in base64 without padding, once for each active key of the Server API: a receiver that
was given a new key and one that still has the old both verify. Receivers refuse a `t` older than five minutes, so every
attempt is signed anew.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime

from authsignal_portal.models import ApiKey, Tenant
from authsignal_portal.vocabulary import KeyKind

HEADER = "X-Signature-V2"
TOLERANCE_SECONDS = 5 * 60
MAX_HEADER = 1024
SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def header(body: bytes, *, at: int, secrets: Iterable[bytes]) -> str:
    """`secrets`: keys as their bytes, or as the SHA-256 of a key of more than 64 bytes (RFC 2104 §2)."""
    return ",".join([f"t={at}", *(f"v2={signature(body, at=at, secret=secret)}" for secret in secrets)])


def signature(body: bytes, *, at: int, secret: bytes) -> str:
    mac = hmac.digest(secret, b"%d." % at + body, hashlib.sha256)
    return base64.b64encode(mac).rstrip(b"=").decode()


def is_signed(given: str, body: bytes, *, now: datetime, secret: bytes) -> bool:
    """Whether a header like ours was made over the body with this secret within the last five minutes, clocks apart."""
    at, signatures = "", []
    for part in given[:MAX_HEADER].split(","):
        name, _equals, value = part.strip().partition("=")
        if name == "t":
            at = value
        elif name == "v2":
            signatures.append(value.rstrip("=").encode())
    if not SECONDS.fullmatch(at) or abs(now.timestamp() - int(at)) > TOLERANCE_SECONDS:
        return False
    right = signature(body, at=int(at), secret=secret).encode()
    return any(hmac.compare_digest(right, one) for one in signatures)


def secrets_of(tenant: Tenant) -> list[bytes]:
    """What the tenant's active server keys sign with, the newest first."""
    keys = ApiKey.objects.filter(tenant=tenant, kind=KeyKind.SERVER, revoked_at=None).exclude(signing_secret=None)
    return [tenant.unseal(key.signing_secret or b"", "api_key", key.pk) for key in keys.order_by("-created_at")]
