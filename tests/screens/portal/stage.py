"""Brings a browser to a scene of the portal: the real server, with the tenants of `tenants.py`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Error, Page, Route, expect

from authsignal_portal import clock
from authsignal_portal.access import PROVED, TENANT
from authsignal_portal.vocabulary import Role
from tests.browser import chromium
from tests.conftest import Server
from tests.portal.staff import Staff
from tests.screens import look
from tests.screens.look import Finding
from tests.screens.portal.scene import Scene
from tests.screens.portal.tenants import CASTS, Cast
from tests.screens.scene import HELD

WIDE = 1280
A_DAY = 86_400
# What a browser says of an answer that is meant to be no success.
OF_REFUSAL = "Failed to load resource"


@dataclass
class Stage:
    """A fresh page for each scene. `everywhere`: come to each at two widths, in light and dark, with pictures."""

    server: Server
    page: Page
    everywhere: bool = False
    casts: dict[str, Cast] = field(default_factory=dict)
    sessions: dict[tuple[str, Role, bool], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def look_at(self, scene: Scene) -> Finding:
        finding = Finding(scene)
        for width in look.HEIGHTS if self.everywhere else (WIDE,):
            self._fresh_page()
            with self._answering(scene):
                try:
                    self._come_to(scene, width)
                    self._judge(scene, finding, width)
                except (Error, AssertionError) as error:
                    finding.problems.append(f"at {width} not looked at: {str(error)[:300]}")
            told = [
                one for one in self.problems if not (OF_REFUSAL in one and (scene.kind == "error" or scene.replies))
            ]
            finding.problems += told
        return finding

    def _fresh_page(self) -> None:
        context = self.page.context
        self.page.close()
        self.page = context.new_page()
        self.page.add_init_script(look.WATCH_SHIFTS)
        self.problems.clear()
        self.page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        self.page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)

    # -- coming to it ----------------------------------------------------------------------------

    def _come_to(self, scene: Scene, width: int) -> None:
        page = self.page
        look.show(page, "light")
        look.resize(page, width)
        self._be(scene)
        answer = page.goto(self.server.public_url + self._address(scene))
        assert answer is not None
        assert answer.status == scene.status, f"{answer.url} answers {answer.status}"
        for step in scene.steps:
            step(page)
        expect(page.get_by_role("heading", level=1)).to_contain_text(scene.heading, timeout=6000)
        page.mouse.move(0, 0)

    def _be(self, scene: Scene) -> None:
        """Signed in as who the scene wants, by requests."""
        self.page.context.clear_cookies()
        if scene.role is None:
            return
        who = (scene.of_tenant, scene.role, scene.must_prove)
        if who not in self.sessions:
            cast = self._cast(scene)
            # A browser of its own: whoever is signed in already keeps the session.
            client = Staff(cast.of(scene.role).user, Client()).sign_in().client
            session = client.session
            session[TENANT] = str(cast.tenant.pk)
            session[PROVED] = 0 if scene.must_prove else clock.now().timestamp() + A_DAY
            session.save()
            self.sessions[who] = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": self.sessions[who], "url": self.server.public_url}
        self.page.context.add_cookies([cookie])  # type: ignore[list-item]

    def _cast(self, scene: Scene) -> Cast:
        if scene.of_tenant not in self.casts:
            self.casts[scene.of_tenant] = CASTS[scene.of_tenant]()
        return self.casts[scene.of_tenant]

    def _address(self, scene: Scene) -> str:
        if scene.path:
            return scene.path
        ids = self._cast(scene).ids
        path = reverse(f"portal:{scene.page}", args=[ids.get(name, name) for name in scene.of])
        return path + scene.query.format_map(ids)

    @contextmanager
    def _answering(self, scene: Scene) -> Iterator[None]:
        for path, reply in scene.replies.items():
            # A held request is answered by nobody, ever.
            self.page.route(f"**{path}", _hold if reply == HELD else _lose)
        try:
            yield
        finally:
            self.page.unroute_all(behavior="ignoreErrors")

    # -- judging it ------------------------------------------------------------------------------

    def _judge(self, scene: Scene, finding: Finding, width: int) -> None:
        page = self.page
        look.measure(page, finding)
        if self.everywhere:
            look.unroll(page, width)
        for scheme in self._schemes(scene):
            look.show(page, scheme)
            if self.everywhere:
                look.picture(page, finding, width=width, scheme=scheme)
            found = chromium.accessibility_violations(page, look_only=scheme == "dark")
            finding.problems += [f"{width} {scheme}: {one}" for one in found]
        primaries = page.locator(".portal-button.primary:visible").count()
        if primaries > 1:
            finding.problems.append(f"{primaries} primary actions")
        look.squeeze(page, finding)

    def _schemes(self, scene: Scene) -> tuple[str, ...]:
        """In which to judge it. In the suite a page with long names need only fit, and dark is a page's first state."""
        if self.everywhere or scene.kind == "full":
            return ("light", "dark")
        return () if scene.kind == "long" else ("light",)


def _hold(_route: Route) -> None:
    """Nothing is done with it."""


def _lose(route: Route) -> None:
    route.abort()
