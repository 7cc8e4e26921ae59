"""Proving oneself by an identity check: begun here, done at a vendor's, decided by what the adapter tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from actions import continuations, device_waiting, languages, linking, proving, verifying, vouching
from actions.client_auth import ClientContext
from authenticators import challenges, identity_checks
from authenticators.identity_checks import Decision, Result, Session
from authenticators.models import Authenticator, Challenge
from authsignal_portal import outbound
from authsignal_portal.errors import Conflict, InvalidRequest, TooManyRequests, Unavailable
from authsignal_portal.vocabulary import IDENTITY_CHECKS, VerificationMethod

Purpose = Challenge.Purpose
# From a challenge that is stored to its session that is kept, besides the adapter's own time.
SLACK_SECONDS: Final = 2
SECONDS_TO_RETRY: Final = 3


@dataclass(frozen=True, slots=True)
class Begun:
    challenge: Challenge
    session: Session


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the page that waits is told. `is_consumed`: it is over, whichever way. The token comes once."""

    is_verified: bool = False
    is_consumed: bool = False
    access_token: str | None = None
    enrolled: Authenticator | None = None


def start(context: ClientContext, method: VerificationMethod, purpose: str, page: Mapping[str, str]) -> Begun:
    """A check that is under way for the same is gone on with. The adapter is asked with nothing locked.

    `page`: ipAddress and userAgent of the browser that asks for it, as far as they are known.
    Raises TooManyRequests, Unavailable, Forbidden, InvalidConfiguration, InvalidRequest.
    """
    with proving.one_at_a_time(context):
        known = vouching.check(context, method, purpose)
        provider = identity_checks.provider_of(context.tenant, method)
        waiting = _under_way(context, method, purpose)
        if waiting:
            return waiting
        identity_checks.SILENT.check(provider)
        identity_checks.check_limits(context.user, method, context.now)
        seconds = settings.IDENTITY_CHECK_SECONDS
        about = _about(context, page)
        challenge = vouching.begin(context, method, purpose, seconds=seconds, more={})
    try:
        session = identity_checks.begin(provider, challenge, known, about)
    except Unavailable:
        challenges.withdraw(Challenge.objects.filter(pk=challenge.pk))
        raise
    identity_checks.keep_session(challenge, session)
    return Begun(challenge, session)


def _under_way(context: ClientContext, method: VerificationMethod, purpose: str) -> Begun | None:
    """Raises TooManyRequests while the adapter is asked for it: beginning another would end it, and be paid too."""
    newest = challenges.of_action(context.tenant, context.action.pk, method).filter(purpose=purpose).first()
    if newest is None or not newest.is_open(context.now) or newest.attempts >= challenges.tries(method):
        return None
    session = identity_checks.session_of(newest)
    if session is None and (context.now - newest.created_at).total_seconds() < outbound.TOTAL_SECONDS + SLACK_SECONDS:
        raise TooManyRequests("This check is being begun.", resets_in=SECONDS_TO_RETRY)
    return Begun(newest, session) if session else None


def _about(context: ClientContext, page: Mapping[str, str]) -> dict[str, Any]:
    """What the adapter may know, and show the person: what they confirm, and where the check was begun.

    No email address and no number: a vendor asks the person for what it needs.
    """
    return {
        "userId": context.user.user_id,
        "locale": languages.locale_of(context.facts) or None,
        "ipAddress": page.get("ipAddress"),
        "userAgent": page.get("userAgent") or None,
        "message": linking.transaction_shown(context.action).text or None,
    }


# -- the result ----------------------------------------------------------------------------------


def decide(challenge: Challenge, result: Result) -> str:
    """Let a signed result count, once. Returns what came of it; one that was told before changes nothing.

    Raises Conflict where the check is over, Unavailable where it is not begun yet, and what `verifying.judged` raises.
    """
    context = continuations.context_of(challenge)
    method = VerificationMethod(challenge.method)
    with proving.one_at_a_time(context):
        if not _is_news(challenge.pk, result, context.now):
            return "known"
        attempt = verifying.judged(context, method, challenge, result)
        verifying.accepted(context.action, attempt, may_adopt=False)
    if attempt.proof:
        return "proved"
    if attempt.declined:
        return "declined"
    if attempt == challenges.EXHAUSTED:
        raise Conflict("This identity check is over.")
    return "resubmission" if result.decision == Decision.RESUBMISSION else "refused"


def _is_news(challenge_id: str, result: Result, now: datetime) -> bool:
    """Keep the event's id where it is new. The user is locked, so that one of two at once is.

    Raises Conflict where it is news of a check that is over, Unavailable of one whose session is not kept yet: the
    adapter may decide sooner than its answer to the beginning is here.
    """
    challenge = Challenge.objects.filter(pk=challenge_id).first()
    events = challenge.context.get("events", []) if challenge else []
    if result.event in events:
        return False
    if challenge is None or not challenge.is_open(now):
        raise Conflict("This identity check is over.")
    if challenge.session_sealed is None:
        raise Unavailable("This check is still being begun. Tell it again in a moment.")
    challenge.context["events"] = [*events, result.event]
    challenge.save(update_fields=["context"])
    return True


def begun(context: ClientContext, challenge_id: str) -> Begun:
    """A check of the token's action as it was begun; begins none. Raises InvalidRequest."""
    challenge = _named(context, challenge_id)
    session = identity_checks.session_of(challenge)
    if session is None:
        raise InvalidRequest("challengeId names an identity check that has no session yet.")
    return Begun(challenge, session)


def _named(context: ClientContext, challenge_id: str) -> Challenge:
    rows = Challenge.objects.filter(tenant=context.tenant, action_id=context.action.pk, method__in=IDENTITY_CHECKS)
    challenge = rows.select_related("tenant", "user").filter(pk=challenge_id, withdrawn_at=None).first()
    if challenge is None:
        raise InvalidRequest("challengeId names no identity check of this action.")
    return challenge


def outcome(context: ClientContext, challenge_id: str) -> Outcome:
    """What came of a check of the token's action, for the page that waits. Raises InvalidRequest."""
    challenge = _named(context, challenge_id)
    if challenge.verified_at is None:
        spent = challenge.attempts >= challenges.tries(VerificationMethod(challenge.method))
        return Outcome(is_consumed=spent or not challenge.is_open(context.now))
    told = device_waiting.delivered(challenge)
    row = _enrolled(challenge) if challenge.purpose == Purpose.ENROL and told.is_verified else None
    return Outcome(told.is_verified, told.is_consumed, told.access_token, row)


def _enrolled(challenge: Challenge) -> Authenticator | None:
    rows = Authenticator.objects.select_related("tenant", "user").exclude(verified_at=None)
    return rows.filter(user=challenge.user_id, method=challenge.method).first()
