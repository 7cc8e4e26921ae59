"""What is known about an action when it is decided: the request, the user, the device, the address, the past."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.ip_snapshot import IpIntel
from actions.store import Known
from authsignal_portal import user_agent
from authsignal_portal.models import Tenant
from rules.facts import DeviceFacts, Facts, IpFacts, TimeFacts, UserFacts
from rules.lists import Lists
from rules.types import COUNTRY
from rules.value_lists import OFAC_ALIAS

# Where the action sends what is known of a card or a wallet: the key in custom, and the fact.
CARD = {"cardBin": "bin", "cardIssuerCountry": "issuerCountry", "cardIssuerName": "issuerName"}
CRYPTO = {"walletAddress": "walletAddress", "assetCode": "assetCode"}


@dataclass(frozen=True, slots=True)
class Contacts:
    """The user's email address and phone number in clear, sent or stored."""

    email: str | None
    phone_number: str | None


def contacts(tenant: Tenant, known: Known, sent: dict[str, Any]) -> Contacts:
    """What the request says goes before what is stored."""
    place = ("authenticators_enduser", str(known.user_pk))
    email = sent.get("email") or _opened(tenant, known.email_sealed, place[0], "email_sealed", place[1])
    phone = sent.get("phoneNumber") or _opened(
        tenant, known.phone_number_sealed, place[0], "phone_number_sealed", place[1]
    )
    return Contacts(email, phone)


def gather(
    *,
    tenant: Tenant,
    known: Known,
    user_id: str,
    action_code: str,
    sent: dict[str, Any],
    intel: IpIntel,
    contacts: Contacts,
    lists: Lists,
    velocity: dict[str, int | float],
) -> Facts:
    """`sent` is the checked track request."""
    custom = sent.get("custom") or {}
    return Facts(
        action_code=action_code,
        custom=custom,
        card={fact: custom[name] for name, fact in CARD.items() if name in custom},
        crypto={fact: custom[name] for name, fact in CRYPTO.items() if name in custom},
        velocity=velocity,
        ip=_address(known, intel, lists),
        device=_device(known, sent),
        user=_user(known, user_id, sent, contacts),
        time=TimeFacts(at=known.now.timestamp()),
    )


def _address(known: Known, intel: IpIntel, lists: Lists) -> IpFacts:
    if intel.address is None:
        return IpFacts()
    return IpFacts(
        address=intel.address,
        country_code=intel.country_code,
        country_code_in_ofac_list=_embargoed(intel.country_code, lists, known.now),
        asn=intel.asn,
        is_anonymous=intel.anonymizer is not None if intel.known else None,
        anonymizer=intel.anonymizer or "NONE" if intel.known else None,
        is_unrecognized=not known.address_known,
    )


def _embargoed(country: str | None, lists: Lists, now: datetime) -> bool | None:
    embargoed = lists.get(OFAC_ALIAS)
    if country is None or embargoed is None:
        return None
    return embargoed.holds(COUNTRY, country, now.timestamp())


def _user(known: Known, user_id: str, sent: dict[str, Any], contacts: Contacts) -> UserFacts:
    return UserFacts(
        user_id=user_id,
        email=contacts.email,
        phone_number=contacts.phone_number,
        username=sent.get("username") or known.username,
        display_name=known.display_name,
        is_enrolled=bool(known.enrolled),
        has_previously_verified=known.last_verified_at is not None,
        email_verified=bool(known.email_verified) if contacts.email else None,
        phone_number_verified=bool(known.phone_number_verified) if contacts.phone_number else None,
        account_age_in_days=(known.now - known.user_created_at).days if known.user_created_at else 0,
        custom=known.user_custom or {},
    )


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
