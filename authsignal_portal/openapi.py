"""The OpenAPI description (docs/openapi.yaml): what it covers, how callers authenticate, how a refusal looks."""

from collections.abc import Sequence
from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

# (path, its pattern, HTTP method, view)
Endpoint = tuple[str, str, str, Any]

ID = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$"}
PATH_PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "user_id": ("Your own id of the user.", ID),
    "action": ("The action code.", {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}),
    "key": ("The idempotency key, which names one instance of the action.", ID),
    "device_id": ("The device id that was sent with an action.", ID),
    "authenticator_id": ("userAuthenticatorId", {"type": "string", "format": "uuid"}),
    "tenant_id": ("The tenant.", {"type": "string", "format": "uuid"}),
}
ERROR = {
    "type": "object",
    "description": "Every refusal. `error` and `errorCode` are the same; the SDKs read different ones.",
    "properties": {name: {"type": "string"} for name in ("error", "errorCode", "errorDescription")},
    "required": ["error", "errorCode", "errorDescription"],
    "additionalProperties": False,
}
REFUSED = {
    "description": "Refused; `errorDescription` says what was wrong and where.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


SUMMARIES = {
    "queryUsers": "Find users by exact email, phone number or username",
    "getUser": "A user; one who does not exist is not enrolled",
    "updateUser": "Set attributes of a user, who is created if need be; `custom` merges by key, null removes one",
    "deleteUser": "Remove a user with everything about them",
    "getAuthenticators": "What a user has enrolled",
    "enrollVerifiedAuthenticator": "Enrol what you have verified yourself",
    "deleteAuthenticator": "Take an authenticator away",
    "importPasskeys": "Passkeys of another server; each succeeds or fails by itself",
    "getAuthenticatorConfigurations": "The tenant's verification methods",
    "track": "Decide what a user may do now; the same idempotencyKey returns the stored decision",
    "queryUserActions": "A user's actions of the last 30 days, newest first",
    "getAction": "An action, with the rules that fired",
    "updateAction": "Set the state after a review; everything but CHALLENGE_SUCCEEDED, which only a proof sets",
    "validateChallenge": "What a client token proves; repeatable until it expires",
    "challenge": "Send a code by email or SMS, to a user or to an address whose user is not known yet",
    "verify": "Check a code; a wrong one is an answer, not an error",
    "claim": "Bind a verified challenge to a user, once, and get a client token",
    "getChallenge": "The open challenge, if there is one",
    "getDevices": "A user's devices",
    "updateDevice": "Remember a device until a time, or no longer",
    "invalidateDevice": "Treat a device as new from now on",
    "clientChallenge": "Begin before the user is known, for a passkey sign-in to an action",
    "clientChallengeWeb": "The same, with the challenge's id in a cookie too",
    "clientInit": "What this token's user can be asked for",
    "clientUserAuthenticators": "What this token's user has enrolled",
    "clientAuthenticators": "The tenant's verification methods",
    "jwks": "The tenant's public keys (RFC 7517)",
    "clientPasskeyRegistrationOptions": "Options for making a passkey",
    "clientPasskeyRegistrationOptionsWeb": "The same, for a browser that sends cookies",
    "clientRegisterPasskey": "Enrol the passkey that was made",
    "clientPasskeyAuthenticationOptions": "Options for using a passkey",
    "clientPasskeyAuthenticationOptionsWeb": "The same, for the challenge named by the cookie",
    "clientVerifyPasskey": "Check what the passkey signed",
    "clientKnownPasskey": "Whether one of these passkeys is still enrolled",
    "clientSecurityKeyRegistrationOptions": "Options for registering a security key",
    "clientRegisterSecurityKey": "Enrol the security key that answered",
    "clientSecurityKeyAuthenticationOptions": "Options for using a security key",
    "clientVerifySecurityKey": "Check what the security key signed",
    "clientEnrollTotp": "Begin to enrol an authenticator app",
    "clientVerifyTotp": "Check a code of an authenticator app",
    "clientEnrollEmail": "Begin to enrol an email address: sends a code",
    "clientChallengeEmail": "Send a code by email",
    "clientVerifyEmail": "Check a code sent by email",
    "clientEnrollSms": "Begin to enrol a phone number: sends a code",
    "clientChallengeSms": "Send a code by SMS",
    "clientVerifySms": "Check a code sent by SMS",
    "clientChallengeWhatsApp": "Send a code by WhatsApp",
    "clientVerifyWhatsApp": "Check a code sent by WhatsApp",
    "clientEnrollMagicLink": "Begin to enrol an email address: sends a link",
    "clientChallengeMagicLink": "Send a link by email",
    "clientFinalizeMagicLink": "Whether the link was confirmed; asked again until it was",
    "clientChallengePush": "Ask the user's devices by push",
    "clientVerifyPush": "What came of a push; the token comes once",
    "clientChallengeQrCode": "A challenge to show as a QR code, and the secret to ask by",
    "clientVerifyQrCode": "What came of a QR code; the token comes once",
    "clientPushCredential": "Whether a device is still enrolled for push",
    "clientAddPushCredential": "Enrol a device for push",
    "clientSignPushCredential": "Something to sign before a push credential is updated",
    "clientUpdatePushCredential": "Change a device's push token, or let its lifetime begin again",
    "clientRemovePushCredential": "A device takes its push credential away",
    "clientSignPushChallenge": "Something to sign before asking for the pending push",
    "clientPushChallenge": "The push that waits for this device's answer",
    "clientAnswerPush": "Approve or decline a push",
    "clientQrCodeCredential": "Whether a device is still enrolled for QR codes",
    "clientAddQrCodeCredential": "Enrol a device for QR codes",
    "clientRemoveQrCodeCredential": "A device takes its QR code credential away",
    "clientClaimQrCode": "A device has scanned a QR code; what it is about",
    "clientAnswerQrCode": "Approve or decline what a QR code asks",
    "clientInAppCredential": "Whether a device is still enrolled for in-app proofs",
    "clientAddInAppCredential": "Enrol a device for in-app proofs",
    "clientRemoveInAppCredential": "A device takes its in-app credential away",
    "clientVerifyInApp": "Check what a device signed for its own user",
    "clientChallengeIdToken": "A nonce for an ID token that proves the user's account",
    "clientEnrollIdToken": "Begin to enrol an account: a nonce for its ID token",
    "clientVerifyIdToken": "Check an ID token",
    "clientChallengeIdentityCheck": "Begin an identity check, or go on with the one under way",
    "clientEnrollIdentityCheck": "Begin to enrol a person by an identity check",
    "clientVerifyIdentityCheck": "What came of an identity check; the token comes once",
}


def only_the_api(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Neither the hosted pages' own calls nor the paths that some SDKs get wrong."""
    return [each for each in endpoints if each[0].startswith("/v1/") and not each[0].startswith("/v1/v1/")]


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add to every operation its summary and its refusals, and to its path parameters their bounds."""
    result["components"]["schemas"]["Error"] = ERROR
    for path in result["paths"].values():
        for operation in path.values():
            operation.pop("description", None)
            operation["summary"] = SUMMARIES[operation["operationId"]]
            operation["responses"]["4XX"] = operation["responses"]["503"] = REFUSED
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["description"], parameter["schema"] = PATH_PARAMETERS[parameter["name"]]
    return cast(dict[str, Any], _without_enum_ids(result))


def _without_enum_ids(part: Any) -> Any:
    """What the generator marks enumerations with for a step that we do not take."""
    if isinstance(part, dict):
        return {name: _without_enum_ids(item) for name, item in part.items() if name != "x-spec-enum-id"}
    return [_without_enum_ids(item) for item in part] if isinstance(part, list) else part


# The extensions register themselves by an untyped __init_subclass__.
class _Http(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    scheme: str
    description: str

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": self.scheme, "description": self.description}


class ServerKey(_Http):  # type: ignore[no-untyped-call]
    target_class = "authsignal_portal.api.ServerKey"
    name = "ServerKey"
    scheme = "basic"
    description = "The Server API secret as user name, with an empty password."


class TenantId(_Http):  # type: ignore[no-untyped-call]
    target_class = "authsignal_portal.api.TenantId"
    name = "TenantId"
    scheme = "basic"
    description = "The tenant id, which is public, as user name, with an empty password."


class ClientToken(_Http):  # type: ignore[no-untyped-call]
    target_class = "actions.client_auth.ClientToken"
    name = "ClientToken"
    scheme = "bearer"
    description = "The token that `track`, `/claim` or a completed challenge returned."


class OptionalClientToken(ClientToken):  # type: ignore[no-untyped-call]
    target_class = "actions.client_auth.OptionalClientToken"
    name = "OptionalClientToken"
    description = "A client token where the user is known already; else the tenant id alone."
