"""PostgreSQL and Valkey for one test session, started before Django reads its settings.

A pytest plugin (`-p tests.services` in pyproject.toml): sets DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL.
With TEST_DATABASE_URL (and TEST_DATABASE_OWNER_URL, where the owner is another role) or TEST_REDIS_URL set it
starts nothing and uses those.

Each process of a parallel run (pytest-xdist's -n) has servers of its own: a test that stops the broker or empties
it must not reach another's.
"""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from authsignal_portal.embedded import (
    OWNER_ROLE,
    create_roles_and_database,
    database_url,
    postgres_directory,
    redis_url,
    valkey_directory,
)
from authsignal_portal.embedded_servers import Postgres, Valkey
from authsignal_portal.processes import AlreadyRunning, ProcessError

ROOT = Path(__file__).resolve().parent.parent
# A second session in the same checkout takes the next directory.
DIRECTORIES = [ROOT / "var" / "test" / str(number) for number in range(1, 9)]
STARTED = "AUTHSIGNAL_TEST_SERVICES"

_running = contextlib.ExitStack()


# A wrapper, because wrappers run first: pytest-django reads the settings in the same hook.
@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    only_hands_out = bool(getattr(early_config.known_args_namespace, "numprocesses", None))
    # Else a parent process has started them and its environment is ours.
    if STARTED not in os.environ and not only_hands_out:
        try:
            _start()
        except ProcessError as error:
            raise pytest.UsageError(str(error)) from error
    return (yield)


def pytest_unconfigure() -> None:
    _running.close()


def _start() -> None:
    database = os.environ.get("TEST_DATABASE_URL")
    owner = os.environ.get("TEST_DATABASE_OWNER_URL", database)
    redis = os.environ.get("TEST_REDIS_URL")
    if database is None or owner is None or redis is None:
        parent = _start_embedded(postgres=database is None, valkey=redis is None)
        database = database or database_url(postgres_directory(parent))
        owner = owner or database_url(postgres_directory(parent), OWNER_ROLE)
        redis = redis or redis_url(valkey_directory(parent))
    os.environ.update(DATABASE_URL=database, DATABASE_OWNER_URL=owner, REDIS_URL=redis)
    os.environ[STARTED] = "yes"


def _start_embedded(*, postgres: bool, valkey: bool) -> Path:
    for parent in DIRECTORIES:
        with contextlib.ExitStack() as starting:
            try:
                if postgres:
                    starting.enter_context(Postgres(postgres_directory(parent), fast=True))
                    create_roles_and_database(postgres_directory(parent), owner_may_create_databases=True)
                if valkey:
                    starting.enter_context(Valkey(valkey_directory(parent)))
            except AlreadyRunning:
                continue
            _running.push(starting.pop_all())
            return parent
    raise ProcessError(f"{len(DIRECTORIES)} test sessions are already running in this checkout.")
