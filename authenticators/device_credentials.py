"""Device credentials: apps that users enrolled for push, QR codes and in-app proofs."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from audit import log
from audit.events import Tag
from authenticators import challenges, device_keys, enrolment, outbox, web_push
from authenticators.app_attestation.evidence import ABSENT, Attestation, Reason, Standing
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal import clock
from authsignal_portal.errors import InvalidConfiguration, InvalidRequest, RefusedCredential
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS, DevicePlatform, VerificationMethod

NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Device:
    """What an app says of itself, and the attestation that came along, not yet examined."""

    public_key: bytes
    name: str
    platform: DevicePlatform
    push_token: str = ""
    attestation: Attestation | None = None


def find(tenant: Tenant, method: VerificationMethod, public_key: bytes) -> Authenticator | None:
    """The tenant's usable credential with this key."""
    return _with_key(tenant, method, public_key).filter(Authenticator.usable()).first()


def _with_key(tenant: Tenant, method: VerificationMethod, public_key: bytes) -> QuerySet[Authenticator]:
    rows = Authenticator.objects.filter(tenant=tenant, method=method, public_key=public_key)
    return rows.select_related("user", "tenant")


def stored(tenant: Tenant, method: VerificationMethod, public_key: bytes) -> Authenticator | None:
    """The tenant's credential with this key, expired or not: to be taken away, and to prove nothing.

    As long as it stands there, the key is nobody else's.
    """
    return _with_key(tenant, method, public_key).first()


# -- enrolling -----------------------------------------------------------------------------------


def hold(user: EndUser, public_key: bytes) -> list[VerificationMethod]:
    """Let other enrolments of the key wait until the transaction ends; before the user is locked.

    Returns what the key stands for already, expired or not. Raises InvalidRequest where it is another user's: a public
    key is no secret, and enrolling is not signed, so that whoever says it does not show that they hold it.
    """
    outbox.one_at_a_time([f"device-key:{user.tenant_id}:{public_key.hex()}"])
    rows = Authenticator.objects.filter(tenant=user.tenant_id, method__in=DEVICE_METHODS, public_key=public_key)
    if rows.exclude(user=user).exists():
        raise InvalidRequest(
            "publicKey is another user's. Remove its credential in their app first, or make a new key."
        )
    return [VerificationMethod(method) for method in rows.values_list("method", flat=True)]


def enrol(
    user: EndUser,
    method: VerificationMethod,
    device: Device,
    *,
    standing: Standing,
    action_id: uuid.UUID,
    tells: bool,
) -> Authenticator:
    """The key as the user's own credential: made, or brought up to date.

    Call inside a transaction, with the key held (`hold`) and the user locked. `standing` is what came of the device's
    attestation. `tells`: the user hears of it.
    Raises InvalidRequest or InvalidConfiguration where only attested apps enrol and this one is none.
    """
    configuration = AuthenticatorConfiguration.of(user.tenant, method)
    if configuration.blocks_unattested:
        check_attested(standing)
    if standing.reason == Reason.NOT_SET_UP and not configuration.require_app_attestation:
        # Nobody asks, and no app is named that it could be of: what came along says nothing.
        standing = ABSENT
    actor, now = log.user(user.pseudonym), clock.now()
    rows = Authenticator.objects.select_related("user", "tenant").select_for_update(of=("self",))
    row = rows.filter(user=user, method=method, public_key=device.public_key).first()
    row = row or Authenticator(tenant=user.tenant, user=user, method=method, public_key=device.public_key)
    row.name, row.device_platform = device.name, device.platform.value
    row.attestation, row.attestation_outcome = standing.provider, standing.outcome.value
    row.attestation_failure = standing.reason.value if standing.reason else ""
    row.push_token = _push_token(device.platform.value, device.push_token)
    row.expires_at = lifetime_from(now, configuration)
    row.verified_at = row.verified_at or now
    row.save()
    enrolment.complete(row, now=now, actor=actor, action_id=action_id, tells=tells)
    if standing != ABSENT or configuration.require_app_attestation:
        _record_standing(row, standing, now=now, action_id=action_id)
    return row


def check_attested(standing: Standing) -> None:
    """Raises InvalidRequest, InvalidConfiguration."""
    if standing.is_attested:
        return
    if standing.reason == Reason.NOT_SET_UP:
        raise InvalidConfiguration(f"Only attested apps may enrol, and {standing.detail}. Set up App attestation.")
    told = standing.detail or "it is missing; ask POST /client/challenge for a nonce and attest the app with it"
    raise InvalidRequest(f"performAttestation: {told}. Only attested apps may enrol.")


def _record_standing(row: Authenticator, standing: Standing, *, now: datetime, action_id: uuid.UUID) -> None:
    log.record(
        Tag.AUTHENTICATOR_ATTESTED if standing.is_attested else Tag.AUTHENTICATOR_NOT_ATTESTED,
        tenant_id=row.tenant_id,
        actor=log.user(row.user.pseudonym),
        subject=row.user.pseudonym,
        action_id=action_id,
        at=now,
        authenticator=str(row.pk),
        method=row.method,
        **({"reason": standing.reason.value} if standing.reason else {}),
    )


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
    enrolment.take_away(row, actor=log.user(row.user.pseudonym), tells=tells)
