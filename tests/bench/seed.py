"""One tenant with one action of N rules of five conditions; prints its API key as JSON."""

import json
import sys

import django


def main(count: int) -> None:
    from authsignal_portal.models import Tenant
    from tests import make

    tenant: Tenant = make.make_tenant("Bench")
    for name, kind in (("amount", "number"), ("currency", "text"), ("isNewPayee", "boolean")):
        make.make_point(tenant, name, kind)
    configuration = make.make_action(tenant, "bench", "ALLOW")
    for number in range(count):
        conditions = {
            "and": [
                {">": [{"var": "custom.amount"}, 5000 + number]},
                {"or": [{"==": [{"var": "ip.countryCode"}, "GB"]}, {"==": [{"var": "ip.isAnonymous"}, True]}]},
                {"in": [{"var": "custom.currency"}, ["EUR", "USD", "GBP"]]},
                {"==": [{"var": "custom.isNewPayee"}, True]},
                {"startsWith": [{"var": "user.userId"}, "user-1"]},
            ]
        }
        make.make_rule(configuration, conditions, priority=number)
    print(json.dumps({"apiSecretKey": make.make_key(tenant)}))


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
