"""Custom data that the sender of an email is told: what an analyst marked for that, and no more."""

import json
from ipaddress import ip_network

import pytest

from authenticators import delivery
from authenticators.models import Message, MessageProvider
from authsignal_portal.vocabulary import Channel
from rules.models import CustomDataPoint
from tests import make
from tests.api.reading import ok
from tests.api.test_device_credentials import enrol
from tests.device import DeviceKey

EMAIL, PHONE = "alice@acme.example", "+6421234567"
SENT = {"amount": 12.5, "score": 3, "shelf": "x", "tags": ["a", "b"], "unregistered": "u", "gone": None}
KNOWN = {"firstName": "Alice", "risk": "high", "amount": "theirs"}
TOLD = {"action_amount": 12.5, "action_tags": ["a", "b"], "user_firstName": "Alice"}


@pytest.fixture
def points(acme):
    """Some forwarded, some seen by phones alone, some for rules alone."""
    for name, kind, model, marked in [
        ("amount", "number", "action", "is_forwarded"),
        ("tags", "multiselect", "action", "is_forwarded"),
        ("gone", "text", "action", "is_forwarded"),
        ("firstName", "text", "user", "is_forwarded"),
        ("shelf", "text", "action", "is_public"),
        ("amount", "text", "user", "is_public"),
        ("score", "number", "action", ""),
        ("risk", "text", "user", ""),
    ]:
        point = make.make_point(acme, name, kind, model)
        CustomDataPoint.objects.filter(pk=point.pk).update(**({marked: True} if marked else {}))


@pytest.fixture
def alice(api, acme):
    make.make_action(acme, "login", "CHALLENGE")
    return ok(api("PATCH", "users/alice", {"custom": KNOWN}))


def track(api):
    return ok(api("POST", "users/alice/actions/login", {"custom": SENT}))["token"]


def told():
    """What the newest message tells its sender beside the message."""
    payload = json.loads(Message.objects.select_related("tenant").latest("created_at").payload)
    return payload["about"]


def test_a_code_by_email_goes_with_what_is_forwarded(api, browser, alice, points):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": EMAIL}))
    ok(browser("POST", "challenge/email-otp", token=track(api)))
    assert told()["customVariables"] == TOLD


def test_so_does_one_that_enrols_and_one_by_the_server(api, browser, alice, points):
    ok(browser("POST", "user-authenticators/email-otp", {"email": EMAIL}, token=track(api)))
    assert told()["customVariables"] == TOLD
    given = {"userId": "alice", "action": "login", "email": EMAIL, "verificationMethod": "EMAIL_OTP", "custom": SENT}
    ok(api("POST", "challenge", given))
    assert told()["customVariables"] == TOLD


def test_a_text_message_and_a_push_go_without(api, browser, acme, alice, points):
    MessageProvider.objects.create(tenant=acme, channel=Channel.PUSH, kind="webhook", url="https://push.acme.example")
    ok(browser("POST", "user-authenticators/sms", {"phoneNumber": PHONE}, token=track(api)))
    assert "customVariables" not in told()
    assert "Alice" not in json.dumps(told())
    enrol(api, browser, DeviceKey(), "push")
    ok(browser("POST", "challenge/push", token=track(api)))
    assert "challengeId" in told()
    assert "customVariables" not in told()


def test_where_nothing_is_marked_nothing_is_told(api, browser, alice):
    ok(browser("POST", "user-authenticators/email-otp", {"email": EMAIL}, token=track(api)))
    assert "customVariables" not in told()


def test_another_tenants_mark_does_not_count(api, browser, globex, alice):
    point = make.make_point(globex, "amount", "number")
    CustomDataPoint.objects.filter(pk=point.pk).update(is_forwarded=True)
    ok(browser("POST", "user-authenticators/email-otp", {"email": EMAIL}, token=track(api)))
    assert "customVariables" not in told()


def test_the_event_nests_them_in_its_data(api, browser, acme, alice, points, httpserver, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    httpserver.expect_request("/hook").respond_with_data("")
    MessageProvider.objects.create(tenant=acme, channel=Channel.EMAIL, kind="webhook", url=httpserver.url_for("/hook"))
    ok(browser("POST", "user-authenticators/email-otp", {"email": EMAIL}, token=track(api)))
    delivery.deliver(Message.objects.latest("created_at").pk)
    event = httpserver.log[0][0].get_json()
    assert (event["type"], event["data"]["to"]) == ("email.created", EMAIL)
    assert event["data"].pop("customVariables") == TOLD
    assert all(isinstance(value, str) for value in event["data"].values())
