"""WebAuthn credentials of two methods and two users, at once."""

from authenticators.models import Authenticator, Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.races import scenes
from tests.races.volley import MANY, ROUNDS, Shot, fire, held
from tests.soft_authenticator import SoftAuthenticator

KEY = "client/user-authenticators/security-key"


def test_one_answer_of_a_security_key_is_accepted_once(live):
    for _round in range(ROUNDS):
        device = scenes.security_key_of(live, first := scenes.track(live))
        tracked = scenes.track(live, first.user.user_id, "Transfer")
        _status, options = live("POST", f"{KEY}/authentication-options", {}, token=tracked.token)
        signed = device.get(options, with_user_handle=False)
        volley = fire(
            live,
            [Shot("/v1/client/verify/security-key", signed, tracked.token)] * MANY,
            held(scenes.user_row(tracked), Challenge.objects.filter(action_id=tracked.action.pk)),
        )
        scenes.assert_one_success(volley, tracked)


def test_one_credential_registered_for_many_users_at_once_is_one_users(live):
    for _round in range(ROUNDS):
        ident = SoftAuthenticator(origin=live.app_origin)
        shots, users = [], []
        for _user in range(8):
            tracked = scenes.track(live)
            _status, options = live("POST", f"{KEY}/registration-options", {}, token=tracked.token)
            first = ident.passkeys[0].credential_id if ident.passkeys else None
            made = ident.create(options, credential_id=first)
            shots.append(Shot(f"/v1/{KEY}", made, tracked.token))
            users.append(tracked.user.pk)
        volley = fire(live, shots, held(Challenge.objects.filter(user__in=users)))
        assert volley.at_once >= len(shots) // 2
        assert sorted(volley.statuses) == [200, 409]
        assert (volley.statuses[200], len(volley.verified)) == (1, 1)
        assert Authenticator.objects.filter(user__in=users, method=M.SECURITY_KEY).count() == 1
