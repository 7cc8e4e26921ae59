"""The rules engine beside other engines: one rule of five conditions, and 200 rules, on the same facts in memory.

Every engine gets the same nested dictionary and tells of every rule whether it holds; equal truth tables are asserted
before anything is measured. The others are used at their best: zen-engine as one compiled expression that is a list of
all rules, CEL with contexts that are built once and reused (and, for what that hides, built for each call), the rest
compiled or parsed once where they can be. CPU time of this process, the lowest of interleaved rounds.

JsonLogic has no startsWith: the two libraries get the same question by substr or by in, whichever they know.
"""

import importlib
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rules.compiled import Points, Trace, compile_traces
from rules.engine import RuleSpec, compile_policy, read_operands
from rules.lists import NOWHERE
from rules.registry import CustomPoint
from rules.types import NUMBER, TEXT

PEERS = Path(__file__).resolve().parent.parent.parent / "var" / "bench" / "peers"
RULES = 200
ROUNDS = 7
POINTS = (CustomPoint("currency", TEXT, "action"), CustomPoint("amount", NUMBER, "action"),
          CustomPoint("note", TEXT, "action"))  # fmt: skip

Known = dict[str, Any]
# From one dictionary of facts to the verdicts of all rules.
Judge = Callable[[Known], Sequence[bool]]


def facts() -> list[Known]:
    """64 inputs, on which every condition is true as often as false."""
    choices = itertools.product(("EUR", "USD"), (100, 5000), ("NZ", "US"), (True, False), ("a gift", "rent"),
                                ("user-17", "other"))  # fmt: skip
    return [
        {
            "actionCode": "bench",
            "custom": {"currency": currency, "amount": amount, "note": note},
            "ip": {"countryCode": country, "isAnonymous": anonymous, "address": "203.0.113.10"},
            "device": {"id": "d1", "isNew": False, "count": 2},
            "user": {"userId": user, "isEnrolled": True, "custom": {}},
            "time": {"at": 1_770_000_000.0, "hour": 3},
        }
        for currency, amount, country, anonymous, note, user in choices
    ]


def conditions(number: int) -> dict[str, Any]:
    """Five conditions. Of 200 rules most fail at the first, as rules do; every twentieth gets further."""
    currency = "EUR" if number % 20 == 0 else f"X{number}"
    return {
        "and": [
            {"==": [{"var": "custom.currency"}, currency]},
            {">": [{"var": "custom.amount"}, 1000 + number]},
            {"or": [
                {"in": [{"var": "ip.countryCode"}, ["NZ", "AU", "GB"]]},
                {"==": [{"var": "ip.isAnonymous"}, True]},
            ]},
            {"in": ["gift", {"var": "custom.note"}]},
            {"startsWith": [{"var": "user.userId"}, "user-"]},
        ]
    }  # fmt: skip


# -- ours ----------------------------------------------------------------------------------------


def ours(count: int) -> Judge:
    policy = _policy(count)

    def judge(known: Known) -> list[bool]:
        return [code == 1 for code in policy.judge(known, NOWHERE)]

    return judge


def ours_traced(count: int) -> Judge:
    """With the verdict of every node of every rule, and the values that they rest on."""
    policy = _policy(count)
    points = Points()
    trees = [rule.tree for rule in policy.rules if rule.tree is not None]
    told: Trace = compile_traces(trees, points)
    assert [point.key for point in points] == [point.key for point in policy.points]
    size = len(told(read_operands(facts()[0], policy), NOWHERE)) // count

    def judge(known: Known) -> list[bool]:
        nodes = told(read_operands(known, policy), NOWHERE)
        return [nodes[number * size] is True for number in range(count)]

    return judge


def _policy(count: int) -> Any:
    rules = [
        RuleSpec(rule_id=str(number), name=str(number), priority=number, outcome="CHALLENGE",
                 conditions=conditions(number))
        for number in range(count)
    ]  # fmt: skip
    return compile_policy("bench", "ALLOW", rules=rules, custom_points=POINTS)


# -- the others ----------------------------------------------------------------------------------


def zen(count: int) -> Judge:
    engine = _module("others", "zen")
    texts = [
        f"(custom.currency == '{r[0]}' and custom.amount > {r[1]} and "
        "(ip.countryCode in ['NZ', 'AU', 'GB'] or ip.isAnonymous == true) and "
        "contains(custom.note, 'gift') and startsWith(user.userId, 'user-'))"
        for r in _literals(count)
    ]
    compiled = engine.compile_expression(f"[{', '.join(texts)}]")
    return lambda known: compiled.evaluate(known)


def panzi(count: int) -> Judge:
    return _json_logic(_module("others", "json_logic"), count)


def qubit(count: int) -> Judge:
    return _json_logic(_module("qubit", "json_logic"), count)


def _json_logic(library: Any, count: int) -> Judge:
    def plain(number: int) -> dict[str, Any]:
        *others, starts = conditions(number)["and"]
        try:
            library.jsonLogic({"substr": ["user-1", 0, 5]}, {})
            starts = {"==": [{"substr": [{"var": "user.userId"}, 0, 5]}, "user-"]}
        except (ValueError, KeyError):
            starts = {"in": ["user-", {"var": "user.userId"}]}
        return {"and": [*others, starts]}

    rules = [plain(number) for number in range(count)]
    return lambda known: [bool(library.jsonLogic(rule, known)) for rule in rules]


def rule_engine(count: int) -> Judge:
    engine = _module("others", "rule_engine")
    texts = [
        f'custom["currency"] == "{r[0]}" and custom["amount"] > {r[1]} and '
        '(ip["countryCode"] in ["NZ", "AU", "GB"] or ip["isAnonymous"] == true) and '
        '"gift" in custom["note"] and user["userId"] =~ "user-.*"'
        for r in _literals(count)
    ]
    rules = [engine.Rule(text) for text in texts]
    return lambda known: [rule.matches(known) for rule in rules]


def cel(count: int) -> Judge:
    """Contexts built once and reused: the cost of handing over the facts is left out."""
    library = _module("others", "cel")
    programs = [library.compile(text) for text in _cel_texts(count)]
    contexts = {id(known): library.Context(known) for known in FACTS}
    return lambda known: [program.execute(contexts[id(known)]) for program in programs]


def cel_building(count: int) -> Judge:
    library = _module("others", "cel")
    programs = [library.compile(text) for text in _cel_texts(count)]

    def judge(known: Known) -> list[bool]:
        context = library.Context(known)
        return [program.execute(context) for program in programs]

    return judge


def _cel_texts(count: int) -> list[str]:
    return [
        f'custom.currency == "{r[0]}" && custom.amount > {r[1]} && '
        '(ip.countryCode in ["NZ", "AU", "GB"] || ip.isAnonymous == true) && '
        'custom.note.contains("gift") && user.userId.startsWith("user-")'
        for r in _literals(count)
    ]


def _literals(count: int) -> list[tuple[str, int]]:
    return [(c["and"][0]["=="][1], c["and"][1][">"][1]) for c in map(conditions, range(count))]


@cache
def _module(folder: str, name: str) -> Any:
    """A peer from its own folder, loaded once; another folder may have one of the same name."""
    for loaded in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
        del sys.modules[loaded]
    sys.path.insert(0, str(PEERS / folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(PEERS / folder))


FACTS = facts()
WITHOUT_TRACE = {"zen-engine": zen, "CEL (Rust), context reused": cel, "CEL (Rust)": cel_building,
                 "panzi-json-logic": panzi, "json-logic-qubit": qubit, "rule-engine": rule_engine}  # fmt: skip
PYTHON = ("panzi-json-logic", "json-logic-qubit", "rule-engine")


# -- measuring -----------------------------------------------------------------------------------


def measure() -> dict[str, dict[str, float]]:
    """Microseconds for one dictionary of facts, by number of rules and engine. Raises AssertionError."""
    return {f"{count} rules" if count > 1 else "one rule": _of(count) for count in (1, RULES)}


def _of(count: int) -> dict[str, float]:
    judges = {"ours": ours(count), "ours, traced": ours_traced(count)}
    judges |= {name: make(count) for name, make in WITHOUT_TRACE.items()}
    expected = [[bool(one) for one in judges["ours"](known)] for known in FACTS]
    assert {any(row) for row in expected} == {True, False}
    for name, judge in judges.items():
        assert [[bool(one) for one in judge(known)] for known in FACTS] == expected, f"{name} disagrees"
    best = dict.fromkeys(judges, float("inf"))
    for _round in range(ROUNDS):
        for name, judge in judges.items():
            best[name] = min(best[name], _microseconds(judge, at_least=0.05))
    return best


def _microseconds(judge: Judge, *, at_least: float) -> float:
    loops, spent, calls = 1, 0.0, 0
    while spent < at_least:
        started = time.process_time()
        for _loop in range(loops):
            for known in FACTS:
                judge(known)
        took = time.process_time() - started
        spent, calls, loops = spent + took, calls + loops * len(FACTS), loops * 2
    return spent / calls * 1e6


def ratios(measured: dict[str, dict[str, float]]) -> dict[str, float]:
    """How many times faster than the best of them, the lower of one rule and 200."""

    def worst(ours_: str, names: Sequence[str]) -> float:
        return min(min(row[name] for name in names) / row[ours_] for row in measured.values())

    return {
        "rules_vs_zen": worst("ours", ["zen-engine"]),
        "rules_vs_cel": worst("ours", ["CEL (Rust), context reused"]),
        "rules_vs_best_python": worst("ours", PYTHON),
        "rules_traced_vs_best_python": worst("ours, traced", PYTHON),
    }


if __name__ == "__main__":
    results = measure()
    for title, row in results.items():
        print(title)
        for name, value in sorted(row.items(), key=lambda pair: pair[1]):
            print(f"  {name:28} {value:10.2f} µs  ({value / row['ours']:.1f} x ours)")
    print({name: round(value, 2) for name, value in ratios(results).items()})
