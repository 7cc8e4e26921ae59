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
AXE = ROOT / "tests" / "sdk" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
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


def accessibility_violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it is now, one line each."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", AXE_TAGS)
    return [
        f"{item['id']}: {item['help']}: {node['html'][:160]}" for item in found["violations"] for node in item["nodes"]
    ]


def sideways_scroll(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
