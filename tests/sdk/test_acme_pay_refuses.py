"""Acme Pay where the answer of the API is no, nonsense or absent: then no money moves."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.sdk.acme_pay import Customer, running_bank

TRACKED = {
    "state": "CHALLENGE_REQUIRED",
    "token": "a.b.c",
    "url": "http://localhost/ui/?token=a.b.c",
    "isEnrolled": True,
    "ruleIds": ["r1"],
}


class Api:
    """The two answers that matter, for a test to change. `key` is the idempotency key that came last."""

    def __init__(self) -> None:
        self.tracked: Any = {}
        self.verdict: dict[str, Any] = {}
        self.key = ""
        self.user = ""

    def answer(self, request: Request) -> Response:
        if request.path.endswith("/validate"):
            return _json({**self.proof(), **self.verdict})
        if request.method == "POST":
            self.key = request.get_json()["idempotencyKey"]
            self.user = request.path.split("/")[3]
            if isinstance(self.tracked, Response):
                return self.tracked
            return _json({**TRACKED, "idempotencyKey": self.key, **self.tracked})
        return _json([] if request.path.endswith("/authenticators") else {"rules": []})

    def proof(self) -> dict[str, Any]:
        return {
            "isValid": True,
            "state": "CHALLENGE_SUCCEEDED",
            "userId": self.user,
            "action": "adaptive-mfa-transfer",
            "idempotencyKey": self.key,
        }


def _json(value: Any) -> Response:
    return Response(json.dumps(value), content_type="application/json")


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer() as server:
        yield server


@pytest.fixture(scope="module")
def bank(server: HTTPServer) -> Iterator[str]:
    url = server.url_for("/v1")
    with running_bank(api_url=url, api_secret_key="secret", tenant_id="tenant") as base:
        yield base


@pytest.fixture
def api(server: HTTPServer) -> Api:
    api = Api()
    server.clear()
    server.expect_request(re.compile(".*")).respond_with_handler(api.answer)
    return api


@pytest.fixture
def customer(api: Api, bank: str) -> Customer:
    return Customer(bank)


def test_the_right_proof_sends_the_money(api, customer):
    before = customer.balance
    path, _ = customer.transfer("100")
    assert customer.validate(path, "token") == "sent"
    assert before - customer.balance == 100


@pytest.mark.parametrize(
    ("tracked", "status", "shown"),
    [
        ({"state": "BLOCK"}, "blocked", "Blocked"),
        ({"state": "REVIEW_REQUIRED"}, "held", "Held for review"),
        ({"state": "CHALLENGE_SUCCEEDED"}, "failed", "Not sent"),
        ({"state": "SOMETHING_NEW"}, "failed", "Not sent"),
        ({"state": None}, "failed", "Not sent"),
        ({"token": ""}, "failed", "Not sent"),
        (Response("<h1>Hello</h1>", content_type="text/html"), "failed", "Not sent"),
        (Response("[]", content_type="application/json"), "failed", "Not sent"),
        (Response("{", content_type="application/json"), "failed", "Not sent"),
        (Response("{}", status=500, content_type="application/json"), "failed", "Not sent"),
        (Response("{}", status=401, content_type="application/json"), "failed", "Not sent"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_whatever_is_not_a_yes_sends_nothing(api, customer, tracked, status, shown):
    before = customer.balance
    api.tracked = tracked
    path, decided = customer.transfer("100")
    assert decided == status
    assert f'<h1 id="title">{shown}</h1>' in customer.get(path).text
    assert customer.validate(path, "token") == status
    assert customer.balance == before


@pytest.mark.parametrize(
    "verdict",
    [
        {"isValid": False},
        {"isValid": "true"},
        {"isValid": None},
        {"state": "CHALLENGE_REQUIRED"},
        {"state": "ALLOW"},
        {"state": None},
        {"userId": "someone-else"},
        {"userId": None},
        {"action": "enroll-passkey"},
        {"idempotencyKey": "another"},
        {"idempotencyKey": None},
        {"isValid": False, "error": "Token is invalid."},
    ],
    ids=str,
)
def test_a_verdict_that_is_wrong_in_one_thing_sends_nothing(api, customer, verdict):
    before = customer.balance
    path, _ = customer.transfer("100")
    api.verdict = verdict
    assert customer.validate(path, "token") == "challenged"
    assert "Not confirmed" in customer.get(path).text
    assert customer.balance == before


def test_a_transfer_is_refused_while_the_api_cannot_be_reached():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        with running_bank(api_url=nowhere, api_secret_key="secret", tenant_id="tenant") as base:
            customer = Customer(base)
            before = customer.balance
            path, status = customer.transfer("100")
            assert status == "failed"
            assert "Authsignal did not answer" in customer.get(path).text
            assert "cannot be listed" in customer.get("/passkey").text
            assert customer.balance == before


def test_a_proof_is_not_taken_while_the_api_cannot_be_reached(api, customer, server):
    before = customer.balance
    path, _ = customer.transfer("100")
    server.stop()
    answer = customer.post(f"/api{path}/validate", {"token": "token"})
    assert answer.status_code == 502
    assert "Nothing was changed" in answer.json()["error"]
    assert customer.balance == before
    server.start()
    assert customer.validate(path, "token") == "sent"
