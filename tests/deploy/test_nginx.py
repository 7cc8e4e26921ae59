"""The product behind `deploy/nginx.conf`, as it is to stand on the internet."""

import contextlib
import http.client
import json
import random
import secrets
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import uuid4

import pytest

from authsignal_portal.vocabulary import VerificationMethod as M
from rules.value_list_csv import MAX_FILE
from tests import make
from tests.deploy.edge import HOST, Answer, Edge
from tests.deploy.site import nginx, served_by_nginx, site_in

SECRET = "s3cr3t-" * 4
HSTS = "max-age=63072000; includeSubDomains; preload"
BODY_OF_4_MB = b'{"a":"' + b"x" * 4_000_000 + b'"}'
LINKS = [
    f"/challenge/link/{SECRET}",
    f"/challenge/link/{SECRET}/",
    f"//challenge//link/{SECRET}",
    f"/challenge/%6Cink/{SECRET}",
    f"/v1/../challenge/link/{SECRET}",
    f"/challenge/link/{SECRET}%0Ax",
    f"/portal/invite/MQ/{SECRET}/",
    f"/challenge?token={SECRET}",
    f"/v1/client/authenticators?token={SECRET}",
    f"/challenge/callback/acme/GOOGLE_ID_TOKEN?code={SECRET}",
]


@pytest.fixture
def ask(live, edge):
    """The API through nginx, with the secret key or a user's token: JSON in, JSON out."""

    def call(method, path, body=None, *, token=""):
        key = f"Bearer {token}" if token else make.basic(live.api_secret_key)
        answer = edge(method, f"/v1/{path}", body, {"Authorization": key})
        assert answer.status == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def alone(tmp_path):
    """nginx with nothing behind it, and less patient."""
    with served_by_nginx(site_in(tmp_path, ("proxy_read_timeout 20s", "proxy_read_timeout 1s"))) as site:
        yield site


def some_address():
    """Of this machine; none that an earlier run asked from."""
    return ".".join(["127", *(str(random.SystemRandom().randint(1, 250)) for _each in range(3))])


def plain(site, path, host=HOST):
    """Over http."""
    connection = http.client.HTTPConnection("127.0.0.1", site.http, timeout=30)
    connection.request("GET", path, headers={"Host": host, "Connection": "close"})
    return connection.getresponse()


def unanswered(answer, status):
    """Nobody knows what was done, so nobody is invited to repeat it."""
    refused(answer, status, "unavailable")
    assert "idempotency key" in answer.json()["errorDescription"]
    assert answer.all("Retry-After") == []


def refused(answer, status, code):
    assert answer.status == status
    assert set(answer.json()) == {"error", "errorCode", "errorDescription"}
    assert answer.json()["error"] == answer.json()["errorCode"] == code


def test_nginx_takes_the_site(tmp_path):
    done = subprocess.run(nginx(site_in(tmp_path), "-t"), capture_output=True, text=True, check=False)
    assert (done.returncode, "[warn]" in done.stderr) == (0, False), done.stderr


# -- what passes through -----------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["alice", "a//b", "a/b", "%2F", "ü ?#", "x/../y"])
def test_an_action_is_tracked_proved_by_a_code_and_validated(ask, live, user):
    path, email = f"users/{quote(user, safe='')}", f"{secrets.token_hex(8)}@acme.example"
    ask("POST", f"{path}/authenticators", {"verificationMethod": "EMAIL_OTP", "email": email})
    tracked = ask("POST", f"{path}/actions/login", {"idempotencyKey": user})
    assert tracked["state"] == "CHALLENGE_REQUIRED"
    token = tracked["token"]
    ask("POST", "client/challenge/email-otp", {}, token=token)
    sent = {"verificationCode": live.code(email)}
    verified = ask("POST", "client/verify/email-otp", sent, token=token)
    valid = ask("POST", "validate", {"token": verified["accessToken"], "userId": user, "action": "login"})
    assert (valid["isValid"], valid["userId"], valid["idempotencyKey"]) == (True, user, user)


def test_a_hosted_page_has_each_of_its_headers_once(ask, edge):
    url = ask("POST", "users/alice/actions/login")["url"]
    assert url.startswith(f"https://{HOST}/challenge?")
    page = edge("GET", url.removeprefix(f"https://{HOST}"))
    assert (page.status, "<html" in page.text) == (200, True)
    assert page.all("Strict-Transport-Security") == [HSTS]
    [policy] = page.all("Content-Security-Policy")
    assert "default-src 'none'" in policy
    for name in ("X-Content-Type-Options", "Referrer-Policy", "Cache-Control", "Content-Type", "Date"):
        assert len(page.all(name)) == 1, name
    assert page.all("Server") == ["nginx"]
    for cookie in page.all("Set-Cookie"):
        assert "__Host-" in cookie
        assert "Secure" in cookie


def test_the_api_and_its_refusals_have_each_header_once(ask, live, edge):
    key = {"Authorization": make.basic(live.api_secret_key)}
    for answer in (
        edge("GET", "/v1/users/alice", None, key),
        edge("GET", "/v1/users/alice"),
        edge("GET", "/v1/nothing"),
    ):
        assert answer.all("Strict-Transport-Security") == [HSTS]
        assert answer.all("Content-Security-Policy") == ["default-src 'none'; frame-ancestors 'none'"]
        assert answer.all("Content-Type") == ["application/json"]
        assert answer.all("Server") == ["nginx"]


@pytest.mark.parametrize("path", ["/ws-v1-challenge", "/api-ws/ws-v1-challenge"])
def test_a_page_shows_a_qr_code_over_a_socket(live, edge, path):
    make.make_configuration(live.tenant, M.QR_CODE)
    offered = ["authsignal-ws", f"x.authsignal.tenant.{live.tenant_id}"]
    with edge.socket(path, offered, {"Origin": live.app_origin}) as page:
        assert page.status == 101
        page.send(json.dumps({"type": "CREATE_CHALLENGE", "data": {"challengeType": "QR_CODE", "actionCode": "login"}}))
        shown = page.told()
        assert (shown["type"], shown["data"]["state"]) == ("CHALLENGE_CREATED", "unclaimed")
        page.send("nonsense")
        assert page.told() == 1008
    with edge.socket(path, offered, {"Origin": "https://elsewhere.example"}) as page:
        assert page.status == 403


@pytest.fixture
def page(live, edge):
    """An open socket of a page that knows its tenant alone."""
    offered = ["authsignal-ws", f"x.authsignal.tenant.{live.tenant_id}"]
    with edge.socket("/ws-v1-challenge", offered) as page:
        yield page


def test_a_message_that_is_too_long_is_refused_when_it_begins(page):
    page.send_frame(0x81, b"", announced=65_537)
    assert page.told() == 1009


def test_a_message_that_is_too_long_in_parts_is_refused_before_its_end(page):
    page.send_frame(0x01, b" " * 40_000)
    # The part that is too much is announced and not sent: whoever sends on into a socket that is being closed may
    # have its connection reset before it reads why (RFC 6455 §7.1.1).
    page.send_frame(0x00, b"", announced=40_000)
    assert page.told() == 1009


def test_a_message_of_the_largest_size_is_read(page):
    page.send_frame(0x81, b" " * 65_536)
    assert page.told() == 1008


def test_a_file_of_the_portals_largest_size_reaches_the_portal(live, edge):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n%b\r\n--x--\r\n'
    page = f"/portal/rules/valuelist/{uuid4()}/import/"
    # By Django, for want of a CSRF token.
    assert edge("POST", page, form % (b"x" * MAX_FILE), headers).status == 403
    assert edge("POST", page, form % BODY_OF_4_MB, headers).status == 413


# -- what does not -----------------------------------------------------------------------------------


def test_a_large_body_is_refused_in_json_by_the_server_or_by_nginx(live, edge):
    headers = {"Authorization": make.basic(live.api_secret_key), "Content-Type": "application/json"}
    by_server = edge("POST", "/v1/validate", BODY_OF_4_MB[:70_000], headers)
    by_nginx = edge("POST", "/v1/validate", BODY_OF_4_MB, headers)
    refused(by_server, 413, "invalid_request")
    refused(by_nginx, 413, "invalid_request")
    assert by_nginx.json() == by_server.json()


def test_a_forged_address_changes_nothing(live, edge):
    """Three wrong keys a minute are judged, of whoever really asks."""
    forger, other = some_address(), some_address()

    def wrong_key(source, **headers):
        sent = {"Authorization": "Basic eDo=", **{name.replace("0", "-"): text for name, text in headers.items()}}
        return edge("GET", "/v1/users/alice", None, sent, source=source).status

    claims = ["X0Forwarded0For", "X_Forwarded_For", "X0Real0IP", "Forwarded", "X0Forwarded0For", "X_Forwarded_For"]
    statuses = [wrong_key(forger, **{name: f"203.0.113.{number}"}) for number, name in enumerate(claims)]
    assert statuses == [401, 401, 401, 429, 429, 429]
    # Nor can it be made to look like somebody else's.
    assert [wrong_key(other, X0Forwarded0For=forger) for _each in range(3)] == [401, 401, 401]


def test_another_host_is_told_nothing(live, site, edge):
    with pytest.raises(ssl.SSLError):
        edge.connected("evil.example")
    for host in ("evil.example", f"{HOST}.evil.example", "127.0.0.1"):
        with pytest.raises(ConnectionError):
            edge("GET", "/v1/users/alice", None, {"Host": host})
        with pytest.raises(ConnectionError):
            plain(site, "/v1/", host)


def test_over_http_pages_are_sent_on_and_the_api_is_not(site):
    page = plain(site, "/challenge?token=x")
    assert (page.status, page.getheader("Location")) == (301, f"https://{HOST}/challenge?token=x")
    api = plain(site, "/v1/users/alice")
    assert (api.status, api.getheader("Location")) == (403, None)
    refused(Answer(api), 403, "invalid_request")


def test_whoever_renews_the_certificate_is_answered_over_http(site):
    places = site.folder / ".well-known" / "acme-challenge"
    places.mkdir(parents=True)
    (places / "token").write_text("answer")
    found = plain(site, "/.well-known/acme-challenge/token")
    assert (found.status, Answer(found).text) == (200, "answer")
    assert plain(site, "/.well-known/acme-challenge/other").status == 404


def test_no_link_and_no_token_stands_in_a_log(live, site, edge, alone):
    for path in LINKS:
        edge("GET", path, None, {"Referer": f"https://{HOST}/challenge?token={SECRET}"})
        edge("POST", path, "x", {"Cookie": f"x={SECRET}"})
        plain(site, path)
        Edge(alone)("GET", path)
    with contextlib.suppress(OSError):  # refused before it is read
        edge("GET", f"/challenge/link/{SECRET}" + "x" * 40_000)
    for here in (site, alone):
        assert "/challenge/link/hidden" in here.logs()
        assert SECRET not in here.logs()


# -- the server is away ------------------------------------------------------------------------------


def test_a_server_that_is_away_is_told_in_json_to_callers_of_the_api(alone):
    edge = Edge(alone)
    for path in ("/v1/validate", "/challenge/api/state"):
        unanswered(edge("POST", path, {}), 502)
    page = edge("GET", "/challenge")
    assert (page.status, page.all("Content-Type")) == (502, ["text/html"])
    assert "nginx/" not in page.text
    with edge.socket("/ws-v1-challenge", ["authsignal-ws"]) as socket:
        assert socket.status == 502


def test_a_server_that_does_not_answer_in_time_is_told_in_json_too(alone):
    with socket.create_server(("127.0.0.1", alone.web)):
        unanswered(Edge(alone)("POST", "/v1/validate", {}), 504)


def test_a_server_that_took_the_call_and_closed_may_have_done_it(alone):
    with socket.create_server(("127.0.0.1", alone.web)) as server, ThreadPoolExecutor() as others:
        taken = others.submit(take_and_close, server)
        unanswered(Edge(alone)("POST", "/v1/users/alice/challenge", {"action": "pay"}), 502)
        assert taken.result().startswith(b"POST /v1/users/alice/challenge ")


def take_and_close(server):
    server.settimeout(10)
    connection, _address = server.accept()
    with connection:
        return connection.recv(65_536)


def test_what_a_limit_of_nginx_refuses_was_not_passed_on_and_may_be_repeated(tmp_path):
    limited = (r"proxy_pass http://authsignal;\n( *error_page 413)", r"return 503;\n\1")
    with served_by_nginx(site_in(tmp_path, limited)) as site:
        answer = Edge(site)("POST", "/v1/validate", {})
    refused(answer, 503, "unavailable")
    assert "Try again" in answer.json()["errorDescription"]
    assert answer.all("Retry-After") == ["2"]


def test_the_files_of_native_apps_are_json(alone):
    assert Edge(alone)("GET", "/.well-known/assetlinks.json").json() == []
