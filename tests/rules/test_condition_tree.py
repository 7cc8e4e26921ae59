"""Conditions are checked when saved: every error at its node, every limit kept, nothing ever crashes."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.condition_tree import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_LIST,
    MAX_NODES,
    Comparison,
    ConditionsError,
    EmptyConditions,
    Group,
    Not,
    Unreadable,
    check,
    read,
    write,
)
from rules.operators import OPERATORS
from tests.rules.cases import CUSTOM_POINTS, compare, conditions

ANONYMOUS = compare("==", "ip.isAnonymous", True)
LARGE = compare(">", "custom.amount", 2000)


def problems(raw: object) -> list[tuple[str, str]]:
    with pytest.raises(ConditionsError) as error:
        check(raw, custom_points=CUSTOM_POINTS)
    assert not isinstance(error.value, EmptyConditions)
    return [(problem.path, problem.message) for problem in error.value.problems]


def test_the_published_sample_is_read() -> None:
    tree = check({"and": [{"==": [{"var": "ip.isAnonymous"}, False]}]})
    assert isinstance(tree, Group)
    [child] = tree.children
    assert isinstance(child, Comparison)
    assert (child.path, child.point.key, child.operator.name, child.literal) == (
        "conditions.and[0]",
        "ip.isAnonymous",
        "==",
        False,
    )


@pytest.mark.parametrize("raw", [None, {}, {"and": []}, {"or": []}])
def test_no_conditions_are_told_apart_from_wrong_ones(raw: object) -> None:
    with pytest.raises(EmptyConditions, match="Add at least one condition, or switch the rule off"):
        check(raw)
    assert read(raw) == (None, ())


@pytest.mark.parametrize("raw", [ANONYMOUS, {"!": ANONYMOUS}, {"!": [ANONYMOUS]}, {"or": [ANONYMOUS]}])
def test_a_root_may_be_a_group_a_negation_or_a_comparison(raw: object) -> None:
    assert check(raw)


def test_a_data_point_may_be_named_in_a_list_of_one() -> None:
    assert check({"==": [{"var": ["ip.isAnonymous"]}, True]})


@pytest.mark.parametrize("row", [row for row in OPERATORS.values() if row.negated], ids=lambda row: row.name)
@pytest.mark.parametrize("in_list", [True, False])
def test_a_negated_comparison_is_one_row_of_the_builder(row: Any, in_list: bool) -> None:
    value: Any = {"notIn": ["a"], "containsNone": ["a"], "notIpInCidr": ["10.0.0.0/8"]}.get(row.name, "a")
    key = {"notIpInCidr": "ip.address", "containsNone": "custom.tags"}.get(row.name, "device.id")
    written = write(row.name, key, value)
    tree = check({"and": [{"!": [written["!"]]} if in_list else written]}, custom_points=CUSTOM_POINTS)
    [child] = tree.children  # type: ignore[union-attr]
    assert (child.operator, child.path) == (row, "conditions.and[0]")


def test_a_negated_equality_and_a_negated_group_stay_negations() -> None:
    assert isinstance(check({"!": ANONYMOUS}), Not)
    assert isinstance(check({"!": {"and": [ANONYMOUS]}}), Not)


@given(conditions)
def test_reading_leaves_the_json_untouched(raw: Any) -> None:
    before = copy.deepcopy(raw)
    check(raw, custom_points=CUSTOM_POINTS)
    assert raw == before


SAMPLE = '{"==": [{"var": "ip.isAnonymous"}, true]}'
ONE_OPERATION = f"Write an object with one operation, such as {SAMPLE}."
ONE_NAME = 'Write {"var": "<data point>"}, with one name and without a default.'
VALUE_FORM = 'Write the operands as [{"var": "<data point>"}, <value>].'
DOES_NOT = '"{}" does not work on {}. Use one of:'
EQUALITY = '"==", "!=", "in" with a list, "in" with a value list, "missing"'
NUMERIC = '"==", "!=", ">", "<", ">=", "<=", "<=" with two bounds, "in" with a list, "in" with a value list, "missing"'
CHOOSE = "Choose a data point from the list of the rule builder."
DEFINE = "Define it as a custom data point first, or correct its name."
LIST_FORM = '[{"var": "<data point>"}, [<value>, …]]'
MEMBER_FORM = '[<value>, {"var": "<data point>"}]'
RANGE_FORM = '[<lowest>, {"var": "<data point>"}, <highest>]'
NAMED_FORM = '[{"var": "<data point>"}, {"var": "lists.<list>"}]'
CHOICES = '"in" with the value first, "containsAny" with a list, "containsAll" with a list, "missing"'
OPERATIONS = (
    "and, or, !, ==, !=, >, <, >=, <=, in, containsAny, containsAll, startsWith, endsWith, matches, ipInCidr, "
    "before, after, olderThan, newerThan, missing"
)


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        ([], "conditions", ONE_OPERATION),
        ("x", "conditions", ONE_OPERATION),
        (True, "conditions", ONE_OPERATION),
        ({"and": [{}]}, "conditions.and[0]", ONE_OPERATION),
        ({"and": [ANONYMOUS | LARGE]}, "conditions.and[0]", ONE_OPERATION),
        ({"and": [ANONYMOUS, None]}, "conditions.and[1]", ONE_OPERATION),
        (
            {"and": ANONYMOUS},
            "conditions.and",
            "Write a list of conditions in brackets, not an object.",
        ),
        (
            {"or": [{"and": []}]},
            "conditions.or[0].and",
            "Add a condition to this group, or remove the group.",
        ),
        (
            {"!": [ANONYMOUS, LARGE]},
            "conditions.!",
            'Negate one condition; join several by "and" or "or" first.',
        ),
        ({"!": []}, "conditions.!", 'Negate one condition; join several by "and" or "or" first.'),
        ({"!": None}, "conditions.!", ONE_OPERATION),
        ({"!": [{"!": [3]}]}, "conditions.![0].![0]", ONE_OPERATION),
        (
            {"and": [{"regex": ["a", "b"]}]},
            "conditions.and[0]",
            f'There is no operation "regex". Use one of: {OPERATIONS}.',
        ),
        ({"===": [1, 1]}, "conditions", f'There is no operation "===". Use one of: {OPERATIONS}.'),
        (
            {"x" * 100_000: 1},
            "conditions",
            f'There is no operation "{"x" * 59}…". Use one of: {OPERATIONS}.',
        ),
        (
            {"!": {"var": "device.isBot"}},
            "conditions.!",
            'Compare the data point with a value, such as {"==": [{"var": "device.isBot"}, true]}.',
        ),
        (
            {"var": 1},
            "conditions",
            'Compare the data point with a value, such as {"==": [{"var": "<data point>"}, true]}.',
        ),
        ({"==": True}, "conditions.==", VALUE_FORM),
        ({"==": []}, "conditions.==", VALUE_FORM),
        ({"==": [{"var": "ip.isAnonymous"}]}, "conditions.==", VALUE_FORM),
        ({"==": [{"var": "ip.isAnonymous"}, True, True]}, "conditions.==", VALUE_FORM),
        ({"==": [1, 1]}, "conditions.==", VALUE_FORM),
        (
            {">": [2000, {"var": "custom.amount"}]},
            "conditions.>",
            'Write the data point first: {"<": [{"var": "<data point>"}, <value>]}.',
        ),
        (
            {"<=": [1, 2, 3]},
            "conditions.<=",
            f"{VALUE_FORM[:-1]} or {RANGE_FORM}.",
        ),
        ({"<": [1, {"var": "custom.amount"}, 3]}, "conditions.<", VALUE_FORM),
        (
            {"in": ["NZ", ["NZ"]]},
            "conditions.in",
            f"Write the operands as {LIST_FORM} or {NAMED_FORM} or {MEMBER_FORM}.",
        ),
        ({"==": [{"var": "ip.isAnonymous", "x": 1}, True]}, "conditions.==[0]", ONE_NAME),
        ({"==": [{"var": ["ip.isAnonymous", False]}, True]}, "conditions.==[0]", ONE_NAME),
        ({"==": [{"var": None}, True]}, "conditions.==[0]", ONE_NAME),
        ({"==": [{"var": {"var": "ip.address"}}, True]}, "conditions.==[0]", ONE_NAME),
        (
            compare("==", "ip.isAnonymus", True),
            "conditions.==[0]",
            f'There is no data point "ip.isAnonymus". {CHOOSE} Did you mean ip.isAnonymous?',
        ),
        (
            {"in": ["a", {"var": "custom.nothing"}]},
            "conditions.in[1]",
            f'There is no data point "custom.nothing". {DEFINE}',
        ),
        (
            compare(">", "ip.countryCode", "NZ"),
            "conditions.>",
            f"{DOES_NOT.format('is greater than', 'ip.countryCode, which is a country')} {EQUALITY}.",
        ),
        (
            compare("==", "custom.tags", "a"),
            "conditions.==",
            f"{DOES_NOT.format('is', 'custom.tags, which is a set of choices')} {CHOICES}.",
        ),
        (
            compare("startsWith", "custom.amount", "2"),
            "conditions.startsWith",
            f"{DOES_NOT.format('starts with', 'custom.amount, which is a number')} {NUMERIC}.",
        ),
        (
            {"and": [ANONYMOUS, compare(">", "custom.amount", "2000")]},
            "conditions.and[1].>[1]",
            'Write a number, such as 2000, not the text "2000".',
        ),
        (
            {"!": {"in": [{"var": "ip.countryCode"}, ["NZ", "USA"]]}},
            "conditions.!.in[1][1]",
            'Write a two-letter country code, such as "NZ", not the text "USA".',
        ),
        (
            {"!": [{"in": [{"var": "device.id"}, "abc"]}]},
            "conditions.![0].in[1]",
            'Write a list in square brackets, not the text "abc".',
        ),
        (
            {"in": [{"var": "device.id"}, []]},
            "conditions.in[1]",
            "Write at least one value: nothing is in an empty list.",
        ),
        (
            {"in": [{"var": "device.id"}, {"var": "user.userId"}]},
            "conditions.in[1]",
            "Write a list in square brackets, not another data point.",
        ),
        (
            compare("==", "custom.amount", {"var": "device.count"}),
            "conditions.==[1]",
            "Write a number, such as 2000, not another data point.",
        ),
        (
            compare("==", "device.id", None),
            "conditions.==[1]",
            'Write text in quotes, such as "bank", not null.',
        ),
        (
            {"in": ["", {"var": "device.id"}]},
            "conditions.in[0]",
            "Write at least one character: empty text is in every text.",
        ),
        (
            compare("startsWith", "device.id", ""),
            "conditions.startsWith[1]",
            "Write at least one character: empty text is in every text.",
        ),
        (
            {"<=": [5, {"var": "custom.amount"}, 1]},
            "conditions.<=",
            "Write the lower bound first: the number 5 is above the number 1.",
        ),
        (
            {"<=": [1, {"var": "custom.amount"}, True]},
            "conditions.<=[2]",
            "Write a number, such as 2000, not true.",
        ),
        (
            {"ipInCidr": [{"var": "ip.address"}, ["10.0.0.0/8", "10.0.0.1/8"]]},
            "conditions.ipInCidr[1][1]",
            'Write "10.0.0.0/8": the text "10.0.0.1/8" has bits set after its prefix.',
        ),
        (
            {"ipInCidr": [{"var": "ip.address"}, 8]},
            "conditions.ipInCidr[1]",
            "Write a list in square brackets, not the number 8.",
        ),
    ],
)
def test_an_error_names_its_node_and_says_what_to_do(raw: object, path: str, message: str) -> None:
    assert problems(raw) == [(path, message)]


def test_all_errors_are_reported_in_reading_order() -> None:
    raw = {
        "and": [
            compare(">", "ip.isAnonymous", 1),
            LARGE,
            {"or": [{"nope": 1}, {"<=": ["1", {"var": "custom.amount"}, "2"]}, {"!": {"and": [7]}}]},
            compare("==", "custom.nothing", 1),
        ]
    }
    assert [path for path, _ in problems(raw)] == [
        "conditions.and[0].>",
        "conditions.and[2].or[0]",
        "conditions.and[2].or[1].<=[0]",
        "conditions.and[2].or[1].<=[2]",
        "conditions.and[2].or[2].!.and[0]",
        "conditions.and[3].==[0]",
    ]


def test_the_text_of_an_error_lists_every_problem_with_its_path() -> None:
    with pytest.raises(ConditionsError, match=r"^conditions\.and\[0\]: Write .*\nconditions\.and\[1\]: Write "):
        check({"and": [1, 2]})


def test_a_long_list_of_wrong_values_is_explained_by_its_first_ones() -> None:
    found = problems({"in": [{"var": "custom.amount"}, ["x"] * 1_000]})
    assert [path for path, _ in found[:10]] == [f"conditions.in[1][{position}]" for position in range(10)]
    assert found[10:] == [("conditions.in[1]", "990 more items of this list are wrong in the same way.")]


def nested(levels: int) -> Any:
    raw: Any = ANONYMOUS
    for _ in range(levels - 1):
        raw = {"and": [raw]}
    return raw


def test_conditions_may_be_nested_up_to_the_limit_and_not_deeper() -> None:
    assert check(nested(MAX_DEPTH))
    [(path, message)] = problems(nested(MAX_DEPTH + 1))
    assert path == "conditions" + ".and[0]" * MAX_DEPTH
    assert message == "Nest conditions at most 16 levels deep, or split the rule."


def test_negations_count_as_levels() -> None:
    raw: Any = {"in": [{"var": "device.id"}, ["a"]]}
    for _ in range(MAX_DEPTH - 1):
        raw = {"!": raw}
    assert check(raw)
    assert problems({"!": raw}) == [
        ("conditions" + ".!" * MAX_DEPTH, "Nest conditions at most 16 levels deep, or split the rule.")
    ]


@pytest.mark.parametrize("wrap", [lambda raw: {"and": [raw]}, lambda raw: {"!": raw}, lambda raw: {"!": [raw]}])
def test_a_bomb_of_nesting_is_refused_without_exhausting_the_stack(wrap: Any) -> None:
    raw: Any = ANONYMOUS
    for _ in range(100_000):
        raw = wrap(raw)
    assert len(problems(raw)) == 1


@pytest.mark.parametrize(
    "condition",
    [
        lambda bomb: {"==": [{"var": "device.id"}, bomb]},
        lambda bomb: {"==": [{"var": bomb}, True]},
        lambda bomb: {"in": [{"var": "device.id"}, bomb]},
        lambda bomb: {"in": [{"var": "device.id"}, ["a", bomb]]},
        lambda bomb: {"in": [bomb, {"var": "device.id"}]},
        lambda bomb: {"and": bomb},
        lambda bomb: {"!": bomb},
        lambda bomb: {"nope": bomb},
    ],
)
def test_a_bomb_inside_an_operand_is_refused_too(condition: Any) -> None:
    bomb: Any = []
    for _ in range(100_000):
        bomb = [bomb]
    assert problems(condition(bomb))


def test_conditions_may_have_as_many_nodes_as_the_limit_and_not_more() -> None:
    assert check({"or": [ANONYMOUS] * (MAX_NODES - 1)})
    assert problems({"or": [ANONYMOUS] * MAX_NODES}) == [
        (f"conditions.or[{MAX_NODES - 1}]", "Use at most 200 conditions and groups, or split the rule.")
    ]


def test_a_negated_row_counts_as_the_two_nodes_it_is_written_as() -> None:
    negated = {"!": {"in": [{"var": "device.id"}, ["a"]]}}
    assert check({"or": [ANONYMOUS] + [negated] * ((MAX_NODES - 2) // 2)})
    assert problems({"or": [ANONYMOUS, ANONYMOUS] + [negated] * ((MAX_NODES - 2) // 2)})


def test_a_million_nodes_are_refused_by_one_problem() -> None:
    wide = {"or": [{"and": [ANONYMOUS] * 1_000}] * 1_000}
    assert len(problems(wide)) == 1


def test_a_list_may_be_as_long_as_the_limit_and_not_longer() -> None:
    assert check({"in": [{"var": "custom.amount"}, [1] * MAX_LIST]}, custom_points=CUSTOM_POINTS)
    assert problems({"in": [{"var": "custom.amount"}, [1] * (MAX_LIST + 1)]}) == [
        ("conditions.in[1]", "Use at most 10,000 values in a list, or make it a value list.")
    ]


@pytest.mark.parametrize("letter", ["x", "€"])
def test_conditions_may_be_as_large_as_the_limit_and_not_larger(letter: str) -> None:
    def of_size(size: int) -> dict[str, Any]:
        raw = compare("==", "device.id", "")
        space = size - len(json.dumps(raw, separators=(",", ":")))
        width = len(letter.encode())
        return compare("==", "device.id", letter * (space // width) + "x" * (space % width))

    assert check(of_size(MAX_BYTES))
    [(path, message)] = problems(of_size(MAX_BYTES + 1))
    assert path == "conditions"
    assert message == "Shorten the conditions to 65,536 bytes: make long lists value lists, or split the rule."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just({"var": "ip.address"}),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["and", "or", "!", "var", *OPERATORS]) | st.text(), inner, max_size=2)
    ),
    max_leaves=30,
)


@given(json_values)
def test_any_json_is_either_read_or_refused_with_problems(raw: Any) -> None:
    tree, found = read(raw, custom_points=CUSTOM_POINTS)
    if tree is None or found:
        with pytest.raises(ConditionsError):
            check(raw, custom_points=CUSTOM_POINTS)
    else:
        assert check(raw, custom_points=CUSTOM_POINTS) == tree


@given(conditions)
def test_random_sound_conditions_have_no_problems(raw: Any) -> None:
    assert check(raw, custom_points=CUSTOM_POINTS)


def test_a_condition_on_a_removed_data_point_leaves_the_others_readable() -> None:
    tree, found = read({"or": [ANONYMOUS, LARGE]}, custom_points=())
    assert [problem.path for problem in found] == ["conditions.or[1].>[0]"]
    first, second = tree.children  # type: ignore[union-attr]
    assert isinstance(first, Comparison)
    assert isinstance(second, Unreadable)
