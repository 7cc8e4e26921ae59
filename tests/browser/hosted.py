"""Driving the hosted pages: tracking, typing codes, and what every page must keep to."""

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django_otp.oath import totp
from playwright.sync_api import ConsoleMessage, Frame, Page, expect

from authenticators.methods.totp import decode_secret
from tests.browser.relying_app import RelyingApp
from tests.conftest import Live

Screen = Page | Frame


@dataclass
class Hosted:
    """One user of a tenant on the live server, in front of a browser page."""

    live: Live
    app: RelyingApp
    page: Page
    user_id: str = field(default_factory=lambda: f"user-{uuid.uuid4().hex[:12]}")
    # Script errors and breaches of the page's own policy, on any page of the browser context.
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._watch(self.page)
        self.page.context.on("page", self._watch)

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("console", self._judge)

    def _judge(self, line: ConsoleMessage) -> None:
        if "Content Security Policy" in line.text:
            self.problems.append(line.text)

    @property
    def email(self) -> str:
        return f"{self.user_id}@example.com"

    @property
    def phone(self) -> str:
        """Nobody else's: all tests share one outbox."""
        return f"+6421{int(self.user_id[5:], 16) % 10**7:07d}"

    def track(self, action: str = "signIn", **attributes: Any) -> dict[str, Any]:
        status, answer = self.live("POST", f"users/{self.user_id}/actions/{action}", attributes)
        assert status == 200, answer
        return dict(answer)

    def enrol(self, method: str, **given: Any) -> dict[str, Any]:
        body = {"verificationMethod": method, **given}
        status, answer = self.live("POST", f"users/{self.user_id}/authenticators", body)
        assert status == 200, answer
        return dict(answer)

    def open(self, action: str = "signIn", *, query: str = "", **attributes: Any) -> dict[str, Any]:
        """Track an action that returns to the app, and open its page."""
        attributes.setdefault("redirectUrl", f"{self.app.origin}/return?keep=1")
        tracked = self.track(action, **attributes)
        self.page.goto(tracked["url"] + query)
        return tracked

    def launch(self, mode: str, *, origin: str = "", **attributes: Any) -> dict[str, Any]:
        """Track, and launch through the SDK from a page of the app."""
        tracked = self.track(**attributes)
        self.page.goto(origin or self.app.origin)
        options = {
            "tenantId": self.live.tenant_id,
            "baseUrl": self.live.api_url,
            "url": tracked["url"],
            "mode": mode,
        }
        self.page.evaluate("options => window.start(options)", options)
        return tracked

    def validate(self, token: str) -> dict[str, Any]:
        status, answer = self.live("POST", "validate", {"token": token})
        assert status == 200, answer
        return dict(answer)

    def returned(self) -> dict[str, Any]:
        """What the app's backend learns from the redirect that the page is on its way to."""
        self.page.wait_for_url(f"{self.app.origin}/return?**")
        query = parse_qs(urlsplit(self.page.url).query)
        assert query["keep"] == ["1"]
        return self.validate(query["token"][0])

    def outcome(self) -> Any:
        """What the SDK's promise resolved to; `token` is None where it had none."""
        return self.page.wait_for_function("() => window.outcome").json_value()

    def frame(self) -> Frame:
        """The popup's frame, once the SDK has finished showing it: a click during its animation would miss."""
        frame = self.page.wait_for_selector("#__authsignal-popup-iframe").content_frame()
        self.page.wait_for_function(
            """() => {
              const popup = document.querySelector("#__authsignal-popup-container.as-popup-visible");
              return popup && popup.getAnimations({ subtree: true }).every((one) => one.playState === "finished");
            }"""
        )
        assert frame is not None
        return frame

    def current_code(self, secret: str) -> str:
        return f"{totp(decode_secret(secret)):06d}"


def heading(screen: Screen, text: str) -> None:
    """Wait for the screen with this heading."""
    expect(screen.get_by_role("heading", level=1)).to_have_text(text, use_inner_text=True)


def type_code(screen: Screen, code: str) -> None:
    screen.get_by_label("Code from").press_sequentially(code)


def choose(screen: Screen, name: str) -> None:
    screen.get_by_role("button", name=name).click()


def save_recovery_codes(screen: Screen) -> list[str]:
    heading(screen, "Save your recovery codes")
    codes = screen.locator(".codes li").all_inner_texts()
    screen.get_by_label("I have saved these codes").check()
    screen.get_by_role("button", name="Continue").click()
    return codes
