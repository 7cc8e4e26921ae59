"""Everything that may happen once, many times at once, over HTTP against a real server."""

import pytest

pytest.register_assert_rewrite("tests.races.scenes", "tests.races.volley")
