"""Attacks in simulated time: what they cost, and how many honest people are turned away for it."""

import pytest

from authenticators.guard import Caps
from tests.sending import traces

CAPS = Caps(budget_messages=8000, budget_cost=8_000_000)


@pytest.mark.parametrize("warm_days", [5, 0])
def test_240_000_codes_in_four_hours_cost_less_than_the_budget_and_honest_people_get_theirs(warm_days):
    outcome = traces.guarded(traces.FOUR_HOURS, CAPS, warm_days=warm_days)
    assert outcome.attack_asked == 240_000
    assert outcome.attack_sent <= 1000
    assert outcome.most_of_a_day <= CAPS.budget_messages
    assert outcome.most_cost_of_a_day <= CAPS.budget_cost
    assert outcome.honest_asked > 2000
    assert outcome.honest_refused_percent <= 0.5


def test_a_limit_for_each_address_lets_the_same_attack_through():
    assert traces.by_address(traces.FOUR_HOURS).attack_sent == 240_000


def test_whoever_answers_is_stopped_by_the_budget():
    """Numbers that are the attacker's own can answer."""
    caps = Caps(budget_messages=500, budget_cost=8_000_000)
    outcome = traces.guarded(traces.Attack(20_000, 4 * traces.HOUR, 10_000), caps, warm_days=0, answers=True)
    assert outcome.most_of_a_day == 500
