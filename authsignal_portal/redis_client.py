"""The process's own connection to Redis, for what may get lost and must hold nobody up."""

from functools import lru_cache

from django.conf import settings
from redis import Redis


@lru_cache(maxsize=1)
def quick() -> Redis:
    """A client that gives up after a second. Each call to it raises RedisError or OSError where Redis is away."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
