"""One idempotency key, many requests: one action, one run of the rules, one answer."""

from actions.models import Action, ActionFacts
from audit.events import Tag
from authenticators.models import Challenge, EndUser
from authsignal_portal.vocabulary import ActionState
from authsignal_portal.vocabulary import VerificationMethod as M
from rules.models import ActionConfiguration
from tests import make
from tests.conftest import SLOTS
from tests.races import scenes
from tests.races.volley import MANY, ROUNDS, Shot, claimed, fire, held


def unborn(live, user_id: str) -> EndUser:
    """The user that the requests are about to create."""
    return EndUser(tenant=live.tenant, user_id=user_id)


def unbound(live, contact: str) -> Challenge:
    """A challenge that began without a user."""
    return make.make_challenge(None, live.tenant, action_id=None, action_code="Login", contact=contact)


def assert_one_action(live, volley, user_id: str) -> Action:
    action = Action.objects.get(tenant=live.tenant, user__user_id=user_id)
    assert ActionFacts.objects.filter(action=action).count() == 1
    assert scenes.events(Tag.ACTION_TRACKED, action_id=action.pk) == 1
    answers = [answer.body for answer in volley.answers if answer.status == 200]
    seen = {(body["state"], body["idempotencyKey"], tuple(body.get("ruleIds", []))) for body in answers}
    assert len(seen) == 1
    return action


def test_the_same_request_fifty_times_is_one_action_of_one_new_user(live):
    configuration = make.make_action(live.tenant, "transfer")
    make.make_rule(configuration, {">": [{"var": "custom.amount"}, 100]})
    make.make_point(live.tenant, "amount", "number")
    configuration.changed()
    body = {"idempotencyKey": "k", "custom": {"amount": 500}, "email": "eve@acme.example", "deviceId": "d1"}
    for number in range(ROUNDS):
        shot = Shot(f"/v1/users/eve{number}/actions/transfer", body)
        volley = fire(live, [shot] * MANY, claimed(unborn(live, f"eve{number}")))
        assert volley.at_once >= SLOTS
        assert set(volley.statuses) == {200}
        action = assert_one_action(live, volley, f"eve{number}")
        assert action.state == ActionState.CHALLENGE_REQUIRED
        assert scenes.events(Tag.USER_CREATED, subject=action.user.pseudonym) == 1


def test_the_same_request_fifty_times_is_one_action_of_one_known_user(live):
    for number in range(ROUNDS):
        user = make.make_user(live.tenant, f"frank{number}")
        body = {"idempotencyKey": "k", "email": "frank@acme.example", "locale": "de"}
        shot = Shot(f"/v1/users/frank{number}/actions/transfer", body)
        taken = Action(
            tenant=live.tenant, user=user, action_code="transfer", idempotency_key="k", state="ALLOW", outcome="ALLOW"
        )
        volley = fire(live, [shot] * MANY, claimed(taken))
        assert volley.at_once >= SLOTS
        assert set(volley.statuses) == {200}
        assert_one_action(live, volley, f"frank{number}")
    assert ActionConfiguration.objects.count() == 1
    assert scenes.events(Tag.ACTION_CONFIGURATION_CREATED) == 1


def test_one_key_with_two_bodies_is_one_action_and_a_conflict_for_the_others(live):
    for number in range(ROUNDS):
        path = f"/v1/users/grace{number}/actions/transfer"
        bodies = [{"idempotencyKey": "k", "custom": {"amount": amount}} for amount in (1, 2)]
        volley = fire(
            live, [Shot(path, body) for body in bodies] * (MANY // 2), claimed(unborn(live, f"grace{number}"))
        )
        assert volley.at_once >= SLOTS
        assert volley.statuses == {200: MANY // 2, 409: MANY // 2}
        action = assert_one_action(live, volley, f"grace{number}")
        won = action.facts.facts["custom"]["amount"]
        assert {answer.status for answer in volley.answers[won - 1 :: 2]} == {200}


def test_different_keys_of_a_new_user_at_once_are_as_many_actions_of_one_user(live):
    shots = [Shot("/v1/users/heidi/actions/transfer", {"idempotencyKey": str(number)}) for number in range(MANY)]
    volley = fire(live, shots, claimed(unborn(live, "heidi")))
    assert volley.statuses == {200: MANY}
    assert Action.objects.filter(user__user_id="heidi").count() == MANY
    assert EndUser.objects.filter(user_id="heidi").count() == 1


def test_a_challenge_tracked_fifty_times_counts_once_and_for_every_copy_of_the_request(live):
    for number in range(ROUNDS):
        challenge = unbound(live, f"ivan{number}@acme.example")
        code = scenes.coded(challenge)
        _status, verified = live("POST", "verify", {"challengeId": challenge.pk, "verificationCode": code})
        assert verified["isVerified"] is True
        body = {"idempotencyKey": "k", "challengeId": challenge.pk}
        shot = Shot(f"/v1/users/ivan{number}/actions/Login", body)
        volley = fire(live, [shot] * MANY, held(Challenge.objects.filter(pk=challenge.pk)))
        assert volley.at_once >= SLOTS
        assert set(volley.statuses) == {200}
        action = assert_one_action(live, volley, f"ivan{number}")
        assert action.state == ActionState.CHALLENGE_SUCCEEDED
        assert scenes.events(Tag.CHALLENGE_CLAIMED) == scenes.events(Tag.ACTION_SUCCEEDED) == number + 1


def test_a_challenge_tracked_for_many_users_at_once_counts_for_one(live):
    challenge = unbound(live, "judy@acme.example")
    code = scenes.coded(challenge)
    live("POST", "verify", {"challengeId": challenge.pk, "verificationCode": code})
    shots = [Shot(f"/v1/users/judy{number}/actions/Login", {"challengeId": challenge.pk}) for number in range(MANY)]
    volley = fire(live, shots, held(Challenge.objects.filter(pk=challenge.pk)))
    assert volley.statuses == {200: 1, 401: MANY - 1}
    assert Action.objects.filter(state=ActionState.CHALLENGE_SUCCEEDED).count() == 1
    assert Action.objects.count() == 1


def test_a_state_set_by_the_backend_and_a_proof_at_once_never_give_a_token_for_a_blocked_action(live):
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, M.EMAIL_OTP)
        code = scenes.coded(scenes.waiting(tracked, M.EMAIL_OTP))
        path = f"/v1/users/{tracked.user.user_id}/actions/Login/{tracked.action.idempotency_key}"
        block = Shot(path, {"state": "BLOCK"}, method="PATCH")
        answer = Shot("/v1/client/verify/email-otp", {"verificationCode": code}, tracked.token)
        volley = fire(live, [block, answer] * 8, held(Action.objects.filter(pk=tracked.action.pk)))
        assert set(volley.statuses) <= {200, 400}
        assert Action.objects.get(pk=tracked.action.pk).state == ActionState.BLOCK
        succeeded = scenes.events(Tag.ACTION_SUCCEEDED, action_id=tracked.action.pk)
        assert len(volley.distinct("accessToken")) == succeeded <= 1
        for token in volley.distinct("accessToken"):
            assert live("POST", "validate", {"token": token})[1]["isValid"] is False
