"""The web app in Chromium: a desktop with the hosted page, and a phone that enrols by its code and approves."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.browser.hosted import Hosted, choose, heading, save_recovery_codes
from tests.linked import link
from tests.screens.app import CAMERA
from tests.screens.scene import LONG_NAME

LONG_PAYEE = "Stiftung für außergewöhnlich lange Empfängernamen, account DE89 3704 0044 0532 0130 00"
# What somebody who holds the page could try: the key is there, and no way leads out with it.
TAKE_KEY = """async () => {
  const { accountsOf } = await import("/static/app/store.js");
  const [{ privateKey }] = await accountsOf(window.location.pathname.split("/")[2]);
  const take = (format) => crypto.subtle.exportKey(format, privateKey).then(() => format, () => null);
  const taken = await Promise.all(["jwk", "pkcs8", "raw"].map(take));
  return { extractable: privateKey.extractable, taken: taken.filter(Boolean) };
}"""


NOTIFIED = """async () => {
  const worker = await navigator.serviceWorker.ready;
  for (let tries = 0; tries < 80; tries += 1) {
    const shown = await worker.getNotifications();
    if (shown.length) return shown.map(({ body }) => body);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""


def offer(tenant: Tenant, *methods: M) -> None:
    for method in methods or DEVICE_METHODS:
        AuthenticatorConfiguration.objects.create(tenant=tenant, method=method, web_app=True)


@pytest.fixture
def phone(browser: Browser, hosted: Hosted) -> Iterator[Page]:
    """A second browser, as wide as a phone."""
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 780})
    context.set_default_timeout(15_000)
    page = context.new_page()
    hosted._watch(page)
    yield page
    context.close()


def pushed(phone: Page, origin: str) -> list[str] | None:
    """What the worker shows of what a push service would bring, handed to it by the browser.

    On a busy machine Chromium now and then loses one that it hands over like this; a push service comes again.
    """
    session = phone.context.new_cdp_session(phone)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(one["registrationId"] for one in told["registrations"] if not one["isDeleted"]),
    )
    session.send("ServiceWorker.enable")
    phone.evaluate("navigator.serviceWorker.ready.then(() => true)")
    for _time in range(20):
        if found:
            break
        phone.wait_for_timeout(100)
    for _time in range(4):
        message = {"origin": origin, "registrationId": found[-1], "data": '{"id": "1"}'}
        session.send("ServiceWorker.deliverPushMessage", message)
        if shown := phone.evaluate(NOTIFIED):
            return list(shown)
    return None


def link_shown(hosted: Hosted) -> str:
    heading(hosted.page, "Set up your phone")
    return hosted.page.get_by_role("link", name="Open the app on this device").get_attribute("href") or ""


def set_up(phone: Page, link: str) -> None:
    phone.goto(link)
    heading(phone, "Set up this phone")
    assert "#" not in phone.url
    choose(phone, "Set up")
    heading(phone, "This phone is set up")


def test_a_phone_enrols_by_the_code_and_approves_a_payment_by_its_number(hosted: Hosted, phone: Page) -> None:
    offer(hosted.live.tenant)
    hosted.live.tenant.name = LONG_NAME
    hosted.live.tenant.save()
    link(hosted.live.tenant, "pay")
    hosted.open("pay", custom={"amount": 3000, "currency": "USD", "payee": LONG_PAYEE})
    phone.goto(f"{hosted.live.public_url}/app/{hosted.live.tenant_id}/")
    heading(phone, "Approve on this phone")
    phone.get_by_label("Code from the other screen").fill("what is this")
    choose(phone, "Continue")
    expect(phone.get_by_role("alert").filter(has_text="not a code")).to_be_visible()
    choose(hosted.page, "App on your phone Approve")
    shown = link_shown(hosted)
    code = hosted.page.locator("code").inner_text()
    assert code.replace("-", "") == shown.partition("#enrol=")[2]
    phone.get_by_label("Code from the other screen").fill(code.lower())
    choose(phone, "Continue")
    heading(phone, "Set up this phone")
    choose(phone, "Set up")
    heading(phone, "This phone is set up")
    expect(hosted.page.locator("[data-slot=added]")).to_have_text("Set up: Chrome · Linux")
    assert phone.evaluate(TAKE_KEY) == {"extractable": False, "taken": []}
    heading(hosted.page, "Approve it on your phone")
    number = hosted.page.locator(".number").inner_text()
    choose(phone, "Done")
    heading(phone, "Requests")
    choose(phone, "Pay 3000 USD to")
    heading(phone, "Is this you?")
    expect(phone.locator(".transaction")).to_have_text(f"Pay 3000 USD to {LONG_PAYEE}")
    phone.get_by_label("Number that the page shows").fill(str(int(number) - 1 if number != "10" else 99))
    choose(phone, "Approve")
    expect(phone.get_by_role("alert").filter(has_text="not the number")).to_be_visible()
    phone.get_by_label("Number that the page shows").fill(number)
    choose(phone, "Approve")
    heading(phone, "Approved")
    save_recovery_codes(hosted.page)
    proved = hosted.returned()
    assert proved["verificationMethod"] == "PUSH"
    assert proved["transaction"]["payee"] == LONG_PAYEE
    choose(phone, "Done")
    expect(phone.get_by_text("Nothing waits for you")).to_be_visible()
    choose(phone, hosted.user_id)
    heading(phone, hosted.user_id)
    choose(phone, "Remove from this phone")
    heading(phone, "Approve on this phone")
    assert not Authenticator.objects.filter(user__user_id=hosted.user_id).exists()


def test_a_code_is_used_once_and_a_qr_code_by_its_link(hosted: Hosted, phone: Page) -> None:
    offer(hosted.live.tenant)
    hosted.open()
    choose(hosted.page, "App on your phone Approve")
    found = link_shown(hosted)
    phone.add_init_script(CAMERA)
    phone.goto(f"{hosted.live.public_url}/app/{hosted.live.tenant_id}/")
    choose(phone, "Scan the code")
    phone.evaluate("window.seen = 'https://elsewhere.example/app/#enrol=' + 'A'.repeat(24)")
    expect(phone.get_by_role("alert").filter(has_text="not a code")).to_be_visible()
    phone.evaluate("link => (window.seen = link)", found)
    heading(phone, "Set up this phone")
    choose(phone, "Set up")
    heading(phone, "This phone is set up")
    phone.goto(found)
    heading(phone, "Set up this phone")
    choose(phone, "Set up")
    expect(phone.get_by_text("used already, or is too old")).to_be_visible()
    assert Authenticator.objects.filter(user__user_id=hosted.user_id).count() == len(DEVICE_METHODS)
    heading(hosted.page, "Approve it on your phone")
    choose(hosted.page, "Use another method")
    choose(hosted.page, "QR code")
    heading(hosted.page, "Scan this with your phone")
    shown = Challenge.objects.get(method=M.QR_CODE)
    scanned = f"{hosted.live.public_url}/app/{hosted.live.tenant_id}/#scan={shown.pk}"
    phone.goto(scanned)
    heading(phone, "Did you scan this from your own screen just now?")
    choose(phone, "No")
    heading(phone, "Requests")
    phone.goto(scanned)
    heading(phone, "Did you scan this from your own screen just now?")
    assert Challenge.objects.get(pk=shown.pk).authenticator_id is None
    with phone.expect_request("**/qr-code/challenge/claim") as claimed:
        choose(phone, "Yes, I scanned it")
    assert claimed.value.post_data_json["byLink"] is True
    heading(phone, "Is this you?")
    heading(hosted.page, "Approve it on your phone")
    choose(phone, "Approve")
    heading(phone, "Approved")
    save_recovery_codes(hosted.page)
    assert hosted.returned()["verificationMethod"] == "QR_CODE"


def test_on_the_phone_itself_a_click_approves_and_what_fails_is_told(hosted: Hosted, phone: Page) -> None:
    offer(hosted.live.tenant)
    hosted.open(userAgent="Approve, then call 0800 123")
    choose(hosted.page, "App on your phone Approve")
    set_up(phone, link_shown(hosted))
    heading(hosted.page, "Approve it on your phone")
    choose(phone, "Done")
    choose(phone, "Sign in")
    expect(phone.locator(".about")).to_contain_text("Unknown browser")
    expect(phone.locator(".about")).not_to_contain_text("0800")
    Challenge.objects.filter(method=M.PUSH).update(expires_at=clock.now())
    choose(phone, "Decline, this is not me")
    heading(phone, "That request has ended")
    tracked = hosted.track("signIn")
    phone.goto(tracked["url"])
    choose(phone, "Use another method")
    choose(phone, "Your device")
    heading(phone, "Approve on this device")
    with phone.expect_request("**/v1/client/challenge") as begun:
        choose(phone, "Approve")
    assert begun.value.post_data_json == {"action": "signIn"}
    heading(phone, "You’re verified")
    proved = hosted.validate(tracked["token"])
    assert (proved["isValid"], proved["verificationMethod"]) == (True, "IN_APP")
    choose(hosted.page, "Ask again")
    heading(hosted.page, "Approve it on your phone")
    phone.goto(f"{hosted.live.public_url}/app/{hosted.live.tenant_id}/")
    choose(phone, "Scan a code")
    heading(phone, "Scan the code")
    choose(phone, "Back")
    choose(phone, "Sign in")
    choose(phone, "Decline, this is not me")
    heading(phone, "Declined")
    heading(hosted.page, "Declined on your phone")
    choose(phone, "Done")
    expect(phone.get_by_text("Nothing waits for you")).to_be_visible()
    phone.context.grant_permissions(["notifications"])
    assert pushed(phone, hosted.live.public_url) == ["A request waits for your answer."]
    waiting = "**/push/challenge?publicKey=*"
    refused = {"errorCode": "conflict", "errorDescription": "For developers."}
    phone.context.route(waiting, lambda route: route.fulfill(status=409, json=refused))
    phone.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(phone.get_by_text("That did not work, or you stopped it.")).to_be_visible()
    phone.context.unroute(waiting)
    phone.context.set_offline(True)
    phone.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(phone.get_by_text("No connection. Check")).to_be_visible()
    phone.reload()
    heading(phone, "No connection")
    phone.context.set_offline(False)
    Authenticator.objects.all().delete()
    phone.get_by_role("link", name="Try again").click()
    expect(phone.get_by_text("No longer set up")).to_be_visible()


def test_a_key_that_is_another_users_by_now_is_set_up_no_more(hosted: Hosted, phone: Page) -> None:
    offer(hosted.live.tenant)
    hosted.open()
    choose(hosted.page, "App on your phone Approve")
    set_up(phone, link_shown(hosted))
    heading(hosted.page, "Approve it on your phone")
    hosted.user_id = f"not-{hosted.user_id}"
    other = EndUser.objects.create(tenant=hosted.live.tenant, user_id=hosted.user_id)
    Authenticator.objects.update(user=other)
    hosted.open()
    heading(hosted.page, "Approve it on your phone")
    choose(phone, "Done")
    expect(phone.get_by_text("No longer set up")).to_be_visible()
    expect(phone.get_by_role("button", name="Sign in")).to_have_count(0)


def test_a_phone_that_is_set_up_for_qr_codes_alone_is_not_called_gone(hosted: Hosted, phone: Page) -> None:
    offer(hosted.live.tenant, M.QR_CODE)
    hosted.open()
    choose(hosted.page, "QR code")
    set_up(phone, link_shown(hosted))
    choose(phone, "Done")
    expect(phone.get_by_text("Nothing waits for you")).to_be_visible()
    expect(phone.get_by_text("No longer set up")).to_have_count(0)
