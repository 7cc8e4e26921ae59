"""Phones and pages at the same instant: one answer counts, one device scans, one push stands, one token comes."""

from actions.models import Action
from authenticators.models import AttestedApps, Authenticator, AuthenticatorConfiguration, Challenge, Message
from authsignal_portal.vocabulary import ActionState
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.conftest import SLOTS
from tests.device import DeviceKey
from tests.phone_makers import PACKAGE, PlayConsole
from tests.races import scenes
from tests.races.volley import MANY, ROUNDS, Shot, fire, held

PUSH = "/v1/client/user-authenticators/push"
QR_CODE = "/v1/client/user-authenticators/qr-code"


def enrolled(live, method: M) -> tuple[DeviceKey, scenes.Tracked]:
    key = DeviceKey()
    return key, scenes.enrolled(live, method, public_key=key.spki)


def pushed(live, tracked: scenes.Tracked) -> dict:
    status, asked = live("POST", "client/challenge/push", {}, token=tracked.token)
    assert status == 200, asked
    return asked


def by_device(live, path: str, body: dict) -> Shot:
    """As a phone calls, which knows the tenant and nobody's token."""
    return Shot(path, body, basic=live.tenant_id)


def shown(live) -> dict:
    return fire(live, [by_device(live, "/v1/client/challenge/qr-code", {"action": "Kiosk"})]).answers[0].body


def state_of(tracked: scenes.Tracked) -> str:
    return Action.objects.get(pk=tracked.action.pk).state


def assert_one_approval(volley, tracked: scenes.Tracked) -> None:
    assert volley.at_once >= SLOTS
    assert set(volley.statuses) == {200}
    assert len(volley.verified) == 1
    assert state_of(tracked) == ActionState.CHALLENGE_SUCCEEDED
    assert scenes.events(scenes.Tag.ACTION_SUCCEEDED, action_id=tracked.action.pk) == 1
    assert scenes.events(scenes.Tag.CHALLENGE_VERIFIED, action_id=tracked.action.pk) == 1


def test_one_push_approved_fifty_times_is_approved_once_and_gives_one_token(live):
    for _round in range(ROUNDS):
        key, tracked = enrolled(live, M.PUSH)
        asked = pushed(live, tracked)
        shot = by_device(live, f"{PUSH}/challenge", key.answer(asked["challengeId"], asked["verificationCode"]))
        door = held(scenes.user_row(tracked), Challenge.objects.filter(pk=asked["challengeId"]))
        assert_one_approval(fire(live, [shot] * MANY, door), tracked)
        poll = Shot("/v1/client/verify/push", {"challengeId": asked["challengeId"]}, tracked.token)
        told = fire(live, [poll] * MANY, held(Challenge.objects.filter(pk=asked["challengeId"])))
        assert told.at_once >= SLOTS
        assert len(told.verified) == MANY
        assert len(told.distinct("accessToken")) == 1
        assert sum("accessToken" in answer.body for answer in told.answers) == 1


def test_one_code_approved_fifty_times_is_approved_once(live):
    key, tracked = enrolled(live, M.QR_CODE)
    _status, begun = live("POST", "client/challenge/qr-code", {}, token=tracked.token)
    fire(live, [by_device(live, f"{QR_CODE}/challenge/claim", key.claim(begun["challengeId"]))])
    shot = by_device(live, f"{QR_CODE}/challenge", key.answer(begun["challengeId"]))
    door = held(scenes.user_row(tracked), Challenge.objects.filter(pk=begun["challengeId"]))
    assert_one_approval(fire(live, [shot] * MANY, door), tracked)


def test_one_challenge_signed_fifty_times_in_the_app_gives_one_token(live):
    key, tracked = enrolled(live, M.IN_APP)
    _status, begun = live("POST", "client/challenge", {}, token=tracked.token)
    shot = Shot("/v1/client/verify/in-app", key.claim(begun["challengeId"]), tracked.token)
    door = held(scenes.user_row(tracked), Challenge.objects.filter(pk=begun["challengeId"]))
    volley = fire(live, [shot] * MANY, door)
    assert volley.at_once >= SLOTS
    assert volley.statuses == {200: 1, 400: MANY - 1}
    assert state_of(tracked) == ActionState.CHALLENGE_SUCCEEDED
    assert scenes.events(scenes.Tag.ACTION_SUCCEEDED, action_id=tracked.action.pk) == 1


def test_approved_and_declined_at_once_it_is_one_of_the_two(live):
    for _round in range(ROUNDS):
        key, tracked = enrolled(live, M.PUSH)
        asked = pushed(live, tracked)
        number, challenge_id = asked["verificationCode"], asked["challengeId"]
        shots = [
            by_device(live, f"{PUSH}/challenge", key.answer(challenge_id, number, approved=bool(turn % 2)))
            for turn in range(MANY)
        ]
        door = held(scenes.user_row(tracked), Challenge.objects.filter(pk=challenge_id))
        volley = fire(live, shots, door)
        assert volley.at_once >= SLOTS
        challenge = Challenge.objects.get(pk=challenge_id)
        approved = challenge.verified_at is not None
        assert approved == (challenge.declined_at is None) == (challenge.failed_at is None)
        assert len(volley.verified) == int(approved)
        assert state_of(tracked) == ("CHALLENGE_SUCCEEDED" if approved else "CHALLENGE_FAILED")
        told = [
            scenes.events(tag, action_id=tracked.action.pk)
            for tag in (scenes.Tag.CHALLENGE_VERIFIED, scenes.Tag.CHALLENGE_DECLINED)
        ]
        assert told == [int(approved), int(not approved)]


def test_one_code_scanned_by_many_at_once_belongs_to_one_of_them(live):
    for _round in range(ROUNDS):
        devices = [enrolled(live, M.QR_CODE) for _ in range(SLOTS)]
        code = shown(live)
        before = Action.objects.count()
        shots = [
            by_device(live, f"{QR_CODE}/challenge/claim", key.claim(code["challengeId"]))
            for key, _tracked in devices
            for _copy in range(4)
        ]
        volley = fire(live, shots, held(Challenge.objects.filter(pk=code["challengeId"])))
        assert volley.at_once >= SLOTS // 2
        assert set(volley.statuses) <= {200, 400}
        claimed = {
            shot.body["publicKey"] for shot, answer in zip(shots, volley.answers, strict=True) if answer.status == 200
        }
        assert len(claimed) == 1
        assert Action.objects.count() == before + 1
        winner = next(key for key, _tracked in devices if key.public in claimed)
        challenge = Challenge.objects.select_related("authenticator").get(pk=code["challengeId"])
        assert bytes(challenge.authenticator.public_key) == winner.spki
        answers = [by_device(live, f"{QR_CODE}/challenge", key.answer(code["challengeId"])) for key, _ in devices]
        assert len(fire(live, answers).verified) == 1
        poll = by_device(
            live, "/v1/client/verify/qr-code", {name: code[name] for name in ("challengeId", "deviceCode")}
        )
        assert len(fire(live, [poll] * SLOTS).distinct("accessToken")) == 1


def test_fifty_pushes_at_once_are_one_and_three_actions_at_most_are_asked_for(live):
    for _round in range(ROUNDS):
        _key, tracked = enrolled(live, M.PUSH)
        others = [scenes.track(live, tracked.user.user_id, f"Other{number}") for number in range(4)]
        shots = [Shot("/v1/client/challenge/push", {}, tracked.token)] * (MANY - len(others))
        volley = fire(
            live,
            shots + [Shot("/v1/client/challenge/push", {}, one.token) for one in others],
            held(scenes.user_row(tracked)),
        )
        assert volley.at_once >= SLOTS
        assert set(volley.statuses) <= {200, 429}
        begun = Challenge.objects.filter(user=tracked.user, method=M.PUSH)
        assert 1 <= begun.count() <= 3
        assert begun.filter(failed_at=None).count() == 1
        assert Message.objects.filter(user=tracked.user).count() == begun.count()


def test_fifty_wrong_numbers_at_once_are_two_guesses(live):
    key, tracked = enrolled(live, M.PUSH)
    asked = pushed(live, tracked)
    shot = by_device(live, f"{PUSH}/challenge", key.answer(asked["challengeId"], "1"))
    door = held(scenes.user_row(tracked), Challenge.objects.filter(pk=asked["challengeId"]))
    volley = fire(live, [shot] * MANY, door)
    assert volley.at_once >= SLOTS
    assert not volley.verified
    assert scenes.events(scenes.Tag.CHALLENGE_REFUSED, data__reason="wrong number") == 2
    right = by_device(live, f"{PUSH}/challenge", key.answer(asked["challengeId"], asked["verificationCode"]))
    assert fire(live, [right]).answers[0].body == {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}


def test_one_key_enrolled_by_many_users_at_once_belongs_to_one(live):
    for _round in range(ROUNDS):
        key = DeviceKey()
        users = [scenes.track(live) for _ in range(SLOTS)]
        shots = [Shot(PUSH, key.enrolment(), tracked.token) for tracked in users]
        volley = fire(live, shots, held(*(scenes.user_row(tracked) for tracked in users)))
        assert volley.statuses == {200: 1, 400: SLOTS - 1}
        [winner] = [answer.body for answer in volley.answers if answer.status == 200]
        assert str(Authenticator.objects.get(public_key=key.spki).pk) == winner["userAuthenticatorId"]


def test_one_renewal_sent_fifty_times_counts_once(live):
    key, tracked = enrolled(live, M.PUSH)
    begun = fire(live, [by_device(live, f"{PUSH}/sign?{key.query}", None)]).answers[0].body
    body = key.signed(begun["message"], challengeId=begun["challengeId"], pushToken="new")
    shot = Shot(PUSH, body, basic=live.tenant_id, method="PATCH")
    volley = fire(live, [shot] * MANY, held(scenes.user_row(tracked)))
    assert volley.at_once >= SLOTS
    assert volley.statuses == {200: 1, 400: MANY - 1}
    assert scenes.events(scenes.Tag.AUTHENTICATOR_RENEWED) == 1


def attesting(live) -> PlayConsole:
    """Only attested apps enrol for push."""
    console = PlayConsole()
    apps = AttestedApps(tenant=live.tenant, package_name=PACKAGE)
    apps.decryption_key, apps.verification_key = console.decryption_key, console.verification_key
    apps.save()
    AuthenticatorConfiguration.objects.create(tenant=live.tenant, method=M.PUSH, require_app_attestation=True)
    return console


def test_one_attestation_sent_for_many_keys_at_once_enrols_one(live):
    console = attesting(live)
    for round_ in range(ROUNDS):
        tracked = scenes.track(live, idempotencyKey=f"of-a-former-sdk-{round_}", scope="add:authenticators")
        _status, begun = live("POST", "client/challenge", {}, token=tracked.token)
        for nonce in (begun["nonce"], f"of-a-former-sdk-{round_}"):
            told = {"devicePlatform": "android", "performAttestation": console.attest(nonce)}
            shots = [Shot(PUSH, DeviceKey().enrolment(**told), tracked.token) for _ in range(SLOTS)]
            volley = fire(live, shots, held(scenes.user_row(tracked)))
            assert volley.statuses == {200: 1, 400: SLOTS - 1}
            [winner] = [answer.body for answer in volley.answers if answer.status == 200]
            row = Authenticator.objects.get(pk=winner["userAuthenticatorId"])
            assert row.attestation_outcome == "ATTESTED"


def test_one_idempotency_key_of_many_users_at_once_attests_one_app(live):
    """Nothing of theirs is locked in common."""
    console = attesting(live)
    told = {"devicePlatform": "android", "performAttestation": console.attest("the-key-of-all-actions")}
    users = [scenes.track(live, idempotencyKey="the-key-of-all-actions") for _ in range(SLOTS)]
    shots = [Shot(PUSH, DeviceKey().enrolment(**told), tracked.token) for tracked in users]
    volley = fire(live, shots, held(*(scenes.user_row(tracked) for tracked in users)))
    assert volley.statuses == {200: 1, 400: SLOTS - 1}
