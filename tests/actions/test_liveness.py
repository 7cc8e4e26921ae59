"""What a tenant's backend sends, over its newest actions, and what rules rest on that no longer comes."""

from datetime import timedelta
from typing import Any

import pytest

from actions import flow, liveness, reliance
from actions.models import Action, ActionFacts
from actions.reliance import Lack
from audit import log
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from rules.models import ActionConfiguration
from rules.sent import Effect, SentKeys
from tests import make
from tests.actions.test_rule_metrics import track

AMOUNT = {">": [{"var": "custom.amount"}, 50]}


@pytest.fixture
def pay(acme: Tenant) -> ActionConfiguration:
    make.make_point(acme, "amount", "number")
    return make.make_action(acme, "pay", "ALLOW")


def tracked_many(tenant: Tenant, number: int, facts: dict[str, Any], *, code: str = "pay") -> None:
    """As many actions as are wanted, the newest of all, with these facts; the rest is a real one's."""
    action = track(tenant, code)
    kept = ActionFacts.objects.get(pk=action.pk)
    newest = Action.objects.filter(tenant=tenant).exclude(pk=action.pk).order_by("-created_at").first()
    begin = max(clock.now(), newest.created_at) if newest else clock.now()
    made = [
        Action(tenant=tenant, user=action.user, action_code=code, idempotency_key=f"{action.pk}-{place}",
               state="ALLOW", outcome="ALLOW", created_at=begin + timedelta(milliseconds=place + 1))
        for place in range(number)
    ]  # fmt: skip
    action.delete()
    Action.objects.bulk_create(made)
    plain = {field.attname: getattr(kept, field.attname) for field in ActionFacts._meta.concrete_fields}
    merged = {**kept.facts, **facts, "user": {**kept.facts["user"], **facts.get("user", {})}}
    ActionFacts.objects.bulk_create([ActionFacts(**plain | {"action_id": one.pk, "facts": merged}) for one in made])


def found(configuration: ActionConfiguration) -> list[tuple[str, str]]:
    arrived = liveness.arrivals_of(configuration.tenant, configuration.action_code)
    resting = reliance.of_action(configuration)
    return [(one.key, one.lack.value) for one in reliance.findings(resting, arrived)]


def test_what_was_sent_is_told_by_its_place_in_the_facts_and_by_how_many_actions_it_rests_on(acme, globex, pay):
    user = make.make_user(acme, "alice", custom={"tier": "gold"})
    track(acme, user="alice", amount=1, note=None, cardBin="411111")
    track(acme, ip="203.0.113.10", user=user.user_id)
    track(acme, "withdraw", other=1)
    track(globex, secret=1)
    sent = liveness.sent_keys(acme, "pay")
    assert isinstance(sent, SentKeys)
    assert sent.actions == 2
    assert {"custom.amount", "custom.cardBin", "card.bin", "user.custom.tier", "ip.address", "user.userId"} <= sent.keys
    assert not {"custom.note", "custom.other", "custom.secret", "user.custom", "device.id", "user.email"} & sent.keys
    assert not [key for key in sent.keys if key.startswith("velocity")]
    assert liveness.sent_keys(acme, "nothing") == SentKeys(frozenset(), 0)


def test_an_address_that_is_kept_sealed_has_arrived_all_the_same(acme, pay):
    track(acme, user="alice")
    assert "user.email" not in liveness.sent_keys(acme, "pay").keys
    make.make_rule(pay, AMOUNT)
    given = {"email": "bob@acme.example", "phoneNumber": "+6421555010"}
    flow.track(tenant=acme, user_id="bob", action_code="pay", attributes=given, actor=log.SYSTEM)
    arrived = liveness.arrivals_of(acme, "pay").points
    assert arrived["user.email"].present == arrived["user.phoneNumber"].present == 1
    assert arrived["user.email"].only is None


def test_a_number_that_the_backend_renamed_is_reported_with_what_that_does_to_the_rules(acme, pay):
    make.make_rule(pay, AMOUNT, name="Large")
    both = {"or": [AMOUNT, {"==": [{"var": "user.userId"}, "eve"]}]}
    make.make_rule(pay, both, name="Large, or Eve", priority=1, when_unknown="match")
    tracked_many(acme, 200, {"custom": {"amount": 3}, "user": {"userId": "u"}})
    tracked_many(acme, 1, {"custom": {"amount": 4}, "user": {"userId": "v"}})
    assert found(pay) == []
    tracked_many(acme, 99, {"custom": {"amountValue": 60}})
    assert found(pay) == []
    assert reliance.alarms(acme) == []
    tracked_many(acme, 1, {"custom": {"amountValue": 60}})
    arrived = liveness.arrivals_of(acme, "pay")
    (finding,) = reliance.findings(reliance.of_action(pay), arrived)
    assert (finding.key, finding.label, finding.lack) == ("custom.amount", "amount", Lack.STOPPED)
    assert finding.arrival is not None
    assert finding.arrival.missing_since == 100
    assert [(one.spec.name, one.effect) for one in finding.rules] == [
        ("Large", Effect.NEVER),
        ("Large, or Eve", Effect.ALWAYS),
    ]
    assert reliance.undeclared(acme, arrived) == ["custom.amountValue"]
    assert [(alarm.key, alarm.configuration) for alarm in reliance.alarms(acme)] == [("custom.amount", pay)]


def test_what_never_came_is_no_alarm_before_a_thousand_actions(acme, pay):
    make.make_rule(pay, AMOUNT)
    tracked_many(acme, 19, {})
    assert found(pay) == []
    tracked_many(acme, 1, {})
    assert found(pay) == [("custom.amount", "absent")]
    assert reliance.alarms(acme) == []
    tracked_many(acme, 980, {})
    assert [alarm.lack for alarm in reliance.alarms(acme)] == [Lack.ABSENT]


def test_a_value_that_is_always_the_same_is_shown_and_is_no_alarm(acme, pay):
    make.make_rule(pay, AMOUNT)
    tracked_many(acme, 99, {"custom": {"amount": 3}})
    assert found(pay) == []
    tracked_many(acme, 1, {"custom": {"amount": 3}})
    assert found(pay) == [("custom.amount", "constant")]
    assert liveness.arrivals_of(acme, "pay").points["custom.amount"].only == "3"
    assert reliance.alarms(acme) == []
    tracked_many(acme, 1, {"custom": {"amount": 4}})
    assert found(pay) == []


@pytest.mark.parametrize(("every", "stops"), [(2, True), (10, False)])
def test_what_is_rare_takes_longer_to_be_missed(acme, pay, every, stops):
    make.make_rule(pay, AMOUNT)
    for number in range(20):
        tracked_many(acme, 1, {"custom": {"amount": number}})
        tracked_many(acme, every - 1, {})
    tracked_many(acme, 200, {})
    assert (found(pay) == [("custom.amount", "stopped")]) is stops


def test_a_velocity_rests_on_what_it_is_counted_by(acme, pay):
    by_device = {">": [{"var": "velocity.sum:amount.device.this.1h"}, 5]}
    make.make_rule(pay, by_device, name="Fast")
    tracked_many(acme, 20, {"custom": {"amount": 1}})
    arrived = liveness.arrivals_of(acme, "pay")
    (finding,) = reliance.findings(reliance.of_action(pay), arrived)
    assert (finding.key, finding.label, finding.lack) == ("device.id", "Device ID", Lack.ABSENT)
    assert [one.effect for one in finding.rules] == [Effect.NEVER]


def test_a_draft_is_told_from_what_is_in_force_and_raises_no_alarm(acme, pay):
    rule = make.make_rule(pay, {"==": [{"var": "user.userId"}, "eve"]}, name="Eve")
    make.make_rule(pay, AMOUNT, name="Off", priority=1, is_active=False)
    rule.conditions = AMOUNT
    rule.save()
    pay.save_draft()
    tracked_many(acme, 1000, {})
    resting = reliance.of_action(pay)
    assert [(one.spec.name, one.is_in_force) for one in resting] == [("Eve", True), ("Eve", False)]
    absent = [one for one in reliance.findings(resting, liveness.arrivals_of(acme, "pay")) if one.lack is Lack.ABSENT]
    assert [(one.key, [rule.is_in_force for rule in one.rules]) for one in absent] == [("custom.amount", [False])]
    assert reliance.alarms(acme) == []
    pay.publish()
    assert [alarm.key for alarm in reliance.alarms(acme)] == ["custom.amount"]


def test_actions_of_another_code_and_of_another_tenant_do_not_count(acme, globex, pay):
    make.make_rule(pay, AMOUNT)
    theirs = make.make_action(globex, "pay", "ALLOW")
    make.make_point(globex, "amount", "number")
    make.make_rule(theirs, AMOUNT)
    tracked_many(globex, 150, {"custom": {"amount": 3}})
    tracked_many(acme, 150, {"custom": {"amount": 3}}, code="withdraw")
    tracked_many(acme, 20, {})
    assert found(pay) == [("custom.amount", "absent")]
    assert found(theirs) == [("custom.amount", "constant")]
    assert reliance.alarms(globex) == []


def test_an_alarm_is_about_the_tenants_own_rules(acme, globex, pay):
    make.make_rule(pay, {"==": [{"var": "user.userId"}, "eve"]})
    make.make_point(globex, "secret", "number")
    make.make_rule(make.make_action(globex, "pay"), {">": [{"var": "custom.secret"}, 1]}, name="Secret")
    tracked_many(acme, 1000, {})
    tracked_many(globex, 1000, {})
    assert reliance.alarms(acme) == []
    assert [alarm.key for alarm in reliance.alarms(globex)] == ["custom.secret"]


def test_of_an_action_that_comes_rarely_more_is_looked_through(acme, pay, monkeypatch):
    monkeypatch.setattr(liveness, "NEWEST", 50)
    monkeypatch.setattr(liveness, "SEARCHED", 200)
    tracked_many(acme, 60, {"custom": {"amount": 3}})
    tracked_many(acme, 120, {}, code="withdraw")
    assert liveness.arrivals_of(acme, "pay").actions == 50
    assert "pay" not in liveness.arrivals(acme)
    tracked_many(acme, 50, {}, code="withdraw")
    assert liveness.arrivals_of(acme, "pay").actions == 30
