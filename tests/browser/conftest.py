"""Fixtures of the browser tests: one Chromium for all, a fresh context for each."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from authsignal_portal.models import Tenant
from rules.models import ActionConfiguration
from tests import make
from tests.browser import chromium, relying_app
from tests.browser.hosted import Hosted
from tests.browser.portal import Portal, make_portal
from tests.browser.relying_app import RelyingApp
from tests.conftest import Live, Server

# Playwright keeps an event loop in this thread, so Django takes every query here for an asynchronous one.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
# A bound, not a wait: two browsers and their servers share two cores.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium.launched(playwright) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 780})
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="session")
def app() -> Iterator[RelyingApp]:
    with relying_app.serving() as running:
        yield running


@pytest.fixture
def hosted(live: Live, app: RelyingApp, page: Page) -> Iterator[Hosted]:
    """A user of a tenant whose app is `app`. The page must never break its own policy, nor its script fail."""
    live.tenant.app_origins = [app.origin, app.third_party]
    live.tenant.save()
    driver = Hosted(live, app, page)
    yield driver
    page.close()
    assert not driver.problems


@pytest.fixture
def tenant(transactional_db: None) -> Tenant:
    return make.make_tenant("Acme Pay", app_origins=["https://app.acme.example"])


@pytest.fixture
def portal(server: Server, page: Page, tenant: Tenant) -> Iterator[Portal]:
    """Signed in, at 1280 pixels. No page may make the console complain."""
    portal = make_portal(server, page, tenant)
    portal.use(width=1280)
    portal.enter()
    yield portal
    # The server must be done before the tables are emptied.
    page.wait_for_load_state("networkidle")
    assert not portal.problems


@pytest.fixture
def withdraw(tenant: Tenant) -> ActionConfiguration:
    """An action of a tenant with two data points of its own."""
    make.make_point(tenant, "amount", "number")
    make.make_point(tenant, "lastSeen", "text")
    return make.make_action(tenant, "withdraw", "ALLOW")
