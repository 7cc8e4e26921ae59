"""What is done elsewhere: an account with an identity provider, a vendor's identity check, the web app on a phone."""

from typing import Any

from actions import qr_picture
from tests.screens.proving import BROKEN, OVER
from tests.screens.scene import HELD, LONG_NAME, Scene, click, enrolling, see

CHECK, VERIFY_CHECK = "/v1/client/challenge/identity-check", "/v1/client/verify/identity-check"
AUTHORIZE, INVITE = "/challenge/api/authorize", "/challenge/api/invite-app"
WAITING = {"isVerified": False, "isConsumed": False}
BEGUN = {"challengeId": "c", "url": "https://vendor.example/check", "expiresAt": "2026-11-01T10:00:00Z"}
AT_VENDOR = {CHECK: BEGUN, VERIFY_CHECK: WAITING}
APP_LINK = "https://verify.example/app/00000000-0000-4000-8000-000000000001/#enrol=ABCDEFGHJKLMNPQRSTUVWXYZ"
INVITED = {
    "id": "00000000-0000-4000-8000-000000000002",
    "link": APP_LINK,
    "code": "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ",
    "image": qr_picture.picture(APP_LINK),
    "expiresIn": 300,
}
INVITATION = {INVITE: INVITED, "/challenge/api/invitation": {"isUsed": False, "isOver": False}}
STAFF, LONG_PROVIDER = "Acme Staff", f"Mitarbeiterkonto der {LONG_NAME}"


def asked(method: str, name: str = "", *, alone: bool = False, **more: Any) -> dict[str, Any]:
    """An enrolled user who is asked for this method."""
    named = {"name": name} if name else {}
    methods = [{"method": method, "isDefault": True, **named}]
    if not alone:
        methods.append({"method": "RECOVERY_CODE", "isDefault": False})
    return {"isEnrolled": True, "canEnrol": False, "methods": methods, **more}


def offered(method: str, name: str = "") -> dict[str, Any]:
    """A new user who may set up this method."""
    one = {"method": method, "editable": True, "replaces": False} | ({"name": name} if name else {})
    return {**enrolling(), "enrollable": [one]}


def account(name: str, state: dict[str, Any], heading: str, **more: Any) -> Scene:
    return Scene(10, "account", name, heading, state, **more)


def check(name: str, heading: str = "Identity check", **more: Any) -> Scene:
    return Scene(10, "identity-check", name, heading, asked("VERIFF"), **more)


VERIFY, CONNECT = "Verify with your account", "Connect an account"
SCENES = [
    account("full", asked("OIDC_PROVIDER", STAFF), VERIFY),
    account("alone", asked("GOOGLE_ID_TOKEN", alone=True), VERIFY),
    account("long", asked("OIDC_PROVIDER", LONG_PROVIDER), VERIFY, tenant_name=LONG_NAME),
    account(
        "leaving", asked("OIDC_PROVIDER", STAFF), "One moment…", replies={AUTHORIZE: HELD}, steps=(click("Continue"),)
    ),
    account(
        "error",
        asked("OIDC_PROVIDER", STAFF),
        "That did not work",
        replies={AUTHORIZE: BROKEN},
        steps=(click("Continue"),),
    ),
    account(
        "another-account",
        asked("OIDC_PROVIDER", STAFF),
        VERIFY,
        query="&returned=failed&use=OIDC_PROVIDER",
        steps=(see("it was another account"),),
    ),
    account("enrol", offered("APPLE_ID_TOKEN"), CONNECT),
    check("full", replies=AT_VENDOR),
    check("terminal", replies={CHECK: {"challengeId": "c"}, VERIFY_CHECK: WAITING}),
    check("loading", "One moment…", replies={CHECK: HELD}),
    check("over", "The check did not work", replies={CHECK: BEGUN, VERIFY_CHECK: OVER}),
    check("error", "That did not work", replies={CHECK: BROKEN}),
    Scene(12, "app-enrol", "full", "Set up your phone", offered("PUSH"), INVITATION),
    Scene(12, "app-enrol", "long", "Set up your phone", offered("PUSH"), INVITATION, tenant_name=LONG_NAME),
    Scene(12, "app-enrol", "loading", "One moment…", offered("PUSH"), {INVITE: HELD}),
    Scene(12, "app-enrol", "error", "That did not work", offered("PUSH"), {INVITE: BROKEN}),
]
