"""The product's words as the portal's readers know them."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from authsignal_portal.vocabulary import ActionState, Channel, DevicePlatform, Outcome, VerificationMethod

METHODS: Final[Mapping[str, Promise | str]] = {
    VerificationMethod.PASSKEY: _("Passkey"),
    VerificationMethod.SECURITY_KEY: _("Security key"),
    VerificationMethod.AUTHENTICATOR_APP: _("Authenticator app"),
    VerificationMethod.EMAIL_OTP: _("Code by e-mail"),
    VerificationMethod.EMAIL_MAGIC_LINK: _("Link by e-mail"),
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
    Channel.EMAIL: _("E-mail"),
    Channel.SMS: _("SMS"),
    Channel.WHATSAPP: _("WhatsApp"),
    Channel.PUSH: _("Push"),
    Channel.ALARM: _("Alarm"),
}


def method_choices() -> list[tuple[str, Promise | str]]:
    return [(str(method), text) for method, text in METHODS.items()]


def method(name: str) -> str:
    return str(METHODS.get(name, name))
