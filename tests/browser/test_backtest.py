"""A backtest in a real browser, run by a real worker: begun, watched, read, with and without scripts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import Browser, Page, expect

from actions import backtest
from actions.models import Action, Backtest
from authenticators.models import Message
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from rules.models import ActionConfiguration, Rule
from tests.browser.portal import LARGE, furnish, make_portal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def transfer(tenant: Tenant) -> ActionConfiguration:
    """An action with a history, and a draft that is stricter than the rules in force."""
    configuration: ActionConfiguration = furnish(tenant)["transfer"]
    for rule in Rule.objects.filter(configuration=configuration, priority=1):
        rule.outcome, rule.conditions = "CHALLENGE", {"or": [*LARGE["and"]]}
        rule.save()
    Rule.objects.create(
        configuration=configuration,
        name="More than three in a week",
        priority=9,
        outcome="REVIEW",
        conditions={">=": [{"var": "velocity.count.user.any.7d"}, 3]},
    )
    Rule.objects.create(
        configuration=configuration,
        name="Would be noisy",
        priority=10,
        outcome="BLOCK",
        is_shadow=True,
        conditions={"==": [{"var": "ip.countryCode"}, "US"]},
    )
    configuration.save_draft()
    for action in Action.objects.filter(tenant=tenant, outcome="CHALLENGE")[:3]:
        Message.objects.create(
            tenant=tenant, user=action.user, action_id=action.pk, channel="SMS", status="sent", deadline_at=clock.now()
        )
    return configuration


def new_page(configuration: ActionConfiguration) -> str:
    return f"/portal/backtests/new/?configuration={configuration.pk}"


def test_a_backtest_is_begun_watched_and_read(portal, transfer):
    page = portal.page
    portal.open(new_page(transfer))
    page.get_by_label("Actions of").select_option(label="The last 90 days")
    page.get_by_role("button", name="Start the backtest").click()
    expect(page.get_by_role("heading", name="What came out, and what would have")).to_be_visible(timeout=30_000)
    made = Backtest.objects.get()
    assert (made.days, made.status, made.author_id) == (90, "done", portal.staff.user.pk)
    table = page.get_by_role("table").first
    expect(table.get_by_role("columnheader", name="Challenge")).to_be_visible()
    page.get_by_text("As a table").click()
    first = page.locator("section[aria-labelledby=samples] a").first
    first.click()
    expect(page.get_by_role("heading", name="Before and with the draft")).to_be_visible()
    portal.open(new_page(transfer))
    expect(page.get_by_role("row").nth(1)).to_contain_text("Done")


def running(tenant: Tenant, configuration: ActionConfiguration) -> Backtest:
    """Begun, but no worker knows of it."""
    made = backtest.begin(configuration, days=30, author_id=None)
    Backtest.objects.filter(pk=made.pk).update(status="running", done=412_000, total=1_000_000)
    return made


def progress(page: Page) -> Any:
    return page.get_by_role("progressbar")


def test_its_progress_is_shown_as_it_goes_and_it_can_be_cancelled(portal, tenant, transfer):
    page, made = portal.page, running(tenant, transfer)
    portal.open(f"/portal/actions/backtest/{made.pk}/change/")
    expect(progress(page)).to_have_attribute("aria-valuenow", "41")
    Backtest.objects.filter(pk=made.pk).update(done=640_000)
    expect(progress(page)).to_have_attribute("aria-valuenow", "64")
    expect(page.get_by_text("64 % done").first).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Stopping …")).to_be_visible()
    made.refresh_from_db()
    assert made.cancel_requested
    # The worker finds the wish and ends it.
    Backtest.objects.filter(pk=made.pk).update(status="cancelled")
    expect(page.get_by_text("It was cancelled.")).to_be_visible()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"status": 500}, "could not say how far it is"),
        ({"status": 302, "headers": {"location": "/portal/login/"}}, "You were signed out."),
        (None, "did not answer"),
    ],
)
def test_a_question_without_an_answer_is_asked_again(portal, tenant, transfer, answer, told):
    page, made = portal.page, running(tenant, transfer)
    portal.open(f"/portal/actions/backtest/{made.pk}/change/")
    page.route("**/progress/", lambda route: route.fulfill(**answer) if answer else route.abort())
    expect(page.locator("[data-progress-text]")).to_contain_text(told)
    page.unroute("**/progress/")
    Backtest.objects.filter(pk=made.pk).update(done=640_000)
    expect(progress(page)).to_have_attribute("aria-valuenow", "64")
    portal.problems.clear()


def test_a_failure_is_told(portal, tenant, transfer):
    made = running(tenant, transfer)
    with transaction.atomic():
        Backtest.objects.filter(pk=made.pk).update(progress_at=clock.now() - timedelta(minutes=3))
    portal.open(f"/portal/actions/backtest/{made.pk}/change/")
    expect(portal.page.get_by_role("alert")).to_have_text("It was cut off before it was done. Start it again.")
    portal.page.get_by_role("link", name="Try again").click()
    portal.page.get_by_role("button", name="Start the backtest").click()
    expect(portal.page.get_by_role("heading", name="By rule")).to_be_visible(timeout=30_000)


def test_without_scripts_the_page_looks_again_by_itself(server, browser: Browser, tenant, transfer):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(15_000)
    portal = make_portal(server, context.new_page(), tenant)
    portal.sign_in()
    made = running(tenant, transfer)
    portal.open(f"/portal/actions/backtest/{made.pk}/change/")
    expect(progress(portal.page)).to_be_visible()
    Backtest.objects.filter(pk=made.pk).update(status="cancelled")
    expect(portal.page.get_by_text("It was cancelled.")).to_be_visible()
    context.close()
