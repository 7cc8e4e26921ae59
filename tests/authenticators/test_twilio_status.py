"""What Twilio tells of a message afterwards: believed only with its signature, and never backwards."""

import uuid

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from audit.events import Tag
from audit.models import AuditEvent
from authenticators import callbacks, delivery, message_list
from authenticators.models import AuthenticatorConfiguration, Message, MessageProvider, SendingCount
from authsignal_portal.vocabulary import Channel
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.authenticators.owing import CONTACTS, employ, make_challenge, owe

TOKEN = "the account's token"
SID = "SM" + "1" * 32


@pytest.fixture
def message(acme, settings):
    """One that a Twilio account of the tenant's took."""
    settings.PUBLIC_URL = "https://auth.acme.example"
    row = MessageProvider(tenant=acme, channel=Channel.SMS, kind="twilio", account="AC" + "0" * 32)
    row.secret = TOKEN
    row.save()
    challenge = make_challenge(acme, make.make_user(acme), channel=Channel.SMS)
    challenge.contact = CONTACTS[Channel.SMS]
    challenge.save()
    made = owe(challenge, channel=Channel.SMS)
    Message.objects.filter(pk=made.pk).update(
        status="sent", payload_sealed=None, carrier=row, via="SMS", provider_id=SID
    )
    return Message.objects.get(pk=made.pk)


def tell(message, status, *, token=TOKEN, host="testserver", **form):
    fields = {"MessageSid": SID, "MessageStatus": status, "AccountSid": "AC" + "0" * 32, "To": "+64211234567"} | form
    url = f"https://auth.acme.example/callbacks/twilio/{message.pk}"
    signed = RequestValidator(token).compute_signature(url, fields)
    return Client().post(
        f"/callbacks/twilio/{message.pk}", fields, headers={"X-Twilio-Signature": signed, "Host": host}
    )


def delivery_of(message):
    return Message.objects.get(pk=message.pk).delivery


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ("accepted", "queued"),
        ("queued", "queued"),
        ("sending", "queued"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("read", "delivered"),
        ("undelivered", "undelivered"),
        ("failed", "undelivered"),
    ],
)
def test_a_status_is_kept(message, status, kept):
    assert tell(message, status).status_code == 204
    assert delivery_of(message) == kept


def test_our_signature_is_the_one_that_twilios_own_package_computes():
    form = {"MessageSid": "SM1", "Empty": "", "Body": "grüße & more"}
    url = "https://a.example/callbacks/twilio/x"
    assert callbacks.signature("t", url, form) == RequestValidator("t").compute_signature(url, form)


def test_what_is_not_signed_by_the_account_is_refused(message, settings):
    settings.TWILIO_AUTH_TOKEN = "the deployment's token"
    assert tell(message, "delivered", token="another token").status_code == 403
    assert tell(message, "delivered", token=settings.TWILIO_AUTH_TOKEN).status_code == 403
    assert tell(message, "delivered", token="").status_code == 403
    path = f"/callbacks/twilio/{message.pk}"
    assert Client().post(path, {"MessageSid": SID, "MessageStatus": "delivered"}).status_code == 403
    assert Client().get(path).status_code == 405
    signed = callbacks.signature(TOKEN, f"https://auth.acme.example{path}", {"MessageStatus": "sent"})
    altered = Client().post(path, {"MessageStatus": "delivered"}, headers={"X-Twilio-Signature": signed})
    assert altered.status_code == 403
    assert delivery_of(message) == ""


def test_a_message_that_is_unknown_or_not_twilios_is_refused(message):
    assert Client().post(f"/callbacks/twilio/{uuid.uuid4()}", {}).status_code == 403
    MessageProvider.objects.update(kind="webhook")
    assert tell(message, "delivered").status_code == 403


def test_statuses_in_any_order_end_with_the_last_word(message):
    for status in ("delivered", "sent", "queued", "undelivered"):
        assert tell(message, status).status_code == 204
    assert delivery_of(message) == "delivered"
    tags = AuditEvent.objects.filter(action_id=message.action_id).values_list("tag", flat=True)
    assert [tag for tag in tags if tag.startswith("message:")] == ["message:delivered"]


def test_the_same_news_twice_is_told_once(message):
    tell(message, "undelivered", ErrorCode="30003")
    tell(message, "undelivered", ErrorCode="30003")
    [event] = AuditEvent.objects.filter(tag="message:undelivered")
    assert (event.data["reason"], event.data["channel"]) == ("twilio 30003", "SMS")
    [line] = message_list.of_user(message.user)
    assert (line.status, line.tone, line.event, line.reason) == (
        "did not arrive",
        "bad",
        "SMS_NOT_DELIVERED",
        "the phone is off or out of reach (Twilio 30003)",
    )


def test_another_message_of_the_account_says_nothing_about_this_one(message):
    assert tell(message, "delivered", MessageSid="SM" + "2" * 32).status_code == 204
    assert delivery_of(message) == ""


def test_an_error_code_that_is_none_is_not_kept(message):
    tell(message, "undelivered", ErrorCode="<b>+64211234567</b>")
    assert Message.objects.get(pk=message.pk).delivery_code == ""


def test_twilio_is_told_where_to_tell_only_at_a_public_address(message, settings):
    assert delivery.status_url(message) == f"https://auth.acme.example/callbacks/twilio/{message.pk}"
    settings.PUBLIC_URL = "http://localhost:8000"
    assert delivery.status_url(message) == ""


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"status": "owed"}, ""),
        ({"status": "sent"}, "SMS_SENT"),
        ({"status": "sent", "delivery": "sent"}, "SMS_SENT"),
        ({"status": "sent", "delivery": "delivered"}, "SMS_DELIVERED"),
        ({"status": "sent", "delivery": "undelivered"}, "SMS_NOT_DELIVERED"),
        ({"status": "failed"}, "SMS_SEND_DOWNSTREAM_FAILED"),
        ({"status": "cancelled"}, ""),
    ],
)
def test_what_became_of_a_message_has_a_name(message, fields, event):
    Message.objects.filter(pk=message.pk).update(**fields)
    assert message_list.event_of(Message.objects.get(pk=message.pk)) == event


# -- the other channel ---------------------------------------------------------------------------


def test_a_code_that_did_not_arrive_goes_by_the_other_channel_anew(message, monkeypatch, settings):
    employ(monkeypatch, settings)
    AuthenticatorConfiguration.objects.create(tenant=message.tenant, method=M.WHATSAPP)
    Message.objects.filter(pk=message.pk).update(fallback_channel="WHATSAPP")
    before = message.challenge.code_hash
    # Between two that a person asks for.
    settings.SECONDS_BETWEEN_SENDS = 30
    assert tell(message, "undelivered").status_code == 204
    new = Message.objects.exclude(pk=message.pk).get()
    assert (new.channel, new.fallback_channel, new.challenge_id) == ("WHATSAPP", "", message.challenge_id)
    message.challenge.refresh_from_db()
    assert message.challenge.code_hash != before
    tell(message, "undelivered")
    assert Message.objects.count() == 2
    assert SendingCount.objects.get(scope="budget").sends == 2


def test_what_limits_messages_limits_the_other_channel_too(message, monkeypatch, settings):
    employ(monkeypatch, settings)
    AuthenticatorConfiguration.objects.create(tenant=message.tenant, method=M.WHATSAPP)
    Message.objects.filter(pk=message.pk).update(fallback_channel="WHATSAPP")
    settings.SMS_PER_DAY = 1
    assert tell(message, "undelivered").status_code == 204
    assert Message.objects.count() == 1
    assert AuditEvent.objects.get(tag=Tag.MESSAGE_REFUSED).data["channel"] == "WHATSAPP"
