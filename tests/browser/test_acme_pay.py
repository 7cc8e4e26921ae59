"""Acme Pay as a person uses it: set up a passkey, then the four transfers, each way of launching the challenge."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from actions.management.commands import seed_demo
from tests.browser import chromium
from tests.conftest import Live, free_port, wait_for

SERVER = chromium.ROOT / "examples" / "acme_pay" / "server.py"
HOME, TOR, VPN = "203.0.113.10", "185.220.101.1", "185.213.154.66"


@pytest.fixture
def bank(live: Live, tmp_path) -> Iterator[str]:
    port = free_port()
    url = f"http://localhost:{port}"
    live.tenant.app_origins = [url]
    live.tenant.save()
    seed_demo.actions(live.tenant)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "AUTHSIGNAL_API_URL": live.api_url,
        "AUTHSIGNAL_API_SECRET_KEY": live.api_secret_key,
        "AUTHSIGNAL_TENANT_ID": live.tenant_id,
        "PORT": str(port),
        "PUBLIC_URL": url,
    }
    log = tmp_path / "bank.log"
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, str(SERVER)], env=environment, stdout=output, stderr=output)
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", process, log)
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            yield url
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def customer(bank: str, page: Page) -> Page:
    """Signed in, with a passkey."""
    chromium.add_authenticator(page)
    page.goto(bank)
    page.get_by_label("User name").fill("alice")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account")
    page.goto(f"{bank}/passkey")
    page.locator("[data-enrol]").click()
    expect(page.get_by_role("button", name="Add another passkey")).to_be_enabled()
    expect(page.get_by_role("list", name="Your passkeys").get_by_role("listitem")).to_have_count(1)
    return page


def transfer(page: Page, bank: str, amount: str, address: str, *, prove: str = "passkey") -> None:
    page.goto(f"{bank}/transfer")
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("Recipient").fill("Sam")
    page.locator("#address-typed").check()
    page.locator("#typedAddress").fill(address)
    page.locator(f"#prove-{prove}").check()
    page.get_by_role("button", name="Transfer", exact=True).click()
    page.wait_for_url("**/transfers/*")


def sent(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent", timeout=20_000)


@pytest.mark.parametrize(
    ("amount", "address", "challenged"),
    [("100", VPN, True), ("3000", HOME, True), ("500", HOME, False), ("1", TOR, True)],
)
def test_the_four_transfers_with_a_passkey_where_one_is_asked_for(customer, bank, amount, address, challenged):
    transfer(customer, bank, amount, address)
    if challenged:
        expect(customer.get_by_role("heading", level=1)).not_to_have_text("Sent")
        customer.locator("[data-prove=passkey]").click()
    sent(customer)


def test_the_challenge_in_a_popup(customer, bank):
    transfer(customer, bank, "3000", HOME, prove="popup")
    customer.locator("[data-prove=popup]").click()
    customer.frame_locator("#__authsignal-popup-iframe").get_by_role("button", name="passkey").click()
    sent(customer)


def test_the_challenge_by_redirect(customer, bank):
    transfer(customer, bank, "3000", HOME, prove="redirect")
    customer.locator("[data-prove=redirect]").click()
    customer.wait_for_url("**/challenge**")
    customer.get_by_role("button", name="passkey").click()
    sent(customer)
