"""What sender services tell of emails afterwards: believed only by their secret, and only of their own messages."""

import base64
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from structlog.testing import capture_logs

from audit.models import AuditEvent
from authenticators import message_list
from authenticators.models import Challenge, Message, MessageProvider
from authsignal_portal import clock
from authsignal_portal.sender_services import SERVICES
from tests import make
from tests.authenticators.owing import make_challenge, owe
from tests.authenticators.senders import PASSWORD, event, make_sender, report_secret, signed

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning"),
]
TELLING = [key for key, service in SERVICES.items() if service.reports]
# As the service names it to us when it takes the message.
IDENTS = {"mailgun": "<id-1@acme.example>", "mailjet": "11"}


def make_taken(tenant, row, ident="id-1"):
    """A message that a sender service took."""
    message = owe(make_challenge(tenant, make.make_user(tenant, f"user of {ident}")))
    Message.objects.filter(pk=message.pk).update(
        status="sent", payload_sealed=None, carrier=row, via="EMAIL", provider_id=ident
    )
    return Message.objects.get(pk=message.pk)


@pytest.fixture
def postmark(acme):
    return make_sender(acme, "postmark", report_secret=PASSWORD)


@pytest.fixture
def message(acme, postmark):
    return make_taken(acme, postmark)


def tell(row, told, *, secret=PASSWORD):
    path = f"/callbacks/email/{row.pk}" if row else "/callbacks/email"
    key = row.service if row else "postmark"
    return Client().post(path, **signed(key, told, f"http://localhost:8000{path}", secret=secret)).status_code


def delivery_of(message):
    return Message.objects.get(pk=message.pk).delivery


@pytest.mark.parametrize("key", TELLING)
def test_each_service_is_believed_by_its_own_secret_and_by_no_other(acme, key):
    row = make_sender(acme, key, report_secret=report_secret(key))
    message = make_taken(acme, row, IDENTS.get(key, "id-1"))
    good, bad = (event(key, message.provider_id, what) for what in ("delivered", "bounced"))
    assert tell(row, bad, secret="another-password-1") == 403
    assert Client().post(f"/callbacks/email/{row.pk}", b"[]", "application/json").status_code == 403
    assert delivery_of(message) == ""
    assert tell(row, good) == 204
    # Mandrill tells that it sent one, and no more.
    assert delivery_of(message) == ("sent" if key == "mandrill" else "delivered")
    assert tell(row, bad) == 204
    assert delivery_of(message) == "undelivered"
    assert tell(row, good) == 204
    assert delivery_of(message) == "undelivered"


def test_nothing_is_believed_where_no_secret_was_set(acme):
    row = make_sender(acme, "postmark")
    message = make_taken(acme, row)
    for secret in ("", "None", PASSWORD):
        assert tell(row, event("postmark", "id-1", "delivered"), secret=secret) == 403
    assert delivery_of(message) == ""


def test_the_support_desk_reads_what_became_of_it(postmark, message):
    tell(postmark, event("postmark", "id-1", "bounced"))
    tell(postmark, event("postmark", "id-1", "bounced"))
    [line] = message_list.of_user(message.user)
    assert (line.status, line.tone, line.event, line.reason) == (
        "did not arrive",
        "bad",
        "EMAIL_OTP_NOT_DELIVERED",
        "bounced",
    )
    [told] = AuditEvent.objects.filter(tag="message:undelivered")
    assert (told.data["reason"], told.data["channel"]) == ("bounced", "EMAIL")


def test_it_proves_nothing(postmark, message):
    before = Challenge.objects.values().get(pk=message.challenge_id)
    for what in ("delivered", "bounced"):
        tell(postmark, event("postmark", "id-1", what))
    assert Challenge.objects.values().get(pk=message.challenge_id) == before


def test_only_messages_of_its_own_are_changed(acme, globex, postmark, message):
    """Whoever has a provider could name the ids of others' messages."""
    others = [make_sender(globex, report_secret=PASSWORD), make_sender(acme, position=2, report_secret=PASSWORD)]
    for other in others:
        assert tell(other, event("postmark", "id-1", "bounced")) == 204
    assert tell(postmark, event("postmark", "id-2", "bounced")) == 204
    assert delivery_of(message) == ""


def test_what_was_opened_or_clicked_is_none_of_our_business(postmark, message):
    for kind in ("Open", "Click", "SpamComplaint", "SubscriptionChange", "of tomorrow"):
        assert tell(postmark, {"RecordType": kind, "MessageID": "id-1"}) == 204
    assert delivery_of(message) == ""


def being_sent(message):
    lease = clock.now() + timedelta(seconds=30)
    Message.objects.filter(pk=message.pk).update(status="sending", provider_id="", lease_until=lease)


def delivered(ident, *, ago):
    at = (clock.now() - timedelta(seconds=ago)).isoformat()
    return {"RecordType": "Delivery", "MessageID": ident, "DeliveredAt": at}


def test_a_report_that_is_faster_than_the_answer_is_asked_for_again(acme, postmark, message):
    being_sent(message)
    assert tell(postmark, event("postmark", "id-1", "delivered")) == 503
    Message.objects.filter(pk=message.pk).update(status="sent", provider_id="id-1")
    assert tell(postmark, event("postmark", "id-1", "delivered")) == 204
    assert delivery_of(message) == "delivered"


def test_what_is_known_is_noted_beside_what_is_not(acme):
    """Some services tell of many messages at once."""
    row = make_sender(acme, "sparkpost", report_secret=PASSWORD)
    known, other = make_taken(acme, row), make_taken(acme, row, "id-2")
    being_sent(other)
    told = [*event("sparkpost", "of other mail", "delivered"), *event("sparkpost", "id-1", "delivered")]
    assert tell(row, told) == 503
    assert delivery_of(known) == "delivered"


def test_an_account_that_sends_other_mail_too_is_not_asked_again_for_ever(postmark, message):
    being_sent(message)
    assert tell(postmark, delivered("of other mail", ago=10)) == 503
    assert tell(postmark, delivered("of other mail", ago=90)) == 204


def test_what_a_dead_worker_left_holds_up_no_report(postmark, message):
    being_sent(message)
    Message.objects.filter(pk=message.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    assert tell(postmark, delivered("of other mail", ago=10)) == 204


def test_what_comes_in_is_none_of_our_business(acme):
    row = make_sender(acme, "mandrill", report_secret=PASSWORD)
    assert tell(row, [{"event": "inbound", "ts": 1_790_000_000, "msg": {"raw_msg": "From: a@example.com\n\nx"}}]) == 204


def test_a_secret_that_cannot_be_opened_is_told_of_and_the_report_asked_for_again(postmark, message):
    MessageProvider.objects.filter(pk=postmark.pk).update(report_secret_sealed=b"nobody's")
    with capture_logs() as logs:
        assert tell(postmark, event("postmark", "id-1", "delivered")) == 503
    assert [line["provider"] for line in logs if line["log_level"] == "error"] == [str(postmark.pk)]
    assert delivery_of(message) == ""


@pytest.mark.parametrize(
    "told",
    [[], 1, None, "x", {"RecordType": []}, {"RecordType": "Delivery", "MessageID": "id-1", "DeliveredAt": 1}],
)
def test_what_is_no_report_is_refused_even_from_the_service(postmark, message, told):
    assert tell(postmark, told) == 400
    assert delivery_of(message) == ""


@pytest.mark.parametrize("ident", [["id-1"], {"a": 1}, "id-1\x00", "x" * 300, 1, "", None])
def test_an_id_that_is_none_changes_nothing(postmark, message, ident):
    if not ident:  # some services take a message and name none
        Message.objects.filter(pk=message.pk).update(provider_id="")
    assert tell(postmark, event("postmark", ident, "delivered")) == 204
    assert delivery_of(message) == ""


HOSTILE = [b"", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"signature": 1}', b'{"signature": []}']


@pytest.mark.parametrize("key", TELLING)
def test_whatever_a_stranger_sends_is_refused(acme, key):
    row = make_sender(acme, key, report_secret=report_secret(key))
    headers = {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode(), "Signature": "ü"}
    for body in HOSTILE:
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            answer = Client().post(f"/callbacks/email/{row.pk}", body, kind, headers=headers)
            assert answer.status_code == 403


def test_there_is_nobody_behind_other_addresses(acme, settings):
    hook = MessageProvider.objects.create(tenant=acme, channel="EMAIL", kind="webhook", url="https://8.8.8.8/")
    silent = make_sender(acme, "scaleway", position=2, report_secret=PASSWORD)
    for ident in (uuid.uuid4(), hook.pk, silent.pk):
        assert Client().post(f"/callbacks/email/{ident}", b"{}", "application/json").status_code == 403
    assert Client().post("/callbacks/email", b"{}", "application/json").status_code == 403
    assert Client().head(f"/callbacks/email/{silent.pk}").status_code == 200
    assert Client().get(f"/callbacks/email/{silent.pk}").status_code == 405


def test_the_deployments_own_service_tells_of_its_messages_alone(acme, settings, postmark, message):
    settings.MESSAGE_PROVIDERS = {"EMAIL": "postmark", "SMS": "builtin"}
    own = make_taken(acme, None, "id-9")
    told = [event("postmark", ident, "delivered") for ident in ("id-1", "id-9")]
    assert tell(None, told[1]) == 403
    settings.EMAIL_SERVICE_REPORT_SECRET = PASSWORD
    assert [tell(None, one) for one in told] == [204, 204]
    assert (delivery_of(own), delivery_of(message)) == ("delivered", "")
