"""Drives Acme Pay as a browser would, without one: its process, a customer of it, and a proof by e-mail."""

import os
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import requests

from tests.conftest import Live
from tests.sdk.scripts import APP_ORIGIN

SERVER = Path(__file__).parents[2] / "examples" / "acme_pay" / "server.py"


@contextmanager
def running_bank(*, api_url: str, api_secret_key: str, tenant_id: str) -> Iterator[str]:
    """Acme Pay in a process of its own; yields where it listens. It believes to live at APP_ORIGIN."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {
        **os.environ,
        "AUTHSIGNAL_API_URL": api_url,
        "AUTHSIGNAL_API_SECRET_KEY": api_secret_key,
        "AUTHSIGNAL_TENANT_ID": tenant_id,
        "PORT": str(port),
        "PUBLIC_URL": APP_ORIGIN,
    }
    process = subprocess.Popen([sys.executable, str(SERVER)], env=environ, stdout=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_for(f"{base}/healthz", process)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        assert process.poll() is None, "Acme Pay ended while it was starting."
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("Acme Pay did not start within 15 seconds.")


class Customer:
    """A signed-in customer; every request says what a browser at APP_ORIGIN would say."""

    def __init__(self, base: str, name: str = "") -> None:
        self.base = base
        self.name = name or f"c{uuid.uuid4().hex[:20]}"
        self.http = requests.Session()
        self.http.headers.update({"Host": APP_ORIGIN.removeprefix("http://"), "Origin": APP_ORIGIN})
        assert self.post("/api/sign-in", {"username": self.name}).ok

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.http.post(self.base + path, json=body, timeout=30, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(self.base + path, timeout=30, **options)

    def transfer(self, amount: str = "3000", **changes: Any) -> tuple[str, str]:
        """Ask for a transfer; the path of its page, and its status."""
        form = {"amount": amount, "recipient": "Sam", "address": "home", "prove": "passkey"}
        answer = self.post("/api/transfers", {**form, "requestId": str(uuid.uuid4()), **changes})
        assert answer.ok, answer.text
        return answer.json()["next"], answer.json()["status"]

    def validate(self, path: str, token: str) -> str:
        """Hand in a token for the transfer of that page; its status afterwards."""
        answer = self.post(f"/api{path}/validate", {"token": token})
        assert answer.ok, answer.text
        return answer.json()["status"]

    def token(self, path: str) -> str:
        """The tracked token that a transfer's page holds."""
        match = re.search(r'data-token="([^"]+)"', self.get(path).text)
        assert match, "The page asks for no proof."
        return unescape(match[1])

    def key(self, path: str) -> str:
        match = re.search(r"Idempotency key</dt><dd><code>([^<]+)", self.get(path).text)
        assert match
        return match[1]

    @property
    def balance(self) -> Decimal:
        match = re.search(r"<strong>\$([\d,.]+)</strong>", self.get("/account").text)
        assert match
        return Decimal(match[1].replace(",", ""))


def prove_by_email(live: Live, token: str, email: str) -> str:
    """Answer the challenge of a tracked token with the code that is sent; the token that proves it."""
    status, started = live("POST", "client/challenge/email-otp", token=token)
    assert status == 200, started
    _, verified = live("POST", "client/verify/email-otp", {"verificationCode": live.code(email)}, token=token)
    assert verified["isVerified"], verified
    return str(verified["accessToken"])
