"""One tenant with one action of rules; prints its id and API key as JSON. The last argument is the number of rules.

`rules`: five conditions each. `velocity`: the same, of which every fourth asks the past too.
"""

import json
import sys
from typing import Any

import django

VELOCITIES = (
    ("velocity.count.user.this.1h",),
    ("velocity.count.user.any.24h",),
    ("velocity.count.device.any.24h",),
    ("velocity.count.address.any.1h",),
    ("velocity.devices.user.any.7d", "velocity.sum:amount.user.this.24h"),
)


def main(what: str, count: int) -> None:
    from authsignal_portal.models import Tenant
    from tests import make

    tenant: Tenant = make.make_tenant("Bench")
    for name, kind in (("amount", "number"), ("currency", "text"), ("isNewPayee", "boolean")):
        make.make_point(tenant, name, kind)
    configuration = make.make_action(tenant, "bench", "ALLOW")
    asking = iter(VELOCITIES if what == "velocity" else ())
    for number in range(count):
        asked = next(asking, ()) if number % 4 == 0 else ()
        make.make_rule(configuration, conditions(number, *asked), priority=number)
    print(json.dumps({"tenantId": str(tenant.pk), "apiSecretKey": make.make_key(tenant)}))


def conditions(number: int, *velocities: str) -> dict[str, Any]:
    past: list[Any] = [{">=": [{"var": velocity}, 50]} for velocity in velocities]
    return {
        "and": [
            {">": [{"var": "custom.amount"}, 5000 + number]},
            {"or": [{"==": [{"var": "ip.countryCode"}, "GB"]}, {"==": [{"var": "ip.isAnonymous"}, True]}]},
            {"in": [{"var": "custom.currency"}, ["EUR", "USD", "GBP"]]},
            {"==": [{"var": "custom.isNewPayee"}, True]},
            *(past or [{"startsWith": [{"var": "user.userId"}, "user-1"]}]),
        ]
    }


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]))
