"""Portal fields of what a tenant asks of passkeys and security keys."""

import re
from typing import Any, Final

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from authsignal_portal import origins, words
from authsignal_portal.vocabulary import WEBAUTHN
from authsignal_portal.vocabulary import VerificationMethod as M
from authsignal_portal.widgets import LinesField

# Base64url of the SHA-256 of an Android app's signing certificate.
APK_ORIGIN: Final = re.compile(r"android:apk-key-hash:[A-Za-z0-9_-]{43}")
VERIFICATION: Final[list[tuple[str, Promise]]] = [
    ("", _("as is usual for the method")),
    ("required", _("required")),
    ("preferred", _("where the device can")),
    ("discouraged", _("not asked for")),
]
ATTACHMENT: Final[list[tuple[str, Promise]]] = [
    ("", _("as the app asks")),
    ("platform", _("this device only")),
    ("cross-platform", _("another device or key only")),
]
HINTS: Final[list[tuple[str, Promise]]] = [
    ("client-device", _("this device")),
    ("hybrid", _("a phone")),
    ("security-key", _("a security key")),
]
# What a user may fall back on. Recovery codes come with any first method.
RECOVERY: Final = [method for method in M if method not in WEBAUTHN and method != M.RECOVERY_CODE]
NAMES: Final = (
    "expected_origins",
    "user_verification",
    "attachment",
    "hints",
    "recovery_methods",
    "disable_enrollment_prompt",
    "enrollment_prompt_days",
)


def fields_of(method: M) -> dict[str, forms.Field]:
    """The fields of this method, by the names of the configuration's columns."""
    if method == M.PASSKEY:
        return {**_common(), "attachment": _attachment(), "hints": _hints(), **_passkeys()}
    if method == M.SECURITY_KEY:
        return _common()
    return {}


def known_origin(text: str) -> None:
    """Raises ValidationError. An origin is compared letter by letter, so it must be written as a browser writes it."""
    if APK_ORIGIN.fullmatch(text):
        return
    try:
        parsed = origins.parse_origin(text)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error
    if parsed != text:
        raise forms.ValidationError(_("write it as %(origin)s") % {"origin": parsed})


def _common() -> dict[str, forms.Field]:
    return {
        "user_verification": forms.ChoiceField(
            label=_("Fingerprint, face or PIN"),
            choices=VERIFICATION,
            required=False,
            help_text=_("Usual: required of a passkey, which then counts as two factors; else where the device can."),
        ),
        "expected_origins": LinesField(
            label=_("Further origins"),
            required=False,
            validators_of_line=[known_origin],
            help_text=_(
                "One per line, besides the app origins: https://<relying party id> for an iOS app, "
                "android:apk-key-hash:… for an Android app. The relying party id is in the tenant settings."
            ),
        ),
    }


def _attachment() -> forms.Field:
    return forms.ChoiceField(label=_("Where passkeys may be made"), choices=ATTACHMENT, required=False)


def _hints() -> forms.Field:
    return _Several(label=_("What browsers should offer first"), choices=HINTS)


def _passkeys() -> dict[str, forms.Field]:
    return {
        "recovery_methods": _Several(
            label=_("Needed first, one of"), choices=[(method.value, words.METHODS[method]) for method in RECOVERY]
        ),
        "disable_enrollment_prompt": forms.BooleanField(
            label=_("Do not offer a passkey after each challenge"), required=False
        ),
        "enrollment_prompt_days": _Days(
            label=_("Days until a passkey is offered again"),
            required=False,
            min_value=0,
            max_value=365,
            help_text=_("After “not now”. 0: with every challenge. Rules and actions may ask even where it is off."),
        ),
    }


class _Several(forms.MultipleChoiceField):
    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)


class _Days(forms.IntegerField):
    def clean(self, value: Any) -> int:
        return super().clean(value) or 0
