"""What staff do locks the row of their tenant; who acts meanwhile does not wait, though every action refers to it."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from actions import backtest
from authsignal_portal import members
from authsignal_portal.models import Membership, Tenant
from authsignal_portal.vocabulary import Role
from rules import value_lists
from tests import make
from tests.actions.past import make_pay, track
from tests.portal.staff import make_staff

pytestmark = pytest.mark.django_db(transaction=True)


def begins_a_backtest(tenant: Tenant) -> None:
    backtest.begin(tenant.action_configurations.get(), days=7, author_id=None)


def removes_an_administrator(tenant: Tenant) -> None:
    assert members.is_last_admin(Membership.objects.get(tenant=tenant))


def changes_a_list(tenant: Tenant) -> None:
    value_lists.create(tenant, "Watched")


@pytest.mark.parametrize("hold", [begins_a_backtest, removes_an_administrator, changes_a_list])
def test_nobody_waits_who_acts_while_staff(hold: Callable[[Tenant], None]) -> None:
    acme = make.make_tenant()
    make_pay(acme)
    make_staff(acme, Role.ADMIN)

    def act() -> Any:
        with contextlib.closing(connection):
            return track(acme).outcome

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        hold(acme)
        assert pool.submit(act).result(5) == "ALLOW"
