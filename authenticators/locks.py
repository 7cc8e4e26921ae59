"""Which methods take no answer of a user now, and until when: for showing. `challenges.finish` alone decides."""

from datetime import datetime
from uuid import UUID

from authenticators import challenges, guesses
from authenticators.guesses import Lock
from authenticators.models import Challenge, EndUser
from authenticators.registry import METHODS
from authsignal_portal.vocabulary import VerificationMethod

M = VerificationMethod
# One challenge of an action by these is asked again until it is over; by push, a new one is begun.
ASKED_AGAIN = frozenset(name for name, method in METHODS.items() if method.guessable) - {M.PUSH}


def closed(user: EndUser, action_id: UUID, *, purpose: str, now: datetime) -> dict[str, Lock]:
    """By method: the user guessed too often, or the challenge of this action that would be asked again is spent."""
    counted = guesses.closed(tenant=user.tenant, subject=guesses.subject_of(user, ""), purpose=purpose)
    spent = _spent(user, action_id, purpose, now)
    return counted | {method: _longer(lock, counted.get(method, lock)) for method, lock in spent.items()}


def _spent(user: EndUser, action_id: UUID, purpose: str, now: datetime) -> dict[str, Lock]:
    # An authenticator app is set up with a new challenge each time.
    asked_again = ASKED_AGAIN - ({M.AUTHENTICATOR_APP} if purpose == Challenge.Purpose.ENROL else set())
    rows = Challenge.objects.filter(tenant=user.tenant_id, action_id=action_id, purpose=purpose, method__in=asked_again)
    waiting = rows.filter(verified_at=None, failed_at=None, expires_at__gt=now).order_by("created_at", "pk")
    newest = {M(row.method): row for row in waiting}
    return {method: Lock(row.expires_at) for method, row in newest.items() if row.attempts >= challenges.tries(method)}


def _longer(one: Lock, other: Lock) -> Lock:
    ends = (one.until, other.until)
    return Lock(max(end for end in ends if end) if all(ends) else None)
