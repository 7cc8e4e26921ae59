"""Our own cases after the public list of the FIDO conformance tool's server groups, made with our own authenticator.

The groups are the list's; what each holds is written here from its short description. `P` must be accepted, `F` must
be refused. `DEVIATIONS` says where we refuse what the list accepts, `LEFT_OUT` what is not run, and why.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import pytest

from tests.authenticators.attesting import DAY, issue, leaf, other_root, packed, root, self_packed, u2f
from tests.authenticators.ceremonies import (
    CHALLENGE,
    ORIGIN,
    OTHER_CHALLENGE,
    RP_ID,
    authenticate,
    creation_options,
    descriptor,
    make_authenticator,
    make_stored,
    refused,
    register,
    request_options,
    with_bytes,
    with_response,
)
from tests.soft_authenticator import AT, BE, BS, ED, UP, UV, authenticator_data, b64url, from_b64url

GROUPS = {
    "CreationOptions Req-1",
    *(f"Attestation Resp-{one}" for one in "123456789AB"),
    "GetOptions Req-1",
    *(f"Assertion Resp-{one}" for one in "123"),
    "MDS",
}
LEFT_OUT = {
    "Attestation Resp-9": "tpm: we ask for no attestation; the W3C vector is refused (test_webauthn_vectors.py)",
    "Attestation Resp-A": "android-key: as tpm",
    "Attestation Resp-B": "android-safetynet: the service behind it has ended",
    "MDS": "metadata tells whom to trust by their attestation, which we neither ask for nor rely on",
}
DEVIATIONS = {
    "UP not set": "Resp-3 P-4 and P-7 accept it; WebAuthn L3 §7.2 step 16 requires it",
    "chain with its root": "Resp-5 F-10 refuses it; disputed, and no step of WebAuthn L3 does",
    "token binding": "Resp-2 F15 to F17: left out of WebAuthn L3 §5.8.1, so only read past",
    "algorithms": "Resp-4: ES256, RS256 and EdDSA are offered, every other one is refused",
}
RUN = {
    "CreationOptions Req-1",
    "GetOptions Req-1",
    *(f"Attestation Resp-{one}" for one in "12345678"),
    *(f"Assertion Resp-{one}" for one in "123"),
}

AUTHENTICATOR = make_authenticator()
CREATED = AUTHENTICATOR.create(creation_options())
GOT = AUTHENTICATOR.get(request_options())
STORED = make_stored(AUTHENTICATOR.passkeys[0])
NOT_BASE64URL = ["a b", "a*b", "a", "ä"]
Change = Callable[[dict[str, Any]], dict[str, Any]]


def test_every_group_of_the_list_is_run_or_left_out_for_a_reason() -> None:
    assert RUN | set(LEFT_OUT) == GROUPS
    assert not RUN & set(LEFT_OUT)
    assert len(GROUPS) == 17


# -- Req-1 of both -------------------------------------------------------------------------------


def test_creation_options_req_1_has_every_required_field_of_its_type() -> None:
    options = creation_options(exclude_credentials=[descriptor(AUTHENTICATOR.passkeys[0])])
    assert all(isinstance(options["user"][name], str) for name in ("id", "name", "displayName"))
    assert 0 < len(from_b64url(options["user"]["id"])) <= 64
    assert len(from_b64url(options["challenge"])) >= 16
    assert (options["rp"]["id"], options["attestation"]) == (RP_ID, "none")
    assert {one["type"] for one in options["pubKeyCredParams"]} == {"public-key"}
    assert [set(one) for one in options["excludeCredentials"]] == [{"type", "id", "transports"}]
    # That each is different is the server's to show: test_each_challenge_is_new (test_webauthn_attacks.py).


def test_get_options_req_1_names_exactly_the_allowed_credentials_and_echoes_verification() -> None:
    for wanted in ("required", "preferred", "discouraged"):
        options = request_options(allow_credentials=[descriptor(AUTHENTICATOR.passkeys[0])], user_verification=wanted)
        assert options["userVerification"] == wanted
        assert [one["id"] for one in options["allowCredentials"]] == [CREATED["id"]]
        assert (options["rpId"], len(from_b64url(options["challenge"]))) == (RP_ID, 32)


# -- Resp-1: the answer's members ----------------------------------------------------------------


def broken_members(valid: dict[str, Any], inside: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each member missing, of a wrong type, empty, and not base64url."""
    for name in ("id", "rawId", "type", "response"):
        yield f"{name} missing", {key: value for key, value in valid.items() if key != name}
        for value in (None, 5, "", [], {}, *(NOT_BASE64URL if name in ("id", "rawId") else ())):
            yield f"{name} is {value!r}", valid | {name: value}
    yield "type is not public-key", valid | {"type": "private-key"}
    for name in inside:
        without = {key: value for key, value in valid["response"].items() if key != name}
        yield f"{name} missing", valid | {"response": without}
        for value in (None, 5, "", [], {}, *NOT_BASE64URL):
            yield f"{name} is {value!r}", with_response(valid, **{name: value})


def named(cases: Iterator[tuple[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=title) for title, case in cases]


@pytest.mark.parametrize("credential", named(broken_members(CREATED, ("clientDataJSON", "attestationObject"))))
def test_attestation_resp_1_f(credential: dict[str, Any]) -> None:
    with refused():
        register(credential)


@pytest.mark.parametrize("credential", named(broken_members(GOT, ("clientDataJSON", "authenticatorData", "signature"))))
def test_assertion_resp_1_f(credential: dict[str, Any]) -> None:
    with refused():
        authenticate(credential, STORED)


@pytest.mark.parametrize("handle", [5, True, [], {}, ["x"]])
def test_assertion_resp_1_f_the_user_handle_is_no_string(handle: Any) -> None:
    with refused("malformed"):
        authenticate(with_response(GOT, userHandle=handle), STORED)


def test_resp_1_p() -> None:
    register(CREATED)
    authenticate(GOT, STORED)
    excluded = creation_options(exclude_credentials=[descriptor(one) for one in AUTHENTICATOR.passkeys])
    assert [one["id"] for one in excluded["excludeCredentials"]][:1] == [CREATED["id"]]
    register(AUTHENTICATOR.create(excluded))


def test_assertion_resp_1_f_a_signature_that_does_not_verify() -> None:
    signature = bytearray(from_b64url(GOT["response"]["signature"]))
    signature[-1] ^= 1
    with refused("bad_signature"):
        authenticate(with_bytes(GOT, "signature", bytes(signature)), STORED)


# -- Resp-2: the client data ---------------------------------------------------------------------


def broken_client_data(valid: dict[str, Any], other_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    data = json.loads(from_b64url(valid["response"]["clientDataJSON"]))
    unequal = {"type": other_type, "challenge": b64url(OTHER_CHALLENGE), "origin": "https://evil.example"}
    for name, other in unequal.items():
        changed = [(f"{name} is {value!r}", data | {name: value}) for value in (None, 5, [], {}, "", other)]
        missing = {key: value for key, value in data.items() if key != name}
        for title, members in [*changed, (f"{name} missing", missing)]:
            yield title, with_bytes(valid, "clientDataJSON", json.dumps(members).encode())


@pytest.mark.parametrize("credential", named(broken_client_data(CREATED, "webauthn.get")))
def test_attestation_resp_2_f(credential: dict[str, Any]) -> None:
    with refused():
        register(credential)


@pytest.mark.parametrize("credential", named(broken_client_data(GOT, "webauthn.create")))
def test_assertion_resp_2_f(credential: dict[str, Any]) -> None:
    with refused():
        authenticate(credential, STORED)


SIGNED = [
    {"ceremony": "webauthn.get", "get": "webauthn.create"},
    {"challenge": b64url(OTHER_CHALLENGE)},
    {"origin": "https://evil.example"},
    {"origin": ORIGIN + ".evil.example"},
]


@pytest.mark.parametrize("tampered", SIGNED, ids=str)
def test_resp_2_f_even_when_it_is_signed(tampered: dict[str, Any]) -> None:
    """What was tampered with before signing, so that nothing but the very check can notice."""
    making = {name: value for name, value in tampered.items() if name != "get"}
    using = making | ({"ceremony": tampered["get"]} if "get" in tampered else {})
    with refused("wrong_type", "wrong_challenge", "wrong_origin"):
        register(AUTHENTICATOR.create(creation_options(), self_attested=True, **making))
    with refused("wrong_type", "wrong_challenge", "wrong_origin"):
        authenticate(AUTHENTICATOR.get(request_options(), passkey=AUTHENTICATOR.passkeys[0], **using), STORED)


# -- Attestation Resp-3: CBOR, flags, leftovers --------------------------------------------------

DECODED = cbor2.loads(from_b64url(CREATED["response"]["attestationObject"]))
SELF = cbor2.loads(
    from_b64url(AUTHENTICATOR.create(creation_options(), self_attested=True)["response"]["attestationObject"])
)
STRUCTURES = {
    "not CBOR": b"\xff\x00",
    "not a map": cbor2.dumps([1]),
    **{f"{name} missing": cbor2.dumps({k: v for k, v in DECODED.items() if k != name}) for name in DECODED},
    **{f"{name} of a wrong type": cbor2.dumps(DECODED | {name: 5}) for name in DECODED},
    "authData empty": cbor2.dumps(DECODED | {"authData": b""}),
    "leftover bytes after the object": cbor2.dumps(DECODED) + b"\0",
    "packed, no alg": cbor2.dumps(SELF | {"attStmt": {"sig": SELF["attStmt"]["sig"]}}),
    "packed, alg of a wrong type": cbor2.dumps(SELF | {"attStmt": SELF["attStmt"] | {"alg": "-7"}}),
    "packed, another alg": cbor2.dumps(SELF | {"attStmt": SELF["attStmt"] | {"alg": -257}}),
    "packed, no sig": cbor2.dumps(SELF | {"attStmt": {"alg": -7}}),
    "packed, sig of a wrong type": cbor2.dumps(SELF | {"attStmt": {"alg": -7, "sig": "x"}}),
    "packed, sig empty": cbor2.dumps(SELF | {"attStmt": {"alg": -7, "sig": b""}}),
    "packed, attStmt empty": cbor2.dumps(SELF | {"attStmt": {}}),
}


@pytest.mark.parametrize("structure", [pytest.param(data, id=title) for title, data in STRUCTURES.items()])
def test_attestation_resp_3_f(structure: bytes) -> None:
    with refused():
        register(with_bytes(CREATED, "attestationObject", structure))


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param({"flags": UP | UV}, id="AT not set, data there"),
        pytest.param({"flags": AT | UV}, id="UP not set"),
        pytest.param({"flags": AT | UP}, id="UV not set"),
        pytest.param({"flags": AT | UP | UV | BS}, id="BS without BE"),
        pytest.param({"after_key": b"\0"}, id="leftover bytes after the key"),
        pytest.param({"flags": AT | UP | UV | ED}, id="ED set, no extensions"),
        pytest.param({"rp_id": "evil.example"}, id="rpIdHash of another"),
    ],
)
def test_attestation_resp_3_f_in_the_authenticator_data(tampered: dict[str, Any]) -> None:
    with refused():
        register(AUTHENTICATOR.create(creation_options(), self_attested=True, **tampered))


def test_attestation_resp_3_f_at_set_and_no_data() -> None:
    bare = authenticator_data(rp_id=RP_ID, flags=AT | UP | UV, sign_count=0)
    with refused():
        register(with_bytes(CREATED, "attestationObject", cbor2.dumps(DECODED | {"authData": bare})))


def test_attestation_resp_3_p() -> None:
    register(AUTHENTICATOR.create(creation_options(), self_attested=True))
    register(AUTHENTICATOR.create(creation_options(), flags=AT | UP | UV | ED, after_key=cbor2.dumps({"a": 1})))


# -- Attestation Resp-4 to Resp-8: algorithms and statements -------------------------------------


@pytest.mark.parametrize("algorithm", [-7, -257, -8])
def test_attestation_resp_4_p(algorithm: int) -> None:
    register(make_authenticator(algorithm=algorithm).create(creation_options(), self_attested=True))


@pytest.mark.parametrize("algorithm", [-35, -36, -37, -38, -39, -47, -258, -259, -65535, 0, 7])
def test_attestation_resp_4_what_was_not_offered_is_refused(algorithm: int) -> None:
    key = cbor2.loads(AUTHENTICATOR.passkeys[0].cose_key) | {3: algorithm}
    with refused("algorithm_not_offered", "not_verified"):
        register(AUTHENTICATOR.create(creation_options(), cose_key=cbor2.dumps(key)))


def between() -> tuple[Any, Any]:
    """A certificate between the root and the one that signs."""
    middle = issue("middle", root())
    return issue("leaf", middle), middle


def test_attestation_resp_5_p() -> None:
    signer, middle = between()
    for x5c in ([leaf().der], [leaf().der, root().der]):
        register(AUTHENTICATOR.create(creation_options(), attest=packed(leaf(), *x5c)))
    for chain in ([signer, middle], [signer, middle, root()]):
        x5c = [one.der for one in chain]
        register(AUTHENTICATOR.create(creation_options(), attest=packed(signer, *x5c)))


BROKEN_CHAINS: dict[str, Callable[[], Any]] = {
    "x5c empty": lambda: packed(leaf()),
    "x5c holds a text": lambda: packed(leaf(), "certificate"),
    "x5c holds no certificate": lambda: packed(leaf(), b"certificate"),
    "x5c holds an empty certificate": lambda: packed(leaf(), b""),
    "the certificate has expired": lambda: expired(-2, -1),
    "the certificate is not valid yet": lambda: expired(1, 2),
    "its issuer has expired": lambda: under_an_expired_issuer(),
    "the order is wrong": lambda: packed(leaf(), root().der, leaf().der),
    "the chain is another's": lambda: packed(leaf(), leaf().der, other_root().der),
    "the chain repeats itself": lambda: packed(leaf(), leaf().der, leaf().der),
    "nine certificates": lambda: packed(leaf(), leaf().der, *[root().der] * 8),
    "signed by another key": lambda: packed(issue("leaf", root()), leaf().der),
    "signed by the root": lambda: packed(root(), leaf().der),
    "another algorithm is named": lambda: packed(leaf(), leaf().der, algorithm=-257),
}


def expired(since: int, until: int) -> Any:
    signer = issue("leaf", root(), since=since * DAY, until=until * DAY)
    return packed(signer, signer.der)


def under_an_expired_issuer() -> Any:
    middle = issue("middle", root(), since=-2 * DAY, until=-DAY)
    signer = issue("leaf", middle)
    return packed(signer, signer.der, middle.der)


@pytest.mark.parametrize("title", BROKEN_CHAINS)
def test_attestation_resp_5_f(title: str) -> None:
    with refused():
        register(AUTHENTICATOR.create(creation_options(), attest=BROKEN_CHAINS[title]()))


def test_attestation_resp_6() -> None:
    register(AUTHENTICATOR.create(creation_options(), attest=self_packed))
    other = make_authenticator()
    other.create(creation_options())
    broken: list[Any] = [
        lambda _passkey, data, digest: self_packed(other.passkeys[0], data, digest),
        lambda passkey, data, digest: self_packed(passkey, data, digest, algorithm=-8),
        lambda passkey, data, digest: self_packed(passkey, data[:-1], digest),
        lambda passkey, data, _digest: self_packed(passkey, data, bytes(32)),
    ]
    for attest in broken:
        with refused():
            register(AUTHENTICATOR.create(creation_options(), attest=attest))


def test_attestation_resp_7() -> None:
    register(AUTHENTICATOR.create(creation_options()))
    register(make_authenticator(aaguid=bytes(range(16))).create(creation_options()))
    for statement in ({"alg": -7, "sig": b"x"}, {"x5c": [leaf().der]}, SELF["attStmt"], {"unknown": 1}):
        with refused():
            register(AUTHENTICATOR.create(creation_options(), fmt="none", statement=statement))


def test_attestation_resp_8() -> None:
    register(AUTHENTICATOR.create(creation_options(), attest=u2f(leaf())))
    with refused():
        register(make_authenticator(aaguid=bytes(range(16))).create(creation_options(), attest=u2f(leaf())))
    with refused():
        register(AUTHENTICATOR.create(creation_options(), attest=u2f(leaf(), spoil=b"x")))


# -- Assertion Resp-3 ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tampered", "required"),
    [
        pytest.param({"sign_count": 0}, True, id="counter 0"),
        pytest.param({"sign_count": 7}, True, id="counter rises"),
        pytest.param({"uv": True}, False, id="UV set, not required"),
        pytest.param({"uv": False}, False, id="UP alone, UV not required"),
        pytest.param({"flags": UP | UV | BE | ED, "after_data": cbor2.dumps({"a": 1})}, True, id="extensions"),
        pytest.param({"bs": False}, True, id="no longer backed up"),
    ],
)
def test_assertion_resp_3_p(tampered: dict[str, Any], required: bool) -> None:
    answer = AUTHENTICATOR.get(request_options(), passkey=AUTHENTICATOR.passkeys[0], **tampered)
    authenticate(answer, STORED, require_user_verification=required)


@pytest.mark.parametrize(
    ("tampered", "reason"),
    [
        pytest.param({"after_data": b"\0"}, "not_verified", id="leftover bytes"),
        pytest.param({"rp_id": "evil.example"}, "wrong_rp_id", id="rpIdHash of another"),
        pytest.param({"uv": False}, "user_not_verified", id="UV required, only UP"),
        pytest.param({"up": False, "uv": False}, "user_not_present", id="neither UP nor UV"),
        pytest.param({"up": False}, "user_not_present", id="UP not set"),
        pytest.param({"flags": UP | UV | BE | ED}, "not_verified", id="ED set, no extensions"),
    ],
)
def test_assertion_resp_3_f(tampered: dict[str, Any], reason: str) -> None:
    with refused(reason):
        authenticate(AUTHENTICATOR.get(request_options(), passkey=AUTHENTICATOR.passkeys[0], **tampered), STORED)


def test_assertion_resp_3_f_the_counter_does_not_rise() -> None:
    key = make_authenticator(backup_eligible=False)
    key.create(creation_options())
    for now in (5, 4, 0):
        with refused("sign_count_regressed"):
            authenticate(key.get(request_options(), sign_count=now), make_stored(key.passkeys[0], sign_count=5))
    authenticate(key.get(request_options(), sign_count=6), make_stored(key.passkeys[0], sign_count=5))


def test_assertion_resp_3_f_other_client_data_than_what_was_signed() -> None:
    other = AUTHENTICATOR.get(request_options(), passkey=AUTHENTICATOR.passkeys[0], client_data_extra={"note": 1})
    swapped = with_response(GOT, clientDataJSON=other["response"]["clientDataJSON"])
    with refused("bad_signature"):
        authenticate(swapped, STORED)
    assert from_b64url(json.loads(from_b64url(GOT["response"]["clientDataJSON"]))["challenge"]) == CHALLENGE
