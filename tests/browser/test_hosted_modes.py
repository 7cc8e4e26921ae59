"""Launched by the unmodified browser SDK: popup, window and redirect; and what no other origin gets to see."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Frame, Page, Playwright, expect

from tests import make
from tests.browser import chromium, relying_app
from tests.browser.chromium import add_authenticator
from tests.browser.hosted import Hosted, choose, heading, save_recovery_codes, type_code
from tests.browser.relying_app import RelyingApp
from tests.conftest import Live


@pytest.fixture
def framed(playwright: Playwright, live: Live, app: RelyingApp) -> Iterator[Hosted]:
    """As `hosted`, in a browser that blocks third-party cookies."""
    live.tenant.app_origins = [app.origin, app.third_party]
    live.tenant.save()
    with chromium.launched(playwright, "--test-third-party-cookie-phaseout") as browser:
        page = browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(15_000)
        driver = Hosted(live, app, page)
        yield driver
        page.close()
        assert not driver.problems


def events(page: Page) -> list[Any]:
    """The SDK's JSON events that reached the page, in order."""
    found: list[Any] = page.evaluate("window.messages.map(({data}) => data)")
    return [json.loads(data) for data in found if isinstance(data, str)]


def delivered(window: Page, page: Page) -> list[Any]:
    """The events that reached the opener `page`, after everything that `window` has posted to it arrived."""
    window.evaluate("opener.postMessage(JSON.stringify('last'), '*')")
    page.wait_for_function("messages.some(({data}) => String(data).includes('last'))")
    return [event["event"] for event in events(page)[:-1]]


def heights(page: Page) -> list[int]:
    found: list[Any] = page.evaluate("window.messages.map(({data}) => data)")
    return [data["height"] for data in found if isinstance(data, dict)]


# -- popup ---------------------------------------------------------------------------------------


def test_a_popup_on_another_site_works_without_any_cookie(framed: Hosted) -> None:
    framed.enrol("EMAIL_OTP", email=framed.email)
    framed.launch("popup", origin=framed.app.third_party)
    frame = framed.frame()
    assert frame.evaluate("document.cookie = 'probe=1; SameSite=None; Secure'; document.cookie") == ""
    type_code(frame, framed.live.code(framed.email))
    result = framed.validate(framed.outcome()["token"])
    assert (result["isValid"], result["verificationMethod"]) == (True, "EMAIL_OTP")
    assert framed.page.locator("#__authsignal-popup-container").count() == 0
    assert [event["event"] for event in events(framed.page)] == ["AUTHSIGNAL_READY", "AUTHSIGNAL_CLOSE_POPUP"]
    cookies = framed.page.context.cookies(framed.live.public_url)
    assert [cookie for cookie in cookies if cookie.get("name") == "__Host-ch"] == []


def test_the_popup_is_as_high_as_what_it_shows(framed: Hosted) -> None:
    framed.enrol("EMAIL_OTP", email=framed.email)
    framed.launch("popup", origin=framed.app.third_party)
    frame = framed.frame()
    heading(frame, "Check your email")
    choose(frame, "Use another method")
    heading(frame, "How do you want to verify?")
    framed.page.wait_for_function("new Set(messages.filter(m => m.data.height).map(m => m.data.height)).size > 1")
    shown = framed.page.locator("#__authsignal-popup-iframe").evaluate("frame => frame.style.height")
    assert shown == f"{heights(framed.page)[-1]}px"
    card = frame.locator("#card").bounding_box()
    assert card is not None
    assert abs(card["height"] - heights(framed.page)[-1]) < 1
    assert frame.evaluate("document.documentElement.scrollHeight <= window.innerHeight")


def test_a_passkey_is_created_and_used_in_a_popup_on_another_site(framed: Hosted) -> None:
    framed.launch("popup", origin=framed.app.third_party)
    frame = framed.frame()
    heading(frame, "Set up verification")
    add_authenticator_to(frame)
    choose(frame, "Passkey")
    choose(frame, "Create passkey")
    save_recovery_codes(frame)
    assert framed.validate(framed.outcome()["token"])["verificationMethod"] == "PASSKEY"


def test_a_passkey_proves_in_a_popup(hosted: Hosted) -> None:
    add_authenticator(hosted.page)
    hosted.open()
    choose(hosted.page, "Passkey")
    choose(hosted.page, "Create passkey")
    save_recovery_codes(hosted.page)
    hosted.returned()
    hosted.launch("popup")
    frame = hosted.frame()
    choose(frame, "Continue with passkey")
    assert hosted.validate(hosted.outcome()["token"])["verificationMethod"] == "PASSKEY"


def test_where_a_frame_may_not_create_a_passkey_a_window_may(hosted: Hosted) -> None:
    another_window_makes_a_passkey(hosted, hosted.app.origin)


def test_where_a_frame_on_another_site_may_not_create_a_passkey_a_window_may(framed: Hosted) -> None:
    another_window_makes_a_passkey(framed, framed.app.third_party)


def another_window_makes_a_passkey(hosted: Hosted, origin: str) -> None:
    tracked = hosted.track()
    hosted.page.goto(origin)
    # A customer's page that delegates less than the SDK does.
    hosted.page.evaluate(
        """url => {
          const frame = document.createElement("iframe");
          frame.allow = "publickey-credentials-create 'none'";
          frame.src = url;
          document.body.append(frame);
        }""",
        tracked["url"] + "&mode=popup",
    )
    frame = hosted.page.frames[-1]
    frame.wait_for_load_state()
    heading(frame, "Set up verification")
    choose(frame, "Passkey")
    expect(frame.get_by_role("button", name="Create passkey")).to_be_hidden()
    with hosted.page.expect_popup() as opened:
        choose(frame, "Continue in a new window")
    window = opened.value
    heading(frame, "Continue in the other window")
    heading(window, "Create a passkey")
    add_authenticator(window)
    choose(window, "Create passkey")
    save_recovery_codes(window)
    hosted.page.wait_for_function("messages.some(m => String(m.data).includes('CLOSE_POPUP'))")
    token = next(event["token"] for event in events(hosted.page) if event["event"] == "AUTHSIGNAL_CLOSE_POPUP")
    assert hosted.validate(token)["verificationMethod"] == "PASSKEY"


def test_a_user_who_closes_the_popup_leaves_no_token(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    tracked = hosted.launch("popup")
    heading(hosted.frame(), "Check your email")
    hosted.page.locator("#__authsignal-popup-overlay").click(position={"x": 5, "y": 5})
    assert hosted.outcome() == {"token": None}
    assert hosted.validate(tracked["token"])["state"] == "CHALLENGE_REQUIRED"


def test_quitting_in_the_popup_closes_it_with_a_token_that_proves_nothing(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.launch("popup")
    choose(hosted.frame(), "Cancel")
    result = hosted.validate(hosted.outcome()["token"])
    assert (result["isValid"], result["state"]) == (False, "CHALLENGE_REQUIRED")


def test_an_expired_token_in_the_popup_says_so_and_closes_without_a_token(
    hosted: Hosted, advance: Callable[[float], None]
) -> None:
    tracked = hosted.track()
    advance(11 * 60)
    hosted.page.goto(hosted.app.origin)
    options = {"tenantId": hosted.live.tenant_id, "baseUrl": hosted.live.api_url, "mode": "popup"}
    hosted.page.evaluate("options => window.start(options)", {**options, "url": tracked["url"]})
    heading(hosted.frame(), "This page has expired")
    choose(hosted.frame(), "Go back to the app")
    assert hosted.outcome() == {"token": None}
    assert hosted.page.evaluate("errors") == [{"errorCode": "expired_token", "statusCode": 401}]


def test_a_token_that_expires_in_the_popup_is_reported_to_the_app(
    hosted: Hosted, advance: Callable[[float], None]
) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri="otpauth://totp/A:a?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    hosted.launch("popup")
    heading(hosted.frame(), "Open your authenticator app")
    advance(11 * 60)
    type_code(hosted.frame(), "123456")
    heading(hosted.frame(), "This page has expired")
    assert hosted.page.evaluate("errors") == [{"errorCode": "expired_token", "statusCode": 401}]


def test_a_popup_can_be_launched_again_until_it_succeeded(hosted: Hosted) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri="otpauth://totp/A:a?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    tracked = hosted.track()
    options = {"tenantId": hosted.live.tenant_id, "baseUrl": hosted.live.api_url, "mode": "popup"}
    for _launch in range(2):
        hosted.page.goto(hosted.app.origin)
        hosted.page.evaluate("options => window.start(options)", {**options, "url": tracked["url"]})
        heading(hosted.frame(), "Open your authenticator app")
    type_code(hosted.frame(), hosted.current_code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"))
    assert hosted.validate(hosted.outcome()["token"])["isValid"] is True
    hosted.page.goto(hosted.app.origin)
    hosted.page.evaluate("options => window.start(options)", {**options, "url": tracked["url"]})
    heading(hosted.frame(), "This was already done")


# -- window and redirect -------------------------------------------------------------------------


def test_a_window_hands_its_token_to_the_page_that_opened_it(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    with hosted.page.expect_popup() as opened:
        hosted.launch("window", origin=hosted.app.third_party)
    heading(opened.value, "Check your email")
    type_code(opened.value, hosted.live.code(hosted.email))
    assert hosted.validate(hosted.outcome()["token"])["isValid"] is True
    assert heights(hosted.page) == []


def test_the_sdk_redirects_to_the_page_and_the_page_back(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.launch("redirect", redirectUrl=f"{hosted.app.origin}/return?keep=1")
    heading(hosted.page, "Check your email")
    type_code(hosted.page, hosted.live.code(hosted.email))
    assert hosted.returned()["isValid"] is True
    hosted.page.go_back()
    assert "token=" not in hosted.page.url


def test_quitting_a_redirect_or_a_window_gives_a_token_that_proves_nothing(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.launch("redirect", redirectUrl=f"{hosted.app.origin}/return?keep=1")
    choose(hosted.page, "Cancel")
    quit_by_redirect = hosted.returned()
    with hosted.page.expect_popup() as opened:
        hosted.launch("window")
    choose(opened.value, "Cancel")
    for result in (quit_by_redirect, hosted.validate(hosted.outcome()["token"])):
        assert (result["isValid"], result["state"]) == (False, "CHALLENGE_REQUIRED")


# -- other origins -------------------------------------------------------------------------------


@pytest.fixture
def foreign(hosted: Hosted) -> RelyingApp:
    """The app's other name, no longer registered."""
    hosted.live.tenant.app_origins = [hosted.app.origin]
    hosted.live.tenant.save()
    return hosted.app


def test_a_foreign_page_cannot_frame_it(hosted: Hosted, foreign: RelyingApp) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    tracked = hosted.track()
    hosted.page.goto(foreign.third_party)
    with hosted.page.expect_console_message(lambda line: "frame-ancestors" in line.text):
        hosted.page.evaluate(
            "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))",
            tracked["url"] + "&mode=popup",
        )
    expect(hosted.page.frame_locator("iframe").get_by_role("heading")).to_have_count(0)
    assert hosted.page.frames[-1].url.startswith("chrome-error://")
    assert hosted.page.evaluate("messages") == []
    hosted.problems.clear()


def test_a_foreign_opener_never_gets_the_token(hosted: Hosted, foreign: RelyingApp) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    tracked = hosted.track()
    hosted.page.goto(foreign.third_party)
    with hosted.page.expect_popup() as opened:
        hosted.page.evaluate("url => void window.open(url)", tracked["url"] + "&mode=popup")
    type_code(opened.value, hosted.live.code(hosted.email))
    heading(opened.value, "All done")
    assert delivered(opened.value, hosted.page) == ["AUTHSIGNAL_READY"]


def test_an_opener_that_went_elsewhere_meanwhile_never_gets_the_token(hosted: Hosted, foreign: RelyingApp) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    with hosted.page.expect_popup() as opened:
        hosted.launch("window")
    heading(opened.value, "Check your email")
    # By script, as a page does it: what the user types into the address bar would cut the window off.
    hosted.page.evaluate("url => location.assign(url)", foreign.third_party)
    hosted.page.wait_for_url(f"{foreign.third_party}/")
    type_code(opened.value, hosted.live.code(hosted.email))
    heading(opened.value, "All done")
    assert delivered(opened.value, hosted.page) == []


def test_a_sandboxed_opener_without_an_origin_never_gets_the_token(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    tracked = hosted.track()
    hosted.page.goto(hosted.app.origin)
    hosted.page.evaluate(
        """url => {
          const frame = document.createElement("iframe");
          frame.sandbox = "allow-scripts allow-popups allow-popups-to-escape-sandbox";
          frame.srcdoc = `<script>onmessage = (event) => parent.postMessage(event.data, "*")</` +
            `script><button onclick="window.open('${url}')">open</button>`;
          document.body.append(frame);
        }""",
        tracked["url"] + "&mode=popup",
    )
    with hosted.page.expect_popup() as opened:
        hosted.page.frame_locator("iframe").get_by_role("button", name="open").click()
    type_code(opened.value, hosted.live.code(hosted.email))
    heading(opened.value, "All done")
    assert delivered(opened.value, hosted.page) == ["AUTHSIGNAL_READY"]


def test_another_tenants_app_is_as_foreign_as_any(hosted: Hosted) -> None:
    with relying_app.serving() as other:
        make.make_tenant("Globex", app_origins=[other.origin])
        hosted.enrol("EMAIL_OTP", email=hosted.email)
        tracked = hosted.track()
        hosted.page.goto(other.origin)
        with hosted.page.expect_popup() as opened:
            hosted.page.evaluate("url => void window.open(url)", tracked["url"] + "&mode=popup")
        type_code(opened.value, hosted.live.code(hosted.email))
        heading(opened.value, "All done")
        assert delivered(opened.value, hosted.page) == ["AUTHSIGNAL_READY"]


def test_the_page_listens_to_no_message(hosted: Hosted) -> None:
    hosted.page.add_init_script(
        """window.listened = [];
        const add = EventTarget.prototype.addEventListener;
        EventTarget.prototype.addEventListener = function (name, ...rest) {
          if (name === "message") window.listened.push(String(this));
          return add.call(this, name, ...rest);
        };"""
    )
    hosted.open()
    heading(hosted.page, "Set up verification")
    assert hosted.page.evaluate("[window.listened.length, window.onmessage]") == [0, None]


def add_authenticator_to(frame: Frame) -> None:
    """A virtual authenticator for a frame of another site, which is a target of its own."""
    session = frame.page.context.new_cdp_session(frame)
    session.send("WebAuthn.enable", {"enableUI": False})
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
