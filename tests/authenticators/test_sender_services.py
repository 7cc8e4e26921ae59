"""Emails by the API of a sender service: what it gets, what every answer means, and who gets the message next."""

import base64
import time
from urllib.parse import parse_qs, unquote

import pytest
from structlog.testing import capture_logs

from authenticators import delivery, messaging
from authenticators.models import Message
from authsignal_portal import outbound
from authsignal_portal.sender_services import SERVICES
from tests import make
from tests.authenticators.owing import advance, make_challenge, owe
from tests.authenticators.peers import IDENT, TalkingServer, free_port, make_email, refusal
from tests.authenticators.senders import ALICE, SECRET, TAKEN, answer, make_sender, move, settle_here

# django-anymail says of SendGrid alone that it does not try it any more.
pytestmark = pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")


@pytest.fixture
def here(httpserver, monkeypatch, settings, acme):
    settle_here(monkeypatch, settings, httpserver, *SERVICES)
    return httpserver


def provider(tenant, key="postmark", **fields):
    return messaging.provider_of(make_sender(tenant, key, **fields))


# -- what it gets --------------------------------------------------------------------------------


def test_a_service_gets_the_mail_and_is_told_to_leave_its_links_alone(here, acme):
    answer(here, "postmark", *TAKEN["postmark"])
    assert provider(acme, account="codes").send(make_email()) == "id-1"
    request = here.log[0][0]
    assert request.path == "/postmark/email"
    assert request.headers["X-Postmark-Server-Token"] == SECRET
    assert request.headers["Idempotency-Key"] == IDENT
    assert request.get_json() == {
        "From": "Acme <no-reply@acme.example>",
        "To": ALICE,
        "Subject": "Your Acme verification code",
        "TextBody": "Your code: 123456 – grüße",
        "HtmlBody": "<p>123456</p>",
        "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
        "TrackLinks": "None",
        "TrackOpens": False,
        "MessageStream": "codes",
    }


def test_another_gets_a_form_at_the_address_of_the_senders_domain(here, acme):
    answer(here, "mailgun", *TAKEN["mailgun"])
    assert provider(acme, "mailgun", region="eu").send(make_email()) == "<id-1@acme.example>"
    request = here.log[0][0]
    assert request.path == "/mailgun/acme.example/messages"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(f"api:{SECRET}".encode()).decode()
    form = parse_qs(request.get_data(as_text=True))
    assert (form["to"], form["text"], form["o:tracking-clicks"]) == ([ALICE], ["Your code: 123456 – grüße"], ["no"])


def test_a_region_has_an_address_of_its_own():
    assert SERVICES["mailgun"].api("eu") == "https://api.eu.mailgun.net/v3/"
    assert SERVICES["mailgun"].api("") == "https://api.mailgun.net/v3/"
    for service in SERVICES.values():
        for url in service.apis.values():
            outbound.check_url(url)


@pytest.mark.parametrize("key", SERVICES)
def test_each_service_takes_a_mail_and_what_it_says_of_it_is_understood(here, acme, key):
    row = provider(acme, key)
    answer(here, key, *TAKEN[key])
    assert row.send(make_email())
    sent = here.log[-1][0]
    shown = unquote(f"{sent.headers} {sent.get_data(as_text=True)}")
    assert ALICE in shown
    assert SECRET in shown or sent.authorization.password == SECRET
    answer(here, key, 503)
    error = refusal(row, make_email())
    assert (error.reason, error.permanent) == (f"{SERVICES[key].name} 503", False)
    if key != "sendgrid":  # whose 2xx says nothing more
        answer(here, key, 200, [])
        error = refusal(row, make_email())
        assert (error.permanent, error.unsure) == (True, True)


# -- what it answers -----------------------------------------------------------------------------

INACTIVE = {
    "ErrorCode": 406,
    "Message": f"You tried to send to a recipient that has been marked as inactive. Found inactive addresses: {ALICE}. "
    "Inactive recipients are ones that have generated a hard bounce.",
}


@pytest.mark.parametrize(
    ("key", "status", "body", "reason", "permanent", "unsure"),
    [
        ("postmark", 422, INACTIVE, "Postmark: recipient refused", True, False),
        ("postmark", 422, {"ErrorCode": 300, "Message": "Invalid 'From' address: 'x'."}, "Postmark 422", True, False),
        ("postmark", 401, {"ErrorCode": 10, "Message": SECRET}, "Postmark 401", True, False),
        ("postmark", 429, f"{ALICE} too many", "Postmark 429", False, False),
        ("postmark", 500, {"ErrorCode": 1}, "Postmark 500", False, False),
        ("postmark", 503, "<html>", "Postmark 503", False, False),
        ("postmark", 502, "<html>", "Postmark 502", True, True),
        ("postmark", 504, "<html>", "Postmark 504", True, True),
        ("resend", 409, {"name": "concurrent_idempotent_requests"}, "Resend 409", False, False),
        ("postmark", 200, "<html>", "Postmark: the answer cannot be read", True, True),
        ("postmark", 200, {"ErrorCode": 0, "Message": "OK"}, "Postmark: the answer cannot be read", True, True),
        ("mailgun", 400, {"message": f"to parameter is not a valid address: {ALICE}"}, "Mailgun 400", True, False),
        ("mailgun", 404, "Domain not found", "Mailgun 404", True, False),
        ("mailgun", 429, {"message": "slow down"}, "Mailgun 429", False, False),
        ("mailjet", 400, {"Messages": [{"Status": "error"}]}, "Mailjet 400", True, False),
        ("mailjet", 429, {"ErrorCode": "x", "StatusCode": 429}, "Mailjet 429", False, False),
        (
            "mandrill",
            200,
            [{"email": ALICE, "status": "rejected", "reject_reason": "hard-bounce"}],
            "Mandrill: recipient refused",
            True,
            False,
        ),
        ("mandrill", 200, [{"email": ALICE, "status": "scheduled"}], "Mandrill: the answer cannot be read", True, True),
        (
            "unisender-go",
            200,
            {"emails": [], "failed_emails": {ALICE: "x"}},
            "Unisender Go: message refused",
            True,
            False,
        ),
    ],
)
def test_a_refusal_is_for_good_or_for_now_or_nobody_knows(here, acme, key, status, body, reason, permanent, unsure):
    answer(here, key, status, body)
    error = refusal(provider(acme, key), make_email())
    assert (error.reason, error.permanent, error.unsure) == (reason, permanent, unsure)
    assert ALICE not in f"{error!r} {error.__cause__!r}"
    assert SECRET not in f"{error!r} {error.__cause__!r}"


def test_a_redirect_is_a_refusal_and_nobody_else_gets_the_mail(here, acme):
    answer(here, "postmark", 307, headers={"Location": here.url_for("/postmark/elsewhere")})
    error = refusal(provider(acme), make_email())
    assert (error.reason, error.permanent, error.unsure) == ("Postmark 307", True, False)
    assert [request.path for request, _answer in here.log] == ["/postmark/email"]


def test_proxies_and_passwords_of_the_environment_are_not_used(here, acme, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login us password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    answer(here, "postmark", *TAKEN["postmark"])
    assert provider(acme).send(make_email()) == "id-1"
    assert "Authorization" not in here.log[0][0].headers


def test_a_service_that_cannot_be_reached_has_taken_nothing(acme, monkeypatch, here):
    move(monkeypatch, "postmark", f"http://127.0.0.1:{free_port()}/")
    error = refusal(provider(acme), make_email())
    assert (error.reason, error.permanent, error.unsure) == ("Postmark: no connection", False, False)


def test_no_service_is_inside_our_network(acme, monkeypatch, httpserver):
    move(monkeypatch, "postmark", httpserver.url_for("/"))
    error = refusal(provider(acme), make_email())
    assert (error.permanent, error.unsure) == (True, False)
    assert not httpserver.log


@pytest.mark.parametrize("to", ["", "@", "alice", f"{ALICE}, eve@example.com", f"{ALICE}\nBcc: eve@example.com"])
def test_what_is_not_one_address_is_refused_before_anything_is_sent(here, acme, to):
    answer(here, "postmark", *TAKEN["postmark"])
    error = refusal(provider(acme), make_email(to=to))
    assert (error.permanent, error.unsure) == (True, False)
    assert not here.log


# -- who gets it next ----------------------------------------------------------------------------


@pytest.fixture
def two(here, acme):
    """Postmark, and Mailgun for what it refuses, which takes everything."""
    make_sender(acme, "postmark")
    make_sender(acme, "mailgun", position=2)

    def let(status, body=""):
        answer(here, "mailgun", *TAKEN["mailgun"])
        here.expect_request("/postmark/email").respond_with_data(body, status)

    return let


def owed(acme):
    return owe(make_challenge(acme, make.make_user(acme)))


def paths(server):
    return [request.path for request, _answer in server.log]


MAILGUN = "/mailgun/acme.example/messages"


def test_what_one_service_refuses_for_good_the_next_one_gets(two, here, acme):
    two(401, SECRET)
    with capture_logs() as logs:
        message = owed(acme)
        delivery.deliver(message.pk)
    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.provider_id, row.carrier.service) == ("sent", "<id-1@acme.example>", "mailgun")
    assert paths(here) == ["/postmark/email", MAILGUN]
    assert "Postmark 401" in str(logs)
    assert SECRET not in f"{logs} {vars(row)}"


@pytest.mark.parametrize("status", [502, 504])
def test_what_a_gateway_may_have_passed_on_goes_to_nobody_else(two, here, acme, status):
    two(status)
    message = owed(acme)
    delivery.deliver(message.pk)
    advance(60)
    delivery.sweep()
    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.error) == ("failed", f"Postmark {status}")
    assert paths(here) == ["/postmark/email"]


def test_one_that_has_too_much_to_do_is_asked_once_more_before_the_next(two, here, acme):
    two(429)
    message = owed(acme)
    delivery.deliver(message.pk)
    assert paths(here) == ["/postmark/email"]
    advance(10)
    delivery.deliver(message.pk)
    assert paths(here) == ["/postmark/email", "/postmark/email", MAILGUN]


def test_what_a_silent_service_may_have_taken_goes_to_nobody_else(two, here, acme, monkeypatch):
    two(200)
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.4)
    with TalkingServer(then=20) as server:
        move(monkeypatch, "postmark", f"http://127.0.0.1:{server.port}/")
        message, started = owed(acme), time.monotonic()
        delivery.deliver(message.pk)
        assert time.monotonic() - started < 3
    advance(60)
    delivery.sweep()
    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.error) == ("failed", "Postmark: no answer after the request was sent")
    assert paths(here) == []


def test_the_deployments_own_service_carries_what_no_provider_of_the_tenants_does(here, acme, settings):
    settings.MESSAGE_PROVIDERS = {"EMAIL": "postmark", "SMS": "builtin"}
    settings.EMAIL_SERVICE_SECRET = SECRET
    settings.DEFAULT_FROM_EMAIL = "no-reply@auth.example.com"
    answer(here, "postmark", *TAKEN["postmark"])
    message = owed(acme)
    delivery.deliver(message.pk)
    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.provider_id, row.carrier) == ("sent", "id-1", None)
    assert here.log[0][0].get_json()["From"] == "no-reply@auth.example.com"
    assert here.log[0][0].headers["X-Postmark-Server-Token"] == SECRET
