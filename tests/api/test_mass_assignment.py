"""Fields that a caller may not set, sent anyway (T12): they are ignored, whoever sends them."""

import uuid

import pytest

from actions.models import Action, ActionFacts, Device
from authenticators.models import Authenticator, Challenge, EndUser
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import OPT_IN_METHODS, VerificationMethod
from tests.api.reading import code_sent, ok, refused

CHOSEN = str(uuid.UUID(int=7))
# Every column and wire name of everything we store, and what a caller would like it to be.
EVERYTHING = {
    "id": CHOSEN,
    "pk": CHOSEN,
    "tenant": CHOSEN,
    "tenantId": CHOSEN,
    "tenant_id": CHOSEN,
    "user_id": "mallory",
    "pseudonym": CHOSEN,
    "state": "CHALLENGE_SUCCEEDED",
    "outcome": "ALLOW",
    "stateUpdatedAt": "2000-01-01T00:00:00Z",
    "createdAt": "2000-01-01T00:00:00Z",
    "created_at": "2000-01-01T00:00:00Z",
    "updatedAt": "2000-01-01T00:00:00Z",
    "verifiedAt": "2000-01-01T00:00:00Z",
    "verified_at": "2000-01-01T00:00:00Z",
    "lastVerifiedAt": "2000-01-01T00:00:00Z",
    "last_verified_at": "2000-01-01T00:00:00Z",
    "expiresAt": 2**31 - 1,
    "expires_at": "2099-01-01T00:00:00Z",
    "claimed_at": "2099-01-01T00:00:00Z",
    "authenticatedAt": "2000-01-01T00:00:00Z",
    "rememberedUntil": "2099-01-01T00:00:00Z",
    "invalidatedAt": "2000-01-01T00:00:00Z",
    "isEnrolled": True,
    "isVerified": True,
    "isValid": True,
    "is_imported": True,
    "userAuthenticatorId": CHOSEN,
    "attempts": -100,
    "sends": -100,
    "fingerprint": "",
    "ruleIds": [],
    "rules": [],
    "priorityRuleId": CHOSEN,
    "allowedVerificationMethods": ["SMS"],
    "allowed_methods": ["SMS"],
    "enrolledVerificationMethods": ["PASSKEY"],
    "purpose": "access",
    "token": "x",
    "url": "https://evil.example/",
    "token_duration_in_minutes": 60,
    "app_origins": ["https://evil.example"],
    "actor": "system",
    "begun_by_client": False,
    "facts": {},
    "trace": {},
    "output": {"x": 1},
    "role": "ADMIN",
    "__proto__": {"isAdmin": True},
}


def assert_ordinary():
    """Nothing took a value that a caller chose."""
    for model in (Action, ActionFacts, EndUser, Authenticator, Challenge, Tenant):
        assert not model.objects.filter(pk=CHOSEN).exists(), model
    assert not Action.objects.filter(state="CHALLENGE_SUCCEEDED").exists()
    assert not EndUser.objects.filter(user_id="mallory").exists()
    assert not EndUser.objects.filter(pseudonym=CHOSEN).exists()
    assert not Device.objects.exclude(remembered_until=None, authenticated_at=None).exists()
    for model in (Action, EndUser, Challenge, Authenticator):
        assert not model.objects.filter(created_at__year=2000).exists(), model
    assert not Tenant.objects.filter(app_origins__contains=["https://evil.example"]).exists()
    assert not Challenge.objects.filter(expires_at__year=2099).exists()


def test_track_takes_its_own_attributes_and_no_others(api):
    answer = ok(api("POST", "users/alice/actions/pay", EVERYTHING | {"deviceId": "d"}))
    assert (answer["state"], answer["isEnrolled"]) == ("CHALLENGE_REQUIRED", False)
    assert set(answer["allowedVerificationMethods"]) == set(VerificationMethod) - OPT_IN_METHODS
    assert "ruleIds" not in answer
    assert "evil.example" not in answer["url"]
    assert_ordinary()


def test_the_ids_in_the_path_go_before_those_in_the_body(api):
    body = {"userId": "mallory", "action": "other", "actionCode": "other", "tenantId": CHOSEN}
    ok(api("POST", "users/alice/actions/pay", body))
    action = Action.objects.get()
    assert (action.user.user_id, action.action_code, action.tenant.name) == ("alice", "pay", "Acme")
    ok(api("PATCH", "users/alice", {"userId": "mallory", "displayName": "A"}))
    assert list(EndUser.objects.values_list("user_id", flat=True)) == ["alice"]


def test_an_update_of_a_user_sets_attributes_only(api):
    answer = ok(api("PATCH", "users/alice", EVERYTHING))
    assert answer == {"emailVerified": False, "phoneNumberVerified": False}
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False
    assert_ordinary()


def test_a_verified_authenticator_has_its_own_dates_and_ids(api):
    body = EVERYTHING | {"verificationMethod": "EMAIL_OTP", "email": "a@b.example", "userId": "mallory"}
    made = ok(api("POST", "users/alice/authenticators", body))["authenticator"]
    assert made["userAuthenticatorId"] != CHOSEN
    assert made["userId"] == "alice"
    assert "lastVerifiedAt" not in made
    assert_ordinary()


def test_a_challenge_is_neither_longer_nor_already_verified(api):
    started = ok(api("POST", "challenge", EVERYTHING | {"action": "pay", "email": "a@b.example"}))
    assert started["expiresAt"] < 2**31 - 1
    refused(
        api("POST", "claim", {"challengeId": started["challengeId"], "userId": "alice"} | EVERYTHING),
        401,
        "unauthorized",
    )
    wrong = {"challengeId": started["challengeId"], "verificationCode": "x"}
    assert ok(api("POST", "verify", EVERYTHING | wrong))["isVerified"] is False
    assert_ordinary()


def test_a_state_is_all_that_an_action_takes(api):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    answer = ok(api("PATCH", "users/alice/actions/pay/k", EVERYTHING | {"state": "REVIEW_REQUIRED"}))
    assert answer["state"] == "REVIEW_REQUIRED"
    assert Action.objects.get().outcome == "CHALLENGE"
    assert_ordinary()


def test_a_device_takes_its_time_and_nothing_else(api):
    ok(api("POST", "users/alice/actions/pay", {"deviceId": "d"}))
    ok(api("PATCH", "users/alice/devices/d", EVERYTHING | {"rememberedUntil": None}))
    answer = ok(api("POST", "users/alice/devices/d/invalidate", EVERYTHING))
    assert {"userId", "deviceId", "createdAt", "invalidatedAt"} == set(answer)
    assert answer["invalidatedAt"] > "2026"
    Device.objects.update(invalidated_at=None)
    assert_ordinary()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("user-authenticators/email-otp", {"email": "a@b.example"}),
        ("user-authenticators/sms", {"phoneNumber": "+6427000000"}),
        ("user-authenticators/totp", {}),
        ("user-authenticators/passkey/registration-options", {}),
        ("user-authenticators/security-key/registration-options", {}),
        # A user may name one of their own; who names none is asked by the one that is meant.
        ("challenge/email-otp", {"userAuthenticatorId": ""}),
        ("challenge", {}),
        ("init", {}),
    ],
)
def test_a_browser_sets_nothing_of_the_servers(api, browser, path, body):
    token = ok(api("POST", "users/alice/actions/pay", {"email": "file@b.example", "deviceId": "d"}))["token"]
    ok(browser("POST", path, EVERYTHING | body, token=token))
    assert_ordinary()
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False


def test_a_browser_does_not_choose_where_its_code_goes(api, browser):
    token = ok(api("POST", "users/alice/actions/pay", {"email": "file@b.example"}))["token"]
    ok(browser("POST", "challenge/email-otp", {"email": "evil@b.example", "userId": "bob"}, token=token))
    assert Challenge.objects.select_related("tenant").get().contact == "file@b.example"


def test_a_browser_cannot_use_the_server_api(api, browser):
    token = ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))["token"]
    for method, path, body in [
        ("PATCH", "users/alice/actions/pay/k", {"state": "ALLOW"}),
        ("PATCH", "users/alice", {"emailVerified": True}),
        ("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}),
        ("PATCH", "users/alice/devices/d", {"rememberedUntil": None}),
        ("POST", "claim", {"challengeId": "x", "userId": "alice", "skipVerificationCheck": True}),
    ]:
        refused(api(method, path, body, Authorization=f"Bearer {token}"), 401, "unauthorized")
    assert_ordinary()


def test_a_code_verified_by_the_browser_moves_the_state_and_nothing_else(api, browser):
    token = ok(api("POST", "users/alice/actions/pay", {"email": "a@b.example", "idempotencyKey": "k"}))["token"]
    ok(browser("POST", "challenge/email-otp", token=token))
    ok(browser("POST", "verify/email-otp", EVERYTHING | {"verificationCode": code_sent()}, token=token))
    action = ok(api("GET", "users/alice/actions/pay/k"))
    assert (action["state"], action["verificationMethod"]) == ("CHALLENGE_SUCCEEDED", "EMAIL_OTP")
    assert Action.objects.get().pk != uuid.UUID(CHOSEN)
