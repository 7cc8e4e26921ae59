"""The portal in a real browser: with and without scripts, by keyboard, by pointer. Its look is in tests/screens."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from authsignal_portal.models import Tenant
from rules.models import ActionConfiguration, Rule
from tests import make
from tests.browser.builder import fill_row, press, row, save, sentence, settled, values
from tests.browser.portal import LARGE, Portal, furnish, make_portal
from tests.portal.staff import PASSWORD, make_staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def withdraw(tenant: Tenant) -> ActionConfiguration:
    make.make_point(tenant, "transactionValue", "number")
    return make.make_action(tenant, "withdraw", "ALLOW")


def new_rule(portal: Portal, configuration: ActionConfiguration) -> None:
    portal.open(f"/portal/rules/rule/add/?configuration={configuration.pk}")
    portal.page.get_by_label("Name").fill("Unusual")


# -- the builder ---------------------------------------------------------------------------------


def test_a_nested_rule_is_built_with_the_sentence_following(portal, withdraw):
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "transactionValue", "is greater than", "2000")
    expect(sentence(page)).to_contain_text("transactionValue is greater than 2,000.")
    press(page, "Add group")
    fill_row(page, "2.1", "IP country", "is not one of", "NZ\nAU")
    with settled(page):
        page.get_by_role("group", name="Conditions", exact=True).get_by_text("ANY may hold").first.click()
    with settled(page):
        page.get_by_role("group", name="Group 2").get_by_text("NOT").first.click()
    press(page, "Add condition to group 2")
    fill_row(page, "2.2", "Device is new")
    expect(sentence(page)).to_contain_text(
        "transactionValue is greater than 2,000, or not (IP country is not one of "
        "“AU Australia” or “NZ New Zealand”, or Device is new)."
    )
    page.get_by_label("Outcome").select_option("BLOCK")
    save(page)
    rule = Rule.objects.get()
    assert rule.outcome == "BLOCK"
    assert rule.conditions == {
        "or": [
            {">": [{"var": "custom.transactionValue"}, 2000]},
            {
                "!": {
                    "or": [
                        {"!": {"in": [{"var": "ip.countryCode"}, ["AU", "NZ"]]}},
                        {"==": [{"var": "device.isNew"}, True]},
                    ]
                }
            },
        ]
    }


def test_a_ticked_box_shows_one_tick(portal, withdraw):
    new_rule(portal, withdraw)
    box = portal.page.get_by_label("Active", exact=True)
    drawn = box.evaluate("box => ['appearance', '::before', '::after'].map(what => what === 'appearance'"
                         " ? getComputedStyle(box).appearance : getComputedStyle(box, what).content)")  # fmt: skip
    assert drawn == ["none", '""', "none"]


def test_the_fields_follow_the_data_point(portal, withdraw):
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "IP is anonymous")
    assert row(page, "1").get_by_label("Comparison").locator("option").all_inner_texts() == [
        "is", "is not", "is empty", "is not empty",
    ]  # fmt: skip
    assert row(page, "1").get_by_label("Value").locator("option").all_inner_texts() == ["true", "false"]
    fill_row(page, "1", "transactionValue", "is between")
    expect(row(page, "1").get_by_label("Lowest")).to_be_visible()
    expect(row(page, "1").get_by_label("Highest")).to_be_visible()
    fill_row(page, "1", "IP address", "is in range", "10.0.0.0/8\n2001:db8::/32")
    save(page)
    assert Rule.objects.get().conditions == {
        "and": [{"ipInCidr": [{"var": "ip.address"}, ["10.0.0.0/8", "2001:db8::/32"]]}]
    }


def test_the_sentence_follows_the_typing_and_nothing_typed_is_lost(portal, withdraw):
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "transactionValue", "is greater than")
    field = row(page, "1").get_by_label("Value")
    field.press_sequentially("12345", delay=20)
    expect(sentence(page)).to_contain_text("is greater than 12,345")
    expect(field).to_be_focused()
    expect(field).to_have_value("12345")


def test_what_is_typed_while_the_server_answers_slowly_stays(portal, withdraw):
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "transactionValue", "is greater than", "1")
    held: list[Any] = []
    page.route("**/rule/sentence/", lambda route: route.continue_() if held else held.append(route))
    page.get_by_role("button", name="Add condition", exact=True).click()
    row(page, "1").get_by_label("Value").fill("777")
    with settled(page):
        held[0].continue_()
    expect(row(page, "2")).to_be_visible()
    assert values(page)[0] == "777"


def test_the_focus_goes_where_the_reader_goes(portal, withdraw):
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "transactionValue", "is greater than")
    row(page, "1").get_by_label("Value").fill("7")
    with settled(page):
        page.keyboard.press("Tab")
    expect(page.locator("#n1-copy")).to_be_focused()
    press(page, "Add condition")
    expect(row(page, "2").get_by_role("button", name="Data point")).to_be_focused()
    press(page, "Remove condition 2")
    expect(page.locator("#n1-remove")).to_be_focused()


def test_a_wrong_value_is_told_of_at_its_row(portal, withdraw):
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "transactionValue", "is greater than", "2,000")
    expect(row(page, "1")).to_contain_text("with digits and at most a point")
    expect(row(page, "1").get_by_label("Value")).to_have_attribute("aria-invalid", "true")
    press(page, "Add condition")
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_role("alert")).to_contain_text("Some conditions are not right yet")
    expect(row(page, "2")).to_contain_text("Choose what to look at.")
    assert not Rule.objects.exists()


def test_conditions_are_duplicated_removed_and_brought_back(portal, withdraw):
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "transactionValue", "is greater than", "1")
    press(page, "Duplicate condition 1")
    row(page, "2").get_by_label("Value").fill("2")
    press(page, "Remove condition 1")
    assert values(page) == ["2"]
    # What was typed is a step of its own.
    for before in (["1", "2"], ["1", "1"], ["1"]):
        press(page, "Undo")
        assert values(page) == before
    for after in (["1", "1"], ["1", "2"], ["2"]):
        press(page, "Redo")
        assert values(page) == after
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()


def test_a_server_that_does_not_answer_is_told_of_and_nothing_is_lost(portal, withdraw):
    page = portal.page
    new_rule(portal, withdraw)
    fill_row(page, "1", "transactionValue", "is greater than", "5")
    page.route("**/rule/sentence/", lambda route: route.abort())
    page.get_by_role("button", name="Add condition", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The server did not answer")
    expect(sentence(page)).to_contain_text("transactionValue is greater than 5.")
    page.unroute("**/rule/sentence/")
    save(page)
    assert Rule.objects.get().conditions == {"and": [{">": [{"var": "custom.transactionValue"}, 5]}]}
    portal.problems[:] = [problem for problem in portal.problems if "ERR_FAILED" not in problem]


# -- by keyboard ---------------------------------------------------------------------------------


NAME_OF_FOCUSED = """() => {
    const focused = document.activeElement.cloneNode(true);
    focused.querySelectorAll("[aria-hidden]").forEach(icon => icon.remove());
    return focused.getAttribute("aria-label") || focused.textContent.trim();
}"""


def tab_to(page: Page, name: str, *, most: int = 80) -> None:
    """Press Tab until the element of this name has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(NAME_OF_FOCUSED) == name:
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_a_condition_is_moved_into_a_group_and_out_by_keyboard_alone(portal, withdraw):
    stored = {
        "and": [
            {">": [{"var": "custom.transactionValue"}, 1]},
            {"or": [{">": [{"var": "custom.transactionValue"}, 2]}]},
        ]
    }
    rule = make.make_rule(withdraw, stored, name="Moved")
    portal.open(f"/portal/rules/rule/{rule.pk}/change/")
    page = portal.page
    tab_to(page, "Move condition 1 down")
    for wanted in (["1.1", "1.2"], ["1.1", "1.2"], ["1.1", "2"]):
        with settled(page):
            page.keyboard.press("Enter")
        expect(page.locator(".portal-row .portal-number")).to_have_text(wanted)
        # The focus stays on the button of what was moved.
        assert "down" in page.evaluate("document.activeElement.id") or wanted[-1] == "2"
    assert values(page) == ["2", "1"]
    page.get_by_role("button", name="Save rule").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("was saved")).to_be_visible()
    assert Rule.objects.get().conditions == {"and": [stored["and"][1], stored["and"][0]]}


def test_rules_are_ordered_by_keyboard_alone(portal, withdraw):
    for place, name in enumerate(("first", "second", "third")):
        make.make_rule(withdraw, LARGE, name=name, priority=place)
    portal.open(f"/portal/rules/actionconfiguration/{withdraw.pk}/rules/")
    page = portal.page
    tab_to(page, "Move third up")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("[data-order-status]")).to_have_text("third: place 1 of 3")
    assert page.locator(".portal-rule h2 a").all_inner_texts() == ["third", "first", "second"]
    assert list(withdraw.rules.values_list("name", flat=True)) == ["first", "second", "third"]
    tab_to(page, "Save the order")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The order was saved.")).to_be_visible()
    assert list(withdraw.rules.values_list("name", flat=True)) == ["third", "first", "second"]


def test_a_draft_is_published_reverted_and_discarded_by_keyboard_alone(portal, withdraw):
    rule = make.make_rule(withdraw, LARGE, name="Large", outcome="REVIEW")
    page = portal.page
    portal.open(f"/portal/rules/rule/{rule.pk}/change/")
    page.get_by_label("Outcome").select_option("BLOCK")
    page.get_by_label("Shadow").press("Space")
    page.get_by_role("button", name="Save rule").press("Enter")
    expect(page.get_by_role("heading", name="There are changes that are not in force yet")).to_be_visible()
    tab_to(page, "Publish …")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Publish withdraw")).to_be_visible()
    tab_to(page, "Publish")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The rules were published.")).to_be_visible()
    withdraw.refresh_from_db()
    assert [(one["outcome"], one["isShadow"]) for one in withdraw.published().rules] == [("BLOCK", True)]
    tab_to(page, "Versions")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Versions of withdraw")).to_be_visible()
    tab_to(page, "with what is in force (version 2)")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What it would change from version 3, which is in force")).to_be_visible()
    tab_to(page, "Revert to this version")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The draft is now as in version 2.")).to_be_visible()
    tab_to(page, "Not now")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="There are changes that are not in force yet")).to_be_visible()
    tab_to(page, "Discard draft")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The draft was discarded.")).to_be_visible()
    assert withdraw.rules.get().outcome == "BLOCK"


def test_signing_in_enrolling_and_out_by_keyboard_alone(server, page, tenant):
    portal = make_portal(server, page, tenant)
    portal.staff = make_staff(tenant, app=False)
    portal.use(width=390)
    portal.open("/portal/")
    expect(page.get_by_label("Email address")).to_be_focused()
    page.keyboard.type(portal.staff.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Set up your authenticator app")).to_be_visible()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.keyboard.type(portal.staff.code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.locator("summary", has_text="Menu").focus()
    page.keyboard.press("Enter")
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert not portal.problems


# -- by pointer ----------------------------------------------------------------------------------


def drag(page: Page, grip: Any, target: Any, *, below: bool = False) -> None:
    start, end = grip.bounding_box(), target.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    y = end["y"] + (end["height"] - 4 if below else 4)
    page.mouse.move(end["x"] + 200, y - 5, steps=4)
    page.mouse.move(end["x"] + 200, y, steps=2)
    page.mouse.up()


def test_a_condition_is_dragged_into_a_group(portal, withdraw):
    stored = {
        "and": [
            {">": [{"var": "custom.transactionValue"}, 1]},
            {"or": [{">": [{"var": "custom.transactionValue"}, 2]}]},
        ]
    }
    rule = make.make_rule(withdraw, stored, name="Dragged")
    portal.open(f"/portal/rules/rule/{rule.pk}/change/")
    page = portal.page
    with settled(page):
        drag(page, row(page, "1").locator("[data-grip]"), row(page, "2.1"), below=True)
    expect(page.locator(".portal-row .portal-number")).to_have_text(["1.1", "1.2"])
    assert values(page) == ["2", "1"]


def test_a_rule_is_dragged_to_the_top(portal, withdraw):
    for place, name in enumerate(("first", "second", "third")):
        make.make_rule(withdraw, LARGE, name=name, priority=place)
    portal.open(f"/portal/rules/actionconfiguration/{withdraw.pk}/rules/")
    page = portal.page
    rules = page.locator("[data-rule]")
    drag(page, rules.nth(2).locator(".portal-grip"), rules.nth(0))
    page.get_by_role("button", name="Save the order").click()
    expect(page.get_by_text("The order was saved.")).to_be_visible()
    assert list(withdraw.rules.values_list("name", flat=True)) == ["third", "first", "second"]


# -- without scripts -----------------------------------------------------------------------------


def test_everything_works_without_scripts(server, browser: Browser, tenant, withdraw):
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 900}, java_script_enabled=False)
    context.set_default_timeout(15_000)
    page = context.new_page()
    portal = make_portal(server, page, tenant)
    portal.sign_in()
    page.locator("summary", has_text="Menu").click()
    page.get_by_role("navigation", name="Menu").get_by_role("link", name="Actions", exact=True).click()
    page.get_by_role("link", name="withdraw", exact=True).click()
    page.get_by_role("link", name="Add rule").click()
    page.get_by_label("Name").fill("Without scripts")
    row(page, "1").get_by_label("Data point").select_option(label="transactionValue")
    page.get_by_role("button", name="Update the choices and the sentence").click()
    row(page, "1").get_by_label("Comparison").select_option(label="is at least")
    row(page, "1").get_by_label("Value").fill("500")
    page.get_by_role("button", name="Add group").click()
    row(page, "2.1").get_by_label("Data point").select_option(label="Device is a bot")
    page.get_by_role("button", name="Update the choices and the sentence").click()
    expect(sentence(page)).to_contain_text("transactionValue is at least 500, and Device is a bot.")
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_text("was saved")).to_be_visible()
    assert Rule.objects.get().conditions == {
        "and": [{">=": [{"var": "custom.transactionValue"}, 500]}, {"or": [{"==": [{"var": "device.isBot"}, True]}]}]
    }
    make.make_rule(withdraw, LARGE, name="Other", priority=5)
    page.reload()
    page.get_by_role("button", name="Move Other up").click()
    expect(page.get_by_text("The order was saved.")).to_be_visible()
    page.get_by_label("Place of Other").fill("2")
    page.get_by_label("Place of Without scripts").fill("1")
    page.get_by_role("button", name="Save the order").click()
    assert list(withdraw.rules.values_list("name", flat=True)) == ["Without scripts", "Other"]
    page.get_by_role("link", name="Publish …").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("The rules were published.")).to_be_visible()
    expect(page.get_by_text("not in force yet")).not_to_be_visible()
    withdraw.refresh_from_db()
    assert [rule["name"] for rule in withdraw.published().rules] == ["Without scripts", "Other"]
    context.close()


# -- small comforts ------------------------------------------------------------------------------


def test_a_test_action_shows_what_the_rules_make_of_it(portal, tenant):
    furnish(tenant)
    page = portal.page
    portal.open("/portal/test-action/?action=adaptive-mfa-transfer")
    page.get_by_label("IP address").fill("185.220.101.1")
    page.get_by_label("Custom data").fill('{"transactionValue": 3000}')
    page.get_by_role("button", name="Track it").click()
    expect(page.get_by_role("heading", name="IP is anonymous Challenge Decided")).to_be_visible()
    expect(page.get_by_role("link", name="Try the challenge")).to_be_visible()


def test_the_colours_are_chosen_and_kept(portal):
    page = portal.page
    side = page.locator(".portal-nav-wide")
    html = page.locator("html")
    expect(html).not_to_have_class(re.compile("dark"))
    side.get_by_role("button", name="Dark").click()
    expect(html).to_have_class(re.compile("dark"))
    portal.open("/portal/rules/actionconfiguration/")
    expect(html).to_have_class(re.compile("dark"))
    side.get_by_role("button", name="System").click()
    expect(html).not_to_have_class(re.compile("dark"))
    page.emulate_media(color_scheme="dark")
    expect(html).to_have_class(re.compile("dark"))


def test_a_key_is_copied_and_a_button_pressed_twice_does_one_thing(portal, tenant):
    page = portal.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    portal.open("/portal/authsignal_portal/apikey/add/")
    page.get_by_label("Kind").select_option("server")
    page.get_by_role("button", name="Save").dblclick()
    shown = page.get_by_role("status", name="API key")
    expect(shown).to_be_visible()
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shown.inner_text()
    assert tenant.api_keys.count() == 1
