"""The form of a rule, and the order of rules, in a real browser: nothing that was written is lost unasked."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from rules import value_lists
from rules.models import ActionConfiguration, Rule
from tests import make
from tests.browser.builder import (
    choose_point,
    dialog,
    fill_row,
    new_rule,
    press,
    row,
    save,
    sentence,
    settled,
    stored_rule,
    values,
)
from tests.browser.portal import Portal

pytestmark = pytest.mark.django_db(transaction=True)

FORTY_TWO = {"and": [{">": [{"var": "custom.amount"}, 42]}]}


@pytest.fixture
def written(portal: Portal, withdraw: ActionConfiguration) -> Page:
    """The page of a new rule that is ready to be saved."""
    new_rule(portal, withdraw)
    fill_row(portal.page, "1", "amount", "is greater than", "42")
    return portal.page


def trouble(page: Page) -> Any:
    return page.locator("[data-trouble]")


# -- no answer -----------------------------------------------------------------------------------


def test_a_session_that_ends_meanwhile_is_told_of_and_the_rule_is_saved_after_the_next(
    portal: Portal, written: Page
) -> None:
    written.context.clear_cookies()
    written.get_by_role("button", name="Add condition", exact=True).click()
    expect(trouble(written)).to_contain_text("You were signed out. Sign in in another tab")
    written.get_by_role("button", name="Save rule").click()
    expect(trouble(written)).to_contain_text("You were signed out. Sign in in another tab")
    assert values(written) == ["42"]
    other = replace(portal, page=written.context.new_page(), problems=[])
    other.sign_in()
    other.page.close()
    # The builder goes on as well, with the token of the new session.
    press(written, "Duplicate condition 1")
    expect(trouble(written)).to_be_empty()
    press(written, "Remove condition 2")
    save(written)
    assert Rule.objects.get().conditions == FORTY_TWO
    portal.problems[:] = [problem for problem in portal.problems if "403" not in problem]


@pytest.mark.parametrize(
    ("status", "told"), [(400, "too much for one rule"), (413, "too much for one rule"), (500, "wrong on the server")]
)
def test_what_the_server_refuses_is_not_blamed_on_the_network(
    portal: Portal, written: Page, status: int, told: str
) -> None:
    written.route("**/rule/sentence/", lambda route: route.fulfill(status=status))
    written.get_by_role("button", name="Add condition", exact=True).click()
    expect(trouble(written)).to_contain_text(told)
    expect(sentence(written)).to_contain_text("amount is greater than 42.")
    portal.problems[:] = [problem for problem in portal.problems if str(status) not in problem]


def test_a_rule_that_is_too_large_to_send_is_told_of_at_its_row(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "amount", "is greater than", "42")
    press(page, "Add condition")
    fill_row(page, "2", "Device ID", "is one of")
    values_field = row(page, "2").get_by_label("Values, one per line")
    values_field.evaluate("field => { field.value = 'customer-0123456789\\n'.repeat(60_000); }")
    page.get_by_role("button", name="Save rule").click()
    expect(trouble(page)).to_contain_text("too much for one rule")
    expect(row(page, "2")).to_contain_text("Put the values on a value list.")
    expect(row(page, "1")).not_to_contain_text("value list")
    assert not Rule.objects.exists()


# -- leaving -------------------------------------------------------------------------------------


def asked(page: Page, leave: Callable[[], object]) -> list[str]:
    """What the browser asks of who leaves; the answer is yes."""
    kinds: list[str] = []

    def answer(one: Dialog) -> None:
        kinds.append(one.type)
        one.accept()

    page.on("dialog", answer)
    leave()
    page.remove_listener("dialog", answer)
    return kinds


def test_who_leaves_a_rule_that_is_not_saved_is_asked(portal: Portal, withdraw: ActionConfiguration) -> None:
    rule = stored_rule(portal, withdraw, FORTY_TWO["and"][0])
    page = portal.page
    here, away = f"/portal/rules/rule/{rule.pk}/change/", "/portal/"
    page.get_by_label("Name", exact=True).click()
    assert asked(page, lambda: portal.open(away)) == []
    portal.open(here)
    page.get_by_label("Name", exact=True).fill("Other")
    assert asked(page, lambda: portal.open(away)) == ["beforeunload"]
    portal.open(here)
    press(page, "Duplicate condition 1")
    assert asked(page, lambda: portal.open(away)) == ["beforeunload"]
    portal.open(here)
    page.get_by_label("Name", exact=True).fill("")
    # Sent, and refused.
    assert asked(page, lambda: page.get_by_role("button", name="Save rule").click()) == []
    expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    # Only its script asks.
    expect(page.locator("#builder")).to_have_class(re.compile("portal-scripted"))
    assert asked(page, lambda: portal.open(away)) == ["beforeunload"]
    portal.open(here)
    page.get_by_label("Name", exact=True).fill("Other")
    assert asked(page, lambda: save(page)) == []
    assert asked(page, lambda: portal.open(away)) == []


def test_who_leaves_an_order_that_is_not_saved_is_asked(portal: Portal, withdraw: ActionConfiguration) -> None:
    for place, name in enumerate(("First", "Second")):
        make.make_rule(withdraw, FORTY_TWO, name=name, priority=place)
    page, here = portal.page, f"/portal/rules/actionconfiguration/{withdraw.pk}/rules/"
    portal.open(here)
    page.get_by_role("button", name="Move First down").click()
    assert asked(page, lambda: portal.open(here)) == ["beforeunload"]
    page.get_by_role("button", name="Move First down").click()
    page.get_by_role("button", name="Move First up").click()
    assert asked(page, lambda: portal.open(here)) == []
    page.get_by_role("button", name="Move First down").click()
    assert asked(page, lambda: page.get_by_role("button", name="Save the order").click()) == []
    expect(page.get_by_text("The order was saved.")).to_be_visible()


# -- one step is one press -----------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["is between", "is one of"])
def test_a_comparison_that_reshapes_its_row_is_undone_by_one_press(written: Page, operator: str) -> None:
    with settled(written):
        row(written, "1").get_by_label("Comparison").select_option(label=operator)
    press(written, "Undo")
    expect(row(written, "1").get_by_label("Comparison")).to_have_value(">")
    assert values(written) == ["42"]
    press(written, "Redo")
    expect(row(written, "1").get_by_label("Comparison").locator("option:checked")).to_have_text(operator)


def test_enter_in_an_empty_search_chooses_nothing(written: Page) -> None:
    row(written, "1").get_by_role("button", name="Data point").click()
    search = dialog(written).get_by_label("Search the data points")
    expect(search).to_be_focused()
    written.keyboard.press("Enter")
    chosen = dialog(written).locator("#points-list").get_by_role("option", selected=True)
    expect(chosen).to_be_focused()
    expect(chosen).to_contain_text("amount")
    written.keyboard.press("Escape")
    choose_point(written, "1", "Device is new")


def test_where_a_dragged_row_would_fall_is_marked_at_the_end_too(portal: Portal, withdraw: ActionConfiguration) -> None:
    stored_rule(portal, withdraw, *({">": [{"var": "custom.amount"}, number]} for number in (1, 2, 3)))
    page = portal.page
    grip = row(page, "1").locator("[data-grip]").bounding_box()
    last = row(page, "3").bounding_box()
    assert grip
    assert last
    page.mouse.move(grip["x"] + 4, grip["y"] + 4)
    page.mouse.down()
    page.mouse.move(last["x"] + 200, last["y"] + last["height"] - 4)
    expect(page.locator('li[data-number="3"]')).to_have_class("portal-target-after")
    with settled(page):
        page.mouse.up()
    assert values(page) == ["2", "3", "1"]
    expect(page.locator(".portal-target-after")).to_have_count(0)


# -- forms of value lists ------------------------------------------------------------------------


def test_the_last_day_is_asked_for_only_where_it_counts(portal: Portal, withdraw: ActionConfiguration) -> None:
    blocked = value_lists.create(withdraw.tenant, "Blocked")
    portal.open(f"/portal/rules/valuelist/{blocked.pk}/items/")
    page = portal.page
    expect(page.get_by_label("Last day")).to_be_hidden()
    page.get_by_label("Expires").select_option(label="At the end of a day")
    expect(page.get_by_label("Last day")).to_be_visible()
