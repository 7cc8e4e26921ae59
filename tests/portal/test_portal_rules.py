"""Actions, rules and data points in the portal, with a browser that runs no scripts."""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import quote_plus

import pytest
from django.http import QueryDict
from django.test import Client

from audit.models import AuditEvent
from authsignal_portal.vocabulary import Role
from rules.countries import COUNTRIES
from rules.models import MAX_PRIORITY, ActionConfiguration, CustomDataPoint, PolicyVersion, Rule
from rules.velocity import MAX_VELOCITIES
from tests import make
from tests.conftest import advance_clock
from tests.portal.form import Form, Page
from tests.portal.staff import code_of, publication, signed_in

LIST = "/portal/rules/actionconfiguration/"
POINTS = "/portal/rules/customdatapoint/"
ANONYMOUS = {"and": [{"==": [{"var": "ip.isAnonymous"}, True]}]}
LARGE = {"and": [{">": [{"var": "custom.amount"}, 2000]}]}


@pytest.fixture
def withdraw(acme) -> ActionConfiguration:
    make.make_point(acme, "amount", "number")
    return make.make_action(acme, "withdraw")


def add_page(admin, configuration) -> Page:
    return Page(admin.client, f"/portal/rules/rule/add/?configuration={configuration.pk}")


def rule_page(admin, rule, query: str = "") -> Page:
    return Page(admin.client, f"/portal/rules/rule/{rule.pk}/change/{query}")


def in_force(configuration) -> list[dict[str, Any]]:
    return ActionConfiguration.objects.get(pk=configuration.pk).published().rules


def events(tag: str) -> list[dict[str, Any]]:
    return [event.data for event in AuditEvent.objects.filter(tag=tag).order_by("id")]


# -- the builder without scripts -----------------------------------------------------------------


def test_a_nested_rule_is_built_by_pressing_buttons(admin, withdraw):
    page = add_page(admin, withdraw)
    page.fill(name="Unusual", outcome="REVIEW", n0__join="or")
    page.fill(n1__point="custom.amount", n1__operator=">", n1__value="2000").press("builder", "refresh")
    assert page.sentence == "The rule fires when: amount is greater than 2,000."
    page.press("builder", "group:0")
    page.fill(n3__point="ip.countryCode", n3__operator="notIn", n3__value="NZ\r\nAU", n2__not="on")
    page.press("builder", "add:2")
    page.fill(n4__point="device.isNew", n4__operator="==", n4__value="true")
    page.press("builder", "up:4")
    assert not Rule.objects.exists()
    page.press("_save")
    assert page.answer["Location"] == f"{LIST}{withdraw.pk}/rules/"
    rule = Rule.objects.get()
    assert rule.conditions == {
        "or": [
            {">": [{"var": "custom.amount"}, 2000]},
            {
                "!": {
                    "and": [
                        {"==": [{"var": "device.isNew"}, True]},
                        {"!": {"in": [{"var": "ip.countryCode"}, ["NZ", "AU"]]}},
                    ]
                }
            },
        ]
    }
    assert (rule.name, rule.outcome, rule.is_active, rule.priority) == ("Unusual", "REVIEW", True, 0)
    assert events("rule:created") == [{"rule": str(rule.pk), "action_code": "withdraw"}]
    withdraw.refresh_from_db()
    assert (withdraw.version, withdraw.draft_version) == (1, 2)
    assert PolicyVersion.objects.get(configuration=withdraw, version=2).rules == [rule.snapshot()]
    admin.publish(withdraw)
    withdraw.refresh_from_db()
    assert withdraw.version == 2


def test_pressing_a_button_keeps_what_was_typed_and_judges_nothing(admin, withdraw):
    page = add_page(admin, withdraw).fill(name="", n1__point="custom.amount", n1__operator=">", n1__value="")
    page.press("builder", "add:0")
    assert not re.findall(r'class="portal-errors"[^>]*>[^<]', page.html)
    assert ("n1-point", "custom.amount") in page.form.fields


def test_choosing_a_data_point_brings_what_suits_it(admin, withdraw):
    page = add_page(admin, withdraw).fill(n1__point="ip.isAnonymous").press("builder", "refresh")
    assert ("n1-operator", "==") in page.form.fields
    assert ("n1-value", "true") in page.form.fields
    assert page.html.count("is greater than") == 0


def test_an_existing_rule_is_drawn_and_saved_unchanged_without_a_trace(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    version = ActionConfiguration.objects.get(pk=withdraw.pk).draft_version
    rule_page(admin, rule).press("_save")
    assert Rule.objects.get().conditions == ANONYMOUS
    assert not events("rule:updated")
    assert ActionConfiguration.objects.get(pk=withdraw.pk).draft_version == version


def test_the_log_names_what_changed(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    rule_page(admin, rule).fill(n1__value="false", outcome="BLOCK").press("_save")
    assert events("rule:updated") == [
        {"rule": str(rule.pk), "action_code": "withdraw", "fields": ["outcome", "conditions"]}
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"n1__point": ""}, "Choose what to look at."),
        ({"n1__value": "2,000"}, "digits and at most a point"),
        ({"n1__point": "custom.gone"}, "There is no data point &quot;custom.gone&quot;"),
        ({"n1__operator": "startsWith"}, "does not work on custom.amount"),
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"outcome": "NONSENSE"}, "Select a valid choice"),
        ({"name": "a\0b"}, "Null characters"),
        ({"node": "1.0.c"}, "did not arrive whole"),
    ],
)
def test_a_wrong_rule_is_refused_and_told_why(admin, withdraw, fields, told):
    page = add_page(admin, withdraw).fill(name="A", n1__point="custom.amount", n1__operator=">", n1__value="1")
    page.fill(**fields).press("_save")
    assert page.answer.status_code == 200
    assert told in page.html
    assert not Rule.objects.exists()
    assert not events("rule:created")


def test_an_active_rule_needs_a_condition(admin, withdraw):
    page = add_page(admin, withdraw).fill(name="Empty").press("builder", "remove:1").press("_save")
    assert "Add at least one condition, or switch the rule off." in page.html
    assert not Rule.objects.exists()
    page.fill(is_active=None).press("_save")
    assert Rule.objects.get().conditions == {}
    rule_page(admin, Rule.objects.get()).fill(is_active="on").press("_save")
    assert not Rule.objects.get().is_active


def test_what_the_builder_cannot_draw_is_shown_and_never_rewritten(admin, withdraw):
    stored = {"==": [{"var": ["ip.isAnonymous"]}, True]}
    rule = make.make_rule(withdraw, stored, name="From the API")
    page = rule_page(admin, rule)
    assert "cannot be drawn" in page.html
    assert "IP is anonymous" in page.html
    assert not [name for name, _value in page.form.fields if name == "node"]
    page.fill(name="Renamed").press("_save")
    kept = Rule.objects.get()
    assert (kept.name, json.dumps(kept.conditions)) == ("Renamed", json.dumps(stored))


def test_it_can_be_taken_into_the_builder_on_purpose(admin, withdraw):
    rule = make.make_rule(withdraw, {"==": [{"var": "ip.isAnonymous"}, True]}, name="From the API")
    rule_page(admin, rule, "?as=rows").press("_save")
    assert Rule.objects.get().conditions == ANONYMOUS


def test_an_administrator_may_edit_the_json(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    rule_page(admin, rule, "?as=json").fill(conditions=json.dumps(LARGE)).press("_save")
    assert Rule.objects.get().conditions == LARGE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no valid JSON. Look at line 1, column 2"),
        ('{"and": [NaN]}', "NaN is not a JSON number"),
        ("[" * 5000, "nested deeper"),
        ('{"and": [{"nonsense": 1}]}', "conditions.and[0]: There is no operation"),
        ('{"and": []}', "Add at least one condition"),
        ("null", "must be a JSON object"),
        ('{"and": [{"==": [{"var": "custom.amount"}, "\\u0000"]}]}', "control character"),
    ],
)
def test_wrong_json_is_refused_and_told_why(admin, withdraw, text, told):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    page = rule_page(admin, rule, "?as=json")
    page.fill(conditions=text).press("_save")
    assert told in unescape(page.html)
    assert Rule.objects.get().conditions == ANONYMOUS


def test_an_analyst_does_not_edit_json(acme, withdraw):
    analyst = signed_in(acme, Role.ANALYST)
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    page = rule_page(analyst, rule, "?as=json")
    assert 'name="conditions"' not in page.html
    body = {
        "seen": dict(page.form.fields)["seen"],
        "name": "A",
        "outcome": "BLOCK",
        "is_active": "on",
        "when_unknown": "skip",
    }
    analyst.client.post(page.path, body | {"conditions": json.dumps(LARGE)})
    kept = Rule.objects.get()
    assert (kept.outcome, kept.conditions) == ("BLOCK", ANONYMOUS)


def test_somebody_elses_change_is_not_overwritten(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    page = rule_page(admin, rule)
    rule_page(admin, rule).fill(name="Theirs").press("_save")
    page.fill(name="Mine").press("_save")
    assert "Somebody changed this rule" in page.html
    assert Rule.objects.get().name == "Theirs"
    # Not by pressing again either.
    page.press("_save")
    assert Rule.objects.get().name == "Theirs"


def test_who_is_overtaken_sees_what_was_changed_and_may_save_over_it(acme, admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    withdraw.save_draft()
    page = rule_page(admin, rule)
    colleague = signed_in(acme, Role.ANALYST)
    make.make_point(acme, "note", "text")
    rule_page(colleague, rule).fill(name="Theirs", outcome="BLOCK").press("_save")
    page.fill(name="Mine").press("_save")
    told = " ".join(unescape(re.sub("<[^>]+>", " ", page.html)).split())
    assert f"{colleague.email} saved it at" in told
    assert "Was: Challenge → Is: Block" in told
    # The data point is new to the versions too, and no part of the rule.
    assert "Custom data point custom.note" not in told
    assert f'href="/portal/rules/rule/{rule.pk}/change/" target="_blank"' in page.html
    [over] = [value for name, value in page.form.buttons if name == "over"]
    page.press("over", over)
    kept = Rule.objects.get()
    assert (kept.name, kept.outcome) == ("Mine", "CHALLENGE")


def test_who_saves_over_a_change_does_not_overwrite_the_next_one(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    page = rule_page(admin, rule)
    rule_page(admin, rule).fill(name="Theirs").press("_save")
    page.fill(name="Mine").press("_save")
    rule_page(admin, rule).fill(name="Once more").press("_save")
    [over] = [value for name, value in page.form.buttons if name == "over"]
    page.press("over", over)
    assert "Somebody changed this rule" in page.html
    assert Rule.objects.get().name == "Once more"


def past(*minutes: int) -> dict[str, Any]:
    return {"or": [{">": [{"var": f"velocity.count.user.this.{number}m"}, 3]} for number in minutes]}


def test_rules_that_together_ask_too_much_of_the_past_are_not_saved(admin, withdraw):
    make.make_rule(withdraw, past(*range(1, MAX_VELOCITIES)), name="Most")
    rule = make.make_rule(withdraw, past(1), name="One", priority=1)
    page = rule_page(admin, rule, "?as=json").fill(conditions=json.dumps(past(1, 90, 91))).press("_save")
    assert "use at most 25 different velocities; with this rule they use 26" in page.html
    assert "It adds: Number of actions of this kind by the user in 90 minutes; Number" in page.html
    page.fill(conditions=json.dumps(past(1, 90))).press("_save")
    assert page.answer.status_code == 302
    # What others ask for costs nothing, and what is switched off asks for nothing.
    page = rule_page(admin, rule, "?as=json").fill(conditions=json.dumps(past(2, 90))).press("_save")
    assert page.answer.status_code == 302
    page = rule_page(admin, rule, "?as=json").fill(is_active=None, conditions=json.dumps(past(90, 91, 92)))
    assert page.press("_save").answer.status_code == 302
    page = rule_page(admin, rule, "?as=json").fill(is_active="on").press("_save")
    assert "with this rule they use 27" in page.html
    assert not Rule.objects.get(pk=rule.pk).is_active


def test_switching_a_rule_off_acts_only_with_a_fresh_code(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    advance_clock(6 * 60)
    page = rule_page(admin, rule).fill(name="Renamed", is_active=None).press("_save")
    assert page.answer.status_code == 302
    assert not Rule.objects.get().is_active
    answer = admin.client.post(*publication(admin.client, withdraw))
    assert "Enter the code that your authenticator app shows now." in answer.content.decode()
    assert in_force(withdraw)[0]["isActive"]
    admin.publish(withdraw, code=code_of(admin.device))
    assert not in_force(withdraw)[0]["isActive"]


def test_a_first_method_outside_the_permitted_ones_is_refused(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    page = rule_page(admin, rule).fill(verification_methods="PASSKEY", default_verification_method="SMS").press("_save")
    assert "Choose one of the permitted methods." in page.html
    page.fill(default_verification_method="PASSKEY").press("_save")
    assert Rule.objects.get().verification_methods == ["PASSKEY"]


def test_names_and_values_are_never_run_as_html(admin, withdraw):
    canary = "<img src=x onerror=alert(1)>"
    conditions = {"and": [{"==": [{"var": "device.id"}, canary]}]}
    rule = make.make_rule(withdraw, conditions, name=canary, description=canary)
    one = f"/portal/rules/rule/{rule.pk}"
    for path in (f"{one}/change/", f"{one}/change/?as=json", f"{one}/delete/", f"{LIST}{withdraw.pk}/rules/"):
        page = admin.client.get(path).content.decode()
        assert "<img src=x" not in page, path
        assert "&lt;img src=x" in page, path


# -- the part for scripts ------------------------------------------------------------------------


def test_the_builder_alone_is_drawn_for_scripts(admin, withdraw):
    page = add_page(admin, withdraw).fill(n1__point="custom.amount", n1__operator=">", n1__value="5")
    body = {name: value for name, value in page.form.fields if name.startswith("n") and name not in ("name", "node")}
    nodes = [value for name, value in page.form.fields if name == "node"]
    answer = admin.client.post("/portal/rules/rule/sentence/", body | {"node": nodes, "builder": "add:0"})
    html = answer.content.decode()
    assert html.strip().startswith('<div id="builder"')
    assert "amount is greater than 5" in html
    assert "autofocus" in html
    assert admin.client.get("/portal/rules/rule/sentence/").status_code == 404


def test_a_garbled_builder_is_told_of_and_breaks_nothing(admin):
    answer = admin.client.post("/portal/rules/rule/sentence/", {"node": "nonsense", "builder": "add:0"})
    assert answer.status_code == 200
    assert b"did not arrive whole" in answer.content


# -- order ---------------------------------------------------------------------------------------


@pytest.fixture
def three(withdraw) -> list[Rule]:
    return [
        make.make_rule(withdraw, ANONYMOUS, name=name, priority=priority)
        for name, priority in (("a", 3), ("b", 50), ("c", 99))
    ]


def order(admin, configuration, body: dict[str, str]) -> list[str]:
    seen = ActionConfiguration.objects.get(pk=configuration.pk).draft_version
    admin.client.post(f"{LIST}{configuration.pk}/order/", {"draft_version": str(seen)} | body)
    return list(configuration.rules.order_by("priority").values_list("name", flat=True))


@pytest.mark.parametrize(
    ("places", "wanted"),
    [
        ((1, 2, 3), "abc"),
        ((3, 2, 1), "cba"),
        ((1, 2, 1), "cab"),
        ((3, 2, 3), "bca"),
        ((2, 2, 3), "bac"),
        ((1, 1, 3), "bac"),
        ((9, 1, 2), "bca"),
    ],
)
def test_places_that_are_typed_order_the_rules(admin, withdraw, three, places, wanted):
    body = {f"place-{rule.pk}": str(place) for rule, place in zip(three, places, strict=True)}
    assert "".join(order(admin, withdraw, body)) == wanted


def test_arrows_move_one_rule(admin, withdraw, three):
    assert order(admin, withdraw, {"move": f"{three[0].pk}:down"}) == ["b", "a", "c"]
    assert order(admin, withdraw, {"move": f"{three[2].pk}:up"}) == ["b", "c", "a"]
    assert order(admin, withdraw, {"move": f"{three[1].pk}:up"}) == ["b", "c", "a"]
    assert [rule.priority for rule in withdraw.rules.all()] == [0, 1, 2]
    assert events("action_configuration:updated")[-1]["fields"] == ["rule order"]


@pytest.mark.parametrize("body", [{}, {"move": "x"}, {"move": "b:sideways"}, {"place-x": "1"}])
def test_an_order_that_names_other_rules_changes_nothing(admin, withdraw, three, body):
    assert order(admin, withdraw, body) == ["a", "b", "c"]
    assert [rule.priority for rule in withdraw.rules.all()] == [3, 50, 99]


@pytest.mark.parametrize("way", ["places", "arrow"])
def test_an_order_of_rules_that_somebody_changed_meanwhile_is_refused(admin, withdraw, three, way):
    page = admin.client.get(f"{LIST}{withdraw.pk}/rules/").content.decode()
    seen = dict(Form(page, "order").fields)
    assert order(admin, withdraw, {"move": f"{three[0].pk}:down"}) == ["b", "a", "c"]
    mine = seen | ({"move": f"{three[2].pk}:up"} if way == "arrow" else {f"place-{three[2].pk}": "1"})
    answer = admin.client.post(f"{LIST}{withdraw.pk}/order/", mine, follow=True)
    assert "Somebody changed the rules after you opened this page." in answer.content.decode()
    assert list(withdraw.rules.values_list("name", flat=True)) == ["b", "a", "c"]


def test_a_new_rule_goes_last_even_when_the_numbers_are_used_up(admin, withdraw, three):
    add_page(admin, withdraw).fill(name="d", n1__point="custom.amount", n1__operator=">", n1__value="1").press("_save")
    assert [(rule.name, rule.priority) for rule in withdraw.rules.all()] == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]


def test_a_hundred_rules_are_enough(admin, withdraw):
    Rule.objects.bulk_create(
        Rule(configuration=withdraw, name=str(number), priority=number, conditions=ANONYMOUS)
        for number in range(MAX_PRIORITY + 1)
    )
    page = (
        add_page(admin, withdraw)
        .fill(name="one more", n1__point="custom.amount", n1__operator=">", n1__value="1")
        .press("_save")
    )
    assert "at most 100 rules" in page.html
    assert Rule.objects.count() == 100


def test_a_deleted_rule_is_gone_from_the_next_version_only(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    answer = admin.client.post(f"/portal/rules/rule/{rule.pk}/delete/", {"post": "yes"})
    assert answer["Location"] == f"{LIST}{withdraw.pk}/rules/"
    versions = PolicyVersion.objects.filter(configuration=withdraw).order_by("version")
    assert [len(version.rules) for version in versions] == [0, 1, 0]
    assert len(in_force(withdraw)) == 1
    admin.publish(withdraw)
    assert in_force(withdraw) == []
    assert events("rule:deleted") == [{"rule": str(rule.pk), "action_code": "withdraw"}]


def test_the_page_that_deletes_a_rule_leads_back_to_its_action(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    page = admin.client.get(f"/portal/rules/rule/{rule.pk}/delete/").content.decode()
    crumbs = page.partition("portal-crumbs")[2].partition("</nav>")[0]
    assert re.findall(r'href="([^"]+)"', crumbs) == [LIST, f"{LIST}{withdraw.pk}/rules/"]


def test_deleting_a_rule_acts_only_with_a_fresh_code(admin, withdraw):
    rule = make.make_rule(withdraw, ANONYMOUS, name="Anonymous")
    advance_clock(6 * 60)
    admin.client.post(f"/portal/rules/rule/{rule.pk}/delete/", {"post": "yes"})
    assert not Rule.objects.exists()
    admin.client.post(*publication(admin.client, withdraw))
    assert len(in_force(withdraw)) == 1
    admin.publish(withdraw, code=code_of(admin.device))
    assert in_force(withdraw) == []


# -- actions -------------------------------------------------------------------------------------


def test_an_action_is_added_and_has_a_first_version(acme, admin):
    answer = admin.client.post(
        LIST + "add/",
        {"action_code": "signIn", "default_outcome": "CHALLENGE", "verification_methods": ["PASSKEY", "SMS"]},
    )
    made = ActionConfiguration.objects.get()
    assert answer["Location"] == f"{LIST}{made.pk}/rules/"
    assert (made.tenant, made.verification_methods, made.version) == (acme, ["PASSKEY", "SMS"], 1)
    assert PolicyVersion.objects.filter(configuration=made).count() == 1
    assert events("action_configuration:created") == [{"row": str(made.pk), "action_code": "signIn"}]


@pytest.mark.parametrize("code", ["", "a b", "ä", "x" * 65, "a/b", "a\nb", "withdraw"])
def test_a_wrong_action_code_is_refused(admin, withdraw, code):
    assert admin.client.post(LIST + "add/", {"action_code": code, "default_outcome": "ALLOW"}).status_code == 200
    assert ActionConfiguration.objects.count() == 1


def test_settings_of_an_action_make_a_version(admin, withdraw):
    path = f"{LIST}{withdraw.pk}/change/"
    sent = {"default_outcome": "BLOCK", "display_name": "Take money out"}
    admin.client.post(path, sent | {"action_code": "other"})
    withdraw.refresh_from_db()
    assert (withdraw.default_outcome, withdraw.version, withdraw.action_code) == ("BLOCK", 2, "withdraw")
    assert PolicyVersion.objects.get(configuration=withdraw, version=2).default_outcome == "BLOCK"
    assert events("action_configuration:updated")[0]["fields"] == ["display_name", "default_outcome"]
    admin.client.post(path, sent)
    withdraw.refresh_from_db()
    assert withdraw.version == 2


def test_the_list_shows_rules_and_the_last_tracking(api, admin, withdraw):
    make.make_rule(withdraw, ANONYMOUS)
    assert api("POST", "users/alice/actions/withdraw", {}).status_code == 200
    page = admin.client.get(LIST).content.decode()
    assert re.search(r"column-last.*", page, re.S)
    assert re.search(r"\d+ \w{3} 20\d\d \d\d:\d\d", page)


def test_an_action_created_by_tracking_is_marked_as_new(api, admin, acme):
    assert api("POST", "users/alice/actions/surprise", {}).status_code == 200
    assert ">New</span>" in admin.client.get(LIST).content.decode()


# -- custom data points --------------------------------------------------------------------------


def test_a_new_data_point_reaches_every_action(acme, admin, withdraw):
    admin.client.post(POINTS + "add/", {"name": "tier", "data_type": "text", "model_type": "user"})
    withdraw.refresh_from_db()
    assert withdraw.version == 2
    copied = PolicyVersion.objects.get(configuration=withdraw, version=2).custom_points
    assert {"name": "tier", "kind": "text", "model": "user"} in copied
    assert len(events("custom_data_point:created")) == 1


def test_a_changed_type_reaches_every_action(admin, withdraw):
    point = CustomDataPoint.objects.get()
    admin.client.post(f"{POINTS}{point.pk}/change/", {"data_type": "text", "description": "how much"})
    withdraw.refresh_from_db()
    assert withdraw.version == 2
    assert CustomDataPoint.objects.get().data_type == "text"
    assert events("custom_data_point:updated")[0]["fields"] == ["data_type", "description"]


def test_a_type_that_rules_rely_on_stays(admin, withdraw):
    make.make_rule(withdraw, LARGE, name="Large amount")
    point = CustomDataPoint.objects.get()
    answer = admin.client.post(f"{POINTS}{point.pk}/change/", {"data_type": "text"})
    assert b"Large amount (withdraw)" in answer.content
    assert b"Nothing was saved. The fields below say what to change." in answer.content
    assert CustomDataPoint.objects.get().data_type == "number"


def test_what_a_data_point_is_stands_before_what_can_be_changed_of_it(admin, withdraw):
    html = admin.client.get(f"{POINTS}{CustomDataPoint.objects.get().pk}/change/").content.decode()
    labels = re.findall(r"<label[^>]*>\s*([A-Z][^<]*?):?\s*<", html)
    assert labels[:3] == ["Name", "Belongs to", "Type"]


def test_a_data_point_that_rules_use_is_not_deleted(admin, withdraw):
    rule = make.make_rule(withdraw, LARGE, name="Large amount")
    point = CustomDataPoint.objects.get()
    answer = admin.client.post(f"{POINTS}{point.pk}/delete/", {"post": "yes"}, follow=True)
    assert b"Large amount (withdraw)" in answer.content
    admin.client.post(f"/portal/rules/rule/{rule.pk}/delete/", {"post": "yes"})
    answer = admin.client.post(f"{POINTS}{point.pk}/delete/", {"post": "yes"}, follow=True)
    assert b"Large amount (withdraw)" in answer.content  # it is still in force
    assert CustomDataPoint.objects.exists()
    admin.publish(withdraw)
    admin.client.post(f"{POINTS}{point.pk}/delete/", {"post": "yes"})
    assert not CustomDataPoint.objects.exists()
    withdraw.refresh_from_db()
    assert withdraw.version == withdraw.draft_version == 4


def test_a_type_that_a_rule_in_force_relies_on_stays_whatever_the_draft_says(admin, withdraw):
    rule = make.make_rule(withdraw, LARGE, name="Large amount")
    rule_page(admin, rule).fill(n1__point="ip.isAnonymous", n1__operator="==", n1__value="true").press("_save")
    assert Rule.objects.get().conditions == ANONYMOUS
    answer = admin.client.post(f"{POINTS}{CustomDataPoint.objects.get().pk}/change/", {"data_type": "text"})
    assert b"Large amount (withdraw)" in answer.content
    assert CustomDataPoint.objects.get().data_type == "number"


@pytest.mark.parametrize(
    "form",
    [{"name": "1st"}, {"name": "a b"}, {"name": "amount"}, {"name": ""}, {"data_type": "x"}, {"model_type": "x"}],
)
def test_a_wrong_data_point_is_refused(admin, withdraw, form):
    body = {"name": "tier", "data_type": "text", "model_type": "action"} | form
    assert admin.client.post(POINTS + "add/", body).status_code == 200
    assert CustomDataPoint.objects.count() == 1


@pytest.mark.parametrize("conditions", [LARGE, {"and": [{"==": [{"var": "custom.note"}, "x"]}]}])
def test_a_rule_whose_data_point_is_gone_says_so_and_can_be_switched_off(acme, admin, withdraw, conditions):
    make.make_point(acme, "note", "text")
    rule = make.make_rule(withdraw, conditions, name="Large amount")
    CustomDataPoint.objects.all().delete()
    assert "There is no data point" in admin.client.get(f"{LIST}{withdraw.pk}/rules/").content.decode()
    page = rule_page(admin, rule)
    page.fill(name="Renamed").press("_save")
    assert Rule.objects.get().name == "Large amount"
    page.fill(is_active=None).press("_save")
    assert not Rule.objects.get().is_active


# -- a page that has been open for long ----------------------------------------------------------


def test_who_signs_in_again_gets_what_the_form_of_an_open_page_must_send(admin, withdraw):
    page = add_page(admin, withdraw).fill(name="Late", n1__point="device.isNew", n1__operator="==", n1__value="true")
    admin.client.post("/portal/logout/")
    assert admin.client.get("/portal/session/").status_code == 302
    admin.sign_in()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.client.cookies
    sent = QueryDict(mutable=True)
    for name, text in page.form.fields:
        sent.appendlist(name, text)
    assert strict.post(page.path, dict(sent.lists())).status_code == 403
    sent["csrfmiddlewaretoken"] = strict.get("/portal/session/").json()["token"]
    assert strict.post(page.path, dict(sent.lists())).status_code == 302
    assert Rule.objects.get().name == "Late"


# -- how large a rule may be ---------------------------------------------------------------------


def saved(page: Page, staff, rule: Rule) -> Rule:
    """The page's form with the conditions of a rule that was not stored by it, sent as a browser does."""
    sent = "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in [*page.form.fields, ("_save", "")])
    answer = staff.client.post(page.path, sent, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 302, answer.content.decode()[:2000]
    rule.refresh_from_db()
    return rule


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param([{">": [{"var": "custom.amount"}, number]} for number in range(199)], id="rows"),
        pytest.param([{"in": [{"var": "ip.countryCode"}, list(COUNTRIES)]}] * 40, id="countries"),
        pytest.param([{"in": [{"var": "custom.amount"}, list(range(10_000))]}], id="numbers"),
        pytest.param(
            [{"in": [{"var": "device.id"}, ["日本" * 100 + str(number) for number in range(100)]]}], id="other scripts"
        ),
    ],
)
def test_the_largest_rules_are_opened_and_saved(admin, withdraw, conditions):
    rule = make.make_rule(withdraw, {"and": conditions}, name="Large")
    page = rule_page(admin, rule).fill(name="Renamed")
    assert "cannot be drawn" not in page.html
    kept = saved(page, admin, rule)
    assert (kept.name, kept.conditions) == ("Renamed", {"and": conditions})


def test_a_rule_that_is_too_large_is_refused_with_the_limit(admin, withdraw):
    page = add_page(admin, withdraw)
    values = "\n".join(f"customer-{number:05}" for number in range(9_000))
    page.fill(name="Large", n1__point="device.id", n1__operator="in", n1__value=values).press("_save")
    assert "Shorten the conditions to 65,536 bytes" in page.html
    assert values.replace("\n", "") in page.html.replace("\n", "")
    assert not Rule.objects.exists()


def test_no_form_is_without_a_limit(admin, withdraw):
    def post(path: str, size: int) -> int:
        return admin.client.post(path, {"name": "x" * size}).status_code

    settings_page = f"{LIST}{withdraw.pk}/change/"
    assert post(settings_page, 64 * 1024) == post(add_page(admin, withdraw).path, 1024 * 1024) == 400
    assert post(settings_page, 32 * 1024) == post(add_page(admin, withdraw).path, 512 * 1024) == 200


def test_a_search_without_a_hit_says_so_and_can_be_cleared(admin, withdraw):
    page = unescape(admin.client.get("/portal/rules/actionconfiguration/", {"q": "nothing"}).content.decode())
    assert "Nothing matches “nothing”." in page
    assert "Clear the search" in page
    assert "No actions yet" not in page
