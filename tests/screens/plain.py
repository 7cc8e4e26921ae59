"""The pages as a browser without JavaScript sees them, from the real server."""

from tests.screens.scene import LONG_NAME, Scene, click, fill, follow, see, see_alert, see_no

VERIFY = "How do you want to verify?"
SMS, PUSH = click("Text message"), click("App on your phone Approve")
LOOK, STILL = click("I have confirmed it"), follow("Check only when I ask")


def scene(number: int, screen: str, name: str, heading: str, *steps, **more) -> Scene:  # type: ignore[no-untyped-def]
    return Scene(number, f"plain-{screen}", name, heading, steps=steps, is_plain=True, **more)


# As an enrolled user; `query` names what the action is tracked with.
SCENES = [
    scene(2, "choose", "full", VERIFY),
    scene(2, "choose", "several", VERIFY, query="several"),
    scene(2, "choose", "long", VERIFY, tenant_name=LONG_NAME),
    scene(3, "sms", "full", "Check your phone", SMS),
    scene(
        3,
        "sms",
        "wrong",
        "Check your phone",
        SMS,
        fill("Code from", "000000"),
        click("Verify"),
        see_alert("not right"),
    ),
    scene(
        3,
        "sms",
        "resent",
        "Check your phone",
        SMS,
        click("Send a new code"),
        see("You can try again in"),
    ),
    scene(4, "magic-link", "full", "Check your inbox", click("Email link")),
    scene(4, "magic-link", "long", "Check your inbox", click("Email link"), tenant_name=LONG_NAME),
    scene(4, "magic-link", "not-yet", "Check your inbox", click("Email link"), LOOK, see("not been confirmed yet")),
    scene(8, "push", "full", "Approve it on your phone", PUSH),
    scene(8, "push", "long", "Approve it on your phone", PUSH, tenant_name=LONG_NAME),
    scene(8, "push", "still", "Approve it on your phone", PUSH, STILL, see_no("every few seconds")),
    scene(9, "qr-code", "full", "Scan this with your phone", click("QR code")),
    scene(5, "totp", "full", "Open your authenticator app", click("Authenticator app")),
    scene(11, "recovery-code", "full", "Enter a recovery code", click("Recovery code")),
    scene(12, "enrol", "full", "Add a way to verify", query="force"),
    scene(12, "no-script", "full", "This needs JavaScript", query="passkey"),
    scene(12, "sms-enrol", "full", "Your mobile number", SMS, query="force"),
    scene(
        12,
        "get-app",
        "full",
        "Set up your authenticator app",
        click("Authenticator app"),
        see("No app yet?"),
        query="force",
        configured={"AUTHENTICATOR_APP": {"shows_app_download": True}},
    ),
    scene(12, "totp-enrol", "full", "Set up your authenticator app", click("Authenticator app"), query="force"),
    scene(14, "settings", "full", "Your verification methods", query="settings"),
    scene(14, "manage", "full", "Text message", click("Change Text message"), query="settings"),
    scene(
        14,
        "rename",
        "full",
        "Give it a name",
        click("Change Text message"),
        click("Rename it"),
        query="settings",
    ),
    scene(14, "devices", "full", "Your devices", click("Your devices"), query="settings"),
    scene(14, "renew-codes", "full", "New recovery codes", click("New recovery codes"), query="settings"),
    scene(
        14,
        "recovery-codes",
        "full",
        "Save your recovery codes",
        click("New recovery codes"),
        click("Make new codes"),
        query="settings",
    ),
    scene(15, "missing", "full", "This page cannot go on", path="/challenge/plain"),
    scene(20, "left", "quit", "You have left the verification", click("Cancel"), query="stay"),
]
