"""The order in which an action's rules are looked at: priority numbers, given anew when somebody moves a rule."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from rules.models import MAX_PRIORITY, ActionConfiguration, Rule


class Unordered(ValueError):
    """The rules cannot stand so; the text is for the reader."""


def reordered(rules: list[Rule], sent: Any) -> list[Rule]:
    """The rules in the order that was asked for: `move` is `<rule>:up` or `:down`, `place-<rule>` a number each.

    Raises Unordered.
    """
    if "move" in sent:
        return _moved(rules, sent["move"])
    try:
        places = {rule.pk: int(sent[f"place-{rule.pk}"]) for rule in rules}
    except (KeyError, ValueError):
        raise Unordered(_("Give every rule a number.")) from None
    # A rule that was given a place goes before the one that has it, or after it when it comes from above.
    now = {rule.pk: place for place, rule in enumerate(rules, start=1)}
    return sorted(rules, key=lambda rule: (places[rule.pk], _came_from(places[rule.pk], now[rule.pk])))


def _came_from(wanted: float, place: int) -> int:
    return -1 if wanted < place else 1 if wanted > place else 0


def _moved(rules: list[Rule], button: str) -> list[Rule]:
    ident, _colon, way = button.partition(":")
    place = next((place for place, rule in enumerate(rules) if str(rule.pk) == ident), None)
    if place is None or way not in ("up", "down"):
        raise Unordered(_("This rule is no longer there."))
    other = place + (-1 if way == "up" else 1)
    moved = list(rules)
    if 0 <= other < len(rules):
        moved[place], moved[other] = moved[other], moved[place]
    return moved


def last_priority(configuration: ActionConfiguration) -> int:
    """The number after the last rule's; the rules are numbered anew where that would be too high. Raises Unordered."""
    rules = list(configuration.rules.all())
    if len(rules) > MAX_PRIORITY:
        raise Unordered(_("An action has at most 100 rules. Delete one that is no longer needed."))
    if rules and rules[-1].priority == MAX_PRIORITY:
        renumber(rules)
        return len(rules)
    return rules[-1].priority + 1 if rules else 0


def renumber(rules: list[Rule]) -> None:
    for number, rule in enumerate(rules):
        rule.priority = number
    Rule.objects.bulk_update(rules, ["priority"])
