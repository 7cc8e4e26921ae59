"""Messages handed to the customer as signed events, and which provider gets what."""

import json
import subprocess
from ipaddress import ip_network

import pytest
from django.db import transaction

from authenticators import delivery, messaging, outbox, routing
from authenticators.messaging import TransportError
from authenticators.messaging.webhook import Webhook
from authenticators.models import Message, MessageProvider
from authsignal_portal import clock, webhook_signature
from authsignal_portal.models import ApiKey
from authsignal_portal.vocabulary import Channel
from tests import make
from tests.authenticators.owing import Postman, advance, make_challenge, owe
from tests.authenticators.peers import IDENT, make_email, make_sms, refusal
from tests.sdk import scripts

BODY = (
    b'{"version":1,"type":"email.created","id":"1","source":"https://authsignal.com",'
    b'"time":"2024-01-01T00:00:00.000Z","tenantId":"t1","data":{"to":"a@example.com","code":"123456"}}'
)
VERIFY = """
import { Authsignal } from "@authsignal/node";
const [secret, header, body] = process.argv.slice(1);
const client = new Authsignal({ apiSecretKey: secret, apiUrl: "http://127.0.0.1:1/v1", retries: 0 });
try {
  console.log(JSON.stringify(client.webhook.constructEvent(body, header)));
} catch (error) {
  console.log(JSON.stringify({ refused: error.message }));
}
"""


@pytest.fixture
def hook(httpserver, settings, acme):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    return httpserver


def make_provider(tenant, channel=Channel.SMS, kind="webhook", **fields):
    row = MessageProvider(tenant=tenant, channel=channel, kind=kind)
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def provider_at(hook, tenant, path="/hook"):
    return Webhook(hook.url_for(path), str(tenant.pk), webhook_signature.secrets_of(tenant))


def node(secret, header, body):
    """What the vendor's own verifier makes of it."""
    scripts.install()
    command = ["node", "--input-type=module", "-e", VERIFY, secret, header, body]
    done = subprocess.run(command, cwd=scripts.HERE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# -- the signature -------------------------------------------------------------------------------


def test_the_signature_is_the_one_that_the_sdks_compute():
    header = webhook_signature.header(BODY, at=1_700_000_000, secrets=[b"sk_test"])
    assert header == "t=1700000000,v2=qBg2loVB4hbYWaZCVEd19xXv1XyW6jekteG+yJv8X9o"


def test_every_active_key_signs_and_a_revoked_one_does_not(acme):
    first, second = make.make_key(acme), make.make_key(acme)
    secrets = webhook_signature.secrets_of(acme)
    assert [webhook_signature.signature(BODY, at=1, secret=one) for one in secrets] == [
        webhook_signature.signature(BODY, at=1, secret=key.encode()) for key in (second, first)
    ]
    ApiKey.objects.filter(pk=first.split("_")[2]).update(revoked_at=clock.now())
    assert len(webhook_signature.secrets_of(acme)) == 1


def test_the_vendors_verifier_accepts_every_attempt_even_after_an_hour(hook, acme):
    """Each attempt is signed anew: the verifier refuses what is older than five minutes."""
    old, new = make.make_key(acme), make.make_key(acme)
    hook.expect_request("/hook").respond_with_data("", status=503)
    provider = provider_at(hook, acme)
    with pytest.raises(TransportError):
        provider.send(make_sms(at=clock.now()))
    hook.clear()
    hook.expect_request("/hook").respond_with_data("")
    provider.send(make_sms(at=clock.now()))
    request = hook.log[-1][0]
    body, header = request.get_data(as_text=True), request.headers["X-Signature-V2"]
    for key in (old, new):
        assert node(key, header, body) == json.loads(body)
    assert "refused" in node(make.make_key(make.make_tenant("Other")), header, body)
    assert "refused" in node(new, header, body.replace("123456", "123457"))
    stale = webhook_signature.header(
        body.encode(), at=int(clock.now().timestamp()) - 3600, secrets=webhook_signature.secrets_of(acme)
    )
    assert "refused" in node(new, stale, body)


# -- the events ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "kind", "data"),
    [
        (make_sms(), "sms.created", {"to": "+64211234567", "code": "123456"}),
        (
            make_sms(channel=Channel.WHATSAPP),
            "sms.created",
            {"to": "+64211234567", "code": "123456", "smsChannel": "WHATSAPP"},
        ),
        (
            make_email(code="", url="https://x.example/l"),
            "email.created",
            {"to": "alice@example.com", "url": "https://x.example/l"},
        ),
        (
            make_email(channel=Channel.PUSH, to="", code="", about={"challengeId": "c"}),
            "push.created",
            {"challengeId": "c"},
        ),
    ],
)
def test_an_event_has_the_envelope_and_texts(hook, acme, message, kind, data):
    make.make_key(acme)
    hook.expect_request("/hook", method="POST").respond_with_data("", status=204)
    assert provider_at(hook, acme).send(message) == IDENT
    request = hook.log[0][0]
    assert request.content_type == "application/json"
    assert request.headers["Idempotency-Key"] == IDENT
    assert request.get_json() == {
        "version": 1,
        "type": kind,
        "id": IDENT,
        "source": "https://authsignal.com",
        "time": "2026-11-22T01:02:03.456Z",
        "tenantId": str(acme.pk),
        "data": data,
    }


def test_a_code_that_is_owed_tells_whose_and_for_what(hook, acme):
    make.make_key(acme)
    make_provider(acme, url=hook.url_for("/hook"))
    hook.expect_request("/hook").respond_with_data("")
    user = make.make_user(acme, "alice")
    challenge = make_challenge(acme, user, channel=Channel.SMS)
    challenge.action_code, challenge.idempotency_key = "pay", "k1"
    challenge.save()
    message = owe(challenge, channel=Channel.SMS)
    delivery.deliver(message.pk)
    assert hook.log[0][0].get_json()["data"] == {
        "to": "+64211234567",
        "code": "123456",
        "userId": "alice",
        "actionCode": "pay",
        "idempotencyKey": "k1",
        "verificationMethod": "SMS",
    }
    assert Message.objects.get(pk=message.pk).status == "sent"


def test_a_later_attempt_has_the_same_id_and_a_signature_of_its_own_time(hook, acme):
    make.make_key(acme)
    make_provider(acme, url=hook.url_for("/hook"))
    hook.expect_request("/hook").respond_with_data("", status=503)
    message = owe(make_challenge(acme, make.make_user(acme), channel=Channel.SMS), channel=Channel.SMS)
    delivery.deliver(message.pk)
    advance(400)
    delivery.deliver(message.pk)
    first, second = [request for request, _answer in hook.log]
    assert first.get_json()["id"] == second.get_json()["id"] == str(message.pk)
    signed = [int(request.headers["X-Signature-V2"].partition(",")[0][2:]) for request in (first, second)]
    assert signed[1] - signed[0] >= 400


def test_a_push_that_is_owed_is_handed_over_the_same_way(hook, acme):
    make.make_key(acme)
    make_provider(acme, Channel.PUSH, url=hook.url_for("/hook"))
    hook.expect_request("/hook").respond_with_data("")
    challenge = make.make_challenge(make.make_user(acme, "alice"), action_code="pay", idempotency_key="k1")
    with transaction.atomic():
        message = outbox.push_owed(challenge, about={"ipAddress": "203.0.113.7"})
    assert message
    delivery.deliver(message.pk)
    event = hook.log[0][0].get_json()
    assert event["type"] == "push.created"
    assert event["data"] == {
        "challengeId": challenge.pk,
        "userId": "alice",
        "actionCode": "pay",
        "idempotencyKey": "k1",
        "ipAddress": "203.0.113.7",
    }


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(301, True), (400, True), (404, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_anything_but_2xx_is_a_refusal(hook, acme, status, permanent):
    make.make_key(acme)
    hook.expect_request("/hook").respond_with_data("+64211234567", status=status)
    error = refusal(provider_at(hook, acme), make_sms())
    assert (error.reason, error.permanent, error.unsure) == (f"webhook {status}", permanent, False)


def test_an_address_that_may_not_be_reached_is_a_lasting_refusal(acme):
    make.make_key(acme)
    error = refusal(Webhook("https://169.254.169.254/", str(acme.pk), [b"x"]), make_sms())
    assert (error.permanent, error.unsure) == (True, False)


def test_without_a_key_to_sign_with_nothing_is_sent(hook, acme):
    assert not refusal(provider_at(hook, acme), make_sms()).permanent
    assert not hook.log


# -- which provider ------------------------------------------------------------------------------


@pytest.fixture
def two(monkeypatch, acme):
    """Two providers of a tenant's own that do as they are told, in their order."""
    postmen = {1: Postman(), 2: Postman()}
    for position in postmen:
        make_provider(acme, position=position, url=f"https://{position}.example/")
    monkeypatch.setattr(messaging, "provider_of", lambda row: postmen[row.position])
    return postmen


def owed(acme):
    return owe(make_challenge(acme, make.make_user(acme), channel=Channel.SMS), channel=Channel.SMS)


def refused(reason="no", *, permanent=True, unsure=False):
    return TransportError(reason, permanent=permanent, unsure=unsure)


def test_the_second_provider_gets_what_the_first_refuses_for_good(two, acme):
    two[1].errors = [refused()]
    message = owed(acme)
    delivery.deliver(message.pk)
    assert [sent.ident for sent in two[2].sent] == [str(message.pk)]
    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.carrier.position, row.attempts) == ("sent", 2, 2)


def test_a_provider_that_cannot_now_is_asked_once_more_before_the_next(two, acme):
    two[1].errors = [refused(permanent=False), refused(permanent=False)]
    message = owed(acme)
    delivery.deliver(message.pk)
    assert not two[2].sent
    advance(10)
    delivery.deliver(message.pk)
    assert (len(two[1].sent), len(two[2].sent)) == (0, 1)


def test_what_may_have_been_accepted_goes_to_nobody_else(two, acme):
    two[1].errors = [refused(unsure=True)]
    message = owed(acme)
    delivery.deliver(message.pk)
    advance(60)
    delivery.sweep()
    assert not two[2].sent
    assert Message.objects.get(pk=message.pk).status == "failed"


def test_refused_by_all_is_failed_and_said_so(two, acme):
    two[1].errors, two[2].errors = [refused("first")], [refused("second")]
    message = owed(acme)
    delivery.deliver(message.pk)
    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.error, row.payload_sealed) == ("failed", "second", None)


def test_another_tenants_provider_and_one_switched_off_are_not_used(two, acme, globex, monkeypatch, settings):
    MessageProvider.objects.update(is_active=False)
    make_provider(globex, url="https://globex.example/")
    assert [route.row for route in routing.routes(owed(acme))] == [None]
