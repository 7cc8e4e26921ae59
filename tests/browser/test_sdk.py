"""The unmodified browser SDK in Chromium, on a page of the customer's own: no hosted page is involved."""

from typing import Any

import pytest

from tests.browser import chromium
from tests.browser.hosted import Hosted

CLIENT = """
  window.expired = 0;
  window.client = new authsignal.Authsignal({
    tenantId: options.tenantId, baseUrl: options.baseUrl, onTokenExpired: () => { window.expired += 1; },
  });
  window.client.setToken(options.token);
"""


@pytest.fixture
def sdk(hosted: Hosted) -> "Sdk":
    hosted.page.goto(hosted.app.origin)
    return Sdk(hosted)


class Sdk:
    """One user's page with an SDK client that holds a tracked token."""

    def __init__(self, hosted: Hosted) -> None:
        self.hosted = hosted

    def begin(self, action: str = "signIn", **attributes: Any) -> dict[str, Any]:
        tracked = self.hosted.track(action, **attributes)
        options = {
            "tenantId": self.hosted.live.tenant_id,
            "baseUrl": self.hosted.live.api_url,
            "token": tracked["token"],
        }
        self.hosted.page.evaluate(f"options => {{ {CLIENT} }}", options)
        return tracked

    def call(self, expression: str, argument: Any = None) -> Any:
        """`data` of a call, or the error that it came with."""
        answer = self.hosted.page.evaluate(f"async (given) => await window.client.{expression}", argument)
        return answer.get("data") or answer

    def proved(self, token: str, method: str) -> None:
        validated = self.hosted.validate(token)
        assert (validated["isValid"], validated["verificationMethod"]) == (True, method)


def test_a_passkey_signs_up_and_then_signs_in_by_action_and_by_token(sdk):
    chromium.add_authenticator(sdk.hosted.page)
    tracked = sdk.begin("enroll-passkey", scope="add:authenticators")
    made = sdk.call("passkey.signUp({ token: given, username: 'jo@example.com' })", tracked["token"])
    sdk.proved(made["token"], "PASSKEY")
    by_action = sdk.call("passkey.signIn({ action: 'adaptive-mfa-transfer' })")
    assert by_action["userId"] == sdk.hosted.user_id
    sdk.proved(by_action["token"], "PASSKEY")
    tracked = sdk.begin()
    by_token = sdk.call("passkey.signIn({ token: given })", tracked["token"])
    sdk.proved(by_token["token"], "PASSKEY")
    assert sdk.hosted.validate(by_token["token"])["idempotencyKey"] == tracked["idempotencyKey"]


def test_an_authenticator_app_is_enrolled_and_verified(sdk):
    sdk.begin()
    enrolled = sdk.call("totp.enroll()")
    wrong = sdk.call("totp.verify({ code: given })", "12345")
    assert (wrong["isVerified"], wrong["failureReason"]) == (False, "CODE_INVALID_OR_EXPIRED")
    verified = sdk.call("totp.verify({ code: given })", sdk.hosted.current_code(enrolled["secret"]))
    sdk.proved(verified["token"], "AUTHENTICATOR_APP")


@pytest.mark.parametrize(
    ("method", "enrol", "name"),
    [("EMAIL_OTP", "email.enroll({ email: given })", "email"), ("SMS", "sms.enroll({ phoneNumber: given })", "sms")],
)
def test_a_code_is_enrolled_and_then_challenged(sdk, method, enrol, name):
    to = sdk.hosted.email if method == "EMAIL_OTP" else sdk.hosted.phone
    sdk.begin()
    sdk.call(enrol, to)
    verified = sdk.call(f"{name}.verify({{ code: given }})", sdk.hosted.live.code(to))
    sdk.proved(verified["token"], method)
    sdk.begin()
    sdk.call(f"{name}.challenge()")
    code = sdk.hosted.live.code(to, number=2)
    refused = sdk.call(f"{name}.verify({{ code: given }})", "000000" if code != "000000" else "111111")
    assert (refused["isVerified"], refused["failureReason"]) == (False, "CODE_INVALID_OR_EXPIRED")
    sdk.proved(sdk.call(f"{name}.verify({{ code: given }})", code)["token"], method)


# Each with an expired token. What the page does by itself before it asks the server must be possible.
REFUSED = {
    "totp.enroll": "totp.enroll()",
    "totp.verify": "totp.verify({ code: '123456' })",
    "email.enroll": "email.enroll({ email: 'jo@example.com' })",
    "email.challenge": "email.challenge()",
    "email.verify": "email.verify({ code: '123456' })",
    "sms.enroll": "sms.enroll({ phoneNumber: '+64211234567' })",
    "sms.challenge": "sms.challenge()",
    "sms.verify": "sms.verify({ code: '123456' })",
    "whatsapp.challenge": "whatsapp.challenge()",
    "whatsapp.verify": "whatsapp.verify({ code: '123456' })",
    "emailML.enroll": "emailML.enroll({ email: 'jo@example.com' })",
    "emailML.challenge": "emailML.challenge()",
    "securityKey.enroll": "securityKey.enroll()",
    "securityKey.verify": "securityKey.verify()",
    "push.challenge": "push.challenge({ action: 'signIn' })",
    "push.verify": "push.verify({ challengeId: 'x' })",
    "passkey.signUp": "passkey.signUp({ token: given, username: 'jo@example.com' })",
    "passkey.signIn": "passkey.signIn({ token: given })",
}
SHOW_CODE = """async () => {
  window.refreshed = [];
  const onRefresh = (id) => window.refreshed.push(id);
  return await window.client.qrCode.challenge({
    action: "signIn", polling: true, onRefresh, onStateChange: () => undefined,
  });
}"""
WAIT_FOR_LINK = "() => void window.client.emailML.checkVerificationStatus().then((told) => (window.told = told))"


def test_every_method_tells_that_its_token_expired(sdk, advance):
    """And the page is called back, but for a QR code, whose SDK knows no such callback."""
    page, token = sdk.hosted.page, sdk.begin()["token"]
    chromium.add_authenticator(page)
    assert page.evaluate(SHOW_CODE)["data"]["challengeId"]
    advance(11 * 60)
    for calls, (name, expression) in enumerate(REFUSED.items(), 1):
        assert sdk.call(expression, token)["errorCode"] == "expired_token", name
        assert page.evaluate("window.expired") == calls, name
    page.evaluate("window.client.qrCode.refresh()")
    assert page.evaluate("window.refreshed") == []
    assert page.evaluate(SHOW_CODE)["errorCode"] == "expired_token"
    page.evaluate(WAIT_FOR_LINK)
    page.wait_for_function("calls => window.expired > calls", arg=len(REFUSED))
    # It waits for a better answer, as the SDK means it to.
    assert page.evaluate("window.told ?? null") is None
