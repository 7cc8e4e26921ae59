"""Who decides that it is done: a waiting state is moved by a proof and by nothing less, no other by anything (T6).

And what belongs to it: nothing is proved by what was taken away (T5), recorded (R7), told (T7) or not counted (T9).
"""

import itertools
import json
import logging
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from actions.models import Action
from authenticators.models import Authenticator, Message
from authsignal_portal import clock
from authsignal_portal.models import ApiKey
from authsignal_portal.vocabulary import (
    DEVICE_METHODS,
    ID_TOKENS,
    IDENTITY_CHECKS,
    OPT_IN_METHODS,
    WEBAUTHN,
    ActionState,
)
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.calls import SHUT, calls_of, knock
from tests.api.doors import SERVER_KEY, TOKEN, doors
from tests.api.instances import TRIED, Instance, begin, is_success, make_person, vouchers
from tests.api.reading import code_sent, ok, refused
from tests.portal.staff import signed_in
from tests.races.still_clock import still_clock

S = ActionState
FIXTURES = (vouchers,)
EMAIL = {"verificationMethod": "EMAIL_OTP", "email": "alice@acme.example"}


@pytest.fixture
def mine(acme, api, vouchers, caplog) -> Iterator[Instance]:
    caplog.set_level(logging.ERROR, "django.request")
    vouchers.for_tenant(acme)
    with still_clock():
        yield begin(api, make_person(acme, "alice", 1, vouchers), "pay")


def rightly(mine: Instance) -> dict[M, Callable[[], Any]]:
    """The right answer by each method that is tried."""
    devices, ids = mine.person.devices, mine.ids
    typed = {
        M.EMAIL_OTP: ("verify/email-otp", "email-otp"),
        M.SMS: ("verify/sms", "sms"),
        M.WHATSAPP: ("verify/whatsapp", "whatsapp"),
        M.AUTHENTICATOR_APP: ("verify/totp", "totp"),
        M.RECOVERY_CODE: ("/challenge/api/recovery-code", "recovery"),
    }
    sent = {
        method: partial(mine.post, path, {"verificationCode": mine.answers[name]})
        for method, (path, name) in typed.items()
    }
    signed_in = {"challengeId": ids["passkey"], "authenticationCredential": mine.answers["passkey"]}
    pushed = devices[M.PUSH].answer(ids["push"], mine.answers["number"])
    account = {"challengeId": ids["id-token"], "idToken": mine.answers["id-token"]}
    return sent | {
        M.PASSKEY: partial(mine.post, "verify/passkey", signed_in),
        M.SECURITY_KEY: partial(mine.post, "verify/security-key", mine.answers["security-key"]),
        M.PUSH: partial(mine.post, "user-authenticators/push/challenge", pushed, token=""),
        M.QR_CODE: partial(
            mine.post, "user-authenticators/qr-code/challenge", devices[M.QR_CODE].answer(ids["qr"]), token=""
        ),
        M.IN_APP: partial(mine.post, "verify/in-app", devices[M.IN_APP].claim(ids["in-app"])),
        M.EMAIL_MAGIC_LINK: partial(follow, mine),
        M.OIDC_PROVIDER: partial(mine.post, "verify/id-token", account),
        M.ONFIDO: partial(check, mine, "check"),
    }


def follow(mine: Instance) -> Any:
    """Confirm the link where an SDK waits for it, and ask what came of it."""
    path = f"/challenge/link/{mine.answers['link']}"
    nonce = re.search(r'name="nonce" value="([^"]+)"', mine.http.get(path).content.decode())
    if nonce:
        mine.http.post(path, {"nonce": nonce[1], "email": mine.person.user.email})
    return mine.post("verify/email-magic-link/finalize")


def check(mine: Instance, result: str) -> Any:
    """Let the adapter tell it, and ask what came of it as the page that waits does."""
    mine.decided(mine.answers[result], mine.ids["check"])
    return mine.post("verify/identity-check", {"challengeId": mine.ids["check"]})


def state_of(mine: Instance) -> ActionState:
    return ActionState(Action.objects.get(pk=mine.action.pk).state)


def tried(send: Callable[[], Any], mine: Instance) -> tuple[bool, ActionState]:
    """(whether the caller is told of a proof, the state afterwards), and then taken back."""
    with transaction.atomic():
        answer = send()
        assert answer.status_code < 500, answer.content
        found = is_success(answer), state_of(mine)
        transaction.set_rollback(True)
    return found


# -- T6 ------------------------------------------------------------------------------------------

# A proof of an action that needs none, or has one, is a proof; it moves nothing.
TAKES_A_PROOF = {S.ALLOW, S.CHALLENGE_REQUIRED, S.CHALLENGE_SUCCEEDED, S.REVIEW_SUCCEEDED}


def test_the_right_answer_moves_a_waiting_action_and_no_other(mine):
    answers = rightly(mine)
    assert set(answers) == TRIED
    for state in S:
        Action.objects.filter(pk=mine.action.pk).update(state=state)
        after = S.CHALLENGE_SUCCEEDED if state == S.CHALLENGE_REQUIRED else state
        found = {method: tried(send, mine) for method, send in answers.items()}
        assert found == dict.fromkeys(answers, (state in TAKES_A_PROOF, after)), state


def test_no_other_call_of_a_page_or_an_app_moves_any_state(mine):
    """Each of their doors without an answer, in states of each kind. A decline ends what waits and nothing else."""
    mine_doors = [door for door in doors() if TOKEN in door.kinds]
    nos = {
        "push": mine.person.devices[M.PUSH].answer(mine.ids["push"], approved=False),
        "qr-code": mine.person.devices[M.QR_CODE].answer(mine.ids["qr"], approved=False),
    }
    declines: dict[str, Callable[[], Any]] = {
        name: partial(mine.post, f"user-authenticators/{name}/challenge", body, token="") for name, body in nos.items()
    }
    declines["check"] = partial(check, mine, "check declined")
    for state in (S.CHALLENGE_REQUIRED, S.BLOCK, S.REVIEW_REQUIRED, S.ALLOW):
        Action.objects.filter(pk=mine.action.pk).update(state=state)
        with transaction.atomic():
            for door in mine_doors:
                body = {"verificationCode": "000000", "challengeId": mine.ids["sms"], "nativeScheme": "authsignal"}
                body |= {"verificationMethod": M.OIDC_PROVIDER, "idToken": mine.token}
                answer = mine.post(f"/{door.path}", body, method=door.method)
                assert state_of(mine) == state, (state, door)
                assert b'"isVerified":true' not in answer.content, (state, door)
            transaction.set_rollback(True)
        for name, send in declines.items():
            _told, after = tried(send, mine)
            assert after == (S.CHALLENGE_FAILED if state == S.CHALLENGE_REQUIRED else state), (state, name)


# -- T5 ------------------------------------------------------------------------------------------


def test_what_is_taken_away_proves_nothing_from_then_on(mine, api):
    """A right answer was on its way: the authenticator is removed, the user deleted, or the backend's key revoked."""
    for method, send in rightly(mine).items():
        with transaction.atomic():
            for row in Authenticator.objects.filter(user=mine.person.user, method=method):
                ok(api("DELETE", f"users/alice/authenticators/{row.pk}"))
            mine.person.user.recovery_codes.all().delete()
            assert tried(send, mine) == (False, S.CHALLENGE_REQUIRED), f"{method} removed"
            transaction.set_rollback(True)
    sends = rightly(mine)
    ok(api("DELETE", "users/alice"))
    for method, send in sends.items():
        assert not is_success(send()), method
    for door in doors():
        if TOKEN in door.kinds:
            assert mine.post(f"/{door.path}", method=door.method).status_code == 401, door
    ApiKey.objects.filter(pk=api.secret.split("_")[2]).update(revoked_at=clock.now())
    for door in doors():
        if door.opened_by == SERVER_KEY:
            assert api(door.method, door.path.removeprefix("v1/"), {}).status_code == 401, door


# -- T9 ------------------------------------------------------------------------------------------

LISTED_ALONE = [method for method in M if method != M.RECOVERY_CODE]


@pytest.mark.parametrize("method", LISTED_ALONE)
def test_each_single_method_is_an_enrolment_and_lets_nobody_through(method, acme, api, browser):
    """Where users who have nothing are let through, whoever has this one thing is asked for it."""
    acme.let_unenrolled_users_through = True
    acme.save()
    if method in OPT_IN_METHODS:
        make.make_configuration(acme, method)
    assert ok(api("POST", "users/alice/actions/pay"))["state"] == S.ALLOW
    fields: dict[str, Any] = {}
    if method in WEBAUTHN:
        fields = {"credential_id": "c", "rp_id": "localhost"}
    elif method in DEVICE_METHODS:
        fields = {"public_key": b"k"}
    elif method == M.AUTHENTICATOR_APP:
        fields = {"secret": "JBSWY3DPEHPK3PXP"}
    elif method in (*ID_TOKENS, *IDENTITY_CHECKS):
        fields = {"subject": "alice", "subject_index": "a"}
    else:
        fields = {"contact": "+6421123456" if method in (M.SMS, M.WHATSAPP) else "alice@acme.example"}
    row = make.make_authenticator(acme.users.get(user_id="alice"), method, **fields, verified_at=None)
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False
    Authenticator.objects.filter(pk=row.pk).update(verified_at=clock.now())
    tracked = ok(api("POST", "users/alice/actions/pay"))
    assert (tracked["state"], tracked["isEnrolled"]) == (S.CHALLENGE_REQUIRED, True)
    assert tracked["enrolledVerificationMethods"] == [method]
    known = ok(api("GET", "users/alice"))
    assert (known["isEnrolled"], known["enrolledVerificationMethods"]) == (True, [method])
    body = {"email": "evil@acme.example"}
    refused(browser("POST", "user-authenticators/email-otp", body, token=tracked["token"]), 403, "invalid_request")
    assert ok(api("POST", "validate", {"token": tracked["token"]}))["isValid"] is False


@pytest.mark.parametrize("method", sorted(DEVICE_METHODS))
def test_who_let_their_only_method_expire_is_no_new_user(method, acme, api, browser):
    """Who has their password only would else be asked for nothing, or enrol what is theirs."""
    acme.let_unenrolled_users_through = True
    acme.save()
    user = make.make_user(acme, "alice", email=EMAIL["email"])
    assert ok(api("POST", "users/alice/actions/pay"))["state"] == S.ALLOW
    begun = ok(api("POST", "users/alice/actions/pay", {"scope": "add:authenticators"}))["token"]
    unproved = ok(
        api("POST", "challenge", {"action": "pay", "verificationMethod": "EMAIL_OTP", "email": "e@e.example"})
    )
    verified = {"challengeId": unproved["challengeId"], "verificationCode": code_sent()}
    assert ok(api("POST", "verify", verified))["isVerified"] is True
    make.make_authenticator(user, method, public_key=b"k", expires_at=clock.now())
    tracked = ok(api("POST", "users/alice/actions/pay"))
    assert (tracked["state"], tracked["isEnrolled"]) == (S.CHALLENGE_REQUIRED, False)
    token, body = tracked["token"], {"email": "evil@acme.example"}
    refused(browser("POST", "user-authenticators/email-otp", body, token=token), 403, "invalid_request")
    refused(browser("POST", "challenge/email-otp", token=token), 400, "invalid_request")
    claimed = ok(api("POST", "claim", {"challengeId": unproved["challengeId"], "userId": "alice"}))
    assert ok(api("POST", "validate", {"token": claimed["token"]}))["state"] == S.CHALLENGE_REQUIRED
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False
    ok(browser("POST", "user-authenticators/email-otp", body, token=begun))


# -- T7 ------------------------------------------------------------------------------------------


def test_no_answer_of_any_door_tells_a_code(mine, api, settings):
    """Every door does what it is for, while every code is good; of a code that it sends anew it tells nothing."""
    settings.RESEND_WAIT_SECONDS = 0
    secrets, calls, opened = secrets_of(mine), calls_of(mine), set()
    for door in doors():
        with transaction.atomic():
            told = knock(mine, api, door, calls)
            if told.status_code < 400:
                opened.add(str(door))
            owed = [json.loads(one.payload) for one in Message.objects.select_related("tenant") if one.payload]
            transaction.set_rollback(True)
        check_tells_none(told, secrets | {sent.get("code") or sent.get("url") for sent in owed}, door)
    assert {str(door) for door in doors()} - opened == SHUT


def test_no_page_of_the_portal_tells_a_code(mine):
    user, staff = mine.person.user, signed_in(mine.person.tenant)
    pages = [
        "/portal/authenticators/enduser/",
        f"/portal/authenticators/enduser/{user.pk}/change/",
        f"/portal/authenticators/enduser/{user.pk}/list/",
        "/portal/actions/action/",
        f"/portal/actions/action/{mine.action.pk}/change/",
        f"/portal/actions/action/{mine.action.pk}/list/",
        "/portal/audit/auditevent/",
    ]
    for page in pages:
        told = staff.client.get(page)
        assert told.status_code == 200, page
        check_tells_none(told, secrets_of(mine), page)


def secrets_of(mine: Instance) -> set[str]:
    """What was sent to the user, and what they have."""
    return {mine.answers[name] for name in ("email-otp", "sms", "whatsapp", "totp", "recovery", "link")}


def check_tells_none(told: Any, secrets: set[Any], where: Any) -> None:
    text = told.content.decode() + json.dumps(dict(told.headers))
    for secret in secrets - {None}:
        assert not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text), (where, secret)


# -- R7 ------------------------------------------------------------------------------------------


def test_a_run_that_was_recorded_proves_nothing_again_in_whatever_order_it_is_played(acme, api, client):
    """All requests of a page that proved one action, sent again for it and for the next one of the same user."""
    user = make.make_user(acme, "alice")
    make.make_authenticator(user, M.EMAIL_OTP, contact=EMAIL["email"])
    tracked = ok(api("POST", "users/alice/actions/pay"))
    start = ("/v1/client/challenge/email-otp", {})
    send(client, tracked["token"], *start)
    verify = ("/v1/client/verify/email-otp", {"verificationCode": code_sent()})
    access = send(client, tracked["token"], *verify).json()["accessToken"]
    run = [start, verify, ("/challenge/api/finish", {})]
    send(client, access, *run[2])
    again = ok(api("POST", "users/alice/actions/pay"))
    replays = [(path, body, token) for path, body in run for token in (tracked["token"], access, again["token"])]
    for order in itertools.permutations(range(len(run))):
        with transaction.atomic():
            for place in order:
                for path, body, token in replays[3 * place : 3 * place + 3]:
                    answer = send(client, token, path, body)
                    assert answer.status_code < 500, answer.content
                    assert b"accessToken" not in answer.content, (order, path)
            assert ok(api("POST", "validate", {"token": again["token"]}))["state"] == S.CHALLENGE_REQUIRED
            transaction.set_rollback(True)
    assert ok(api("POST", "validate", {"token": access}))["isValid"] is True


def send(http: Client, token: str, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", "X-Challenge-Embedded": "yes"}
    return http.post(path, json.dumps(body), "application/json", headers=headers)
