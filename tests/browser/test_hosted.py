"""Every method through the real pages, in redirect mode."""

import json
import re
from collections.abc import Callable

from playwright.sync_api import expect

from authenticators.models import Authenticator, EndUser, RecoveryCode
from authsignal_portal import clock
from tests import make
from tests.browser.chromium import add_authenticator
from tests.browser.hosted import Hosted, choose, heading, save_recovery_codes, type_code

TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def otp_uri() -> str:
    return f"otpauth://totp/Acme:alice?secret={TOTP_SECRET}&issuer=Acme"


# -- challenges ----------------------------------------------------------------------------------


def test_a_code_by_email_proves_and_returns_to_the_app(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    expect(hosted.page.locator(".target")).to_have_text("u•••@example.com")
    type_code(hosted.page, hosted.live.code(hosted.email))
    result = hosted.returned()
    assert (result["isValid"], result["state"]) == (True, "CHALLENGE_SUCCEEDED")
    assert (result["verificationMethod"], result["userId"]) == ("EMAIL_OTP", hosted.user_id)


def test_a_code_by_text_message_proves(hosted: Hosted) -> None:
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    hosted.open()
    heading(hosted.page, "Check your phone")
    expect(hosted.page.locator(".target")).to_have_text(f"•••• {hosted.phone[-3:]}")
    type_code(hosted.page, hosted.live.code(hosted.phone))
    assert hosted.returned()["verificationMethod"] == "SMS"


def test_a_code_from_an_app_proves(hosted: Hosted) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri=otp_uri())
    hosted.open()
    heading(hosted.page, "Open your authenticator app")
    type_code(hosted.page, hosted.current_code(TOTP_SECRET))
    assert hosted.returned()["verificationMethod"] == "AUTHENTICATOR_APP"


def test_a_recovery_code_proves_and_is_then_used_up(hosted: Hosted) -> None:
    codes = hosted.enrol("EMAIL_OTP", email=hosted.email)["recoveryCodes"]
    hosted.open()
    choose(hosted.page, "Use another method")
    choose(hosted.page, "Recovery code")
    heading(hosted.page, "Enter a recovery code")
    expect(hosted.page.get_by_text("A recovery code has 24 letters and digits.")).to_be_visible()
    field = hosted.page.get_by_label("Recovery code")
    mistyped = f"{'AB'[codes[0][0] == 'A']}{codes[0][1:]}"
    field.fill(mistyped)
    expect(hosted.page.get_by_role("alert")).to_contain_text("not right")
    expect(field).to_have_value(mistyped)
    # Each mending keystroke would be a guess: by itself it is sent once.
    field.fill(codes[0].lower())
    choose(hosted.page, "Verify")
    assert hosted.returned()["verificationMethod"] == "RECOVERY_CODE"
    hosted.open()
    choose(hosted.page, "Use another method")
    choose(hosted.page, "Recovery code")
    hosted.page.get_by_label("Recovery code").fill(codes[0])
    expect(hosted.page.get_by_role("alert")).to_have_text(re.compile("not right, or it was used before"))
    kept = [code[:2] for code in codes[1:4]]
    RecoveryCode.objects.exclude(index__in=kept).delete()
    hosted.page.get_by_label("Recovery code").fill(codes[1])
    choose(hosted.page, "Verify")
    heading(hosted.page, "You’re verified")
    expect(hosted.page.get_by_text("Unused recovery codes: 2. Make new ones")).to_be_visible()
    choose(hosted.page, "New recovery codes")
    choose(hosted.page, "Make new codes")
    save_recovery_codes(hosted.page)
    assert hosted.returned()["isValid"] is True


def test_a_passkey_is_created_and_then_proves(hosted: Hosted) -> None:
    add_authenticator(hosted.page)
    hosted.open()
    heading(hosted.page, "Set up verification")
    choose(hosted.page, "Passkey")
    choose(hosted.page, "Create passkey")
    assert len(set(save_recovery_codes(hosted.page))) == 10
    assert hosted.returned()["verificationMethod"] == "PASSKEY"
    hosted.open()
    heading(hosted.page, "Use your passkey")
    choose(hosted.page, "Continue with passkey")
    result = hosted.returned()
    assert (result["isValid"], result["verificationMethod"]) == (True, "PASSKEY")


def test_a_rule_asks_for_a_passkey_after_its_challenge_and_no_is_an_answer(hosted: Hosted) -> None:
    pay = make.make_action(hosted.live.tenant, "pay", "ALLOW")
    always = {"!": {"missing": ["user.userId"]}}
    make.make_rule(pay, always, prompt_to_enroll_verification_methods=["PASSKEY"])
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    add_authenticator(hosted.page)
    hosted.open("pay")
    type_code(hosted.page, hosted.live.code(hosted.email))
    heading(hosted.page, "You’re verified")
    expect(hosted.page.get_by_role("button", name="Cancel")).to_be_hidden()
    choose(hosted.page, "Not now")
    assert hosted.returned()["isValid"] is True
    hosted.open("pay")
    type_code(hosted.page, hosted.live.code(hosted.email, number=2))
    choose(hosted.page, "Create passkey")
    assert hosted.returned()["isValid"] is True
    # Who has one is not asked again.
    hosted.open("pay")
    choose(hosted.page, "Use another method")
    choose(hosted.page, "Email")
    type_code(hosted.page, hosted.live.code(hosted.email, number=3))
    assert hosted.returned()["verificationMethod"] == "EMAIL_OTP"


def test_where_the_tenant_switched_the_offer_off_nothing_is_offered(hosted: Hosted) -> None:
    make.make_configuration(hosted.live.tenant, "PASSKEY", disable_enrollment_prompt=True)
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    add_authenticator(hosted.page)
    hosted.open()
    type_code(hosted.page, hosted.live.code(hosted.email))
    assert hosted.returned()["isValid"] is True


def test_a_cancelled_passkey_can_be_tried_again_or_left(hosted: Hosted) -> None:
    session, authenticator = add_authenticator(hosted.page)
    hosted.open(email=hosted.email)
    choose(hosted.page, "Passkey")
    choose(hosted.page, "Create passkey")
    save_recovery_codes(hosted.page)
    hosted.returned()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    hosted.open()
    choose(hosted.page, "Continue with passkey")
    expect(hosted.page.get_by_role("alert")).to_have_text(re.compile("You can try again"))
    expect(hosted.page.get_by_role("button", name="Use another method")).to_be_visible()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True})
    choose(hosted.page, "Try again")
    assert hosted.returned()["isValid"] is True


def test_a_browser_without_passkeys_is_not_offered_one(hosted: Hosted) -> None:
    hosted.page.add_init_script("delete window.PublicKeyCredential")
    hosted.open()
    heading(hosted.page, "Set up verification")
    expect(hosted.page.get_by_role("button", name="Authenticator app")).to_be_visible()
    expect(hosted.page.get_by_role("button", name="Passkey")).to_have_count(0)
    user = EndUser.objects.get(user_id=hosted.user_id)
    make.make_authenticator(user, "PASSKEY", credential_id="c" * 40, rp_id="localhost", public_key=b"k")
    hosted.open()
    heading(hosted.page, "This browser cannot use passkeys")
    expect(hosted.page.get_by_text("start again in another browser")).to_be_visible()
    expect(hosted.page.get_by_text("Nothing that you have set up")).to_be_hidden()
    choose(hosted.page, "Go back to the app")
    # Another browser can: nothing has failed.
    assert hosted.returned()["state"] == "CHALLENGE_REQUIRED"


# -- enrolment -----------------------------------------------------------------------------------


def test_a_new_user_enrols_an_email_address(hosted: Hosted) -> None:
    hosted.open()
    choose(hosted.page, "Email")
    heading(hosted.page, "Your email address")
    hosted.page.get_by_label("Email address").fill("not an address")
    choose(hosted.page, "Send code")
    expect(hosted.page.get_by_role("alert")).to_have_text("That does not look like an email address.")
    hosted.page.get_by_label("Email address").fill(hosted.email)
    choose(hosted.page, "Send code")
    heading(hosted.page, "Check your email")
    type_code(hosted.page, hosted.live.code(hosted.email))
    save_recovery_codes(hosted.page)
    assert hosted.returned()["isValid"] is True
    _status, methods = hosted.live("GET", f"users/{hosted.user_id}/authenticators")
    assert [(item["verificationMethod"], item["email"]) for item in methods] == [("EMAIL_OTP", hosted.email)]


def test_an_address_on_file_is_added_once_all_else_has_expired(hosted: Hosted) -> None:
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    Authenticator.objects.update(expires_at=clock.now())
    hosted.open(email=hosted.email, scope="add:authenticators")
    choose(hosted.page, "Email")
    heading(hosted.page, "Check your email")
    type_code(hosted.page, hosted.live.code(hosted.email))
    assert hosted.returned()["state"] == "CHALLENGE_SUCCEEDED"


def test_an_address_that_the_app_knows_needs_only_its_code(hosted: Hosted) -> None:
    hosted.open(email=hosted.email)
    choose(hosted.page, "Email")
    heading(hosted.page, "Check your email")
    type_code(hosted.page, hosted.live.code(hosted.email))
    save_recovery_codes(hosted.page)
    assert hosted.returned()["isValid"] is True


def test_the_known_address_may_be_replaced_by_another(hosted: Hosted) -> None:
    hosted.open(email=hosted.email)
    choose(hosted.page, "Email")
    choose(hosted.page, "Use a different address")
    other = f"other-{hosted.email}"
    hosted.page.get_by_label("Email address").fill(other)
    choose(hosted.page, "Send code")
    heading(hosted.page, "Check your email")
    type_code(hosted.page, hosted.live.code(other))
    save_recovery_codes(hosted.page)
    assert hosted.returned()["isValid"] is True


def test_an_address_to_be_changed_is_there_to_be_mended(hosted: Hosted) -> None:
    hosted.open()
    choose(hosted.page, "A code by email")
    hosted.page.get_by_label("Email address").fill("jo@exmaple.com")
    choose(hosted.page, "Send code")
    choose(hosted.page, "Use a different address")
    expect(hosted.page.get_by_label("Email address")).to_have_value("jo@exmaple.com")


def test_a_new_user_enrols_a_mobile_number_with_help_for_the_country(hosted: Hosted) -> None:
    hosted.open()
    choose(hosted.page, "Text message")
    heading(hosted.page, "Your mobile number")
    expect(hosted.page.get_by_label("Country")).to_have_value("GB")
    hosted.page.get_by_label("Country").select_option("NZ")
    # What only the server can tell is told where it was typed, and can be mended there.
    for typed, told, country in (
        ("0900 12345", "This kind of number", "NZ"),
        ("+93 70 123 4567", "No messages are sent", ""),
    ):
        hosted.page.get_by_label("Mobile number").fill(typed)
        choose(hosted.page, "Send code")
        expect(hosted.page.get_by_role("alert")).to_contain_text(told)
        expect(hosted.page.get_by_label("Mobile number")).to_have_value(typed)
        # A country that is not offered is not shown as another.
        expect(hosted.page.get_by_label("Country")).to_have_value(country)
    hosted.page.get_by_label("Mobile number").fill(f"0{hosted.phone[3:5]} {hosted.phone[5:8]} {hosted.phone[8:]}")
    choose(hosted.page, "Send code")
    heading(hosted.page, "Check your phone")
    type_code(hosted.page, hosted.live.code(hosted.phone))
    save_recovery_codes(hosted.page)
    assert hosted.returned()["verificationMethod"] == "SMS"


def test_a_number_typed_with_its_own_code_chooses_the_country(hosted: Hosted) -> None:
    hosted.open()
    choose(hosted.page, "Text message")
    number, country = hosted.page.get_by_label("Mobile number"), hosted.page.get_by_label("Country")
    for typed, region in (("+49 151", "DE"), ("+1 212", "US"), ("021 555", "US"), ("+44 7", "GB")):
        number.fill(typed)
        expect(country).to_have_value(region)
    country.select_option("CA")
    number.fill("+1 416")
    expect(country).to_have_value("CA")


def test_a_new_user_enrols_an_authenticator_app_by_picture_or_key(hosted: Hosted) -> None:
    hosted.open()
    choose(hosted.page, "Authenticator app")
    heading(hosted.page, "Set up your authenticator app")
    picture = hosted.page.get_by_alt_text("QR code")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 20")
    # Whoever has the app on this very device cannot scan its screen.
    link = hosted.page.get_by_text("Open the app on this device")
    expect(link).to_be_hidden()
    assert (link.get_attribute("href") or "").startswith("otpauth://totp/")
    hosted.page.context.new_cdp_session(hosted.page).send(
        "Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1}
    )
    expect(link).to_be_visible()
    choose(hosted.page, "type a key")
    secret = hosted.page.locator(".secret-text").inner_text().replace(" ", "")
    type_code(hosted.page, hosted.current_code(secret))
    save_recovery_codes(hosted.page)
    assert hosted.returned()["verificationMethod"] == "AUTHENTICATOR_APP"


def test_recovery_codes_are_not_left_before_they_are_confirmed_and_can_be_downloaded(hosted: Hosted) -> None:
    hosted.open(email=hosted.email)
    choose(hosted.page, "Email")
    type_code(hosted.page, hosted.live.code(hosted.email))
    heading(hosted.page, "Save your recovery codes")
    codes = hosted.page.locator(".codes li").all_inner_texts()
    choose(hosted.page, "Continue")
    expect(hosted.page.get_by_role("alert")).to_have_text("Save the codes first, then tick the box.")
    with hosted.page.expect_download() as download:
        choose(hosted.page, "Download")
    assert download.value.suggested_filename == "recovery-codes.txt"
    text = download.value.path().read_text()
    assert all(code in text for code in codes)
    save_recovery_codes(hosted.page)
    assert hosted.returned()["isValid"] is True


def test_forced_enrolment_adds_a_method_after_the_proof_and_cannot_be_skipped(hosted: Hosted) -> None:
    hosted.open(query="&force_enrollment=true")
    heading(hosted.page, "Set up verification")
    expect(hosted.page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(hosted.page.get_by_role("button", name="Back")).to_be_hidden()


def test_forced_enrolment_asks_an_enrolled_user_for_a_proof_first(hosted: Hosted) -> None:
    add_authenticator(hosted.page)
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open(query="&force_enrollment=true")
    type_code(hosted.page, hosted.live.code(hosted.email))
    heading(hosted.page, "Add a way to verify")
    expect(hosted.page.get_by_role("button", name="Cancel")).to_be_hidden()
    choose(hosted.page, "Passkey")
    choose(hosted.page, "Create passkey")
    assert hosted.returned()["verificationMethod"] == "EMAIL_OTP"
    _status, methods = hosted.live("GET", f"users/{hosted.user_id}/authenticators")
    assert [item["verificationMethod"] for item in methods] == ["EMAIL_OTP", "PASSKEY"]


def test_an_allowed_user_with_nothing_to_do_is_sent_straight_back(hosted: Hosted) -> None:
    make.make_action(hosted.live.tenant, "browse", "ALLOW")
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open("browse")
    assert hosted.returned()["state"] == "ALLOW"


def test_a_browser_that_can_do_nothing_permitted_says_so(hosted: Hosted) -> None:
    hosted.page.add_init_script("delete window.PublicKeyCredential")
    # The server is told, and not waited for.
    hosted.page.route("**/challenge/api/finish", lambda _route: None)
    make.make_action(hosted.live.tenant, "passkeyOnly", "CHALLENGE", verification_methods=["PASSKEY"])
    hosted.open("passkeyOnly")
    heading(hosted.page, "This browser cannot use passkeys")


def test_settings_follow_the_proof_where_the_app_asked_for_them(hosted: Hosted) -> None:
    add_authenticator(hosted.page)
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open(redirectToSettings=True)
    type_code(hosted.page, hosted.live.code(hosted.email))
    heading(hosted.page, "Your verification methods")
    expect(hosted.page.locator(".row")).to_have_count(1)
    choose(hosted.page, "Add a method")
    heading(hosted.page, "Add a way to verify")
    choose(hosted.page, "Passkey")
    choose(hosted.page, "Create passkey")
    heading(hosted.page, "Your verification methods")
    expect(hosted.page.locator(".row")).to_have_count(2)
    told = re.compile(r"Linux · Added \S+ \d+, \d{4}, last used \S+ \d+")
    expect(hosted.page.locator(".row", has_text="Passkey")).to_contain_text(told)
    before = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    choose(hosted.page, "New recovery codes")
    expect(hosted.page.get_by_text("stop working as soon as there are new ones")).to_be_visible()
    choose(hosted.page, "Back")
    assert set(RecoveryCode.objects.values_list("code_hash", flat=True)) == before
    choose(hosted.page, "New recovery codes")
    choose(hosted.page, "Make new codes")
    save_recovery_codes(hosted.page)
    assert before.isdisjoint(RecoveryCode.objects.values_list("code_hash", flat=True))
    heading(hosted.page, "Your verification methods")
    choose(hosted.page, "Done")
    assert hosted.returned()["isValid"] is True


def test_whoever_removes_what_they_proved_themselves_with_proves_themselves_by_the_other_and_goes_on(
    hosted: Hosted,
) -> None:
    page = hosted.page
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    hosted.open(redirectToSettings=True)
    type_code(page, hosted.live.code(hosted.email))
    heading(page, "Your verification methods")
    choose(page, "Change Email")
    choose(page, "Remove it")
    heading(page, "How do you want to verify?")
    choose(page, "Text message")
    type_code(page, hosted.live.code(hosted.phone))
    heading(page, "Your verification methods")
    expect(page.locator(".row")).to_have_text(re.compile(re.escape(hosted.phone)))
    choose(page, "Change Text message")
    choose(page, "Rename it")
    page.get_by_label("Name").fill("Work")
    choose(page, "Save")
    expect(page.locator(".row", has_text="Work")).to_be_visible()
    choose(page, "Done")
    assert hosted.returned()["isValid"] is True


def test_a_locked_address_is_added_in_the_settings_without_being_typed(hosted: Hosted) -> None:
    page = hosted.page
    make.make_configuration(hosted.live.tenant, "EMAIL_OTP", is_editable_by_user=False)
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    hosted.open(redirectToSettings=True, scope="add:authenticators", email=hosted.email)
    choose(page, "Add a method")
    choose(page, "Email")
    heading(page, "Check your email")
    expect(page.get_by_role("button", name="different address")).to_be_hidden()
    type_code(page, hosted.live.code(hosted.email))
    heading(page, "Your verification methods")
    expect(page.locator(".row")).to_have_text([re.compile("Text message"), re.compile(hosted.email)])


def test_a_method_is_preferred_and_removed_where_the_app_vouches_for_its_user(hosted: Hosted) -> None:
    page = hosted.page
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    hosted.open(redirectToSettings=True, scope="update:authenticators remove:authenticators")
    heading(page, "Your verification methods")
    choose(page, "Change Text message")
    choose(page, "Make it your default")
    expect(page.locator("li", has_text="Text message").get_by_text("Default")).to_be_visible()
    choose(page, "Change Text message")
    choose(page, "Rename it")
    page.get_by_label("Name").fill("<b>Work</b>")
    choose(page, "Save")
    expect(page.locator("li", has_text="<b>Work</b>").locator('[data-slot="detail"]')).to_contain_text("Text message")
    choose(page, "Change Email")
    choose(page, "Back")
    expect(page.get_by_text("Any of these")).to_be_visible()
    choose(page, "Change Email")
    choose(page, "Remove it")
    expect(page.locator(".row")).to_have_count(1)
    expect(page.get_by_text("Any of these")).to_be_hidden()
    choose(page, "Change")
    expect(page.get_by_text("This is the only method you have")).to_be_visible()
    expect(page.get_by_role("button", name="Remove it")).to_be_hidden()
    choose(page, "Back")
    choose(page, "Done")
    assert hosted.returned()["state"] == "CHALLENGE_REQUIRED"


# -- wrong answers and limits --------------------------------------------------------------------


def test_a_wrong_code_is_said_cleared_and_asked_again(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    right = hosted.live.code(hosted.email)
    field = hosted.page.get_by_label("Code from the email")
    assert field.get_attribute("autocomplete") == "one-time-code"
    assert field.get_attribute("inputmode") == "numeric"
    type_code(hosted.page, f"{(int(right) + 1) % 10**6:06d}")
    expect(hosted.page.get_by_role("alert")).to_have_text("That code is not right. Check it and try again.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    type_code(hosted.page, f"{right[:3]} {right[3:]}")
    assert hosted.returned()["isValid"] is True


def test_a_code_that_could_not_be_judged_is_not_marked_as_wrong(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    hosted.page.route("**/v1/client/verify/email-otp", lambda route: route.abort())
    type_code(hosted.page, "123456")
    expect(hosted.page.get_by_role("alert")).to_have_text(re.compile("No connection"))
    field = hosted.page.get_by_label("Code from the email")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("123456")


def test_too_many_wrong_codes_lead_to_another_method(hosted: Hosted) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri=otp_uri())
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Open your authenticator app")
    wrong = f"{(int(hosted.current_code(TOTP_SECRET)) + 123457) % 10**6:06d}"
    for _guess in range(5):
        type_code(hosted.page, wrong)
        expect(hosted.page.get_by_role("alert")).to_have_text(re.compile("not right"))
        expect(hosted.page.get_by_label("Code from the app")).to_have_value("")
    type_code(hosted.page, wrong)
    heading(hosted.page, "Too many wrong codes")
    choose(hosted.page, "Use another method")
    choose(hosted.page, "Email")
    type_code(hosted.page, hosted.live.code(hosted.email))
    assert hosted.returned()["verificationMethod"] == "EMAIL_OTP"


def test_a_new_code_can_be_sent_after_half_a_minute(hosted: Hosted, advance: Callable[[float], None]) -> None:
    hosted.page.clock.install()
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    hosted.open()
    again = hosted.page.get_by_role("button", name="Send a new code")
    expect(again).to_have_text(re.compile(r"^Send a new code in \d\d?\ss$"))
    hosted.live.code(hosted.phone)
    advance(31)
    hosted.page.clock.fast_forward(31_000)
    expect(again).to_have_text("Send a new code")
    again.click()
    expect(hosted.page.locator("#announcer")).to_have_text("A new code is on its way.")
    type_code(hosted.page, hosted.live.code(hosted.phone, number=2))
    hosted.page.clock.resume()
    assert hosted.returned()["isValid"] is True


def test_what_is_not_allowed_is_not_offered_again(hosted: Hosted) -> None:
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    RecoveryCode.objects.filter(user__user_id=hosted.user_id).delete()
    body = json.dumps(dict.fromkeys(("error", "errorCode", "errorDescription"), "forbidden"))
    refused = {"status": 403, "content_type": "application/json", "body": body}
    hosted.page.route("**/v1/client/challenge/sms", lambda route: route.fulfill(**refused))
    hosted.open()
    heading(hosted.page, "That did not work")
    expect(hosted.page.get_by_text("That is not allowed now.")).to_be_visible()
    expect(hosted.page.get_by_role("button", name="Try again")).to_be_hidden()
    choose(hosted.page, "Go back to the app")
    assert hosted.returned()["isValid"] is False


def test_too_many_messages_show_when_to_go_on(hosted: Hosted, advance: Callable[[float], None]) -> None:
    hosted.enrol("SMS", phoneNumber=hosted.phone)
    tracked = hosted.track()
    for _message in range(4):
        assert hosted.live("POST", "client/challenge/sms", {}, token=tracked["token"])[0] == 200
        advance(31)
    hosted.page.goto(tracked["url"])
    heading(hosted.page, "Too many tries")
    expect(hosted.page.locator("#screen").get_by_text("Nothing can be sent to you right now.")).to_be_visible()
    expect(hosted.page.locator("#screen").get_by_text("You can try again in")).to_be_visible()


# -- ends ----------------------------------------------------------------------------------------


# What a screen reader says: every change of a region that is live.
LISTEN = """() => {
  window.spoken = [];
  const said = (changes) => changes.forEach(({ target }) => {
    const live = (target.nodeType === 1 ? target : target.parentElement)?.closest("[role=status], [aria-live]");
    if (live?.textContent) window.spoken.push(live.textContent);
  });
  new MutationObserver(said).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def test_the_page_expires_before_the_users_eyes_and_leads_back(hosted: Hosted) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri=otp_uri())
    hosted.page.clock.install()
    hosted.open()
    heading(hosted.page, "Open your authenticator app")
    hosted.page.evaluate(LISTEN)
    hosted.page.clock.fast_forward(9 * 60 * 1000 - 5000)
    hosted.page.clock.run_for(50_000)
    expect(hosted.page.locator("#expiry")).to_have_text(re.compile(r"^This page expires in 1\d\ss\.$"))
    # Seen every second, and spoken twice.
    spoken = [words for words in hosted.page.evaluate("window.spoken") if "expires" in words]
    assert spoken == [f"This page expires in {left}." for left in ("1\u00a0min", "15\u00a0s")]
    hosted.page.clock.fast_forward(60_000)
    heading(hosted.page, "This page has expired")
    choose(hosted.page, "Go back to the app")
    hosted.page.wait_for_url(f"{hosted.app.origin}/return?keep=1&token=*")


def test_quitting_returns_to_the_app_with_the_challenge_still_required(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.open()
    heading(hosted.page, "Check your email")
    choose(hosted.page, "Cancel")
    result = hosted.returned()
    assert (result["isValid"], result["state"]) == (False, "CHALLENGE_REQUIRED")


def test_without_a_redirect_the_page_says_it_may_be_closed(hosted: Hosted) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri=otp_uri())
    tracked = hosted.track()
    hosted.page.goto(tracked["url"])
    type_code(hosted.page, hosted.current_code(TOTP_SECRET))
    heading(hosted.page, "All done")
    assert hosted.validate(tracked["token"])["isValid"] is True


def test_the_token_leaves_the_address_and_the_storage_at_once(hosted: Hosted) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri=otp_uri())
    hosted.open()
    heading(hosted.page, "Open your authenticator app")
    assert hosted.page.url == f"{hosted.live.public_url}/challenge"
    kept = hosted.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
    # The way back to the app, as the server checked it, and nothing else.
    assert kept == f'[{{}},{{}},{{"backUrl":"{hosted.app.origin}/return?keep=1"}}]'
    assert all(cookie.get("httpOnly") for cookie in hosted.page.context.cookies())
    hosted.page.reload()
    heading(hosted.page, "This page cannot go on")
    choose(hosted.page, "Go back to the app")
    hosted.page.wait_for_url(f"{hosted.app.origin}/return?keep=1")


def test_what_was_done_is_not_done_twice(hosted: Hosted) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri=otp_uri())
    tracked = hosted.open()
    type_code(hosted.page, hosted.current_code(TOTP_SECRET))
    hosted.returned()
    hosted.page.goto(tracked["url"])
    heading(hosted.page, "This was already done")
    choose(hosted.page, "Go back to the app")
    assert hosted.returned()["isValid"] is True


def test_a_second_browser_is_refused(hosted: Hosted) -> None:
    hosted.enrol("AUTHENTICATOR_APP", otpUri=otp_uri())
    tracked = hosted.open()
    heading(hosted.page, "Open your authenticator app")
    assert hosted.page.context.browser is not None
    with hosted.page.context.browser.new_context() as other:
        thief = other.new_page()
        thief.goto(tracked["url"])
        heading(thief, "Opened in another browser")
    hosted.page.goto(tracked["url"])
    heading(hosted.page, "Open your authenticator app")


def test_markup_in_any_field_stays_text(hosted: Hosted) -> None:
    canary = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>"
    hosted.live.tenant.name = f"Acme {canary}"
    hosted.live.tenant.save()
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    hosted.live("PATCH", f"users/{hosted.user_id}", {"displayName": canary, "username": canary})
    hosted.open(redirectToSettings=True)
    type_code(hosted.page, hosted.live.code(hosted.email))
    heading(hosted.page, "Your verification methods")
    expect(hosted.page.locator(".brand-name")).to_have_text(f"Acme {canary}")
    assert hosted.page.locator("img, b").count() == 0
    assert hosted.page.title() != "taken"
