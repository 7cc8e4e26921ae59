"""The server through @authsignal/node: every scenario of node/conformance.mjs is a test."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sdk.scripts import scenarios

# The test database is made only where a test asks for it, and the live server lives on it.
pytestmark = pytest.mark.django_db

SCRIPT = "conformance.mjs"


@pytest.mark.parametrize("name", scenarios(SCRIPT))
def test_node_sdk(name: str, results_of: Callable[[str], dict[str, dict[str, Any]]]) -> None:
    result = results_of(SCRIPT)[name]
    assert result["ok"], result["detail"]


def test_no_scenario_of_the_node_sdk_is_left_out(
    results_of: Callable[[str], dict[str, dict[str, Any]]],
) -> None:
    assert list(results_of(SCRIPT)) == scenarios(SCRIPT)
