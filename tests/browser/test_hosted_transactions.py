"""What a user confirms on the hosted pages, and the devices that they trust."""

from playwright.sync_api import expect

from actions.models import Device
from tests import make
from tests.browser.chromium import accessibility_violations, add_authenticator, screenshot, sideways_scroll
from tests.browser.hosted import Hosted, choose, heading, save_recovery_codes, type_code
from tests.linked import CUSTOM, link

TEXT = "Pay 1000 EUR to Bob Miller"


def trusting(hosted: Hosted) -> None:
    hosted.live.tenant.remember_devices = True
    hosted.live.tenant.save()


def checked(hosted: Hosted, name: str) -> None:
    hosted.page.set_viewport_size({"width": 320, "height": 640})
    assert sideways_scroll(hosted.page) == 0
    hosted.page.set_viewport_size({"width": 390, "height": 780})
    assert accessibility_violations(hosted.page) == []
    screenshot(hosted.page, name)


def test_a_payment_is_shown_while_it_is_proved_and_the_device_remembered_if_wanted(hosted: Hosted) -> None:
    link(hosted.live.tenant)
    trusting(hosted)
    add_authenticator(hosted.page)
    shown = hosted.page.locator("#message")
    hosted.open("pay", custom=CUSTOM, deviceId="laptop", email=hosted.email)
    heading(hosted.page, "Set up verification")
    expect(shown).to_have_text(TEXT)
    choose(hosted.page, "Passkey")
    expect(shown).to_have_text(TEXT)
    choose(hosted.page, "Create passkey")
    save_recovery_codes(hosted.page)
    # Nothing is remembered unless the box is ticked, and no timer takes the choice away.
    box = hosted.page.get_by_label("Remember this device for 30 days")
    expect(box).not_to_be_checked()
    choose(hosted.page, "Continue")
    assert hosted.returned()["isValid"] is True
    assert Device.objects.get().remembered_until is None

    hosted.open("pay", custom=CUSTOM, deviceId="laptop")
    heading(hosted.page, "Use your passkey")
    expect(shown).to_be_visible()
    expect(shown).to_have_text(TEXT)
    choose(hosted.page, "Continue with passkey")
    heading(hosted.page, "You’re verified")
    checked(hosted, "remember-device")
    box.check()
    choose(hosted.page, "Continue")
    result = hosted.returned()
    assert (result["transaction"]["text"], "receipt" in result) == (TEXT, True)
    assert Device.objects.get().remembered_until is not None


def test_a_user_forgets_a_device_on_the_settings_page(hosted: Hosted) -> None:
    make.make_action(hosted.live.tenant, "login", "CHALLENGE")
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.track("login", deviceId="old phone")
    hosted.open("login", redirectToSettings=True, deviceId="laptop")
    type_code(hosted.page, hosted.live.code(hosted.email))
    heading(hosted.page, "Your verification methods")
    choose(hosted.page, "Your devices")
    heading(hosted.page, "Your devices")
    rows = hosted.page.locator(".rows li")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("This device")
    checked(hosted, "devices")
    rows.last.get_by_role("button", name="Forget").click()
    expect(rows).to_have_count(1)
    assert Device.objects.exclude(invalidated_at=None).get().device_id == "old phone"
    choose(hosted.page, "Back")
    choose(hosted.page, "Done")
    assert hosted.returned()["isValid"] is True
