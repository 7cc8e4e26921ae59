"""An adapter of identity checks to begin with: instead of a vendor, it asks whoever opens its page.

    ADAPTER_SECRET=<32 characters or more> python examples/identity_adapter.py 8077

It keeps to docs/identity_checks.md and the standard library. Put the vendor where `begin` makes a session and where
`decide` learns the decision; what is signed, and how, stays.
"""

import base64
import hashlib
import hmac
import html
import json
import os
import secrets
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

SECRET = os.environ.get("ADAPTER_SECRET", "").encode()
TOLERANCE_SECONDS = 300
MAX_BODY = 64 * 1024
DECISIONS = ("approved", "declined", "resubmission")
PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Check</title>
<h1>Is this {user}?</h1><p>{message}</p>
<p>Begun at {ipAddress} with {userAgent}. Decline it if that was not you.</p>
<form method="post">{buttons}</form>"""

# Sessions by id, and the person of each user. A real adapter keeps them in a database.
checks: dict[str, dict] = {}
people: dict[tuple[str, str], str] = {}


def signature(at: str, body: bytes) -> str:
    mac = hmac.digest(SECRET, at.encode() + b"." + body, hashlib.sha256)
    return base64.b64encode(mac).decode().rstrip("=")


def is_signed(header: str, body: bytes) -> bool:
    parts = [part.partition("=") for part in header.split(",")]
    at = next((value for name, _equals, value in parts if name == "t"), "")
    if not at.isdecimal() or abs(time.time() - int(at)) > TOLERANCE_SECONDS:
        return False
    right = signature(at, body).encode()
    return any(hmac.compare_digest(right, value.encode()) for name, _equals, value in parts if name == "v2")


def begin(event: dict, base: str) -> dict:
    """A session for the check. Here the vendor would be asked for one."""
    session = secrets.token_urlsafe(24)
    checks[session] = event["data"] | {"tenantId": event["tenantId"]}
    return {"sessionId": session, "url": f"{base}/{session}"}


def decide(session: str, decision: str) -> None:
    """Tell the server. The person of a user is the same each time; a vendor would compare the faces."""
    check = checks[session]
    person = people.setdefault((check["tenantId"], check["userId"]), secrets.token_urlsafe(12))
    data = {"challengeId": check["challengeId"], "sessionId": session, "decision": decision}
    if decision == "approved":
        data["subject"] = check.get("subject", person)
    event = {"version": 1, "type": "identity_check.decided", "id": secrets.token_urlsafe(12), "data": data}
    body, at = json.dumps(event).encode(), str(int(time.time()))
    headers = {"Content-Type": "application/json", "X-Signature-V2": f"t={at},v2={signature(at, body)}"}
    with urllib.request.urlopen(urllib.request.Request(check["resultUrl"], body, headers), timeout=10) as answer:
        print(decision, answer.read().decode())


class Adapter(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MAX_BODY))
        session = self.path.strip("/")
        if session not in checks:
            self.begun(body)
            return
        decision = parse_qs(body.decode()).get("decision", [""])[0]
        if decision not in DECISIONS:
            self.answer(400, "text/plain", b"")
            return
        decide(session, decision)
        self.send_response(303)
        self.send_header("Location", checks[session]["returnUrl"])
        self.end_headers()

    def begun(self, body: bytes) -> None:
        if not is_signed(self.headers.get("X-Signature-V2", ""), body):
            self.answer(401, "text/plain", b"not signed")
            return
        made = begin(json.loads(body), f"http://{self.headers['Host']}")
        self.answer(200, "application/json", json.dumps(made).encode())

    def do_GET(self) -> None:
        check = checks.get(self.path.strip("/"))
        if check is None:
            self.answer(404, "text/plain", b"")
            return
        shown = {name: html.escape(check.get(name, "")) for name in ("message", "ipAddress", "userAgent")}
        buttons = " ".join(f'<button name="decision" value="{one}">{one}</button>' for one in DECISIONS)
        self.answer(
            200,
            "text/html; charset=utf-8",
            PAGE.format(user=html.escape(check["userId"]), buttons=buttons, **shown).encode(),
        )

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    if len(SECRET) < 32:
        sys.exit("Set ADAPTER_SECRET to at least 32 random characters, the same as in the portal.")
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8077), Adapter).serve_forever()
