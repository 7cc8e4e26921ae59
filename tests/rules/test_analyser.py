"""The analyser: what it finds, that the engine confirms it, and that it agrees with trying every event."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from rules import operators
from rules.analyser import Analysis, Finding, FindingKind, analyse
from rules.condition_tree import write
from rules.engine import RuleSpec, compile_policy, decide, explain
from rules.operators import OPERATORS
from rules.registry import DATA_POINTS
from rules.sent import SentKeys
from rules.trace import ConditionTrace
from tests.rules.cases import CUSTOM_POINTS, compare, make_rule
from tests.rules.small_world import LOOKS_LIKE, Events, facts_of, fired, random_rules

NEVER, ALWAYS, UNREACHABLE = FindingKind.NEVER_FIRES, FindingKind.ALWAYS_FIRES, FindingKind.UNREACHABLE
CONTRADICTION, DUPLICATE = FindingKind.CONTRADICTION, FindingKind.DUPLICATE
PART_NEVER, PART_ALWAYS, NEVER_SENT = FindingKind.PART_NEVER, FindingKind.PART_ALWAYS, FindingKind.NEVER_SENT
EQUAL = {CONTRADICTION, DUPLICATE}


def found(*rules: RuleSpec, **options: Any) -> tuple[Finding, ...]:
    findings = analyse(rules, custom_points=CUSTOM_POINTS, **options).findings
    for finding in findings:
        assert_confirmed(finding, rules)
    return findings


def assert_confirmed(finding: Finding, rules: Sequence[RuleSpec]) -> None:
    """The engine shows on the witness what the finding says."""
    by_id = {rule.rule_id: rule for rule in rules}
    rule, others = by_id[finding.rule_id], [by_id[one] for one in finding.others]
    assert fired(rule, finding.witness) is (finding.kind is not NEVER)
    if finding.kind is UNREACHABLE:
        acting = [one for one in rules if not one.is_shadow]
        policy = compile_policy("transfer", "ALLOW", rules=acting, custom_points=CUSTOM_POINTS)
        assert decide(facts_of(finding.witness), policy).priority_rule_id in finding.others
    if finding.kind in EQUAL:
        assert all(fired(other, finding.witness) for other in others)
    if finding.kind in (PART_NEVER, PART_ALWAYS):
        not_this = "true" if finding.kind is PART_NEVER else "false"
        assert verdict_at(finding, rule) != not_this


def verdict_at(finding: Finding, rule: RuleSpec) -> str:
    def verdicts(node: ConditionTrace) -> Iterator[tuple[str, str]]:
        yield node.path, node.verdict
        for child in node.children:
            yield from verdicts(child)

    return dict(verdicts(explain(rule, finding.witness, custom_points=CUSTOM_POINTS)))[finding.path]


def told(*rules: RuleSpec, **options: Any) -> list[tuple[Any, ...]]:
    """Kind, rule and, where there are any, other rules."""
    return [
        (
            one.kind,
            one.rule_id,
            *([one.others] if one.others else []),
            *([one.path] if one.path != "conditions" else []),
        )
        for one in found(*rules, **options)
    ]


LARGE = make_rule(compare(">", "custom.amount", 100), rule_id="large", name="Large", priority=1)
ELSE = make_rule(compare("<=", "custom.amount", 100), rule_id="else", name="Else", priority=2, outcome="REVIEW")
FOREIGN = compare("!=", "ip.countryCode", "NZ")


def test_rules_that_are_as_they_should_be_have_no_findings() -> None:
    assert told(LARGE, ELSE, make_rule(FOREIGN, rule_id="foreign", priority=3)) == []


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({"and": [compare(">", "custom.amount", 5), FOREIGN, compare("<", "custom.amount", 3)]},
         "“amount is greater than 5” and “amount is less than 3” cannot both be true."),
        ({"or": [{"and": [compare(">", "custom.amount", 5), {"or": [compare("<", "custom.amount", 3)]}]}]},
         "“amount is greater than 5” and “amount is less than 3” cannot both be true."),
        (compare("<", "device.count", 0), "“Device count is less than 0” can never be true."),
        (write("between", "device.count", [0.1, 0.9]),
         "“Device count is between 0.1 and 0.9” can never be true."),
        ({"and": [compare("startsWith", "user.email", "a@"), {"and": [compare("startsWith", "user.email", "b@")]}]},
         "“Email address starts with ‘a@’” and “Email address starts with ‘b@’” cannot both be true."),
        ({"and": [compare("!=", "custom.first", True), compare("!=", "custom.first", False)]},
         "“first is not true” and “first is not false” cannot both be true."),
        ({"and": [write("in", "ip.countryCode", codes) for codes in (["NZ", "AU"], ["NZ", "US"], ["AU", "US"])]},
         "“IP country is one of ‘AU Australia’ or ‘US United States’” cannot all be true."),
        ({"and": [write("ipInCidr", "ip.address", ["10.0.0.0/8"]), compare("==", "ip.address", "192.0.2.1")]},
         "“IP address is in range ‘10.0.0.0/8’” and “IP address is ‘192.0.2.1’” cannot both be true."),
        ({"and": [write("contains", "custom.tags", "x"), write("notContains", "custom.tags", "x")]},
         "“tags contains ‘x’” and “tags does not contain ‘x’” cannot both be true."),
        ({"and": [write("==", "custom.tier", "gold"), write("==", "user.custom.tier", "tin")]},
         "“User's tier is ‘gold’” and “User's tier is ‘tin’” cannot both be true."),
        (None, "This rule has no conditions, so it never fires."),
    ],
)  # fmt: skip
def test_a_rule_that_never_fires_is_told_with_the_conditions_that_clash(conditions: Any, why: str) -> None:
    [finding] = found(make_rule(conditions))
    assert (finding.kind, finding.path) == (NEVER, "conditions")
    assert why in finding.text


def test_the_witness_of_a_rule_that_never_fires_satisfies_what_it_can() -> None:
    [finding] = found(make_rule({"and": [compare(">", "custom.amount", 5), compare("<", "custom.amount", 3), FOREIGN]}))
    assert finding.witness["custom.amount"] > 5
    assert finding.witness["ip.countryCode"] != "NZ"


def test_a_rule_that_waits_for_unknown_can_fire_although_it_is_never_true() -> None:
    clash = {"and": [compare(">", "custom.amount", 5), compare("<", "custom.amount", 3)]}
    [finding] = found(make_rule(clash, when_unknown="match"))
    assert finding.kind is PART_NEVER
    assert finding.text.endswith("cannot both be true, so this rule fires only where something is missing.")
    assert finding.witness == {}
    assert told(make_rule(clash, when_unknown="match", outcome="ALLOW")) == [(NEVER, "rule")]


def test_a_rule_always_fires_only_if_it_does_where_everything_is_missing() -> None:
    either = {"or": [compare("==", "user.isEnrolled", flag) for flag in (True, False)]}
    assert told(make_rule(either)) == [(ALWAYS, "rule")]
    known = {"or": [compare("==", "custom.first", flag) for flag in (True, False)]}
    assert told(make_rule(known)) == [(PART_ALWAYS, "rule")]
    assert told(make_rule(known, when_unknown="match")) == [(ALWAYS, "rule")]


def test_a_rule_is_unreachable_when_a_single_earlier_one_covers_it() -> None:
    larger = make_rule(compare(">", "custom.amount", 200), rule_id="larger", priority=5)
    [finding] = found(LARGE, larger)
    assert (finding.kind, finding.rule_id, finding.others) == (UNREACHABLE, "larger", ("large",))
    assert finding.text == "This rule never decides: whenever it fires, “Large”, which comes before it, fires too."
    assert told(replace(larger, priority=0), LARGE) == []


def test_a_rule_is_unreachable_when_several_cover_it_together() -> None:
    any_amount = make_rule(
        {"or": [compare(">", "custom.amount", 50), compare("<", "custom.amount", 60)]}, rule_id="any", priority=5
    )
    findings = found(LARGE, ELSE, any_amount)
    assert [(one.kind, one.rule_id, one.others) for one in findings] == [
        (UNREACHABLE, "any", ("large", "else")),
        (PART_ALWAYS, "any", ()),
    ]
    assert "one of “Large” and “Else”, which come before it, fires too" in findings[0].text


def test_one_rule_that_covers_alone_is_told_rather_than_several() -> None:
    new = make_rule(compare("==", "device.isNew", True), rule_id="new", priority=0)
    foreign = make_rule(FOREIGN, rule_id="foreign", priority=1)
    both = make_rule({"and": [FOREIGN, compare("<", "custom.amount", 200)]}, rule_id="both", priority=4)
    rules = [new, foreign, replace(LARGE, priority=2), replace(ELSE, priority=3), both]
    assert told(*rules) == [(UNREACHABLE, "both", ("foreign",))]


def test_what_is_missing_is_covered_by_no_comparison() -> None:
    """The two rules before it leave the events without an amount to it."""
    last = make_rule(FOREIGN, rule_id="last", priority=5)
    assert told(LARGE, ELSE, last) == []
    assert told(replace(LARGE, when_unknown="match"), ELSE, last) == [(UNREACHABLE, "last", ("large", "else"))]


def test_a_cover_is_told_by_rules_that_decide_themselves() -> None:
    """ "Larger" covers "largest" as well, but never decides: naming it would send the analyst to the wrong rule."""
    larger = make_rule(compare(">", "custom.amount", 200), rule_id="larger", priority=3)
    largest = make_rule(compare(">", "custom.amount", 300), rule_id="largest", priority=4)
    assert told(LARGE, larger, largest) == [(UNREACHABLE, "larger", ("large",)), (UNREACHABLE, "largest", ("large",))]


def test_a_shadow_rule_covers_nobody_and_is_judged_alone() -> None:
    shadow = replace(LARGE, rule_id="shadow", priority=0, is_shadow=True)
    never = make_rule(compare("<", "device.count", 0), rule_id="never", priority=9, is_shadow=True)
    assert told(shadow, LARGE, never) == [(NEVER, "never")]
    assert told(LARGE, replace(shadow, priority=5)) == []


def test_a_value_that_cannot_be_compared_is_neither_empty_nor_not_empty() -> None:
    either = {"or": [{"missing": ["custom.destination"]}, {"!": {"missing": ["custom.destination"]}}]}
    assert told(make_rule(either)) == [(PART_ALWAYS, "rule")]
    assert told(make_rule(either, when_unknown="match")) == [(ALWAYS, "rule")]


def test_an_inactive_rule_does_not_count() -> None:
    off = replace(LARGE, rule_id="off", priority=0, is_active=False)
    assert told(off, LARGE) == []


def test_rules_that_fire_on_the_same_events_are_told_by_their_outcomes() -> None:
    block = make_rule({"!": compare("<=", "custom.amount", 100)}, rule_id="block", priority=5, outcome="BLOCK")
    again = replace(block, rule_id="again", name="Again", priority=6)
    findings = [one for one in found(LARGE, block, again) if one.kind in EQUAL]
    assert [(one.kind, one.rule_id, one.others) for one in findings] == [
        (CONTRADICTION, "block", ("large",)),
        (CONTRADICTION, "again", ("large",)),
        (DUPLICATE, "again", ("block",)),
    ]
    assert findings[0].text == (
        "This rule wants “Block” on exactly the same actions on which “Large” wants “Challenge”."
    )


def test_rules_of_the_same_conditions_are_not_equal_when_they_treat_unknown_otherwise() -> None:
    unknown = replace(LARGE, rule_id="unknown", priority=0, when_unknown="match")
    assert told(LARGE, replace(unknown, priority=5, outcome="BLOCK")) == []


@pytest.mark.parametrize(
    ("part", "kind", "path", "text"),
    [
        ({"and": [compare(">", "custom.amount", 5), compare("<", "custom.amount", 3)]}, PART_NEVER, "",
         "“amount is greater than 5” and “amount is less than 3” cannot both be true."),
        ({"or": [compare("!=", "custom.destination", word) for word in ("a", "b")]}, PART_ALWAYS, "",
         "“destination is not ‘a’, or destination is not ‘b’” is always true whenever it is known."),
        (compare(">=", "device.count", 0), PART_ALWAYS, "",
         "“Device count is at least 0” is always true whenever Device count is known."),
        ({"and": [FOREIGN, {"!": {"or": [compare(">", "custom.amount", 1), compare("<", "custom.amount", 2)]}}]},
         PART_ALWAYS, ".and[1].!",
         "“amount is greater than 1, or amount is less than 2” is always true whenever it is known."),
    ],
)  # fmt: skip
def test_a_part_that_is_settled_is_told_at_its_innermost_node(part: Any, kind: Any, path: str, text: str) -> None:
    [finding] = found(make_rule({"or": [compare("==", "custom.first", True), part]}))
    assert (finding.kind, finding.path, finding.text) == (kind, f"conditions.or[1]{path}", text)


SENT = SentKeys(frozenset({"custom.amount", "user.custom.tier"}), 1_500)


def test_a_condition_on_what_was_never_sent_is_told_once_for_each_data_point() -> None:
    twice = {"and": [compare(">", "custom.amount", 5), FOREIGN, compare("!=", "ip.countryCode", "AU")]}
    [finding] = found(make_rule(twice), sent=SENT)
    assert (finding.kind, finding.path) == (NEVER_SENT, "conditions.and[1]")
    assert finding.text == (
        "IP country did not come with any of the last 1,500 actions: this rule cannot fire until it is sent."
    )
    assert finding.witness == {"custom.amount": 6, "ip.countryCode": finding.witness["ip.countryCode"]}


def test_a_rule_that_can_do_without_is_told_so() -> None:
    [finding] = found(make_rule({"or": [compare(">", "custom.amount", 5), FOREIGN]}), sent=SENT)
    assert finding.text.endswith("“IP country is not ‘NZ New Zealand’” is unknown until it is sent.")


@pytest.mark.parametrize(
    ("condition", "sent"),
    [
        (FOREIGN, None),
        (FOREIGN, SentKeys(frozenset(), 0)),
        (compare(">", "custom.amount", 5), SENT),
        (compare("==", "user.isEnrolled", True), SENT),
        (compare("==", "custom.tier", "gold"), SENT),
        (compare("==", "user.custom.tier", "gold"), SentKeys(frozenset({"custom.tier"}), 1)),
        (compare("<", "device.count", -1), SENT),
    ],
)
def test_it_is_silent_where_it_was_sent_or_cannot_be_missing_or_nobody_knows(condition: Any, sent: Any) -> None:
    assert NEVER_SENT not in {finding.kind for finding in found(make_rule(condition), sent=sent)}


def test_what_is_counted_only_where_a_rule_asks_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "velocity.count.user.any.1h"
    monkeypatch.setitem(DATA_POINTS, key, replace(DATA_POINTS["device.count"], key=key))
    assert analyse([make_rule(compare(">", key, 5))], sent=SENT) == Analysis((), is_whole=True)


def test_a_condition_that_cannot_be_read_is_unknown_and_stops_nothing() -> None:
    removed = compare(">", "custom.gone", 1)
    assert told(make_rule({"or": [removed, compare(">", "custom.amount", 1)]})) == []
    assert told(make_rule({"and": [removed, compare(">", "custom.amount", 1)]})) == [(NEVER, "rule")]
    assert told(make_rule({"!": {"or": [removed]}})) == [(NEVER, "rule")]
    assert told(make_rule(removed, when_unknown="match")) == [(ALWAYS, "rule")]


def test_without_time_it_is_silent_and_says_so() -> None:
    rules = [LARGE, replace(LARGE, rule_id="again", priority=5)]
    assert analyse(rules, custom_points=CUSTOM_POINTS, budget_seconds=0) == Analysis((), is_whole=False)
    assert analyse(rules, custom_points=CUSTOM_POINTS).is_whole


def test_rules_that_are_too_many_to_publish_are_not_analysed() -> None:
    words = [compare("==", "custom.destination", f"w{number}") for number in range(199)]
    rules = [make_rule({"or": words}, rule_id=str(place), priority=place) for place in range(26)]
    assert analyse(rules, custom_points=CUSTOM_POINTS) == Analysis((), is_whole=False)


def test_the_findings_come_in_the_order_in_which_the_rules_decide() -> None:
    rules = [
        make_rule(compare("<", "device.count", 0), rule_id=f"rule-{place}", priority=place) for place in (30, 10, 20)
    ]
    assert [one.rule_id for one in found(*rules)] == ["rule-10", "rule-20", "rule-30"]


# Of an operation that the analyser was not taught it knows only that equal questions have equal answers.


@pytest.fixture
def looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "_ROWS", (*OPERATORS.values(), LOOKS_LIKE))


def form(pattern: str) -> dict[str, Any]:
    return compare("looksLike", "custom.destination", pattern)


@pytest.mark.usefixtures("looks_like")
def test_an_opaque_condition_covers_itself_where_a_witness_is_at_hand() -> None:
    broad = make_rule(form("ab*"), rule_id="broad", priority=1)
    narrow = make_rule(
        {"and": [form("ab*"), write("in", "custom.destination", ["x", "abb"])]}, rule_id="narrow", priority=2
    )
    [finding] = found(broad, narrow)
    assert (finding.kind, finding.rule_id, finding.witness) == (UNREACHABLE, "narrow", {"custom.destination": "abb"})


@pytest.mark.usefixtures("looks_like")
def test_the_literal_of_an_opaque_condition_may_be_the_witness() -> None:
    assert told(make_rule(form("abc"), rule_id="1", priority=1), make_rule(form("abc"), rule_id="2", priority=2)) == [
        (UNREACHABLE, "2", ("1",)),
        (DUPLICATE, "2", ("1",)),
    ]


@pytest.mark.usefixtures("looks_like")
def test_it_is_silent_where_no_value_for_an_opaque_condition_is_at_hand() -> None:
    assert told(make_rule(form("ab*"), rule_id="1", priority=1), make_rule(form("ab*"), rule_id="2", priority=2)) == []


@pytest.mark.usefixtures("looks_like")
def test_opaque_conditions_that_only_look_equal_are_not_taken_for_it() -> None:
    rules = [make_rule(form(one), rule_id=one, priority=place) for place, one in enumerate(("aa*", "a+", "a*a"))]
    assert told(*rules) == []
    assert told(make_rule({"and": [form("a"), form("b")]})) == []


# Against brute force.

SEEDS, CHUNKS = 2_400, 12


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_findings_are_those_of_trying_every_event(chunk: int) -> None:
    for seed in range(chunk, SEEDS, CHUNKS):
        rules, events = random_rules(random.Random(seed))
        findings = found(*rules)
        acting = [rule for rule in in_order(rules) if not rule.is_shadow]
        bits = {rule.rule_id: events.fires(rule) for rule in in_order(rules)}
        assert of(findings, {NEVER, ALWAYS}) == by_rule_alone(bits, events), seed
        assert of(findings, {UNREACHABLE}) == {(UNREACHABLE, one) for one in covered(acting, bits)}, seed
        assert equals_in(findings) == set(equals(acting, bits)), seed
        assert parts_in(findings) == set(settled_parts(in_order(rules), bits, events)), seed
        for finding in findings:
            if finding.kind is UNREACHABLE:
                assert_needs_every_cover(finding, bits)
                assert len(finding.others) == 1 or not covered_by_one(finding.rule_id, acting, bits), seed


def in_order(rules: Sequence[RuleSpec]) -> list[RuleSpec]:
    return sorted((rule for rule in rules if rule.is_active), key=lambda rule: rule.priority)


def of(findings: Sequence[Finding], kinds: set[FindingKind]) -> set[tuple[FindingKind, str]]:
    return {(one.kind, one.rule_id) for one in findings if one.kind in kinds}


def by_rule_alone(bits: dict[str, int], events: Events) -> set[tuple[FindingKind, str]]:
    never = {(NEVER, rule_id) for rule_id, fires in bits.items() if not fires}
    return never | {(ALWAYS, rule_id) for rule_id, fires in bits.items() if fires == events.all}


def covered(acting: Sequence[RuleSpec], bits: dict[str, int]) -> Iterator[str]:
    earlier = 0
    for rule in acting:
        fires = bits[rule.rule_id]
        if fires and not fires & ~earlier:
            yield rule.rule_id
        earlier |= fires


def assert_needs_every_cover(finding: Finding, bits: dict[str, int]) -> None:
    for left_out in [None, *finding.others]:
        uncovered = bits[finding.rule_id]
        for other in finding.others:
            uncovered &= ~(0 if other == left_out else bits[other])
        assert bool(uncovered) is (left_out is not None)


def covered_by_one(rule_id: str, acting: Sequence[RuleSpec], bits: dict[str, int]) -> bool:
    """Whether one earlier rule fires whenever this does, and decides on some of these events."""
    earlier = 0
    for rule in acting:
        if rule.rule_id == rule_id:
            return False
        fires = bits[rule.rule_id]
        if not bits[rule_id] & ~fires and bits[rule_id] & fires & ~earlier:
            return True
        earlier |= fires
    raise AssertionError(rule_id)


def equals_in(findings: Sequence[Finding]) -> set[tuple[FindingKind, str, tuple[str, ...]]]:
    return {(one.kind, one.rule_id, one.others) for one in findings if one.kind in EQUAL}


def equals(acting: Sequence[RuleSpec], bits: dict[str, int]) -> Iterator[tuple[FindingKind, str, tuple[str, ...]]]:
    for place, rule in enumerate(acting):
        earlier = [one for one in acting[:place] if bits[rule.rule_id] and bits[one.rule_id] == bits[rule.rule_id]]
        for kind in (CONTRADICTION, DUPLICATE):
            is_duplicate = kind is DUPLICATE
            others = tuple(one.rule_id for one in earlier if (one.outcome == rule.outcome) is is_duplicate)
            if others:
                yield kind, rule.rule_id, others


def parts_in(findings: Sequence[Finding]) -> set[tuple[FindingKind, str, str]]:
    return {(one.kind, one.rule_id, one.path) for one in findings if one.kind in (PART_NEVER, PART_ALWAYS)}


def settled_parts(
    rules: Sequence[RuleSpec], bits: dict[str, int], events: Events
) -> Iterator[tuple[FindingKind, str, str]]:
    for rule in rules:
        if 0 < bits[rule.rule_id] < events.all:
            for kind, path in settled(rule.conditions, "conditions", events):
                yield kind, rule.rule_id, path


def settled(raw: Any, path: str, events: Events) -> Iterator[tuple[FindingKind, str]]:
    """The nodes that are never true, or never false, while those inside them do not make them so."""
    [(symbol, operands)] = raw.items()
    children: list[tuple[Any, str]] = []
    if symbol in ("and", "or"):
        children = [(child, f"{path}.{symbol}[{place}]") for place, child in enumerate(operands)]
    elif symbol == "!" and not {"in", "startsWith", "endsWith", "ipInCidr"} & set(operands):
        children = [(operands, f"{path}.!")]
    own, inner = events.bits(raw), [events.bits(child) for child, _ in children]
    if not own.true and not (symbol == "!" and inner) and all(one.true for one in inner) and symbol != "or":
        yield PART_NEVER, path
    if not own.false and not (symbol == "!" and inner) and all(one.false for one in inner) and symbol != "and":
        yield PART_ALWAYS, path
    for child, place in children:
        yield from settled(child, place, events)
