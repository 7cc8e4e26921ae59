"""Velocity, through HTTP: rules on counts, members, sums over past actions fire where they should, and nowhere else."""

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection

from actions.models import Action, ActionFacts
from authenticators.models import EndUser
from authsignal_portal.models import Tenant
from rules import policies
from rules.velocity import _POINTLESS, FOLDS, MAX_ROWS, METRICS, SCOPES
from tests import make
from tests.api.reading import code_sent, ok, wrong

ADDRESSES = ["202.27.184.3", "8.8.8.8", "175.45.176.1", "152.206.0.1"]  # each of another country
SCOPED = [(metric, scope) for metric in METRICS for scope in SCOPES if (metric, scope) not in _POINTLESS]


def var(name):
    return {"var": name}


def key(metric, scope, actions="this", window="1h"):
    return f"velocity.{metric + ':v' if metric in FOLDS else metric}.{scope}.{actions}.{window}"


def watch(tenant, point, symbol, threshold, *, action="pay", **fields):
    """A rule on the action `pay` that reviews; the number `custom.v` is there to be summed up."""
    if not tenant.custom_data_points.filter(name="v").exists():
        make.make_point(tenant, "v", "number")
    return make.make_rule(make.make_action(tenant, action), {symbol: [var(point), threshold]}, "REVIEW", **fields)


def tracked(api, user="alice", action="pay", **body):
    return ok(api("POST", f"users/{user}/actions/{action}", body))


def fires(api, user="alice", action="pay", **body):
    state = tracked(api, user, action, **body)["state"]
    assert state in ("ALLOW", "REVIEW_REQUIRED")
    return state == "REVIEW_REQUIRED"


def told(name):
    """What the newest action was told of a velocity; None: nothing."""
    facts = ActionFacts.objects.latest("action__created_at")
    return facts.facts["velocity"].get(name.removeprefix("velocity."))


# -- each metric in each scope -------------------------------------------------------------------


def body_of(scope: str, metric: str, entity: str, step: int) -> dict[str, Any]:
    """An action of the entity that the scope goes by, which adds one more to the metric."""
    shared = {
        "device": {"deviceId": entity},
        "address": {"ipAddress": {"ours": "203.0.113.10", "theirs": "203.0.113.11"}[entity]},
        "phoneNumber": {"phoneNumber": {"ours": "+6427000000", "theirs": "+6427000001"}[entity]},
        "emailDomain": {"email": f"person{step}@{entity}.example"},
    }
    member = {
        "devices": {"deviceId": f"{entity}-{step}"},
        "addresses": {"ipAddress": ADDRESSES[step]},
        "countries": {"ipAddress": ADDRESSES[step]},
        "sum": {"custom": {"v": 10}},
        "avg": {"custom": {"v": 10 * (step + 1)}},
        "max": {"custom": {"v": step + 1}},
    }
    return member.get(metric, {}) | shared.get(scope, {})


# Which number the third of our actions reaches.
THIRD = {"failedChallenges": 2, "sum": 30, "avg": 20, "max": 3}
# An address of which the data knows no country has its past ones written down here.
WRITTEN = ["NZ", "US", "KP", "CU"]


@pytest.mark.parametrize(("metric", "scope"), SCOPED)
def test_each_metric_counts_in_each_scope_and_nobody_elses(api, acme, globex_api, metric, scope):
    """Three actions reach the number. What a stranger does, and what another tenant has, is never among them."""
    watch(acme, key(metric, scope), ">=", THIRD.get(metric, 3))

    def act(caller, entity, step, **more):
        user, name = entity if scope == "user" else f"{entity}-{step}", uuid.uuid4().hex
        body = body_of(scope, metric, entity, step) | {"idempotencyKey": name} | more
        state = ok(caller("POST", f"users/{user}/actions/pay", body))["state"]
        if metric == "countries" and scope == "address":
            Action.objects.filter(idempotency_key=name).update(country_code=WRITTEN[step])
        if metric == "failedChallenges":
            ok(caller("PATCH", f"users/{user}/actions/pay/{name}", {"state": "CHALLENGE_FAILED"}))
        return state == "REVIEW_REQUIRED"

    spoiling = {"custom": {"v": 10_000}} if metric in FOLDS else {}
    seen = []
    for step in range(4):
        act(globex_api, "ours", step, **spoiling)
        if scope != "tenant":
            act(api, "theirs", step, **spoiling)
        seen.append(act(api, "ours", step))
    # The country of the current action is among them as soon as it is known, which in that one case is later.
    assert seen == [False, False, not (metric == "countries" and scope == "address"), True]


# -- windows and actions -------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_what_is_older_than_the_window_no_longer_counts(api, acme, advance, metric):
    point = key(metric, "tenant", window="10m")
    watch(acme, point, ">=", THIRD.get(metric, 3))

    def act(step):
        user, name = f"user-{step}", uuid.uuid4().hex
        fired = fires(api, user, idempotencyKey=name, **body_of("tenant", metric, "ours", step))
        if metric == "failedChallenges":
            ok(api("PATCH", f"users/{user}/actions/pay/{name}", {"state": "CHALLENGE_FAILED"}))
        return fired

    assert [act(0), act(1)] == [False, False]
    advance(590)
    assert act(2) is True
    advance(610)
    assert act(0) is False


@pytest.mark.parametrize(("window", "seconds"), [("1m", 60), ("3h", 3 * 3600), ("90d", 90 * 86400)])
def test_a_window_is_as_long_as_it_says(api, acme, advance, window, seconds):
    watch(acme, key("count", "user", window=window), ">=", 2)
    assert not fires(api)
    advance(seconds - 5)
    assert fires(api)
    advance(seconds + 5)
    assert not fires(api)


def test_which_actions_count(api, acme):
    """After each of these actions the rule is asked; `pay` itself counts where its code does."""
    watch(acme, key("count", "user", "this"), ">=", 3, action="this")
    watch(acme, key("count", "user", "any"), ">=", 4, action="any")
    watch(acme, key("count", "user", "action:other"), ">=", 2, action="named")
    watch(acme, key("count", "user", "action:both+other"), ">=", 4, action="both")
    seen = {}
    for code in ("this", "any", "named", "both"):
        seen[code] = []
        for other in ("other", "elsewhere", "other"):
            tracked(api, code, other)
            seen[code].append(fires(api, code, code))
    assert seen == {
        "this": [False, False, True],
        "any": [False, True, True],
        "named": [False, False, True],
        "both": [False, False, True],
    }


@pytest.mark.parametrize("metric", ["count", "users", "devices", "sum", "max", "failedChallenges"])
def test_named_actions_are_told_apart_in_every_scope(api, acme, metric):
    """Beyond a user's own actions no index knows the code: there it is looked at row by row."""
    watch(acme, key(metric, "address", "action:other"), ">=", 2)

    def act(user, code, number):
        name = uuid.uuid4().hex
        body = {"ipAddress": ADDRESSES[0], "deviceId": f"device-{user}", "custom": {"v": number}}
        fired = fires(api, user, code, idempotencyKey=name, **body)
        if metric == "failedChallenges":
            ok(api("PATCH", f"users/{user}/actions/{code}/{name}", {"state": "CHALLENGE_FAILED"}))
        return fired

    for code in ("other", "elsewhere"):
        make.make_action(acme, code)
    seen = []
    for user, code, number in [("a", "other", 0.5), ("b", "elsewhere", 100), ("c", "other", 2)]:
        act(user, code, number)
        seen.append(act("d", "pay", 100))
    assert seen == [False, False, True]


# -- the current action, and what is not there ---------------------------------------------------


def test_the_current_action_counts_and_a_new_user_has_just_that_one(api, acme):
    watch(acme, key("count", "user"), "==", 1)
    assert fires(api)
    assert not fires(api)
    assert fires(api, "bob")


@pytest.mark.parametrize("symbol", ["<", ">="])
@pytest.mark.parametrize("scope", ["device", "address", "phoneNumber", "emailDomain"])
def test_an_action_that_came_without_leaves_the_rule_undecided(api, acme, scope, symbol):
    watch(acme, key("count", scope), symbol, 1)
    strict = make.make_action(acme, "strict")
    make.make_rule(strict, {symbol: [var(key("count", scope, "any")), 1]}, "REVIEW", when_unknown="match")
    assert not fires(api)
    assert fires(api, action="strict")
    assert told(key("count", scope, "any")) is None


def test_what_the_current_action_lacks_is_no_member(api, acme):
    watch(acme, key("devices", "user"), ">=", 2)
    assert [fires(api, **body) for body in ({}, {"deviceId": "a"}, {}, {"deviceId": "a"})] == [False] * 4
    assert fires(api, deviceId="b")
    # Without one of its own, the action still has two before it.
    assert fires(api)
    assert told(key("devices", "user")) == 2


def test_members_that_come_again_count_once(api, acme):
    watch(acme, key("devices", "user"), ">=", 3)
    assert [fires(api, deviceId=device) for device in "aabbaabc"] == [False] * 7 + [True]


@pytest.mark.parametrize(
    ("scope", "attribute", "values"),
    [
        ("phoneNumber", "phoneNumber", ("+6427000000", "+6427000001")),
        ("emailDomain", "email", ("a@ours.example", "b@theirs.example")),
    ],
)
def test_what_stands_in_the_users_row_counts_without_being_sent(api, acme, scope, attribute, values):
    ours, theirs = values
    watch(acme, key("count", scope), ">=", 3)
    for user in ("alice", "bob"):
        assert not fires(api, user, **{attribute: ours})
    assert fires(api, "alice")
    assert fires(api, "bob")
    # What is sent goes before what is stored, and stays.
    assert not fires(api, "alice", **{attribute: theirs})
    assert not fires(api, "alice")
    assert fires(api, "bob")


def test_a_phone_number_and_an_email_domain_of_one_rule_are_both_found(api, acme):
    make.make_action(acme, "other")
    rule = {">=": [var(key("count", "phoneNumber", "any")), 3]}
    domain = {">=": [var(key("count", "emailDomain", "any")), 3]}
    make.make_rule(make.make_action(acme, "pay"), {"and": [rule, domain]}, "REVIEW")
    for user in ("a", "b"):
        tracked(api, user, "other", phoneNumber="+6427000000", email=f"{user}@mail.example")
    assert fires(api, "a", phoneNumber="+6427000000")
    assert fires(api, "b", email="b@MAIL.example")
    assert not fires(api, "b", email="b@other.example")


# -- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "numbers", "symbol", "threshold", "expected"),
    [
        ("sum", [0.1, 0.2], "==", 0.3, [False, True]),
        ("sum", [100, 250.5, 649.5], ">=", 1000, [False, False, True]),
        ("sum", [100, -200, 50], "<", 0, [False, True, True]),
        ("sum", ["100", True, None, [100], {"v": 1}], ">", 0, [False] * 5),
        ("sum", [2**60, 1], ">", 2**60, [False, True]),
        ("avg", [1, 2, 4], ">", 2, [False, False, True]),
        ("avg", [0.1, 0.2, 0.3], "==", 0.2, [False, False, True]),
        ("avg", [5, "1000", 6], "==", 5.5, [False, False, True]),
        ("max", [-3, -1, -2], "==", -1, [False, True, True]),
        ("max", [1.5, "9", 2.5], ">", 2, [False, False, True]),
        ("max", [1e15, 1], ">=", 1e15, [True, True]),
    ],
)
def test_numbers_are_added_up_exactly_and_what_is_none_is_passed_over(
    api, acme, metric, numbers, symbol, threshold, expected
):
    watch(acme, key(metric, "user"), symbol, threshold)
    sent = [number for number in numbers if not isinstance(number, dict)]
    seen = [fires(api, custom={"v": number}) for number in sent]
    assert seen == expected[: len(sent)]


def test_without_a_number_there_is_no_average_and_no_maximum_but_a_sum_of_nothing(api, acme):
    names = [key(metric, "user") for metric in ("sum", "avg", "max")]
    conditions = {"or": [{">": [var(name), 1]} for name in names]}
    make.make_point(acme, "v", "number")
    make.make_rule(make.make_action(acme, "pay"), conditions, "REVIEW")
    assert not fires(api)
    assert [told(name) for name in names] == [0, None, None]
    # That there is no number was found out in full.
    assert ActionFacts.objects.get().trace["caps"] == {names[1]: True, names[2]: True}
    assert fires(api, custom={"v": 2})
    assert [told(name) for name in names] == [2, 2, 2]


def test_a_number_of_an_action_that_does_not_count_is_not_added(api, acme):
    watch(acme, key("sum", "user", "action:other"), ">", 5)
    make.make_action(acme, "other")
    assert not fires(api, custom={"v": 100})
    tracked(api, action="other", custom={"v": 5})
    assert not fires(api, custom={"v": 100})
    tracked(api, action="other", custom={"v": 1})
    assert fires(api)


# -- failed challenges ---------------------------------------------------------------------------


def test_wrong_codes_and_declines_are_failed_challenges_and_a_passed_one_is_none(api, acme):
    watch(acme, key("failedChallenges", "user", "any"), ">=", 2)

    def challenged(answers):
        body = {"userId": "alice", "action": "login", "email": "a@b.example", "verificationMethod": "EMAIL_OTP"}
        started = ok(api("POST", "challenge", body))
        for is_right in answers:
            code = code_sent() if is_right else wrong(code_sent())
            ok(api("POST", "verify", {"challengeId": started["challengeId"], "verificationCode": code}))
        return f"users/alice/actions/login/{started['idempotencyKey']}"

    challenged([True])
    assert not fires(api)
    # Twice wrong in one action is one that failed.
    pending = challenged([False, False])
    assert not fires(api)
    # Wrong first and right in the end: passed.
    challenged([False, True])
    assert not fires(api)
    declined = challenged([])
    assert not fires(api)
    ok(api("PATCH", declined, {"state": "CHALLENGE_FAILED"}))
    assert fires(api)
    # Whatever becomes of it later, it did fail; unless it is passed after all.
    ok(api("PATCH", pending, {"state": "ALLOW"}))
    assert fires(api)
    Action.objects.filter(idempotency_key=pending.rpartition("/")[2]).update(state="CHALLENGE_SUCCEEDED")
    assert not fires(api)


# -- how far is counted --------------------------------------------------------------------------


def store(tenant: Tenant, user: EndUser, number: int, *, code: str = "pay", **columns: str) -> None:
    """Actions of the last seconds, all at once; a column is an SQL expression of n, the sent number v one of them."""
    if "v" in columns:
        columns["numbers"] = f"jsonb_build_object('v', {columns.pop('v')})"
    names, expressions = ", ".join(["", *columns]), ", ".join(["", *columns.values()])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO actions_action (id, tenant_id, user_id, action_code, idempotency_key, state, outcome,
              state_updated_at, created_at, verification_method, fingerprint, country_code{names})
            SELECT gen_random_uuid(), %s, %s, %s, 'stored-' || n, 'ALLOW', 'ALLOW', authsignal_now(),
              authsignal_now() - n * interval '1 millisecond', '', '', ''{expressions}
            FROM generate_series(1, %s) n""",
            [tenant.pk, user.pk, code, number],
        )


@dataclass(frozen=True)
class Flood:
    """One user with a lot behind them, on one device."""

    user: EndUser
    device_key: int


@pytest.fixture
def flood(acme) -> Flood:
    return Flood(make.make_user(acme, "alice"), acme.entity_key("device", "d"))


def test_a_count_is_told_up_to_its_cap(api, acme, flood):
    name = key("count", "user")
    watch(acme, name, ">", 150)
    store(acme, flood.user, 149)
    assert not fires(api)
    assert told(name) == 150
    assert fires(api)
    assert told(name) == 151
    store(acme, make.make_user(acme, "bob"), 300)
    assert fires(api, "bob")
    assert told(name) == 152
    assert ActionFacts.objects.latest("action__created_at").trace["caps"] == {name: 152}


def test_ten_thousand_can_be_counted(api, acme, flood):
    watch(acme, key("count", "user"), ">=", 10_000)
    store(acme, flood.user, 9_998)
    assert not fires(api)
    assert fires(api)
    assert told(key("count", "user")) == 10_000


def test_a_plain_count_is_whole_however_many_there_are(api, acme, flood):
    watch(acme, key("count", "tenant", "any"), ">=", MAX_ROWS + 200)
    store(acme, flood.user, MAX_ROWS + 198, code="other")
    assert not fires(api, "bob")
    assert fires(api, "bob")


# By the number that the rule compares with, when more actions than are read are in the window.
TOO_MANY = [
    ("devices", ">=", 10, True),
    ("devices", "<", 10, False),
    ("devices", ">=", 50, None),
    ("devices", ">=", 51, None),
    ("users", ">=", 2, None),
    ("sum", ">", MAX_ROWS - 1, None),
    ("sum", ">", MAX_ROWS, None),
    ("max", ">=", 1, None),
    ("max", ">", 0.5, True),
    ("avg", ">", 0, None),
    ("failedChallenges", ">=", 10, True),
    ("failedChallenges", ">=", MAX_ROWS + 1, None),
]


@pytest.mark.parametrize(("metric", "symbol", "threshold", "outcome"), TOO_MANY)
def test_of_too_many_actions_only_what_is_beyond_the_rules_number_is_told(
    api, acme, flood, metric, symbol, threshold, outcome
):
    """True and False are what the rule came out as; None: undecided."""
    name = key(metric, "tenant", "any")
    rule = watch(acme, name, symbol, threshold)
    store(acme, flood.user, MAX_ROWS + 1, device_key="mod(n, 50)", failed_at="authsignal_now()", v="1")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE actions_action")
    assert fires(api, "bob") is bool(outcome)
    facts = ActionFacts.objects.latest("action__created_at")
    assert facts.trace["verdicts"][str(rule.pk)] == {True: "true", False: "false", None: "unknown"}[outcome]
    value = told(name)
    assert (value is None) is (outcome is None)
    # What is told is the least that it can be, and the trace says so.
    assert facts.trace["caps"][name] == (value if value is not None else pytest.approx(facts.trace["caps"][name]))


WHOLE = {
    "devices": 51,
    "users": 2,
    "failedChallenges": MAX_ROWS - 1,
    "sum": 2 * (MAX_ROWS - 1) + 2,
    "max": 2,
    "avg": 2,
}


@pytest.mark.parametrize("metrics", [("devices", "users", "failedChallenges"), ("sum", "max", "avg")])
def test_one_action_fewer_and_everything_is_told(api, acme, flood, metrics):
    for metric in metrics:
        watch(acme, key(metric, "tenant", "any"), ">", 10**4, action=f"pay-{metric}")
    store(acme, flood.user, MAX_ROWS - 1, device_key="mod(n, 50)", failed_at="authsignal_now()", v="2")
    for metric in metrics:
        tracked(api, "bob", f"pay-{metric}", custom={"v": 2}, deviceId="d")
        assert told(key(metric, "tenant", "any")) == WHOLE[metric]
        Action.objects.filter(user__user_id="bob").delete()


def test_rare_actions_of_a_tenant_are_counted_however_many_others_there_are(api, acme, flood):
    name = key("count", "tenant", "action:other")
    watch(acme, name, ">=", 2)
    store(acme, flood.user, MAX_ROWS + 1, code="elsewhere")
    make.make_action(acme, "other")
    assert not fires(api, "bob")
    assert told(name) == 0
    for user in ("carol", "dave"):
        tracked(api, user, "other")
    assert fires(api, "bob")


def test_rare_actions_among_too_many_others_are_not_told(api, acme, flood):
    """By device, the code is looked at row by row: of the newest, not of all."""
    name = key("count", "device", "action:other")
    watch(acme, name, ">=", 1)
    store(acme, flood.user, MAX_ROWS + 1, code="elsewhere", device_key=str(flood.device_key))
    assert not fires(api, "bob", deviceId="d")
    assert told(name) is None
    make.make_action(acme, "other")
    for _time in range(2):
        tracked(api, "carol", "other", deviceId="d")
    assert fires(api, "bob", deviceId="d")
    assert told(name) == 2


# -- once, at once, and cheaply ------------------------------------------------------------------


def test_the_same_request_again_counts_once(api, acme):
    watch(acme, key("count", "user"), ">=", 2)
    for _time in range(3):
        assert not fires(api, idempotencyKey="k")
    assert fires(api)


def test_a_rule_that_asks_for_more_is_in_force_with_the_next_request(api, acme):
    rule = watch(acme, key("count", "user"), ">=", 100)
    assert not fires(api)
    assert policies.last_seen(acme.pk, "pay") is not None
    # A velocity that this process has never read, then one of another shape, then a number above the old cap.
    for name, symbol, threshold, expected in [
        (key("count", "user", "any"), ">=", 2, True),
        (key("devices", "user"), ">=", 1, False),
        (key("sum", "user"), "==", 0, True),
        (key("count", "user"), ">", 500, False),
        (key("count", "user"), ">", 4, True),
    ]:
        rule.conditions = {symbol: [var(name), threshold]}
        rule.save()
        rule.configuration.changed()
        assert fires(api) is expected, name


def five_counts(acme, *scopes):
    names = [key(metric, scope, "any") for metric, scope in scopes]
    make.make_point(acme, "v", "number")
    make.make_rule(make.make_action(acme, "pay"), {"or": [{">": [var(name), 50]} for name in names]}, "REVIEW")


# With the look-up of the key, as every track.
STATEMENTS = 3
FIVE = [("count", "user"), ("count", "device"), ("users", "address"), ("sum", "user"), ("failedChallenges", "tenant")]


@pytest.mark.django_db(transaction=True)
def test_counts_cost_no_further_statement(api, acme, django_assert_num_queries):
    five_counts(acme, *FIVE)
    body = {"deviceId": "d", "ipAddress": ADDRESSES[0], "custom": {"v": 5}}
    for _time in range(3):
        tracked(api, **body)
    with django_assert_num_queries(STATEMENTS):
        tracked(api, **body)
    with django_assert_num_queries(STATEMENTS):
        tracked(api, user=uuid.uuid4().hex, **body)


@pytest.mark.django_db(transaction=True)
def test_a_number_that_stands_only_in_the_users_row_costs_one_more_statement(api, acme, django_assert_num_queries):
    five_counts(acme, ("count", "phoneNumber"), *FIVE[:4])
    sent = {"phoneNumber": "+6427000000", "email": "a@b.example"}
    for _time in range(3):
        tracked(api, **sent)
    with django_assert_num_queries(STATEMENTS):
        tracked(api, **sent)
    with django_assert_num_queries(STATEMENTS):
        # No rule asks for the domain of the address.
        tracked(api, phoneNumber="+6427000000")
    with django_assert_num_queries(STATEMENTS + 1):
        tracked(api)
