"""Actions found by the customer's keys, and the states that the customer's backend or staff set."""

from django.db import transaction

from actions import linking, states
from actions.models import Action
from audit import log
from audit.events import Tag
from authenticators import challenges
from authsignal_portal import clock
from authsignal_portal.errors import InvalidRequest, NotFound
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState

DECIDED = ("state", "state_updated_at", "decided_at", "verification_method", "authenticator_id")


def find(*, tenant: Tenant, user_id: str, action_code: str, idempotency_key: str) -> Action:
    """Raises NotFound."""
    found = Action.objects.select_related("user", "tenant", "facts").filter(
        tenant=tenant, user__user_id=user_id, action_code=action_code, idempotency_key=idempotency_key
    )
    action = found.first()
    if action is None:
        raise NotFound("No such action.")
    return action


@transaction.atomic
def update_state(action: Action, state: ActionState, *, actor: log.Actor) -> Action:
    """Set a state. Raises InvalidRequest for the one that only a proof can set, NotFound for an action that is gone."""
    locked = Action.objects.select_for_update(of=("self",)).select_related("user").filter(pk=action.pk).first()
    if locked is None:
        raise NotFound("No such action.")
    before = ActionState(locked.state)
    if not states.may_be_set(state):
        raise InvalidRequest("state: CHALLENGE_SUCCEEDED is set by a completed challenge only.")
    if before != state:
        linking.check_may_become(locked, state)
        now = clock.now()
        locked.state, locked.state_updated_at, locked.decided_at = state, now, now
        if state == ActionState.CHALLENGE_REQUIRED:
            # What proved it does so no more.
            locked.verification_method, locked.authenticator_id = "", None
        if state == ActionState.CHALLENGE_FAILED and locked.failed_at is None:
            locked.failed_at = now
        locked.save(update_fields=[*DECIDED, "failed_at"])
        if state in states.CLOSED_TO_PROOF:
            challenges.end_of_action(locked.pk)
        log.record(
            Tag.ACTION_STATE_CHANGED,
            tenant_id=locked.tenant_id,
            actor=actor,
            subject=locked.user.pseudonym,
            action_id=locked.pk,
            at=now,
            from_state=before.value,
            to_state=state.value,
        )
    return locked
