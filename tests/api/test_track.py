"""`track` and what it keeps: the decision, the action, its idempotency key."""

import json
import uuid
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from actions.models import Action, ActionFacts
from authenticators.models import EndUser
from authsignal_portal.vocabulary import OPT_IN_METHODS, UnconfiguredAction
from authsignal_portal.vocabulary import VerificationMethod as M
from rules.models import ActionConfiguration
from tests import make
from tests.api.reading import MOMENT, UUID, everything_stored, ok, refused, tags

ALL = [method for method in M if method not in OPT_IN_METHODS]
ANONYMOUS = {"==": [{"var": "ip.isAnonymous"}, True]}
TOR, HOME = "185.220.101.1", "203.0.113.10"


def test_the_answer_has_exactly_these_members(api):
    answer = ok(api("POST", "users/alice/actions/Login"))
    assert UUID.fullmatch(answer["idempotencyKey"])
    url = urlsplit(answer["url"])
    assert parse_qs(url.query) == {"token": [answer["token"]]}
    assert answer == {
        "idempotencyKey": answer["idempotencyKey"],
        "state": "CHALLENGE_REQUIRED",
        "url": answer["url"],
        "token": answer["token"],
        "isEnrolled": False,
        "allowedVerificationMethods": ALL,
    }


def test_an_enrolled_user_is_told_apart(api):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+64270000000"}))
    answer = ok(api("POST", "users/alice/actions/signIn"))
    assert answer["state"] == "CHALLENGE_REQUIRED"
    assert answer["isEnrolled"] is True
    assert answer["enrolledVerificationMethods"] == ["SMS"]
    assert answer["defaultVerificationMethod"] == "SMS"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("ALLOW", "ALLOW"), ("CHALLENGE", "CHALLENGE_REQUIRED"), ("REVIEW", "REVIEW_REQUIRED"), ("BLOCK", "BLOCK")],
)
def test_the_outcome_becomes_the_state_and_every_state_comes_with_token_and_url(api, acme, outcome, state):
    make.make_action(acme, "pay", outcome)
    answer = ok(api("POST", "users/alice/actions/pay"))
    assert answer["state"] == state
    assert answer["url"].endswith(answer["token"])


@pytest.mark.parametrize("outcome", ["CHALLENGE", "REVIEW", "BLOCK"])
def test_a_rule_that_fires_decides_and_is_named(api, acme, outcome):
    rule = make.make_rule(make.make_action(acme, "pay"), ANONYMOUS, outcome, name="Tor", description="why")
    calm = ok(api("POST", "users/alice/actions/pay", {"ipAddress": HOME}))
    assert calm["state"] == "ALLOW"
    assert "ruleIds" not in calm
    fired = ok(api("POST", "users/alice/actions/pay", {"ipAddress": TOR, "idempotencyKey": "k"}))
    assert fired["ruleIds"] == [str(rule.pk)]
    action = ok(api("GET", "users/alice/actions/pay/k"))
    assert action["rules"] == [{"ruleId": str(rule.pk), "name": "Tor", "description": "why"}]
    assert action["ruleIds"] == [str(rule.pk)]
    assert action["priorityRuleId"] == str(rule.pk)


def test_the_rule_with_the_lowest_number_decides_and_all_that_fired_are_listed_in_order(api, acme):
    pay = make.make_action(acme, "pay")
    last = make.make_rule(pay, ANONYMOUS, "BLOCK", priority=9, name="last")
    first = make.make_rule(pay, ANONYMOUS, "REVIEW", priority=1, name="first")
    make.make_rule(pay, {"==": [{"var": "ip.isAnonymous"}, False]}, "ALLOW", priority=0, name="never")
    answer = ok(api("POST", "users/alice/actions/pay", {"ipAddress": TOR, "idempotencyKey": "k"}))
    assert (answer["state"], answer["ruleIds"]) == ("REVIEW_REQUIRED", [str(first.pk), str(last.pk)])
    action = ok(api("GET", "users/alice/actions/pay/k"))
    assert [rule["name"] for rule in action["rules"]] == ["first", "last"]
    assert action["priorityRuleId"] == str(first.pk)


def test_an_action_is_told_with_the_rules_as_they_were_then(api, acme):
    rule = make.make_rule(make.make_action(acme, "pay"), ANONYMOUS, name="before")
    ok(api("POST", "users/alice/actions/pay", {"ipAddress": TOR, "idempotencyKey": "k"}))
    rule.name = "after"
    rule.save()
    rule.configuration.changed()
    assert ok(api("GET", "users/alice/actions/pay/k"))["rules"][0]["name"] == "before"


def test_a_rule_narrows_the_methods_and_names_the_first_one(api, acme):
    pay = make.make_action(acme, "pay", verification_methods=[M.SMS, M.EMAIL_OTP, M.PASSKEY])
    make.make_rule(pay, ANONYMOUS, verification_methods=[M.PASSKEY], default_verification_method=M.PASSKEY)
    narrow = ok(api("POST", "users/alice/actions/pay", {"ipAddress": TOR}))
    assert (narrow["allowedVerificationMethods"], narrow["defaultVerificationMethod"]) == (["PASSKEY"], "PASSKEY")
    wide = ok(api("POST", "users/alice/actions/pay", {"ipAddress": HOME}))
    assert wide["allowedVerificationMethods"] == ["PASSKEY", "EMAIL_OTP", "SMS"]
    assert "defaultVerificationMethod" not in wide


# -- what is missing -----------------------------------------------------------------------------


def test_a_rule_on_missing_data_does_not_fire_unless_it_says_so(api, acme):
    amount = {">": [{"var": "custom.amount"}, 100]}
    make.make_point(acme, "amount", "number")
    skip, match = make.make_action(acme, "skip"), make.make_action(acme, "match")
    make.make_rule(skip, amount, "BLOCK")
    make.make_rule(match, amount, "BLOCK", when_unknown="match")
    for body in (
        {},
        {"custom": {}},
        {"custom": []},  # as PHP writes an empty array
        {"custom": {"amount": None}},
        {"custom": {"amount": "much"}},
        {"custom": {"a": 5}},
    ):
        assert ok(api("POST", "users/alice/actions/skip", body))["state"] == "ALLOW", body
        assert ok(api("POST", "users/alice/actions/match", body))["state"] == "BLOCK", body
    for action in ("skip", "match"):
        assert ok(api("POST", f"users/alice/actions/{action}", {"custom": {"amount": 101}}))["state"] == "BLOCK"
        assert ok(api("POST", f"users/alice/actions/{action}", {"custom": {"amount": 100}}))["state"] == "ALLOW"


def test_a_rule_that_allows_never_fires_on_missing_data(api, acme):
    pay = make.make_action(acme, "pay", "BLOCK")
    make.make_rule(pay, {"==": [{"var": "ip.isAnonymous"}, False]}, "ALLOW", when_unknown="match")
    assert ok(api("POST", "users/alice/actions/pay"))["state"] == "BLOCK"
    assert ok(api("POST", "users/alice/actions/pay", {"ipAddress": HOME}))["state"] == "ALLOW"


def test_an_inactive_rule_and_one_without_conditions_never_fire(api, acme):
    pay = make.make_action(acme, "pay")
    make.make_rule(pay, ANONYMOUS, "BLOCK", priority=0, is_active=False)
    make.make_rule(pay, {}, "BLOCK", priority=1, when_unknown="match")
    assert ok(api("POST", "users/alice/actions/pay", {"ipAddress": TOR}))["state"] == "ALLOW"


# -- action codes --------------------------------------------------------------------------------


def test_an_unknown_action_is_created_and_challenged(api, acme):
    assert ok(api("POST", "users/alice/actions/brand-new"))["state"] == "CHALLENGE_REQUIRED"
    made = ActionConfiguration.objects.get()
    assert (made.action_code, made.default_outcome, made.auto_created) == ("brand-new", "CHALLENGE", True)
    ok(api("POST", "users/alice/actions/brand-new"))
    assert tags() == [
        "action_configuration:created",
        "user:created",
        "action:tracked",
        "action:tracked",
    ]


def test_a_tenant_may_want_unknown_actions_allowed(api, acme):
    acme.unconfigured_action = UnconfiguredAction.ALLOW
    acme.save()
    assert ok(api("POST", "users/alice/actions/brand-new"))["state"] == "ALLOW"


def test_a_tenant_may_want_unknown_actions_refused(api, acme):
    acme.unconfigured_action = UnconfiguredAction.REJECT
    acme.save()
    refused(api("POST", "users/alice/actions/brand-new"), 400, "invalid_configuration")
    assert not EndUser.objects.exists()
    assert not ActionConfiguration.objects.exists()
    make.make_action(acme, "known")
    assert ok(api("POST", "users/alice/actions/known"))["state"] == "ALLOW"


@pytest.mark.parametrize("code", ["a", "A-z_0-9", "x" * 64])
def test_these_action_codes_are_taken(api, code):
    ok(api("POST", f"users/alice/actions/{code}"))


@pytest.mark.parametrize("code", ["x" * 65, "a b", "a%20b", "a.b", "ü", "a%00", "a%0A", "a:b", "%25", "a%2Fb"])
def test_these_action_codes_are_refused(api, code):
    answer = api("POST", f"users/alice/actions/{code}")
    assert answer.status_code in (400, 404), answer.body
    assert not Action.objects.exists()
    assert not ActionConfiguration.objects.exists()
    refused(api("GET", f"users/alice/actions/{code}/key"), 404, "not_found")
    assert api("PATCH", f"users/alice/actions/{code}/key", {"state": "ALLOW"}).status_code == 404


def test_a_tenant_may_let_users_without_an_authenticator_through(api, acme):
    acme.let_unenrolled_users_through = True
    acme.save()
    make.make_action(acme, "blocked", "BLOCK")
    answer = ok(api("POST", "users/alice/actions/Login"))
    assert (answer["state"], answer["isEnrolled"]) == ("ALLOW", False)
    assert ok(api("POST", "users/alice/actions/blocked"))["state"] == "BLOCK"
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+64270000000"}))
    assert ok(api("POST", "users/alice/actions/Login"))["state"] == "CHALLENGE_REQUIRED"


# -- idempotency ---------------------------------------------------------------------------------


def test_the_same_key_is_the_same_action_with_a_fresh_token(api, acme):
    rule = make.make_rule(make.make_action(acme, "pay"), ANONYMOUS, "REVIEW")
    body = {"idempotencyKey": "k 1/ü", "ipAddress": TOR, "custom": {"b": 1, "a": [1, "x"]}, "email": "a@b.example"}
    first = ok(api("POST", "users/alice/actions/pay", body))
    rule.delete()
    rule.configuration.changed()
    other_place = body | {"ipAddress": HOME, "userAgent": "x", "deviceId": "d", "locale": "fr"}
    again = ok(api("POST", "users/alice/actions/pay", other_place))
    for name in ("idempotencyKey", "state", "ruleIds", "isEnrolled", "allowedVerificationMethods"):
        assert again[name] == first[name], name
    assert first["idempotencyKey"] == "k 1/ü"
    assert Action.objects.count() == 1
    assert tags().count("action:tracked") == 1
    assert ActionFacts.objects.get().ip_address == TOR


@pytest.mark.parametrize(
    "change",
    [
        {"custom": {"amount": 2}},
        {"custom": {}},
        {"email": "other@b.example"},
        {"phoneNumber": "+6427000001"},
        {"redirectUrl": "https://app.acme.example/other"},
        {"scope": "add:authenticators"},
    ],
)
def test_the_same_key_with_another_body_is_a_conflict_and_changes_nothing(api, change):
    body = {
        "idempotencyKey": "k",
        "custom": {"amount": 1},
        "email": "a@b.example",
        "phoneNumber": "+6427000000",
        "redirectUrl": "https://app.acme.example/",
        "scope": "read:authenticators",
    }
    ok(api("POST", "users/alice/actions/pay", body))
    before = everything_stored()
    refused(api("POST", "users/alice/actions/pay", body | change), 409, "conflict")
    assert everything_stored() == before


def test_a_key_belongs_to_one_user_and_one_action(api):
    for path in ("users/alice/actions/a", "users/alice/actions/b", "users/bob/actions/a"):
        ok(api("POST", path, {"idempotencyKey": "k", "custom": {"path": path}}))
    assert Action.objects.count() == 3


@pytest.mark.parametrize("key", ["x" * 255, "a", "\u202eabc", "🦊", "a/b?c#d%e", "with space"])
def test_these_keys_are_taken_and_found_again(api, key):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": key}))
    assert ok(api("GET", f"users/alice/actions/pay/{quote(key, safe='')}"))["state"] == "CHALLENGE_REQUIRED"


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "a\nb", "\x85", 5, True, ["k"], {"k": 1}])
def test_these_keys_are_refused(api, key):
    refused(api("POST", "users/alice/actions/pay", {"idempotencyKey": key}), 400, "invalid_request")
    assert not Action.objects.exists()


# -- attributes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("203.0.113.10", "203.0.113.10"),
        ("203.0.113.10, 10.0.0.1, 10.0.0.2", "203.0.113.10"),
        (" 203.0.113.10 ,x", "203.0.113.10"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.10", "203.0.113.10"),
        ("", None),
        (None, None),
    ],
)
def test_these_addresses_are_taken(api, sent, kept):
    ok(api("POST", "users/alice/actions/pay", {"ipAddress": sent, "idempotencyKey": "k"}))
    assert ActionFacts.objects.get().ip_address == kept
    (listed,) = ok(api("GET", "users/alice/actions"))
    assert listed.get("ipAddress") == kept


@pytest.mark.parametrize(
    "sent",
    [
        "localhost",
        "203.0.113.256",
        "203.0.113.10:80",
        "[::1]",
        "fe80::1%eth0",
        ",203.0.113.10",
        "1",
        3405803786,
        ["203.0.113.10"],
        {"v4": "203.0.113.10"},
        True,
        "203.0.113.10;",
        "0x7f.1",
        "203.0.113.010",
        "::1/64",
    ],
)
def test_anything_else_is_no_address(api, sent):
    assert "ipAddress" in refused(api("POST", "users/alice/actions/pay", {"ipAddress": sent}), 400, "invalid_request")
    assert not EndUser.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"redirectToSettings": "yes"},
        {"userAgent": 5},
        {"userAgent": "x" * 4001},
        {"deviceId": "x" * 256},
        {"deviceId": {}},
        {"scope": "everything"},
        {"scope": "read:authenticators everything"},
        {"scope": ["read:authenticators"]},
        {"email": "nobody"},
        {"phoneNumber": "x"},
        {"username": 5},
        {"custom": "x"},
        {"custom": [1]},
        {"custom": {"a": {}}},
        {"locale": "x" * 36},
        {"challengeId": 5},
        {"challengeId": "x" * 129},
    ],
)
def test_a_wrong_attribute_is_named_and_nothing_is_kept(api, body):
    assert next(iter(body)) in refused(api("POST", "users/alice/actions/pay", body), 400, "invalid_request")
    assert not EndUser.objects.exists()
    assert tags() == []


def test_a_challenge_that_does_not_exist_is_401(api):
    refused(api("POST", "users/alice/actions/pay", {"challengeId": "nothing"}), 401, "unauthorized")
    assert not EndUser.objects.exists()


def test_email_phone_and_username_are_kept_with_the_user(api):
    ok(api("POST", "users/alice/actions/pay", {"email": "a@b.example", "phoneNumber": "+6427000000", "username": "al"}))
    user = ok(api("GET", "users/alice"))
    assert (user["email"], user["phoneNumber"], user["username"]) == ("a@b.example", "+6427000000", "al")
    assert (user["emailVerified"], user["phoneNumberVerified"], user["isEnrolled"]) == (False, False, False)
    (found,) = ok(api("GET", "users?email=a@b.example"))["users"]
    assert found["userId"] == "alice"


def test_custom_data_of_an_action_is_not_the_users(api):
    ok(api("POST", "users/alice/actions/pay", {"custom": {"amount": 5}}))
    assert "custom" not in ok(api("GET", "users/alice"))


# -- cost ----------------------------------------------------------------------------------------


def test_a_warm_track_takes_at_most_six_statements(api, acme, django_assert_max_num_queries):
    pay = make.make_action(acme, "pay")
    make.make_point(acme, "amount", "number")
    for priority in range(20):
        make.make_rule(pay, {"and": [ANONYMOUS, {">": [{"var": "custom.amount"}, priority]}]}, priority=priority)
    body = {"ipAddress": TOR, "deviceId": "d", "userAgent": "curl/8", "custom": {"amount": 50}, "email": "a@b.example"}
    ok(api("POST", "users/alice/actions/pay", body))
    for user in ("alice", str(uuid.uuid4())):
        for key in ({}, {"idempotencyKey": "k"}, {"idempotencyKey": "k"}):
            with django_assert_max_num_queries(6):
                ok(api("POST", f"users/{user}/actions/pay", body | key))


# -- one action, many actions, a new state -------------------------------------------------------


def test_an_action_without_rules_has_exactly_these_members(api):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    action = ok(api("GET", "users/alice/actions/pay/k"))
    assert MOMENT.fullmatch(action["createdAt"])
    assert MOMENT.fullmatch(action["stateUpdatedAt"])
    assert action == {
        "state": "CHALLENGE_REQUIRED",
        "createdAt": action["createdAt"],
        "stateUpdatedAt": action["stateUpdatedAt"],
        "output": {},
    }


@pytest.mark.parametrize("path", ["bob/actions/pay/k", "alice/actions/other/k", "alice/actions/pay/K"])
def test_an_unknown_action_is_404(api, path):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    refused(api("GET", f"users/{path}"), 404, "not_found")
    refused(api("PATCH", f"users/{path}", {"state": "ALLOW"}), 404, "not_found")


STATES = [
    "ALLOW",
    "BLOCK",
    "CHALLENGE_REQUIRED",
    "CHALLENGE_FAILED",
    "REVIEW_REQUIRED",
    "REVIEW_SUCCEEDED",
    "REVIEW_FAILED",
]


@pytest.mark.parametrize("start", [*STATES, "CHALLENGE_SUCCEEDED"])
def test_every_state_but_a_proofs_result_can_be_set(api, start):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    for state in STATES:
        Action.objects.update(state=start)
        answer = ok(api("PATCH", "users/alice/actions/pay/k", {"state": state, "custom": {"ignored": 1}}))
        assert MOMENT.fullmatch(answer.pop("stateUpdatedAt"))
        assert answer == {"userId": "alice", "action": "pay", "idempotencyKey": "k", "state": state}
        assert ok(api("GET", "users/alice/actions/pay/k"))["state"] == state
    Action.objects.update(state=start)
    before = everything_stored()
    refused(api("PATCH", "users/alice/actions/pay/k", {"state": "CHALLENGE_SUCCEEDED"}), 400, "invalid_request")
    assert everything_stored() == before


def test_a_new_state_is_on_record_and_the_same_one_is_not(api):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    first = ok(api("PATCH", "users/alice/actions/pay/k", {"state": "REVIEW_REQUIRED"}))
    again = ok(api("PATCH", "users/alice/actions/pay/k", {"state": "REVIEW_REQUIRED"}))
    assert again == first
    assert tags().count("action:state_changed") == 1


@pytest.mark.parametrize("body", [{}, {"state": ""}, {"state": None}, {"state": "review"}, {"state": ["ALLOW"]}])
def test_a_state_that_does_not_exist_is_refused(api, body):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    refused(api("PATCH", "users/alice/actions/pay/k", body), 400, "invalid_request")


def test_a_users_actions_come_newest_first_and_can_be_filtered(api, acme):
    make.make_action(acme, "a")
    for number, code in enumerate(["a", "b", "a", "c"]):
        ok(api("POST", f"users/alice/actions/{code}", {"idempotencyKey": str(number), "userAgent": "curl/8"}))
    ok(api("POST", "users/bob/actions/a"))

    def keys(query=""):
        return [each["idempotencyKey"] for each in ok(api("GET", f"users/alice/actions{query}"))]

    assert keys() == ["3", "2", "1", "0"]
    assert keys("?codes=a") == ["2", "0"]
    assert keys("?codes=a,c") == ["3", "2", "0"]
    assert keys("?codes=a%2Cb&state=ALLOW") == ["2", "0"]
    assert keys("?codes=&state=&fromDate=") == ["3", "2", "1", "0"]
    assert keys("?state=CHALLENGE_REQUIRED") == ["3", "1"]
    assert keys("?state=BLOCK") == []
    assert keys("?fromDate=2000-01-01") == ["3", "2", "1", "0"]
    assert keys("?fromDate=2999-01-01T00:00:00Z") == []
    assert keys("?fromDate=2000-01-01T00:00:00%2B12:00") == ["3", "2", "1", "0"]
    listed = ok(api("GET", "users/alice/actions?codes=c"))[0]
    assert listed == {
        "actionCode": "c",
        "idempotencyKey": "3",
        "createdAt": listed["createdAt"],
        "updatedAt": listed["createdAt"],
        "state": "CHALLENGE_REQUIRED",
        "stateUpdatedAt": listed["createdAt"],
        "userAgent": "curl/8",
    }
    assert MOMENT.fullmatch(listed["createdAt"])
    assert ok(api("GET", "users/nobody/actions")) == []


@pytest.mark.parametrize(
    "query", ["fromDate=yesterday", "fromDate=5", "fromDate=2026-13-01", "state=DONE", "codes=%00", "fromDate=%00"]
)
def test_a_wrong_filter_is_refused(api, query):
    refused(api("GET", f"users/alice/actions?{query}"), 400, "invalid_request")


def test_actions_are_listed_for_thirty_days_and_stay_to_be_found_by_name(api, advance):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k"}))
    advance(29 * 86400)
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "later"}))
    assert len(ok(api("GET", "users/alice/actions"))) == 2
    advance(2 * 86400)
    for query in ("", "?fromDate=2000-01-01"):
        assert [each["idempotencyKey"] for each in ok(api("GET", f"users/alice/actions{query}"))] == ["later"]
    assert ok(api("GET", "users/alice/actions/pay/k"))["state"] == "CHALLENGE_REQUIRED"


def test_what_was_known_is_kept_beside_the_action(api):
    body = {"custom": {"amount": 5}, "ipAddress": TOR, "deviceId": "d", "userAgent": "curl/8"}
    ok(api("POST", "users/alice/actions/pay", body))
    facts = ActionFacts.objects.get().facts
    assert facts["custom"] == {"amount": 5}
    assert facts["ip"]["anonymizer"] == "TOR"
    device = {"id": "d", "isNew": True, "isBot": True, "isRemembered": False, "count": 1, "browser": "curl"}
    assert facts["device"] == device
    assert json.dumps(facts)
