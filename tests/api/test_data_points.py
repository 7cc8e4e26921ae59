"""Each data point, through HTTP: a rule on it fires where it should, and nowhere else."""

from datetime import timedelta

import pytest

from authsignal_portal import clock
from authsignal_portal.vocabulary import VerificationMethod as M
from authsignal_portal.wire import iso
from tests import make
from tests.api.reading import code_sent, ok

TOR, VPN, HOSTING, HOME = "185.220.101.1", "146.70.116.130", "3.5.140.2", "203.0.113.10"
NEW_ZEALAND, AMERICAN = "202.27.184.3", "8.8.8.8"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
HUMAN = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


def decided(api, body=None, user="alice"):
    """Whether the rule of the action `pay` fired."""
    answer = ok(api("POST", f"users/{user}/actions/pay", body or {}))
    assert answer["state"] in ("ALLOW", "REVIEW_REQUIRED")
    assert ("ruleIds" in answer) == (answer["state"] == "REVIEW_REQUIRED")
    return answer["state"] == "REVIEW_REQUIRED"


def watch(tenant, conditions, **fields):
    return make.make_rule(make.make_action(tenant, "pay"), conditions, "REVIEW", **fields)


def var(name):
    return {"var": name}


@pytest.mark.parametrize(
    ("conditions", "fires", "rests"),
    [
        ({"==": [var("ip.address"), HOME]}, [HOME, f"{HOME}, 10.0.0.1", f"::ffff:{HOME}"], [TOR, None]),
        ({"ipInCidr": [var("ip.address"), ["203.0.113.0/24", "2001:db8::/32"]]}, [HOME, "2001:db8::9"], [TOR, None]),
        ({"!": {"ipInCidr": [var("ip.address"), ["203.0.113.0/24"]]}}, [TOR, "::1"], [HOME, None]),
        ({"==": [var("ip.countryCode"), "NZ"]}, [NEW_ZEALAND], [AMERICAN, HOME, None]),
        ({"in": [var("ip.countryCode"), ["AU", "NZ"]]}, [NEW_ZEALAND], [AMERICAN, None]),
        ({"!=": [var("ip.countryCode"), "NZ"]}, [AMERICAN], [NEW_ZEALAND, HOME, None]),
        ({"==": [var("ip.isAnonymous"), True]}, [TOR, VPN, HOSTING], [HOME, NEW_ZEALAND, None]),
        ({"==": [var("ip.isAnonymous"), False]}, [HOME, NEW_ZEALAND], [TOR, VPN, None]),
        ({"==": [var("ip.anonymizer"), "TOR"]}, [TOR], [VPN, HOSTING, HOME, None]),
        ({"==": [var("ip.anonymizer"), "VPN"]}, [VPN], [TOR, HOSTING, HOME, None]),
        ({"in": [var("ip.anonymizer"), ["HOSTING", "PROXY"]]}, [HOSTING], [TOR, VPN, HOME, None]),
        ({"==": [var("ip.anonymizer"), "NONE"]}, [HOME], [TOR, None]),
    ],
)
def test_the_address(api, acme, conditions, fires, rests):
    watch(acme, conditions)
    for address in fires:
        assert decided(api, {"ipAddress": address}), address
    for address in rests:
        assert not decided(api, {"ipAddress": address}), address


def prove(api, body, user="alice"):
    """A challenge passed by email code, with the same device and address."""
    given = {"userId": user, "action": "prove", "email": f"{user}@acme.example", "verificationMethod": "EMAIL_OTP"}
    challenge = ok(api("POST", "challenge", given | body))["challengeId"]
    answer = ok(api("POST", "verify", {"challengeId": challenge, "verificationCode": code_sent()}))
    assert answer["isVerified"] is True


def test_an_address_is_unrecognized_until_a_challenge_was_passed_from_it(api, acme):
    watch(acme, {"==": [var("ip.isUnrecognized"), True]})
    assert decided(api, {"ipAddress": HOME})
    assert decided(api, {"ipAddress": HOME})
    assert not decided(api)
    prove(api, {"ipAddress": HOME})
    assert not decided(api, {"ipAddress": HOME})
    assert decided(api, {"ipAddress": TOR})
    assert decided(api, {"ipAddress": HOME}, user="bob")


def test_a_device_is_new_until_a_challenge_was_passed_on_it_and_after_it_was_invalidated(api, acme):
    watch(acme, {"==": [var("device.isNew"), True]})
    assert decided(api, {"deviceId": "d"})
    assert decided(api, {"deviceId": "d"})
    assert not decided(api)
    assert not decided(api, {"deviceId": ""})
    prove(api, {"deviceId": "d"})
    assert not decided(api, {"deviceId": "d"})
    assert decided(api, {"deviceId": "e"})
    assert decided(api, {"deviceId": "d"}, user="bob")
    ok(api("POST", "users/alice/devices/d/invalidate"))
    assert decided(api, {"deviceId": "d"})


def test_a_device_is_remembered_until_its_time_runs_out_or_it_is_invalidated(api, acme):
    watch(acme, {"==": [var("device.isRemembered"), True]})
    assert not decided(api, {"deviceId": "d"})
    ok(api("PATCH", "users/alice/devices/d", {"rememberedUntil": "2099-01-01T00:00:00Z"}))
    assert decided(api, {"deviceId": "d"})
    assert not decided(api)
    assert not decided(api, {"deviceId": "e"})
    assert not decided(api, {"deviceId": "d"}, user="bob")
    ok(api("PATCH", "users/alice/devices/d", {"rememberedUntil": "2020-01-01T00:00:00Z"}))
    assert not decided(api, {"deviceId": "d"})
    ok(api("PATCH", "users/alice/devices/d", {"rememberedUntil": "2099-01-01T00:00:00Z"}))
    ok(api("POST", "users/alice/devices/d/invalidate"))
    assert not decided(api, {"deviceId": "d"})


def test_remembering_runs_out_by_itself(api, acme, advance):
    watch(acme, {"==": [var("device.isRemembered"), False]})
    decided(api, {"deviceId": "d"})
    ok(api("PATCH", "users/alice/devices/d", {"rememberedUntil": iso(clock.now() + timedelta(hours=1))}))
    assert not decided(api, {"deviceId": "d"})
    advance(3601)
    assert decided(api, {"deviceId": "d"})


@pytest.mark.parametrize(("agent", "is_bot"), [(BOT, True), ("curl/8.5.0", True), (HUMAN, False)])
def test_a_bot_is_known_by_its_user_agent(api, acme, agent, is_bot):
    watch(acme, {"==": [var("device.isBot"), True]})
    assert decided(api, {"userAgent": agent}) is is_bot
    assert not decided(api)


def test_devices_are_counted_for_each_user(api, acme):
    watch(acme, {">": [var("device.count"), 2]})
    assert not decided(api)
    for device, fires in [("a", False), ("b", False), ("a", False), ("c", True), ("a", True)]:
        assert decided(api, {"deviceId": device}) is fires, device
    assert decided(api)
    assert not decided(api, {"deviceId": "a"}, user="bob")


@pytest.mark.parametrize(
    ("name", "sent", "literal", "other"),
    [
        ("email", {"email": "a@acme.example"}, "a@acme.example", {"email": "b@acme.example"}),
        ("phoneNumber", {"phoneNumber": "+64 27 000000"}, "+6427000000", {"phoneNumber": "+6427000001"}),
        ("username", {"username": "al"}, "al", {"username": "bo"}),
    ],
)
def test_what_is_sent_about_the_user_counts_at_once_and_later(api, acme, name, sent, literal, other):
    watch(acme, {"==": [var(f"user.{name}"), literal]})
    assert not decided(api)
    assert decided(api, sent)
    assert decided(api)
    assert not decided(api, other)
    assert not decided(api)
    assert not decided(api, user="bob")


def test_the_users_id(api, acme):
    watch(acme, {"startsWith": [var("user.userId"), "staff/"]})
    assert decided(api, user="staff%2Fal")
    assert not decided(api, user="al")


def test_the_end_of_an_email_address(api, acme):
    watch(acme, {"endsWith": [var("user.email"), "@mail.example"]})
    assert decided(api, {"email": "x@mail.example"})
    assert not decided(api, {"email": "x@mail.example.org"})


def test_enrolment(api, acme):
    watch(acme, {"==": [var("user.isEnrolled"), True]})
    assert not decided(api)
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    assert decided(api)
    assert not decided(api, user="bob")


def test_a_pending_authenticator_is_no_enrolment(api, acme):
    watch(acme, {"==": [var("user.isEnrolled"), True]})
    make.make_authenticator(make.make_user(acme), M.EMAIL_OTP, verified_at=None, contact="a@b.example")
    assert not decided(api)


def test_having_verified_before(api, acme):
    watch(acme, {"==": [var("user.hasPreviouslyVerified"), True]})
    assert not decided(api)
    prove(api, {})
    assert decided(api)
    assert not decided(api, user="bob")


def test_verified_addresses(api, acme):
    pay = make.make_action(acme, "pay")
    make.make_rule(pay, {"==": [var("user.emailVerified"), False]}, "REVIEW", priority=0, name="email")
    make.make_rule(pay, {"==": [var("user.phoneNumberVerified"), True]}, "REVIEW", priority=1, name="phone")
    assert not decided(api)
    assert decided(api, {"email": "a@b.example"})
    ok(api("PATCH", "users/alice", {"emailVerified": True}))
    assert not decided(api)
    ok(api("PATCH", "users/alice", {"phoneNumber": "+6427000000", "phoneNumberVerified": True}))
    assert decided(api)


def test_custom_data_of_the_user(api, acme):
    make.make_point(acme, "tier", "text", "user")
    make.make_point(acme, "limit", "number", "user")
    watch(acme, {"and": [{"==": [var("user.custom.tier"), "gold"]}, {">=": [var("user.custom.limit"), 100]}]})
    assert not decided(api, {"custom": {"tier": "gold", "limit": 100}})
    ok(api("PATCH", "users/alice", {"custom": {"tier": "gold", "limit": 99}}))
    assert not decided(api)
    ok(api("PATCH", "users/alice", {"custom": {"limit": 100}}))
    assert decided(api)
    ok(api("PATCH", "users/alice", {"custom": {"tier": None}}))
    assert not decided(api)


@pytest.mark.parametrize(
    ("kind", "conditions", "fires", "rests"),
    [
        ("number", {">": [var("custom.v"), 2000]}, [2001, 2000.5, 1e12], [2000, -1, "2001", True, [2001], None]),
        ("number", {"<=": [1, var("custom.v"), 5]}, [1, 5, 2.5], [0, 5.1, "3", None]),
        ("number", {"in": [var("custom.v"), [1, 2]]}, [1, 2, 2.0], [3, "1", None]),
        ("text", {"==": [var("custom.v"), "a"]}, ["a"], ["A", "a ", 1, None]),
        ("text", {"in": ["bad", var("custom.v")]}, ["a bad one"], ["good", "BAD", ["bad"], None]),
        ("text", {"in": [var("custom.v"), ["x", "ü🦊"]]}, ["x", "ü🦊"], ["y", None]),
        ("boolean", {"==": [var("custom.v"), True]}, [True], [False, 1, "true", None]),
        ("multiselect", {"in": ["b", var("custom.v")]}, [["a", "b"], ["b"]], [["a"], [], "b", None]),
        (
            "text",
            {"or": [{"==": [var("custom.v"), "x"]}, {"!": {"!=": [var("custom.v"), "y"]}}]},
            ["x", "y"],
            ["z", None],
        ),
    ],
)
def test_custom_data_of_the_action(api, acme, kind, conditions, fires, rests):
    make.make_point(acme, "v", kind)
    watch(acme, conditions)
    for value in fires:
        assert decided(api, {"custom": {"v": value}}), value
    for value in rests:
        assert not decided(api, {"custom": {"v": value}}), value
    assert not decided(api)


def test_deeply_nested_groups(api, acme):
    make.make_point(acme, "v", "number")
    conditions = {">": [var("custom.v"), 5]}
    for _level in range(6):
        conditions = {"and": [{"or": [conditions, {"==": [var("ip.isAnonymous"), True]}]}, {"!": {"==": [1, 2]}}]}
        conditions = {"and": conditions["and"][:1]}
    watch(acme, conditions)
    assert decided(api, {"custom": {"v": 6}})
    assert decided(api, {"custom": {"v": 1}, "ipAddress": TOR})
    assert not decided(api, {"custom": {"v": 1}, "ipAddress": HOME})


def test_the_recipe_of_the_demo(api, acme):
    """Anonymous address or a large amount: challenged; an ordinary small one: allowed."""
    make.make_point(acme, "transactionValue", "number")
    pay = make.make_action(acme, "transfer")
    make.make_rule(pay, {"==": [var("ip.isAnonymous"), True]}, priority=0)
    make.make_rule(pay, {">": [var("custom.transactionValue"), 2000]}, priority=1)
    for address, value, state in [
        (TOR, 100, "CHALLENGE_REQUIRED"),
        (HOME, 3000, "CHALLENGE_REQUIRED"),
        (HOME, 500, "ALLOW"),
        (TOR, 3000, "CHALLENGE_REQUIRED"),
    ]:
        body = {"ipAddress": address, "custom": {"transactionValue": value}}
        assert ok(api("POST", "users/alice/actions/transfer", body))["state"] == state
