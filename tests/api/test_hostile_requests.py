"""Requests that are not what they should be: each is refused in the one shape, and nothing changes."""

import gzip
import json
import time

import pytest

from authenticators.models import EndUser
from tests import make
from tests.api.reading import everything_stored, ok, refused

BIG = 64 * 1024
# (method, path) of everything that takes a body.
TAKES_A_BODY = [
    ("POST", "users/alice/actions/pay"),
    ("PATCH", "users/alice"),
    ("POST", "users/alice"),
    ("POST", "users/alice/authenticators"),
    ("POST", "users/authenticators"),
    ("PATCH", "users/alice/actions/pay/k"),
    ("POST", "validate"),
    ("POST", "challenge"),
    ("POST", "verify"),
    ("POST", "claim"),
    ("POST", "challenges"),
    ("PATCH", "users/alice/devices/d"),
]
NOT_JSON = [
    b"{",
    b"}",
    b"nope",
    b"null",
    b"true",
    b"5",
    b'"text"',
    b"[]",
    b'[{"state":"ALLOW"}]',
    b"{'a':1}",
    b'{"a":1,}',
    b'{"a":1}{"b":2}',
    b'{"a":1} trailing',
    b"{a:1}",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e400}',
    b'{"a":-1e400}',
    b'{"a":' + b"9" * 301 + b"}",
    b'{"a":1e309}',
    b'{"a":01}',
    b'{"a":.5}',
    b'{"a":+1}',
    b'{"a":0x10}',
    b'{"a":1,"a":1}',
    b'{"custom":{"x":1,"x":2}}',
    b'{"email":"a@b.example","email":"c@b.example"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\udc00\\ud800"}',
    b'{"\\ud800":1}',
    b'{"a":"\\u0000"}',
    b'{"a":"\\u0007"}',
    b'{"a":"\\u001b[31m"}',
    b'{"a":"\\u007f"}',
    b'{"\\u0000":1}',
    b'{"a":{"b":["\\u0000"]}}',
    b'{"a":"\x00"}',
    b'{"a":"\x01"}',
    b'{"a":"\n"}',
    b'{"a":"\\x41"}',
    b'{"a":"\\u12"}',
    b'{"a":"unended}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"a":"\xc3"}',
    b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xf5\x80\x80\x80"}',
    b"\x00",
    b"\x80\x81",
    gzip.compress(b'{"username":"al"}'),
    b'{"a":' * 25 + b"1" + b"}" * 25,
    b'{"a":' + b"[" * 25 + b"]" * 25 + b"}",
    b"[" * 60_000,
    b'{"a":' * 12_000,
    b'{"a":"' + b'\\"' * 30_000 + b"[" * 30,
    b"[" * 30 + b'\\"' * 32_000,
    b"<xml/>",
    b"a=1&b=2",
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
    b'O:8:"stdClass":0:{}',
    b"(lp0\n.",
]


def send(client, api, method, path, raw, content_type="application/json", **headers):
    headers["Authorization"] = make.basic(api.secret)
    answer = client.generic(method, f"/v1/{path}", raw, content_type, headers=headers)
    assert answer["Content-Type"] == "application/json", answer.content
    answer.body = answer.json()
    return answer


@pytest.fixture
def seeded(api):
    ok(api("POST", "users/alice/actions/pay", {"idempotencyKey": "k", "deviceId": "d"}))
    return everything_stored()


@pytest.mark.parametrize(("method", "path"), TAKES_A_BODY)
def test_what_is_no_json_object_is_refused_everywhere(client, api, seeded, method, path):
    for raw in NOT_JSON:
        refused(send(client, api, method, path, raw), 400, "invalid_request")
    assert everything_stored() == seeded


def test_no_body_takes_long_to_refuse(client, api):
    for raw in [*NOT_JSON, b"[" * 30 + b'\\"' * 32_700, b'{"a":"' + b"\\" * 65_000, b'"' * 65_000 + b"[" * 30]:
        started = time.perf_counter()
        send(client, api, "POST", "validate", raw)
        assert time.perf_counter() - started < 1, raw[:50]


@pytest.mark.parametrize(("method", "path"), TAKES_A_BODY)
def test_a_body_may_have_64_kilobytes_and_an_import_two_megabytes(client, api, seeded, method, path):
    limit = BIG if path != "users/authenticators" else 2 * 1024 * 1024
    for size in (limit + 1, 10_000_000):
        refused(send(client, api, method, path, b'{"a":"' + b"x" * (size - 8) + b'"}'), 413, "invalid_request")
    padded = json.dumps({"challengeId": "x", "unknown": "x"}).encode()
    answer = send(client, api, method, path, padded + b" " * (limit - len(padded)))
    assert answer.status_code != 413


def test_a_body_of_exactly_64_kilobytes_is_taken(client, api):
    body = b'{"username":"al"}'
    ok(send(client, api, "PATCH", "users/alice", body + b" " * (BIG - len(body))))


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json+ld",
        "application/vnd.api+json",
        "*/*",
        "application/*",
        "application",
        ";charset=utf-8",
        "\u00fc",
    ],
)
def test_a_body_of_another_type_is_refused(client, api, seeded, content_type):
    for raw in (
        b'{"username":"al"}',
        b"username=al",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
    ):
        for method, path in TAKES_A_BODY[:4]:
            refused(send(client, api, method, path, raw, content_type), 415, "invalid_request")
    assert everything_stored() == seeded


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip", "x"])
def test_a_compressed_body_is_refused(client, api, seeded, coding):
    raw = gzip.compress(b'{"username":"al"}')
    refused(send(client, api, "PATCH", "users/alice", raw, **{"Content-Encoding": coding}), 415, "invalid_request")
    assert everything_stored() == seeded


# What a single text field may be, in place of what it should be.
VALUES = [0, -1, 1.5, 1e300, True, False, [], [[]], ["x"], {}, {"a": {"b": 1}}, "x" * 70_000]
TEXT_FIELDS = {
    "users/alice/actions/pay": "idempotencyKey redirectUrl ipAddress userAgent deviceId scope email phoneNumber "
    "username challengeId locale",
    "users/alice": "email phoneNumber username displayName locale defaultVerificationMethod",
    "users/alice/authenticators": "verificationMethod email phoneNumber otpUri credentialId credentialPublicKey name",
    "challenge": "verificationMethod action challengeId idempotencyKey userId email phoneNumber smsChannel locale "
    "deviceId ipAddress userAgent scope",
    "verify": "challengeId verificationCode",
    "claim": "challengeId userId",
    "challenges": "challengeId userId action verificationMethod",
    "validate": "userId action",
}
VALID = {
    "users/alice/authenticators": {"verificationMethod": "SMS", "phoneNumber": "+6427000000"},
    "challenge": {"action": "pay", "email": "a@b.example"},
    "verify": {"challengeId": "x", "verificationCode": "1"},
    "claim": {"challengeId": "x", "userId": "alice"},
    "challenges": {"userId": "alice"},
}


@pytest.mark.parametrize("path", TEXT_FIELDS)
def test_no_text_field_takes_anything_but_text(api, path):
    before = everything_stored()
    for name in TEXT_FIELDS[path].split():
        for value in VALUES:
            answer = api("POST", path, VALID.get(path, {}) | {name: value})
            assert answer.status_code in (400, 413), (name, value, answer.body)
            refused(answer, answer.status_code, "invalid_request")
    assert everything_stored() == before


STRANGE = [
    "\u202emoc.live\u202d",
    "\u200b\u200c\u200d\ufeff",
    "e\u0301",
    "\u00e9",
    "\U0001f98a" * 20,
    "\U0010ffff\ufffe",
    "a\tb\nc\r\n",
    "'; DROP TABLE actions_action; --",
    "%s %(x)s {0} ${x} {{x}} {% x %}",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "\x85\x9f",
    "NULL",
    " ",
    "=cmd|' /C calc'!A0",
]


@pytest.mark.parametrize("text", STRANGE)
def test_strange_text_comes_back_as_it_was_sent_or_is_refused(api, text):
    body = {"username": text, "displayName": text, "custom": {text[:64]: text, "list": [text]}, "locale": text[:35]}
    answer = ok(api("PATCH", "users/alice", body))
    assert {name: answer[name] for name in body} == body
    assert ok(api("GET", "users/alice"))["username"] == text
    ok(api("POST", "users/alice/actions/pay", {"userAgent": text, "username": text, "custom": {"x": text}}))
    for field in ("email", "phoneNumber", "ipAddress", "redirectUrl", "scope"):
        if text.strip():
            refused(api("POST", "users/alice/actions/pay", {field: text}), 400, "invalid_request")


def test_forms_of_one_letter_are_different_users(api):
    ok(api("PATCH", "users/e%CC%81", {"username": "decomposed"}))
    ok(api("PATCH", "users/%C3%A9", {"username": "composed"}))
    assert EndUser.objects.count() == 2
    assert ok(api("GET", "users/%C3%A9"))["username"] == "composed"


def test_numbers_are_kept_as_they_were_sent(client, api):
    raw = b'{"custom":{"a":1e299,"b":-0.0,"c":123456789012345678901234567890,"d":1e-400,"e":0.1}}'
    answer = ok(send(client, api, "PATCH", "users/alice", raw))
    assert answer["custom"] == {"a": 1e299, "b": 0, "c": 123456789012345678901234567890, "d": 0, "e": 0.1}
    ok(send(client, api, "POST", "users/alice/actions/pay", raw))


# -- methods, hosts, queries ---------------------------------------------------------------------

METHODS = ["TRACE", "PROPFIND", "CONNECT", "PUT", "LINK", "G\u00c9T", "X" * 300, "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
def test_an_odd_method_is_not_offered(client, api, seeded, method):
    for path in ("users/alice", "users/alice/actions/pay", "validate", "users/alice/devices/d"):
        answer = send(client, api, method, path, b'{"username":"al"}')
        assert answer.status_code == 404, (method, path, answer.body)
    assert everything_stored() == seeded


def test_a_method_is_not_overridden_by_a_header_or_field(client, api, seeded):
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        ok(send(client, api, "GET", "users/alice?_method=DELETE", b"", **{header: "DELETE"}))
    assert everything_stored() == seeded


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "a b", "[", "\u00fc", "x" * 300, "*"]
)
def test_a_host_that_is_not_ours_is_refused(client, api, seeded, host):
    refused(send(client, api, "POST", "users/alice/actions/pay", b"{}", Host=host), 400, "invalid_request")
    assert everything_stored() == seeded


def test_links_never_take_their_host_from_the_request(client, api):
    headers = {"Host": "127.0.0.1", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answer = ok(send(client, api, "POST", "users/alice/actions/pay", b"", **headers))
    assert answer["url"].startswith("http://localhost:8000/challenge?token=")


def test_a_hundred_thousand_query_parameters_are_refused(client, api):
    many = "&".join(f"p{number}=1" for number in range(100_000))
    for path in ("users", "users/alice/actions", "challenges"):
        refused(send(client, api, "GET", f"{path}?{many}", b""), 400, "invalid_request")


def test_the_last_of_repeated_query_parameters_counts_and_unknown_ones_do_not(api):
    ok(api("PATCH", "users/alice", {"username": "al"}))
    found = ok(api("GET", "users?username=other&username=al&x[]=1&__proto__=2&%00=3"))
    assert [user["userId"] for user in found["users"]] == ["alice"]


# -- the Client API takes a body as strictly -----------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "challenge",
        "user-authenticators/email-otp",
        "verify/totp",
        "user-authenticators/passkey",
        "verify/passkey",
        "verify/id-token",
        "challenge/identity-check",
    ],
)
def test_a_browsers_body_is_read_as_strictly(client, api, browser, path):
    token = ok(api("POST", "users/alice/actions/pay"))["token"]
    before = everything_stored()
    for raw in set(NOT_JSON) - {b"null"}:
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post(f"/v1/client/{path}", raw, content_type="application/json", headers=headers)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/json"), raw
    assert everything_stored() == before


def test_a_deep_credential_is_refused_before_it_is_looked_at(api, browser):
    token = ok(api("POST", "users/alice/actions/pay"))["token"]
    deep = json.loads("[" * 23 + "]" * 23)
    body = {"registrationCredential": deep, "authenticationCredential": deep, "challengeId": "x"}
    refused(browser("POST", "user-authenticators/passkey", body, token=token), 400, "invalid_request")
    body["registrationCredential"] = [deep]
    refused(browser("POST", "user-authenticators/passkey", body, token=token), 400, "invalid_request")
