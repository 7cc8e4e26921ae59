"""What to send to each door so that it does what it is for, by somebody who waits for a proof by every method."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from actions.models import Action, Device
from authsignal_portal import clock
from authsignal_portal.vocabulary import ActionState
from authsignal_portal.vocabulary import VerificationMethod as M
from tests.api.doors import SERVER_KEY, TENANT_ID, UUID, Door
from tests.api.instances import Instance

DEVICE = "v1/client/user-authenticators"
# After a proof alone.
AFTERWARDS = [
    f"challenge/api/{name}"
    for name in ("recovery-codes", "devices", "forget-device", "remove-method", "prefer-method", "rename-method")
]
# Nothing is there, or it opens to what nobody has here: a browser at top level and its cookie, another server's
# signature, an app's invitation, a device to remember.
SHUT = frozenset(
    {
        *(f"{verb} {path}" for verb in ("GET", "POST", "PUT", "PATCH", "DELETE") for path in ("v1", "v1/nowhere")),
        *(f"{verb} v1/users//actions/pay" for verb in ("GET", "POST", "PUT", "PATCH", "DELETE")),
        *(f"{verb} v1/client/nowhere" for verb in ("GET", "POST", "PUT", "PATCH", "DELETE")),
        "PATCH v1/users/alice/devices/d/invalidate",
        f"GET challenge/theme/{UUID}/css/x",
        "POST challenge/link/x",
        "GET challenge/plain",
        "POST challenge/plain",
        "POST challenge/api/authorize",
        "GET challenge/callback/x/x",
        f"POST callbacks/twilio/{UUID}",
        "POST callbacks/identity/x",
        "POST callbacks/email",
        f"POST callbacks/email/{UUID}",
        "POST challenge/api/invite-app",
        "POST challenge/api/invitation",
        "POST challenge/api/remember-device",
    }
)


@dataclass(frozen=True)
class Call:
    """`query` comes behind the path, `body` in place of what fits most doors."""

    body: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""


def calls_of(one: Instance) -> dict[str, Call]:
    """By path, or method and path, where what fits most doors does not. Codes are wrong, so that they go on waiting."""
    ids, answers, person = one.ids, one.answers, one.person
    device = Device.objects.create(tenant=person.tenant, user=person.user, device_id="d")
    account, check = {"verificationMethod": M.OIDC_PROVIDER}, {"verificationMethod": M.ONFIDO}
    challenge = {"challengeId": ids["sms"], "userId": "alice"}
    return {
        "challenge": Call(query=f"token={one.token}"),
        "challenge/api/qr": Call({"uri": "otpauth://totp/Acme:alice?secret=JBSWY3DPEHPK3PXP&issuer=Acme"}),
        "challenge/api/remove-method": Call({"id": str(_row(one).pk)}),
        "challenge/api/prefer-method": Call({"id": str(_row(one).pk)}),
        "challenge/api/rename-method": Call({"id": str(_row(one).pk), "newLabel": "Mine"}),
        "challenge/api/forget-device": Call({"id": device.pk}),
        f"GET {DEVICE}/passkey": Call(query=f"credentialIds={answers['passkey']['id']}"),
        f"POST {DEVICE}/passkey": Call(
            {"challengeId": ids["passkey enrolment"], "registrationCredential": answers["passkey enrolment"]}
        ),
        f"{DEVICE}/security-key": Call(answers["security-key enrolment"]),
        "v1/client/verify/passkey": Call(
            {"challengeId": ids["passkey"], "authenticationCredential": answers["passkey"]}
        ),
        "v1/client/verify/security-key": Call(answers["security-key"]),
        "v1/client/verify/push": Call({"challengeId": ids["push"]}),
        "v1/client/verify/qr-code": Call({"challengeId": ids["qr"], "deviceCode": answers["device code"]}),
        "v1/client/verify/identity-check": Call({"challengeId": ids["check"]}),
        "v1/client/verify/id-token": Call({"challengeId": ids["id-token"], "idToken": answers["id-token"]}),
        **dict.fromkeys((f"{DEVICE}/id-token", "v1/client/challenge/id-token"), Call(account)),
        **dict.fromkeys((f"{DEVICE}/identity-check", "v1/client/challenge/identity-check"), Call(check)),
        "v1/users": Call(query=f"email={quote(person.user.email)}"),
        "v1/users/authenticators": Call({"authenticators": [{}]}),
        "v1/users/alice/actions/pay": Call({"idempotencyKey": "another"}),
        "PATCH v1/users/alice/devices/d": Call({"rememberedUntil": None}),
        "v1/claim": Call(challenge | {"skipVerificationCheck": True}),
        "PATCH v1/users/alice/actions/pay/k": Call({"state": "REVIEW_FAILED"}),
        **dict.fromkeys(("GET v1/challenges", "GET v1/v1/challenges"), Call(query=f"challengeId={ids['sms']}")),
        **_of_devices(one),
    }


def knock(one: Instance, backend: Any, door: Door, calls: Mapping[str, Call]) -> Any:
    """Open the door as whoever may, with what of `calls_of` is for it."""
    if door.path in AFTERWARDS:
        now = clock.now()
        Action.objects.filter(pk=one.action.pk).update(state=ActionState.CHALLENGE_SUCCEEDED, state_updated_at=now)
    call = calls.get(f"{door.method} {door.path}") or calls.get(door.path) or Call(_usual(one))
    path = _with_ids(one, door.path) + (f"?{call.query}" if call.query else "")
    if door.opened_by == SERVER_KEY:
        return backend(door.method, path.removeprefix("v1/"), call.body)
    token = "" if door.opened_by == TENANT_ID else one.token
    return one.post(f"/{path}", call.body, method=door.method, token=token)


def _with_ids(one: Instance, path: str) -> str:
    if path == "challenge/link/x":
        return f"challenge/link/{one.answers['link']}"
    if f"authenticators/{UUID}" in path:
        return path.replace(UUID, str(_row(one).pk))
    return path.replace(UUID, str(one.person.tenant.pk))


def _row(one: Instance) -> Any:
    return one.person.user.authenticators.get(method=M.SMS)


def _usual(one: Instance) -> dict[str, Any]:
    user = one.person.user
    return {
        "challengeId": one.ids["sms"],
        "userId": user.user_id,
        "action": one.action.action_code,
        "verificationCode": "not it",
        "email": user.email,
        "phoneNumber": user.phone_number,
        "verificationMethod": "SMS",
        "smsChannel": "WHATSAPP",
        "token": one.token,
        **one.person.devices[M.PUSH].enrolment(),
    }


def _of_devices(one: Instance) -> dict[str, Call]:
    """What apps send, each with its own key."""
    ids, calls = one.ids, {}
    for method, name in ((M.PUSH, "push"), (M.QR_CODE, "qr-code"), (M.IN_APP, "in-app"), (M.PUSH, "device")):
        key = one.person.devices[method]
        calls[f"GET {DEVICE}/{name}"] = Call(query=key.query)
        calls[f"POST {DEVICE}/{name}"] = Call(key.enrolment())
        calls[f"{DEVICE}/{name}/remove"] = Call(key.signed(f"{int(clock.now().timestamp()) // 600}.0"))
        calls[f"GET {DEVICE}/{name}/challenge"] = Call(query=key.query)
    push, scanner, inside = (one.person.devices[method] for method in (M.PUSH, M.QR_CODE, M.IN_APP))
    begun = one.told(f"/{DEVICE}/push/sign?{push.query}", token="")
    calls |= {
        f"PATCH {DEVICE}/push": Call(push.signed(begun["message"], challengeId=begun["challengeId"])),
        **{f"{DEVICE}/push/{name}": Call(query=push.query) for name in ("sign", "challenge/sign")},
        **{f"POST {DEVICE}/{name}/challenge": Call(push.answer(ids["push"], "0")) for name in ("push", "device")},
        f"POST {DEVICE}/qr-code/challenge": Call(scanner.answer(ids["qr"])),
        **{f"{DEVICE}/{name}/challenge/claim": Call(scanner.claim(ids["qr"])) for name in ("qr-code", "device")},
        **{f"v1/client/verify/{name}": Call(inside.claim(ids["in-app"])) for name in ("in-app", "device")},
    }
    return calls
