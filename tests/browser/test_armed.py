"""A click that was meant for something else: what approves takes none until it was in sight for half a second (F5)."""

from playwright.sync_api import Browser, Page, expect

from authenticators.models import Authenticator, AuthenticatorConfiguration
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.browser.hosted import Hosted, choose, heading
from tests.browser.test_messaging import link

SHOW = """(visible) => {
  Object.defineProperty(document, "hidden", { get: () => !visible, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def stopped(page: Page) -> Page:
    """Its clock stands, and is moved by hand: what takes half a second takes none here."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    return page


def pressed_in_vain(page: Page, name: str) -> None:
    """By a pointer and by a key, while the page still shows the same."""
    button = page.get_by_role("button", name=name)
    shown = page.locator("h1").inner_text()
    button.dispatch_event("click")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_be_focused()
    assert page.locator("h1").inner_text() == shown


def test_the_button_of_a_link_by_email_is_armed_once_it_was_in_sight(hosted: Hosted, browser: Browser) -> None:
    AuthenticatorConfiguration.objects.create(tenant=hosted.live.tenant, method=M.EMAIL_MAGIC_LINK)
    hosted.enrol("EMAIL_MAGIC_LINK", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your inbox")
    elsewhere = browser.new_context(locale="en-GB")
    person = stopped(elsewhere.new_page())
    person.goto(link(hosted))
    yes = "Yes, it’s me"
    pressed_in_vain(person, yes)
    person.clock.run_for(499)
    pressed_in_vain(person, yes)
    person.evaluate(SHOW, False)
    person.clock.run_for(2000)
    pressed_in_vain(person, yes)
    person.evaluate(SHOW, True)
    person.clock.run_for(499)
    pressed_in_vain(person, yes)
    person.clock.run_for(1)
    person.keyboard.press("Enter")
    heading(person, "Type this code where you began")
    elsewhere.close()


def test_a_button_of_a_screen_is_armed_once_that_screen_was_in_sight_and_looks_the_same(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    page = stopped(hosted.page)
    hosted.open(redirectToSettings=True, scope="update:authenticators remove:authenticators")
    heading(page, "Your verification methods")
    page.clock.run_for(1000)
    choose(page, "Change Email")
    remove = page.get_by_role("button", name="Remove it")
    expect(remove).to_be_visible()
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    unarmed = (remove.bounding_box(), remove.screenshot(animations="disabled"))
    pressed_in_vain(page, "Remove it")
    page.clock.run_for(499)
    pressed_in_vain(page, "Remove it")
    page.clock.run_for(1)
    expect(remove).not_to_have_attribute("aria-disabled", "true")
    page.locator("h1").focus()
    assert (remove.bounding_box(), remove.screenshot(animations="disabled")) == unarmed
    remove.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(1)
    methods = Authenticator.objects.filter(user__user_id=hosted.user_id).values_list("method", flat=True)
    assert list(methods) == [M.SMS]
