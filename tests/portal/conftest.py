"""Fixtures of the portal's tests."""

import pytest

from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Role
from tests.portal.staff import Staff, signed_in


@pytest.fixture
def admin(acme: Tenant) -> Staff:
    """An administrator of Acme, signed in with both factors."""
    return signed_in(acme, Role.ADMIN)
