"""Email through an SMTP server, by Django's backend: the deployment's, or a tenant's own."""

import io
import smtplib
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any, Self

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from authenticators.messaging.base import CONNECT_SECONDS, TOTAL_SECONDS, Outgoing, TransportError
from authenticators.models import MessageProvider
from authsignal_portal import outbound
from authsignal_portal.vocabulary import Channel

# Wrong credentials or a refused greeting are for the operator to mend: nothing is wrong with the message.
ABOUT_US = (smtplib.SMTPAuthenticationError, smtplib.SMTPHeloError, smtplib.SMTPConnectError)


# All replies of a talk together, some thirty short lines, have room.
MOST_SAID = 64 * 1024


class _Hurried:
    """Mixed into smtplib's classes: one deadline for the whole talk, and whether the text was handed over."""

    sock: Any
    file: Any
    handed_over = False
    said = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.until = time.monotonic() + TOTAL_SECONDS
        super().__init__(*args, **kwargs)

    def getreply(self) -> tuple[int, bytes]:
        self.hurry()
        if self.file is None:
            self.file = io.BufferedReader(_Replies(self))
        reply: tuple[int, bytes] = super().getreply()  # type: ignore[misc]  # smtplib.SMTP comes next
        return reply

    def hurry(self) -> None:
        """Each step has only the time that is left. Raises TimeoutError."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the mail server takes too long")
        if self.sock is not None:
            self.sock.settimeout(left)

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.handed_over = True
        reply: tuple[int, bytes] = super().data(msg)  # type: ignore[misc]  # as above
        return reply


class _Replies(io.RawIOBase):
    """What the server says. smtplib reads a reply to its end, which one that means us harm never comes to."""

    def __init__(self, talk: _Hurried) -> None:
        self.talk = talk

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.talk.hurry()
        read: int = self.talk.sock.recv_into(buffer)
        self.talk.said += read
        if self.talk.said > MOST_SAID:
            raise OSError("the mail server says too much")
        return read


class HurriedSmtp(_Hurried, smtplib.SMTP):
    pass


class HurriedSmtpSsl(_Hurried, smtplib.SMTP_SSL):
    pass


class _Judged:
    """Mixed in for a tenant's server: the name is resolved once, and the connection goes to what was judged."""

    until: float

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        addresses = outbound.resolve(host, port)
        outbound.judge_public(addresses)
        sock = outbound.connect(outbound.Target(host, port, tuple(addresses)), self.until)
        sock.settimeout(timeout)
        if isinstance(self, smtplib.SMTP_SSL):
            return self.context.wrap_socket(sock, server_hostname=host)
        return sock


class JudgedSmtp(_Judged, HurriedSmtp):
    pass


class JudgedSmtpSsl(_Judged, HurriedSmtpSsl):
    pass


class Backend(EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return HurriedSmtpSsl if self.use_ssl else HurriedSmtp


class JudgedBackend(EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return JudgedSmtpSsl if self.use_ssl else JudgedSmtp


@dataclass(frozen=True, slots=True)
class Smtp:
    """Of a tenant's server, or without one of the deployment's."""

    server: dict[str, Any] | None = field(default=None, repr=False)
    sender: str = ""
    channels = frozenset({Channel.EMAIL})

    @classmethod
    def of(cls, row: MessageProvider) -> Self:
        is_tls = row.security == MessageProvider.Security.TLS
        server = {
            "host": row.host,
            "port": row.port,
            "username": row.account,
            "password": row.secret or "",
            "use_ssl": is_tls,
            "use_tls": not is_tls,
        }
        return cls(server, row.sender)

    def send(self, message: Outgoing) -> str:
        mail = mail_of(message, self.sender or settings.DEFAULT_FROM_EMAIL)
        server = self.server
        backend = JudgedBackend(timeout=CONNECT_SECONDS, **server) if server else Backend(timeout=CONNECT_SECONDS)
        try:
            backend.open()
            backend.send_messages([mail])
        except (smtplib.SMTPException, OSError) as error:
            raise failure(error, handed_over=getattr(backend.connection, "handed_over", False)) from None
        except outbound.OutboundError as error:
            raise TransportError(f"smtp: {error.reason}", permanent=isinstance(error, outbound.Refused)) from None
        except ValueError:
            # Django refuses to write such a header or address.
            raise TransportError("smtp: the address or a header is malformed", permanent=True) from None
        finally:
            # What goes wrong after the server took the message is no failure.
            with suppress(smtplib.SMTPException, OSError):
                backend.close()
        return str(mail.extra_headers["Message-ID"])


def mail_of(message: Outgoing, sender: str) -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=sender,
        to=[message.to],
        headers={"Message-ID": f"<{message.ident}@{_domain(sender)}>", "Auto-Submitted": "auto-generated"},
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def failure(error: Exception, *, handed_over: bool) -> TransportError:
    """What an exception of smtplib means. Its text may quote the address, so only the code is kept."""
    code = _reply_code(error)
    if code:
        return TransportError(f"smtp {code}", permanent=_is_refusal(error, code))
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return TransportError("smtp: the server cannot do what this address needs", permanent=True)
    if handed_over:
        return TransportError("smtp: no answer after the message was handed over", permanent=True, unsure=True)
    return TransportError(f"smtp: {type(error).__name__}", permanent=False)


def _reply_code(error: Exception) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(code for code, _text in error.recipients.values())
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0


def _is_refusal(error: Exception, code: int) -> bool:
    return 500 <= code <= 599 and not isinstance(error, ABOUT_US)
