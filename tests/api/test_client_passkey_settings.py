"""What a tenant sets for its passkeys, and the ways in which SDKs differ."""

import pytest

from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import everything_stored, ok, refused
from tests.soft_authenticator import UP, SoftAuthenticator, b64url

BASE = "user-authenticators/passkey"
ANDROID = "android:apk-key-hash:pNiP5iKyQ8JwgGOaKA1zGPUPJIS-0H1xKCQcfIoGLck"
ICLOUD_KEYCHAIN = bytes.fromhex("fbfc3007154e4ecc8c0b6e020557d7bd")


@pytest.fixture
def phone():
    return SoftAuthenticator(origin=make.APP_ORIGIN, aaguid=ICLOUD_KEYCHAIN)


def configure(tenant, **fields):
    return AuthenticatorConfiguration.objects.create(tenant=tenant, method=M.PASSKEY, **fields)


def track(api, user="alice", action="login", **body):
    return ok(api("POST", f"users/{user}/actions/{action}", body))["token"]


def begin(browser, token, **body):
    return ok(browser("POST", f"{BASE}/registration-options", body, token=token))


def finish(browser, begun, credential, token, **more):
    sent = {"registrationCredential": credential, "challengeId": begun["challengeId"], **more}
    return browser("POST", BASE, sent, token=token)


def sign_up(browser, phone, token, **tampered):
    begun = begin(browser, token)
    return finish(browser, begun, phone.create(begun["options"], **tampered), token)


def sign_in(browser, phone, token=None, **tampered):
    begun = ok(browser("POST", f"{BASE}/authentication-options", {}, token=token))
    sent = {"challengeId": begun["challengeId"], "authenticationCredential": phone.get(begun["options"], **tampered)}
    return ok(browser("POST", "verify/passkey", sent, token=token))


# -- the tenant's settings -----------------------------------------------------------------------


def test_the_tenants_settings_shape_the_options(browser, api, acme, phone):
    acme.rp_id = "acme.example"
    acme.save()
    configure(acme, user_verification="preferred", attachment="cross-platform", hints=["hybrid", "security-key"])
    begun = begin(browser, track(api), authenticatorAttachment="platform")
    selection = begun["options"]["authenticatorSelection"]
    # The tenant's word goes before the app's.
    assert (selection["userVerification"], selection["authenticatorAttachment"]) == ("preferred", "cross-platform")
    assert begun["options"]["rp"]["id"] == "acme.example"
    assert begun["options"]["hints"] == ["hybrid", "security-key"]
    asked = ok(browser("POST", f"{BASE}/authentication-options", {}))["options"]
    assert (asked["rpId"], asked["userVerification"], asked["hints"]) == (
        "acme.example",
        "preferred",
        ["hybrid", "security-key"],
    )


def test_without_settings_a_passkey_is_verified_and_made_where_the_app_says(browser, api):
    options = begin(browser, track(api), authenticatorAttachment="platform")["options"]
    selection = options["authenticatorSelection"]
    assert (selection["userVerification"], selection["authenticatorAttachment"]) == ("required", "platform")
    assert "hints" not in options


@pytest.mark.parametrize(("setting", "verified"), [("", False), ("required", False), ("preferred", True)])
def test_user_verification_is_the_tenants_to_waive(browser, api, acme, phone, setting, verified):
    configure(acme, user_verification=setting)
    assert ok(sign_up(browser, phone, track(api), uv=False))["isVerified"] is verified
    ok(sign_up(browser, phone, track(api, "bob")))
    assert sign_in(browser, phone, uv=False)["isVerified"] is verified
    assert sign_in(browser, phone)["isVerified"] is True


@pytest.mark.parametrize("origin", [ANDROID, "https://acme.example"])
def test_a_further_origin_counts_where_it_is_listed(browser, api, acme, phone, origin):
    assert ok(sign_up(browser, phone, track(api), origin=origin))["isVerified"] is False
    configure(acme, expected_origins=[origin])
    assert ok(sign_up(browser, phone, track(api), origin=origin))["isVerified"] is True
    assert sign_in(browser, phone, origin=origin)["isVerified"] is True
    assert sign_in(browser, phone, origin="https://evil.example")["isVerified"] is False


def test_what_another_tenant_set_does_not_count(browser, api, globex, phone):
    configure(globex, expected_origins=[ANDROID], user_verification="discouraged", recovery_methods=["SMS"])
    assert ok(sign_up(browser, phone, track(api), origin=ANDROID))["isVerified"] is False
    assert ok(sign_up(browser, phone, track(api), uv=False))["isVerified"] is False
    assert ok(sign_up(browser, phone, track(api)))["isVerified"] is True


def test_where_something_to_fall_back_on_is_needed_it_comes_first(browser, api, acme, phone):
    configure(acme, recovery_methods=["SMS", "EMAIL_OTP"])
    refused(browser("POST", f"{BASE}/registration-options", {}, token=track(api)), 400, "invalid_configuration")
    user = acme.users.get(user_id="alice")
    row = make.make_authenticator(user, M.EMAIL_OTP, contact="alice@acme.example")
    token = track(api, scope="add:authenticators")
    begun = begin(browser, token)
    row.delete()
    made = phone.create(begun["options"])
    refused(finish(browser, begun, made, token), 400, "invalid_configuration")
    make.make_authenticator(user, M.SMS, contact="+64211234567")
    assert ok(finish(browser, begun, made, token))["isVerified"] is True


# -- conditional create --------------------------------------------------------------------------


@pytest.fixture
def signed_in(browser, api, acme):
    """The token that a user got by a code a moment ago."""
    make.make_authenticator(acme.users.create(user_id="alice"), M.AUTHENTICATOR_APP, secret="JBSWY3DPEHPK3PXP")
    return track(api, scope="add:authenticators")


def silently(browser, phone, token, *, conditional=True, **tampered):
    begun = begin(browser, token)
    credential = phone.create(begun["options"], up=False, uv=False, **tampered)
    return finish(browser, begun, credential, token, conditionalCreate=conditional)


def test_a_passkey_that_a_browser_makes_by_itself_is_enrolled_and_proves_nothing(browser, api, phone, signed_in):
    made = ok(silently(browser, phone, signed_in))
    assert made["isVerified"] is True
    assert "accessToken" not in made
    assert made["userAuthenticator"]["verificationMethod"] == "PASSKEY"
    answer = ok(api("POST", "validate", {"token": signed_in}))
    assert (answer["isValid"], answer["state"]) == (False, "CHALLENGE_REQUIRED")
    assert Authenticator.objects.get(method=M.PASSKEY).uv_initialized is False
    # From then on it is a passkey as any: its user is asked.
    assert sign_in(browser, phone, uv=False)["isVerified"] is False
    assert sign_in(browser, phone)["isVerified"] is True
    assert Authenticator.objects.get(method=M.PASSKEY).uv_initialized is True


def test_without_conditional_create_a_user_must_be_there(browser, phone, signed_in):
    assert ok(silently(browser, phone, signed_in, conditional=False))["isVerified"] is False


def test_a_conditional_create_needs_a_sign_in_before_it_even_as_the_first(browser, api, phone):
    refused(silently(browser, phone, track(api)), 403, "invalid_request")
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "tampered",
    [
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"challenge": b64url(bytes(32))},
        {"ceremony": "webauthn.get"},
        {"flags": UP},
    ],
)
def test_a_conditional_create_is_checked_in_all_else(browser, phone, signed_in, tampered):
    assert ok(silently(browser, phone, signed_in, **tampered))["isVerified"] is False


# -- what is told of a passkey -------------------------------------------------------------------


def test_a_passkey_is_named_by_who_made_it(browser, api, phone):
    made = ok(sign_up(browser, phone, track(api)))["userAuthenticator"]["webauthnCredential"]
    assert made["aaguid"] == "fbfc3007-154e-4ecc-8c0b-6e020557d7bd"
    assert made["name"] == made["aaguidMapping"]["name"]
    assert made["name"] == "Apple Passwords"
    assert made["aaguidMapping"]["svgIconLight"].startswith("data:image/")
    assert (made["credentialDeviceType"], made["credentialBackedUp"]) == ("multiDevice", True)
    for listed in (
        ok(api("GET", "users/alice/authenticators")),
        ok(browser("GET", "user-authenticators", token=track(api))),
    ):
        assert listed[0]["webauthnCredential"] == made
        assert "erroredAt" not in listed[0]


# -- the challenge in a cookie -------------------------------------------------------------------


def test_a_browser_that_sends_cookies_signs_in_without_naming_a_challenge(browser, api, phone):
    ok(sign_up(browser, phone, track(api)))
    begun = ok(browser("POST", "challenge/web", {"action": "sign-in"}))
    assert begun.keys() == {"challengeId"}
    cookie = browser.http.cookies["as_challenge"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "None")
    asked = ok(browser("POST", f"{BASE}/authentication-options/web", {}))
    assert asked["challengeId"] == begun["challengeId"]
    sent = {"challengeId": asked["challengeId"], "authenticationCredential": phone.get(asked["options"])}
    verified = ok(browser("POST", "verify/passkey", sent))
    assert ok(api("POST", "validate", {"token": verified["accessToken"]}))["action"] == "sign-in"


def test_the_cookie_of_a_used_challenge_is_in_nobodys_way(browser, api, phone):
    """It is taken back with the sign-in; where that was lost, the next sign-in begins anew."""
    ok(sign_up(browser, phone, track(api)))
    begun = ok(browser("POST", "challenge/web", {"action": "sign-in"}))
    cookie = browser.http.cookies["as_challenge"].value
    asked = ok(browser("POST", f"{BASE}/authentication-options/web", {}))
    sent = {"challengeId": asked["challengeId"], "authenticationCredential": phone.get(asked["options"])}
    answer = browser("POST", "verify/passkey", sent)
    assert ok(answer)["isVerified"] is True
    taken_back = answer.cookies["as_challenge"]
    assert (taken_back.value, taken_back["max-age"], taken_back["path"]) == ("", 0, "/v1/client/")
    assert (taken_back["samesite"], taken_back["secure"]) == ("None", True)
    browser.http.cookies["as_challenge"] = cookie
    again = ok(browser("POST", f"{BASE}/authentication-options/web", {}))
    assert again["challengeId"] != begun["challengeId"]
    sent = {"challengeId": again["challengeId"], "authenticationCredential": phone.get(again["options"])}
    verified = ok(browser("POST", "verify/passkey", sent))
    assert ok(api("POST", "validate", {"token": verified["accessToken"]}))["action"] == "passkey-sign-in"


def test_a_refused_answer_takes_no_cookie_back(browser, api, phone):
    ok(sign_up(browser, phone, track(api)))
    ok(browser("POST", "challenge/web", {"action": "sign-in"}))
    asked = ok(browser("POST", f"{BASE}/authentication-options/web", {}))
    wrong = phone.get(asked["options"] | {"challenge": "A" * 43})
    answer = browser("POST", "verify/passkey", {"challengeId": asked["challengeId"], "authenticationCredential": wrong})
    assert ok(answer)["isVerified"] is False
    assert "as_challenge" not in answer.cookies
    assert ok(browser("POST", f"{BASE}/authentication-options/web", {}))["challengeId"] == asked["challengeId"]


def test_a_cookie_counts_for_the_tenant_that_set_it_and_only_if_we_made_it(browser, acme, globex):
    begun = ok(browser("POST", "challenge/web", {"action": "sign-in"}))
    browser.tenant = globex
    asked = ok(browser("POST", f"{BASE}/authentication-options/web", {}))
    browser.tenant = acme
    browser.http.cookies["as_challenge"] = begun["challengeId"]
    bare = ok(browser("POST", f"{BASE}/authentication-options/web", {}))
    tenants = dict(Challenge.objects.values_list("pk", "tenant_id"))
    assert tenants[asked["challengeId"]] == globex.pk
    assert len({begun["challengeId"], asked["challengeId"], bare["challengeId"]}) == 3


@pytest.mark.parametrize(
    "path", ["challenge/web", f"{BASE}/authentication-options/web", f"{BASE}/registration-options/web"]
)
def test_with_cookies_only_pages_of_the_tenants_origins_ask(browser, api, path):
    given = {"token": track(api)} if "registration" in path else {}
    before = everything_stored()
    for origin in ("https://evil.example", "https://globex.example", "null", "", f"{make.APP_ORIGIN}.evil.example"):
        answer = browser("POST", path, {}, Origin=origin, **given)
        refused(answer, 403, "invalid_request")
        assert "Access-Control-Allow-Origin" not in answer
        assert not answer.cookies
    assert everything_stored() == before
    for own in ({"Origin": make.APP_ORIGIN}, {}):
        ok(browser("POST", path, {}, **own, **given))


def test_a_passkey_is_made_by_the_web_variant_too(browser, api, phone):
    token = track(api)
    begun = ok(browser("POST", f"{BASE}/registration-options/web", {}, token=token))
    assert ok(finish(browser, begun, phone.create(begun["options"]), token))["isVerified"] is True
