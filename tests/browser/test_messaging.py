"""Links by email and WhatsApp in Chromium: the SDK's calls, the hosted pages, and who may complete a link."""

import json
import re
import time

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from authenticators.models import AuthenticatorConfiguration, Challenge, MessageProvider
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.browser.hosted import Hosted, choose, heading, type_code
from tests.browser.test_hosted_screens import picture
from tests.browser.test_sdk import Sdk

WAIT = """() => {
  window.waited = null;
  window.client.emailML.checkVerificationStatus().then((answer) => (window.waited = answer));
}"""
CODE = re.compile(r"\d{6}")


@pytest.fixture
def switched_on(hosted: Hosted) -> AuthenticatorConfiguration:
    AuthenticatorConfiguration.objects.create(tenant=hosted.live.tenant, method=M.WHATSAPP)
    return AuthenticatorConfiguration.objects.create(tenant=hosted.live.tenant, method=M.EMAIL_MAGIC_LINK)


def link(hosted: Hosted, *, number: int = 1) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = hosted.live.messages(hosted.email)
        if len(found) >= number:
            return str(found[number - 1]["url"])
        time.sleep(0.02)
    raise AssertionError("no link arrived")


def confirm(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Yes, it’s me").click()


def click_everything(scanner: BrowserContext, url: str) -> None:
    """As a scanner does: every link, button and field that can be clicked, twice over.

    Each time in a page of its own: what the last click began may go on, and would end the next visit.
    """
    for _ in range(2):
        page = scanner.new_page()
        page.goto(url)
        for element in page.locator("a, button, input:not([type=hidden]), [role=button]").all():
            if element.is_visible():
                element.click(no_wait_after=True, timeout=5000)
        page.wait_for_load_state("networkidle")


# -- the SDK -------------------------------------------------------------------------------------


def test_the_sdk_waits_for_a_link_and_gets_the_proof(hosted: Hosted, switched_on, browser: Browser) -> None:
    hosted.page.goto(hosted.app.origin)
    sdk = Sdk(hosted)
    for number, begin in enumerate(["emailML.enroll({ email: given })", "emailML.challenge()"], 1):
        sdk.begin()
        sdk.call(begin, hosted.email)
        hosted.page.evaluate(WAIT)
        scanner = browser.new_context()
        click_everything(scanner, link(hosted, number=number))
        scanner.close()
        hosted.page.wait_for_timeout(1500)
        assert hosted.page.evaluate("window.waited") is None
        person = browser.new_context(locale="en-GB")
        page = person.new_page()
        page.goto(link(hosted, number=number))
        page.get_by_label("Your email address").fill(hosted.email)
        page.get_by_role("button", name="Yes, it’s me").click()
        heading(page, "You’re verified")
        answer = hosted.page.wait_for_function("() => window.waited").json_value()
        sdk.proved(answer["data"]["token"], "EMAIL_MAGIC_LINK")
        person.close()


def test_the_sdk_challenges_by_whatsapp(hosted: Hosted, switched_on) -> None:
    hosted.page.goto(hosted.app.origin)
    sdk = Sdk(hosted)
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    sdk.begin()
    sdk.call("whatsapp.challenge()")
    code = hosted.live.code(hosted.phone)
    refused = sdk.call("whatsapp.verify({ code: given })", "000000" if code != "000000" else "111111")
    assert (refused["isVerified"], refused["failureReason"]) == (False, "CODE_INVALID_OR_EXPIRED")
    sdk.proved(sdk.call("whatsapp.verify({ code: given })", code)["token"], "WHATSAPP")


# -- the hosted pages ------------------------------------------------------------------------------


def test_a_scanner_that_clicks_everything_approves_nothing_and_the_person_still_can(
    hosted: Hosted, switched_on, browser: Browser
) -> None:
    hosted.enrol("EMAIL_MAGIC_LINK", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your inbox")
    url = link(hosted)
    person = hosted.page.context.new_page()
    person.goto(url)
    heading(person, "Is this you?")
    picture(person, "magic-link-confirm")
    scanner = browser.new_context()
    click_everything(scanner, url)
    scanner.close()
    # Long enough for the page to have asked.
    hosted.page.wait_for_timeout(3000)
    heading(hosted.page, "Check your inbox")
    person.get_by_role("button", name="Yes, it’s me").click()
    heading(person, "You’re verified")
    picture(person, "magic-link-done")
    person.goto(url)
    heading(person, "This link does not work any more")
    picture(person, "magic-link-gone")
    result = hosted.returned()
    assert (result["isValid"], result["verificationMethod"]) == (True, "EMAIL_MAGIC_LINK")


def test_a_link_opened_on_another_device_shows_a_code_for_the_one_that_waits(
    hosted: Hosted, switched_on, browser: Browser
) -> None:
    hosted.enrol("EMAIL_MAGIC_LINK", email=hosted.email)
    hosted.launch("popup")
    frame = hosted.frame()
    heading(frame, "Check your inbox")
    phone = browser.new_context(locale="en-GB")
    page = phone.new_page()
    confirm(page, link(hosted))
    heading(page, "Type this code where you began")
    picture(page, "magic-link-code-shown")
    code = CODE.search(page.locator(".shown-code").inner_text())
    assert code
    choose(frame, "I opened it on another device and have a code")
    heading(frame, "Enter the code from the other device")
    type_code(frame, code[0])
    assert hosted.validate(hosted.outcome()["token"])["verificationMethod"] == "EMAIL_MAGIC_LINK"
    phone.close()


def test_the_links_tab_goes_on_where_the_tenant_wants_that(hosted: Hosted, switched_on) -> None:
    switched_on.magic_link_mode = "ORIGINAL_TAB"
    switched_on.save()
    hosted.enrol("EMAIL_MAGIC_LINK", email=hosted.email)
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    hosted.open()
    heading(hosted.page, "Check your inbox")
    url = link(hosted)
    # The mail is read in the same tab.
    hosted.page.goto("about:blank")
    confirm(hosted.page, url)
    assert hosted.returned()["verificationMethod"] == "EMAIL_MAGIC_LINK"


def test_a_first_address_is_enrolled_by_a_link(hosted: Hosted, switched_on) -> None:
    hosted.open()
    choose(hosted.page, "Email link")
    heading(hosted.page, "Your email address")
    hosted.page.get_by_label("Email address").fill(hosted.email)
    hosted.page.get_by_role("button", name="Send link").click()
    heading(hosted.page, "Check your inbox")
    confirm(hosted.page.context.new_page(), link(hosted))
    heading(hosted.page, "Save your recovery codes")


def test_a_code_goes_by_whatsapp_or_by_text_message_as_the_user_likes(hosted: Hosted, switched_on) -> None:
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    hosted.open()
    heading(hosted.page, "Check your phone")
    choose(hosted.page, "Send it by WhatsApp instead")
    heading(hosted.page, "Check WhatsApp")
    type_code(hosted.page, hosted.live.code(hosted.phone, number=2))
    assert hosted.returned()["verificationMethod"] == "WHATSAPP"


def test_a_number_is_enrolled_for_whatsapp(hosted: Hosted, switched_on) -> None:
    hosted.open()
    choose(hosted.page, "WhatsApp")
    heading(hosted.page, "Your mobile number")
    hosted.page.get_by_label("Mobile number").fill(hosted.phone)
    hosted.page.get_by_role("button", name="Send code").click()
    heading(hosted.page, "Check WhatsApp")
    type_code(hosted.page, hosted.live.code(hosted.phone))
    heading(hosted.page, "Save your recovery codes")


def test_a_message_that_no_provider_takes_is_told_to_the_user(hosted: Hosted, switched_on) -> None:
    MessageProvider.objects.create(
        tenant=hosted.live.tenant, channel="EMAIL", kind="webhook", url="https://169.254.169.254/"
    )
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "That did not work")
    expect(hosted.page.get_by_text("The message could not be sent.")).to_be_visible()
    picture(hosted.page, "not-sent")
    hosted.page.get_by_role("button", name="Try again").click()
    # Nothing is on its way that could be waited for.
    heading(hosted.page, "Just a moment")
    expect(hosted.page.get_by_text("The message could not be sent.")).to_be_visible()
    assert json.dumps(hosted.live.messages(hosted.email)) == "[]"


def test_a_code_that_was_sent_for_another_action_is_not_told_to_be_used_here(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    tracked = hosted.open()
    heading(hosted.page, "Check your email")
    hosted.page.goto(tracked["url"])
    expect(hosted.page.get_by_text("A message was sent a moment ago. Use that one")).to_be_visible()
    body = json.dumps(dict.fromkeys(("error", "errorCode", "errorDescription"), "too_many_requests"))
    answer = {"status": 429, "headers": {"Retry-After": "25"}, "content_type": "application/json", "body": body}
    hosted.page.route("**/v1/client/challenge/email-otp", lambda route: route.fulfill(**answer))
    hosted.open(action="another")
    heading(hosted.page, "Just a moment")
    expect(hosted.page.get_by_text("was for something else and does not work here")).to_be_visible()


def test_what_could_not_be_sent_is_not_said_to_have_been(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    page = hosted.page
    page.route("**/challenge/api/delivery", lambda route: route.fulfill(json={"status": "failed"}))
    page.clock.install()
    hosted.open()
    lead = page.locator(".lead")
    expect(lead).to_contain_text("We sent a")
    page.clock.fast_forward(3_000)
    expect(lead).to_have_text(
        "The message could not be sent. You can ask for a new one in a moment, or use another method."
    )
    expect(page.get_by_text("spam folder too")).to_have_count(0)
    page.clock.fast_forward(31_000)
    body = json.dumps(dict.fromkeys(("error", "errorCode", "errorDescription"), "too_many_requests"))
    early = {"status": 429, "headers": {"Retry-After": "20"}, "content_type": "application/json", "body": body}
    page.route("**/v1/client/challenge/email-otp", lambda route: route.fulfill(**early))
    choose(page, "Send a new code")
    note = page.locator("[data-slot=note]")
    expect(note).to_have_class("fine note-problem")
    expect(note).to_have_text(re.compile(r"You can try again in \d\d?\ss"))
    page.clock.fast_forward(21_000)
    expect(note).to_have_text("You can try again now.")
    page.route("**/v1/client/challenge/email-otp", lambda route: route.fulfill(json={"challengeId": "c"}))
    choose(page, "Send a new code")
    expect(lead).to_contain_text("We sent a")
    expect(note).to_have_text("A new code is on its way.")
    picture(hosted.page, "code-for-another-action")


# -- several of a method -------------------------------------------------------------------------


def test_the_user_goes_on_to_another_number_of_theirs_and_to_it_by_whatsapp(hosted: Hosted, switched_on) -> None:
    AuthenticatorConfiguration.objects.create(tenant=hosted.live.tenant, method=M.SMS, allows_several=True)
    first, second = hosted.phone, f"{hosted.phone[:-1]}{9 - int(hosted.phone[-1])}"
    hosted.enrol("SMS", phoneNumber=first, isDefault=True)
    hosted.enrol("SMS", phoneNumber=second)
    hosted.open()
    page = hosted.page
    heading(page, "Check your phone")
    expect(page.locator(".target")).to_have_text(f"•••• {first[-3:]}")
    choose(page, "Use another method")
    choose(page, f"Text message •••• {second[-3:]}")
    expect(page.locator(".target")).to_have_text(f"•••• {second[-3:]}")
    type_code(page, "000000")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    choose(page, "Send it by WhatsApp instead")
    heading(page, "Check WhatsApp")
    expect(page.locator(".target")).to_have_text(f"•••• {second[-3:]}")
    begun = [(one.method, one.contact) for one in Challenge.objects.select_related("tenant").order_by("created_at")]
    assert begun == [(M.SMS, first), (M.SMS, second), (M.WHATSAPP, second)]
