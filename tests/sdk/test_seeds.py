"""The code samples of the articles that describe this product: every scenario of node/seeds.mjs is a test.

The first article has no code. What the other two say is kept, except for the names that the vendor has since
changed; each change is marked where it stands, in node/seeds/.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sdk.scripts import scenarios

# The test database is made only where a test asks for it, and the live server lives on it.
pytestmark = pytest.mark.django_db

SCRIPT = "seeds.mjs"


@pytest.mark.parametrize("name", scenarios(SCRIPT))
def test_sample(name: str, results_of: Callable[[str], dict[str, dict[str, Any]]]) -> None:
    result = results_of(SCRIPT)[name]
    assert result["ok"], result["detail"]


def test_no_scenario_of_the_samples_is_left_out(
    results_of: Callable[[str], dict[str, dict[str, Any]]],
) -> None:
    assert list(results_of(SCRIPT)) == scenarios(SCRIPT)
