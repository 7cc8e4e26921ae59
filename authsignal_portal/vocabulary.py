"""The product's words, equal to the strings on the wire."""

from enum import StrEnum


class ActionState(StrEnum):
    """Where an action instance is now."""

    ALLOW = "ALLOW"
    BLOCK = "BLOCK"
    CHALLENGE_REQUIRED = "CHALLENGE_REQUIRED"
    CHALLENGE_SUCCEEDED = "CHALLENGE_SUCCEEDED"
    CHALLENGE_FAILED = "CHALLENGE_FAILED"
    REVIEW_REQUIRED = "REVIEW_REQUIRED"
    REVIEW_SUCCEEDED = "REVIEW_SUCCEEDED"
    REVIEW_FAILED = "REVIEW_FAILED"


class Outcome(StrEnum):
    """What the rules decided. It never changes for an action instance."""

    ALLOW = "ALLOW"
    CHALLENGE = "CHALLENGE"
    REVIEW = "REVIEW"
    BLOCK = "BLOCK"


class VerificationMethod(StrEnum):
    """How a user can prove themselves; those this server performs."""

    PASSKEY = "PASSKEY"
    SECURITY_KEY = "SECURITY_KEY"
    AUTHENTICATOR_APP = "AUTHENTICATOR_APP"
    EMAIL_OTP = "EMAIL_OTP"
    EMAIL_MAGIC_LINK = "EMAIL_MAGIC_LINK"
    SMS = "SMS"
    WHATSAPP = "WHATSAPP"
    PUSH = "PUSH"
    QR_CODE = "QR_CODE"
    IN_APP = "IN_APP"
    APPLE_ID_TOKEN = "APPLE_ID_TOKEN"  # noqa: S105  (a name)
    GOOGLE_ID_TOKEN = "GOOGLE_ID_TOKEN"  # noqa: S105  (a name)
    OIDC_PROVIDER = "OIDC_PROVIDER"
    VERIFF = "VERIFF"
    IPROOV = "IPROOV"
    IDVERSE = "IDVERSE"
    ONFIDO = "ONFIDO"
    PALM_BIOMETRICS_RR = "PALM_BIOMETRICS_RR"
    RECOVERY_CODE = "RECOVERY_CODE"


# Proved by a WebAuthn credential.
WEBAUTHN = frozenset({VerificationMethod.PASSKEY, VerificationMethod.SECURITY_KEY})
# Proved by a signature of an app on a device that the user enrolled.
DEVICE_METHODS = (VerificationMethod.PUSH, VerificationMethod.QR_CODE, VerificationMethod.IN_APP)
# Proved by an ID token of an issuer that the tenant trusts.
ID_TOKENS = (
    VerificationMethod.APPLE_ID_TOKEN,
    VerificationMethod.GOOGLE_ID_TOKEN,
    VerificationMethod.OIDC_PROVIDER,
)
# Decided by a vendor who looks at the person, and told by an adapter that the operator runs.
IDENTITY_CHECKS = (
    VerificationMethod.VERIFF,
    VerificationMethod.IPROOV,
    VerificationMethod.IDVERSE,
    VerificationMethod.ONFIDO,
    VerificationMethod.PALM_BIOMETRICS_RR,
)


class DevicePlatform(StrEnum):
    """What an app with a device key runs on."""

    IOS = "IOS"
    ANDROID = "ANDROID"
    WEB = "WEB"


class AttestationFailureMode(StrEnum):
    """What becomes of an app that enrols without a valid attestation where one is asked for."""

    BLOCK = "BLOCK"
    ALLOW_WITH_WARNING = "ALLOW_WITH_WARNING"


class FailureReason(StrEnum):
    """Why a verification did not succeed, as the SDKs read it."""

    CODE_INVALID_OR_EXPIRED = "CODE_INVALID_OR_EXPIRED"
    MAX_ATTEMPTS_EXCEEDED = "MAX_ATTEMPTS_EXCEEDED"


class Scope(StrEnum):
    """What a client token may do with the user's authenticators."""

    READ = "read:authenticators"
    ADD = "add:authenticators"
    UPDATE = "update:authenticators"
    REMOVE = "remove:authenticators"


class TokenPurpose(StrEnum):
    """Which step minted a client token."""

    TRACK = "track"
    ACCESS = "access"


class UnconfiguredAction(StrEnum):
    """What a tenant wants for an action code nobody configured."""

    CHALLENGE = "CHALLENGE"
    ALLOW = "ALLOW"
    REJECT = "REJECT"


class KeyKind(StrEnum):
    """Which API an API key opens."""

    SERVER = "server"
    MANAGEMENT = "management"


class Role(StrEnum):
    """What a member of staff may do in a tenant."""

    ADMIN = "ADMIN"
    ANALYST = "ANALYST"
    SUPPORT = "SUPPORT"
    READ_ONLY = "READ_ONLY"


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "EMAIL"
    SMS = "SMS"
    WHATSAPP = "WHATSAPP"
    PUSH = "PUSH"
    # To the tenant itself: a webhook that no user's message takes.
    ALARM = "ALARM"


class SmsChannel(StrEnum):
    """How the codes of the method SMS travel first; the other way is the fallback where WhatsApp is in use."""

    DEFAULT = "DEFAULT"
    WHATSAPP = "WHATSAPP"


class MagicLinkMode(StrEnum):
    """Where a verification goes on once its link was confirmed in the browser that began it."""

    NEW_TAB = "NEW_TAB"  # the link's tab may be closed, the one that waits goes on
    ORIGINAL_TAB = "ORIGINAL_TAB"  # the link's tab takes the place of the one that waits


class ChallengeEvent(StrEnum):
    """What became of a message, as log streams name it: `<METHOD>_<this>`."""

    SENT = "SENT"
    DELIVERED = "DELIVERED"
    NOT_DELIVERED = "NOT_DELIVERED"
    SEND_DOWNSTREAM_FAILED = "SEND_DOWNSTREAM_FAILED"


OUTCOME_STATE: dict[Outcome, ActionState] = {
    Outcome.ALLOW: ActionState.ALLOW,
    Outcome.CHALLENGE: ActionState.CHALLENGE_REQUIRED,
    Outcome.REVIEW: ActionState.REVIEW_REQUIRED,
    Outcome.BLOCK: ActionState.BLOCK,
}

# Nobody gets a new way in by an upgrade: these work once the tenant switches them on.
OPT_IN_METHODS = frozenset(
    {VerificationMethod.EMAIL_MAGIC_LINK, VerificationMethod.WHATSAPP, *ID_TOKENS, *IDENTITY_CHECKS}
)

ALL_SCOPES = " ".join(Scope)
