"""A database connection ends with the thread that it belongs to.

Threads of the web server end when they had nothing to do for a while, and Django hears nothing of it: what it keeps for
a thread is a cycle, whose connection would stay open until the next full garbage collection.
"""

import threading
from typing import Any

from django.db.backends.signals import connection_created
from psycopg import Connection

_of_thread = threading.local()


class _Ending:
    """Goes with its thread, at once: nothing else refers to it."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def __del__(self) -> None:
        self._connection.close()


def close_with_their_threads() -> None:
    """From now on, for all connections of this process."""
    connection_created.connect(_keep, dispatch_uid=__name__)


def _keep(*, connection: Any, **_signal: Any) -> None:
    setattr(_of_thread, connection.alias, _Ending(connection.connection))
