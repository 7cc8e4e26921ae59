"""The backtest: as the live engine, action by action; with nothing of the future in it; with nothing written."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from time import sleep
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection
from hypothesis import HealthCheck, given, settings

from actions import backtest, backtest_heartbeat, backtest_rows, tasks
from actions.backtest_replay import Draft, Progress, replay
from actions.backtest_rows import Span
from actions.models import Action, ActionFacts, Backtest
from authenticators.models import Message
from authenticators.tasks import deliver, sweep
from authsignal_portal import celery_app, clock
from authsignal_portal.errors import Conflict
from authsignal_portal.models import Tenant
from rules import value_lists
from rules.engine import RuleSpec, compile_policy, decide
from rules.lists import Lists
from rules.models import ActionConfiguration, Rule
from tests import make
from tests.actions.past import (
    CODE,
    actions_of,
    decided,
    draft_of,
    make_pay,
    off_diagonal,
    ran,
    replayed,
    report_of,
    rows_of_all_tables,
    span_of,
    track,
    track_any,
)
from tests.rules.cases import CUSTOM_POINTS, brief, compare, rule_sets

# A backtest reads on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

# Asked for by the rules in force, hence stored with every action.
COUNTED = [
    (compare(">", "velocity.count.user.this.1h", 60), "REVIEW"),
    (compare(">", "velocity.sum:amount.device.any.7d", 10**6), "REVIEW"),
]
LARGE = (compare(">", "custom.amount", 2), "CHALLENGE")


@pytest.fixture
def pay(acme: Tenant) -> ActionConfiguration:
    return make_pay(acme, *COUNTED)


@pytest.fixture
def past(acme: Tenant, pay: ActionConfiguration) -> list[Action]:
    """Forty actions of all kinds; and a list that rules name."""
    short = value_lists.create(acme, "Short")
    items = [("a", None), ("NZ", None), ("ab", clock.now() - timedelta(days=1)), ("2", clock.now())]
    value_lists.add(short, [value_lists.NewItem(value, expires_at=ends) for value, ends in items])
    lot = random.Random(7)
    return [track_any(acme, lot) for _ in range(40)]


# -- as the live engine --------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """What is stored, read once for many drafts."""

    connection: Any
    span: Span
    lists: Lists
    actions: list[Action]
    opened: list[dict[str, Any]]


@pytest.fixture
def stored(acme: Tenant, pay: ActionConfiguration, past: list[Action]) -> Iterator[Read]:
    span = span_of(pay)
    actions = actions_of(span)
    assert len(actions) == len(past)
    with backtest.reading() as connection:
        yield Read(connection, span, draft_of(pay).lists, actions, [action.facts.opened() for action in actions])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=rule_sets())
def test_every_action_comes_out_as_the_live_engine_decides_it(
    acme: Tenant, stored: Read, rules: list[RuleSpec]
) -> None:
    draft = Draft(compile_policy(CODE, "ALLOW", rules=rules, custom_points=CUSTOM_POINTS), stored.lists)
    size = len(stored.actions)
    tally = replay(stored.connection, stored.span, draft, tenant=acme, size=size, progress=Progress())
    expected = [
        (action, decide(facts, draft.policy, draft.lists))
        for action, facts in zip(stored.actions, stored.opened, strict=True)
    ]
    assert tally.matrix.total() == size
    for before, after in tally.matrix:
        pairs = [one for one in expected if (one[0].outcome, one[1].outcome) == (before, after)]
        assert tally.matrix[before, after] == len(pairs)
    for rule, count in zip(draft.policy.rules, tally.rules, strict=True):
        name = rule.spec.rule_id
        assert count.matched == sum(name in (*one.matched, *one.shadowed) for _, one in expected)
        assert count.decided == sum(one.priority_rule_id == name for _, one in expected)
        assert count.unknown == sum(one.verdicts[name] == "unknown" for _, one in expected)
    changed = {action.user_id for action, one in expected if action.outcome != one.outcome}
    assert len(tally.users) == len(changed)


def test_the_rules_in_force_change_nothing(acme, past, pay):
    make.make_rule(pay, compare("startsWith", "user.email", "a@"), "CHALLENGE", priority=10)
    make.make_rule(pay, compare("==", "ip.isAnonymous", True), "BLOCK", priority=11)
    make.make_rule(pay, {"in": [{"var": "custom.destination"}, {"var": "lists.short"}]}, "REVIEW", priority=12)
    Action.objects.all().delete()
    lot = random.Random(8)
    for _ in range(30):
        track_any(acme, lot)
    report = report_of(pay)
    assert report["actions"] == 30
    assert len({before for before, row in report["matrix"].items() if sum(row.values())}) >= 3
    assert off_diagonal(report) == report["changed"] == report["users"] == 0
    assert report["samples"] == []


def test_a_draft_is_tried_while_the_rules_in_force_go_on_deciding(acme, pay):
    for amount in (1, 2, 3, 4):
        track(acme, f"user-{amount}", custom={"amount": amount})
    Rule.objects.create(
        configuration=pay, name="large", priority=5, outcome="CHALLENGE", conditions=compare(">", "custom.amount", 2)
    )
    pay.save_draft()
    report = report_of(pay)
    assert report["matrix"]["ALLOW"] == {"ALLOW": 2, "CHALLENGE": 2, "REVIEW": 0, "BLOCK": 0}
    assert (report["actions"], report["changed"], report["users"]) == (4, 2, 2)
    assert track(acme, custom={"amount": 5}).outcome == "ALLOW"


def test_the_report_tells_of_each_rule_what_it_decided_and_changed(acme, pay):
    make.make_rule(pay, compare("==", "custom.first", True), "BLOCK", priority=5)
    track(acme, custom={"first": True, "amount": 9})
    track(acme, custom={"first": False, "amount": 9})
    track(acme, custom={"amount": 1})
    Rule.objects.filter(configuration=pay).delete()
    make.make_rule(pay, compare(">", "custom.amount", 2), "REVIEW", priority=1, name="large")
    make.make_rule(pay, compare("==", "custom.first", True), "CHALLENGE", priority=2, name="first")
    make.make_rule(pay, compare("<", "custom.amount", 2), "BLOCK", priority=3, name="small", is_shadow=True)
    large, first, small, default = report_of(pay)["rules"]
    assert large["name"] == "large"
    assert (large["matched"], large["decided"], large["unknown"]) == (2, 2, 0)
    assert large["changedFrom"] == {"ALLOW": 1, "BLOCK": 1}
    assert (first["matched"], first["decided"], first["unknown"], first["changedFrom"]) == (1, 0, 1, {})
    assert (small["matched"], small["decided"], small["isShadow"]) == (1, 0, True)
    assert (default["ruleId"], default["decided"], default["outcome"]) == (None, 1, "ALLOW")


@pytest.mark.parametrize("amount", [2**63 + 1, -(2**70) - 1, 10**400, 123456789012345678901234567890], ids=brief)
def test_large_integers_are_compared_to_the_last_digit(acme, pay, amount):
    track(acme, custom={"amount": amount, "tags": [amount]})
    track(acme, custom={"amount": amount - 1, "tags": [amount - 1]})
    make.make_rule(pay, compare("==", "custom.amount", amount), "BLOCK", priority=5)
    make.make_rule(pay, {"in": [amount - 1, {"var": "custom.tags"}]}, "REVIEW", priority=6)
    span, draft = span_of(pay), draft_of(pay)
    tally = replayed(pay, draft, span)
    live = [decided(action.facts, draft.policy, draft).outcome for action in actions_of(span)]
    assert live == ["BLOCK", "REVIEW"]
    assert tally.matrix == {("ALLOW", "BLOCK"): 1, ("ALLOW", "REVIEW"): 1}


def test_rules_may_ask_for_hundreds_of_data_points(acme, pay):
    names = [f"point{number}" for number in range(250)]
    for name in names:
        make.make_point(acme, name, "number")
    track(acme, custom=dict.fromkeys(names, 1))
    track(acme, custom=dict.fromkeys(names, 1) | {"point249": 2})
    for start in range(0, 250, 50):
        conditions = {"and": [compare("==", f"custom.{name}", 1) for name in names[start : start + 50]]}
        make.make_rule(pay, conditions, "REVIEW" if start == 200 else "ALLOW", priority=90 - start // 50)
    last = report_of(pay)["rules"][2]
    assert (last["outcome"], last["matched"]) == ("REVIEW", 1)


def test_rules_on_a_sealed_address_and_number_are_tried_too(acme, pay):
    track(acme, email="mallory@evil.example", phoneNumber="+6421555010")
    track(acme, "bob", email="bob@good.example")
    track(acme, "carol")
    make.make_rule(pay, compare("endsWith", "user.email", "@evil.example"), "BLOCK", priority=5)
    make.make_rule(pay, {"missing": ["user.phoneNumber"]}, "REVIEW", priority=6)
    assert report_of(pay)["matrix"]["ALLOW"] == {"ALLOW": 0, "CHALLENGE": 0, "REVIEW": 2, "BLOCK": 1}


def test_value_lists_are_those_of_now_and_their_items_expire_at_each_actions_time(acme, pay, advance):
    lot = value_lists.create(acme, "Watched")
    early = track(acme, "ann")
    advance(1000)
    value_lists.add(lot, [value_lists.NewItem("ann", expires_at=early.created_at + timedelta(seconds=10))])
    value_lists.add(lot, [value_lists.NewItem("bob")])
    track(acme, "ann")
    track(acme, "bob")
    make.make_rule(pay, {"in": [{"var": "user.userId"}, {"var": "lists.watched"}]}, "BLOCK", priority=5)
    report = report_of(pay)
    assert report["matrix"]["ALLOW"]["BLOCK"] == 2
    (cell,) = report["samples"]
    names = {str(action.pk): action.user.user_id for action in Action.objects.all()}
    assert [names[one["id"]] for one in cell["actions"]] == ["bob", "ann"]
    assert str(early.pk) in {one["id"] for one in cell["actions"]}


def test_actions_of_which_nothing_is_kept_are_counted_apart(acme, pay):
    kept, dropped = track(acme, custom={"amount": 9}), track(acme, custom={"amount": 9})
    ActionFacts.objects.filter(pk=dropped.pk).delete()
    make.make_rule(pay, *LARGE, priority=5)
    report = report_of(pay)
    assert (report["actions"], report["notKept"], report["changed"]) == (1, 1, 1)
    assert [one["id"] for one in report["samples"][0]["actions"]] == [str(kept.pk)]


def test_the_newest_five_of_each_change_are_sampled(acme, pay, advance):
    made = []
    for number in range(7):
        made.append(track(acme, custom={"amount": 9 if number % 2 else 0}))
        advance(5)
        made.append(track(acme, custom={"amount": 9}))
    make.make_rule(pay, *LARGE, priority=5)
    (cell,) = report_of(pay)["samples"]
    changed = [action for action in made if action.facts.facts["custom"]["amount"] > 2]
    assert [one["id"] for one in cell["actions"]] == [str(action.pk) for action in reversed(changed)][:5]


# -- how long, how much --------------------------------------------------------------------------


def test_only_the_days_asked_for_are_read(acme, pay, advance):
    track(acme, custom={"amount": 9})
    advance(8 * 86400)
    track(acme, custom={"amount": 9})
    make.make_rule(pay, *LARGE, priority=5)
    assert report_of(pay, days=7)["actions"] == 1
    assert report_of(pay, days=30)["actions"] == 2


def test_challenges_per_day_go_by_the_days_that_there_were_actions(acme, pay, advance):
    track(acme, custom={"amount": 9})
    advance(2 * 86400)
    track(acme, custom={"amount": 9})
    make.make_rule(pay, *LARGE, priority=5)
    report = report_of(pay, days=90)
    assert 2 <= report["days"] < 3.1
    assert report["challenges"]["before"] == 0
    assert report["challenges"]["after"] == pytest.approx(2 / report["days"])
    assert [(one["actions"], one["before"], one["after"]) for one in report["series"]] == [(1, 0, 1), (1, 0, 1)]


def test_messages_are_estimated_from_what_challenges_took(acme, pay):
    make.make_rule(pay, *LARGE, priority=5)
    first, second = track(acme, custom={"amount": 9}), track(acme, custom={"amount": 9})
    allowed = track(acme, custom={"amount": 1})
    for action, status in ((first, "sent"), (first, "sent"), (second, "failed"), (second, "sent"), (allowed, "sent")):
        Message.objects.create(
            tenant=acme, user=action.user, action_id=action.pk, channel="EMAIL", status=status, deadline_at=clock.now()
        )
    assert report_of(pay)["messages"] == {"days": 30, "challenged": 2, "sent": 3}
    assert report_of(pay, days=7)["messages"]["days"] == 7
    assert report_of(pay, days=90)["messages"]["days"] == 30


# -- nothing else --------------------------------------------------------------------------------


def test_nothing_is_written_or_sent_but_the_report(acme, past, pay):
    make.make_rule(pay, compare("startsWith", "user.email", "a@"), "CHALLENGE", priority=10)
    make.make_rule(pay, compare(">", "velocity.addresses.user.any.7d", 1), "BLOCK", priority=11)
    before = rows_of_all_tables()
    assert ran(pay).status == Backtest.Status.DONE
    assert rows_of_all_tables() == before


def test_its_transaction_cannot_write(acme):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), backtest.reading() as reading:
        reading.execute("UPDATE authsignal_portal_tenant SET name = 'x'")


def test_its_transaction_sees_one_moment(acme, pay):
    with backtest.reading() as reading:
        count = "SELECT count(*) FROM actions_action"
        before = reading.execute(count).fetchone()
        track(acme)
        assert reading.execute(count).fetchone() == before == (0,)


def test_other_tenants_and_other_actions_are_never_read(acme, globex, pay):
    make.make_rule(pay, *LARGE, priority=5)
    make.make_rule(pay, compare(">", "velocity.count.user.any.1d", 1), "BLOCK", priority=4)
    theirs = make_pay(globex)
    for _ in range(3):
        track(globex, custom={"amount": 9}, deviceId="same")
    track(acme, code="other", user="bob", custom={"amount": 9})
    track(acme, custom={"amount": 1})
    report = report_of(pay)
    assert report["actions"] == 1
    assert off_diagonal(report) == 0
    assert report_of(theirs)["actions"] == 3


# -- begun, watched, ended -----------------------------------------------------------------------


def test_the_task_runs_it_once(acme, pay):
    track(acme)
    made = backtest.begin(pay, days=7, author_id=3)
    assert (made.status, made.author_id, made.days) == ("queued", 3, 7)
    tasks.run_backtest(str(made.pk))
    made.refresh_from_db()
    assert made.status == "done"
    assert made.done == made.total == 1
    assert made.created_at <= made.started_at <= made.ended_at
    report = made.report
    track(acme)
    tasks.run_backtest(str(made.pk))
    made.refresh_from_db()
    assert made.report == report


def test_the_draft_is_tried_as_it_was_when_the_backtest_began(acme, pay):
    track(acme, custom={"amount": 9})
    made = backtest.begin(pay, days=7, author_id=None)
    make.make_rule(pay, *LARGE, priority=5)
    backtest.run(made.pk)
    made.refresh_from_db()
    assert made.report["changed"] == 0


@pytest.mark.django_db(transaction=False)
def test_a_tenant_has_one_backtest_at_a_time(acme, globex, pay):
    backtest.begin(pay, days=7, author_id=None)
    with pytest.raises(Conflict):
        backtest.begin(pay, days=7, author_id=None)
    backtest.begin(make_pay(globex), days=7, author_id=None)
    with pytest.raises(IntegrityError):
        Backtest.objects.create(tenant=acme, configuration=pay, days=7, policy={}, lists_version=0)


def test_one_that_waits_is_cancelled_at_once_and_one_that_runs_when_it_next_looks(acme, pay, monkeypatch):
    track(acme)
    made = backtest.begin(pay, days=7, author_id=None)
    backtest.cancel(made)
    backtest.run(made.pk)
    made.refresh_from_db()
    assert (made.status, made.report) == ("cancelled", None)

    made = backtest.begin(pay, days=7, author_id=None)
    monkeypatch.setattr(backtest, "PROGRESS_SECONDS", 0)
    seen = backtest_rows.Source._batch

    def meanwhile(source: Any, rows: Any) -> Any:
        made.refresh_from_db()
        assert made.status == "running"
        backtest.cancel(made)
        return seen(source, rows)

    monkeypatch.setattr(backtest_rows.Source, "_batch", meanwhile)
    backtest.run(made.pk)
    made.refresh_from_db()
    assert (made.status, made.report) == ("cancelled", None)
    assert made.ended_at is not None


def test_how_far_it_is_can_be_read_while_it_runs(acme, pay, monkeypatch):
    for _ in range(6):
        track(acme)
    made = backtest.begin(pay, days=7, author_id=None)
    monkeypatch.setattr(backtest, "PROGRESS_SECONDS", 0)
    monkeypatch.setattr(backtest_rows, "ROWS", 2)
    told, write = [], backtest._Written.write

    def writing(progress: Any) -> None:
        write(progress)
        row = Backtest.objects.get(pk=made.pk)
        told.append((row.done, row.total, row.per_cent))

    monkeypatch.setattr(backtest._Written, "write", writing)
    backtest.run(made.pk)
    assert told == [(2, 6, 33), (4, 6, 66), (6, 6, 99), (6, 6, 99)]


def test_one_that_fails_says_so_and_another_can_begin(acme, pay):
    action = track(acme, email="a@a.example")
    make.make_rule(pay, compare("==", "user.email", "x"), priority=5)
    ActionFacts.objects.filter(pk=action.pk).update(private_sealed=b"broken")
    made = backtest.begin(pay, days=7, author_id=None)
    with pytest.raises(Exception, match="keyring"):
        backtest.run(made.pk)
    made.refresh_from_db()
    assert made.status == "failed"
    assert "OpeningFailed" in made.error
    assert "a@a" not in made.error
    backtest.begin(pay, days=7, author_id=None)


def test_a_statement_that_takes_too_long_ends_it(acme, pay, monkeypatch):
    track(acme)
    monkeypatch.setitem(backtest.SETTINGS, "statement_timeout", "1ms")
    monkeypatch.setattr(backtest_rows.Span, "holds", lambda _span, _row: backtest.SQL("pg_sleep(1) IS NOT NULL"))
    made = backtest.begin(pay, days=7, author_id=None)
    with pytest.raises(psycopg.errors.QueryCanceled):
        backtest.run(made.pk)
    made.refresh_from_db()
    assert (made.status, made.error) == ("failed", "It took too long. Choose fewer days.")


@pytest.fixture
def endless(acme: Tenant, pay: ActionConfiguration, monkeypatch: pytest.MonkeyPatch) -> Backtest:
    """Its first statement takes longer than anybody waits."""
    monkeypatch.setattr(backtest_heartbeat, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(backtest_rows.Span, "holds", lambda _span, _row: backtest.SQL("pg_sleep(60) IS NOT NULL"))
    track(acme)
    return backtest.begin(pay, days=7, author_id=None)


def test_within_a_long_statement_it_lives_and_can_be_cancelled(endless):
    def look() -> Any:
        with contextlib.closing(connection):
            return Backtest.objects.get(pk=endless.pk)

    def until(holds: Callable[[Backtest], bool]) -> Backtest:
        for _ in range(200):
            if holds(row := look()):
                return row
            sleep(0.02)
        raise AssertionError

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(in_a_thread, lambda: backtest.run(endless.pk))
        first = until(lambda row: row.status == "running")
        until(lambda row: row.progress_at > first.progress_at)
        backtest.cancel(first)
        running.result(10)
    endless.refresh_from_db()
    assert (endless.status, endless.report) == ("cancelled", None)


def in_a_thread(act: Callable[[], Any]) -> Any:
    with contextlib.closing(connection):
        return act()


def test_after_an_hour_it_ends(endless, monkeypatch):
    monkeypatch.setattr(backtest, "LONGEST_SECONDS", 0.2)
    with pytest.raises(backtest.TooLong):
        backtest.run(endless.pk)
    endless.refresh_from_db()
    assert (endless.status, endless.error) == ("failed", "It took too long. Choose fewer days.")


def test_a_worker_of_its_own_runs_it_so_that_messages_do_not_wait():
    def queue_of(task: Any) -> str:
        return str(celery_app.amqp.router.route({}, task.name)["queue"].name)

    assert queue_of(tasks.run_backtest) == "backtests"
    assert {queue_of(task) for task in (tasks.prune, deliver, sweep)} == {"celery"}


def test_one_that_waits_for_others_is_not_forgotten(acme, globex, pay, advance):
    waiting = backtest.begin(pay, days=7, author_id=None)
    other = backtest.begin(make_pay(globex), days=7, author_id=None)
    advance(300)
    backtest.run(other.pk)
    assert not backtest.is_forgotten(waiting, clock.now())
    with pytest.raises(Conflict):
        backtest.begin(pay, days=7, author_id=None)
    advance(121)
    assert backtest.is_forgotten(waiting, clock.now())
    backtest.begin(pay, days=7, author_id=None)
    # What was given up is given up, should a worker come after all.
    backtest.run(waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.error) == ("failed", "No worker took it up.")


@pytest.mark.parametrize("error", [psycopg.errors.ConfigurationLimitExceeded, psycopg.errors.DiskFull])
def test_one_that_needs_too_much_room_says_so(acme, pay, monkeypatch, error):
    def full(*_given: Any, **_named: Any) -> None:
        raise error("temporary file size exceeds temp_file_limit")

    monkeypatch.setattr(backtest, "replay", full)
    made = backtest.begin(pay, days=7, author_id=None)
    with pytest.raises(error):
        backtest.run(made.pk)
    made.refresh_from_db()
    assert made.error == "Sorting the actions takes more room than the database may use. Choose fewer days."


def test_one_whose_worker_died_counts_as_failed_and_gives_way(acme, pay, advance):
    dead = backtest.begin(pay, days=7, author_id=None)
    Backtest.objects.filter(pk=dead.pk).update(status="running")
    dead.refresh_from_db()
    assert not backtest.is_silent(dead, clock.now())
    with pytest.raises(Conflict):
        backtest.begin(pay, days=7, author_id=None)
    advance(121)
    assert backtest.is_silent(dead, clock.now())
    second = backtest.begin(pay, days=7, author_id=None)
    dead.refresh_from_db()
    assert (dead.status, dead.error) == ("failed", "It was cut off before it was done. Start it again.")
    # Should that worker wake up after all, it finds that it is not wanted.
    with pytest.raises(backtest.Cancelled):
        backtest._Written(dead).write()
    backtest.run(second.pk)
    second.refresh_from_db()
    assert second.status == "done"


def test_two_that_begin_at_once_are_one(acme, pay):
    begun: list[Any] = []

    def begin() -> None:
        try:
            begun.append(backtest.begin(pay, days=7, author_id=None))
        except Conflict:
            begun.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in begun if one]) == 1
    assert Backtest.objects.count() == 1


def test_a_history_without_actions_has_an_empty_report(acme, pay):
    report = report_of(pay)
    assert (report["actions"], report["changed"], report["days"], report["series"]) == (0, 0, 1.0, [])
    assert pay.action_code == CODE
