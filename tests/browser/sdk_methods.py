"""Every method of the browser SDK that reaches the network, and the tests in Chromium that show how it ends.

What is left out reaches no server of ours: `setToken`, `qrCode.disconnect`, and `initAdvancedProfiling`, which loads
the script of another vendor from an address that the caller names.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TYPES = ROOT / "tests" / "sdk" / "node_modules" / "@authsignal" / "browser" / "dist"

SDK = "tests/browser/test_sdk.py"
WEBAUTHN = "tests/browser/test_sdk_webauthn.py"
MESSAGING = "tests/browser/test_messaging.py"
DEVICES = "tests/browser/test_devices.py"
MODES = "tests/browser/test_hosted_modes.py"
REFUSED = f"{SDK}::test_every_method_tells_that_its_token_expired"


@dataclass(frozen=True)
class Shown:
    """Ids of tests: one in which it succeeds as the SDK expects, one in which it fails so."""

    succeeds: str
    fails: str = REFUSED


_TYPED = Shown(f"{SDK}::test_a_code_is_enrolled_and_then_challenged")
_LINK = Shown(f"{MESSAGING}::test_the_sdk_waits_for_a_link_and_gets_the_proof")
_WHATSAPP = Shown(f"{MESSAGING}::test_the_sdk_challenges_by_whatsapp")
_APP = Shown(f"{SDK}::test_an_authenticator_app_is_enrolled_and_verified")
_KEY = Shown(f"{WEBAUTHN}::test_a_security_key_is_enrolled_and_then_verified")
_PUSH = f"{DEVICES}::test_a_push_through_the_sdk_is_approved_or_declined"
_QUIT = f"{MODES}::test_quitting_a_redirect_or_a_window_gives_a_token_that_proves_nothing"

METHODS = {
    "passkey.signUp": Shown(f"{WEBAUTHN}::test_a_passkey_signs_up_in_each_way"),
    "passkey.signIn": Shown(
        f"{WEBAUTHN}::test_a_passkey_signs_in_in_each_way",
        f"{WEBAUTHN}::test_a_passkey_that_was_removed_is_called_unknown",
    ),
    "passkey.isAvailableOnDevice": Shown(
        f"{WEBAUTHN}::test_whether_a_passkey_is_on_this_device_is_known_until_it_is_removed",
        f"{WEBAUTHN}::test_whether_a_passkey_is_on_this_device_is_known_until_it_is_removed",
    ),
    "securityKey.enroll": _KEY,
    "securityKey.verify": _KEY,
    "totp.enroll": _APP,
    "totp.verify": _APP,
    "email.enroll": _TYPED,
    "email.challenge": _TYPED,
    "email.verify": _TYPED,
    "sms.enroll": _TYPED,
    "sms.challenge": _TYPED,
    "sms.verify": _TYPED,
    "whatsapp.challenge": _WHATSAPP,
    "whatsapp.verify": _WHATSAPP,
    "emailML.enroll": _LINK,
    "emailML.challenge": _LINK,
    "emailML.checkVerificationStatus": _LINK,
    "push.challenge": Shown(_PUSH),
    "push.verify": Shown(_PUSH),
    "qrCode.challenge by polling": Shown(
        f"{DEVICES}::test_a_qr_code_through_the_sdk_is_scanned_and_approved",
        f"{DEVICES}::test_a_qr_code_through_the_sdk_is_rejected",
    ),
    "qrCode.refresh by polling": Shown(f"{DEVICES}::test_a_qr_code_through_the_sdk_is_refreshed"),
    "qrCode.challenge by WebSocket": Shown(
        f"{DEVICES}::test_a_qr_code_through_the_sdk_is_scanned_and_approved",
        f"{DEVICES}::test_a_socket_that_is_refused_fails_the_sdks_call",
    ),
    "qrCode.refresh by WebSocket": Shown(
        f"{DEVICES}::test_the_sdk_renews_a_code_on_its_socket_and_opens_a_new_one_where_that_was_closed",
        f"{DEVICES}::test_a_socket_that_is_refused_fails_the_sdks_call",
    ),
    "launch by redirect": Shown(f"{MODES}::test_the_sdk_redirects_to_the_page_and_the_page_back", _QUIT),
    "launch by popup": Shown(
        f"{MODES}::test_a_popup_on_another_site_works_without_any_cookie",
        f"{MODES}::test_an_expired_token_in_the_popup_says_so_and_closes_without_a_token",
    ),
    "launch by window": Shown(f"{MODES}::test_a_window_hands_its_token_to_the_page_that_opened_it", _QUIT),
}


def offered() -> set[str]:
    """The methods that the installed SDK's types declare to come back later, and `launch`."""
    classes = (TYPES / "authsignal.d.ts").read_text()
    found = {"launch"}
    for name, kind in re.findall(r"^    (\w+): ([A-Z]\w+);$", classes, re.MULTILINE):
        file = re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower()
        declared = (TYPES / f"{file}.d.ts").read_text()
        methods = re.findall(r"^    (\w+)\((?:[^;]|;(?=\s+\}))*?\): Promise<", declared, re.MULTILINE)
        found |= {f"{name}.{method}" for method in methods}
    return found
