"""Housekeeping: what is no longer needed is removed in small batches."""

from celery import shared_task

from actions import housekeeping


@shared_task  # type: ignore[untyped-decorator]  # celery is untyped
def prune() -> None:
    housekeeping.prune()
