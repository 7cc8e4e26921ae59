"""Events in words, for the audit log and the timeline of an action."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _

from audit.events import ActorKind, Tag
from audit.models import AuditEvent
from authsignal_portal import countries, words
from authsignal_portal.models import Tenant

# What happened; the words in braces are fields of the event's data, in words themselves.
PHRASES: Final = {
    Tag.ACTION_TRACKED: _("Tracked {action_code}, decided: {outcome}"),
    Tag.ACTION_STATE_CHANGED: _("Changed the state from {from_state} to {to_state}"),
    Tag.ACTION_SUCCEEDED: _("Completed the challenge with {method}"),
    Tag.CHALLENGE_STARTED: _("Began a challenge: {method}"),
    Tag.CHALLENGE_RESENT: _("Asked for another code: {method}"),
    Tag.CHALLENGE_VERIFIED: _("Answered rightly: {method}"),
    Tag.CHALLENGE_REFUSED: _("Answer refused: {method}"),
    Tag.CHALLENGE_CLAIMED: _("Claimed a challenge"),
    Tag.CHALLENGE_DECLINED: _("Declined: {method}"),
    Tag.CHALLENGE_SCANNED: _("Scanned the code"),
    Tag.METHOD_PAUSED: _("Paused after too many wrong answers: {method}"),
    Tag.METHOD_DISABLED: _("Locked after far too many wrong answers: {method}"),
    Tag.METHOD_UNLOCKED: _("Unlocked {method}"),
    Tag.MESSAGE_SENT: _("Sent the message ({channel})"),
    Tag.MESSAGE_FAILED: _("Could not send the message ({channel})"),
    Tag.MESSAGE_DELIVERED: _("The message arrived ({channel})"),
    Tag.MESSAGE_UNDELIVERED: _("The message did not arrive ({channel})"),
    Tag.MAGIC_LINK_OPENED: _("Opened the link and confirmed it: {method}"),
    Tag.MESSAGE_REFUSED: _("Refused to send a message ({channel})"),
    Tag.USER_NOTIFIED: _("Told the user ({channel}): {method}"),
    Tag.SENDING_PAUSED: _("Paused SMS to {country} ({kind}): hardly any code was answered"),
    Tag.SENDING_PAUSE_ENDED: _("Ended the pause of SMS to {country} ({kind})"),
    Tag.SENDING_POLICY_UPDATED: _("Changed the limits of sending: {fields}"),
    Tag.AUTHENTICATOR_ENROLLED: _("Enrolled {method}"),
    Tag.AUTHENTICATOR_REMOVED: _("Removed {method}"),
    Tag.AUTHENTICATOR_RELEASED: _("Took its key away after it had expired: {method}"),
    Tag.AUTHENTICATOR_RENAMED: _("Gave another name: {method}"),
    Tag.AUTHENTICATOR_PREFERRED: _("Made the default: {method}"),
    Tag.AUTHENTICATOR_CLONE_SUSPECTED: _("Signature count went backwards, there may be a copy: {method}"),
    Tag.AUTHENTICATOR_RENEWED: _("Renewed {method}"),
    Tag.AUTHENTICATOR_ATTESTED: _("An attested app enrolled {method}"),
    Tag.AUTHENTICATOR_NOT_ATTESTED: _("An app without a valid attestation enrolled {method}"),
    Tag.ATTESTED_APPS_UPDATED: _("Changed the app attestation: {fields}"),
    Tag.RECOVERY_CODES_CREATED: _("Made new recovery codes"),
    Tag.RECOVERY_CODES_ENDED: _("Ended the recovery codes, with what they were made for or by"),
    Tag.USER_CREATED: _("Created the user"),
    Tag.USER_UPDATED: _("Changed the user: {fields}"),
    Tag.USER_DELETED: _("Deleted the user"),
    Tag.DEVICE_UPDATED: _("Changed a device: {fields}"),
    Tag.DEVICE_INVALIDATED: _("Invalidated a device"),
    Tag.TENANT_CREATED: _("Created the tenant"),
    Tag.TENANT_UPDATED: _("Changed the tenant settings: {fields}"),
    Tag.API_KEY_CREATED: _("Made the {kind} API key {api_key}"),
    Tag.API_KEY_REVOKED: _("Revoked the {kind} API key {api_key}"),
    Tag.ACTION_CONFIGURATION_CREATED: _("Added the action {action_code}"),
    Tag.ACTION_CONFIGURATION_UPDATED: _("Changed the action {action_code}: {fields}"),
    Tag.RULE_CREATED: _("Added a rule to {action_code}"),
    Tag.RULE_UPDATED: _("Changed a rule of {action_code}: {fields}"),
    Tag.RULE_DELETED: _("Deleted a rule of {action_code}"),
    Tag.RULES_PUBLISHED: _("Published version {version} of the rules of {action_code}"),
    Tag.RULES_REVERTED: _("Made the draft of {action_code} what version {version} was"),
    Tag.DRAFT_DISCARDED: _("Discarded the draft of {action_code}: back to version {version}"),
    Tag.BACKTEST_STARTED: _("Tried the draft rules of {action_code} on the last {days} days"),
    Tag.DATA_POINT_CREATED: _("Added a custom data point"),
    Tag.DATA_POINT_UPDATED: _("Changed a custom data point: {fields}"),
    Tag.DATA_POINT_DELETED: _("Deleted a custom data point"),
    Tag.VALUE_LIST_CREATED: _("Made the value list {value_list}"),
    Tag.VALUE_LIST_UPDATED: _("Changed the value list {value_list}: {fields}"),
    Tag.VALUE_LIST_DELETED: _("Deleted the value list {value_list}"),
    Tag.VALUE_LIST_ITEMS_ADDED: _("Put values on the list {value_list}: {count} new, {changed} changed"),
    Tag.VALUE_LIST_ITEMS_REMOVED: _("Took values off the list {value_list}: {count}"),
    Tag.VALUE_LIST_EXPORTED: _("Exported the list {value_list}: {count} values"),
    Tag.AUTHENTICATOR_CONFIGURATION_UPDATED: _("Changed the settings of {method}: {fields}"),
    Tag.MESSAGE_PROVIDER_CREATED: _("Added a message provider: {kind} ({channel})"),
    Tag.MESSAGE_PROVIDER_UPDATED: _("Changed a message provider ({channel}): {fields}"),
    Tag.MESSAGE_PROVIDER_DELETED: _("Removed a message provider: {kind} ({channel})"),
    Tag.MESSAGE_PROVIDER_TESTED: _("Tried a message provider: {kind} ({channel})"),
    Tag.IDENTITY_PROVIDER_CREATED: _("Set up the identity provider of {method}"),
    Tag.IDENTITY_PROVIDER_UPDATED: _("Changed the identity provider of {method}: {fields}"),
    Tag.IDENTITY_PROVIDER_DELETED: _("Removed the identity provider of {method}"),
    Tag.MEMBER_CHANGED: _("Changed a member"),
    Tag.STAFF_SIGNED_IN: _("Signed in to the portal"),
    Tag.STAFF_REFUSED: _("Failed to sign in to the portal"),
}
FIELD_WORDS: Final = {
    "is_active": _("active"),
    "is_shadow": _("shadow"),
    "when_unknown": _("when data is missing"),
    "verification_methods": _("permitted methods"),
    "default_verification_method": _("method shown first"),
    "prompt_to_enroll_verification_methods": _("ask to set up"),
    "default_outcome": _("default outcome"),
    "dynamic_linking": _("dynamic linking"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One event for a reader. `tone` is good, bad or nothing; links are made from `subject` and `action_id`."""

    at: datetime
    who: str
    text: str
    details: tuple[str, ...]
    tone: str
    subject: uuid.UUID | None
    action_id: uuid.UUID | None
    tag: str


def lines(events: Iterable[AuditEvent], tenant: Tenant) -> list[Line]:
    """Events of one tenant in words. Members of staff are named as long as they belong to it. Two queries."""
    found = list(events)
    staff = _staff(found, tenant)
    return [
        Line(
            at=event.at,
            who=who(event, staff),
            text=phrase(event.tag, event.data),
            details=tuple(details(event.data)),
            tone=_tone(event.tag),
            subject=event.subject,
            action_id=event.action_id,
            tag=event.tag,
        )
        for event in found
    ]


def _staff(events: list[AuditEvent], tenant: Tenant) -> dict[str, str]:
    idents = {event.actor for event in events if event.actor_kind == ActorKind.STAFF and event.actor.isdigit()}
    rows = User.objects.filter(pk__in=idents, memberships__tenant=tenant).values_list("pk", "username")
    return {str(ident): name for ident, name in rows}


def who(event: AuditEvent, staff: Mapping[str, str]) -> str:
    match event.actor_kind:
        case ActorKind.STAFF:
            return staff.get(event.actor) or translate("A former member of staff")
        case ActorKind.API_KEY:
            return translate("API key %(key)s") % {"key": event.actor}
        case ActorKind.USER:
            return translate("The user")
        case _:
            return translate("The system")


def phrase(tag: str, data: Mapping[str, Any]) -> str:
    try:
        template = str(PHRASES[Tag(tag)])
    except (ValueError, KeyError):
        return tag
    return template.format_map(_Words(data))


class _Words(dict[str, Any]):
    """The data of an event, in words; a field that the event does not have is a dash."""

    def __missing__(self, name: str) -> str:
        return "–"

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name) if name in self else None
        return self.__missing__(name) if value in (None, "", []) else _word(name, value)


def _word(name: str, value: Any) -> str:
    if name == "method":
        return words.method(str(value))
    if name == "channel":
        return str(words.CHANNELS.get(value, value))
    if name == "outcome":
        return str(words.OUTCOMES.get(value, value))
    if name == "country":
        return countries.name(str(value))
    if name in ("from_state", "to_state"):
        return str(words.STATES.get(value, value))
    if name == "fields":
        return ", ".join(str(FIELD_WORDS.get(one, str(one).replace("_", " "))) for one in value)
    return str(value)


def details(data: Mapping[str, Any]) -> Iterable[str]:
    """What else is worth reading: why, how often."""
    if data.get("purpose") == "enrol":
        yield translate("to enrol it")
    if data.get("authenticator"):
        yield short_id(data["authenticator"])
    if data.get("reason"):
        yield words.reason(str(data["reason"]))
    if isinstance(data.get("attempt"), int) and data["attempt"] > 1:
        yield translate("try %(number)s") % {"number": data["attempt"]}
    if data.get("role"):
        yield str(data["role"]).replace("_", " ").lower()


def short_id(ident: object) -> str:
    """Enough of an authenticator's id to tell it from the user's others, here and on the user's page."""
    return f"#{str(ident)[:8]}"


BAD: Final = frozenset(
    {
        Tag.AUTHENTICATOR_CLONE_SUSPECTED,
        Tag.CHALLENGE_REFUSED,
        Tag.CHALLENGE_DECLINED,
        Tag.METHOD_PAUSED,
        Tag.METHOD_DISABLED,
        Tag.MESSAGE_FAILED,
        Tag.MESSAGE_UNDELIVERED,
        Tag.MESSAGE_REFUSED,
        Tag.SENDING_PAUSED,
        Tag.AUTHENTICATOR_NOT_ATTESTED,
        Tag.STAFF_REFUSED,
    }
)


def _tone(tag: str) -> str:
    if tag in (
        Tag.ACTION_SUCCEEDED,
        Tag.CHALLENGE_VERIFIED,
        Tag.MESSAGE_SENT,
        Tag.MESSAGE_DELIVERED,
        Tag.AUTHENTICATOR_ENROLLED,
    ):
        return "good"
    return "bad" if tag in BAD else ""
