"""The codes that this process's sockets wait for: word of a change wakes one, and so does a look every few seconds."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from redis import asyncio as redis
from redis.exceptions import RedisError

from actions import device_waiting
from authenticators import news
from authenticators.models import Challenge
from authsignal_portal.errors import AuthsignalError, Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")
SUBSCRIBE_AGAIN_SECONDS = 1.0
UNAVAILABLE = (DatabaseError, InterfaceError)

_threads = ThreadPoolExecutor(settings.SOCKET_THREADS, thread_name_prefix="socket")


async def in_database(work: Callable[..., T], *arguments: object) -> T:
    """Run what uses the database, or waits for Redis, in a thread; each of a few keeps its connection."""
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(_connected, work, *arguments))


def _connected(work: Callable[..., T], *arguments: object) -> T:
    close_old_connections()
    try:
        return work(*arguments)
    except AuthsignalError as error:
        error.remember()
        raise
    finally:
        close_old_connections()


@dataclass(slots=True, eq=False)
class Code:
    """A QR code that a socket's page shows. `stage` is what the page was told last."""

    challenge: Challenge
    device_code: str
    changed: asyncio.Event
    stage: device_waiting.Stage = device_waiting.Stage.UNCLAIMED

    @property
    def id(self) -> str:
        return str(self.challenge.pk)


def _ended(running: asyncio.Task[None]) -> None:
    if not running.cancelled() and running.exception():
        log.critical("pages are not told any more what becomes of their codes", exc_info=running.exception())


class Watch:
    """The codes of all sockets of this process."""

    def __init__(self) -> None:
        self._codes: dict[str, Code] = {}
        self._sockets = 0
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Where it runs already, nothing."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(_ended)

    async def stop(self) -> None:
        if self._running:
            self._running.cancel()
            await asyncio.wait({self._running})
            self._running = None

    @contextmanager
    def socket(self) -> Iterator[None]:
        """Counts one socket, from its handshake on. Raises Unavailable where this process has enough."""
        if self._sockets >= settings.SOCKETS_PER_PROCESS:
            raise Unavailable
        self.start()
        self._sockets += 1
        try:
            yield
        finally:
            self._sockets -= 1

    def add(self, code: Code) -> None:
        self._codes[code.id] = code

    def remove(self, code: Code) -> None:
        self._codes.pop(code.id, None)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(self._listen())
            both.create_task(self._look())

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (RedisError, OSError) as error:
                log.warning("changes of challenges are not told", reason=type(error).__name__)
            await asyncio.sleep(SUBSCRIBE_AGAIN_SECONDS)

    async def _hear(self) -> None:
        async with redis.from_url(settings.REDIS_URL, socket_connect_timeout=1) as client, client.pubsub() as told:
            await told.subscribe(news.CHANNEL)
            async for message in told.listen():
                if message["type"] == "message":
                    self._wake([message["data"].decode(errors="replace")])
                elif message["type"] == "subscribe":
                    # Whatever was said before is lost.
                    self._wake(list(self._codes))

    def _wake(self, challenge_ids: Collection[str]) -> None:
        for code in filter(None, map(self._codes.get, challenge_ids)):
            code.changed.set()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(settings.SOCKET_LOOKS_EVERY_SECONDS)
            if not self._codes:
                continue
            try:
                stages = await in_database(device_waiting.qr_stages, list(self._codes))
            except UNAVAILABLE as error:
                log.warning("challenges cannot be looked at", reason=type(error).__name__)
                continue
            self._compare(stages, list(self._codes.values()))

    def _compare(self, stages: dict[str, device_waiting.Stage], codes: Collection[Code]) -> None:
        for code in codes:
            if stages.get(code.id, device_waiting.Stage.OVER) != code.stage:
                code.changed.set()
