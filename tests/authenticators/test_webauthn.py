"""Each step of WebAuthn L3 §7.1 and §7.2, tampered with and refused, beside the same ceremony accepted."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fido2 import cbor

from authenticators.webauthn import WebAuthnError, challenge_of, credential_id_of
from tests.authenticators.ceremonies import (
    ALICE,
    BOB,
    CHALLENGE,
    EMBEDDER,
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
    with_response,
)
from tests.soft_authenticator import AT, BE, BS, UP, UV, Passkey, b64url, new_private_key

ROOT = Path(__file__).resolve().parents[2]
ANDROID = "android:apk-key-hash:pNiP5iKyQ8JwgGOaKA1zGPUPJIS-0H1xKCQcfIoGLck"


# Options


def test_creation_options_have_every_member_that_the_android_decoder_requires() -> None:
    passkey = make_authenticator()
    passkey.create(creation_options())

    options = creation_options(exclude_credentials=[descriptor(passkey.passkeys[0])])

    assert options == {
        "rp": {"id": RP_ID, "name": "Bank"},
        "user": {"id": b64url(ALICE), "name": "alice@bank.example", "displayName": "Alice"},
        "challenge": b64url(CHALLENGE),
        "pubKeyCredParams": [
            {"type": "public-key", "alg": -7},
            {"type": "public-key", "alg": -257},
            {"type": "public-key", "alg": -8},
        ],
        "timeout": 300_000,
        "excludeCredentials": [
            {
                "type": "public-key",
                "id": b64url(passkey.passkeys[0].credential_id),
                "transports": ["internal", "hybrid"],
            }
        ],
        "authenticatorSelection": {
            "requireResidentKey": True,
            "residentKey": "required",
            "userVerification": "required",
            "authenticatorAttachment": "platform",
        },
        "attestation": "none",
    }
    assert json.loads(json.dumps(options)) == options


def test_creation_options_leave_out_an_attachment_that_nobody_asked_for() -> None:
    assert "authenticatorAttachment" not in creation_options(authenticator_attachment=None)["authenticatorSelection"]
    assert creation_options()["excludeCredentials"] == []


def test_a_user_without_a_display_name_is_shown_by_the_user_name() -> None:
    assert creation_options(user_display_name="")["user"]["displayName"] == "alice@bank.example"


def test_an_attachment_that_does_not_exist_is_refused() -> None:
    with refused("malformed"):
        creation_options(authenticator_attachment="teapot")


@pytest.mark.parametrize("handle", [b"", b"x" * 49, bytes(range(128, 160))])
def test_a_user_handle_that_ios_could_not_carry_is_our_mistake(handle: bytes) -> None:
    creation_options(user_handle=b"x" * 48)
    with pytest.raises(ValueError, match="user_handle"):
        creation_options(user_handle=handle)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_challenge_is_32_bytes(size: int) -> None:
    assert len(request_options()["challenge"]) == len(creation_options()["challenge"]) == 43
    with pytest.raises(ValueError, match="challenge"):
        creation_options(challenge=bytes(size))
    with pytest.raises(ValueError, match="challenge"):
        request_options(challenge=bytes(size))


def test_request_options_always_have_allow_credentials() -> None:
    assert request_options() == {
        "challenge": b64url(CHALLENGE),
        "rpId": RP_ID,
        "allowCredentials": [],
        "userVerification": "required",
        "timeout": 300_000,
    }


# Registration


@pytest.mark.parametrize("algorithm", [-7, -257, -8])
def test_a_registration_yields_what_to_store(algorithm: int) -> None:
    authenticator = make_authenticator(algorithm=algorithm, aaguid=bytes.fromhex("ea9b8d664d011d213ce4b6b48cb575d4"))

    registered = register(authenticator.create(creation_options()))

    passkey = authenticator.passkeys[0]
    assert registered.credential_id == passkey.credential_id
    assert registered.public_key == passkey.cose_key
    assert registered.sign_count == 0
    assert registered.aaguid == "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"
    assert registered.transports == ("internal", "hybrid")
    assert registered.attachment == "platform"
    assert (registered.backup_eligible, registered.backed_up) == (True, True)
    assert registered.device_type == "multiDevice"
    assert registered.user_verified


def test_a_security_key_is_a_single_device() -> None:
    authenticator = make_authenticator(backup_eligible=False, counts=True)

    registered = register(authenticator.create(creation_options(), attachment="cross-platform"))

    assert (registered.backup_eligible, registered.backed_up) == (False, False)
    assert registered.device_type == "singleDevice"
    assert registered.sign_count == 1
    assert registered.attachment == "cross-platform"


def test_the_public_key_stays_out_of_logs() -> None:
    authenticator = make_authenticator()
    registered = register(authenticator.create(creation_options()))
    assert "public_key" not in repr(registered)
    assert "public_key" not in repr(make_stored(authenticator.passkeys[0]))


@pytest.mark.parametrize(
    ("tampered", "reason"),
    [
        pytest.param({"ceremony": "webauthn.get"}, "wrong_type", id="type of the other ceremony"),
        pytest.param({"ceremony": "WEBAUTHN.CREATE"}, "wrong_type", id="type in other case"),
        pytest.param({"credential_type": "password"}, "not_verified", id="credential type"),
        pytest.param({"challenge": b64url(OTHER_CHALLENGE)}, "wrong_challenge", id="other challenge"),
        pytest.param({"challenge": b64url(CHALLENGE) + "!"}, "malformed", id="more than base64url"),
        pytest.param({"challenge": b64url(CHALLENGE[:-1])}, "wrong_challenge", id="shorter challenge"),
        pytest.param({"origin": "https://evil.example"}, "wrong_origin", id="other origin"),
        pytest.param({"origin": "https://login.bank.example"}, "wrong_origin", id="subdomain"),
        pytest.param({"origin": "https://bank.example.evil.example"}, "wrong_origin", id="prefix"),
        pytest.param({"origin": "https://evilbank.example"}, "wrong_origin", id="suffix"),
        pytest.param({"origin": "https://bank.example/"}, "wrong_origin", id="slash"),
        pytest.param({"origin": "https://bank.example:8443"}, "wrong_origin", id="port"),
        pytest.param({"origin": "http://bank.example"}, "wrong_origin", id="scheme"),
        pytest.param({"origin": ANDROID}, "wrong_origin", id="app origin that nobody listed"),
        pytest.param({"cross_origin": True}, "cross_origin", id="framed, not expected"),
        pytest.param({"cross_origin": True, "top_origin": EMBEDDER}, "cross_origin", id="framed, top origin"),
        pytest.param({"top_origin": ORIGIN}, "cross_origin", id="top origin alone"),
        pytest.param({"rp_id": "evil.example"}, "wrong_rp_id", id="rpIdHash"),
        pytest.param({"up": False}, "user_not_present", id="UP"),
        pytest.param({"uv": False}, "user_not_verified", id="UV"),
        pytest.param({"flags": AT | UP | UV | BS}, "not_verified", id="BS without BE"),
        pytest.param({"flags": UP | UV | BE | BS}, "not_verified", id="AT clear, with data"),
        pytest.param({"after_key": b"\0"}, "not_verified", id="byte after the key"),
        pytest.param({"after_object": b"\0"}, "malformed", id="byte after attestationObject"),
        pytest.param({"after_object": b"\xa0"}, "malformed", id="second item after attestationObject"),
        pytest.param({"fmt": "teapot"}, "not_verified", id="unknown format"),
        pytest.param({"fmt": "packed", "statement": {}}, "not_verified", id="packed without a signature"),
        pytest.param({"statement": {"note": 1}}, "attestation_not_empty", id="none with unknown member"),
        pytest.param({"statement": {"sig": b"x"}}, "not_verified", id="none with a known member"),
        pytest.param({"statement": []}, "malformed", id="attStmt is a list"),
        pytest.param({"credential_id": bytes(1024)}, "credential_id_too_long", id="id of 1024 bytes"),
        pytest.param({"credential_id": b"", "json_id": b"x"}, "not_verified", id="empty id"),
        pytest.param({"json_id": b"somebody else's"}, "wrong_credential", id="JSON id is not authData's"),
    ],
)
def test_a_tampered_registration_is_refused(tampered: dict[str, Any], reason: str) -> None:
    authenticator = make_authenticator()
    register(authenticator.create(creation_options()))
    with refused(reason):
        register(authenticator.create(creation_options(), **tampered))


def test_a_credential_id_may_have_1023_bytes() -> None:
    registered = register(make_authenticator().create(creation_options(), credential_id=bytes(1023)))
    assert len(registered.credential_id) == 1023


def test_id_and_raw_id_must_agree() -> None:
    credential = make_authenticator().create(creation_options())
    register(credential)
    with refused():
        register(credential | {"rawId": b64url(b"another")})
    with refused("wrong_credential"):
        register(credential | {"id": b64url(b"another"), "rawId": b64url(b"another")})


def test_an_app_origin_counts_only_where_it_is_listed() -> None:
    credential = make_authenticator().create(creation_options(), origin=ANDROID)
    register(credential, expected_origins=[ORIGIN, ANDROID])
    with refused("wrong_origin"):
        register(credential, expected_origins=[ORIGIN])


def test_with_no_expected_origin_nothing_is_accepted() -> None:
    credential = make_authenticator().create(creation_options())
    register(credential)
    with refused("wrong_origin"):
        register(credential, expected_origins=[])
    # One string where a list belongs is a list of letters.
    with refused("wrong_origin"):
        register(credential, expected_origins=ORIGIN)


def test_an_expected_challenge_that_is_absent_or_short_matches_nothing() -> None:
    authenticator = make_authenticator()
    created = authenticator.create(creation_options(), challenge=b64url(bytes(16)))
    register(created, expected_challenge=bytes(16))
    stored = make_stored(authenticator.passkeys[0])
    for short in (b"", bytes(15)):
        with refused("malformed", "wrong_challenge"):
            register(authenticator.create(creation_options(), challenge=b64url(short)), expected_challenge=short)
        with refused("malformed", "wrong_challenge"):
            authenticate(
                authenticator.get(request_options(), challenge=b64url(short)),
                stored,
                expected_challenge=short,
            )


def test_user_verification_is_asked_for_unless_told_otherwise() -> None:
    credential = make_authenticator().create(creation_options(), uv=False)
    with refused("user_not_verified"):
        register(credential)
    assert not register(credential, require_user_verification=False).user_verified


def test_a_framed_registration_needs_an_allowed_top_origin() -> None:
    authenticator = make_authenticator()

    def framed_by(top_origin: str | None) -> dict[str, Any]:
        return authenticator.create(creation_options(), cross_origin=True, top_origin=top_origin)

    register(framed_by(EMBEDDER), allow_cross_origin_from=[EMBEDDER])
    register(framed_by(None), allow_cross_origin_from=[EMBEDDER])
    register(authenticator.create(creation_options()), allow_cross_origin_from=[EMBEDDER])
    for stranger in (
        "https://evil.example",
        "https://shop.example.evil.example",
        "https://sho",
        EMBEDDER + "/",
        "",
    ):
        with refused("wrong_top_origin"):
            register(framed_by(stranger), allow_cross_origin_from=[EMBEDDER])
        # One string where a list belongs must not turn into a search for a part of it.
        with refused("wrong_top_origin"):
            register(framed_by(stranger), allow_cross_origin_from=EMBEDDER)
    with refused("wrong_top_origin"):
        register(framed_by(EMBEDDER), allow_cross_origin_from=[])
    with refused("cross_origin"):
        register(framed_by(EMBEDDER), allow_cross_origin_from=None)


def test_a_self_attested_registration_is_accepted_and_its_broken_signature_is_not() -> None:
    authenticator = make_authenticator()
    register(authenticator.create(creation_options(), self_attested=True))
    with refused():
        register(
            authenticator.create(
                creation_options(),
                fmt="packed",
                statement={"alg": -7, "sig": authenticator.passkeys[0].sign(b"")},
            )
        )
    with refused():
        register(authenticator.create(creation_options(), fmt="packed", statement={"alg": -257, "sig": b"x"}))


def cose_key(**members: Any) -> bytes:
    names = {"kty": 1, "alg": 3, "crv": -1, "x": -2, "y": -3}
    base = cbor.decode(Passkey(b"", new_private_key(-7), -7, RP_ID, ALICE, True).cose_key)
    return cbor.encode(base | {names[name]: value for name, value in members.items()})


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (cose_key(alg=-35), "algorithm_not_offered"),
        (cose_key(alg=-36), "algorithm_not_offered"),
        (cose_key(alg=-65535), "algorithm_not_offered"),
        (cose_key(crv=3), "algorithm_not_offered"),
        (cose_key(x=bytes(32)), "not_verified"),
        (cose_key(x=b""), "not_verified"),
        (cose_key(y=7), "not_verified"),
        (cose_key(kty=1), "not_verified"),
        (b"\x04", "not_verified"),
        (b"\xa0", "not_verified"),
    ],
)
def test_a_key_that_nothing_could_be_checked_with_is_refused_at_once(key: bytes, reason: str) -> None:
    authenticator = make_authenticator()
    register(authenticator.create(creation_options(), cose_key=cose_key()))
    with refused(reason):
        register(authenticator.create(creation_options(), cose_key=key))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["usb", "nfc", "usb"], ("usb", "nfc")),
        (["carrier-pigeon", "ble", 5, None, ["usb"]], ("ble",)),
        ("internal", ()),
        (None, ()),
    ],
)
def test_only_transports_that_exist_are_kept(given: Any, kept: tuple[str, ...]) -> None:
    credential = make_authenticator().create(creation_options())
    assert register(with_response(credential, transports=given)).transports == kept


@pytest.mark.parametrize("attachment", ["teapot", 5, None, ["platform"], {}])
def test_an_unknown_attachment_is_nothing(attachment: Any) -> None:
    assert register(make_authenticator().create(creation_options(), attachment=attachment)).attachment is None


# Authentication


@pytest.mark.parametrize("algorithm", [-7, -257, -8])
def test_an_assertion_is_proven_with_the_key_that_was_registered(algorithm: int) -> None:
    authenticator = make_authenticator(algorithm=algorithm)
    registered = register(authenticator.create(creation_options()))

    passkey = authenticator.passkeys[0]
    stored = make_stored(passkey, public_key=registered.public_key, backup_eligible=registered.backup_eligible)
    proof = authenticate(authenticator.get(request_options(allow_credentials=[descriptor(passkey)])), stored)

    assert proof.credential_id == passkey.credential_id
    assert proof.new_sign_count == 0
    assert (proof.backup_eligible, proof.backed_up, proof.user_verified) == (True, True, True)
    assert not proof.sign_count_regressed


def test_a_passkey_that_left_its_backup_says_so() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    proof = authenticate(authenticator.get(request_options(), bs=False), make_stored(authenticator.passkeys[0]))
    assert (proof.backup_eligible, proof.backed_up) == (True, False)


@pytest.mark.parametrize(
    ("tampered", "reason"),
    [
        pytest.param({"ceremony": "webauthn.create"}, "wrong_type", id="type of the other ceremony"),
        pytest.param({"credential_type": "password"}, "not_verified", id="credential type"),
        pytest.param({"challenge": b64url(OTHER_CHALLENGE)}, "wrong_challenge", id="other challenge"),
        pytest.param({"challenge": b64url(CHALLENGE) + "!"}, "malformed", id="more than base64url"),
        pytest.param({"origin": "https://evil.example"}, "wrong_origin", id="other origin"),
        pytest.param({"origin": "https://login.bank.example"}, "wrong_origin", id="subdomain"),
        pytest.param({"origin": "https://bank.example.evil.example"}, "wrong_origin", id="prefix"),
        pytest.param({"origin": "http://bank.example"}, "wrong_origin", id="scheme"),
        pytest.param({"cross_origin": True}, "cross_origin", id="framed, not expected"),
        pytest.param({"cross_origin": True, "top_origin": EMBEDDER}, "cross_origin", id="framed, top origin"),
        pytest.param({"top_origin": ORIGIN}, "cross_origin", id="top origin alone"),
        pytest.param({"rp_id": "evil.example"}, "wrong_rp_id", id="rpIdHash"),
        pytest.param({"up": False}, "user_not_present", id="UP"),
        pytest.param({"uv": False}, "user_not_verified", id="UV"),
        pytest.param({"flags": UP | UV | BS}, "not_verified", id="BS without BE"),
        pytest.param({"flags": UP | UV | BE | AT}, "not_verified", id="AT set, no data"),
        pytest.param({"after_data": b"\0"}, "not_verified", id="byte after authenticatorData"),
        pytest.param({"json_id": b"somebody else's"}, "wrong_credential", id="id of another credential"),
        pytest.param({"user_handle": BOB}, "wrong_user_handle", id="another user's handle"),
        pytest.param({"be": False, "bs": False}, "backup_eligibility_changed", id="BE changed"),
    ],
)
def test_a_tampered_assertion_is_refused(tampered: dict[str, Any], reason: str) -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])
    authenticate(authenticator.get(request_options()), stored)
    with refused(reason):
        authenticate(authenticator.get(request_options(), **tampered), stored)


def test_a_signature_of_another_key_is_refused() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    authenticator.create(creation_options())
    alices, other = authenticator.passkeys
    authenticate(authenticator.get(request_options(), passkey=alices), make_stored(alices))
    with refused("bad_signature"):
        authenticate(authenticator.get(request_options(), passkey=alices, sign_with=other), make_stored(alices))


def test_a_framed_assertion_needs_an_allowed_top_origin() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])

    def framed_by(top_origin: str | None) -> dict[str, Any]:
        return authenticator.get(request_options(), cross_origin=True, top_origin=top_origin)

    authenticate(framed_by(EMBEDDER), stored, allow_cross_origin_from=[EMBEDDER])
    authenticate(framed_by(None), stored, allow_cross_origin_from=[EMBEDDER])
    with refused("wrong_top_origin"):
        authenticate(framed_by("https://evil.example"), stored, allow_cross_origin_from=[EMBEDDER])
    with refused("cross_origin"):
        authenticate(framed_by(EMBEDDER), stored)


def test_an_answer_to_one_challenge_or_ceremony_is_none_to_another() -> None:
    authenticator = make_authenticator()
    created = authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])
    got = authenticator.get(request_options())
    with refused("wrong_challenge"):
        authenticate(got, stored, expected_challenge=OTHER_CHALLENGE)
    with refused("wrong_challenge"):
        register(created, expected_challenge=OTHER_CHALLENGE)
    with refused():
        authenticate(created, stored)
    with refused():
        register(got)


def test_user_verification_of_an_assertion_is_told_and_may_be_required() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])
    credential = authenticator.get(request_options(), uv=False)
    assert not authenticate(credential, stored, require_user_verification=False).user_verified
    with refused("user_not_verified"):
        authenticate(credential, stored)


def test_a_credential_outside_the_list_that_was_sent_is_refused() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    passkey = authenticator.passkeys[0]
    stored = make_stored(passkey)
    credential = authenticator.get(request_options())
    for user_known in (True, False):
        authenticate(credential, stored, allowed_credential_ids=[b"a", passkey.credential_id], user_known=user_known)
        for others in ([], [b"a"], [passkey.credential_id[:-1]]):
            with refused("wrong_credential"):
                authenticate(credential, stored, allowed_credential_ids=others, user_known=user_known)


def test_a_known_users_credentials_must_be_given() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])
    credential = authenticator.get(request_options())
    authenticate(credential, stored, user_known=False, allowed_credential_ids=None)
    with refused("wrong_credential"):
        authenticate(credential, stored, user_known=True, allowed_credential_ids=None)


def test_the_credential_must_be_the_stored_one() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    authenticator.create(creation_options())
    first, second = authenticator.passkeys
    credential = authenticator.get(request_options(), passkey=first)
    authenticate(credential, make_stored(first))
    with refused("wrong_credential"):
        authenticate(credential, make_stored(second), allowed_credential_ids=None, user_known=False)


# The user handle


def test_a_known_user_may_answer_without_a_user_handle_and_an_unknown_one_may_not() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])
    silent = authenticator.get(request_options(), with_user_handle=False)
    unknown = {"user_known": False, "allowed_credential_ids": None}
    authenticate(authenticator.get(request_options()), stored, **unknown)
    for absent in (silent, with_response(silent, userHandle=None), with_response(silent, userHandle="")):
        authenticate(absent, stored)
        with refused("missing_user_handle"):
            authenticate(absent, stored, **unknown)


@pytest.mark.parametrize("user_known", [True, False])
def test_the_owners_handle_is_known_in_each_form_that_clients_send(user_known: bool) -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])
    credential = authenticator.get(request_options())

    def answer(handle: object) -> None:
        authenticate(with_response(credential, userHandle=handle), stored, user_known=user_known)

    for owner, accepted in ((ALICE, True), (BOB, False)):
        once = b64url(owner)
        for form in (owner.decode(), once, once + "=" * (-len(once) % 4), b64url(once.encode())):
            if accepted:
                answer(form)
            else:
                with refused("wrong_user_handle"):
                    answer(form)
    for other in (b64url(b64url(b64url(ALICE).encode()).encode()), ALICE.decode()[:-1], "\ud800", "é", "="):
        with refused("wrong_user_handle"):
            answer(other)
    for malformed in (5, True, [b64url(ALICE)], {"id": b64url(ALICE)}):
        with refused("malformed"):
            answer(malformed)


def test_a_handle_given_to_an_imported_credential_elsewhere_is_not_compared() -> None:
    authenticator = make_authenticator()
    authenticator.create(creation_options())
    imported = make_stored(authenticator.passkeys[0], user_handle=None, backup_eligible=None)
    credential = authenticator.get(request_options(), user_handle=b"the old provider's id")
    assert authenticate(credential, imported, user_known=False, allowed_credential_ids=None).backup_eligible
    with refused("missing_user_handle"):
        authenticate(
            authenticator.get(request_options(), with_user_handle=False),
            imported,
            user_known=False,
            allowed_credential_ids=None,
        )


@pytest.mark.parametrize("made_on_ios", [True, False])
@pytest.mark.parametrize("used_on_ios", [True, False])
@pytest.mark.parametrize("user_known", [True, False])
def test_a_synced_passkey_works_across_ios_and_browsers(made_on_ios: bool, used_on_ios: bool, user_known: bool) -> None:
    authenticator = make_authenticator()
    registered = register(authenticator.create(creation_options(), ios_style=made_on_ios))
    assert registered.transports == (() if made_on_ios else ("internal", "hybrid"))
    stored = make_stored(authenticator.passkeys[0], public_key=registered.public_key)
    authenticate(authenticator.get(request_options(), ios_style=used_on_ios), stored, user_known=user_known)


def test_the_ios_encoding_is_not_base64url() -> None:
    # The test above would prove nothing if the two encodings were the same text.
    credential = make_authenticator().create(
        creation_options(challenge=b"\xff" * 32), ios_style=True, client_data_extra={"note": "\x7f~~?>\u00ff"}
    )
    text = credential["response"]["clientDataJSON"]
    assert re.search("[+/]", text) or text.endswith("=")
    register(credential, expected_challenge=b"\xff" * 32)


# The sign count, compared after the signature


@pytest.mark.parametrize(
    ("stored_count", "new_count", "backup_eligible", "outcome"),
    [
        (0, 0, False, "fine"),
        (0, 0, True, "fine"),
        (0, 1, False, "fine"),
        (5, 6, False, "fine"),
        (5, 6, True, "fine"),
        (5, 2**32 - 1, False, "fine"),
        (5, 5, False, "refused"),
        (5, 1, False, "refused"),
        (5, 0, False, "refused"),
        (5, 5, True, "flagged"),
        (5, 1, True, "flagged"),
        (5, 0, True, "flagged"),
    ],
)
def test_a_sign_count_that_does_not_rise_is_an_alarm(
    stored_count: int, new_count: int, backup_eligible: bool, outcome: str
) -> None:
    authenticator = make_authenticator(backup_eligible=backup_eligible)
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0], sign_count=stored_count)
    credential = authenticator.get(request_options(), sign_count=new_count)
    if outcome == "refused":
        with refused("sign_count_regressed"):
            authenticate(credential, stored)
    else:
        proof = authenticate(credential, stored)
        assert proof.new_sign_count == new_count
        assert proof.sign_count_regressed == (outcome == "flagged")


@pytest.mark.parametrize("backup_eligible", [True, False])
def test_nobody_without_the_key_can_raise_an_alarm(backup_eligible: bool) -> None:
    authenticator = make_authenticator(backup_eligible=backup_eligible)
    authenticator.create(creation_options())
    authenticator.create(creation_options())
    passkey, forger = authenticator.passkeys
    stored = make_stored(passkey, sign_count=5)
    for forged in (
        {"sign_count": 1},
        {"sign_count": 9, "be": not backup_eligible, "bs": False},
    ):
        with refused("bad_signature"):
            authenticate(authenticator.get(request_options(), passkey=passkey, sign_with=forger, **forged), stored)


@pytest.mark.parametrize("before", [True, False])
def test_backup_eligibility_never_changes(before: bool) -> None:
    authenticator = make_authenticator(backup_eligible=before)
    authenticator.create(creation_options())
    stored = make_stored(authenticator.passkeys[0])
    authenticate(authenticator.get(request_options()), stored)
    changed = authenticator.get(request_options(), be=not before, bs=False)
    with refused("backup_eligibility_changed"):
        authenticate(changed, stored)
    unknown_yet = make_stored(authenticator.passkeys[0], backup_eligible=None)
    assert authenticate(changed, unknown_yet).backup_eligible is not before


# Looking rows up


@pytest.mark.parametrize("ios_style", [True, False])
def test_the_rows_to_look_up_are_read_before_anything_is_proven(ios_style: bool) -> None:
    authenticator = make_authenticator()
    created = authenticator.create(creation_options(), ios_style=ios_style)
    got = authenticator.get(request_options(), ios_style=ios_style)
    for credential in (created, got):
        assert credential_id_of(credential) == authenticator.passkeys[0].credential_id
        assert challenge_of(credential) == CHALLENGE


@pytest.mark.parametrize("text", ["-_-_", "+/+/", "-_-_-w", "-_-_-w==", "+/+/+w", "+/+/+w=="])
def test_either_alphabet_and_any_padding_is_read(text: str) -> None:
    assert credential_id_of({"id": text}) in (b"\xfb\xff\xbf", b"\xfb\xff\xbf\xfb")


@pytest.mark.parametrize(
    "text", ["", "=", "a", "abcde", "ab cd", "ab\ncd", "ab=cd", "abc!", "é", "\ud800", "a" * 65_540]
)
def test_what_is_not_base64_or_too_long_is_malformed(text: str) -> None:
    for read in (credential_id_of, challenge_of):
        with refused("malformed"):
            read({"id": text, "response": {"clientDataJSON": text}})


# The module


def test_an_error_is_one_printable_line() -> None:
    credential = make_authenticator().create(
        creation_options(), origin="https://evil.example\n\x1b[31m\u202e" + "x" * 999
    )
    with pytest.raises(WebAuthnError) as caught:
        register(credential)
    assert caught.value.reason == "wrong_origin"
    assert "https://evil.example" in caught.value.detail
    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) <= 300


def test_the_adapter_needs_no_django() -> None:
    code = "import sys, authenticators.webauthn; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_nothing_else_imports_the_library() -> None:
    imports = re.compile(r"^\s*(?:from|import) webauthn\b", re.MULTILINE)
    packages = ("authsignal_portal", "actions", "rules", "authenticators", "audit")
    modules = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    importers = [path.relative_to(ROOT).as_posix() for path in modules if imports.search(path.read_text())]
    assert importers == ["authenticators/webauthn.py"]
