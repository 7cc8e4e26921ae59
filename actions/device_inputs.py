"""What the Client API is sent by and about apps with device keys."""

from typing import Any

from rest_framework import serializers

from authenticators.app_attestation.evidence import Provider
from authenticators.app_attestation.examining import MAX_TOKEN
from authsignal_portal.fields import Custom, Flag, Text

PROVIDERS = [provider.value for provider in Provider]
MAX_KEY = 512
MAX_SIGNATURE = 512
MAX_ID = 128


class Decision(serializers.BooleanField):
    """A JSON boolean that must be there."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Not true or false.")
        return data


class Attestation(serializers.Serializer[Any]):
    provider = serializers.ChoiceField(PROVIDERS)
    token = Text(max_length=MAX_TOKEN, required=True)
    keyId = Text(max_length=512)


class DeviceInput(serializers.Serializer[Any]):
    publicKey = Text(max_length=MAX_KEY, required=True)
    deviceName = Text()
    devicePlatform = serializers.ChoiceField(["ios", "android", "web"])
    pushToken = Text(max_length=4096)
    performAttestation = Attestation(required=False)


class SignedInput(serializers.Serializer[Any]):
    publicKey = Text(max_length=MAX_KEY, required=True)
    signature = Text(max_length=MAX_SIGNATURE, required=True)


class ScanInput(SignedInput):
    challengeId = Text(max_length=MAX_ID, required=True)


class ClaimQrInput(ScanInput):
    """`byLink`: the app was opened by a link, and did not read the code itself."""

    byLink = Flag()


class AnswerInput(ScanInput):
    approved = Decision()
    verificationCode = Text(max_length=64)
    transactionHash = Text(max_length=64)


class RenewalInput(ScanInput):
    pushToken = Text(max_length=4096)
    resetExpiry = Flag()


class PushInput(serializers.Serializer[Any]):
    action = Text(max_length=64)
    userAuthenticatorId = Text(max_length=64)


class QrInput(serializers.Serializer[Any]):
    action = Text(max_length=64)
    custom = Custom()


class SocketQrInput(serializers.Serializer[Any]):
    """`data` of the socket's CREATE_CHALLENGE."""

    challengeType = serializers.ChoiceField(["QR_CODE"])
    actionCode = Text(max_length=64)
    custom = Custom()


class OutcomeInput(serializers.Serializer[Any]):
    challengeId = Text(max_length=MAX_ID, required=True)


class QrOutcomeInput(OutcomeInput):
    deviceCode = Text(max_length=128, required=True)


class KeyQuery(serializers.Serializer[Any]):
    """For the description only."""

    publicKey = serializers.CharField(help_text="Base64 of the base64 key.")
