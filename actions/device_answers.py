"""What the Client API answers about apps with device keys, for the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from authsignal_portal.fields import Custom
from authsignal_portal.vocabulary import FailureReason


class Credential(serializers.Serializer[Any]):
    userAuthenticatorId = serializers.UUIDField()
    userId = serializers.CharField()
    verifiedAt = serializers.DateTimeField()
    lastVerifiedAt = serializers.DateTimeField(required=False)
    expiresAt = serializers.DateTimeField(required=False)


class Renewed(serializers.Serializer[Any]):
    userAuthenticatorId = serializers.UUIDField()
    userId = serializers.CharField()
    lastVerifiedAt = serializers.DateTimeField()
    pushToken = serializers.CharField(required=False)
    expiresAt = serializers.DateTimeField(required=False)


class Removed(serializers.Serializer[Any]):
    removedAuthenticatorId = serializers.UUIDField(required=False)


class ToSign(serializers.Serializer[Any]):
    message = serializers.CharField()


class RenewalToSign(ToSign):
    challengeId = serializers.CharField()


class UserCustom(serializers.Serializer[Any]):
    custom = Custom()


class ShownTransaction(serializers.Serializer[Any]):
    """Show `text`, and answer with `hash` as `transactionHash`."""

    amount = serializers.JSONField(help_text="A number, or a decimal number as text.")
    currency = serializers.CharField()
    payee = serializers.CharField()
    text = serializers.CharField()
    hash = serializers.CharField(help_text="SHA-256 of the canonical JSON (RFC 8785) of the other four, hexadecimal.")


class Pending(serializers.Serializer[Any]):
    """Without `challengeId` nothing is pending.

    `message`, `transaction`, `custom` and `user` only where the question was signed.
    """

    userAuthenticatorId = serializers.UUIDField()
    challengeId = serializers.CharField(required=False)
    userId = serializers.CharField(required=False)
    actionCode = serializers.CharField(required=False)
    actionName = serializers.CharField(required=False, help_text="What to show in place of the code.")
    idempotencyKey = serializers.CharField(required=False)
    deviceId = serializers.CharField(required=False)
    userAgent = serializers.CharField(required=False)
    ipAddress = serializers.CharField(required=False)
    expiresAt = serializers.IntegerField(required=False, help_text="Seconds since 1970.")
    numberMatching = serializers.BooleanField(required=False, help_text="Whether the user types the page's number.")
    message = serializers.CharField(required=False)
    transaction = ShownTransaction(required=False)
    custom = Custom()
    user = UserCustom(required=False)


class Answered(serializers.Serializer[Any]):
    isVerified = serializers.BooleanField()
    failureReason = serializers.ChoiceField(list(FailureReason), required=False)


class Scanned(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    ipAddress = serializers.CharField(required=False)
    userAgent = serializers.CharField(required=False)
    actionCode = serializers.CharField(required=False)
    actionName = serializers.CharField(required=False, help_text="What to show in place of the code.")
    idempotencyKey = serializers.CharField(required=False)
    message = serializers.CharField(required=False)
    transaction = ShownTransaction(required=False)
    custom = Custom()
    user = UserCustom(required=False)


class Delivery(serializers.Serializer[Any]):
    """Of one device that is asked. `errorCode`: word of the push could not be sent to it so far."""

    userAuthenticatorId = serializers.UUIDField()
    errorCode = serializers.CharField(required=False)


class Pushed(serializers.Serializer[Any]):
    """`verificationCode` is the number that the page shows and the user types, where the tenant wants that.

    `deliveryResults` where the tenant's own sender has answered.
    """

    challengeId = serializers.CharField()
    verificationCode = serializers.CharField(required=False)
    expiresAt = serializers.IntegerField(help_text="Seconds since 1970.")
    deliveryResults = Delivery(many=True, required=False)


class QrShown(serializers.Serializer[Any]):
    challengeId = serializers.CharField()
    expiresAt = serializers.DateTimeField()
    deviceCode = serializers.CharField()


class PushOutcome(serializers.Serializer[Any]):
    isVerified = serializers.BooleanField()
    isConsumed = serializers.BooleanField()
    accessToken = serializers.CharField(required=False)


class QrOutcome(PushOutcome):
    isClaimed = serializers.BooleanField()


class VerifiedInApp(serializers.Serializer[Any]):
    token = serializers.CharField()
    userId = serializers.CharField()
    userAuthenticatorId = serializers.UUIDField()
    username = serializers.CharField(required=False)
