"""Several of a method: numbers, addresses and authenticator apps beside each other, where the tenant lets users."""

from typing import Any
from urllib.parse import quote

import pytest
from django_otp.oath import totp

from audit.models import AuditEvent
from authenticators.methods.totp import decode_secret, new_secret
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser, Message
from tests import make
from tests.api.reading import code_sent, ok, refused, wrong

REFUSED = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
ADD = "add:authenticators"
FIRST, SECOND, THIRD = "+64211234501", "+64211234502", "+64211234503"
OF_EACH = [
    ("SMS", "sms", "phoneNumber", [FIRST, SECOND, THIRD]),
    ("EMAIL_OTP", "email-otp", "email", ["a@acme.example", "b@acme.example", "c@acme.example"]),
]


def allow(tenant: Any, *methods: str) -> None:
    for method in methods:
        make.make_configuration(tenant, method, allows_several=True)


def forbid() -> None:
    AuthenticatorConfiguration.objects.update(allows_several=False)


def track(api: Any, **body: Any) -> str:
    return str(ok(api("POST", "users/alice/actions/login", body))["token"])


def add(api: Any, method: str, **given: Any) -> Any:
    return ok(api("POST", "users/alice/authenticators", {"verificationMethod": method, **given}))["authenticator"]


def add_app(api: Any, secret: str) -> Any:
    return add(api, "AUTHENTICATOR_APP", otpUri=f"otpauth://totp/Acme:{quote('alice')}?secret={secret}")


def held(method: str) -> list[str]:
    rows = Authenticator.objects.filter(method=method).exclude(verified_at=None).select_related("tenant")
    return [row.contact or row.secret for row in rows.order_by("created_at")]


def app_code(secret: str, steps: int = 0) -> str:
    return f"{totp(decode_secret(secret), t0=-30 * steps):06d}"


def sent_to() -> str:
    """Where the newest code went, as the users' rows have it."""
    index = Message.objects.filter(notice="").latest("created_at").contact_index
    rows = Authenticator.objects.filter(contact_index=index).select_related("tenant")
    return str(rows.get().contact)


def enrol(browser: Any, path: str, field: str, to: str, token: str) -> Any:
    started = browser("POST", f"user-authenticators/{path}", {field: to}, token=token)
    if started.status_code != 200:
        return started
    return browser("POST", f"verify/{path}", {"verificationCode": code_sent()}, token=token)


# -- adding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "field", "known"), OF_EACH)
def test_a_further_one_stands_beside_the_first_only_where_the_tenant_lets_it(
    api, browser, acme, method, path, field, known
):
    add(api, method, **{field: known[0]})
    enrol(browser, path, field, known[1], track(api, scope=ADD))
    assert held(method) == [known[1]]
    allow(acme, method)
    made = ok(enrol(browser, path, field, known[2], track(api, scope=ADD)))["userAuthenticator"]
    assert made[field] == known[2]
    assert held(method) == known[1:]
    add(api, method, **{field: known[0]})
    assert sorted(held(method)) == sorted(known)
    listed = ok(api("GET", "users/alice/authenticators"))
    assert sorted(one[field] for one in listed) == sorted(known)
    assert [one["isDefault"] for one in listed].count(True) == 1


def test_a_further_one_needs_a_fresh_proof_or_the_backends_word_to_add(api, browser, acme):
    allow(acme, "SMS")
    add(api, "SMS", phoneNumber=FIRST)
    for scope in ({}, {"scope": "update:authenticators"}):
        refused(enrol(browser, "sms", "phoneNumber", SECOND, track(api, **scope)), 403, "invalid_request")
    token = track(api)
    ok(browser("POST", "challenge/sms", token=token))
    proved = ok(browser("POST", "verify/sms", {"verificationCode": code_sent()}, token=token))["accessToken"]
    assert ok(enrol(browser, "sms", "phoneNumber", SECOND, proved))["isVerified"] is True
    assert held("SMS") == [FIRST, SECOND]


def test_no_more_than_the_cap(api, browser, acme, settings):
    settings.AUTHENTICATORS_PER_METHOD = 2
    allow(acme, "SMS", "AUTHENTICATOR_APP")
    for number in (FIRST, SECOND):
        add(api, "SMS", phoneNumber=number)
        add_app(api, new_secret())
    token = track(api, scope=ADD)
    body = {"verificationMethod": "SMS", "phoneNumber": THIRD}
    for answer in (
        api("POST", "users/alice/authenticators", body),
        browser("POST", "user-authenticators/sms", {"phoneNumber": THIRD}, token=token),
        browser("POST", "user-authenticators/totp", token=token),
    ):
        assert "Remove one first" in refused(answer, 400, "invalid_configuration")
    assert held("SMS") == [FIRST, SECOND]
    assert Authenticator.objects.filter(verified_at=None).count() == 0
    # One that they have is none more.
    assert ok(enrol(browser, "sms", "phoneNumber", SECOND, token))["isVerified"] is True
    assert held("SMS") == [FIRST, SECOND]


def test_the_same_one_twice_is_the_one_they_have(api, browser, acme):
    allow(acme, "SMS", "AUTHENTICATOR_APP")
    number, secret = add(api, "SMS", phoneNumber=FIRST), new_secret()
    add(api, "SMS", phoneNumber=SECOND)
    Authenticator.objects.filter(pk=number["userAuthenticatorId"]).update(label="Work")
    again = add(api, "SMS", phoneNumber="+64 21 1234 501", isDefault=True)
    assert again["userAuthenticatorId"] == number["userAuthenticatorId"]
    made = ok(enrol(browser, "sms", "phoneNumber", FIRST, track(api, scope=ADD)))["userAuthenticator"]
    assert made["userAuthenticatorId"] == number["userAuthenticatorId"]
    assert (held("SMS"), Authenticator.objects.get(label="Work").is_default) == ([FIRST, SECOND], True)
    app = add_app(api, secret)
    token = track(api)
    assert ok(browser("POST", "verify/totp", {"verificationCode": app_code(secret)}, token=token))["isVerified"]
    # A copy of the secret would take the code once more.
    assert add_app(api, secret.lower())["userAuthenticatorId"] == app["userAuthenticatorId"]
    assert ok(browser("POST", "verify/totp", {"verificationCode": app_code(secret)}, token=track(api))) == REFUSED


def test_switched_off_again_nothing_goes_and_nothing_is_added(api, browser, acme):
    allow(acme, "SMS")
    ids = [add(api, "SMS", phoneNumber=number)["userAuthenticatorId"] for number in (FIRST, SECOND)]
    begun = track(api, scope=ADD)
    ok(browser("POST", "user-authenticators/sms", {"phoneNumber": THIRD}, token=begun))
    forbid()
    # What was begun before is judged by what holds now.
    answer = browser("POST", "verify/sms", {"verificationCode": code_sent()}, token=begun)
    assert "Remove some first" in refused(answer, 400, "invalid_configuration")
    body = {"verificationMethod": "SMS", "phoneNumber": THIRD}
    refused(api("POST", "users/alice/authenticators", body), 400, "invalid_configuration")
    refused(enrol(browser, "sms", "phoneNumber", THIRD, track(api, scope=ADD)), 400, "invalid_configuration")
    assert held("SMS") == [FIRST, SECOND]
    token = track(api)
    ok(browser("POST", "challenge/sms", {"userAuthenticatorId": ids[1]}, token=token))
    assert ok(browser("POST", "verify/sms", {"verificationCode": code_sent()}, token=token))["isVerified"] is True
    ok(api("DELETE", f"users/alice/authenticators/{ids[0]}"))
    add(api, "SMS", phoneNumber=THIRD)
    assert held("SMS") == [THIRD]


def test_what_a_claim_would_add_beyond_the_cap_is_not_added(api, acme, settings):
    settings.AUTHENTICATORS_PER_METHOD = 1
    allow(acme, "SMS")
    add(api, "SMS", phoneNumber=FIRST)
    begun = ok(api("POST", "challenge", {"action": "login", "phoneNumber": SECOND, "scope": ADD}))
    answer = {"challengeId": begun["challengeId"], "verificationCode": code_sent()}
    assert ok(api("POST", "verify", answer))["isVerified"] is True
    tracked = ok(api("POST", "users/alice/actions/login", {"challengeId": begun["challengeId"]}))
    assert tracked["state"] == "CHALLENGE_REQUIRED"
    assert held("SMS") == [FIRST]


def test_the_address_of_the_user_is_the_one_on_file_whatever_else_they_enrol(api, browser, acme):
    allow(acme, "SMS")
    ok(enrol(browser, "sms", "phoneNumber", FIRST, track(api)))
    add(api, "SMS", phoneNumber=SECOND)
    assert ok(api("GET", "users/alice"))["phoneNumber"] == FIRST
    ok(api("PATCH", "users/alice", {"phoneNumber": THIRD}))
    assert held("SMS") == [FIRST, SECOND]
    told = ok(api("GET", "users/alice"))
    assert (told["phoneNumber"], told["phoneNumberVerified"]) == (THIRD, False)
    add(api, "SMS", phoneNumber=THIRD)
    assert ok(api("GET", "users/alice"))["phoneNumberVerified"] is True


def test_one_goes_and_the_others_stay(api, acme):
    allow(acme, "SMS")
    made = [add(api, "SMS", phoneNumber=number)["userAuthenticatorId"] for number in (FIRST, SECOND, THIRD)]
    ok(api("DELETE", f"users/alice/authenticators/{made[0]}"))
    left = ok(api("GET", "users/alice/authenticators"))
    assert [(one["phoneNumber"], one["isDefault"]) for one in left] == [(SECOND, True), (THIRD, False)]


# -- proving -------------------------------------------------------------------------------------


@pytest.fixture
def numbers(api, acme) -> dict[str, str]:
    """Alice has three numbers, of which the second was used last; by default she is asked for something else."""
    allow(acme, "SMS")
    make.make_configuration(acme, "WHATSAPP")
    add_app(api, new_secret())
    made = {number: add(api, "SMS", phoneNumber=number)["userAuthenticatorId"] for number in (FIRST, SECOND, THIRD)}
    Authenticator.objects.filter(pk=made[SECOND]).update(last_verified_at="2026-01-02T00:00:00Z")
    Authenticator.objects.filter(pk=made[THIRD]).update(last_verified_at="2026-01-01T00:00:00Z")
    return made


def test_without_a_word_the_default_is_asked_for_else_the_one_used_last(api, browser, numbers):
    def asked() -> str:
        ok(browser("POST", "challenge/sms", token=track(api)))
        return sent_to()

    assert asked() == SECOND
    ok(api("POST", "challenge", {"userId": "alice", "action": "login", "verificationMethod": "SMS"}))
    assert sent_to() == SECOND
    Message.objects.all().delete()
    Authenticator.objects.update(is_default=False)
    Authenticator.objects.filter(pk=numbers[THIRD]).update(is_default=True)
    assert asked() == THIRD


@pytest.mark.parametrize("path", ["sms", "whatsapp"])
def test_the_one_that_is_named_is_asked_for_and_proves(api, browser, numbers, path):
    token = track(api)
    ok(browser("POST", f"challenge/{path}", {"userAuthenticatorId": numbers[THIRD]}, token=token))
    assert sent_to() == THIRD
    assert ok(browser("POST", f"verify/{path}", {"verificationCode": code_sent()}, token=token))["isVerified"] is True
    proved = ok(api("GET", "users/alice/actions"))[0]
    assert proved["verifiedByAuthenticatorId"] == numbers[THIRD]
    about = {"tag__startswith": "challenge:", "data__authenticator": numbers[THIRD]}
    assert AuditEvent.objects.filter(**about).count() == 2


def test_a_challenge_stays_with_the_one_it_was_begun_for(api, browser, numbers, advance):
    token = track(api)
    first = ok(browser("POST", "challenge/sms", {"userAuthenticatorId": numbers[THIRD]}, token=token))
    Authenticator.objects.update(is_default=False)
    Authenticator.objects.filter(pk=numbers[FIRST]).update(is_default=True)
    advance(60)
    assert ok(browser("POST", "challenge/sms", token=token)) == first
    assert sent_to() == THIRD


def test_the_code_of_one_is_none_for_another(api, browser, numbers):
    token = track(api)
    ok(browser("POST", "challenge/sms", {"userAuthenticatorId": numbers[FIRST]}, token=token))
    code = code_sent()
    ok(browser("POST", "challenge/sms", {"userAuthenticatorId": numbers[SECOND]}, token=token))
    assert code != code_sent()
    assert ok(browser("POST", "verify/sms", {"verificationCode": code}, token=token)) == REFUSED
    ok(api("DELETE", f"users/alice/authenticators/{numbers[SECOND]}"))
    assert ok(browser("POST", "verify/sms", {"verificationCode": code}, token=token))["isVerified"] is True


def test_only_ones_own_of_the_method_can_be_named(api, browser, numbers):
    other = make.make_authenticator(make.make_user(EndUser.objects.get().tenant, "bob"), "SMS", contact="+64219999999")
    app = Authenticator.objects.get(method="AUTHENTICATOR_APP")
    pending = make.make_authenticator(app.user, "SMS", contact="+64218888888", verified_at=None)
    for named in (other.pk, app.pk, pending.pk, "0", "x" * 64):
        body = {"userAuthenticatorId": str(named)}
        refused(browser("POST", "challenge/sms", body, token=track(api)), 400, "invalid_request")
    assert not Challenge.objects.exists()


def test_a_code_of_any_app_proves_once(api, browser, acme):
    allow(acme, "AUTHENTICATOR_APP")
    secrets = [new_secret() for _number in range(3)]
    ids = [add_app(api, secret)["userAuthenticatorId"] for secret in secrets]
    for secret, ident in zip(secrets, ids, strict=True):
        code = {"verificationCode": app_code(secret)}
        assert ok(browser("POST", "verify/totp", code, token=track(api)))["isVerified"] is True
        assert ok(api("GET", "users/alice/actions"))[0]["verifiedByAuthenticatorId"] == ident
    for secret in secrets:
        code = {"verificationCode": app_code(secret)}
        assert ok(browser("POST", "verify/totp", code, token=track(api))) == REFUSED
    later = {"verificationCode": app_code(secrets[1], steps=1)}
    assert ok(browser("POST", "verify/totp", later, token=track(api)))["isVerified"] is True


def test_while_an_app_is_set_up_only_its_own_code_will_do(api, browser, acme):
    allow(acme, "AUTHENTICATOR_APP")
    old = new_secret()
    add_app(api, old)
    token = track(api, scope=ADD)
    made = ok(browser("POST", "user-authenticators/totp", token=token))["secret"]
    assert ok(browser("POST", "verify/totp", {"verificationCode": app_code(old)}, token=token)) == REFUSED
    answer = ok(browser("POST", "verify/totp", {"verificationCode": app_code(made)}, token=token))
    assert answer["isVerified"] is True
    assert held("AUTHENTICATOR_APP") == [old, made]


def test_a_wrong_code_says_nothing_of_which(api, browser, numbers):
    token = track(api)
    ok(browser("POST", "challenge/sms", {"userAuthenticatorId": numbers[FIRST]}, token=token))
    answer = browser("POST", "verify/sms", {"verificationCode": wrong(code_sent())}, token=token)
    assert ok(answer) == REFUSED


def test_the_configuration_tells_what_is_allowed(api, acme):
    make.make_configuration(acme, "EMAIL_OTP", allows_several=True, warns_of_delay=True)
    make.make_configuration(acme, "AUTHENTICATOR_APP", shows_app_download=True)
    told = {one["verificationMethod"]: one for one in ok(api("GET", "authenticators"))}
    assert told["EMAIL_OTP"]["allowMultipleUserAuthenticators"] is True
    assert told["EMAIL_OTP"]["showEmailDeliveryTimeWarning"] is True
    assert told["SMS"]["allowMultipleUserAuthenticators"] is False
    assert told["AUTHENTICATOR_APP"]["hideTotpAppDownloadScreen"] is False
    assert "allowMultipleUserAuthenticators" not in told["PASSKEY"]
