"""Settings of the workers that the delivery tests start: the tests' own, a short lease, and logs of everything."""

import os

from tests.settings import *  # noqa: F403

MESSAGE_LEASE_SECONDS = float(os.environ["MESSAGE_LEASE_SECONDS"])
LOGGING = {"level": "DEBUG"}
