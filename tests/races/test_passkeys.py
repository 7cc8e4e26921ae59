"""The same WebAuthn ceremony, fifty times at once."""

from actions.models import Action
from authenticators.models import Authenticator, Challenge
from authsignal_portal.vocabulary import ActionState
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.conftest import SLOTS
from tests.races import scenes
from tests.races.volley import MANY, ROUNDS, Shot, fire, held
from tests.soft_authenticator import SoftAuthenticator

OPTIONS = "client/user-authenticators/passkey/authentication-options"


def assertion(live, device: SoftAuthenticator, token: str | None, body: dict | None = None, **tampered) -> dict:
    if token:
        _status, begun = live("POST", OPTIONS, body or {}, token=token)
    else:
        _status, begun = anonymous(live, OPTIONS, body or {})
    return {
        "challengeId": begun["challengeId"],
        "authenticationCredential": device.get(begun["options"], **tampered),
    }


def anonymous(live, path: str, body: dict) -> tuple[int, dict]:
    """As a browser that knows the tenant and nobody's token."""
    answer = fire(live, [Shot(f"/v1/{path}", body, basic=live.tenant_id)]).answers[0]
    return answer.status, answer.body


def test_one_assertion_is_accepted_once(live):
    for number in range(ROUNDS):
        device = scenes.passkey_of(live, first := scenes.track(live))
        device.counts = bool(number % 2)
        tracked = scenes.track(live, first.user.user_id, "Transfer")
        body = assertion(live, device, tracked.token)
        volley = fire(
            live,
            [Shot("/v1/client/verify/passkey", body, tracked.token)] * MANY,
            held(
                scenes.user_row(tracked),
                Challenge.objects.filter(pk=body["challengeId"]),
                scenes.authenticator_rows(tracked),
            ),
        )
        scenes.assert_one_success(volley, tracked)


def test_one_assertion_signs_in_once_where_nobody_was_known(live):
    for _round in range(ROUNDS):
        device = scenes.passkey_of(live, scenes.track(live))
        _status, begun = anonymous(live, "client/challenge", {"action": "SignIn"})
        body = assertion(live, device, None, {"challengeId": begun["challengeId"]})
        before = Action.objects.count()
        volley = fire(
            live,
            [Shot("/v1/client/verify/passkey", body, basic=live.tenant_id)] * MANY,
            held(Challenge.objects.filter(pk=body["challengeId"]), Authenticator.objects.filter(method=M.PASSKEY)),
        )
        assert volley.at_once >= SLOTS
        # A request that comes when the winner has ended is told that the challenge belongs to an action by now.
        assert set(volley.statuses) <= {200, 400}
        assert len(volley.verified) == len(volley.distinct("accessToken")) == 1
        assert Action.objects.count() == before + 1
        action = Action.objects.get(action_code="SignIn", user__user_id=volley.verified[0].body["userId"])
        assert action.state == ActionState.CHALLENGE_SUCCEEDED
        assert scenes.events(scenes.Tag.ACTION_SUCCEEDED, action_id=action.pk) == 1


def test_one_attestation_enrols_one_credential(live):
    path = "client/user-authenticators/passkey"
    for _round in range(ROUNDS):
        tracked = scenes.track(live)
        device = SoftAuthenticator(origin=live.app_origin)
        _status, begun = live("POST", f"{path}/registration-options", token=tracked.token)
        made = {"challengeId": begun["challengeId"], "registrationCredential": device.create(begun["options"])}
        volley = fire(
            live,
            [Shot(f"/v1/{path}", made, tracked.token)] * MANY,
            held(scenes.user_row(tracked), Challenge.objects.filter(pk=begun["challengeId"])),
        )
        scenes.assert_one_success(volley, tracked)
        assert scenes.authenticator_rows(tracked).count() == 1
        assert scenes.events(scenes.Tag.AUTHENTICATOR_ENROLLED, action_id=tracked.action.pk) == 1


def test_fifty_wrong_assertions_are_three_tries_and_then_the_right_one_is_refused(live):
    device = scenes.passkey_of(live, first := scenes.track(live))
    tracked = scenes.track(live, first.user.user_id, "Transfer")
    _status, begun = live("POST", OPTIONS, {}, token=tracked.token)
    stranger = SoftAuthenticator(origin=live.app_origin)
    other = scenes.passkey_of(live, scenes.track(live)).passkeys[0]
    bad = {
        "challengeId": begun["challengeId"],
        "authenticationCredential": stranger.get(begun["options"], passkey=device.passkeys[0], sign_with=other),
    }
    volley = fire(
        live,
        [Shot("/v1/client/verify/passkey", bad, tracked.token)] * MANY,
        held(scenes.user_row(tracked), Challenge.objects.filter(pk=begun["challengeId"])),
    )
    assert not volley.verified
    assert Challenge.objects.get(pk=begun["challengeId"]).attempts == 3
    assert scenes.events(scenes.Tag.CHALLENGE_REFUSED, data__reason="bad_signature") == 3
    good = bad | {"authenticationCredential": device.get(begun["options"])}
    assert live("POST", "client/verify/passkey", good, token=tracked.token)[1]["isVerified"] is False
    # Naming a passkey locks nobody out: the next challenge is answered at once.
    assert live("POST", "client/verify/passkey", assertion(live, device, tracked.token), token=tracked.token)[1][
        "isVerified"
    ]
