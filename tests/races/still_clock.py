"""A database clock that stands still and is set by hand, for tests inside one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

START = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class StillClock:
    """`now` until it is moved. Gone with the test's transaction."""

    now: datetime = START

    def advance(self, seconds: float) -> None:
        self.set(self.now + timedelta(seconds=seconds))

    def set(self, moment: datetime) -> None:
        self.now = moment
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION authsignal_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS "
                f"$$ SELECT '{moment.isoformat()}'::timestamptz $$"
            )


@contextmanager
def still_clock() -> Iterator[StillClock]:
    clock = StillClock()
    clock.set(START)
    yield clock
