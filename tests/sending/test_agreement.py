"""PostgreSQL and the pure guard, told the same, say the same: verdicts, counters and pauses."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from authenticators import prices, sending
from authenticators.models import Message, SendingCount, SendingPause
from authenticators.sending import NumberRefused, SendingRefused
from authsignal_portal import clock
from authsignal_portal.vocabulary import Channel
from tests import make
from tests.authenticators.owing import make_challenge, owe
from tests.races.still_clock import START
from tests.sending.ledger import Ledger, Posted

pytestmark = pytest.mark.django_db

NUMBERS = [f"{prefix}{number:04}" for prefix in ("+6421123", "+6421124", "+44740012") for number in range(8)]
SHORT = {"SMS": 1000, "EMAIL": 1000}
send = st.tuples(st.just("send"), st.integers(0, len(NUMBERS) - 1))
prove = st.tuples(st.just("prove"), st.integers(0, 3))
wait = st.tuples(st.just("wait"), st.sampled_from([1, 300, 700, 1800, 4000, 90_000]))
STEPS = st.lists(st.one_of(send, send, send, prove, wait), min_size=10, max_size=30)
# As many newcomers as a day's budget has room for, and each answers: then there is room for another.
ANSWERED = [step for place in (0, 1, 8, 9, 16, 17) for step in (("send", place), ("prove", 0))] + [("send", 2)]


def roomy(django_settings) -> None:
    """One number may have as many as the guard lets through; the day's budget is soon used up."""
    django_settings.SECONDS_BETWEEN_SENDS = 0
    django_settings.SENDS_PER_10_MINUTES = django_settings.SENDS_PER_HOUR = django_settings.SENDS_PER_DAY = SHORT
    django_settings.SMS_PER_DAY, django_settings.SMS_COST_PER_DAY = 24, 2


def ask(tenant, number):
    """The message, or the reason why not; as a request does, the refused one rolled back."""
    try:
        return owe(make_challenge(tenant, channel=Channel.SMS), channel=Channel.SMS, to=number)
    except (SendingRefused, NumberRefused) as refused:
        refused.remember()
        return refused.refusal.reason


def country_of(number):
    return "NZ" if number.startswith("+64") else "GB"


# Not shrunk: each example is hundreds of statements.
@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, minutes=st.integers(0, 1439))
@example(steps=ANSWERED, minutes=0)
def test_the_database_agrees_with_the_pure_guard(desk, settings, steps, minutes):
    roomy(settings)
    with transaction.atomic():
        # Each example at its own time, whatever was tried before it: hours and days end within some.
        desk.clock.set(START + timedelta(minutes=minutes))
        agree(desk, steps)
        transaction.set_rollback(True)


def agree(desk, steps):
    tenant = make.make_tenant("Initech")
    ledger = Ledger(sending.caps_of(sending.policy_of(tenant)))
    owed: list[tuple[Message, Posted]] = []
    for what, which in steps:
        desk.clock.advance(which if what == "wait" else 0.25)
        if what == "send":
            number = NUMBERS[which]
            country = country_of(number)
            message = ask(tenant, number)
            posted = ledger.send(
                at=clock.now().timestamp(), number=number, country=country, price=prices.of(country, {})
            )
            if isinstance(posted, Posted):
                assert isinstance(message, Message), message
                assert (message.standing, message.price) == (posted.standing, posted.price)
                owed.append((message, posted))
            else:
                assert message == posted
        elif what == "prove" and owed:
            message, posted = owed.pop(-1 - which % len(owed))
            sending.proven(message.challenge, clock.now())
            ledger.prove(posted)
    assert_same_books(tenant, ledger)


def assert_same_books(tenant, ledger):
    rows = SendingCount.objects.filter(tenant=tenant).exclude(scope__startswith="prefix:")
    stored = {(row.scope, int(row.start.timestamp())): [row.sends, row.proofs, row.cost] for row in rows}
    kept = {key: row for key, row in ledger.rows.items() if not key[0].startswith("prefix:")}
    assert {key: row for key, row in stored.items() if any(row)} == kept
    pauses = SendingPause.objects.filter(tenant=tenant)
    assert sorted((row.until.timestamp(), row.strikes) for row in pauses) == sorted(
        (pause.until, pause.strikes) for pause in ledger.pauses.values()
    )


def test_a_short_attack_through_the_database_ends_as_it_does_in_memory(desk, settings):
    roomy(settings)
    settings.SMS_PER_DAY, settings.SMS_COST_PER_DAY = 2000, 200
    ledger = Ledger(sending.caps_of(sending.policy_of(desk.tenant)))
    began, let_through = clock.now(), 0
    for place in range(200):
        desk.clock.set(began + timedelta(seconds=20 * place))
        number = f"+447400{place % 7:02}{place:04}"
        message = ask(desk.tenant, number)
        posted = ledger.send(at=clock.now().timestamp(), number=number, country="GB", price=prices.of("GB", {}))
        assert isinstance(message, Message) == isinstance(posted, Posted)
        let_through += isinstance(message, Message)
    # Seven prefixes: three each that are new, then hardly any.
    assert 21 <= let_through <= 7 * (3 + 2 * 2)
    assert_same_books(desk.tenant, ledger)
