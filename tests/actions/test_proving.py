"""What a proof changes: one state, and nothing that somebody decided otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from actions.models import Action
from audit.events import Tag
from authenticators import links
from authenticators.methods import recovery_code, totp
from authenticators.models import AuthenticatorConfiguration, Challenge, MagicLink
from authsignal_portal import clock
from authsignal_portal.vocabulary import DEVICE_METHODS, ID_TOKENS, IDENTITY_CHECKS, OPT_IN_METHODS
from authsignal_portal.vocabulary import ActionState as S
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.device import DeviceKey
from tests.races import scenes
from tests.races.desk import Desk
from tests.races.still_clock import still_clock

VERIFY = {
    M.PASSKEY: "client/verify/passkey",
    M.SECURITY_KEY: "client/verify/security-key",
    M.EMAIL_OTP: "client/verify/email-otp",
    M.SMS: "client/verify/sms",
    M.WHATSAPP: "client/verify/whatsapp",
    M.EMAIL_MAGIC_LINK: "client/verify/email-magic-link/finalize",
    M.AUTHENTICATOR_APP: "client/verify/totp",
    M.RECOVERY_CODE: "/challenge/api/recovery-code",
}
ANSWERS = {
    M.PUSH: ("client/user-authenticators/push/challenge", "client/verify/push"),
    M.QR_CODE: ("client/user-authenticators/qr-code/challenge", "client/verify/qr-code"),
}
# What others sign is proved in tests/api/test_id_tokens.py and test_identity_checks.py, where they are.
ANSWERED_HERE = [method for method in M if method not in (*ID_TOKENS, *IDENTITY_CHECKS)]
OPTIONS = "client/user-authenticators/passkey/authentication-options"
KEY_OPTIONS = "client/user-authenticators/security-key/authentication-options"
CLOSED = {S.BLOCK, S.REVIEW_REQUIRED, S.REVIEW_FAILED, S.CHALLENGE_FAILED}
# The states from which a proof is taken, and what it leaves.
AFTER = {
    S.CHALLENGE_REQUIRED: S.CHALLENGE_SUCCEEDED,
    S.CHALLENGE_SUCCEEDED: S.CHALLENGE_SUCCEEDED,
    S.ALLOW: S.ALLOW,
    S.REVIEW_SUCCEEDED: S.REVIEW_SUCCEEDED,
}


@dataclass(frozen=True)
class Begun:
    """A challenge of an enrolled user, and the right answer to it, still to be given."""

    desk: Desk
    tracked: scenes.Tracked
    path: str
    body: dict[str, Any]

    def answer(self, tracked: scenes.Tracked | None = None) -> tuple[int, Any]:
        """Give it: with the token of its own action, or of another one."""
        return self.desk("POST", self.path, self.body, token=(tracked or self.tracked).token)


class BegunOnDevice(Begun):
    """Answered by a device; the page asks afterwards what came of it."""

    def answer(self, tracked: scenes.Tracked | None = None) -> tuple[int, Any]:
        told = super().answer(tracked)
        outcome = ANSWERS.get(M(self.tracked.user.authenticators.get().method))
        if told[0] != 200 or outcome is None:
            return told[0], told[1] | {"isVerified": "token" in told[1], "accessToken": told[1].get("token")}
        named = {name: self.body[name] for name in ("challengeId", "deviceCode") if name in self.body}
        return self.desk("POST", outcome[1], named, token=self.tracked.token)


@pytest.fixture
def desk(acme, client) -> Iterator[Desk]:
    for method in OPT_IN_METHODS:
        AuthenticatorConfiguration.objects.create(tenant=acme, method=method)
    with still_clock() as stopped:
        yield Desk(client, acme, stopped, make.make_key(acme))


def begin_on_device(desk: Desk, method: M) -> Begun:
    key = DeviceKey()
    tracked = scenes.enrolled(desk, method, public_key=key.spki)
    if method == M.IN_APP:
        begun = desk("POST", "client/challenge", {}, token=tracked.token)[1]
        return BegunOnDevice(desk, tracked, "client/verify/in-app", key.claim(begun["challengeId"]))
    start = {M.PUSH: "client/challenge/push", M.QR_CODE: "client/challenge/qr-code"}[method]
    begun = desk("POST", start, {}, token=tracked.token)[1]
    if method == M.QR_CODE:
        claim = f"{ANSWERS[method][0]}/claim"
        assert desk("POST", claim, key.claim(begun["challengeId"]), token=tracked.token)[0] == 200
    body = key.answer(begun["challengeId"], begun.get("verificationCode"))
    return BegunOnDevice(desk, tracked, ANSWERS[method][0], body | {"deviceCode": begun.get("deviceCode")})


def begin(desk: Desk, method: M) -> Begun:
    if method in DEVICE_METHODS:
        return begin_on_device(desk, method)
    if method == M.PASSKEY:
        device = scenes.passkey_of(desk, first := scenes.track(desk))
        tracked = scenes.track(desk, first.user.user_id, "Transfer")
        begun = desk("POST", OPTIONS, {}, token=tracked.token)[1]
        body = {"challengeId": begun["challengeId"], "authenticationCredential": device.get(begun["options"])}
        return Begun(desk, tracked, VERIFY[method], body)
    if method == M.SECURITY_KEY:
        device = scenes.security_key_of(desk, first := scenes.track(desk))
        tracked = scenes.track(desk, first.user.user_id, "Transfer")
        options = desk("POST", KEY_OPTIONS, {}, token=tracked.token)[1]
        return Begun(desk, tracked, VERIFY[method], device.get(options, with_user_handle=False))
    if method == M.EMAIL_MAGIC_LINK:
        tracked = scenes.enrolled(desk, method)
        links.issue(scenes.waiting(tracked, method), links.NOBODY)
        MagicLink.objects.update(used_at=clock.now(), confirmed_at=clock.now())
        return Begun(desk, tracked, VERIFY[method], {})
    if method == M.RECOVERY_CODE:
        tracked = scenes.enrolled(desk, M.EMAIL_OTP)
        code = recovery_code.replace_all(tracked.user)[0]
    else:
        tracked = scenes.enrolled(desk, method)
        challenge = scenes.waiting(tracked, method)
        code = scenes.app_code() if method == M.AUTHENTICATOR_APP else scenes.coded(challenge)
    return Begun(desk, tracked, VERIFY[method], {"verificationCode": code})


def state_of(tracked: scenes.Tracked) -> S:
    return S(Action.objects.get(pk=tracked.action.pk).state)


# -- states --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", AFTER)
@pytest.mark.parametrize("method", ANSWERED_HERE)
def test_a_proof_moves_a_required_challenge_to_succeeded_and_nothing_else(desk, method, before):
    begun = begin(desk, method)
    tracked = begun.tracked
    Action.objects.filter(pk=tracked.action.pk).update(state=before)
    status, body = begun.answer()
    assert (status, body["isVerified"]) == (200, True)
    assert state_of(tracked) == AFTER[before]
    assert scenes.events(Tag.ACTION_SUCCEEDED, action_id=tracked.action.pk) == (before == S.CHALLENGE_REQUIRED)
    validated = desk("POST", "validate", {"token": body["accessToken"]})[1]
    assert validated["isValid"] is (AFTER[before] == S.CHALLENGE_SUCCEEDED)
    assert validated["state"] == AFTER[before]


@pytest.mark.parametrize("state", sorted(CLOSED))
@pytest.mark.parametrize("method", ANSWERED_HERE)
def test_a_state_set_between_challenge_and_answer_makes_the_answer_worthless(desk, method, state):
    begun = begin(desk, method)
    tracked = begun.tracked
    path = f"users/{tracked.user.user_id}/actions/{tracked.action.action_code}/{tracked.action.idempotency_key}"
    assert desk("PATCH", path, {"state": state})[0] == 200
    status, body = begun.answer()
    assert status == 400
    assert not body.get("accessToken")
    assert state_of(tracked) == state
    assert not scenes.events(Tag.ACTION_SUCCEEDED, action_id=tracked.action.pk)
    assert desk("POST", "validate", {"token": tracked.token})[1]["isValid"] is False


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_the_backends_own_check_of_a_code_moves_no_closed_action_either(desk, state):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    challenge = scenes.waiting(tracked, M.EMAIL_OTP)
    code = scenes.coded(challenge)
    Action.objects.filter(pk=tracked.action.pk).update(state=state)
    assert desk("POST", "verify", {"challengeId": challenge.pk, "verificationCode": code})[0] == 400
    assert state_of(tracked) == state


@pytest.mark.parametrize("after", S)
@pytest.mark.parametrize("before", S)
def test_the_backend_may_set_every_state_but_a_proofs(desk, before, after):
    tracked = scenes.track(desk)
    Action.objects.filter(pk=tracked.action.pk).update(state=before)
    path = f"users/{tracked.user.user_id}/actions/Login/{tracked.action.idempotency_key}"
    status, _body = desk("PATCH", path, {"state": after})
    assert status == (400 if after == S.CHALLENGE_SUCCEEDED else 200)
    assert state_of(tracked) == (before if status == 400 else after)
    changed = scenes.events(Tag.ACTION_STATE_CHANGED, action_id=tracked.action.pk)
    assert changed == (status == 200 and before != after)


def test_a_method_that_the_action_does_not_permit_is_not_taken(desk):
    make.make_action(desk.tenant, "strict", "CHALLENGE", verification_methods=["PASSKEY"])
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    strict = scenes.track(desk, tracked.user.user_id, "strict")
    code = scenes.coded(scenes.waiting(strict, M.EMAIL_OTP))
    assert desk("POST", "client/challenge/email-otp", token=strict.token)[0] == 400
    assert desk("POST", "client/verify/email-otp", {"verificationCode": code}, token=strict.token)[0] == 400
    assert state_of(strict) == S.CHALLENGE_REQUIRED


# -- a challenge that another step or another user began -----------------------------------------


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.SMS, M.PASSKEY, M.SECURITY_KEY])
def test_an_answer_is_for_its_own_action(desk, method):
    begun = begin(desk, method)
    for other in (scenes.track(desk, begun.tracked.user.user_id, "Other"), scenes.track(desk)):
        status, body = begun.answer(other)
        assert status == 400 or body["isVerified"] is False
        assert state_of(other) == S.CHALLENGE_REQUIRED
    assert begun.answer()[1]["isVerified"] is True


@pytest.mark.parametrize("method", [M.AUTHENTICATOR_APP, M.RECOVERY_CODE, M.PASSKEY, M.SECURITY_KEY])
def test_an_answer_is_for_its_own_user(desk, method):
    begun = begin(desk, method)
    other = begin(desk, method).tracked
    for row in other.user.authenticators.select_related("tenant").filter(method=M.AUTHENTICATOR_APP):
        row.secret = totp.new_secret()
        row.save()
    status, body = begun.answer(other)
    assert status == 400 or body["isVerified"] is False
    assert state_of(other) == S.CHALLENGE_REQUIRED
    assert begun.answer()[1]["isVerified"] is True


def test_another_tenants_challenge_is_none(desk, globex):
    there = desk.another(globex)
    for method in (M.EMAIL_OTP, M.PASSKEY):
        begun, theirs = begin(desk, method), begin(there, method)
        status, body = there("POST", begun.path, begun.body, token=theirs.tracked.token)
        assert status == 400 or body["isVerified"] is False
        challenge = Challenge.objects.get(user=begun.tracked.user, purpose="authenticate")
        guess = {"challengeId": challenge.pk, "verificationCode": begun.body.get("verificationCode", "123456")}
        assert there("POST", "verify", guess)[0] == 400
        assert (
            there("POST", "claim", {"challengeId": challenge.pk, "userId": "x", "skipVerificationCheck": True})[0]
            == 401
        )
        assert there("POST", "challenge", {"challengeId": challenge.pk})[0] == 400
        assert there("GET", f"challenges?challengeId={challenge.pk}")[1] == {}
        assert there("POST", "users/x/actions/Login", {"challengeId": challenge.pk})[0] == 401
        assert begun.answer()[1]["isVerified"] is True


def test_another_tenants_action_is_neither_seen_nor_changed(desk, globex):
    tracked = scenes.track(desk)
    there = desk.another(globex)
    path = f"users/{tracked.user.user_id}/actions/Login/{tracked.action.idempotency_key}"
    assert desk("GET", path)[0] == 200
    assert there("GET", path)[0] == 404
    assert there("PATCH", path, {"state": "ALLOW"})[0] == 404
    assert there("POST", "validate", {"token": tracked.token})[1]["isValid"] is False
    assert "state" not in there("POST", "validate", {"token": tracked.token})[1]
    assert state_of(tracked) == S.CHALLENGE_REQUIRED


@pytest.mark.parametrize(
    "tampered",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://app.acme.example.evil.example"},
        {"origin": "http://app.acme.example"},
        {"cross_origin": True, "top_origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"uv": False},
        {"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=str,
)
def test_an_assertion_made_elsewhere_is_refused(desk, tampered):
    device = scenes.passkey_of(desk, first := scenes.track(desk))
    tracked = scenes.track(desk, first.user.user_id, "Transfer")
    begun = desk("POST", OPTIONS, {}, token=tracked.token)[1]
    body = {"challengeId": begun["challengeId"], "authenticationCredential": device.get(begun["options"], **tampered)}
    assert desk("POST", VERIFY[M.PASSKEY], body, token=tracked.token)[1]["isVerified"] is False
    assert state_of(tracked) == S.CHALLENGE_REQUIRED


# -- signing in before anybody is known ----------------------------------------------------------


def sign_in(desk: Desk, device: Any, code: str, **more: Any) -> tuple[int, Any]:
    """Begin, get options and answer, as a browser that knows nothing but the tenant."""

    def ask(path: str, body: Any) -> tuple[int, Any]:
        nobody = Desk(desk.http, desk.tenant, desk.clock, str(desk.tenant.pk))
        return nobody("POST", path, body)

    begun = ask("client/challenge", {"action": code, **more})[1]
    ceremony = ask(OPTIONS, {"challengeId": begun["challengeId"]})[1]
    body = {"challengeId": ceremony["challengeId"], "authenticationCredential": device.get(ceremony["options"])}
    first = ask(VERIFY[M.PASSKEY], body)
    again = ask(VERIFY[M.PASSKEY], body)
    assert again[0] == 400 or again[1]["isVerified"] is False
    return first


@pytest.mark.parametrize("outcome", ["ALLOW", "CHALLENGE"])
def test_a_passkey_signs_in_and_begins_the_users_action(desk, outcome):
    make.make_action(desk.tenant, "SignIn", outcome)
    first = scenes.track(desk)
    status, body = sign_in(desk, scenes.passkey_of(desk, first), "SignIn", idempotencyKey="k1")
    assert (status, body["isVerified"], body["userId"]) == (200, True, first.user.user_id)
    action = Action.objects.get(action_code="SignIn")
    assert (action.state, action.user, action.idempotency_key) == (S.CHALLENGE_SUCCEEDED, first.user, "k1")
    assert desk("POST", "validate", {"token": body["accessToken"]})[1]["isValid"] is True


@pytest.mark.parametrize(("outcome", "state"), [("BLOCK", S.BLOCK), ("REVIEW", S.REVIEW_REQUIRED)])
def test_where_the_rules_refuse_a_passkey_signs_nobody_in_and_that_is_on_record(desk, outcome, state):
    make.make_action(desk.tenant, "SignIn", outcome)
    status, body = sign_in(desk, scenes.passkey_of(desk, scenes.track(desk)), "SignIn")
    assert (status, body["errorCode"]) == (400, "invalid_request")
    action = Action.objects.get(action_code="SignIn")
    assert action.state == state
    assert scenes.events(Tag.ACTION_TRACKED, action_id=action.pk) == 1
    assert not scenes.events(Tag.ACTION_SUCCEEDED, action_id=action.pk)
    assert Challenge.objects.get(action_code="SignIn").verified_at == desk.clock.now


# -- users that were deleted ---------------------------------------------------------------------


def test_everything_of_a_deleted_user_is_dead_and_the_next_with_the_id_inherits_nothing(desk):
    begun = begin(desk, M.EMAIL_OTP)
    tracked, user_id = begun.tracked, begun.tracked.user.user_id
    other = scenes.track(desk, user_id, "Other")
    challenge = scenes.waiting(other, M.EMAIL_OTP)
    code = scenes.coded(challenge)
    access = begun.answer()[1]["accessToken"]
    device = scenes.passkey_of(desk, scenes.Tracked(tracked.action, access))
    for number in range(1, 6):
        desk("POST", VERIFY[M.EMAIL_OTP], {"verificationCode": scenes.wrong(code, number)}, token=other.token)
    assert desk("DELETE", f"users/{user_id}")[0] == 200

    reborn = scenes.track(desk, user_id, email="new@acme.example")
    assert reborn.user.pk != tracked.user.pk
    for token in (tracked.token, other.token, access):
        assert desk("POST", "client/init", token=token)[0] == 401
        assert desk("POST", "client/user-authenticators/totp", token=token)[0] == 401
        assert desk("POST", VERIFY[M.EMAIL_OTP], {"verificationCode": code}, token=token)[0] == 401
        assert desk("POST", "validate", {"token": token})[1]["isValid"] is False
    assert desk("POST", "verify", {"challengeId": challenge.pk, "verificationCode": code})[0] == 400
    assert desk("POST", "claim", {"challengeId": challenge.pk, "userId": user_id})[0] == 401
    assert sign_in(desk, device, "SignIn")[1]["errorCode"] == "unknown_credential"
    assert desk("GET", f"users/{user_id}")[1]["isEnrolled"] is False
    assert desk("POST", "client/challenge/email-otp", token=reborn.token)[0] == 200
    right = scenes.coded(Challenge.objects.get(user=reborn.user))
    assert desk("POST", VERIFY[M.EMAIL_OTP], {"verificationCode": right}, token=reborn.token)[1]["isVerified"] is True
