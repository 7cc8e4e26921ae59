"""The guard's alarms reach somebody: administrators by email, the tenant's own address by a signed webhook (B10)."""

import json
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from werkzeug import Response

from authenticators import alarms as alarms_of
from authenticators import delivery, messaging
from authenticators.guard import Reason
from authenticators.messaging import TransportError
from authenticators.models import Message, SendingPause, SendingPolicy
from authsignal_portal import clock, webhook_signature
from authsignal_portal.vocabulary import Role
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.portal.staff import make_staff, signed_in
from tests.races import scenes
from tests.sending.test_limits import start

SENDING = "/portal/authenticators/sendingpause/"


class Receiver:
    """Where the tenant wants its alarms. `status` is what it answers; `events` what came with a right signature."""

    def __init__(self, server, tenant):
        self.tenant, self.status, self.events = tenant, 200, []
        server.expect_request("/alarms").respond_with_handler(self.take)
        [self.secret] = webhook_signature.secrets_of(tenant)
        self.url = server.url_for("/alarms")

    def take(self, request):
        given = request.headers[webhook_signature.HEADER]
        self.events.append((given, request.data))
        return Response(status=self.status)

    def told(self):
        """What came, each rightly signed when it was sent."""
        for given, body in self.events:
            at = given.partition(",")[0].removeprefix("t=")
            assert given == webhook_signature.header(body, at=int(at), secrets=[self.secret])
        return [json.loads(body) for _given, body in self.events]


@pytest.fixture
def receiver(desk, httpserver, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    made = Receiver(httpserver, desk.tenant)
    SendingPolicy.objects.create(tenant=desk.tenant, alarm_url=made.url)
    return made


@pytest.fixture(autouse=True)
def outbox(settings, tmp_path):
    settings.OUTBOX_FILE = str(tmp_path / "outbox.jsonl")


def alarms(**of):
    return Message.objects.filter(notice__startswith="alarm:", **of)


def pump(desk, requests=12):
    """Codes to numbers of one prefix, of which nobody answers any."""
    for place in range(requests):
        desk.clock.advance(900)
        start(desk, f"+6421123{place:04}")


def emailed(settings):
    """(to, subject, text) of what was sent by email."""
    sent = [json.loads(line) for line in Path(settings.OUTBOX_FILE).read_text().splitlines()]
    return [(one["to"], one["subject"], one["text"]) for one in sent if one["channel"] == "EMAIL"]


def test_a_pause_is_told_once_to_each_administrator_and_to_the_tenants_address(desk, globex, receiver, settings):
    first, second = (make_staff(desk.tenant) for _each in range(2))
    make_staff(desk.tenant, Role.SUPPORT)
    make_staff(globex)
    gone = make_staff(desk.tenant)
    gone.user.is_active = False
    gone.user.save()
    pump(desk)
    pause = SendingPause.objects.get()
    delivery.sweep()
    [event] = receiver.told()
    assert (event["type"], event["tenantId"], event["version"]) == ("sending.paused", str(desk.tenant.pk), 1)
    assert event["id"] == str(alarms(channel="ALARM").get().pk)
    assert event["data"].pop("startedAt") < event["data"].pop("until")
    assert event["data"] == {"kind": "prefix", "country": "NZ", "prefix": "+6421123", "settled": "5", "proven": "0"}
    told = emailed(settings)
    assert sorted(to for to, _subject, _text in told) == sorted([first.email, second.email])
    assert {subject for _to, subject, _text in told} == {
        "Acme: Text messages to unknown numbers of +6421123•••• (NZ) are paused"
    }
    [text] = {text for _to, _subject, text in told}
    assert "Of the last 5 numbers there, only 0 entered their code." in text
    assert f"Until: {pause.until:%Y-%m-%d %H:%M} UTC" in text
    assert f"{settings.PUBLIC_URL}{SENDING}" in text


def test_a_pause_that_begins_again_is_told_again(desk, receiver):
    pump(desk, 40)
    delivery.sweep()
    assert len(receiver.told()) == alarms().count() == SendingPause.objects.get().strikes > 1


def test_an_address_that_does_not_take_it_is_asked_for_a_day_with_the_same_event(desk, receiver):
    receiver.status = 400
    pump(desk, 8)
    for _quarter in range(12):
        delivery.sweep()
        desk.clock.advance(900)
    assert alarms().get().status == Message.Status.OWED
    receiver.status = 200
    for _again in range(2):
        delivery.sweep()
    assert alarms().get().status == Message.Status.SENT
    assert len(receiver.told()) == 13
    assert len({event["id"] for event in receiver.told()}) == 1


def test_a_budget_that_is_used_up_is_told_once_a_day(desk, receiver, settings):
    for day in (1, 2):
        settings.SMS_PER_DAY = 8
        # A quarter of it for numbers that never answered.
        for place in range(4):
            start(desk, f"+6421{day}2{place}0000")
        known = scenes.enrolled(desk, M.SMS, contact=f"+6427987654{day}")
        settings.SMS_PER_DAY = 2
        for _again in range(2):
            assert desk.ask("POST", "client/challenge/sms", token=known.token).status_code == 429
        delivery.sweep()
        told = [(event["type"], event["data"]["budget"]) for event in receiver.told()]
        assert told == [("sending.budget_used_up", name) for name in ("unknown_numbers", "day")] * day
        assert receiver.told()[-1]["data"]["until"] == f"2030-01-0{day + 2}T00:00:00.000Z"
        desk.clock.advance(86_400)


def test_without_an_address_administrators_are_told_all_the_same(desk, settings):
    staff = make_staff(desk.tenant)
    pump(desk)
    delivery.sweep()
    assert [to for to, _subject, _text in emailed(settings)] == [staff.email]


def test_the_address_is_set_in_the_portal_and_must_be_one_that_can_be_reached(acme):
    admin = signed_in(acme)
    assert admin.client.post(SENDING, {"alarm_url": "https://8.8.8.8/alarms"}).status_code == 302
    assert SendingPolicy.objects.get().alarm_url == "https://8.8.8.8/alarms"
    for wrong in ("http://8.8.8.8/", "https://10.0.0.1/", "javascript:alert(1)"):
        assert b"This address cannot be used" in admin.client.post(SENDING, {"alarm_url": wrong}).content
    assert SendingPolicy.objects.get().alarm_url == "https://8.8.8.8/alarms"
    assert b'value="https://8.8.8.8/alarms"' in admin.client.get(SENDING).content


# -- a receiver that takes none ------------------------------------------------------------------


def owe_alarms(tenant, count):
    """As many as there are prefixes that are pumped."""
    now = clock.now()
    for place in range(count):
        values = {"country": "NZ", "prefix": f"+6421{place:03}", "started_at": now, "until": now + timedelta(hours=1)}
        alarms_of.pause_begun(SendingPause.objects.create(tenant=tenant, scope=f"prefix:{place}", **values), now)


def test_while_one_is_not_taken_all_others_wait(desk, receiver):
    receiver.status = 500
    owe_alarms(desk.tenant, 5)
    delivery.sweep()
    assert len(receiver.events) == 1
    for _second in range(120):
        desk.clock.advance(1)
        owe_alarms(make.make_tenant(), 1)
        delivery.sweep()
    # After 2, 4, 8, 16, 32 and 64 seconds, as if there were but one.
    assert len(receiver.events) == 6
    alarms_of.refused(desk.tenant, Reason.BUDGET, clock.now())
    delivery.sweep()
    assert len(receiver.events) == 6, "a new one waits with the others"
    receiver.status = 200
    desk.clock.advance(128)
    delivery.sweep()
    assert {event["type"] for event in receiver.told()} == {"sending.paused", "sending.budget_used_up"}
    assert set(alarms().values_list("status", flat=True)) == {Message.Status.SENT}


def test_an_address_gets_one_at_a_time_however_many_would_send(desk, globex, receiver):
    SendingPolicy.objects.create(tenant=globex, alarm_url=receiver.url)
    owe_alarms(desk.tenant, 2)
    owe_alarms(globex, 1)
    first, second = alarms(tenant=desk.tenant)
    assert delivery.claim(first.pk) is not None
    assert delivery.claim(second.pk) is None
    assert delivery.claim(alarms(tenant=globex).get().pk) is not None
    # Whoever had the first is dead.
    desk.clock.advance(3600)
    assert delivery.claim(second.pk) is not None


def test_many_alarms_of_one_tenant_are_not_all_told_before_the_first_of_another(desk, globex, receiver):
    SendingPolicy.objects.create(tenant=globex, alarm_url=receiver.url)
    owe_alarms(desk.tenant, 60)
    desk.clock.advance(1)
    owe_alarms(globex, 1)
    assert alarms(tenant=globex).get().pk in delivery.due_ids(clock.now())[:2]


def test_a_receiver_that_takes_none_is_owed_a_hundred_at_most(desk, receiver):
    owe_alarms(desk.tenant, 103)
    assert alarms().count() == 100


def begin_pause(desk, prefix="", country="NZ", *, after=1):
    desk.clock.advance(after)
    now = clock.now()
    values = {"started_at": now, "until": now + timedelta(hours=1), "settled": 5, "proven": 0}
    scope = {"tenant": desk.tenant, "scope": prefix or country}
    row, _made = SendingPause.objects.update_or_create(
        **scope, defaults={"country": country, "prefix": prefix, **values}
    )
    alarms_of.pause_begun(row, now)
    delivery.sweep()


def subjects(settings):
    return [subject.removeprefix("Acme: Text messages to unknown numbers ") for _to, subject, _t in emailed(settings)]


def test_pauses_of_a_quarter_of_an_hour_are_each_told_in_one_email_at_its_end(desk, settings):
    make_staff(desk.tenant)
    for place in range(4):
        begin_pause(desk, f"+6421{place:03}")
    assert subjects(settings) == ["of +6421000•••• (NZ) are paused"]
    begin_pause(desk, country="FJ")
    begin_pause(desk, country="NZ")
    desk.clock.advance(900)
    delivery.sweep()
    assert sorted(subjects(settings)[1:]) == [
        "in FJ are limited",
        "in NZ are limited",
        "of +6421001•••• (NZ), +6421002•••• (NZ), +6421003•••• (NZ) are paused",
    ]
    [text] = [text for _to, subject, text in emailed(settings) if "6421003" in subject]
    assert "Of the last 15 numbers there, only 0 entered their code." in text


def test_a_flood_of_pauses_is_one_email_a_quarter_of_an_hour_to_each(desk, settings):
    staff = [make_staff(desk.tenant) for _each in range(2)]
    for minute in range(30):
        begin_pause(desk, f"+6421{minute:03}", after=60)
    desk.clock.advance(900)
    delivery.sweep()
    told = emailed(settings)
    for one in staff:
        mine = [subject for to, subject, _text in told if to == one.email]
        assert len(mine) == 3
        assert mine[1].endswith("+6421010•••• (NZ), … +4 are paused")


def test_a_pause_that_begins_again_is_in_an_email_again(desk, settings):
    make_staff(desk.tenant)
    begin_pause(desk, "+6421000")
    begin_pause(desk, "+6421001")
    begin_pause(desk, "+6421000")
    desk.clock.advance(900)
    delivery.sweep()
    assert subjects(settings)[1:] == ["of +6421001•••• (NZ), +6421000•••• (NZ) are paused"]
    begin_pause(desk, "+6421002", after=901)
    assert len(subjects(settings)) == 3


def test_an_email_that_is_refused_today_is_tried_again(desk, monkeypatch, settings):
    make_staff(desk.tenant)
    owe_alarms(desk.tenant, 1)

    def refuse(_message):
        raise TransportError("the password is wrong", permanent=True)

    with monkeypatch.context() as broken:
        broken.setattr(messaging.PROVIDERS["builtin"], "send", refuse, raising=False)
        delivery.sweep()
    assert alarms().get().status == Message.Status.OWED
    desk.clock.advance(900)
    delivery.sweep()
    assert alarms().get().status == Message.Status.SENT


def test_each_share_of_the_budget_is_told_for_itself(desk, receiver, settings):
    """Of twelve messages newcomers may have three, suspects one."""
    settings.SMS_PER_DAY = 12
    staff = make_staff(desk.tenant)
    for place in range(3):
        assert start(desk, f"+6421123{place:04}").status_code == 200
    desk.clock.advance(3600)
    assert start(desk, "+64211230003").status_code == 200
    assert start(desk, "+64211230004").status_code == 429
    # The sweep goes by deadlines: two alarms of one instant may come in either order.
    desk.clock.advance(1)
    assert start(desk, "+64211240000").status_code == 429
    delivery.sweep()
    assert [event["data"]["budget"] for event in receiver.told()] == ["suspicious_numbers", "unknown_numbers"]
    assert [(to, subject) for to, subject, _text in emailed(settings)] == [
        (staff.email, "Acme: The day’s budget for text messages to suspicious numbers is used up"),
        (staff.email, "Acme: The day’s budget for text messages to unknown numbers is used up"),
    ]
