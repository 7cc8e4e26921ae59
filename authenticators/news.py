"""Word that a challenge has changed, to the processes whose pages wait for it: Redis pub/sub.

A doorbell, no more: it carries the challenge's id, which the page shows anyway, and it may get lost. What happened
stands in the challenge's row, and whoever waits looks there every few seconds too.
"""

from functools import partial

import structlog
from django.db import transaction
from redis.exceptions import RedisError

from authenticators.models import Challenge
from authsignal_portal import redis_client

log = structlog.get_logger(__name__)

CHANNEL = "authsignal:challenge"


def owed(challenge: Challenge) -> None:
    """Tell once the transaction that changes it is committed."""
    transaction.on_commit(partial(tell, challenge.pk))


def tell(challenge_id: str) -> None:
    try:
        redis_client.quick().publish(CHANNEL, challenge_id)
    except (RedisError, OSError) as error:
        log.warning("nobody is told that a challenge changed", challenge=challenge_id, reason=type(error).__name__)
