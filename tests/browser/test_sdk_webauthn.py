"""The unmodified browser SDK's WebAuthn in Chromium: security keys, and the ways of a passkey."""

from typing import Any

import pytest

from authenticators.models import Authenticator
from tests import make
from tests.browser import chromium
from tests.browser.hosted import Hosted
from tests.browser.test_sdk import Sdk

# What the SDK throws is told apart from what it returns.
CAUGHT = "({ calling }) => eval(calling).then((data) => ({ data }), (error) => ({ thrown: error.name }))"


@pytest.fixture
def sdk(hosted: Hosted) -> Sdk:
    hosted.page.goto(hosted.app.origin)
    return Sdk(hosted)


def plug_in_a_key(sdk: Sdk, **options: Any) -> tuple[Any, str]:
    """A key without a PIN that holds nothing itself."""
    described = {"transport": "usb", "hasResidentKey": False, "hasUserVerification": False, "isUserVerified": False}
    return chromium.add_authenticator(sdk.hosted.page, **described | options)


def thrown(sdk: Sdk, calling: str) -> Any:
    answer = sdk.hosted.page.evaluate(CAUGHT, {"calling": f"client.{calling}"})
    return answer.get("thrown") or answer["data"].get("data") or answer["data"]


def signed_up(sdk: Sdk, **more: Any) -> dict[str, Any]:
    tracked = sdk.begin("enroll-passkey", scope="add:authenticators")
    made = sdk.call("passkey.signUp(given)", {"token": tracked["token"], **more})
    sdk.proved(made["token"], "PASSKEY")
    return dict(made)


# -- security keys -------------------------------------------------------------------------------


def test_a_security_key_is_enrolled_and_then_verified(sdk):
    plug_in_a_key(sdk)
    sdk.begin()
    made = sdk.call("securityKey.enroll()")
    assert made["registrationResponse"]["type"] == "public-key"
    sdk.proved(made["token"], "SECURITY_KEY")
    sdk.begin("transfer")
    verified = sdk.call("securityKey.verify()")
    assert verified["isVerified"] is True
    sdk.proved(verified["token"], "SECURITY_KEY")


def test_a_security_key_is_not_enrolled_twice_nor_verified_where_there_is_none(sdk):
    plug_in_a_key(sdk)
    sdk.begin()
    assert sdk.call("securityKey.verify()")["errorCode"] == "invalid_request"
    sdk.call("securityKey.enroll({ hints: ['security-key'] })")
    sdk.begin(scope="add:authenticators")
    assert thrown(sdk, "securityKey.enroll()") == "InvalidStateError"


def test_a_security_key_with_a_pin_satisfies_a_tenant_that_wants_one(sdk):
    make.make_configuration(sdk.hosted.live.tenant, "SECURITY_KEY", user_verification="required")
    session, key = plug_in_a_key(sdk, hasUserVerification=True, isUserVerified=True)
    sdk.begin()
    sdk.proved(sdk.call("securityKey.enroll()")["token"], "SECURITY_KEY")
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
    sdk.begin()
    assert thrown(sdk, "securityKey.verify()") == "NotAllowedError"


# -- passkeys ------------------------------------------------------------------------------------


def test_whether_a_passkey_is_on_this_device_is_known_until_it_is_removed(sdk):
    chromium.add_authenticator(sdk.hosted.page)
    asking = f"passkey.isAvailableOnDevice({{ userId: '{sdk.hosted.user_id}' }})"
    sdk.begin()
    assert sdk.hosted.page.evaluate(f"client.{asking}") is False
    signed_up(sdk, username="jo@example.com")
    assert sdk.hosted.page.evaluate(f"client.{asking}") is True
    Authenticator.objects.all().delete()
    assert sdk.hosted.page.evaluate(f"client.{asking}") is False


@pytest.mark.parametrize(
    "given",
    [
        {"authenticatorAttachment": None, "displayName": "Jo"},
        {"hints": ["client-device"]},
        {"useCookies": True},
    ],
    ids=str,
)
def test_a_passkey_signs_up_in_each_way(sdk, given):
    chromium.add_authenticator(sdk.hosted.page)
    made = signed_up(sdk, **given)
    assert made["userAuthenticator"]["webauthnCredential"]["name"]


@pytest.mark.parametrize(
    "given", [{}, {"useCookies": True}, {"action": "signIn"}, {"action": "pay", "useCookies": True}]
)
def test_a_passkey_signs_in_in_each_way(sdk, given):
    chromium.add_authenticator(sdk.hosted.page)
    signed_up(sdk)
    verified = sdk.call("passkey.signIn(given)", given)
    assert (verified["isVerified"], verified["userId"]) == (True, sdk.hosted.user_id)
    validated = sdk.hosted.validate(verified["token"])
    assert (validated["isValid"], validated["action"]) == (True, given.get("action", "passkey-sign-in"))


def test_a_passkey_signs_in_by_autofill(sdk):
    chromium.add_authenticator(sdk.hosted.page)
    signed_up(sdk)
    sdk.hosted.page.evaluate(
        """() => {
          const field = document.createElement("input");
          field.autocomplete = "username webauthn";
          document.body.append(field);
        }"""
    )
    verified = sdk.call("passkey.signIn({ action: 'signIn', autofill: true })")
    assert verified["userId"] == sdk.hosted.user_id
    sdk.proved(verified["token"], "PASSKEY")


def test_a_passkey_that_was_removed_is_called_unknown(sdk):
    chromium.add_authenticator(sdk.hosted.page)
    signed_up(sdk)
    Authenticator.objects.all().delete()
    assert sdk.call("passkey.signIn()")["errorCode"] == "unknown_credential"
