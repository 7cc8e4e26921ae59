"""What happened, and why: the list, an action's page, the dashboard, the test action."""

import json
import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import flow
from actions.activity_page import LONGEST_QUERY, page_of
from actions.models import Action, ActionFacts
from audit import log
from audit.models import AuditEvent
from authenticators.models import EndUser, Message
from authsignal_portal import access, clock, ids
from authsignal_portal.vocabulary import Role
from rules import value_lists
from rules.models import ActionConfiguration, PolicyVersion, Rule
from tests import make
from tests.api.reading import everything_stored
from tests.portal.staff import signed_in

LIST = "/portal/actions/action/"
TOR, HOME = "185.220.101.1", "203.0.113.10"
ANONYMOUS = {"and": [{"==": [{"var": "ip.isAnonymous"}, True]}, {">": [{"var": "custom.amount"}, 100]}]}
CANARY = "<script>canary()</script>"


@pytest.fixture
def withdraw(acme):
    make.make_point(acme, "amount", "number")
    configuration = make.make_action(acme, "withdraw", "ALLOW")
    make.make_rule(configuration, ANONYMOUS, name="Anonymous and large")
    return configuration


def track(tenant, user_id="alice", code="withdraw", **attributes):
    tracked = flow.track(tenant=tenant, user_id=user_id, action_code=code, attributes=attributes, actor=log.SYSTEM)
    return Action.objects.get(pk=tracked.action_id)


def page(admin, action) -> str:
    answer = admin.client.get(f"{LIST}{action.pk}/change/")
    assert answer.status_code == 200
    return unescape(re.sub(r"\s+", " ", answer.content.decode()))


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# -- one action ----------------------------------------------------------------------------------


def test_the_page_says_which_rule_decided_and_why(acme, admin, withdraw):
    action = track(acme, ipAddress=TOR, custom={"amount": 500}, deviceId="laptop")
    told = words(page(admin, action))
    assert "Anonymous and large Challenge Decided" in told
    assert "IP is anonymous It was true" in told
    assert "amount is greater than 100 It was 500" in told
    assert "Otherwise Allow" in told
    assert "185.220.101.1" in told
    assert "laptop" in told
    assert "Tracked withdraw, decided: Challenge" in told


def test_what_was_known_stands_in_words(acme, admin, withdraw):
    told = words(page(admin, track(acme, ipAddress=TOR, custom={"amount": 3000, "isGift": False, "note": None})))
    assert "IP is anonymous yes" in told
    assert "IP anonymizer Tor" in told
    assert "amount is greater than 100 It was 3,000" in told
    assert "amount 3,000 isGift no" in told


def test_what_was_missing_is_told(acme, admin, withdraw):
    told = words(page(admin, track(acme)))
    assert "There was no value." in told
    assert "unknown" in told
    assert "Otherwise Allow Decided" in told
    assert "IP address not known" in told


def test_an_old_decision_is_explained_by_the_rules_of_its_time(acme, admin, withdraw):
    action = track(acme, ipAddress=TOR, custom={"amount": 500})
    withdraw.rules.all().delete()
    withdraw.changed()
    told = words(page(admin, action))
    assert "Anonymous and large Challenge Decided" in told
    assert "they have changed since" in told


def test_rules_that_are_no_longer_kept_break_nothing(acme, admin, withdraw):
    action = track(acme)
    PolicyVersion.objects.all().delete()
    assert "no longer kept" in page(admin, action)
    ActionFacts.objects.all().delete()
    assert "no longer kept" in page(admin, action)
    assert admin.client.get(LIST).status_code == 200


def test_the_timeline_and_the_fate_of_messages_are_shown(acme, admin, withdraw):
    action = track(acme)
    Message.objects.create(
        tenant=acme,
        user=action.user,
        action_id=action.pk,
        channel="SMS",
        status="failed",
        error="30007",
        attempts=3,
        deadline_at=clock.now(),
    )
    told = words(page(admin, action))
    assert "SMS failed" in told
    assert "3 tries" in told
    assert "30007" in told


def test_whatever_a_customer_sends_is_text(acme, admin, withdraw):
    action = track(
        acme,
        user_id=CANARY,
        userAgent=CANARY,
        deviceId=CANARY,
        ipAddress=TOR,
        custom={"amount": CANARY, CANARY: CANARY, "deep": {"a": [CANARY]}},
        username=CANARY,
        idempotencyKey=CANARY,
    )
    paths = [
        f"{LIST}{action.pk}/change/",
        LIST,
        "/portal/",
        f"/portal/authenticators/enduser/{action.user.pk}/change/",
        "/portal/authenticators/enduser/",
        f"/portal/authenticators/enduser/{action.user.pk}/unlock/",
    ]
    for path in paths:
        body = admin.client.get(path).content.decode()
        assert "<script>canary" not in body, path
        assert "&lt;script&gt;canary" in body, path


def test_a_wrong_type_is_explained(acme, admin, withdraw):
    told = words(page(admin, track(acme, ipAddress=TOR, custom={"amount": "500"})))
    assert 'The value was the text "500"; this needs a number' in told


@pytest.mark.parametrize(("role", "shown"), [(Role.SUPPORT, "alice@example.com"), (Role.ANALYST, "a•••@example.com")])
def test_addresses_in_facts_and_reasons_follow_the_role(acme, withdraw, role, shown):
    make.make_rule(withdraw, {"in": ["@evil", {"var": "user.email"}]}, name="Mail", priority=1)
    action = track(acme, email="alice@example.com")
    told = page(signed_in(acme, role), action)
    assert told.count(shown) == 2
    assert ("alice@example.com" in told) == (role == Role.SUPPORT)


# -- the list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "users"),
    [
        ("", {"alice", "bob", "carol"}),
        ("user=alice", {"alice"}),
        ("user=ali", set()),
        ("action=signIn", {"bob"}),
        ("state=CHALLENGE_REQUIRED", {"bob", "carol"}),
        ("outcome=ALLOW", {"alice"}),
        ("since=2999-01-01", set()),
        ("until=2001-01-01", set()),
        ("since=", {"alice", "bob", "carol"}),
        ("state=nonsense&since=x&until=9999-12-31&before=x_y&action=%00", {"alice", "bob", "carol"}),
    ],
)
def test_the_list_can_be_narrowed_down(acme, admin, withdraw, query, users):
    make.make_action(acme, "signIn", "CHALLENGE")
    track(acme, "alice")
    track(acme, "bob", "signIn")
    track(acme, "carol", ipAddress=TOR, custom={"amount": 500})
    html = admin.client.get(f"{LIST}?{query}").content.decode()
    body = html[html.index("<main") :].partition("<tbody>")[2]
    assert {user for user in ("alice", "bob", "carol") if user in body} == users


def test_an_action_is_found_by_the_reference_that_its_user_reads_out(acme, admin, withdraw):
    action = track(acme, "alice")
    track(acme, "bob")
    said = ids.reference(action.pk)
    assert said in admin.client.get(f"{LIST}{action.pk}/change/").content.decode()
    for asked, users in ((said.lower(), {"alice"}), (said[:-1], set()), ("", {"alice", "bob"})):
        html = admin.client.get(LIST, {"reference": asked}).content.decode()
        body = html[html.index("<main") :].partition("<tbody>")[2]
        assert {user for user in ("alice", "bob") if user in body} == users, asked


def test_a_reference_is_found_however_old_and_what_is_none_finds_nothing(acme, admin, withdraw):
    action = track(acme, "long-ago")
    Action.objects.filter(pk=action.pk).update(created_at=clock.now() - timedelta(days=100))
    said = ids.reference(action.pk)
    assert "long-ago" in admin.client.get(LIST, {"reference": said}).content.decode()
    assert "long-ago" in admin.client.get(LIST, {"reference": f" {said} ", "since": "2099-01-01"}).content.decode()
    track(acme, "bob")
    for wrong in ("x" * 33, f"{said} {said} {said}", "\x00", "?"):
        html = admin.client.get(LIST, {"reference": wrong}).content.decode()
        assert "bob" not in html[html.index("<main") :].partition("<tbody>")[2], wrong


def test_old_actions_are_only_shown_when_asked_for(acme, admin, withdraw):
    action = track(acme, "long-ago")
    Action.objects.filter(pk=action.pk).update(created_at=clock.now() - timedelta(days=100))
    assert "long-ago" not in admin.client.get(LIST).content.decode()
    assert "long-ago" in admin.client.get(f"{LIST}?since=2020-01-01").content.decode()


def many(tenant, number: int) -> None:
    user = make.make_user(tenant, "many")
    now = clock.now()
    Action.objects.bulk_create(
        Action(
            tenant=tenant,
            user=user,
            action_code="x",
            idempotency_key=str(one),
            state="ALLOW",
            outcome="ALLOW",
            created_at=now - timedelta(seconds=one // 3),
        )
        for one in range(number)
    )


def test_every_action_is_on_exactly_one_page(acme, admin):
    many(acme, 130)
    seen: list[str] = []
    path = LIST
    for _ in range(5):
        html = admin.client.get(path).content.decode()
        seen += re.findall(r"/portal/actions/action/([0-9a-f-]{36})/change/", html)
        older = re.search(r'href="(\?before=[^"]+)">Older', html)
        if not older:
            break
        path = LIST + unescape(older[1])
    assert len(seen) == len(set(seen)) == 130


def test_a_large_table_is_neither_counted_nor_read_to_its_end(acme, admin):
    many(acme, 60)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        admin.client.get(LIST)
    sql = [query["sql"] for query in queries if "actions_action" in query["sql"]]
    assert not [one for one in sql if "COUNT(" in one]
    assert all("LIMIT" in one for one in sql)
    assert any(f"statement_timeout = '{LONGEST_QUERY}'" in query["sql"] for query in queries)


def test_a_search_that_takes_too_long_says_so(acme, admin, monkeypatch):
    many(acme, 1)
    monkeypatch.setattr("actions.activity_page.LONGEST_QUERY", "50ms")
    slow = Action.objects.extra(where=["pg_sleep(0.2) IS NOT NULL"])
    assert page_of(slow, "") is None


# -- the dashboard -------------------------------------------------------------------------------


def test_the_dashboard_sums_up_the_week(acme, globex, admin, withdraw):
    for number in range(4):
        track(acme, ipAddress=TOR, custom={"amount": 500}, idempotencyKey=str(number))
    track(acme)
    old = track(acme)
    Action.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(days=8))
    passed = Action.objects.filter(outcome="CHALLENGE").first()
    Action.objects.filter(pk=passed.pk).update(state="CHALLENGE_SUCCEEDED")
    make.make_action(globex, "withdraw", "BLOCK")
    track(globex)
    told = words(admin.client.get("/portal/").content.decode())
    assert "Allow 1 Challenge 4 Review 0 Block 0 Challenges passed 25 % 1 of 4" in told
    assert "days old" in told


def test_an_empty_dashboard_says_what_to_do(admin):
    told = words(admin.client.get("/portal/").content.decode())
    assert "Nothing tracked yet" in told
    assert "Challenges passed –" in told


# -- track a test action -------------------------------------------------------------------------


def test_a_test_action_shows_what_the_rules_make_of_it(acme, admin, withdraw):
    form = {"action_code": "withdraw", "user_id": "tester", "ip_address": TOR, "custom": json.dumps({"amount": 500})}
    html = admin.client.post("/portal/test-action/", form).content.decode()
    told = words(html)
    assert "Challenge required" in told
    assert "Anonymous and large Challenge Decided" in told
    action = Action.objects.get()
    assert f"/portal/actions/action/{action.pk}/change/" in html
    assert "/challenge?token=" in html
    event = AuditEvent.objects.get(tag="action:tracked")
    assert (event.actor_kind, event.actor, event.action_id) == ("staff", str(admin.user.pk), action.pk)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"custom": "{"}, "Custom data: no valid JSON. Look at line 1, column 2."),
        ({"custom": "[1]"}, "must be a JSON object"),
        ({"custom": "[" * 9000}, "nested deeper"),
        ({"custom": '{"a": "\\u0000"}'}, "control character"),
        ({"action_code": "a b"}, "letters, digits"),
        ({"user_id": ""}, "required"),
        ({"user_id": "a\tb"}, "control characters"),
        ({"ip_address": "999.1.1.1"}, "999.1.1.1"),
        ({"email": "nonsense"}, "email"),
        ({"user_agent": "x" * 4001}, "at most 4000"),
    ],
)
def test_a_wrong_test_action_is_refused_and_told_why(acme, admin, withdraw, wrong, told):
    form = {"action_code": "withdraw", "user_id": "tester"} | wrong
    answer = admin.client.post("/portal/test-action/", form)
    assert answer.status_code == 200
    assert told in unescape(answer.content.decode())
    assert not Action.objects.exists()


def acted(staff, **fields: str) -> str:
    form = {"action_code": "withdraw", "user_id": "alice", "custom": json.dumps({"amount": 500})} | fields
    return unescape(staff.client.post("/portal/test-action/", form).content.decode())


def test_who_helps_no_users_acts_as_none_and_changes_no_address(acme, withdraw):
    alice, analyst = make.make_user(acme, "alice", email="alice@acme.example"), signed_in(acme, Role.ANALYST)
    html = acted(analyst, ip_address=TOR, email="mallory@evil.example")
    assert "/challenge?token=" not in html
    assert "begin with test-" in html
    alice.refresh_from_db()
    assert alice.email == "alice@acme.example"
    assert not Action.objects.exists()
    # One who is to come would find what was set up before them.
    assert "/challenge?token=" not in acted(analyst, user_id="bob", ip_address=TOR)
    assert not EndUser.objects.filter(user_id="bob").exists()
    assert "/challenge?token=" in acted(analyst, user_id="test-user", ip_address=TOR)
    assert "/challenge?token=" in acted(analyst, user_id="test-user", ip_address=TOR, email="again@acme.example")
    # Nor is everybody a test whose id begins so.
    motors = make.make_user(acme, "test-drive-motors", email="owner@motors.example")
    assert "/challenge?token=" not in acted(
        analyst, user_id="test-drive-motors", ip_address=TOR, email="mallory@evil.example"
    )
    motors.refresh_from_db()
    assert motors.email == "owner@motors.example"


def test_to_act_as_a_user_takes_a_fresh_code(acme, admin, withdraw):
    session = admin.client.session
    session[access.PROVED] = 0
    session.save()
    refused = acted(admin, ip_address=TOR)
    assert "/challenge?token=" not in refused
    assert "Enter the code" in refused
    assert not Action.objects.exists()
    assert "/challenge?token=" in acted(admin, user_id="test-user", ip_address=TOR)
    assert "/challenge?token=" in acted(admin, ip_address=TOR, code=admin.code())


# -- a dry run -----------------------------------------------------------------------------------


@pytest.fixture
def drafted(withdraw) -> ActionConfiguration:
    """With a draft that blocks what came more than twice in an hour; in force are other rules."""
    often = {">=": [{"var": "velocity.count.user.this.1h"}, 3]}
    Rule.objects.create(configuration=withdraw, name="Often", conditions=often, outcome="BLOCK", priority=1)
    withdraw.save_draft()
    return withdraw


def dry_run(staff, **fields: str) -> str:
    form = {"action_code": "withdraw", "user_id": "alice", "dry_run": "yes"} | fields
    return words(staff.client.post("/portal/test-action/", form).content.decode())


def test_a_dry_run_decides_with_the_draft_and_stores_nothing(acme, admin, drafted):
    track(acme)
    before = everything_stored()
    allowed = dry_run(admin)
    assert "Allow by the draft, version" in allowed
    # Nobody looked for what would have changed it.
    assert "What would have changed the outcome" not in allowed
    assert everything_stored() == before
    track(acme)
    before = everything_stored()
    told = dry_run(admin, email="new@example.com", device_id="new", custom='{"amount": 500}')
    assert "Block by the draft, version" in told
    assert "Often Block Decided" in told
    assert "It was 3" in told
    assert everything_stored() == before
    assert track(acme).outcome == "ALLOW"


def test_a_dry_run_counts_what_the_lists_hold_now(acme, admin, drafted):
    blocked = value_lists.create(acme, "Blocked")
    on_it = {"in": [{"var": "device.id"}, {"var": f"lists.{blocked.alias}"}]}
    Rule.objects.filter(name="Often").update(conditions=on_it)
    drafted.save_draft()
    assert "Often Block Did not fire" in dry_run(admin, device_id="laptop")
    value_lists.put(blocked, [value_lists.NewItem("laptop")])
    assert "Often Block Decided" in dry_run(admin, device_id="laptop")


def test_without_a_draft_a_dry_run_decides_with_what_is_in_force(acme, admin, withdraw):
    assert "which is in force: there is no draft. Nothing was stored." in dry_run(admin)


def test_a_dry_run_of_an_action_that_is_not_there_makes_none(acme, admin, withdraw):
    assert "There is no action with this code" in dry_run(admin, action_code="other")
    assert not ActionConfiguration.objects.filter(action_code="other").exists()


def test_a_dry_run_gives_nobody_a_contact_that_they_may_not_see(acme, admin, drafted):
    user = track(acme, email="alice@secret.example").user
    assert user.email_sealed
    guess = {"startsWith": [{"var": "user.email"}, "alice@"]}
    Rule.objects.filter(name="Often").update(conditions=guess)
    drafted.save_draft()
    analyst = signed_in(acme, Role.ANALYST)
    assert "Often Block Decided" in dry_run(admin)
    assert "Often Block Did not fire" in dry_run(analyst)
    assert "Often Block Decided" in dry_run(analyst, email="alice@typed.example")


def test_only_those_who_may_test_start_a_dry_run(acme, drafted):
    for role in (Role.SUPPORT, Role.READ_ONLY):
        answer = signed_in(acme, role).client.post("/portal/test-action/", {"dry_run": "yes"})
        assert answer.status_code == 403


def test_an_action_that_is_not_there_is_told_of(admin):
    answer = admin.client.get(f"{LIST}{uuid.uuid4()}/change/", follow=True)
    assert "is not here: it was removed" in answer.content.decode()
    assert answer.redirect_chain[-1][0] == LIST
