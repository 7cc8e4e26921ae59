"""Attacks on WebAuthn that happened elsewhere, tried over HTTP on passkeys and security keys alike.

W1   result ignored           test_what_is_refused_proves_and_changes_nothing, test_a_signature_of_another_key_…;
                              each single bit: tests/authenticators/test_webauthn_malformed.py
W2   of somebody else         test_an_answer_is_its_users_own, test_a_sign_in_needs_the_owners_handle
W3   framed by a stranger     test_only_the_tenants_origins_may_frame_a_ceremony, test_a_tenant_without_origins_…
W4   the counter              test_the_counter_means_what_the_policy_says, test_nobody_without_the_key_raises_the_alarm
W5   two owners               test_a_credential_has_one_owner; at once: tests/races/test_webauthn.py
W6   a script adds its own    test_a_further_credential_needs_more_than_a_challenges_token
W7   another's removed        test_nobody_elses_credential_is_removed
W8   waived by the client     test_the_client_waives_no_verification
W9   ceremonies mixed         test_a_challenge_serves_its_own_ceremony
W10  malformed burns CPU      test_malformed_answers_cost_little_and_never_break_the_server
"""

import json
import time
from dataclasses import dataclass
from math import ceil
from typing import Any

import cbor2
import pytest

from actions.models import Action
from audit.events import Tag
from audit.models import AuditEvent
from authenticators.models import Authenticator, AuthenticatorConfiguration, Challenge
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.api.reading import ok, refused
from tests.soft_authenticator import AT, UP, UV, SoftAuthenticator, authenticator_data, b64url, from_b64url

STRANGER = "https://evil.example"


@dataclass(frozen=True)
class Way:
    """How the credentials of one method travel: a passkey's with a challenge id, a security key's bare."""

    browser: Any
    api: Any
    method: M

    @property
    def base(self) -> str:
        return f"user-authenticators/{self.method.lower().replace('_', '-')}"

    @property
    def verify(self) -> str:
        return f"verify/{self.method.lower().replace('_', '-')}"

    def device(self, **properties: Any) -> SoftAuthenticator:
        return SoftAuthenticator(origin=make.APP_ORIGIN, **properties)

    def track(self, user: str = "alice", **body: Any) -> str:
        return str(ok(self.api("POST", f"users/{user}/actions/login", body))["token"])

    def begin(self, ceremony: str, token: str, **body: Any) -> tuple[dict[str, Any], str]:
        answer = ok(self.browser("POST", f"{self.base}/{ceremony}-options", body, token=token))
        return (answer["options"], answer["challengeId"]) if self.method == M.PASSKEY else (answer, "")

    def register(self, credential: Any, challenge: str, token: str) -> Any:
        sent = {"registrationCredential": credential, "challengeId": challenge}
        return self.browser("POST", self.base, sent if self.method == M.PASSKEY else credential, token=token)

    def authenticate(self, credential: Any, challenge: str, token: str) -> Any:
        sent = {"authenticationCredential": credential, "challengeId": challenge}
        return self.browser("POST", self.verify, sent if self.method == M.PASSKEY else credential, token=token)

    def enrolled(self, user: str = "alice", **properties: Any) -> SoftAuthenticator:
        device, token = self.device(**properties), self.track(user)
        options, challenge = self.begin("registration", token)
        assert ok(self.register(device.create(options), challenge, token))["isVerified"] is True
        return device

    def answer(self, device: SoftAuthenticator, user: str = "alice", **tampered: Any) -> bool:
        """Track, begin and answer; whether that proved it."""
        token = self.track(user)
        options, challenge = self.begin("authentication", token)
        answer = self.authenticate(device.get(options, **tampered), challenge, token)
        return not is_refused(answer)


@pytest.fixture(params=[M.PASSKEY, M.SECURITY_KEY])
def way(request, browser, api):
    return Way(browser, api, request.param)


def is_refused(answer: Any) -> bool:
    assert answer.status_code in (200, 400, 403), answer.body
    assert ("accessToken" in answer.body) == (answer.body.get("isVerified") is True)
    return answer.body.get("isVerified") is not True


def row() -> dict[str, Any]:
    """What is stored of the one credential."""
    return Authenticator.objects.values().get()


def proofs() -> int:
    return Action.objects.filter(state="CHALLENGE_SUCCEEDED").count()


def proved_by(method: M) -> int:
    return AuditEvent.objects.filter(tag=Tag.CHALLENGE_VERIFIED, data__method=method).count()


# -- W1 ------------------------------------------------------------------------------------------

TAMPERED = [
    {"ceremony": "webauthn.create"},
    {"challenge": b64url(bytes(32))},
    {"origin": STRANGER},
    {"rp_id": "evil.example"},
    {"up": False},
    {"json_id": b"another"},
    {"be": False},
    {"after_data": b"\0"},
    {"credential_type": "password"},
    {"user_handle": b"another"},
]


@pytest.mark.parametrize("tampered", TAMPERED, ids=str)
def test_what_is_refused_proves_and_changes_nothing(way, tampered):
    device = way.enrolled(counts=True)
    before, proved = row(), proofs()
    assert not way.answer(device, **tampered)
    assert (row(), proofs()) == (before, proved)
    assert way.answer(device)
    assert row() != before


def test_a_signature_of_another_key_proves_and_changes_nothing(way):
    device, other = way.enrolled(counts=True), way.device()
    other.create(way.begin("registration", way.track("bob"))[0])
    before = row()
    assert not way.answer(device, sign_with=other.passkeys[0])
    assert row() == before


def test_an_answer_counts_once(way):
    device = way.enrolled()
    token = way.track()
    options, challenge = way.begin("authentication", token)
    answer = device.get(options)
    assert not is_refused(way.authenticate(answer, challenge, token))
    assert is_refused(way.authenticate(answer, challenge, token))
    assert proved_by(way.method) == 2


def test_everything_that_was_verified_is_stored(way):
    device, token = way.device(backup_eligible=True, aaguid=bytes(range(16))), way.track()
    options, challenge = way.begin("registration", token)
    ok(way.register(device.create(options, sign_count=7, bs=False, transports=("usb", "nfc")), challenge, token))
    stored = row()
    assert bytes(stored["public_key"]) == device.passkeys[0].cose_key
    assert stored["credential_id"] == b64url(device.passkeys[0].credential_id)
    assert (stored["rp_id"], stored["sign_count"], stored["transports"]) == ("localhost", 7, ["usb", "nfc"])
    assert (stored["backup_eligible"], stored["backed_up"], stored["uv_initialized"]) == (True, False, True)
    assert stored["aaguid"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert way.answer(device, sign_count=8, bs=True)
    assert (row()["sign_count"], row()["backed_up"]) == (8, True)


# -- W2 ------------------------------------------------------------------------------------------


def test_an_answer_is_its_users_own(way):
    alices, bobs = way.enrolled("alice"), way.enrolled("bob")
    token = way.track("alice")
    options, challenge = way.begin("authentication", token)
    theirs = bobs.get(options, passkey=bobs.passkeys[0])
    assert is_refused(way.authenticate(theirs, challenge, token))
    # The right key under another's handle, and under another's id.
    other_handle = alices.get(options, user_handle=bobs.passkeys[0].user_handle)
    assert is_refused(way.authenticate(other_handle, challenge, token))
    assert not way.answer(alices, json_id=bobs.passkeys[0].credential_id)
    assert way.answer(alices)


def test_a_sign_in_needs_the_owners_handle(browser, api):
    way = Way(browser, api, M.PASSKEY)
    device, bobs = way.enrolled("alice"), way.enrolled("bob")

    def sign_in(**tampered: Any) -> Any:
        begun = ok(browser("POST", f"{way.base}/authentication-options", {}))
        credential = device.get(begun["options"], **tampered)
        return browser(
            "POST", way.verify, {"authenticationCredential": credential, "challengeId": begun["challengeId"]}
        )

    assert is_refused(sign_in(with_user_handle=False))
    assert is_refused(sign_in(user_handle=bobs.passkeys[0].user_handle))
    assert sign_in().body["userId"] == "alice"


# -- W3 ------------------------------------------------------------------------------------------


def test_only_the_tenants_origins_may_frame_a_ceremony(way):
    device = way.enrolled()
    assert not way.answer(device, cross_origin=True, top_origin=STRANGER)
    assert way.answer(device, cross_origin=True, top_origin=make.APP_ORIGIN)
    token = way.track("bob")
    options, challenge = way.begin("registration", token)
    framed = device.create(options, cross_origin=True, top_origin=STRANGER)
    assert is_refused(way.register(framed, challenge, token))
    framed = device.create(options, cross_origin=True, top_origin=make.APP_ORIGIN)
    assert not is_refused(way.register(framed, challenge, token))


def test_a_tenant_without_origins_is_framed_by_nobody(way, acme, settings):
    device = way.enrolled()
    acme.app_origins = []
    acme.save()
    assert way.answer(device, origin=settings.PUBLIC_URL)
    assert not way.answer(device, origin=settings.PUBLIC_URL, cross_origin=True)


# -- W4 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backup_eligible", "before", "now", "accepted", "alarm"),
    [
        (False, 0, 0, True, ""),
        (True, 0, 0, True, ""),
        (False, 5, 6, True, ""),
        (True, 5, 6, True, ""),
        (False, 5, 5, False, "refused"),
        (False, 5, 0, False, "refused"),
        (True, 5, 5, True, "allowed"),
        (True, 5, 0, True, "allowed"),
    ],
)
def test_the_counter_means_what_the_policy_says(way, backup_eligible, before, now, accepted, alarm):
    device = way.enrolled(backup_eligible=backup_eligible)
    Authenticator.objects.update(sign_count=before)
    assert way.answer(device, sign_count=now) is accepted
    assert row()["sign_count"] == (now if accepted else before)
    alarms = AuditEvent.objects.filter(tag=Tag.AUTHENTICATOR_CLONE_SUSPECTED)
    assert [event.data["reason"] for event in alarms] == ([alarm] if alarm else [])
    [listed] = ok(way.api("GET", "users/alice/authenticators"))
    assert listed.get("errorCode") == ("sign_count_regressed" if alarm else None)
    assert ("erroredAt" in listed) == bool(alarm)


def test_nobody_without_the_key_raises_the_alarm(way):
    device, other = way.enrolled(backup_eligible=False), way.device()
    other.create(way.begin("registration", way.track("bob"))[0])
    Authenticator.objects.update(sign_count=5)
    assert not way.answer(device, sign_count=1, sign_with=other.passkeys[0])
    assert row()["clone_suspected_at"] is None
    assert not AuditEvent.objects.filter(tag=Tag.AUTHENTICATOR_CLONE_SUSPECTED).exists()


# -- W5 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["alice", "bob"])
def test_a_credential_has_one_owner(way, user):
    ident = way.enrolled("alice").passkeys[0].credential_id
    for other in (way, Way(way.browser, way.api, M.PASSKEY), Way(way.browser, way.api, M.SECURITY_KEY)):
        token = other.track(user, scope="add:authenticators")
        options, challenge = other.begin("registration", token)
        again = other.device().create(options, credential_id=ident)
        refused(other.register(again, challenge, token), 409, "conflict")
    assert Authenticator.objects.count() == 1


# -- W6, W7, W8, W9 ------------------------------------------------------------------------------


def test_a_further_credential_needs_more_than_a_challenges_token(way):
    way.enrolled()
    token = way.track()
    refused(way.browser("POST", f"{way.base}/registration-options", {}, token=token), 403, "invalid_request")
    # Nor does one that was begun while it was allowed go through when it no longer is.
    other = way.track("bob")
    options, challenge = way.begin("registration", other)
    make.make_authenticator(Authenticator.objects.get().tenant.users.get(user_id="bob"), contact="b@acme.example")
    refused(way.register(way.device().create(options), challenge, other), 403, "invalid_request")
    assert Authenticator.objects.filter(method=way.method).count() == 1


def test_nobody_elses_credential_is_removed(way, globex_api):
    device = way.enrolled("alice")
    ident = row()["id"]
    ok(way.api("PATCH", "users/bob", {}))
    refused(way.api("DELETE", f"users/bob/authenticators/{ident}"), 404, "not_found")
    for user in ("alice", "bob"):
        refused(globex_api("DELETE", f"users/{user}/authenticators/{ident}"), 404, "not_found")
    assert way.answer(device)


def test_the_client_waives_no_verification(way, acme):
    AuthenticatorConfiguration.objects.create(tenant=acme, method=way.method, user_verification="required")
    device = way.enrolled()
    assert not way.answer(device, uv=False)
    token = way.track("bob")
    asked = {"authenticatorSelection": {"userVerification": "discouraged"}, "userVerification": "discouraged"}
    options, challenge = way.begin("registration", token, **asked)
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert is_refused(way.register(device.create(options, uv=False), challenge, token))


def test_a_challenge_serves_its_own_ceremony(way):
    device = way.enrolled()
    token = way.track(scope="add:authenticators")
    making, made_for = way.begin("registration", token)
    using, used_for = way.begin("authentication", token)
    made, used = device.create(making), device.get(using)
    # Each ceremony's type over the other's challenge, at either door.
    made_of_used = device.create(making | {"challenge": using["challenge"]})
    used_of_made = device.get(using | {"challenge": making["challenge"]}, passkey=device.passkeys[0])
    for credential in (used, made_of_used, used_of_made):
        for challenge in (made_for, used_for):
            assert is_refused(way.register(credential, challenge, token))
    for credential in (made, made_of_used, used_of_made):
        for challenge in (made_for, used_for):
            assert is_refused(way.authenticate(credential, challenge, token))
    if way.method == M.PASSKEY:
        assert is_refused(way.register(made, used_for, token))
        assert is_refused(way.authenticate(used, made_for, token))
    assert Authenticator.objects.count() == 1


def test_each_challenge_is_new(way):
    way.enrolled()
    token = way.track(scope="add:authenticators")
    begun = [way.begin(ceremony, token)[0]["challenge"] for ceremony in ("registration", "authentication") * 5]
    assert len(set(begun)) == len(begun)
    assert {len(from_b64url(challenge)) for challenge in begun} == {32}


# -- W10 -----------------------------------------------------------------------------------------


def wrapped(key: bytes, *, flags: int = AT | UP | UV, size: int = 32) -> bytes:
    rest = bytes(16) + size.to_bytes(2, "big") + bytes(min(size, 1024)) + key
    data = authenticator_data(rp_id="localhost", flags=flags, sign_count=0, rest=rest)
    return cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})


BOMBS = {
    "nested arrays": b"\x81" * 30_000,
    "nested maps": b"\xa1\x00" * 15_000,
    "nested tags": b"\xc1" * 30_000,
    "endless strings": b"\x5f" * 30_000,
    "a string of 2^64 bytes": b"\x5b" + b"\xff" * 8,
    "an array of 2^63 items": b"\x9b" + b"\x7f" + b"\xff" * 7,
    "a map of 2^63 items": b"\xbb" + b"\x7f" + b"\xff" * 7,
    "a number of 200,000 bits": b"\xc2\x59\x61\xa8" + b"\xff" * 25_000,
    "a decimal with a huge exponent": b"\xc4\x82\x1b" + b"\x7f" + b"\xff" * 7 + b"\x01",
    "a fraction of huge numbers": b"\xd8\x1e\x82" + (b"\xc2\x59\x27\x10" + b"\xff" * 10_000) * 2,
    "a regular expression": b"\xd8\x23\x78\x1e" + b"(a+)+" * 6,
    "a cycle": b"\xd8\x1c\x81\xd8\x1d\x00",
    "many keys alike": b"\xb9\x27\x10" + b"\x00\x00" * 10_000,
    "a credential id longer than the data": wrapped(b"\xa0", size=65_535),
    "an RSA key of 160,000 bits": wrapped(cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 20_000, -2: b"\x01\x00\x01"})),
    "an RSA key with as large an exponent": wrapped(
        cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 2_048, -2: b"\xff" * 2_048})
    ),
    "an even RSA key": wrapped(cbor2.dumps({1: 3, 3: -257, -1: b"\xfe" * 256, -2: b"\x02"})),
    "a point off the curve": wrapped(cbor2.dumps({1: 2, 3: -7, -1: 1, -2: b"\xff" * 32, -3: b"\xff" * 32})),
    "a nested key": wrapped(b"\x81" * 20_000),
    "extensions without end": wrapped(b"\xa0", flags=AT | UP | UV | 0x80) + b"\x81" * 20_000,
}


def test_malformed_answers_cost_little_and_never_break_the_server(way):
    """CPU time, which does not depend on what else the machine does. Bodies of more than 64 kB are not read."""
    device = way.enrolled()
    token = way.track("bob")
    options, challenge = way.begin("registration", token)
    signing = way.track()
    asked, answered = way.begin("authentication", signing)
    made, used = device.create(options), device.get(asked, passkey=device.passkeys[0])
    challenge_row = Challenge.objects.filter(verified_at=None)
    spent = []
    for bomb in BOMBS.values():
        for credential in (
            {**made, "response": {**made["response"], "attestationObject": b64url(bomb)}},
            {**made, "response": {**made["response"], "clientDataJSON": b64url(b'{"a":' * 8_000 + bomb[:1_000])}},
            {**used, "response": {**used["response"], "authenticatorData": b64url(bomb)}},
            {**used, "response": {**used["response"], "signature": b64url(bomb)}},
            {**used, "id": b64url(bomb[:40_000])},
        ):
            assert len(json.dumps(credential)) < 64 * 1024
            # Each is judged: no limit on tries stands before it.
            challenge_row.update(attempts=0)
            start = time.process_time()
            answers = [way.register(credential, challenge, token), way.authenticate(credential, answered, signing)]
            spent.append((time.process_time() - start) / len(answers))
            assert all(is_refused(answer) for answer in answers)
    spent.sort()
    assert spent[ceil(len(spent) * 0.99) - 1] <= 0.1, spent[-5:]
    assert from_b64url(made["response"]["attestationObject"])
    challenge_row.update(attempts=0)
    assert not is_refused(way.register(made, challenge, token))
