"""The hosted pages by keyboard alone, and what a screen reader is told."""

import re

from playwright.sync_api import Page, expect

from tests import make
from tests.browser.chromium import add_authenticator
from tests.browser.hosted import Hosted, heading

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FOCUS = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  return { name: element.innerText || element.labels?.[0]?.innerText || "", ring: style.outlineStyle,
           box: element.getBoundingClientRect().toJSON() };
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control with this name has the focus; every stop on the way must show it."""
    for _stop in range(20):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        assert focus["ring"] != "none", focus
        if name in focus["name"]:
            return
    raise AssertionError(f"Tab never reached {name}")


def test_everything_from_enrolment_to_the_end_by_keyboard_alone(hosted: Hosted) -> None:
    page, keys = hosted.page, hosted.page.keyboard
    hosted.open()
    heading(page, "Set up verification")
    tab_to(page, "Authenticator app")
    keys.press("Enter")
    heading(page, "Set up your authenticator app")
    tab_to(page, "Verify")
    keys.press("Shift+Tab")
    secret = page.locator("[data-slot=secret]").text_content() or ""
    keys.type(hosted.current_code(secret.replace(" ", "")))
    heading(page, "Save your recovery codes")
    tab_to(page, "I have saved")
    keys.press("Space")
    tab_to(page, "Continue")
    keys.press("Enter")
    assert hosted.returned()["isValid"] is True


def test_a_challenge_is_typed_without_touching_anything_first(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    hosted.page.keyboard.type(hosted.live.code(hosted.email))
    assert hosted.returned()["isValid"] is True


def test_the_picker_is_left_and_entered_by_keyboard(hosted: Hosted) -> None:
    add_authenticator(hosted.page)
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    tab_to(hosted.page, "Use another method")
    hosted.page.keyboard.press("Space")
    heading(hosted.page, "How do you want to verify?")
    tab_to(hosted.page, "Recovery code")
    hosted.page.keyboard.press("Enter")
    heading(hosted.page, "Enter a recovery code")
    tab_to(hosted.page, "Verify")
    hosted.page.keyboard.press("Enter")
    expect(hosted.page.get_by_role("alert")).to_have_text("A recovery code has 24 letters and digits.")
    expect(hosted.page.get_by_label("Recovery code")).to_be_focused()
    tab_to(hosted.page, "Use another method")


def test_each_screen_takes_the_focus_to_its_heading_or_its_one_field(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    field = hosted.page.get_by_label("Code from the email")
    expect(field).to_be_focused()
    expect(hosted.page.locator("#announcer")).to_have_text("Check your email")
    assert "u•••@example.com" in field.evaluate(
        "input => input.getAttribute('aria-describedby').split(' ')"
        ".map((id) => document.getElementById(id).innerText).join(' ')"
    )
    hosted.page.get_by_role("button", name="Use another method").click()
    expect(hosted.page.get_by_role("heading", level=1)).to_be_focused()


def test_what_is_approved_is_said_before_anything_else(hosted: Hosted) -> None:
    make.make_action(hosted.live.tenant, "pay", "CHALLENGE", message="Pay {{action.amount}} to Jane")
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open("pay", custom={"amount": 20})
    expect(hosted.page.locator("#announcer")).to_have_text("Pay 20 to Jane. Check your email")


def test_targets_are_large_enough_for_a_thumb(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    # Whole pixels: while a screen moves in, its boxes are measured in fractions of them.
    boxes = hosted.page.evaluate(
        "[...document.querySelectorAll('button, input')].filter((one) => one.offsetWidth)"
        ".map((one) => [one.offsetWidth, one.offsetHeight, one.outerHTML.slice(0, 80)])"
    )
    assert len(boxes) >= 4
    assert not [box for box in boxes if box[0] < 44 or box[1] < 44]


def test_the_shake_honours_reduced_motion(hosted: Hosted) -> None:
    hosted.page.emulate_media(reduced_motion="reduce")
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    right = hosted.live.code(hosted.email)
    hosted.page.keyboard.type(f"{(int(right) + 1) % 10**6:06d}")
    expect(hosted.page.get_by_role("alert")).to_have_text(re.compile("not right"))
    assert hosted.page.evaluate("document.getAnimations().length") == 0
