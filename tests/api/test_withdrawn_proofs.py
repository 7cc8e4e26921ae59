"""What was proved with an authenticator ends with it, and a closed action manages nothing (T5, T6, P4)."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from actions.client_auth import read_context
from actions.models import Action, Device
from audit.models import AuditEvent
from authenticators.models import Authenticator, Challenge, RecoveryCode
from authsignal_portal import clock, tokens
from authsignal_portal.vocabulary import Scope, TokenPurpose
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.instances import Instance, begin, make_person, vouchers
from tests.api.reading import code_sent, ok, refused
from tests.api.test_every_state import rightly
from tests.device import DeviceKey
from tests.races.still_clock import StillClock, still_clock

FIXTURES = (vouchers,)
ALICE, PHONE, NEW_PHONE = "alice@acme.example", "+6421123450", "+6421123459"


@pytest.fixture
def time(db: None) -> Iterator[StillClock]:
    with still_clock() as found:
        yield found


@pytest.fixture
def page(client: Any) -> Callable[..., Any]:
    """A call of a hosted page, or where the path says so of the Client API."""

    def call(path: str, token: str, body: Any = None, method: str = "POST") -> Any:
        where, text = path if path.startswith("/") else f"/v1/client/{path}", json.dumps(body or {})
        headers = {"Authorization": f"Bearer {token}", "X-Challenge-Embedded": "yes"}
        answer = client.generic(method, where, text, "application/json", headers=headers)
        answer.body = answer.json()
        return answer

    return call


def bare_token(action: Action) -> str:
    """Of the action, without any word of the backend's."""
    return tokens.mint(
        tenant=action.tenant,
        purpose=TokenPurpose.TRACK,
        action_id=action.pk,
        user_id=action.user.user_id,
        action_code=action.action_code,
        idempotency_key=action.idempotency_key,
        scope="",
        now=clock.now(),
    )


# What a proof opens: (path, body).
OPENED = [
    ("user-authenticators/totp", None),
    ("user-authenticators/email-otp", {"email": "thief@evil.example"}),
    ("user-authenticators/passkey/registration-options", None),
    ("/challenge/api/recovery-codes", None),
    ("/challenge/api/devices", None),
    ("/challenge/api/remember-device", None),
    ("/challenge/api/invite-app", None),
]


@pytest.fixture
def tenant(acme: Any) -> Any:
    acme.remember_devices, acme.allow_disabling_mfa = True, True
    acme.save()
    make.make_configuration(acme, M.PUSH, web_app=True)
    return acme


@pytest.fixture
def mine(tenant: Any, api: Any, vouchers: Any, time: StillClock) -> Instance:
    vouchers.for_tenant(tenant)
    one = begin(api, make_person(tenant, "alice", 1, vouchers), "pay")
    # The word that it was begun with would open what only the proof shall open here.
    one.token = bare_token(one.action)
    Device.objects.create(tenant=tenant, user=one.person.user, device_id="laptop")
    type(one.action.facts).objects.filter(pk=one.action.pk).update(device_id="laptop")
    return one


def opened(page: Any, token: str, doors: Any = OPENED) -> set[str]:
    """Which of what a proof opens is open now; nothing of it stays done."""
    found = set()
    for path, body in doors:
        with transaction.atomic():
            answer = page(path, token, body)
            assert answer.status_code in (200, 403), (path, answer.body)
            found |= {path} if answer.status_code == 200 else set()
            transaction.set_rollback(True)
    return found


def assert_shut(page: Any, token: str) -> None:
    """Nothing is open, and nothing is offered or told that only a proof would open."""
    assert opened(page, token) == set()
    state = ok(page("/challenge/api/state", token))
    assert not (state["canEnrol"])
    assert not (state["seesDevices"])
    assert not (state["recoveryCodes"]["mayMake"])
    assert not {"passkeys", "remember"} & set(state)
    assert not any(one["may"] for one in ok(page("/challenge/api/methods", token))["methods"])
    assert ALICE not in str(ok(page("user-authenticators", token, method="GET")))


EVERYTHING = {path for path, _body in OPENED}
ONE = OPENED[:1]


def delete(api: Any, row: Any, user: str = "alice") -> None:
    ok(api("DELETE", f"users/{user}/authenticators/{row if isinstance(row, str) else row.pk}"))


def token_of(answer: Any) -> str:
    return str(answer.json()["accessToken"])


# -- what the backend takes away -----------------------------------------------------------------


def test_what_was_proved_with_an_authenticator_ends_with_it(mine, api, page):
    """By each method: the token that was tracked and the one from the proof open nothing more, in the same instant."""
    sends = rightly(mine)
    del sends[M.RECOVERY_CODE]
    for method, send in sends.items():
        with transaction.atomic():
            token = send().json().get("accessToken", mine.token)
            proved = Challenge.objects.get(action_id=mine.action.pk, purpose="authenticate", verified_at__isnull=False)
            assert all(opened(page, one, ONE) for one in (token, mine.token)), method
            assert proved.authenticator is not None, method
            delete(api, proved.authenticator)
            assert_shut(page, token)
            assert not opened(page, mine.token, ONE), method
            # What happened stays on record, and what the backend makes of it is the backend's.
            proved.refresh_from_db()
            assert (proved.authenticator, proved.withdrawn_at) == (None, clock.now()), method
            assert Action.objects.get(pk=mine.action.pk).state == "CHALLENGE_SUCCEEDED"
            assert ok(api("POST", "validate", {"token": mine.token}))["isValid"]
            transaction.set_rollback(True)


def test_a_proof_outlives_what_did_not_give_it(mine, api, page):
    sends = rightly(mine)
    token = token_of(sends[M.AUTHENTICATOR_APP]())
    for row in Authenticator.objects.filter(user=mine.person.user).exclude(method=M.AUTHENTICATOR_APP):
        delete(api, row)
    assert opened(page, token) == EVERYTHING
    assert opened(page, mine.token) == EVERYTHING


def test_another_proof_stands_for_itself_and_a_recovery_code_too(mine, api, page):
    sends, app = rightly(mine), mine.person.user.authenticators.get(method=M.AUTHENTICATOR_APP)
    for also in (M.SMS, M.RECOVERY_CODE):
        with transaction.atomic():
            first, second = token_of(sends[M.AUTHENTICATOR_APP]()), token_of(sends[also]())
            delete(api, app)
            assert all(opened(page, one, ONE) for one in (first, second)), also
            transaction.set_rollback(True)


def test_what_it_enrolled_is_no_proof_but_can_give_one(mine, api, page, time):
    """Who got in by a stolen one and enrolled their own is out, until they prove what the backend left them."""
    first = token_of(rightly(mine)[M.AUTHENTICATOR_APP]())
    time.advance(60)
    begun = ok(page("user-authenticators/sms", first, {"phoneNumber": NEW_PHONE}))
    second = token_of(page("verify/sms", first, {"verificationCode": code_sent()}))
    delete(api, mine.person.user.authenticators.get(method=M.AUTHENTICATOR_APP))
    assert not opened(page, first, ONE)
    assert not opened(page, second, ONE)
    time.advance(60)
    ok(page("challenge/sms", mine.token))
    third = token_of(page("verify/sms", mine.token, {"verificationCode": code_sent()}))
    assert opened(page, third) == EVERYTHING
    delete(api, begun["userAuthenticatorId"])
    assert_shut(page, third)


def test_what_was_begun_with_it_ends_unanswered_and_stays_on_record(mine, api):
    device = mine.person.user.authenticators.get(method=M.QR_CODE)
    waiting = Challenge.objects.get(pk=mine.ids["qr"])
    assert waiting.authenticator == device
    delete(api, device)
    waiting.refresh_from_db()
    assert (waiting.authenticator, waiting.failed_at, waiting.withdrawn_at) == (None, clock.now(), clock.now())
    # To no other device has it become one that anybody may scan.
    other = DeviceKey()
    make.make_authenticator(mine.person.user, M.QR_CODE, public_key=other.spki)
    for path, body in {"/claim": other.claim(waiting.pk), "": other.answer(waiting.pk)}.items():
        answer = mine.post(f"user-authenticators/qr-code/challenge{path}", body, token="")
        assert answer.status_code == 400 or not answer.json().get("success"), answer.content


def test_a_push_for_one_phone_is_no_others(mine, api):
    user, spare = mine.person.user, DeviceKey()
    asked = user.authenticators.get(method=M.PUSH)
    Challenge.objects.filter(pk=mine.ids["push"]).update(authenticator=asked)
    make.make_authenticator(user, M.PUSH, public_key=spare.spki)
    delete(api, asked)
    answer = spare.answer(mine.ids["push"], mine.answers["number"])
    mine.post("user-authenticators/push/challenge", answer, token="")
    assert Action.objects.get(pk=mine.action.pk).state == "CHALLENGE_REQUIRED"
    assert Challenge.objects.get(pk=mine.ids["push"]).verified_at is None


@pytest.mark.parametrize("begun_for", [{"userId": "alice"}, {}])
def test_a_proof_that_waits_to_be_claimed_is_worth_nothing(api, page, acme, begun_for):
    """Begun for the user or for nobody; removed before the claim, or after it."""
    row = make.make_authenticator(make.make_user(acme), M.EMAIL_OTP, contact=ALICE)
    claimed = []
    for key in ("k1", "k2"):
        given = {"action": "pay", "email": ALICE, "idempotencyKey": key, **begun_for}
        challenge = ok(api("POST", "challenge", given))["challengeId"]
        code = {"challengeId": challenge, "verificationCode": code_sent()}
        assert ok(api("POST", "verify", code))["isVerified"]
        if key == "k1":
            claimed.append(ok(api("POST", "claim", {"challengeId": challenge, "userId": "alice"}))["token"])
    [token] = claimed
    assert ok(page("/challenge/api/devices", token))
    delete(api, row)
    refused(page("/challenge/api/devices", token), 403, "invalid_request")
    if begun_for:
        refused(api("POST", "claim", {"challengeId": challenge, "userId": "alice"}), 401, "unauthorized")
        refused(api("POST", "verify", code), 400, "invalid_request")


def test_an_address_that_its_first_code_enrolled_takes_that_proof_with_it(api, page, acme):
    make.make_user(acme, email=ALICE)
    token = ok(api("POST", "users/alice/actions/pay"))["token"]
    ok(page("challenge/email-otp", token))
    proof = token_of(page("verify/email-otp", token, {"verificationCode": code_sent()}))
    make.make_authenticator(acme.users.get(), M.SMS, contact=PHONE)
    ok(page("/challenge/api/devices", proof))
    delete(api, acme.users.get().authenticators.get(method=M.EMAIL_OTP))
    refused(page("/challenge/api/devices", proof), 403, "invalid_request")
    refused(page("/challenge/api/devices", token), 403, "invalid_request")


def test_an_app_that_was_invited_by_it_does_not_come(mine, api, page, browser):
    token = token_of(rightly(mine)[M.SMS]())
    invited = ok(page("/challenge/api/invite-app", token))
    delete(api, mine.person.user.authenticators.get(method=M.SMS))
    key, code = DeviceKey(), f"app.{mine.person.tenant.pk}.{invited['code']}"
    web = key.enrolment(devicePlatform="web", deviceName="Chrome, Android")
    refused(browser("POST", "user-authenticators/device", web, token=code), 403, "invalid_request")


@pytest.mark.parametrize("how", ["row", "rows", "user"])
def test_it_ends_however_it_is_deleted(acme, how):
    user = make.make_user(acme)
    row = make.make_authenticator(user, M.EMAIL_OTP, contact=ALICE)
    waiting = make.make_challenge(user, authenticator=row)
    proved = make.make_challenge(user, authenticator=row, verified_at=clock.now())
    {"row": row, "rows": Authenticator.objects.filter(user=user), "user": user}[how].delete()
    if how == "user":
        assert not Challenge.objects.exists()
        return
    waiting.refresh_from_db()
    proved.refresh_from_db()
    assert not waiting.is_open(clock.now())
    assert waiting.withdrawn_at
    assert proved.withdrawn_at
    assert proved.failed_at is None
    assert waiting.authenticator_id is proved.authenticator_id is None


# -- what users take away, and replace -----------------------------------------------------------


def test_who_removes_another_method_goes_on_and_who_removes_their_proof_proves_again(mine, page, time):
    token = token_of(rightly(mine)[M.AUTHENTICATOR_APP]())
    own = {row.method: str(row.pk) for row in mine.person.user.authenticators.all()}
    ok(page("/challenge/api/remove-method", token, {"id": own[M.SMS]}))
    assert opened(page, token) == EVERYTHING
    # What was added and is taken away again was no proof that anything rests on.
    time.advance(60)
    added = ok(page("user-authenticators/sms", token, {"phoneNumber": NEW_PHONE}))
    newer = token_of(page("verify/sms", token, {"verificationCode": code_sent()}))
    ok(page("/challenge/api/remove-method", token, {"id": added["userAuthenticatorId"]}))
    assert opened(page, token, ONE)
    assert opened(page, newer, ONE)
    ok(page("/challenge/api/remove-method", token, {"id": own[M.AUTHENTICATOR_APP]}))
    assert_shut(page, token)
    assert_shut(page, mine.token)


def test_who_replaces_a_number_goes_on_and_whoever_else_proved_the_old_one_is_out(tenant, api, page):
    user = make.make_user(tenant)
    make.make_authenticator(user, M.SMS, contact=PHONE)
    make.make_authenticator(user, M.AUTHENTICATOR_APP, secret="JBSWY3DPEHPK3PXPJBSWY3DP")
    held = {}
    for key in ("thief", "owner"):
        track = ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": key}))["token"]
        ok(page("challenge/sms", track))
        held[key] = track, token_of(page("verify/sms", track, {"verificationCode": code_sent()}))
    track, proof = held["owner"]
    replacing = ok(page("user-authenticators/sms", proof, {"phoneNumber": NEW_PHONE}))
    # Until the new one is proved, nothing was replaced.
    assert all(ok(page("/challenge/api/devices", token)) for pair in held.values() for token in pair)
    newest = token_of(page("verify/sms", proof, {"verificationCode": code_sent()}))
    assert [row.contact for row in user.authenticators.filter(method=M.SMS)] == [NEW_PHONE]
    for token in (track, proof, newest):
        ok(page("/challenge/api/devices", token))
        assert len(ok(page("/challenge/api/recovery-codes", token))["recoveryCodes"]) == 10
    for token in held["thief"]:
        refused(page("/challenge/api/devices", token), 403, "invalid_request")
    # The proof of the old number is the new one's now, and ends with that.
    delete(api, replacing["userAuthenticatorId"])
    for token in (track, proof, newest):
        refused(page("/challenge/api/devices", token), 403, "invalid_request")


def test_a_number_that_the_backend_replaces_takes_the_old_ones_proofs_with_it(tenant, api, page):
    user = make.make_user(tenant)
    make.make_authenticator(user, M.SMS, contact=PHONE)
    track = ok(api("POST", "users/alice/actions/pay"))["token"]
    ok(page("challenge/sms", track))
    proof = token_of(page("verify/sms", track, {"verificationCode": code_sent()}))
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": NEW_PHONE}))
    for token in (track, proof):
        refused(page("/challenge/api/devices", token), 403, "invalid_request")


# -- what the backend closes ---------------------------------------------------------------------


@pytest.mark.parametrize("state", ["BLOCK", "REVIEW_REQUIRED", "REVIEW_FAILED", "CHALLENGE_FAILED"])
def test_a_closed_action_manages_nothing(tenant, api, page, state):
    """By the token that was tracked, whatever the backend let it do, and by the one from a proof."""
    user = make.make_user(tenant, email=ALICE)
    make.make_authenticator(user, M.EMAIL_OTP, contact=ALICE)
    sms = make.make_authenticator(user, M.SMS, contact=PHONE)
    scope = "add:authenticators update:authenticators remove:authenticators"
    given = {"idempotencyKey": "k", "deviceId": "laptop", "scope": scope}
    track = ok(api("POST", "users/alice/actions/pay", given))["token"]
    ok(page("challenge/email-otp", track))
    proof = token_of(page("verify/email-otp", track, {"verificationCode": code_sent()}))
    changes = [
        ("/challenge/api/methods", None),
        ("/challenge/api/rename-method", {"id": str(sms.pk), "newLabel": "mine"}),
        ("/challenge/api/prefer-method", {"id": str(sms.pk)}),
        ("/challenge/api/remove-method", {"id": str(sms.pk)}),
        ("/challenge/api/devices", None),
        ("/challenge/api/forget-device", {"id": Device.objects.get().pk}),
        ("/challenge/api/recovery-codes", None),
        ("/challenge/api/invite-app", None),
        ("user-authenticators/totp", None),
        ("user-authenticators/email-otp", {"email": "thief@evil.example"}),
        ("user-authenticators/passkey/registration-options", None),
        ("user-authenticators/security-key/registration-options", None),
        ("user-authenticators/push", DeviceKey().enrolment()),
    ]
    for path, body in changes:
        with transaction.atomic():
            assert page(path, proof, body).status_code == 200, path
            transaction.set_rollback(True)
    ok(api("PATCH", "users/alice/actions/pay/k", {"state": state}))
    before = everything()
    for token in (track, proof):
        for path, body in changes:
            refused(page(path, token, body), 400, "invalid_request")
        assert page("/challenge/api/remember-device", token).status_code == 403
        told = [
            *ok(page("user-authenticators", token, method="GET")),
            ok(page("init", token))["challengeOptions"]["user"],
        ]
        assert not [one for one in told if ALICE in str(one) or PHONE in str(one)], told
        assert not ok(page("/challenge/api/state", token))["canEnrol"]
    assert everything() == before


def everything() -> Any:
    return [list(model.objects.order_by("pk").values()) for model in (Authenticator, Device, Challenge, RecoveryCode)]


def test_the_same_number_once_more_ends_nothing(api, acme, browser):
    """A backend that gives what it knows again, or a sign-in by the one address, takes nobody's place."""
    user = make.make_user(acme, "alice")
    phone = make.make_authenticator(user, M.SMS, contact=PHONE)
    token = ok(api("POST", "users/alice/actions/login", {}))["token"]
    ok(browser("POST", "challenge/sms", token=token))
    assert ok(browser("POST", "verify/sms", {"verificationCode": code_sent()}, token=token))["isVerified"] is True
    given = {"verificationMethod": "SMS", "phoneNumber": PHONE}
    again = ok(api("POST", "users/alice/authenticators", given))["authenticator"]
    assert again["userAuthenticatorId"] == str(phone.pk)
    assert user.authenticators.count() == 1
    ok(browser("POST", "user-authenticators/totp", {}, token=token))


def test_the_state_of_the_action_is_read_once_nobody_else_can_act(api, acme):
    token = ok(api("POST", "users/alice/actions/login", {"scope": "add:authenticators"}))["token"]
    context = read_context(token)
    Action.objects.update(state="BLOCK")
    with transaction.atomic():
        context.lock()
        assert not context.may(Scope.ADD)


# -- asked for again -------------------------------------------------------------------------------


@pytest.fixture
def again(mine, api, time):
    """What proved the action before its backend blocked it and then wanted a proof again: (access token, challenge)."""
    access = token_of(rightly(mine)[M.AUTHENTICATOR_APP]())
    challenge = Challenge.objects.get(method=M.AUTHENTICATOR_APP, verified_at__isnull=False)
    for state in ("BLOCK", "CHALLENGE_REQUIRED"):
        time.advance(30)
        ok(api("PATCH", f"users/alice/actions/pay/{mine.action.idempotency_key}", {"state": state}))
    return access, challenge.pk


def test_what_was_proved_before_an_action_is_asked_for_again_allows_nothing(again, mine, api, page):
    access, _challenge = again
    told = ok(api("POST", "validate", {"token": access}))
    assert (told["isValid"], told.get("verificationMethod")) == (False, None)
    assert_shut(page, access)
    assert_shut(page, mine.token)


@pytest.mark.parametrize("claims", [True, False])
def test_nor_does_it_prove_the_action_again(again, mine, api, page, claims):
    _access, challenge = again
    if claims:
        token = ok(api("POST", "claim", {"challengeId": challenge, "userId": "alice"}))["token"]
        assert_shut(page, token)
    else:
        body = {"challengeId": challenge, "idempotencyKey": mine.action.idempotency_key}
        api("POST", "users/alice/actions/pay", body)
    mine.action.refresh_from_db()
    assert mine.action.state == "CHALLENGE_REQUIRED"


def test_a_new_proof_does_and_gives_the_old_token_nothing(again, mine, page, time):
    before, _challenge = again
    time.advance(60)
    access = token_of(page("verify/totp", mine.token, {"verificationCode": mine.person.app_code()}))
    mine.action.refresh_from_db()
    assert mine.action.state == "CHALLENGE_SUCCEEDED"
    assert opened(page, access) == EVERYTHING
    # The action's own device, which any token of it may let be remembered once it is proved.
    assert opened(page, before) == {"/challenge/api/remember-device"}


def test_a_proof_from_before_props_up_no_later_one_that_is_withdrawn(again, mine, api, page, time):
    """Of two proofs, the one that still stands was overtaken."""
    time.advance(60)
    ok(page("challenge/sms", mine.token))
    access = token_of(page("verify/sms", mine.token, {"verificationCode": code_sent()}))
    assert opened(page, access, ONE)
    delete(api, mine.person.user.authenticators.get(method=M.SMS))
    assert not opened(page, access, ONE)


def test_nor_one_to_a_strangers_address(again, mine, api, page, time):
    time.advance(60)
    body = {"userId": "alice", "action": "pay", "idempotencyKey": mine.action.idempotency_key}
    begun = ok(api("POST", "challenge", body | {"email": "thief@evil.example"}))
    ok(api("POST", "verify", {"challengeId": begun["challengeId"], "verificationCode": code_sent()}))
    assert not opened(page, mine.token)


def test_a_decision_in_the_second_of_the_proof_ends_it(mine, api, page, time):
    access = token_of(rightly(mine)[M.AUTHENTICATOR_APP]())
    for state in ("BLOCK", "CHALLENGE_REQUIRED"):
        time.advance(0.05)
        ok(api("PATCH", f"users/alice/actions/pay/{mine.action.idempotency_key}", {"state": state}))
    assert not opened(page, access)


def test_what_was_proved_before_the_backend_allowed_it_allows_nothing(again, mine, api, page):
    before, _challenge = again
    ok(api("PATCH", f"users/alice/actions/pay/{mine.action.idempotency_key}", {"state": "ALLOW"}))
    assert_shut(page, before)


def test_nor_does_a_link_that_was_confirmed_before(mine, api, page, time):
    path = f"/challenge/link/{mine.answers['link']}"
    nonce = re.search(r'name="nonce" value="([^"]+)"', mine.http.get(path).content.decode())
    assert mine.http.post(path, {"nonce": nonce[1], "email": mine.person.user.email}).status_code == 200
    time.advance(30)
    for state in ("BLOCK", "CHALLENGE_REQUIRED"):
        ok(api("PATCH", f"users/alice/actions/pay/{mine.action.idempotency_key}", {"state": state}))
    for _twice in range(2):
        assert not ok(page("verify/email-magic-link/finalize", mine.token))["isVerified"]
    mine.action.refresh_from_db()
    assert mine.action.state == "CHALLENGE_REQUIRED"


def test_what_a_device_answered_before_is_not_handed_out(mine, api, page, time):
    assert rightly(mine)[M.PUSH]().status_code == 200
    time.advance(30)
    ok(api("PATCH", f"users/alice/actions/pay/{mine.action.idempotency_key}", {"state": "CHALLENGE_REQUIRED"}))
    told = ok(page("verify/push", mine.token, {"challengeId": mine.ids["push"]}))
    assert told["isConsumed"]
    assert "accessToken" not in told


# -- what is left of somebody who has nothing ------------------------------------------------------


def recovery(page, token, person):
    return ok(page("/challenge/api/recovery-code", token, {"verificationCode": person.recovery[0]}))["isVerified"]


def test_saved_codes_end_with_the_last_authenticator_and_prove_nothing_of_who_begins_anew(mine, api, page):
    person = mine.person
    *others, last = person.user.authenticators.values_list("pk", flat=True)
    for one in others:
        ok(api("DELETE", f"users/alice/authenticators/{one}"))
    assert RecoveryCode.objects.filter(user=person.user).count() == 10
    assert not AuditEvent.objects.filter(tag="recovery_codes:ended").exists()
    ok(api("DELETE", f"users/alice/authenticators/{last}"))
    assert not RecoveryCode.objects.filter(user=person.user).exists()
    assert AuditEvent.objects.get(tag="recovery_codes:ended").actor_kind == "api_key"
    token = ok(api("POST", "users/alice/actions/setUp"))["token"]
    ok(page("user-authenticators/push", token, DeviceKey().enrolment()))
    assert not recovery(page, ok(api("POST", "users/alice/actions/withdraw"))["token"], person)


def test_codes_that_a_stolen_authenticator_made_end_with_it(mine, api, page, time):
    token = token_of(rightly(mine)[M.AUTHENTICATOR_APP]())
    time.advance(60)
    stolen = ok(page("/challenge/api/recovery-codes", token))["recoveryCodes"][0]
    time.advance(3600)
    later = ok(api("POST", "users/alice/actions/withdraw"))["token"]
    for method in (M.SMS, M.AUTHENTICATOR_APP):
        assert RecoveryCode.objects.filter(user=mine.person.user).count() == 10
        delete(api, mine.person.user.authenticators.get(method=method))
    answer = ok(page("/challenge/api/recovery-code", later, {"verificationCode": stolen}))
    assert not answer["isVerified"]
    assert not RecoveryCode.objects.filter(user=mine.person.user).exists()


def test_so_do_codes_that_its_enrolment_made(tenant, api, page, time):
    ok(api("POST", "users/bob/authenticators", {"verificationMethod": "SMS", "phoneNumber": PHONE}))
    token = ok(api("POST", "users/bob/actions/add", {"scope": "add:authenticators"}))["token"]
    begun = ok(page("user-authenticators/email-otp", token, {"email": "thief@evil.example"}))
    access = token_of(page("verify/email-otp", token, {"verificationCode": code_sent()}))
    ok(page("/challenge/api/recovery-codes", access))
    delete(api, begun["userAuthenticatorId"], user="bob")
    assert not RecoveryCode.objects.filter(user__user_id="bob").exists()


def test_so_do_codes_of_a_number_that_the_backend_replaces(mine, api, page):
    token = token_of(rightly(mine)[M.SMS]())
    ok(page("/challenge/api/recovery-codes", token))
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": NEW_PHONE}))
    assert not RecoveryCode.objects.filter(user=mine.person.user).exists()


def test_who_removes_what_they_made_codes_with_keeps_the_codes(mine, api, page, time):
    token = token_of(rightly(mine)[M.AUTHENTICATOR_APP]())
    ok(page("/challenge/api/recovery-codes", token))
    app = mine.person.user.authenticators.get(method=M.AUTHENTICATOR_APP)
    ok(page("/challenge/api/remove-method", token, {"id": str(app.pk)}))
    assert not Authenticator.objects.filter(pk=app.pk).exists()
    assert RecoveryCode.objects.filter(user=mine.person.user).count() == 10


def test_codes_of_a_user_who_has_nothing_prove_nothing(mine, api, page):
    """However what they had was deleted."""
    mine.person.user.authenticators.all().delete()
    token = ok(api("POST", "users/alice/actions/withdraw"))["token"]
    assert not recovery(page, token, mine.person)
    assert not RecoveryCode.objects.exclude(used_at=None).exists()
