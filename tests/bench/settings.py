"""Settings of the measured server: the project's own, and one more URL for the floor."""

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
API_REQUESTS_PER_10_SECONDS = 10_000_000
