"""What differs between two versions of a rule's conditions: whatever changed is visible, down to the spelling."""

from typing import Any

import pytest
from hypothesis import given

from rules.condition_changes import ADDED, GONE, KEPT, Side, compare, to_json
from rules.registry import CustomPoint
from rules.types import NUMBER, TEXT
from tests.rules import cases
from tests.rules.cases import CUSTOM_POINTS, conditions

AMOUNT = CustomPoint("amount", NUMBER, "action")
ANONYMOUS = cases.compare("==", "ip.isAnonymous", True)
LARGE = cases.compare(">", "custom.amount", 2000)
LARGER = cases.compare(">", "custom.amount", 5000)
NEW_DEVICE = cases.compare("==", "device.isNew", True)


def changed(before: Any, after: Any, *, points: Any = (AMOUNT,)) -> Any:
    change = compare(Side(before, points), Side(after, points))
    assert change
    return change


def marked(change: Any) -> list[tuple[str, int, str]]:
    return [(line.mark, line.depth, line.text) for line in change.lines]


@given(conditions, conditions)
def test_conditions_are_the_same_if_and_only_if_their_json_is(before, after):
    found = compare(Side(before, CUSTOM_POINTS), Side(after, CUSTOM_POINTS))
    assert (found is None) is (to_json(before) == to_json(after))


@given(conditions, conditions)
def test_taking_the_added_lines_away_leaves_the_old_conditions_and_the_other_way_round(before, after):
    found = compare(Side(before, CUSTOM_POINTS), Side(after, CUSTOM_POINTS))
    if found and found.lines:
        for conditions, other in ((before, ADDED), (after, GONE)):
            whole = changed(None, {"and": [conditions, ANONYMOUS, NEW_DEVICE]}, points=CUSTOM_POINTS).lines[1:-2]
            kept = [(line.depth, line.text) for line in found.lines if line.mark != other]
            assert kept == [(line.depth - 1, line.text) for line in whole]


@given(conditions, conditions)
def test_a_change_of_meaning_can_be_seen(before, after):
    found = compare(Side(before, CUSTOM_POINTS), Side(after, CUSTOM_POINTS))
    if found and not found.is_spelling:
        seen = [(line.text, line.detail) for line in found.lines if line.mark != GONE]
        was = [(line.text, line.detail) for line in found.lines if line.mark != ADDED]
        assert found.before != found.after or seen != was


def test_one_condition_is_two_sentences():
    change = changed({"and": [LARGE]}, {"and": [LARGER]})
    assert (change.before, change.after) == ("amount is greater than 2,000", "amount is greater than 5,000")
    assert not change.lines


def test_nested_conditions_are_told_line_by_line():
    before = {"and": [ANONYMOUS, {"or": [LARGE, NEW_DEVICE]}]}
    after = {
        "and": [ANONYMOUS, {"or": [LARGER, NEW_DEVICE]}, {"!": {"or": [cases.compare("==", "device.isBot", True)]}}]
    }
    assert marked(changed(before, after)) == [
        (KEPT, 0, "All of these hold"),
        (KEPT, 1, "IP is anonymous"),
        (KEPT, 1, "Any of these holds"),
        (GONE, 2, "amount is greater than 2,000"),
        (ADDED, 2, "amount is greater than 5,000"),
        (KEPT, 2, "Device is new"),
        (ADDED, 1, "Not the following"),
        (ADDED, 2, "Any of these holds"),
        (ADDED, 3, "Device is a bot"),
    ]


def test_what_changed_far_down_a_long_list_is_told():
    codes = [f"{first}{second}" for first in "ABCD" for second in "ABCDEFGH"]
    before = cases.compare("in", "ip.countryCode", codes)
    change = changed(before, cases.compare("in", "ip.countryCode", [*codes[:20], "ZZ", *codes[21:]]))
    assert change.before == change.after
    assert [line.detail for line in change.lines] == ["", 'Added: "ZZ". Removed: "CE".']
    shuffled = changed(before, cases.compare("in", "ip.countryCode", codes[::-1]))
    assert shuffled.lines[-1].detail == "The same values, written differently."


def test_points_of_one_name_are_told_apart_by_their_keys():
    point = CustomPoint("Username", TEXT, "action")
    change = changed(
        cases.compare("==", "user.username", "x"), cases.compare("==", "custom.Username", "x"), points=[point]
    )
    assert change.before == change.after
    assert [line.detail for line in change.lines] == ["user.username", "custom.Username"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ANONYMOUS, {"==": [{"var": ["ip.isAnonymous"]}, True]}),
        ({"and": [ANONYMOUS]}, {"and": [{"==": [{"var": ["ip.isAnonymous"]}, True]}]}),
        ({"!": ANONYMOUS}, {"!": [ANONYMOUS]}),
        ({"and": [ANONYMOUS]}, {"or": [ANONYMOUS]}),
        (None, {"and": []}),
    ],
)
def test_another_spelling_is_told_as_one(before, after):
    change = changed(before, after)
    assert change.is_spelling
    assert change.before == change.after
    assert not change.lines


def test_two_ways_to_say_the_same_are_told_apart_by_how_they_are_written():
    change = changed(ANONYMOUS, cases.compare("!=", "ip.isAnonymous", False))
    assert change.before == change.after
    assert [line.detail for line in change.lines] == [
        '["ip.isAnonymous", "==", true]',
        '["ip.isAnonymous", "!=", false]',
    ]


def test_true_and_one_are_not_the_same():
    assert not changed(cases.compare("==", "custom.amount", 1), cases.compare("==", "custom.amount", True)).is_spelling


def test_what_cannot_be_read_is_shown_as_it_is_written():
    gone = {"and": [ANONYMOUS, cases.compare(">", "custom.gone", 1)]}
    change = changed(gone, {"and": [ANONYMOUS, cases.compare(">", "custom.gone", 2)]})
    assert change.before == change.after
    assert [line.text for line in change.lines if line.mark != KEPT] == [
        'A condition that cannot be read: {">": [{"var": "custom.gone"}, 1]}',
        'A condition that cannot be read: {">": [{"var": "custom.gone"}, 2]}',
    ]


def test_what_cannot_be_read_and_is_long_is_cut_off_but_not_taken_for_the_same():
    before, after = ({"gone": ["x" * 300 + last]} for last in "ab")
    assert [line.detail for line in changed(before, after).lines] == ["Different further on."] * 2
