"""The form of a rule, without its conditions, and what is needed around them."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from authsignal_portal import words
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import dress_code
from authsignal_portal.widgets import MethodsField, classes, dress
from rules import condition_tree
from rules.models import CustomDataPoint, Rule
from rules.registry import CustomPoint


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    verification_methods = MethodsField(
        label=_("Permitted methods"),
        choices=words.method_choices,
        help_text=_("If this rule decides on a challenge. None chosen: as the action says."),
    )

    class Meta:
        model = Rule
        fields = [
            "name",
            "description",
            "outcome",
            "is_active",
            "when_unknown",
            "verification_methods",
            "default_verification_method",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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


def code_field() -> forms.CharField:
    field = forms.CharField(
        label=_("Code from your authenticator app"),
        max_length=32,
        required=False,
        help_text=_("Only needed to switch the rule off: you gave your last code more than five minutes ago."),
    )
    field.widget.attrs["class"] = classes(field.widget)
    dress_code(field)
    return field


def fingerprint(rule: Rule) -> str:
    """Of everything the page can change; not of its place among the rules."""
    snapshot = rule.snapshot() | {"priority": None}
    return hashlib.sha256(json.dumps(snapshot, sort_keys=True).encode()).hexdigest()


def custom_points_of(tenant: Tenant) -> list[CustomPoint]:
    rows = CustomDataPoint.objects.filter(tenant=tenant)
    return [CustomPoint.from_json(row.snapshot() | {"description": row.description}) for row in rows]


def problems_of(rule: Rule, points: Iterable[CustomPoint]) -> list[str]:
    _tree, problems = condition_tree.read(rule.conditions, custom_points=points)
    return [problem.message for problem in problems]
