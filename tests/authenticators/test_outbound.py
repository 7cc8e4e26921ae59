"""The guard of requests to addresses that a tenant chose."""

import socket
import ssl
import threading
import time
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsignal_portal import outbound
from tests.authenticators.peers import NAME, TalkingServer, names

# Ways to write this machine, its networks and what only it can reach.
SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "10.0.0.1",
    "10.1",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.1",
    "0xc0a80001",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "100.64.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2002:c0a8:1::1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2001:0:7f00:1:0:0:808:808]",
    "[2001:0:808:808:0:0:80ff:fffe]",
    "[2600::5efe:127.0.0.1]",
    "[2600::200:5efe:a9fe:a9fe]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2002:808:808::1", "64:ff9b::808:808", "::ffff:8.8.8.8"]


class Sink:
    """Counts who connects to any address of this machine at its port."""

    def __init__(self):
        self.socket = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self.socket.getsockname()[1]
        self.reached = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.socket.accept()[0].close()
            except OSError:
                return
            self.reached += 1


@pytest.fixture
def sink(monkeypatch):
    sink = Sink()
    monkeypatch.setattr(outbound, "WEB_PORTS", frozenset({443, 8443, sink.port}))
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.5)
    yield sink
    sink.socket.close()


@pytest.fixture
def allowed(settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]


def connections(monkeypatch):
    """Where connections would go; none does."""
    tried = []

    def connect(address, *_args):
        tried.append(address)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_an_inner_address_is_reached(sink, host):
    with pytest.raises(outbound.OutboundError):
        outbound.post(f"https://{host}:{sink.port}/", b"{}", {})
    assert sink.reached == 0


def test_there_are_sixty_spellings_and_they_are_refused_for_the_address():
    assert len(set(SPELLINGS)) >= 60
    refused = []
    for host in SPELLINGS:
        with pytest.raises(outbound.OutboundError) as caught:
            outbound.post(f"https://{host}/", b"{}", {})
        refused.append(isinstance(caught.value, outbound.Refused) or caught.value.reason == "the name has no address")
    assert all(refused)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_public(text):
    assert outbound.is_public(ip_address(text))


@given(st.ip_addresses(v=4).filter(lambda address: not outbound.is_public(address)), st.sampled_from(range(5)))
def test_an_inner_address_is_found_in_whatever_it_is_hidden(inner, way):
    number = int(inner)
    hidden = [
        (0xFFFF << 32) | number,
        number,
        (0x2002 << 112) | (number << 80) | 1,
        (0x64FF9B << 96) | number,
        (0x2600 << 112) | (0x5EFE << 32) | number,
    ]
    address = ip_address(hidden[way].to_bytes(16))
    assert not outbound.is_public(address)


def test_one_inner_address_among_public_ones_forbids_the_name(monkeypatch):
    names(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    tried = connections(monkeypatch)
    with pytest.raises(outbound.Refused):
        outbound.post(f"https://{NAME}/", b"{}", {})
    assert not tried


def test_a_name_is_asked_for_once_and_the_judged_address_is_the_one_connected_to(monkeypatch):
    """Else the second answer of a rebinding name server would be another than the first, which was judged."""
    asked = names(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    tried = connections(monkeypatch)
    with pytest.raises(outbound.OutboundError):
        outbound.post(f"https://{NAME}/", b"{}", {})
    assert asked == [NAME]
    assert tried == [("8.8.8.8", 443)]


def test_a_redirect_is_an_answer_and_is_not_followed(httpserver, allowed):
    httpserver.expect_request("/hook").respond_with_data(
        "", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"}
    )
    answer = outbound.post(httpserver.url_for("/hook"), b"{}", {})
    assert answer.status == 302
    assert len(httpserver.log) == 1


def test_what_the_operator_allows_is_reached_by_http_on_any_port(httpserver, allowed):
    httpserver.expect_request("/hook", method="POST", query_string="a=1").respond_with_data("fine")
    answer = outbound.post(httpserver.url_for("/hook?a=1"), b'{"x":1}', {"X-Test": "y"})
    assert (answer.status, answer.body) == (200, b"fine")
    request = httpserver.log[0][0]
    assert (request.get_data(), request.headers["X-Test"]) == (b'{"x":1}', "y")
    assert request.headers["Host"] == f"{httpserver.host}:{httpserver.port}"


def test_other_networks_stay_closed_when_one_is_allowed(sink, allowed):
    with pytest.raises(outbound.Refused):
        outbound.post(f"https://10.0.0.1:{sink.port}/", b"{}", {})
    assert outbound.is_allowed(ip_address("::ffff:127.0.0.1"))
    assert not outbound.is_allowed(ip_address("::1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "https://8.8.8.8:80/",
        "https://8.8.8.8:22/",
        "https://user@8.8.8.8/",
        "https://8.8.8.8@127.0.0.1/",
        "https://8.8.8.8/#fragment",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "gopher://8.8.8.8/",
        "javascript:alert(1)",
        "https://",
        "//8.8.8.8/",
        "https://8.8.8.8:99999/",
        "https://8.8.8.8\\@127.0.0.1/",
        "https://8.8.8.8/\r\nX-Injected: yes",
        "https://8.8.8.8/ x",
        "https://①②⑦.⓪.⓪.①/",
        "",
    ],
)
def test_only_plain_https_addresses_on_web_ports_are_taken(monkeypatch, url):
    tried = connections(monkeypatch)
    with pytest.raises(outbound.Refused):
        outbound.post(url, b"{}", {})
    with pytest.raises(outbound.Refused):
        outbound.check_url(url)
    assert not tried


def test_an_answer_that_trickles_is_left_in_time(allowed, monkeypatch):
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=trickle, args=(server,), daemon=True).start()
        started = time.monotonic()
        with pytest.raises(outbound.OutboundError) as caught:
            outbound.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
    assert time.monotonic() - started < 2
    assert caught.value.sent


def trickle(server):
    connection, _address = server.accept()
    with connection:
        for _ in range(100):
            try:
                connection.sendall(b"H")
            except OSError:
                return
            time.sleep(0.05)


def test_an_endless_answer_is_cut_off(httpserver, allowed):
    httpserver.expect_request("/").respond_with_data(b"x" * (outbound.MAX_ANSWER_BYTES + 1))
    with pytest.raises(outbound.OutboundError) as caught:
        outbound.post(httpserver.url_for("/"), b"{}", {})
    assert caught.value.sent


def test_no_connection_means_that_nothing_was_sent(allowed):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(outbound.OutboundError) as caught:
        outbound.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert not caught.value.sent


def test_a_peer_that_hangs_up_may_have_read_the_request(allowed):
    with TalkingServer("") as server, pytest.raises(outbound.OutboundError) as caught:
        outbound.post(f"http://127.0.0.1:{server.port}/", b"{}", {})
    assert caught.value.sent


# -- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trusted", "works"), [(True, True), (False, False)])
def test_the_certificate_must_be_of_the_name_and_trusted(monkeypatch, certificate, allowed, trusted, works):
    context = ssl.create_default_context(cafile=str(certificate) if trusted else None)
    monkeypatch.setattr(outbound, "_tls", lambda: context)
    names(monkeypatch, ["127.0.0.1"])
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    with TlsServer(server_side) as server:
        outcomes = [reached(f"https://{name}:{server.port}/") for name in (NAME, "127.0.0.1")]
    assert outcomes == [200 if works else "no secure connection", "no secure connection"]


def reached(url):
    try:
        return outbound.post(url, b"{}", {}).status
    except outbound.OutboundError as error:
        return error.reason


class TlsServer:
    """Answers each request with 200."""

    def __init__(self, context):
        self.context, self.socket = context, socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_all):
        self.socket.close()

    def serve(self):
        while True:
            try:
                plain = self.socket.accept()[0]
            except OSError:
                return
            with plain:
                try:
                    with self.context.wrap_socket(plain, server_side=True) as secure:
                        # All of it: the body comes by itself, and what is left unread would reset the answer.
                        heard = b""
                        while not heard.endswith(b"{}"):
                            heard += secure.recv(65536) or b"{}"
                        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    continue


def test_names_that_are_never_answered_for_keep_nobody_else_waiting(monkeypatch):
    answered = threading.Event()
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]

    def look_up(host, *_args, **_kwargs):
        if host.endswith(".silent.example"):
            answered.wait(30)
        return public

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.1)
    try:
        # One tenant's sender, asked for by each of its messages, and some more names of theirs.
        for name in ["hook"] * 30 + [f"other-{number}" for number in range(10)]:
            with pytest.raises(outbound.OutboundError, match="does not answer"):
                outbound.resolve(f"{name}.silent.example", 443)
        assert outbound.resolve("another.example", 443) == [ip_address("8.8.8.8")]
    finally:
        answered.set()


def test_a_name_that_was_silent_is_asked_for_again_once_the_name_server_has_spoken(monkeypatch):
    answered, asked = threading.Event(), []

    def look_up(host, *_args, **_kwargs):
        asked.append(host)
        answered.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"8.8.8.{len(asked)}", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.1)
    for _again in range(3):
        with pytest.raises(outbound.OutboundError, match="does not answer"):
            outbound.resolve("late.example", 443)
    assert asked == ["late.example"]
    answered.set()
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 5)
    outbound.resolve("late.example", 443)
    # Not what it said then: addresses are judged as they are now.
    assert outbound.resolve("late.example", 443) == [ip_address(f"8.8.8.{len(asked)}")]
    assert len(asked) > 1
