"""The web app on a phone, by the screens of templates/app; and the hosted page in a browser that holds its key."""

from typing import Any

from authenticators.models import AuthenticatorConfiguration
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS
from tests.screens.elsewhere import asked
from tests.screens.proving import BROKEN, TOO_MANY
from tests.screens.scene import (
    HELD,
    LONG_EMAIL,
    LONG_MESSAGE,
    LONG_NAME,
    OFFLINE,
    Refused,
    Reply,
    Scene,
    Step,
    click,
    fill,
    run,
    see,
    see_alert,
)

# What stands for the app's address, and for the user whom the hosted page asks.
APP, ME = "@app", "@me"
NUMBER = 21
JO, SAM = "jo@acme.example", "sam.lee"

KEYS = "/v1/client/user-authenticators"
ENROL, REMOVE = f"{KEYS}/device", f"{KEYS}/device/remove"
PENDING, ANSWER = f"{KEYS}/push/challenge", f"POST {KEYS}/push/challenge"
CLAIM = f"{KEYS}/qr-code/challenge/claim"
CODE, CHALLENGE = "#enrol=ABCDEFGHJKLMNPQRSTUVWXYZ", f"#scan={'c' * 64}"

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
SIGN_IN = {"actionCode": "signIn", "actionName": "Sign in", "userAgent": WINDOWS, "ipAddress": "203.0.113.7"}
PAYMENT = {
    **SIGN_IN,
    "actionCode": "pay",
    "actionName": "Pay",
    "message": "Pay 3,000.00 USD to Northwind Books",
    "custom": {"amount": 3000, "currency": "USD", "merchant": "Northwind Books"},
}
LONG_PAYMENT = {
    **PAYMENT,
    "actionCode": "transferToAnAccountAbroadThatWasNeverPaidBeforeByThisCustomer",
    "actionName": "Transfer to an account abroad that was never paid before by this customer",
    "message": LONG_MESSAGE,
    "custom": {"merchant": LONG_NAME, "whatTheMerchantWroteBesideTheAmount": LONG_MESSAGE},
    "ipAddress": "2001:db8:85a3:8d3:1319:8a2e:370:7348",
}
PUSHED = {"challengeId": "c" * 64, "numberMatching": True}
RIGHT, NO_LONGER = {"isVerified": True}, {"isVerified": False, "failureReason": "CHALLENGE_EXPIRED"}
WRONG = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
DECLINED = {"isVerified": False}
NOTHING: dict[str, Any] = {}

# The worker of one scene would stand between the next one and the answers made for it.
NO_WORKER = "navigator.serviceWorker.register = () => Promise.reject(new DOMException());"
# Chromium reads no codes on this system: what the platform would see is told by `window.seen`, the camera is a canvas.
CAMERA = """
window.BarcodeDetector = class { async detect() { return window.seen ? [{ rawValue: window.seen }] : []; } };
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  return canvas.captureStream(5);
};
"""
NO_CAMERA = CAMERA + "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException());"
NO_PUSH, NO_STORE = "delete window.PushManager;", "IDBFactory.prototype.open = () => { throw new DOMException(); };"
SLOW_STORE = "IDBFactory.prototype.open = () => ({});"
# A document of the app's origin that is under no policy.
STORE = "/static/app/store.js"
HOLD = """async ({ tenantId, users }) => {
  const { make } = await import("/static/app/keys.js");
  const { accountsOf, forget, keep } = await import("/static/app/store.js");
  for (const one of await accountsOf(tenantId)) await forget(one);
  const since = Date.UTC(2026, 10, 2);
  for (const [place, userId] of users.entries())
    await keep({ ...(await make()), tenantId, userId, name: "Chrome · Android", since: since + place });
}"""


def is_about(scene: Scene) -> bool:
    return bool(scene.accounts) or scene.path.startswith(APP)


def offer(tenant: Tenant) -> None:
    for method in DEVICE_METHODS:
        AuthenticatorConfiguration.objects.get_or_create(tenant=tenant, method=method, defaults={"web_app": True})


def allowed(permission: str) -> str:
    return f"""Object.defineProperty(Notification, "permission", {{ get: () => "{permission}" }});
    Notification.requestPermission = async () => "denied";"""


def app(
    screen: str,
    name: str,
    heading: str,
    *steps: Step,
    accounts: tuple[str, ...] = (JO,),
    at: str = "",
    replies: dict[str, Reply] | None = None,
    script: str = "",
    **more: Any,
) -> Scene:
    return Scene(
        NUMBER,
        f"app-{screen}",
        name,
        heading,
        replies=replies or {},
        steps=steps,
        path=f"{APP}{at}",
        script=NO_WORKER + script,
        accounts=accounts,
        **more,
    )


def start(name: str, *steps: Step, **more: Any) -> Scene:
    return app("start", name, "Approve on this phone", *steps, accounts=(), **more)


def enrol(name: str, *steps: Step, heading: str = "Set up this phone", screen: str = "enrol", **more: Any) -> Scene:
    return app(screen, name, heading, *steps, accounts=(), at=CODE, **more)


def home(name: str, *steps: Step, told: Reply = NOTHING, **more: Any) -> Scene:
    return app("home", name, "Requests", *steps, replies={PENDING: told}, **more)


def pushed(
    name: str,
    *steps: Step,
    heading: str = "Is this you?",
    screen: str = "request",
    told: dict[str, Any] = PAYMENT,
    answer: Reply = RIGHT,
    **more: Any,
) -> Scene:
    """A push, opened."""
    opened = click(str(told.get("message", told["actionName"])))
    return app(screen, name, heading, opened, *steps, replies={PENDING: {**told, **PUSHED}, ANSWER: answer}, **more)


def linked(screen: str, name: str, heading: str, *steps: Step, told: Reply = PAYMENT, **more: Any) -> Scene:
    """A QR code, opened by its link."""
    return app(screen, name, heading, *steps, at=CHALLENGE, replies={CLAIM: told}, **more)


def account(name: str, *steps: Step, heading: str = JO, removed: Reply = NOTHING, **more: Any) -> Scene:
    user = more.get("accounts", (JO,))[0]
    return app("account", name, heading, click(user), *steps, replies={REMOVE: removed}, **more)


def here(name: str, heading: str, *steps: Step, **more: Any) -> Scene:
    return Scene(8, "in-app", name, heading, asked("IN_APP"), steps=steps, accounts=(ME,), **more)


SET_UP, APPROVE, DECLINE = click("Set up"), click("Approve"), click("Decline")
SCANNED, SCAN, REMOVES = click("Yes, I scanned it"), click("Scan a code"), click("Remove from this phone")
TYPED = (fill("Number that the page shows", "42"), APPROVE)
INSTALLABLE = run("window.dispatchEvent(new Event('beforeinstallprompt'))")
FAILED = "That did not work"

SCENES = [
    app("loading", "loading", "One moment…", script=SLOW_STORE),
    start("full", script=CAMERA),
    start("no-camera"),
    start("long", tenant_name=LONG_NAME),
    start("not-a-code", fill("Code from the other screen", "what is this"), click("Continue"), see_alert("not a code")),
    start("install", script=NO_PUSH),
    start("scanned", at=CHALLENGE),
    enrol("full"),
    enrol("long", tenant_name=LONG_NAME),
    enrol("no-name", fill("Name of this phone", ""), SET_UP, see_alert("Give this phone a name")),
    enrol("loading", SET_UP, heading="One moment…", replies={ENROL: HELD}),
    home("full", see("Northwind"), told={**PAYMENT, **PUSHED}, accounts=(JO, SAM)),
    home("empty", see("Nothing waits for you")),
    home("loading", see("Looking for requests"), told=HELD),
    home("removed", see("No longer set up"), told={**PAYMENT, **PUSHED, "userId": JO}, accounts=(JO, SAM)),
    home(
        "long",
        see("Stiftung"),
        told={**LONG_PAYMENT, **PUSHED},
        accounts=(LONG_EMAIL, LONG_NAME),
        tenant_name=LONG_NAME,
    ),
    home("offline", see_alert("No connection"), see("tries again by itself"), told=OFFLINE),
    home("error", see_alert("Something went wrong on our side"), told=BROKEN),
    home("limited", see_alert("Too many tries"), told=TOO_MANY),
    home("notify", see("Nothing waits"), see("Turn on notifications"), script=allowed("default")),
    home(
        "not-notified",
        see("Nothing waits"),
        click("Turn on notifications"),
        see_alert("could not be turned on"),
        script=allowed("default"),
    ),
    home("denied", see("Nothing waits"), see("Notifications are blocked"), script=allowed("denied")),
    home("install", see("Nothing waits"), INSTALLABLE, see("Add to the home screen")),
    pushed("full"),
    pushed("plain", told=SIGN_IN),
    pushed(
        "long",
        see("What the merchant wrote beside the amount"),
        told=LONG_PAYMENT,
        accounts=(LONG_EMAIL,),
        tenant_name=LONG_NAME,
    ),
    pushed("short", APPROVE, see_alert("number of two digits")),
    pushed("wrong", *TYPED, see_alert("not the number"), answer=WRONG),
    pushed("loading", *TYPED, answer=HELD),
    linked("request", "scanned", "Is this you?", SCANNED),
    linked("request", "claiming", "One moment…", SCANNED, told=HELD),
    linked("linked", "full", "Did you scan this from your own screen just now?"),
    linked("choose", "full", "Which account?", SCANNED, accounts=(JO, SAM)),
    linked("choose", "long", "Which account?", SCANNED, accounts=(LONG_EMAIL, LONG_NAME), tenant_name=LONG_NAME),
    app("scan", "full", "Scan the code", SCAN, script=CAMERA),
    app("scan", "plain", "Scan the code", SCAN),
    app("scan", "no-camera", "Scan the code", SCAN, see_alert("camera cannot be used"), script=NO_CAMERA),
    app("scan", "long", "Scan the code", SCAN, tenant_name=LONG_NAME),
    app(
        "scan",
        "not-a-code",
        "Scan the code",
        SCAN,
        run("window.seen = 'https://elsewhere.example/'"),
        see_alert("not a code"),
        script=CAMERA,
    ),
    enrol("enrolled", SET_UP, heading="This phone is set up", screen="result", replies={ENROL: {"userId": JO}}),
    pushed("approved", *TYPED, heading="Approved", screen="result"),
    pushed("declined", DECLINE, heading="Declined", screen="result", answer=DECLINED),
    pushed("over", *TYPED, heading="That request has ended", screen="result", answer=NO_LONGER),
    enrol(
        "used-code",
        SET_UP,
        heading=FAILED,
        screen="error",
        replies={ENROL: Refused(401, "expired_token", "The token has expired.")},
    ),
    enrol("refused", SET_UP, heading=FAILED, screen="error", replies={ENROL: Refused(403)}),
    enrol("limited", SET_UP, heading=FAILED, screen="error", replies={ENROL: TOO_MANY}),
    pushed("offline", *TYPED, heading=FAILED, screen="error", answer=OFFLINE),
    pushed("server", *TYPED, heading=FAILED, screen="error", answer=BROKEN),
    linked("error", "not-yours", FAILED, SCANNED, told=Refused(400, description="challengeId names no challenge.")),
    app("error", "no-store", FAILED, script=NO_STORE),
    account("full"),
    account("long", heading=LONG_EMAIL, accounts=(LONG_EMAIL,), tenant_name=LONG_NAME),
    account("error", REMOVES, see_alert("Something went wrong"), removed=BROKEN),
    account("loading", REMOVES, heading="One moment…", removed=HELD),
    app("offline", "full", "No connection", at="offline"),
    app("offline", "long", "No connection", at="offline", tenant_name=LONG_NAME),
    here("full", "Approve on this device"),
    here("loading", "One moment…", APPROVE, replies={"/v1/client/challenge": HELD}),
    here("error", FAILED, APPROVE, replies={"/v1/client/challenge": BROKEN}),
]
