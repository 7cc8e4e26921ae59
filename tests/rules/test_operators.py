"""Each operator against its truth table, through the engine as a rule meets it."""

from dataclasses import replace
from decimal import Decimal
from time import process_time
from typing import Any

import pytest

from rules.condition_tree import ConditionsError, check, write
from rules.engine import compile_policy, decide
from rules.facts import IpFacts, TimeFacts
from rules.lists import ValueList
from rules.operators import MAX_MATCHED, OPERATORS, of_kind
from rules.types import Kind
from tests.rules.cases import CUSTOM_POINTS, POOLS, brief, make_facts, make_rule

T, F, U = "true", "false", "unknown"
NOW = 1_770_000_000.0  # 2026-02-02T02:40:00Z
LISTS = {
    "words": ValueList((("bank", None), ("card", NOW + 1), ("cash", NOW), (7, None), ("nz", None))),
    "numbers": ValueList(((7, None), (2.5, None), (8, NOW - 1))),
    "ranges": ValueList((("10.0.0.0/8", None), ("192.0.2.7", None), ("bank", None), ("2001:db8::/32", NOW))),
}

AMOUNT, TEXT_POINT, FLAG, TAGS = "custom.amount", "custom.destination", "custom.first", "custom.tags"
COUNTRY_POINT, ADDRESS = "ip.countryCode", "ip.address"


def verdict(operator: str, key: str, literal: object, actual: Any) -> str:
    if key.startswith("custom."):
        facts = make_facts(custom={key.removeprefix("custom."): actual})
    else:
        facts = make_facts(ip=IpFacts(**{"address" if key == ADDRESS else "country_code": actual}))
    facts = replace(facts, time=TimeFacts(at=NOW))
    rule = make_rule(write(operator, key, literal))
    policy = compile_policy("transfer", "ALLOW", rules=[rule], custom_points=CUSTOM_POINTS)
    assert not policy.rules[0].problems
    return decide(facts.to_json(), policy, LISTS).verdicts["rule"]


@pytest.mark.parametrize(
    ("literal", "actual", "outcomes"),
    [
        # Verdicts of  ==  !=  >  <  >=  <=
        (2000, 1999, (F, T, F, T, F, T)),
        (2000, 2000, (T, F, F, F, T, T)),
        (2000, 2001, (F, T, T, F, T, F)),
        (2000, 2000.0, (T, F, F, F, T, T)),
        (2000, Decimal("2000.00"), (T, F, F, F, T, T)),
        (2000.5, Decimal("2000.50"), (T, F, F, F, T, T)),
        (0.1, 0.1, (T, F, F, F, T, T)),
        (0, -0.0, (T, F, F, F, T, T)),
        (1, True, (U,) * 6),
        (0, False, (U,) * 6),
        (2000, "2000", (U,) * 6),
        (2000, None, (U,) * 6),
        (2000, [2000], (U,) * 6),
        (2000, {"amount": 2000}, (U,) * 6),
        (2000, float("nan"), (U,) * 6),
        (2000, float("inf"), (U,) * 6),
        (2000, Decimal("NaN"), (U,) * 6),
        (2000, 10**400, (F, T, T, F, T, F)),
        (10**400, 1.5, (F, T, F, T, F, T)),
        (10**400, 10**400 + 1, (F, T, T, F, T, F)),
        (1.5, 10**400, (F, T, T, F, T, F)),
        (2000, 10**5000, (U,) * 6),
    ],
    ids=brief,
)
def test_numbers_are_compared_as_numbers(literal: object, actual: object, outcomes: tuple[str, ...]) -> None:
    symbols = ("==", "!=", ">", "<", ">=", "<=")
    assert tuple(verdict(symbol, AMOUNT, literal, actual) for symbol in symbols) == outcomes


@pytest.mark.parametrize(
    ("operator", "key", "literal", "actual", "expected"),
    [
        ("between", AMOUNT, [1, 3], 0.9, F),
        ("between", AMOUNT, [1, 3], 1, T),
        ("between", AMOUNT, [1, 3], 3, T),
        ("between", AMOUNT, [1, 3], 3.1, F),
        ("between", AMOUNT, [2, 2], 2, T),
        ("between", AMOUNT, [1, 3], "2", U),
        ("==", TEXT_POINT, "bank", "bank", T),
        ("==", TEXT_POINT, "bank", "Bank", F),
        ("==", TEXT_POINT, "", "", T),
        ("==", TEXT_POINT, "", None, U),
        ("==", TEXT_POINT, "1", 1, U),
        ("!=", TEXT_POINT, "bank", "card", T),
        ("!=", TEXT_POINT, "bank", "bank", F),
        ("!=", TEXT_POINT, "bank", None, U),
        ("==", FLAG, True, True, T),
        ("==", FLAG, True, False, F),
        ("==", FLAG, False, False, T),
        ("==", FLAG, True, 1, U),
        ("==", FLAG, False, 0, U),
        ("==", FLAG, True, "true", U),
        ("!=", FLAG, True, False, T),
        ("!=", FLAG, True, None, U),
        ("==", COUNTRY_POINT, "nz", "NZ", T),
        ("==", COUNTRY_POINT, "NZ", "AU", F),
        ("!=", COUNTRY_POINT, "NZ", "", U),
        ("==", ADDRESS, "::ffff:10.0.0.1", "10.0.0.1", T),
        ("==", ADDRESS, "2001:db8::1", "2001:DB8:0:0::1", T),
        ("==", ADDRESS, "0.0.0.1", "::1", F),
        ("!=", ADDRESS, "10.0.0.1", "10.0.0.2", T),
        ("==", ADDRESS, "10.0.0.1", "home", U),
        ("in", AMOUNT, [1, 2.5], 1.0, T),
        ("in", AMOUNT, [1, 2.5], 2, F),
        ("in", AMOUNT, [1], True, U),
        ("in", TEXT_POINT, ["a", "b"], "b", T),
        ("in", TEXT_POINT, ["a", "b"], "", F),
        ("in", TEXT_POINT, ["a", "b"], None, U),
        ("in", COUNTRY_POINT, ["nz", "AU"], "NZ", T),
        ("in", ADDRESS, ["10.0.0.1", "::1"], "::ffff:10.0.0.1", T),
        ("in", ADDRESS, ["10.0.0.1", "::1"], "10.0.0.2", F),
        ("notIn", TEXT_POINT, ["a", "b"], "c", T),
        ("notIn", TEXT_POINT, ["a", "b"], "a", F),
        ("notIn", TEXT_POINT, ["a", "b"], None, U),
        ("contains", TEXT_POINT, "an", "bank", T),
        ("contains", TEXT_POINT, "AN", "bank", F),
        ("contains", TEXT_POINT, "bank", "an", F),
        ("contains", TEXT_POINT, "an", "", F),
        ("contains", TEXT_POINT, "an", ["an"], U),
        ("contains", TAGS, "an", ["an", 1], T),
        ("contains", TAGS, "an", ["bank"], F),
        ("contains", TAGS, 1, ["an", 1.0], T),
        ("contains", TAGS, 1, ["1"], F),
        ("contains", TAGS, 1, [True], U),
        ("contains", TAGS, "an", [], F),
        ("contains", TAGS, "an", "an", U),
        ("contains", TAGS, "an", ["an", None], U),
        ("notContains", TEXT_POINT, "an", "bank", F),
        ("notContains", TEXT_POINT, "an", "card", T),
        ("notContains", TAGS, "an", [], T),
        ("notContains", TAGS, "an", None, U),
        ("startsWith", TEXT_POINT, "ba", "bank", T),
        ("startsWith", TEXT_POINT, "an", "bank", F),
        ("startsWith", TEXT_POINT, "bank", "ba", F),
        ("startsWith", TEXT_POINT, "ba", 5, U),
        ("notStartsWith", TEXT_POINT, "ba", "card", T),
        ("notStartsWith", TEXT_POINT, "ba", None, U),
        ("endsWith", TEXT_POINT, "nk", "bank", T),
        ("endsWith", TEXT_POINT, "ban", "bank", F),
        ("notEndsWith", TEXT_POINT, "nk", "bank", F),
        ("notEndsWith", TEXT_POINT, "nk", "card", T),
        ("ipInCidr", ADDRESS, ["10.0.0.0/8"], "10.255.255.255", T),
        ("ipInCidr", ADDRESS, ["10.0.0.0/8"], "11.0.0.0", F),
        ("ipInCidr", ADDRESS, ["10.0.0.0/8"], "::ffff:10.1.2.3", T),
        ("ipInCidr", ADDRESS, ["::ffff:10.0.0.0/104"], "10.1.2.3", T),
        ("ipInCidr", ADDRESS, ["10.0.0.0/8"], "::a00:1", F),
        ("ipInCidr", ADDRESS, ["0.0.0.0/0"], "2001:db8::1", F),
        ("ipInCidr", ADDRESS, ["::/0"], "2001:db8::1", T),
        ("ipInCidr", ADDRESS, ["::/0"], "10.0.0.1", F),
        ("ipInCidr", ADDRESS, ["192.0.2.1"], "192.0.2.1", T),
        ("ipInCidr", ADDRESS, ["192.0.2.1"], "192.0.2.2", F),
        ("ipInCidr", ADDRESS, "192.0.2.0/24", "192.0.2.9", T),
        ("ipInCidr", ADDRESS, ["2001:db8::/32", "192.0.2.0/24", "10.0.0.0/8"], "192.0.2.9", T),
        ("ipInCidr", ADDRESS, ["192.0.2.0/25", "198.51.100.0/25"], "198.51.100.128", F),
        ("ipInCidr", ADDRESS, ["10.0.0.0/8"], None, U),
        ("ipInCidr", ADDRESS, ["10.0.0.0/8"], "10.0.0.0/8", U),
        ("notIpInCidr", ADDRESS, ["10.0.0.0/8"], "11.0.0.0", T),
        ("notIpInCidr", ADDRESS, ["10.0.0.0/8"], "10.0.0.0", F),
        ("notIpInCidr", ADDRESS, ["10.0.0.0/8"], None, U),
        ("inList", TEXT_POINT, "words", "bank", T),
        ("inList", TEXT_POINT, "words", "Bank", F),
        ("inList", TEXT_POINT, "words", "card", T),
        ("inList", TEXT_POINT, "words", "cash", F),
        ("inList", TEXT_POINT, "words", "7", F),
        ("inList", TEXT_POINT, "words", None, U),
        ("inList", TEXT_POINT, "gone", "bank", U),
        ("inList", AMOUNT, "numbers", 7.0, T),
        ("inList", AMOUNT, "numbers", 8, F),
        ("inList", AMOUNT, "numbers", True, U),
        ("inList", COUNTRY_POINT, "words", "NZ", T),
        ("inList", COUNTRY_POINT, "words", "AU", F),
        ("inList", ADDRESS, "ranges", "10.9.9.9", T),
        ("inList", ADDRESS, "ranges", "192.0.2.7", T),
        ("inList", ADDRESS, "ranges", "192.0.2.8", F),
        ("inList", ADDRESS, "ranges", "2001:db8::1", F),
        ("notInList", TEXT_POINT, "words", "bank", F),
        ("notInList", TEXT_POINT, "words", "cash", T),
        ("notInList", TEXT_POINT, "gone", "bank", U),
        ("containsAny", TAGS, ["a", 1], ["b", 1], T),
        ("containsAny", TAGS, ["a", 1], ["b", True], U),
        ("containsAny", TAGS, ["a"], [], F),
        ("containsAny", TAGS, ["a"], "a", U),
        ("containsAll", TAGS, ["a", "b"], ["b", "c", "a"], T),
        ("containsAll", TAGS, ["a", "b"], ["a"], F),
        ("containsNone", TAGS, ["a", "b"], ["c"], T),
        ("containsNone", TAGS, ["a", "b"], ["c", "b"], F),
        ("containsNone", TAGS, ["a"], None, U),
        ("containsNone", TAGS, ["a"], [True], U),
        ("matches", TEXT_POINT, "^b.*k$", "bank", T),
        ("matches", TEXT_POINT, "an", "bank", T),
        ("matches", TEXT_POINT, "^an", "bank", F),
        ("matches", TEXT_POINT, "(?i)BANK", "bank", T),
        ("matches", TEXT_POINT, ".", 5, U),
        ("notMatches", TEXT_POINT, "^an", "bank", T),
        ("notMatches", TEXT_POINT, "an", "bank", F),
        ("before", TEXT_POINT, "2026-02-01", "2026-01-31T23:59:59Z", T),
        ("before", TEXT_POINT, "2026-02-01", "2026-02-01", F),
        ("before", TEXT_POINT, "2026-02-01", "yesterday", U),
        ("after", TEXT_POINT, "2026-02-01", "2026-02-01T01:00:00+01:00", F),
        ("after", TEXT_POINT, "2026-02-01", "2026-02-01T00:00:01", T),
        ("olderThan", TEXT_POINT, "1d", "2026-02-01T02:39:59Z", T),
        ("olderThan", TEXT_POINT, "1d", "2026-02-01T02:40:00Z", F),
        ("olderThan", TEXT_POINT, "1d", "soon", U),
        ("newerThan", TEXT_POINT, "1d", "2026-02-01T02:40:01Z", T),
        ("newerThan", TEXT_POINT, "1d", "2026-02-01T02:40:00Z", F),
        ("newerThan", TEXT_POINT, "1d", "2026-03-01", F),
        ("isEmpty", TEXT_POINT, None, None, T),
        ("isEmpty", TEXT_POINT, None, "", T),
        ("isEmpty", TEXT_POINT, None, " ", F),
        ("isEmpty", TAGS, None, [], T),
        ("isEmpty", TAGS, None, ["a"], F),
        ("isEmpty", TAGS, None, [True], U),
        ("isEmpty", TAGS, None, "a", U),
        ("isEmpty", AMOUNT, None, 0, F),
        ("isEmpty", AMOUNT, None, "", T),
        ("isEmpty", AMOUNT, None, "2500", U),
        ("isEmpty", AMOUNT, None, True, U),
        ("isEmpty", TEXT_POINT, None, 0, U),
        ("isEmpty", TEXT_POINT, None, {}, U),
        ("isEmpty", FLAG, None, False, F),
        ("isEmpty", COUNTRY_POINT, None, None, T),
        ("isNotEmpty", TEXT_POINT, None, "a", T),
        ("isNotEmpty", TEXT_POINT, None, None, F),
        ("isNotEmpty", AMOUNT, None, 0, T),
        ("isNotEmpty", AMOUNT, None, "2500", U),
    ],
)
def test_an_operator_gives_the_verdict_of_its_table(
    operator: str, key: str, literal: object, actual: object, expected: str
) -> None:
    assert verdict(operator, key, literal, actual) == expected


def test_every_operator_is_in_a_table_above() -> None:
    [table] = [mark for mark in test_an_operator_gives_the_verdict_of_its_table.pytestmark if mark.args]
    assert {row[0] for row in table.args[1]} | {">", "<", ">=", "<="} == set(OPERATORS)


LIKE = {"after": "before", "newerThan": "olderThan"}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("key", [AMOUNT, TEXT_POINT, FLAG, TAGS, COUNTRY_POINT, ADDRESS])
def test_an_operator_is_taken_only_for_its_kinds(operator: str, key: str) -> None:
    kind = {AMOUNT: "number", TEXT_POINT: "text", FLAG: "boolean", TAGS: "multiselect"}.get(key)
    kind = kind or {COUNTRY_POINT: "country", ADDRESS: "ip"}[key]
    row = OPERATORS[operator]
    value = "10.0.0.0/8" if row.symbol == "ipInCidr" else next(one for one in POOLS[kind] if one != "")
    literal = {"list": [value], "range": [value, value], "named": "words"}.get(row.shape.name, value)
    literal = {"before": "2026-01-01", "olderThan": "1d"}.get(LIKE.get(operator, operator), literal)
    condition = write(operator, key, literal)
    if Kind(kind) in row.kinds:
        assert check(condition, custom_points=CUSTOM_POINTS)
    else:
        with pytest.raises(ConditionsError, match=f"does not work on {key}"):
            check(condition, custom_points=CUSTOM_POINTS)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_operators_and_the_first_is_the_usual_one(kind: Kind) -> None:
    assert of_kind(kind)[0].name == ("contains" if kind is Kind.MULTISELECT else "==")


def test_thousands_of_ranges_cost_one_look_up_per_prefix_length() -> None:
    ranges = [f"10.{high}.{low}.0/24" for high in range(15) for low in range(200)]
    node = check(write("ipInCidr", ADDRESS, ranges))
    assert len(node.operand) == 1  # type: ignore[union-attr]
    assert verdict("ipInCidr", ADDRESS, ranges, "10.14.199.7") == T
    assert verdict("ipInCidr", ADDRESS, ranges, "10.14.200.7") == F


@pytest.mark.parametrize(
    ("operator", "literal", "message"),
    [
        ("matches", "(a+", "no regular expression in RE2's syntax"),
        ("matches", "a" * 501, "Shorten the pattern to 500 characters"),
        ("matches", r"(?=a)", "no regular expression in RE2's syntax"),
        ("before", "31/01/2026", "Write a date or time"),
        ("olderThan", "3 days", "Write an age"),
        ("inList", "Blocked Emails", "Name a value list by its alias"),
        ("containsAny", [], "does not work on"),
    ],
)
def test_a_literal_that_cannot_work_is_refused_with_advice(operator: str, literal: object, message: str) -> None:
    with pytest.raises(ConditionsError, match=message):
        check(write(operator, TEXT_POINT, literal), custom_points=CUSTOM_POINTS)


def test_a_pattern_takes_time_linear_in_the_text_whatever_it_says() -> None:
    # (a+)+$ makes a backtracking matcher double its work with every letter: 4,000 of them would never end.
    assert verdict("matches", TEXT_POINT, "^(a+)+$", "a" * 4_000 + "!") == F


def test_a_pattern_is_not_looked_for_in_a_text_of_any_length() -> None:
    assert verdict("matches", TEXT_POINT, "a$", "b" * (MAX_MATCHED - 1) + "a") == T
    assert verdict("matches", TEXT_POINT, "a", "a" * (MAX_MATCHED + 1)) == U
    assert verdict("notMatches", TEXT_POINT, "b", "a" * (MAX_MATCHED + 1)) == U


@pytest.mark.parametrize("pattern", ["(.{0,9}){0,9}x", "^[a-z0-9._%+-]{1,64}@[a-z0-9.-]{1,120}$", ".{0,100}x"])
def test_the_largest_patterns_take_milliseconds(pattern: str) -> None:
    before = process_time()
    assert verdict("matches", TEXT_POINT, pattern, "a" * MAX_MATCHED) == F
    assert process_time() - before < 0.25


@pytest.mark.parametrize("pattern", ["(.{0,30}){0,30}x", "((.{0,9}){0,9}){0,9}x"])
def test_a_pattern_whose_repetitions_multiply_is_refused(pattern: str) -> None:
    with pytest.raises(ConditionsError, match="Repeat less: "):
        check(write("matches", TEXT_POINT, pattern), custom_points=CUSTOM_POINTS)


def test_patterns_that_are_too_large_together_are_refused() -> None:
    one = write("notMatches", TEXT_POINT, "(a|aa){600}c")
    check({"or": [one] * 5}, custom_points=CUSTOM_POINTS)
    with pytest.raises(ConditionsError, match="Repeat less in the patterns, or have fewer"):
        check({"or": [one] * 30}, custom_points=CUSTOM_POINTS)


def test_a_named_list_must_be_there_and_hold_what_the_data_point_is() -> None:
    held = {"words": Kind.TEXT, "numbers": Kind.NUMBER}
    check(write("inList", TEXT_POINT, "words"), custom_points=CUSTOM_POINTS, lists=held)
    for key, alias, message in [
        (TEXT_POINT, "gone", "There is no value list"),
        (TEXT_POINT, "numbers", "holds numbers"),
        (AMOUNT, "words", "holds texts"),
    ]:
        with pytest.raises(ConditionsError, match=message):
            check(write("inList", key, alias), custom_points=CUSTOM_POINTS, lists=held)
