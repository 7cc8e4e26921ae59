"""Screens 12 and 15 to 20 that end it: success, what is over, what somebody decided already, and leaving."""

from tests.screens.enrolling import APP as TOTP_MADE
from tests.screens.proving import STATE
from tests.screens.scene import HELD, LONG_NAME, Refused, Scene, alone, click, enrolling, see, type_into

PROVED = {"state": "CHALLENGE_SUCCEEDED", "recoveryCodes": {"enabled": False}, "prompt": None}
LOW = {"enabled": True, "remaining": 2, "mayMake": True, "isLow": True, "wasUsed": True}
VERIFIED = {"/v1/client/verify/totp": {"isVerified": True}, "/challenge/api/finish": HELD}
# The success leads on by itself after 900 ms.
STAYS = "setTimeout = ((real) => (work, time) => (time === 900 ? 0 : real(work, time)))(setTimeout);"
TYPED = (type_into("Code from the app", "123456"),)


def closed(name: str, state: str, title: str) -> Scene:
    return Scene(18, "closed", name, title, {"state": state})


SCENES = [
    Scene(
        12,
        "success",
        "full",
        "You’re verified",
        alone("AUTHENTICATOR_APP", then=[PROVED]),
        VERIFIED,
        TYPED,
        script=STAYS,
    ),
    Scene(
        12,
        "success",
        "remember",
        "You’re verified",
        alone("AUTHENTICATOR_APP", then=[{**PROVED, "remember": 30}]),
        VERIFIED,
        TYPED,
    ),
    Scene(
        12,
        "success",
        "codes-low",
        "You’re verified",
        alone("AUTHENTICATOR_APP", then=[{**PROVED, "remember": 30, "recoveryCodes": LOW}]),
        VERIFIED,
        TYPED,
    ),
    Scene(15, "expired", "full", "This page has expired", path="/challenge?token=garbled"),
    Scene(15, "expired", "used", "This was already done", {"state": "CHALLENGE_SUCCEEDED"}),
    Scene(15, "expired", "missing", "This page cannot go on", path="/challenge"),
    Scene(
        15,
        "expired",
        "reloaded",
        "This page cannot go on",
        alone("AUTHENTICATOR_APP"),
        steps=(see("Code from the app"), lambda page: page.reload(), see("Go back to the app")),
    ),
    Scene(
        15,
        "expired",
        "soon",
        "Open your authenticator app",
        alone("AUTHENTICATOR_APP", expiresIn=50),
        steps=(see("This page expires in"),),
    ),
    Scene(
        15,
        "expired",
        "late",
        "This page has expired",
        alone("AUTHENTICATOR_APP", expiresIn=1),
        steps=(see("has expired"),),
    ),
    Scene(
        12,
        "success",
        "enrolled",
        "You’re all set",
        enrolling("AUTHENTICATOR_APP", then=[{**PROVED, "isEnrolled": True, "remember": 30}]),
        VERIFIED | TOTP_MADE,
        TYPED,
    ),
    Scene(10, "checked", "full", "Go back to where you began", path="/challenge/checked"),
    Scene(
        15,
        "other-browser",
        "full",
        "Opened in another browser",
        replies={STATE: Refused(403, "opened_elsewhere", "This was opened in another browser.")},
    ),
    closed("blocked", "BLOCK", "This is not possible"),
    closed("review", "REVIEW_REQUIRED", "This is being reviewed"),
    closed("failed", "CHALLENGE_FAILED", "Verification failed"),
    Scene(18, "closed", "long", "This is not possible", {"state": "BLOCK"}, tenant_name=LONG_NAME),
    Scene(
        20,
        "left",
        "quit",
        "You have left the verification",
        alone("AUTHENTICATOR_APP"),
        steps=(click("Cancel"),),
    ),
    Scene(
        20,
        "left",
        "done",
        "All done",
        alone("AUTHENTICATOR_APP", then=[{**PROVED, "remember": 30}]),
        {"/v1/client/verify/totp": {"isVerified": True}},
        (*TYPED, click("Continue")),
    ),
]
