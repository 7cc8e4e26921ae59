"""QR codes over REST: shown, claimed by the device that scans, answered by that device, told once to the page."""

import secrets
from datetime import datetime

import pytest

from actions.models import Action
from audit.models import AuditEvent
from authenticators.models import AuthenticatorConfiguration, Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import everything_stored, ok, refused
from tests.api.test_device_credentials import enrol, track
from tests.device import DeviceKey

UNCLAIMED = {"isClaimed": False, "isVerified": False, "isConsumed": False}
CLAIMED = {"isClaimed": True, "isVerified": False, "isConsumed": False}
REJECTED = {"isClaimed": True, "isVerified": False, "isConsumed": True}
NOT_VERIFIED = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
ANSWER = "user-authenticators/qr-code/challenge"


@pytest.fixture
def key(api, browser):
    made = DeviceKey()
    enrol(api, browser, made, "qr-code")
    return made


def show(browser, token=None, **body):
    body.setdefault("action", "login" if token else "kiosk")
    return ok(browser("POST", "challenge/qr-code", body, token=token))


def poll(browser, shown):
    return ok(browser("POST", "verify/qr-code", secret_of(shown)))


def secret_of(shown):
    return {name: shown[name] for name in ("challengeId", "deviceCode")}


def claim(browser, key, shown):
    return ok(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])))


def answer(browser, key, shown, *, approved=True):
    return ok(browser("POST", ANSWER, key.answer(shown["challengeId"], approved=approved)))


def test_a_code_that_nobody_is_known_for_becomes_the_action_of_who_scans_it(api, browser, acme, key):
    point = make.make_point(acme, "amount", "number")
    point.is_public = True
    point.save()
    body = {"custom": {"amount": 12, "shelf": "x"}}
    shown = ok(browser("POST", "challenge/qr-code", {"action": "kiosk", **body}, **{"User-Agent": "Kiosk/1"}))
    assert set(shown) == {"challengeId", "expiresAt", "deviceCode"}
    assert datetime.fromisoformat(shown["expiresAt"])
    assert shown["deviceCode"] not in everything_stored()
    assert poll(browser, shown) == UNCLAIMED
    told = claim(browser, key, shown)
    action = Action.objects.get(action_code="kiosk")
    assert told == {
        "success": True,
        "ipAddress": "127.0.0.1",
        "userAgent": "Kiosk/1",
        "actionCode": "kiosk",
        "actionName": "Kiosk",
        "idempotencyKey": action.idempotency_key,
        "custom": {"amount": 12},
    }
    assert (action.user.user_id, action.state) == ("alice", "CHALLENGE_REQUIRED")
    assert (action.facts.user_agent, action.facts.facts["custom"]["shelf"]) == ("Kiosk/1", "x")
    assert poll(browser, shown) == CLAIMED
    assert answer(browser, key, shown) == {"isVerified": True}
    approved = poll(browser, shown)
    token = approved.pop("accessToken")
    assert approved == {"isClaimed": True, "isVerified": True, "isConsumed": True}
    validated = ok(api("POST", "validate", {"token": token}))
    assert (validated["isValid"], validated["userId"], validated["action"]) == (True, "alice", "kiosk")
    assert validated["verificationMethod"] == M.QR_CODE
    assert poll(browser, shown) == approved


def test_a_code_for_a_known_user_counts_for_their_action(api, browser, key):
    token = track(api, custom={"amount": 1})
    shown = show(browser, token)
    assert claim(browser, key, shown)["actionCode"] == "login"
    assert answer(browser, key, shown) == {"isVerified": True}
    proved = poll(browser, shown)["accessToken"]
    validated = ok(api("POST", "validate", {"token": token}))
    assert validated["isValid"] is True
    assert ok(api("POST", "validate", {"token": proved}))["idempotencyKey"] == validated["idempotencyKey"]


def test_pages_that_wait_behind_one_address_leave_its_other_calls_alone(browser, settings):
    browser.http.defaults["REMOTE_ADDR"] = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS = 5
    shown = [show(browser) for _page in range(3)]
    for _round in range(4):
        assert [poll(browser, one) for one in shown] == [UNCLAIMED] * 3
    show(browser)
    wrong = {"challengeId": shown[0]["challengeId"], "deviceCode": shown[1]["deviceCode"]}
    refused(browser("POST", "verify/qr-code", wrong), 400, "invalid_request")
    for body in (wrong, {}):
        refused(browser("POST", "verify/qr-code", body), 429, "too_many_requests")
    assert poll(browser, shown[0]) == UNCLAIMED


def test_a_page_that_asks_too_often_is_told_so_and_loses_nothing(api, browser, key, settings):
    settings.QR_POLLS_PER_MINUTE = 2
    shown, other = show(browser), show(browser)
    claim(browser, key, shown)
    assert [poll(browser, shown) for _ in range(2)] == [CLAIMED] * 2
    answer(browser, key, shown)
    refused(browser("POST", "verify/qr-code", secret_of(shown)), 429, "too_many_requests")
    assert poll(browser, other) == UNCLAIMED
    settings.QR_POLLS_PER_MINUTE = 3
    assert "accessToken" in poll(browser, shown)


def test_a_rejected_code_fails_the_action(api, browser, key):
    token = track(api)
    shown = show(browser, token)
    claim(browser, key, shown)
    assert answer(browser, key, shown, approved=False) == {"isVerified": False}
    assert poll(browser, shown) == REJECTED
    assert ok(api("POST", "validate", {"token": token}))["state"] == "CHALLENGE_FAILED"
    refused(browser("POST", ANSWER, key.answer(shown["challengeId"])), 400, "invalid_request")


def test_nothing_is_approved_that_was_not_claimed_by_the_same_device(api, browser, key):
    shown = show(browser)
    second, stranger = DeviceKey(), DeviceKey()
    enrol(api, browser, second, "qr-code")
    enrol(api, browser, stranger, "qr-code", user="bob")
    refused(browser("POST", ANSWER, key.answer(shown["challengeId"])), 400, "invalid_request")
    claim(browser, key, shown)
    assert claim(browser, key, shown)["success"] is True
    for other in (second, stranger):
        refused(browser("POST", f"{ANSWER}/claim", other.claim(shown["challengeId"])), 400, "invalid_request")
    assert answer(browser, second, shown) == NOT_VERIFIED
    refused(browser("POST", ANSWER, stranger.answer(shown["challengeId"])), 400, "invalid_request")
    assert poll(browser, shown) == CLAIMED
    assert answer(browser, key, shown) == {"isVerified": True}
    assert AuditEvent.objects.filter(tag="challenge:scanned").count() == 1


def test_another_users_device_cannot_claim_a_known_users_code(api, browser, key):
    stranger = DeviceKey()
    enrol(api, browser, stranger, "qr-code", user="bob")
    shown = show(browser, track(api))
    refused(browser("POST", f"{ANSWER}/claim", stranger.claim(shown["challengeId"])), 400, "invalid_request")
    assert poll(browser, shown) == UNCLAIMED


@pytest.mark.parametrize("path", [f"{ANSWER}/claim", ANSWER])
def test_what_is_not_signed_by_the_device_is_refused(api, browser, key, path):
    shown = show(browser)
    if path == ANSWER:
        claim(browser, key, shown)
    stranger = DeviceKey()
    for body in (
        key.answer(shown["challengeId"]) | {"signature": stranger.sign(shown["challengeId"])},
        key.answer(shown["challengeId"]) | {"signature": key.sign(shown["challengeId"][:-1])},
        key.answer(shown["challengeId"]) | {"signature": "AAAA"},
    ):
        told = browser("POST", path, body)
        assert told.body == NOT_VERIFIED if path == ANSWER else refused(told, 400, "invalid_request")
    refused(browser("POST", path, stranger.answer(shown["challengeId"])), 400, "invalid_credential")
    refused(browser("POST", path, key.answer("x" * 64)), 400, "invalid_request")
    assert poll(browser, shown) == (CLAIMED if path == ANSWER else UNCLAIMED)


def test_only_who_knows_the_codes_secret_is_told(api, browser, key, globex):
    shown, other = show(browser), show(browser)
    for body in (
        shown | {"deviceCode": other["deviceCode"]},
        shown | {"deviceCode": "x"},
        shown | {"challengeId": other["challengeId"]},
        {"challengeId": shown["challengeId"]},
        shown | {"deviceCode": ""},
    ):
        refused(browser("POST", "verify/qr-code", body), 400, "invalid_request")
    refused(type(browser)(browser.http, globex)("POST", "verify/qr-code", shown), 400, "invalid_request")


def test_a_code_lives_for_ten_minutes_and_who_scanned_it_late_has_no_longer(api, browser, key, advance):
    shown, late = show(browser), show(browser)
    advance(540)
    claim(browser, key, late)
    advance(61)
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 400, "invalid_request")
    assert poll(browser, shown) == UNCLAIMED
    assert answer(browser, key, late) == NOT_VERIFIED
    assert poll(browser, late) == REJECTED


def test_a_new_code_of_an_action_ends_the_one_before_unless_it_was_scanned(api, browser, key):
    token = track(api)
    first, second = show(browser, token), show(browser, token)
    refused(browser("POST", f"{ANSWER}/claim", key.claim(first["challengeId"])), 400, "invalid_request")
    claim(browser, key, second)
    show(browser, token)
    assert answer(browser, key, second) == {"isVerified": True}


def test_where_the_rules_refuse_who_scanned_it_nothing_can_be_approved(api, browser, acme, key):
    make.make_point(acme, "shelf", "text")
    make.make_rule(make.make_action(acme, "kiosk", "ALLOW"), {"==": [{"var": "custom.shelf"}, "x"]}, "BLOCK")
    shown = show(browser, custom={"shelf": "x"})
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 400, "invalid_request")
    assert Action.objects.get(action_code="kiosk").state == "BLOCK"
    assert poll(browser, shown) == REJECTED
    refused(browser("POST", ANSWER, key.answer(shown["challengeId"])), 400, "invalid_request")


def test_an_action_that_would_be_allowed_is_a_challenge_all_the_same(api, browser, acme, key):
    make.make_action(acme, "kiosk", "ALLOW")
    shown = show(browser)
    claim(browser, key, shown)
    assert Action.objects.get(action_code="kiosk").state == "CHALLENGE_REQUIRED"


def test_a_method_that_is_not_permitted_is_refused(api, browser, acme, key):
    make.make_action(acme, "pay", "CHALLENGE", verification_methods=[M.SMS])
    token = track(api, action="pay")
    refused(browser("POST", "challenge/qr-code", {"action": "pay"}, token=token), 400, "invalid_configuration")
    shown = show(browser, action="pay")
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 400, "invalid_configuration")
    assert poll(browser, shown) == REJECTED
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.QR_CODE, is_active=False)
    refused(browser("POST", "challenge/qr-code", {"action": "kiosk"}), 400, "invalid_configuration")


@pytest.mark.parametrize(
    "body",
    [{}, {"action": ""}, {"action": "a b"}, {"action": "k", "custom": {"a": {"b": 1}}}, {"action": "k", "custom": [1]}],
)
def test_a_code_needs_an_action_and_plain_custom_data(browser, body):
    refused(browser("POST", "challenge/qr-code", body), 400, "invalid_request")
    assert not Challenge.objects.exists()


def test_a_token_is_for_one_action(api, browser, key):
    refused(browser("POST", "challenge/qr-code", {"action": "other"}, token=track(api)), 400, "invalid_request")


def test_a_push_credential_scans_no_code(api, browser):
    key = DeviceKey()
    enrol(api, browser, key, "push")
    shown = show(browser)
    refused(browser("POST", f"{ANSWER}/claim", key.claim(shown["challengeId"])), 400, "invalid_credential")
