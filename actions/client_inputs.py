"""What the Client API is sent."""

from typing import Any

from rest_framework import serializers

from authsignal_portal.fields import Flag, Text
from authsignal_portal.vocabulary import SmsChannel


class CodeInput(serializers.Serializer[Any]):
    verificationCode = Text(max_length=64, required=True, allow_blank=True)


class BeginInput(serializers.Serializer[Any]):
    action = Text(max_length=64)
    idempotencyKey = Text()


class OneOfSeveralInput(serializers.Serializer[Any]):
    """Which one, of several of the method. The SDKs name none."""

    userAuthenticatorId = Text(max_length=64)


class SmsInput(OneOfSeveralInput):
    smsChannel = serializers.ChoiceField(["", *SmsChannel], required=False)


class EmailInput(serializers.Serializer[Any]):
    email = Text(max_length=254, required=True)


class PhoneInput(serializers.Serializer[Any]):
    phoneNumber = Text(max_length=40, required=True)


class RegistrationOptionsInput(serializers.Serializer[Any]):
    username = Text()
    displayName = Text()
    authenticatorAttachment = Text(max_length=32)


class RegistrationInput(serializers.Serializer[Any]):
    registrationCredential = serializers.JSONField()
    challengeId = Text(max_length=128, required=True)
    conditionalCreate = Flag()
    deviceId = Text()


class AuthenticationOptionsInput(serializers.Serializer[Any]):
    challengeId = Text(max_length=128)
    username = Text()


class AssertionInput(serializers.Serializer[Any]):
    authenticationCredential = serializers.JSONField()
    challengeId = Text(max_length=128, required=True)
    deviceId = Text()


class KnownPasskeyQuery(serializers.Serializer[Any]):
    """For the description only."""

    credentialIds = serializers.CharField(required=False, help_text="Separated by commas.")
    credentialId = serializers.CharField(required=False)
