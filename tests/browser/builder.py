"""The rule builder as a person works it with a mouse."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, expect

from rules.models import ActionConfiguration, Rule
from tests import make
from tests.browser.portal import Portal


def row(page: Page, number: str) -> Any:
    return page.get_by_role("group", name=f"Condition {number}", exact=True)


def fill_row(page: Page, number: str, point: str, operator: str = "", value: str = "") -> None:
    one = row(page, number)
    choose_point(page, number, point)
    if operator:
        with settled(page):
            one.get_by_label("Comparison").select_option(label=operator)
    if not value:
        return
    field = one.locator(".value")
    kind = field.evaluate("field => field.tagName")
    if kind == "SELECT":
        with settled(page):
            field.select_option(value)
    elif kind == "DETAILS":
        pick(page, number, *value.split("\n"))
    else:
        field.fill(value)
        with settled(page):
            field.blur()


def choose_point(page: Page, number: str, point: str) -> None:
    """By the dialog, with its search."""
    row(page, number).get_by_role("button", name="Data point").click()
    dialog = page.get_by_role("dialog", name="Choose a data point")
    dialog.get_by_label("Search the data points").fill(point)
    with settled(page):
        dialog.get_by_role("option").filter(has=page.get_by_text(point, exact=True)).first.click()
    expect(dialog).to_be_hidden()


def pick(page: Page, number: str, *wanted: str) -> None:
    """Tick boxes of the list of the row's values, each found by what is typed into its search."""
    picker = row(page, number).locator("details.value")
    if not picker.evaluate("picker => picker.open"):
        picker.locator("summary").click()
    for one in wanted:
        picker.get_by_label("Search the choices").fill(one)
        with settled(page):
            picker.locator(f'input[value="{one}"]').check()


@contextlib.contextmanager
def settled(page: Page) -> Iterator[None]:
    """What is done in here asks the server about the rows; leave when the last answer is there."""
    with page.expect_response("**/rule/sentence/"):
        yield
    expect(page.locator("#builder")).not_to_have_class(re.compile("busy"))


def press(page: Page, name: str) -> None:
    with settled(page):
        page.get_by_role("button", name=name, exact=True).click()


def sentence(page: Page) -> Any:
    return page.locator("#builder-sentence")


def numbers(page: Page) -> list[str]:
    return page.locator(".portal-row .portal-number").all_inner_texts()


def values(page: Page) -> list[str]:
    return page.locator(".portal-row .value").evaluate_all("fields => fields.map(field => field.value)")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_text("was saved")).to_be_visible()


def new_rule(portal: Portal, configuration: ActionConfiguration) -> None:
    portal.open(f"/portal/rules/rule/add/?configuration={configuration.pk}")
    portal.page.get_by_label("Name").fill("Unusual")


def stored_rule(portal: Portal, configuration: ActionConfiguration, *conditions: Any) -> Rule:
    rule = make.make_rule(configuration, {"and": list(conditions)}, name="Stored")
    portal.open(f"/portal/rules/rule/{rule.pk}/change/")
    return rule


def dialog(page: Page) -> Any:
    return page.get_by_role("dialog", name="Choose a data point")
