"""An action that is linked to its transaction, and what its users send."""

from typing import Any

from authsignal_portal.models import Tenant
from rules.models import ActionConfiguration
from tests import make

MESSAGE = "Pay {{action.amount}} {{action.currency}} to {{action.payee}}"
CUSTOM = {"amount": 1000, "currency": "EUR", "payee": "Bob Miller"}
POINTS = {"amount_data_point": "amount", "currency_data_point": "currency", "payee_data_point": "payee"}


def link(tenant: Tenant, code: str = "pay", **fields: Any) -> ActionConfiguration:
    settings = {"message": MESSAGE, "dynamic_linking": True, **POINTS, **fields}
    return make.make_action(tenant, code, "CHALLENGE", **settings)
