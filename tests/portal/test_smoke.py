import pytest

from authsignal_portal import clock
from authsignal_portal.models import Tenant


@pytest.mark.django_db
def test_a_tenant_seals_and_opens_its_values():
    tenant = Tenant.create(name="Acme", app_origins=["https://App.example.com"])
    assert tenant.app_origins == ["https://app.example.com"]
    assert tenant.unseal(tenant.seal("x", "a"), "a") == b"x"
    assert clock.now()
