"""What the Client API answers, for the OpenAPI description. Absent optionals are omitted."""

from typing import Any

from rest_framework import serializers

from authenticators.answers import AuthenticatorConfiguration as AuthenticatorConfiguration
from authenticators.answers import UserAuthenticator as UserAuthenticator
from authsignal_portal.vocabulary import FailureReason, VerificationMethod

METHODS = list(VerificationMethod)


class Begun(serializers.Serializer[Any]):
    challengeId = serializers.CharField()
    nonce = serializers.CharField(required=False)


class CodeSent(serializers.Serializer[Any]):
    challengeId = serializers.CharField()


class KnownUser(serializers.Serializer[Any]):
    email = serializers.CharField(required=False)
    phoneNumber = serializers.CharField(required=False)


class ChallengeOptions(serializers.Serializer[Any]):
    token = serializers.CharField()
    user = KnownUser()
    verificationMethods = serializers.ListField(child=serializers.ChoiceField(METHODS))
    defaultVerificationMethod = serializers.ChoiceField(METHODS, required=False)


class Init(serializers.Serializer[Any]):
    challengeOptions = ChallengeOptions()


class StartedEnrolment(serializers.Serializer[Any]):
    userAuthenticatorId = serializers.UUIDField()
    userId = serializers.CharField()
    challengeId = serializers.CharField()


class StartedTotp(serializers.Serializer[Any]):
    userAuthenticatorId = serializers.UUIDField()
    userId = serializers.CharField()
    uri = serializers.CharField(help_text="otpauth://")
    secret = serializers.CharField(help_text="base32")


class VerifiedProof(serializers.Serializer[Any]):
    """`userAuthenticator` comes with the answer that completed an enrolment."""

    isVerified = serializers.BooleanField()
    accessToken = serializers.CharField(required=False)
    failureReason = serializers.ChoiceField(list(FailureReason), required=False)
    userAuthenticator = UserAuthenticator(required=False)


class RegisteredPasskey(VerifiedProof):
    userId = serializers.CharField()
    userAuthenticatorId = serializers.UUIDField(required=False)
    credentialId = serializers.CharField(required=False)


class VerifiedPasskey(VerifiedProof):
    userId = serializers.CharField(required=False)
    userAuthenticatorId = serializers.UUIDField(required=False)
    username = serializers.CharField(required=False)
    userDisplayName = serializers.CharField(required=False)


class Ceremony(serializers.Serializer[Any]):
    """`options` as WebAuthn's JSON dictionaries have them."""

    challengeId = serializers.CharField()
    options = serializers.DictField()


class KnownPasskey(serializers.Serializer[Any]):
    credentialId = serializers.CharField()
    verifiedAt = serializers.DateTimeField()


class Jwks(serializers.Serializer[Any]):
    keys = serializers.ListField(child=serializers.DictField())
