"""What ends a hosted page before its time, on the real server. Each screen by itself is in tests/screens."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import chromium
from tests.browser.hosted import Hosted, choose, heading, type_code

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
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


@pytest.mark.parametrize(
    ("state", "title"),
    [
        ("BLOCK", "This is not possible"),
        ("REVIEW_REQUIRED", "This is being reviewed"),
        ("CHALLENGE_FAILED", "Verification failed"),
    ],
)
def test_what_somebody_decided_already(hosted: Hosted, state: str, title: str) -> None:
    tracked = hosted.track(redirectUrl=f"{hosted.app.origin}/return")
    path = f"users/{hosted.user_id}/actions/signIn/{tracked['idempotencyKey']}"
    assert hosted.live("PATCH", path, {"state": state})[0] == 200
    hosted.page.goto(tracked["url"])
    heading(hosted.page, title)
    choose(hosted.page, "Go back to the app")
    hosted.page.wait_for_url(f"{hosted.app.origin}/return?token=*")


def test_links_that_no_longer_work(hosted: Hosted, advance: Callable[[float], None]) -> None:
    page = hosted.page
    hosted.enrol("AUTHENTICATOR_APP", otpUri=f"otpauth://totp/Acme:alice?secret={SECRET}&issuer=Acme")
    tracked = hosted.open()
    heading(page, "Open your authenticator app")
    page.reload()
    heading(page, "This page cannot go on")
    page.context.clear_cookies()
    page.goto(tracked["url"])
    heading(page, "Opened in another browser")
    advance(10 * 60)
    page.goto(tracked["url"])
    heading(page, "This page has expired")
    page.goto(f"{hosted.live.public_url}/challenge?token=garbled")
    heading(page, "This page has expired")


def test_the_end_of_time_and_of_the_network(hosted: Hosted) -> None:
    page = hosted.page
    hosted.enrol("AUTHENTICATOR_APP", otpUri=f"otpauth://totp/Acme:alice?secret={SECRET}&issuer=Acme")
    tracked = hosted.track()
    with offline(page, "/challenge/api/state"):
        page.goto(tracked["url"])
        heading(page, "That did not work")
    page.clock.install()
    choose(page, "Try again")
    heading(page, "Open your authenticator app")
    with refusing(page, "/v1/client/verify/totp", "invalid_configuration"):
        type_code(page, "000000")
        expect(page.get_by_role("alert")).to_have_text("This way cannot be used here. Choose another one.")
    with refusing(page, "/v1/client/verify/totp", "not_heard_of"):
        choose(page, "Verify")
        expect(page.get_by_role("alert")).to_have_text(re.compile("^That did not work here. Go back to the app"))
    page.clock.fast_forward(9 * 60 * 1000 + 20_000)
    expect(page.locator("#expiry")).to_be_visible()


def test_screenshot_the_popup_in_the_app(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
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


class refusing(offline):
    """While inside, they are answered with this error, and with words that are not for users."""

    def __init__(self, page: Page, path: str, code: str) -> None:
        super().__init__(page, path)
        self.code = code

    def handle(self, route: Route) -> None:
        body = {"error": self.code, "errorCode": self.code, "errorDescription": "AUTHENTICATOR_APP is not permitted."}
        route.fulfill(status=400, json=body)
