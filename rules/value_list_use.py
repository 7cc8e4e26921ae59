"""Which rules ask for which value list: those in force, and those that were saved since."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F

from authsignal_portal.models import Tenant
from rules.lists import LISTS
from rules.models import PolicyVersion, Rule
from rules.value_lists import OFAC_ALIAS

# The data point that stands for a list.
OFAC_POINT: Final = "ip.countryCodeInOfacList"


@dataclass(frozen=True, slots=True)
class Use:
    """A rule that names a list; `in_draft` only, `in_force` only, or both. One in force may be deleted in the draft."""

    rule_id: str
    name: str
    action_code: str
    in_draft: bool
    in_force: bool


def uses(tenant: Tenant) -> dict[str, list[Use]]:
    """By the list's alias, rules that are switched off included. Two queries."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for place, rule_id, name, action_code, conditions in (*_drafted(tenant), *_published(tenant)):
        for alias in named(conditions):
            use = found.setdefault((alias, rule_id), {"name": name, "action_code": action_code})
            use[place] = True
    by_alias: dict[str, list[Use]] = {}
    for (alias, rule_id), use in found.items():
        row = Use(rule_id, use["name"], use["action_code"], "draft" in use, "force" in use)
        by_alias.setdefault(alias, []).append(row)
    return by_alias


def named(conditions: object) -> set[str]:
    """The aliases of all lists that conditions name, whether or not they can be read otherwise."""
    aliases, waiting = set(), [conditions]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            if node.startswith(LISTS):
                aliases.add(node.removeprefix(LISTS))
            elif node == OFAC_POINT:
                aliases.add(OFAC_ALIAS)
        elif isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            waiting.extend(node.values())
    return aliases


_Rows = Iterator[tuple[str, str, str, str, Any]]


def _drafted(tenant: Tenant) -> _Rows:
    rules = Rule.objects.filter(configuration__tenant=tenant).select_related("configuration")
    for rule in rules.order_by("configuration__action_code", "priority"):
        yield "draft", str(rule.pk), rule.name, rule.configuration.action_code, rule.conditions


def _published(tenant: Tenant) -> _Rows:
    kept = PolicyVersion.objects.filter(configuration__tenant=tenant, version=F("configuration__version"))
    for version in kept.select_related("configuration").order_by("configuration__action_code"):
        for rule in version.rules:
            yield "force", rule["ruleId"], rule["name"], version.configuration.action_code, rule["conditions"]
