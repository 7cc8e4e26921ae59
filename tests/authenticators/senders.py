"""Sender services on this machine: where they stand, what they answer, and how they report."""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from authenticators.models import MessageProvider
from authsignal_portal.sender_services import SERVICES

ALICE = "alice@example.com"
SECRET = "a-very-secret-token"
PASSWORD = "made-up-password-1"
NOW = 1_790_000_000
# What each says when it takes a message for Alice: status, body, headers.
TAKEN: dict[str, tuple[int, Any, dict[str, str]]] = {
    "brevo": (201, {"messageId": "<id-1@brevo.example>"}, {}),
    "mailersend": (202, "", {"X-Message-Id": "id-1"}),
    "mailgun": (200, {"id": "<id-1@acme.example>", "message": "Queued. Thank you."}, {}),
    "mailjet": (200, {"Messages": [{"Status": "success", "To": [{"Email": ALICE, "MessageID": 11}]}]}, {}),
    "mailtrap": (200, {"success": True, "message_ids": ["id-1"]}, {}),
    "mandrill": (200, [{"email": ALICE, "status": "sent", "_id": "id-1"}], {}),
    "postmark": (200, {"ErrorCode": 0, "Message": "OK", "MessageID": "id-1", "To": ALICE}, {}),
    "resend": (200, {"id": "id-1"}, {}),
    "scaleway": (200, {"emails": [{"id": "id-1", "mail_rcpt": ALICE, "status": "new"}]}, {}),
    "sendgrid": (202, "", {}),
    "sparkpost": (
        200,
        {"results": {"total_accepted_recipients": 1, "total_rejected_recipients": 0, "id": "id-1"}},
        {},
    ),
    "unisender-go": (200, {"status": "success", "job_id": "id-1", "emails": [ALICE]}, {}),
}


def settle_here(monkeypatch, settings, server, *keys: str) -> None:
    """Let these services have their API at `/<key>/` of the server."""
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    for key in keys:
        move(monkeypatch, key, server.url_for(f"/{key}/"))


def move(monkeypatch, key: str, url: str) -> None:
    monkeypatch.setitem(SERVICES, key, replace(SERVICES[key], apis=dict.fromkeys(SERVICES[key].apis, url)))


def answer(server, key: str, status: int, body: Any = "", headers: dict[str, str] | None = None) -> None:
    server.clear()
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    server.expect_request(re.compile(f"/{key}/.*")).respond_with_data(text, status, headers, content_type=kind)


def make_sender(tenant, key: str = "postmark", **fields: Any) -> MessageProvider:
    row = MessageProvider(tenant=tenant, channel="EMAIL", kind="anymail", service=key)
    given = {"secret": SECRET, "sender": "Acme <no-reply@acme.example>"} | fields
    if SERVICES[key].account_needed:
        given = {"account": "acme"} | given
    for name, value in given.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


# -- reports -------------------------------------------------------------------------------------

# SendGrid signs with a key of its own; the operator copies the public one.
SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())


def sendgrid_public_key() -> str:
    der = SENDGRID_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def report_secret(key: str) -> str:
    return sendgrid_public_key() if key == "sendgrid" else PASSWORD


def event(key: str, ident: Any, what: str) -> Any:
    """`what`: delivered or bounced, in the words of the service."""
    good = what == "delivered"
    match key:
        case "brevo":
            return {"event": "delivered" if good else "hard_bounce", "message-id": ident, "email": ALICE}
        case "mailersend":
            return {"data": {"type": "delivered" if good else "hard_bounced", "email": {"message": {"id": ident}}}}
        case "mailgun":
            told = {"event": "delivered" if good else "failed", "severity": "permanent", "timestamp": NOW}
            return {"event-data": told | {"message": {"headers": {"message-id": ident.strip("<>")}}}}
        case "mailjet":
            return [{"event": "sent" if good else "bounce", "time": NOW, "MessageID": int(ident)}]
        case "mailtrap":
            return {"events": [{"event": "delivery" if good else "bounce", "message_id": ident, "timestamp": NOW}]}
        case "mandrill":
            return [{"event": "send" if good else "hard_bounce", "_id": ident, "ts": NOW}]
        case "postmark":
            return {"RecordType": "Delivery" if good else "Bounce", "Type": "HardBounce", "MessageID": ident}
        case "resend":
            return {"type": "email.delivered" if good else "email.bounced", "data": {"email_id": ident}}
        case "sendgrid":
            return [{"event": "delivered" if good else "bounce", "anymail_id": ident, "timestamp": NOW}]
        case _:
            told = {"type": "delivery" if good else "bounce", "transmission_id": ident}
            return [{"msys": {"message_event": told}}]


def signed(key: str, told: Any, url: str, *, secret: str = PASSWORD) -> dict[str, Any]:
    """How the service posts it: the keywords of a test client's post."""
    if key == "mailgun":
        stamp = hmac.digest(secret.encode(), f"{NOW}token".encode(), "sha256").hex()
        told = told | {"signature": {"timestamp": str(NOW), "token": "token", "signature": stamp}}
    if key == "mandrill":
        form = {"mandrill_events": json.dumps(told)}
        text = url + "mandrill_events" + form["mandrill_events"]
        stamp = base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha1)).decode()
        return {"data": form, "headers": {"X-Mandrill-Signature": stamp}}
    body = json.dumps(told).encode()
    return {"data": body, "content_type": "application/json", "headers": _headers(key, body, secret)}


def _headers(key: str, body: bytes, secret: str) -> dict[str, str]:
    if key in ("mailersend", "mailtrap"):
        name = {"mailersend": "Signature", "mailtrap": "Mailtrap-Signature"}[key]
        return {name: hmac.digest(secret.encode(), body, "sha256").hex()}
    if key == "sendgrid":
        is_right = secret == PASSWORD
        stamp = SENDGRID_KEY.sign(str(NOW).encode() + (body if is_right else b""), ec.ECDSA(hashes.SHA256()))
        name = "X-Twilio-Email-Event-Webhook"
        return {f"{name}-Signature": base64.b64encode(stamp).decode(), f"{name}-Timestamp": str(NOW)}
    if key == "mailgun":
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"authsignal:{secret}".encode()).decode()}
