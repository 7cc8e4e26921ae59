"""What the fields that have choices take: words of the wire, and what staff read."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from authsignal_portal.vocabulary import AttestationFailureMode, Channel, MagicLinkMode, SmsChannel, VerificationMethod


def method_choices() -> list[tuple[str, str]]:
    return [(m.value, m.value) for m in VerificationMethod]


def channel_choices() -> list[tuple[str, str]]:
    return [(c.value, c.value) for c in Channel]


def sms_channel_choices() -> list[tuple[str, Any]]:
    return [(SmsChannel.DEFAULT, _("SMS first")), (SmsChannel.WHATSAPP, _("WhatsApp first"))]


def magic_link_mode_choices() -> list[tuple[str, Any]]:
    return [
        (MagicLinkMode.NEW_TAB, _("goes on where it began")),
        (MagicLinkMode.ORIGINAL_TAB, _("goes on in the link's tab")),
    ]


def attestation_failure_mode_choices() -> list[tuple[str, Any]]:
    return [
        (AttestationFailureMode.BLOCK, _("refused")),
        (AttestationFailureMode.ALLOW_WITH_WARNING, _("enrolled with a warning")),
    ]
