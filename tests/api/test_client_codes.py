"""The Client API for codes: email, SMS, authenticator app; enrolment and challenge of each."""

import time
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.template.loader import render_to_string
from django_otp.oath import totp

from authenticators.methods.totp import decode_secret
from authenticators.models import Authenticator, AuthenticatorConfiguration, Message
from authsignal_portal import clock
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import UUID, code_sent, everything_stored, ok, refused, wrong

CODES = [
    ("email-otp", "EMAIL_OTP", {"email": "alice@acme.example"}),
    ("sms", "SMS", {"phoneNumber": "+64270000000"}),
]
REFUSED = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}


def track(api, user="alice", action="login", **body):
    return ok(api("POST", f"users/{user}/actions/{action}", body))["token"]


def totp_code(secret, *, steps=0):
    return f"{totp(decode_secret(secret), t0=-30 * steps):06d}"


@pytest.mark.parametrize(("path", "method", "address"), CODES)
def test_an_address_is_enrolled_by_the_code_sent_to_it(api, browser, path, method, address):
    token = track(api)
    started = ok(browser("POST", f"user-authenticators/{path}", address, token=token))
    assert list(started) == ["userAuthenticatorId", "userId", "challengeId"]
    assert UUID.fullmatch(started["userAuthenticatorId"])
    assert started["userId"] == "alice"
    assert ok(api("GET", "users/alice"))["isEnrolled"] is False
    code = code_sent()
    assert ok(browser("POST", f"verify/{path}", {"verificationCode": wrong(code)}, token=token)) == REFUSED
    verified = ok(browser("POST", f"verify/{path}", {"verificationCode": code}, token=token))
    assert set(verified) == {"isVerified", "accessToken", "userAuthenticator"}
    assert verified["isVerified"] is True
    made = verified["userAuthenticator"]
    assert made["userAuthenticatorId"] == started["userAuthenticatorId"]
    assert {name: made[name] for name in address} == address
    assert made["verificationMethod"] == method
    answer = ok(api("POST", "validate", {"token": verified["accessToken"], "userId": "alice", "action": "login"}))
    assert (answer["isValid"], answer["verificationMethod"]) == (True, method)
    assert ok(browser("GET", "user-authenticators", token=verified["accessToken"])) == [made]


@pytest.mark.parametrize(("path", "method", "address"), CODES)
def test_an_enrolled_address_is_challenged(api, browser, path, method, address):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": method, **address}))
    token = track(api)
    started = ok(browser("POST", f"challenge/{path}", token=token))
    assert list(started) == ["challengeId"]
    assert Message.objects.count() == 1
    verified = ok(browser("POST", f"verify/{path}", {"verificationCode": code_sent()}, token=token))
    assert set(verified) == {"isVerified", "accessToken"}
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is True


@pytest.mark.parametrize(("path", "method", "address"), CODES)
def test_with_nothing_enrolled_the_address_on_file_is_challenged_and_enrolled(api, browser, path, method, address):
    token = track(api, **address)
    ok(browser("POST", f"challenge/{path}", {"smsChannel": "DEFAULT"}, token=token))
    verified = ok(browser("POST", f"verify/{path}", {"verificationCode": code_sent()}, token=token))
    assert verified["isVerified"] is True
    assert ok(api("GET", "users/alice"))["enrolledVerificationMethods"] == [method]


@pytest.mark.parametrize(("path", "method", "address"), CODES)
def test_a_code_to_an_address_that_was_on_file_proves_nothing_once_another_one_is(api, browser, path, method, address):
    token = track(api, **address)
    ok(browser("POST", f"challenge/{path}", token=token))
    answer = {"verificationCode": code_sent()}
    ok(api("PATCH", "users/alice", {"email": "new@acme.example", "phoneNumber": "+64270000009"}))
    assert ok(browser("POST", f"verify/{path}", answer, token=token)) == REFUSED
    assert ok(api("POST", "validate", {"token": token}))["isValid"] is False


def test_an_address_on_file_is_not_challenged_where_something_else_is_enrolled(api, browser):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    token = track(api, email="new@acme.example")
    refused(browser("POST", "challenge/email-otp", token=token), 400, "invalid_request")


@pytest.mark.parametrize("path", ["email-otp", "sms"])
def test_with_no_address_at_all_there_is_nothing_to_challenge(api, browser, path):
    token = track(api)
    refused(browser("POST", f"challenge/{path}", token=token), 400, "invalid_request")
    assert ok(browser("POST", f"verify/{path}", {"verificationCode": "123456"}, token=token)) == REFUSED
    assert ok(browser("POST", "verify/totp", {"verificationCode": "123456"}, token=token)) == REFUSED


def test_the_app_names_the_issuer_that_the_tenant_chose(api, browser, acme):
    make.make_configuration(acme, "AUTHENTICATOR_APP", issuer_name="Acme Pay & Co")
    uri = urlsplit(ok(browser("POST", "user-authenticators/totp", token=track(api)))["uri"])
    assert uri.path.startswith("/Acme%20Pay%20%26%20Co:")
    assert parse_qs(uri.query)["issuer"] == ["Acme Pay & Co"]


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"email": "alice@acme.example"}, "a•••@acme.example"),
        ({"email": "alice@acme.example", "scope": "update:authenticators"}, "alice@acme.example"),
        ({"email": "alice@acme.example", "username": "al"}, "al"),
        ({"phoneNumber": "+64270000789"}, "alice"),
    ],
)
def test_who_proved_nothing_learns_no_address_from_what_an_authenticator_is_called(api, browser, attributes, name):
    token = track(api, **attributes)
    uri = urlsplit(ok(browser("POST", "user-authenticators/totp", token=token))["uri"])
    assert unquote(uri.path) == f"/Acme:{name}"
    for kind in ("passkey", "security-key"):
        begun = ok(browser("POST", f"user-authenticators/{kind}/registration-options", {}, token=token))
        user = begun["options"]["user"] if "options" in begun else begun["user"]
        assert (user["name"], user["displayName"]) == (name, name)


def test_an_app_is_enrolled_by_a_code_from_it(api, browser):
    token = track(api, email="alice@acme.example")
    started = ok(browser("POST", "user-authenticators/totp", token=token))
    assert set(started) == {"userAuthenticatorId", "userId", "uri", "secret"}
    uri = urlsplit(started["uri"])
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query)["secret"] == [started["secret"]]
    assert parse_qs(uri.query)["issuer"] == ["Acme"]
    code = totp_code(started["secret"])
    verified = ok(browser("POST", "verify/totp", {"verificationCode": code}, token=token))
    assert verified["userAuthenticator"]["verificationMethod"] == "AUTHENTICATOR_APP"
    assert ok(browser("POST", "verify/totp", {"verificationCode": code}, token=token)) == REFUSED
    later = totp_code(started["secret"], steps=1)
    again = ok(browser("POST", "verify/totp", {"verificationCode": later}, token=track(api)))
    assert set(again) == {"isVerified", "accessToken"}


def test_enrolling_an_app_again_replaces_the_pending_one(api, browser):
    token = track(api)
    first = ok(browser("POST", "user-authenticators/totp", token=token))
    second = ok(browser("POST", "user-authenticators/totp", token=token))
    assert first["secret"] != second["secret"]
    assert Authenticator.objects.count() == 1
    old = {"verificationCode": totp_code(first["secret"])}
    assert ok(browser("POST", "verify/totp", old, token=token))["isVerified"] is False
    new = {"verificationCode": totp_code(second["secret"])}
    assert ok(browser("POST", "verify/totp", new, token=token))["isVerified"] is True


@pytest.mark.parametrize("path", ["verify/email-otp", "verify/sms", "verify/totp"])
@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "abcdef", "１２３４５６", "12 34 56", "0" * 64])
def test_what_is_no_code_is_only_wrong(api, browser, path, code):
    token = track(api, email="a@acme.example", phoneNumber="+64270000000")
    ok(browser("POST", "challenge/email-otp", token=token))
    ok(browser("POST", "challenge/sms", token=token))
    assert ok(browser("POST", path, {"verificationCode": code}, token=token)) == REFUSED


@pytest.mark.parametrize("path", ["verify/email-otp", "verify/sms", "verify/totp"])
@pytest.mark.parametrize(
    "body", [{}, {"verificationCode": None}, {"verificationCode": 123456}, {"verificationCode": []}]
)
def test_a_code_of_the_wrong_type_is_refused(api, browser, path, body):
    refused(browser("POST", path, body, token=track(api)), 400, "invalid_request")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("email-otp", {}),
        ("email-otp", {"email": ""}),
        ("email-otp", {"email": "nobody"}),
        ("email-otp", {"email": 5}),
        ("sms", {}),
        ("sms", {"phoneNumber": "1"}),
        ("sms", {"phoneNumber": None}),
    ],
)
def test_a_wrong_address_is_refused_and_nothing_is_sent(api, browser, path, body):
    token = track(api)
    before = everything_stored()
    refused(browser("POST", f"user-authenticators/{path}", body, token=token), 400, "invalid_request")
    assert everything_stored() == before


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("sms", {"phoneNumber": "+6490012345"}, "line-not-served"),
        ("sms", {"phoneNumber": "+93701234567"}, "country-not-served"),
        ("sms", {"phoneNumber": "12"}, "bad-phone"),
        ("email-otp", {"email": "alice"}, "bad-email"),
    ],
)
def test_a_page_is_told_which_words_say_what_is_wrong_with_an_address(api, browser, path, body, reason):
    answer = browser("POST", f"user-authenticators/{path}", body, token=track(api))
    refused(answer, 400, "invalid_request")
    assert answer.headers["Error-Reason"] == reason
    assert f'data-text="{reason}"' in render_to_string("challenge/strings.html")


# -- who may enrol -------------------------------------------------------------------------------

ENROLMENTS = [
    ("user-authenticators/email-otp", {"email": "new@acme.example"}),
    ("user-authenticators/sms", {"phoneNumber": "+64270000001"}),
    ("user-authenticators/totp", None),
    ("user-authenticators/passkey/registration-options", {}),
]


@pytest.mark.parametrize(("path", "body"), ENROLMENTS)
def test_an_enrolled_user_needs_a_scope_or_a_fresh_proof_to_add_more(api, browser, path, body):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "a@acme.example"}))
    token = track(api)
    before = everything_stored()
    refused(browser("POST", path, body, token=token), 403, "invalid_request")
    assert everything_stored() == before
    ok(browser("POST", path, body, token=track(api, scope="add:authenticators")))
    ok(browser("POST", "challenge/email-otp", token=token))
    proved = ok(browser("POST", "verify/email-otp", {"verificationCode": code_sent()}, token=token))
    ok(browser("POST", path, body, token=proved["accessToken"]))


def test_a_fresh_proof_is_fresh_for_ten_minutes(api, browser, advance, acme):
    acme.token_duration_in_minutes = 60
    acme.save()
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "a@acme.example"}))
    token = track(api)
    ok(browser("POST", "challenge/email-otp", token=token))
    proved = ok(browser("POST", "verify/email-otp", {"verificationCode": code_sent()}, token=token))["accessToken"]
    advance(590)
    ok(browser("POST", "user-authenticators/totp", token=proved))
    advance(15)
    refused(browser("POST", "user-authenticators/totp", token=proved), 403, "invalid_request")


@pytest.mark.parametrize(("path", "body"), ENROLMENTS)
def test_a_tenant_may_want_a_scope_for_the_first_one_too(api, browser, acme, path, body):
    acme.first_enrolment_needs_scope = True
    acme.save()
    refused(browser("POST", path, body, token=track(api)), 403, "invalid_request")
    ok(browser("POST", path, body, token=track(api, scope="read:authenticators add:authenticators")))


@pytest.mark.parametrize("state", ["BLOCK", "REVIEW_REQUIRED", "REVIEW_FAILED", "CHALLENGE_FAILED"])
def test_an_action_that_is_decided_takes_no_proof(api, browser, state):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "a@acme.example"}))
    token = track(api, idempotencyKey="k", scope="add:authenticators")
    ok(browser("POST", "challenge/email-otp", token=token))
    code = code_sent()
    ok(api("PATCH", "users/alice/actions/login/k", {"state": state}))
    for path, body in [("verify/email-otp", {"verificationCode": code}), ("challenge/email-otp", None), *ENROLMENTS]:
        refused(browser("POST", path, body, token=token), 400, "invalid_request")
    assert ok(api("POST", "validate", {"token": token}))["state"] == state


def test_a_method_that_the_action_does_not_permit_is_refused(api, browser, acme):
    make.make_action(acme, "pay", "CHALLENGE", verification_methods=[M.SMS])
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "a@acme.example"}))
    token = track(api, action="pay")
    refused(browser("POST", "challenge/email-otp", token=token), 400, "invalid_configuration")
    refused(
        browser("POST", "user-authenticators/passkey/authentication-options", {}, token=token),
        400,
        "invalid_configuration",
    )


def test_a_method_that_is_switched_off_is_refused(api, browser, acme):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=M.EMAIL_OTP, is_active=False)
    token = track(api, email="a@acme.example")
    refused(browser("POST", "challenge/email-otp", token=token), 400, "invalid_configuration")
    body = {"email": "a@acme.example"}
    refused(browser("POST", "user-authenticators/email-otp", body, token=token), 400, "invalid_configuration")


def test_the_clock_that_the_tests_of_codes_use_is_the_databases(db):
    assert abs(clock.now().timestamp() - time.time()) < 5
