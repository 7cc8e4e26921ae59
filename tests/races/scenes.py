"""Users in the middle of proving themselves, made quickly: the requests that follow are what is tested."""

import base64
import struct
import uuid
from dataclasses import dataclass
from hmac import digest
from typing import Any

from actions.models import Action
from audit.events import Tag
from audit.models import AuditEvent
from authenticators import otp
from authenticators.methods import totp
from authenticators.models import Authenticator, Challenge, EndUser, GuessCount
from authsignal_portal import clock
from authsignal_portal.vocabulary import ActionState
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.conftest import Live
from tests.races.volley import SLOTS, Volley
from tests.soft_authenticator import SoftAuthenticator

CONTACTS = {
    M.EMAIL_OTP: "alice@acme.example",
    M.EMAIL_MAGIC_LINK: "alice@acme.example",
    M.SMS: "+64211234567",
    M.WHATSAPP: "+64211234567",
}
SECRET = base64.b32encode(b"a secret of 20 bytes").decode()


@dataclass(frozen=True)
class Tracked:
    """An action that waits for a proof, and the token for it."""

    action: Action
    token: str

    @property
    def user(self) -> EndUser:
        return self.action.user


def address() -> str:
    """One that nothing was ever sent to: the outbox is the whole session's."""
    return f"{uuid.uuid4().hex}@acme.example"


def track(live: Live, user_id: str = "", code: str = "Login", **attributes: Any) -> Tracked:
    user_id = user_id or uuid.uuid4().hex
    status, answer = live("POST", f"users/{user_id}/actions/{code}", attributes)
    assert status == 200, answer
    rows = Action.objects.select_related("user__tenant", "tenant")
    action = rows.get(user__user_id=user_id, action_code=code, idempotency_key=answer["idempotencyKey"])
    return Tracked(action, answer["token"])


def enrolled(live: Live, method: M, **fields: Any) -> Tracked:
    """A user with one authenticator, and an action of theirs that waits."""
    user = make.make_user(live.tenant, uuid.uuid4().hex)
    if method in CONTACTS:
        fields.setdefault("contact", CONTACTS[method])
    if method == M.AUTHENTICATOR_APP:
        fields.setdefault("secret", SECRET)
    make.make_authenticator(user, method, **fields)
    # As after an earlier answer: who has to make the row first is held up by that alone.
    GuessCount.objects.create(tenant=live.tenant, subject=f"user:{user.pk}", method=method)
    return track(live, user.user_id)


def waiting(tracked: Tracked, method: M, **fields: Any) -> Challenge:
    """An open challenge of the action by a method that the user has enrolled."""
    row = tracked.user.authenticators.filter(method=method).first()
    if row and row.contact_sealed:
        fields.setdefault("contact", row.contact)
    return make.make_challenge(tracked.user, action_id=tracked.action.pk, method=method, authenticator=row, **fields)


def coded(challenge: Challenge) -> str:
    """The code that answers the challenge, as if it had been sent just now."""
    code = otp.issue(challenge)
    challenge.save()
    return code


def wrong(code: str, number: int = 1) -> str:
    """Another code than this one."""
    return f"{(int(code) + number) % 10**6:06d}"


def app_code(secret: str = SECRET, *, steps: int = 0) -> str:
    """What an authenticator app shows now, or so many steps later (RFC 6238 §4.2), worked out anew."""
    step = int(clock.now().timestamp()) // totp.STEP_SECONDS + steps
    mac = digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def passkey_of(live: Live, tracked: Tracked) -> SoftAuthenticator:
    """A passkey that the user enrolled through the API."""
    device = SoftAuthenticator(origin=live.app_origin)
    path = "client/user-authenticators/passkey"
    _status, options = live("POST", f"{path}/registration-options", token=tracked.token)
    made = {"challengeId": options["challengeId"], "registrationCredential": device.create(options["options"])}
    status, answer = live("POST", path, made, token=tracked.token)
    assert status == 200, answer
    assert answer["isVerified"] is True
    return device


def security_key_of(live: Live, tracked: Tracked, **properties: Any) -> SoftAuthenticator:
    """A security key that the user enrolled through the API: it counts, and cannot be backed up."""
    device = SoftAuthenticator(origin=live.app_origin, backup_eligible=False, counts=True, **properties)
    path = "client/user-authenticators/security-key"
    _status, options = live("POST", f"{path}/registration-options", {}, token=tracked.token)
    made = device.create(options, attachment="cross-platform", transports=("usb", "nfc"))
    status, answer = live("POST", path, made, token=tracked.token)
    assert status == 200, answer
    assert answer["isVerified"] is True
    return device


def events(tag: Tag, **about: Any) -> int:
    return AuditEvent.objects.filter(tag=tag, **about).count()


def evaluated(**about: Any) -> int:
    """How many wrong guesses were compared with the right answer."""
    return events(Tag.CHALLENGE_REFUSED, data__reason="wrong code", **about)


def assert_one_success(volley: Volley, tracked: Tracked) -> None:
    """One state change, one token, one event; every other request was refused in the ordinary way."""
    assert volley.at_once >= SLOTS
    assert set(volley.statuses) == {200}, volley.statuses
    assert len(volley.verified) == 1
    assert len(volley.distinct("accessToken")) == 1
    assert Action.objects.get(pk=tracked.action.pk).state == ActionState.CHALLENGE_SUCCEEDED
    assert events(Tag.ACTION_SUCCEEDED, action_id=tracked.action.pk) == 1
    assert events(Tag.CHALLENGE_VERIFIED, action_id=tracked.action.pk) == 1


def user_row(tracked: Tracked) -> Any:
    return EndUser.objects.filter(pk=tracked.user.pk)


def authenticator_rows(tracked: Tracked) -> Any:
    return Authenticator.objects.filter(user=tracked.user)
