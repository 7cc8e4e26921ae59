"""Brings a browser to a scene: the real pages and their script, with the server's answers as the scene wants them."""

import html
import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page, Route, expect

from actions import qr_picture
from authenticators.methods import recovery_code
from authenticators.models import AuthenticatorConfiguration, EndUser
from authsignal_portal.models import Tenant
from tests import make
from tests.browser import chromium
from tests.browser.hosted import Hosted
from tests.screens import app, links, look
from tests.screens.look import Finding
from tests.screens.scene import HELD, OFFLINE, Refused, Reply, Scene

# Of everything that a page loads, as it is before compression.
MAX_WEIGHT = 150_000

NOTHING_YET = {"isVerified": False, "failureReason": "CODE_INVALID_OR_EXPIRED"}
CODES = [f"A{n + 22}B-CDEF-GHIJ-KLMN-OPQR-STUV" for n in range(10)]
REPLIES: dict[str, Reply] = {
    "/v1/client/challenge/email-otp": {"challengeId": "c"},
    "/v1/client/challenge/sms": {"challengeId": "c"},
    "/v1/client/challenge/whatsapp": {"challengeId": "c"},
    "/v1/client/challenge/push": {"challengeId": "c", "verificationCode": "42"},
    "/v1/client/user-authenticators/email-otp": {"challengeId": "c"},
    "/v1/client/user-authenticators/sms": {"challengeId": "c"},
    "/challenge/api/whatsapp": {"challengeId": "c"},
    "/challenge/api/qr-challenge": {
        "challengeId": "c" * 64,
        "deviceCode": "d",
        "image": qr_picture.picture("c" * 64),
        "renewAfter": 115,
    },
    "/challenge/api/magic-link": {"challengeId": "c"},
    "/challenge/api/magic-link/code": NOTHING_YET,
    "/challenge/api/enrol-on-file": {"challengeId": "c"},
    "/challenge/api/delivery": {"status": "sent"},
    "/challenge/api/recovery-code": NOTHING_YET,
    "/challenge/api/recovery-codes": {"recoveryCodes": CODES},
    "/challenge/api/devices": {"devices": []},
    "/challenge/api/finish": {},
    "/challenge/api/not-now": {},
    "/challenge/api/methods": {"methods": []},
    "/v1/client/verify/email-otp": NOTHING_YET,
    "/v1/client/verify/sms": NOTHING_YET,
    "/v1/client/verify/whatsapp": NOTHING_YET,
    "/v1/client/verify/totp": NOTHING_YET,
    "/v1/client/verify/email-magic-link/finalize": NOTHING_YET,
    "/v1/client/verify/push": {"isVerified": False, "isConsumed": False},
    "/v1/client/verify/qr-code": {"isVerified": False, "isConsumed": False, "isClaimed": False},
    "/v1/client/user-authenticators/push/challenge/sign": {"message": "m"},
    "/v1/client/user-authenticators/push/challenge": {},
}
ADD = "add:authenticators"
PASSKEY_ONLY = "with-a-passkey-alone"
SEVERAL = "with-several-numbers"
REFRESH = re.compile(r'content="0;url=([^"]+)"')
STATE = "/challenge/api/state"


@dataclass
class Stage:
    """A fresh page for each scene. `everywhere`: each in light and dark and two widths, with pictures."""

    hosted: Hosted
    everywhere: bool = False
    # What the real server says of an action of a user with nothing; scenes override it.
    told: dict[str, Any] = field(default_factory=dict)
    is_furnished: bool = False

    @property
    def page(self) -> Page:
        return self.hosted.page

    def look_at(self, scene: Scene) -> Finding:
        finding = Finding(scene)
        self.hosted.problems.clear()
        self.page.close()
        self.hosted.page = self.page.context.new_page()
        if app.is_about(scene):
            self._set_up(scene)
        for script in (look.WATCH_SHIFTS, scene.script):
            self.page.add_init_script(script)
        with _configured(self.hosted.live.tenant, scene), self._answering(scene):
            try:
                self._come_to(scene)
            except (Error, AssertionError) as error:
                finding.problems.append(f"not reached: {str(error)[:300]}")
                return finding
            self._judge(finding)
        finding.problems += self.hosted.problems
        return finding

    # -- coming to it ----------------------------------------------------------------------------

    def _come_to(self, scene: Scene) -> None:
        page = self.page
        look.show(page, "light")
        look.resize(page, 390)
        if self.hosted.live.tenant.name != scene.tenant_name:
            self.hosted.live.tenant.name = scene.tenant_name
            self.hosted.live.tenant.save()
        address = self._address(scene)
        page.goto(address if "://" in address else self.hosted.live.public_url + address)
        for step in scene.steps:
            step(page)
        expect(page.get_by_role("heading", level=1)).to_have_text(scene.heading, use_inner_text=True, timeout=6000)
        page.mouse.move(0, 0)

    def _set_up(self, scene: Scene) -> None:
        """The browser holds the keys of the scene's accounts, and no others."""
        app.offer(self.hosted.live.tenant)
        users = [self.hosted.user_id if name == app.ME else name for name in scene.accounts]
        self.page.goto(f"{self.hosted.live.public_url}{app.STORE}")
        self.page.evaluate(app.HOLD, {"tenantId": self.hosted.live.tenant_id, "users": users})

    def _address(self, scene: Scene) -> str:
        if scene.path.startswith(app.APP):
            return f"/app/{self.hosted.live.tenant_id}/{scene.path.removeprefix(app.APP)}"
        if scene.path.startswith("@"):
            return self._link(scene.path)
        if scene.path:
            return f"{self.hosted.live.public_url}{scene.path}"
        if scene.is_plain:
            return self._plain_address(scene)
        tracked = self.hosted.track(redirectUrl=f"{self.hosted.app.origin}/return?keep=1")
        return str(tracked["url"]) + scene.query

    def _plain_address(self, scene: Scene) -> str:
        """Where the document leads a browser without JavaScript."""
        self._furnish()
        self.page.route("**/challenge/plain?*wait=*", _stay)
        attributes: dict[str, Any] = {
            "settings": {"redirectToSettings": True, "scope": f"{ADD} update:authenticators remove:authenticators"},
            "force": {"scope": ADD},
        }.get(scene.query, {})
        if scene.query != "stay":
            attributes["redirectUrl"] = f"{self.hosted.app.origin}/return?keep=1"
        action = "add" if scene.query == "force" else "signIn"
        who = {"passkey": PASSKEY_ONLY, "several": SEVERAL}.get(scene.query, self.hosted.user_id)
        _status, tracked = self.hosted.live("POST", f"users/{who}/actions/{action}", attributes)
        url = tracked["url"] + ("&force_enrollment=true" if scene.query == "force" else "")
        self.page.route("**/challenge/api/**", lambda route: route.abort())
        self.page.goto(url)
        found = REFRESH.search(self.page.locator("head").inner_html())
        assert found
        return html.unescape(html.unescape(found[1]))

    def _link(self, how: str) -> str:
        """A link that waits: of a page in this browser, of the SDK, or of a page in another browser."""
        live, who = self.hosted.live, f"link-{uuid.uuid4().hex[:12]}"
        AuthenticatorConfiguration.objects.get_or_create(tenant=live.tenant, method="EMAIL_MAGIC_LINK")
        email = f"{who}@example.com"
        live("POST", f"users/{who}/authenticators", {"verificationMethod": "EMAIL_MAGIC_LINK", "email": email})
        _status, tracked = live("POST", f"users/{who}/actions/signIn", {})
        if how == links.ADDRESS:
            live("POST", "client/challenge/email-magic-link", {}, token=tracked["token"])
        else:
            self.page.goto(tracked["url"])
        deadline = time.monotonic() + 10
        while not live.messages(email) and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        if how == links.ELSEWHERE:
            self.page.context.clear_cookies()
        return str(live.messages(email)[0]["url"])

    def _furnish(self) -> None:
        """The user has something of everything."""
        if self.is_furnished:
            return
        self.is_furnished = True
        self.hosted.enrol("EMAIL_OTP", email=self.hosted.email)
        self.hosted.enrol("SMS", phoneNumber=self.hosted.phone)
        self.hosted.enrol("AUTHENTICATOR_APP", otpUri="otpauth://totp/Acme:jo?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
        user = EndUser.objects.get(user_id=self.hosted.user_id)
        make.make_authenticator(user, "PASSKEY", credential_id="c" * 40, rp_id="localhost", public_key=b"k")
        for method in ("PUSH", "QR_CODE"):
            make.make_authenticator(user, method, public_key=b"phone", name="Jo’s phone", device_platform="IOS")
        AuthenticatorConfiguration.objects.get_or_create(tenant=self.hosted.live.tenant, method="EMAIL_MAGIC_LINK")
        self.hosted.enrol("EMAIL_MAGIC_LINK", email=self.hosted.email)
        one_way = make.make_user(self.hosted.live.tenant, PASSKEY_ONLY)
        make.make_authenticator(one_way, "PASSKEY", credential_id="d" * 40, rp_id="localhost", public_key=b"k")
        many = make.make_user(self.hosted.live.tenant, SEVERAL)
        make.make_authenticator(many, "SMS", contact="+64215550123", label="Work phone", is_default=True)
        for email in ("jo@example.com", "jane@example.com"):
            make.make_authenticator(many, "EMAIL_OTP", contact=email)
        make.make_authenticator(many, "SMS", contact="+64215550456")
        recovery_code.replace_all(user)
        make.make_action(self.hosted.live.tenant, "add", "ALLOW")

    @contextmanager
    def _answering(self, scene: Scene) -> Iterator[None]:
        page, held = self.page, []
        replies = {**REPLIES, **scene.replies}
        states = iter(scene.state.get("then", ()))
        now = {"state": {name: value for name, value in scene.state.items() if name != "then"}}

        def answer(route: Route) -> None:
            path = urlsplit(route.request.url).path
            reply = replies.get(f"{route.request.method} {path}", replies.get(path))
            if path == STATE and reply is None:
                self.told = self.told or route.fetch().json()
                told = self.told | {"now": time.time() * 1000} | now["state"]
                now["state"] = now["state"] | next(states, {})
                route.fulfill(json={key: value for key, value in told.items() if value is not None})
            elif reply is None:
                route.continue_()
            elif reply == HELD:
                held.append(route)
            elif reply == OFFLINE:
                route.abort()
            else:
                _fulfil(route, reply)

        patterns = ("**/challenge/api/**", "**/v1/client/**")
        if not scene.is_plain and (not scene.path or app.is_about(scene)):
            for pattern in patterns:
                page.route(pattern, answer)
        try:
            yield
        finally:
            page.unroute_all(behavior="ignoreErrors")

    # -- judging it ------------------------------------------------------------------------------

    def _judge(self, finding: Finding) -> None:
        page = self.page
        look.measure(page, finding)
        if finding.weight > MAX_WEIGHT:
            finding.problems.append(f"{finding.weight} bytes")
        for scheme in ("light", "dark") if self.everywhere else ("light",):
            look.show(page, scheme)
            for width in look.HEIGHTS if self.everywhere else ():
                look.resize(page, width)
                look.picture(page, finding, width=width, scheme=scheme)
            look.resize(page, 390)
            finding.problems += [f"{scheme}: {one}" for one in chromium.accessibility_violations(page)]
        look.squeeze(page, finding)


@contextmanager
def _configured(tenant: Tenant, scene: Scene) -> Iterator[None]:
    """The settings of the scene, for as long as it is looked at."""
    for method, fields in scene.configured.items():
        AuthenticatorConfiguration.objects.get_or_create(tenant=tenant, method=method)
        AuthenticatorConfiguration.objects.filter(tenant=tenant, method=method).update(**fields)
    try:
        yield
    finally:
        for method, fields in scene.configured.items():
            rows = AuthenticatorConfiguration.objects.filter(tenant=tenant, method=method)
            rows.update(**dict.fromkeys(fields, False))


def _stay(route: Route) -> None:
    """A page that waits reloads itself, which would take it from under whoever looks at it. 204: it stays."""
    if "still=" in route.request.url:
        route.continue_()
    else:
        route.fulfill(status=204)


def _fulfil(route: Route, reply: Any) -> None:
    if not isinstance(reply, Refused):
        route.fulfill(json=reply)
        return
    body = {"error": reply.code, "errorCode": reply.code, "errorDescription": reply.description}
    headers = {"Content-Type": "application/json", "Retry-After": str(reply.retry_after), "Error-Reason": reply.reason}
    route.fulfill(status=reply.status, body=json.dumps(body), headers=headers)
