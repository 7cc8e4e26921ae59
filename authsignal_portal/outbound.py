"""Requests to addresses that a tenant chose: they reach the public internet, and nothing of the operator's own.

A name is resolved once, every address it has is judged by its number (with the IPv4 addresses that IPv6 can hide),
and the connection goes to the address that was judged, under the name for TLS. Redirects are not followed, proxies of
the environment are not used. `OUTBOUND_ALLOWED_NETWORKS` names networks of the operator's that may be reached as well,
there by http and on any port too; not where `public_only` is asked for: who names such an address is nobody's tenant.
"""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

CONNECT_SECONDS = 3.0
# Everything, the look-up of the name included.
TOTAL_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
# Names that are asked for at a time.
MOST_LOOK_UPS = 32
WEB_PORTS = frozenset({443, 8443})

Address = IPv4Address | IPv6Address

# Beyond what `ipaddress` calls private: shared, relayed, for tests, for translation within a site.
NEVER = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
]
NAT64 = ip_network("64:ff9b::/96")
COMPATIBLE = ip_network("::/96")
ISATAP = {0x00005EFE, 0x02005EFE}


class OutboundError(Exception):
    """`reason`: our words. `sent`: the request may have arrived although no answer did."""

    def __init__(self, reason: str, *, sent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.sent = reason, sent


class Refused(OutboundError):
    """The address is none that may be reached."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: a name, and the addresses that it had when they were judged."""

    host: str
    port: int
    addresses: tuple[Address, ...]


def post(url: str, body: bytes, headers: Mapping[str, str], *, public_only: bool = False) -> Answer:
    """One POST. Raises Refused, OutboundError."""
    return _exchange("POST", url, body, headers, public_only=public_only)


def get(url: str, headers: Mapping[str, str]) -> Answer:
    """One GET. Raises Refused, OutboundError."""
    return _exchange("GET", url, None, headers)


def _exchange(
    verb: str, url: str, body: bytes | None, headers: Mapping[str, str], *, public_only: bool = False
) -> Answer:
    until = time.monotonic() + TOTAL_SECONDS
    target, path, is_tls = _target(url, public_only=public_only)
    with closing(_open(target, until, is_tls=is_tls)) as stream:
        connection = http.client.HTTPConnection(target.host, target.port)
        # What is left out of the Host header.
        connection.default_port = 443 if is_tls else 80
        connection.sock = _Hurried(stream, until)
        try:
            connection.request(verb, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, _read(response), dict(response.getheaders()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise OutboundError("no answer after the request was sent", sent=True) from error


def check_url(url: str, *, public_only: bool = False) -> None:
    """Whether a URL could be one to post to, without asking a name server. Raises Refused."""
    host, port, is_tls = _parts(url)
    literal = _literal(host)
    may_be_allowed = bool(settings.OUTBOUND_ALLOWED_NETWORKS) and not public_only
    if literal is not None:
        _judge([literal], port, is_tls=is_tls, public_only=public_only)
    elif not is_tls and not may_be_allowed:
        raise Refused("the address must begin with https://")
    elif is_tls and port not in WEB_PORTS and not may_be_allowed:
        raise Refused("only the ports 443 and 8443 can be reached")


def _target(url: str, *, public_only: bool) -> tuple[Target, str, bool]:
    host, port, is_tls = _parts(url)
    parts = urlsplit(url)
    addresses = resolve(host, port)
    _judge(addresses, port, is_tls=is_tls, public_only=public_only)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port, tuple(addresses)), path, is_tls


def _parts(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether it is https. Raises Refused for what is no plain web address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("this is not a web address") from error
    is_plain = url.isascii() and url.isprintable() and not set(' \\"<>^`{|}') & set(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or not is_plain:
        raise Refused("this is not a web address")
    if "@" in parts.netloc or parts.fragment:
        raise Refused("the address must have no user name and no fragment")
    return parts.hostname, port or (443 if parts.scheme == "https" else 80), parts.scheme == "https"


# -- names and numbers ---------------------------------------------------------------------------


class Resolvers:
    """The threads that ask name servers: a silent one must not hold up a worker.

    Nothing ends a question but its answer. A name that somebody asks for already is not asked for twice, so that all
    messages of one tenant hold one thread, and others' names find a free one.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=MOST_LOOK_UPS, thread_name_prefix="resolve")
        self._asked: dict[tuple[str, int], Future[Any]] = {}
        self._lock = threading.Lock()

    def ask(self, host: str, port: int) -> Future[Any]:
        with self._lock:
            self._asked = {name: asked for name, asked in self._asked.items() if not asked.done()}
            if (host, port) not in self._asked:
                asked = self._threads.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
                self._asked[host, port] = asked
            return self._asked[host, port]


@lru_cache(maxsize=1)
def _resolvers() -> Resolvers:
    """Made after the fork, by whoever needs it first."""
    return Resolvers()


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a name, asked for once. Raises OutboundError."""
    asked = _resolvers().ask(host, port)
    try:
        found = asked.result(timeout=CONNECT_SECONDS)
    except TooLate as error:
        raise OutboundError("the name server does not answer") from error
    except (OSError, UnicodeError) as error:
        raise OutboundError("the name has no address") from error
    addresses = list(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))
    if not addresses:
        raise OutboundError("the name has no address")
    return addresses


def _literal(host: str) -> Address | None:
    """The address that a host is written as, in any of the spellings that the C library takes; else None."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return ip_address(str(found[0][4][0]))
    except (OSError, ValueError):
        return None


def _judge(addresses: list[Address], port: int, *, is_tls: bool, public_only: bool) -> None:
    """One forbidden address forbids the name. Raises Refused."""
    if not public_only and all(is_allowed(address) for address in addresses):
        return
    if not is_tls:
        raise Refused("the address must begin with https://")
    if port not in WEB_PORTS:
        raise Refused("only the ports 443 and 8443 can be reached")
    judge_public(addresses, public_only=public_only)


def judge_public(addresses: list[Address], *, public_only: bool = False) -> None:
    """Raises Refused where one is neither public nor allowed by the operator."""
    if not all(is_public(address) or (is_allowed(address) and not public_only) for address in addresses):
        raise Refused("the name leads to an address that is not public")


def is_allowed(address: Address) -> bool:
    """In one of the operator's networks that may be reached, itself or by an IPv4 address that it stands for."""
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    return any(plain.version == one.version and plain in one for one in settings.OUTBOUND_ALLOWED_NETWORKS)


def is_public(address: Address) -> bool:
    return _is_public_itself(address) and all(map(_is_public_itself, embedded(address)))


def _is_public_itself(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped):
        return address.scope_id is None  # the IPv4 address inside decides
    special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    if isinstance(address, IPv6Address) and address in NAT64:
        return True  # likewise
    if special or address.is_link_local or address.is_private or not address.is_global:
        return False
    return not any(address.version == one.version and address in one for one in NEVER)


def embedded(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for: mapped, compatible, 6to4, NAT64, Teredo, ISATAP."""
    if not isinstance(address, IPv6Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    low = int(address) & 0xFFFFFFFF
    if address in NAT64 or address in COMPATIBLE or (int(address) >> 32) & 0xFFFFFFFF in ISATAP:
        yield IPv4Address(low)


# -- the connection ------------------------------------------------------------------------------


def connect(target: Target, until: float) -> socket.socket:
    """A connection to the first address that takes one; the name is not asked again. Raises OutboundError."""
    for address in target.addresses:
        left = min(CONNECT_SECONDS, until - time.monotonic())
        if left <= 0:
            break
        try:
            return socket.create_connection((str(address), target.port), left)
        except OSError:
            continue
    raise OutboundError("no connection")


def _open(target: Target, until: float, *, is_tls: bool) -> socket.socket:
    plain = connect(target, until)
    if not is_tls:
        return plain
    try:
        plain.settimeout(max(0.001, min(CONNECT_SECONDS, until - time.monotonic())))
        return _tls().wrap_socket(plain, server_hostname=target.host)
    except (OSError, ValueError) as error:
        plain.close()
        raise OutboundError("no secure connection") from error


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Hurried:
    """What `http.client` takes for a socket: every step has only the time that is left. Closed by its owner."""

    def __init__(self, stream: socket.socket, until: float) -> None:
        self.stream, self.until = stream, until

    def hurry(self) -> socket.socket:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request takes too long")
        self.stream.settimeout(left)
        return self.stream

    def sendall(self, data: Any) -> None:
        self.hurry().sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """`http.client` says so before the answer is read."""


class _Incoming(io.RawIOBase):
    def __init__(self, peer: _Hurried) -> None:
        self.peer = peer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.peer.hurry().recv_into(buffer)


def _read(response: http.client.HTTPResponse) -> bytes:
    body = response.read(MAX_ANSWER_BYTES + 1)
    if len(body) > MAX_ANSWER_BYTES:
        raise OutboundError("the answer does not end", sent=True)
    return body
