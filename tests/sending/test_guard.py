"""The guard's judgement on what it is told, and nothing else."""

import ast
from pathlib import Path

import pytest

from authenticators import guard
from authenticators.guard import DAY, HOUR, MINUTE, Caps, Pause, Reason, Sent, Standing, State

CAPS = Caps(budget_messages=1000, budget_cost=1_000_000)
NOW = 1_000 * DAY + 5 * HOUR


def sent(count, *, ago, proven=False, number="n", standing=Standing.NEWCOMER):
    return [Sent(NOW - ago, proven, f"{number}{place}", standing) for place in range(count)]


def decide(**told):
    return guard.decide(State(at=NOW, prefix="p", country="NZ", price=1000, **{"is_known": False} | told), CAPS)


def limits(verdict):
    return {charge.scope: charge.messages for charge in verdict.charges}


def test_it_asks_neither_django_nor_the_clock():
    tree = ast.parse(Path(guard.__file__).read_text())
    names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert set(names) == {"collections.abc", "dataclasses", "enum"}


def test_a_newcomer_is_charged_to_prefix_country_and_a_share_of_the_budget():
    assert limits(decide()) == {
        "budget": 1000,
        "country:NZ": 200,
        "newcomers": 250,
        "newcomers:NZ": 100,
        "prefix:p": 10,
        "sent:NZ": None,
    }


def test_a_known_number_is_charged_to_the_budget_alone():
    known = decide(is_known=True, prefix_pause=Pause(NOW + HOUR, 1), of_prefix=sent(20, ago=HOUR))
    assert limits(known) == {"budget": 1000, "sent:NZ": None}


def test_a_prefix_where_three_numbers_answered_earns_room():
    verdict = decide(of_prefix=sent(3, ago=20 * DAY, proven=True))
    assert (verdict.standing, limits(verdict)["prefix:p"]) == (Standing.TRUSTED, 50)
    assert decide(of_prefix=sent(3, ago=31 * DAY, proven=True)).standing == Standing.NEWCOMER


def test_one_number_that_answers_often_earns_its_prefix_nothing():
    assert decide(of_prefix=3 * sent(1, ago=HOUR, proven=True)).standing == Standing.NEWCOMER


def test_three_numbers_without_an_answer_make_a_prefix_suspect_and_one_that_asks_often_does_not():
    verdict = decide(of_prefix=sent(3, ago=MINUTE))
    assert (verdict.standing, limits(verdict)["prefix:p"]) == (Standing.SUSPECT, 2)
    assert decide(of_prefix=6 * sent(1, ago=MINUTE)).standing == Standing.NEWCOMER


@pytest.mark.parametrize(("ago", "refused"), [(9 * MINUTE, None), (10 * MINUTE, Reason.PAUSED)])
def test_an_alarm_waits_until_a_code_could_have_been_answered(ago, refused):
    assert decide(of_prefix=sent(5, ago=ago)).refused == refused


@pytest.mark.parametrize(("answered", "refused"), [(1, None), (0, Reason.PAUSED)])
def test_a_prefix_is_paused_for_an_hour_when_less_than_a_fifth_answers(answered, refused):
    history = sent(5 - answered, ago=HOUR) + sent(answered, ago=HOUR, proven=True, number="m")
    verdict = decide(of_prefix=history)
    assert verdict.refused == refused
    if refused:
        assert verdict.until == NOW + HOUR
        assert [(alarm.settled, alarm.proven) for alarm in verdict.alarms] == [(5, 0)]


def test_after_a_pause_only_what_came_later_counts_and_the_next_one_is_longer():
    history = sent(5, ago=2 * HOUR)
    assert decide(of_prefix=history, prefix_pause=Pause(NOW - HOUR, 1)).refused is None
    again = decide(of_prefix=sent(5, ago=MINUTE * 30), prefix_pause=Pause(NOW - HOUR, 1))
    assert again.until == NOW + 2 * HOUR
    assert guard.next_pause(Pause(NOW - HOUR, 20), NOW).until == NOW + DAY
    assert guard.next_pause(Pause(NOW - DAY, 3), NOW) == Pause(NOW + HOUR, 1)


def test_a_country_that_does_not_answer_is_open_to_one_newcomer_a_prefix_and_to_no_suspect():
    silent = {"of_country": sent(40, ago=HOUR)}
    verdict = decide(**silent)
    assert [alarm.scope for alarm in verdict.alarms] == ["country:NZ"]
    assert (verdict.refused, limits(verdict)["prefix:p"]) == (None, 1)
    assert decide(of_prefix=sent(3, ago=MINUTE), **silent).refused == Reason.ATTACK
    trusted = decide(of_prefix=sent(3, ago=DAY, proven=True), **silent)
    assert (trusted.refused, limits(trusted)["prefix:p"]) == (None, 50)


@pytest.mark.parametrize(
    ("proven", "enrolled", "known"),
    [
        ([], False, False),
        ([], True, True),
        ([False, False], True, True),
        ([False, False, False], True, False),
        ([True], False, True),
        ([False, False, True], False, True),
        ([False, False, False, True], False, False),
    ],
)
def test_a_number_is_known_as_long_as_it_answers_one_in_three(proven, enrolled, known):
    assert guard.is_known(proven, enrolled=enrolled) is known


def test_a_limit_in_a_window_lets_no_more_through_than_the_hard_cap():
    assert guard.most_within(((300, 10), (3600, 20)), 600) == 20
    assert guard.most_within(((300, 10), (3600, 20)), 60) == 10
