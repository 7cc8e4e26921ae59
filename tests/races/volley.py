"""Many requests at the same instant, against a server that really works on eight of them at once.

A round holds a row that every request must pass, waits until the server's slots all stand before it, and lets go:
the requests are then as simultaneous as the database can make them, whatever else the machine does.
"""

import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.db import connection, transaction
from django.db.models import QuerySet

from tests import make
from tests.conftest import SLOTS, Live

MANY = 50
# Each round begins with eight requests at one door, whatever the machine does: few show what many would.
ROUNDS = int(os.environ.get("RACE_ROUNDS", "2"))
WAITING = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"


@dataclass(frozen=True)
class Shot:
    """One request with the secret key; with a client `token` or another `basic` user name instead, if given.

    A body of bytes is sent as it is: it was signed so, in one of the `headers`.
    """

    path: str
    body: Any = None
    token: str | None = None
    method: str = "POST"
    basic: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    is_replay: bool


@dataclass
class Volley:
    """The answers to one round, and how many requests were seen to stand in the server at once."""

    answers: list[Answer]
    at_once: int = 0

    @property
    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    @property
    def verified(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.body.get("isVerified") is True]

    def distinct(self, name: str) -> set[Any]:
        return {answer.body[name] for answer in self.answers if answer.body.get(name)}


def fire(live: Live, shots: Sequence[Shot], hold: "Held | None" = None) -> Volley:
    """Send all shots at one instant, each over a connection that already stands."""
    barrier = threading.Barrier(len(shots) + 1)
    answers: list[Answer | None] = [None] * len(shots)

    def run(number: int, shot: Shot) -> None:
        server = http.client.HTTPConnection("127.0.0.1", urlsplit(live.public_url).port, timeout=60)
        try:
            server.connect()
            barrier.wait(30)
            answers[number] = send(server, live, shot)
        finally:
            server.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(shots)]
    for thread in threads:
        thread.start()
    at_once = 0
    with hold or nothing():
        barrier.wait(30)
        if hold:
            # Few connections may all be with one of the two processes; fifty are with both.
            at_once = wait_until_waiting(SLOTS if len(shots) >= MANY else min(SLOTS // 2, len(shots)))
    for thread in threads:
        thread.join()
    assert None not in answers, "a request got no answer"
    volley = Volley([answer for answer in answers if answer], at_once)
    failed = [answer for answer in volley.answers if answer.status >= 500]
    assert not failed, failed[:3]
    return volley


def send(server: http.client.HTTPConnection, live: Live, shot: Shot) -> Answer:
    authorization = f"Bearer {shot.token}" if shot.token else make.basic(shot.basic or live.api_secret_key)
    headers = {"Authorization": authorization, "Content-Type": "application/json", **shot.headers}
    body = shot.body if shot.body is None or isinstance(shot.body, bytes) else json.dumps(shot.body)
    server.request(shot.method, shot.path, body, headers)
    answer = server.getresponse()
    return Answer(answer.status, json.loads(answer.read()), answer.headers["Idempotent-Replayed"] == "true")


# -- holding the door ----------------------------------------------------------------------------

Held = Any


@contextmanager
def held(*rows: QuerySet[Any]) -> Iterator[None]:
    """Lock rows that stand, until the round is ready."""
    with transaction.atomic():
        for query in rows:
            assert list(query.select_for_update()), f"nothing to hold: {query.model.__name__}"
        yield


@contextmanager
def claimed(*rows: Any) -> Iterator[None]:
    """Take the unique names of rows that do not stand yet, until the round is ready; then take them back."""
    with transaction.atomic():
        for row in rows:
            row.save(force_insert=True)
        yield
        transaction.set_rollback(True)


@contextmanager
def nothing() -> Iterator[None]:
    yield


def wait_until_waiting(count: int) -> int:
    """Until so many of the server's database sessions wait for a lock; returns how many did."""
    deadline = time.monotonic() + 8
    while True:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            waiting = int(cursor.fetchone()[0])
        if waiting >= count:
            return waiting
        assert time.monotonic() < deadline, f"only {waiting} of {count} slots work at once"
        time.sleep(0.002)
