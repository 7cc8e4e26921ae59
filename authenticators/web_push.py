"""Web Push: a browser's subscription, and what is sent to it. RFC 8030 (sending), 8291 (encryption), 8292 (VAPID)."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

from authenticators.models import WebPushKey
from authsignal_portal import origins, outbound
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.models import Tenant

# RFC 8291 §2: an uncompressed point, and 16 bytes.
KEY_BYTES = 65
SECRET_BYTES = 16
MAX_ENDPOINT = 2048
PORTS = {"http": 80, "https": 443}
# RFC 8292 §2: a day at most.
SIGNED_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where a browser is reached, and what a message to it is encrypted with."""

    endpoint: str = field(repr=False)
    key: bytes
    secret: bytes = field(repr=False)


def read(text: str) -> Subscription:
    """A `PushSubscription` as the browser writes it in JSON. Raises InvalidRequest."""
    try:
        given = json.loads(text)
        endpoint, keys = given["endpoint"], given["keys"]
        found = Subscription(endpoint, _decoded(keys["p256dh"]), _decoded(keys["auth"]))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), found.key)
        # What is sent there is signed for its origin.
        origins.origin_of(endpoint)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRequest("pushToken of a web app must be its push subscription, as JSON.") from error
    if (len(found.key), len(found.secret)) != (KEY_BYTES, SECRET_BYTES) or len(endpoint) > MAX_ENDPOINT:
        raise InvalidRequest("pushToken of a web app must be its push subscription, as JSON.")
    try:
        _check(endpoint)
    except outbound.Refused as error:
        raise InvalidRequest(f"pushToken: the subscription's endpoint cannot be used: {error.reason}.") from error
    return found


def _check(endpoint: str) -> None:
    """Whoever enrols a phone names the address, so that it is nothing but a push service. Raises outbound.Refused."""
    if not (_is_ours(endpoint) or _is_known(endpoint)):
        raise outbound.Refused("it is none of the known push services")
    outbound.check_url(endpoint, public_only=not _is_ours(endpoint))


def _is_ours(endpoint: str) -> bool:
    """A push service that the operator named with its port."""
    parts = urlsplit(endpoint)
    return f"{parts.hostname}:{parts.port or PORTS[parts.scheme]}" in settings.WEB_PUSH_HOSTS


def _is_known(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    host, is_plain = parts.hostname or "", parts.scheme == "https" and parts.port in (None, PORTS["https"])
    named = settings.WEB_PUSH_HOSTS
    return is_plain and any(host == one or (one.startswith(".") and host.endswith(one)) for one in named)


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error


# -- the tenant's key ----------------------------------------------------------------------------


def make_key(tenant: Tenant) -> None:
    """Unless it has one."""
    if WebPushKey.objects.filter(tenant=tenant).exists():
        return
    made = ec.generate_private_key(ec.SECP256R1())
    row = WebPushKey(tenant=tenant)
    row.private_key = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    # Of two that are made at once, one stays.
    WebPushKey.objects.bulk_create([row], ignore_conflicts=True)


def public_key(tenant: Tenant) -> str:
    """What a browser subscribes with, in base64url; empty where there is none yet."""
    row = WebPushKey.objects.select_related("tenant").filter(tenant=tenant).first()
    return _public(_opened(row)) if row else ""


def _opened(row: WebPushKey) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(row.private_key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


# -- one message ---------------------------------------------------------------------------------


def post(
    subscription: Subscription, row: WebPushKey, payload: dict[str, Any], *, topic: str, now: datetime, lives: int
) -> int:
    """Hand a message to the browser's push service, through the guard; it tries for `lives` seconds.

    Returns the service's status. Raises outbound.OutboundError.
    """
    headers = {
        "Authorization": _authorization(subscription.endpoint, row, now),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(lives),
        "Topic": topic,
        "Urgency": "high",
        "User-Agent": "authsignal-portal",
    }
    _check(subscription.endpoint)
    body, public_only = encrypted(subscription, payload), not _is_ours(subscription.endpoint)
    return outbound.post(subscription.endpoint, body, headers, public_only=public_only).status


def encrypted(subscription: Subscription, payload: dict[str, Any]) -> bytes:
    ours = ec.generate_private_key(ec.SECP256R1())
    text = json.dumps(payload, separators=(",", ":")).encode()
    sealed: bytes = http_ece.encrypt(text, private_key=ours, dh=subscription.key, auth_secret=subscription.secret)
    return sealed


def _authorization(endpoint: str, row: WebPushKey, now: datetime) -> str:
    key = _opened(row)
    claims = {
        "aud": origins.origin_of(endpoint),
        "exp": int((now + SIGNED_FOR).timestamp()),
        "sub": settings.WEB_PUSH_CONTACT,
    }
    return f"vapid t={jwt.encode(claims, key, algorithm='ES256')}, k={_public(key)}"
