"""What the queue may ask for. A task gets an id and calls one function; the rows decide what happens."""

from uuid import UUID

from celery import shared_task

from authenticators import delivery


@shared_task(name="authenticators.tasks.deliver")  # type: ignore[untyped-decorator]  # Celery has no types
def deliver(message_id: str) -> None:
    delivery.deliver(UUID(message_id))


@shared_task(name="authenticators.tasks.sweep")  # type: ignore[untyped-decorator]  # as above
def sweep() -> None:
    delivery.sweep()
