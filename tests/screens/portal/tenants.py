"""The tenants whose pages are looked at: with nothing, at the beginning, in full swing, and with long names.

Each is a `Cast`: the tenant, what its addresses name, and its staff.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from actions import flow, rule_metrics
from actions.models import Action, ActionFacts
from audit import log
from authenticators.models import SendingPause
from authsignal_portal import clock
from authsignal_portal.models import ApiKey, Membership, Tenant
from authsignal_portal.vocabulary import Role
from rules import value_lists
from rules.models import ActionConfiguration, Rule
from tests import make
from tests.browser import portal as browser
from tests.portal.staff import Staff, make_staff
from tests.screens.portal import lengthening, rows

CASE = {"ipAddress": browser.TOR, "deviceId": "laptop", "userAgent": browser.AGENT}
PAYMENT = {"amount": "1249.90", "currency": "NZD", "payee": "Kōwhai Garden Supplies"}


@dataclass
class Cast:
    """`ids` are what scenes name in `of`."""

    tenant: Tenant
    ids: dict[str, str]
    staff: dict[Role, Staff] = field(default_factory=dict)

    def of(self, role: Role) -> Staff:
        if role not in self.staff:
            self.staff[role] = make_staff(self.tenant, role)
        return self.staff[role]


def empty() -> Cast:
    return Cast(make.make_tenant("Acme Pay"), {})


def new() -> Cast:
    """One action was tracked, once; nobody has set up anything."""
    tenant = make.make_tenant("Acme Pay")
    sign_in = make.make_action(tenant, "signIn", "ALLOW")
    tracked = flow.track(tenant=tenant, user_id="alice", action_code="signIn", attributes={}, actor=log.SYSTEM)
    action = Action.objects.select_related("user").get(pk=tracked.action_id)
    ActionFacts.objects.filter(pk=action.pk).delete()
    tried = rows.backtest(sign_in, "done", report=rows.EMPTY_REPORT)
    waiting = rows.backtest(sign_in, "queued")
    value_list = value_lists.create(tenant, "Accounts of mules", item_type="number")
    ids = {"action": action, "user": action.user, "sign_in": sign_in, "list": value_list}
    return Cast(tenant, named(ids | {"tried": tried, "waiting": waiting}))


def full() -> Cast:
    tenant = make.make_tenant("Acme Pay", app_origins=["https://app.acme.example", "https://admin.acme.example"])
    rows.past(tenant)
    made = browser.furnish(tenant)
    owner = make_staff(tenant, Role.ADMIN)
    rows.crowd(tenant, made)
    rows.help_desk(tenant, made)
    rows.settings(tenant)
    made |= {"tenant": tenant, "pause": SendingPause.objects.get(tenant=tenant, country="LT")}
    made |= _history(tenant, made, owner) | _linked(tenant) | _members(tenant, owner)
    made |= rows.backtests(made["transfer"], author=owner.user.pk)
    off = value_lists.create(tenant, "Last year's vouchers", description="Kept for the auditors")
    type(off).objects.filter(pk=off.pk).update(is_active=False)
    points = {point.name: point for point in tenant.custom_data_points.all()}
    made["unused"] = value_lists.create(tenant, "Staff of the bank")
    made |= {"off": off, "point": points["tags"], "used_point": points["transactionValue"]}
    return Cast(tenant, named(made), {Role.ADMIN: owner})


def long() -> Cast:
    tenant = make.make_tenant("Acme Pay")
    made = browser.furnish(tenant)
    owner = make_staff(tenant, Role.ADMIN, email=lengthening.EMAIL)
    rows.help_desk(tenant, made)
    rows.settings(tenant)
    made |= _members(tenant, owner)
    made |= {"tenant": tenant, "device": made["user"].devices.earliest("pk")}
    lengthening.lengthen(tenant, made)
    made |= rows.backtests(made["transfer"], author=owner.user.pk)
    made["unused"] = tenant.value_lists.get(name__startswith="VIP")
    made["point"] = tenant.custom_data_points.get(name=lengthening.POINT)
    return Cast(tenant, named(made), {Role.ADMIN: owner})


CASTS: dict[str, Callable[[], Cast]] = {"empty": empty, "new": new, "full": full, "long": long}


def named(things: dict[str, Any]) -> dict[str, str]:
    """What stands in an address of each: a word itself, or the key of a row."""
    words = {name: one for name, one in things.items() if isinstance(one, str)}
    return words | {name: str(one.pk) for name, one in things.items() if hasattr(one, "pk")}


def _history(tenant: Tenant, made: dict[str, Any], owner: Staff) -> dict[str, Any]:
    """Many versions of one action's rules, and a rule that somebody is about to find changed."""
    payout = make.make_action(tenant, "payout", "REVIEW")
    rule = make.make_rule(payout, browser.LARGE, name="Large payout")
    rows.versions(payout, author=owner.user.pk)
    rule_metrics.count_due()
    return {"payout": payout, "payout_rule": rule}


AMOUNT = "{{action.amount}} {{action.currency}}"


def _linked(tenant: Tenant) -> dict[str, Any]:
    """An action that is bound to a payment, with its receipt."""
    for name in PAYMENT:
        make.make_point(tenant, name, "text")
    data = {f"{name}_data_point": name for name in PAYMENT}
    text = f"Pay {AMOUNT} to {{{{action.payee}}}}"
    texts = {"de": f"Zahlen Sie {AMOUNT} an {{{{action.payee}}}}", "fr": f"Payez {AMOUNT} à {{{{action.payee}}}}"}
    payment = make.make_action(
        tenant, "pay", "CHALLENGE", dynamic_linking=True, message=text, localized_messages=texts, **data
    )
    tracked = flow.track(
        tenant=tenant, user_id="alice", action_code="pay", attributes={**CASE, "custom": PAYMENT}, actor=log.SYSTEM
    )
    action = Action.objects.get(pk=tracked.action_id)
    rows.receipt(action)
    return {"linked": action, "payment": payment}


def _members(tenant: Tenant, owner: Staff) -> dict[str, Any]:
    """Colleagues of every kind, one of them invited; and a second tenant of the owner's."""
    colleague = make_staff(tenant, Role.ANALYST)
    make_staff(tenant, Role.SUPPORT, app=False)
    invited = make_staff(None, app=False).user
    invited.set_unusable_password()
    invited.save()
    guest = Membership.objects.create(user=invited, tenant=tenant, role=Role.READ_ONLY)
    other = make.make_tenant("Zebra Pay")
    Membership.objects.create(user=owner.user, tenant=other, role=Role.ANALYST)
    key, _secret = ApiKey.create(tenant=tenant, kind="server")
    revoked, _secret = ApiKey.create(tenant=tenant, kind="server")
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=clock.now(), last_used_at=clock.now() - timedelta(days=2))
    return {
        "key": key,
        "member": Membership.objects.get(user=colleague.user),
        "owner": Membership.objects.get(user=owner.user, tenant=tenant),
        "invited": guest,
        "uid": urlsafe_base64_encode(force_bytes(invited.pk)),
        "token": default_token_generator.make_token(invited),
    }


def change_meanwhile(rule_id: str) -> None:
    """Somebody else saves the rule."""
    rule = Rule.objects.get(pk=rule_id)
    rule.outcome = {"BLOCK": "REVIEW"}.get(rule.outcome, "BLOCK")
    rule.save()
    rule.configuration.save_draft(note="Rule changed")


def switch_linking(action_id: str) -> None:
    """Somebody else saves the action's messages."""
    row = ActionConfiguration.objects.get(pk=action_id)
    row.dynamic_linking = not row.dynamic_linking
    row.save()
