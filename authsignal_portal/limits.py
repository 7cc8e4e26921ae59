"""Request limits in Redis: smoothing only. What bounds guessing and sending lives in PostgreSQL rows.

Windows of the `limits` package: its Lua scripts are atomic, DRF's throttles are not.
"""

import time
from functools import lru_cache

import structlog
from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from authsignal_portal.client_ip import bucket, site
from authsignal_portal.errors import TooManyRequests, Unavailable

log = structlog.get_logger(__name__)

STAFF_MINUTES = 15


@lru_cache(maxsize=1)
def _limiter() -> FixedWindowRateLimiter:
    url = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
    return FixedWindowRateLimiter(RedisStorage(url, socket_timeout=1, socket_connect_timeout=1, wrap_exceptions=False))


def requests_by_key(key_id: str) -> None:
    _hit(RateLimitItemPerSecond(settings.API_REQUESTS_PER_10_SECONDS, 10), "key", key_id)


def requests_by_address(address: str) -> None:
    _hit(RateLimitItemPerMinute(settings.CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS), "address", bucket(address))


def without_token(tenant_id: object, address: str) -> None:
    """Count a call that knows its tenant alone, whose id is public.

    What its address or, with IPv6, its site may not counts against nobody else. So one machine, or one customer with
    65,536 networks of IPv6, uses up a tenth of what the tenant has at most; who has many sites can use up all of it.
    """
    requests_by_address(address)
    if in_site := site(address):
        _hit(RateLimitItemPerMinute(settings.CLIENT_REQUESTS_PER_MINUTE_PER_NETWORK), "site", in_site)
    _hit(RateLimitItemPerMinute(settings.CLIENT_REQUESTS_PER_MINUTE_PER_TENANT), "tenant", str(tenant_id))


def qr_poll(challenge_id: str) -> None:
    """A page that shows a QR code asks every three seconds what came of it. Several may stand behind one address."""
    _hit(RateLimitItemPerMinute(settings.QR_POLLS_PER_MINUTE), "qr-poll", challenge_id)


def requests_by_user(user_id: object, address: str) -> None:
    """All that comes with tokens of one user from one address, whatever their actions. Who has the user's password, and
    so a token, uses up nothing of what the user has elsewhere."""
    _hit(RateLimitItemPerMinute(settings.CLIENT_REQUESTS_PER_MINUTE_PER_USER), "user", str(user_id), bucket(address))


def link_poll(action_id: object) -> None:
    """A page that waits for its link to be opened asks once a second, in a tab or two."""
    _hit(RateLimitItemPerMinute(settings.LINK_POLLS_PER_MINUTE), "link", str(action_id))


def provider_test(tenant_id: object) -> None:
    """Count one message that a member of staff sends to try a provider. Raises TooManyRequests, Unavailable."""
    try:
        _count(RateLimitItemPerHour(settings.PROVIDER_TESTS_PER_HOUR), "provider-test", str(tenant_id))
    except (RedisError, OSError) as error:
        raise Unavailable("Providers cannot be tried right now. Try again shortly.") from error


def bad_key(address: str) -> None:
    _hit(RateLimitItemPerMinute(settings.BAD_KEYS_PER_MINUTE), "bad-key", bucket(address))


def staff_try(step: str, account: str, address: str) -> None:
    """Count one try of a member of staff to sign in. Raises TooManyRequests; without Redis, Unavailable: no try."""
    try:
        _count(
            RateLimitItemPerMinute(settings.STAFF_TRIES_PER_ADDRESS, STAFF_MINUTES), "staff-address", bucket(address)
        )
        _count(RateLimitItemPerMinute(settings.STAFF_TRIES_PER_ACCOUNT, STAFF_MINUTES), "staff", step, account)
    except (RedisError, OSError) as error:
        raise Unavailable("Sign-in is not available right now. Try again shortly.") from error


def staff_passed(step: str, account: str) -> None:
    """The try was right: the account starts again at nothing."""
    try:
        item = RateLimitItemPerMinute(settings.STAFF_TRIES_PER_ACCOUNT, STAFF_MINUTES)
        _limiter().clear(item, "staff", step, account)
    except (RedisError, OSError) as error:
        log.warning("request limits unavailable", reason=type(error).__name__)


def _hit(item: RateLimitItem, *who: str) -> None:
    """Count one request. Raises TooManyRequests. Without Redis nothing is counted here: the hard caps still hold."""
    try:
        _count(item, *who)
    except (RedisError, OSError) as error:
        log.warning("request limits unavailable", reason=type(error).__name__)


def _count(item: RateLimitItem, *who: str) -> None:
    if not _limiter().hit(item, *who):
        reset = _limiter().get_window_stats(item, *who)
        raise TooManyRequests(resets_in=int(reset.reset_time - time.time()) + 1)
