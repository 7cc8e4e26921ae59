"""Codes by WhatsApp, and which of SMS and WhatsApp a code goes by."""

import json

import pytest

from authenticators import codes, delivery
from authenticators.messaging import TransportError
from authenticators.models import Authenticator, AuthenticatorConfiguration, Message
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import code_sent, ok, refused
from tests.authenticators.owing import advance, employ

NUMBER = "+64211234567"


def track(api, user="alice", **body):
    return ok(api("POST", f"users/{user}/actions/login", body))["token"]


@pytest.fixture
def whatsapp(acme):
    """Acme has switched it on."""
    return AuthenticatorConfiguration.objects.create(tenant=acme, method=M.WHATSAPP)


def channels(message):
    return (message.channel, message.fallback_channel)


def test_it_works_only_once_the_tenant_has_switched_it_on(api, browser, acme):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": NUMBER}))
    refused(browser("POST", "challenge/whatsapp", token=track(api)), 400, "invalid_configuration")
    body = {"verificationMethod": "WHATSAPP", "action": "login", "userId": "alice"}
    refused(api("POST", "challenge", body), 400, "invalid_configuration")
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.WHATSAPP)
    ok(browser("POST", "challenge/whatsapp", token=track(api)))
    ok(api("POST", "challenge", body))


def test_a_number_that_gets_sms_is_challenged_by_whatsapp(api, browser, whatsapp):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": NUMBER}))
    token = track(api)
    assert list(ok(browser("POST", "challenge/whatsapp", token=token))) == ["challengeId"]
    assert channels(Message.objects.get()) == ("WHATSAPP", "")
    code = code_sent()
    wrong = ok(browser("POST", "verify/sms", {"verificationCode": code}, token=token))
    assert wrong["isVerified"] is False
    verified = ok(browser("POST", "verify/whatsapp", {"verificationCode": code}, token=token))
    assert set(verified) == {"isVerified", "accessToken"}
    answer = ok(api("POST", "validate", {"token": verified["accessToken"]}))
    assert (answer["isValid"], answer["verificationMethod"]) == (True, "WHATSAPP")
    again = ok(browser("POST", "verify/whatsapp", {"verificationCode": code}, token=token))
    assert again["failureReason"] == "CODE_INVALID_OR_EXPIRED"


def test_what_goes_by_the_other_channel_speaks_the_language_of_the_first(api, browser, whatsapp):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": NUMBER}))
    ok(browser("POST", "challenge/sms", token=track(api), **{"Accept-Language": "fr"}))
    first = Message.objects.get()
    assert "est votre code" in json.loads(first.payload)["text"]
    assert codes.send_by_fallback(first)
    second = Message.objects.exclude(pk=first.pk).get()
    assert "est votre code" in json.loads(second.payload)["text"]


def test_with_nothing_enrolled_the_number_on_file_is_challenged_and_enrolled(api, browser, whatsapp):
    token = track(api, phoneNumber=NUMBER)
    ok(browser("POST", "challenge/whatsapp", token=token))
    assert ok(browser("POST", "verify/whatsapp", {"verificationCode": code_sent()}, token=token))["isVerified"]
    user = ok(api("GET", "users/alice"))
    assert (user["enrolledVerificationMethods"], user["phoneNumberVerified"]) == (["WHATSAPP"], True)
    [row] = ok(api("GET", "users/alice/authenticators"))
    assert (row["verificationMethod"], row["phoneNumber"]) == ("WHATSAPP", NUMBER)


def test_sms_and_whatsapp_share_the_sending_limits(api, browser, whatsapp, settings):
    settings.RESEND_WAIT_SECONDS = 0
    token = track(api, phoneNumber=NUMBER)
    for number in range(6):
        path = "challenge/whatsapp" if number % 2 else "challenge/sms"
        ok(browser("POST", path, token=token))
    refused(browser("POST", "challenge/whatsapp", token=token), 429, "too_many_requests")


def test_a_number_that_gets_no_sms_gets_no_whatsapp(api, browser, whatsapp):
    refused(browser("POST", "challenge/whatsapp", token=track(api, phoneNumber="+93700000000")), 400, "invalid_request")


# -- which way first -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preference", "asked", "expected"),
    [
        ("DEFAULT", {}, ("SMS", "WHATSAPP")),
        ("WHATSAPP", {}, ("WHATSAPP", "SMS")),
        ("WHATSAPP", {"smsChannel": "DEFAULT"}, ("SMS", "WHATSAPP")),
        ("DEFAULT", {"smsChannel": "WHATSAPP"}, ("WHATSAPP", "SMS")),
    ],
)
def test_a_code_of_the_method_sms_goes_first_as_the_tenant_or_the_request_says(
    api, browser, acme, whatsapp, preference, asked, expected
):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SMS, sms_channel=preference)
    ok(browser("POST", "challenge/sms", asked, token=track(api, phoneNumber=NUMBER)))
    assert channels(Message.objects.get()) == expected
    live = ok(api("GET", "challenges?userId=alice"))
    assert (live["verificationMethod"], live["smsChannel"]) == (M.SMS, asked.get("smsChannel", preference))
    [sms] = [row for row in ok(api("GET", "authenticators")) if row["verificationMethod"] == "SMS"]
    assert sms["smsChannel"] == preference


def test_without_whatsapp_a_wish_for_it_is_not_heard(api, browser, acme):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SMS, sms_channel="WHATSAPP")
    ok(browser("POST", "challenge/sms", {"smsChannel": "WHATSAPP"}, token=track(api, phoneNumber=NUMBER)))
    assert channels(Message.objects.get()) == ("SMS", "")


def test_what_whatsapp_refuses_goes_by_sms_and_is_remembered(api, browser, acme, whatsapp, monkeypatch, settings):
    postman = employ(monkeypatch, settings, TransportError("twilio 63024", permanent=True))
    settings.MESSAGE_PROVIDERS |= {"WHATSAPP": "postman"}
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.SMS, sms_channel="WHATSAPP")
    row = make.make_authenticator(make.make_user(acme, "alice"), M.SMS, contact=NUMBER)
    ok(browser("POST", "challenge/sms", token=track(api)))
    delivery.deliver(Message.objects.get().pk)
    assert [sent.channel for sent in postman.sent] == ["SMS"]
    row.refresh_from_db()
    assert row.previous_sms_channel == "DEFAULT"
    advance(60)
    ok(browser("POST", "challenge/sms", token=track(api)))
    delivery.deliver(Message.objects.latest("created_at").pk)
    assert [sent.channel for sent in postman.sent] == ["SMS", "WHATSAPP"]
    [shown] = ok(api("GET", "users/alice/authenticators"))
    assert shown["previousSmsChannel"] == "WHATSAPP"


def test_the_server_sends_and_checks_a_code_by_whatsapp(api, whatsapp):
    body = {"verificationMethod": "WHATSAPP", "action": "login", "phoneNumber": NUMBER}
    challenge = ok(api("POST", "challenge", body))["challengeId"]
    answer = ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))
    assert answer == {"isVerified": True, "phoneNumber": NUMBER, "verificationMethod": "WHATSAPP"}


def test_a_number_is_enrolled_for_whatsapp_alone(api, whatsapp):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "WHATSAPP", "phoneNumber": NUMBER}))
    assert Authenticator.objects.get().method == "WHATSAPP"
