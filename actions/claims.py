"""Binding a challenge that began without a user to the user it turned out to be. Once."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from actions import proofs
from actions.models import Action
from audit import log
from audit.events import Tag
from authenticators.models import Challenge
from authsignal_portal import clock
from authsignal_portal.errors import Unauthorized
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState


def locked(*, tenant: Tenant, challenge_id: str) -> Challenge:
    """The challenge, locked until the transaction ends. Raises Unauthorized: the SDKs expect 401 here."""
    rows = Challenge.objects.select_for_update(of=("self",)).select_related("tenant", "user", "authenticator")
    found = rows.filter(pk=challenge_id, tenant=tenant).first()
    if found is None:
        raise Unauthorized("challengeId names no challenge.")
    return found


def check_claimable(challenge: Challenge, user_id: str, *, unverified_too: bool = False) -> None:
    """Raises Unauthorized unless the challenge is verified, fresh, unclaimed, and nobody else's."""
    now = clock.now()
    if challenge.claimed_at:
        raise Unauthorized("The challenge was already claimed.")
    if challenge.user and challenge.user.user_id != user_id:
        raise Unauthorized("The challenge belongs to another user.")
    if challenge.verified_at is None and (not unverified_too or challenge.expires_at <= now):
        raise Unauthorized("The challenge is not verified, or has expired.")
    if challenge.verified_at and now - challenge.verified_at > timedelta(seconds=settings.PROOF_FRESH_SECONDS):
        raise Unauthorized("The challenge has expired.")


def take(challenge: Challenge) -> None:
    """Mark the locked challenge claimed; one conditional update decides."""
    unclaimed = Challenge.objects.filter(pk=challenge.pk, claimed_at=None)
    if unclaimed.update(claimed_at=clock.Now()) != 1:
        raise Unauthorized("The challenge was already claimed.")
    log.record(
        Tag.CHALLENGE_CLAIMED,
        tenant_id=challenge.tenant_id,
        challenge=challenge.pk,
        method=challenge.method,
    )


@transaction.atomic
def check(*, tenant: Tenant, user_id: str, challenge_id: str) -> None:
    """Whether `track` may use this challenge, before anything is stored."""
    check_claimable(locked(tenant=tenant, challenge_id=challenge_id), user_id)


@transaction.atomic
def attach(action_id: uuid.UUID, *, tenant: Tenant, challenge_id: str) -> ActionState:
    """Let a verified challenge count for a tracked action; returns the action's state."""
    challenge = locked(tenant=tenant, challenge_id=challenge_id)
    action = Action.objects.select_related("user", "tenant", "facts").get(pk=action_id)
    check_claimable(challenge, action.user.user_id)
    take(challenge)
    Challenge.objects.filter(pk=challenge.pk).update(user=action.user, action_id=action.pk)
    challenge.user, challenge.action_id = action.user, action.pk
    if action.state == ActionState.CHALLENGE_REQUIRED:
        proofs.accept(action, action.facts, proofs.of_challenge(challenge), now=clock.now())
    return ActionState(action.state)
