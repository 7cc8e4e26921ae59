"""What attacks with SMS cost, and how many honest people are turned away: `python -m tests.bench.sms_pumping`.

In simulated time, with the thresholds of the product (`authenticators.guard`) and its state in memory; that
PostgreSQL says the same is a test (tests/sending/test_agreement.py).
"""

import sys
from typing import Any

from authenticators.guard import Caps
from tests.bench.serving import entry, keep
from tests.sending import traces

CAPS = Caps(budget_messages=8000, budget_cost=8_000_000)
ATTACKS = {"240,000 in four hours": traces.FOUR_HOURS, "1,000,000 in five days": traces.FIVE_DAYS}
HONEST_GOAL = 0.5


def measure_pumping() -> dict[str, dict[str, Any]]:
    """The worse of the two attacks: the share of the day's budget that is used at most, and of honest refusals."""
    outcomes = {name: traces.guarded(attack, CAPS) for name, attack in ATTACKS.items()}
    beside = {name: _told(name, outcome) for name, outcome in outcomes.items()}
    for name, told in beside.items():
        print(f"{name}: {told}")
    used = max(
        max(one.most_of_a_day / CAPS.budget_messages, one.most_cost_of_a_day / CAPS.budget_cost)
        for one in outcomes.values()
    )
    refused = max(one.honest_refused_percent for one in outcomes.values())
    return {
        "sms_pumping": entry(refused, HONEST_GOAL, "<=", "% of honest requests refused", beside),
        "sms_pumping_budget": entry(used, 1.0, "<=", "of a day's budget used at most, honest messages included", {}),
    }


def _told(name: str, outcome: traces.Outcome) -> dict[str, Any]:
    return {
        "attack_asked": outcome.attack_asked,
        "attack_sent": outcome.attack_sent,
        "attack_cost": outcome.attack_cost / 10_000,
        "honest_asked": outcome.honest_asked,
        "honest_refused": outcome.honest_refused,
        "most_messages_of_a_day": outcome.most_of_a_day,
        "most_cost_of_a_day": outcome.most_cost_of_a_day / 10_000,
        "attack_sent_by_a_limit_for_each_address": traces.by_address(ATTACKS[name]).attack_sent,
    }


if __name__ == "__main__":
    sys.exit(0 if keep(measure_pumping()) else 1)
