"""Whether a message may become owed: reads what `guard` wants to know, and makes its verdict hold.

Everything is counted in PostgreSQL. Who is counted is the user, the number and where the number is; the address that a
request came from plays no part, so none can be claimed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log as audit
from audit.events import Tag
from authenticators import (
    alarms,
    contact,
    contact_facts,
    guard,
    prices,
    routing,
    sending_counts,
    sending_pauses,
    tuning,
)
from authenticators.guard import Alarm, Caps, Reason, Sent, State
from authenticators.messaging import countries
from authenticators.models import Challenge, EndUser, Message, SendingPolicy
from authsignal_portal import clock
from authsignal_portal.errors import RefusedAddress, TooManyRequests
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel

# Channels where each message costs money and goes to a telephone number; what goes by one counts for all.
PRICED = frozenset(routing.PHONE)
NO_COUNTRY = "ZZ"
PREFIX_REST = 4
LOOKS_BACK = timedelta(seconds=guard.LOOKS_BACK)
MONEY = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that somebody wants to be owed."""

    tenant: Tenant
    user: EndUser | None
    channel: Channel
    method: str
    to: str
    action_id: UUID | None = None
    # In place of a message by another channel that did not arrive: no wait between the two.
    is_fallback: bool = False

    @property
    def is_priced(self) -> bool:
        return self.channel in PRICED

    @property
    def counted_with(self) -> frozenset[Channel]:
        return PRICED if self.is_priced else frozenset({self.channel})


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may be owed, as of `at`. The rest is for the row of a message that costs money."""

    at: datetime
    prefix_index: str = ""
    country: str = ""
    standing: str = ""
    price: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and what is to be kept of it."""

    asked: Asked
    reason: Reason
    country: str
    at: datetime
    alarms: tuple[Alarm, ...] = ()

    def keep(self) -> None:
        """Counted, in the log, and the pause begun; no address, number or country of a person in the log."""
        asked = self.asked
        with transaction.atomic():
            if self.country:
                day = int(self.at.timestamp() // guard.DAY) * guard.DAY
                sending_counts.refuse(asked.tenant, guard.destination_scope(self.country), day)
            sending_pauses.begin(asked.tenant, self.alarms, number=asked.to, country=self.country, now=self.at)
            alarms.refused(asked.tenant, self.reason, self.at)
            audit.record(
                Tag.MESSAGE_REFUSED,
                tenant_id=asked.tenant.pk,
                subject=asked.user.pseudonym if asked.user else None,
                action_id=asked.action_id,
                at=self.at,
                channel=asked.channel.value,
                method=asked.method,
                reason=self.reason.value,
            )


class SendingRefused(TooManyRequests):
    """Time will help."""

    def __init__(self, description: str, *, resets_in: float, refusal: Refusal) -> None:
        super().__init__(description, resets_in=int(resets_in) + 1)
        self.refusal = refusal

    def remember(self) -> None:
        self.refusal.keep()


class NumberRefused(RefusedAddress):
    """Time will not help."""

    def __init__(self, description: str, *, reason: str, refusal: Refusal) -> None:
        super().__init__(description, reason=reason)
        self.refusal = refusal

    def remember(self) -> None:
        self.refusal.keep()


def admit(asked: Asked) -> Admitted:
    """Count the message, or refuse it. The caller holds the locks of its user and number (`outbox`).

    Raises SendingRefused, NumberRefused; then the transaction must be rolled back, for some counters went on.
    """
    now = clock.now()
    country = country_of(asked.to) if asked.is_priced else ""
    policy = policy_of(asked.tenant)
    if asked.is_priced:
        _must_be_served(asked, policy, country, now)
    of_number = _newest_to_number(asked)
    _check_windows(asked, of_number, country, now)
    if not asked.is_priced:
        return Admitted(now)
    return _admit_priced(asked, policy, [sent.proven for sent in of_number], country, now)


# -- one user, one number ------------------------------------------------------------------------


def check_number(tenant: Tenant, number: str, channel: Channel, policy: SendingPolicy | None = None) -> None:
    """Raises RefusedAddress for a number that gets nothing, whoever asks."""
    countries.check(
        number,
        blocked=tenant.refused_sms_countries,
        allow_unknown=routing.sends_nothing(tenant, channel),
        refuse_voip=(policy or policy_of(tenant)).refuses_voip,
    )


def _must_be_served(asked: Asked, policy: SendingPolicy, country: str, now: datetime) -> None:
    try:
        check_number(asked.tenant, asked.to, asked.channel, policy)
    except RefusedAddress as error:
        refusal = Refusal(asked, Reason.DESTINATION, country, now)
        raise NumberRefused(error.description, reason=error.reason, refusal=refusal) from error


def _check_windows(asked: Asked, of_number: Sequence[Sent], country: str, now: datetime) -> None:
    windows = (*tuning.send_windows(asked.channel), *tuning.own_send_window(asked.tenant, asked.method))
    at, reason = now.timestamp(), Reason.NUMBER
    # Between two messages to one address only: whoever mistyped theirs may try another at once.
    between = () if asked.is_fallback else ((settings.SECONDS_BETWEEN_SENDS, 1),)
    wait = guard.wait([sent.at for sent in of_number], (*between, *windows), at)
    if asked.user is not None:
        of_user = guard.wait(_times_of_user(asked), windows, at)
        wait, reason = max((wait, reason), (of_user, Reason.USER))
    if wait > 0:
        text = _("Too many codes were sent. Wait a moment, or use another method.")
        raise SendingRefused(text, resets_in=wait, refusal=Refusal(asked, reason, country, now))


def _newest_to_number(asked: Asked) -> list[Sent]:
    """All count, sent or not; as many as any limit looks at."""
    index = contact.limit_indexes(asked.tenant.pk, asked.to)
    rows = Message.objects.filter(
        tenant=asked.tenant, contact_index__in=index, channel__in=asked.counted_with, notice=""
    )
    newest = rows.order_by("-created_at").values_list("created_at", "proven_at", "contact_index", "standing")
    return [_sent(*row) for row in newest[: _most(asked)]]


def _times_of_user(asked: Asked) -> list[float]:
    rows = Message.objects.filter(user=asked.user, channel__in=asked.counted_with, notice="").order_by("-created_at")
    return [at.timestamp() for at in rows.values_list("created_at", flat=True)[: _most(asked)]]


def _most(asked: Asked) -> int:
    return max([guard.NUMBER_HISTORY, *(most for _seconds, most in tuning.send_windows(asked.channel))])


def _sent(at: datetime, proven_at: datetime | None, number: str, standing: str) -> Sent:
    return Sent(at.timestamp(), proven_at is not None, number, standing)


# -- what costs money ----------------------------------------------------------------------------


def _admit_priced(asked: Asked, policy: SendingPolicy, proven: Sequence[bool], country: str, now: datetime) -> Admitted:
    price = prices.of(country, policy.prices)
    state = _state(asked, country=country, price=price, proven=proven, now=now)
    verdict = guard.decide(state, caps_of(policy))
    if verdict.refused:
        _refuse(asked, verdict.refused, country, until=verdict.until, now=now, alarms=verdict.alarms)
    full = sending_counts.add(asked.tenant, verdict.charges, price=price)
    if full is not None:
        _refuse(asked, sending_counts.reason_of(full), country, until=full.end, now=now, alarms=verdict.alarms)
    sending_pauses.begin(asked.tenant, verdict.alarms, number=asked.to, country=country, now=now)
    return Admitted(now, state.prefix, country, verdict.standing.value, price)


def admit_notice(tenant: Tenant, number: str) -> bool:
    """Count an SMS that nobody asked for against the tenant's budget. Whether there is room, and the number is served.

    Only numbers that were proven get one, so that what guards against strangers has nothing to judge.
    """
    country, policy = country_of(number), policy_of(tenant)
    try:
        check_number(tenant, number, Channel.SMS, policy)
    except RefusedAddress:
        return False
    charges = guard.charges_of_notice(at=clock.now().timestamp(), caps=caps_of(policy))
    with transaction.atomic():
        full = sending_counts.add(tenant, charges, price=prices.of(country, policy.prices))
        if full is not None:
            transaction.set_rollback(True)
    return full is None


def _refuse(
    asked: Asked, reason: Reason, country: str, *, until: float, now: datetime, alarms: tuple[Alarm, ...]
) -> None:
    text = _("No text message can be sent to this number right now. Use another method, or try again later.")
    raise SendingRefused(text, resets_in=until - now.timestamp(), refusal=Refusal(asked, reason, country, now, alarms))


def _state(asked: Asked, *, country: str, price: int, proven: Sequence[bool], now: datetime) -> State:
    tenant, prefix = asked.tenant, prefix_index(asked.tenant, asked.to)
    known = guard.is_known(proven[: guard.NUMBER_HISTORY], enrolled=_is_enrolled(asked))
    pauses = sending_pauses.newest(tenant, [guard.prefix_scope(prefix), guard.country_scope(country)])
    messages = Message.objects.filter(tenant=tenant, created_at__gt=now - LOOKS_BACK).order_by("-created_at")
    columns = messages.values_list("created_at", "proven_at", "contact_index", "standing")
    strangers = columns.filter(country=country, standing__in=list(guard.GROUP))
    return State(
        at=now.timestamp(),
        prefix=prefix,
        country=country,
        price=price,
        is_known=known,
        of_prefix=() if known else [_sent(*row) for row in columns.filter(prefix_index=prefix)[: guard.PREFIX_HISTORY]],
        of_country=() if known else [_sent(*row) for row in strangers[: guard.COUNTRY_HISTORY]],
        prefix_pause=pauses.get(guard.prefix_scope(prefix), guard.NO_PAUSE),
        country_pause=pauses.get(guard.country_scope(country), guard.NO_PAUSE),
    )


def _is_enrolled(asked: Asked) -> bool:
    return asked.user is not None and asked.user.proved_at(asked.to).exists()


def proven(challenge: Challenge, now: datetime) -> None:
    """The challenge was answered: its newest message reached somebody. Call in the proof's transaction."""
    rows = Message.objects.filter(challenge=challenge, proven_at=None).exclude(standing="")
    message = rows.order_by("-created_at").first()
    if message is None:
        return
    if challenge.purpose == Challenge.Purpose.ENROL or challenge.authenticator_id is None:
        # The user may be told by SMS of what is enrolled with it, and what that adds to is taken first by everybody.
        sending_counts.hold(challenge.tenant, guard.BUDGET, int(now.timestamp() // guard.DAY) * guard.DAY)
    Message.objects.filter(challenge=challenge).exclude(standing="").update(proven_at=now)
    credits_of = guard.credits_of(at=message.created_at.timestamp(), country=message.country, standing=message.standing)
    sending_counts.credit(challenge.tenant, credits_of, price=message.price)


# -- the number, the tenant ----------------------------------------------------------------------


def country_of(number: str) -> str:
    parsed = contact.e164(number)
    return (parsed and contact_facts.region(parsed)) or NO_COUNTRY


def prefix_of(number: str) -> str:
    """The number in its one form, less its last four digits."""
    return contact.normal(number)[:-PREFIX_REST]


def prefix_index(tenant: Tenant, number: str) -> str:
    return f"{tenant.entity_key('sms-prefix', prefix_of(number)) & (2**64 - 1):x}"


def policy_of(tenant: Tenant) -> SendingPolicy:
    return SendingPolicy.objects.filter(tenant=tenant).first() or SendingPolicy(tenant=tenant)


def caps_of(policy: SendingPolicy) -> Caps:
    """What the tenant says, and never more than the operator allows."""
    messages = settings.SMS_PER_DAY if policy.messages_per_day is None else policy.messages_per_day
    cost = settings.SMS_COST_PER_DAY * MONEY if policy.cost_per_day is None else policy.cost_per_day
    return Caps(
        budget_messages=min(messages, settings.SMS_PER_DAY_AT_MOST),
        budget_cost=min(cost, settings.SMS_COST_PER_DAY_AT_MOST * MONEY),
        prefix_per_hour=settings.SMS_PER_PREFIX_AND_HOUR,
        country_per_hour=settings.SMS_PER_COUNTRY_AND_HOUR,
    )
