"""Challenges that somebody else answers for: who may begin one, and for which authenticator."""

from datetime import timedelta
from typing import Any

from actions import continuations, proofs, proving
from actions.client_auth import ClientContext
from authenticators import challenges, starting
from authenticators.models import Authenticator, Challenge
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.vocabulary import VerificationMethod

Purpose = Challenge.Purpose


def check(context: ClientContext, method: VerificationMethod, purpose: str) -> Authenticator | None:
    """The authenticator that is to be proved, or None when one is to be enrolled. Call with the user locked.

    Raises Forbidden, InvalidConfiguration, InvalidRequest.
    """
    if purpose == Purpose.ENROL:
        proving.check_may_enrol(context, method)
        return None
    proofs.check_permitted(context.action, method)
    return _enrolled(context, method)


def _enrolled(context: ClientContext, method: VerificationMethod) -> Authenticator:
    rows = context.user.authenticators.filter(Authenticator.usable(), method=method)
    found = rows.select_related("tenant").first()
    if found is None:
        raise InvalidRequest(f"The user has no {method} authenticator.")
    return found


def begin(
    context: ClientContext, method: VerificationMethod, purpose: str, *, seconds: float, more: dict[str, Any]
) -> Challenge:
    """A stored challenge; one that waited for the same is over. `more` are columns. Call with the user locked."""
    challenges.withdraw(challenges.of_action(context.tenant, context.action.pk, method))
    challenge = Challenge(
        tenant=context.tenant,
        user=context.user,
        method=method,
        purpose=purpose,
        **proving.origin_of(context.action).columns,
        context=continuations.remembered(context),
        created_at=context.now,
        expires_at=context.now + timedelta(seconds=seconds),
        **more,
    )
    starting.store(challenge, context.now)
    return challenge
