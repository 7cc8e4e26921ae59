"""A customer's own sender that does not take a message: the second provider, then an honest answer."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest
from django.db import connection, transaction
from django.test import Client

from authenticators import outbox
from authenticators.models import Challenge, Message, MessageProvider
from authsignal_portal import celery_app
from tests import make
from tests.api.reading import ok, refused
from tests.api.test_device_credentials import enrol, track
from tests.device import DeviceKey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(httpserver, settings, acme, api):
    """Where Acme's sender listens; its backend knows the address of alice."""
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.WEBHOOK_ANSWER_SECONDS = 0.3
    settings.RESEND_WAIT_SECONDS = 0
    ok(api("PATCH", "users/alice", {"email": "a@b.example"}))
    return httpserver


def provider(hook, tenant, path, position=1, channel="EMAIL"):
    row = MessageProvider(tenant=tenant, channel=channel, kind="webhook", position=position)
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


# -- push ----------------------------------------------------------------------------------------


def test_the_sender_of_a_push_is_told_who_asks(api, browser, acme, hook):
    enrol(api, browser, DeviceKey())
    provider(hook, acme, "/hook", channel="PUSH")
    hook.expect_request("/hook").respond_with_data(status=200)
    token = track(api, ipAddress="81.2.69.142", userAgent="Agent", idempotencyKey="k")
    asked = ok(browser("POST", "challenge/push", {}, token=token))
    event = hook.log[0][0].get_json()
    assert (event["type"], event["tenantId"]) == ("push.created", str(acme.pk))
    assert event["data"] == {
        "challengeId": asked["challengeId"],
        "userId": "alice",
        "actionCode": "login",
        "idempotencyKey": "k",
        "userAgent": "Agent",
        "ipAddress": "81.2.69.142",
        "timezone": "Europe/London",
    }


@pytest.mark.parametrize(("status", "told"), [(200, {}), (400, {"errorCode": "unavailable"})])
def test_what_came_of_a_push_is_told_of_each_device_that_it_asks(api, browser, acme, hook, status, told):
    keys = [DeviceKey(), DeviceKey()]
    devices = [enrol(api, browser, key)["userAuthenticatorId"] for key in keys]
    token = track(api)
    assert "deliveryResults" not in ok(browser("POST", "challenge/push", {}, token=track(api))), "nobody was waited for"
    provider(hook, acme, "/hook", channel="PUSH")
    hook.expect_request("/hook").respond_with_data(status=status)
    asked = ok(browser("POST", "challenge/push", {}, token=token))
    assert asked["deliveryResults"] == [{"userAuthenticatorId": device} | told for device in devices]
    found = ok(browser("GET", f"user-authenticators/push/challenge?{keys[0].query}"))
    assert found["challengeId"] == asked["challengeId"], "it is there all the same"
    named = ok(browser("POST", "challenge/push", {"userAuthenticatorId": devices[1]}, token=track(api)))
    assert named["deliveryResults"] == [{"userAuthenticatorId": devices[1]} | told]


# -- a sender that takes its time ----------------------------------------------------------------

LONG = 30


@pytest.fixture
def slow(hook, acme, globex, settings):
    """Senders of both tenants that answer when the test is over, and a queue that nobody works on."""
    was_eager, celery_app.conf.task_always_eager = celery_app.conf.task_always_eager, False
    settings.WEBHOOK_ANSWER_SECONDS = LONG
    is_over = threading.Event()
    hook.expect_request("/slow").respond_with_handler(lambda _request: is_over.wait(LONG))
    for tenant in (acme, globex):
        provider(hook, tenant, "/slow")
    yield
    is_over.set()
    celery_app.conf.task_always_eager = was_eager


def asked(tenant, user):
    """The answer to a backend that asks for a code, and how many seconds it took."""
    headers = {"Authorization": make.basic(make.make_key(tenant))}
    given = {"userId": user, "action": "login", "email": f"{user}@b.example"}
    began = time.monotonic()
    try:
        answer = Client().post("/v1/challenge", given, "application/json", headers=headers)
    finally:
        if threading.current_thread() is not threading.main_thread():
            connection.close()
    return answer.status_code, time.monotonic() - began


def waits(tenant):
    """Whether a request of the tenant's waits somewhere."""
    with transaction.atomic():
        return not outbox.is_first(f"webhook-wait:{tenant.pk}")


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("same", [True, False])
def test_one_request_of_a_process_waits_and_the_others_are_answered(acme, globex, slow, same):
    with ThreadPoolExecutor(1) as other:
        first = other.submit(asked, acme, "alice")
        until(lambda: waits(acme))
        status, seconds = asked(acme if same else globex, "bob")
        still_waits = not first.done()
        Message.objects.update(status="sent")
        assert first.result(LONG)[0] == 200
    assert (status, still_waits) == (200, True)
    assert seconds < LONG / 3
    assert not waits(acme)


def test_a_tenant_is_waited_for_in_one_process_at_a_time(acme, globex, slow, settings):
    settings.WEBHOOK_ANSWER_SECONDS = 1
    with ThreadPoolExecutor(1) as elsewhere:
        is_held, is_over = threading.Event(), threading.Event()

        def hold():
            with transaction.atomic():
                outbox.is_first(f"webhook-wait:{acme.pk}")
                is_held.set()
                is_over.wait(LONG)
            connection.close()

        held = elsewhere.submit(hold)
        assert is_held.wait(10)
        waited = [asked(tenant, user)[1] >= 1 for tenant, user in ((acme, "alice"), (globex, "bob"))]
        is_over.set()
        held.result(LONG)
    assert waited == [False, True]
    assert asked(acme, "carol")[1] >= 1
