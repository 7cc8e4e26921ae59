"""The pages of the message providers: secrets are written and never shown, and a code is asked for."""

from ipaddress import ip_network

import pytest

from audit.models import AuditEvent
from authenticators import delivery
from authenticators.models import Message, MessageProvider
from authsignal_portal import limits
from authsignal_portal.vocabulary import Channel, Role
from tests import make
from tests.authenticators.owing import make_challenge, owe
from tests.conftest import advance_clock
from tests.portal.staff import code_of, signed_in

PAGE = "/portal/authenticators/messageprovider/"
SECRET = "a very secret token"
TWILIO = {
    "channel": "SMS",
    "position": "1",
    "is_active": "on",
    "account": "AC" + "0" * 32,
    "secret": SECRET,
    "sender": "+15005550006",
}
WEBHOOK = {"channel": "EMAIL", "position": "1", "is_active": "on", "url": "https://8.8.8.8/hook"}
SMTP = {
    "channel": "EMAIL",
    "position": "1",
    "is_active": "on",
    "host": "mail.acme.example",
    "port": "587",
    "security": "starttls",
    "account": "acme",
    "secret": SECRET,
    "sender": "Acme <no-reply@acme.example>",
}
FORMS = [("twilio", TWILIO), ("webhook", WEBHOOK), ("smtp", SMTP)]


def events(tag):
    return [event.data for event in AuditEvent.objects.filter(tag=f"message_provider:{tag}")]


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_a_provider_is_added_and_its_secret_never_shown(acme, admin, kind, form):
    assert admin.client.get(f"{PAGE}add/{kind}/").status_code == 200
    answer = admin.client.post(f"{PAGE}add/{kind}/", form)
    assert answer.status_code == 302, answer.content.decode()
    row = MessageProvider.objects.get()
    assert (row.tenant, row.kind, row.channel) == (acme, kind, form["channel"])
    assert row.secret == form.get("secret")
    assert SECRET.encode() not in bytes(row.secret_sealed or b"")
    assert events("created") == [{"row": str(row.pk), "kind": kind, "channel": form["channel"]}]
    for path in (PAGE, f"{PAGE}{row.pk}/change/", f"{PAGE}{row.pk}/test/"):
        assert SECRET not in admin.client.get(path).content.decode()


def test_an_empty_secret_is_kept_unless_it_would_go_elsewhere(acme, admin):
    admin.client.post(f"{PAGE}add/smtp/", SMTP)
    row = MessageProvider.objects.get()
    kept = SMTP | {"secret": "", "sender": "other@acme.example"}
    assert admin.client.post(f"{PAGE}{row.pk}/change/", kept).status_code == 302
    row = MessageProvider.objects.get()
    assert (row.secret, row.sender) == (SECRET, "other@acme.example")
    assert events("updated") == [{"row": str(row.pk), "kind": "smtp", "channel": "EMAIL", "fields": ["sender"]}]
    moved = kept | {"host": "mail.evil.example"}
    answer = admin.client.post(f"{PAGE}{row.pk}/change/", moved)
    assert b"Enter it again" in answer.content
    assert MessageProvider.objects.get().host == "mail.acme.example"


@pytest.mark.parametrize(
    ("kind", "form", "told"),
    [
        ("twilio", TWILIO | {"account": "12345"}, "begins with AC"),
        ("twilio", TWILIO | {"secret": ""}, "Twilio needs it"),
        ("twilio", TWILIO | {"sender": ""}, "Give a number"),
        ("twilio", TWILIO | {"channel": "EMAIL"}, "Select a valid choice"),
        ("webhook", WEBHOOK | {"url": "http://8.8.8.8/"}, "must begin with https"),
        ("webhook", WEBHOOK | {"url": "https://127.0.0.1/"}, "not public"),
        ("webhook", WEBHOOK | {"url": "https://0x7f.1/"}, "not public"),
        ("webhook", WEBHOOK | {"url": "https://hooks.acme.example:22/"}, "only the ports"),
        ("webhook", WEBHOOK | {"url": ""}, "not a web address"),
        ("smtp", SMTP | {"port": "6379"}, "Mail servers listen"),
        ("smtp", SMTP | {"host": "a b"}, "Write a host name"),
        ("smtp", SMTP | {"sender": "nobody"}, "valid email address"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(acme, admin, kind, form, told):
    answer = admin.client.post(f"{PAGE}add/{kind}/", form)
    assert told in answer.content.decode()
    assert not MessageProvider.objects.exists()


def test_each_place_is_taken_once(acme, admin):
    admin.client.post(f"{PAGE}add/twilio/", TWILIO)
    assert b'<option value="2" selected>' in admin.client.get(f"{PAGE}add/twilio/").content
    assert b"another provider of this channel" in admin.client.post(f"{PAGE}add/twilio/", TWILIO).content
    assert admin.client.post(f"{PAGE}add/twilio/", TWILIO | {"position": "2"}).status_code == 302
    assert b"Both places of this channel are taken." in admin.client.post(f"{PAGE}add/twilio/", TWILIO).content


def test_a_code_is_asked_for_because_whoever_sends_the_codes_has_them(acme, admin):
    advance_clock(6 * 60)
    answer = admin.client.post(f"{PAGE}add/webhook/", WEBHOOK)
    assert b"Enter the code that your authenticator app shows now." in answer.content
    assert not MessageProvider.objects.exists()
    assert admin.client.post(f"{PAGE}add/webhook/", WEBHOOK | {"code": code_of(admin.device)}).status_code == 302


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SUPPORT, Role.READ_ONLY])
def test_others_see_the_list_and_change_nothing(acme, role):
    row = MessageProvider.objects.create(tenant=acme, channel="EMAIL", kind="webhook", url="https://8.8.8.8/")
    other = signed_in(acme, role).client
    assert other.get(PAGE).status_code == 200
    paths = [f"{PAGE}add/webhook/", f"{PAGE}{row.pk}/change/", f"{PAGE}{row.pk}/remove/", f"{PAGE}{row.pk}/test/"]
    assert [other.post(path, WEBHOOK).status_code for path in paths] == [403] * 4


def test_another_tenants_provider_is_not_there(acme, globex, admin):
    row = MessageProvider.objects.create(tenant=globex, channel="EMAIL", kind="webhook", url="https://8.8.8.8/")
    assert str(row.pk) not in admin.client.get(PAGE).content.decode()
    assert admin.client.get(f"{PAGE}{row.pk}/remove/").status_code in (302, 404)
    assert admin.client.post(f"{PAGE}{row.pk}/remove/").status_code in (302, 404)
    assert MessageProvider.objects.count() == 1


def test_a_provider_is_removed(acme, admin):
    admin.client.post(f"{PAGE}add/webhook/", WEBHOOK)
    row = MessageProvider.objects.get()
    assert admin.client.post(f"{PAGE}{row.pk}/remove/").status_code == 302
    assert not MessageProvider.objects.exists()
    assert len(events("deleted")) == 1


# -- a test message --------------------------------------------------------------------------------


@pytest.fixture
def hook(acme, httpserver, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    make.make_key(acme)
    limits._limiter().storage.reset()
    httpserver.row = MessageProvider.objects.create(
        tenant=acme, channel="SMS", kind="webhook", url=httpserver.url_for("/hook")
    )
    return httpserver


def test_a_test_message_goes_by_this_provider_and_its_answer_is_told(hook, admin):
    path = f"{PAGE}{hook.row.pk}/test/"
    hook.expect_request("/hook").respond_with_data("", status=401)
    assert b"webhook 401" in admin.client.post(path, {"to": "+64211234567"}).content
    hook.clear()
    hook.expect_request("/hook").respond_with_data("")
    assert admin.client.post(path, {"to": "+64211234567"}).status_code == 302
    data = hook.log[-1][0].get_json()["data"]
    assert (data["to"], data["code"], data["actionCode"]) == ("+64211234567", "000000", "test")
    assert len(events("tested")) == 2
    assert "4211234567" not in str(events("tested"))


def test_ten_tests_an_hour_are_enough(hook, admin):
    hook.expect_request("/hook").respond_with_data("")
    path = f"{PAGE}{hook.row.pk}/test/"
    answers = [admin.client.post(path, {"to": "+64211234567"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [302] * 10 + [200]
    assert b"Too many requests" in answers[-1].content
    assert len(hook.log) == 10


def test_a_test_reaches_no_number_that_gets_no_code(hook, admin):
    for to in ("+93700000000", "nobody", ""):
        answer = admin.client.post(f"{PAGE}{hook.row.pk}/test/", {"to": to})
        assert answer.status_code == 200
        assert "phoneNumber" not in answer.content.decode()
    assert not hook.log


# -- what the support desk sees ----------------------------------------------------------------------


def test_the_users_page_tells_what_became_of_the_messages(acme, admin):
    user = make.make_user(acme)
    for number, fields in enumerate(
        [{"status": "sent", "delivery": "delivered"}, {"status": "failed", "error": "x 1"}]
    ):
        message = owe(make_challenge(acme, user, channel=Channel.SMS), channel=Channel.SMS, to=f"+6421123456{number}")
        Message.objects.filter(pk=message.pk).update(via="SMS", **fields)
    page = admin.client.get(f"/portal/authenticators/enduser/{user.pk}/change/").content.decode()
    for shown in ("Latest messages", "arrived", "SMS_DELIVERED", "SMS_SEND_DOWNSTREAM_FAILED", "x 1"):
        assert shown in page
    assert "123456" not in page


def test_the_deployments_own_provider_sends_where_the_tenant_has_none(acme, settings, tmp_path):
    settings.OUTBOX_FILE = str(tmp_path / "outbox.jsonl")
    message = owe(make_challenge(acme, make.make_user(acme), channel=Channel.SMS), channel=Channel.SMS)
    delivery.deliver(message.pk)
    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.carrier, row.via) == ("sent", None, "SMS")
