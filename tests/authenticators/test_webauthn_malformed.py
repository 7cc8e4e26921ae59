"""Malformed answers: missing, mistyped, empty, flipped, random. Each is a WebAuthnError and nothing else."""

import contextlib
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authenticators.webauthn import WebAuthnError, challenge_of, credential_id_of
from tests.authenticators.ceremonies import (
    CHALLENGE,
    ORIGIN,
    RP_ID,
    authenticate,
    creation_options,
    make_authenticator,
    make_stored,
    refused,
    register,
    request_options,
    with_bytes,
    with_response,
)
from tests.soft_authenticator import AT, ED, UP, UV, authenticator_data, b64url, from_b64url

AUTHENTICATOR = make_authenticator()
CREATED = AUTHENTICATOR.create(creation_options())
GOT = AUTHENTICATOR.get(request_options())
STORED = make_stored(AUTHENTICATOR.passkeys[0])
ATTESTATION = cbor2.loads(from_b64url(CREATED["response"]["attestationObject"]))
CLIENT_DATA = json.loads(from_b64url(GOT["response"]["clientDataJSON"]))


def proven(credential: object) -> None:
    authenticate(credential, STORED)


def registered(credential: object) -> None:
    register(credential)


CEREMONIES = [pytest.param(registered, CREATED, id="create"), pytest.param(proven, GOT, id="get")]
DOORS: list[Callable[[object], object]] = [registered, proven, credential_id_of, challenge_of]


def test_the_untampered_answers_are_accepted() -> None:
    registered(CREATED)
    proven(GOT)


@pytest.mark.parametrize(("verify", "valid"), CEREMONIES)
@pytest.mark.parametrize("value", [None, 5, True, "", [], {}, "!", "a", ["x"], {"x": 1}])
def test_a_member_of_the_wrong_type_is_refused(
    verify: Callable[[object], None], valid: dict[str, Any], value: object
) -> None:
    with refused("malformed"):
        verify(value)
    for name in ("id", "rawId", "type", "response"):
        with refused():
            verify(valid | {name: value})
    for name in set(valid["response"]) - {"transports", "userHandle"}:
        with refused():
            verify(with_response(valid, **{name: value}))


@pytest.mark.parametrize(("verify", "valid"), CEREMONIES)
def test_a_missing_member_is_refused(verify: Callable[[object], None], valid: dict[str, Any]) -> None:
    for name in ("id", "rawId", "type", "response"):
        with refused():
            verify({key: value for key, value in valid.items() if key != name})
    for name in set(valid["response"]) - {"transports", "userHandle"}:
        with refused():
            verify(valid | {"response": {k: v for k, v in valid["response"].items() if k != name}})


@pytest.mark.parametrize(("verify", "valid"), CEREMONIES)
def test_members_that_we_do_not_know_are_ignored(verify: Callable[[object], None], valid: dict[str, Any]) -> None:
    verify(with_response(valid, publicKey="x", note=[1]) | {"clientExtensionResults": 5, "note": {}})


@pytest.mark.parametrize("name", ["type", "challenge", "origin"])
@pytest.mark.parametrize("value", [None, 5, True, [], {}, ["x"]])
def test_a_client_data_member_of_the_wrong_type_is_malformed(name: str, value: object) -> None:
    for verify, valid in ((registered, CREATED), (proven, GOT), (challenge_of, GOT)):
        client_data = json.loads(from_b64url(valid["response"]["clientDataJSON"]))
        for changed in (client_data | {name: value}, {k: v for k, v in client_data.items() if k != name}):
            with refused("malformed"):
                verify(with_bytes(valid, "clientDataJSON", json.dumps(changed).encode()))


@pytest.mark.parametrize("name", ["type", "challenge", "origin"])
def test_an_empty_client_data_member_is_refused(name: str) -> None:
    for verify, valid in ((registered, CREATED), (proven, GOT)):
        client_data = json.loads(from_b64url(valid["response"]["clientDataJSON"]))
        with refused():
            verify(with_bytes(valid, "clientDataJSON", json.dumps(client_data | {name: ""}).encode()))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"\xef\xbb\xbf" + json.dumps(CLIENT_DATA).encode(),
        json.dumps(CLIENT_DATA).encode("utf-16"),
        json.dumps(CLIENT_DATA).encode() + b"x",
        json.dumps(CLIENT_DATA | {"crossOrigin": "false"}).encode(),
        json.dumps(CLIENT_DATA | {"crossOrigin": None}).encode(),
        json.dumps(CLIENT_DATA | {"topOrigin": [ORIGIN]}).encode(),
        json.dumps(CLIENT_DATA | {"topOrigin": None}).encode(),
        b'{"crossOrigin":true,' + json.dumps(CLIENT_DATA).encode()[1:],
        b"[" * 40_000,
        b'{"a":' * 8_000 + b"1" + b"}" * 8_000,
        b'{"type":' + b"9" * 5_000 + b"}",
    ],
)
def test_client_data_that_is_not_what_it_should_be_is_malformed(text: bytes) -> None:
    for door in (registered, proven, challenge_of):
        with refused("malformed"):
            door(with_bytes(GOT, "clientDataJSON", text))


def test_a_legacy_token_binding_does_not_matter() -> None:
    for binding in ({"status": "supported"}, {"status": "present", "id": "x"}, "unused"):
        register(AUTHENTICATOR.create(creation_options(), client_data_extra={"tokenBinding": binding}))
    with refused():
        register(AUTHENTICATOR.create(creation_options(), client_data_extra={"tokenBinding": {}}))


@pytest.mark.parametrize(
    "changed",
    [
        {"fmt": None},
        {"fmt": 5},
        {"fmt": ["none"]},
        {"attStmt": None},
        {"attStmt": "x"},
        {"attStmt": {1: 2}},
        {"authData": None},
        {"authData": "x"},
        {"authData": b""},
        {"authData": ATTESTATION["authData"][:36]},
        {"authData": ATTESTATION["authData"][:37]},
        {"authData": ATTESTATION["authData"][:-1]},
        {"authData": authenticator_data(rp_id=RP_ID, flags=UP | UV, sign_count=0)},
        {"authData": authenticator_data(rp_id=RP_ID, flags=UP | UV | AT, sign_count=0)},
        {"fmt": "packed", "attStmt": {"alg": -7}},
        {"fmt": "packed", "attStmt": {"alg": -7, "sig": b""}},
        {"fmt": "packed", "attStmt": {"alg": "ES256", "sig": b"x"}},
        {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x", "x5c": []}},
        {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x", "x5c": [b"x"]}},
        {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x", "x5c": "x"}},
        {"fmt": "fido-u2f", "attStmt": {"sig": b"x", "x5c": [b"x"]}},
        {
            "fmt": "tpm",
            "attStmt": {"ver": "2.0", "alg": -7, "sig": b"x", "x5c": [b"x"], "certInfo": b"", "pubArea": b""},
        },
        {"fmt": "android-key", "attStmt": {"alg": -7, "sig": b"x", "x5c": [b"x"]}},
        {"fmt": "android-safetynet", "attStmt": {"ver": "x", "response": b"a.b.c"}},
        {"fmt": "apple", "attStmt": {"x5c": [b"x"]}},
    ],
)
def test_an_attestation_object_of_the_wrong_shape_is_refused(changed: dict[str, Any]) -> None:
    with refused():
        registered(with_bytes(CREATED, "attestationObject", cbor2.dumps(ATTESTATION | changed)))


@pytest.mark.parametrize("name", ["fmt", "attStmt", "authData"])
def test_a_missing_part_of_the_attestation_object_is_refused(name: str) -> None:
    rest = {key: value for key, value in ATTESTATION.items() if key != name}
    with refused():
        registered(with_bytes(CREATED, "attestationObject", cbor2.dumps(rest)))


@pytest.mark.parametrize(
    "data", [b"\xa0", b"\xff", b"\x81" * 30_000, b"\x5b" + b"\xff" * 8, b"\xd8\x1c\x81\xd8\x1d\x00"]
)
def test_cbor_that_is_no_attestation_object_is_refused(data: bytes) -> None:
    with refused():
        registered(with_bytes(CREATED, "attestationObject", data))


def test_extension_data_is_read_to_its_end() -> None:
    flags = AT | UP | UV | ED
    register(AUTHENTICATOR.create(creation_options(), flags=flags, after_key=cbor2.dumps({"credProtect": 2})))
    for broken in (b"", b"\xa1", cbor2.dumps({}) + b"\0"):
        with refused():
            register(AUTHENTICATOR.create(creation_options(), flags=flags, after_key=broken))


def flips(data: bytes) -> Iterator[bytes]:
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


@pytest.mark.parametrize("algorithm", [-7, -257, -8])
@pytest.mark.parametrize("name", ["signature", "authenticatorData", "clientDataJSON"])
def test_every_single_bit_of_an_assertion_counts(algorithm: int, name: str) -> None:
    authenticator = make_authenticator(algorithm=algorithm)
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])
    credential = authenticator.get(request_options())
    authenticate(credential, stored)
    for flipped in flips(from_b64url(credential["response"][name])):
        with refused():
            authenticate(with_bytes(credential, name, flipped), stored)


@pytest.mark.parametrize("name", ["attestationObject", "clientDataJSON"])
def test_every_single_bit_of_a_self_attested_registration_counts(name: str) -> None:
    credential = make_authenticator().create(creation_options(), self_attested=True)
    register(credential)
    for flipped in flips(from_b64url(credential["response"][name])):
        with refused():
            register(with_bytes(credential, name, flipped))


# Random input

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
cbor_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.binary(max_size=70)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-5, 5) | st.text(max_size=9), inner, max_size=5)
    ),
    max_leaves=10,
)
cose_keys = st.dictionaries(
    st.sampled_from([1, 3, -1, -2, -3, -4]),
    st.sampled_from([1, 2, 3, 6, 7, -7, -8, -257, b"", bytes(32), b"\x01" * 32, b"\xff" * 65, "x", None]) | cbor_values,
)
auth_datas = st.builds(
    lambda flags, credential_id, key, rest: authenticator_data(
        rp_id=RP_ID,
        flags=flags,
        sign_count=0,
        rest=bytes(16) + len(credential_id).to_bytes(2, "big") + credential_id + cbor2.dumps(key) + rest,
    ),
    st.integers(0, 255) | st.just(AT | UP | UV),
    st.binary(max_size=40),
    cose_keys | cbor_values,
    st.just(b"") | st.binary(max_size=9),
)
statements = st.dictionaries(
    st.sampled_from(["sig", "x5c", "alg", "ver", "response", "certInfo", "pubArea", "note"]),
    cbor_values,
    max_size=6,
)
attestations = st.builds(
    cbor2.dumps,
    st.fixed_dictionaries(
        {
            "fmt": st.sampled_from(["none", "packed", "fido-u2f", "tpm", "apple", "android-key", "android-safetynet"])
            | cbor_values,
            "attStmt": statements | cbor_values,
            "authData": st.just(ATTESTATION["authData"]) | auth_datas | st.binary(max_size=80),
        }
    ),
)
client_datas = st.builds(
    lambda members: json.dumps(CLIENT_DATA | members).encode(),
    st.dictionaries(
        st.sampled_from(["type", "challenge", "origin", "crossOrigin", "topOrigin", "tokenBinding"]),
        json_values | st.sampled_from(["webauthn.create", "webauthn.get", b64url(CHALLENGE), ORIGIN]),
    ),
)
fields = st.one_of(
    json_values,
    st.binary(max_size=200).map(b64url),
    attestations.map(b64url),
    client_datas.map(b64url),
    client_datas.map(lambda data: b64encode(data).decode()),
    st.sampled_from([*CREATED["response"].values(), *GOT["response"].values()]),
)


@st.composite
def nearly_valid(draw: st.DrawFn) -> dict[str, Any]:
    credential = draw(st.sampled_from([CREATED, GOT]))
    changes = draw(st.dictionaries(st.sampled_from(sorted({*CREATED, *GOT})), json_values, max_size=1))
    names = sorted({*CREATED["response"], *GOT["response"]})
    return with_response(credential, **draw(st.dictionaries(st.sampled_from(names), fields, max_size=3))) | changes


def only_refuses(credential: object) -> None:
    for door in DOORS:
        with contextlib.suppress(WebAuthnError):
            door(credential)


@settings(max_examples=150)
@given(json_values)
def test_no_json_at_all_gets_past_the_one_exception(credential: object) -> None:
    only_refuses(credential)


@settings(max_examples=400)
@given(nearly_valid())
def test_no_nearly_valid_answer_gets_past_the_one_exception(credential: dict[str, Any]) -> None:
    only_refuses(credential)


@settings(max_examples=300)
@given(attestations)
def test_no_attestation_object_gets_past_the_one_exception(attestation: bytes) -> None:
    only_refuses(with_bytes(CREATED, "attestationObject", attestation))


def test_a_deeply_nested_answer_is_refused() -> None:
    nested: Any = {}
    for _ in range(100_000):
        nested = {"response": nested}
    only_refuses(nested)
    only_refuses(with_response(GOT, userHandle=nested))
    # Taken apart by hand: dropping it whole would recurse as deep.
    while nested:
        nested = nested.pop("response")


@pytest.mark.parametrize("stored_key", [b"", b"\x04", b"\xa0", b"x" * 80, STORED.public_key[:-1]])
def test_a_stored_key_that_cannot_be_read_proves_nothing(stored_key: bytes) -> None:
    with refused():
        authenticate(GOT, make_stored(AUTHENTICATOR.passkeys[0], public_key=stored_key))
