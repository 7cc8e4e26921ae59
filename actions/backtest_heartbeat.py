"""Beside a backtest: however long one statement takes, its row says that it lives, and it ends when it is told to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, Final

import psycopg
from django.db import Error, connections
from psycopg import Connection
from psycopg.errors import QueryCanceled

BEAT_SECONDS: Final = 5.0


class Ended(Exception):
    """It is not to go on."""


@contextmanager
def heartbeat(touch: Callable[[], None], reading: Connection[Any]) -> Iterator[None]:
    """Call `touch` every few seconds from a thread; once it raises Ended, the statement of `reading` is cancelled.

    Raises what `touch` raised in place of QueryCanceled.
    """
    beat = _Beat(touch, reading)
    beat.start()
    try:
        yield
    except QueryCanceled:
        if beat.why is not None:
            raise beat.why from None
        raise
    finally:
        beat.over.set()
        beat.join()


class _Beat(Thread):
    def __init__(self, touch: Callable[[], None], reading: Connection[Any]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._touch, self._reading = touch, reading
        self.over = Event()
        self.why: Ended | None = None

    def run(self) -> None:
        try:
            # Again and again: between two statements there is nothing to cancel.
            while not self.over.wait(BEAT_SECONDS):
                self._beat()
        finally:
            connections.close_all()

    def _beat(self) -> None:
        try:
            self._touch()
        except Ended as why:
            self.why = why
            self._cancel()
        except Error:
            # On a new connection next time. If the database stays away, the reading fails too.
            connections.close_all()

    def _cancel(self) -> None:
        try:
            self._reading.cancel_safe(timeout=BEAT_SECONDS)
        except psycopg.Error:
            # Tried again at the next beat.
            return
