"""A browser, an SDK or an attacker before the proxy: requests over TLS, and a WebSocket, byte by byte."""

import base64
import http.client
import json
import os
import socket
import ssl
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

HOST = "mfa.example.com"


class Listening(Protocol):
    """Where nginx listens; its certificate lies in the folder."""

    @property
    def https(self) -> int: ...
    @property
    def folder(self) -> Path: ...


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.text = response.status, response.read().decode()
        self._headers = response.headers

    def all(self, name: str) -> list[str]:
        return self._headers.get_all(name, [])

    def json(self) -> Any:
        assert self.all("Content-Type") == ["application/json"], self.text
        return json.loads(self.text)


class Edge:
    """The https port. `source`: the address that a request comes from."""

    def __init__(self, site: Listening) -> None:
        self.port = site.https
        self.tls = ssl.create_default_context(cafile=str(site.folder / "fullchain.pem"))

    def connected(self, name: str = HOST, source: str = "127.0.0.1") -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(source, 0))
        return self.tls.wrap_socket(plain, server_hostname=name)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        source: str = "127.0.0.1",
    ) -> Answer:
        sent = {"Host": HOST, **(headers or {})}
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body), "application/json"
        connection = http.client.HTTPConnection(HOST)
        connection.sock = self.connected(source=source)
        try:
            connection.request(method, path, body, sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def socket(self, path: str, offered: Sequence[str], headers: Mapping[str, str] | None = None) -> "Socket":
        return Socket(self.connected(), path, offered, headers or {})


class Socket:
    """An open WebSocket (RFC 6455). `status` says what came of the handshake."""

    def __init__(self, wire: ssl.SSLSocket, path: str, offered: Sequence[str], headers: Mapping[str, str]) -> None:
        wire.settimeout(10)
        self.wire, self.stream = wire, wire.makefile("rb")
        lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", "Connection: Upgrade", "Upgrade: websocket"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"]
        lines += [f"{name}: {text}" for name, text in {"Sec-WebSocket-Protocol": ", ".join(offered), **headers}.items()]
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        self.status = int(self.stream.readline().split()[1])
        while self.stream.readline().strip():
            pass

    def send(self, text: str) -> None:
        self.send_frame(0x81, text.encode())

    def send_frame(self, kind: int, raw: bytes, *, announced: int | None = None) -> None:
        """Masked, by zeros, which change nothing. `kind`: 0x81 is a whole text, 0x01 its beginning, 0x00 more of it."""
        size = struct.pack(">Q", len(raw) if announced is None else announced)
        self.wire.sendall(bytes([kind, 0x80 | 127]) + size + bytes(4) + raw)

    def told(self) -> Any:
        """The next message; of a close its code."""
        kind, size = self.stream.read(2)
        if size == 126:
            [size] = struct.unpack(">H", self.stream.read(2))
        raw = self.stream.read(size)
        return struct.unpack(">H", raw[:2])[0] if kind == 0x88 else json.loads(raw)

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *_error: object) -> None:
        self.stream.close()
        self.wire.close()
