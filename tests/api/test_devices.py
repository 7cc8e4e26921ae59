"""Devices through the Server API."""

from urllib.parse import quote

import pytest

from actions.models import Device
from tests.api.reading import MOMENT, code_sent, everything_stored, ok, refused, tags


@pytest.fixture
def device(api):
    ok(api("POST", "users/alice/actions/pay", {"deviceId": "d"}))
    return Device.objects.get()


def test_a_device_is_listed_with_what_is_known_of_it(api, device):
    (listed,) = ok(api("GET", "users/alice/devices"))
    assert MOMENT.fullmatch(listed.pop("createdAt"))
    assert listed == {"userId": "alice", "deviceId": "d"}
    assert ok(api("GET", "users/nobody/devices")) == []


def test_a_passed_challenge_is_noted_on_the_device(api, device):
    given = {"userId": "alice", "action": "login", "email": "a@b.example", "deviceId": "d"}
    challenge = ok(api("POST", "challenge", given))["challengeId"]
    ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))
    (listed,) = ok(api("GET", "users/alice/devices"))
    assert listed["lastVerificationMethod"] == "EMAIL_OTP"
    assert MOMENT.fullmatch(listed["authenticatedAt"])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2099-01-02T03:04:05Z", "2099-01-02T03:04:05.000Z"),
        ("2099-01-02T03:04:05.678901Z", "2099-01-02T03:04:05.678Z"),
        ("2099-01-02T03:04:05+13:00", "2099-01-01T14:04:05.000Z"),
        ("2099-01-02T03:04:05", "2099-01-02T03:04:05.000Z"),
        ("0039-01-02T03:04:05.9Z", "0039-01-02T03:04:05.900Z"),
    ],
)
def test_a_device_is_remembered_until_a_time_and_forgotten_by_null(api, device, sent, kept):
    answer = ok(api("PATCH", "users/alice/devices/d", {"rememberedUntil": sent}))
    assert answer["rememberedUntil"] == kept
    (listed,) = ok(api("GET", "users/alice/devices"))
    assert listed == answer
    answer = ok(api("PATCH", "users/alice/devices/d", {"rememberedUntil": None}))
    assert "rememberedUntil" not in answer
    assert tags().count("device:updated") == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rememberedUntil": ""},
        {"rememberedUntil": "soon"},
        {"rememberedUntil": 5},
        {"rememberedUntil": ["x"]},
        {"rememberedUntil": "9999-12-31T23:59:59-23:59"},
        {"rememberedUntil": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_a_wrong_time_is_refused_and_changes_nothing(api, device, body):
    before = everything_stored()
    refused(api("PATCH", "users/alice/devices/d", body), 400, "invalid_request")
    assert everything_stored() == before


def test_a_device_is_invalidated(api, device):
    answer = ok(api("POST", "users/alice/devices/d/invalidate"))
    assert MOMENT.fullmatch(answer["invalidatedAt"])
    assert tags()[-1] == "device:invalidated"


@pytest.mark.parametrize("path", ["users/alice/devices/unknown", "users/bob/devices/d"])
def test_an_unknown_device_is_404(api, device, path):
    before = everything_stored()
    refused(api("PATCH", path, {"rememberedUntil": None}), 404, "not_found")
    refused(api("POST", f"{path}/invalidate"), 404, "not_found")
    assert everything_stored() == before


@pytest.mark.parametrize("ident", ["a/b", "a b", "ü🦊", "a%b", "x" * 255, "invalidate"])
def test_device_ids_of_all_kinds_are_found_again(api, ident):
    ok(api("POST", "users/alice/actions/pay", {"deviceId": ident}))
    path = f"users/alice/devices/{quote(ident, safe='')}"
    assert ok(api("PATCH", path, {"rememberedUntil": None}))["deviceId"] == ident
    assert ok(api("POST", f"{path}/invalidate"))["deviceId"] == ident
