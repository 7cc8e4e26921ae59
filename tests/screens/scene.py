"""A scene: one screen in one state, and how a browser comes to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from playwright.sync_api import Page

# What the server is made to answer: JSON; a refusal; or nothing at all, now or ever.
Reply: TypeAlias = "dict[str, Any] | list[Any] | Refused | str"
Step: TypeAlias = Callable[[Page], None]

HELD, OFFLINE = "held", "offline"

LONG_NAME = "Sankt-Nimmerleins-Genossenschaftsbank der vereinigten Handwerksbetriebe von Niederösterreich eG"
LONG_EMAIL = "an.extraordinarily.long.local.part.that.goes.on@a-department.of-an-equally-long-company.example.co.nz"
LONG_MESSAGE = "Send NZD 1,234,567.89 to Stiftung für außergewöhnlich lange Namen, account DE89 3704 0044 0532 0130 00"


@dataclass(frozen=True)
class Refused:
    """An error of the API."""

    status: int
    code: str = "invalid_request"
    description: str = "The request could not be processed."
    retry_after: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Scene:
    """`number` is the screen's in product.md §4.2, 21 the web app. `state` overrides what the server says of the
    action; `replies` what it answers to a path, or to "POST /path" alone. `heading` is the screen's first one, once
    `steps` were taken."""

    number: int
    screen: str
    name: str
    heading: str
    state: Mapping[str, Any] = field(default_factory=dict)
    replies: Mapping[str, Reply] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    # The document's own query, beside the token; what stands in `path` instead of /challenge?token=….
    query: str = ""
    path: str = ""
    tenant_name: str = "Acme Pay"
    # What the tenant has set of its methods: {method: {column: value}}.
    configured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    script: str = ""
    # The users whose keys this browser holds, as the web app keeps them.
    accounts: tuple[str, ...] = ()
    # Opened without JavaScript, from the real server.
    is_plain: bool = False

    @property
    def id(self) -> str:
        return f"{self.number:02}-{self.screen}-{self.name}"


def click(name: str, *, exact: bool = False) -> Step:
    return lambda page: page.get_by_role("button", name=name, exact=exact).first.click()


def fill(label: str, text: str) -> Step:
    return lambda page: page.get_by_label(label, exact=False).first.fill(text)


def type_into(label: str, text: str) -> Step:
    return lambda page: page.get_by_label(label, exact=False).first.press_sequentially(text)


def see(text: str, *, exact: bool = False) -> Step:
    return lambda page: page.get_by_text(text, exact=exact).first.wait_for()


def see_alert(text: str) -> Step:
    return lambda page: page.get_by_role("alert").filter(has_text=text).wait_for()


def follow(name: str) -> Step:
    return lambda page: page.get_by_role("link", name=name).click()


def see_no(text: str) -> Step:
    return lambda page: page.get_by_text(text).wait_for(state="detached")


def run(script: str) -> Step:
    return lambda page: page.evaluate(script)


# -- what the server says ------------------------------------------------------------------------

EMAIL, PHONE = "a•••@example.com", "•••• 123"
METHODS: list[dict[str, Any]] = [
    {"method": "PASSKEY"},
    {"method": "SECURITY_KEY"},
    {"method": "AUTHENTICATOR_APP"},
    {"method": "PUSH"},
    {"method": "QR_CODE"},
    {"method": "EMAIL_OTP", "target": EMAIL},
    {"method": "EMAIL_MAGIC_LINK", "target": EMAIL},
    {"method": "SMS", "target": PHONE},
    {"method": "WHATSAPP", "target": PHONE},
    {"method": "RECOVERY_CODE"},
]
ENROLLABLE: list[dict[str, Any]] = [
    {"method": name, "editable": True, "replaces": False}
    for name in ("PASSKEY", "SECURITY_KEY", "AUTHENTICATOR_APP", "EMAIL_OTP", "EMAIL_MAGIC_LINK", "SMS", "WHATSAPP")
]


def proving(first: str, *others: str, **more: Any) -> dict[str, Any]:
    """An enrolled user, asked for `first`; everything else is offered too, or only `others` where they are named."""
    wanted = [first, *others] if others else [one["method"] for one in METHODS]
    methods = [{**one, "isDefault": one["method"] == first} for one in METHODS if one["method"] in wanted]
    return {"isEnrolled": True, "canEnrol": False, "methods": methods, **more}


def alone(method: str, **more: Any) -> dict[str, Any]:
    methods = [{**one, "isDefault": True} for one in METHODS if one["method"] == method]
    return {"isEnrolled": True, "canEnrol": False, "methods": methods, **more}


def long(method: str, **more: Any) -> dict[str, Any]:
    methods = [
        {**one, "isDefault": one["method"] == method} | ({"target": LONG_EMAIL} if "target" in one else {})
        for one in METHODS
    ]
    return {"isEnrolled": True, "canEnrol": False, "methods": methods, "message": LONG_MESSAGE, **more}


def enrolling(*methods: str, **more: Any) -> dict[str, Any]:
    offered = [one for one in ENROLLABLE if not methods or one["method"] in methods]
    return {"isEnrolled": False, "canEnrol": True, "methods": [], "enrollable": offered, **more}
