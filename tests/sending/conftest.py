"""Fixtures of the guard's tests."""

from collections.abc import Iterator

import pytest

from tests import make
from tests.races.desk import Desk
from tests.races.still_clock import still_clock


@pytest.fixture
def desk(acme, client, settings) -> Iterator[Desk]:
    settings.SECONDS_BETWEEN_SENDS = 30
    with still_clock() as clock:
        yield Desk(client, acme, clock, make.make_key(acme))
