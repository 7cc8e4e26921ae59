"""Owing and delivering as it really happens: transactions that commit, many at once, a queue that is away."""

import json
import threading
import time
from pathlib import Path

import pytest
from django.db import connection, transaction

from audit.events import Tag
from audit.models import AuditEvent
from authenticators import alarms, delivery, outbox, sending
from authenticators.models import Challenge, Message, SendingCount, SendingPause
from authenticators.sending import SendingRefused
from authsignal_portal import clock
from authsignal_portal.errors import TooManyRequests
from authsignal_portal.vocabulary import Channel
from tests.authenticators.owing import make_challenge, owe, status_of, together
from tests.make import make_tenant, make_user
from tests.portal.staff import make_staff

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def no_limits(settings) -> None:
    settings.SENDS_PER_10_MINUTES = settings.SENDS_PER_HOUR = settings.SENDS_PER_DAY = {"SMS": 1000, "EMAIL": 1000}


@pytest.fixture
def outbox_file(settings, tmp_path) -> Path:
    settings.OUTBOX_FILE = str(tmp_path / "outbox.jsonl")
    return Path(settings.OUTBOX_FILE)


def test_committing_sends_it(outbox_file):
    message = owe(code="918273")
    assert status_of(message) == Message.Status.SENT
    (line,) = outbox_file.read_text().splitlines()
    assert json.loads(line)["code"] == "918273"


def test_rolling_back_owes_and_sends_nothing(outbox_file):
    with transaction.atomic():
        owe()
        transaction.set_rollback(True)
    assert not Message.objects.exists()
    assert not outbox_file.exists()


def test_owing_outside_a_transaction_is_refused():
    challenge = make_challenge(make_tenant())
    with pytest.raises(RuntimeError):
        outbox.owe_code(
            tenant=challenge.tenant,
            user=None,
            challenge=challenge,
            channel=Channel.EMAIL,
            to="a@example.com",
            code="123456",
            now=clock.now(),
            locale=None,
        )


def test_a_dead_broker_costs_the_request_nothing_and_the_message_little(deaf_queue, postman):
    started = time.monotonic()
    message = owe()
    assert time.monotonic() - started < 1
    assert status_of(message) == Message.Status.OWED
    delivery.sweep()
    assert [sent.ident for sent in postman.sent] == [str(message.pk)]


@pytest.mark.parametrize("shared", ["contact", "user"])
def test_thirty_at_once_get_exactly_the_limit(shared, postman):
    tenant = make_tenant()
    user = make_user(tenant) if shared == "user" else None
    for _round in range(3):
        Message.objects.all().delete()
        SendingCount.objects.all().delete()
        challenges = [make_challenge(tenant, user, channel=Channel.SMS) for _number in range(30)]

        def send(number: int, challenges: list[Challenge] = challenges) -> Message:
            to = "+64211234567" if shared == "contact" else f"+6421{number + 100}4567"
            return owe(challenges[number], channel=Channel.SMS, to=to)

        results = together(30, send)
        assert sum(isinstance(result, Message) for result in results) == 6
        assert sum(isinstance(result, TooManyRequests) for result in results) == 24
        assert Message.objects.count() == 6


def test_crossed_users_and_numbers_do_not_deadlock(postman, no_limits):
    tenant = make_tenant()
    users = [make_user(tenant, f"user {number}") for number in range(4)]
    challenges = [make_challenge(tenant, users[number % 4], channel=Channel.SMS) for number in range(24)]

    def send(number: int) -> Message:
        return owe(challenges[number], channel=Channel.SMS, to=f"+6421{number // 4 % 4}234567")

    assert all(isinstance(result, Message) for result in together(24, send))


def test_who_is_told_by_sms_of_what_a_code_by_sms_proved_keeps_nobody_waiting_who_keeps_them(postman, no_limits):
    """The proof takes counters back, its notice adds to one that every message begins with."""
    tenant = make_tenant()
    user = make_user(tenant, phone_number="+64219876543", phone_number_verified=True)
    enrols = make_challenge(tenant, user, channel=Channel.SMS)
    Challenge.objects.filter(pk=enrols.pk).update(purpose=Challenge.Purpose.ENROL)
    enrols.refresh_from_db()
    owe(enrols, channel=Channel.SMS)
    stranger, proved = make_challenge(tenant, channel=Channel.SMS), threading.Event()

    def work(number: int) -> bool:
        if number:
            assert proved.wait(10)
            return isinstance(owe(stranger, channel=Channel.SMS, to="+64221234567"), Message)
        with transaction.atomic():
            sending.proven(enrols, clock.now())
            proved.set()
            wait_for_another()
            return sending.admit_notice(tenant, "+64219876543")

    assert together(2, work) == [True, True]


def wait_for_another() -> None:
    """Until another transaction waits for this one."""
    until = time.monotonic() + 5
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)


def test_four_sweepers_and_all_doorbells_at_once_send_each_message_once(deaf_queue, postman):
    tenant = make_tenant()
    owed = [owe(make_challenge(tenant), to=f"{number}@example.com").pk for number in range(40)]

    def work(number: int) -> None:
        if number < 4:
            delivery.sweep()
        for message_id in owed[number::8]:
            delivery.deliver(message_id)

    assert together(8, work) == [None] * 8
    assert sorted(sent.ident for sent in postman.sent) == sorted(map(str, owed))
    assert Message.objects.filter(status=Message.Status.SENT).count() == 40
    assert AuditEvent.objects.filter(tag=Tag.MESSAGE_SENT).count() == 40


def test_one_message_claimed_by_twenty_at_once_goes_to_one(deaf_queue):
    message = owe()
    results = together(20, lambda _number: delivery.claim(message.pk))
    assert sum(result is not None for result in results) == 1
    assert not [result for result in results if isinstance(result, Exception)]


@pytest.mark.parametrize(
    ("name", "numbers", "most"),
    [
        ("prefix", [f"+6421123{place:04}" for place in range(50)], 10),
        ("budget", [f"+6421{place + 100}4567" for place in range(50)], 5),
    ],
)
def test_fifty_at_once_get_no_more_than_the_cap_of_the_guard(name, numbers, most, postman, settings):
    settings.SMS_PER_DAY = 20
    tenant = make_tenant()
    challenges = [make_challenge(tenant, channel=Channel.SMS) for _number in numbers]
    if name == "prefix":
        settings.SMS_PER_DAY = 2000
    results = together(50, lambda place: owe(challenges[place], channel=Channel.SMS, to=numbers[place]))
    assert {type(result) for result in results} == {Message, SendingRefused}
    assert sum(isinstance(result, Message) for result in results) == most
    assert Message.objects.count() == most
    assert SendingCount.objects.get(scope="budget").sends == most


def test_pauses_that_begin_at_once_are_two_emails():
    """The first at once, and one of all others."""
    tenant = make_tenant()
    make_staff(tenant)
    now = clock.now()
    for _round in range(3):
        Message.objects.all().delete()
        SendingPause.objects.all().delete()

        def begin(number):
            with transaction.atomic():
                place = {"scope": f"+6421{number}", "prefix": f"+6421{number}", "country": "NZ"}
                row = SendingPause.objects.create(tenant=tenant, **place, started_at=now, until=now)
                alarms.pause_begun(row, now)

        together(8, begin)
        first, others = Message.objects.select_related("tenant").order_by("due_at")
        assert first.due_at == now < others.due_at
        told = json.loads(first.payload)["subject"] + json.loads(others.payload)["subject"]
        assert all(f"+6421{number}" in told for number in range(8))
