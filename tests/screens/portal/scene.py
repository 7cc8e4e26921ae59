"""A scene of the portal: one page in one state, for one member of staff of one tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, expect

from authsignal_portal.vocabulary import Role
from tests.screens.scene import Reply, Step

# The states that a page can have; a name may say more after a hyphen, such as full-reader.
STATES = ("full", "empty", "loading", "error", "long")
# The tenant that has such pages, where a scene names no other.
TENANTS = {"empty": "empty", "long": "long"}
SETTLED = ".portal-errors:visible, .errorlist:visible, .portal-note.bad:visible"
WITHOUT_THE_BROWSERS_OWN_CHECKS = "for (const form of document.forms) form.noValidate = true"


@dataclass(frozen=True)
class Scene:
    """`page` is the name of its URL, and `of` what stands in the address: things of the tenant (`tenants.py`), or the
    words themselves. Where no URL leads to it, `path` does. `heading` is part of its first heading."""

    page: str
    state: str
    heading: str = ""
    of: tuple[str, ...] = ()
    query: str = ""
    path: str = ""
    tenant: str = ""
    # None: signed out.
    role: Role | None = Role.ADMIN
    # The last code was given too long ago for what matters.
    must_prove: bool = False
    status: int = 200
    steps: tuple[Step, ...] = ()
    replies: Mapping[str, Reply] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"portal-{self.page}-{self.state}"

    @property
    def kind(self) -> str:
        return self.state.split("-")[0]

    @property
    def of_tenant(self) -> str:
        return self.tenant or TENANTS.get(self.kind, "full")


def states(page: str, heading: str, kinds: str, **more: Any) -> list[Scene]:
    """The same page in several states that differ by their tenant alone."""
    return [Scene(page, kind, heading, **more) for kind in kinds.split()]


def forbidden(page: str, **more: Any) -> Scene:
    """For somebody whose role does not allow it."""
    return Scene(page, "error-forbidden", "Your role does not allow this", role=Role.READ_ONLY, status=403, **more)


def refused(button: str = "Save") -> Step:
    """Send the form past the browser's own checks; the server says what is wrong."""

    def send(page: Page) -> None:
        page.evaluate(WITHOUT_THE_BROWSERS_OWN_CHECKS)
        page.locator("main, .portal-card-page").get_by_role("button", name=button, exact=True).first.click()
        page.locator(SETTLED).first.wait_for()

    return send


def fill_in(label: str, text: str) -> Step:
    return lambda page: page.get_by_label(label, exact=True).first.fill(text)


def write(name: str, text: str) -> Step:
    """Into the field of this name: the theme's labels have more in them than their text."""
    return lambda page: page.locator(f"main [name={name}]").first.fill(text)


def tick(name: str) -> Step:
    return lambda page: page.locator(f"main [name={name}]").check(force=True)


def pick(name: str, value: str) -> Step:
    return lambda page: page.locator(f"main [name={name}]").first.select_option(value)


def choose(label: str, option: str) -> Step:
    return lambda page: page.get_by_label(label, exact=True).first.select_option(label=option)


def open_all(page: Page) -> None:
    """Whatever can be unfolded in the page itself."""
    for closed in reversed(page.locator("main details:not([open]) > summary").all()):
        closed.click()


def has_class(selector: str, name: str) -> Step:
    return lambda page: expect(page.locator(selector)).to_contain_class(name)
