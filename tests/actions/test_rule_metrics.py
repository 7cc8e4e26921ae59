"""What is counted of the rules equals what a naive recount of the stored actions finds, however often it is counted."""

import contextlib
import random
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from actions import flow, rule_metrics
from actions.models import Action, ActionFacts, Counting, RuleHour
from actions.rule_metrics import HOUR, SETTLED, count_due, count_hour, hour_of
from audit import log
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState, Outcome
from rules.models import ActionConfiguration
from tests import make
from tests.api.reading import code_sent, ok
from tests.races.still_clock import StillClock, still_clock

NUMBERS = [name for name in rule_metrics.COLUMNS if name != "last_fired_at"]
LARGE = {">": [{"var": "custom.amount"}, 50]}
HUGE = {">": [{"var": "custom.amount"}, 70]}
TOR = {"==": [{"var": "ip.isAnonymous"}, True]}


@pytest.fixture
def still(db: None) -> Any:
    with still_clock() as moved:
        moved.set(datetime(2030, 1, 31, 12, 30, tzinfo=UTC))
        yield moved


def make_rules(tenant: Tenant, code: str = "pay") -> ActionConfiguration:
    """Live and shadow rules of every outcome, two of which fire on what is missing."""
    make.make_point(tenant, "amount", "number") if not tenant.custom_data_points.exists() else None
    configuration = make.make_action(tenant, code, "ALLOW")
    kinds = [
        (HUGE, "BLOCK", {}),
        (TOR, "CHALLENGE", {"when_unknown": "match"}),
        (LARGE, "CHALLENGE", {}),
        ({"<": [{"var": "custom.amount"}, 10]}, "REVIEW", {}),
        (LARGE, "BLOCK", {"is_shadow": True}),
        (TOR, "REVIEW", {"is_shadow": True, "when_unknown": "match"}),
        ({"==": [{"var": "user.userId"}, "nobody"]}, "BLOCK", {}),
    ]
    for priority, (conditions, outcome, fields) in enumerate(kinds):
        make.make_rule(configuration, conditions, outcome, priority=priority, **fields)
    return configuration


def track(tenant: Tenant, code: str = "pay", *, user: str = "", **custom: Any) -> Action:
    attributes: dict[str, Any] = {"custom": custom, "ipAddress": custom.pop("ip", None)}
    number = Action.objects.count()
    tracked = flow.track(
        tenant=tenant,
        user_id=user or f"user-{number}",
        action_code=code,
        attributes=attributes,
        actor=log.SYSTEM,
    )
    return Action.objects.get(pk=tracked.action_id)


def track_randomly(chance: random.Random, still: StillClock, tenant: Tenant, code: str = "pay") -> Action:
    custom: dict[str, Any] = {"amount": chance.randint(0, 100)} if chance.random() < 0.8 else {}
    action = track(tenant, code, ip=chance.choice(["185.220.101.1", "203.0.113.10", None]), **custom)
    come_to(chance, action)
    return action


def come_to(chance: random.Random, action: Action) -> None:
    """What may become of an action, in any order of things."""
    later = action.created_at + timedelta(minutes=chance.randint(1, 90))
    change: dict[str, Any] = chance.choice(
        [
            {},
            {"state": ActionState.CHALLENGE_SUCCEEDED},
            {"state": ActionState.CHALLENGE_SUCCEEDED, "failed_at": action.created_at},
            {"state": ActionState.CHALLENGE_FAILED, "failed_at": action.created_at},
            {"state": ActionState.ALLOW},
        ]
    )
    if change and action.outcome == Outcome.CHALLENGE:
        Action.objects.filter(pk=action.pk).update(state_updated_at=later, **change)


def recount(tenant: Tenant) -> dict[Any, dict[str, Any]]:
    """Each rule and hour of the tenant's stored actions, one action after the other."""
    found: dict[Any, dict[str, Any]] = defaultdict(lambda: dict.fromkeys(NUMBERS, 0) | {"last_fired_at": None})
    for facts in ActionFacts.objects.filter(action__tenant=tenant).select_related("action"):
        action = facts.action
        asked = action.outcome == "CHALLENGE" and not (
            action.state == "ALLOW" and action.state_updated_at == action.created_at
        )
        passed = asked and action.state == "CHALLENGE_SUCCEEDED"
        hour = action.created_at.replace(minute=0, second=0, microsecond=0)
        for rule, verdict in facts.trace["verdicts"].items():
            row = found[rule, hour]
            fired = rule in {str(one) for one in facts.matched_rules}
            shadowed = rule in {str(one) for one in facts.shadow_rules}
            decided = rule == str(facts.priority_rule_id)
            row["tracked"] += 1
            row["unknown"] += verdict == "unknown"
            row["decided"] += decided
            row["challenged"] += decided and asked
            row["passed"] += decided and passed
            row["passed_at_once"] += decided and passed and action.failed_at is None
            row["shadow_challenged"] += shadowed and asked
            row["shadow_passed"] += shadowed and passed
            row[f"fired_{action.outcome.lower()}"] += fired
            row[f"shadow_{action.outcome.lower()}"] += shadowed
            if fired or shadowed:
                row["last_fired_at"] = max(row["last_fired_at"] or action.created_at, action.created_at)
    return dict(found)


def counted(tenant: Tenant) -> dict[Any, dict[str, Any]]:
    rows = RuleHour.objects.filter(configuration__tenant=tenant)
    return {(str(row.rule_id), row.hour): {name: getattr(row, name) for name in rule_metrics.COLUMNS} for row in rows}


def total(tenant: Tenant, name: str) -> int:
    return sum(getattr(row, name) for row in RuleHour.objects.filter(configuration__tenant=tenant))


def test_the_numbers_are_those_of_a_naive_recount(still, acme, globex):
    chance = random.Random(0)
    now = still.now
    moments = sorted(now - timedelta(seconds=chance.randint(0, 20 * 86400)) for _number in range(60))
    configurations = {tenant.pk: make_rules(tenant) for tenant in (acme, globex)}
    make_rules(acme, "withdraw")
    for number, moment in enumerate([*moments, *[now - timedelta(minutes=3)] * 20]):
        still.set(moment)
        tenant = chance.choice([acme, acme, globex])
        track_randomly(chance, still, tenant, chance.choice(["pay", "withdraw"]) if tenant == acme else "pay")
        if number == 40:
            # Switched off, switched to shadow, and a draft that nobody published.
            first, second, *_rest, last = configurations[acme.pk].rules.all()
            first.is_active, second.is_shadow = False, True
            first.save(), second.save()
            configurations[acme.pk].changed()
            last.delete()
            configurations[acme.pk].save_draft()
    still.set(now)
    assert count_due() > 0
    assert counted(acme) == recount(acme)
    assert counted(globex) == recount(globex)
    wanted = ("passed", "passed_at_once", "unknown", "shadow_passed", "fired_review", "fired_block")
    assert [name for name in wanted if not total(acme, name) + total(globex, name)] == []
    assert total(acme, "tracked") > total(acme, "decided")


def test_counting_again_changes_nothing(still, acme):
    make_rules(acme)
    chance = random.Random(1)
    for _number in range(30):
        track_randomly(chance, still, acme)
    count_due()
    before = list(RuleHour.objects.order_by("pk").values())
    count_due()
    assert list(RuleHour.objects.order_by("pk").values()) == before
    assert counted(acme) == recount(acme)


def test_what_is_no_longer_stored_is_no_longer_counted(still, acme):
    make_rules(acme)
    track(acme, amount=60, user="erased")
    count_due()
    assert total(acme, "tracked") == 7
    Action.objects.all().delete()
    track(acme, amount=60)
    still.advance(600)
    count_due()
    assert counted(acme) == recount(acme)
    Action.objects.all().delete()
    # The hour is counted even when nothing is left of it.
    assert count_hour(acme.pk, hour_of(still.now))
    assert counted(acme) == {}


def test_an_action_belongs_to_the_hour_in_which_it_was_tracked(still, acme):
    configuration = make.make_action(acme, "pay")
    make.make_rule(configuration, TOR)
    midnight = datetime(2030, 1, 31, tzinfo=UTC)
    for moment in (midnight - timedelta(microseconds=1), midnight, midnight + HOUR - timedelta(microseconds=1)):
        still.set(moment)
        track(acme)
    count_due()
    rows = RuleHour.objects.order_by("hour").values_list("hour", "tracked")
    assert list(rows) == [(midnight - HOUR, 1), (midnight, 2)]


def test_a_challenge_that_is_passed_after_midnight_counts_for_the_evening_before(still, acme, api):
    configuration = make.make_action(acme, "pay", "ALLOW")
    make.make_rule(configuration, TOR)
    still.set(datetime(2030, 1, 31, 23, 55, tzinfo=UTC))
    body = {"ipAddress": "185.220.101.1", "idempotencyKey": "one"}
    assert ok(api("POST", "users/alice/actions/pay", body))["state"] == "CHALLENGE_REQUIRED"
    count_due()
    row = RuleHour.objects.get(rule_id=configuration.rules.get().pk)
    assert (row.hour.hour, row.challenged, row.passed) == (23, 1, 0)
    for _number in range(2):
        still.advance(600)
        count_due()
    given = {"userId": "alice", "action": "pay", "idempotencyKey": "one", "email": "a@acme.example"}
    challenge = ok(api("POST", "challenge", given | {"verificationMethod": "EMAIL_OTP"}))["challengeId"]
    ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))
    count_due()
    row.refresh_from_db()
    assert (row.challenged, row.passed, row.passed_at_once) == (1, 1, 1)


def test_a_user_who_was_let_through_unasked_was_not_challenged(still, acme):
    acme.let_unenrolled_users_through = True
    acme.save()
    make.make_rule(make.make_action(acme, "pay", "ALLOW"), TOR)
    assert track(acme, ip="185.220.101.1").state == ActionState.ALLOW
    count_due()
    row = RuleHour.objects.get()
    assert (row.decided, row.fired_challenge, row.challenged) == (1, 1, 0)


def test_what_passes_late_is_seen_when_the_hour_is_settled_and_not_later(still, acme):
    make.make_rule(make.make_action(acme, "pay", "ALLOW"), TOR)
    track(acme, ip="185.220.101.1")
    count_due()
    still.advance(5 * 3600)
    count_due()
    Action.objects.update(state=ActionState.CHALLENGE_SUCCEEDED, state_updated_at=still.now)
    count_due()
    assert total(acme, "passed") == 0
    still.advance(SETTLED.total_seconds() - 5 * 3600 + 3600)
    count_due()
    assert total(acme, "passed") == 1
    Action.objects.update(state=ActionState.CHALLENGE_FAILED)
    still.advance(3600)
    count_due()
    assert total(acme, "passed") == 1


def test_after_an_outage_the_hours_that_were_missed_are_counted(still, acme):
    make_rules(acme)
    chance = random.Random(3)
    now = still.now
    still.set(now - timedelta(days=9))
    track_randomly(chance, still, acme)
    count_due()
    for hours in (200, 150, 100, 60, 47, 30, 5, 0):
        still.set(now - timedelta(hours=hours))
        track_randomly(chance, still, acme)
    count_due()
    assert counted(acme) == recount(acme)
    assert Counting.objects.get().until == now
    assert Counting.objects.get().settled == hour_of(now - SETTLED)


def test_a_run_that_has_no_time_left_goes_on_where_the_last_one_stopped(still, acme, monkeypatch):
    make_rules(acme)
    chance, now = random.Random(4), still.now
    for hours in range(300, 0, -7):
        still.set(now - timedelta(hours=hours))
        track_randomly(chance, still, acme)
    still.set(now)
    ticks = iter(range(1_000_000))
    monkeypatch.setattr(rule_metrics.time, "monotonic", lambda: next(ticks))
    assert count_due(seconds=0) == 0
    runs = []
    while counted(acme) != recount(acme) and len(runs) < 50:
        runs.append(count_due(seconds=60))
    assert 5 < len(runs) < 10
    # The newest two days came first.
    assert max(runs) < 60


def test_the_newest_two_days_are_counted_before_what_is_older(still, acme, monkeypatch):
    make.make_rule(make.make_action(acme, "pay"), TOR)
    now = still.now
    for hours in (500, 1):
        still.set(now - timedelta(hours=hours))
        track(acme)
    still.set(now)
    ticks = iter(range(1_000_000))
    monkeypatch.setattr(rule_metrics.time, "monotonic", lambda: next(ticks))
    count_due(seconds=50)
    assert [row.hour for row in RuleHour.objects.all()] == [hour_of(now - HOUR)]


@pytest.fixture
def short(monkeypatch):
    """Fewer days are shown and kept, so that a test counts fewer hours."""
    monkeypatch.setattr(rule_metrics, "DAYS", 4)
    monkeypatch.setattr(rule_metrics, "KEPT", timedelta(days=6))


def test_of_a_tenant_that_was_silent_for_long_what_is_new_is_counted_and_what_is_old_is_dropped(still, acme, short):
    make.make_rule(make.make_action(acme, "pay"), TOR)
    track(acme)
    count_due()
    still.advance(rule_metrics.KEPT.total_seconds() - 3600)
    track(acme)
    count_due()
    still.advance(SETTLED.total_seconds() + 3600)
    count_due()
    assert [row.tracked for row in RuleHour.objects.all()] == [1]
    assert Counting.objects.get().settled == hour_of(still.now - SETTLED)


def test_of_a_tenant_that_stays_silent_nothing_is_kept_in_the_end(still, acme, globex, short):
    for tenant in (acme, globex):
        make.make_rule(make.make_action(tenant, "pay"), TOR)
        track(tenant)
    count_due()
    still.advance(rule_metrics.KEPT.total_seconds() - 60)
    track(globex)
    count_due()
    assert (len(counted(acme)), len(counted(globex))) == (1, 1)
    still.advance(120)
    count_due()
    assert [row.tenant_id for row in Counting.objects.all()] == [globex.pk]
    assert counted(acme) == {}
    # Should it come back, it is counted from its first action on.
    track(acme)
    count_due()
    assert len(counted(acme)) == 1


class Slow:
    """Makes the counting of one tenant's hours, or of one hour, too slow for the database."""

    def __init__(self, monkeypatch: Any) -> None:
        self.monkeypatch, self.count = monkeypatch, rule_metrics.COUNT
        monkeypatch.setattr(rule_metrics, "LONGEST", "100ms")

    def where(self, condition: str) -> None:
        slow = f"WITH slow AS MATERIALIZED (SELECT CASE WHEN {condition} THEN pg_sleep(1) END) "
        count = self.count.replace("WITH alike", ", alike", 1)
        count = count.replace("FROM actions_action a", "FROM slow, actions_action a")
        self.monkeypatch.setattr(rule_metrics, "COUNT", slow + count)

    def no_more(self) -> None:
        self.monkeypatch.setattr(rule_metrics, "COUNT", self.count)


def test_hours_that_the_database_does_not_manage_in_time_are_left_for_the_next_run(still, acme, globex, monkeypatch):
    slow = Slow(monkeypatch)
    for tenant in (acme, globex):
        make.make_rule(make.make_action(tenant, "pay"), TOR)
        track(tenant)
    slow.where(f"%(tenant)s::uuid = '{acme.pk}'")
    count_due()
    assert counted(acme) == {}
    assert counted(globex) == recount(globex)
    slow.no_more()
    count_due()
    assert counted(acme) == recount(acme)
    assert Counting.objects.get(pk=acme.pk).missed == []


def test_an_hour_that_cannot_be_counted_stops_no_other_and_is_not_forgotten(still, acme, monkeypatch, short):
    slow, now = Slow(monkeypatch), still.now
    make.make_rule(make.make_action(acme, "pay"), TOR)
    for hours in (5, 3, 2, 0):
        still.set(now - timedelta(hours=hours))
        track(acme)
    bad = hour_of(now - timedelta(hours=3))
    slow.where(f"%(hour)s::timestamptz = '{bad.isoformat()}'")

    def but_the_bad_one() -> bool:
        whole = recount(acme)
        return counted(acme) == {key: row for key, row in whole.items() if key[1] != bad} != whole

    count_due()
    assert but_the_bad_one()
    row = Counting.objects.get()
    assert (row.missed, row.until) == ([bad], now)
    # Nor when it is settled, days later.
    still.set(now + SETTLED)
    track(acme)
    count_due()
    assert but_the_bad_one()
    row = Counting.objects.get()
    assert (row.missed, row.settled) == ([bad], hour_of(still.now - SETTLED))
    slow.no_more()
    count_due()
    assert counted(acme) == recount(acme)
    assert Counting.objects.get().missed == []


# -- at once -------------------------------------------------------------------------------------


def elsewhere(act: Any) -> Any:
    """What a function returns on a connection of its own."""

    def run() -> Any:
        with contextlib.closing(connection):
            return act()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(30)


@pytest.mark.django_db(transaction=True)
def test_while_a_process_counts_a_tenant_another_one_leaves_it_alone():
    acme = make.make_tenant()
    make.make_rule(make.make_action(acme, "pay"), TOR)
    track(acme)
    count_due()
    hour = hour_of(clock.now())
    with transaction.atomic():
        assert count_hour(acme.pk, hour)
        assert elsewhere(lambda: count_hour(acme.pk, hour)) is False
    assert elsewhere(lambda: count_hour(acme.pk, hour)) is True


@pytest.mark.django_db(transaction=True)
def test_many_runs_at_once_come_to_the_same_numbers():
    acme, globex = make.make_tenant("Acme"), make.make_tenant("Globex")
    chance = random.Random(5)
    for tenant in (acme, globex):
        make_rules(tenant)
        for _number in range(20):
            come_to(chance, track(tenant, amount=chance.randint(0, 100), ip="185.220.101.1"))
    hours_ago = iter(range(40))
    for action in Action.objects.all():
        Action.objects.filter(pk=action.pk).update(created_at=action.created_at - next(hours_ago) * HOUR)
    barrier = threading.Barrier(4)

    def run() -> None:
        with contextlib.closing(connection):
            barrier.wait(10)
            count_due()

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(run) for _number in range(4)]
    assert [one.exception() for one in runs] == [None] * 4
    # Each left tenants to the others: one more run completes what is left.
    count_due()
    for tenant in (acme, globex):
        assert counted(tenant) == recount(tenant)
