"""Chromium for the browser tests: launching, a virtual authenticator, accessibility checks and screenshots."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, Playwright

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SCREENSHOTS = ROOT / "var" / "screenshots"
# Pictures are for people to look at: `make screenshots` takes them, other runs need not.
TAKES_PICTURES = os.environ.get("SCREENSHOTS") == "yes"
AXE = ROOT / "tests" / "sdk" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What can differ between two looks of one document: the colours and the sizes of another scheme or width.
AXE_LOOKS = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
# Everything that axe-core could tell of a page is long; only what is wrong leaves it.
JUDGE = """async (only) => {
  const options = { runOnly: only, resultTypes: ["violations"], selectors: false, ancestry: false, xpath: false };
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 160)}`));
}"""
ARGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


@contextlib.contextmanager
def launched(playwright: Playwright, *more: str) -> Iterator[Browser]:
    """A browser with a profile of its own; `more` are further command line switches."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGS, *more])
    try:
        yield browser
    finally:
        browser.close()


def add_authenticator(page: Page, **options: Any) -> tuple[CDPSession, str]:
    """A virtual platform authenticator that verifies its user; returns the session that steers it, and its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable", {"enableUI": False})
    described = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": described | options})
    return session, str(made["authenticatorId"])


def accessibility_violations(page: Page, *, look_only: bool = False) -> list[str]:
    """What axe-core finds wrong with the page as it is now, one line each.

    `look_only`: only by the rules about colours and sizes, for a document that was judged whole in another look.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    only = {"type": "rule", "values": AXE_LOOKS} if look_only else {"type": "tag", "values": AXE_TAGS}
    found: list[str] = page.evaluate(JUDGE, only)
    return found


def sideways_scroll(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def screenshot(page: Page, name: str) -> None:
    """The whole page into var/screenshots, where pictures are taken."""
    if not TAKES_PICTURES:
        return
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
