"""What the clock and the queue ask for: a task gets an id at most and calls one function; the rows decide."""

from uuid import UUID

from celery import shared_task

from actions import backtest, housekeeping, rule_metrics


@shared_task  # type: ignore[untyped-decorator]  # celery is untyped
def prune() -> None:
    """What is no longer needed is removed, in batches."""
    housekeeping.prune()


# Bounds itself: by its budget, and by the longest statement after it.
@shared_task(soft_time_limit=100, time_limit=110)  # type: ignore[untyped-decorator]
def count_rules() -> None:
    rule_metrics.count_due()


# Acknowledged at once: it may take longer than the queue waits before it gives a task to somebody else. It ends by
# itself before the limits.
@shared_task(  # type: ignore[untyped-decorator]  # as above
    acks_late=False,
    soft_time_limit=backtest.LONGEST_SECONDS + 60,
    time_limit=backtest.LONGEST_SECONDS + 120,
)
def run_backtest(backtest_id: str) -> None:
    backtest.run(UUID(backtest_id))
