"""Delivering: once, in time, or visibly not at all, whatever workers and providers do."""

import logging
import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError

from audit.events import Tag
from audit.models import AuditEvent
from authenticators import delivery
from authenticators.messaging import TransportError
from authenticators.models import Challenge, Message
from authsignal_portal import clock
from tests.authenticators.owing import (
    advance,
    make_challenge,
    owe,
    status_of,
)
from tests.make import make_tenant

pytestmark = pytest.mark.django_db

TEMPORARY = TransportError("test 451", permanent=False)
PERMANENT = TransportError("test 550", permanent=True)


def row(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.order_by("id"))


def claimed_by_a_worker_that_died(message: Message) -> None:
    assert delivery.claim(message.pk) is not None


# -- sending --


def test_a_delivered_message_is_marked_emptied_and_recorded(postman):
    message = owe(code="918273", to="canary@example.com")
    delivery.deliver(message.pk)
    (sent,) = postman.sent
    assert (sent.ident, sent.to, sent.code) == (str(message.pk), "canary@example.com", "918273")
    after = row(message)
    assert (after.status, after.payload_sealed, after.lease_until) == ("sent", None, None)
    assert after.provider_id == f"postman-{message.pk}"
    assert after.ended_at is not None
    (event,) = events()
    assert (event.tag, event.actor_kind) == (Tag.MESSAGE_SENT, "system")
    assert event.subject == message.user.pseudonym
    assert event.data == {
        "message": str(message.pk),
        "channel": "EMAIL",
        "method": "EMAIL_OTP",
        "challenge": message.challenge_id,
        "attempt": 1,
    }


def test_a_second_doorbell_sends_nothing(postman):
    message = owe()
    delivery.deliver(message.pk)
    delivery.deliver(message.pk)
    assert len(postman.sent) == 1
    assert len(events()) == 1


def test_a_doorbell_without_a_row_sends_nothing(postman):
    delivery.deliver(uuid.uuid4())
    assert not postman.sent


def test_a_message_to_nobody_in_particular_is_sent(postman):
    message = owe(make_challenge(make_tenant()))
    delivery.deliver(message.pk)
    assert status_of(message) == Message.Status.SENT
    assert events()[0].subject is None


def test_nothing_secret_is_logged(postman, caplog):
    caplog.set_level(logging.DEBUG)
    postman.errors = [TEMPORARY]
    message = owe(code="918273", to="canary@example.com")
    delivery.deliver(message.pk)
    advance(10)
    delivery.sweep()
    assert status_of(message) == Message.Status.SENT
    assert "message not sent" in caplog.text
    assert "918273" not in caplog.text
    assert "canary" not in caplog.text


def test_the_contents_do_not_show_in_a_representation(postman):
    message = owe(code="918273", to="canary@example.com")
    delivery.deliver(message.pk)
    shown = repr(postman.sent[0])
    assert str(message.pk) in shown
    assert "918273" not in shown
    assert "canary" not in shown


# -- failing --


def test_a_passing_failure_is_tried_again_after_a_while(postman):
    postman.errors = [TEMPORARY, TEMPORARY]
    message = owe()
    delivery.deliver(message.pk)
    after = row(message)
    assert (after.status, after.error, after.attempts) == ("owed", "test 451", 1)
    assert timedelta(0) < after.due_at - clock.now() <= timedelta(seconds=2)
    delivery.deliver(message.pk)
    assert row(message).attempts == 1
    advance(2)
    delivery.sweep()
    assert row(message).attempts == 2
    advance(4)
    delivery.sweep()
    after = row(message)
    assert (after.status, after.error, after.attempts) == ("sent", "", 3)


def test_a_lasting_failure_ends_the_message(postman):
    postman.errors = [PERMANENT]
    message = owe()
    delivery.deliver(message.pk)
    after = row(message)
    assert (after.status, after.error, after.payload_sealed) == ("failed", "test 550", None)
    (event,) = events()
    assert event.tag == Tag.MESSAGE_FAILED
    assert (event.data["kind"], event.data["reason"]) == ("failed", "test 550")


def test_after_eight_attempts_it_has_failed(postman):
    postman.errors = [TEMPORARY] * 8
    message = owe()
    for _attempt in range(8):
        delivery.sweep()
        advance(60)
    after = row(message)
    assert (after.status, after.attempts, after.error) == ("failed", 8, "test 451")
    assert not postman.sent


def test_a_retry_that_would_come_too_late_is_a_failure_at_once(postman):
    postman.errors = [TEMPORARY]
    challenge = make_challenge(make_tenant(), seconds=1.5)
    message = owe(challenge)
    delivery.deliver(message.pk)
    assert status_of(message) == Message.Status.FAILED


def test_waits_double_up_to_a_minute():
    waits = [delivery.wait_after(attempts).total_seconds() for attempts in range(1, 9)]
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_payload_that_cannot_be_opened_fails_and_holds_nothing_up(postman):
    poisoned, sound = owe(), owe()
    Message.objects.filter(pk=poisoned.pk).update(payload_sealed=b"\x01dgarbage garbage garbage")
    delivery.sweep()
    assert status_of(poisoned) == Message.Status.FAILED
    assert status_of(sound) == Message.Status.SENT


def test_what_no_provider_should_raise_ends_its_message_and_holds_nothing_up(postman, caplog):
    tenant = make_tenant()
    poisoned, sound = (owe(make_challenge(tenant, seconds=seconds)) for seconds in (100, 300))
    postman.errors = [RuntimeError("canary@example.com")]
    delivery.sweep()
    after = row(poisoned)
    assert (after.status, after.error, after.payload_sealed) == ("failed", "unexpected error", None)
    assert status_of(sound) == Message.Status.SENT
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text
    advance(60)
    delivery.sweep()
    assert [sent.ident for sent in postman.sent] == [str(sound.pk)]


def test_a_message_is_not_lost_when_the_database_fails(postman):
    postman.errors = [OperationalError("gone")]
    message = owe()
    with pytest.raises(OperationalError):
        delivery.sweep()
    assert status_of(message) == Message.Status.SENDING
    advance(31)
    delivery.sweep()
    assert status_of(message) == Message.Status.SENT


def test_a_channel_without_a_provider_waits_for_one(postman, settings):
    settings.MESSAGE_PROVIDERS = {"EMAIL": "pigeon", "SMS": "postman"}
    message = owe()
    delivery.deliver(message.pk)
    assert (row(message).status, row(message).error) == ("owed", "no provider is configured")


def test_the_built_in_provider_is_none_in_production(settings, tmp_path):
    settings.PRODUCTION = True
    settings.OUTBOX_FILE = str(tmp_path / "outbox.jsonl")
    message = owe()
    delivery.deliver(message.pk)
    assert row(message).error == "no provider is configured"
    assert not (tmp_path / "outbox.jsonl").exists()


# -- no longer wanted --


@pytest.mark.parametrize("way", [lambda message: delivery.deliver(message.pk), lambda message: delivery.sweep()])
def test_a_message_past_its_deadline_is_never_sent(postman, way):
    message = owe(make_challenge(make_tenant(), seconds=60))
    advance(60)
    way(message)
    assert not postman.sent
    after = row(message)
    assert (after.status, after.payload_sealed) == ("expired", None)
    assert events()[0].data["kind"] == "expired"


@pytest.mark.parametrize("end", ["verified_at", "failed_at"])
def test_a_message_of_a_challenge_that_is_over_is_not_sent(postman, end):
    message = owe()
    Challenge.objects.filter(pk=message.challenge_id).update(**{end: clock.now()})
    delivery.deliver(message.pk)
    assert not postman.sent
    assert status_of(message) == Message.Status.CANCELLED


def test_a_message_of_a_deleted_user_is_gone(postman):
    message = owe()
    message.user.delete()
    delivery.deliver(message.pk)
    delivery.sweep()
    assert not postman.sent
    assert not Message.objects.exists()


def test_a_user_deleted_while_the_message_travels_leaves_nothing_behind(postman):
    message = owe()
    postman.before = lambda _sent: message.user.delete()
    delivery.deliver(message.pk)
    assert not Message.objects.exists()
    assert not events()


def test_an_older_code_left_by_a_dead_worker_is_not_sent_after_a_newer_one(postman):
    challenge = make_challenge(make_tenant())
    old = owe(challenge, code="111111")
    claimed_by_a_worker_that_died(old)
    new = owe(challenge, code="222222")
    advance(31)
    delivery.sweep()
    assert [sent.code for sent in postman.sent] == ["222222"]
    assert (status_of(old), status_of(new)) == ("cancelled", "sent")


# -- leases --


def test_what_a_dead_worker_held_is_sent_by_another_after_the_lease(postman):
    message = owe()
    claimed_by_a_worker_that_died(message)
    delivery.sweep()
    assert not postman.sent
    advance(30)
    delivery.sweep()
    assert [sent.ident for sent in postman.sent] == [str(message.pk)]
    assert row(message).attempts == 2


def test_a_message_that_kills_every_worker_is_given_up(postman):
    message = owe()
    for _death in range(8):
        claimed_by_a_worker_that_died(message)
        advance(30)
    delivery.sweep()
    assert not postman.sent
    assert (row(message).status, row(message).error) == ("failed", "gave up")


def test_a_late_failure_does_not_touch_a_row_in_other_hands(postman):
    message = owe()

    def taken_over(_sent):
        advance(30)
        assert delivery.claim(message.pk) is not None

    postman.before, postman.errors = taken_over, [PERMANENT]
    delivery.deliver(message.pk)
    assert (row(message).status, row(message).attempts) == ("sending", 2)
    assert not events()


def test_a_late_success_counts_and_is_recorded_once(postman):
    message = owe()

    def taken_over(_sent):
        postman.before = lambda _again: None
        advance(30)
        delivery.deliver(message.pk)

    postman.before = taken_over
    delivery.deliver(message.pk)
    assert status_of(message) == Message.Status.SENT
    assert [event.tag for event in events()] == [Tag.MESSAGE_SENT]


# -- many --


def test_the_sweeper_goes_by_deadline(postman):
    tenant = make_tenant()
    late, soon, sooner = (
        owe(make_challenge(tenant, seconds=seconds), to=f"{seconds}@example.com") for seconds in (500, 300, 100)
    )
    delivery.sweep()
    assert [sent.ident for sent in postman.sent] == [str(m.pk) for m in (sooner, soon, late)]


def test_expired_messages_do_not_stand_in_the_way(postman, monkeypatch):
    monkeypatch.setattr(delivery, "SWEEP_BATCH", 3)
    tenant = make_tenant()
    for number in range(7):
        owe(make_challenge(tenant, seconds=60), to=f"{number}@example.com")
    advance(61)
    message = owe(make_challenge(tenant))
    delivery.sweep()
    assert [sent.ident for sent in postman.sent] == [str(message.pk)]
    assert Message.objects.filter(status=Message.Status.EXPIRED).count() == 7


def test_a_sweep_stops_in_time_when_the_provider_is_slow(postman, monkeypatch):
    monkeypatch.setattr(delivery, "SWEEP_SECONDS", 0.0)
    owe(), owe()
    delivery.sweep()
    assert len(postman.sent) == 1
