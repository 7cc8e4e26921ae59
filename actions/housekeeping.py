"""Removing rows that have served: kept answers, ended challenges, enrolments nobody finished, old reports."""

from datetime import timedelta

from actions.models import Backtest, ServerReplay
from authenticators.models import AppInvitation, Authenticator, Challenge, Message, SendingCount
from authsignal_portal import clock

KEPT_ANSWERS = timedelta(hours=1)
ENDED_CHALLENGES = timedelta(hours=24)
PENDING_ENROLMENTS = timedelta(hours=24)
ENDED_MESSAGES = timedelta(days=30)
BACKTESTS = timedelta(days=90)
SENDING_COUNTS = timedelta(days=32)
BATCH = 1000


def prune() -> int:
    """Delete one batch of each kind; returns the number of rows deleted. A challenge outlives every token by a day."""
    now = clock.now()
    stale = (
        ServerReplay.objects.filter(created_at__lt=now - KEPT_ANSWERS),
        Message.objects.filter(ended_at__lt=now - ENDED_MESSAGES),
        Challenge.objects.filter(expires_at__lt=now - ENDED_CHALLENGES, messages=None),
        AppInvitation.objects.filter(expires_at__lt=now - ENDED_CHALLENGES),
        SendingCount.objects.filter(start__lt=now - SENDING_COUNTS),
        Authenticator.objects.filter(verified_at=None, created_at__lt=now - PENDING_ENROLMENTS),
        Backtest.objects.filter(created_at__lt=now - BACKTESTS),
    )
    deleted = 0
    for rows in stale:
        deleted += rows.model._default_manager.filter(
            pk__in=list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        ).delete()[0]
    return deleted
