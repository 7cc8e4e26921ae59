"""A user has so many passkeys, keys and phones at most: each of them is looked at with every step of theirs."""

import pytest

from authenticators.models import Authenticator
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import ok, refused
from tests.api.test_authenticators import passkey_body
from tests.api.test_client_passkeys import sign_up
from tests.api.test_client_passkeys import track as begun
from tests.api.test_device_credentials import DeviceKey
from tests.soft_authenticator import SoftAuthenticator

ADD = "add:authenticators"


@pytest.fixture(autouse=True)
def two(settings):
    settings.CREDENTIALS_PER_METHOD = 2


def count(method):
    return Authenticator.objects.filter(method=method).exclude(verified_at=None).count()


def test_the_passkey_after_the_last_that_there_is_room_for_is_refused(api, browser):
    token = begun(api, scope=ADD)
    phones = [SoftAuthenticator(origin=make.APP_ORIGIN) for _ in range(3)]
    for phone in phones[:2]:
        ok(sign_up(browser, phone, token))
    begin = browser("POST", "user-authenticators/passkey/registration-options", {}, token=token)
    assert "may have 2 of PASSKEY" in refused(begin, 400, "invalid_configuration")
    assert count(M.PASSKEY) == 2


def test_of_two_that_were_begun_when_there_was_room_for_one_the_second_is_refused(api, browser):
    token = begun(api, scope=ADD)
    ok(sign_up(browser, SoftAuthenticator(origin=make.APP_ORIGIN), token))
    base = "user-authenticators/passkey"
    phones = [SoftAuthenticator(origin=make.APP_ORIGIN) for _ in range(2)]
    options = [ok(browser("POST", f"{base}/registration-options", {}, token=token)) for _ in phones]
    answers = [
        browser(
            "POST",
            base,
            {"registrationCredential": phone.create(one["options"]), "challengeId": one["challengeId"]},
            token=token,
        )
        for phone, one in zip(phones, options, strict=True)
    ]
    ok(answers[0])
    refused(answers[1], 400, "invalid_configuration")
    assert count(M.PASSKEY) == 2


@pytest.mark.parametrize(("path", "method"), [("push", M.PUSH), ("qr-code", M.QR_CODE), ("in-app", M.IN_APP)])
def test_so_is_the_phone_and_one_of_those_is_brought_up_to_date_all_the_same(api, browser, path, method):
    token = ok(api("POST", "users/alice/actions/enrol", {"scope": ADD}))["token"]
    keys = [DeviceKey() for _ in range(3)]
    base = f"user-authenticators/{path}"
    for key in keys[:2]:
        ok(browser("POST", base, key.enrolment(), token=token))
    refused(browser("POST", base, keys[2].enrolment(), token=token), 400, "invalid_configuration")
    ok(browser("POST", base, keys[0].enrolment(deviceName="New name"), token=token))
    assert count(method) == 2
    ok(browser("POST", f"{base}/remove", keys[0].removal()))
    ok(browser("POST", base, keys[2].enrolment(), token=token))


def test_the_security_key_too_and_what_a_backend_imports(api, browser, acme):
    alice = make.make_user(acme, "alice")
    for number in range(2):
        make.make_authenticator(alice, M.SECURITY_KEY, credential_id=f"k{number}", rp_id="localhost")
    token = begun(api, scope=ADD)
    refused(
        browser("POST", "user-authenticators/security-key/registration-options", {}, token=token),
        400,
        "invalid_configuration",
    )
    make.make_authenticator(alice, M.PASSKEY, credential_id="p0", rp_id="localhost")
    make.make_authenticator(alice, M.PASSKEY, credential_id="p1", rp_id="localhost")
    refused(api("POST", "users/alice/authenticators", passkey_body()), 400, "invalid_configuration")
    assert (count(M.PASSKEY), count(M.SECURITY_KEY)) == (2, 2)
