"""Microseconds per evaluation of JsonLogic: one rule of five conditions, and 200, with and without trace.

    python -m tests.bench.jsonlogic_speed

Each figure is the best of several runs, which is what the machine can do when nobody disturbs it.
"""

import gc
import time
from collections.abc import Callable
from timeit import Timer
from typing import Any

from rules import jsonlogic
from rules.jsonlogic import Trace

RULES = 200
RUNS = 7
SECONDS = 0.2
FACTS = {
    "ip": {"country": "NZ", "isAnonymous": False},
    "amount": 2000,
    "currency": "NZD",
    "device": {"isNew": True},
    "user": {"email": "ada@example.com"},
}


def rule(country: str, amount: int) -> dict[str, Any]:
    """Five conditions, one of them a group; all of them hold for FACTS if the country does."""
    return {
        "and": [
            {"==": [{"var": "ip.country"}, country]},
            {">": [{"var": "amount"}, amount]},
            {"in": [{"var": "currency"}, ["USD", "EUR", "NZD"]]},
            {"or": [{"==": [{"var": "ip.isAnonymous"}, True]}, {"==": [{"var": "device.isNew"}, True]}]},
            {"in": ["@example.", {"var": "user.email"}]},
        ]
    }


MATCHING = [rule("NZ", number) for number in range(RULES)]
# 95 of 100 fail at their first condition, as rules for other cases do.
MIXED = [rule("NZ" if number % 20 == 0 else "AU", number) for number in range(RULES)]


def walked(trace: Trace) -> int:
    return 1 + sum(map(walked, trace.children))


def measured(function: Callable[[Any], object]) -> float:
    timer = Timer("function(facts)", globals={"function": function, "facts": FACTS})
    number, _ = timer.autorange()
    number = max(1, int(number * SECONDS / 0.5))
    return min(timer.repeat(RUNS, number)) / number * 1e6


def built(build: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        gc.collect()
        start = time.perf_counter()
        build()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def main() -> None:
    one, traced = jsonlogic.compile(MATCHING[0]), jsonlogic.compile_traced(MATCHING[0])
    other = jsonlogic.compile(MIXED[1])
    assert one(FACTS) is True
    assert other(FACTS) is False
    operations = walked(traced(FACTS))
    print("microseconds per evaluation")
    print(f"{measured(one):9.2f}  one rule that holds, all of its 5 conditions evaluated")
    print(f"{measured(other):9.2f}  one rule that fails at its first condition")
    print(f"{measured(traced):9.2f}  the rule that holds, with a trace of its {operations} operations")
    for name, rules in (("that all hold", MATCHING), ("of which 10 hold, 190 fail at once", MIXED)):
        together = jsonlogic.compile_all(rules)
        traces = [jsonlogic.compile_traced(one) for one in rules]
        assert together(FACTS) == [trace(FACTS).value for trace in traces]
        print(f"{measured(together):9.2f}  {RULES} rules {name}, in one function")
        print(f"{measured(lambda facts, traces=traces: [trace(facts) for trace in traces]):9.2f}    with traces")
    print("milliseconds to compile")
    print(f"{built(lambda: jsonlogic.compile(MATCHING[0])):9.2f}  one rule")
    print(f"{built(lambda: jsonlogic.compile_all(MATCHING)):9.2f}  {RULES} rules into one function")
    print(f"{built(lambda: [jsonlogic.compile_traced(one) for one in MATCHING]):9.2f}  {RULES} rules with trace")


if __name__ == "__main__":
    main()
