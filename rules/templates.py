"""Rules to start from: what each is for, and which of the tenant's own data points it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.engine import MATCH, SKIP
from rules.registry import CustomPoint
from rules.types import BOOLEAN, NUMBER


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A rule that is complete but for the numbers that only its author knows. `points` are made where they are not
    there yet.

    `when_unknown` is "match" where whoever leaves a value out must not get through: a device id lost on purpose is
    the oldest way round a rule about new devices.
    """

    slug: str
    name: str
    description: str
    outcome: str
    conditions: Mapping[str, Any]
    when_unknown: str = SKIP
    points: tuple[CustomPoint, ...] = ()
    verification_methods: tuple[str, ...] = ()


def _is(key: str) -> dict[str, Any]:
    return {"==": [{"var": key}, True]}


def _at_least(key: str, number: int) -> dict[str, Any]:
    return {">=": [{"var": key}, number]}


TEMPLATES: Final = (
    Template(
        slug="account-takeover",
        name="Account take-over",
        description="For signing in: a new device, and something else that speaks against the user.",
        outcome="CHALLENGE",
        when_unknown=MATCH,
        conditions={
            "and": [
                _is("device.isNew"),
                {
                    "or": [
                        _is("ip.isAnonymous"),
                        _is("ip.atypicalTravel"),
                        _at_least("velocity.failedChallenges.user.any.1h", 3),
                    ]
                },
            ]
        },
    ),
    Template(
        slug="new-device",
        name="New device",
        description="For signing in and for whatever moves money: the user has not verified on this device before.",
        outcome="CHALLENGE",
        when_unknown=MATCH,
        conditions={"and": [_is("device.isNew")]},
    ),
    Template(
        slug="impossible-travel",
        name="Impossible travel",
        description=(
            "For any action: nobody could have come here since the user last verified. Choose Block where nobody who "
            "travels, or uses a VPN, has to get through."
        ),
        outcome="CHALLENGE",
        conditions={"and": [_is("ip.impossibleTravel")]},
    ),
    Template(
        slug="contact-change",
        name="Change of contact details",
        description="For the actions with which users change their email address, phone number or postal address.",
        outcome="CHALLENGE",
        when_unknown=MATCH,
        conditions={"or": [_is("ip.isUnrecognized"), _is("device.isNew")]},
    ),
    Template(
        slug="withdrawal",
        name="Unusual withdrawal",
        description="For paying out: a large amount, a destination never used before, or many withdrawals in a day. "
        "Only a passkey will do.",
        outcome="CHALLENGE",
        when_unknown=MATCH,
        conditions={
            "or": [
                {">": [{"var": "custom.withdrawalAmount"}, 2000]},
                _is("custom.isNewDestination"),
                _at_least("velocity.count.user.this.24h", 5),
            ]
        },
        points=(
            CustomPoint("withdrawalAmount", NUMBER, "action", "The amount to pay out."),
            CustomPoint("isNewDestination", BOOLEAN, "action", "Whether the user has never paid out there before."),
        ),
        verification_methods=("PASSKEY",),
    ),
    Template(
        slug="sms-cost",
        name="SMS cost",
        description=(
            "For the actions that send a text message: numbers that cost more, countries in which you have no "
            "customers (change the list), and many messages to one number or from one address."
        ),
        outcome="BLOCK",
        conditions={
            "or": [
                {"in": [{"var": "user.phoneLineType"}, ["PREMIUM_RATE", "SHARED_COST", "PERSONAL_NUMBER", "PAGER"]]},
                {"in": [{"var": "user.phoneCountry"}, ["AZ", "BD", "ID", "LK", "PK", "TJ", "UZ"]]},
                _at_least("velocity.count.phoneNumber.this.1h", 5),
                _at_least("velocity.count.address.this.1h", 5),
            ]
        },
    ),
)
BY_SLUG: Final = {template.slug: template for template in TEMPLATES}
