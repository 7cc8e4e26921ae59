"""Credentials of apps with device keys: enrolled, looked up, renewed, removed; and whose they are."""

import base64
import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.models import AuditEvent
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.api.reading import UUID, everything_stored, ok, refused
from tests.device import DeviceKey

METHODS = [("push", M.PUSH), ("qr-code", M.QR_CODE), ("in-app", M.IN_APP)]
PATHS = [path for path, _method in METHODS]


@pytest.fixture
def key():
    return DeviceKey()


def track(api, user="alice", action="login", **body):
    return ok(api("POST", f"users/{user}/actions/{action}", body))["token"]


def enrol(api, browser, key, path="push", user="alice", **more):
    token = track(api, user, "enrol", scope="add:authenticators")
    return ok(browser("POST", f"user-authenticators/{path}", key.enrolment(**more), token=token))


@pytest.mark.parametrize(("path", "method"), METHODS)
def test_a_device_is_enrolled_found_and_removes_itself(api, browser, key, path, method):
    base = f"user-authenticators/{path}"
    refused(browser("GET", f"{base}?{key.query}"), 404, "invalid_credential")
    made = ok(browser("POST", base, key.enrolment(), token=track(api)))
    assert set(made) == {"userAuthenticatorId", "userId", "verifiedAt", "lastVerifiedAt"}
    assert UUID.fullmatch(made["userAuthenticatorId"])
    assert made["userId"] == "alice"
    for query in (key.query, key.android_query):
        assert ok(browser("GET", f"{base}?{query}")) == made
    [listed] = ok(api("GET", "users/alice/authenticators"))
    assert (listed["verificationMethod"], listed["displayName"]) == (method, "Jo's phone")
    assert (listed["devicePlatform"], listed["isDefault"]) == ("IOS", True)
    assert ok(api("GET", "users/alice"))["enrolledVerificationMethods"] == [method]
    removed = ok(browser("POST", f"{base}/remove", key.removal()))
    assert removed == {"removedAuthenticatorId": made["userAuthenticatorId"]}
    refused(browser("GET", f"{base}?{key.query}"), 404, "invalid_credential")
    assert ok(browser("POST", f"{base}/remove", key.removal())) == {}
    tags = list(AuditEvent.objects.filter(tag__startswith="authenticator:").values_list("tag", flat=True))
    assert sorted(tags) == ["authenticator:enrolled", "authenticator:removed"]


def test_one_key_may_be_enrolled_under_each_method(api, browser, key):
    token = track(api, scope="add:authenticators")
    made = {
        ok(browser("POST", f"user-authenticators/{path}", key.enrolment(), token=token))["userAuthenticatorId"]
        for path in PATHS
    }
    assert len(made) == 3
    ok(browser("POST", "user-authenticators/qr-code/remove", key.removal()))
    assert ok(api("GET", "users/alice"))["enrolledVerificationMethods"] == [M.PUSH, M.IN_APP]


def test_the_same_key_again_is_brought_up_to_date(api, browser, key):
    first = enrol(api, browser, key, pushToken="one")
    second = enrol(api, browser, key, deviceName="New name", devicePlatform="android", pushToken="two")
    assert second["userAuthenticatorId"] == first["userAuthenticatorId"]
    row = Authenticator.objects.select_related("tenant").get()
    assert (row.name, row.device_platform, row.push_token) == ("New name", "ANDROID", "two")


def test_a_key_written_as_a_compressed_point_is_the_same_key(api, browser, key):
    point = key.private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    short = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    enrol(api, browser, key)
    enrol(api, browser, key, publicKey=base64.b64encode(short).decode())
    assert Authenticator.objects.count() == 1


def test_a_key_that_is_another_users_is_not_taken_over(api, browser, key):
    """Public keys stand in receipts and addresses: to say one is not to hold it."""
    made = enrol(api, browser, key, user="alice")
    tokens = [track(api, "mallory"), track(api, "mallory", scope="add:authenticators")]
    before = everything_stored()
    for path, token in itertools.product([*PATHS, "device"], tokens):
        refused(browser("POST", f"user-authenticators/{path}", key.enrolment(), token=token), 400, "invalid_request")
    assert everything_stored() == before
    assert ok(browser("GET", f"user-authenticators/push?{key.query}")) == made


def test_a_phone_that_went_to_another_user_is_theirs_once_it_removed_its_credential(api, browser, acme, key, advance):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.PUSH, credential_days=2)
    enrol(api, browser, key, user="alice")
    ok(browser("POST", "user-authenticators/push/remove", key.removal()))
    enrol(api, browser, key, user="bob")
    advance(3 * 86_400)
    token = track(api, "carol")
    refused(browser("POST", "user-authenticators/push", key.enrolment(), token=token), 400, "invalid_request")
    assert ok(browser("POST", "user-authenticators/push/remove", key.removal(steps=3 * 144)))
    assert ok(browser("POST", "user-authenticators/push", key.enrolment(), token=token))["userId"] == "carol"


def test_each_tenant_has_its_own_credentials(api, browser, globex_api, globex, key):
    made = enrol(api, browser, key)
    theirs = type(browser)(browser.http, globex)
    refused(theirs("GET", f"user-authenticators/push?{key.query}"), 404, "invalid_credential")
    assert ok(theirs("POST", "user-authenticators/push/remove", key.removal())) == {}
    enrol(globex_api, theirs, key)
    assert ok(browser("GET", f"user-authenticators/push?{key.query}")) == made


@pytest.mark.parametrize("path", PATHS)
def test_a_further_device_needs_a_scope_or_a_fresh_proof(api, browser, key, path):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "a@acme.example"}))
    token = track(api)
    before = everything_stored()
    refused(browser("POST", f"user-authenticators/{path}", key.enrolment(), token=token), 403, "invalid_request")
    refused(browser("POST", f"user-authenticators/{path}", key.enrolment()), 401, "expired_token")
    assert everything_stored() == before
    enrol(api, browser, key, path)


def test_bringing_a_key_up_to_date_needs_the_same_authority(api, browser, key):
    """Else a stolen token could send the pushes elsewhere."""
    enrol(api, browser, key, pushToken="one")
    body = key.enrolment(pushToken="thief")
    refused(browser("POST", "user-authenticators/push", body, token=track(api)), 403, "invalid_request")


BAD_KEYS = [
    "",
    "x",
    "AAAA",
    "ü",
    base64.b64encode(b"\x30" * 91).decode(),
    DeviceKey(ec.SECP384R1()).public,
    DeviceKey(ec.SECP256K1()).public,
    DeviceKey().public[:-8],
]


@pytest.mark.parametrize("bad", [*BAD_KEYS, None, 5, [], {}])
def test_what_is_no_p256_key_is_refused(api, browser, key, bad):
    token = track(api)
    before = everything_stored()
    body = key.enrolment() | {"publicKey": bad}
    refused(browser("POST", "user-authenticators/push", body, token=token), 400, "invalid_request")
    assert everything_stored() == before


ONCE = "publicKey=" + DeviceKey().public


@pytest.mark.parametrize("query", ["", "publicKey=", "publicKey=%00", "publicKey=AAAA", ONCE])
def test_a_look_up_without_a_key_is_refused(browser, query):
    refused(browser("GET", f"user-authenticators/push?{query}"), 400, "invalid_request")


@pytest.mark.parametrize(
    "fields",
    [
        {"devicePlatform": "symbian"},
        {"devicePlatform": None},
        {"pushToken": 5},
        {"performAttestation": {"provider": "NONE", "token": "x"}},
    ],
)
def test_a_device_must_say_what_it_is(api, browser, key, fields):
    token = track(api)
    refused(browser("POST", "user-authenticators/push", key.enrolment(**fields), token=token), 400, "invalid_request")


# -- lifetime -------------------------------------------------------------------------------------


def test_a_credential_expires_where_the_tenant_says_so_and_is_nothing_then(api, browser, acme, key, advance):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.PUSH, credential_days=2)
    made = enrol(api, browser, key)
    assert made["expiresAt"].endswith("Z")
    advance(2 * 86_400 - 60)
    assert ok(api("GET", "users/alice"))["isEnrolled"] is True
    advance(120)
    refused(browser("GET", f"user-authenticators/push?{key.query}"), 404, "invalid_credential")
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False
    assert ok(api("POST", "users/alice/actions/login"))["isEnrolled"] is False
    refused(browser("POST", "user-authenticators/push", key.enrolment(), token=track(api)), 403, "invalid_request")
    assert enrol(api, browser, key)["expiresAt"]
    assert Authenticator.objects.count() == 1


def test_an_expired_credential_can_be_taken_away_by_its_device_and_by_nobody_else(api, browser, acme, key, advance):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.PUSH, credential_days=1)
    made = enrol(api, browser, key)
    advance(86_401)
    # By the server's clock, which has gone on by a day.
    steps = 86_400 // 600
    forged = DeviceKey().removal(steps=steps) | {"publicKey": key.public}
    refused(browser("POST", "user-authenticators/push/remove", forged), 400, "invalid_request")
    other = enrol(api, browser, DeviceKey())
    removed = ok(browser("POST", "user-authenticators/push/remove", key.removal(steps=steps)))
    assert removed == {"removedAuthenticatorId": made["userAuthenticatorId"]}
    assert str(Authenticator.objects.get().pk) == other["userAuthenticatorId"]


def test_what_a_device_is_called_is_one_line_that_turns_nothing(api, browser, key):
    enrol(api, browser, key, deviceName="Jo\u202e enohPi\u202c\n second  line")
    assert Authenticator.objects.get().name == "Jo enohPi second line"
    # Of two characters each in the composed form.
    enrol(api, browser, DeviceKey(), deviceName="\u0958" * 255)
    assert len(Authenticator.objects.latest("created_at").name) == 255


@pytest.mark.parametrize("method", ["push", "device"])
def test_who_lets_their_only_device_expire_is_no_new_user_when_it_takes_itself_away(
    api, browser, acme, key, advance, method
):
    for one in M.PUSH, M.QR_CODE, M.IN_APP:
        AuthenticatorConfiguration.objects.create(tenant=acme, method=one, credential_days=1)
    enrol(api, browser, key, method)
    advance(86_401)
    told = AuditEvent.objects.filter(tag="authenticator:released")
    for _twice in range(2):
        ok(browser("POST", f"user-authenticators/{method}/remove", key.removal(steps=144)))
        assert told.count() == 1
    refused(browser("GET", f"user-authenticators/{method}?{key.query}"), 404, "invalid_credential")
    for again in key, DeviceKey():
        refused(
            browser("POST", "user-authenticators/push", again.enrolment(), token=track(api)), 403, "invalid_request"
        )
    user = ok(api("GET", "users/alice"))
    assert user["isEnrolled"] is False
    # Support, or the backend, lets them begin anew.
    ok(api("DELETE", f"users/alice/authenticators/{Authenticator.objects.get().pk}"))
    ok(browser("POST", "user-authenticators/push", DeviceKey().enrolment(), token=track(api)))


# -- renewing ------------------------------------------------------------------------------------


def renewal(browser, key, *, by=None, **more):
    begun = ok(browser("POST", f"user-authenticators/push/sign?{key.query}"))
    assert set(begun) == {"challengeId", "message"}
    return (by or key).signed(begun["message"], challengeId=begun["challengeId"], **more)


def test_a_device_renews_its_push_token_and_its_lifetime(api, browser, acme, key):
    made = enrol(api, browser, key, pushToken="old")
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.PUSH, credential_days=30)
    body = renewal(browser, key, pushToken="new")
    answer = ok(browser("PATCH", "user-authenticators/push", body))
    assert set(answer) == {"userAuthenticatorId", "userId", "lastVerifiedAt", "pushToken"}
    assert (answer["userAuthenticatorId"], answer["pushToken"]) == (made["userAuthenticatorId"], "new")
    refused(browser("PATCH", "user-authenticators/push", body | {"pushToken": "thief"}), 400, "invalid_request")
    answer = ok(browser("PATCH", "user-authenticators/push", renewal(browser, key, resetExpiry=True)))
    assert set(answer) == {"userAuthenticatorId", "userId", "lastVerifiedAt", "expiresAt"}
    assert Authenticator.objects.select_related("tenant").get().push_token == "new"
    assert AuditEvent.objects.filter(tag="authenticator:renewed").count() == 2
    assert "new" not in str(list(AuditEvent.objects.filter(tag="authenticator:renewed").values_list("data")))


def test_a_renewal_counts_only_for_the_key_that_signed_it_and_not_for_long(api, browser, key, advance):
    other = DeviceKey()
    enrol(api, browser, key)
    enrol(api, browser, other, user="bob")
    body = renewal(browser, key, pushToken="new")
    for wrong in (
        body | {"publicKey": other.public, "signature": other.sign("renew:")},
        body | {"signature": other.sign("x")},
        body | {"signature": key.sign(body["challengeId"])},
        body | {"challengeId": "x" * 64},
        renewal(browser, other) | {"publicKey": key.public},
        renewal(browser, other, by=key),
    ):
        refused(browser("PATCH", "user-authenticators/push", wrong), 400, "invalid_request")
    advance(121)
    refused(browser("PATCH", "user-authenticators/push", body), 400, "invalid_request")
    unknown = DeviceKey()
    refused(browser("PATCH", "user-authenticators/push", unknown.claim("x" * 64)), 400, "invalid_credential")


# -- removing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "fraction"), [(-1, ".0"), (1, ".0"), (0, ""), (-1, ""), (1, "")])
def test_a_removal_is_signed_over_the_ten_minutes_of_now_or_beside_it(api, browser, key, steps, fraction):
    enrol(api, browser, key)
    removed = ok(browser("POST", "user-authenticators/push/remove", key.removal(steps=steps, fraction=fraction)))
    assert removed["removedAuthenticatorId"]


@pytest.mark.parametrize(
    "signature",
    [
        DeviceKey().removal()["signature"],
        "AAAA",
        "ü",
        "",
    ],
    ids=["another key's", "no signature", "no base64", "nothing"],
)
def test_a_removal_that_is_not_signed_by_the_key_removes_nothing(api, browser, key, signature):
    enrol(api, browser, key)
    body = key.removal() | {"signature": signature}
    refused(browser("POST", "user-authenticators/push/remove", body), 400, "invalid_request")
    for steps in (-2, 2):
        refused(browser("POST", "user-authenticators/push/remove", key.removal(steps=steps)), 400, "invalid_request")
    assert Authenticator.objects.count() == 1


def test_no_message_to_sign_can_be_taken_for_the_answer_to_a_challenge(api, browser, key):
    enrol(api, browser, key)
    asked = ok(browser("POST", f"user-authenticators/push/sign?{key.query}"))["message"]
    looked = ok(browser("POST", f"user-authenticators/push/challenge/sign?{key.query}"))["message"]
    assert not Challenge.objects.filter(pk__in=[asked, looked]).exists()
    assert (asked[:6], looked[:7]) == ("renew:", "lookup:")


# -- the set from before the methods were told apart ---------------------------------------------


def test_an_old_app_has_one_key_for_everything(api, browser, key):
    made = ok(browser("POST", "user-authenticators/device", key.enrolment(), token=track(api)))
    assert ok(browser("GET", f"user-authenticators/device?{key.query}")) == made
    assert ok(api("GET", "users/alice"))["enrolledVerificationMethods"] == [M.PUSH, M.QR_CODE, M.IN_APP]
    token = track(api)
    pushed = ok(browser("POST", "challenge/push", {"action": "login"}, token=token))
    pending = ok(browser("GET", f"user-authenticators/device/challenge?{key.query}"))
    assert pending["challengeId"] == pushed["challengeId"]
    body = key.answer(pushed["challengeId"], pushed["verificationCode"])
    assert ok(browser("POST", "user-authenticators/device/challenge", body)) == {"isVerified": True}
    shown = ok(browser("POST", "challenge/qr-code", {"action": "kiosk"}))["challengeId"]
    assert ok(browser("POST", "user-authenticators/device/challenge/claim", key.claim(shown)))["success"] is True
    assert ok(browser("POST", "user-authenticators/device/challenge", key.answer(shown))) == {"isVerified": True}
    begun = ok(browser("POST", "challenge", {"action": "inside"}))["challengeId"]
    assert ok(browser("POST", "verify/device", key.claim(begun)))["userId"] == "alice"
    assert ok(browser("POST", "user-authenticators/device/remove", key.removal()))["removedAuthenticatorId"]
    assert not Authenticator.objects.exists()
