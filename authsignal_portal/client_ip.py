"""The caller's own address, counting trusted proxies from the right; never the `ipAddress` a customer claims."""

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
