"""Custom data points: how a tenant's own values are read, by name."""

from rules.facts import Facts
from rules.registry import custom_model
from rules.types import MISSING


@custom_model("action")
def sent_with_the_action(facts: Facts, name: str) -> object:
    return facts.custom.get(name, MISSING)


@custom_model("user")
def kept_with_the_user(facts: Facts, name: str) -> object:
    return facts.user.custom.get(name, MISSING)
