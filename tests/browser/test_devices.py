"""A page in Chromium and an app on a phone: through the unmodified browser SDK, and on the hosted pages."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, expect

from actions.models import Action
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.browser.hosted import Hosted, choose, heading
from tests.browser.relying_app import RelyingApp
from tests.browser.test_hosted_screens import picture
from tests.browser.test_sdk import Sdk, sdk  # noqa: F401  (a fixture)
from tests.conftest import Live, living
from tests.device import Phone
from tests.linked import CUSTOM, link

START_CODE = """async (given) => {
  window.states = [];
  const onStateChange = (state, token) => window.states.push([state, token]);
  const onRefresh = (challengeId) => window.states.push(["shown", challengeId]);
  return await window.client.qrCode.challenge({ pollInterval: 200, ...given, onStateChange, onRefresh });
}"""
OPENED = """async ([url, offered]) => await new Promise((resolve) => {
  const socket = new WebSocket(url, offered);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("refused");
})"""
TOO_LONG = """async ([url, offered]) => await new Promise((resolve) => {
  const socket = new WebSocket(url, offered);
  socket.onopen = () => socket.send(" ".repeat(70000));
  socket.onclose = (event) => resolve([event.code, event.reason]);
})"""
NOBODY = """options => {
  window.client = new authsignal.Authsignal({ tenantId: options.tenantId, baseUrl: options.baseUrl });
}"""


# Over REST a server of WSGI is enough; the SDK opens its socket on the API's own port.
OVER_BOTH = pytest.mark.parametrize(
    ("live", "polling"), [("server", True), ("one_port_server", False)], indirect=["live"]
)
OVER_SOCKET = pytest.mark.parametrize("live", ["one_port_server"], indirect=True)


@pytest.fixture
def live(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Live]:
    yield from living(request.getfixturevalue(getattr(request, "param", "server")))


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


def token_given(hosted: Hosted) -> str:
    """The token of an approval. It comes once: of two looks that were on their way at once, the other learns of the
    approval alone.
    """
    given = "window.states.find(([state, token]) => state === 'approved' && token)"
    hosted.page.wait_for_function(given)
    token: str = hosted.page.evaluate(f"{given}[1]")
    return token


def expect_over(challenge_id: str) -> None:
    deadline = time.monotonic() + 10
    while Challenge.objects.get(pk=challenge_id).failed_at is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


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


@OVER_BOTH
@pytest.mark.parametrize("known", [True, False])
def test_a_qr_code_through_the_sdk_is_scanned_and_approved(sdk: Sdk, known: bool, polling: bool) -> None:  # noqa: F811
    hosted = sdk.hosted
    phone = make_phone(hosted, M.QR_CODE)
    if known:
        sdk.begin()
    else:
        hosted.page.evaluate(NOBODY, {"tenantId": hosted.live.tenant_id, "baseUrl": hosted.live.api_url})
    given = {"action": "signIn", "custom": {"till": "4"}, "polling": polling}
    shown = hosted.page.evaluate(START_CODE, given)["data"]
    phone.scan(shown["challengeId"])
    assert set(states(hosted, "claimed")) == {"claimed"}
    assert phone.answer_code(shown["challengeId"])["isVerified"] is True
    sdk.proved(token_given(hosted), "QR_CODE")
    assert Action.objects.get(action_code="signIn").user.user_id == hosted.user_id


@OVER_BOTH
def test_a_qr_code_through_the_sdk_is_rejected(sdk: Sdk, polling: bool) -> None:  # noqa: F811
    phone = make_phone(sdk.hosted, M.QR_CODE)
    sdk.begin()
    shown = sdk.hosted.page.evaluate(START_CODE, {"action": "signIn", "polling": polling})["data"]
    phone.scan(shown["challengeId"])
    phone.answer_code(shown["challengeId"], approved=False)
    assert states(sdk.hosted, "rejected")[-1] == "rejected"


@OVER_SOCKET
def test_the_sdk_renews_a_code_on_its_socket_and_opens_a_new_one_where_that_was_closed(sdk: Sdk) -> None:  # noqa: F811
    page, phone = sdk.hosted.page, make_phone(sdk.hosted, M.QR_CODE)
    sdk.begin()
    first = page.evaluate(START_CODE, {"action": "signIn"})["data"]["challengeId"]
    page.evaluate("window.client.qrCode.refresh({ custom: { till: '5' } })")
    second = page.evaluate("window.states.at(-1)[1]")
    assert list(Challenge.objects.filter(failed_at=None).values_list("pk", flat=True)) == [second]
    # As when the server stops: the SDK notices, and nobody shows that code any more.
    page.evaluate("window.client.qrCode.handler.wsClient.ws.close()")
    page.wait_for_function("window.client.qrCode.handler.wsClient.ws === null")
    expect_over(second)
    page.evaluate("window.client.qrCode.refresh()")
    third = page.evaluate("window.states.at(-1)[1]")
    assert len({first, second, third}) == 3
    phone.scan(third)
    phone.answer_code(third)
    sdk.proved(token_given(sdk.hosted), "QR_CODE")


@OVER_SOCKET
def test_a_socket_that_is_refused_fails_the_sdks_call(sdk: Sdk, app: RelyingApp) -> None:  # noqa: F811
    hosted = sdk.hosted
    url = hosted.live.api_url.replace("http", "ws", 1).replace("v1", "ws-v1-challenge")
    tenant = ["authsignal-ws", f"x.authsignal.tenant.{hosted.live.tenant_id}"]
    assert hosted.page.evaluate(OPENED, [url, tenant]) == "open"
    assert hosted.page.evaluate(OPENED, [url.replace("/ws-v1", "/api-ws/ws-v1"), tenant]) == "open"
    assert hosted.page.evaluate(TOO_LONG, [url, tenant]) == [1009, "A message has at most 65536 bytes."]
    sdk.begin()
    hosted.page.evaluate(START_CODE, {"action": "signIn"})
    hosted.page.evaluate("window.client.qrCode.handler.wsClient.ws.close()")
    hosted.page.wait_for_function("window.client.qrCode.handler.wsClient.ws === null")
    Authenticator.objects.all().delete()
    EndUser.objects.all().delete()
    with pytest.raises(Error, match="WebSocket connection error"):
        hosted.page.evaluate("window.client.qrCode.refresh()")
    with pytest.raises(Error, match="WebSocket connection error"):
        hosted.page.evaluate(START_CODE, {"action": "signIn"})
    hosted.live.tenant.app_origins = ["https://elsewhere.example"]
    hosted.live.tenant.save()
    assert hosted.page.evaluate(OPENED, [url, tenant]) == "refused"


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
    sdk.proved(token_given(sdk.hosted), "QR_CODE")


# -- the hosted pages ----------------------------------------------------------------------------


def test_a_push_is_approved_by_the_number_on_the_page(hosted: Hosted) -> None:
    phone = make_phone(hosted, M.PUSH)
    hosted.open()
    heading(hosted.page, "Approve it on your phone")
    number = hosted.page.locator(".number").inner_text()
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
    choose(hosted.page, "Ask again")
    heading(hosted.page, "Approve it on your phone")
    phone.answer_push(None, approved=False)
    heading(hosted.page, "Declined on your phone")
    choose(hosted.page, "Go back to the app")
    assert hosted.returned()["state"] == "CHALLENGE_FAILED"


def test_a_qr_code_is_scanned_and_approved(hosted: Hosted) -> None:
    phone = make_phone(hosted, M.QR_CODE)
    hosted.open()
    heading(hosted.page, "Scan this with your phone")
    expect(hosted.page.locator("img.qr")).to_be_visible()
    shown = Challenge.objects.get(method=M.QR_CODE)
    phone.scan(shown.pk)
    heading(hosted.page, "Approve it on your phone")
    expect(hosted.page.get_by_text("Not working?")).to_be_hidden()
    expect(hosted.page.locator("img.qr")).to_be_hidden()
    assert phone.answer_code(shown.pk)["isVerified"] is True
    assert hosted.returned()["verificationMethod"] == "QR_CODE"
    assert Authenticator.objects.get().last_verified_at is not None


def test_a_payment_is_checked_on_the_phone_that_scans_its_code(hosted: Hosted) -> None:
    link(hosted.live.tenant)
    phone = make_phone(hosted, M.QR_CODE)
    hosted.open("pay", custom=CUSTOM)
    heading(hosted.page, "Scan this with your phone")
    expect(hosted.page.locator("#message")).to_have_text("Pay 1000 EUR to Bob Miller")
    hint = hosted.page.get_by_text("Check the payee and the amount on your phone")
    expect(hint).to_be_visible()
    picture(hosted.page, "qr-code-payment")
    shown = Challenge.objects.get(method=M.QR_CODE)
    told = phone.scan(shown.pk)
    assert told["message"] == "Pay 1000 EUR to Bob Miller"
    heading(hosted.page, "Approve it on your phone")
    expect(hint).to_be_visible()
    body = phone.key.answer(shown.pk) | {"transactionHash": told["transaction"]["hash"]}
    assert phone("POST", "user-authenticators/qr-code/challenge", body)["isVerified"] is True
    assert hosted.returned()["transaction"] == told["transaction"]


def test_a_qr_code_gives_way_to_a_new_one(hosted: Hosted) -> None:
    make_phone(hosted, M.QR_CODE)
    hosted.page.clock.install()
    hosted.open()
    heading(hosted.page, "Scan this with your phone")
    first = hosted.page.locator("img.qr").get_attribute("src")
    hosted.page.clock.fast_forward(116_000)
    expect(hosted.page.locator("img.qr")).not_to_have_attribute("src", first or "")
    assert Challenge.objects.filter(method=M.QR_CODE, failed_at=None).count() == 1
