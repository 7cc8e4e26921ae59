"""Security keys, the offer of a passkey, and what password managers are told, on the hosted pages."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from authenticators.models import Authenticator, EndUser
from tests import make
from tests.browser.chromium import add_authenticator
from tests.browser.hosted import Hosted, choose, heading, save_recovery_codes, type_code

DAY = 24 * 60 * 60
# Chromium tells its password manager; here it is written down instead.
SIGNALS = """
  for (const name of ["signalUnknownCredential", "signalAllAcceptedCredentials"]) {
    PublicKeyCredential[name] = async (told) => {
      localStorage.setItem(name, JSON.stringify(told));
    };
  }
"""


def plug_in_a_key(hosted: Hosted) -> None:
    described = {"transport": "usb", "hasResidentKey": False, "hasUserVerification": False, "isUserVerified": False}
    add_authenticator(hosted.page, **described)


def by_email(hosted: Hosted, *, number: int = 1) -> None:
    """Open, and prove by the code that was sent."""
    hosted.open()
    type_code(hosted.page, hosted.live.code(hosted.email, number=number))


def test_a_security_key_is_added_and_then_proves(hosted: Hosted) -> None:
    plug_in_a_key(hosted)
    hosted.open()
    choose(hosted.page, "Security key")
    heading(hosted.page, "Add a security key")
    choose(hosted.page, "Add security key")
    save_recovery_codes(hosted.page)
    assert hosted.returned()["verificationMethod"] == "SECURITY_KEY"
    hosted.open()
    heading(hosted.page, "Use your security key")
    choose(hosted.page, "Continue with security key")
    result = hosted.returned()
    assert (result["isValid"], result["verificationMethod"]) == (True, "SECURITY_KEY")


def test_a_key_that_is_set_up_already_says_so(hosted: Hosted) -> None:
    plug_in_a_key(hosted)
    hosted.open()
    choose(hosted.page, "Security key")
    choose(hosted.page, "Add security key")
    save_recovery_codes(hosted.page)
    hosted.returned()
    hosted.open(query="&force_enrollment=true", scope="add:authenticators")
    choose(hosted.page, "Continue with security key")
    heading(hosted.page, "Add a way to verify")
    choose(hosted.page, "Security key")
    choose(hosted.page, "Add security key")
    expect(hosted.page.get_by_role("alert")).to_have_text("This security key is set up already. Use another one.")


def test_a_browser_without_webauthn_is_not_offered_a_security_key(hosted: Hosted) -> None:
    hosted.page.add_init_script("delete window.PublicKeyCredential")
    hosted.open()
    heading(hosted.page, "Set up verification")
    expect(hosted.page.get_by_role("button", name="Security key")).to_have_count(0)


# -- the offer -----------------------------------------------------------------------------------


def test_a_passkey_is_offered_after_another_method_until_there_is_one_here(hosted: Hosted) -> None:
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    user = EndUser.objects.get(user_id=hosted.user_id)
    make.make_authenticator(user, "PASSKEY", credential_id="c" * 40, rp_id="localhost", public_key=b"k")
    add_authenticator(hosted.page)
    by_email(hosted)
    heading(hosted.page, "You’re verified")
    choose(hosted.page, "Not now")
    assert hosted.returned()["verificationMethod"] == "EMAIL_OTP"
    by_email(hosted, number=2)
    choose(hosted.page, "Create passkey")
    assert hosted.returned()["isValid"] is True
    assert Authenticator.objects.filter(method="PASSKEY").count() == 2
    by_email(hosted, number=3)
    assert hosted.returned()["isValid"] is True
    # The browser forgot it; then the authenticator says so, and the browser knows again.
    hosted.page.goto(f"{hosted.live.public_url}/challenge")
    hosted.page.evaluate("localStorage.clear()")
    by_email(hosted, number=4)
    choose(hosted.page, "Create passkey")
    expect(hosted.page.get_by_role("alert")).to_have_text("There is already a passkey for you on this device.")
    choose(hosted.page, "Not now")
    hosted.returned()
    by_email(hosted, number=5)
    assert hosted.returned()["isValid"] is True


def test_whoever_said_not_now_is_left_in_peace_for_as_long_as_the_tenant_says(
    hosted: Hosted, advance: Callable[[float], None]
) -> None:
    make.make_configuration(hosted.live.tenant, "PASSKEY", enrollment_prompt_days=7)
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    add_authenticator(hosted.page)
    by_email(hosted)
    choose(hosted.page, "Not now")
    hosted.returned()
    advance(6 * DAY)
    by_email(hosted, number=2)
    assert hosted.returned()["isValid"] is True
    advance(2 * DAY)
    by_email(hosted, number=3)
    heading(hosted.page, "You’re verified")


def test_a_device_that_cannot_hold_a_passkey_is_not_asked_to(hosted: Hosted) -> None:
    plug_in_a_key(hosted)
    hosted.enrol("EMAIL_OTP", email=hosted.email)
    by_email(hosted)
    assert hosted.returned()["isValid"] is True


# -- the password manager ------------------------------------------------------------------------


def told(hosted: Hosted, name: str) -> str:
    """What was signalled on the hosted pages' own origin."""
    hosted.page.goto(f"{hosted.live.public_url}/challenge")
    return str(hosted.page.evaluate("name => localStorage.getItem(name)", name))


def test_after_a_proof_the_password_manager_learns_which_passkeys_are_left(hosted: Hosted) -> None:
    hosted.page.add_init_script(SIGNALS)
    add_authenticator(hosted.page)
    hosted.open()
    choose(hosted.page, "Passkey")
    choose(hosted.page, "Create passkey")
    save_recovery_codes(hosted.page)
    hosted.returned()
    ident = Authenticator.objects.get(method="PASSKEY").credential_id
    assert f'"allAcceptedCredentialIds":["{ident}"]' in told(hosted, "signalAllAcceptedCredentials")
    # One that is removed after the page was shown is signalled as unknown.
    hosted.open()
    heading(hosted.page, "Use your passkey")
    Authenticator.objects.filter(method="PASSKEY").update(credential_id="A" * 43)
    hosted.page.route(
        "**/passkey/authentication-options",
        lambda route: route.fulfill(
            response=(answer := route.fetch()), json=answer.json() | {"options": without_list(answer.json()["options"])}
        ),
    )
    choose(hosted.page, "Continue with passkey")
    expect(hosted.page.get_by_role("alert")).to_have_text(re.compile("no longer registered"))
    assert f'"credentialId":"{ident}"' in told(hosted, "signalUnknownCredential")


def without_list(options: dict[str, object]) -> dict[str, object]:
    return options | {"allowCredentials": []}
