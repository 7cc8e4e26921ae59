"""No user and no action is called by what would be another path: the server decodes %2F before anything is matched."""

import re
from urllib.parse import quote

import pytest
from django.urls import resolve
from hypothesis import example, given
from hypothesis import strategies as st

from authsignal_portal.errors import InvalidRequest
from authsignal_portal.json_body import checked_id
from tests.api.reading import everything_stored, ok, refused

AUTHENTICATOR = "6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1"
ROUTES = {
    "": {},
    "/actions": {},
    "/actions/pay": {"action": "pay"},
    "/authenticators": {},
    f"/authenticators/{AUTHENTICATOR}": {"authenticator_id": AUTHENTICATOR},
    "/devices": {},
    "/devices/d": {"device_id": "d"},
    "/devices/d/invalidate": {"device_id": "d"},
}
PART = st.sampled_from(["actions", "authenticators", "devices", "invalidate", "users", AUTHENTICATOR, "a", ".."])
ID = st.lists(PART, min_size=1, max_size=6).map("/".join)


def accepted(text, name):
    try:
        return bool(checked_id(text, name))
    except InvalidRequest:
        return False


@given(ID)
def test_whatever_a_user_is_called_each_path_names_them_alone(user):
    if not accepted(user, "userId"):
        return
    for rest, more in ROUTES.items():
        # `users/authenticators` is the import.
        if user + rest != "authenticators":
            found = resolve(f"/v1/users/{user}{rest}")
            assert (found.func, found.kwargs) == (resolve(f"/v1/users/x{rest}").func, {"user_id": user} | more)


@given(ID, ID)
@example("a", "actions/b/c")
def test_whatever_a_key_is_its_path_names_its_action_alone(user, key):
    if accepted(user, "userId") and accepted(key, "idempotencyKey"):
        found = resolve(f"/v1/users/{user}/actions/pay/{key}")
        assert found.kwargs == {"user_id": user, "action": "pay", "key": key}


@pytest.mark.parametrize("odd", [f"victim/authenticators/{AUTHENTICATOR}", "victim/authenticators", "/devices/b"])
def test_nobody_is_called_by_another_ones_resources(api, browser, odd):
    before = everything_stored()
    for method, path, body in [
        ("POST", f"users/{quote(odd, safe='')}/actions/pay", {}),
        ("POST", "challenge", {"action": "pay", "userId": odd, "email": "a@b.example"}),
        ("POST", "claim", {"challengeId": "x" * 64, "userId": odd}),
    ]:
        told = refused(api(method, path, body), 400, "invalid_request")
        assert re.search(r"userId must not hold /(actions|authenticators|devices)", told), told
    assert everything_stored() == before


def test_an_import_tells_which_id_it_refuses(api):
    passkey = {"verificationMethod": "PASSKEY", "credentialId": "AAAA", "credentialPublicKey": "AAAA"}
    told = ok(api("POST", "users/authenticators", {"authenticators": [{"userId": "a/devices", **passkey}]}))
    assert (told["succeeded"], told["failures"][0]["userId"]) == (0, "a/devices")


def test_a_key_that_would_be_another_action_is_refused_at_every_door(api, browser):
    key = "a/actions/b/c"
    for answer in (
        api("POST", "users/alice/actions/pay", {"idempotencyKey": key}),
        api("POST", "challenge", {"action": "pay", "email": "a@b.example", "idempotencyKey": key}),
        api("POST", "challenge", {"action": "pay", "userId": "alice", "email": "a@b.example", "idempotencyKey": key}),
        browser("POST", "challenge", {"action": "pay", "idempotencyKey": key}),
    ):
        assert "idempotencyKey must not hold" in refused(answer, 400, "invalid_request")


def test_ids_and_keys_with_ordinary_slashes_work(api):
    user, key = "org/7/staff/ada", "orders/actions-2/authenticators/7"
    path = f"users/{quote(user, safe='')}/actions/pay"
    ok(api("POST", path, {"idempotencyKey": key}))
    assert ok(api("GET", f"{path}/{quote(key, safe='')}"))["state"] == "CHALLENGE_REQUIRED"
    assert ok(api("GET", f"users/{user}"))["userId"] == user
