"""A user deleted in the middle of everything: nothing fails, nothing of the old user is left, nobody inherits."""

from actions.models import Action, ActionFacts
from audit.events import Tag
from authenticators.models import Authenticator, Challenge, EndUser, Message
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.races import scenes
from tests.races.volley import MANY, ROUNDS, Shot, fire, held


def deletion(user_id: str) -> Shot:
    return Shot(f"/v1/users/{user_id}", method="DELETE")


def test_deleting_a_user_against_tracking_them(live):
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, M.EMAIL_OTP)
        user_id = tracked.user.user_id
        tracks = [Shot(f"/v1/users/{user_id}/actions/Login", {"email": f"{n}@acme.example"}) for n in range(MANY // 2)]
        both = [shot for pair in zip(tracks, [deletion(user_id)] * len(tracks), strict=True) for shot in pair]
        volley = fire(live, both, held(scenes.user_row(tracked)))
        assert volley.at_once >= 8
        assert volley.statuses == {200: MANY}
        assert not Action.objects.filter(user_id=tracked.user.pk).exists()
        survivor = EndUser.objects.filter(user_id=user_id).first()
        assert survivor is None or survivor.pk != tracked.user.pk
        assert Action.objects.count() == ActionFacts.objects.count()
        assert scenes.events(Tag.USER_DELETED, subject=tracked.user.pseudonym) == 1
        answers = [answer.body for answer in volley.answers if "token" in answer.body]
        assert len({answer["idempotencyKey"] for answer in answers}) == len(tracks)


def test_deleting_a_user_against_all_that_a_user_and_a_backend_can_do(live):
    for number in range(ROUNDS):
        email = f"quinn{number}@acme.example"
        tracked = scenes.track(live, f"quinn{number}", email=email)
        user_id, token = tracked.user.user_id, tracked.token
        challenge = scenes.waiting(tracked, M.EMAIL_OTP, contact=email)
        code = {"verificationCode": scenes.coded(challenge)}
        key = tracked.action.idempotency_key
        others = [
            Shot("/v1/client/verify/email-otp", code, token),
            Shot("/v1/verify", code | {"challengeId": challenge.pk}),
            Shot("/v1/claim", {"challengeId": challenge.pk, "userId": user_id, "skipVerificationCheck": True}),
            Shot("/v1/client/challenge/email-otp", None, token),
            Shot("/v1/client/user-authenticators/totp", None, token),
            Shot("/v1/client/user-authenticators/email-otp", {"email": "q@acme.example"}, token),
            Shot("/v1/client/user-authenticators/passkey/registration-options", {}, token),
            Shot(f"/v1/users/{user_id}", {"username": "quinn"}, method="PATCH"),
            Shot(f"/v1/users/{user_id}/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+64211234567"}),
            Shot(f"/v1/users/{user_id}/actions/Login/{key}", {"state": "REVIEW_REQUIRED"}, method="PATCH"),
            Shot(f"/v1/users/{user_id}/actions/Login/{key}", method="GET"),
            Shot("/v1/challenge", {"userId": user_id, "action": "Login", "email": "r@acme.example"}),
            Shot("/v1/challenge", {"challengeId": challenge.pk}),
            Shot("/v1/validate", {"token": token}),
        ]
        shots = (others + [deletion(user_id)] * 3) * 3
        fire(live, shots[number:] + shots[:number], held(scenes.user_row(tracked)))
        for model in (Action, Authenticator, Challenge, Message):
            assert not model.objects.filter(user_id=tracked.user.pk).exists()
