"""Velocity counted anew is what was told at the time: no more, no less, and nothing of what came later."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from psycopg.sql import SQL

from actions import backtest, backtest_replay, backtest_rows, backtest_windows, manual_states, velocity
from actions.backtest_history import Values, _query, recount
from actions.backtest_rows import Span
from actions.models import Action, ActionFacts
from audit import log
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState
from rules import velocity as asked_of
from rules.models import ActionConfiguration, Rule
from rules.velocity import PREFIX
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
    size_of,
    span_of,
    track,
)
from tests.actions.test_velocity import nodes
from tests.rules.cases import compare

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = [
    "count.user.this.1h",
    "count.user.any.1d",
    "count.user.action:other.1d",
    "count.device.any.1h",
    "count.device.this.1d",
    "count.address.action:pay+other.12h",
    "count.emailDomain.any.2d",
    "count.phoneNumber.any.2d",
    "count.tenant.this.30m",
    "devices.user.any.1d",
    "addresses.user.this.1d",
    "countries.user.any.2d",
    "users.device.any.2d",
    "users.address.action:other.2d",
    "failedChallenges.user.any.1d",
    "failedChallenges.device.this.12h",
    "failedChallenges.tenant.action:other.1d",
    "sum:amount.user.this.1d",
    "sum:amount.device.any.2d",
    "avg:amount.user.any.1d",
    "max:amount.address.action:other.1d",
    "max:amount.user.any.12h",
]
NUMBERS = [0, 1, 2.5, 0.1, 0.2, -3, 10**15 + 1, 2**53 + 1, 10**20]


def keys_asked(configuration: ActionConfiguration, keys: list[str], number: float = 2) -> None:
    """A rule for each key, in force. Its number lies among what it compares with."""
    for priority, key in enumerate(keys):
        make.make_rule(configuration, compare(">", PREFIX + key, number), priority=priority, name=key)


@pytest.fixture
def pay(acme: Tenant) -> ActionConfiguration:
    configuration = make_pay(acme)
    keys_asked(configuration, KEYS)
    return configuration


def live_on(tenant: Tenant, lot: random.Random, number: int, advance: Any, *, gaps: list[float]) -> None:
    """People do things, fail challenges, pass them after all, as time goes by."""
    for _ in range(number):
        advance(lot.choice(gaps))
        track(
            tenant,
            lot.choice(["ann", "bob", "eve"]),
            code=lot.choice([CODE, CODE, "other"]),
            custom=lot.choice([{"amount": lot.choice(NUMBERS)}, {"amount": lot.choice(NUMBERS)}, {"amount": "x"}, {}]),
            deviceId=lot.choice(["d1", "d2", "d3", None]),
            ipAddress=lot.choice(["202.27.184.3", "8.8.8.8", "203.0.113.10", None]),
            email=lot.choice(["x@a.example", "y@b.example", None]),
            phoneNumber=lot.choice(["+6421555010", "+6421555011", None]),
        )
        if lot.random() < 0.5:
            end(lot.choice(list(Action.objects.filter(tenant=tenant))), lot)


def end(action: Action, lot: random.Random) -> None:
    """Its challenge fails, or succeeds, which it may after having failed; that is the end of it."""
    if action.state == ActionState.CHALLENGE_SUCCEEDED:
        return
    if lot.random() < 0.6:
        manual_states.update_state(action, ActionState.CHALLENGE_FAILED, actor=log.SYSTEM)
    else:
        Action.objects.filter(pk=action.pk).update(state="CHALLENGE_SUCCEEDED", state_updated_at=clock.now())


def recounted(configuration: ActionConfiguration, span: Span, key: str) -> list[Any]:
    """Of each action of the span, in the order of time."""
    asked = draft_of(configuration).velocity(PREFIX + key)
    size = size_of(span)
    with backtest.reading() as reading:
        return recount(reading, span, asked, size=size, advance=lambda _rows: None).column(0, size)


def told(action: Action, key: str) -> Any:
    return action.facts.facts["velocity"].get(key)


def seen(span: Span, key: str) -> list[Any]:
    return [told(action, key) for action in actions_of(span)]


def as_kept(values: list[Any]) -> list[Any]:
    """JSON keeps of a float the digits that tell it from others; of a large one these are not all."""
    return [float(value) if value is not None and abs(value) > 2**63 else value for value in values]


def test_counted_anew_is_what_the_live_engine_told(acme, pay, advance):
    live_on(acme, random.Random(0), 60, advance, gaps=[1, 60, 600, 3600, 20_000])
    span = span_of(pay)
    for key in KEYS:
        assert as_kept(recounted(pay, span, key)) == as_kept(seen(span, key)), key
    # Every kind of number came up, or the comparison says little.
    assert all(len(set(map(str, seen(span, key)))) > 1 for key in KEYS)


def test_the_bounds_of_the_live_statement_hold(acme, pay, advance, monkeypatch):
    for name in ("LEAST_CAP", "MAX_THRESHOLD"):
        monkeypatch.setattr(asked_of, name, 3)
    for module in (asked_of, velocity, backtest_windows):
        monkeypatch.setattr(module, "MAX_ROWS", 4)
    Rule.objects.all().delete()
    keys_asked(pay, KEYS, 1)
    live_on(acme, random.Random(1), 60, advance, gaps=[1, 60, 600])
    span = span_of(pay)
    for key in KEYS:
        assert as_kept(recounted(pay, span, key)) == as_kept(seen(span, key)), key
    assert None in seen(span, "devices.user.any.1d")


def test_the_rules_in_force_decide_alike_on_velocity_counted_anew(acme, pay, advance):
    live_on(acme, random.Random(5), 40, advance, gaps=[1, 60, 600, 3600])
    span, draft = span_of(pay), draft_of(pay)
    tally = replayed(pay, draft, span, trusts_stored=False)
    assert tally.recounted == sorted(PREFIX + key for key in KEYS)
    assert len({before for before, _after in tally.matrix}) > 1
    assert all(before == after for before, after in tally.matrix)
    assert replayed(pay, draft, span).matrix == tally.matrix


def test_nothing_that_came_later_changes_what_an_earlier_action_is_told(acme, pay, advance):
    lot = random.Random(11)
    live_on(acme, lot, 25, advance, gaps=[1, 60, 600])
    span = span_of(pay)
    before = {key: recounted(pay, span, key) for key in KEYS}
    report = replayed(pay, draft_of(pay), span, trusts_stored=False).matrix
    live_on(acme, lot, 25, advance, gaps=[1, 5])
    # Challenges of before fail and succeed only now.
    for action in actions_of(span)[:8]:
        end(action, lot)
    assert {key: recounted(pay, span, key) for key in KEYS} == before
    assert replayed(pay, draft_of(pay), span, trusts_stored=False).matrix == report
    longer = span_of(pay)
    assert {key: recounted(pay, longer, key)[: size_of(span)] for key in KEYS} == before


def test_actions_before_the_span_count_and_are_not_replayed(acme, pay, advance):
    track(acme, "ann")
    advance(1800)
    track(acme, "ann")
    span = span_of(pay, days=1 / 96)
    assert size_of(span) == 1
    assert recounted(pay, span, "count.user.this.1h") == [2]


def test_the_beginning_of_a_window_is_left_out(acme, pay):
    one, two, three = (track(acme, "ann") for _ in range(3))
    for action, seconds in ((two, 3600), (three, 3600.000001)):
        Action.objects.filter(pk=action.pk).update(created_at=one.created_at + timedelta(seconds=seconds))
    span = replace(span_of(pay), until=clock.now() + timedelta(days=1))
    assert recounted(pay, span, "count.user.this.1h") == [1, 1, 2]


def test_another_tenants_actions_never_count(acme, pay):
    other = make.make_tenant("Globex")
    track(other, "zed")
    track(acme, "ann")
    assert recounted(pay, span_of(pay), "count.tenant.this.30m") == [1]


def test_of_two_actions_at_one_moment_the_later_id_sees_the_other(acme, pay):
    one, two = track(acme, "ann"), track(acme, "ann")
    Action.objects.filter(pk=two.pk).update(created_at=one.created_at)
    assert recounted(pay, span_of(pay), "count.user.this.1h") == [1, 2]


@pytest.mark.parametrize("key", ["sum:amount.device.any.2d", "avg:amount.user.any.1d", "max:amount.user.any.12h"])
def test_what_is_sorted_holds_one_number_of_an_action(acme, pay, key):
    """Sorted with all the numbers of every action, millions of them fill a disk."""
    query = _query(span_of(pay), draft_of(pay).velocity(PREFIX + key).velocity)
    with backtest.reading() as reading:
        [[found]] = reading.execute(SQL("EXPLAIN (VERBOSE, FORMAT JSON) ") + query).fetchall()
    sorted_ones = [node for node in nodes(found[0]["Plan"]) if node["Node Type"] in ("Sort", "WindowAgg")]
    assert {node["Node Type"] for node in sorted_ones} == {"Sort", "WindowAgg"}
    assert [one for node in sorted_ones for one in node["Output"] if "facts" in one or "numbers" in one] == []


def test_more_numbers_than_memory_holds_are_not_counted(acme, monkeypatch):
    plain = make_pay(acme)
    for _ in range(3):
        track(acme, "ann")
    rare(plain, "count.user.any.1h", 3)
    monkeypatch.setattr(backtest_replay, "MAX_NUMBERS", 2)
    made = backtest.begin(plain, days=7, author_id=None)
    with pytest.raises(backtest_replay.TooMuch):
        backtest.run(made.pk)
    made.refresh_from_db()
    assert made.status == "failed"
    assert "For 3 actions, 1 velocities would have to be counted as of then" in made.error
    monkeypatch.setattr(backtest_replay, "MAX_NUMBERS", 3)
    assert report_of(plain)["recounted"] == ["velocity.count.user.any.1h"]


# -- stored or counted anew ----------------------------------------------------------------------


def rare(configuration: ActionConfiguration, key: str, number: float) -> None:
    """The draft asks for it, the rules in force do not."""
    Rule.objects.create(
        configuration=configuration,
        name=key,
        priority=50,
        outcome="BLOCK",
        conditions=compare(">=", PREFIX + key, number),
    )
    configuration.save_draft()


def test_what_the_rules_of_then_did_not_ask_for_is_counted_anew(acme, advance):
    plain = make_pay(acme)
    for _ in range(3):
        track(acme, "ann", deviceId="d1")
        advance(60)
    track(acme, "bob", deviceId="d1")
    track(acme, "eve")
    rare(plain, "count.device.any.1h", 3)
    report = report_of(plain)
    assert report["recounted"] == ["velocity.count.device.any.1h"]
    assert report["matrix"]["ALLOW"]["BLOCK"] == 2
    (cell,) = report["samples"]
    assert [one["velocity"] for one in cell["actions"]] == [{"count.device.any.1h": 4}, {"count.device.any.1h": 3}]


def test_reading_is_left_off_in_the_middle_to_count_anew(acme, monkeypatch):
    """More than a socket holds is under way when the first action turns out not to have been told."""
    monkeypatch.setattr(backtest_rows, "ROWS", 2)
    plain = make_pay(acme, (compare("==", "custom.destination", "x"), "REVIEW"))
    for number in range(40):
        track(acme, f"user-{number % 3}", custom={"destination": "long " * 4000})
    rare(plain, "count.user.this.1h", 13)
    report = report_of(plain)
    assert report["recounted"] == ["velocity.count.user.this.1h"]
    assert report["matrix"]["ALLOW"] == {"ALLOW": 36, "CHALLENGE": 0, "REVIEW": 0, "BLOCK": 4}


def test_what_they_asked_for_is_taken_as_it_was_told(acme, pay):
    action = track(acme, "ann", custom={"amount": 1})
    facts = ActionFacts.objects.get(pk=action.pk)
    facts.facts["velocity"]["count.user.this.1h"] = 7
    facts.save()
    rare(pay, "count.user.this.1h", 7)
    report = report_of(pay)
    assert report["recounted"] == []
    assert report["matrix"]["ALLOW"] == {"ALLOW": 0, "CHALLENGE": 1, "REVIEW": 0, "BLOCK": 0}


def test_a_count_that_stopped_too_early_is_counted_anew(acme, advance, monkeypatch):
    monkeypatch.setattr(asked_of, "LEAST_CAP", 3)
    pay = make_pay(acme)
    keys_asked(pay, ["count.user.this.1h"], 1)
    for _ in range(6):
        track(acme, "ann")
    assert seen(span_of(pay), "count.user.this.1h") == [1, 2, 3, 3, 3, 3]
    rare(pay, "count.user.this.1h", 1)
    assert report_of(pay)["recounted"] == []
    rare_rule = Rule.objects.get(priority=50)
    rare_rule.conditions = compare(">=", PREFIX + "count.user.this.1h", 5)
    rare_rule.priority = 0
    Rule.objects.filter(priority=0).update(priority=51)
    rare_rule.save()
    pay.save_draft()
    report = report_of(pay)
    assert report["recounted"] == ["velocity.count.user.this.1h"]
    assert sum(row["BLOCK"] for row in report["matrix"].values()) == 2


def test_where_there_is_nobody_to_count_by_nothing_is_counted_anew(acme, pay):
    track(acme, "ann")
    draft = draft_of(pay)
    tally = replayed(pay, draft, span_of(pay))
    assert "velocity.count.device.any.1h" not in tally.recounted
    facts = ActionFacts.objects.get()
    assert decided(facts, draft.policy, draft).missing
    assert off_diagonal(report_of(pay)) == 0


def test_an_average_of_nothing_was_told_in_full(acme, pay):
    track(acme, "ann", custom={"amount": "x"})
    track(acme, "ann")
    assert None in seen(span_of(pay), "avg:amount.user.any.1d")
    tally = replayed(pay, draft_of(pay), span_of(pay))
    assert [key for key in tally.recounted if ".user." in key] == []


def test_rules_that_come_to_ask_in_the_course_of_time_are_tried_with_both(acme, advance):
    """Stored with the newer actions only: the older ones are counted anew, and all decide as live."""
    pay = make_pay(acme)
    for _ in range(3):
        track(acme, "ann")
        advance(60)
    keys_asked(pay, ["count.user.this.1h"])
    for _ in range(3):
        track(acme, "ann")
        advance(60)
    made = ran(pay)
    assert made.report is not None
    assert made.report["recounted"] == ["velocity.count.user.this.1h"]
    assert made.report["matrix"]["ALLOW"]["CHALLENGE"] == 1
    assert made.report["matrix"]["CHALLENGE"]["CHALLENGE"] == 3


def test_a_number_beyond_the_floats_is_kept_to_the_last_digit():
    values = Values(5)
    kept: list[Any] = [2**53 + 1, 10**400, 2.5, 7, None]
    for place, value in enumerate(kept):
        if value is not None:
            values.keep(place, value)
    assert values.column(0, 5) == kept
    assert values.column(1, 3) == kept[1:3]
