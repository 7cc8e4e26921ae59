"""Starting challenges: what they belong to, what they stand for, and how many there may be."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from audit.events import Tag
from authenticators import challenges, codes, guesses
from authenticators.codes import PLAIN, Way
from authenticators.models import Authenticator, Challenge, EndUser
from authenticators.transactions import linked_challenge
from authsignal_portal import clock
from authsignal_portal.errors import TooManyRequests
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS, VerificationMethod

NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Origin:
    """What a challenge belongs to: an action instance, or none yet."""

    action_id: uuid.UUID | None = None
    action_code: str = ""
    idempotency_key: str = ""
    # What the customer's own sender is told of who asks: userAgent, ipAddress, timezone.
    about: Mapping[str, Any] = field(default_factory=dict)
    # Custom data that goes to the sender of an email, and to no other: by the wire's names, action_… and user_….
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # Of an action with dynamic linking.
    transaction: str = ""
    transaction_hash: str = ""

    @property
    def columns(self) -> dict[str, Any]:
        """What each challenge keeps of it, by the names of the challenge's columns."""
        return {
            "action_id": self.action_id,
            "action_code": self.action_code,
            "idempotency_key": self.idempotency_key,
            "transaction": self.transaction,
            "transaction_hash": self.transaction_hash,
        }


def start_code(
    *,
    tenant: Tenant,
    user: EndUser | None,
    method: VerificationMethod,
    to: str,
    origin: Origin,
    purpose: str = Challenge.Purpose.AUTHENTICATE,
    authenticator: Authenticator | None = None,
    locale: str | None = None,
    scope: str = "",
    context: dict[str, Any] | None = None,
    way: Way = PLAIN,
) -> Challenge:
    """Send a code, or a link. Call inside a transaction.

    Asking again while a challenge is open sends a new one on the same challenge.

    Raises TooManyRequests (sending limits), InvalidRequest (the destination cannot be served).
    """
    now = clock.now()
    challenge = _open_for(tenant, user, method, purpose, origin, to, now)
    if challenge is None:
        _check_new(user, origin.action_id, now)
        challenge = Challenge(
            tenant=tenant,
            user=user,
            method=method,
            purpose=purpose,
            **origin.columns,
            scope=scope,
            context=context or {},
            expires_at=now + timedelta(minutes=tenant.otp_duration_in_minutes),
        )
        challenge.contact = to
    challenge.authenticator = authenticator
    codes.send(challenge, now=now, locale=locale, way=way, about=origin.about, variables=origin.variables)
    _cancel_surplus(user, challenge.action_id)
    return challenge


def start_nonce(
    *,
    tenant: Tenant,
    user: EndUser | None,
    origin: Origin,
    purpose: str,
    method: VerificationMethod = VerificationMethod.PASSKEY,
    context: dict[str, Any] | None = None,
    lifetime_seconds: int | None = None,
) -> Challenge:
    """A WebAuthn challenge: 32 random bytes, single use (WebAuthn L3 §13.4.3). Raises TooManyRequests."""
    now = clock.now()
    _check_new(user, origin.action_id, now)
    challenge = Challenge(
        tenant=tenant,
        user=user,
        method=method,
        purpose=purpose,
        **origin.columns,
        nonce=secrets.token_bytes(NONCE_BYTES),
        context=context or {},
        expires_at=now + timedelta(seconds=lifetime_seconds or settings.PASSKEY_CHALLENGE_SECONDS),
    )
    _link(challenge, origin)
    challenge.save(force_insert=True)
    _cancel_surplus(user, challenge.action_id)
    return challenge


def store(challenge: Challenge, now: datetime) -> None:
    """A new challenge that was begun elsewhere: kept, counted, and in the log. Raises TooManyRequests."""
    _check_new(challenge.user, challenge.action_id, now)
    link_id(challenge)
    challenge.save(force_insert=True)
    _cancel_surplus(challenge.user, challenge.action_id)
    challenges.record(Tag.CHALLENGE_STARTED, challenge, now)


def link_id(challenge: Challenge) -> None:
    """Let the id, where an app signs it, stand for the transaction too. It stays as random and as long as any."""
    if challenge.transaction_hash and challenge.method in DEVICE_METHODS:
        challenge.transaction_nonce = secrets.token_bytes(NONCE_BYTES)
        challenge.pk = linked_challenge(challenge.transaction_nonce, challenge.transaction_hash).hex()


def _link(challenge: Challenge, origin: Origin) -> None:
    """Let a WebAuthn challenge stand for the transaction too: who signs it signs both (transactions)."""
    if origin.transaction_hash:
        challenge.transaction_nonce = challenge.nonce
        challenge.nonce = linked_challenge(bytes(challenge.nonce or b""), origin.transaction_hash)


def start_silent(
    *,
    user: EndUser,
    method: VerificationMethod,
    origin: Origin,
    purpose: str,
    authenticator: Authenticator | None,
) -> Challenge:
    """A challenge that needs nothing sent: an authenticator app, a recovery code. Raises TooManyRequests."""
    _check_new(user, origin.action_id, now := clock.now())
    challenge = Challenge(
        tenant=user.tenant,
        user=user,
        method=method,
        purpose=purpose,
        **origin.columns,
        authenticator=authenticator,
        expires_at=now + timedelta(minutes=user.tenant.otp_duration_in_minutes),
    )
    challenge.save(force_insert=True)
    return challenge


def _open_for(
    tenant: Tenant,
    user: EndUser | None,
    method: VerificationMethod,
    purpose: str,
    origin: Origin,
    to: str,
    now: datetime,
) -> Challenge | None:
    """The open challenge of this action, method and destination, locked; a dead one is not brought back."""
    if origin.action_id is None:
        return None
    # The guess count is the lock that two simultaneous requests of one user meet at.
    guesses.lock(tenant=tenant, subject=guesses.subject_of(user, ""), method=method)
    newest = (
        challenges.of_action(tenant, origin.action_id, method)
        .filter(purpose=purpose)
        .select_for_update(of=("self",))
        .first()
    )
    return newest if newest and newest.is_open(now) and newest.contact == to else None


def _check_new(user: EndUser | None, action_id: uuid.UUID | None, now: datetime) -> None:
    """One more challenge of the user for this action, of whatever kind. By action: whoever has a token of one uses up
    nothing of what the user has for another. Raises TooManyRequests."""
    most = settings.NEW_CHALLENGES_PER_10_MINUTES
    recent = Challenge.objects.filter(user=user, action_id=action_id, created_at__gt=now - timedelta(minutes=10))
    if user and recent.order_by()[:most].count() >= most:
        raise TooManyRequests("Too many challenges for this action.", resets_in=60)


def _cancel_surplus(user: EndUser | None, action_id: uuid.UUID | None) -> None:
    """Of an action, at most OPEN_CHALLENGES_PER_ACTION stay open; the oldest go."""
    if user is None:
        return
    rows = Challenge.objects.filter(user=user, action_id=action_id, verified_at=None, failed_at=None)
    newest = rows.filter(expires_at__gt=clock.Now()).order_by("-created_at").values_list("pk", flat=True)
    surplus = list(newest[settings.OPEN_CHALLENGES_PER_ACTION :])
    Challenge.objects.filter(pk__in=surplus, verified_at=None).update(failed_at=clock.Now())
