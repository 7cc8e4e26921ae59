"""SMS through Twilio: what it is asked, and what every answer means."""

import time
from base64 import b64encode
from urllib.parse import parse_qs

import pytest

from authenticators.messaging import twilio_sms
from authenticators.models import MessageProvider
from authsignal_portal.vocabulary import Channel
from tests.authenticators.peers import IDENT, TalkingServer, free_port, make_sms, refusal

ACCOUNT = "AC" + "0" * 32
CREATED = {"sid": "SM" + "1" * 32, "status": "queued", "error_code": None}
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@pytest.fixture
def twilio(settings, httpserver):
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = ACCOUNT, "the token"
    settings.TWILIO_FROM, settings.TWILIO_MESSAGING_SERVICE_SID = "+15005550006", ""
    settings.TWILIO_BASE_URL = httpserver.url_for("")
    return httpserver


def test_twilio_gets_the_number_the_text_and_our_credentials(twilio):
    twilio.expect_request(PATH, method="POST").respond_with_json(CREATED, status=201)
    assert twilio_sms.TwilioSms().send(make_sms()) == CREATED["sid"]
    ((request, _response),) = twilio.log
    assert parse_qs(request.get_data(as_text=True)) == {
        "To": ["+64211234567"],
        "From": ["+15005550006"],
        "Body": ["Your code: 123456 – grüße"],
    }
    assert request.content_type == "application/x-www-form-urlencoded"
    assert request.headers["Authorization"] == "Basic " + b64encode(f"{ACCOUNT}:the token".encode()).decode()
    assert request.headers["Idempotency-Key"] == IDENT


def test_a_messaging_service_goes_before_a_single_number(twilio, settings):
    settings.TWILIO_MESSAGING_SERVICE_SID = "MG" + "2" * 32
    twilio.expect_request(PATH).respond_with_json(CREATED, status=201)
    twilio_sms.TwilioSms().send(make_sms())
    form = parse_qs(twilio.log[0][0].get_data(as_text=True))
    assert form["MessagingServiceSid"] == ["MG" + "2" * 32]
    assert "From" not in form


def test_a_number_without_a_plus_goes_out_in_international_form(twilio):
    twilio.expect_request(PATH).respond_with_json(CREATED, status=201)
    twilio_sms.TwilioSms().send(make_sms(to="64211234567"))
    assert parse_qs(twilio.log[0][0].get_data(as_text=True))["To"] == ["+64211234567"]


def test_the_base_url_may_have_a_path(settings):
    settings.TWILIO_BASE_URL = "https://relay.example.com/twilio/"
    assert twilio_sms.at_our_host("https://api.twilio.com/2010?a=b") == "https://relay.example.com/twilio/2010?a=b"
    settings.TWILIO_BASE_URL = ""
    assert twilio_sms.at_our_host("https://api.twilio.com/2010") == "https://api.twilio.com/2010"


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (400, 21211, True),  # not a phone number
        (400, 21610, True),  # the recipient said STOP
        (400, 21614, True),  # not a mobile number
        (401, 20003, True),  # wrong credentials
        (302, None, True),
        (429, 20429, False),
        (400, 20429, False),
        (429, 21611, False),
        (500, None, False),
        (503, 20503, False),
    ],
)
def test_a_twilio_refusal_is_for_good_or_for_now(twilio, status, code, permanent):
    body = {"code": code, "message": "The 'To' number +64211234567 is bad", "status": status} if code else {}
    twilio.expect_request(PATH).respond_with_json(body, status=status)
    error = refusal(twilio_sms.TwilioSms(), make_sms())
    assert (error.reason, error.permanent) == (f"twilio {code or status}", permanent)
    assert "4211" not in f"{error!r} {error.__cause__!r}"


def test_a_refusal_in_the_newer_form_is_read_too(twilio):
    body = {"type": "x", "title": "Too many", "status": 429, "code": 20429}
    twilio.expect_request(PATH).respond_with_json(body, status=429)
    error = refusal(twilio_sms.TwilioSms(), make_sms())
    assert (error.reason, error.permanent) == ("twilio 20429", False)


@pytest.mark.parametrize(
    "body", ['{"code": 20003, "status": 200}', "<html>", "", "{}", '{"sid":"S","status":"failed"}']
)
def test_a_success_that_is_none_is_a_lasting_failure(twilio, body):
    twilio.expect_request(PATH).respond_with_data(body, status=200, content_type="application/json")
    assert refusal(twilio_sms.TwilioSms(), make_sms()).permanent


def test_no_connection_to_twilio_is_a_passing_failure(twilio, settings):
    settings.TWILIO_BASE_URL = f"http://127.0.0.1:{free_port()}"
    assert not refusal(twilio_sms.TwilioSms(), make_sms()).permanent


def test_twilio_hanging_up_without_an_answer_is_not_tried_again(twilio, settings):
    with TalkingServer("") as server:
        settings.TWILIO_BASE_URL = f"http://127.0.0.1:{server.port}"
        assert refusal(twilio_sms.TwilioSms(), make_sms()).permanent


def test_a_twilio_that_hangs_is_left_in_time(twilio, settings, monkeypatch):
    monkeypatch.setattr(twilio_sms, "TOTAL_SECONDS", twilio_sms.CONNECT_SECONDS + 0.5)
    with TalkingServer("HTTP/1.1 201 Created", then=20) as server:
        settings.TWILIO_BASE_URL = f"http://127.0.0.1:{server.port}"
        started = time.monotonic()
        error = refusal(twilio_sms.TwilioSms(), make_sms())
        assert time.monotonic() - started < 5
    assert error.permanent


def test_twilio_is_told_nothing_that_is_logged(twilio, caplog):
    caplog.set_level("DEBUG")
    twilio.expect_request(PATH).respond_with_json(CREATED | {"body": "Your code: 123456"}, status=201)
    twilio_sms.TwilioSms().send(make_sms())
    assert "123456" not in caplog.text
    assert "64211234567" not in caplog.text


def test_whatsapp_goes_by_its_template_from_the_tenants_account(twilio, acme):
    account = "AC" + "9" * 32
    row = MessageProvider(
        tenant=acme,
        channel="WHATSAPP",
        kind="twilio",
        account=account,
        sender="+15005550009",
        content_sid="HX" + "3" * 32,
    )
    row.secret = "its token"
    path = f"/2010-04-01/Accounts/{account}/Messages.json"
    twilio.expect_request(path, method="POST").respond_with_json(CREATED, status=201)
    url = "https://auth.acme.example/callbacks/twilio/1"
    twilio_sms.TwilioSms.of(row).send(make_sms(channel=Channel.WHATSAPP, status_url=url))
    request = twilio.log[0][0]
    assert parse_qs(request.get_data(as_text=True)) == {
        "To": ["whatsapp:+64211234567"],
        "From": ["whatsapp:+15005550009"],
        "ContentSid": ["HX" + "3" * 32],
        "ContentVariables": ['{"1": "123456"}'],
        "StatusCallback": [url],
    }
    assert request.headers["Authorization"] == "Basic " + b64encode(f"{account}:its token".encode()).decode()


def test_the_deployments_whatsapp_number_needs_no_prefix(twilio, settings):
    settings.TWILIO_WHATSAPP_FROM = "whatsapp:+15005550008"
    twilio.expect_request(PATH).respond_with_json(CREATED, status=201)
    twilio_sms.TwilioSms().send(make_sms(channel=Channel.WHATSAPP))
    form = parse_qs(twilio.log[0][0].get_data(as_text=True))
    assert (form["From"], form["Body"]) == (["whatsapp:+15005550008"], ["Your code: 123456 – grüße"])


@pytest.mark.parametrize(
    ("status", "text", "unsure"),
    [(201, "<html>", True), (201, "{}", True), (201, '{"sid":"S","status":"failed"}', False), (400, "{}", False)],
)
def test_only_what_twilio_may_have_taken_is_unsure(twilio, status, text, unsure):
    twilio.expect_request(PATH).respond_with_data(text, status=status, content_type="application/json")
    error = refusal(twilio_sms.TwilioSms(), make_sms())
    assert (error.permanent, error.unsure) == (True, unsure)
