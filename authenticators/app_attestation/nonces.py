"""Nonces that attestations are made over: each for one user of one tenant, for a short time, and once."""

import re
import secrets
from datetime import datetime, timedelta

from django.conf import settings

from authenticators.app_attestation.evidence import AttestationFailed, Reason
from authenticators.models import AttestationNonce, EndUser
from authsignal_portal import clock

NONCE_BYTES = 32
OURS = re.compile(rf"[0-9a-f]{{{2 * NONCE_BYTES}}}")
# An app asks for one before each enrolment; of many that wait the newest count.
MOST_WAITING = 5


def issue(user: EndUser) -> str:
    """Hexadecimal, which is base64url as Google wants it too."""
    nonce = secrets.token_hex(NONCE_BYTES)
    until = clock.now() + timedelta(seconds=settings.ATTESTATION_SECONDS)
    AttestationNonce.objects.create(tenant=user.tenant, user=user, nonce=nonce, expires_at=until)
    return nonce


def waiting(user: EndUser, now: datetime) -> list[str]:
    rows = AttestationNonce.objects.filter(tenant=user.tenant_id, user=user, used_at=None, expires_at__gt=now)
    return list(rows.order_by("-created_at").values_list("nonce", flat=True)[:MOST_WAITING])


def former(idempotency_key: str) -> list[str]:
    """The nonce of SDKs that asked for none yet. What looks like one of ours is none of these: ours are forgotten in
    time, and whoever chooses an idempotencyKey could bring a used one back.
    """
    return [idempotency_key] if idempotency_key and not OURS.fullmatch(idempotency_key) else []


def use(user: EndUser, nonce: str, *, idempotency_key: str, now: datetime) -> None:
    """Spend it, whatever else is asked at the same time. An idempotencyKey counts once in the tenant: customers choose
    them, and the attestation of one action shall be none for another's. Raises AttestationFailed.
    """
    issued = AttestationNonce.objects.filter(tenant=user.tenant_id, user=user, nonce=nonce)
    if issued.filter(used_at=None, expires_at__gt=now).update(used_at=now) == 1:
        return
    if nonce == idempotency_key:
        first = {"user": user, "used_at": now}
        if AttestationNonce.objects.get_or_create(tenant=user.tenant, nonce=nonce, defaults=first)[1]:
            return
    raise AttestationFailed(Reason.WRONG_NONCE, "its nonce was used before")
