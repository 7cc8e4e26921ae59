"""Notifications by Web Push: encrypted for the browser, signed by the tenant, within the guard; and what follows."""

import time
from datetime import timedelta
from ipaddress import ip_network

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import transaction
from werkzeug import Response

from authenticators import delivery, messaging, outbox, web_push
from authenticators.models import Authenticator, Message
from authsignal_portal import clock, outbound
from authsignal_portal.vocabulary import Channel
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.authenticators.test_webhook_provider import make_provider
from tests.device import DeviceKey
from tests.subscriber import Subscriber


@pytest.fixture
def service(httpserver, settings, acme):
    """A push service on loopback, which the operator lets be reached."""
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.WEB_PUSH_HOSTS = [f"{httpserver.host}:{httpserver.port}"]
    web_push.make_key(acme)
    make_provider(acme, Channel.PUSH, "web_push")
    return httpserver


def make_phone(user, endpoint, **fields):
    """The web app with a subscription; returns its row and who reads what comes for it."""
    subscriber = Subscriber(endpoint)
    row = make.make_authenticator(
        user, M.PUSH, public_key=DeviceKey().spki, device_platform="WEB", push_token=subscriber.as_json(), **fields
    )
    return row, subscriber


def push(user, **fields):
    """Owe word of a push, and deliver it; returns its row as it then is."""
    challenge = make.make_challenge(user, method=M.PUSH, action_code="pay-the-rent", **fields)
    with transaction.atomic():
        message = outbox.push_owed(challenge)
    assert message
    delivery.deliver(message.pk)
    return Message.objects.get(pk=message.pk)


def test_a_notification_is_read_by_its_browser_alone_and_tells_its_own_id_alone(service, acme):
    service.expect_request("/send").respond_with_data("", status=201)
    user = make.make_user(acme)
    _row, subscriber = make_phone(user, service.url_for("/send"))
    message = push(user, expires_at=clock.now() + timedelta(minutes=2))
    assert message.status == "sent"
    request = service.log[0][0]
    body = request.get_data()
    assert subscriber.read(body) == {"id": str(message.pk)}
    for told in (b"pay-the-rent", b"alice", message.challenge_id.encode()):
        assert told not in body
    with pytest.raises(Exception, match="Decryption error"):
        Subscriber("https://push.example/").read(body)
    assert request.headers["Content-Encoding"] == "aes128gcm"
    assert 100 < int(request.headers["TTL"]) <= 120
    assert len(request.headers["Topic"]) == 32


def test_the_tenants_key_signs_for_that_push_service_and_for_hours(service, acme):
    service.expect_request("/send").respond_with_data("", status=201)
    user = make.make_user(acme)
    make_phone(user, service.url_for("/send"))
    push(user)
    scheme, _space, rest = service.log[0][0].headers["Authorization"].partition(" ")
    token, key = (part.strip().partition("=")[2] for part in rest.split(","))
    assert (scheme, key) == ("vapid", web_push.public_key(acme))
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), web_push._decoded(key))
    claims = jwt.decode(token, point, algorithms=["ES256"], audience=service.url_for("").rstrip("/"))
    assert claims["sub"].startswith("http")
    assert 0 < claims["exp"] - time.time() <= 24 * 3600


def test_a_tenants_key_is_made_once_and_kept_sealed(acme, globex):
    web_push.make_key(acme)
    first = web_push.public_key(acme)
    web_push.make_key(acme)
    assert web_push.public_key(acme) == first
    assert web_push.public_key(globex) == ""
    assert b"PRIVATE" not in bytes(acme.web_push_key.private_key_sealed)


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_over_is_forgotten_and_the_others_are_told(service, acme, status):
    service.expect_request("/gone").respond_with_data("", status=status)
    service.expect_request("/here").respond_with_data("", status=201)
    user = make.make_user(acme)
    gone, _ = make_phone(user, service.url_for("/gone"), last_verified_at=clock.now())
    here, _ = make_phone(user, service.url_for("/here"))
    assert push(user).status == "sent"
    assert set(Authenticator.objects.exclude(push_token_sealed=None)) == {here}
    assert Authenticator.objects.filter(pk=gone.pk).exists()


def test_without_a_subscription_the_next_provider_gets_it(service, acme):
    make.make_key(acme)
    make_provider(acme, Channel.PUSH, position=2, url=service.url_for("/hook"))
    service.expect_request("/gone").respond_with_data("", status=410)
    service.expect_request("/hook").respond_with_data("")
    user = make.make_user(acme)
    make_phone(user, service.url_for("/gone"))
    for count in (1, 2):
        message = push(user)
        assert (message.status, message.carrier.kind) == ("sent", "webhook")
        hooks = [request for request, _answer in service.log if request.path == "/hook"]
        assert len(hooks) == count
        assert hooks[-1].get_json()["type"] == "push.created"
    assert len(service.log) == 3


@pytest.mark.parametrize(("status", "becomes"), [(503, "owed"), (429, "owed"), (403, "failed"), (413, "failed")])
def test_what_may_help_later_is_tried_again(service, acme, status, becomes):
    service.expect_request("/send").respond_with_data("", status=status)
    user = make.make_user(acme)
    row, _ = make_phone(user, service.url_for("/send"))
    message = push(user)
    assert (message.status, message.error) == (becomes, f"web push {status}")
    assert Authenticator.objects.get(pk=row.pk).push_token_sealed is not None


def test_a_push_to_one_phone_rings_no_other_and_one_to_all_rings_nobody_elses(service, acme):
    for path in ("/one", "/two", "/three"):
        service.expect_request(path).respond_with_data("", status=201)
    user = make.make_user(acme)
    one, _ = make_phone(user, service.url_for("/one"))
    make_phone(user, service.url_for("/two"))
    make_phone(make.make_user(acme, "bob"), service.url_for("/three"))
    assert push(user, authenticator=one).status == "sent"
    assert [request.path for request, _answer in service.log] == ["/one"]
    assert push(user).status == "sent"
    assert sorted(request.path for request, _answer in service.log) == ["/one", "/one", "/two"]


def test_a_name_that_leads_into_a_private_network_is_not_connected_to(service, acme, settings):
    """What was public when it was stored may be another address when it is used."""
    user = make.make_user(acme)
    make_phone(user, service.url_for("/send"))
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    message = push(user)
    assert (message.status, service.log) == ("failed", [])
    Authenticator.objects.all().delete()
    make_phone(user, "https://localhost/send")
    settings.WEB_PUSH_HOSTS = ["localhost"]
    # What is open to tenants' webhooks is not open to whoever enrols a phone.
    for allowed in ([], [ip_network("127.0.0.0/8"), ip_network("::1/128")]):
        settings.OUTBOUND_ALLOWED_NETWORKS = allowed
        message = push(user)
        assert (message.status, message.error) == (
            "failed",
            "web push: the name leads to an address that is not public",
        )


def test_what_is_no_push_service_any_more_is_not_sent_to(service, acme, settings):
    user = make.make_user(acme)
    make_phone(user, service.url_for("/send"))
    settings.WEB_PUSH_HOSTS = ["fcm.googleapis.com", service.host, f"{service.host}:443"]
    message = push(user)
    assert (message.status, message.error) == ("failed", "web push: the endpoint cannot be used")
    assert service.log == []


def test_phones_that_would_take_longer_than_the_whole_are_left_out(service, acme, monkeypatch):
    for module in (outbound, messaging.web_push):
        monkeypatch.setattr(module, "TOTAL_SECONDS", 1.0)

    def slowly(_request):
        time.sleep(0.6)
        return Response(status=201)

    service.expect_request("/slow").respond_with_handler(slowly)
    user = make.make_user(acme)
    make_phone(user, service.url_for("/slow"), last_verified_at=clock.now())
    make_phone(user, service.url_for("/other"))
    assert push(user).status == "sent"
    assert [request.path for request, _answer in service.log] == ["/slow"]


def test_a_redirect_is_not_followed(service, acme):
    service.expect_request("/send").respond_with_data("", status=307, headers={"Location": service.url_for("/inside")})
    user = make.make_user(acme)
    make_phone(user, service.url_for("/send"))
    assert push(user).error == "web push 307"
    assert len(service.log) == 1
