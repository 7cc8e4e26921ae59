"""Rows of the builder and JsonLogic: the same thing, written twice."""

import json
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from rules import condition_tree
from rules.builder import Builder
from rules.buttons import FULL, TOO_DEEP, Refused, press
from rules.drawing import draw, redraw
from rules.engine import RuleSpec, explain
from rules.forms import (
    MAX_GROUPS_DEEP,
    MAX_ROWS,
    Condition,
    Garbled,
    Group,
    Node,
    read_fields,
    walk,
    write,
)
from rules.inputs import choices
from rules.operators import ALONE, LIST, NAMED, OPERATORS, RANGE, Operator, of_kind
from rules.registry import by_key, lookup
from rules.types import BOOLEAN, COUNTRY, IP, MULTISELECT, NUMBER, TEXT
from rules.velocity import MAX_THRESHOLD, PREFIX, SCOPES, UNITS
from rules.velocity_fields import ACTIONS, CHOSEN, WHAT, VelocityFields
from tests.rules.built import KEYS, OWN, POINTS, condition, rows, sent, shape, through_the_page

# -- round trips ---------------------------------------------------------------------------------

WORD = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
PHRASE = st.builds(" ".join, st.lists(WORD, min_size=1, max_size=3))
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
ADDRESSES = st.ip_addresses().map(str)
NETWORKS = st.ip_addresses(v=4).map(lambda address: f"{address}/32")
VALUES = {
    TEXT: PHRASE,
    NUMBER: NUMBERS.map(repr),
    BOOLEAN: st.sampled_from(["true", "false"]),
    COUNTRY: st.sampled_from(["NZ", "au", "US", "De"]),
    IP: ADDRESSES,
    MULTISELECT: PHRASE.filter(lambda text: text[0] not in '"-.0123456789')
    | st.integers(0, 99).map(repr)
    | st.just('"3"'),
}
VELOCITIES = st.builds(
    VelocityFields,
    metric=st.sampled_from(list(WHAT)),
    field=st.just("amount"),
    scope=st.sampled_from(list(SCOPES)),
    actions=st.sampled_from(list(ACTIONS)),
    codes=st.lists(st.sampled_from(["signIn", "withdraw", "gone"]), min_size=1, max_size=3, unique=True).map(tuple),
    number=st.integers(1, 90).map(str),
    unit=st.sampled_from(list(UNITS)),
).filter(lambda fields: not fields.problem)
PATTERNS, AGES = ["^a+$", "[0-9]{3}", "(?i)x"], ["15m", "24h", "90d"]
DATES = ["2026-01-31", "2026-01-31T10:00Z", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00+13:00"]
SPECIAL = {
    **dict.fromkeys(["matches", "notMatches"], PATTERNS),
    **dict.fromkeys(["before", "after"], DATES),
    **dict.fromkeys(["olderThan", "newerThan"], AGES),
}


def values_of(key: str, operator: Operator) -> st.SearchStrategy[str]:
    point = lookup(key, by_key(POINTS))
    if operator.symbol == "ipInCidr":
        return NETWORKS
    if operator.name in SPECIAL:
        return st.sampled_from(SPECIAL[operator.name])
    if key.startswith(PREFIX):
        return st.integers(0, MAX_THRESHOLD).map(repr)
    # Values that the list of choices holds, and others.
    return st.sampled_from(list(choices(point))) | VALUES[point.kind] if choices(point) else VALUES[point.kind]


@st.composite
def conditions(draw_from: st.DrawFn) -> Condition:
    key = draw_from(st.sampled_from(KEYS) | VELOCITIES.map(lambda fields: fields.key))
    kind = lookup(key, by_key(POINTS)).kind
    operator = draw_from(st.sampled_from(of_kind(kind)))
    value = values_of(key, operator)
    if operator.shape is RANGE:
        low, high = sorted([draw_from(value), draw_from(value)], key=float)
        return Condition(0, key, operator.name, low, high)
    if operator.shape is LIST:
        items = draw_from(st.lists(value, min_size=1, max_size=4))
        alone = operator.symbol == "ipInCidr" and len(items) == 1 and draw_from(st.booleans())
        return Condition(0, key, operator.name, "\n".join(items), alone=alone)
    if operator.shape is ALONE:
        return Condition(0, key, operator.name)
    if operator.shape is NAMED:
        return Condition(0, key, operator.name, draw_from(st.sampled_from(OWN.lists_for(kind))))
    return Condition(0, key, operator.name, draw_from(value))


def groups(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Group]:
    listed = st.lists(children, min_size=1, max_size=3)
    return st.builds(
        lambda join, negated, nodes: Group(0, join, negated, nodes),
        st.sampled_from(["and", "or"]),
        st.booleans(),
        listed,
    )


TREES = groups(st.recursive(conditions(), groups, max_leaves=8)).map(
    lambda root: rows(*root.children, join=root.join) if not root.negated else _numbered(root)
)


def _numbered(root: Group) -> Group:
    for number, (node, _parent) in enumerate(walk(root)):
        node.ident = number
    return root


@given(TREES)
def test_rows_to_json_and_back_are_the_same_rows(root: Group):
    written = write(root, custom_points=POINTS, lists=OWN.lists)
    assert not written.problems
    drawn = draw(json.loads(json.dumps(written.conditions)), custom_points=POINTS)
    assert drawn is not None
    assert shape(drawn) == shape(root)
    assert write(drawn, custom_points=POINTS).conditions == written.conditions
    condition_tree.check(written.conditions, custom_points=POINTS, lists=OWN.lists)


@given(TREES)
def test_a_form_carries_every_row(root: Group):
    assert shape(read_fields(sent(root))) == shape(root)


@given(TREES)
def test_the_typed_inputs_of_the_page_carry_every_row(root: Group):
    assert shape(read_fields(through_the_page(root))) == shape(root)


# What a reader may have typed into any of the inputs.
TYPED = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12) | st.sampled_from(
    [
        "NZ\n\nAU",
        "NZ\nNZ",
        "nz",
        "\nNZ",
        "30d",
        "d",
        "1.5h",
        "2026-02-31",
        "2026-01-31T25:00Z",
        "T10:00Z",
        "true\n",
        "1\n2",
    ]
)
ANY_KEY = st.sampled_from(
    ["", "velocity", "custom.gone", "velocity.sum:.user.action:.h", "velocity.x.y.z.1.5d", "velocity.count.user.this.1",
     "velocity.count:a.user.this.1h", "velocity.users.user.action:a++b+a.d", "custom.plan", *KEYS]
)  # fmt: skip
ANY_ROW = st.builds(
    Condition, st.just(0), ANY_KEY, st.sampled_from(["", "x", *OPERATORS]), TYPED, TYPED, st.booleans(),
)  # fmt: skip


@given(st.lists(ANY_ROW.filter(lambda row: row.point != CHOSEN and "\n" not in row.high), min_size=1, max_size=3))
def test_no_input_alters_what_was_typed_right_or_wrong(listed: list[Condition]):
    root = rows(*listed)
    assert shape(read_fields(through_the_page(root))) == shape(root)


@given(TREES, st.data())
def test_no_button_breaks_the_tree(root: Group, data: st.DataObject):
    before = sorted(repr(shape(node)) for node, _parent in walk(root) if isinstance(node, Condition))
    button = data.draw(st.sampled_from(["up", "down"]))
    ident = data.draw(st.sampled_from([node.ident for node, _parent in walk(root)]))
    press(root, f"{button}:{ident}")
    after = sorted(repr(shape(node)) for node, _parent in walk(root) if isinstance(node, Condition))
    assert after == before
    assert len({node.ident for node, _parent in walk(root)}) == sum(1 for _ in walk(root))


# -- what cannot be drawn ------------------------------------------------------------------------

UNDRAWABLE: list[Any] = [
    {"==": [{"var": "ip.isAnonymous"}, True]},
    {"and": [{"!": {"==": [{"var": "custom.amount"}, 1]}}]},
    {"and": [{"!": [{"in": [{"var": "custom.note"}, ["a"]]}]}]},
    {"and": [{"==": [{"var": ["custom.note"]}, "a"]}]},
    {"and": [{"==": [{"var": "custom.note"}, ""]}]},
    {"and": [{"in": [{"var": "custom.note"}, [" padded ", "b"]]}]},
    {"and": [{"in": [{"var": "custom.note"}, ["two\nlines"]]}]},
    {"!": {"!": {"and": [{">": [{"var": "custom.amount"}, 1]}]}}},
]


@pytest.mark.parametrize("stored", UNDRAWABLE, ids=json.dumps)
def test_what_rows_cannot_say_exactly_is_not_drawn(stored):
    condition_tree.check(stored, custom_points=POINTS)
    assert draw(stored, custom_points=POINTS) is None


REDRAWABLE = [UNDRAWABLE[place] for place in (0, 1, 2, 3, 7)]
SITUATIONS: list[dict[str, Any]] = [
    {"ip.isAnonymous": True, "custom.amount": 1, "custom.note": "a"},
    {"ip.isAnonymous": False, "custom.amount": 2, "custom.note": "b"},
    {},
]


@pytest.mark.parametrize("stored", REDRAWABLE, ids=json.dumps)
def test_redrawing_keeps_the_meaning(stored):
    root = redraw(stored, custom_points=POINTS)
    assert root is not None
    written = write(root, custom_points=POINTS)
    assert not written.problems
    assert written.conditions != stored
    assert [verdict(written.conditions, known) for known in SITUATIONS] == [
        verdict(stored, known) for known in SITUATIONS
    ]


def verdict(stored: Any, known: dict[str, Any]) -> str:
    rule = RuleSpec(rule_id="r", name="r", priority=0, outcome="CHALLENGE", conditions=stored)
    return explain(rule, known, custom_points=POINTS).verdict


@pytest.mark.parametrize("stored", [None, {}, {"and": []}])
def test_no_conditions_are_an_empty_root(stored):
    root = draw(stored)
    assert root is not None
    assert root.children == []


def test_conditions_too_long_for_a_page_are_not_drawn():
    stored = {
        "and": [{"in": [{"var": "custom.note"}, [f"word{number}" for number in range(condition_tree.MAX_BYTES // 8)]]}]
    }
    assert draw(stored, custom_points=POINTS) is None
    assert redraw(stored, custom_points=POINTS) is None


def test_garbage_is_not_drawn_and_nothing_is_raised():
    for stored in (
        [],
        "x",
        3,
        {"and": 3},
        {"and": [3]},
        {"a": 1, "b": 2},
        {"!": 3},
        {"==": [1, 2]},
        {"in": [{"var": 3}, ["a"]]},
    ):
        assert draw(stored) is None
        assert redraw(stored) is None


def test_a_data_point_that_is_gone_is_still_drawn_with_its_problem():
    root = draw({"and": [{"==": [{"var": "custom.gone"}, "a"]}]}, custom_points=POINTS)
    assert root is not None
    problems = write(root, custom_points=POINTS).problems
    assert list(problems) == [1]
    assert "custom.gone" in problems[1]


# -- problems at their rows ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (condition(point=""), "Choose what to look at."),
        (condition(operator=""), "Choose how to compare."),
        (condition(operator="nonsense"), "Choose how to compare."),
        (condition(value=""), "Write a number"),
        (condition(value="2,000"), "digits and at most a point"),
        (condition(value="NaN"), "digits and at most a point"),
        (condition(value="1e999"), "out of range"),
        (condition(operator="between", value="5", high="1"), "lower bound first"),
        (condition(operator="between", value="5", high=""), "Write a number"),
        (condition("ip.address", "==", "300.1.1.1"), "an IP address"),
        (condition("ip.address", "ipInCidr", "10.0.0.1/8"), "10.0.0.0/8"),
        (condition("ip.countryCode", "in", "New Zealand"), "two-letter"),
        (condition("ip.countryCode", "in", "\n \n"), "one value per line"),
        (condition("ip.isAnonymous", "==", "yes"), "true or false"),
        (condition("ip.isAnonymous", ">", "true"), "does not work"),
        (condition("custom.tags", "contains", '"open'), "Close the quotation mark"),
        (condition("custom.note", "contains", "  "), "Write text"),
    ],
)
def test_a_wrong_row_is_told_what_to_do(row, wanted):
    problems = write(rows(condition(), row), custom_points=POINTS).problems
    assert list(problems) == [2]
    assert wanted in problems[2]


def test_problems_find_their_row_past_unfinished_ones():
    root = rows(condition(point=""), Group(0, "or", True, [condition(value=""), condition("ip.address", "==", "x")]))
    problems = write(root, custom_points=POINTS).problems
    assert sorted(problems) == [1, 3, 4]
    assert "IP address" in problems[4]


def test_an_empty_group_is_told_of():
    assert list(write(rows(condition(), Group(0)), custom_points=POINTS).problems) == [2]


def test_only_what_was_filled_in_wrongly_is_marked_before_saving():
    root = rows(condition(value=""), condition(value="many"), Group(0))
    problems = [row.problem for row in Builder(root, own=OWN).top.children]
    assert [bool(problem) for problem in problems] == [False, True, False]
    demanded = [row.problem for row in Builder(root, own=OWN, demand=True).top.children]
    assert all(demanded)


def test_the_sentence_leaves_unfinished_rows_out():
    builder = Builder(rows(condition(), condition(value="")), own=OWN)
    assert builder.sentence == "amount is greater than 10"
    assert builder.unfinished == 1


# -- what a browser might send -------------------------------------------------------------------


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        ["0..c"],
        ["1..g"],
        ["0..g", "0.0.c"],
        ["0..g", "1.7.c"],
        ["0..g", "1.0.c", "2.1.c"],
        ["0..g", "x.0.c"],
        ["0..g", "1..g"],
        ["0..g", "1.0.c\n"],
        ["0..g", *(f"{number}.0.c" for number in range(1, MAX_ROWS + 5))],
        [f"{number}.{number - 1 if number else ''}.g" for number in range(MAX_GROUPS_DEEP + 2)],
    ],
)
def test_a_garbled_form_is_refused(nodes):
    form = QueryDict(mutable=True)
    form.setlist("node", nodes)
    with pytest.raises(Garbled):
        read_fields(form)


# -- buttons -------------------------------------------------------------------------------------


def letters(root: Group) -> Any:
    def one(node: Node) -> Any:
        return [one(child) for child in node.children] if isinstance(node, Group) else node.value

    return one(root)


def tree() -> Group:
    return rows(
        condition(value="a"), Group(0, "or", False, [condition(value="b"), condition(value="c")]), condition(value="d")
    )


@pytest.mark.parametrize(
    ("buttons", "wanted"),
    [
        (["down:1"], [["a", "b", "c"], "d"]),
        (["down:1", "down:1"], [["b", "a", "c"], "d"]),
        (["down:1"] * 4, [["b", "c"], "a", "d"]),
        (["down:1"] * 5, [["b", "c"], "d", "a"]),
        (["down:1"] * 9, [["b", "c"], "d", "a"]),
        (["up:5"], ["a", ["b", "c", "d"]]),
        (["up:5"] * 4, ["a", "d", ["b", "c"]]),
        (["up:1"], ["a", ["b", "c"], "d"]),
        (["up:2"], [["b", "c"], "a", "d"]),
        (["remove:2"], ["a", "d"]),
        (["remove:0", "up:0", "copy:0"], ["a", ["b", "c"], "d"]),
        (["copy:2"], ["a", ["b", "c"], ["b", "c"], "d"]),
        (["add:2"], ["a", ["b", "c", ""], "d"]),
        (["group:0"], ["a", ["b", "c"], "d", [""]]),
        (["move:5:2:0"], ["a", ["d", "b", "c"]]),
        (["move:2:0:0"], [["b", "c"], "a", "d"]),
        (["move:2:2:0"], ["a", ["b", "c"], "d"]),
        (["move:1:0:9"], [["b", "c"], "d", "a"]),
        (["add:1", "nonsense:1", "up:99", "up", "up:x", "move:1", "up:²"], ["a", ["b", "c"], "d"]),
    ],
)
def test_buttons_do_what_they_say(buttons, wanted):
    root = tree()
    for button in buttons:
        press(root, button)
    assert letters(root) == wanted
    idents = [node.ident for node, _parent in walk(root)]
    assert len(idents) == len(set(idents))


def test_more_rows_than_a_rule_may_have_are_refused():
    root = rows(*(condition() for _ in range(MAX_ROWS - 1)))
    with pytest.raises(Refused, match=FULL[:20]):
        press(root, "add:0")


def test_groups_deeper_than_a_rule_may_have_are_refused():
    root = deep(MAX_GROUPS_DEEP)
    innermost = max(node.ident for node, _parent in walk(root) if isinstance(node, Group))
    with pytest.raises(Refused, match=TOO_DEEP[:20]):
        press(root, f"group:{innermost}")


def deep(levels: int) -> Group:
    inner: Node = condition()
    for _ in range(levels):
        inner = Group(0, "and", False, [inner])
    assert isinstance(inner, Group)
    return _numbered(inner)


def test_the_deepest_groups_that_can_be_made_can_be_saved():
    written = write(deep(MAX_GROUPS_DEEP), custom_points=POINTS)
    assert not written.problems
    condition_tree.check(written.conditions, custom_points=POINTS)


def test_a_user_point_by_its_other_name_keeps_its_name():
    stored = {"and": [{"==": [{"var": "custom.plan"}, "gold"]}]}
    root = draw(stored, custom_points=POINTS)
    assert root is not None
    row = Builder(root, own=OWN).top.children[0]
    assert not row.problem
    assert ("custom.plan", True) in [(one.value, one.is_chosen) for _title, listed in row.points for one in listed]
