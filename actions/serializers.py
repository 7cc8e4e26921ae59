"""Wire shapes of the Server API's action, challenge and device endpoints."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from actions.models import Action, ActionFacts, Device
from actions.tracked import Tracked
from actions.validation import Validation
from authenticators.models import Challenge
from authenticators.serializers import EMAIL, PHONE
from authenticators.transactions import Transaction
from authsignal_portal.fields import Custom, Flag, Text
from authsignal_portal.json_body import MAX_BODY
from authsignal_portal.vocabulary import ActionState, Channel, Scope, SmsChannel, VerificationMethod
from authsignal_portal.wire import epoch, iso, present
from rules.models import PolicyVersion

SERVER_METHODS = [VerificationMethod.SMS.value, VerificationMethod.EMAIL_OTP.value, VerificationMethod.WHATSAPP.value]


class ScopeField(Text):
    """Space separated scopes, each one that exists."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        unknown = [word for word in text.split() if word not in set(Scope)]
        if unknown:
            raise serializers.ValidationError(f"Unknown scope {unknown[0]!r}.")
        return " ".join(text.split())


class TrackInput(serializers.Serializer[Any]):
    idempotencyKey = Text()
    redirectUrl = Text(max_length=2048)
    redirectToSettings = Flag()
    ipAddress = Text(max_length=1000)
    userAgent = Text(max_length=4000)
    deviceId = Text()
    scope = ScopeField()
    email = Text(max_length=254)
    phoneNumber = Text(max_length=40)
    username = Text()
    custom = Custom()
    challengeId = Text(max_length=128)
    locale = Text(max_length=35)


class StateInput(serializers.Serializer[Any]):
    state = serializers.ChoiceField(list(ActionState))


class ValidateInput(serializers.Serializer[Any]):
    token = serializers.JSONField(required=False)
    # Longer than any that there is: it is another one, not a mistake.
    userId = Text(max_length=MAX_BODY)
    action = Text(max_length=MAX_BODY)


class ChallengeInput(serializers.Serializer[Any]):
    verificationMethod = serializers.ChoiceField(["", *SERVER_METHODS], required=False)
    action = Text(max_length=64)
    challengeId = Text(max_length=128)
    idempotencyKey = Text()
    userId = Text()
    email = Text(max_length=254)
    phoneNumber = Text(max_length=40)
    smsChannel = serializers.ChoiceField(["", "DEFAULT", "WHATSAPP"], required=False)
    locale = Text(max_length=35)
    deviceId = Text()
    ipAddress = Text(max_length=1000)
    userAgent = Text(max_length=4000)
    custom = Custom()
    scope = ScopeField()


class VerifyInput(serializers.Serializer[Any]):
    challengeId = Text(max_length=128, required=True)
    # An empty one is a wrong code.
    verificationCode = Text(max_length=64, required=True, allow_blank=True)


class ClaimInput(serializers.Serializer[Any]):
    challengeId = Text(max_length=128, required=True)
    userId = Text(required=True)
    skipVerificationCheck = Flag()


class ChallengesQuery(serializers.Serializer[Any]):
    challengeId = Text(max_length=128)
    userId = Text()
    action = Text(max_length=64)
    verificationMethod = Text(max_length=32)


class UserActionsQuery(serializers.Serializer[Any]):
    """For the description only."""

    fromDate = serializers.DateTimeField(required=False, help_text="At most 30 days ago.")
    codes = serializers.CharField(required=False, help_text="Action codes, separated by commas.")
    state = serializers.ChoiceField(list(ActionState), required=False)


class RememberInput(serializers.Serializer[Any]):
    rememberedUntil = serializers.DateTimeField(allow_null=True)


def track_output(tracked: Tracked) -> dict[str, Any]:
    return present(
        {
            "idempotencyKey": tracked.idempotency_key,
            "state": tracked.state.value,
            "url": tracked.url,
            "token": tracked.token,
            "isEnrolled": tracked.is_enrolled,
            "enrolledVerificationMethods": tracked.enrolled_methods or None,
            "allowedVerificationMethods": tracked.allowed_methods,
            "defaultVerificationMethod": tracked.default_method,
            "ruleIds": tracked.rule_ids or None,
        }
    )


def action_output(action: Action, facts: ActionFacts, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """GET one action. `rules` are the matched rules in priority order."""
    return present(
        {
            "state": action.state,
            "createdAt": iso(action.created_at),
            "stateUpdatedAt": iso(action.state_updated_at),
            "verificationMethod": action.verification_method or None,
            "ruleIds": [rule["ruleId"] for rule in rules] or None,
            "rules": rules or None,
            "priorityRuleId": str(facts.priority_rule_id) if facts.priority_rule_id else None,
            "output": {},
        }
    )


def matched_rules(facts: ActionFacts) -> list[dict[str, Any]]:
    """The rules that fired, as they were then."""
    if not facts.matched_rules:
        return []
    version = PolicyVersion.objects.get(configuration_id=facts.configuration_id, version=facts.policy_version)
    by_id = {rule["ruleId"]: rule for rule in version.rules}
    return [
        present(
            {
                "ruleId": str(pk),
                "name": by_id[str(pk)]["name"],
                "description": by_id[str(pk)]["description"] or None,
            }
        )
        for pk in facts.matched_rules
    ]


def listed_action(action: Action) -> dict[str, Any]:
    """One item of a user's actions."""
    facts: ActionFacts = action.facts
    return present(
        {
            "actionCode": action.action_code,
            "idempotencyKey": action.idempotency_key,
            "createdAt": iso(action.created_at),
            "updatedAt": iso(action.state_updated_at),
            "state": action.state,
            "stateUpdatedAt": iso(action.state_updated_at),
            "verificationMethod": action.verification_method or None,
            "verifiedByAuthenticatorId": str(action.authenticator_id) if action.authenticator_id else None,
            "userAgent": facts.user_agent or None,
            "ipAddress": facts.ip_address,
            "countryCode": action.country_code or None,
        }
    )


def validation_output(validation: Validation) -> dict[str, Any]:
    action = validation.action
    if action is None:
        return {"isValid": False, "error": validation.error}
    return present(
        {
            "isValid": validation.is_valid,
            "state": action.state,
            "stateUpdatedAt": iso(action.state_updated_at),
            "userId": action.user.user_id,
            "action": action.action_code,
            "actionCode": action.action_code,
            "idempotencyKey": action.idempotency_key,
            "verificationMethod": action.verification_method or None,
            "veriffSessionId": validation.veriff_session_id or None,
            "transaction": transaction_output(validation.transaction) if validation.transaction else None,
            "receipt": validation.receipt if validation.is_valid and validation.receipt else None,
        }
    )


def transaction_output(linked: Transaction) -> dict[str, Any]:
    return asdict(linked) | {"hash": linked.hash}


def live_challenge(challenge: Challenge) -> dict[str, Any]:
    contact = challenge.contact
    return present(
        {
            "challengeId": challenge.pk,
            "expiresAt": epoch(challenge.expires_at),
            "verificationMethod": challenge.method or None,
            "smsChannel": _sms_channel(challenge) if challenge.method == VerificationMethod.SMS else None,
            "phoneNumber": contact if challenge.method in PHONE else None,
            "email": contact if challenge.method in EMAIL else None,
            "action": challenge.action_code or None,
        }
    )


def _sms_channel(challenge: Challenge) -> str:
    newest = challenge.messages.order_by("-created_at").first()
    by_whatsapp = newest is not None and newest.goes_by == Channel.WHATSAPP
    return (SmsChannel.WHATSAPP if by_whatsapp else SmsChannel.DEFAULT).value


def device_output(device: Device) -> dict[str, Any]:
    return present(
        {
            "userId": device.user.user_id,
            "deviceId": device.device_id,
            "createdAt": iso(device.created_at),
            "authenticatedAt": iso(device.authenticated_at),
            "invalidatedAt": iso(device.invalidated_at),
            "rememberedUntil": iso(device.remembered_until),
            "lastVerificationMethod": device.last_verification_method or None,
        }
    )
