"""Stored actions for the tests of backtests, and a backtest of them."""

import random
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db import connection

from actions import backtest, flow
from actions.backtest_replay import Draft, Progress, replay
from actions.backtest_rows import Span
from actions.backtest_tally import Tally
from actions.models import Action, ActionFacts, Backtest
from audit import log
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from rules import policies, value_lists
from rules.engine import Decision, Policy, RuleSpec, compile_policy, decide
from rules.models import ActionConfiguration
from tests import make
from tests.rules.cases import CUSTOM_POINTS

CODE = "pay"
ADDRESSES = ["203.0.113.10", "185.220.101.1", "202.27.184.3", "8.8.8.8", None]
AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Googlebot/2.1",
    None,
]
AMOUNTS = [0, 1, 2, 2.5, -1, 0.1, 10**15 + 1, 2**63 + 1, 2**70, 1e308, "2", True, None, [1]]


def make_pay(tenant: Tenant, *rules: tuple[Any, str], outcome: str = "ALLOW") -> ActionConfiguration:
    """The action with the custom points of the engine's tests, and rules in this order, in force."""
    for point in CUSTOM_POINTS:
        make.make_point(tenant, point.name, point.kind.value, point.model)
    configuration = make.make_action(tenant, CODE, outcome)
    for priority, (conditions, decided) in enumerate(rules):
        make.make_rule(configuration, conditions, decided, priority=priority)
    return configuration


def track(tenant: Tenant, user: str = "alice", code: str = CODE, **attributes: Any) -> Action:
    sent = {name: value for name, value in attributes.items() if value is not None}
    tracked = flow.track(tenant=tenant, user_id=user, action_code=code, attributes=sent, actor=log.SYSTEM)
    return Action.objects.get(pk=tracked.action_id)


def track_any(tenant: Tenant, lot: random.Random) -> Action:
    """Somebody does something, with whatever a backend may send."""
    custom = {
        "amount": lot.choice(AMOUNTS),
        "destination": lot.choice(["a", "ab", "ä", "", 2, 'q"\\uo\ted']),
        "first": lot.choice([True, False, 1]),
        "tags": lot.choice([["a"], ["ab", 1, 2.5], [2**70], [], "a"]),
    }
    return track(
        tenant,
        lot.choice(["a", "ab", "abc", "ä"]),
        custom={name: value for name, value in custom.items() if value is not None},
        ipAddress=lot.choice(ADDRESSES),
        userAgent=lot.choice(AGENTS),
        deviceId=lot.choice(["a", "ab", "2", None]),
        email=lot.choice(["a@a.example", "b@b.example", None]),
        phoneNumber=lot.choice(["+6421555010", None]),
    )


def span_of(configuration: ActionConfiguration, days: float = 30) -> Span:
    until = clock.now()
    return Span(
        tenant_id=configuration.tenant_id,
        action_code=configuration.action_code,
        since=until - timedelta(days=days),
        until=until,
    )


def size_of(span: Span) -> int:
    return len(actions_of(span))


def actions_of(span: Span) -> list[Action]:
    """In the order of time and id."""
    rows = Action.objects.filter(tenant_id=span.tenant_id, action_code=span.action_code)
    within = rows.filter(created_at__gt=span.since, created_at__lte=span.until)
    return list(within.select_related("facts").order_by("created_at", "id"))


def draft_of(configuration: ActionConfiguration, *rules: RuleSpec) -> Draft:
    """The rules as given, else as the newest version of the action has them."""
    tenant = Tenant.objects.get(pk=configuration.tenant_id)
    lists = value_lists.read(tenant.pk, tenant.value_lists_version)
    if rules:
        return Draft(compile_policy(CODE, "ALLOW", rules=rules, custom_points=CUSTOM_POINTS), lists)
    version = configuration.versions.latest("version")
    return Draft(policies.compiled(version, configuration.action_code), lists)


def replayed(configuration: ActionConfiguration, draft: Draft, span: Span, **given: Any) -> Tally:
    tenant = Tenant.objects.get(pk=configuration.tenant_id)
    with backtest.reading() as reading:
        return replay(reading, span, draft, tenant=tenant, size=size_of(span), progress=Progress(), **given)


def decided(facts: ActionFacts, policy: Policy, draft: Draft) -> Decision:
    """By the live engine, on the stored facts."""
    return decide(facts.opened(), policy, draft.lists)


def ran(configuration: ActionConfiguration, *, days: int = 30) -> Backtest:
    """A backtest of the newest version, as a worker runs it."""
    made = backtest.begin(configuration, days=days, author_id=None)
    backtest.run(made.pk)
    made.refresh_from_db()
    return made


def report_of(configuration: ActionConfiguration, *, days: int = 30) -> dict[str, Any]:
    made = ran(configuration, days=days)
    assert made.report is not None, made.error
    return made.report


def off_diagonal(report: dict[str, Any]) -> int:
    return sum(number for before, row in report["matrix"].items() for after, number in row.items() if after != before)


def rows_of_all_tables() -> dict[str, int]:
    """How many rows there are and what they hold, of every table but the backtests'."""
    with connection.cursor() as cursor:
        names = [name for name in connection.introspection.table_names(cursor) if name != "actions_backtest"]
        told = {}
        for name in names:
            cursor.execute(f'SELECT count(*), coalesce(sum(hashtext(x::text)::bigint), 0) FROM "{name}" x')
            told[name] = cursor.fetchone()
        return told


def each_moment(advance: Callable[[float], None], lot: random.Random, number: int) -> Iterator[uuid.UUID]:
    """Now, and after some seconds or hours again."""
    for _ in range(number):
        advance(lot.choice([1, 20, 60, 600, 3600, 40_000]))
        yield uuid.uuid4()
