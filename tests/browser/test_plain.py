"""The hosted pages in a browser without JavaScript: every screen that needs no passkey works with plain forms."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from authenticators.methods import recovery_code
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge, EndUser, RecoveryCode
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.browser.hosted import Hosted, choose, heading
from tests.browser.relying_app import RelyingApp
from tests.browser.test_devices import make_phone
from tests.browser.test_identity import check_by, sign_in_with
from tests.browser.test_messaging import link
from tests.conftest import Live

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
OTP_URI = f"otpauth://totp/Acme:alice?secret={SECRET}&issuer=Acme"


@pytest.fixture
def plain(live: Live, app: RelyingApp, browser: Browser) -> Iterator[Hosted]:
    """As `hosted`, with JavaScript switched off."""
    live.tenant.app_origins = [app.origin]
    live.tenant.save()
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 780}, java_script_enabled=False)
    context.set_default_timeout(15_000)
    driver = Hosted(live, app, context.new_page())
    yield driver
    context.close()
    assert not driver.problems


def answer(page: Page, code: str) -> None:
    page.get_by_label("Code from").fill(code)
    choose(page, "Verify")


def save_codes(page: Page) -> list[str]:
    heading(page, "Save your recovery codes")
    codes = page.locator(".codes li").all_inner_texts()
    assert len(codes) == 10
    choose(page, "Continue")
    # The browser itself asks for the tick.
    heading(page, "Save your recovery codes")
    page.get_by_label("I have saved these codes").check()
    choose(page, "Continue")
    return codes


def test_codes_by_message_and_from_an_app(plain: Hosted) -> None:
    page = plain.page
    plain.enrol("EMAIL_OTP", email=plain.email)
    plain.enrol("SMS", phoneNumber=plain.phone)
    plain.enrol("AUTHENTICATOR_APP", otpUri=OTP_URI)
    user = EndUser.objects.get(user_id=plain.user_id)
    make.make_authenticator(user, "PASSKEY", credential_id="c" * 40, rp_id="localhost", public_key=b"k")
    AuthenticatorConfiguration.objects.create(tenant=plain.live.tenant, method=M.WHATSAPP)
    codes = recovery_code.replace_all(user)
    plain.open()
    heading(page, "How do you want to verify?")
    expect(page.get_by_text("Passkeys and security keys need JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Passkey")).to_have_count(0)
    assert not Challenge.objects.exists()
    choose(page, "Email")
    heading(page, "Check your email")
    answer(page, "000000" if plain.live.code(plain.email) != "000000" else "111111")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    choose(page, "Send a new code")
    expect(page.get_by_text("A message was sent a moment ago.")).to_contain_text("You can try again in")
    choose(page, "Use another method")
    choose(page, "Text message")
    heading(page, "Check your phone")
    choose(page, "Send it by WhatsApp instead")
    heading(page, "Check WhatsApp")
    choose(page, "Use another method")
    choose(page, "Recovery code")
    answer_field = page.get_by_label("Recovery code")
    answer_field.fill(codes[0])
    choose(page, "Verify")
    assert plain.returned()["verificationMethod"] == "RECOVERY_CODE"
    plain.open()
    choose(page, "Authenticator app")
    answer(page, plain.current_code(SECRET))
    assert plain.returned()["verificationMethod"] == "AUTHENTICATOR_APP"
    assert "token=" not in page.url or page.url.startswith(plain.app.origin)


def test_setting_up_and_the_settings(plain: Hosted) -> None:
    page = plain.page
    plain.open(redirectToSettings=True)
    heading(page, "Set up verification")
    choose(page, "Text message")
    page.get_by_label("Country").select_option("NZ")
    page.get_by_label("Mobile number").fill("12")
    choose(page, "Send code")
    expect(page.get_by_role("alert")).to_have_text("That does not look like a mobile number.")
    page.get_by_label("Mobile number").fill("021 " + plain.phone[5:])
    choose(page, "Send code")
    heading(page, "Check your phone")
    answer(page, plain.live.code(plain.phone))
    codes = save_codes(page)
    heading(page, "Your verification methods")
    choose(page, "Add a method")
    choose(page, "Authenticator app")
    heading(page, "Set up your authenticator app")
    secret = page.locator(".secret-text").inner_text().replace(" ", "")
    answer(page, "000000")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    assert page.locator(".secret-text").inner_text().replace(" ", "") == secret
    answer(page, plain.current_code(secret))
    heading(page, "Your verification methods")
    choose(page, "Change Authenticator app")
    choose(page, "Make it your default")
    expect(page.locator("li", has_text="Authenticator app").get_by_text("Default")).to_be_visible()
    choose(page, "Change Text message")
    choose(page, "Remove it")
    # What it proved went with it.
    heading(page, "How do you want to verify?")
    choose(page, "Recovery code")
    page.get_by_label("Recovery code").fill(codes[0])
    choose(page, "Verify")
    heading(page, "Your verification methods")
    expect(page.locator(".rows li")).to_have_count(1)
    choose(page, "New recovery codes")
    choose(page, "Make new codes")
    save_codes(page)
    choose(page, "Your devices")
    heading(page, "Your devices")
    choose(page, "Back")
    choose(page, "Done")
    assert plain.returned()["isValid"] is True
    assert [row.method for row in Authenticator.objects.exclude(verified_at=None)] == ["AUTHENTICATOR_APP"]


def test_a_link_by_email(plain: Hosted) -> None:
    page = plain.page
    AuthenticatorConfiguration.objects.create(tenant=plain.live.tenant, method=M.EMAIL_MAGIC_LINK)
    plain.enrol("EMAIL_MAGIC_LINK", email=plain.email)
    plain.open()
    choose(page, "Email link")
    heading(page, "Check your inbox")
    page.get_by_role("link", name="Check only when I ask").click()
    choose(page, "I have confirmed it")
    expect(page.get_by_text("not been confirmed yet")).to_be_visible()
    mail = page.context.new_page()
    mail.goto(link(plain))
    mail.get_by_role("button", name="Yes, it’s me").click()
    heading(mail, "You’re verified")
    choose(page, "I have confirmed it")
    assert plain.returned()["verificationMethod"] == "EMAIL_MAGIC_LINK"


def test_an_answer_on_the_phone(plain: Hosted) -> None:
    page = plain.page
    phone = make_phone(plain, M.PUSH)
    plain.open()
    choose(page, "App on your phone")
    number = page.locator(".number").inner_text()
    choose(page, "I have answered it")
    expect(page.get_by_text("no answer yet")).to_be_visible()
    assert page.locator(".number").inner_text() == number
    phone.answer_push(number)
    # The page looks by itself.
    assert plain.returned()["verificationMethod"] == "PUSH"


def test_a_device_is_remembered_and_forgotten(plain: Hosted) -> None:
    page = plain.page
    plain.live.tenant.remember_devices = True
    plain.live.tenant.save()
    plain.enrol("AUTHENTICATOR_APP", otpUri=OTP_URI)
    plain.open(deviceId="laptop")
    choose(page, "Authenticator app")
    answer(page, plain.current_code(SECRET))
    heading(page, "You’re verified")
    page.get_by_label("Remember this device").check()
    choose(page, "Continue")
    plain.returned()
    plain.open(deviceId="laptop", redirectToSettings=True, scope="update:authenticators")
    choose(page, "Your devices")
    expect(page.get_by_text("Remembered")).to_be_visible()
    choose(page, "Forget")
    expect(page.get_by_text("No devices are known yet.")).to_be_visible()


def test_only_a_passkey_says_so(plain: Hosted) -> None:
    user = make.make_user(plain.live.tenant, plain.user_id)
    make.make_authenticator(user, "PASSKEY", credential_id="c" * 40, rp_id="localhost", public_key=b"k")
    plain.open()
    heading(plain.page, "This needs JavaScript")
    choose(plain.page, "Go back to the app")
    assert plain.returned()["state"] == "CHALLENGE_REQUIRED"


def connect(page: Page) -> None:
    choose(page, "Acme Staff")
    heading(page, "Connect an account")
    page.get_by_role("link", name="Continue").click()


def test_an_account_and_an_identity_check_elsewhere(plain: Hosted, httpserver) -> None:
    page = plain.page
    issuer = sign_in_with(plain.live.tenant, httpserver)
    plain.open(query="&force_enrollment=true")
    connect(page)
    # Coming back has made no codes yet.
    heading(page, "Save your recovery codes")
    assert not RecoveryCode.objects.exists()
    choose(page, "Continue")
    save_codes(page)
    assert plain.returned()["verificationMethod"] == "OIDC_PROVIDER"
    plain.open()
    problem = page.get_by_role("alert")
    for account in ("jo-2", "jo-1"):
        # Another account leads back to where one chooses.
        choose(page, "Acme Staff")
        heading(page, "Verify with your account")
        expect(problem).to_be_hidden()
        issuer.account = account
        page.get_by_role("link", name="Continue").click()
        if account == "jo-2":
            heading(page, "How do you want to verify?")
            expect(problem).to_contain_text("it was another account")
    assert plain.returned()["isValid"] is True
    # A further one after the proof: that ends as soon as it is connected.
    plain.open(query="&force_enrollment=true")
    choose(page, "Acme Staff")
    page.get_by_role("link", name="Continue").click()
    heading(page, "Add a way to verify")
    issuer.account = "jo-3"
    connect(page)
    assert plain.returned()["verificationMethod"] == "OIDC_PROVIDER"
    adapter = check_by(plain.live.tenant, httpserver)
    plain.open(redirectToSettings=True, scope="add:authenticators")
    choose(page, "Add a method")
    choose(page, "Onfido")
    heading(page, "Identity check")
    page.get_by_role("link", name="Check only when I ask").click()
    choose(page, "I have done it")
    expect(page.get_by_text("There is no answer yet.")).to_be_visible()
    expect(page.get_by_role("link", name="Open the check")).to_have_attribute("target", "_blank")
    assert adapter.tell_by_network() == "proved"
    choose(page, "I have done it")
    expect(page.get_by_role("button", name="Change Onfido")).to_be_visible()
