"""Screens 1 to 11 and 19: loading, choosing, and each way to prove oneself."""

import time
from typing import Any

from tests.screens.scene import (
    HELD,
    LONG_NAME,
    OFFLINE,
    Refused,
    Scene,
    alone,
    click,
    fill,
    long,
    proving,
    see,
    see_alert,
    type_into,
)

STATE = "/challenge/api/state"
TOO_SOON = Refused(429, "too_many_requests", "Too many.", retry_after=25)
TOO_MANY = Refused(429, "too_many_requests", "Too many.", retry_after=540)
BROKEN = Refused(500, "unexpected_error", "Something went wrong.")
OVER = {"isVerified": False, "isConsumed": True}
# Every ceremony is refused at once, as when somebody presses Cancel.
CANCELS = """for (const name of ["get", "create"])
  navigator.credentials[name] = () => Promise.reject(new DOMException("", "NotAllowedError"));"""
SLOW_CLOCK = "Date.now = ((real) => () => real() - 200_000)(Date.now);"
OPTIONS = {"challengeId": "c", "options": {"challenge": "AAAA", "rpId": "localhost", "user": {"id": "AAAA"}}}
BASE = "/v1/client/user-authenticators"
SLOW = {"warns_of_delay": True}
ADDED = "2026-05-03T10:00:00Z"
# Numbers and addresses that the user chooses between; two look alike.
SEVERAL = proving("") | {
    "methods": [
        {"method": "SMS", "id": "1", "target": "•••• 123", "label": "Work phone"},
        {"method": "SMS", "id": "2", "target": "•••• 456"},
        {"method": "EMAIL_OTP", "id": "3", "target": "j•••@example.com", "addedAt": ADDED},
        {"method": "EMAIL_OTP", "id": "4", "target": "j•••@example.com", "addedAt": "2026-11-20T10:00:00Z"},
        {"method": "AUTHENTICATOR_APP"},
    ]
}


def proving_while(method: str = "AUTHENTICATOR_APP", **lock: Any) -> dict[str, Any]:
    """The method that takes no code now; the page begins with it where there is no other."""
    rest = proving("", "EMAIL_OTP", "SMS") if method == "SMS" else alone(method)
    methods = [one | (lock if one["method"] == method else {}) for one in rest["methods"]]
    return rest | {"methods": methods}


def by_message(number: int, screen: str, method: str, path: str, title: str, label: str, sent: str) -> list[Scene]:
    """The states of a screen on which a code from a message is typed."""
    send, verify = f"/v1/client/challenge/{path}", f"/v1/client/verify/{path}"
    return [
        Scene(number, screen, "full", title, proving(method), steps=(click_ladder,)),
        Scene(number, screen, "alone", title, alone(method)),
        Scene(number, screen, "long", title, long(method), tenant_name=LONG_NAME),
        Scene(number, screen, "sending", "One moment…", proving(method), {send: HELD}),
        Scene(number, screen, "checking", title, proving(method), {verify: HELD}, (type_into(label, "123456"),)),
        Scene(
            number, screen, "wrong", title, proving(method), steps=(type_into(label, "123456"), see_alert("not right"))
        ),
        Scene(
            number,
            screen,
            "short",
            title,
            proving(method),
            steps=(fill(label, "12"), click("Verify"), see_alert("Enter all 6 digits")),
        ),
        Scene(
            number,
            screen,
            "offline",
            title,
            proving(method),
            {verify: OFFLINE},
            (type_into(label, "123456"), see_alert("No connection")),
        ),
        Scene(
            number,
            screen,
            "sent-before",
            title,
            proving(method, then=[{"sent": {method: True}}]),
            {send: TOO_SOON},
            (see("was sent a moment ago"),),
        ),
        Scene(16, screen, "sent-elsewhere", "Just a moment", proving(method), {send: TOO_SOON}),
        Scene(
            17,
            screen,
            "not-sent",
            title,
            proving(method),
            {"/challenge/api/delivery": {"status": "failed"}},
            (see("could not be sent"),),
        ),
        Scene(17, screen, "no-provider", "That did not work", proving(method), {send: BROKEN}),
        Scene(16, screen, "limited", "Too many tries", proving(method), {send: TOO_MANY}),
    ]


def click_ladder(page) -> None:  # type: ignore[no-untyped-def]
    page.locator(".ladder summary").click()


SCENES = [
    Scene(1, "loading", "loading", "One moment…", replies={STATE: HELD}),
    Scene(1, "loading", "offline", "That did not work", replies={STATE: OFFLINE}),
    Scene(1, "loading", "error", "That did not work", replies={STATE: BROKEN}),
    Scene(2, "choose", "full", "How do you want to verify?", proving("")),
    Scene(2, "choose", "two", "How do you want to verify?", proving("", "PASSKEY", "EMAIL_OTP")),
    Scene(2, "choose", "several", "How do you want to verify?", SEVERAL),
    Scene(2, "choose", "long", "How do you want to verify?", long(""), tenant_name=LONG_NAME),
    Scene(2, "choose", "message", "How do you want to verify?", proving("", message="Send $3,000.00 to Jane Cooper")),
    *by_message(3, "email-otp", "EMAIL_OTP", "email-otp", "Check your email", "Code from the email", "email"),
    *by_message(3, "sms", "SMS", "sms", "Check your phone", "Code from the text message", "sms"),
    *by_message(3, "whatsapp", "WHATSAPP", "whatsapp", "Check WhatsApp", "Code from WhatsApp", "whatsapp"),
    Scene(4, "magic-link", "full", "Check your inbox", proving("EMAIL_MAGIC_LINK"), steps=(click_ladder,)),
    Scene(3, "email-otp", "slow", "Check your email", proving("EMAIL_OTP"), configured={"EMAIL_OTP": SLOW}),
    Scene(
        4, "magic-link", "slow", "Check your inbox", proving("EMAIL_MAGIC_LINK"), configured={"EMAIL_MAGIC_LINK": SLOW}
    ),
    Scene(4, "magic-link", "alone", "Check your inbox", alone("EMAIL_MAGIC_LINK")),
    Scene(4, "magic-link", "long", "Check your inbox", long("EMAIL_MAGIC_LINK"), tenant_name=LONG_NAME),
    Scene(
        17,
        "magic-link",
        "not-sent",
        "Check your inbox",
        proving("EMAIL_MAGIC_LINK"),
        {"/challenge/api/delivery": {"status": "failed"}},
        (see("could not be sent"),),
    ),
    Scene(
        4,
        "link-code",
        "full",
        "Enter the code from the other device",
        proving("EMAIL_MAGIC_LINK"),
        steps=(click("I opened it on another device"),),
    ),
    Scene(
        4,
        "link-code",
        "wrong",
        "Enter the code from the other device",
        proving("EMAIL_MAGIC_LINK"),
        steps=(
            click("I opened it on another device"),
            type_into("Code from the link", "123456"),
            see_alert("not right"),
        ),
    ),
    Scene(5, "totp", "full", "Open your authenticator app", proving("AUTHENTICATOR_APP"), steps=(click_ladder,)),
    Scene(5, "totp", "alone", "Open your authenticator app", alone("AUTHENTICATOR_APP")),
    Scene(5, "totp", "long", "Open your authenticator app", long("AUTHENTICATOR_APP"), tenant_name=LONG_NAME),
    Scene(
        5,
        "totp",
        "wrong",
        "Open your authenticator app",
        proving("AUTHENTICATOR_APP"),
        steps=(type_into("Code from the app", "123456"), see_alert("not right")),
    ),
    Scene(
        5,
        "totp",
        "clock-wrong",
        "Open your authenticator app",
        proving("AUTHENTICATOR_APP"),
        steps=(see("The clock of this device"),),
        script=SLOW_CLOCK,
    ),
    Scene(
        5,
        "totp",
        "checking",
        "Open your authenticator app",
        proving("AUTHENTICATOR_APP"),
        {"/v1/client/verify/totp": HELD},
        (type_into("Code from the app", "123456"),),
    ),
    Scene(6, "passkey", "full", "Use your passkey", proving("PASSKEY")),
    Scene(6, "passkey", "alone", "Use your passkey", alone("PASSKEY")),
    Scene(6, "passkey", "long", "Use your passkey", long("PASSKEY"), tenant_name=LONG_NAME),
    Scene(
        6,
        "passkey",
        "cancelled",
        "Use your passkey",
        proving("PASSKEY"),
        {f"{BASE}/passkey/authentication-options": OPTIONS},
        (click("Continue with passkey"), see_alert("You can try again")),
        script=CANCELS,
    ),
    Scene(
        6,
        "passkey",
        "error",
        "That did not work",
        proving("PASSKEY"),
        {f"{BASE}/passkey/authentication-options": BROKEN},
        (click("Continue with passkey"),),
    ),
    Scene(7, "security-key", "full", "Use your security key", proving("SECURITY_KEY")),
    Scene(7, "security-key", "alone", "Use your security key", alone("SECURITY_KEY")),
    Scene(
        7,
        "security-key",
        "cancelled",
        "Use your security key",
        proving("SECURITY_KEY"),
        {f"{BASE}/security-key/authentication-options": OPTIONS["options"]},  # type: ignore[dict-item]
        (click("Continue with security key"), see_alert("You can try again")),
        script=CANCELS,
    ),
    Scene(8, "push", "full", "Approve it on your phone", proving("PUSH"), steps=(click_ladder,)),
    Scene(8, "push", "alone", "Approve it on your phone", alone("PUSH")),
    Scene(8, "push", "long", "Approve it on your phone", long("PUSH"), tenant_name=LONG_NAME),
    Scene(
        8,
        "push",
        "no-number",
        "Approve it on your phone",
        proving("PUSH"),
        {"/v1/client/challenge/push": {"challengeId": "c"}},
    ),
    Scene(8, "push", "over", "That request has ended", proving("PUSH"), {"/v1/client/verify/push": OVER}),
    Scene(
        8,
        "push",
        "declined",
        "Declined on your phone",
        proving("PUSH", then=[{"state": "CHALLENGE_FAILED"}]),
        {"/v1/client/verify/push": OVER},
    ),
    Scene(8, "push", "error", "That did not work", proving("PUSH"), {"/v1/client/challenge/push": BROKEN}),
    Scene(
        9,
        "qr-code",
        "full",
        "Scan this with your phone",
        proving("QR_CODE"),
        {},
        (click_ladder,),
    ),
    Scene(
        9,
        "qr-code",
        "long",
        "Scan this with your phone",
        long("QR_CODE"),
        {},
        tenant_name=LONG_NAME,
    ),
    Scene(
        9,
        "qr-code",
        "scanned",
        "Approve it on your phone",
        proving("QR_CODE"),
        {
            "/v1/client/verify/qr-code": {"isVerified": False, "isConsumed": False, "isClaimed": True},
        },
    ),
    Scene(9, "qr-code", "error", "That did not work", proving("QR_CODE"), {"/challenge/api/qr-challenge": BROKEN}),
    Scene(11, "recovery-code", "full", "Enter a recovery code", proving("RECOVERY_CODE")),
    Scene(11, "recovery-code", "alone", "Enter a recovery code", alone("RECOVERY_CODE")),
    Scene(
        11,
        "recovery-code",
        "wrong",
        "Enter a recovery code",
        proving("RECOVERY_CODE"),
        steps=(fill("Recovery code", "ABCD" * 6), see_alert("not right")),
    ),
    Scene(
        11,
        "recovery-code",
        "short",
        "Enter a recovery code",
        proving("RECOVERY_CODE"),
        steps=(fill("Recovery code", "ABCD"), click("Verify"), see_alert("24 letters")),
    ),
    Scene(
        16,
        "locked",
        "full",
        "Too many wrong codes",
        proving("AUTHENTICATOR_APP"),
        {"/v1/client/verify/totp": {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}},
        (type_into("Code from the app", "123456"),),
    ),
    Scene(
        16,
        "locked",
        "alone",
        "Too many wrong codes",
        alone("AUTHENTICATOR_APP"),
        {"/v1/client/verify/totp": {"isVerified": False, "failureReason": "MAX_ATTEMPTS_EXCEEDED"}},
        (type_into("Code from the app", "123456"),),
    ),
    Scene(
        16,
        "locked",
        "paused",
        "Too many wrong codes",
        proving_while(lockedUntil=int(time.time() + 3600) * 1000),
        steps=(see("You can try again in"),),
    ),
    Scene(
        16,
        "locked",
        "disabled",
        "Too many wrong codes",
        proving_while(disabled=True),
        steps=(see("does not come back by itself"),),
    ),
    Scene(
        16,
        "locked",
        "choose",
        "How do you want to verify?",
        proving_while("SMS", disabled=True),
        steps=(see("Locked after too many wrong codes"),),
    ),
    Scene(
        16,
        "limited",
        "alone",
        "Too many tries",
        alone("AUTHENTICATOR_APP"),
        {"/v1/client/verify/totp": TOO_MANY},
        (type_into("Code from the app", "123456"),),
    ),
    Scene(
        16,
        "limited",
        "ready",
        "Too many tries",
        alone("AUTHENTICATOR_APP"),
        {"/v1/client/verify/totp": Refused(429, "too_many_requests", "Too many.", retry_after=1)},
        (
            type_into("Code from the app", "123456"),
            see("Try again", exact=True),
        ),
    ),
    Scene(
        19,
        "unsupported",
        "choose",
        "How do you want to verify?",
        proving("", "PASSKEY", "EMAIL_OTP", "SMS"),
        script="delete window.PublicKeyCredential;",
    ),
    Scene(
        19,
        "unsupported",
        "only-passkey",
        "This browser cannot use passkeys",
        alone("PASSKEY"),
        script="delete window.PublicKeyCredential;",
    ),
]
