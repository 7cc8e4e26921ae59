"""How many sockets one user, one address and one tenant hold open at a time, counted in Redis for all processes.

A place is a lease: a process that dies gives its places back by not renewing them. Without Redis nothing is counted
here; each process still has a bound of its own.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import structlog
from redis.exceptions import RedisError

from authsignal_portal import redis_client
from authsignal_portal.errors import TooManyRequests

log = structlog.get_logger(__name__)

LEASE_SECONDS = 75

# All places or none. KEYS: where a place is needed. ARGV: whose, for how many seconds, then the bound of each.
_TAKE = """
local now = tonumber(redis.call('TIME')[1])
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if not redis.call('ZSCORE', key, ARGV[1]) and redis.call('ZCARD', key) >= tonumber(ARGV[i + 2]) then
    return 0
  end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + tonumber(ARGV[2]), ARGV[1])
  redis.call('EXPIRE', key, ARGV[2])
end
return 1
"""


@lru_cache(maxsize=1)
def _take() -> Any:
    return redis_client.quick().register_script(_TAKE)


def take(socket: str, bounds: Mapping[str, int]) -> None:
    """A place under each of the names, for LEASE_SECONDS; again to renew it. Raises TooManyRequests."""
    try:
        taken = _take()(keys=[_key(name) for name in bounds], args=[socket, LEASE_SECONDS, *bounds.values()])
    except (RedisError, OSError) as error:
        log.warning("sockets are not counted", reason=type(error).__name__)
        return
    if not taken:
        raise TooManyRequests("Too many sockets are open.", resets_in=LEASE_SECONDS)


def give_back(socket: str, bounds: Mapping[str, int]) -> None:
    try:
        for name in bounds:
            redis_client.quick().zrem(_key(name), socket)
    except (RedisError, OSError) as error:
        log.warning("sockets are not counted", reason=type(error).__name__)


def _key(name: str) -> str:
    return f"socket:{name}"
