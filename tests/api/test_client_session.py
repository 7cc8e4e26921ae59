"""The Client API around a challenge: who may call it, beginning without a user, listing, keys."""

import base64
import uuid
from urllib.parse import quote

import jwt
import pytest

from authenticators.models import Challenge, EndUser
from authsignal_portal.models import SigningKey
from tests import make
from tests.api.reading import code_sent, ok, refused

BY_TOKEN = [
    ("POST", "init"),
    ("GET", "authenticators"),
    ("POST", "user-authenticators/totp"),
    ("POST", "verify/totp"),
    ("POST", "user-authenticators/email-otp"),
    ("POST", "challenge/email-otp"),
    ("POST", "verify/email-otp"),
    ("POST", "user-authenticators/sms"),
    ("POST", "challenge/sms"),
    ("POST", "verify/sms"),
    ("POST", "user-authenticators/passkey/registration-options"),
    ("POST", "user-authenticators/passkey/registration-options/web"),
]
BY_EITHER = [
    ("POST", "challenge"),
    ("POST", "user-authenticators/passkey/authentication-options"),
    ("POST", "user-authenticators/passkey/authentication-options/web"),
    ("POST", "verify/passkey"),
    ("GET", "user-authenticators/passkey?credentialIds=x"),
    ("GET", "nothing"),
    ("DELETE", "challenge/"),
]


def track(api, **body):
    return ok(api("POST", "users/alice/actions/login", body))["token"]


@pytest.mark.parametrize(("method", "path"), BY_TOKEN)
def test_what_is_one_users_needs_that_users_token(browser, api, method, path):
    for header in ("", "Bearer ", "Bearer x.y.z", make.basic(str(browser.tenant.pk)), make.basic(api.secret)):
        refused(browser(method, path, {"garbage": 1}, Authorization=header), 401, "expired_token")


def test_registering_a_passkey_needs_a_token_though_looking_one_up_does_not(browser):
    refused(browser("POST", "user-authenticators/passkey", {}), 401, "expired_token")


@pytest.mark.parametrize(("method", "path"), BY_EITHER)
def test_what_anybody_may_call_needs_a_tenant(browser, method, path):
    refused(browser(method, path, Authorization="Bearer x.y.z"), 401, "expired_token")
    refused(browser(method, path, Authorization=""), 401, "expired_token")
    for ident in (str(uuid.uuid4()), "nobody", "", "\u0660" * 32):
        header = "Basic " + base64.b64encode(quote(ident).encode()).decode()
        refused(browser(method, path, Authorization=header), 401, "unauthorized")


@pytest.mark.parametrize(
    "encode",
    [
        lambda ident: base64.b64encode(ident.encode()).decode(),
        lambda ident: base64.b64encode(f"{ident}:".encode()).decode(),
        lambda ident: base64.urlsafe_b64encode(f"{ident}:".encode()).decode().rstrip("="),
        lambda ident: base64.b64encode(quote(ident, safe="").encode()).decode(),
    ],
)
def test_the_tenant_id_is_taken_in_every_encoding_that_the_sdks_use(browser, encode):
    header = "Basic " + encode(str(browser.tenant.pk))
    ok(browser("POST", "challenge", {"action": "login"}, Authorization=header))


def test_a_path_that_leads_nowhere_is_404_once_authenticated(browser, api):
    token = track(api)
    for method, path in [
        ("GET", "nothing"),
        ("POST", "challenge/"),
        ("PUT", "init"),
        ("GET", "a%0Ab"),
        ("TRACE", "init"),
    ]:
        refused(browser(method, path, token=token), 404, "not_found")


def test_an_expired_token_says_so(browser, api, advance):
    token = track(api)
    advance(601)
    refused(browser("GET", "user-authenticators", token=token), 401, "expired_token")


def test_a_deleted_users_token_says_so(browser, api):
    token = track(api)
    ok(api("DELETE", "users/alice"))
    refused(browser("GET", "user-authenticators", token=token), 401, "expired_token")
    refused(browser("POST", "verify/passkey", {}, token=token), 401, "expired_token")


@pytest.mark.parametrize("body", [None, {}, {"action": "login"}, {"action": None, "idempotencyKey": ""}])
def test_a_challenge_begins_without_a_user(browser, body):
    begun = ok(browser("POST", "challenge", body))
    assert set(begun) == {"challengeId", "nonce"}
    assert Challenge.objects.get().action_code == ("login" if body and body.get("action") else "passkey-sign-in")


def test_a_challenge_begins_with_a_token_too(browser, api):
    assert set(ok(browser("POST", "challenge", token=track(api)))) == {"challengeId", "nonce"}


def test_a_challenge_may_be_remembered_in_a_cookie(browser):
    answer = browser("POST", "challenge/web", {"action": "login"})
    begun = ok(answer)
    assert set(begun) == {"challengeId"}
    cookie = answer.cookies["as_challenge"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "None")
    options = ok(browser("POST", "user-authenticators/passkey/authentication-options/web", {}))
    assert options["challengeId"] == begun["challengeId"]


@pytest.mark.parametrize("text", ["x", "", "eyJhIjoxfQ:1:x"])
def test_a_garbled_cookie_is_no_challenge(browser, text):
    ok(browser("POST", "challenge", {"action": "login"}))
    browser.http.cookies["as_challenge"] = text
    begun = ok(browser("POST", "user-authenticators/passkey/authentication-options/web", {}))
    assert Challenge.objects.get(pk=begun["challengeId"]).action_code == "passkey-sign-in"
    assert Challenge.objects.count() == 2


@pytest.mark.parametrize(
    "body",
    [{"action": "a b"}, {"action": "x" * 65}, {"action": 5}, {"idempotencyKey": "x" * 256}, {"idempotencyKey": "a\tb"}],
)
def test_a_challenge_that_cannot_begin_leaves_nothing(browser, body):
    refused(browser("POST", "challenge", body), 400, "invalid_request")
    assert not Challenge.objects.exists()


def test_what_a_user_can_be_asked_for(browser, api):
    token = track(api, email="a@acme.example")
    options = ok(browser("POST", "init", {}, token=token))["challengeOptions"]
    assert options["token"] == token
    assert options["user"] == {"email": "a•••@acme.example"}
    # Of those that are active: a link is not, and there is nothing else that a stranger can answer.
    assert options["verificationMethods"] == ["EMAIL_OTP"]
    assert "defaultVerificationMethod" not in options


def test_a_page_is_told_what_its_user_can_answer_and_nothing_else(browser, api, acme):
    """authsignal-react offers whatever is listed, and has no screen for a recovery code."""
    email = {"verificationMethod": "EMAIL_OTP", "email": "a@acme.example"}
    assert ok(api("POST", "users/alice/authenticators", email))["recoveryCodes"]
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+64215550123"}))
    make.make_action(acme, "login", verification_methods=["EMAIL_OTP", "PASSKEY", "RECOVERY_CODE"])
    options = ok(browser("POST", "init", {}, token=track(api, phoneNumber="+64215550123")))["challengeOptions"]
    assert options["verificationMethods"] == ["EMAIL_OTP"]


@pytest.mark.parametrize(("first", "told"), [("SMS", "SMS"), ("PASSKEY", None)])
def test_the_default_is_told_where_the_user_has_it(browser, api, acme, first, told):
    make.make_action(acme, "login", verification_methods=["SMS", "PASSKEY"], default_verification_method=first)
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+64215550123"}))
    options = ok(browser("POST", "init", {}, token=track(api)))["challengeOptions"]
    assert (options["verificationMethods"], options.get("defaultVerificationMethod")) == (["SMS"], told)


def test_what_a_user_has_enrolled(browser, api):
    assert ok(browser("GET", "user-authenticators", token=track(api))) == []
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    (found,) = ok(browser("GET", "user-authenticators", token=track(api)))
    assert found["verificationMethod"] == "SMS"


def test_the_tenants_id_lists_nobodys_authenticators_and_is_no_expired_token(browser):
    """The browser SDK tells its page that the token expired where, and only where, that is the code."""
    for header in (make.basic(str(browser.tenant.pk)), make.basic(str(uuid.uuid4()))):
        refused(browser("GET", "user-authenticators", Authorization=header), 401, "unauthorized")
    for header in ("", "Bearer ", "Bearer x.y.z"):
        refused(browser("GET", "user-authenticators", Authorization=header), 401, "expired_token")


def test_a_users_addresses_are_told_in_full_to_who_proved_to_be_them(browser, api):
    """Else whoever has the password could read where codes go."""
    ok(api("PATCH", "users/alice", {"email": "alice@acme.example", "phoneNumber": "+64270000789"}))
    for method, given in (("SMS", {"phoneNumber": "+64270000123"}), ("EMAIL_OTP", {"email": "alice@acme.example"})):
        ok(api("POST", "users/alice/authenticators", {"verificationMethod": method, **given}))
    token = track(api)
    masked, in_clear = (
        {"a•••@acme.example", "•••• 789", "•••• 123"},
        {"+64270000789", "+64270000123", "alice@acme.example"},
    )
    assert told_to(browser, token) == told_to(browser, track(api, scope="add:authenticators")) == masked
    assert told_to(browser, track(api, scope="update:authenticators")) == in_clear
    ok(browser("POST", "challenge/email-otp", token=token))
    assert told_to(browser, token) == masked
    proved = ok(browser("POST", "verify/email-otp", {"verificationCode": code_sent()}, token=token))["accessToken"]
    assert told_to(browser, proved) == told_to(browser, token) == in_clear


def test_a_passkey_that_is_named_by_its_users_address_is_told_so_only_to_who_proved_to_be_them(browser, api):
    ok(api("PATCH", "users/alice", {"username": "alice"}))
    alice = EndUser.objects.get(user_id="alice")
    make.make_authenticator(
        alice, "PASSKEY", credential_id="c", name="alice@acme.example", display_name="+6427 000 0789"
    )
    make.make_authenticator(alice, "PASSKEY", credential_id="d", name="alice", display_name="Alice 2")

    def names(scope):
        rows = ok(browser("GET", "user-authenticators", token=track(api, scope=scope)))
        return {(row["username"], row["displayName"]) for row in rows}

    assert names("add:authenticators") == {("a•••@acme.example", "•••• 789"), ("alice", "Alice 2")}
    assert names("update:authenticators") == {("alice@acme.example", "+6427 000 0789"), ("alice", "Alice 2")}


def told_to(browser, token):
    """Every address and number that the Client API tells of the token's user."""
    user = ok(browser("POST", "init", {}, token=token))["challengeOptions"]["user"]
    rows = ok(browser("GET", "user-authenticators", token=token))
    return {one[name] for one in (user, *rows) for name in ("email", "phoneNumber") if name in one}


def test_the_tenants_methods_are_the_same_for_the_browser(browser, api):
    assert ok(browser("GET", "authenticators", token=track(api))) == ok(api("GET", "authenticators"))


def test_tokens_are_verified_with_the_published_keys(client, api, acme):
    SigningKey.create(tenant=acme)
    token = track(api)
    answer = client.get(f"/v1/client/public/{acme.pk}/.well-known/jwks")
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "public, max-age=300"
    keys = {key["kid"]: key for key in answer.json()["keys"]}
    assert len(keys) == 2
    assert not any("d" in key for key in keys.values())
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, jwt.PyJWK(keys[kid]), algorithms=["ES256"], audience=f"http://localhost:8000/{acme.pk}")
    assert claims["sub"] == "alice"
    assert claims["other"]["actionCode"] == "login"
    assert claims["scope"] == "read:authenticators"


@pytest.mark.parametrize("ident", ["6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1"])
def test_the_keys_of_nobody_are_404(client, db, ident):
    answer = client.get(f"/v1/client/public/{ident}/.well-known/jwks")
    answer.body = answer.json()
    refused(answer, 404, "not_found")


@pytest.mark.parametrize("body", ["", "{}", "null", " null\n"])
@pytest.mark.parametrize("path", ["challenge", "init", "user-authenticators/totp"])
def test_null_says_no_more_than_an_empty_body_does(browser, api, body, path):
    """Android's SDK writes it for a verification without an action."""
    headers = {"Authorization": f"Bearer {track(api)}"}
    assert (
        browser.http.generic("POST", f"/v1/client/{path}", body, "application/json", headers=headers).status_code == 200
    )
