"""How long the analyser takes for 200 rules, and the search for better outcomes for 100.

`python -m tests.bench.analyser_speed`; it needs neither Django nor a database.
"""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter, process_time
from typing import Any

from rules.analyser import analyse
from rules.condition_tree import write
from rules.counterfactual import better_outcomes
from rules.engine import OUTCOMES, RuleSpec
from rules.registry import CustomPoint
from rules.sent import SentKeys
from rules.types import BOOLEAN, MULTISELECT, NUMBER, TEXT

RULES, CONDITIONS, SETS = 200, 5, 3

NUMBERS = [
    CustomPoint(name, NUMBER, "action")
    for name in ("amount", "fee", "balance", "attempts", "items", "score", "age", "limit")
]
TEXTS = [CustomPoint(name, TEXT, "action") for name in ("destination", "channel", "merchant", "currency", "note")]
FLAGS = [CustomPoint(name, BOOLEAN, "action") for name in ("first", "urgent", "gift", "saved", "recurring", "trial")]
TAGS = [CustomPoint("tags", MULTISELECT, "action"), CustomPoint("segments", MULTISELECT, "user")]
POINTS = (*NUMBERS, *TEXTS, *FLAGS, *TAGS)
WORDS = ("bank", "bank-nz", "bank-au", "cash", "card", "card-visa", "wallet", "nz", "au", "x-bank", "my-wallet")
BOOLEANS = ("ip.isAnonymous", "device.isNew", "device.isBot", "user.isEnrolled", "user.emailVerified")


def condition(dice: random.Random) -> dict[str, Any]:
    kind = dice.choices(("number", "text", "country", "boolean", "tags", "address"), (35, 25, 12, 15, 8, 5))[0]
    return KINDS[kind](dice)


def a_number(dice: random.Random) -> dict[str, Any]:
    key, low = dice.choice(NUMBERS).key, dice.randrange(0, 5000, 50)
    operator = dice.choice((">", "<", ">=", "<=", "between", "==", "!=", "in"))
    several = {"between": [low, low + 500], "in": [low, low + 50, low + 100]}
    return write(operator, key, several.get(operator, low))


def a_text(dice: random.Random) -> dict[str, Any]:
    operator = dice.choice(("==", "!=", "in", "notIn", "startsWith", "endsWith", "contains", "notContains"))
    literal = dice.sample(WORDS, 3) if operator in ("in", "notIn") else dice.choice(WORDS)
    return write(operator, dice.choice((*(point.key for point in TEXTS), "user.email")), literal)


def a_country(dice: random.Random) -> dict[str, Any]:
    return write(dice.choice(("in", "notIn")), "ip.countryCode", dice.sample(("NZ", "AU", "US", "GB", "DE", "FR"), 2))


def a_boolean(dice: random.Random) -> dict[str, Any]:
    return write("==", dice.choice((*(point.key for point in FLAGS), *BOOLEANS)), dice.random() < 0.5)


def tags(dice: random.Random) -> dict[str, Any]:
    return write(dice.choice(("contains", "notContains")), dice.choice(TAGS).key, dice.choice(WORDS[:6]))


def an_address(dice: random.Random) -> dict[str, Any]:
    networks = [f"10.{dice.randrange(4)}.0.0/16", "192.0.2.0/24", "2001:db8::/32", "10.0.0.0/8"]
    return write(dice.choice(("ipInCidr", "notIpInCidr")), "ip.address", dice.sample(networks, 2))


KINDS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "number": a_number,
    "text": a_text,
    "country": a_country,
    "boolean": a_boolean,
    "tags": tags,
    "address": an_address,
}


def a_rule(place: int, dice: random.Random, *, narrow: bool) -> RuleSpec:
    asked = [condition(dice) for _ in range(CONDITIONS)]
    shape = dice.random() * (0.6 if narrow else 1)
    if shape < 0.4:
        tree: dict[str, Any] = {"and": asked}
    elif shape < 0.6:
        tree = {"and": [{"or": asked[:2]}, *asked[2:]]}
    elif shape < 0.8:
        tree = {"or": asked}
    else:
        tree = {"or": [{"and": asked[:3]}, {"!": {"or": asked[3:]}}]}
    return RuleSpec(
        rule_id=f"rule-{place:03}",
        name=f"Rule {place}",
        priority=place,
        outcome=dice.choice(OUTCOMES),
        conditions=tree,
        when_unknown="match" if dice.random() < 0.1 else "skip",
    )


def rule_set(seed: int, *, count: int, narrow: bool) -> list[RuleSpec]:
    """Narrow rules ask for all of their conditions, and most can decide; among mixed ones few can."""
    dice = random.Random(seed)
    rules = [a_rule(place, dice, narrow=narrow) for place in range(count)]
    # Every tenth rule repeats an earlier one, with fewer alternatives or more demands.
    for place in range(10, count, 10):
        earlier = rules[dice.randrange(place)].conditions
        tree = {"and": [earlier, condition(dice)]} if dice.random() < 0.7 else earlier
        rules[place] = RuleSpec(
            rule_id=f"rule-{place:03}", name=f"Rule {place}", priority=place, outcome="BLOCK", conditions=tree
        )
    return rules


def an_event(dice: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {point.key: dice.randrange(0, 6000, 25) for point in NUMBERS}
    values |= {point.key: dice.choice(WORDS) for point in TEXTS}
    values |= {key: dice.random() < 0.5 for key in (*(point.key for point in FLAGS), *BOOLEANS)}
    values |= {point.key: dice.sample(WORDS[:6], 2) for point in TAGS}
    return values | {"user.email": "a@b.test", "ip.countryCode": "NZ", "ip.address": "10.1.2.3"}


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds by the clock and of CPU, and the result."""
    clock, cpu = perf_counter(), process_time()
    result = work()
    return perf_counter() - clock, process_time() - cpu, result


def seconds() -> float:
    """The slowest of the sets, each by the median of three runs."""
    return max(median(_runs(seed, narrow=narrow)[0]) for narrow in (True, False) for seed in range(SETS))


def _runs(seed: int, *, narrow: bool) -> tuple[tuple[float, ...], tuple[float, ...], tuple[Any, ...]]:
    rules = rule_set(seed, count=RULES, narrow=narrow)
    sent = SentKeys(frozenset(point.key for point in POINTS if point.name != "score"), 10_000)
    runs = [timed(lambda: analyse(rules, custom_points=POINTS, sent=sent)) for _ in range(3)]
    clocks, cpus, found = zip(*runs, strict=True)
    return clocks, cpus, tuple(one.findings for one in found)


def time_analyser(seed: int, *, narrow: bool) -> None:
    clocks, cpus, findings = _runs(seed, narrow=narrow)
    kinds = Counter(finding.kind.value for finding in findings[0])
    print(f"{seed}: {median(clocks):.3f} s, CPU {median(cpus):.3f} s; {dict(kinds)}")


def time_counterfactual(seed: int, *, narrow: bool) -> None:
    rules, dice = rule_set(seed, count=RULES // 2, narrow=narrow), random.Random(seed)
    runs = [
        timed(partial(better_outcomes, an_event(dice), rules=rules, default_outcome="ALLOW", custom_points=POINTS))
        for _ in range(20)
    ]
    clocks, cpus, found = zip(*runs, strict=True)
    print(
        f"{seed}: median {median(clocks):.3f} s, CPU {median(cpus):.3f} s, highest {max(clocks):.3f} s; "
        f"{sum(len(one.change_sets) for one in found)} change sets for {len(runs)} events"
    )


def main() -> None:
    titles = {
        time_analyser: f"Analyser, {RULES} rules of {CONDITIONS} conditions",
        time_counterfactual: f"Better outcomes, {RULES // 2} rules, {len(an_event(random.Random()))} data points",
    }
    for time, title in titles.items():
        for narrow in (False, True):
            print(f"{title}, {'narrow' if narrow else 'mixed'}")
            for seed in range(SETS):
                time(seed, narrow=narrow)


if __name__ == "__main__":
    main()
