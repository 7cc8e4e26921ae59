from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session

from actions import housekeeping
from actions.models import Backtest, ServerReplay
from authenticators.models import AttestationNonce, Authenticator, Challenge, Message
from authsignal_portal import clock
from tests import make


@pytest.mark.django_db
def test_challenges_go_a_day_after_their_end_and_not_before(acme):
    alice = make.make_user(acme)
    now = clock.now()
    old = make.make_challenge(alice, expires_at=now - timedelta(hours=25))
    recent = make.make_challenge(alice, expires_at=now - timedelta(hours=23))
    assert housekeeping.prune() == 1
    assert list(Challenge.objects.values_list("pk", flat=True)) == [recent.pk]
    assert old.pk != recent.pk


@pytest.mark.django_db
def test_reports_of_backtests_go_after_ninety_days_and_not_before(acme):
    pay = make.make_action(acme, "pay")
    for days in (91, 89):
        when = clock.now() - timedelta(days=days)
        Backtest.objects.create(
            tenant=acme, configuration=pay, status="done", days=7, policy={}, lists_version=0, created_at=when
        )
    assert housekeeping.prune() == 1
    assert Backtest.objects.get().created_at > clock.now() - timedelta(days=90)


@pytest.mark.django_db
def test_sign_ins_of_staff_go_when_they_have_ended():
    for key, minutes in (("over", -1), ("going on", 1)):
        Session.objects.create(session_key=key, expire_date=clock.now() + timedelta(minutes=minutes))
    assert housekeeping.prune() == 1
    assert Session.objects.get().session_key == "going on"


@pytest.mark.django_db
def test_kept_answers_messages_and_enrolments_nobody_finished_go_too(acme):
    alice, now = make.make_user(acme), clock.now()
    ServerReplay.objects.create(
        tenant=acme, request_hash="x", answer_sealed=b"x", created_at=now - timedelta(minutes=61)
    )
    make.make_authenticator(alice, verified_at=None, created_at=now - timedelta(hours=25))
    kept = make.make_authenticator(alice, created_at=now - timedelta(hours=25))
    month_ago = {"status": "sent", "deadline_at": now, "ended_at": now - timedelta(days=31)}
    Message.objects.create(tenant=acme, user=alice, channel="EMAIL", **month_ago)
    assert housekeeping.prune() == 3
    assert list(Authenticator.objects.all()) == [kept]


@pytest.mark.django_db
def test_what_piled_up_goes_in_one_turn_unless_the_turn_is_over(acme, monkeypatch):
    alice, old = make.make_user(acme), clock.now() - timedelta(hours=25)
    for _number in range(7):
        make.make_challenge(alice, expires_at=old)
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    assert housekeeping.prune() == 7
    make.make_challenge(alice, expires_at=old)
    monkeypatch.setattr(housekeeping, "TURN_SECONDS", 0)
    assert housekeeping.prune() == 0


@pytest.mark.django_db
def test_nonces_of_attestations_go_a_day_after_their_end_and_idempotency_keys_that_were_used_never(acme):
    alice, now = make.make_user(acme), clock.now()
    for nonce, until in (("old", now - timedelta(hours=25)), ("recent", now - timedelta(hours=23)), ("used", None)):
        AttestationNonce.objects.create(tenant=acme, user=alice, nonce=nonce, expires_at=until)
    assert housekeeping.prune() == 1
    assert set(AttestationNonce.objects.values_list("nonce", flat=True)) == {"recent", "used"}
