"""The form of a rule, without its conditions, and what is needed around them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from authsignal_portal import words
from authsignal_portal.models import Tenant
from authsignal_portal.widgets import MethodsField, dress
from rules import condition_tree
from rules.models import CustomDataPoint, Rule, prompt_choices
from rules.registry import CustomPoint


def prompt_field(help_text: Any) -> MethodsField:
    return MethodsField(label=_("Ask to set up"), choices=prompt_choices, help_text=help_text)


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    verification_methods = MethodsField(
        label=_("Permitted methods"),
        choices=words.method_choices,
        help_text=_("If this rule decides on a challenge. None chosen: as the action says."),
    )
    prompt_to_enroll_verification_methods = prompt_field(
        _("What a user is asked to set up after this rule's challenge. None chosen: as the action says.")
    )

    class Meta:
        model = Rule
        fields = [
            "name",
            "description",
            "outcome",
            "is_active",
            "is_shadow",
            "when_unknown",
            "verification_methods",
            "default_verification_method",
            "prompt_to_enroll_verification_methods",
        ]
        help_texts = {
            "is_shadow": _(
                "Try it first: the rule is looked at and recorded with every action, and decides nothing. The page of "
                "an action says whether it would have fired."
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Who may only read has no fields here.
        if first := self.fields.get("default_verification_method"):
            first.choices = words.first_method_choices()  # type: ignore[attr-defined]
        dress(self)
        self.fields["name"].widget.attrs["maxlength"] = 100
        self.fields["description"].widget = forms.Textarea(attrs={"rows": 2, "maxlength": 500})
        dress(self)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        methods, first = cleaned.get("verification_methods"), cleaned.get("default_verification_method")
        if methods and first and first not in methods:
            self.add_error("default_verification_method", _("Choose one of the permitted methods."))
        return cleaned


def fingerprint(rule: Rule) -> str:
    """Of everything the page can change; not of its place among the rules."""
    return fingerprint_of(rule.snapshot())


def fingerprint_of(snapshot: Mapping[str, Any]) -> str:
    placeless = {**snapshot, "priority": None}
    return hashlib.sha256(json.dumps(placeless, sort_keys=True).encode()).hexdigest()


def custom_points_of(tenant: Tenant) -> list[CustomPoint]:
    rows = CustomDataPoint.objects.filter(tenant=tenant)
    return [CustomPoint.from_json(row.snapshot() | {"description": row.description}) for row in rows]


def problems_of(rule: Rule, points: Iterable[CustomPoint]) -> list[str]:
    _tree, problems = condition_tree.read(rule.conditions, custom_points=points)
    return [problem.message for problem in problems]
