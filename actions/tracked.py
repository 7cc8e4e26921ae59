"""The answer to `track`: where the action stands, a token for it, and how its user can prove themselves."""

import uuid
from dataclasses import dataclass

from django.conf import settings

from actions.store import Known
from actions.track_request import Track
from authenticators import available
from authsignal_portal import tokens
from authsignal_portal.vocabulary import ActionState, Scope, TokenPurpose, VerificationMethod


@dataclass(frozen=True, slots=True)
class Tracked:
    """The answer to `track`: a new decision, or the stored one for a key that was used before."""

    action_id: uuid.UUID
    idempotency_key: str
    state: ActionState
    url: str
    token: str
    enrolled_methods: list[VerificationMethod]
    allowed_methods: list[VerificationMethod]
    default_method: str | None
    rule_ids: list[str]

    @property
    def is_enrolled(self) -> bool:
        return bool(self.enrolled_methods)


def answer(
    request: Track,
    known: Known,
    action_id: uuid.UUID,
    state: ActionState,
    allowed: list[VerificationMethod],
    default_method: str | None,
    rule_ids: list[str],
) -> Tracked:
    token = tokens.mint(
        tenant=request.tenant,
        purpose=TokenPurpose.TRACK,
        action_id=action_id,
        user_id=request.user_id,
        action_code=request.action_code,
        idempotency_key=request.key,
        scope=request.sent.get("scope") or Scope.READ.value,
        now=known.now,
        username=request.sent.get("username") or known.username,
    )
    have = set(known.enrolled or []) & set(available.active(request.tenant, known.switched or []))
    return Tracked(
        action_id=action_id,
        idempotency_key=request.key,
        state=state,
        url=f"{settings.PUBLIC_URL}/challenge?token={token}",
        token=token,
        enrolled_methods=[method for method in VerificationMethod if method in have],
        allowed_methods=allowed,
        default_method=default_method or None,
        rule_ids=rule_ids,
    )
