"""The right answer in the wrong place: of another method, user, action or tenant, at every door that takes one (T1).

Each cell of the tables is tried and taken back. What passes must be exactly what is listed.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from authsignal_portal.vocabulary import VerificationMethod as M
from tests.api.instances import Instance, begin, counted, is_success, make_person, vouchers
from tests.races.still_clock import still_clock

FIXTURES = (vouchers,)
TEXTS = ("email-otp", "sms", "whatsapp", "totp", "recovery", "link", "number", "device code")


@pytest.fixture
def instances(acme, globex, api, globex_api, vouchers, settings, caplog) -> Iterator[dict[str, Instance]]:
    """The clock stands still: however long the tables take, what was asked for is open."""
    caplog.set_level(logging.ERROR, "django.request")
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS = 10**9
    for tenant in (acme, globex):
        vouchers.for_tenant(tenant)
    owners = ((acme, "alice"), (acme, "bob"), (globex, "alice"))
    alice, bob, other = (make_person(*owner, number, vouchers) for number, owner in enumerate(owners, 1))
    with still_clock():
        # Mine comes last: of a user's pushes the newest is the one that waits.
        others = {
            "another action": begin(api, alice, "login"),
            "another user": begin(api, bob, "pay"),
            "another tenant": begin(globex_api, other, "pay"),
        }
        yield {"mine": begin(api, alice, "pay")} | others


def passes(send: Callable[[], Any]) -> bool:
    """Whether an answer proves anything or is told that it does. Afterwards nothing of it remains."""
    before = counted()
    with transaction.atomic():
        answer = send()
        assert answer.status_code < 500, answer.content
        found = is_success(answer) or counted() != before
        transaction.set_rollback(True)
    return found


def passing(cells: Iterable[tuple[Any, Callable[[], Any]]]) -> set[Any]:
    return {cell for cell, send in cells if passes(send)}


# -- what is typed -------------------------------------------------------------------------------

TYPED = {
    "email-otp": "verify/email-otp",
    "sms": "verify/sms",
    "whatsapp": "verify/whatsapp",
    "totp": "verify/totp",
    "recovery": "/challenge/api/recovery-code",
    "link": "/challenge/api/magic-link/code",
}


def test_what_is_typed_counts_at_its_own_door_for_its_own_action(instances, api, globex_api):
    mine = instances["mine"]
    texts = {name: mine.answers[name] for name in TEXTS}

    def doors():
        for name, text in (texts | {"a token": mine.token, "an id": mine.ids["sms"]}).items():
            body = {"verificationCode": text[:64]}
            for door, path in TYPED.items():
                for holder, one in instances.items():
                    yield (name, door, holder), partial(one.post, path, body)

    def backends():
        for holder, backend in (("my backend", api), ("another tenant's", globex_api)):
            for challenge, ident in mine.ids.items():
                for name, text in texts.items():
                    body = {"challengeId": ident, "verificationCode": text}
                    yield (name, challenge, holder), partial(backend, "POST", "verify", body)

    assert passing(doors()) == {
        ("email-otp", "email-otp", "mine"),
        ("sms", "sms", "mine"),
        ("whatsapp", "whatsapp", "mine"),
        # An app and a list of recovery codes are the user's, whatever is to be proved.
        ("totp", "totp", "mine"),
        ("totp", "totp", "another action"),
        ("recovery", "recovery", "mine"),
        ("recovery", "recovery", "another action"),
    }
    assert passing(backends()) == {(name, name, "my backend") for name in ("email-otp", "sms", "whatsapp")}
    ids = {f"id of {name}": ident for name, ident in mine.ids.items()}
    for name, text in (texts | ids | {"a token": mine.token}).items():
        check_addresses(name, text, mine, (api, globex_api))


def check_addresses(name: str, text: str, mine: Instance, backends: tuple[Any, Any]) -> None:
    """Only a token is one, and only to its own tenant; only a link's token opens the page of a link."""
    for backend in backends:
        found = backend("POST", "validate", {"token": text}).body
        assert found["isValid"] is False
        assert ("state" in found) == (name == "a token" and backend is backends[0]), name
    assert backends[0]("POST", "claim", {"challengeId": text[:128], "userId": "alice"}).status_code == 401, name
    is_link = name == "link"
    assert mine.http.get(f"/challenge/link/{text}").status_code == (200 if is_link else 410), name
    # Who confirms it must have been shown its form.
    assert mine.http.post(f"/challenge/link/{text}", {"nonce": "x"}).status_code == (403 if is_link else 410), name
    assert mine.http.get("/challenge", {"token": text}).status_code == (200 if name == "a token" else 410), name


# -- what is signed by WebAuthn ------------------------------------------------------------------

CREDENTIALS = ("passkey", "security-key", "passkey enrolment", "security-key enrolment")


def ceremonies(mine: Instance, name: str) -> Iterable[tuple[str, str, Any]]:
    """(door, path, body) with one credential, for each challenge where one is named."""
    credential = mine.answers[name]
    for challenge, ident in mine.ids.items():
        body = {"challengeId": ident, "authenticationCredential": credential}
        yield f"sign in by {challenge}", "verify/passkey", body
        body = {"challengeId": ident, "registrationCredential": credential}
        yield f"enrol by {challenge}", "user-authenticators/passkey", body
    yield "verify a key", "verify/security-key", credential
    yield "enrol a key", "user-authenticators/security-key", credential


def test_a_credential_counts_in_its_own_ceremony_for_its_own_action(instances):
    mine = instances["mine"]

    def cells():
        for name in CREDENTIALS:
            for door, path, body in ceremonies(mine, name):
                for holder, one in instances.items():
                    yield (name, door, holder), partial(one.post, path, body)
                yield (name, door, "nobody"), partial(mine.post, path, body, token="")

    assert passing(cells()) == {
        ("passkey", "sign in by passkey", "mine"),
        ("security-key", "verify a key", "mine"),
        ("passkey enrolment", "enrol by passkey enrolment", "mine"),
        ("security-key enrolment", "enrol a key", "mine"),
    }


# -- what is signed by a device ------------------------------------------------------------------

SIGNED = {
    "answer a push": "user-authenticators/push/challenge",
    "scan": "user-authenticators/qr-code/challenge/claim",
    "answer a QR code": "user-authenticators/qr-code/challenge",
    "prove in the app": "verify/in-app",
    "answer, as old apps do": "user-authenticators/device/challenge",
    "scan, as old apps do": "user-authenticators/device/challenge/claim",
    "prove, as old apps do": "verify/device",
}
ASKED = ("push", "qr", "in-app")


def test_a_devices_key_answers_what_its_own_method_asked_its_own_user(instances):
    mine, bob, other = (instances[name] for name in ("mine", "another user", "another tenant"))
    keys = {f"my {method}": key for method, key in mine.person.devices.items()}
    keys |= {"another user's": bob.person.devices[M.PUSH], "another tenant's": other.person.devices[M.PUSH]}

    def devices():
        for door, path in SIGNED.items():
            for challenge, ident in mine.ids.items():
                for owner, key in keys.items():
                    body = key.answer(ident, mine.answers["number"])
                    yield (door, challenge, owner), partial(mine.post, path, body, token="")
                    if challenge in ASKED:
                        yield (door, challenge, owner, "in another tenant"), partial(other.post, path, body, token="")

    def holders():
        body = mine.person.devices[M.IN_APP].claim(mine.ids["in-app"])
        for holder, one in instances.items():
            yield holder, partial(one.post, "verify/in-app", body)

    assert passing(devices()) == {
        ("answer a push", "push", "my PUSH"),
        ("answer, as old apps do", "push", "my PUSH"),
        # Once more, by the device that scanned it.
        ("scan", "qr", "my QR_CODE"),
        ("scan, as old apps do", "qr", "my QR_CODE"),
        ("answer a QR code", "qr", "my QR_CODE"),
        ("answer, as old apps do", "qr", "my QR_CODE"),
        # Of the key's own user; where nobody's token comes with it, as a sign-in.
        ("prove in the app", "in-app", "my IN_APP"),
        ("prove, as old apps do", "in-app", "my IN_APP"),
    }
    assert passing(holders()) == {"mine"}
    check_outcomes(instances)


def check_outcomes(instances: dict[str, Instance]) -> None:
    """What came of a push is told to its own action; what came of a QR code, to who has the code's secret."""
    mine = instances["mine"]
    signed = mine.person.devices[M.PUSH].answer(mine.ids["push"], mine.answers["number"])
    assert mine.told("user-authenticators/push/challenge", signed, token="")["isVerified"] is True

    def pushes():
        for challenge, ident in mine.ids.items():
            for holder, one in instances.items():
                yield (challenge, holder), partial(one.post, "verify/push", {"challengeId": ident})

    def codes():
        for challenge, ident in mine.ids.items():
            for name in TEXTS:
                body = {"challengeId": ident, "deviceCode": str(mine.answers[name])}
                for holder in ("mine", "another tenant"):
                    yield (name, challenge, holder), partial(instances[holder].post, "verify/qr-code", body, token="")

    assert passing(pushes()) == {("push", "mine")}
    assert passing(codes()) == {("device code", "qr", "mine")}


# -- what somebody else vouches for --------------------------------------------------------------


def test_an_id_token_counts_for_the_challenge_that_it_was_made_for(instances):
    mine = instances["mine"]
    tokens = {name: one.answers["id-token"] for name, one in instances.items()}
    tokens |= {"a token of ours": mine.token, "a code": mine.answers["sms"]}

    def cells():
        for name, token in tokens.items():
            for challenge, ident in mine.ids.items():
                body = {"challengeId": ident, "idToken": token}
                for holder, one in instances.items():
                    yield (name, challenge, holder), partial(one.post, "verify/id-token", body)

    assert passing(cells()) == {("mine", "id-token", "mine")}


def test_a_result_counts_for_the_check_that_it_was_told_of(instances):
    """Both tenants share a secret with the adapter, the same one: a signature alone tells none of them apart."""
    mine = instances["mine"]
    checks = {name: one.ids["check"] for name, one in instances.items()}
    others = {f"my {name}": ident for name, ident in mine.ids.items() if name != "check"}

    def results():
        for name, one in instances.items():
            for place, ident in (checks | others).items():
                yield (name, place), partial(one.decided, one.answers["check"], ident)

    def holders():
        for challenge, ident in mine.ids.items():
            for holder, one in instances.items():
                yield (challenge, holder), partial(one.post, "verify/identity-check", {"challengeId": ident})

    assert passing(results()) == {(name, name) for name in instances}
    assert passing(holders()) == set()
    assert mine.decided(mine.answers["check"], mine.ids["check"]).json() == {"result": "proved"}
    assert passing(holders()) == {("check", "mine")}
