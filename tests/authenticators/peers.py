"""Messages to hand over, and servers to hand them to."""

import contextlib
import socket
import threading
from datetime import UTC, datetime

import pytest

from authenticators.messaging import Outgoing, TransportError
from authsignal_portal.vocabulary import Channel

# A host that only `names` knows, and the certificate of the tests is for.
NAME = "hooks.acme.example"
IDENT = "6f1c3a52-33a4-4c41-9a0e-1f0a3b1b7d11"


def make_email(**values) -> Outgoing:
    given = {
        "ident": IDENT,
        "channel": Channel.EMAIL,
        "at": datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC),
        "to": "alice@example.com",
        "subject": "Your Acme verification code",
        "text": "Your code: 123456 – grüße",
        "html": "<p>123456</p>",
        "code": "123456",
    }
    return Outgoing(**given | values)


def make_sms(**values) -> Outgoing:
    return make_email(**{"channel": Channel.SMS, "to": "+64211234567", "subject": "", "html": ""} | values)


def refusal(provider, message: Outgoing) -> TransportError:
    with pytest.raises(TransportError) as refused:
        provider.send(message)
    return refused.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


class TalkingServer:
    """A server of one connection, written out: sends each line, then waits for what the client says to it."""

    def __init__(self, *lines: str, then: float = 0.0) -> None:
        self.lines, self.then, self.heard = lines, then, b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self.talk)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_all):
        self.closed.set()
        self.thread.join()
        self.socket.close()

    def talk(self) -> None:
        connection, _address = self.socket.accept()
        with connection:
            # Whoever is refused may go without a word.
            with contextlib.suppress(ConnectionError):
                for line in self.lines:
                    connection.sendall(line.encode() + b"\r\n")
                    self.heard += connection.recv(65536)
            if self.then:
                self.closed.wait(self.then)


def names(monkeypatch, *answers):
    """A name server that gives one answer after the other; returns what it was asked."""
    asked = []
    genuine = socket.getaddrinfo

    def ask(host, *args, **kwargs):
        if host != NAME:
            return genuine(host, *args, **kwargs)
        if kwargs.get("flags"):  # not a number
            raise socket.gaierror
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return asked
