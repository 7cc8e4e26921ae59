"""The caller's own address, counting trusted proxies from the right; never the `ipAddress` a customer claims."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """The peer, or with N trusted proxies the N-th address from the right of X-Forwarded-For."""
    peer: str = request.META.get("REMOTE_ADDR", "")
    hops = settings.TRUSTED_PROXIES
    if hops < 1:
        return peer
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    return forwarded[-hops] if len(forwarded) >= hops else peer


def bucket(address: str) -> str:
    """What limits count as one: an IPv4 address, written as IPv6 or not, and of IPv6 the /64 that one host has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((int(found), 64), strict=False))


def site(address: str) -> str:
    """The /48 of an IPv6 address, the most that one customer gets as a rule (RFC 6177); empty for any other."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if not isinstance(found, IPv6Address) or found.ipv4_mapped:
        return ""
    return str(IPv6Network((int(found), 48), strict=False))
