"""What follows from a proof, in the proof's own transaction: the state, the device, the address, the access token."""

import uuid
from datetime import datetime

from django.db.models import F, Q

from actions import linking, receipts, states
from actions.models import Action, ActionFacts, Device, KnownAddress
from audit import log
from audit.events import Tag
from authenticators import available, challenges, enrolment, lone_addresses
from authenticators.models import Challenge, EndUser
from authsignal_portal import clock, tokens
from authsignal_portal.errors import InvalidConfiguration, InvalidRequest
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ALL_SCOPES, ActionState, TokenPurpose, VerificationMethod

# Where the address was, by the facts of the action.
PLACE = {"latitude": "latitude", "longitude": "longitude", "accuracy_radius_km": "accuracyRadiusKm"}


def check_open(action: Action) -> None:
    """Raises InvalidRequest where a proof is worth nothing: somebody decided already."""
    if action.state in states.CLOSED_TO_PROOF:
        raise InvalidRequest(f"This action is {action.state}; there is nothing to verify.")


def permitted(action: Action) -> list[VerificationMethod]:
    """What can prove the action now: what was permitted when it was decided, and is not switched off since."""
    allowed = set(action.facts.allowed_methods)
    return [method for method in available.active_methods(action.tenant) if method in allowed]


def check_permitted(action: Action, method: VerificationMethod) -> None:
    """Raises InvalidConfiguration, and InvalidRequest as `check_open`."""
    check_open(action)
    if method not in action.facts.allowed_methods:
        raise InvalidConfiguration(f"{method} is not permitted for this action.")
    check_active(action.tenant, method)


def check_active(tenant: Tenant, method: VerificationMethod) -> None:
    """Raises InvalidConfiguration."""
    if not available.is_active(tenant, method):
        raise InvalidConfiguration(f"{method} is not active for this tenant.")


def record(action: Action, facts: ActionFacts, proof: challenges.Proof, *, may_enrol: bool) -> None:
    """Let the proof count: complete the enrolment, move the state. Call with the user locked.

    Raises InvalidRequest where it must not count; then roll back. `may_enrol`: whether a proved address that is not
    enrolled yet becomes an authenticator.
    """
    user, now = action.user, proof.challenge.verified_at
    assert now is not None
    linking.check_same(facts, proof.challenge.transaction_hash)
    if proof.enrolled and proof.authenticator:
        enrolment.complete(proof.authenticator, now=now, actor=log.user(user.pseudonym), action_id=action.pk)
    elif may_enrol and proof.authenticator is None and proof.challenge.contact_sealed:
        enrolment.adopt(proof.challenge, now=now)
    if not proof.is_silent:
        _advance(action, facts, proof, now)


def refused(action_id: uuid.UUID | None) -> None:
    """A challenge of this action went wrong, for the first time or again; in the transaction that judged it."""
    if action_id:
        Action.objects.filter(pk=action_id, failed_at=None).update(failed_at=clock.Now())


def declined(action: Action, method: VerificationMethod) -> None:
    """The user said that this is not theirs: a challenge that waited has failed. In the transaction that judged it."""
    _fail(action, method=method.value)


def no_method_left(action: Action) -> None:
    """Nothing that it allows can prove it: a challenge that waited has failed. Call with the user locked."""
    _fail(action, reason="no method left")


def _fail(action: Action, **why: str) -> None:
    now = clock.now()
    waiting = Action.objects.filter(pk=action.pk, state=ActionState.CHALLENGE_REQUIRED)
    if not waiting.update(state=ActionState.CHALLENGE_FAILED, state_updated_at=now):
        return
    log.record(
        Tag.ACTION_STATE_CHANGED,
        tenant_id=action.tenant_id,
        actor=log.user(action.user.pseudonym),
        subject=action.user.pseudonym,
        action_id=action.pk,
        at=now,
        from_state=ActionState.CHALLENGE_REQUIRED.value,
        to_state=ActionState.CHALLENGE_FAILED.value,
        **why,
    )


def access_token(action: Action, *, now: datetime, since: datetime | None = None) -> str:
    """`since`: when the action was proved, where the token is handed over later."""
    return tokens.mint(
        tenant=action.tenant,
        purpose=TokenPurpose.ACCESS,
        action_id=action.pk,
        user_id=action.user.user_id,
        action_code=action.action_code,
        idempotency_key=action.idempotency_key,
        scope=ALL_SCOPES,
        now=now,
        since=since,
        username=action.user.username,
    )


def _advance(action: Action, facts: ActionFacts, proof: challenges.Proof, now: datetime) -> None:
    counts = proof.method in permitted(action)
    if not counts and not proof.enrolled:
        raise InvalidRequest(f"{proof.method} is not permitted for this action.")
    authenticator = proof.authenticator
    stands = Q(decided_at=None) | Q(decided_at__lte=now)
    moved = counts and Action.objects.filter(stands, pk=action.pk, state=ActionState.CHALLENGE_REQUIRED).update(
        state=ActionState.CHALLENGE_SUCCEEDED,
        state_updated_at=now,
        verification_method=proof.method,
        authenticator_id=authenticator.pk if authenticator else None,
    )
    action.refresh_from_db(
        fields=["state", "state_updated_at", "decided_at", "verification_method", "authenticator_id"]
    )
    check_open(action)
    if action.is_decided_since(now):
        raise InvalidRequest(f"This action was set to {action.state} after this proof: it wants another one.")
    if not moved:
        return
    if not lone_addresses.is_all(action.user, action.pk, since=action.decided_at):
        _remember(action.user, facts, proof.method, now)
    receipts.issue(action, facts, proof)
    log.record(
        Tag.ACTION_SUCCEEDED,
        tenant_id=action.tenant_id,
        actor=log.user(action.user.pseudonym),
        subject=action.user.pseudonym,
        action_id=action.pk,
        at=now,
        method=proof.method.value,
        action_code=action.action_code,
        challenge=proof.challenge.pk,
    )


def _remember(user: EndUser, facts: ActionFacts, method: VerificationMethod, now: datetime) -> None:
    EndUser.objects.filter(pk=user.pk).update(last_verified_at=now)
    if facts.device_id:
        Device.objects.filter(user=user, device_id=facts.device_id).update(
            authenticated_at=now, invalidated_at=None, last_verification_method=method
        )
    if facts.ip_address:
        KnownAddress.objects.bulk_create(
            [KnownAddress(user=user, address=facts.ip_address, last_verified_at=now, count=0)],
            ignore_conflicts=True,
        )
        place = {column: facts.facts["ip"].get(name) for column, name in PLACE.items()}
        KnownAddress.objects.filter(user=user, address=facts.ip_address).update(
            last_verified_at=now, count=F("count") + 1, **place
        )


def of_challenge(challenge: Challenge) -> challenges.Proof:
    """The proof that a challenge holds which was verified before its action existed."""
    return challenges.Proof(challenge, challenge.authenticator, enrolled=False)
