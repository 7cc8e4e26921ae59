"""What stands beside the rows of a rule, in a real browser: the dialog of data points, the trial, the templates."""

import re

import pytest
from playwright.sync_api import Page, expect

from actions.models import Action
from rules.models import ActionConfiguration, CustomDataPoint, Rule
from tests import make
from tests.browser import chromium
from tests.browser.builder import (
    choose_point,
    dialog,
    fill_row,
    new_rule,
    press,
    row,
    save,
    settled,
)
from tests.browser.hands import Mouse
from tests.browser.portal import TOR, Portal
from tests.conftest import Live

pytestmark = pytest.mark.django_db(transaction=True)


# -- the dialog of data points -------------------------------------------------------------------


def shown(page: Page) -> list[str]:
    return dialog(page).locator("[role=option]:visible strong").all_inner_texts()


def test_data_points_are_found_by_name_key_description_and_category(
    portal: Portal, withdraw: ActionConfiguration
) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    row(page, "1").get_by_role("button", name="Data point").click()
    search = dialog(page).get_by_label("Search the data points")
    for typed, found in (
        ("bank's name", "Card issuer"),
        ("ip.asn", "IP network number (ASN)"),
        ("REMEMBERED", "Device is remembered"),
    ):
        search.fill(typed)
        assert shown(page) == [found]
    search.fill("")
    dialog(page).get_by_role("tab", name="Custom").click()
    assert shown(page) == ["amount", "lastSeen"]
    dialog(page).get_by_role("tab", name="Time").click()
    assert shown(page) == ["Local hour", "Local weekday"]
    search.fill("nothing like it")
    expect(dialog(page)).to_contain_text("No data point like this")
    assert not chromium.accessibility_violations(page)


def test_the_dialog_is_worked_by_keys(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    button = row(page, "1").get_by_role("button", name="Data point")
    button.focus()
    page.keyboard.press("Enter")
    search = dialog(page).get_by_label("Search the data points")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(dialog(page).get_by_role("tab", name="All")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(dialog(page).get_by_role("tab", name="Device")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    expect(dialog(page).get_by_role("tab", name="Custom")).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    options = dialog(page).locator("[role=option]")
    expect(options.first).to_be_focused()
    page.keyboard.press("End")
    expect(options.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_be_focused()
    # Typing goes on searching.
    page.keyboard.type("bot")
    expect(search).to_have_value("bot")
    page.keyboard.press("ArrowDown")
    with settled(page):
        page.keyboard.press("Enter")
    expect(dialog(page)).to_be_hidden()
    expect(row(page, "1").get_by_role("button", name="Data point: Device is a bot")).to_be_focused()


def test_the_dialog_opened_again_at_once_stays_open(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    row(page, "1").get_by_role("button", name="Data point").click()
    # Closed and opened in one task, with the event of the closing still to come.
    page.evaluate("""async () => {
        const dialog = document.getElementById("points");
        const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
        const escape = new KeyboardEvent("keydown", { key: "Escape", bubbles: true });
        dialog.querySelector("#points-search").dispatchEvent(escape);
        document.querySelector("[data-choose]").click();
        await closed;
    }""")
    expect(dialog(page)).to_be_visible()
    choose = dialog(page).get_by_role("option", name="Device is a bot")
    with settled(page):
        choose.click()
    expect(row(page, "1").get_by_role("button", name="Data point: Device is a bot")).to_be_focused()


def test_a_data_point_is_made_from_inside_the_builder(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    hands = Mouse(page)
    row(page, "1").get_by_role("button", name="Data point").click()
    dialog(page).get_by_text("New custom data point").click()
    dialog(page).get_by_label("Name").fill("2nd value")
    dialog(page).get_by_role("button", name="Add it and use it").click()
    expect(dialog(page)).to_contain_text("Start with a letter")
    expect(dialog(page).get_by_label("Name")).to_be_focused()
    assert not chromium.accessibility_violations(page)
    page.keyboard.press("Escape")
    hands.new_point("1", "tier", "Several values")
    expect(row(page, "1").get_by_role("button", name="Data point: tier")).to_be_visible()
    assert CustomDataPoint.objects.get(name="tier").data_type == "multiselect"
    # It is there for every other row too.
    press(page, "Add condition")
    choose_point(page, "2", "tier")


# -- the trial -----------------------------------------------------------------------------------


def test_the_rows_are_tried_on_a_recent_action_while_they_are_changed(
    portal: Portal, withdraw: ActionConfiguration
) -> None:
    page = portal.page
    bank = Live(portal.server, portal.tenant, make.make_key(portal.tenant), "https://app.acme.example")
    bank("POST", "users/alice/actions/withdraw", {"ipAddress": TOR, "custom": {"amount": 500}})
    new_rule(portal, withdraw)
    fill_row(page, "1", "IP is anonymous")
    press(page, "Add condition")
    fill_row(page, "2", "amount", "is greater than", "2000")
    with settled(page):
        page.get_by_label("Try the conditions on").select_option(index=2)
    result = page.locator("#trial-result")
    expect(result).to_contain_text("The rule would not fire")
    expect(row(page, "1")).to_contain_text(re.compile("true.*It was.*true", re.S))
    expect(row(page, "2")).to_contain_text(re.compile("false.*It was.*500", re.S))
    row(page, "2").get_by_label("Value").fill("499")
    expect(result).to_contain_text("The rule would fire")
    expect(row(page, "2").locator(".portal-verdict")).to_have_text(re.compile("true"))
    assert not chromium.accessibility_violations(page)
    assert Action.objects.count() == 1
    assert not Rule.objects.exists()


def test_the_rows_are_tried_on_values_that_are_typed(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "amount", "is greater than", "2000")
    press(page, "Add condition")
    fill_row(page, "2", "IP country", "is one of", "NZ")
    with settled(page):
        page.get_by_label("Try the conditions on").select_option("sample")
    trial = page.locator("#trial")
    trial.get_by_label("amount").fill("2,5")
    expect(trial).to_contain_text("with digits and at most a point")
    trial.get_by_label("amount").fill("2500")
    with settled(page):
        trial.get_by_label("IP country").select_option(label="NZ New Zealand")
    expect(page.locator("#trial-result")).to_contain_text("The rule would fire")
    # Another row brings another field; what was typed stays.
    press(page, "Add condition")
    fill_row(page, "3", "Device is new")
    expect(trial.get_by_label("amount")).to_have_value("2500")
    expect(page.locator("#trial-result")).to_contain_text("It cannot be decided, and the rule does not fire then.")
    page.get_by_text("Missing data and methods").click()
    with settled(page):
        page.get_by_label("When data is missing").select_option("match")
    expect(page.locator("#trial-result")).to_contain_text("It cannot be decided, and the rule fires then.")


# -- templates -----------------------------------------------------------------------------------


def test_a_rule_is_begun_with_a_template(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    portal.open(f"/portal/rules/rule/add/?configuration={withdraw.pk}")
    page.get_by_text("Start from a template").click()
    assert not chromium.accessibility_violations(page)
    page.get_by_role("button", name="Use it: Unusual withdrawal").click()
    expect(page.get_by_text("Added the custom data points withdrawalAmount, isNewDestination.")).to_be_visible()
    with settled(page):
        row(page, "1").get_by_label("Value").fill("5000")
    save(page)
    rule = Rule.objects.get()
    assert rule.conditions["or"][0] == {">": [{"var": "custom.withdrawalAmount"}, 5000]}
    assert (rule.name, rule.when_unknown, rule.verification_methods) == ("Unusual withdrawal", "match", ["PASSKEY"])
