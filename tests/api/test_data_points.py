"""Each data point, through HTTP: a rule on it fires where it should, and nowhere else."""

from datetime import timedelta

import pytest

from actions.models import ActionFacts
from authsignal_portal import clock
from authsignal_portal.vocabulary import VerificationMethod as M
from authsignal_portal.wire import iso
from rules import value_lists
from rules.models import ValueList
from rules.value_lists import NewItem
from tests import make
from tests.api.reading import code_sent, ok

TOR, VPN, HOSTING, HOME = "185.220.101.1", "146.70.116.130", "3.5.140.2", "203.0.113.10"
NEW_ZEALAND, AMERICAN, KOREAN = "202.27.184.3", "8.8.8.8", "175.45.176.1"
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


# -- cards, wallets, the account's age -----------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "fires", "rests"),
    [
        ({"==": [var("card.bin"), "411111"]}, [{"cardBin": "411111"}], [{"cardBin": "411112"}, {"cardBin": 411111}]),
        ({"startsWith": [var("card.bin"), "4111"]}, [{"cardBin": "41112222"}], [{"cardBin": "511111"}]),
        (
            {"in": [var("card.issuerCountry"), ["NZ", "AU"]]},
            [{"cardIssuerCountry": "NZ"}, {"cardIssuerCountry": "nz"}],
            [{"cardIssuerCountry": "US"}, {"cardIssuerCountry": "New Zealand"}, {"cardIssuerCountry": 1}],
        ),
        ({"in": ["Kiwi", var("card.issuerName")]}, [{"cardIssuerName": "Kiwi Bank"}], [{"cardIssuerName": "Bank"}]),
        (
            {"==": [var("crypto.walletAddress"), "0xAbC"]},
            [{"walletAddress": "0xAbC"}],
            [{"walletAddress": "0xabc"}, {"wallet": "0xAbC"}],
        ),
        ({"in": [var("crypto.assetCode"), ["BTC", "ETH"]]}, [{"assetCode": "ETH"}], [{"assetCode": "XMR"}]),
    ],
)
def test_cards_and_wallets_are_read_from_what_the_action_sends(api, acme, conditions, fires, rests):
    watch(acme, conditions)
    for custom in fires:
        assert decided(api, {"custom": custom}), custom
    for custom in (*rests, {}):
        assert not decided(api, {"custom": custom}), custom
    assert not decided(api)


def test_the_age_of_an_account_in_days(api, acme, advance):
    watch(acme, {">=": [var("user.accountAgeInDays"), 2]})
    assert not decided(api)
    advance(2 * 86400 - 60)
    assert not decided(api)
    advance(61)
    assert decided(api)
    assert not decided(api, user="bob")


def test_an_account_that_is_seen_for_the_first_time_is_no_day_old(api, acme):
    watch(acme, {"==": [var("user.accountAgeInDays"), 0]})
    assert decided(api)
    assert decided(api)


# -- value lists ---------------------------------------------------------------------------------


def listed(tenant, *values, name="Listed", item_type="string", **more):
    value_list = value_lists.create(tenant, name, item_type=item_type)
    value_lists.put(value_list, [NewItem(value, **more) for value in values])
    return value_list


def on_list(point, alias="listed"):
    return {"in": [var(point), var(f"lists.{alias}")]}


@pytest.mark.parametrize(
    ("point", "values", "fires", "rests"),
    [
        ("user.email", ["a@mail.example"], [{"email": "a@mail.example"}], [{"email": "b@mail.example"}]),
        ("user.phoneNumber", ["+6427000000"], [{"phoneNumber": "+64 27 000000"}], [{"phoneNumber": "+6427000001"}]),
        ("user.username", ["al"], [{"username": "al"}], [{"username": "bo"}]),
        (
            "ip.address",
            ["203.0.113.0/28", "2001:db8::/32", TOR, "no address"],
            [{"ipAddress": HOME}, {"ipAddress": f"::ffff:{HOME}"}, {"ipAddress": "2001:db8::9"}, {"ipAddress": TOR}],
            [{"ipAddress": "203.0.113.16"}, {"ipAddress": "2001:db9::9"}, {"ipAddress": NEW_ZEALAND}, {}],
        ),
        (
            "ip.countryCode",
            ["nz", "AU"],
            [{"ipAddress": NEW_ZEALAND}],
            [{"ipAddress": AMERICAN}, {"ipAddress": HOME}, {}],
        ),
        ("device.id", ["d"], [{"deviceId": "d"}], [{"deviceId": "e"}, {}]),
        ("card.issuerCountry", ["NZ"], [{"custom": {"cardIssuerCountry": "nz"}}], [{"custom": {}}]),
        ("crypto.walletAddress", ["0xabc"], [{"custom": {"walletAddress": "0xabc"}}], [{"custom": {}}]),
        ("custom.v", ["bad", "7"], [{"custom": {"v": "bad"}}], [{"custom": {"v": "Bad"}}, {"custom": {"v": 7}}, {}]),
    ],
)  # fmt: skip
def test_being_on_a_list(api, acme, point, values, fires, rests):
    make.make_point(acme, "v", "text")
    listed(acme, *values)
    watch(acme, on_list(point))
    for number, body in enumerate(fires):
        assert decided(api, body, user=f"in-{number}"), body
    for number, body in enumerate(rests):
        assert not decided(api, body, user=f"out-{number}"), body


def test_not_being_on_a_list_holds_only_for_a_value_that_is_known(api, acme):
    listed(acme, "d")
    watch(acme, {"!": on_list("device.id")})
    assert [decided(api, body) for body in ({"deviceId": "e"}, {"deviceId": "d"}, {})] == [True, False, False]


def test_a_users_id_on_a_list(api, acme):
    listed(acme, "alice")
    watch(acme, on_list("user.userId"))
    assert decided(api)
    assert not decided(api, user="Alice")


def test_a_custom_number_on_a_list_of_numbers(api, acme):
    make.make_point(acme, "v", "number")
    listed(acme, "7", "2.5", "-1", item_type="number")
    watch(acme, on_list("custom.v"))
    for value, fires in [(7, True), (7.0, True), (2.5, True), (-1, True), (8, False), ("7", False), (True, False)]:
        assert decided(api, {"custom": {"v": value}}) is fires, value


def test_a_list_is_changed_and_the_next_decision_knows(api, acme):
    value_list = listed(acme, "a")
    watch(acme, on_list("device.id"))
    assert [decided(api, {"deviceId": device}) for device in "ab"] == [True, False]
    value_lists.put(value_list, [NewItem("b")])
    value_lists.remove(value_list, ["a"])
    assert [decided(api, {"deviceId": device}) for device in "ab"] == [False, True]


def test_an_item_counts_until_it_expires(api, acme, advance):
    value_list = listed(acme, "d", expires_at=clock.now() + timedelta(hours=1))
    watch(acme, on_list("device.id"))
    assert decided(api, {"deviceId": "d"})
    advance(3590)
    assert decided(api, {"deviceId": "d"})
    advance(20)
    assert not decided(api, {"deviceId": "d"})
    value_lists.put(value_list, [NewItem("d", expires_at=clock.now() + timedelta(hours=1))])
    assert decided(api, {"deviceId": "d"})


@pytest.mark.parametrize("how", ["off", "deleted"])
def test_a_list_that_is_off_or_gone_leaves_the_condition_undecided(api, acme, how):
    value_list = listed(acme, "d")
    pay = make.make_action(acme, "pay")
    make.make_rule(pay, on_list("device.id"), "REVIEW", name="on")
    make.make_rule(pay, {"!": on_list("device.id")}, "REVIEW", priority=1, name="not on")
    strict = make.make_action(acme, "strict")
    make.make_rule(strict, on_list("device.id"), "BLOCK", when_unknown="match")
    for device in ("d", "e"):
        assert decided(api, {"deviceId": device})
    if how == "off":
        ValueList.objects.update(is_active=False)
        value_lists.new_version(acme)
    else:
        value_lists.delete(value_list)
    for device in ("d", "e"):
        assert not decided(api, {"deviceId": device})
    assert ok(api("POST", "users/alice/actions/strict", {"deviceId": "e"}))["state"] == "BLOCK"


def test_another_tenants_list_of_the_same_name_is_another_list(api, acme, globex):
    listed(acme, "mine")
    listed(globex, "theirs")
    watch(acme, on_list("device.id"))
    assert [decided(api, {"deviceId": device}) for device in ("mine", "theirs")] == [True, False]


def test_an_embargoed_country(api, acme):
    watch(acme, {"==": [var("ip.countryCodeInOfacList"), True]})
    make.make_rule(
        make.make_action(acme, "named"), on_list("ip.countryCode", value_lists.OFAC_ALIAS), "REVIEW", name="named"
    )

    def both(address):
        named = ok(api("POST", "users/alice/actions/named", {"ipAddress": address}))["state"] == "REVIEW_REQUIRED"
        assert named is decided(api, {"ipAddress": address})
        return named

    assert [both(KOREAN), both(NEW_ZEALAND)] == [True, False]
    assert not decided(api)
    assert not decided(api, {"ipAddress": AMERICAN})
    own = value_lists.ensure_ofac(acme)
    assert [both(KOREAN), both(NEW_ZEALAND)] == [True, False]
    value_lists.remove(own, ["KP"])
    value_lists.put(own, [NewItem("nz")])
    assert [both(KOREAN), both(NEW_ZEALAND)] == [False, True]
    ValueList.objects.update(is_active=False)
    value_lists.new_version(acme)
    assert [both(KOREAN), both(NEW_ZEALAND)] == [False, False]
    value_lists.delete(own)
    assert [both(KOREAN), both(NEW_ZEALAND)] == [True, False]


# -- the other operators -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "conditions", "fires", "rests"),
    [
        ("text", {"missing": ["custom.v"]}, [None, ""], ["x", " "]),
        ("text", {"!": {"missing": ["custom.v"]}}, ["x", " "], [None, ""]),
        ("number", {"missing": ["custom.v"]}, [None], [0, -1, "7"]),
        ("number", {"!": {"missing": ["custom.v"]}}, [0], [None, "7"]),
        ("boolean", {"!": {"missing": ["custom.v"]}}, [False, True], [None, 0]),
        ("multiselect", {"missing": ["custom.v"]}, [None, []], [["a"]]),
        ("text", {"matches": [var("custom.v"), "^iban-[0-9]{2}$"]}, ["iban-42"], ["IBAN-42", "iban-4", "xiban-42"]),
        ("text", {"matches": [var("custom.v"), "(?i)tor|vpn"]}, ["a VPN", "Tor"], ["proxy", 5, None]),
        ("text", {"!": {"matches": [var("custom.v"), "^a"]}}, ["b"], ["a", None]),
        ("text", {"before": [var("custom.v"), "2026-01-31"]}, ["2026-01-30T23:59Z"], ["2026-01-31", "soon", "", None]),
        (
            "text",
            {"after": [var("custom.v"), "2026-01-31T12:00+02:00"]},
            ["2026-01-31T10:00:01Z", "2027-01-01"],
            ["2026-01-31T10:00:00Z", "x", None],
        ),
        ("text", {"olderThan": [var("custom.v"), "30d"]}, ["2020-01-01"], ["2999-01-01", "x", None]),
        ("text", {"newerThan": [var("custom.v"), "30d"]}, [], ["2020-01-01", "2999-01-01", "x", None]),
        ("multiselect", {"containsAny": [var("custom.v"), ["a", 1]]}, [["a"], [1, "x"]], [["b"], [], ["A"], "a", None]),
        ("multiselect", {"containsAll": [var("custom.v"), ["a", "b"]]}, [["b", "a", "c"]], [["a"], [], None]),
        ("multiselect", {"!": {"containsAny": [var("custom.v"), ["a"]]}}, [["b"], []], [["a", "b"], None]),
    ],
)  # fmt: skip
def test_operators(api, acme, kind, conditions, fires, rests):
    make.make_point(acme, "v", kind)
    watch(acme, conditions)
    for value in fires:
        assert decided(api, {"custom": {"v": value}}), value
    for value in rests:
        assert not decided(api, {"custom": {"v": value}}), value


def test_longer_ago_and_less_long_ago_go_by_the_moment_of_the_action(api, acme, advance):
    make.make_point(acme, "since", "text", "user")
    pay = make.make_action(acme, "pay")
    make.make_rule(pay, {"olderThan": [var("user.custom.since"), "2d"]}, "REVIEW", name="older")
    make.make_rule(make.make_action(acme, "new"), {"newerThan": [var("user.custom.since"), "2d"]}, "REVIEW")
    ok(api("PATCH", "users/alice", {"custom": {"since": iso(clock.now())}}))

    def is_new():
        return ok(api("POST", "users/alice/actions/new"))["state"] == "REVIEW_REQUIRED"

    assert (decided(api), is_new()) == (False, True)
    advance(2 * 86400 - 60)
    assert (decided(api), is_new()) == (False, True)
    advance(120)
    assert (decided(api), is_new()) == (True, False)


def test_an_empty_value_of_what_is_no_custom_data(api, acme):
    watch(acme, {"and": [{"missing": ["device.id"]}, {"!": {"missing": ["ip.address"]}}]})
    assert decided(api, {"ipAddress": HOME})
    assert not decided(api, {"ipAddress": HOME, "deviceId": "d"})
    assert not decided(api)


# -- shadow rules --------------------------------------------------------------------------------


def test_a_shadow_rule_is_recorded_and_decides_nothing(api, acme):
    pay = make.make_action(acme, "pay")
    shadow = make.make_rule(pay, {"==": [var("ip.isAnonymous"), True]}, "BLOCK", priority=0, is_shadow=True)
    real = make.make_rule(pay, {"==": [var("device.id"), "d"]}, "REVIEW", priority=1, name="real")
    answer = ok(api("POST", "users/alice/actions/pay", {"ipAddress": TOR, "deviceId": "d", "idempotencyKey": "k"}))
    assert (answer["state"], answer["ruleIds"]) == ("REVIEW_REQUIRED", [str(real.pk)])
    action = ok(api("GET", "users/alice/actions/pay/k"))
    assert action["ruleIds"] == [str(real.pk)]
    facts = ActionFacts.objects.get()
    assert facts.shadow_rules == [shadow.pk]
    assert facts.matched_rules == [real.pk]
    assert facts.trace["verdicts"][str(shadow.pk)] == "true"
    assert not decided(api, {"ipAddress": TOR})
    assert not decided(api, {"ipAddress": HOME})
    assert [row.shadow_rules for row in ActionFacts.objects.order_by("action__created_at")] == [[shadow.pk]] * 2 + [[]]
    shadow.is_shadow = False
    shadow.save()
    pay.changed()
    assert ok(api("POST", "users/alice/actions/pay", {"ipAddress": TOR}))["state"] == "BLOCK"
