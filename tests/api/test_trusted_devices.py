"""Trusted devices: remembered after a proof only, seen by the rules, and forgotten by their user or by staff."""

import json
from datetime import timedelta
from typing import Any

import pytest

from actions.models import Action, Device
from audit.models import AuditEvent
from authsignal_portal import clock
from authsignal_portal.vocabulary import Role
from tests import make
from tests.api.reading import code_sent, ok, tags
from tests.portal.staff import signed_in

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)


@pytest.fixture(autouse=True)
def tenant(acme):
    acme.remember_devices, acme.remember_device_days = True, 7
    acme.save()
    return acme


@pytest.fixture
def page(client):
    def call(name: str, token: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return client.post(f"/challenge/api/{name}", json.dumps(body or {}), "application/json", headers=headers)

    return call


def track(api, user="alice", **body):
    return ok(api("POST", f"users/{user}/actions/login", {"deviceId": "laptop", "userAgent": CHROME, **body}))


def prove(api, user="alice", key="k"):
    given = {"userId": user, "action": "login", "idempotencyKey": key, "email": f"{user}@b.example"}
    challenge = ok(api("POST", "challenge", given))["challengeId"]
    ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))


@pytest.fixture
def proved(api):
    """The token of an action that was just proved."""
    token = track(api, idempotencyKey="k")["token"]
    prove(api)
    return token


def facts_of(api, **body):
    """What the rules are told of the device."""
    key = track(api, **body)["idempotencyKey"]
    device = Action.objects.get(idempotency_key=key).facts.facts["device"]
    return device["isNew"], device["isRemembered"]


def test_a_device_is_remembered_after_a_proof_and_the_rules_see_it(api, page, proved, acme):
    login = acme.action_configurations.get(action_code="login")
    make.make_rule(login, {"and": [{"==": [{"var": "device.isRemembered"}, True]}]}, "ALLOW")
    assert page("state", proved).json()["remember"] == 7
    answer = page("remember-device", proved)
    assert answer.status_code == 200, answer.content
    device = Device.objects.get()
    left = device.remembered_until - clock.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert facts_of(api) == (False, True)
    assert track(api)["state"] == "ALLOW"
    assert track(api, deviceId="phone")["state"] == "CHALLENGE_REQUIRED"
    assert track(api, user="bob")["state"] == "CHALLENGE_REQUIRED"
    event = AuditEvent.objects.get(tag="device:updated")
    assert (event.actor_kind, event.data) == ("user", {"row": str(device.pk), "fields": ["remembered_until"]})
    Device.objects.update(remembered_until=clock.now() - timedelta(seconds=1))
    assert facts_of(api) == (False, False)


def refused_to_remember(page, token):
    assert "remember" not in page("state", token).json()
    answer = page("remember-device", token)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "invalid_request")
    assert not Device.objects.exclude(remembered_until=None).exists()


def test_without_a_proof_nothing_is_remembered(api, page):
    refused_to_remember(page, track(api)["token"])
    refused_to_remember(page, track(api, scope="add:authenticators update:authenticators")["token"])


def test_nor_by_a_proof_that_its_action_did_not_ask_for(page, proved):
    Action.objects.update(state="ALLOW")
    refused_to_remember(page, proved)


def test_a_proof_of_another_action_does_not_count(api, page, proved):
    refused_to_remember(page, track(api)["token"])


def test_an_old_proof_does_not_count(page, proved):
    Action.objects.update(state_updated_at=clock.now() - timedelta(minutes=11))
    refused_to_remember(page, proved)


def test_where_the_tenant_does_not_offer_it_nothing_is_remembered(page, proved, acme):
    acme.remember_devices = False
    acme.save()
    refused_to_remember(page, proved)


def test_an_action_without_a_device_has_none_to_remember(api, page):
    token = ok(api("POST", "users/alice/actions/login", {"idempotencyKey": "k"}))["token"]
    prove(api)
    refused_to_remember(page, token)


def test_a_device_that_was_forgotten_meanwhile_is_not_remembered(page, proved):
    Device.objects.update(invalidated_at=clock.now())
    assert page("remember-device", proved).status_code == 400
    assert Device.objects.get().remembered_until is None


# -- the user's own list -------------------------------------------------------------------------


def test_a_user_sees_their_devices_and_forgets_one(api, page, proved):
    track(api, deviceId="phone", userAgent="")
    track(api, user="bob", deviceId="bobs")
    page("remember-device", proved)
    listed = page("devices", proved).json()["devices"]
    assert [(one.get("name"), one["isThis"], one["isRemembered"]) for one in listed] == [
        ("Chrome · Windows", True, True),
        (None, False, False),
    ]
    assert page("forget-device", proved, {"id": listed[0]["id"]}).status_code == 200
    assert facts_of(api) == (True, False)
    event = AuditEvent.objects.get(tag="device:invalidated")
    assert (event.actor_kind, event.data["fields"]) == ("user", ["invalidated_at", "remembered_until"])
    assert len(page("devices", proved).json()["devices"]) == 1
    assert page("forget-device", proved, {"id": listed[0]["id"]}).status_code == 404


def test_a_forgotten_device_is_not_remembered_again_by_the_next_proof(api, page, proved):
    page("remember-device", proved)
    page("forget-device", proved, {"id": Device.objects.get().pk})
    track(api, idempotencyKey="next")
    Device.objects.update(invalidated_at=clock.now() - timedelta(seconds=1))
    prove(api, key="next")
    assert facts_of(api) == (False, False)


def test_devices_are_neither_told_nor_forgotten_without_a_proof(api, page):
    token = track(api)["token"]
    assert page("state", token).json()["seesDevices"] is False
    for name, body in (("devices", {}), ("forget-device", {"id": Device.objects.get().pk})):
        answer = page(name, token, body)
        assert (answer.status_code, answer.json()["errorCode"]) == (403, "invalid_request")
    assert Device.objects.get().invalidated_at is None


def test_nobody_forgets_the_device_of_somebody_else(api, page, proved, globex_api):
    track(api, user="bob", deviceId="bobs")
    ok(globex_api("POST", "users/alice/actions/login", {"deviceId": "laptop"}))
    for device in Device.objects.exclude(user__user_id="alice", user__tenant__name="Acme"):
        assert page("forget-device", proved, {"id": device.pk}).status_code == 404
    assert page("forget-device", proved, {}).status_code == 404
    assert page("forget-device", proved, {"id": 2**63}).status_code == 400
    assert "device:invalidated" not in tags()


# -- staff ---------------------------------------------------------------------------------------


def test_staff_forget_a_device_with_its_memory_and_read_only_members_do_not(api, page, proved, acme):
    page("remember-device", proved)
    device = Device.objects.select_related("user").get()
    path = f"/portal/authenticators/enduser/{device.user.pk}/devices/{device.pk}/invalidate/"
    assert signed_in(acme, Role.READ_ONLY).client.post(path).status_code == 403
    assert facts_of(api) == (False, True)
    support = signed_in(acme, Role.SUPPORT)
    assert support.client.post(path).status_code == 302
    assert facts_of(api) == (True, False)
    event = AuditEvent.objects.get(tag="device:invalidated")
    assert (event.actor_kind, event.actor) == ("staff", str(support.user.pk))
