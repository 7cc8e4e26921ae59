"""Who may add an authenticator: the first with any token, a further one with the backend's word or a fresh proof."""

from collections.abc import Iterator
from typing import Any

import pytest

from actions.models import Action
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge
from authsignal_portal.vocabulary import ALL_SCOPES
from authsignal_portal.vocabulary import ActionState as S
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.races import scenes
from tests.races.desk import Desk, sent_code
from tests.races.still_clock import still_clock
from tests.soft_authenticator import SoftAuthenticator

ADD, UPDATE = "add:authenticators", "update:authenticators"
OTHERS = "read:authenticators update:authenticators remove:authenticators"
PASSKEY = "client/user-authenticators/passkey"
BEGIN: dict[M, tuple[str, Any]] = {
    M.EMAIL_OTP: ("client/user-authenticators/email-otp", {"email": "new@acme.example"}),
    M.SMS: ("client/user-authenticators/sms", {"phoneNumber": "+64219999999"}),
    M.AUTHENTICATOR_APP: ("client/user-authenticators/totp", None),
    M.PASSKEY: (f"{PASSKEY}/registration-options", {}),
}


@pytest.fixture
def desk(acme, client) -> Iterator[Desk]:
    with still_clock() as clock:
        yield Desk(client, acme, clock, make.make_key(acme))


def begin(desk: Desk, method: M, token: str) -> tuple[int, Any]:
    path, body = BEGIN[method]
    return desk("POST", path, body, token=token)


def finish(desk: Desk, method: M, token: str, begun: Any) -> tuple[int, Any]:
    """Answer rightly what `begin` began."""
    if method == M.PASSKEY:
        made = SoftAuthenticator(origin=desk.app_origin).create(begun["options"])
        return desk("POST", PASSKEY, {"challengeId": begun["challengeId"], "registrationCredential": made}, token=token)
    secret = begun.get("secret")
    code = scenes.app_code(secret) if secret else sent_code(begun["challengeId"])
    path = {M.EMAIL_OTP: "email-otp", M.SMS: "sms", M.AUTHENTICATOR_APP: "totp"}[method]
    return desk("POST", f"client/verify/{path}", {"verificationCode": code}, token=token)


def have(tracked: scenes.Tracked) -> set[str]:
    rows = Authenticator.objects.filter(user=tracked.user).exclude(verified_at=None)
    return set(rows.values_list("method", flat=True))


def prove(desk: Desk, tracked: scenes.Tracked) -> str:
    code = scenes.coded(scenes.waiting(tracked, M.EMAIL_OTP))
    return desk("POST", "client/verify/email-otp", {"verificationCode": code}, token=tracked.token)[1]["accessToken"]


# -- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", BEGIN)
def test_a_first_authenticator_needs_nothing_but_a_token(desk, method):
    tracked = scenes.track(desk)
    status, begun = begin(desk, method, tracked.token)
    assert status == 200, begun
    status, body = finish(desk, method, tracked.token, begun)
    assert (status, body["isVerified"]) == (200, True)
    assert have(tracked) == {method}
    assert Action.objects.get(pk=tracked.action.pk).state == S.CHALLENGE_SUCCEEDED


@pytest.mark.parametrize(("scope", "allowed"), [("", False), (OTHERS, False), (ADD, True), (ALL_SCOPES, True)])
@pytest.mark.parametrize("method", [M.SMS, M.AUTHENTICATOR_APP, M.PASSKEY])
def test_a_further_authenticator_needs_the_backends_word(desk, method, scope, allowed):
    user = scenes.enrolled(desk, M.EMAIL_OTP).user
    tracked = scenes.track(desk, user.user_id, "Settings", scope=scope)
    status, begun = begin(desk, method, tracked.token)
    assert status == (200 if allowed else 403), begun
    if allowed:
        assert finish(desk, method, tracked.token, begun)[1]["isVerified"] is True
        assert have(tracked) == {M.EMAIL_OTP, method}


@pytest.mark.parametrize("scope", [UPDATE, ADD])
def test_what_takes_the_place_of_one_needs_the_word_to_change_it_or_to_add(desk, scope):
    user = scenes.enrolled(desk, M.EMAIL_OTP).user
    tracked = scenes.track(desk, user.user_id, "Settings", scope=scope)
    status, begun = begin(desk, M.EMAIL_OTP, tracked.token)
    assert status == 200, begun
    assert finish(desk, M.EMAIL_OTP, tracked.token, begun)[1]["isVerified"] is True
    contacts = [row.contact for row in user.authenticators.select_related("tenant").filter(method=M.EMAIL_OTP)]
    assert contacts == ["new@acme.example"]


@pytest.mark.parametrize("scope", ["", "read:authenticators remove:authenticators"])
def test_nothing_takes_the_place_of_one_without_a_word(desk, scope):
    user = scenes.enrolled(desk, M.EMAIL_OTP).user
    assert begin(desk, M.EMAIL_OTP, scenes.track(desk, user.user_id, "Settings", scope=scope).token)[0] == 403


def test_the_word_to_change_adds_no_second_passkey(desk):
    first = scenes.track(desk)
    assert finish(desk, M.PASSKEY, first.token, begin(desk, M.PASSKEY, first.token)[1])[0] == 200
    later = scenes.track(desk, first.user.user_id, "Settings", scope=UPDATE)
    assert begin(desk, M.PASSKEY, later.token)[0] == 403


def test_what_was_there_to_be_changed_must_be_there_when_the_answer_comes(desk):
    user = scenes.enrolled(desk, M.EMAIL_OTP).user
    adding = scenes.track(desk, user.user_id, "Settings", scope=ADD)
    finish(desk, M.AUTHENTICATOR_APP, adding.token, begin(desk, M.AUTHENTICATOR_APP, adding.token)[1])
    tracked = scenes.track(desk, user.user_id, "Settings", scope=UPDATE)
    _status, begun = begin(desk, M.EMAIL_OTP, tracked.token)
    user.authenticators.filter(method=M.EMAIL_OTP).exclude(verified_at=None).delete()
    assert finish(desk, M.EMAIL_OTP, tracked.token, begun)[0] == 403
    assert have(tracked) == {M.AUTHENTICATOR_APP}


@pytest.mark.parametrize(("seconds", "allowed"), [(0, True), (599, True), (600, True), (601, False)])
@pytest.mark.parametrize("which", ["the action's token", "the proof's token"])
def test_a_further_authenticator_is_added_within_ten_minutes_of_a_proof(desk, which, seconds, allowed):
    desk.tenant.token_duration_in_minutes = 60
    desk.tenant.save()
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    token = prove(desk, tracked)
    desk.clock.advance(seconds)
    status, _body = begin(desk, M.AUTHENTICATOR_APP, tracked.token if which == "the action's token" else token)
    assert status == (200 if allowed else 403)


def test_another_actions_proof_is_not_this_actions(desk):
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    prove(desk, tracked)
    other = scenes.track(desk, tracked.user.user_id, "Other")
    assert begin(desk, M.AUTHENTICATOR_APP, other.token)[0] == 403


@pytest.mark.parametrize(("scope", "status"), [("", 403), (OTHERS, 403), (ADD, 200)])
def test_a_tenant_may_want_its_word_for_the_first_authenticator_too(desk, scope, status):
    desk.tenant.first_enrolment_needs_scope = True
    desk.tenant.save()
    assert begin(desk, M.AUTHENTICATOR_APP, scenes.track(desk, scope=scope).token)[0] == status


@pytest.mark.parametrize("state", [S.BLOCK, S.REVIEW_REQUIRED, S.REVIEW_FAILED, S.CHALLENGE_FAILED])
def test_nobody_enrols_in_an_action_that_was_refused(desk, state):
    tracked = scenes.track(desk, scope=ADD)
    _status, begun = begin(desk, M.AUTHENTICATOR_APP, tracked.token)
    Action.objects.filter(pk=tracked.action.pk).update(state=state)
    assert begin(desk, M.EMAIL_OTP, tracked.token)[0] == 400
    assert finish(desk, M.AUTHENTICATOR_APP, tracked.token, begun)[0] == 400
    assert not have(tracked)


def test_a_method_that_is_switched_off_is_not_enrolled(desk):
    tracked = scenes.track(desk)
    _status, begun = begin(desk, M.SMS, tracked.token)
    AuthenticatorConfiguration.objects.create(tenant=desk.tenant, method=M.SMS, is_active=False)
    assert begin(desk, M.SMS, tracked.token)[0] == 400
    assert finish(desk, M.SMS, tracked.token, begun)[0] == 400
    assert not have(tracked)


# -- begun before, answered after ----------------------------------------------------------------


@pytest.mark.parametrize("method", [M.EMAIL_OTP, M.SMS, M.AUTHENTICATOR_APP, M.PASSKEY])
def test_what_was_begun_as_the_first_authenticator_is_refused_once_there_is_another(desk, method):
    """Somebody with a plain token begins; the user enrols meanwhile; the answer comes too late."""
    intruder = scenes.track(desk)
    status, begun = begin(desk, method, intruder.token)
    assert status == 200
    make.make_authenticator(intruder.user, M.PASSKEY, credential_id="x", rp_id="localhost")
    assert finish(desk, method, intruder.token, begun)[0] == 403
    assert have(intruder) == {M.PASSKEY}
    assert Action.objects.get(pk=intruder.action.pk).state == S.CHALLENGE_REQUIRED


def test_a_code_to_an_address_on_file_is_worth_nothing_once_an_authenticator_is_enrolled(desk):
    tracked = scenes.track(desk, email="alice@acme.example")
    started = desk("POST", "client/challenge/email-otp", token=tracked.token)[1]
    make.make_authenticator(tracked.user, M.AUTHENTICATOR_APP, secret=scenes.SECRET)
    code = {"verificationCode": sent_code(started["challengeId"])}
    assert desk("POST", "client/verify/email-otp", code, token=tracked.token)[0] == 400
    assert have(tracked) == {M.AUTHENTICATOR_APP}
    assert Action.objects.get(pk=tracked.action.pk).state == S.CHALLENGE_REQUIRED


def test_a_code_to_an_address_on_file_proves_and_enrols_who_has_nothing(desk):
    tracked = scenes.track(desk, email="alice@acme.example")
    started = desk("POST", "client/challenge/email-otp", token=tracked.token)[1]
    code = {"verificationCode": sent_code(started["challengeId"])}
    assert desk("POST", "client/verify/email-otp", code, token=tracked.token)[1]["isVerified"] is True
    assert have(tracked) == {M.EMAIL_OTP}


def test_a_code_to_an_address_on_file_proves_but_does_not_enrol_where_the_tenant_wants_its_word_for_that(desk):
    desk.tenant.first_enrolment_needs_scope = True
    desk.tenant.save()
    tracked = scenes.track(desk, email="alice@acme.example")
    started = desk("POST", "client/challenge/email-otp", token=tracked.token)[1]
    code = {"verificationCode": sent_code(started["challengeId"])}
    assert desk("POST", "client/verify/email-otp", code, token=tracked.token)[1]["isVerified"] is True
    assert have(tracked) == set()


def test_an_enrolled_user_gets_no_code_at_an_address_on_file(desk):
    user = make.make_user(desk.tenant, "alice", email="alice@acme.example")
    make.make_authenticator(user, M.AUTHENTICATOR_APP, secret=scenes.SECRET)
    assert desk("POST", "client/challenge/email-otp", token=scenes.track(desk, "alice").token)[0] == 400


def test_an_enrolment_challenge_is_no_passkey_registration(desk):
    tracked = scenes.track(desk)
    _status, mail = begin(desk, M.EMAIL_OTP, tracked.token)
    _status, options = begin(desk, M.PASSKEY, tracked.token)
    made = SoftAuthenticator(origin=desk.app_origin).create(options["options"])
    body = {"challengeId": mail["challengeId"], "registrationCredential": made}
    assert desk("POST", PASSKEY, body, token=tracked.token)[0] == 400
    assert Challenge.objects.get(pk=mail["challengeId"]).attempts == 0


# -- recovery codes ------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["", ADD, OTHERS])
def test_recovery_codes_need_an_enrolled_user_and_a_proof_or_the_backends_word(desk, scope):
    path = "/challenge/api/recovery-codes"
    assert desk("POST", path, {}, token=scenes.track(desk, scope=scope).token)[0] == 400
    tracked = scenes.enrolled(desk, M.EMAIL_OTP)
    settings = scenes.track(desk, tracked.user.user_id, "Settings", scope=scope)
    assert desk("POST", path, {}, token=settings.token)[0] == (200 if scope == OTHERS else 403)
    assert desk("POST", path, {}, token=prove(desk, tracked))[0] == 200


def test_an_address_that_was_changed_meanwhile_proves_nothing_and_is_not_enrolled(desk):
    tracked = scenes.track(desk, "nina", "Login", email="old@example.com")
    challenge = desk("POST", "client/challenge/email-otp", token=tracked.token)[1]["challengeId"]
    body = {"verificationCode": sent_code(challenge)}
    desk("PATCH", "users/nina", {"email": "new@example.com"})
    status, answer = desk("POST", "client/verify/email-otp", body, token=tracked.token)
    assert (status, answer["isVerified"]) == (200, False)
    assert not have(tracked)
