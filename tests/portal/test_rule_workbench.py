"""What is around the rows of a rule: typed inputs, trials, new data points, templates; without scripts."""

import re
from html import unescape
from typing import Any

import pytest

from actions.models import Action, ActionFacts
from audit.models import AuditEvent
from authsignal_portal.vocabulary import Role
from rules import value_lists
from rules.models import ActionConfiguration, CustomDataPoint, PolicyVersion, Rule
from tests import make
from tests.portal.form import Page
from tests.portal.staff import signed_in

TOR = "185.220.101.1"
ADD, POINTS = "/portal/rules/rule/add/", "/portal/rules/rule/points/"
TEMPLATE, SENTENCE = "/portal/rules/rule/template/", "/portal/rules/rule/sentence/"


@pytest.fixture
def withdraw(acme) -> ActionConfiguration:
    make.make_point(acme, "amount", "number")
    return make.make_action(acme, "withdraw")


def add_page(staff: Any, configuration: ActionConfiguration, query: str = "") -> Page:
    return Page(staff.client, f"{ADD}?configuration={configuration.pk}{query}")


def text(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())


def tagged(tag: str) -> list[dict[str, Any]]:
    return [event.data for event in AuditEvent.objects.filter(tag=tag).order_by("id")]


# -- typed inputs --------------------------------------------------------------------------------


def test_typed_inputs_are_filled_in_without_scripts(acme, admin, withdraw):
    value_lists.create(acme, "Blocked emails")
    page = add_page(admin, withdraw).fill(name="Typed", n1__point="ip.countryCode", n1__operator="in")
    page.press("builder", "add:0").fill(n1__value=["NZ", "AU"], n2__point="user.email").press("builder", "refresh")
    page.fill(n2__operator="inList").press("builder", "refresh")
    assert '<option value="blocked-emails">' in page.html
    page.fill(n2__value="blocked-emails").press("builder", "add:0")
    page.fill(n3__point="velocity").press("builder", "refresh")
    assert ("n3-metric", "count") in page.form.fields
    page.fill(n3__metric="sum", n3__actions="named").press("builder", "refresh")
    page.fill(n3__field="amount", n3__codes=["withdraw"], n3__scope="device", n3__window="7")
    page.fill(n3__window__unit="d", n3__operator=">", n3__value="500").press("_save")
    assert page.answer.status_code == 302, page.html
    assert Rule.objects.get().conditions == {
        "and": [
            {"in": [{"var": "ip.countryCode"}, ["NZ", "AU"]]},
            {"in": [{"var": "user.email"}, {"var": "lists.blocked-emails"}]},
            {">": [{"var": "velocity.sum:amount.device.action:withdraw.7d"}, 500]},
        ]
    }


def test_a_rule_that_names_a_list_that_is_not_there_is_refused(admin, withdraw):
    page = add_page(admin, withdraw)
    page.fill(name="A", n1__point="user.email", n1__operator="inList", n1__value="gone").press("_save")
    assert 'There is no value list "gone"' in text(page.html)
    assert not Rule.objects.exists()


def test_only_what_is_wrong_is_marked_and_says_what_is_wrong(admin, withdraw):
    page = add_page(admin, withdraw).fill(name="A", n1__point="custom.amount", n1__operator=">", n1__value="x")
    page.press("builder", "add:0").press("_save")
    wrong = re.findall(r'id="([^"]+)"[^>]*aria-invalid="true"[^>]*aria-describedby="([^"]+)"', page.html)
    assert wrong == [("n1-value", "n1-problem"), ("n2-choose", "n2-problem"), ("n2-point", "n2-problem")]
    assert re.search(r'id="n1-problem"[^>]*>Write a number', page.html)


def test_a_row_that_nobody_touched_is_not_rewritten_by_a_button(acme, admin, withdraw):
    """Its data point changed its type since: it is wrong, and stays as it is until somebody corrects it."""
    make.make_point(acme, "tags", "multiselect")
    rule = make.make_rule(withdraw, {"and": [{"in": [{"var": "custom.tags"}, ["a", "b"]]}]}, name="Old")
    page = Page(admin.client, f"/portal/rules/rule/{rule.pk}/change/").press("builder", "add:0")
    assert {("n1-operator", "in"), ("n1-value", "a\nb")} <= set(page.form.fields)
    page.press("builder", "remove:2").press("_save")
    assert "does not work on custom.tags" in text(page.html)
    assert Rule.objects.get().conditions == rule.conditions


# -- the trial -----------------------------------------------------------------------------------


@pytest.fixture
def tracked(api, withdraw) -> Action:
    body = {"ipAddress": TOR, "email": "alice@example.com", "custom": {"amount": 500}}
    assert api("POST", "users/alice/actions/withdraw", body).status_code == 200
    return Action.objects.get()


def tried(staff: Any, configuration: ActionConfiguration, source: object, **fields: Any) -> Page:
    page = add_page(staff, configuration)
    page.fill(n1__point="custom.amount", n1__operator=">", n1__value="2000")
    return page.fill(**{"try": str(source)}, **fields).press("builder", "refresh")


def verdict(page: Page, number: int = 1) -> str:
    found = re.search(rf'id="n{number}-verdict"[^>]*>(.*?)</p>', page.html, re.S)
    assert found
    return text(re.sub(r"<span[^>]*aria-hidden.*?</span>", "", found[1]))


def result(page: Page) -> str:
    found = re.search(r'id="trial-result"[^>]*>(.*?)</p>', page.html, re.S)
    assert found
    return text(found[1])


def test_a_rule_is_tried_on_a_recent_action_and_nothing_is_stored(admin, withdraw, tracked):
    events = AuditEvent.objects.count()
    page = tried(admin, withdraw, tracked.pk)
    assert f'<option value="{tracked.pk}" selected>' in page.html
    assert verdict(page) == "false It was 500"
    assert result(page) == "The rule would not fire"
    page.fill(n1__value="499").press("builder", "refresh")
    assert result(page) == "The rule would fire"
    assert (Action.objects.count(), Rule.objects.count(), AuditEvent.objects.count()) == (1, 0, events)


def test_a_rule_is_tried_on_values_that_are_typed(admin, withdraw):
    page = tried(admin, withdraw, "sample")
    assert ("try-custom.amount", "") in page.form.fields
    assert result(page) == "The rule would not fire It cannot be decided, and the rule does not fire then."
    page.fill(**{"try-custom.amount": "2500"}).press("builder", "refresh")
    assert (verdict(page), result(page)) == ("true It was 2,500", "The rule would fire")


def test_recent_actions_of_the_same_kind_come_first_then_the_others(api, admin, withdraw, tracked):
    for number in range(22):
        assert api("POST", f"users/u{number}/actions/signIn", {}).status_code == 200
    page = add_page(admin, withdraw)
    groups = re.findall(r'<optgroup label="(Recent[^"]*)">(.*?)</optgroup>', page.html, re.S)
    assert [title for title, _options in groups] == ["Recent actions: withdraw", "Recent actions of other kinds"]
    assert [options.count("<option") for _title, options in groups] == [1, 20]
    assert "signIn" in groups[1][1]


@pytest.mark.parametrize("source", ["0b0b0b0b-0000-4000-8000-000000000000", "nonsense", "'; --"])
def test_an_action_that_is_not_there_is_told_of(admin, withdraw, source):
    assert "That action is not there any more." in tried(admin, withdraw, source).html


def test_an_action_whose_facts_are_gone_is_not_offered(admin, withdraw, tracked):
    ActionFacts.objects.all().delete()
    page = tried(admin, withdraw, tracked.pk)
    assert "That action is not there any more." in page.html
    assert f'value="{tracked.pk}"' not in page.html


def test_an_action_of_another_tenant_is_neither_offered_nor_read(globex, withdraw, tracked):
    theirs = make.make_action(globex, "withdraw")
    make.make_point(globex, "amount", "number")
    page = tried(signed_in(globex), theirs, tracked.pk)
    assert "That action is not there any more." in page.html
    assert verdict(page) == ""
    assert "alice" not in page.html


GUESSES = [
    ("==", "alice@example.com"), ("startsWith", "a"), ("isEmpty", ""), ("before", "2026-01-31"), ("!=", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "value"), GUESSES)
@pytest.mark.parametrize(("role", "may_know"), [(Role.ANALYST, False), (Role.ADMIN, True)])
def test_contact_details_are_tried_only_by_those_who_may_see_them(
    acme, withdraw, tracked, role, may_know, operator, value
):
    page = add_page(signed_in(acme, role), withdraw)
    page.fill(n1__point="user.email", n1__operator=operator, n1__value=value, **{"try": str(tracked.pk)})
    page.press("builder", "refresh")
    shown = verdict(page)
    assert ("alice@example.com" in shown) is may_know
    assert (shown == "unknown Your role does not see this value.") is not may_know


# -- new data points -----------------------------------------------------------------------------

TIER = {"name": "tier", "data_type": "text", "model_type": "user", "description": "Of the customer."}


def test_a_data_point_is_made_from_inside_the_builder(acme, admin, withdraw):
    answer = admin.client.post(POINTS, TIER)
    assert 'data-added="user.custom.tier"' in answer.content.decode()
    assert 'data-key="user.custom.tier"' in answer.content.decode()
    point = CustomDataPoint.objects.get(name="tier")
    assert (point.tenant, point.data_type, point.description) == (acme, "text", "Of the customer.")
    assert tagged("custom_data_point:created") == [{"row": str(point.pk)}]


def test_every_action_knows_it_at_once_and_a_draft_stays_a_draft(acme, admin, withdraw):
    other = make.make_action(acme, "other")
    Rule.objects.create(configuration=withdraw, name="Draft", conditions={})
    withdraw.save_draft()
    admin.client.post(POINTS, TIER)
    for configuration in (withdraw, other):
        configuration.refresh_from_db()
        in_force = PolicyVersion.objects.get(configuration=configuration, version=configuration.version)
        assert {"name": "tier", "kind": "text", "model": "user"} in in_force.custom_points
        assert in_force.rules == []
    assert (withdraw.has_draft, other.has_draft) == (True, False)
    assert PolicyVersion.objects.get(configuration=withdraw, version=withdraw.draft_version).rules


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "2nd"}, "Start with a letter"),
        ({"name": "amount", "model_type": "action"}, "There is a data point of this name already."),
        ({"data_type": "colour"}, "Select a valid choice"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_wrong_data_point_is_refused_in_the_dialog(admin, withdraw, changed, told):
    html = admin.client.post(POINTS, TIER | changed).content.decode()
    assert told in html
    assert 'data-added=""' in html
    assert CustomDataPoint.objects.count() == 1
    assert not tagged("custom_data_point:created")


def test_a_data_point_belongs_to_the_tenant_that_is_shown(acme, globex, withdraw):
    html = signed_in(globex).client.post(POINTS, TIER | {"tenant": str(acme.pk)}).content.decode()
    assert CustomDataPoint.objects.get(name="tier").tenant == globex
    assert 'data-key="custom.amount"' not in html


# -- templates -----------------------------------------------------------------------------------


def use(staff: Any, configuration: ActionConfiguration, slug: str) -> Any:
    return staff.client.post(TEMPLATE, {"configuration": str(configuration.pk), "template": slug})


def test_a_template_is_begun_with_and_saved(acme, admin, withdraw):
    assert "Unusual withdrawal" in add_page(admin, withdraw).html
    answer = use(admin, withdraw, "withdrawal")
    page = Page(admin.client, answer["Location"])
    assert "Added the custom data points withdrawalAmount, isNewDestination." in page.html
    made = {point.name: point.data_type for point in CustomDataPoint.objects.exclude(name="amount")}
    assert made == {"withdrawalAmount": "number", "isNewDestination": "boolean"}
    assert len(tagged("custom_data_point:created")) == 2
    assert not Rule.objects.exists()
    page.press("_save")
    rule = Rule.objects.get()
    assert (rule.name, rule.outcome, rule.when_unknown) == ("Unusual withdrawal", "CHALLENGE", "match")
    assert rule.verification_methods == ["PASSKEY"]
    assert len(rule.conditions["or"]) == 3


def test_what_a_template_needs_is_made_once(admin, withdraw):
    use(admin, withdraw, "withdrawal")
    version = ActionConfiguration.objects.get().version
    use(admin, withdraw, "withdrawal")
    assert CustomDataPoint.objects.count() == 3
    assert ActionConfiguration.objects.get().version == version


def test_a_data_point_of_another_type_stays_and_the_row_says_so(acme, admin, withdraw):
    make.make_point(acme, "withdrawalAmount", "text")
    page = Page(admin.client, use(admin, withdraw, "withdrawal")["Location"]).press("_save")
    assert CustomDataPoint.objects.get(name="withdrawalAmount").data_type == "text"
    assert "does not work on custom.withdrawalAmount, which is text" in text(page.html)
    assert not Rule.objects.exists()


def test_a_template_that_is_only_looked_at_makes_nothing(admin, withdraw):
    page = add_page(admin, withdraw, "&template=withdrawal")
    assert ("name", "Unusual withdrawal") in page.form.fields
    assert CustomDataPoint.objects.count() == 1


@pytest.mark.parametrize("slug", ["", "nonsense", "../x"])
def test_a_template_that_does_not_exist_is_not_found(admin, withdraw, slug):
    assert use(admin, withdraw, slug).status_code == 404


def test_a_template_for_another_tenants_action_is_not_found_and_makes_nothing(globex, withdraw):
    assert use(signed_in(globex), withdraw, "withdrawal").status_code == 404
    assert CustomDataPoint.objects.count() == 1


# -- doors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_only_those_who_change_rules_get_at_what_is_around_them(acme, withdraw, tracked, role):
    client = signed_in(acme, role).client
    may = role in (Role.ADMIN, Role.ANALYST)
    sent = {
        POINTS: TIER,
        TEMPLATE: {"configuration": str(withdraw.pk), "template": "new-device"},
        SENTENCE: {"node": "0..g", "builder": "add:0", "try": str(tracked.pk)},
    }
    for path, body in sent.items():
        assert (client.post(path, body).status_code in (200, 302)) is may, path
        assert client.get(path).status_code == 404
    page = client.get(f"{ADD}?configuration={withdraw.pk}")
    assert (page.status_code == 200) is may
    assert CustomDataPoint.objects.count() == (2 if may else 1)


def test_who_only_looks_sees_the_rows_and_nothing_to_try_or_choose(acme, withdraw, tracked):
    rule = make.make_rule(withdraw, {"and": [{">": [{"var": "custom.amount"}, 5]}]})
    page = Page(signed_in(acme, Role.READ_ONLY).client, f"/portal/rules/rule/{rule.pk}/change/")
    assert "amount is greater than 5" in page.html
    assert 'id="try"' not in page.html
    assert 'id="points"' not in page.html
    assert str(tracked.pk) not in page.html


def test_while_somebody_types_only_what_is_said_of_the_rows_is_drawn(admin, withdraw):
    page = add_page(admin, withdraw).fill(n1__point="custom.amount", n1__operator=">", n1__value="x")
    body = {name: value for name, value in page.form.fields if name.startswith("n1-")}
    html = admin.client.post(SENTENCE, body | {"node": ["0..g", "1.0.c"], "builder": "retell"}).content.decode()
    assert "Write a number" in html
    assert "<select" not in html
