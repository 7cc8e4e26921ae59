"""The compiled forms of a rule set agree with each other and with the trace of each rule."""

from time import process_time

from hypothesis import given

from rules.compiled import Points, compile_traces
from rules.condition_tree import MAX_TOGETHER, nodes
from rules.engine import RuleSpec, compile_policy, explain_facts, read_operands
from rules.facts import Facts
from rules.lists import NOWHERE, Circumstances, ValueList
from rules.trace import ConditionTrace
from tests.rules.cases import CUSTOM_POINTS, facts, make_facts, make_rule, rule_sets

LISTS = {"short": ValueList((("a", None), (1, 1_770_000_000.0), ("NZ", None)))}
VERDICTS = {"true": True, "false": False, "unknown": None}


def words(count: int) -> list[str]:
    return [f"word{number}" for number in range(count)]


def test_as_many_conditions_as_may_be_published_are_compiled_in_no_time_to_speak_of() -> None:
    rules = [
        make_rule({"or": [{"in": [word, {"var": "user.email"}]} for word in words(199)]}, rule_id=str(n), priority=n)
        for n in range(MAX_TOGETHER // 200)
    ]
    before = process_time()
    policy = compile_policy("transfer", "ALLOW", rules=rules)
    assert policy.judge(make_facts(email="a word7 b").to_json(), NOWHERE) == (1,) * len(rules)
    # Eight times what it takes on an idle machine, so that a busy one does not fail.
    assert process_time() - before < 5


def test_constants_that_python_takes_for_equal_stay_apart() -> None:
    rule = make_rule(
        {
            "or": [
                {"==": [{"var": "custom.first"}, True]},
                {"==": [{"var": "custom.amount"}, 1]},
                {"==": [{"var": "custom.destination"}, "1"]},
            ]
        }
    )
    policy = compile_policy("transfer", "ALLOW", rules=[rule], custom_points=CUSTOM_POINTS)
    for name, value in {"first": True, "amount": 1.0, "destination": "1"}.items():
        assert policy.judge(make_facts(custom={name: value}).to_json(), NOWHERE) == (1,)


def flat(trace: ConditionTrace) -> list[bool | None]:
    return [VERDICTS[trace.verdict], *(verdict for child in trace.children for verdict in flat(child))]


@given(rule_sets(), facts)
def test_reading_late_and_reading_at_once_give_the_same_verdicts(rules: list[RuleSpec], one: Facts) -> None:
    policy = compile_policy("transfer", "ALLOW", rules=rules, custom_points=CUSTOM_POINTS)
    around = Circumstances(one.time.at, LISTS)
    known = one.to_json()
    assert policy.judge(known, around) == policy.evaluate(read_operands(known, policy), around)


@given(rule_sets(), facts)
def test_the_compiled_trace_is_that_of_every_node(rules: list[RuleSpec], one: Facts) -> None:
    policy = compile_policy("transfer", "ALLOW", rules=rules, custom_points=CUSTOM_POINTS)
    around, known = Circumstances(one.time.at, LISTS), one.to_json()
    drawn = [rule for rule in policy.rules if rule.tree is not None]
    points = Points()
    told = compile_traces([rule.tree for rule in drawn if rule.tree is not None], points)
    told_nodes = list(told(_operands(known, points), around))
    for rule in drawn:
        assert rule.tree is not None
        mine, told_nodes = told_nodes[: nodes(rule.tree)], told_nodes[nodes(rule.tree) :]
        assert mine == flat(explain_facts(rule.spec, known, custom_points=CUSTOM_POINTS, around=around))
    assert told_nodes == []


def _operands(known: dict[str, object], points: Points) -> list[object]:
    return [point.read(known) for point in points]
