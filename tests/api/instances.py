"""Action instances that wait for a proof by every method at once, and the right answer to each."""

import base64
import json
import struct
from dataclasses import dataclass, field
from hmac import digest
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from actions.models import Action
from authenticators import subjects
from authenticators.issuers import DIRECTORY
from authenticators.methods import recovery_code
from authenticators.models import EndUser, Message
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.actions.test_hosted import TOP, path_of
from tests.adapter import Adapter, sign
from tests.api import test_id_tokens, test_identity_checks
from tests.api.reading import ok
from tests.device import DeviceKey
from tests.issuer import Issuer
from tests.soft_authenticator import SoftAuthenticator

COUNTED = """
SELECT (SELECT count(*) FROM authenticators_authenticator WHERE verified_at IS NOT NULL),
       (SELECT count(*) FROM authenticators_challenge WHERE verified_at IS NOT NULL),
       (SELECT string_agg(id::text || state, ',' ORDER BY id) FROM actions_action)
"""
DEVICES = {M.PUSH: "push", M.QR_CODE: "qr-code", M.IN_APP: "in-app"}
# Methods that only their names tell apart: one module judges all ID tokens, another all identity checks, and each is
# proved in test_id_tokens.py or test_identity_checks.py. Here one of them stands for its like.
LIKE = {
    M.APPLE_ID_TOKEN: M.OIDC_PROVIDER,
    M.GOOGLE_ID_TOKEN: M.OIDC_PROVIDER,
    M.VERIFF: M.ONFIDO,
    M.IPROOV: M.ONFIDO,
    M.IDVERSE: M.ONFIDO,
    M.PALM_BIOMETRICS_RR: M.ONFIDO,
}
TRIED = frozenset(M) - set(LIKE)


@dataclass(frozen=True)
class Vouchers:
    """Who vouches for the users of all tenants."""

    issuer: Issuer
    adapter: Adapter

    def for_tenant(self, tenant: Tenant) -> None:
        """The tenant takes their word, and has switched on what else is off by itself."""
        for method in (M.EMAIL_MAGIC_LINK, M.WHATSAPP):
            make.make_configuration(tenant, method)
        test_id_tokens.use(tenant, self.issuer, M.OIDC_PROVIDER)
        test_identity_checks.use(tenant, self.adapter, M.ONFIDO)

    def know(self, user: EndUser, subject: str) -> None:
        """The user is enrolled by what both call them."""
        account = f"{len(self.issuer.name)}:{self.issuer.name}:{subject}"
        for method, text in {M.OIDC_PROVIDER: account, M.ONFIDO: subject}.items():
            [index] = subjects.indexes(user.tenant, text)
            make.make_authenticator(user, method, subject=text, subject_index=index)


@pytest.fixture
def vouchers(httpserver: Any, settings: Any) -> Vouchers:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
    DIRECTORY.forget()
    return Vouchers(Issuer(httpserver), Adapter(httpserver))


@dataclass
class Person:
    """A user with an authenticator of every method that is tried. `subject`: what the vouchers call them."""

    tenant: Tenant
    user: EndUser
    vouchers: Vouchers
    subject: str
    secret: bytes
    recovery: list[str]
    devices: dict[M, DeviceKey] = field(default_factory=dict)
    passkey: SoftAuthenticator = field(init=False)
    security_key: SoftAuthenticator = field(init=False)

    def app_code(self) -> str:
        """RFC 6238 §4.2, worked out anew."""
        mac = digest(self.secret, struct.pack(">Q", int(clock.now().timestamp()) // 30), "sha1")
        offset = mac[-1] & 15
        return f"{(struct.unpack('>I', mac[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def make_person(tenant: Tenant, user_id: str, number: int, vouchers: Vouchers) -> Person:
    email, phone = f"{user_id}@{tenant.name.lower()}.example", f"+642112345{number:02d}"
    secret = f"{number:020d}".encode()
    user = make.make_user(tenant, user_id, email=email, phone_number=phone)
    person = Person(tenant, user, vouchers, f"subject-{number}", secret, recovery_code.replace_all(user))
    for method, contact in {M.EMAIL_OTP: email, M.EMAIL_MAGIC_LINK: email, M.SMS: phone, M.WHATSAPP: phone}.items():
        make.make_authenticator(user, method, contact=contact)
    make.make_authenticator(user, M.AUTHENTICATOR_APP, secret=base64.b32encode(secret).decode())
    for method in DEVICES:
        key = person.devices[method] = DeviceKey()
        make.make_authenticator(user, method, public_key=key.spki)
    vouchers.know(user, person.subject)
    origin = tenant.app_origins[0]
    person.passkey = SoftAuthenticator(origin=origin)
    person.security_key = SoftAuthenticator(origin=origin, backup_eligible=False)
    return person


@dataclass
class Instance:
    """One action of one person, with an open challenge by every method."""

    person: Person
    token: str
    http: Client
    action: Action
    # Challenge ids by method, and what answers them.
    ids: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def post(self, path: str, body: Any = None, *, token: str | None = None, method: str = "POST") -> Any:
        """As whoever holds the token; with an empty one, as somebody who knows the tenant."""
        token = self.token if token is None else token
        authorization = f"Bearer {token}" if token else make.basic(str(self.person.tenant.pk))
        headers = {"Authorization": authorization, "X-Challenge-Embedded": "yes"}
        where = path if path.startswith("/") else f"/v1/client/{path}"
        return self.http.generic(method, where, json.dumps(body or {}), "application/json", headers=headers)

    def told(self, path: str, body: Any = None, *, token: str | None = None) -> Any:
        answer = self.post(path, body, token=token)
        answer.body = answer.json()
        return ok(answer)

    def decided(self, result: bytes, challenge_id: str) -> Any:
        """The adapter tells it, signed, at the address of a challenge."""
        headers = {"X-Signature-V2": sign(result, int(clock.now().timestamp()))}
        return self.http.post(f"/callbacks/identity/{challenge_id}", result, "application/json", headers=headers)


def begin(backend: Any, person: Person, code: str) -> Instance:
    """Track it, and begin a challenge by every method."""
    scoped = {"scope": "add:authenticators", "idempotencyKey": "k"}
    tracked = ok(backend("POST", f"users/{person.user.user_id}/actions/{code}", scoped))
    action = Action.objects.get(user=person.user, action_code=code)
    one = Instance(person, tracked["token"], backend.http, action)
    if not person.passkey.passkeys:
        _enrol_credentials(one)
    for name in ("email-otp", "sms", "whatsapp"):
        one.ids[name] = one.told(f"challenge/{name}")["challengeId"]
        one.answers[name] = _sent(one.ids[name])["code"]
    one.http.cookies.clear()
    one.http.get(path_of(tracked), headers=TOP)
    one.ids["link"] = one.told("challenge/email-magic-link")["challengeId"]
    one.answers["link"] = _sent(one.ids["link"])["url"].rpartition("/")[2]
    one.http.cookies.clear()
    _ask_devices(one)
    _ask_credentials(one)
    _ask_vouchers(one)
    one.answers |= {"totp": person.app_code(), "recovery": person.recovery[0]}
    return one


def _enrol_credentials(one: Instance) -> None:
    options = one.told("user-authenticators/passkey/registration-options")
    made = one.person.passkey.create(options["options"])
    one.told("user-authenticators/passkey", {"challengeId": options["challengeId"], "registrationCredential": made})
    options = one.told("user-authenticators/security-key/registration-options")
    one.told("user-authenticators/security-key", one.person.security_key.create(options, attachment="cross-platform"))
    # They proved the action; it is to wait.
    Action.objects.filter(pk=one.action.pk).update(state="CHALLENGE_REQUIRED")


def _ask_devices(one: Instance) -> None:
    pushed = one.told("challenge/push", {"action": one.action.action_code})
    shown = one.told("challenge/qr-code", {"action": one.action.action_code})
    one.ids |= {"push": pushed["challengeId"], "qr": shown["challengeId"]}
    one.answers |= {"number": pushed["verificationCode"], "device code": shown["deviceCode"]}
    one.told(
        "user-authenticators/qr-code/challenge/claim", one.person.devices[M.QR_CODE].claim(one.ids["qr"]), token=""
    )
    one.ids["in-app"] = one.told("challenge", {"action": one.action.action_code})["challengeId"]


def _ask_credentials(one: Instance) -> None:
    asked = one.told("user-authenticators/passkey/authentication-options")
    one.ids["passkey"], one.answers["passkey"] = asked["challengeId"], one.person.passkey.get(asked["options"])
    asked = one.told("user-authenticators/security-key/authentication-options")
    one.answers["security-key"] = one.person.security_key.get(asked, with_user_handle=False)
    offered = one.told("user-authenticators/passkey/registration-options")
    spare = SoftAuthenticator(origin=one.person.tenant.app_origins[0])
    one.ids["passkey enrolment"] = offered["challengeId"]
    one.answers["passkey enrolment"] = spare.create(offered["options"])
    offered = one.told("user-authenticators/security-key/registration-options")
    one.answers["security-key enrolment"] = spare.create(offered, attachment="cross-platform")


def _ask_vouchers(one: Instance) -> None:
    asked = one.told("challenge/id-token", {"verificationMethod": M.OIDC_PROVIDER})
    now, issuer, adapter = int(clock.now().timestamp()), one.person.vouchers.issuer, one.person.vouchers.adapter
    one.ids["id-token"] = asked["challengeId"]
    one.answers["id-token"] = issuer.token(asked["nonce"], sub=one.person.subject, iat=now, exp=now + 600)
    one.ids["check"] = one.told("challenge/identity-check", {"verificationMethod": M.ONFIDO})["challengeId"]
    one.answers |= {"check": adapter.result(), "check declined": adapter.result("declined")}


def _sent(challenge_id: str) -> dict[str, Any]:
    """What is owed to the user for a challenge."""
    message = Message.objects.select_related("tenant").filter(challenge=challenge_id).latest("created_at")
    found: dict[str, Any] = json.loads(message.payload)
    return found


def counted() -> Any:
    """Authenticators, proofs and the states of all actions: what no wrong answer may change."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTED)
        return cursor.fetchone()


def is_success(answer: Any) -> bool:
    """Whether an answer of either API tells its caller of a proof."""
    if answer["Content-Type"] != "application/json":
        return False
    body = answer.json()
    told = body if isinstance(body, dict) else {}
    names = ("isVerified", "accessToken", "token", "isValid", "isClaimed", "success")
    return told.get("result") == "proved" or any(told.get(name) for name in names)
