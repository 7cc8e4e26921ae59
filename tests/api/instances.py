"""Action instances that wait for a proof by every method at once, and the right answer to each."""

import base64
import json
import struct
from dataclasses import dataclass, field
from hmac import digest
from typing import Any

from django.db import connection
from django.test import Client

from actions.models import Action
from authenticators.methods import recovery_code
from authenticators.models import EndUser, Message
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.actions.test_hosted import TOP, path_of
from tests.api.reading import ok
from tests.device import DeviceKey
from tests.soft_authenticator import SoftAuthenticator

COUNTED = """
SELECT (SELECT count(*) FROM authenticators_authenticator WHERE verified_at IS NOT NULL),
       (SELECT count(*) FROM authenticators_challenge WHERE verified_at IS NOT NULL),
       (SELECT string_agg(id::text || state, ',' ORDER BY id) FROM actions_action)
"""
DEVICES = {M.PUSH: "push", M.QR_CODE: "qr-code", M.IN_APP: "in-app"}


@dataclass
class Person:
    """A user with an authenticator of every method."""

    tenant: Tenant
    user: EndUser
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


def make_person(tenant: Tenant, user_id: str, number: int) -> Person:
    email, phone = f"{user_id}@{tenant.name.lower()}.example", f"+642112345{number:02d}"
    secret = f"{number:020d}".encode()
    user = make.make_user(tenant, user_id, email=email, phone_number=phone)
    person = Person(tenant, user, secret, recovery_code.replace_all(user))
    for method, contact in {M.EMAIL_OTP: email, M.EMAIL_MAGIC_LINK: email, M.SMS: phone, M.WHATSAPP: phone}.items():
        make.make_authenticator(user, method, contact=contact)
    make.make_authenticator(user, M.AUTHENTICATOR_APP, secret=base64.b32encode(secret).decode())
    for method in DEVICES:
        key = person.devices[method] = DeviceKey()
        make.make_authenticator(user, method, public_key=key.spki)
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
    return any(told.get(name) for name in ("isVerified", "accessToken", "token", "isValid", "isClaimed", "success"))
