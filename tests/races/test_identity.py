"""Signed words of others at the same instant: a token counts once, a result counts once, an account is one user's."""

import time

import pytest

from actions.models import Action
from authenticators import subjects
from authenticators.models import Authenticator, Challenge, IdentityProvider
from authsignal_portal.vocabulary import ActionState
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.adapter import SECRET, Adapter, sign
from tests.conftest import SLOTS
from tests.issuer import CLIENT, Issuer
from tests.races import scenes
from tests.races.volley import MANY, Shot, fire, held

RESULTS = {"approved": ActionState.CHALLENGE_SUCCEEDED, "declined": ActionState.CHALLENGE_FAILED}


@pytest.fixture
def issuer(live, httpserver):
    made = Issuer(httpserver)
    make.make_configuration(live.tenant, M.OIDC_PROVIDER, is_active=True)
    IdentityProvider.objects.create(
        tenant=live.tenant, method=M.OIDC_PROVIDER, issuer=made.name, client_ids=[CLIENT], name="Acme Staff"
    )
    return made


@pytest.fixture
def adapter(live, httpserver):
    made = Adapter(httpserver)
    make.make_configuration(live.tenant, M.VERIFF, is_active=True)
    row = IdentityProvider(tenant=live.tenant, method=M.VERIFF, url=made.url)
    row.secret = SECRET
    row.save(force_insert=True)
    return made


def begun(live, tracked, method, path):
    status, answer = live("POST", f"client/{path}", {"verificationMethod": method}, token=tracked.token)
    assert status == 200, answer
    return answer


def enrolled(live, method, subject):
    [index] = subjects.indexes(live.tenant, subject)
    return scenes.enrolled(live, method, subject=subject, subject_index=index)


def presented(asked, id_token, tracked):
    body = {"challengeId": asked["challengeId"], "idToken": id_token}
    return Shot("/v1/client/verify/id-token", body, tracked.token)


def test_one_id_token_presented_fifty_times_is_one_proof(live, issuer):
    tracked = enrolled(live, M.OIDC_PROVIDER, f"{len(issuer.name)}:{issuer.name}:jo-1")
    asked = begun(live, tracked, M.OIDC_PROVIDER, "challenge/id-token")
    shot = presented(asked, issuer.token(asked["nonce"]), tracked)
    door = held(scenes.user_row(tracked), Challenge.objects.filter(pk=asked["challengeId"]))
    volley = fire(live, [shot] * MANY, door)
    assert volley.at_once >= SLOTS
    assert len(volley.verified) == len(volley.distinct("accessToken")) == 1
    assert scenes.events(scenes.Tag.CHALLENGE_VERIFIED, action_id=tracked.action.pk) == 1


def test_one_account_enrolled_by_many_at_once_is_one_users(live, issuer):
    users = [scenes.track(live) for _number in range(SLOTS)]
    asked = [begun(live, one, M.OIDC_PROVIDER, "user-authenticators/id-token") for one in users]
    shots = [presented(it, issuer.token(it["nonce"]), one) for it, one in zip(asked, users, strict=True)]
    challenges = Challenge.objects.filter(pk__in=[it["challengeId"] for it in asked])
    volley = fire(live, shots, held(challenges.order_by("pk")))
    assert len(volley.verified) == 1
    assert Authenticator.objects.exclude(verified_at=None).count() == 1


def test_a_check_that_is_asked_for_while_the_adapter_is_asked_is_begun_once(live, adapter):
    tracked = enrolled(live, M.VERIFF, "person-1")
    path, body = "client/challenge/identity-check", {"verificationMethod": M.VERIFF}
    meanwhile = []
    adapter.meanwhile = lambda: meanwhile.append(live("POST", path, body, token=tracked.token))
    status, begun_here = live("POST", path, body, token=tracked.token)
    assert [(code, answer["errorCode"]) for code, answer in meanwhile] == [(429, "too_many_requests")]
    assert status == 200
    assert live("POST", path, body, token=tracked.token) == (200, begun_here)
    assert len(adapter.begun) == Challenge.objects.count() == 1
    assert Challenge.objects.get().failed_at is None


def test_a_user_who_is_deleted_while_the_adapter_is_asked_is_gone(live, adapter):
    tracked = enrolled(live, M.VERIFF, "person-1")
    adapter.meanwhile = lambda: live("DELETE", f"users/{tracked.user.user_id}")
    body = {"verificationMethod": M.VERIFF}
    status, answer = live("POST", "client/challenge/identity-check", body, token=tracked.token)
    assert (status, answer["errorCode"]) == (401, "expired_token")
    assert not Challenge.objects.exists()


def test_results_at_once_are_one_of_them_and_one_told_many_times_is_one(live, adapter):
    tracked = enrolled(live, M.VERIFF, "person-1")
    asked = begun(live, tracked, M.VERIFF, "challenge/identity-check")
    path, now = f"/callbacks/identity/{asked['challengeId']}", int(time.time())
    bodies = [adapter.result("approved"), adapter.result("declined"), adapter.result("resubmission")]
    signed = [Shot(path, body, headers={"X-Signature-V2": sign(body, now)}) for body in bodies]
    again = signed[2:] * (MANY - 2)
    door = held(scenes.user_row(tracked), Challenge.objects.filter(pk=asked["challengeId"]))
    volley = fire(live, [*again[: MANY // 2], *signed[:2], *again[MANY // 2 :]], door)
    assert volley.at_once >= SLOTS
    results = [answer.body.get("result") for answer in volley.answers]
    assert results.count("resubmission") <= 1
    assert Challenge.objects.get().attempts == results.count("resubmission")
    assert (results.count("proved") + results.count("declined")) == 1
    decided = "approved" if "proved" in results else "declined"
    assert Action.objects.get().state == RESULTS[decided]
