"""What only a real server shows: ids on the way through it, bodies in chunks, requests that are hardly HTTP."""

import contextlib
import http.client
import json
import socket
from urllib.parse import quote

import pytest

from tests import make
from tests.api.reading import refused
from tests.conftest import living

USER_IDS = [
    "a",
    "x" * 255,
    "ü" * 255,
    "us-east-1:6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1",
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "alice+test@acme.example",
    "with space",
    "a/b/c",
    "/leading",
    "trailing/",
    "a//b",
    "100%",
    "%41",
    "%2F",
    "a?b#c&d=e",
    "a;b,c!d*e'f(g)",
    "..",
    "../..",
    ".",
    "Ωμέγα 日本語 🦊",
    "e\u0301",
    "\u202eright-to-left",
    '"quoted" \\ <tag>',
    "$(id)`id`",
    "authenticators",
    "actions",
    "~_-.",
]
WRITTEN = [
    ("alice+test@acme.example", "alice+test@acme.example"),
    ("alice%2Btest%40acme.example", "alice+test@acme.example"),
    ("auth0|1", "auth0|1"),
    ("us-east-1:1", "us-east-1:1"),
    ("us-east-1%3A1", "us-east-1:1"),
    ("a/b", "a/b"),
    ("a%2Fb", "a/b"),
    ("a%2fb", "a/b"),
    ("a%20b", "a b"),
    ("a%2520b", "a%20b"),
    ("%C3%BC", "ü"),
    ("\u00c3\u00bc", "ü"),  # the bytes of UTF-8, unencoded
    ("a%", "a%"),
    ("a%zz", "a%zz"),
]
REFUSED_IDS = ["%00", "a%00b", "%0A", "a%0Ab", "%0D%0A", "%1B", "%7F", "%C2%85", "x" * 256, "%C3%BC" * 256, "x" * 4000]


class Wire:
    """One connection; the path goes out exactly as it is given."""

    def __init__(self, live):
        self.live, self.port = live, int(live.public_url.rpartition(":")[2])
        self.headers = {"Authorization": make.basic(live.api_secret_key)}

    def __call__(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        # The raw bytes are the point.
        connection._validate_path = lambda url: None
        connection._encode_request = lambda line: line.encode("latin-1")
        try:
            raw = None if body is None else body if not isinstance(body, dict) else json.dumps(body)
            sent = self.headers | {"Content-Type": "application/json", "Host": "localhost"} | headers
            connection.request(method, f"/v1/{path}", raw, sent, encode_chunked="Transfer-Encoding" in headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def raw(self, data):
        """What comes back for these bytes, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as plug:
            received = b""
            # It may answer and close before it has read everything.
            with contextlib.suppress(ConnectionError):
                plug.sendall(data)
            with contextlib.suppress(ConnectionError):
                while part := plug.recv(65_536):
                    received += part
        return received


class Answer(dict):
    def __init__(self, response):
        super().__init__({name.title(): value for name, value in response.getheaders()})
        self.status_code, self.content = response.status, response.read()
        self.body = json.loads(self.content) if self.content else None


# WSGI, and on one port with the socket.
BOTH = pytest.mark.parametrize("live", ["server", "one_port_server"], indirect=True)


@pytest.fixture
def live(request, transactional_db):
    yield from living(request.getfixturevalue(getattr(request, "param", "server")))


@pytest.fixture
def wire(live):
    return Wire(live)


@pytest.fixture
def wired(wire):
    """Success, and the body."""

    def call(*args, **kwargs):
        answer = wire(*args, **kwargs)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json"), answer.body
        return answer.body

    return call


def test_every_kind_of_user_id_makes_the_whole_journey(wired):
    for user in USER_IDS:
        path = "users/" + quote(user, safe="")
        device = f"d {user}"[:255]
        tracked = wired("POST", f"{path}/actions/pay", {"idempotencyKey": user, "deviceId": device, "username": user})
        assert tracked["idempotencyKey"] == user
        valid = wired("POST", "validate", {"token": tracked["token"], "userId": user})
        assert valid["userId"] == user, user
        assert "error" not in valid
        assert wired("GET", f"{path}/actions/pay/{quote(user, safe='')}")["state"] == "CHALLENGE_REQUIRED"
        (listed,) = wired("GET", f"{path}/actions")
        assert listed["idempotencyKey"] == user
        assert wired("POST", f"{path}/devices/{quote(device, safe='')}/invalidate")["deviceId"] == device
        body = {"verificationMethod": "EMAIL_OTP", "email": "a@b.example"}
        made = wired("POST", f"{path}/authenticators", body)["authenticator"]
        assert made["userId"] == user
        assert wired("DELETE", f"{path}/authenticators/{made['userAuthenticatorId']}") == {"success": True}
        if user != "authenticators":  # `users/authenticators` is the import
            assert wired("GET", path).get("userId") == user, user
            assert wired("PATCH", path, {"displayName": "x"})["username"] == user
            assert wired("DELETE", path) == {"success": True}
            assert wired("GET", path)["isEnrolled"] is False


@BOTH
def test_ids_are_decoded_once_whichever_way_an_sdk_writes_them(wired):
    for sent, user in WRITTEN:
        tracked = wired("POST", f"users/{sent}/actions/pay")
        assert wired("POST", "validate", {"token": tracked["token"]})["userId"] == user, sent
        assert wired("GET", f"users/{sent}")["userId"] == user, sent


def test_ids_that_cannot_be_kept_are_refused_on_every_route(wire):
    for user in REFUSED_IDS:
        for method, path, body in [
            ("GET", "", None),
            ("PATCH", "", {"username": "x"}),
            ("DELETE", "", None),
            ("POST", "/actions/pay", {}),
            ("GET", "/actions", None),
            ("GET", "/actions/pay/k", None),
            ("PATCH", "/actions/pay/k", {"state": "ALLOW"}),
            ("GET", "/authenticators", None),
            ("POST", "/authenticators", {"verificationMethod": "EMAIL_OTP", "email": "a@b.example"}),
            ("DELETE", "/authenticators/6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1", None),
            ("GET", "/devices", None),
            ("PATCH", "/devices/d", {"rememberedUntil": None}),
            ("POST", "/devices/d/invalidate", None),
        ]:
            refused(wire(method, f"users/{user}{path}", body), 400, "invalid_request")


@BOTH
def test_other_ids_that_cannot_be_kept_are_refused_too(wire):
    for ident in ("%00", "a%0Ab", "x" * 256):
        refused(wire("GET", f"users/alice/actions/pay/{ident}"), 400, "invalid_request")
        refused(wire("GET", f"users/alice/actions/{ident}/k"), 404, "not_found")
        refused(wire("POST", f"users/alice/devices/{ident}/invalidate"), 400, "invalid_request")
        refused(wire("DELETE", f"users/alice/authenticators/{ident}"), 404, "not_found")


@BOTH
def test_a_body_in_chunks_is_read(wired):
    """.NET sends its JSON so, without a length."""
    chunks = iter([b'{"username":', b'"al"', b"}"])
    answer = wired("PATCH", "users/alice", chunks, **{"Transfer-Encoding": "chunked"})
    assert answer["username"] == "al"


@BOTH
def test_a_body_in_chunks_has_the_same_limits(wire):
    for raw, status in [(b'{"a":NaN}', 400), (b'{"a":"' + b"x" * 70_000 + b'"}', 413), (b"[]", 400)]:
        refused(
            wire("PATCH", "users/alice", iter([raw]), **{"Transfer-Encoding": "chunked"}), status, "invalid_request"
        )


@BOTH
def test_a_large_body_is_refused_without_being_kept(wire):
    head = f"POST /v1/validate HTTP/1.1\r\nHost: localhost\r\nAuthorization: {wire.headers['Authorization']}\r\n"
    head += "Content-Type: application/json\r\nConnection: close\r\nContent-Length: 10000000\r\n\r\n"
    assert wire.raw(head.encode() + b" " * 10_000_000).startswith(b"HTTP/1.1 413 ")


@BOTH
def test_what_is_hardly_http_is_refused(wire):
    key = f"Authorization: {wire.headers['Authorization']}\r\n"
    host = "Host: localhost\r\n"
    end = "Connection: close\r\n\r\n"
    many = "".join(f"X-{number}: 1\r\n" for number in range(5000))
    for name, request in {
        "no host": f"GET /v1/users/a HTTP/1.0\r\n{key}{end}",
        "another host": f"GET /v1/users/a HTTP/1.1\r\nHost: evil.example\r\n{key}{end}",
        "two lengths": f"POST /v1/validate HTTP/1.1\r\n{host}{key}Content-Length: 2\r\nContent-Length: 3\r\n{end}{{}}",
        "length and chunks": f"POST /v1/validate HTTP/1.1\r\n{host}{key}Content-Length: 2\r\n"
        f"Transfer-Encoding: chunked\r\n{end}0\r\n\r\n",
        "wrong length": f"POST /v1/validate HTTP/1.1\r\n{host}{key}Content-Length: many\r\n{end}",
        "negative length": f"POST /v1/validate HTTP/1.1\r\n{host}{key}Content-Length: -1\r\n{end}",
        "bad chunk": f"POST /v1/validate HTTP/1.1\r\n{host}{key}Transfer-Encoding: chunked\r\n{end}zz\r\n",
        "long address": f"GET /v1/users?{'a=1&' * 100_000} HTTP/1.1\r\n{host}{key}{end}",
        "many headers": f"GET /v1/users/a HTTP/1.1\r\n{host}{many}{end}",
        "broken chunks": f"PATCH /v1/users/alice HTTP/1.1\r\n{host}{key}Content-Type: application/json\r\n"
        f"Transfer-Encoding: chunked\r\n{end}{{}}",
        "no chunks": f"PATCH /v1/users/alice HTTP/1.1\r\n{host}{key}Content-Type: application/json\r\n"
        f"Transfer-Encoding: chunked\r\n{end}0\r\n\r\n",
        "no http": "nonsense\r\n\r\n",
        "space in path": f"GET /v1/users/a b HTTP/1.1\r\n{host}{key}{end}",
        "no key": f"GET /v1/users/a HTTP/1.1\r\n{host}{end}",
        "two keys": f"GET /v1/users/a HTTP/1.1\r\n{host}Authorization: Basic x\r\n{key}{end}",
    }.items():
        status = wire.raw(request.encode()).partition(b"\r\n")[0]
        assert status == b"" or status.split()[1][:1] == b"4", (name, status)


@BOTH
def test_head_and_options_change_nothing_and_say_nothing(wire):
    assert wire("HEAD", "users/alice").status_code == 200
    refused(wire("OPTIONS", "users/alice"), 404, "not_found")
    refused(wire("OPTIONS", "users/alice", Authorization="Basic x"), 401, "unauthorized")
