"""What the Server API answers about actions, challenges and devices, for the OpenAPI description.

Absent optionals are omitted. Times are ISO 8601 in UTC; `expiresAt` is in seconds since 1970.
"""

from typing import Any

from rest_framework import serializers

from authsignal_portal.vocabulary import ActionState, FailureReason, VerificationMethod

STATES = list(ActionState)
METHODS = list(VerificationMethod)


class Tracked(serializers.Serializer[Any]):
    idempotencyKey = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    url = serializers.CharField()
    token = serializers.CharField()
    isEnrolled = serializers.BooleanField()
    enrolledVerificationMethods = serializers.ListField(child=serializers.ChoiceField(METHODS), required=False)
    allowedVerificationMethods = serializers.ListField(child=serializers.ChoiceField(METHODS), required=False)
    defaultVerificationMethod = serializers.ChoiceField(METHODS, required=False)
    ruleIds = serializers.ListField(child=serializers.CharField(), required=False)


class MatchedRule(serializers.Serializer[Any]):
    ruleId = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(required=False)


class ActionInstance(serializers.Serializer[Any]):
    state = serializers.ChoiceField(STATES)
    createdAt = serializers.DateTimeField()
    stateUpdatedAt = serializers.DateTimeField()
    verificationMethod = serializers.ChoiceField(METHODS, required=False)
    ruleIds = serializers.ListField(child=serializers.CharField(), required=False)
    rules = MatchedRule(many=True, required=False)
    priorityRuleId = serializers.CharField(required=False)
    output = serializers.DictField()


class ChangedState(serializers.Serializer[Any]):
    userId = serializers.CharField()
    action = serializers.CharField()
    idempotencyKey = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    stateUpdatedAt = serializers.DateTimeField()


class ListedAction(serializers.Serializer[Any]):
    actionCode = serializers.CharField()
    idempotencyKey = serializers.CharField()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    state = serializers.ChoiceField(STATES)
    stateUpdatedAt = serializers.DateTimeField()
    verificationMethod = serializers.ChoiceField(METHODS, required=False)
    verifiedByAuthenticatorId = serializers.UUIDField(required=False)
    userAgent = serializers.CharField(required=False)
    ipAddress = serializers.CharField(required=False)
    countryCode = serializers.CharField(required=False)


class LinkedTransaction(serializers.Serializer[Any]):
    """`hash` is the SHA-256 of the canonical JSON (RFC 8785) of the other four."""

    amount = serializers.JSONField(help_text="The number, or the digits as text, that was tracked.")
    currency = serializers.CharField()
    payee = serializers.CharField()
    text = serializers.CharField()
    hash = serializers.CharField()


class Validated(serializers.Serializer[Any]):
    """`isValid` only after a completed challenge. `error` says why a token proves nothing; then it comes alone."""

    isValid = serializers.BooleanField()
    state = serializers.ChoiceField(STATES, required=False)
    stateUpdatedAt = serializers.DateTimeField(required=False)
    userId = serializers.CharField(required=False)
    action = serializers.CharField(required=False)
    actionCode = serializers.CharField(required=False)
    idempotencyKey = serializers.CharField(required=False)
    verificationMethod = serializers.ChoiceField(METHODS, required=False)
    veriffSessionId = serializers.CharField(required=False)
    transaction = LinkedTransaction(required=False)
    receipt = serializers.CharField(required=False)
    error = serializers.CharField(required=False)


class StartedChallenge(serializers.Serializer[Any]):
    challengeId = serializers.CharField()
    idempotencyKey = serializers.CharField()
    expiresAt = serializers.IntegerField()


class VerifiedChallenge(serializers.Serializer[Any]):
    isVerified = serializers.BooleanField()
    email = serializers.CharField(required=False)
    phoneNumber = serializers.CharField(required=False)
    verificationMethod = serializers.ChoiceField(METHODS, required=False)
    failureReason = serializers.ChoiceField(list(FailureReason), required=False)


class Claimed(serializers.Serializer[Any]):
    token = serializers.CharField()
    verificationMethod = serializers.ChoiceField(METHODS)


class LiveChallenge(serializers.Serializer[Any]):
    """Empty when none is open."""

    challengeId = serializers.CharField(required=False)
    expiresAt = serializers.IntegerField(required=False)
    verificationMethod = serializers.ChoiceField(METHODS, required=False)
    smsChannel = serializers.CharField(required=False)
    phoneNumber = serializers.CharField(required=False)
    email = serializers.CharField(required=False)
    action = serializers.CharField(required=False)


class UserDevice(serializers.Serializer[Any]):
    userId = serializers.CharField()
    deviceId = serializers.CharField()
    createdAt = serializers.DateTimeField()
    authenticatedAt = serializers.DateTimeField(required=False)
    invalidatedAt = serializers.DateTimeField(required=False)
    rememberedUntil = serializers.DateTimeField(required=False)
    lastVerificationMethod = serializers.ChoiceField(METHODS, required=False)
