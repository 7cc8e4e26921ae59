"""What the API answers about users and authenticators, for the OpenAPI description. Absent optionals are omitted."""

from typing import Any

from rest_framework import serializers

from authsignal_portal.fields import Custom
from authsignal_portal.vocabulary import DevicePlatform, VerificationMethod

METHODS = list(VerificationMethod)


class Done(serializers.Serializer[Any]):
    success = serializers.BooleanField()


class UserAttributes(serializers.Serializer[Any]):
    email = serializers.CharField(required=False)
    emailVerified = serializers.BooleanField()
    phoneNumber = serializers.CharField(required=False)
    phoneNumberVerified = serializers.BooleanField()
    username = serializers.CharField(required=False)
    displayName = serializers.CharField(required=False)
    custom = Custom()
    locale = serializers.CharField(required=False)
    defaultVerificationMethod = serializers.ChoiceField(METHODS, required=False)


class User(UserAttributes):
    """A user who does not exist is one who is not enrolled, without userId."""

    userId = serializers.CharField(required=False)
    isEnrolled = serializers.BooleanField()
    enrolledVerificationMethods = serializers.ListField(child=serializers.ChoiceField(METHODS), required=False)
    allowedVerificationMethods = serializers.ListField(child=serializers.ChoiceField(METHODS), required=False)


class FoundUser(serializers.Serializer[Any]):
    userId = serializers.CharField()
    email = serializers.CharField(required=False)
    emailVerified = serializers.BooleanField()
    phoneNumber = serializers.CharField(required=False)
    phoneNumberVerified = serializers.BooleanField()
    username = serializers.CharField(required=False)


class FoundUsers(serializers.Serializer[Any]):
    users = FoundUser(many=True)
    lastEvaluatedUserId = serializers.CharField(required=False, help_text="Pass it on to get the next page.")
    tokenPayload = serializers.DictField(required=False, help_text="The claims of the ID token that was asked for.")


class AaguidMapping(serializers.Serializer[Any]):
    name = serializers.CharField()
    svgIconLight = serializers.CharField(required=False)
    svgIconDark = serializers.CharField(required=False)


class WebauthnCredential(serializers.Serializer[Any]):
    credentialId = serializers.CharField()
    deviceId = serializers.CharField()
    name = serializers.CharField()
    aaguid = serializers.CharField(required=False)
    aaguidMapping = AaguidMapping(required=False)
    credentialBackedUp = serializers.BooleanField(required=False)
    credentialDeviceType = serializers.ChoiceField(["singleDevice", "multiDevice"], required=False)
    authenticatorAttachment = serializers.CharField(required=False)
    parsedUserAgent = serializers.DictField(required=False)
    verifiedAt = serializers.DateTimeField(required=False)


class UserAuthenticator(serializers.Serializer[Any]):
    userId = serializers.CharField()
    userAuthenticatorId = serializers.UUIDField()
    verificationMethod = serializers.ChoiceField(METHODS)
    createdAt = serializers.DateTimeField()
    verifiedAt = serializers.DateTimeField(required=False)
    lastVerifiedAt = serializers.DateTimeField(required=False)
    isDefault = serializers.BooleanField()
    phoneNumber = serializers.CharField(required=False)
    email = serializers.CharField(required=False)
    username = serializers.CharField(required=False)
    previousSmsChannel = serializers.CharField(required=False)
    authenticatorAttachment = serializers.CharField(required=False)
    webauthnCredential = WebauthnCredential(required=False)
    displayName = serializers.CharField(required=False)
    devicePlatform = serializers.ChoiceField(list(DevicePlatform), required=False)
    expiresAt = serializers.DateTimeField(required=False)


class Enrolled(serializers.Serializer[Any]):
    authenticator = UserAuthenticator()
    recoveryCodes = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="With a user's first authenticator; shown this once."
    )


class ImportFailure(serializers.Serializer[Any]):
    userId = serializers.CharField()
    credentialId = serializers.CharField()
    errorCode = serializers.CharField()
    errorDescription = serializers.CharField()


class Imported(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    failures = ImportFailure(many=True)


class AuthenticatorConfiguration(serializers.Serializer[Any]):
    authenticatorId = serializers.CharField()
    verificationMethod = serializers.ChoiceField(METHODS)
    isActive = serializers.BooleanField()
    isEditableByUser = serializers.BooleanField()
    isHiddenToUser = serializers.BooleanField()
    allowMultipleUserAuthenticators = serializers.BooleanField(required=False)
    hideTotpAppDownloadScreen = serializers.BooleanField(required=False)
    showEmailDeliveryTimeWarning = serializers.BooleanField(required=False)
    smsChannel = serializers.CharField(required=False)
    magicLinkMode = serializers.CharField(required=False)
