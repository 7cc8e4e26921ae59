"""A live tenant for each module of SDK tests, configured as the demo's, and the results of the scripts in node/."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command

from actions.management.commands import seed_demo
from tests import make
from tests.conftest import Live, Server
from tests.sdk import scripts


@pytest.fixture(scope="module")
def live(server: Server, django_db_blocker: Any) -> Iterator[Live]:
    """For a whole module, unlike the project's, because a script's process runs all its scenarios once."""
    with django_db_blocker.unblock():
        tenant = make.make_tenant("SDK tests", app_origins=[scripts.APP_ORIGIN])
        seed_demo.actions(tenant)
        key = make.make_key(tenant)
        yield Live(server, tenant, key, scripts.APP_ORIGIN)
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


@pytest.fixture(scope="module")
def results_of(live: Live) -> Callable[[str], dict[str, dict[str, Any]]]:
    """All results of a script by scenario name; the script runs when it is first asked for."""
    scripts.install()
    return functools.cache(lambda script: scripts.run(script, live))
