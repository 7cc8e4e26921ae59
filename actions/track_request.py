"""A request to track an action, checked and normalised."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from actions import gather, ip_intel, velocity
from actions.ip_intel import parse_address
from audit import log
from authenticators import contact
from authsignal_portal import crypto, origins
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.json_body import checked_id
from authsignal_portal.models import Tenant
from rules.models import ACTION_CODE

CODE = re.compile(ACTION_CODE)
# What may not differ when an idempotency key is used again.
FINGERPRINTED = ("custom", "email", "phoneNumber", "redirectUrl", "scope")


@dataclass(frozen=True, slots=True)
class Track:
    """One request to track, checked and normalised."""

    tenant: Tenant
    user_id: str
    action_code: str
    sent: Mapping[str, Any]
    key: str
    address: str | None
    fingerprint: str
    # An instance that a client began is a challenge in any case: the rules can only refuse it.
    begun_by_client: bool
    actor: log.Actor
    intel: ip_intel.IpIntel
    around: velocity.Entities
    # The message in its default text, whatever its user speaks: a challenge that began without them says that.
    in_default_text: bool


def is_action_code(text: str) -> bool:
    return CODE.fullmatch(text) is not None


def checked(
    tenant: Tenant,
    user_id: str,
    action_code: str,
    attributes: Mapping[str, Any],
    actor: log.Actor,
    *,
    begun_by_client: bool,
    in_default_text: bool = False,
) -> Track:
    """`attributes` has the wire's names (wire: track request). Raises InvalidRequest."""
    sent = {name: value for name, value in attributes.items() if value not in (None, "")}
    checked_id(user_id, "userId")
    if not is_action_code(action_code):
        raise InvalidRequest("action must have 1 to 64 letters, digits, hyphens and underscores.")
    if sent.get("redirectUrl"):
        try:
            origins.check_redirect(sent["redirectUrl"], allowed=tenant.app_origins, development=not settings.PRODUCTION)
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
    if "email" in sent:
        sent["email"] = contact.clean_email(sent["email"])
    if "phoneNumber" in sent:
        sent["phoneNumber"] = contact.clean_phone(sent["phoneNumber"])
    key = checked_id(sent["idempotencyKey"], "idempotencyKey") if "idempotencyKey" in sent else str(uuid.uuid4())
    intel = ip_intel.lookup(parse_address(sent.get("ipAddress")))
    return Track(
        tenant=tenant,
        user_id=user_id,
        action_code=action_code,
        sent=sent,
        key=key,
        address=intel.address,
        fingerprint=crypto.keyed_hash("track", fixed_part(sent)),
        begun_by_client=begun_by_client,
        actor=actor,
        intel=intel,
        around=_around(tenant, action_code, sent, intel),
        in_default_text=in_default_text,
    )


def _around(tenant: Tenant, action_code: str, sent: Mapping[str, Any], intel: ip_intel.IpIntel) -> velocity.Entities:
    return velocity.Entities(
        action_code=action_code,
        device_key=entity_key(tenant, "device", sent.get("deviceId")),
        address_key=entity_key(tenant, "address", intel.address),
        phone_key=entity_key(tenant, "phone", sent.get("phoneNumber")),
        email_domain_key=entity_key(tenant, "email domain", gather.domain_of(sent.get("email"))),
        country_code=intel.country_code,
    )


def entity_key(tenant: Tenant, kind: str, value: str | None) -> int | None:
    return tenant.entity_key(kind, value) if value else None


def fixed_part(sent: Mapping[str, Any]) -> str:
    """The part of a request that its idempotency key stands for."""
    held = {name: sent[name] for name in FINGERPRINTED if name in sent}
    if "custom" in held:
        held["custom"] = {name: _same_number(value) for name, value in held["custom"].items()}
    return json.dumps(held, sort_keys=True, separators=(",", ":"))


def _same_number(value: Any) -> Any:
    """1e3 and 1000.0 are the number 1000, however it was written."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
