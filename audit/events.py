"""Every event the log can hold: `subject:verb`, and the fields each may carry.

Vocabulary: *actor* is who acted (an API key, a member of staff, an end user by pseudonym, the system), *subject* is
whom or what it concerned. An event holds ids and pseudonyms, never an address, email, phone number, user agent or
custom value: those live only in rows that can be deleted, so that erasing a user leaves the log intact.
"""

from enum import StrEnum


class Tag(StrEnum):
    ACTION_TRACKED = "action:tracked"
    ACTION_STATE_CHANGED = "action:state_changed"
    ACTION_SUCCEEDED = "action:challenge_succeeded"
    CHALLENGE_STARTED = "challenge:started"
    CHALLENGE_RESENT = "challenge:resent"
    CHALLENGE_VERIFIED = "challenge:verified"
    CHALLENGE_REFUSED = "challenge:refused"
    CHALLENGE_CLAIMED = "challenge:claimed"
    CHALLENGE_DECLINED = "challenge:declined"
    CHALLENGE_SCANNED = "challenge:scanned"
    METHOD_PAUSED = "method:paused"
    METHOD_DISABLED = "method:disabled"
    METHOD_UNLOCKED = "method:unlocked"
    MESSAGE_SENT = "message:sent"
    MESSAGE_FAILED = "message:failed"
    MESSAGE_DELIVERED = "message:delivered"
    MESSAGE_UNDELIVERED = "message:undelivered"
    MAGIC_LINK_OPENED = "magic_link:opened"
    MESSAGE_REFUSED = "message:refused"
    USER_NOTIFIED = "user:notified"
    SENDING_PAUSED = "sending:paused"
    SENDING_PAUSE_ENDED = "sending:pause_ended"
    SENDING_POLICY_UPDATED = "sending_policy:updated"
    AUTHENTICATOR_ENROLLED = "authenticator:enrolled"
    AUTHENTICATOR_REMOVED = "authenticator:removed"
    AUTHENTICATOR_RELEASED = "authenticator:released"
    AUTHENTICATOR_RENAMED = "authenticator:renamed"
    AUTHENTICATOR_PREFERRED = "authenticator:preferred"
    AUTHENTICATOR_CLONE_SUSPECTED = "authenticator:clone_suspected"
    AUTHENTICATOR_RENEWED = "authenticator:renewed"
    AUTHENTICATOR_ATTESTED = "authenticator:attested"
    AUTHENTICATOR_NOT_ATTESTED = "authenticator:not_attested"
    ATTESTED_APPS_UPDATED = "attested_apps:updated"
    RECOVERY_CODES_CREATED = "recovery_codes:created"
    RECOVERY_CODES_ENDED = "recovery_codes:ended"
    USER_CREATED = "user:created"
    USER_UPDATED = "user:updated"
    USER_DELETED = "user:deleted"
    DEVICE_UPDATED = "device:updated"
    DEVICE_INVALIDATED = "device:invalidated"
    TENANT_CREATED = "tenant:created"
    TENANT_UPDATED = "tenant:updated"
    API_KEY_CREATED = "api_key:created"
    API_KEY_REVOKED = "api_key:revoked"
    ACTION_CONFIGURATION_CREATED = "action_configuration:created"
    ACTION_CONFIGURATION_UPDATED = "action_configuration:updated"
    RULE_CREATED = "rule:created"
    RULE_UPDATED = "rule:updated"
    RULE_DELETED = "rule:deleted"
    RULES_PUBLISHED = "rules:published"
    RULES_REVERTED = "rules:reverted"
    DRAFT_DISCARDED = "rules:draft_discarded"
    BACKTEST_STARTED = "backtest:started"
    DATA_POINT_CREATED = "custom_data_point:created"
    DATA_POINT_UPDATED = "custom_data_point:updated"
    DATA_POINT_DELETED = "custom_data_point:deleted"
    VALUE_LIST_CREATED = "value_list:created"
    VALUE_LIST_UPDATED = "value_list:updated"
    VALUE_LIST_DELETED = "value_list:deleted"
    VALUE_LIST_ITEMS_ADDED = "value_list:items_added"
    VALUE_LIST_ITEMS_REMOVED = "value_list:items_removed"
    VALUE_LIST_EXPORTED = "value_list:exported"
    AUTHENTICATOR_CONFIGURATION_UPDATED = "authenticator_configuration:updated"
    MESSAGE_PROVIDER_CREATED = "message_provider:created"
    MESSAGE_PROVIDER_UPDATED = "message_provider:updated"
    MESSAGE_PROVIDER_DELETED = "message_provider:deleted"
    MESSAGE_PROVIDER_TESTED = "message_provider:tested"
    IDENTITY_PROVIDER_CREATED = "identity_provider:created"
    IDENTITY_PROVIDER_UPDATED = "identity_provider:updated"
    IDENTITY_PROVIDER_DELETED = "identity_provider:deleted"
    MEMBER_CHANGED = "member:changed"
    STAFF_SIGNED_IN = "staff:signed_in"
    STAFF_REFUSED = "staff:refused"


# What `data` may hold. All are ids, counts, flags or words of our own vocabulary.
ALLOWED_DATA = frozenset(
    {
        "action_code",
        "api_key",
        "attempt",
        "authenticator",
        "challenge",
        "changed",
        "channel",
        "days",
        "count",
        "country",
        "device",
        "fields",
        "from_state",
        "to_state",
        "kind",
        "matched_rules",
        "message",
        "method",
        "model",
        "outcome",
        "priority_rule",
        "purpose",
        "reason",
        "role",
        "row",
        "rule",
        "user",
        "value_list",
        "version",
        "origin_enrolment",
    }
)


class ActorKind(StrEnum):
    API_KEY = "api_key"
    STAFF = "staff"
    USER = "user"
    SYSTEM = "system"
