"""Screens 12 to 14: setting something up, the offer of a passkey, and the settings."""

from tests.screens.proving import BASE, BROKEN, CANCELS, OPTIONS, SLOW_CLOCK
from tests.screens.scene import (
    HELD,
    LONG_EMAIL,
    LONG_MESSAGE,
    LONG_NAME,
    Refused,
    Scene,
    click,
    enrolling,
    fill,
    see,
    see_alert,
    type_into,
)

TOTP = {
    "uri": "otpauth://totp/Acme%20Pay:jo@example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Acme%20Pay",
    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
}
APP = {f"{BASE}/totp": TOTP}
MADE = {"challengeId": "c", "options": {**OPTIONS["options"], "rp": {"name": "Acme"}, "pubKeyCredParams": []}}  # type: ignore[dict-item]
VERIFIED = {"isVerified": True}
# As in a frame of a customer's page that lets no passkey be created in it.
FRAMED = """window.parent = { postMessage() {} };
window.open = () => null;
Object.defineProperty(document, "featurePolicy", { value: { allowsFeature: () => false } });"""


def one(method: str, **more: object) -> dict[str, object]:
    may = ["prefer", "remove", "rename"]
    return {"id": method, "method": method, "isDefault": False, "may": may, "createdAt": "2026-05-03T10:00:00Z", **more}


# The tenant shows where to get an app, before its code.
FIRST_AN_APP = enrolling("AUTHENTICATOR_APP")
FIRST_AN_APP["enrollable"] = [one | {"showsDownload": True} for one in FIRST_AN_APP["enrollable"]]
FIRST_OR_ELSE = FIRST_AN_APP | {"enrollable": [*FIRST_AN_APP["enrollable"], *enrolling("SMS")["enrollable"]]}
USED = "2026-11-20T10:00:00Z"
LIST = [
    one("EMAIL_OTP", detail="jo@example.com", isDefault=True, may=["remove", "rename"], lastUsedAt=USED),
    one("SMS", label="Work phone", detail="+64215550123"),
    one("AUTHENTICATOR_APP"),
    one("PASSKEY", detail="iCloud Keychain", madeOn="Chrome · Windows", lastUsedAt=USED),
    one("SECURITY_KEY", label="On my keyring", detail="YubiKey 5 Series with NFC"),
    one("PUSH", detail="Jo’s phone", madeOn="iOS", isExpired=True),
]
OF_A_KIND = [
    one("SMS", label="Work phone", detail="+64215550123", isDefault=True, may=["remove", "rename"]),
    one("SMS", detail="+64215550456", lastUsedAt=USED),
    one("AUTHENTICATOR_APP", label="Tablet"),
    one("AUTHENTICATOR_APP", lastUsedAt=USED),
]
SETTINGS = {
    "settings": True,
    "vouched": True,
    "isEnrolled": True,
    "isNew": False,
    "canEnrol": True,
    "seesDevices": True,
    "enrolledCount": len(LIST),
    "recoveryCodes": {"enabled": True, "remaining": 2, "mayMake": True, "isLow": True},
    "enrollable": enrolling()["enrollable"],
}
DEVICES = [
    {"id": 1, "name": "Chrome · Windows", "isThis": True, "isRemembered": True, "createdAt": "2026-11-01T10:00:00Z"},
    {
        "id": 2,
        "name": "Safari · iOS",
        "isThis": False,
        "isRemembered": False,
        "createdAt": "2026-10-01T10:00:00Z",
        "authenticatedAt": "2026-11-20T10:00:00Z",
    },
    {"id": 3, "isThis": False, "isRemembered": False, "createdAt": "2026-09-01T10:00:00Z"},
]
LISTED = "/challenge/api/methods"
ALL = {LISTED: {"methods": LIST}}
DONE = {
    "state": "CHALLENGE_SUCCEEDED",
    "isEnrolled": True,
    "recoveryCodes": {"enabled": True, "mayMake": True},
}


def address(screen: str, method: str, card: str, line: tuple[str, str], press: str, bad: str, long: str) -> list[Scene]:
    """The states of a screen on which an address is typed."""
    (title, label), open_it = line, click(card)
    wrong = (open_it, fill(label, "12"), click(press), see_alert(bad))
    return [
        Scene(12, screen, "empty", title, enrolling(), steps=(open_it,)),
        Scene(12, screen, "only", title, enrolling(method)),
        Scene(12, screen, "wrong", title, enrolling(), steps=wrong),
        Scene(
            12,
            screen,
            "long",
            title,
            enrolling(message=LONG_MESSAGE),
            steps=(open_it, fill(label, long)),
            tenant_name=LONG_NAME,
        ),
    ]


EMAIL_LINE = ("Your email address", "Email address")
PHONE_LINE = ("Your mobile number", "Mobile number")
BAD_EMAIL = "does not look like an email address"
BAD_PHONE = "does not look like a mobile number"
LONG_PHONE = "021 555 0123 4567 8901"

SCENES = [
    Scene(12, "enrol", "full", "Set up verification", enrolling()),
    Scene(12, "enrol", "further", "Add a way to verify", SETTINGS, ALL, (click("Add a method"),)),
    Scene(
        12,
        "enrol",
        "long",
        "Set up verification",
        enrolling(message=LONG_MESSAGE),
        tenant_name=LONG_NAME,
    ),
    Scene(12, "enrol", "none", "There is no way to verify", enrolling(canEnrol=False)),
    *address("email-enrol", "EMAIL_OTP", "A code by email", EMAIL_LINE, "Send code", BAD_EMAIL, LONG_EMAIL),
    *address("link-enrol", "EMAIL_MAGIC_LINK", "Email link", EMAIL_LINE, "Send link", BAD_EMAIL, LONG_EMAIL),
    *address("sms-enrol", "SMS", "Text message", PHONE_LINE, "Send code", BAD_PHONE, LONG_PHONE),
    *address("whatsapp-enrol", "WHATSAPP", "WhatsApp", PHONE_LINE, "Send code", BAD_PHONE, LONG_PHONE),
    Scene(
        12,
        "sms-enrol",
        "refused",
        "Your mobile number",
        enrolling("SMS"),
        {f"{BASE}/sms": Refused(400, reason="country-not-served")},
        (fill("Mobile number", "+93701234567"), click("Send code"), see_alert("No messages are sent")),
    ),
    Scene(
        12,
        "email-enrol",
        "code",
        "Check your email",
        enrolling("EMAIL_OTP"),
        steps=(fill("Email address", "jo@example.com"), click("Send code"), see("Use a different address")),
    ),
    Scene(
        12,
        "email-enrol",
        "refused",
        "That did not work",
        enrolling("EMAIL_OTP"),
        {f"{BASE}/email-otp": Refused(403, "invalid_request", "This address cannot be changed here.")},
        (fill("Email address", "jo@example.com"), click("Send code")),
    ),
    Scene(12, "totp-enrol", "full", "Set up your authenticator app", enrolling("AUTHENTICATOR_APP"), APP),
    Scene(
        12,
        "totp-enrol",
        "key",
        "Set up your authenticator app",
        enrolling(),
        APP,
        (click("Authenticator app"), click("type a key")),
    ),
    Scene(
        12,
        "totp-enrol",
        "wrong",
        "Set up your authenticator app",
        enrolling("AUTHENTICATOR_APP"),
        APP,
        (type_into("Code from the app", "123456"), see_alert("not right")),
    ),
    Scene(
        12,
        "totp-enrol",
        "clock-wrong",
        "Set up your authenticator app",
        enrolling("AUTHENTICATOR_APP"),
        APP,
        (see("The clock of this device"),),
        script=SLOW_CLOCK,
    ),
    Scene(
        12,
        "totp-enrol",
        "long",
        "Set up your authenticator app",
        enrolling("AUTHENTICATOR_APP", message=LONG_MESSAGE),
        APP,
        (click("type a key"),),
        tenant_name=LONG_NAME,
    ),
    Scene(12, "get-app", "full", "Set up your authenticator app", FIRST_AN_APP),
    Scene(12, "get-app", "back", "Set up your authenticator app", FIRST_OR_ELSE, steps=(click("Authenticator app"),)),
    Scene(12, "totp-enrol", "got", "Set up your authenticator app", FIRST_AN_APP, APP, (click("Continue"),)),
    Scene(12, "totp-enrol", "loading", "One moment…", enrolling("AUTHENTICATOR_APP"), {f"{BASE}/totp": HELD}),
    Scene(12, "totp-enrol", "error", "That did not work", enrolling("AUTHENTICATOR_APP"), {f"{BASE}/totp": BROKEN}),
    Scene(12, "passkey-enrol", "full", "Create a passkey", enrolling(), steps=(click("Passkey"),)),
    Scene(12, "passkey-enrol", "only", "Create a passkey", enrolling("PASSKEY")),
    Scene(
        12,
        "passkey-enrol",
        "cancelled",
        "Create a passkey",
        enrolling("PASSKEY"),
        {f"{BASE}/passkey/registration-options": MADE},
        (click("Create passkey"), see_alert("You can try again")),
        script=CANCELS,
    ),
    Scene(
        12,
        "elsewhere",
        "full",
        "Continue in the other window",
        enrolling("PASSKEY"),
        steps=(click("Continue in a new window"),),
        script=FRAMED,
    ),
    Scene(12, "security-key-enrol", "full", "Add a security key", enrolling(), steps=(click("Security key"),)),
    Scene(
        12,
        "security-key-enrol",
        "cancelled",
        "Add a security key",
        enrolling("SECURITY_KEY"),
        {f"{BASE}/security-key/registration-options": MADE["options"]},  # type: ignore[dict-item]
        (click("Add security key"), see_alert("You can try again")),
        script=CANCELS,
    ),
    Scene(
        12,
        "recovery-codes",
        "full",
        "Save your recovery codes",
        enrolling("AUTHENTICATOR_APP", then=[DONE]),
        {**APP, "/v1/client/verify/totp": VERIFIED},
        (type_into("Code from the app", "123456"),),
    ),
    Scene(
        12,
        "recovery-codes",
        "not-ticked",
        "Save your recovery codes",
        enrolling("AUTHENTICATOR_APP", then=[DONE]),
        {**APP, "/v1/client/verify/totp": VERIFIED},
        (type_into("Code from the app", "123456"), click("Continue"), see_alert("tick the box")),
    ),
    Scene(
        12,
        "recovery-codes",
        "loading",
        "One moment…",
        enrolling("AUTHENTICATOR_APP", then=[DONE]),
        {**APP, "/v1/client/verify/totp": VERIFIED, "/challenge/api/recovery-codes": HELD},
        (type_into("Code from the app", "123456"),),
    ),
    Scene(
        13,
        "passkey-offer",
        "full",
        "You’re verified",
        {
            "isEnrolled": True,
            "methods": [{"method": "AUTHENTICATOR_APP", "isDefault": True}],
            "prompt": ["PASSKEY"],
            "recoveryCodes": {"enabled": False},
            "then": [{"state": "CHALLENGE_SUCCEEDED", "canEnrol": True}],
        },
        {"/v1/client/verify/totp": VERIFIED},
        (type_into("Code from the app", "123456"), see("Not now")),
        script="PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable = async () => true;",
    ),
    Scene(14, "settings", "full", "Your verification methods", SETTINGS, ALL),
    Scene(
        14,
        "settings",
        "one",
        "Your verification methods",
        {**SETTINGS, "enrolledCount": 1},
        {LISTED: {"methods": [LIST[0] | {"may": ["rename"], "isLast": True}]}},
    ),
    Scene(
        14,
        "settings",
        "empty",
        "Your verification methods",
        {
            **SETTINGS,
            "isEnrolled": False,
            "enrolledCount": 0,
            "recoveryCodes": {"enabled": True, "mayMake": False},
            "enrollable": [],
            "seesDevices": False,
        },
    ),
    Scene(
        14,
        "settings",
        "long",
        "Your verification methods",
        SETTINGS,
        {LISTED: {"methods": [one("EMAIL_OTP", detail=LONG_EMAIL, isDefault=True), one("PUSH", label=LONG_NAME[:64])]}},
        tenant_name=LONG_NAME,
    ),
    Scene(14, "settings", "several", "Your verification methods", SETTINGS, {LISTED: {"methods": OF_A_KIND}}),
    Scene(14, "settings", "loading", "One moment…", SETTINGS, {LISTED: HELD}),
    Scene(14, "settings", "error", "That did not work", SETTINGS, {LISTED: BROKEN}),
    Scene(14, "manage", "full", "Work phone", SETTINGS, ALL, (click("Change Work phone"),)),
    Scene(14, "manage", "default", "Email", SETTINGS, ALL, (click("Change Email"),)),
    Scene(
        14,
        "manage",
        "last",
        "Email",
        {**SETTINGS, "enrolledCount": 1},
        {LISTED: {"methods": [LIST[0] | {"may": ["rename"], "isLast": True}]}},
        (click("Change Email"),),
    ),
    Scene(
        14,
        "manage",
        "long",
        "Email",
        SETTINGS,
        {LISTED: {"methods": [one("EMAIL_OTP", detail=LONG_EMAIL)]}},
        (click("Change Email"),),
        tenant_name=LONG_NAME,
    ),
    Scene(
        14,
        "manage",
        "error",
        "That did not work",
        SETTINGS,
        {**ALL, "/challenge/api/remove-method": Refused(403, description="This method cannot be removed here.")},
        (click("Change Work phone"), click("Remove it")),
    ),
    Scene(14, "rename", "full", "Give it a name", SETTINGS, ALL, (click("Change Work phone"), click("Rename it"))),
    Scene(
        14,
        "rename",
        "error",
        "That did not work",
        SETTINGS,
        {
            **ALL,
            "/challenge/api/rename-method": Refused(
                403, description="Naming a method needs a completed challenge first."
            ),
        },
        (click("Change Work phone"), click("Rename it"), click("Save")),
    ),
    Scene(14, "renew-codes", "full", "New recovery codes", SETTINGS, ALL, (click("New recovery codes"),)),
    Scene(
        14,
        "devices",
        "full",
        "Your devices",
        SETTINGS,
        {**ALL, "/challenge/api/devices": {"devices": DEVICES}},
        (click("Your devices"),),
    ),
    Scene(14, "devices", "empty", "Your devices", SETTINGS, ALL, (click("Your devices"),)),
    Scene(
        14,
        "devices",
        "loading",
        "One moment…",
        SETTINGS,
        {**ALL, "/challenge/api/devices": HELD},
        (click("Your devices"),),
    ),
    Scene(
        14,
        "devices",
        "error",
        "That did not work",
        SETTINGS,
        {**ALL, "/challenge/api/devices": BROKEN},
        (click("Your devices"),),
    ),
]
