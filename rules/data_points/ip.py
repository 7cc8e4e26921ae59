"""Data points of the address an action comes from."""

from functools import partial

from rules.facts import Facts
from rules.registry import data_point
from rules.types import BOOLEAN, COUNTRY, IP, MISSING, TEXT

point = partial(data_point, category="IP and network")


@point("ip.address", IP, "IP address", "The address sent with the action, IPv4 or IPv6.")
def address(facts: Facts) -> object:
    return facts.ip.address


@point("ip.countryCode", COUNTRY, "IP country", "The two-letter code of the country the address is in.")
def country_code(facts: Facts) -> object:
    return facts.ip.country_code


@point(
    "ip.isAnonymous",
    BOOLEAN,
    "IP is anonymous",
    "The address hides its user: a Tor exit, a VPN, an open proxy or a hosting provider.",
    otherwise="IP is not anonymous",
)
def is_anonymous(facts: Facts) -> object:
    return facts.ip.anonymizer is not None if _anonymizer_known(facts) else MISSING


@point(
    "ip.anonymizer",
    TEXT,
    "IP anonymizer",
    "What makes the address anonymous: TOR, VPN, PROXY or HOSTING; NONE for an ordinary address.",
)
def anonymizer(facts: Facts) -> object:
    # NONE and not missing: "is TOR" is false for an ordinary address, not unknown.
    return facts.ip.anonymizer or "NONE" if _anonymizer_known(facts) else MISSING


@point(
    "ip.isUnrecognized",
    BOOLEAN,
    "IP is unrecognized",
    "The user has not verified from this address before.",
    otherwise="IP is recognized",
)
def is_unrecognized(facts: Facts) -> object:
    return facts.ip.is_unrecognized


def _anonymizer_known(facts: Facts) -> bool:
    return facts.ip.address is not None and facts.ip.anonymizer_known
