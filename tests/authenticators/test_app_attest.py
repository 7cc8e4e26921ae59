"""App Attest on what Apple itself published, and on anything else: only what Apple signed is taken."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from authenticators.app_attestation import app_attest
from authenticators.app_attestation.app_attest import AppleApps
from authenticators.app_attestation.evidence import AttestationFailed, ClientData, Reason, client_data
from tests import phone_makers
from tests.phone_makers import BUNDLE, TEAM, AppAttest

# Apple's "Attestation Object Validation Guide", without the receipt, which nobody reads here.
EXAMPLE = json.loads((Path(__file__).parent / "vectors" / "apple_app_attest.json").read_text())
CHALLENGE = EXAMPLE["challenge"].encode()
VALID = datetime.fromisoformat(EXAMPLE["validAt"])
MADE_OVER = ClientData("over this", "over this", binds_key=False)


def example(**changes) -> bytes:
    chain = [base64.b64decode(one) for one in EXAMPLE["x5c"]]
    data = base64.b64decode(EXAMPLE["authData"])
    return cbor2.dumps({"fmt": app_attest.FORMAT, "attStmt": {"x5c": chain}, "authData": data} | changes)


def verify_example(**changes) -> ClientData:
    """The guide takes the challenge itself for clientDataHash, which apps do not."""
    team_id, _dot, bundle_id = EXAMPLE["appId"].partition(".")
    asked = {
        "key_id": base64.b64decode(EXAMPLE["keyId"]),
        "hashes": {CHALLENGE: MADE_OVER},
        "apps": AppleApps(team_id, [bundle_id]),
        "roots": settings.APP_ATTEST_ROOT,
        "now": VALID,
    }
    return app_attest.verify(changes.pop("attestation", example()), **asked | changes)


def test_the_root_that_is_trusted_by_default_is_apples():
    [root] = x509.load_pem_x509_certificates(settings.APP_ATTEST_ROOT.encode())
    assert root.fingerprint(SHA256()).hex() == "1cb9823ba28ba6ad2d33a006941de2ae4f513ef1d4e831b9f7e0fa7b6242c932"
    root.verify_directly_issued_by(root)


def test_apples_own_example_is_attested():
    assert verify_example() is MADE_OVER


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"now": VALID + timedelta(days=3)}, Reason.UNTRUSTED),
        ({"now": VALID - timedelta(days=3)}, Reason.UNTRUSTED),
        ({"roots": phone_makers.root().pem}, Reason.UNTRUSTED),
        ({"hashes": {b"another": MADE_OVER}}, Reason.WRONG_NONCE),
        ({"hashes": {}}, Reason.WRONG_NONCE),
        ({"key_id": bytes(32)}, Reason.WRONG_KEY),
        ({"apps": AppleApps("0352187391", ["com.apple.another"])}, Reason.WRONG_APP),
        ({"apps": AppleApps("0352187391", [])}, Reason.WRONG_APP),
    ],
)
def test_apples_example_is_attested_as_what_it_is_and_in_its_time(changes, reason):
    with pytest.raises(AttestationFailed) as failed:
        verify_example(**changes)
    assert failed.value.reason == reason


def test_a_certificate_of_no_version_that_there_is_is_not_attested():
    """The library raises another exception for it than for all else that is no certificate."""
    leaf, *others = (base64.b64decode(one) for one in EXAMPLE["x5c"])
    assert leaf[8:13] == b"\xa0\x03\x02\x01\x02"
    with pytest.raises(AttestationFailed):
        verify_example(attestation=example(attStmt={"x5c": [leaf[:12] + b"\x03" + leaf[13:], *others]}))


# The library warns of what it means to refuse some day, a serial number of zero for one.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.data())
def test_apples_example_with_any_byte_changed_is_not_attested(data):
    """Whatever the parsers are given, one exception comes of it."""
    chain = [bytearray(base64.b64decode(one)) for one in EXAMPLE["x5c"]]
    parts = [*chain, bytearray(base64.b64decode(EXAMPLE["authData"]))]
    part = data.draw(st.sampled_from(parts))
    part[data.draw(st.integers(0, len(part) - 1))] ^= data.draw(st.integers(1, 255))
    changed = example(attStmt={"x5c": [bytes(one) for one in chain]}, authData=bytes(parts[-1]))
    with pytest.raises(AttestationFailed):
        verify_example(attestation=changed)


@given(
    st.binary(max_size=64) | st.recursive(st.none() | st.binary() | st.text(), st.lists, max_leaves=5).map(cbor2.dumps)
)
def test_whatever_else_comes_is_not_attested(raw):
    with pytest.raises(AttestationFailed):
        verify_example(attestation=raw)


def test_extensions_behind_the_key_are_apples_to_add():
    """Newer systems tell the app's version there; the certificate's nonce covers it."""

    class Newer(AppAttest):
        @property
        def auth_data(self) -> bytes:
            return super().auth_data + cbor2.dumps({"apple_bundle_version_01": "42"})

    waiting = client_data(["nonce"], b"key")
    made = Newer("nonce")
    taken = app_attest.verify(
        made.object(),
        key_id=made.own_id,
        hashes=app_attest.hashed(waiting),
        apps=AppleApps(TEAM, [BUNDLE]),
        roots=phone_makers.root().pem,
        now=datetime.now(UTC),
    )
    assert taken == ClientData("nonce", "nonce", binds_key=False)
