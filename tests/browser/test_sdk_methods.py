"""The list of the SDK's methods is whole, and names tests that there are."""

from tests.browser.sdk_methods import METHODS, offered
from tests.named import source_of


def test_every_method_of_the_installed_sdk_is_listed():
    assert {name.partition(" by ")[0] for name in METHODS} == offered()


def test_every_test_that_is_named_is_there():
    for shown in METHODS.values():
        assert source_of(shown.succeeds)
        assert source_of(shown.fails)
