"""Data points of the address an action comes from."""

from functools import partial

from rules.registry import data_point
from rules.types import BOOLEAN, COUNTRY, IP, NUMBER, TEXT

point = partial(data_point, category="IP and network")

point("ip.address", IP, "IP address", "The address sent with the action, IPv4 or IPv6.")
point("ip.countryCode", COUNTRY, "IP country", "The country the address is in.")
point(
    "ip.countryCodeInOfacList",
    BOOLEAN,
    "IP country is embargoed (OFAC)",
    "The country is on your list “OFAC countries”, which you may edit.",
    otherwise="IP country is not embargoed (OFAC)",
)
point("ip.city", TEXT, "IP city", "The city the address is in, by its English name, where the address data tells.")
point(
    "ip.isAnonymous",
    BOOLEAN,
    "IP is anonymous",
    "The address hides its user: a Tor exit, a VPN, an open proxy or a hosting provider.",
    otherwise="IP is not anonymous",
)
point(
    "ip.anonymizer",
    TEXT,
    "IP anonymizer",
    "What makes the address anonymous: TOR, VPN, PROXY or HOSTING; NONE for an ordinary address.",
    choices=("TOR", "VPN", "PROXY", "HOSTING", "NONE"),
)
point(
    "ip.isUnrecognized",
    BOOLEAN,
    "IP is unrecognized",
    "The user has not verified from this address before.",
    otherwise="IP is recognized",
)
point(
    "ip.impossibleTravel",
    BOOLEAN,
    "Impossible travel",
    "Atypical, and nobody could have come here, by plane, from where the user last verified in the time between.",
    otherwise="Possible travel",
)
point(
    "ip.atypicalTravel",
    BOOLEAN,
    "Atypical travel",
    "The place is far from the last 20 places that the user verified at, of the last 90 days.",
    otherwise="Typical travel",
)
point("ip.asn", NUMBER, "IP network number (ASN)", "The autonomous system of the address.", integer=True, minimum=0)
point("ip.organization", TEXT, "IP organisation", "Who runs the network of the address, such as “Example Telecom”.")
