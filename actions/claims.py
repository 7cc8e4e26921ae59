"""Binding a challenge that began without a user to the user it turned out to be. Once."""

import uuid
from datetime import timedelta

from django.conf import settings

from actions import proofs
from actions.models import Action
from audit import log
from audit.events import Tag
from authenticators import available, enrolment, lone_addresses, several
from authenticators.models import Authenticator, Challenge, EndUser
from authsignal_portal import clock
from authsignal_portal.errors import Conflict, Unauthorized
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState, VerificationMethod


def locked(*, tenant: Tenant, challenge_id: str) -> Challenge:
    """The challenge, locked with its user until the transaction ends. Raises Unauthorized: the SDKs expect 401 here."""
    named = Challenge.objects.select_related("user").filter(pk=challenge_id, tenant=tenant).first()
    if named and named.user:
        named.user.lock()
    rows = Challenge.objects.select_for_update(of=("self",)).select_related("tenant", "user", "authenticator")
    found = rows.filter(pk=challenge_id, tenant=tenant, withdrawn_at=None).first()
    if found is None:
        raise Unauthorized("challengeId names no challenge.")
    return found


def check_claimable(challenge: Challenge, user_id: str, *, unverified_too: bool = False) -> None:
    """Raises Unauthorized unless the challenge is verified, fresh, unclaimed, and nobody else's."""
    now = clock.now()
    if challenge.purpose != Challenge.Purpose.AUTHENTICATE:
        raise Unauthorized("The challenge was begun to enrol or renew something, which proves nothing.")
    if challenge.claimed_at:
        raise Unauthorized("The challenge was already claimed.")
    if challenge.failed_at:
        raise Unauthorized("The challenge has ended.")
    if challenge.user and challenge.user.user_id != user_id:
        raise Unauthorized("The challenge belongs to another user.")
    if challenge.verified_at is None and (not unverified_too or challenge.expires_at <= now):
        raise Unauthorized("The challenge is not verified, or has expired.")
    if challenge.verified_at and now - challenge.verified_at > timedelta(seconds=settings.PROOF_FRESH_SECONDS):
        raise Unauthorized("The challenge has expired.")


def check_bound(challenge: Challenge, *, action_code: str, action_id: uuid.UUID | None) -> None:
    """A proof counts for the action that it was begun for, and for no other instance. Raises Unauthorized."""
    if challenge.purpose != Challenge.Purpose.AUTHENTICATE or challenge.action_code != action_code:
        raise Unauthorized("The challenge was begun for another action.")
    # Only a sign-in that began without a user has no key of its own: there the instance is found now.
    if challenge.action_id and challenge.idempotency_key and challenge.action_id != action_id:
        raise Unauthorized("The challenge was begun for another action.")


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


def hold(action_id: uuid.UUID) -> Action:
    """The action, with its user locked. Raises Conflict when the user was deleted meanwhile."""
    gone = Conflict("The user was deleted while this request ran. Try again.")
    action = Action.objects.select_related("user", "tenant", "facts").filter(pk=action_id).first()
    if action is None:
        raise gone
    action.user.lock(gone=gone)
    return action


def bind(challenge: Challenge, action: Action) -> None:
    """Give the locked challenge the user and action that it turned out to belong to, and what of theirs it proved."""
    Challenge.objects.filter(pk=challenge.pk).update(
        user=action.user,
        action_id=action.pk,
        authenticator=challenge.authenticator or _at_its_address(challenge, action.user),
    )
    challenge.user, challenge.action_id = action.user, action.pk


def _at_its_address(challenge: Challenge, user: EndUser) -> Authenticator | None:
    if not challenge.contact_sealed:
        return None
    rows = user.proved_at(challenge.contact)
    return rows.filter(method=challenge.method).first() or rows.first()


def may_enrol(challenge: Challenge, user: EndUser) -> bool:
    """Whether the customer's backend lets the address that was proved become the user's authenticator."""
    given, method = challenge.scope.split(), VerificationMethod(challenge.method)
    return enrolment.is_granted(user, method, lambda scope: scope in given) and several.has_room(user, method)


def attach(challenge: Challenge, action_id: uuid.UUID) -> ActionState:
    """Let a locked, claimable challenge count for a tracked action; returns the action's state.

    A method that the action does not permit proves nothing for it. Raises Conflict.
    """
    action = hold(action_id)
    counts = proves(challenge, action)
    take(challenge)
    bind(challenge, action)
    if action.state == ActionState.CHALLENGE_REQUIRED and counts:
        may_adopt = may_enrol(challenge, action.user)
        proofs.record(action, action.facts, proofs.of_challenge(challenge), may_enrol=may_adopt)
    return ActionState(action.state)


def proves(challenge: Challenge, action: Action) -> bool:
    """Whether the verified challenge is a proof of this action's user, by a method that the action permits.

    A code to an address that began without a user proves that address. For a user who has authenticators it counts
    only if it is one of theirs, or on file, or the backend said that it may become one.
    """
    return _permitted(challenge, action) if challenge.user_id else proves_unbound(challenge, action)


def _permitted(challenge: Challenge, action: Action) -> bool:
    """By a method that the action permits, for the transaction that it is linked to, if any, and not overtaken."""
    is_same = challenge.transaction_hash == action.facts.transaction_hash
    return challenge.method in proofs.permitted(action) and is_same and not is_overtaken(challenge, action)


def is_overtaken(challenge: Challenge, action: Action) -> bool:
    """Whether the proof is from before the backend or staff set the action's state."""
    return action.is_decided_since(challenge.verified_at)


def proves_unbound(challenge: Challenge, action: Action) -> bool:
    """The same for a challenge that had no user until now."""
    user = action.user
    if not _permitted(challenge, action):
        return False
    if not challenge.contact_sealed or may_enrol(challenge, user) or not available.was_enrolled(user):
        return True
    return lone_addresses.is_theirs(user, challenge.contact)
