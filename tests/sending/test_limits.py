"""The sending limits as a caller meets them: refused plainly, told when to come back, kept on record."""

import pytest
import redis
from django.conf import settings as django_settings

from audit.events import Tag
from audit.models import AuditEvent
from authenticators.models import AuthenticatorConfiguration, Message, SendingCount, SendingPause
from authsignal_portal import settings as shipped
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.races import scenes
from tests.races.desk import sent_code

NUMBER = "+64211234567"
CHALLENGE = "challenge"


def start(desk, number=NUMBER, **more):
    """The backend sends a code to whom it does not know yet."""
    return desk.ask("POST", CHALLENGE, {"action": "sign-up", "phoneNumber": number, "verificationMethod": "SMS"} | more)


def sent():
    return Message.objects.count()


def numbers(count, prefix="+6421123"):
    return [f"{prefix}{place:04}" for place in range(count)]


def test_the_shipped_wait_between_two_messages_is_half_a_minute():
    assert shipped.SECONDS_BETWEEN_SENDS == 30


def test_one_address_gets_one_message_in_thirty_seconds_over_all_challenges_and_users(desk):
    assert start(desk).status_code == 200
    desk.clock.advance(29)
    refused = start(desk, userId="somebody")
    assert (refused.status_code, refused.json()["errorCode"]) == (429, "too_many_requests")
    assert refused["Retry-After"] == "2"
    desk.clock.advance(1)
    assert start(desk, userId="somebody").status_code == 200
    assert sent() == 2


def test_who_mistyped_may_try_another_address_at_once(desk):
    assert [start(desk, number, userId="alice").status_code for number in numbers(2)] == [200, 200]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.{0}"},
        {"X-Real-IP": "203.0.113.{0}"},
        {"Forwarded": "for=203.0.113.{0}"},
        {"X-Forwarded-For": "garbage{0}"},
        {"X-Forwarded-For": ", ".join(["203.0.113.{0}"] * 700)},
        {"CF-Connecting-IP": "203.0.113.{0}", "True-Client-IP": "203.0.113.{0}"},
    ],
)
def test_a_claimed_address_changes_no_limit(desk, headers):
    answers = []
    for place in range(14):
        claimed = {name: value.format(place) for name, value in headers.items()}
        body = f'{{"action": "sign-up", "phoneNumber": "+6421123{place:04}", "verificationMethod": "SMS"}}'
        signed = {"Authorization": make.basic(desk.api_secret_key)} | claimed
        answers.append(desk.http.generic("POST", "/v1/challenge", body, "application/json", headers=signed))
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 11
    assert sent() == 3


@pytest.mark.parametrize(
    ("method", "spellings"),
    [
        ("SMS", ["+64211234567", "64 21 123 4567", "+64 (21) 123-4567", "+640211234567"]),
        ("EMAIL_OTP", ["Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM", "ada+7@example.com"]),
        ("EMAIL_OTP", ["ada.l@gmail.com", "a.d.a.l@gmail.com", "adal+x.y+z@gmail.com", "Adal@GoogleMail.com"]),
        ("EMAIL_OTP", ["a@тест.example", "a@xn--e1aybc.example", "A@XN--E1AYBC.Example", "a@тест。example"]),
    ],
)
def test_every_spelling_of_an_address_is_one_address(desk, method, spellings):
    name = "phoneNumber" if method == "SMS" else "email"
    bodies = [{"action": "sign-up", name: spelling, "verificationMethod": method} for spelling in spellings]
    assert [desk("POST", CHALLENGE, body)[0] for body in bodies] == [200, 429, 429, 429]


def test_a_redis_that_forgets_everything_gets_nobody_another_message(desk):
    for number in numbers(6):
        start(desk, number)
        redis.Redis.from_url(django_settings.REDIS_URL).flushall()
    assert sent() == 3


def test_a_resend_keeps_deadline_and_guesses_and_there_are_three_of_them(desk):
    tracked = scenes.enrolled(desk, M.SMS)
    first = desk("POST", "client/challenge/sms", token=tracked.token)[1]["challengeId"]
    begun = Message.objects.get().deadline_at
    for _resend in range(3):
        desk.clock.advance(30)
        assert desk("POST", "client/challenge/sms", token=tracked.token) == (200, {"challengeId": first})
    desk.clock.advance(30)
    assert desk("POST", "client/challenge/sms", token=tracked.token)[0] == 429
    assert {message.deadline_at for message in Message.objects.all()} == {begun}
    desk.clock.set(begun)
    body = {"challengeId": first, "verificationCode": sent_code(first)}
    assert desk("POST", "verify", body)[1]["isVerified"] is False


def test_a_prefix_that_never_answers_stops_at_the_cap_with_a_pause_and_an_alarm(desk):
    """Three hours of it: after the first numbers nothing but the guard's few trials gets through."""
    for place in range(100):
        desk.clock.advance(108)
        start(desk, f"+6421123{place:04}")
    assert sent() <= 10
    pause = SendingPause.objects.get()
    assert (pause.country, pause.prefix, pause.proven) == ("NZ", "+6421123", 0)
    [alarm] = AuditEvent.objects.filter(tag=Tag.SENDING_PAUSED)
    assert alarm.data == {"kind": "prefix", "country": "NZ"}
    assert SendingCount.objects.get(scope="sent:NZ").refusals == 100 - sent()


def test_the_budget_of_a_day_ends_at_midnight(desk, settings):
    settings.SMS_PER_DAY = 8
    places = [start(desk, f"+642112{place:02}0000").status_code for place in range(4)]
    # A quarter of it for numbers that never answered.
    assert places == [200, 200, 429, 429]
    known = scenes.enrolled(desk, M.SMS, contact="+64279876543")
    assert desk("POST", "client/challenge/sms", token=known.token)[0] == 200
    settings.SMS_PER_DAY = 3
    other = scenes.enrolled(desk, M.SMS, contact="+64279876500")
    refused = desk.ask("POST", "client/challenge/sms", token=other.token)
    assert (refused.status_code, int(refused["Retry-After"])) == (429, (20 * 60 + 55) * 60 + 55 + 1)
    desk.clock.advance(int(refused["Retry-After"]))
    again = scenes.track(desk, other.user.user_id, "Later")
    assert desk("POST", "client/challenge/sms", token=again.token)[0] == 200


def test_the_budget_counts_money_too(desk, settings):
    settings.SMS_COST_PER_DAY = 1
    # 0.11 each, and a quarter of 1.00 for numbers that never answered.
    assert [start(desk, f"+642112{place:02}0000").status_code for place in range(4)] == [200, 200, 429, 429]


def test_whatsapp_counts_with_sms_whatever_is_counted(desk):
    AuthenticatorConfiguration.objects.create(tenant=desk.tenant, method=M.WHATSAPP)
    ways = ("SMS", "WHATSAPP", "SMS", "WHATSAPP")
    of_prefix = [start(desk, number, verificationMethod=way) for number, way in zip(numbers(4), ways, strict=True)]
    assert [answer.status_code for answer in of_prefix] == [200, 200, 200, 429]
    of_number = [start(desk, "+64279876543", verificationMethod=way) for way in ("WHATSAPP", "SMS")]
    assert [answer.status_code for answer in of_number] == [200, 429]
    budget = SendingCount.objects.get(scope="budget")
    assert (budget.sends, budget.cost) == (4, 4 * 1100)


def test_a_refusal_is_plain_and_its_event_names_nobody(desk):
    for number in numbers(4):
        answer = start(desk, number)
    assert answer.json()["errorDescription"] == (
        "No text message can be sent to this number right now. Use another method, or try again later."
    )
    [event] = AuditEvent.objects.filter(tag=Tag.MESSAGE_REFUSED)
    assert event.data == {"channel": "SMS", "method": "SMS", "reason": "prefix limit"}
    assert (event.subject, event.tenant_id) == (None, desk.tenant.pk)


def test_a_destination_that_is_not_served_is_refused_for_good_and_counted(desk):
    answer = start(desk, "+79161234567")
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_request")
    assert AuditEvent.objects.get(tag=Tag.MESSAGE_REFUSED).data["reason"] == "destination not served"
    assert SendingCount.objects.get(scope="sent:RU").refusals == 1


def test_answers_earn_a_prefix_room(desk):
    for number in numbers(3):
        challenge = start(desk, number).json()["challengeId"]
        body = {"challengeId": challenge, "verificationCode": sent_code(challenge)}
        assert desk("POST", "verify", body)[1]["isVerified"] is True
    assert [start(desk, number).status_code for number in numbers(13)[3:]] == [200] * 10
    assert Message.objects.filter(standing="trusted").count() == 10
    row = SendingCount.objects.get(scope="sent:NZ")
    assert (row.sends, row.proofs) == (13, 3)


def test_tenants_are_counted_apart(desk):
    for number in numbers(4):
        start(desk, number)
    assert start(desk.another(make.make_tenant("Globex")), "+64211230009").status_code == 200
