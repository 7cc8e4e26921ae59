"""Acme Pay against the live server: the four transfers, and that only the right proof moves money, once."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
import requests
from authsignal.client import AuthsignalClient

from tests.sdk import scripts
from tests.sdk.acme_pay import SERVER, Customer, prove_by_email, running_bank

# The test database is made only where a test asks for it, and the live server lives on it.
pytestmark = pytest.mark.django_db

VPN, TOR, HOME = "185.213.154.66", "185.220.101.1", "203.0.113.10"


@pytest.fixture(scope="module")
def bank(live: Any) -> Iterator[str]:
    with running_bank(api_url=live.api_url, api_secret_key=live.api_secret_key, tenant_id=live.tenant_id) as base:
        yield base


@pytest.fixture
def customer(bank: str) -> Customer:
    return Customer(bank)


def proof(live: Any, customer: Customer, path: str) -> str:
    return prove_by_email(live, customer.token(path), f"{customer.name}@acmepay.example")


@pytest.mark.parametrize(
    ("address", "amount", "status"),
    [
        ("anonymous", "100", "challenged"),
        ("home", "3000", "challenged"),
        ("home", "500", "sent"),
        ("tor", "1", "challenged"),
        ("tor", "500", "challenged"),
    ],
)
def test_the_server_decides_each_of_the_four_transfers(customer, address, amount, status):
    before = customer.balance
    path, decided = customer.transfer(amount, address=address)
    assert decided == status
    assert before - customer.balance == (Decimal(amount) if status == "sent" else 0)
    page = customer.get(path).text
    assert ("CHALLENGE_REQUIRED" in page) == (status == "challenged")


@pytest.mark.parametrize(("typed", "status"), [(HOME, "sent"), (VPN, "challenged"), (TOR, "challenged")])
def test_a_typed_address_counts_as_the_chosen_one_does(customer, typed, status):
    assert customer.transfer("500", address="typed", typedAddress=typed)[1] == status


def test_a_proof_sends_the_money_once(live, customer):
    before = customer.balance
    path, _ = customer.transfer("3000")
    token = proof(live, customer, path)
    assert customer.balance == before
    assert customer.validate(path, token) == "sent"
    assert customer.validate(path, token) == "sent"
    assert before - customer.balance == 3000
    assert "CHALLENGE_SUCCEEDED by EMAIL_OTP" in customer.get(path).text


def test_a_proof_handed_in_twenty_times_at_once_sends_the_money_once(live, customer):
    before = customer.balance
    path, _ = customer.transfer("3000")
    token = proof(live, customer, path)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: customer.validate(path, token), range(20)))
    assert statuses == ["sent"] * 20
    assert before - customer.balance == 3000


def test_a_tracked_token_without_a_proof_sends_nothing(customer):
    before = customer.balance
    path, _ = customer.transfer("3000")
    assert customer.validate(path, customer.token(path)) == "challenged"
    assert "left before it was finished" in customer.get(path).text
    assert customer.balance == before


def test_a_proof_of_another_transfer_sends_nothing(live, customer):
    small, _ = customer.transfer("1", address="tor")
    large, _ = customer.transfer("3000")
    before = customer.balance
    assert customer.validate(large, proof(live, customer, small)) == "challenged"
    assert "belongs to another request" in customer.get(large).text
    assert customer.balance == before


def test_a_proof_of_another_customer_sends_nothing(live, bank, customer):
    other = Customer(bank)
    theirs, _ = other.transfer("3000")
    mine, _ = customer.transfer("3000")
    before = customer.balance
    assert customer.validate(mine, proof(live, other, theirs)) == "challenged"
    assert customer.balance == before


def test_another_customers_transfer_does_not_exist(bank, customer):
    path, _ = customer.transfer("3000")
    other = Customer(bank)
    assert other.get(path).status_code == 404
    assert other.post(f"/api{path}/validate", {"token": "any"}).status_code == 404


def test_a_redirect_back_uses_the_token_and_takes_it_out_of_the_address(live, customer):
    path, _ = customer.transfer("3000", prove="redirect")
    token = proof(live, customer, path)
    answer = customer.get(f"{path}/return", params={"token": token}, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == path
    assert '<h1 id="title">Sent</h1>' in customer.get(path).text


def test_a_proof_that_came_in_elsewhere_is_found_when_the_page_is_opened(live, customer):
    path, _ = customer.transfer("3000", prove="window")
    proof(live, customer, path)
    assert '<h1 id="title">Sent</h1>' in customer.get(path).text


def test_a_transfer_that_an_operator_closed_is_not_sent(live, customer):
    path, _ = customer.transfer("3000")
    client = AuthsignalClient(live.api_secret_key, api_url=live.api_url)
    client.update_action(customer.name, "adaptive-mfa-transfer", customer.key(path), {"state": "BLOCK"})
    page = customer.get(path).text
    assert '<h1 id="title">Not sent</h1>' in page
    assert "BLOCK" in page


def test_a_form_that_is_sent_twice_makes_one_transfer(customer):
    before, request_id = customer.balance, str(uuid.uuid4())
    first, second = (customer.transfer("500", requestId=request_id) for _ in range(2))
    assert first == second
    assert before - customer.balance == 500


def test_what_the_browser_sends_along_is_tracked(live, customer):
    customer.http.cookies.set("__as_aid", "0b5c3a44-1111-4222-8333-444455556666")
    path, _ = customer.transfer("500")
    assert "0b5c3a44-1111-4222-8333-444455556666" in customer.get(path).text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "1.005"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "99999999"}, "amount"),
        ({"amount": 100}, "amount"),
        ({"amount": "90000"}, "amount"),
        ({"recipient": " "}, "recipient"),
        ({"recipient": "x" * 81}, "recipient"),
        ({"recipient": "a\x00b"}, "recipient"),
        ({"address": "elsewhere"}, "address"),
        ({"address": ["home"]}, "address"),
        ({"address": "typed", "typedAddress": "300.1.1.1"}, "typedAddress"),
        ({"prove": "shouting"}, "prove"),
        ({"requestId": "not an id"}, ""),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_with_the_field(customer, changes, field):
    form = {"amount": "5", "recipient": "Sam", "address": "home", "prove": "passkey"}
    answer = customer.post("/api/transfers", {**form, "requestId": str(uuid.uuid4()), **changes})
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert answer.json()["error"]


def test_only_json_from_this_very_origin_changes_anything(bank, customer):
    for origin in ("https://evil.example", "null", ""):
        answer = customer.post("/api/sign-out", {}, headers={"Origin": origin})
        assert answer.status_code == 403, origin
    assert customer.http.post(f"{bank}/api/sign-out", data="{}", timeout=30).status_code == 415
    assert customer.http.post(f"{bank}/api/sign-out", json=["x"], timeout=30).status_code == 400
    assert customer.post("/api/sign-out", {"filler": "x" * 20_000}).status_code == 413
    assert customer.get("/account", allow_redirects=False).status_code == 200


def test_without_a_session_there_is_no_account_and_no_transfer(bank, customer):
    customer.http.cookies.clear()
    assert customer.get("/account", allow_redirects=False).headers["Location"] == "/sign-in"
    assert customer.post("/api/transfers", {}).status_code == 401


def test_signing_out_ends_the_session_on_the_server(customer):
    session = customer.http.cookies.get("acme_session")
    customer.post("/api/sign-out", {})
    customer.http.cookies.set("acme_session", session)
    assert customer.get("/account", allow_redirects=False).headers["Location"] == "/sign-in"


def test_the_session_cookie_and_the_policy_are_strict(live, bank):
    headers = {"Host": scripts.APP_ORIGIN.removeprefix("http://"), "Origin": scripts.APP_ORIGIN}
    answer = requests.post(f"{bank}/api/sign-in", json={"username": "alice"}, headers=headers, timeout=30)
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    policy = answer.headers["Content-Security-Policy"]
    api = live.api_url.removesuffix("/v1")
    assert "default-src 'none'" in policy
    assert f"connect-src 'self' {api};" in policy
    assert f"frame-src {api};" in policy
    assert "unsafe" not in policy
    assert live.api_secret_key not in requests.get(f"{bank}/sign-in", headers=headers, timeout=30).text


def test_another_host_name_leads_to_the_right_one(bank):
    answer = requests.get(f"{bank}/transfer?amount=5", allow_redirects=False, timeout=30)
    assert answer.headers["Location"] == f"{scripts.APP_ORIGIN}/transfer?amount=5"


def test_the_built_browser_sdk_is_the_one_that_the_tests_use(results_of):
    # results_of installs the packages.
    published = (scripts.HERE / "node_modules/@authsignal/browser/dist/index.js").read_bytes()
    built = (SERVER.parent / "static/authsignal-browser.js").read_text(encoding="utf-8")
    assert f"sha256 {sha256(published).hexdigest()}" in built
