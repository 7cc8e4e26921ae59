"""Action configurations, their rules, every past version of them, and the tenant's own data points and value lists."""

from rules.models.choices import method_choices, outcome_choices, prompt_choices
from rules.models.configurations import ACTION_CODE, ActionConfiguration, PolicyVersion, Publication
from rules.models.data_points import CustomDataPoint
from rules.models.rules import MAX_PRIORITY, Rule
from rules.models.value_lists import ValueList, ValueListItem

__all__ = [
    "ACTION_CODE",
    "MAX_PRIORITY",
    "ActionConfiguration",
    "CustomDataPoint",
    "PolicyVersion",
    "Publication",
    "Rule",
    "ValueList",
    "ValueListItem",
    "method_choices",
    "outcome_choices",
    "prompt_choices",
]
