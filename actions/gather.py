"""What is known about an action when it is decided: the request, the user, the device, the address."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions import ip_intel
from actions.store import Known
from authsignal_portal import user_agent
from authsignal_portal.models import Tenant
from rules.facts import DeviceFacts, Facts, IpFacts, UserFacts


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts, and the contact data in clear for what follows."""

    facts: Facts
    email: str | None
    phone_number: str | None


def gather(
    *, tenant: Tenant, known: Known, user_id: str, action_code: str, sent: dict[str, Any], address: str | None
) -> Gathered:
    """`sent` is the checked track request; what it says of the user goes before what is stored."""
    place = ("authenticators_enduser", str(known.user_pk))
    email = sent.get("email") or _opened(tenant, known.email_sealed, place[0], "email_sealed", place[1])
    phone = sent.get("phoneNumber") or _opened(
        tenant, known.phone_number_sealed, place[0], "phone_number_sealed", place[1]
    )
    intel = ip_intel.lookup(address)
    facts = Facts(
        action_code=action_code,
        custom=sent.get("custom") or {},
        ip=IpFacts(
            address=intel.address,
            country_code=intel.country_code,
            anonymizer=intel.anonymizer,
            anonymizer_known=intel.known,
            is_unrecognized=None if address is None else not known.address_known,
        ),
        device=_device(known, sent),
        user=UserFacts(
            user_id=user_id,
            email=email,
            phone_number=phone,
            username=sent.get("username") or known.username,
            display_name=known.display_name,
            is_enrolled=bool(known.enrolled),
            has_previously_verified=known.last_verified_at is not None,
            email_verified=bool(known.email_verified) if email else None,
            phone_number_verified=bool(known.phone_number_verified) if phone else None,
            custom=known.user_custom or {},
        ),
    )
    return Gathered(facts, email, phone)


def _device(known: Known, sent: dict[str, Any]) -> DeviceFacts:
    device_id = sent.get("deviceId") or None
    agent = sent.get("userAgent") or None
    return DeviceFacts(
        id=device_id,
        is_new=None if device_id is None else not _proved(known.authenticated_at, known.invalidated_at),
        is_bot=user_agent.is_bot(agent),
        is_remembered=None if device_id is None else _remembered(known),
        count=known.devices + (1 if device_id and known.device_pk is None else 0),
    )


def _proved(authenticated_at: datetime | None, invalidated_at: datetime | None) -> bool:
    """A device stops being new by a passed challenge, not by merely having been named before: otherwise giving up a
    challenge once and trying again would pass as a known device."""
    if authenticated_at is None:
        return False
    return invalidated_at is None or invalidated_at < authenticated_at


def _remembered(known: Known) -> bool:
    until = known.remembered_until
    return until is not None and until > known.now and known.invalidated_at is None


def _opened(tenant: Tenant, sealed: bytes | None, *place: str) -> str | None:
    return None if sealed is None else tenant.unseal(sealed, *place).decode()
