"""Users are told what happened to the ways they prove themselves, where they were known before, and not too often."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from audit.models import AuditEvent
from authenticators import delivery, routing
from authenticators.messaging import compose
from authenticators.models import Authenticator, Message, MessageProvider, RecoveryCode
from authenticators.notices import Kind
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel
from tests import make
from tests.api.reading import code_sent, ok
from tests.api.test_device_credentials import enrol, track
from tests.api.test_webauthn_attacks import way as way
from tests.device import DeviceKey
from tests.portal.conftest import admin as admin

EMAIL, NUMBER = "alice@a.example", "+64211234567"


@pytest.fixture
def alice(api):
    """Her backend knows her address; she has nothing enrolled."""
    ok(api("PATCH", "users/alice", {"email": EMAIL}))


def notices():
    return list(Message.objects.exclude(notice="").select_related("tenant").order_by("created_at", "due_at"))


def told():
    """(what, to whom) of each."""
    return [(one.notice, json.loads(one.payload)["to"]) for one in notices()]


def import_way(api, **given):
    return ok(api("POST", "users/alice/authenticators", given))


def replace_email(api, browser, to):
    token = track(api, scope="add:authenticators")
    ok(browser("POST", "user-authenticators/email-otp", {"email": to}, token=token))
    ok(browser("POST", "verify/email-otp", {"verificationCode": code_sent()}, token=token))


# -- what is told, and where ---------------------------------------------------------------------


def test_a_way_that_was_added_is_told_at_the_address_on_file(api, browser, alice):
    enrol(api, browser, DeviceKey())
    [notice] = notices()
    payload = json.loads(notice.payload)
    assert (notice.channel, payload["to"], payload["subject"]) == (
        "EMAIL",
        EMAIL,
        "Acme: Added to your account: App on your phone",
    )
    for part in (payload["text"], payload["html"]):
        assert "Added to your account: App on your phone" in part
        assert "contact Acme" in part
        assert "://" not in part.replace("<!doctype html>", "")
    event = AuditEvent.objects.get(tag="user:notified")
    assert event.data == {"message": str(notice.pk), "channel": "EMAIL", "method": "PUSH", "reason": "added"}
    assert EMAIL not in json.dumps(list(AuditEvent.objects.values_list("data", flat=True)))


def test_an_app_that_brings_itself_up_to_date_added_nothing(api, browser, alice):
    key = DeviceKey()
    for _time in range(2):
        enrol(api, browser, key)
    assert told() == [("added:PUSH", EMAIL)]


def test_one_phone_is_told_once_whatever_it_is_for(api, browser, alice):
    key = DeviceKey()
    enrol(api, browser, key, "device")
    methods = sorted(Authenticator.objects.values_list("method", flat=True))
    assert (methods, told()) == (["IN_APP", "PUSH", "QR_CODE"], [("added:PUSH", EMAIL)])
    ok(browser("POST", "user-authenticators/device/remove", key.removal()))
    assert (Authenticator.objects.count(), told()[1:]) == (0, [("removed:PUSH", EMAIL)])


def test_what_a_known_phone_is_newly_for_is_told(api, browser, alice):
    key = DeviceKey()
    enrol(api, browser, key)
    enrol(api, browser, key, "device")
    assert told()[1:] in ([("added:QR_CODE", EMAIL)], [("added:IN_APP", EMAIL)])


def test_a_new_address_is_told_at_the_one_before_it(api, browser):
    import_way(api, verificationMethod="EMAIL_OTP", email=EMAIL)
    ok(api("PATCH", "users/alice", {"email": "eve@e.example"}))
    replace_email(api, browser, "eve@e.example")
    assert told() == [("added:EMAIL_OTP", EMAIL)]


def test_an_address_that_was_proved_lately_hears_nothing_in_place_of_the_known_one(api, browser):
    import_way(api, verificationMethod="EMAIL_OTP", email=EMAIL)
    ok(api("PATCH", "users/alice", {"email": EMAIL}))
    replace_email(api, browser, "eve@e.example")
    enrol(api, browser, DeviceKey())
    assert told() == [("added:EMAIL_OTP", EMAIL), ("added:PUSH", EMAIL)]
    Authenticator.objects.filter(method="EMAIL_OTP").update(verified_at=clock.now() - timedelta(days=7))
    enrol(api, browser, DeviceKey(), "in-app")
    assert told()[2:] == [("added:IN_APP", "eve@e.example")]


def test_nor_does_the_first_one_that_a_proof_put_on_file(api, browser):
    import_way(api, verificationMethod="SMS", phoneNumber=NUMBER)
    Authenticator.objects.update(verified_at=clock.now() - timedelta(days=8))
    replace_email(api, browser, "eve@e.example")
    enrol(api, browser, DeviceKey())
    assert told() == [("added:EMAIL_OTP", NUMBER), ("added:PUSH", NUMBER)]


def test_an_address_that_proves_itself_is_not_told_of_itself(api, browser, alice):
    replace_email(api, browser, EMAIL)
    assert told() == []


def test_a_way_that_was_removed_is_told_where_it_led(api):
    row = import_way(api, verificationMethod="EMAIL_OTP", email=EMAIL)
    ok(api("DELETE", f"users/alice/authenticators/{row['authenticator']['userAuthenticatorId']}"))
    assert told() == [("removed:EMAIL_OTP", EMAIL)]
    assert not Authenticator.objects.exists()


def test_what_a_backend_imports_is_not_told(api, alice):
    import_way(api, verificationMethod="SMS", phoneNumber=NUMBER)
    assert told() == []


def test_a_recovery_code_that_was_used_is_told_with_how_many_are_left(api, client, alice):
    codes = import_way(api, verificationMethod="SMS", phoneNumber=NUMBER)["recoveryCodes"]
    for code, left in ((codes[0], 9), (codes[1], RecoveryCode.FEW)):
        headers = {"Authorization": f"Bearer {track(api)}"}
        body = json.dumps({"verificationCode": code})
        answer = client.post("/challenge/api/recovery-code", body, "application/json", headers=headers)
        assert answer.json()["isVerified"] is True
        payload = json.loads(notices()[-1].payload)
        for part in (payload["text"], payload["html"]):
            assert f"Unused recovery codes: {left}." in part
            assert ("Make new ones" in part) is (left == RecoveryCode.FEW)
        RecoveryCode.objects.exclude(index__in=[code[:2] for code in codes[:5]]).delete()
    assert told() == [("recovery_code_used:RECOVERY_CODE", EMAIL)] * 2


@pytest.mark.parametrize("is_synced", [False, True])
def test_a_signature_count_that_went_backward_is_told_whether_it_was_refused_or_not(api, way, is_synced):
    device = way.enrolled(backup_eligible=is_synced)
    ok(api("PATCH", "users/alice", {"email": EMAIL}))
    Authenticator.objects.update(sign_count=5)
    assert way.answer(device, sign_count=1) is is_synced
    assert told() == [(f"copy_suspected:{way.method}", EMAIL)]


def test_guesses_that_lock_a_method_are_told(api, browser, alice, settings):
    settings.CONSECUTIVE_GUESSES_BEFORE_PAUSE = 2
    import_way(api, verificationMethod="EMAIL_OTP", email=EMAIL)
    token = track(api)
    ok(browser("POST", "challenge/email-otp", token=token))
    for count in range(2):
        assert len(notices()) == 0, count
        ok(browser("POST", "verify/email-otp", {"verificationCode": "000000"}, token=token))
    assert told() == [("locked:EMAIL_OTP", EMAIL)]
    assert "wait a while" in json.loads(notices()[0].payload)["text"]


def test_guesses_that_end_a_method_for_good_are_told_so_at_once(api, browser, alice, settings):
    settings.CONSECUTIVE_GUESSES_BEFORE_PAUSE, settings.CONSECUTIVE_GUESSES_BEFORE_DISABLING = 2, 3
    settings.PAUSE_SECONDS = 0
    import_way(api, verificationMethod="EMAIL_OTP", email=EMAIL)
    token = track(api)
    ok(browser("POST", "challenge/email-otp", token=token))
    for _time in range(3):
        ok(browser("POST", "verify/email-otp", {"verificationCode": "000000"}, token=token))
    [notice] = notices()
    assert (notice.notice, notice.due_at) == ("disabled:EMAIL_OTP", notice.created_at)
    payload = json.loads(notice.payload)
    assert payload["subject"] == "Acme: Switched off after too many wrong codes: Email"
    for text in (payload["text"], payload["html"]):
        assert "It does not come back by itself" in text
        assert "wait a while" not in text


def test_nobody_is_told_who_cannot_be_or_where_the_tenant_does_not_want_it(api, browser, acme, admin):
    enrol(api, browser, DeviceKey())
    ok(api("PATCH", "users/alice", {"email": EMAIL}))
    page = f"/portal/authsignal_portal/tenant/{acme.pk}/change/"
    form = admin.client.get(page).context["adminform"].form
    assert form.initial["notify_users"] is True
    sent = {name: value for name, value in form.initial.items() if value not in (None, False, [])}
    sent |= {"app_origins": make.APP_ORIGIN, "notify_users": ""}
    assert admin.client.post(page, sent).status_code == 302
    enrol(api, browser, DeviceKey(), "in-app")
    assert (told(), Tenant.objects.get(pk=acme.pk).notify_users) == ([], False)


# -- not too often, and in nobody's way ----------------------------------------------------------


def test_of_one_kind_there_is_one_in_a_while_and_one_more_for_what_happened_meanwhile(api, browser, alice):
    for _time in range(4):
        enrol(api, browser, DeviceKey())
    first, second = notices()
    assert (first.notice, second.notice) == ("added:PUSH", "added:PUSH")
    assert second.due_at - first.due_at == timedelta(minutes=15)
    assert second.deadline_at > second.due_at
    delivery.sweep()
    assert [one.status for one in notices()] == ["sent", "owed"]


def test_a_notice_counts_against_no_code(api, browser, alice, settings):
    settings.SECONDS_BETWEEN_SENDS = 30
    import_way(api, verificationMethod="EMAIL_OTP", email=EMAIL)
    enrol(api, browser, DeviceKey())
    assert len(notices()) == 1
    ok(browser("POST", "challenge/email-otp", token=track(api)))


def test_it_is_sent_though_the_tenants_webhook_takes_codes_only(api, browser, acme, alice, settings):
    row = MessageProvider(tenant=acme, channel="EMAIL", kind="webhook", url="https://a.example/hook")
    row.save()
    enrol(api, browser, DeviceKey())
    [notice] = notices()
    assert [way.row for way in routing.routes(notice)] == [None]
    delivery.deliver(notice.pk)
    assert json.loads(Path(settings.OUTBOX_FILE).read_text())["to"] == EMAIL
    assert AuditEvent.objects.filter(tag="message:sent").count() == 1
    settings.MESSAGE_PROVIDERS = {}
    assert not routing.carries_notices(acme, Channel.EMAIL)


# -- by SMS --------------------------------------------------------------------------------------


def test_without_an_email_address_a_proven_number_is_told(api, browser):
    import_way(api, verificationMethod="SMS", phoneNumber=NUMBER)
    enrol(api, browser, DeviceKey())
    assert told() == [("added:PUSH", NUMBER)]
    text = json.loads(notices()[0].payload)["text"]
    assert text.startswith("Acme: Added to your account: App on your phone (20")
    assert len(text) <= 160


def test_a_number_that_nobody_proved_is_not_told(api, browser):
    ok(api("PATCH", "users/alice", {"phoneNumber": NUMBER}))
    enrol(api, browser, DeviceKey())
    assert told() == []


def test_where_the_budget_is_used_up_nothing_is_sent_and_nothing_refused(api, browser, settings):
    settings.SMS_PER_DAY = 1
    import_way(api, verificationMethod="SMS", phoneNumber=NUMBER)
    for path in ("push", "in-app", "qr-code"):
        enrol(api, browser, DeviceKey(), path)
    assert told() == [("added:PUSH", NUMBER)]
    assert Authenticator.objects.count() == 4


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_words_for_both_channels(db, kind):
    for channel in (Channel.EMAIL, Channel.SMS):
        text = compose.notice_message(
            kind=kind.value, method="PASSKEY", channel=channel, tenant_name="Acme", at=clock.now(), locale="de"
        )
        assert text.text.strip() not in ("", "Acme:")
        assert text.subject != "Acme:"
        assert bool(text.subject) == (channel == Channel.EMAIL)
