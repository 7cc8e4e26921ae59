"""Each kind of credential at each door of the URL map: only the kind that the door is for opens it (T1, T2, T4)."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from actions import plain_pass
from actions.client_views import CHALLENGE_COOKIE
from actions.models import Action
from authsignal_portal import clock, tokens
from authsignal_portal.models import ApiKey
from authsignal_portal.vocabulary import KeyKind, Scope, TokenPurpose
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.actions.test_hosted import COOKIE, TOP, path_of
from tests.api import test_id_tokens, test_web_app
from tests.api.doors import ANYBODY, INVITATION, SERVER_KEY, TENANT_ID, TOKEN, doors, portal_paths
from tests.api.instances import vouchers
from tests.api.reading import code_sent, ok
from tests.api.test_magic_link import link_sent
from tests.device import DeviceKey
from tests.issuer import Issuer
from tests.linked import CUSTOM, link
from tests.portal.staff import LOGIN, PASSWORD, make_staff, signed_in

FIXTURES = (vouchers,)
# Not the address of the other tests: wrong keys are counted by it.
ADDRESS = "198.51.100.77"
# What the portal shows to everybody: an invitation that is nobody's, the way in, and the way out.
DOORSTEPS = ("portal/login/", "portal/logout/", "portal/invite/x/x/")
OUTSIDE_THE_PORTAL = ("nothing", "the server key", "a proof's token", "a staff session before its second factor")
WRITTEN = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables"


@dataclass(frozen=True)
class Credential:
    """What a caller sends. `kind`: what it is at the doors where it is worth something."""

    kind: str = ""
    authorization: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, http: Client, method: str, path: str) -> Any:
        http.cookies.clear()
        for name, value in self.cookies.items():
            http.cookies[name] = value
        headers = {"Authorization": self.authorization} if self.authorization else {}
        return http.generic(method, f"/{path}", "{}", "application/json", headers=headers, REMOTE_ADDR=ADDRESS)


def bearer(text: str, kind: str = "") -> Credential:
    return Credential(kind, f"Bearer {text}")


def basic(text: str, kind: str = "") -> Credential:
    return Credential(kind, make.basic(text))


def of(http: Client) -> Credential:
    """The cookies that a browser holds by now."""
    return Credential(cookies={name: morsel.value for name, morsel in http.cookies.items()})


def written() -> int:
    """How many rows this transaction has added, changed or removed so far."""
    with connection.cursor() as cursor:
        cursor.execute(WRITTEN)
        return int(cursor.fetchone()[0])


def expired() -> str:
    """A token of ours whose time is over."""
    action = Action.objects.select_related("tenant", "user").get(action_code="pay")
    return tokens.mint(
        tenant=action.tenant,
        purpose=TokenPurpose.TRACK,
        action_id=action.pk,
        user_id=action.user.user_id,
        action_code=action.action_code,
        idempotency_key=action.idempotency_key,
        scope=Scope.READ.value,
        now=clock.now() - timedelta(hours=1),
    )


@pytest.fixture
def credentials(acme, api, browser, vouchers, caplog) -> dict[str, Credential]:
    """One of each kind, of one tenant and one user, and everything else that such a user or backend is ever given."""
    caplog.set_level(logging.ERROR, "django.request")
    link(acme)
    make.make_configuration(acme, M.EMAIL_MAGIC_LINK)
    paid = {"idempotencyKey": "k", "email": "alice@acme.example", "custom": CUSTOM}
    tracked = ok(api("POST", "users/alice/actions/pay", paid))
    named = {"userId": "alice", "action": "pay", "idempotencyKey": "k", "email": "alice@acme.example"}
    challenge, code = ok(api("POST", "challenge", named))["challengeId"], code_sent()
    access = ok(browser("POST", "verify/email-otp", {"verificationCode": code}, token=tracked["token"]))["accessToken"]
    receipt = ok(api("POST", "validate", {"token": access}))["receipt"]
    recovery = Client().post("/challenge/api/recovery-codes", "{}", "application/json", headers=of_bearer(access))
    token = ok(api("POST", "users/bob/actions/login"))["token"]
    ok(browser("POST", "user-authenticators/email-magic-link", {"email": "bob@acme.example"}, token=token))
    gone = ok(api("POST", "users/gone/actions/login", {"idempotencyKey": "k"}))["token"]
    ok(api("DELETE", "users/gone"))
    shown = ok(browser("POST", "challenge/qr-code", {"action": "kiosk"}))
    begun = browser("POST", "challenge/web", {"action": "login"})
    page = Client()
    page.get(path_of(tracked), headers=TOP)
    revoked = make.make_key(acme)
    ApiKey.objects.filter(pk=revoked.split("_")[2]).update(revoked_at=clock.now())
    halfway = make_staff(acme)
    halfway.client.post(LOGIN, {"email": halfway.email, "password": PASSWORD})
    made = {
        "nothing": Credential(),
        "the server key": basic(api.secret, SERVER_KEY),
        "a revoked server key": basic(revoked),
        "a management key": basic(make.make_key(acme, KeyKind.MANAGEMENT)),
        "the server key as a token": bearer(api.secret),
        "the tenant id": basic(str(acme.pk), TENANT_ID),
        "the tenant id as a token": bearer(str(acme.pk)),
        "a tracked token": bearer(tracked["token"], TOKEN),
        "a proof's token": bearer(access, TOKEN),
        "a token as a key": basic(access),
        "an expired token": bearer(expired()),
        "a deleted user's token": bearer(gone),
        "a receipt": bearer(receipt),
        "a challenge's id": bearer(challenge),
        "a challenge's id as a key": basic(challenge),
        "a code": bearer(code),
        "a recovery code": bearer(recovery.json()["recoveryCodes"][0]),
        "a link's token": bearer(link_sent().rpartition("/")[2]),
        "a QR code's secret": bearer(shown["deviceCode"]),
        "a device's signature": bearer(DeviceKey().sign(challenge)),
        "a challenge's cookie": Credential(cookies={CHALLENGE_COOKIE: begun.cookies[CHALLENGE_COOKIE].value}),
        "the pages' cookie": of(page),
        "a staff session": of(signed_in(acme).client),
        "a staff session before its second factor": of(halfway.client),
    }
    assert COOKIE in made["the pages' cookie"].cookies
    plain = plain_pass.write(tracked["token"], acme, page.cookies[COOKIE].value)
    return made | {"a form without JavaScript": bearer(plain)} | elsewhere(acme, browser, vouchers.issuer, access)


def elsewhere(acme: Any, browser: Any, issuer: Issuer, token: str) -> dict[str, Credential]:
    """What a token is changed for: the word of an issuer, and a code that an app enrols by."""
    test_id_tokens.use(acme, issuer)
    begun = test_id_tokens.begin(browser, token, path="user-authenticators")
    test_web_app.offer(acme)
    invited = test_web_app.invite(Client(), token)
    return {
        "an ID token": bearer(issuer.token(begun["nonce"])),
        "an ID token's nonce": bearer(begun["nonce"]),
        "an app's invitation": bearer(test_web_app.bearer(acme, invited), INVITATION),
        "an invitation's code": bearer(invited["code"]),
        "an invitation as a key": basic(test_web_app.bearer(acme, invited)),
    }


def of_bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "X-Challenge-Embedded": "yes"}


def test_each_door_opens_to_its_own_kind_of_credential_and_to_no_other(credentials, client, settings):
    """What is refused is refused before anything is read, and writes nothing."""
    settings.BAD_KEYS_PER_MINUTE = settings.CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS = 10**9
    wrong = []
    for door in doors():
        kinds = door.kinds
        before = written()
        for name, credential in credentials.items():
            if credential.kind not in kinds:
                status = credential.send(client, door.method, door.path).status_code
                # Where everybody may knock, what they send with it adds nothing.
                if (status == 401) == (door.opened_by == ANYBODY):
                    wrong.append(f"{door}: {name}: {status}")
        if written() != before:
            wrong.append(f"{door}: {written() - before} rows written for credentials that it refused")
        for name, credential in credentials.items():
            if credential.kind in kinds:
                with transaction.atomic():
                    answer = credential.send(client, door.method, door.path)
                    transaction.set_rollback(True)
                if answer.status_code == 401:
                    wrong.append(f"{door}: {name} does not open it: {answer.json()}")
    assert not wrong, "\n".join(wrong)


def test_the_portal_opens_to_both_factors_of_a_member_of_staff_and_to_nothing_else(credentials, client):
    before, wrong = written(), []
    for path in portal_paths():
        for name in OUTSIDE_THE_PORTAL:
            method = "POST" if name == "a proof's token" else "GET"
            answer = credentials[name].send(client, method, path)
            leads_to_the_door = answer.status_code == 302 and answer["Location"].startswith("/portal/login/")
            if not leads_to_the_door and answer.status_code not in (400, 403, 404, 405) and path not in DOORSTEPS:
                wrong.append(f"{path}: {name}: {answer.status_code}")
        if written() != before:
            wrong.append(f"{path}: {written() - before} rows written for somebody outside")
            before = written()
    assert not wrong, "\n".join(wrong)
