"""Email by SMTP: what arrives, and what every answer means."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from ipaddress import ip_network

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from authenticators.messaging import email as email_provider
from authenticators.models import MessageProvider
from tests.authenticators.peers import IDENT, NAME, TalkingServer, free_port, make_email, names, refusal


class Inbox:
    """An SMTP handler that answers as it is told: `replies` maps a command to its reply."""

    def __init__(self, **replies: str) -> None:
        self.replies, self.mails = replies, []

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return self.replies.get("mail", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "rcpt" not in self.replies:
            envelope.rcpt_tos.append(address)
        return self.replies.get("rcpt", "250 OK")

    async def handle_DATA(self, server, session, envelope):
        if "data" not in self.replies:
            self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.replies.get("data", "250 queued")


@contextmanager
def mail_server(settings, handler: Inbox, **options):
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    try:
        yield
    finally:
        controller.stop()


def test_an_email_arrives_as_text_and_html_with_our_id(settings):
    settings.DEFAULT_FROM_EMAIL = "Acme <no-reply@auth.example.com>"
    inbox = Inbox()
    with mail_server(settings, inbox):
        ident = email_provider.Smtp().send(make_email())
    ((sender, recipients, content),) = inbox.mails
    assert (sender, recipients) == ("no-reply@auth.example.com", ["alice@example.com"])
    mail = message_from_bytes(content, policy=policy.default)
    assert mail["Message-ID"] == ident == f"<{IDENT}@auth.example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == "Your Acme verification code"
    assert mail["From"] == "Acme <no-reply@auth.example.com>"
    assert mail["To"] == "alice@example.com"
    assert mail.get_body(("plain",)).get_content().strip() == "Your code: 123456 – grüße"
    assert mail.get_body(("html",)).get_content().strip() == "<p>123456</p>"


@pytest.mark.parametrize(
    ("command", "reply", "permanent"),
    [
        ("rcpt", "550 5.1.1 no such user alice@example.com", True),
        ("rcpt", "450 4.2.1 mailbox busy alice@example.com", False),
        ("rcpt", "421 shutting down", False),
        ("mail", "553 sender refused", True),
        ("mail", "451 local error", False),
        ("data", "554 looks like spam alice@example.com", True),
        ("data", "452 no space", False),
    ],
)
def test_an_smtp_refusal_is_for_good_or_for_now(settings, command, reply, permanent):
    inbox = Inbox(**{command: reply})
    with mail_server(settings, inbox):
        error = refusal(email_provider.Smtp(), make_email())
    assert (error.reason, error.permanent) == (f"smtp {reply[:3]}", permanent)
    assert "alice" not in f"{error!r} {error.__cause__!r}"
    assert not inbox.mails


def test_wrong_credentials_are_for_the_operator_to_mend(settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "us", "wrong"
    options = {"auth_require_tls": False, "authenticator": lambda *_all: AuthResult(success=False, handled=False)}
    with mail_server(settings, Inbox(), **options):
        error = refusal(email_provider.Smtp(), make_email())
    assert (error.reason, error.permanent) == ("smtp 535", False)


def test_no_mail_server_is_a_passing_failure(settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert not refusal(email_provider.Smtp(), make_email()).permanent


@pytest.mark.parametrize("to", ["alice@example.com\nBcc: eve@example.com", "@"])
def test_a_malformed_address_is_a_lasting_failure_and_reaches_no_server(settings, to):
    inbox = Inbox()
    with mail_server(settings, inbox):
        error = refusal(email_provider.Smtp(), make_email(to=to))
    assert error.permanent
    assert not inbox.mails


POLITE = ("220 hello", "250 hello", "250 sender", "250 recipient", "354 go on")


@pytest.mark.parametrize(("lines", "permanent"), [(POLITE[:1], False), (POLITE[:4], True), (POLITE, True)])
def test_a_connection_lost_after_handing_over_is_not_tried_again(settings, lines, permanent):
    """The server may have the message; only a killed worker excuses a second copy."""
    with TalkingServer(*lines) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        error = refusal(email_provider.Smtp(), make_email())
    assert error.permanent == permanent


def test_a_mail_server_that_hangs_is_left_in_time(settings, monkeypatch):
    monkeypatch.setattr(email_provider, "TOTAL_SECONDS", 0.5)
    with TalkingServer(*POLITE[:2], then=20) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        started = time.monotonic()
        error = refusal(email_provider.Smtp(), make_email())
        assert time.monotonic() - started < 3
    assert not error.permanent


@contextmanager
def babbling(what: bytes, pause: float):
    """A server that says it again and again, and hears nothing. Gives its port, and how much it said."""
    server, said = socket.create_server(("127.0.0.1", 0)), [0]

    def talk() -> None:
        connection, _address = server.accept()
        with connection, suppress(OSError):
            until = time.monotonic() + 20
            while time.monotonic() < until:
                connection.sendall(what)
                said[0] += len(what)
                time.sleep(pause)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield server.getsockname()[1], said
    finally:
        server.close()
        thread.join()


@pytest.mark.parametrize(("what", "pause"), [(b"220-still there\r\n", 0.1), (b"2", 0.1)], ids=["lines", "bytes"])
def test_a_mail_server_that_never_comes_to_an_end_is_left_in_time(settings, monkeypatch, what, pause):
    monkeypatch.setattr(email_provider, "TOTAL_SECONDS", 0.5)
    with babbling(what, pause) as (port, _said):
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        started = time.monotonic()
        error = refusal(email_provider.Smtp(), make_email())
        assert time.monotonic() - started < 3
    assert not error.permanent


def test_of_a_mail_server_that_says_a_lot_little_is_read(settings, monkeypatch):
    monkeypatch.setattr(email_provider, "TOTAL_SECONDS", 5)
    with babbling(b"220-" + b"x" * 4000 + b"\r\n", 0) as (port, said):
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        started = time.monotonic()
        refusal(email_provider.Smtp(), make_email())
        assert time.monotonic() - started < 4
    # Besides what the system takes for us.
    assert said[0] < 32 * 1024 * 1024


def test_a_server_that_hangs_up_after_accepting_has_accepted(settings):
    with TalkingServer(*POLITE, "250 queued") as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        assert email_provider.Smtp().send(make_email())
    assert IDENT.encode() in server.heard


# -- a tenant's own server -----------------------------------------------------------------------


def provider_of(acme, port, **fields):
    row = MessageProvider(
        tenant=acme, channel="EMAIL", kind="smtp", host=NAME, port=port, sender="Acme <no-reply@acme.example>", **fields
    )
    return email_provider.Smtp.of(row)


@contextmanager
def tls_server(certificate, handler):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def test_a_tenants_server_gets_the_mail_over_tls_under_its_own_name(acme, settings, monkeypatch, certificate):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    names(monkeypatch, ["127.0.0.1"])
    inbox = Inbox()
    with tls_server(certificate, inbox) as port:
        assert provider_of(acme, port).send(make_email()) == f"<{IDENT}@acme.example>"
    [(sender, recipients, _content)] = inbox.mails
    assert (sender, recipients) == ("no-reply@acme.example", ["alice@example.com"])


def test_a_tenants_server_whose_certificate_nobody_knows_gets_nothing(acme, settings, monkeypatch, certificate):
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    names(monkeypatch, ["127.0.0.1"])
    inbox = Inbox()
    with tls_server(certificate, inbox) as port:
        assert not refusal(provider_of(acme, port), make_email()).permanent
    assert not inbox.mails


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_tenants_server_inside_our_network_is_not_reached(acme, monkeypatch, security):
    asked = names(monkeypatch, ["127.0.0.1"])
    with TalkingServer("220 hello") as server:
        error = refusal(provider_of(acme, server.port, security=security), make_email())
        with socket.create_connection(("127.0.0.1", server.port)):
            pass
    assert (error.permanent, error.unsure, asked) == (True, False, [NAME])
