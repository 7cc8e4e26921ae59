"""Every screen of the hosted pages: pictured in light and dark at three widths, and judged by axe-core."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from authenticators.methods import recovery_code
from authenticators.models import EndUser
from tests import make
from tests.browser import chromium
from tests.browser.hosted import Hosted, choose, heading, save_recovery_codes, type_code

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LONG_NAME = "Sankt-Nimmerleins-Genossenschaftsbank der vereinigten Handwerksbetriebe von Niederösterreich eG"
LONG_EMAIL = "an.extraordinarily.long.local.part.that.goes.on@a-department.of-an-equally-long-company.example.co.nz"
LONG_PAYEE = "Stiftung für außergewöhnlich lange Empfängernamen, account DE89 3704 0044 0532 0130 00"
WIDTHS = {390: 780, 1280: 800}


def picture(page: Page, name: str) -> None:
    """Photograph the screen as it stands; it must be accessible and never scroll sideways."""
    found = []
    page.mouse.move(0, 0)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if chromium.TAKES_PICTURES:
            for width, height in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": height})
                chromium.screenshot(page, f"hosted-{name}-{scheme}-{width}")
        page.set_viewport_size({"width": 320, "height": 640})
        found += chromium.accessibility_violations(page, look_only=scheme == "dark")
        assert chromium.sideways_scroll(page) <= 0, name
    chromium.screenshot(page, f"hosted-{name}-dark-320")
    page.set_viewport_size({"width": 390, "height": 780})
    page.emulate_media(color_scheme="light")
    assert found == []


def enrol_everything(hosted: Hosted) -> EndUser:
    """An email address first, so that it is the default; then the rest, a passkey among it."""
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    hosted.enrol("AUTHENTICATOR_APP", otpUri=f"otpauth://totp/Acme:alice?secret={SECRET}&issuer=Acme")
    user = EndUser.objects.get(user_id=hosted.user_id)
    make.make_authenticator(user, "PASSKEY", credential_id="c" * 40, rp_id="localhost", public_key=b"k")
    return user


def wrong(code: str) -> str:
    return f"{(int(code) + 123457) % 10**6:06d}"


def test_screenshot_choosing_and_each_challenge(hosted: Hosted) -> None:
    page = hosted.page
    enrol_everything(hosted)
    make.make_action(hosted.live.tenant, "pay", "CHALLENGE", message="Send {{action.amount}} to {{action.payee}}")
    hosted.open("pay", custom={"amount": "$3,000.00", "payee": "Jane Cooper"})
    heading(page, "Check your email")
    picture(page, "email")
    type_code(page, wrong(hosted.live.code(hosted.email)))
    expect(page.get_by_role("alert")).to_have_text(re.compile("not right"))
    picture(page, "email-wrong")
    choose(page, "Use another method")
    picture(page, "choose")
    choose(page, "Text message")
    heading(page, "Check your phone")
    picture(page, "sms")
    choose(page, "Use another method")
    choose(page, "Recovery code")
    picture(page, "recovery-code")
    choose(page, "Use another method")
    choose(page, "Passkey")
    picture(page, "passkey")
    chromium.add_authenticator(page, isUserVerified=False)
    choose(page, "Continue with passkey")
    expect(page.get_by_role("alert")).to_have_text(re.compile("You can try again"))
    picture(page, "passkey-cancelled")
    choose(page, "Use another method")
    choose(page, "Authenticator app")
    picture(page, "app")
    with offline(page, "/v1/client/verify/totp"):
        type_code(page, "123456")
        expect(page.get_by_role("alert")).to_have_text(re.compile("No connection"))
    picture(page, "app-offline")


def test_screenshot_long_texts(hosted: Hosted) -> None:
    page = hosted.page
    hosted.live.tenant.name = LONG_NAME
    hosted.live.tenant.save()
    hosted.enrol("EMAIL_OTP", email=LONG_EMAIL)
    hosted.enrol("AUTHENTICATOR_APP", otpUri=f"otpauth://totp/Acme:alice?secret={SECRET}&issuer=Acme")
    make.make_action(hosted.live.tenant, "pay", "CHALLENGE", message="Send {{action.amount}} to {{action.payee}}")
    hosted.open("pay", custom={"amount": "NZD 1,234,567.89", "payee": LONG_PAYEE}, redirectToSettings=True)
    heading(page, "Check your email")
    picture(page, "long-email")
    choose(page, "Use another method")
    picture(page, "long-choose")
    choose(page, "Authenticator app")
    picture(page, "long-app")
    type_code(page, hosted.current_code(SECRET))
    heading(page, "Your verification methods")
    picture(page, "long-settings")


def test_screenshot_enrolment(hosted: Hosted) -> None:
    page = hosted.page
    hosted.open()
    heading(page, "Set up verification")
    picture(page, "enrol")
    choose(page, "Passkey")
    picture(page, "enrol-passkey")
    choose(page, "Choose something else")
    choose(page, "Text message")
    picture(page, "enrol-sms")
    page.get_by_label("Mobile number").fill("12")
    choose(page, "Send code")
    expect(page.get_by_role("alert")).to_have_text("That does not look like a mobile number.")
    picture(page, "enrol-sms-wrong")
    choose(page, "Choose something else")
    choose(page, "Email")
    picture(page, "enrol-email")
    page.get_by_label("Email address").fill(hosted.email)
    choose(page, "Send code")
    heading(page, "Check your email")
    picture(page, "enrol-email-code")
    choose(page, "Use another method")
    choose(page, "Authenticator app")
    heading(page, "Set up your authenticator app")
    picture(page, "enrol-app")
    choose(page, "type a key")
    picture(page, "enrol-app-key")
    secret = page.locator(".secret-text").inner_text().replace(" ", "")
    type_code(page, hosted.current_code(secret))
    heading(page, "Save your recovery codes")
    picture(page, "recovery-codes")
    with held(page, "/challenge/api/finish"):
        save_recovery_codes(page)
        heading(page, "You’re all set")
        picture(page, "enrolled")


def test_screenshot_settings(hosted: Hosted) -> None:
    page = hosted.page
    recovery_code.replace_all(enrol_everything(hosted))
    hosted.open(redirectToSettings=True)
    type_code(page, hosted.live.code(hosted.email))
    heading(page, "Your verification methods")
    picture(page, "settings")
    choose(page, "Add a method")
    heading(page, "Add a way to verify")
    picture(page, "settings-add")


def test_screenshot_loading_success_and_the_end(hosted: Hosted) -> None:
    page = hosted.page
    hosted.enrol("AUTHENTICATOR_APP", otpUri=f"otpauth://totp/Acme:alice?secret={SECRET}&issuer=Acme")
    tracked = hosted.track()
    with held(page, "/challenge/api/state"):
        page.goto(tracked["url"])
        heading(page, "One moment…")
        picture(page, "loading")
    heading(page, "Open your authenticator app")
    with held(page, "/challenge/api/finish"):
        type_code(page, hosted.current_code(SECRET))
        heading(page, "You’re verified")
        picture(page, "verified")
    heading(page, "All done")
    picture(page, "done")
    page.goto(hosted.track()["url"])
    choose(page, "Cancel")
    heading(page, "You have left the verification")
    picture(page, "quit")


def test_screenshot_limits(hosted: Hosted, advance: Callable[[float], None]) -> None:
    page = hosted.page
    enrol_everything(hosted)
    tracked = hosted.open()
    heading(page, "Check your email")
    right = hosted.live.code(hosted.email)
    for _guess in range(5):
        type_code(page, wrong(right))
        expect(page.get_by_role("alert")).to_have_text(re.compile("not right"))
        expect(page.get_by_label("Code from the email")).to_have_value("")
    type_code(page, wrong(right))
    heading(page, "Too many wrong codes")
    picture(page, "locked")
    for _message in range(4):
        assert hosted.live("POST", "client/challenge/sms", {}, token=tracked["token"])[0] == 200
        advance(31)
    choose(page, "Use another method")
    choose(page, "Text message")
    heading(page, "Too many tries")
    picture(page, "limited")


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ("BLOCK", "This is not possible"),
        ("REVIEW_REQUIRED", "This is being reviewed"),
        ("CHALLENGE_FAILED", "Verification failed"),
    ],
)
def test_screenshot_what_somebody_decided_already(hosted: Hosted, state: str, title: str) -> None:
    tracked = hosted.track(redirectUrl=f"{hosted.app.origin}/return")
    path = f"users/{hosted.user_id}/actions/signIn/{tracked['idempotencyKey']}"
    assert hosted.live("PATCH", path, {"state": state})[0] == 200
    hosted.page.goto(tracked["url"])
    heading(hosted.page, title)
    picture(hosted.page, state.lower().replace("_", "-"))
    choose(hosted.page, "Go back to the app")
    hosted.page.wait_for_url(f"{hosted.app.origin}/return?token=*")


def test_screenshot_nothing_that_could_prove_it(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    make.make_action(hosted.live.tenant, "passkeyOnly", "CHALLENGE", verification_methods=["PASSKEY"])
    hosted.open("passkeyOnly")
    heading(hosted.page, "There is no way to verify")
    picture(hosted.page, "unavailable")


def test_screenshot_links_that_no_longer_work(hosted: Hosted, advance: Callable[[float], None]) -> None:
    page = hosted.page
    hosted.enrol("AUTHENTICATOR_APP", otpUri=f"otpauth://totp/Acme:alice?secret={SECRET}&issuer=Acme")
    tracked = hosted.open()
    heading(page, "Open your authenticator app")
    page.reload()
    heading(page, "This page cannot go on")
    picture(page, "missing")
    page.context.clear_cookies()
    page.goto(tracked["url"])
    heading(page, "Opened in another browser")
    picture(page, "other-browser")
    advance(10 * 60)
    page.goto(tracked["url"])
    heading(page, "This page has expired")
    picture(page, "expired")
    page.goto(f"{hosted.live.public_url}/challenge?token=garbled")
    heading(page, "This page has expired")
    picture(page, "garbled")


def test_screenshot_the_end_of_time_and_of_the_network(hosted: Hosted) -> None:
    page = hosted.page
    hosted.enrol("AUTHENTICATOR_APP", otpUri=f"otpauth://totp/Acme:alice?secret={SECRET}&issuer=Acme")
    tracked = hosted.track()
    with offline(page, "/challenge/api/state"):
        page.goto(tracked["url"])
        heading(page, "That did not work")
        picture(page, "error")
    page.clock.install()
    choose(page, "Try again")
    heading(page, "Open your authenticator app")
    page.clock.fast_forward(9 * 60 * 1000 + 20_000)
    expect(page.locator("#expiry")).to_be_visible()
    picture(page, "expiring")


def test_screenshot_the_popup_in_the_app(hosted: Hosted) -> None:
    enrol_everything(hosted)
    hosted.page.set_viewport_size({"width": 1280, "height": 800})
    hosted.launch("popup")
    heading(hosted.frame(), "Check your email")
    for scheme in ("light", "dark"):
        hosted.page.emulate_media(color_scheme=scheme)
        chromium.screenshot(hosted.page, f"hosted-popup-{scheme}-1280")
    assert hosted.frame().evaluate("getComputedStyle(document.body).padding") == "0px"


# -- a network that fails or waits ---------------------------------------------------------------


class offline:
    """While inside, requests to this path do not arrive."""

    def __init__(self, page: Page, path: str) -> None:
        self.page, self.pattern = page, f"**{path}"

    def __enter__(self) -> None:
        self.page.route(self.pattern, self.handle)

    def __exit__(self, *_error: object) -> None:
        self.page.unroute(self.pattern, self.handle)

    def handle(self, route: Route) -> None:
        route.abort()


class held(offline):
    """While inside, requests to this path wait; then they go on."""

    def __enter__(self) -> None:
        self.waiting: list[Route] = []
        super().__enter__()

    def __exit__(self, *_error: object) -> None:
        for route in self.waiting:
            route.continue_()
        super().__exit__()

    def handle(self, route: Route) -> None:
        self.waiting.append(route)
