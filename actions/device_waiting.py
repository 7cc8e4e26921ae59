"""The page that waits for an app on the user's phone: it begins a push or shows a QR code, and asks what came of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Q, Value, When

from actions import linking, proofs, proving, states, track_request
from actions.client_auth import ClientContext
from actions.models import Action
from authenticators import challenges, device_challenges, handed_over
from authenticators.handed_over import Word
from authenticators.models import Authenticator, Challenge, EndUser
from authenticators.starting import Origin
from authsignal_portal import clock
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod

Purpose = Challenge.Purpose
M = VerificationMethod


class Stage(StrEnum):
    """How far a QR code has come, in the socket's words; `over`, which is not told: nobody scanned it in time."""

    UNCLAIMED = "unclaimed"
    CLAIMED = "claimed"
    APPROVED = "approved"
    REJECTED = "rejected"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the page that waits is told. `is_consumed`: it is over, whichever way. The token comes once."""

    is_claimed: bool
    is_verified: bool = False
    is_consumed: bool = False
    access_token: str | None = None

    @property
    def stage(self) -> Stage:
        if self.is_verified:
            return Stage.APPROVED
        if not self.is_claimed:
            return Stage.UNCLAIMED
        return Stage.REJECTED if self.is_consumed else Stage.CLAIMED


@dataclass(frozen=True, slots=True)
class Delivery:
    """Whether word of a push could be sent to one device that it asks."""

    authenticator_id: UUID
    is_taken: bool


def start_push(context: ClientContext, *, action: str, authenticator_id: str) -> Challenge:
    """Raises TooManyRequests, InvalidRequest, InvalidConfiguration."""
    check_action(context, action)
    with transaction.atomic():
        context.lock()
        proofs.check_permitted(context.action, M.PUSH)
        device = _asked(context.user, authenticator_id)
        return device_challenges.start_push(context.user, proving.origin_of(context.action), device=device)


def deliveries(challenge: Challenge) -> list[Delivery]:
    """Of each device that a push asks, whether the customer's own sender took it; nothing where nobody can say yet.

    Call once the push is committed; it waits for the sender as codes do. Refused, the push is there all the same: an
    app that is opened finds it.
    """
    assert challenge.user is not None
    word = handed_over.word(challenge)
    if word == Word.NONE:
        return []
    asked = challenge.user.authenticators.filter(Authenticator.usable(), method=M.PUSH)
    if challenge.authenticator_id:
        asked = asked.filter(pk=challenge.authenticator_id)
    return [Delivery(row.pk, is_taken=word == Word.TAKEN) for row in asked.order_by("created_at")]


def start_in_app(context: ClientContext) -> Challenge:
    """For the token's action, whose transaction the app signs. Raises InvalidRequest, AlteredTransaction."""
    with proving.one_at_a_time(context):
        proofs.check_open(context.action)
        return device_challenges.start_in_app(context.user, proving.origin_of(context.action))


def check_action(context: ClientContext, action: str) -> None:
    """A token is bound to one action instance; naming another action cannot widen it."""
    if action and action != context.action.action_code:
        raise InvalidRequest(f"action: this token is for {context.action.action_code}. Track {action} first.")


def _asked(user: EndUser, authenticator_id: str) -> Authenticator | None:
    """The one device that is named, or None for all of them. Raises InvalidRequest where there is none."""
    rows = user.authenticators.filter(Authenticator.usable(), method=M.PUSH)
    named = [row for row in rows if not authenticator_id or str(row.pk) == authenticator_id]
    if not named:
        raise InvalidRequest("The user has no such PUSH authenticator.")
    return named[0] if authenticator_id else None


def start_qr(
    tenant: Tenant,
    context: ClientContext | None,
    *,
    action: str,
    custom: Mapping[str, Any],
    seen: Mapping[str, str],
    lifetime_seconds: int,
) -> tuple[Challenge, str]:
    """The challenge and the secret to ask by. `seen` is what the device will be told of this very page.

    With a token the action is there already, with the custom data that the backend tracked; without one it begins when
    somebody scans the code, with `custom` as the page says.
    """
    if context is None:
        proofs.check_active(tenant, M.QR_CODE)
        if not track_request.is_action_code(action):
            raise InvalidRequest("action must have 1 to 64 letters, digits, hyphens and underscores.")
        told = {**seen, "custom": dict(custom)}
        linked = linking.asked_for(tenant, action, custom)
        with transaction.atomic():
            return device_challenges.start_qr(
                tenant=tenant,
                user=None,
                origin=Origin(
                    action_code=action,
                    transaction=linked.canonical if linked else "",
                    transaction_hash=linked.hash if linked else "",
                ),
                context=told,
                lifetime_seconds=lifetime_seconds,
            )
    check_action(context, action)
    with transaction.atomic():
        context.lock()
        proofs.check_permitted(context.action, M.QR_CODE)
        return device_challenges.start_qr(
            tenant=tenant,
            user=context.user,
            origin=proving.origin_of(context.action),
            context=dict(seen),
            lifetime_seconds=lifetime_seconds,
        )


def push_outcome(context: ClientContext, challenge_id: str) -> Outcome:
    """What came of a push of the token's action."""
    challenge = named(context.tenant, M.PUSH, challenge_id)
    if challenge.action_id != context.action.pk:
        raise InvalidRequest("challengeId belongs to another action.")
    return outcome(challenge)


def qr_outcome(tenant: Tenant, challenge_id: str, device_code: str) -> Outcome:
    """What came of a QR code, for whoever knows its secret."""
    return outcome(qr_shown(tenant, challenge_id, device_code))


def qr_shown(tenant: Tenant, challenge_id: str, device_code: str) -> Challenge:
    """The code of a page that knows its secret. Raises InvalidRequest."""
    challenge = named(tenant, M.QR_CODE, challenge_id)
    if not device_challenges.is_device_code(challenge, device_code):
        raise InvalidRequest("challengeId names no challenge.")
    return challenge


def qr_stages(challenge_ids: Collection[str]) -> dict[str, Stage]:
    """How far each code of this server's own sockets has come, by its row alone: one query, whatever their tenants.

    One that is gone with its user, or was approved by a device that is gone, is left out.
    """
    rows = Challenge.objects.filter(pk__in=challenge_ids, method=M.QR_CODE, withdrawn_at=None)
    over = Q(failed_at__isnull=False) | Q(expires_at__lte=clock.Now())
    claimed = Q(authenticator__isnull=False)
    stage = Case(
        When(verified_at__isnull=False, then=Value(Stage.APPROVED)),
        When(over & claimed, then=Value(Stage.REJECTED)),
        When(over, then=Value(Stage.OVER)),
        When(claimed, then=Value(Stage.CLAIMED)),
        default=Value(Stage.UNCLAIMED),
    )
    return {pk: Stage(value) for pk, value in rows.annotate(stage=stage).values_list("pk", "stage")}


def withdraw_unscanned(challenge_ids: Collection[str]) -> None:
    """Codes that no page shows any more, unless somebody has scanned them: who did may still decide."""
    challenges.withdraw(Challenge.objects.filter(pk__in=challenge_ids, method=M.QR_CODE, authenticator=None))


def named(tenant: Tenant, method: VerificationMethod, challenge_id: str) -> Challenge:
    """The challenge by this method. Raises InvalidRequest."""
    challenge = challenges.by_id(tenant, challenge_id)
    if (challenge.method, challenge.purpose) != (method, Purpose.AUTHENTICATE):
        raise InvalidRequest("challengeId names no challenge.")
    return challenge


def outcome(challenge: Challenge) -> Outcome:
    """What came of it, for who may know."""
    is_claimed = challenge.authenticator_id is not None
    if challenge.verified_at is None:
        # A code that nobody scanned in time is no refusal: the page shows the next one.
        over = challenge.failed_at is not None or challenge.expires_at <= clock.now()
        return Outcome(is_claimed, is_consumed=over and (is_claimed or challenge.method == M.PUSH))
    return delivered(challenge)


@transaction.atomic
def delivered(challenge: Challenge) -> Outcome:
    """The access token, to the first who asks in time. Raises InvalidRequest when the user is gone."""
    gone = InvalidRequest("challengeId names no challenge.")
    action = Action.objects.select_related("user", "tenant").filter(pk__in=[challenge.action_id]).first()
    if action is None:
        raise gone
    action.user.lock(gone=gone)
    action.refresh_from_db(fields=["state", "decided_at"])
    if action.state in states.CLOSED_TO_PROOF or action.is_decided_since(challenge.verified_at):
        return Outcome(True, is_consumed=True)
    now = clock.now()
    fresh = now - timedelta(seconds=settings.PROOF_FRESH_SECONDS)
    undelivered = Challenge.objects.filter(pk=challenge.pk, verified_at__gt=fresh, claimed_at=None, withdrawn_at=None)
    token = None
    if undelivered.update(claimed_at=now):
        token = proofs.access_token(action, now=now, since=challenge.verified_at)
    return Outcome(True, is_verified=True, is_consumed=True, access_token=token)
