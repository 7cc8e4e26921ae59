"""What the clock calls for: removing what is no longer needed, and counting what the rules did."""

from celery import shared_task

from actions import housekeeping, rule_metrics


@shared_task  # type: ignore[untyped-decorator]  # celery is untyped
def prune() -> None:
    housekeeping.prune()


# Bounds itself: by its budget, and by the longest statement after it.
@shared_task(soft_time_limit=100, time_limit=110)  # type: ignore[untyped-decorator]
def count_rules() -> None:
    rule_metrics.count_due()
