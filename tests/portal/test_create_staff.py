"""The first member of a tenant: made by the operator, with a password that is shown once."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from authsignal_portal.models import Membership
from authsignal_portal.vocabulary import Role
from tests.portal.staff import make_staff


def create(tenant, email, **options):
    out = StringIO()
    call_command("create_staff", email, tenant=str(tenant.pk), stdout=out, **options)
    return json.loads(out.getvalue())


def roles(tenant):
    return list(Membership.objects.filter(tenant=tenant).values_list("user__username", "role"))


def test_a_new_account_gets_a_password_once(acme):
    told = create(acme, "New@example.com")
    assert told["email"] == "new@example.com"
    assert told["password"]
    assert roles(acme) == [("new@example.com", Role.ADMIN)]
    assert create(acme, "new@example.com", role=Role.SUPPORT.value) == {"email": "new@example.com"}
    assert roles(acme) == [("new@example.com", Role.SUPPORT)]


def test_an_account_that_somebody_else_made_is_not_let_in_unasked(acme, globex):
    """Whoever invited it may have set its password and enrolled its app."""
    theirs = make_staff(globex)
    with pytest.raises(CommandError, match="--existing"):
        create(acme, theirs.email)
    assert roles(acme) == []
    assert create(acme, theirs.email, existing=True) == {"email": theirs.email}
    assert roles(acme) == [(theirs.email, Role.ADMIN)]
