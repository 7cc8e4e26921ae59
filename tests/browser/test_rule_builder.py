"""The rule builder in a real browser: whole rules by mouse and by keyboard, typed inputs, undo, order, the look."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from authsignal_portal.models import Tenant
from rules import value_lists
from rules.models import ActionConfiguration, Rule
from tests import make
from tests.browser import chromium
from tests.browser.builder import (
    choose_point,
    dialog,
    fill_row,
    new_rule,
    numbers,
    press,
    row,
    save,
    sentence,
    settled,
    stored_rule,
    values,
)
from tests.browser.hands import Hands, Keyboard, Mouse
from tests.browser.portal import HOME, TOR, Portal, publish
from tests.conftest import Live

pytestmark = pytest.mark.django_db(transaction=True)


# -- the two articles' rules, published and asked over HTTP --------------------------------------

TRANSFER, WITHDRAW = "adaptive-mfa-transfer", "withdraw"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", [Mouse, Keyboard])
def test_the_rules_of_a_bank_are_built_published_and_right(portal: Portal, tenant: Tenant, way: type[Any]) -> None:
    transfer = make.make_action(tenant, TRANSFER, "ALLOW")
    withdraw = make.make_action(tenant, WITHDRAW, "ALLOW")
    hands: Hands = way(portal.page)
    build_transfer(hands)
    publish(portal.page, transfer)
    build_withdraw(hands)
    publish(portal.page, withdraw)
    assert {rule.name: rule.conditions for rule in Rule.objects.all()} == BUILT
    bank = Live(portal.server, tenant, make.make_key(tenant), "https://app.acme.example")
    assert [state(bank, TRANSFER, *asked) for asked in TRANSFERS] == [
        "CHALLENGE_REQUIRED", "CHALLENGE_REQUIRED", "ALLOW", "CHALLENGE_REQUIRED",
    ]  # fmt: skip
    assert [state(bank, WITHDRAW, HOME, custom) for custom in WITHDRAWALS] == [
        "CHALLENGE_REQUIRED", "ALLOW", "CHALLENGE_REQUIRED", "CHALLENGE_REQUIRED", "ALLOW",
    ]  # fmt: skip


def build_transfer(hands: Hands) -> None:
    hands.open_action(TRANSFER)
    hands.new_rule("Anonymous address")
    hands.point("1", "IP is anonymous")
    hands.save()
    hands.new_rule("Large transfer")
    hands.new_point("1", "transactionValue", "Number")
    hands.compare("1", "is greater than")
    hands.value("1", "2000")
    hands.save()


def build_withdraw(hands: Hands) -> None:
    hands.open_action(WITHDRAW)
    hands.new_rule("Large withdrawal")
    hands.new_point("1", "withdrawalAmount", "Number")
    hands.compare("1", "is greater than")
    hands.value("1", "2000")
    hands.save()
    hands.new_rule("Unusual withdrawal")
    hands.any_may_hold()
    hands.new_point("1", "velocityScore", "Number")
    hands.compare("1", "is at least")
    hands.value("1", "80")
    hands.press("Add group")
    hands.new_point("2.1", "isNewDestination", "Yes or no")
    hands.press("Add condition to group 2")
    hands.new_point("2.2", "destinationType", "Text")
    hands.value("2.2", "crypto")
    hands.press("Add group")
    hands.new_point("3.1", "isFirstWithdrawal", "Yes or no")
    hands.press("Add condition to group 3")
    hands.new_point("3.2", "accountAgeInDays", "Number")
    hands.compare("3.2", "is less than")
    hands.value("3.2", "30")
    hands.save()


def _is(name: str, value: object = True) -> dict[str, Any]:
    return {"==": [{"var": f"custom.{name}"}, value]}


BUILT = {
    "Anonymous address": {"and": [{"==": [{"var": "ip.isAnonymous"}, True]}]},
    "Large transfer": {"and": [{">": [{"var": "custom.transactionValue"}, 2000]}]},
    "Large withdrawal": {"and": [{">": [{"var": "custom.withdrawalAmount"}, 2000]}]},
    "Unusual withdrawal": {
        "or": [
            {">=": [{"var": "custom.velocityScore"}, 80]},
            {"and": [_is("isNewDestination"), _is("destinationType", "crypto")]},
            {"and": [_is("isFirstWithdrawal"), {"<": [{"var": "custom.accountAgeInDays"}, 30]}]},
        ]
    },
}
VPN = "185.213.154.66"
TRANSFERS = [
    (VPN, {"transactionValue": 100}),
    (HOME, {"transactionValue": 3000}),
    (HOME, {"transactionValue": 500}),
    (TOR, {"transactionValue": 1}),
]
QUIET = {"destinationType": "bank", "isNewDestination": False, "velocityScore": 3, "isFirstWithdrawal": False}
WITHDRAWALS: list[dict[str, Any]] = [
    {"withdrawalAmount": 2001, "destinationType": "bank", "isFirstWithdrawal": True, "accountAgeInDays": 45},
    QUIET | {"withdrawalAmount": 2000, "accountAgeInDays": 3},
    QUIET | {"withdrawalAmount": 10, "velocityScore": 80, "accountAgeInDays": 300},
    QUIET | {"withdrawalAmount": 10, "isFirstWithdrawal": True, "accountAgeInDays": 29},
    QUIET | {"withdrawalAmount": 10, "isNewDestination": True, "accountAgeInDays": 300},
]


def state(bank: Live, code: str, address: str, custom: dict[str, Any]) -> str:
    status, told = bank("POST", f"users/alice/actions/{code}", {"ipAddress": address, "custom": custom})
    assert status == 200
    return str(told["state"])


# -- typed inputs --------------------------------------------------------------------------------


def test_each_kind_of_value_has_its_input(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    value_lists.create(withdraw.tenant, "Blocked emails")
    new_rule(portal, withdraw)
    fill_row(page, "1", "IP country", "is one of", "NZ\nAU")
    press(page, "Add condition")
    fill_row(page, "2", "Local weekday", "is", "SUNDAY")
    press(page, "Add condition")
    fill_row(page, "3", "Email address", "is on the list", "blocked-emails")
    press(page, "Add condition")
    fill_row(page, "4", "lastSeen", "is longer ago than")
    row(page, "4").get_by_label("How long").fill("12")
    with settled(page):
        row(page, "4").get_by_label("Unit").select_option(label="hours")
    press(page, "Add condition")
    fill_row(page, "5", "lastSeen", "is before")
    row(page, "5").get_by_label("Day").fill("2026-01-31")
    with settled(page):
        row(page, "5").get_by_label("Time in UTC").fill("09:30")
        row(page, "5").get_by_label("Time in UTC").blur()
    press(page, "Add condition")
    fill_row(page, "6", "Device ID", "is empty")
    save(page)
    assert Rule.objects.get().conditions == {
        "and": [
            {"in": [{"var": "ip.countryCode"}, ["AU", "NZ"]]},
            {"==": [{"var": "time.weekday"}, "SUNDAY"]},
            {"in": [{"var": "user.email"}, {"var": "lists.blocked-emails"}]},
            {"olderThan": [{"var": "custom.lastSeen"}, "12h"]},
            {"before": [{"var": "custom.lastSeen"}, "2026-01-31T09:30Z"]},
            {"missing": ["device.id"]},
        ]
    }


def test_countries_are_ticked_by_keyboard_alone(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "IP country", "is one of")
    summary = row(page, "1").locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    search = row(page, "1").get_by_label("Search the choices")
    expect(search).to_be_focused()
    page.keyboard.type("new zea")
    with settled(page):
        page.keyboard.press("Enter")
    expect(summary).to_have_text("Values: NZ New Zealand")
    page.keyboard.press("Control+a")
    page.keyboard.type("united")
    for _each in ("Arab Emirates", "Kingdom", "States"):
        page.keyboard.press("ArrowDown")
    expect(row(page, "1").get_by_role("checkbox", name="US United States")).to_be_focused()
    with settled(page):
        page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    expect(sentence(page)).to_contain_text("IP country is one of “NZ New Zealand” or “US United States”.")
    # What was ticked comes first in a list that is drawn anew, in the order in which it is written.
    press(page, "Duplicate condition 1")
    save(page)
    assert Rule.objects.get().conditions == {"and": [{"in": [{"var": "ip.countryCode"}, ["NZ", "US"]]}] * 2}


STORED = [
    {"in": [{"var": "ip.countryCode"}, ["US", "nz", "XX"]]},
    {"!": {"in": [{"var": "user.phoneLineType"}, ["VOIP", "CARRIER_PIGEON"]]}},
    {"==": [{"var": "time.weekday"}, "monday"]},
    {"before": [{"var": "custom.lastSeen"}, "2026-01-31T09:30:15+13:00"]},
    {"after": [{"var": "custom.lastSeen"}, "2026-01-31T09:30Z"]},
    {"olderThan": [{"var": "custom.lastSeen"}, "90m"]},
    {"ipInCidr": [{"var": "ip.address"}, "10.0.0.0/8"]},
    {"<=": [1, {"var": "custom.amount"}, 1e20]},
    {"missing": ["custom.lastSeen"]},
    {">=": [{"var": "velocity.count.user.action:withdraw+gone.1h"}, 5]},
    {">": [{"var": "velocity.avg:amount.device.any.7d"}, 2.5]},
]


def test_what_is_stored_goes_through_every_input_unaltered(portal: Portal, withdraw: ActionConfiguration) -> None:
    rule = stored_rule(portal, withdraw, *STORED)
    page = portal.page
    # A redrawing by the script, and a change to something else.
    press(page, "Duplicate condition 9")
    press(page, "Remove condition 10")
    page.get_by_label("Name", exact=True).fill("Renamed")
    save(page)
    kept = Rule.objects.get()
    assert (kept.name, kept.conditions) == ("Renamed", rule.conditions)


def test_a_wrong_range_is_told_of_at_its_row_while_it_is_typed(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "IP address", "is in range")
    field = row(page, "1").get_by_label("Values, one per line")
    field.press_sequentially("10.0.0.0/8\n10.0.0.1/8", delay=5)
    expect(row(page, "1")).to_contain_text('Write "10.0.0.0/8": the text "10.0.0.1/8" has bits set after its prefix.')
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("bits set after its prefix"))
    for _ in range(len("1/8")):
        page.keyboard.press("Backspace")
    page.keyboard.type("0/24")
    expect(row(page, "1")).not_to_contain_text("bits set")
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_after_a_refused_save_the_first_row_that_is_wrong_has_the_focus(
    portal: Portal, withdraw: ActionConfiguration
) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "amount", "is greater than", "1")
    press(page, "Add condition")
    press(page, "Add condition")
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_role("alert")).to_contain_text("Some conditions are not right yet")
    button = row(page, "2").get_by_role("button", name="Data point")
    expect(button).to_be_focused()
    expect(button).to_have_accessible_description("Choose what to look at.")
    expect(row(page, "3").get_by_role("button", name="Data point")).to_have_attribute("aria-invalid", "true")
    assert not chromium.accessibility_violations(page)


def test_a_velocity_is_put_together_in_its_row(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    make.make_action(withdraw.tenant, "signIn")
    new_rule(portal, withdraw)
    choose_point(page, "1", "Sum of a number")
    one = row(page, "1")
    with settled(page):
        one.get_by_label("Which number").select_option("amount")
    with settled(page):
        one.get_by_label("In which actions").select_option(label="of the kinds …")
    one.locator(".portal-velocity summary").click()
    for code in ("signIn", "withdraw"):
        with settled(page):
            one.get_by_role("checkbox", name=code).check()
    with settled(page):
        one.get_by_label("Whose").select_option(label="from the device")
    one.get_by_label("How far back").fill("7")
    with settled(page):
        one.get_by_label("Unit").select_option(label="days")
    with settled(page):
        one.get_by_label("Comparison").select_option(label="is greater than")
    one.get_by_label("Value").fill("500")
    expect(sentence(page)).to_contain_text("Sum of amount over signIn or withdraw actions from the device in 7 days")
    save(page)
    key = "velocity.sum:amount.device.action:signIn+withdraw.7d"
    assert Rule.objects.get().conditions == {"and": [{">": [{"var": key}, 500]}]}


def test_a_velocity_that_cannot_be_is_refused_at_its_row(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    choose_point(page, "1", "Different users")
    with settled(page):
        row(page, "1").get_by_label("Whose").select_option(label="by the user")
    expect(row(page, "1")).to_contain_text("There is always one of the users per user: choose another scope.")
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_role("alert")).to_contain_text("Some conditions are not right yet")
    expect(row(page, "1").get_by_label("Count", exact=True)).to_be_focused()
    assert not Rule.objects.exists()


# -- undo, redo, order ---------------------------------------------------------------------------


def test_undo_and_redo_by_keys_leave_text_fields_alone(portal: Portal, withdraw: ActionConfiguration) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "amount", "is greater than", "1")
    press(page, "Duplicate condition 1")
    assert values(page) == ["1", "1"]
    for key, wanted in (
        ("Control+z", ["1"]),
        ("Control+Shift+z", ["1", "1"]),
        ("Control+z", ["1"]),
        ("Control+y", ["1", "1"]),
    ):
        with settled(page):
            page.keyboard.press(key)
        assert values(page) == wanted
    field = row(page, "2").get_by_label("Value")
    field.click()
    page.keyboard.type("9")
    page.keyboard.press("Control+z")
    expect(field).to_have_value("1")
    expect(row(page, "2")).to_be_visible()


def test_choosing_another_data_point_is_undone_with_all_that_followed_from_it(
    portal: Portal, withdraw: ActionConfiguration
) -> None:
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "amount", "is between")
    row(page, "1").get_by_label("Lowest").fill("5")
    row(page, "1").get_by_label("Highest").fill("9")
    choose_point(page, "1", "Device is new")
    expect(sentence(page)).to_contain_text("Device is new.")
    press(page, "Undo")
    expect(row(page, "1").get_by_label("Lowest")).to_have_value("5")
    expect(row(page, "1").get_by_label("Highest")).to_have_value("9")


def test_rows_are_ordered_by_alt_and_an_arrow_and_it_is_said(portal: Portal, withdraw: ActionConfiguration) -> None:
    one, two = ({">": [{"var": "custom.amount"}, number]} for number in (1, 2))
    stored_rule(portal, withdraw, one, {"or": [two]})
    page = portal.page
    field = row(page, "1").get_by_label("Value")
    field.focus()
    status = page.locator("[data-builder-status]")
    for wanted, said in ((["1.1", "1.2"], "Condition 1 is now 1.1."), (["1.1", "1.2"], "Condition 1.1 is now 1.2.")):
        with settled(page):
            page.keyboard.press("Alt+ArrowDown")
        assert numbers(page) == wanted
        expect(status).to_have_text(said)
        expect(page.locator("#n1-value")).to_be_focused()
    with settled(page):
        page.keyboard.press("Alt+ArrowDown")
    with settled(page):
        page.keyboard.press("Alt+ArrowDown")
    expect(status).to_have_text("Condition 2 stays where it is.")
    press(page, "Remove condition 2")
    expect(status).to_have_text("2 was removed. Undo brings it back.")


# -- the look ------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_the_builder_is_sound_in_every_state_in_light_and_dark(portal: Portal, withdraw: ActionConfiguration) -> None:
    rule = stored_rule(portal, withdraw, *STORED)
    page = portal.page
    problems = []
    for width, dark in ((1280, False), (390, True)):
        portal.use(width=width, dark=dark)
        portal.open(f"/portal/rules/rule/{rule.pk}/change/")
        with settled(page):
            page.get_by_label("Try the conditions on").select_option("sample")
        for name, enter in STATES.items():
            enter(page)
            found = chromium.accessibility_violations(page, look_only=dark)
            found += ["scrolls sideways"] if chromium.sideways_scroll(page) > 0 else []
            problems += [f"{name} at {width}, dark {dark}: {one}" for one in found]
        chromium.screenshot(page, f"portal-builder-dialog-{'dark' if dark else 'light'}-{width}")
    assert not problems


def open_picker(page: Page) -> None:
    row(page, "1").locator("summary").first.click()


def make_wrong(page: Page) -> None:
    with settled(page):
        row(page, "7").get_by_label("Values, one per line").fill("nonsense")


def open_dialog(page: Page) -> None:
    row(page, "1").get_by_role("button", name="Data point").click()
    dialog(page).get_by_text("New custom data point").click()


STATES = {"rows": lambda page: None, "picker": open_picker, "wrong": make_wrong, "dialog": open_dialog}


@pytest.mark.timeout(200)
def test_forty_rows_and_long_texts_fit_at_320_pixels(portal: Portal, tenant: Tenant) -> None:
    """With no data point of the tenant's own but one, whose name is as long as a name can be."""
    name = "a" * 64
    make.make_point(tenant, name, "text")
    configuration = make.make_action(tenant, "b" * 64)
    text = {"==": [{"var": f"custom.{name}"}, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 4]}
    velocity = {">": [{"var": f"velocity.count.user.action:{'b' * 64}.1h"}, 5]}
    country = {"in": [{"var": "ip.countryCode"}, ["GB", "US", "TC", "UM"]]}
    nested = {"or": [{"and": [{"or": [text, velocity]}, country]}, text]}
    stored_rule(portal, configuration, *[text, velocity, country] * 12, nested)
    page = portal.page
    for width in (320, 1280):
        portal.use(width=width)
        assert chromium.sideways_scroll(page) <= 0
        with settled(page):
            page.get_by_label("Try the conditions on").select_option("sample")
        assert chromium.sideways_scroll(page) <= 0
        press(page, "Duplicate condition 1")
        row(page, "1").get_by_role("button", name="Data point").click()
        assert chromium.sideways_scroll(page) <= 0
        page.keyboard.press("Escape")


def test_a_tenant_with_nothing_of_its_own_can_begin(portal: Portal, tenant: Tenant) -> None:
    new_rule(portal, make.make_action(tenant, "signIn"))
    page = portal.page
    row(page, "1").get_by_role("button", name="Data point").click()
    expect(dialog(page).get_by_role("tab", name="Custom")).to_have_count(0)
    page.keyboard.press("Escape")
    with settled(page):
        page.get_by_label("Try the conditions on").select_option("sample")
    choose_point(page, "1", "Number of actions")
    expect(page.locator("#trial").get_by_label("Number of actions of this kind")).to_be_visible()
    assert not chromium.accessibility_violations(page)
