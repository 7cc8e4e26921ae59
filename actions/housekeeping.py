"""Removing rows that have served: kept answers, ended challenges and sign-ins, unfinished enrolments, old reports."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from actions.models import Backtest, ServerReplay
from authenticators.models import AppInvitation, AttestationNonce, Authenticator, Challenge, Message, SendingCount
from authsignal_portal import clock

KEPT_ANSWERS = timedelta(hours=1)
ENDED_CHALLENGES = timedelta(hours=24)
PENDING_ENROLMENTS = timedelta(hours=24)
ENDED_MESSAGES = timedelta(days=30)
BACKTESTS = timedelta(days=90)
SENDING_COUNTS = timedelta(days=32)
BATCH = 1000
# Well within the time that a task has.
TURN_SECONDS = 10


def prune() -> int:
    """Delete what is due, in batches, as far as one turn goes; returns the number of rows deleted.

    A challenge outlives every token by a day.
    """
    begun, due, deleted = time.monotonic(), _due(clock.now()), 0
    while due and time.monotonic() - begun < TURN_SECONDS:
        full = []
        for rows in due:
            batch = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
            deleted += rows.model._default_manager.filter(pk__in=batch).delete()[0]
            if len(batch) == BATCH:
                full.append(rows)
        due = full
    return deleted


def _due(now: datetime) -> list[QuerySet[Any]]:
    return [
        ServerReplay.objects.filter(created_at__lt=now - KEPT_ANSWERS),
        Message.objects.filter(ended_at__lt=now - ENDED_MESSAGES),
        Challenge.objects.filter(expires_at__lt=now - ENDED_CHALLENGES, messages=None),
        AppInvitation.objects.filter(expires_at__lt=now - ENDED_CHALLENGES),
        # An idempotencyKey that was used has no end: its action may be asked for again.
        AttestationNonce.objects.filter(expires_at__lt=now - ENDED_CHALLENGES),
        SendingCount.objects.filter(start__lt=now - SENDING_COUNTS),
        Authenticator.objects.filter(verified_at=None, created_at__lt=now - PENDING_ENROLMENTS),
        Backtest.objects.filter(created_at__lt=now - BACKTESTS),
        Session.objects.filter(expire_date__lt=now),
    ]
