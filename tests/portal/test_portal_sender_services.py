"""The pages of a sender service: the fields that it has, secrets that are never shown, and a test of it."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.models import AuditEvent
from authenticators.models import MessageProvider
from authsignal_portal import limits
from authsignal_portal.sender_services import SERVICES
from authsignal_portal.vocabulary import Role
from tests.authenticators.senders import (
    ALICE,
    PASSWORD,
    SECRET,
    TAKEN,
    answer,
    make_sender,
    report_secret,
    settle_here,
)
from tests.conftest import advance_clock
from tests.portal.staff import signed_in

pytestmark = pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning")
PAGE = "/portal/authenticators/messageprovider/"
RSA_KEY = base64.b64encode(
    rsa.generate_private_key(65537, 1024).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
# Of an algorithm 1.2.3.4.
KEY_OF_TOMORROW = base64.b64encode(bytes.fromhex("300b300506032a030403020001")).decode()
FORM = {
    "channel": "EMAIL",
    "position": "1",
    "is_active": "on",
    "secret": SECRET,
    "sender": "Acme <no-reply@acme.example>",
}


def form_of(key, **fields):
    service = SERVICES[key]
    regions = {"region": list(service.apis)[-1]} if len(service.apis) > 1 else {}
    account = {"account": "acme"} if service.account else {}
    reports = {"report_secret": report_secret(key)} if service.reports else {}
    return FORM | regions | account | reports | fields


def add(admin, key, form):
    return admin.client.post(f"{PAGE}add/anymail/{key}/", form)


def test_all_services_are_listed_to_be_chosen_from(acme, admin):
    page = admin.client.get(f"{PAGE}add/anymail/").content.decode()
    assert f"{PAGE}add/anymail/" in admin.client.get(PAGE).content.decode()
    for key, service in SERVICES.items():
        assert f'href="{PAGE}add/anymail/{key}/"' in page
        assert service.name in page


@pytest.mark.parametrize("key", SERVICES)
def test_a_service_is_added_and_its_secrets_never_shown(acme, admin, key):
    page = admin.client.get(f"{PAGE}add/anymail/{key}/").content.decode()
    form = form_of(key)
    for name in ("region", "account", "report_secret"):
        assert (f'name="{name}"' in page) == (name in form)
    # Where it might put its own addresses in place of links, somebody is told.
    assert ("tracking of clicks" in page) != SERVICES[key].leaves_links
    saved = add(admin, key, form)
    assert saved.status_code == 302, saved.content.decode()
    row = MessageProvider.objects.get()
    assert (row.tenant, row.kind, row.service, row.channel) == (acme, "anymail", key, "EMAIL")
    assert (row.secret, row.report_secret) == (SECRET, form.get("report_secret"))
    assert (row.region, row.account) == (form.get("region", ""), form.get("account", ""))
    for sealed in (row.secret_sealed, row.report_secret_sealed):
        assert SECRET.encode() not in bytes(sealed or b"")
        assert PASSWORD.encode() not in bytes(sealed or b"")
    shown = [admin.client.get(path).content.decode() for path in (PAGE, f"{PAGE}{row.pk}/change/")]
    assert SERVICES[key].name in shown[0]
    assert (f"http://localhost:8000/callbacks/email/{row.pk}" in shown[1]) == bool(SERVICES[key].reports)
    told = str(list(AuditEvent.objects.values()))
    for text in (*shown, told):
        assert SECRET not in text
        assert report_secret(key) not in text


@pytest.mark.parametrize(
    ("key", "wrong", "told"),
    [
        ("postmark", {"secret": ""}, "Postmark needs it"),
        ("postmark", {"secret": "a key"}, "without spaces"),
        ("postmark", {"secret": "schlüssel"}, "without spaces"),
        ("postmark", {"sender": "nobody"}, "valid email address"),
        ("postmark", {"channel": "SMS"}, "Select a valid choice"),
        ("postmark", {"account": "a/b"}, "letters, digits, dots"),
        ("postmark", {"report_secret": "short"}, "at least 16"),
        ("postmark", {"report_secret": "with a space in it"}, "at least 16"),
        ("mailjet", {"account": ""}, "Mailjet needs it"),
        ("mailgun", {"account": "../acme.example"}, "letters, digits, dots"),
        ("mailgun", {"region": "mars"}, "Select a valid choice"),
        ("mailgun", {"region": ""}, "required"),
        ("sendgrid", {"report_secret": PASSWORD}, "This is no key of SendGrid"),
        ("sendgrid", {"report_secret": RSA_KEY}, "This is no key of SendGrid"),
        ("sendgrid", {"report_secret": KEY_OF_TOMORROW}, "This is no key of SendGrid"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(acme, admin, key, wrong, told):
    assert told in add(admin, key, form_of(key, **wrong)).content.decode()
    assert not MessageProvider.objects.exists()


def test_no_address_of_an_api_can_be_given(acme, admin):
    form = form_of(
        "postmark", url="https://evil.example/", host="evil.example", port="443", api_url="https://evil.example/"
    )
    assert add(admin, "postmark", form).status_code == 302
    row = MessageProvider.objects.get()
    assert (row.url, row.host, row.port) == ("", "", None)


def test_the_secrets_are_kept_unless_the_first_would_go_elsewhere(acme, admin):
    add(admin, "mailgun", form_of("mailgun"))
    row = MessageProvider.objects.get()
    kept = form_of("mailgun", secret="", report_secret="", sender="other@acme.example")
    assert admin.client.post(f"{PAGE}{row.pk}/change/", kept).status_code == 302
    row = MessageProvider.objects.get()
    assert (row.secret, row.report_secret, row.sender) == (SECRET, PASSWORD, "other@acme.example")
    moved = admin.client.post(f"{PAGE}{row.pk}/change/", kept | {"region": "us"})
    assert b"Enter it again" in moved.content
    assert MessageProvider.objects.get().region == "eu"


def test_the_secret_of_reports_can_be_taken_away(acme, admin):
    assert b"Believe no reports" not in admin.client.get(f"{PAGE}add/anymail/mailgun/").content
    add(admin, "mailgun", form_of("mailgun"))
    path = f"{PAGE}{MessageProvider.objects.get().pk}/change/"
    assert b"Believe no reports" in admin.client.get(path).content
    kept = form_of("mailgun", secret="", report_secret="")
    assert admin.client.post(path, kept | {"believes_none": "on"}).status_code == 302
    row = MessageProvider.objects.get()
    assert (row.secret, row.report_secret) == (SECRET, None)
    assert AuditEvent.objects.latest("id").data["fields"] == ["believes_none"]
    assert b"Believe no reports" not in admin.client.get(path).content


def test_a_service_that_is_none_is_not_there(acme, admin):
    assert admin.client.get(f"{PAGE}add/anymail/amazon_ses/").status_code == 404


def test_a_code_is_asked_for_because_whoever_sends_the_codes_has_them(acme, admin):
    advance_clock(6 * 60)
    assert b"Enter the code that your authenticator app shows now." in add(admin, "resend", form_of("resend")).content
    assert not MessageProvider.objects.exists()


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SUPPORT, Role.READ_ONLY])
def test_others_add_none(acme, role):
    other = signed_in(acme, role).client
    for path in (f"{PAGE}add/anymail/", f"{PAGE}add/anymail/resend/"):
        assert other.get(path).status_code == 403
        assert other.post(path, form_of("resend")).status_code == 403


def test_a_test_message_goes_by_the_service_and_its_answer_is_told(acme, admin, httpserver, monkeypatch, settings):
    limits._limiter().storage.reset()
    settle_here(monkeypatch, settings, httpserver, "postmark")
    path = f"{PAGE}{make_sender(acme).pk}/test/"
    answer(httpserver, "postmark", 401, {"ErrorCode": 10, "Message": SECRET})
    refused = admin.client.post(path, {"to": ALICE}).content.decode()
    assert "Postmark 401" in refused
    assert SECRET not in refused
    answer(httpserver, "postmark", *TAKEN["postmark"])
    assert admin.client.post(path, {"to": ALICE}).status_code == 302
    assert httpserver.log[-1][0].get_json()["To"] == ALICE
