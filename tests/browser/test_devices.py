"""A page in Chromium and an app on a phone: through the unmodified browser SDK, and on the hosted pages."""

import pytest
from playwright.sync_api import expect

from actions.models import Action
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.browser.hosted import Hosted, choose, heading
from tests.browser.test_hosted_screens import picture
from tests.browser.test_sdk import Sdk, sdk  # noqa: F401  (a fixture)
from tests.device import Phone

START_CODE = """async (given) => {
  window.states = [];
  const onStateChange = (state, token) => window.states.push([state, token]);
  return await window.client.qrCode.challenge({ ...given, polling: true, pollInterval: 200, onStateChange });
}"""
NOBODY = """options => {
  window.client = new authsignal.Authsignal({ tenantId: options.tenantId, baseUrl: options.baseUrl });
}"""


def make_phone(hosted: Hosted, method: M) -> Phone:
    """A phone on which the user has enrolled the app."""
    phone = Phone(hosted.live.api_url, hosted.live.tenant_id)
    user = EndUser.objects.filter(user_id=hosted.user_id).first() or make.make_user(hosted.live.tenant, hosted.user_id)
    make.make_authenticator(user, method, public_key=phone.key.spki, name="Jo's phone", device_platform="IOS")
    return phone


def states(hosted: Hosted, last: str) -> list[str]:
    """What the SDK told the page until then."""
    hosted.page.wait_for_function("last => window.states.some(([state]) => state === last)", arg=last)
    return hosted.page.evaluate("window.states.map(([state]) => state)")


# -- the SDK -------------------------------------------------------------------------------------


def test_a_push_through_the_sdk_is_approved_or_declined(sdk: Sdk) -> None:  # noqa: F811
    phone = make_phone(sdk.hosted, M.PUSH)
    sdk.begin()
    asked = sdk.call("push.challenge({ action: 'signIn' })")
    pending = sdk.call("push.verify({ challengeId: given })", asked["challengeId"])
    assert (pending["isVerified"], pending["isConsumed"]) == (False, False)
    assert phone.answer_push(asked["verificationCode"])["isVerified"] is True
    approved = sdk.call("push.verify({ challengeId: given })", asked["challengeId"])
    assert approved["isConsumed"] is True
    sdk.proved(approved["token"], "PUSH")
    tracked = sdk.begin()
    asked = sdk.call("push.challenge({ action: 'signIn' })")
    phone.answer_push(None, approved=False)
    declined = sdk.call("push.verify({ challengeId: given })", asked["challengeId"])
    assert (declined["isVerified"], declined["isConsumed"]) == (False, True)
    assert sdk.hosted.validate(tracked["token"])["state"] == "CHALLENGE_FAILED"


@pytest.mark.parametrize("known", [True, False])
def test_a_qr_code_through_the_sdk_is_scanned_and_approved(sdk: Sdk, known: bool) -> None:  # noqa: F811
    hosted = sdk.hosted
    phone = make_phone(hosted, M.QR_CODE)
    if known:
        sdk.begin()
    else:
        hosted.page.evaluate(NOBODY, {"tenantId": hosted.live.tenant_id, "baseUrl": hosted.live.api_url})
    shown = hosted.page.evaluate(START_CODE, {"action": "signIn", "custom": {"till": "4"}})["data"]
    phone.scan(shown["challengeId"])
    assert set(states(hosted, "claimed")) == {"claimed"}
    assert phone.answer_code(shown["challengeId"])["isVerified"] is True
    assert states(hosted, "approved")[-1] == "approved"
    sdk.proved(hosted.page.evaluate("window.states.at(-1)[1]"), "QR_CODE")
    assert Action.objects.get(action_code="signIn").user.user_id == hosted.user_id


def test_a_qr_code_through_the_sdk_is_rejected(sdk: Sdk) -> None:  # noqa: F811
    phone = make_phone(sdk.hosted, M.QR_CODE)
    sdk.begin()
    shown = sdk.hosted.page.evaluate(START_CODE, {"action": "signIn"})["data"]
    phone.scan(shown["challengeId"])
    phone.answer_code(shown["challengeId"], approved=False)
    assert states(sdk.hosted, "rejected")[-1] == "rejected"


REFRESH = """async (given) => {
  window.refreshed = [];
  const onRefresh = (id) => window.refreshed.push(id);
  const onStateChange = (state, token) => window.states.push([state, token]);
  window.states = [];
  await window.client.qrCode.challenge({ ...given, polling: true, pollInterval: 200, onRefresh, onStateChange });
  await window.client.qrCode.refresh();
  return window.refreshed;
}"""


def test_a_qr_code_through_the_sdk_is_refreshed(sdk: Sdk) -> None:  # noqa: F811
    phone = make_phone(sdk.hosted, M.QR_CODE)
    sdk.begin()
    [shown] = sdk.hosted.page.evaluate(REFRESH, {"action": "signIn"})
    assert Challenge.objects.filter(method=M.QR_CODE, failed_at=None).get().pk == shown
    phone.scan(shown)
    assert phone.answer_code(shown)["isVerified"] is True
    assert states(sdk.hosted, "approved")[-1] == "approved"
    sdk.proved(sdk.hosted.page.evaluate("window.states.at(-1)[1]"), "QR_CODE")


# -- the hosted pages ----------------------------------------------------------------------------


def test_a_push_is_approved_by_the_number_on_the_page(hosted: Hosted) -> None:
    phone = make_phone(hosted, M.PUSH)
    hosted.open()
    heading(hosted.page, "Approve it on your phone")
    number = hosted.page.locator(".number").inner_text()
    picture(hosted.page, "push")
    assert phone.answer_push(str(int(number) - 1 if number != "10" else 99))["isVerified"] is False
    assert phone.answer_push(number)["isVerified"] is True
    assert hosted.returned()["verificationMethod"] == "PUSH"


def test_a_push_that_ends_is_asked_again_and_one_that_is_declined_ends_it_all(hosted: Hosted) -> None:
    phone = make_phone(hosted, M.PUSH)
    AuthenticatorConfiguration.objects.create(tenant=hosted.live.tenant, method=M.PUSH, number_matching=False)
    hosted.open()
    heading(hosted.page, "Approve it on your phone")
    expect(hosted.page.get_by_text("app and approve the request")).to_be_visible()
    hosted.track("signIn")
    Challenge.objects.filter(method=M.PUSH).update(failed_at="2026-01-01T00:00:00Z")
    heading(hosted.page, "That request has ended")
    picture(hosted.page, "push-over")
    choose(hosted.page, "Ask again")
    heading(hosted.page, "Approve it on your phone")
    phone.answer_push(None, approved=False)
    heading(hosted.page, "Declined on your phone")
    picture(hosted.page, "declined")
    choose(hosted.page, "Go back to the app")
    assert hosted.returned()["state"] == "CHALLENGE_FAILED"


def test_a_qr_code_is_scanned_and_approved(hosted: Hosted) -> None:
    phone = make_phone(hosted, M.QR_CODE)
    hosted.open()
    heading(hosted.page, "Scan this with your phone")
    expect(hosted.page.locator("img.qr")).to_be_visible()
    picture(hosted.page, "qr-code")
    shown = Challenge.objects.get(method=M.QR_CODE)
    phone.scan(shown.pk)
    heading(hosted.page, "Approve it on your phone")
    expect(hosted.page.locator("img.qr")).to_be_hidden()
    picture(hosted.page, "qr-code-scanned")
    assert phone.answer_code(shown.pk)["isVerified"] is True
    assert hosted.returned()["verificationMethod"] == "QR_CODE"
    assert Authenticator.objects.get().last_verified_at is not None


def test_a_qr_code_gives_way_to_a_new_one(hosted: Hosted) -> None:
    make_phone(hosted, M.QR_CODE)
    hosted.page.clock.install()
    hosted.open()
    heading(hosted.page, "Scan this with your phone")
    first = hosted.page.locator("img.qr").get_attribute("src")
    hosted.page.clock.fast_forward(116_000)
    expect(hosted.page.locator("img.qr")).not_to_have_attribute("src", first or "")
    assert Challenge.objects.filter(method=M.QR_CODE, failed_at=None).count() == 1
