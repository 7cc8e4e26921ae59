"""The built-in provider of demo and test settings: one JSON line per message "sent", in OUTBOX_FILE."""

import fcntl
import json
import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from authenticators.messaging.base import Outgoing, TransportError
from authsignal_portal.vocabulary import Channel


class BuiltIn:
    channels = frozenset(Channel) - {Channel.ALARM}

    def send(self, message: Outgoing) -> str:
        if settings.PRODUCTION or not settings.OUTBOX_FILE:
            raise ImproperlyConfigured("The built-in message provider exists in demo and test settings only.")
        try:
            _append(settings.OUTBOX_FILE, line(message))
        except OSError as error:
            raise TransportError(f"outbox file not written: {error.strerror}", permanent=False) from error
        return message.ident


def line(message: Outgoing) -> bytes:
    """`{"channel","to","text","subject"?,"html"?,"code"?,"url"?,"at"}` and a line feed."""
    record = {
        "channel": message.channel.value,
        "to": message.to,
        "text": message.text,
        "subject": message.subject,
        "html": message.html,
        "code": message.code,
        "url": message.url,
        "at": message.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    kept = {key: value for key, value in record.items() if value or key in ("channel", "to", "text", "at")}
    return json.dumps(kept, ensure_ascii=False).encode() + b"\n"


def _append(path: str, data: bytes) -> None:
    """One write under an exclusive lock: a reader never sees half a line of a message that counts as sent."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = os.fstat(descriptor).st_size
        if os.write(descriptor, data) != len(data):
            os.ftruncate(descriptor, before)
            raise OSError(28, "no space left")
    finally:
        os.close(descriptor)
