"""The typed inputs of a row, what is wrong with them, and what follows in a row when it is changed."""

import pytest
from django.http import QueryDict

from rules.drawing import draw
from rules.following import suited
from rules.forms import (
    read_fields,
    write,
)
from rules.inputs import Input
from rules.velocity_fields import START, VelocityFields
from tests.rules.built import OWN, POINTS, children, condition, only_row, rows

# -- typed inputs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (condition("ip.countryCode", "==", "NZ"), Input.ONE),
        (condition("ip.countryCode", "in", "NZ\nau"), Input.SEVERAL),
        (condition("time.weekday", "!=", ""), Input.ONE),
        (condition("time.weekday", "notIn", "MONDAY"), Input.SEVERAL),
        (condition("time.weekday", "contains", "DAY"), Input.TEXT),
        (condition("custom.note", "in", "a\nb"), Input.LINES),
        (condition("ip.address", "ipInCidr", "10.0.0.0/8"), Input.LINES),
        (condition("user.email", "inList", ""), Input.VALUE_LIST),
        (condition("custom.note", "before", ""), Input.MOMENT),
        (condition("custom.note", "before", "2026-01-31T09:30Z"), Input.MOMENT),
        (condition("custom.note", "before", "2026-01-31T09:30:15Z"), Input.TEXT),
        (condition("custom.note", "before", "2026-02-31"), Input.TEXT),
        (condition("custom.note", "olderThan", "30d"), Input.AGE),
        (condition("custom.note", "olderThan", "a month"), Input.TEXT),
        (condition("custom.note", "==", "two\nlines"), Input.LINES),
        (condition("custom.amount", "between", "1", high="2"), Input.RANGE),
        (condition("custom.amount", ">", "1"), Input.NUMBER),
        (condition("ip.isAnonymous", "==", "true"), Input.BOOLEAN),
        (condition("device.id", "isEmpty", ""), Input.NOTHING),
    ],
)
def test_a_row_wears_the_input_of_its_operator_and_kind(row, wanted):
    assert only_row(row).input == wanted


def test_countries_are_shown_by_code_and_name():
    row = only_row(condition("ip.countryCode", "in", "NZ"))
    assert row.options[0].label == "NZ New Zealand"
    assert len(row.options) > 200


def test_what_is_chosen_comes_first_as_it_is_written():
    row = only_row(condition("ip.countryCode", "in", "nz\nAU\nXX"))
    assert [(one.value, one.is_chosen) for one in row.options[:4]] == [
        ("nz", True), ("AU", True), ("XX", True), ("AF", False),
    ]  # fmt: skip


def test_only_lists_of_the_right_type_are_offered_and_a_lost_one_stays():
    assert [one.value for one in only_row(condition("custom.amount", "inList", "gone")).options] == ["gone", "codes"]
    assert [one.value for one in only_row(condition("user.email", "inList", "")).options] == ["blocked-emails"]


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (condition("user.email", "inList", ""), "Choose a value list."),
        (condition("user.email", "inList", "gone"), 'There is no value list "gone"'),
        (condition("custom.amount", "inList", "blocked-emails"), "holds texts"),
        (condition("custom.note", "olderThan", "30"), "Write an age"),
        (condition("custom.note", "before", "soon"), "Write a date or time"),
        (condition("custom.note", "matches", "a("), "no regular expression"),
        (condition("custom.note", "==", "two\nlines"), "on one line"),
        (condition("custom.note", "==", "in\u200bvisible"), "cannot be seen"),
        (condition("velocity.sum:.user.this.1h", ">", "5"), "Choose which number."),
        (condition("velocity.sum:note.user.this.1h", ">", "5"), "Define note as a number"),
        (condition("velocity.count.user.action:.1h", ">", "5"), "Tick at least one kind of action."),
        (condition("velocity.count.user.this.h", ">", "5"), "Write how far back to look."),
        (condition("velocity.count.user.this.91d", ">", "5"), "the window is 1m to 90d"),
        (condition("velocity.users.user.any.1h", ">", "5"), "choose another scope"),
        (condition("velocity.count.user.this.1h", ">", "10001"), "at most 10,000"),
        (condition("custom.gone", ">", ""), 'There is no data point "custom.gone"'),
    ],
)
def test_a_wrong_typed_row_is_told_what_to_do(row, wanted):
    assert wanted in only_row(row, demand=True).problem


def test_a_velocity_that_cannot_be_is_told_of_at_once_and_one_that_is_unfinished_later():
    assert only_row(condition("velocity.users.user.any.1h", ">", "")).problem
    assert not only_row(condition("velocity.sum:.user.this.1h", ">", "")).problem


def test_choosing_velocity_begins_with_the_usual_one():
    form = QueryDict("node=0..g&node=1.0.c&n1-point=velocity&n1-operator=%3E")
    [row] = children(read_fields(form))
    assert row.point == "velocity.count.user.this.1h"
    assert all(VelocityFields.of(key) for key in START.values())


def test_a_row_of_a_data_point_that_is_gone_keeps_its_numbers():
    stored = {"and": [{">": [{"var": "custom.gone"}, 5]}, {"in": [{"var": "custom.lost"}, [1, "1", "a"]]}]}
    root = draw(stored, custom_points=POINTS)
    assert root is not None
    assert write(root, custom_points=POINTS).conditions == stored


def test_brackets_left_out_stay_out_only_where_they_may():
    row = condition("ip.address", "ipInCidr", "10.0.0.0/8", alone=True)
    assert write(rows(row)).conditions == {"and": [{"ipInCidr": [{"var": "ip.address"}, "10.0.0.0/8"]}]}
    other = condition("ip.address", "in", "10.0.0.1", alone=True)
    assert write(rows(other)).conditions == {"and": [{"in": [{"var": "ip.address"}, ["10.0.0.1"]]}]}


# -- what follows from a change ------------------------------------------------------------------


def test_the_rest_of_a_row_follows_a_data_point_that_was_just_chosen():
    root = rows(
        condition("ip.isAnonymous", ">", "10"), condition("custom.note", "contains", "x"), condition("", ">", ""),
        condition("ip.countryCode", "==", "2000"), condition("custom.amount", ">", "5"),
    )  # fmt: skip
    suited(root, OWN, dict.fromkeys(range(9), "custom.amount|>"))
    assert [(row.operator, row.value) for row in children(root)] == [
        ("==", "true"), ("contains", "x"), (">", ""), ("==", ""), (">", "5"),
    ]  # fmt: skip


def test_a_choice_that_a_newly_chosen_operator_does_not_have_is_taken_back():
    root = rows(condition("user.email", "inList", "x@y.z"), condition("ip.countryCode", "in", "NZ"))
    suited(root, OWN, {1: "user.email|==", 2: "ip.countryCode|=="})
    assert [row.value for row in children(root)] == ["", "NZ"]


def test_rows_that_nobody_touched_stay_right_or_wrong():
    """A data point that changed its type must not change what a stored rule says."""
    wrong = [condition("custom.note", ">", "5"), condition("ip.isAnonymous", "==", "yes")]
    root = rows(*wrong)
    suited(root, OWN, {1: "custom.note|>", 2: "ip.isAnonymous|=="})
    assert [(row.operator, row.value) for row in children(root)] == [(">", "5"), ("==", "yes")]
