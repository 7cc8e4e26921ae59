"""Worlds so small that every event can be tried: random rules over a few data points with few values each.

Which atom is true of which value is asked of the engine; the rest is counted in bits, one for each event.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Any

from rules.condition_tree import write
from rules.engine import OUTCOMES, RuleSpec, compile_policy, decide
from rules.facts import DeviceFacts, IpFacts, Known
from rules.operators import VALUE, Operator
from rules.types import TEXT, literal
from tests.rules.cases import CUSTOM_POINTS, make_facts, make_rule

Values = Mapping[str, Any]
MISSING = None

# For each data point the comparisons that rules may make, and at least one value for everything that these can tell
# apart. `custom.tier` and `user.custom.tier` are one value, kept with the user.
COMPARISONS: Mapping[str, Sequence[tuple[str, Any]]] = {
    "custom.amount": [
        *((name, number) for name in ("==", "!=", ">", "<", ">=", "<=") for number in (1, 2, 3.0)),
        ("between", [1, 2]), ("between", [2, 3]), ("in", [1, 3]), ("notIn", [2]),
    ],
    "device.count": [(">", 0), ("<", 0), (">=", 0), ("==", 1), ("==", 1.5), (">", 1.5), ("in", [0, 2]), ("<=", 1)],
    "custom.first": [("==", True), ("==", False), ("!=", True)],
    "user.isEnrolled": [("==", True), ("==", False), ("!=", False)],
    "custom.destination": [
        ("==", "ab"), ("!=", "a"), ("in", ["a", "bab"]), ("notIn", ["ab", "b"]),
        ("startsWith", "a"), ("startsWith", "ab"), ("notStartsWith", "b"),
        ("endsWith", "b"), ("notEndsWith", "ab"), ("contains", "ba"), ("notContains", "b"), ("contains", "ab"),
    ],
    "custom.tags": [("contains", "x"), ("notContains", "x"), ("contains", 1), ("contains", 1.0), ("notContains", 1)],
    "ip.countryCode": [("==", "NZ"), ("!=", "AU"), ("in", ["NZ", "AU"]), ("notIn", ["NZ"])],
    "ip.address": [
        ("==", "10.1.2.3"), ("ipInCidr", ["10.0.0.0/8"]), ("notIpInCidr", ["10.1.0.0/16", "2001:db8::/32"]),
        ("ipInCidr", ["::/0"]), ("ipInCidr", ["0.0.0.0/0"]), ("in", ["10.1.2.3", "2001:db8::1"]),
        ("ipInCidr", ["10.0.0.0/9"]), ("ipInCidr", ["::fffe:0:0/95"]), ("notIpInCidr", ["::fffe:0:0/96"]),
    ],
    "custom.tier": [("==", "gold"), ("!=", "gold"), ("in", ["gold", "tin"])],
    "user.custom.tier": [("==", "gold"), ("notIn", ["tin"]), ("!=", "gold")],
}  # fmt: skip
VALUES: Mapping[str, Sequence[Any]] = {
    "custom.amount": [MISSING, 0, 1, 1.5, 2, 2.5, 3, 4],
    "device.count": [MISSING, 0, 1, 2, 3],
    "custom.first": [MISSING, True, False],
    "user.isEnrolled": [True, False],
    "custom.destination": [MISSING, *map("".join, (word for size in range(6) for word in product("abz", repeat=size)))],
    "custom.tags": [MISSING, [], ["x"], [1], ["x", 1], ["y"]],
    "ip.countryCode": [MISSING, "NZ", "AU", "US"],
    "ip.address": [MISSING, "10.1.2.3", "10.1.0.0", "10.2.0.0", "10.200.0.0", "192.0.2.1", "2001:db8::1", "2001:db8::2",
                   "::1", "::fffe:1:1"],
    "user.custom.tier": [MISSING, "gold", "tin", "none"],
}  # fmt: skip
HOMES = {"custom.tier": "user.custom.tier"}


# An operation that the table does not have, and of which nobody told the analyser anything.
LOOKS_LIKE = Operator(
    "looksLike", "looksLike", "looks like", (TEXT,), VALUE, literal, lambda text, form: bool(re.fullmatch(form, text))
)


def facts_of(values: Values) -> Known:
    """Facts in which these data points have these values; one that has none here is missing."""

    def under(prefix: str) -> dict[str, Any]:
        return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}

    tier = values.get("user.custom.tier", values.get("custom.tier"))
    return make_facts(
        custom={name: value for name, value in under("custom.").items() if name != "tier"},
        user_custom={} if tier is MISSING else {"tier": tier},
        ip=IpFacts(country_code=values.get("ip.countryCode"), address=values.get("ip.address")),
        device=DeviceFacts(
            count=values.get("device.count"), is_new=values.get("device.isNew"), is_bot=values.get("device.isBot")
        ),
        email=values.get("user.email"),
        is_enrolled=values.get("user.isEnrolled", False),
    ).to_json()


@cache
def _truths(written: str, key: str) -> list[bool | None]:
    """What the engine says of a comparison for each value of its data point."""
    policy = compile_policy("transfer", "ALLOW", rules=[make_rule(json.loads(written))], custom_points=CUSTOM_POINTS)
    words = {"true": True, "false": False, "unknown": None}
    return [words[decide(facts_of({key: value}), policy).verdicts["rule"]] for value in _values(key)]


@cache
def _values(key: str) -> Sequence[Any]:
    """One of all values that no comparison here tells apart."""
    values = VALUES[key]
    if key != "custom.destination":
        return values
    policies = [
        compile_policy("transfer", "ALLOW", rules=[make_rule(write(name, key, literal))], custom_points=CUSTOM_POINTS)
        for name, literal in COMPARISONS[key]
    ]
    alike = {tuple(decide(facts_of({key: one}), each).verdicts["rule"] for each in policies): one for one in values}
    return list(alike.values())


@dataclass(frozen=True)
class Bits:
    """On which events a condition is true, and on which it is false."""

    true: int
    false: int


class Events:
    """All events over some data points."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = list(dict.fromkeys(HOMES.get(key, key) for key in keys))
        self.sizes = [len(_values(key)) for key in self.keys]

    @cached_property
    def count(self) -> int:
        count = 1
        for size in self.sizes:
            count *= size
        return count

    @property
    def all(self) -> int:
        return (1 << self.count) - 1

    def values(self, number: int) -> dict[str, Any]:
        values = {}
        for key, size in zip(self.keys, self.sizes, strict=True):
            number, place = divmod(number, size)
            values[key] = _values(key)[place]
        return {key: value for key, value in values.items() if value is not MISSING}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.values, range(self.count))

    def bits(self, raw: Any) -> Bits:
        [(symbol, operands)] = raw.items()
        if symbol == "!":
            inner = self.bits(operands[0] if isinstance(operands, list) else operands)
            return Bits(inner.false, inner.true)
        if symbol in ("and", "or"):
            return self._joined(symbol, [self.bits(operand) for operand in operands])
        return self._atom(raw, next(operand["var"] for operand in operands if isinstance(operand, dict)))

    def fires(self, rule: RuleSpec) -> int:
        if rule.conditions is None:
            return 0
        bits = self.bits(rule.conditions)
        return self.all & ~bits.false if rule.when_unknown == "match" and rule.outcome != "ALLOW" else bits.true

    def _joined(self, symbol: str, children: Sequence[Bits]) -> Bits:
        every, some = ("true", "false") if symbol == "and" else ("false", "true")
        common, joined = self.all, 0
        for child in children:
            common &= getattr(child, every)
            joined |= getattr(child, some)
        return Bits(**{every: common, some: joined})

    def _atom(self, raw: Any, key: str) -> Bits:
        home = HOMES.get(key, key)
        place = self.keys.index(home)
        stride = 1
        for size in self.sizes[:place]:
            stride *= size
        period = stride * self.sizes[place]
        # A one at the beginning of each period.
        beginnings = self.all // ((1 << period) - 1)
        masks = {True: 0, False: 0, None: 0}
        for number, truth in enumerate(_truths(json.dumps(raw), home)):
            masks[truth] |= (((1 << stride) - 1) << (number * stride)) * beginnings
        return Bits(masks[True], masks[False])


def random_rules(dice: random.Random) -> tuple[list[RuleSpec], Events]:
    keys = dice.sample(list(COMPARISONS), dice.randint(1, 4))
    rules = [
        make_rule(
            _tree(dice, keys, depth=dice.randint(0, 3)) if dice.random() < 0.98 else None,
            rule_id=f"rule-{place}",
            priority=place,
            outcome=dice.choice(OUTCOMES),
            when_unknown=dice.choice(("skip", "skip", "match")),
            is_active=dice.random() < 0.95,
            is_shadow=dice.random() < 0.1,
        )
        for place in range(dice.randint(1, 7))
    ]
    dice.shuffle(rules)
    return rules, Events(keys)


def _tree(dice: random.Random, keys: Sequence[str], *, depth: int) -> dict[str, Any]:
    if depth == 0:
        key = dice.choice(keys)
        name, literal = dice.choice(COMPARISONS[key])
        return write(name, key, literal)
    if dice.random() < 0.15:
        return {"!": _tree(dice, keys, depth=depth - 1)}
    children = [_tree(dice, keys, depth=dice.randint(0, depth - 1)) for _ in range(dice.randint(1, 3))]
    return {dice.choice(("and", "or")): children}
