"""The page behind a link by email, from the real server."""

from tests.screens.scene import LONG_NAME, Scene, click, fill, see_alert

CONFIRM, ADDRESS, ELSEWHERE = "@confirm", "@address", "@elsewhere"
YES = click("Yes, it’s me")

SCENES = [
    Scene(4, "link", "confirm", "Is this you?", path=CONFIRM),
    Scene(4, "link", "long", "Is this you?", path=CONFIRM, tenant_name=LONG_NAME),
    Scene(4, "link", "address", "Is this you?", path=ADDRESS),
    Scene(
        4,
        "link",
        "wrong-address",
        "Is this you?",
        path=ADDRESS,
        steps=(fill("Your email address", "x@example.com"), YES, see_alert("another address")),
    ),
    Scene(4, "link", "done", "You’re verified", path=CONFIRM, steps=(YES,)),
    Scene(4, "link", "code", "Type this code where you began", path=ELSEWHERE, steps=(YES,)),
    Scene(4, "link", "gone", "This link does not work any more", path="/challenge/link/nothing"),
]
