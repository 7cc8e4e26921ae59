"""The product's words as the portal's readers know them."""

import re
from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from authsignal_portal.vocabulary import ActionState, Channel, DevicePlatform, Outcome, VerificationMethod

METHODS: Final[Mapping[str, Promise | str]] = {
    VerificationMethod.PASSKEY: _("Passkey"),
    VerificationMethod.SECURITY_KEY: _("Security key"),
    VerificationMethod.AUTHENTICATOR_APP: _("Authenticator app"),
    VerificationMethod.EMAIL_OTP: _("Code by email"),
    VerificationMethod.EMAIL_MAGIC_LINK: _("Link by email"),
    VerificationMethod.SMS: _("Code by SMS"),
    VerificationMethod.WHATSAPP: _("Code by WhatsApp"),
    VerificationMethod.PUSH: _("Push"),
    VerificationMethod.QR_CODE: _("QR code"),
    VerificationMethod.IN_APP: _("In the app"),
    VerificationMethod.APPLE_ID_TOKEN: _("Sign in with Apple"),
    VerificationMethod.GOOGLE_ID_TOKEN: _("Sign in with Google"),
    VerificationMethod.OIDC_PROVIDER: _("Your identity provider"),
    VerificationMethod.VERIFF: "Veriff",
    VerificationMethod.IPROOV: "iProov",
    VerificationMethod.IDVERSE: "IDVerse",
    VerificationMethod.ONFIDO: "Onfido",
    VerificationMethod.PALM_BIOMETRICS_RR: _("Palm biometrics (Redrock)"),
    VerificationMethod.RECOVERY_CODE: _("Recovery code"),
}

OUTCOMES: Final[Mapping[str, Promise]] = {
    Outcome.ALLOW: _("Allow"),
    Outcome.CHALLENGE: _("Challenge"),
    Outcome.REVIEW: _("Review"),
    Outcome.BLOCK: _("Block"),
}

STATES: Final[Mapping[str, Promise]] = {
    ActionState.ALLOW: _("Allowed"),
    ActionState.BLOCK: _("Blocked"),
    ActionState.CHALLENGE_REQUIRED: _("Challenge required"),
    ActionState.CHALLENGE_SUCCEEDED: _("Challenge succeeded"),
    ActionState.CHALLENGE_FAILED: _("Challenge failed"),
    ActionState.REVIEW_REQUIRED: _("Review required"),
    ActionState.REVIEW_SUCCEEDED: _("Review passed"),
    ActionState.REVIEW_FAILED: _("Review failed"),
}


PLATFORMS: Final[Mapping[str, Promise]] = {
    DevicePlatform.IOS: _("iOS"),
    DevicePlatform.ANDROID: _("Android"),
    DevicePlatform.WEB: _("Web app"),
}


CHANNELS: Final[Mapping[str, Promise]] = {
    Channel.EMAIL: _("Email"),
    Channel.SMS: _("SMS"),
    Channel.WHATSAPP: _("WhatsApp"),
    Channel.PUSH: _("Push"),
    Channel.ALARM: _("Alarm"),
}


# What became of a text message, by the codes that people meet most (Twilio's error and warning dictionary).
TWILIO: Final[Mapping[str, Promise]] = {
    "21211": _("no such number"),
    "21408": _("your Twilio account may not send to this country"),
    "21610": _("its owner asked for no more messages"),
    "21614": _("the number takes no text messages"),
    "30002": _("your Twilio account is suspended"),
    "30003": _("the phone is off or out of reach"),
    "30004": _("blocked by the carrier or on the phone"),
    "30005": _("no such number, or no longer in use"),
    "30006": _("a landline, or a carrier that cannot be reached"),
    "30007": _("the carrier took it for spam"),
    "30008": _("the carrier gave no reason"),
}
_TWILIO_CODE = re.compile(r"twilio(?:: answered)? (\d{5})")


def reason(text: str) -> str:
    """Why a message did not arrive, as it is kept: a provider's code gets its words, and stays to be looked up."""
    found = _TWILIO_CODE.fullmatch(text)
    if found is None:
        return text.replace("_", " ")
    known = TWILIO.get(found[1])
    return f"{known} (Twilio {found[1]})" if known else str(_("Twilio error %(code)s") % {"code": found[1]})


def first_method_choices() -> list[tuple[str, Promise | str]]:
    """For a field that may be left empty."""
    return [("", _("none in particular")), *method_choices()]


def method_choices() -> list[tuple[str, Promise | str]]:
    return [(str(method), text) for method, text in METHODS.items()]


def method(name: str) -> str:
    return str(METHODS.get(name, name))
