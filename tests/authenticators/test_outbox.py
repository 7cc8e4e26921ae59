"""Owing a message: sealed, limited exactly, in one transaction with what it belongs to."""

import json

import pytest

from authenticators.models import Message
from authsignal_portal.errors import InvalidRequest, TooManyRequests
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel
from tests.authenticators.owing import (
    advance,
    make_challenge,
    owe,
    status_of,
)
from tests.make import make_tenant, make_user

pytestmark = pytest.mark.django_db


# -- the row --


def test_what_is_owed_is_sealed_in_the_row():
    message = owe(code="918273", to="canary@example.com")
    row = Message.objects.filter(pk=message.pk).values().get()
    stored = " ".join(str(bytes(v) if isinstance(v, memoryview) else v) for v in row.values())
    assert "918273" not in stored
    assert "canary" not in stored
    payload = json.loads(Message.objects.get(pk=message.pk).payload)
    assert payload["to"] == "canary@example.com"
    assert payload["code"] == "918273"
    assert "918273" in payload["text"]
    assert "918273" in payload["html"]
    assert payload["subject"] == "Your Acme verification code"


def test_a_message_lives_no_longer_than_its_challenge():
    tenant = make_tenant()
    challenge = make_challenge(tenant, seconds=90)
    message = owe(challenge)
    assert message.deadline_at == challenge.expires_at
    assert json.loads(message.payload)["text"].count("1 minute") == 1


def test_a_text_message_has_neither_subject_nor_html():
    payload = json.loads(owe(channel=Channel.SMS).payload)
    assert payload.keys() == {"to", "text", "code", "about"}


def test_sending_again_withdraws_what_was_not_sent_yet():
    challenge = make_challenge(make_tenant())
    first = owe(challenge, code="111111")
    second = owe(challenge, code="222222")
    old = Message.objects.get(pk=first.pk)
    assert (old.status, old.error, old.payload_sealed) == ("cancelled", "superseded", None)
    assert status_of(second) == Message.Status.OWED


def test_sending_again_leaves_other_challenges_alone():
    tenant = make_tenant()
    first = owe(make_challenge(tenant))
    owe(make_challenge(tenant), to="bob@example.com")
    assert status_of(first) == Message.Status.OWED


# -- the doorbell --


# -- the limits --


def owe_many(count: int, *, tenant: Tenant, channel: Channel = Channel.SMS, **options) -> None:
    for _number in range(count):
        owe(make_challenge(tenant, channel=channel), channel=channel, **options)


@pytest.mark.parametrize(("channel", "limit"), [(Channel.SMS, 6), (Channel.EMAIL, 12)])
def test_one_address_gets_so_many_messages_in_ten_minutes(channel, limit):
    tenant = make_tenant()
    owe_many(limit, tenant=tenant, channel=channel)
    with pytest.raises(TooManyRequests) as refused:
        owe_many(1, tenant=tenant, channel=channel)
    assert 590 <= refused.value.resets_in <= 600
    advance(refused.value.resets_in)
    owe_many(1, tenant=tenant, channel=channel)


@pytest.mark.parametrize(("channel", "limit"), [(Channel.SMS, 20), (Channel.EMAIL, 30)])
def test_one_address_gets_so_many_messages_in_a_day(channel, limit):
    tenant = make_tenant()
    for _number in range(limit):
        owe_many(1, tenant=tenant, channel=channel)
        advance(601)
    with pytest.raises(TooManyRequests) as refused:
        owe_many(1, tenant=tenant, channel=channel)
    left = 24 * 3600 - limit * 601
    assert left - 10 <= refused.value.resets_in <= left + 1


def test_another_spelling_of_the_number_is_the_same_number():
    tenant = make_tenant()
    owe_many(6, tenant=tenant, to="+64211234567")
    with pytest.raises(TooManyRequests):
        owe_many(1, tenant=tenant, to="64211234567")


def test_one_user_gets_so_many_messages_whatever_the_address():
    tenant = make_tenant()
    user = make_user(tenant)
    for number in range(6):
        challenge = make_challenge(tenant, user, channel=Channel.SMS)
        owe(challenge, channel=Channel.SMS, to=f"+6421{number}234567")
    with pytest.raises(TooManyRequests):
        owe(make_challenge(tenant, user, channel=Channel.SMS), channel=Channel.SMS, to="+64211234599")


def test_tenants_and_channels_are_counted_apart():
    tenant = make_tenant()
    owe_many(6, tenant=tenant)
    owe_many(6, tenant=make_tenant("Globex"))
    owe_many(1, tenant=tenant, channel=Channel.EMAIL)


def test_a_refused_message_leaves_the_owed_one_alone():
    challenge = make_challenge(make_tenant(), channel=Channel.SMS)
    owe_many(5, tenant=challenge.tenant)
    message = owe(challenge, channel=Channel.SMS)
    with pytest.raises(TooManyRequests):
        owe(challenge, channel=Channel.SMS)
    assert status_of(message) == Message.Status.OWED


# -- the countries --


def test_a_high_risk_country_gets_no_sms():
    with pytest.raises(InvalidRequest, match="RU"):
        owe(channel=Channel.SMS, to="+79161234567")
    assert not Message.objects.exists()


def test_a_tenants_own_list_replaces_the_shipped_one():
    tenant = make_tenant()
    tenant.blocked_sms_countries = ["NZ"]
    challenge = make_challenge(tenant, channel=Channel.SMS)
    owe(challenge, channel=Channel.SMS, to="+79161234567")
    with pytest.raises(InvalidRequest, match="NZ"):
        owe(challenge, channel=Channel.SMS, to="+64211234567")


def test_a_number_of_no_country_is_accepted_only_where_nothing_is_really_sent(settings):
    owe(channel=Channel.SMS, to="1234567890")
    settings.MESSAGE_PROVIDERS = {"EMAIL": "builtin", "SMS": "twilio"}
    with pytest.raises(InvalidRequest, match="international"):
        owe(channel=Channel.SMS, to="1234567890")
