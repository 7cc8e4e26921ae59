"""A member of staff at the portal in a real browser, and a tenant with something to see."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from playwright.sync_api import Page

from actions import flow, rule_metrics
from actions.models import Action, Device
from actions.tracked import Tracked
from audit import log
from authenticators import challenges, enrolment, starting
from authenticators.models import MessageProvider
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState, Outcome, VerificationMethod
from rules import value_lists
from rules.models import ActionConfiguration, Rule
from tests import make
from tests.conftest import Server
from tests.portal.staff import PASSWORD, Staff, make_staff

TOR, HOME = "185.220.101.1", "203.0.113.10"
AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
ANONYMOUS = {"and": [{"==": [{"var": "ip.isAnonymous"}, True]}]}
LARGE = {"and": [{">": [{"var": "custom.transactionValue"}, 2000]}, {"==": [{"var": "device.isNew"}, True]}]}
NESTED = {
    "or": [
        {
            "and": [
                {">": [{"var": "custom.transactionValue"}, 10000]},
                {"!": {"in": [{"var": "ip.countryCode"}, ["NZ", "AU"]]}},
            ]
        },
        {
            "!": {
                "or": [
                    {"==": [{"var": "user.hasPreviouslyVerified"}, True]},
                    {"==": [{"var": "device.isRemembered"}, True]},
                ]
            }
        },
        {"in": ["@example.org", {"var": "user.email"}]},
    ]
}


@dataclass
class Portal:
    """One page of one browser. `problems` collects what the console says of scripts and of the page's policy."""

    server: Server
    page: Page
    tenant: Tenant
    staff: Staff
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        answer = self.page.goto(self.server.public_url + path)
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"

    def sign_in(self) -> None:
        self.open("/portal/")
        self.page.get_by_label("Email address").fill(self.staff.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Continue").click()
        self.page.get_by_label("Code").fill(self.staff.code())
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/portal/")

    def enter(self) -> None:
        """Signed in already, by requests: for tests that are not about the door."""
        name = settings.SESSION_COOKIE_NAME
        session = self.staff.sign_in().client.cookies[name].value
        self.page.context.add_cookies([{"name": name, "value": session, "url": self.server.public_url}])
        self.open("/portal/")

    def use(self, *, width: int, dark: bool = False) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if dark else "light")


def make_portal(server: Server, page: Page, tenant: Tenant) -> Portal:
    portal = Portal(server, page, tenant, make_staff(tenant, email="olivia@acme.example"))
    page.on("pageerror", lambda error: portal.problems.append(f"script error: {error}"))
    page.on("console", lambda line: portal.problems.append(line.text) if line.type == "error" else None)
    return portal


def publish(page: Page, configuration: ActionConfiguration) -> None:
    """What was saved is in force from now on."""
    configuration.refresh_from_db()
    configuration.publish()


def furnish(tenant: Tenant) -> dict[str, Any]:
    """Rules, users and a week of actions, as they come in life."""
    make.make_point(tenant, "transactionValue", "number")
    make.make_point(tenant, "tags", "multiselect")
    transfer = make.make_action(
        tenant, "adaptive-mfa-transfer", "ALLOW", message="Transfer of {{action.transactionValue}}"
    )
    anonymous = make.make_rule(transfer, ANONYMOUS, name="IP is anonymous")
    make.make_rule(transfer, LARGE, name="Large amount on a new device", priority=1, outcome="REVIEW")
    nested = make.make_rule(transfer, NESTED, name="Unusual for this customer", priority=2)
    make.make_rule(
        transfer, {"==": [{"var": "device.isBot"}, True]}, name="Bots", priority=3, outcome="BLOCK", is_active=False
    )
    sign_in = make.make_action(tenant, "signIn", "CHALLENGE")
    make.make_rule(sign_in, {"==": [{"var": "device.isBot"}, True]}, name="Bots stay out", outcome="BLOCK")
    make.make_rule(sign_in, ANONYMOUS, name="Anonymous, tried first", outcome="REVIEW", priority=1, is_shadow=True)
    tracked = [_track(tenant, number) for number in range(14)]
    _spread(tenant)
    rule_metrics.count_due()
    made = {"transfer": transfer, "sign_in": sign_in, "rule": anonymous, "nested": nested, "tracked": tracked}
    made |= _challenged(tenant) | _listed(tenant, sign_in)
    _draft(transfer)
    return made


@transaction.atomic
def _draft(transfer: ActionConfiguration) -> None:
    """One rule changed, one moved, one removed and one new, as saved by somebody who has left."""
    rules = {rule.name: rule for rule in transfer.rules.all()}
    rules["Bots"].delete()
    nested = rules["Unusual for this customer"]
    nested.priority, nested.when_unknown = 1, "match"
    nested.conditions = {"or": [LARGE, *NESTED["or"][1:]]}
    nested.save()
    Rule.objects.filter(pk=rules["Large amount on a new device"].pk).update(priority=2)
    fresh = {"in": [{"var": "ip.countryCode"}, ["KP", "IR", "SY", "CU"]]}
    Rule.objects.create(configuration=transfer, name="Embargoed", conditions=fresh, priority=3, outcome="BLOCK")
    transfer.save_draft(author_id=0, note="Rule “Unusual for this customer” changed")


def _listed(tenant: Tenant, configuration: ActionConfiguration) -> dict[str, Any]:
    """A list that a rule uses, with values of every kind."""
    blocked = value_lists.create(tenant, "Blocked people and places", description="By the fraud desk, reviewed weekly")
    value_lists.create(tenant, "Mule accounts", item_type="number")
    now = clock.now()
    items = [
        ("mallory@example.org", "Took over three accounts in March", None),
        ("203.0.113.0/24", "Exit nodes of a hosting company", now + timedelta(days=6)),
        ("user_2c91f0a4-77d1-4f0e-9a35-1f0a6a1c02de", "", now - timedelta(hours=2)),
    ]
    value_lists.put(blocked, [value_lists.NewItem(*item) for item in items])
    on_list = {"in": [{"var": "user.email"}, {"var": "lists.blocked-people-and-places"}]}
    make.make_rule(configuration, on_list, name="Blocked people stay out", priority=2, outcome="BLOCK")
    return {"list": blocked, "item": value_lists.current(blocked).earliest("pk")}


def _track(tenant: Tenant, number: int) -> Tracked:
    people = ["alice", "bob", "carol@example.com", "user_2c91f0a4-77d1-4f0e-9a35-1f0a6a1c02de"]
    return flow.track(
        tenant=tenant,
        user_id=people[number % 4],
        action_code=["adaptive-mfa-transfer", "signIn"][number % 3 == 2],
        attributes={
            "ipAddress": TOR if number % 3 == 0 else HOME,
            "userAgent": AGENT if number % 5 else "Googlebot/2.1",
            "deviceId": f"device-{number % 4}",
            "email": f"person{number % 4}@example.com",
            "custom": {"transactionValue": 500 * number, "tags": ["web"]},
        },
        actor=log.SYSTEM,
    )


def _spread(tenant: Tenant) -> None:
    """Over the days of a week, the newest first."""
    now = clock.now()
    for number, action in enumerate(Action.objects.filter(tenant=tenant).order_by("-created_at")):
        Action.objects.filter(pk=action.pk).update(created_at=now - timedelta(hours=11 * number, minutes=7 * number))


def _challenged(tenant: Tenant) -> dict[str, Any]:
    """A challenge with a wrong code, a right one, and what follows."""
    tracked = flow.track(
        tenant=tenant,
        user_id="alice",
        action_code="adaptive-mfa-transfer",
        attributes={"ipAddress": TOR, "deviceId": "laptop", "userAgent": AGENT, "custom": {"transactionValue": 3000}},
        actor=log.api_key("9fK2mPq7Xw1d"),
    )
    action = Action.objects.get(pk=tracked.action_id)
    user = action.user
    make.make_authenticator(user, VerificationMethod.EMAIL_OTP, contact="person0@example.com", is_default=True)
    make.make_authenticator(
        user, VerificationMethod.PASSKEY, name="iCloud Keychain", credential_id="abc", rp_id="localhost"
    )
    origin = starting.Origin(action.pk, action.action_code, action.idempotency_key)
    with transaction.atomic():
        challenge = starting.start_code(
            tenant=tenant, user=user, method=VerificationMethod.EMAIL_OTP, to="person0@example.com", origin=origin
        )
    _answer(tenant, user, challenge, "000000")
    enrolment.new_recovery_codes(user, actor=log.user(user.pseudonym), now=clock.now())
    Action.objects.filter(pk=action.pk).update(
        state=ActionState.CHALLENGE_SUCCEEDED, verification_method=VerificationMethod.EMAIL_OTP
    )
    assert action.outcome == Outcome.CHALLENGE
    provider = MessageProvider.objects.create(
        tenant=tenant, channel="SMS", kind="webhook", url="https://hooks.acme-pay.example/messages"
    )
    sender = MessageProvider.objects.create(
        tenant=tenant, channel="EMAIL", kind="anymail", service="brevo", sender="no-reply@acme.example", is_active=False
    )
    device = Device.objects.filter(user=user).first()
    return {"action": action, "user": user, "device": device, "provider": provider, "sender": sender}


@transaction.atomic
def _answer(tenant: Tenant, user: Any, challenge: Any, code: str) -> None:
    challenges.finish(tenant=tenant, user=user, method=VerificationMethod.EMAIL_OTP, challenge=challenge, answer=code)
