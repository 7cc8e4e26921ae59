"""A customer's own sender that does not take a message: the second provider, then an honest answer."""

import json
from ipaddress import ip_network

import pytest

from authenticators.models import Challenge, Message, MessageProvider
from tests.api.reading import ok, refused
from tests.api.test_device_credentials import track

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(httpserver, settings, acme, api):
    """Where Acme's sender listens; its backend knows the address of alice."""
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.WEBHOOK_ANSWER_SECONDS = 0.3
    settings.RESEND_WAIT_SECONDS = 0
    ok(api("PATCH", "users/alice", {"email": "a@b.example"}))
    return httpserver


def provider(hook, tenant, path, position=1):
    row = MessageProvider(tenant=tenant, channel="EMAIL", kind="webhook", position=position)
    row.url = hook.url_for(path)
    row.save(force_insert=True)


def by_client(api, browser):
    return browser("POST", "challenge/email-otp", token=track(api))


def by_server(api, browser):
    return api("POST", "challenge", {"userId": "alice", "action": "login", "email": "a@b.example"})


def by_enrolment(api, browser):
    return browser("POST", "user-authenticators/email-otp", {"email": "a@b.example"}, token=track(api))


WAYS = [by_client, by_server, by_enrolment]


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize("status", [400, 500])
def test_what_nobody_took_is_no_success(api, browser, acme, hook, ask, status):
    provider(hook, acme, "/hook")
    hook.expect_request("/hook").respond_with_data(status=status)
    told = refused(ask(api, browser), 503, "unavailable")
    assert "could not be sent" in told
    challenge = Challenge.objects.get()
    assert (challenge.verified_at, challenge.failed_at) == (None, None)
    assert Message.objects.get().status == ("failed" if status == 400 else "owed")


@pytest.mark.parametrize("ask", WAYS)
def test_the_second_provider_takes_what_the_first_one_refused(api, browser, acme, hook, ask):
    provider(hook, acme, "/first")
    provider(hook, acme, "/second", position=2)
    hook.expect_request("/first").respond_with_data(status=403)
    hook.expect_request("/second").respond_with_data(status=200)
    assert ok(ask(api, browser))["challengeId"] == Challenge.objects.get().pk
    assert Message.objects.get().status == "sent"


def test_asked_again_it_sends_on_the_same_challenge(api, browser, acme, hook, client):
    provider(hook, acme, "/hook")
    hook.expect_oneshot_request("/hook").respond_with_data(status=500)
    hook.expect_request("/hook").respond_with_data(status=200)
    token = track(api)
    refused(browser("POST", "challenge/email-otp", token=token), 503, "unavailable")
    assert ok(browser("POST", "challenge/email-otp", token=token))["challengeId"] == Challenge.objects.get().pk


@pytest.mark.parametrize(("attempts", "status"), [(1, "waiting"), (2, "failed")])
def test_the_hosted_page_is_told_after_the_second_try(api, browser, acme, hook, client, attempts, status):
    provider(hook, acme, "/hook")
    hook.expect_request("/hook").respond_with_data(status=500)
    token = track(api)
    refused(browser("POST", "challenge/email-otp", token=token), 503, "unavailable")
    Message.objects.update(attempts=attempts)
    body = json.dumps({"challengeId": Challenge.objects.get().pk})
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.post("/challenge/api/delivery", body, "application/json", headers=headers)
    assert answer.json() == {"status": status}
    state = client.post("/challenge/api/state", "{}", "application/json", headers=headers).json()
    assert state["sent"] == {"EMAIL_OTP": False}


def test_the_page_knows_which_code_is_for_its_action_and_which_for_another(api, browser, acme, client, settings):
    settings.SECONDS_BETWEEN_SENDS = 30
    ok(api("PATCH", "users/alice", {"email": "a@b.example"}))
    first, second = track(api), track(api, action="pay")
    ok(browser("POST", "challenge/email-otp", token=first))
    for token in (first, second):
        refused(browser("POST", "challenge/email-otp", token=token), 429, "too_many_requests")
    sent = [
        client.post("/challenge/api/state", "{}", "application/json", headers={"Authorization": f"Bearer {token}"})
        .json()
        .get("sent")
        for token in (first, second)
    ]
    assert sent == [{"EMAIL_OTP": True}, None]
