"""examples/identity_adapter.py as an operator runs it: a process of its own, asked and answering over the network."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest

from authenticators.models import IdentityProvider
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.conftest import ROOT, Live, free_port

EXAMPLE = ROOT / "examples" / "identity_adapter.py"
SECRET = "s" * 16 + "e" * 16


@pytest.fixture
def adapter(live: Live) -> Iterator[str]:
    """Its address, once it listens."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    process = subprocess.Popen([sys.executable, EXAMPLE, str(port)], env={**os.environ, "ADAPTER_SECRET": SECRET})
    try:
        until = time.monotonic() + 20
        while visited(address)[0] != 404:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        make.make_configuration(live.tenant, M.VERIFF, is_active=True)
        row = IdentityProvider(tenant=live.tenant, method=M.VERIFF, url=address)
        row.secret = SECRET
        row.save(force_insert=True)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def visited(url: str, **form: str) -> tuple[int, str]:
    """What a browser gets, redirects followed: the status, and the page. 0 where nobody listens."""
    try:
        with urllib.request.urlopen(url, urlencode(form).encode() if form else None, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""
    except OSError:
        return 0, ""


@pytest.fixture
def checked(live: Live, adapter: str) -> Callable[..., tuple[str, dict[str, object]]]:
    def check(decision: str, code: str, path: str = "challenge") -> tuple[str, dict[str, object]]:
        """The token of an action, and what its page is told once the person at the adapter's page has decided."""
        token = live("POST", f"users/alice/actions/{code}", {"scope": "add:authenticators"})[1]["token"]
        status, begun = live("POST", f"client/{path}/identity-check", {"verificationMethod": M.VERIFF}, token=token)
        assert status == 200, begun
        assert begun["url"].startswith(adapter)
        status, page = visited(begun["url"])
        assert (status, "Is this alice?" in page, "with Python-urllib" in page) == (200, True, True)
        status, page = visited(begun["url"], decision=decision)
        assert (status, "close" in page) == (200, True)
        body = {"challengeId": begun["challengeId"]}
        return token, live("POST", "client/verify/identity-check", body, token=token)[1]

    return check


def test_it_enrols_a_person_knows_them_again_and_passes_on_a_no(live, adapter, checked):
    _token, made = checked("approved", "enrol", "user-authenticators")
    assert made["userAuthenticator"]["verificationMethod"] == M.VERIFF
    _token, known = checked("approved", "pay")
    proved = live("POST", "validate", {"token": known["accessToken"]})[1]
    assert (proved["isValid"], proved["verificationMethod"]) == (True, M.VERIFF)
    token, declined = checked("declined", "move")
    assert declined == {"isVerified": False, "isConsumed": True}
    assert live("POST", "validate", {"token": token})[1]["state"] == "CHALLENGE_FAILED"
    assert visited(adapter, unsigned="yes")[0] == 401
