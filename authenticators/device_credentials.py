"""Device credentials: apps that users enrolled for push, QR codes and in-app proofs."""

import secrets
import uuid
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from audit import log
from audit.events import Tag
from authenticators import challenges, device_keys, enrolment, outbox, web_push
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal import clock
from authsignal_portal.errors import InvalidConfiguration, InvalidRequest, RefusedCredential
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DevicePlatform, VerificationMethod

NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Device:
    """What an app says of itself. `attestation` names the provider whose attestation came along, unverified."""

    public_key: bytes
    name: str
    platform: DevicePlatform
    push_token: str = ""
    attestation: str = ""


def find(tenant: Tenant, method: VerificationMethod, public_key: bytes) -> Authenticator | None:
    """The tenant's usable credential with this key."""
    rows = Authenticator.objects.filter(Authenticator.usable(), tenant=tenant, method=method, public_key=public_key)
    return rows.select_related("user", "tenant").first()


def stored(tenant: Tenant, method: VerificationMethod, public_key: bytes) -> Authenticator | None:
    """The tenant's credential with this key, expired or not: to be taken away or over, and to prove nothing."""
    rows = Authenticator.objects.filter(tenant=tenant, method=method, public_key=public_key)
    return rows.select_related("user", "tenant").first()


# -- enrolling -----------------------------------------------------------------------------------


def hold(tenant: Tenant, public_key: bytes) -> None:
    """Let other enrolments of the key wait until the transaction ends. Before any user is locked: then whose it is
    stands, and can be locked in order with who enrols it.
    """
    outbox.one_at_a_time([f"device-key:{tenant.pk}:{public_key.hex()}"])


def owner_of(tenant: Tenant, method: VerificationMethod, public_key: bytes) -> EndUser | None:
    """Whose the key is by now, expired or not."""
    row = stored(tenant, method, public_key)
    return row.user if row else None


def enrol(
    user: EndUser, method: VerificationMethod, device: Device, *, action_id: uuid.UUID, tells: Set[uuid.UUID]
) -> Authenticator:
    """The key as the user's own credential: made, or brought up to date. The newest enrolment wins.

    Call inside a transaction, with the key held (`hold`), and `user` and whose the key is (`owner_of`) locked.
    `tells`: which of the two users hear of it. Raises InvalidConfiguration where an attestation is asked for.
    """
    configuration = AuthenticatorConfiguration.of(user.tenant, method)
    if configuration.require_app_attestation:
        raise InvalidConfiguration("Only attested apps may enrol here, and this server cannot verify attestations yet.")
    actor, now = log.user(user.pseudonym), clock.now()
    rows = Authenticator.objects.select_related("user", "tenant").select_for_update(of=("self",))
    row = rows.filter(tenant=user.tenant, method=method, public_key=device.public_key).first()
    if row and row.user_id != user.pk:
        enrolment.remove(row, actor=actor, tells=row.user_id in tells)
        row = None
    row = row or Authenticator(tenant=user.tenant, user=user, method=method, public_key=device.public_key)
    row.name, row.device_platform, row.attestation = device.name, device.platform.value, device.attestation
    row.push_token = _push_token(device.platform.value, device.push_token)
    row.expires_at = lifetime_from(now, configuration)
    row.verified_at = row.verified_at or now
    row.save()
    enrolment.complete(row, now=now, actor=actor, action_id=action_id, tells=user.pk in tells)
    return row


def _push_token(platform: str, text: str) -> str | None:
    """What rings the device; of the web app it is a subscription. Raises InvalidRequest where that is none."""
    if text and platform == DevicePlatform.WEB:
        web_push.read(text)
    return text or None


def lifetime_from(now: datetime, configuration: AuthenticatorConfiguration) -> datetime | None:
    days = configuration.credential_days
    return now + timedelta(days=days) if days else None


# -- renewing ------------------------------------------------------------------------------------


def begin_renewal(row: Authenticator) -> Challenge:
    """Something to sign, once, before the push token or the lifetime may change."""
    challenge = Challenge(
        tenant=row.tenant,
        method=row.method,
        purpose=Challenge.Purpose.RENEW,
        authenticator=row,
        nonce=secrets.token_bytes(NONCE_BYTES),
        expires_at=clock.now() + timedelta(seconds=settings.DEVICE_RENEWAL_SECONDS),
    )
    challenge.save(force_insert=True)
    return challenge


@transaction.atomic
def renew(
    row: Authenticator, challenge_id: str, signature: str, *, push_token: str, reset_expiry: bool
) -> Authenticator:
    """Take over what the device signed for. The signature covers the challenge alone, so it counts once.

    Raises InvalidRequest, RefusedCredential.
    """
    row.user.lock(gone=RefusedCredential())
    rows = Challenge.objects.select_for_update().filter(tenant=row.tenant_id, authenticator=row)
    challenge = rows.filter(pk=challenge_id, purpose=Challenge.Purpose.RENEW).first()
    now = clock.now()
    if challenge is None or not challenge.is_open(now):
        raise InvalidRequest("challengeId names no open challenge of this credential. Ask for a new one to sign.")
    message = device_keys.renewal_message(bytes(challenge.nonce or b""))
    device_keys.check_signed(row, signature, [message])
    held = (
        Authenticator.objects.select_for_update(of=("self",)).select_related("user", "tenant").filter(pk=row.pk).first()
    )
    if held is None or not challenges.consume(challenge, now):
        raise RefusedCredential
    if push_token:
        held.push_token = _push_token(held.device_platform, push_token)
    if reset_expiry:
        method = VerificationMethod(held.method)
        held.expires_at = lifetime_from(now, AuthenticatorConfiguration.of(held.tenant, method))
    held.last_verified_at = now
    held.save(update_fields=["push_token_sealed", "expires_at", "last_verified_at"])
    log.record(
        Tag.AUTHENTICATOR_RENEWED,
        tenant_id=held.tenant_id,
        actor=log.user(held.user.pseudonym),
        subject=held.user.pseudonym,
        at=now,
        authenticator=str(held.pk),
        method=held.method,
        fields=[name for name, given in (("push_token", push_token), ("expires_at", reset_expiry)) if given],
    )
    return held


# -- removing ------------------------------------------------------------------------------------


def remove(row: Authenticator, signature: str, *, tells: bool = True) -> None:
    """The device takes its own credential away. Raises InvalidRequest."""
    device_keys.check_signed(row, signature, device_keys.removal_messages(clock.now()))
    enrolment.remove(row, actor=log.user(row.user.pseudonym), tells=tells)
