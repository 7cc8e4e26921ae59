"""A thread that ends leaves no connection open."""

import gc
import threading
import time
import warnings

import pytest
from django.db import connection
from django.db.backends.signals import connection_created

from authsignal_portal import thread_connections


@pytest.fixture
def closing():
    thread_connections.close_with_their_threads()
    gc.disable()
    yield
    gc.enable()
    with warnings.catch_warnings():
        # What was left open is closed now, with a word of psycopg's.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert connection_created.disconnect(dispatch_uid=thread_connections.__name__)


def process_of(found):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        found.append(cursor.fetchone()[0])


def is_open(process):
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", [process])
        return cursor.fetchone()[0]


def test_the_connection_of_a_thread_is_closed_when_it_ends_and_no_collection_runs(transactional_db, closing):
    found: list[int] = []
    thread = threading.Thread(target=process_of, args=(found,))
    thread.start()
    thread.join()
    deadline = time.monotonic() + 10
    while is_open(found[0]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
