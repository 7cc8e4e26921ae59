"""What is known about an action when it is decided: the request, the user, the device, the address, the past."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from actions import ip_intel, local_time, travel
from actions.ip_snapshot import IpIntel
from actions.store import Known
from authenticators import contact_facts
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
    in_clear: Contacts,
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
        user=_user(known, user_id, sent, in_clear),
        time=_time(tenant, known.now, intel),
    )


def asker(*, user_agent: str | None, ip_address: str | None) -> dict[str, str]:
    """Who asks, as the customer's own sender is told it: userAgent, ipAddress, timezone, each as far as it is known.

    The time zone is that of the address (an IANA name). Raises InvalidAddress.
    """
    address = ip_intel.parse_address(ip_address)
    zone = ip_intel.lookup(address).time_zone
    known = {"userAgent": user_agent, "ipAddress": address, "timezone": zone}
    return {name: value for name, value in known.items() if value}


def domain_of(email: str | None) -> str | None:
    return contact_facts.email_domain(email) if email else None


def _time(tenant: Tenant, now: datetime, intel: IpIntel) -> TimeFacts:
    there = local_time.local(now, intel.time_zone, tenant.time_zone)
    return TimeFacts(at=now.timestamp(), hour=there.hour, weekday=there.weekday, zone=there.time_zone)


def _address(known: Known, intel: IpIntel, lists: Lists) -> IpFacts:
    if intel.address is None:
        return IpFacts()
    gone = _travel(known, intel)
    return IpFacts(
        address=intel.address,
        country_code=intel.country_code,
        country_code_in_ofac_list=_embargoed(intel.country_code, lists, known.now),
        city=intel.city,
        asn=intel.asn,
        organization=intel.organization,
        is_anonymous=intel.anonymizer is not None if intel.known else None,
        anonymizer=intel.anonymizer or "NONE" if intel.known else None,
        is_unrecognized=not known.address_known,
        # Nobody is accused at a place where they are often: a phone and a wifi may be far apart.
        impossible_travel=gone.impossible and gone.atypical,
        atypical_travel=gone.atypical,
        latitude=intel.latitude,
        longitude=intel.longitude,
        accuracy_radius_km=intel.accuracy_radius_km,
    )


def _travel(known: Known, intel: IpIntel) -> travel.Travel:
    """From where the user passed challenges to where the address is."""
    here = None
    if intel.latitude is not None and intel.longitude is not None and intel.accuracy_radius_km is not None:
        here = travel.Place(intel.latitude, intel.longitude, intel.accuracy_radius_km, known.now)
    earlier = [
        travel.Place(north, east, radius, datetime.fromtimestamp(at, UTC)) for north, east, radius, at in known.places
    ]
    return travel.judge(here, earlier)


def _embargoed(country: str | None, lists: Lists, now: datetime) -> bool | None:
    embargoed = lists.get(OFAC_ALIAS)
    if country is None or embargoed is None:
        return None
    return embargoed.holds(COUNTRY, country, now.timestamp())


def _user(known: Known, user_id: str, sent: dict[str, Any], in_clear: Contacts) -> UserFacts:
    email, phone = in_clear.email, in_clear.phone_number
    domain = domain_of(email)
    return UserFacts(
        user_id=user_id,
        email=email,
        email_domain=domain,
        email_is_disposable=contact_facts.is_disposable(domain) if domain else None,
        phone_number=phone,
        phone_country=contact_facts.phone_country(phone) if phone else None,
        phone_line_type=contact_facts.phone_line_type(phone) if phone else None,
        username=sent.get("username") or known.username,
        display_name=known.display_name,
        is_enrolled=bool(known.enrolled),
        has_previously_verified=known.last_verified_at is not None,
        email_verified=bool(known.email_verified) if email else None,
        phone_number_verified=bool(known.phone_number_verified) if phone else None,
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
        type=user_agent.device_type(agent),
        browser=user_agent.browser_name(agent),
        os=user_agent.os_name(agent),
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
