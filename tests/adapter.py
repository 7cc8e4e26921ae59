"""A reference adapter of identity checks, as an operator would write one: it knows the contract and no code of ours."""

import base64
import hashlib
import hmac
import json
import time
import urllib.request
import uuid
from urllib.parse import urlsplit

from werkzeug import Request, Response

SECRET = "a secret that the adapter and the server share"
PATH = "/checks"


def sign(body, at, secret=SECRET):
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).digest()
    return f"t={at},v2={base64.b64encode(mac).decode().rstrip('=')}"


class Adapter:
    """`begun` are the checks that it was asked for. It answers with a session of its own for each."""

    def __init__(self, server, path=PATH):
        self.url = server.url_for(path)
        self.begun = []
        self.answer = None
        # What happens while the server waits for the answer.
        self.meanwhile = lambda: None
        server.expect_request(path, method="POST").respond_with_handler(self.begin)

    def begin(self, request: Request) -> Response:
        body = request.get_data()
        at = request.headers["X-Signature-V2"].split(",")[0].removeprefix("t=")
        if not hmac.compare_digest(request.headers["X-Signature-V2"], sign(body, at)):
            return Response("not signed", 401)
        event = json.loads(body)
        assert event["type"] == "identity_check.started"
        assert request.headers["Idempotency-Key"] == event["id"]
        self.begun.append(event["data"])
        self.meanwhile()
        if self.answer is not None:
            return self.answer
        session = f"session-{len(self.begun)}"
        return Response(json.dumps({"sessionId": session, "url": f"https://vendor.example/{session}"}), 200)

    def result(self, decision="approved", number=-1, **other):
        """The body of a result of one of the checks."""
        begun = self.begun[number]
        data = {"challengeId": begun["challengeId"], "sessionId": f"session-{self.begun.index(begun) + 1}"}
        data |= {"decision": decision, "subject": begun.get("subject", "person-1")} | other
        given = {name: value for name, value in data.items() if value is not None}
        event = {"version": 1, "type": "identity_check.decided", "id": str(uuid.uuid4()), "data": given}
        return json.dumps(event).encode()

    def tell_by_network(self, decision="approved", **other):
        """As the adapter really does; returns what the server made of it."""
        body = self.result(decision, **other)
        headers = {"Content-Type": "application/json", "X-Signature-V2": sign(body, int(time.time()))}
        request = urllib.request.Request(self.begun[-1]["resultUrl"], body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["result"]

    def tell(self, http, body, *, number=-1, secret=SECRET, at=None, header=None):
        """Post a result where the check said."""
        path = urlsplit(self.begun[number]["resultUrl"]).path
        header = sign(body, at or int(time.time()), secret) if header is None else header
        return http.post(path, body, "application/json", headers={"X-Signature-V2": header})
